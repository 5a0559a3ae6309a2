"""What a run tells in a log, where there is no terminal."""

from dataclasses import replace

import pytest

from kerasmetricloss.cli.watch import _Console, watching
from kerasmetricloss.studies.cells import Cell

CELL = Cell("po18", "unet-small", "sDice", 0, 0, "post", {})


def test_a_training_that_was_given_up_is_not_told_as_one_that_ended(capsys):
    with watching() as observer:
        observer.planned(2, 0)
        observer.cell_failed(CELL, "the loss is NaN", 1)
        observer.cell_failed(CELL, "the loss is NaN", 2)
        observer.cell_finished(CELL, 0.0, 0.0)
        observer.cell_finished(replace(CELL, fold=1), 3.0, 0.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:3] == ["the loss is NaN (tried once more)", "the loss is NaN (given up)"]
    assert lines[3:] == ["[2/2] po18, fold 2, post-training, sDice: 3 s; about 0:00 left"]


def test_an_output_that_nobody_reads_is_left_to_the_command():
    with pytest.raises(BrokenPipeError):
        _Console(stderr=True).on_broken_pipe()
