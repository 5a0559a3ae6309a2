"""What a study meets while it runs: somebody who asks how far it is, a full disk, a clock that is set back."""

import errno
import json
import os
import time

import pytest

from kerasmetricloss import studies
from kerasmetricloss.files import TEMPORARY
from kerasmetricloss.studies.cells import CellStore
from kerasmetricloss.studies.work import Worker


@pytest.fixture(scope="module")
def request_at(pictures, request_for):
    """The function that describes a study of four trainings in a directory."""
    return lambda out: request_for(pictures, out, losses=("CE",), folds=2)


@pytest.fixture(scope="module")
def undisturbed(request_at, tmp_path_factory):
    return studies.run(request_at(tmp_path_factory.mktemp("undisturbed") / "out"))


class Asking(studies.Observer):
    """Asks for the status in each epoch."""

    def __init__(self, out):
        self.out, self.told, self.started = out, [], []

    def cell_started(self, cell, epochs):
        self.started.append(cell.title)

    def epoch(self, cell, epoch, value):
        self.told.append(studies.status(self.out))


def test_the_status_of_a_study_that_runs_names_the_training_in_work(
    request_at, undisturbed, tmp_path, assert_same_tables
):
    asking = Asking(tmp_path)
    studies.run(request_at(tmp_path), observer=asking)
    assert all(status.alive for status in asking.told)
    # four trainings of two epochs each
    assert [(status.done, status.running[0]["epoch"]) for status in asking.told] == [
        (done, epoch) for done in range(4) for epoch in (1, 2)
    ]
    first, last = asking.told[0], asking.told[-1]
    title = "po18, unet-small, fold 1, pre-training, CE, seed 0"
    assert first.running == ({"title": title, "epoch": 1, "epochs": 2},)
    assert (first.planned, first.recipes, first.seconds_left) == (4, (), None)
    assert last.running[0]["title"] == "po18, unet-small, fold 2, post-training, CE, seed 0"
    assert last.seconds_left > 0
    after = studies.status(tmp_path)
    assert (after.running, after.alive, after.planned, after.recipes) == ((), False, 0, ("table2",))
    assert_same_tables(tmp_path, undisturbed)


def test_a_full_disk_stops_the_study_and_the_same_command_goes_on(
    request_at, undisturbed, tmp_path, monkeypatch, assert_same_tables
):
    write, calls = CellStore.write, []

    def until_full(self, cell, fill):
        calls.append(cell.title)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, cell, fill)

    with monkeypatch.context() as patch:
        patch.setattr(CellStore, "write", until_full)
        with pytest.raises(studies.StudyStopped, match=r"fold 2, pre-training.*No space left on device.*Make room"):
            studies.run(request_at(tmp_path))
    assert len(calls) == 3  # neither tried again nor gone on with
    assert len(list((tmp_path / "cells").glob("po18-*"))) == 2
    assert not list((tmp_path / "cells").glob(".partial-*"))
    assert not (tmp_path / "scores.parquet").exists()
    assert studies.status(tmp_path).done == 2
    asking = Asking(tmp_path)
    studies.run(request_at(tmp_path), observer=asking)
    assert asking.started == [calls[2], "po18, unet-small, fold 2, post-training, CE, seed 0"]
    assert_same_tables(tmp_path, undisturbed)


def test_a_training_whose_pre_training_failed_is_told_and_the_other_fold_goes_on(request_at, tmp_path, monkeypatch):
    told, finished, train = [], [], Worker._train

    def lost(self, cell, *args):
        if (cell.fold, cell.phase) == (0, "pre"):
            raise RuntimeError("the device is lost")
        return train(self, cell, *args)

    class Listening(studies.Observer):
        def cell_failed(self, cell, problem, attempt):
            told.append((cell.phase, problem.rpartition(": ")[2]))

        def cell_finished(self, cell, seconds, left):
            finished.append((cell.fold, cell.phase))

    monkeypatch.setattr(Worker, "_train", lost)
    with pytest.raises(studies.StudyError, match="2 of 4 trainings failed"):
        studies.run(request_at(tmp_path), observer=Listening())
    assert told == [("pre", "the device is lost")] * 2 + [("post", "its pre-training failed.")]
    assert sorted(finished) == [(0, "post"), (0, "pre"), (1, "post"), (1, "pre")]


def test_files_that_a_report_is_writing_beside_a_run_are_kept(request_at, tmp_path):
    fresh, old = (tmp_path / f".{digit * 16}{TEMPORARY}" for digit in "ab")
    for path in (fresh, old):
        path.write_text("half")
    os.utime(old, (0, 0))
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_at(tmp_path), observer=Stop(1))
    assert fresh.exists()
    assert not old.exists()


def test_a_clock_that_is_set_back_changes_nothing(request_at, undisturbed, tmp_path, monkeypatch, assert_same_tables):
    now = [time.time()]

    def back():
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", back)
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_at(tmp_path), observer=Stop(3))
    studies.run(request_at(tmp_path))
    assert_same_tables(tmp_path, undisturbed)
    assert json.loads((tmp_path / "study.json").read_text())["datasets"]["po18"]["minutes"] > 0
    seconds = [json.loads(path.read_text())["seconds"] for path in (tmp_path / "cells").glob("*/result.json")]
    assert all(0 < one < 600 for one in seconds)


class Stop(studies.Observer):
    """Ctrl-C as a training begins, counted from 1."""

    def __init__(self, at):
        self.at = at

    def cell_started(self, cell, epochs):
        self.at -= 1
        if not self.at:
            raise KeyboardInterrupt
