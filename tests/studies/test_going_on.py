"""A study that is stopped, finished, or asked for more in the same directory."""

import dataclasses
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerasmetricloss import reports, studies
from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.studies import unfinished


def test_a_study_stopped_again_and_again_goes_on_to_the_same_tables(
    uninterrupted, pictures, tmp_path, request_for, watching, assert_same_tables
):
    watches = [watching(1), watching(3, mid_epoch=True), watching(7), watching()]
    for watch in watches[:-1]:
        with pytest.raises(KeyboardInterrupt):
            studies.run(request_for(pictures, tmp_path / "out"), observer=watch)
        assert not (tmp_path / "out" / "scores.parquet").exists()
    studies.run(request_for(pictures, tmp_path / "out"), observer=watches[-1])
    # 3 folds x (CE, then 2 losses) are 9 cells; each stop is followed by the cell that it broke off
    assert sum(len(watch.started) for watch in watches) == 9 + 3
    for before, after in itertools.pairwise(watches):
        assert before.started[-1] == after.started[0]
    assert_same_tables(tmp_path / "out", uninterrupted)


class InEpoch(studies.Observer):
    """Notes the epochs of a cell; Ctrl-C at the end of one of them, where told to."""

    def __init__(self, number, stop_after=None):
        self.number, self.stop_after = number, stop_after
        self.started, self.epochs = [], []

    def cell_started(self, cell, epochs):
        self.started.append(cell.title)

    def epoch(self, cell, epoch, value):
        if len(self.started) == self.number:
            self.epochs.append(epoch)
            if epoch == self.stop_after:
                raise KeyboardInterrupt


def test_a_training_stopped_half_way_goes_on_after_the_last_epoch_kept(
    pictures, tmp_path, request_for, assert_same_tables, monkeypatch
):
    monkeypatch.setattr(unfinished, "EVERY_S", 0.0)
    setup = request_for(pictures, tmp_path).setup.with_training(epochs=2, post_epochs=5)
    whole, out = (request_for(pictures, tmp_path / name, setup=setup, folds=2) for name in ("whole", "out"))
    studies.run(whole)
    assert not list((tmp_path / "whole" / "cells").glob(".*"))
    with pytest.raises(KeyboardInterrupt):
        studies.run(out, observer=InEpoch(2, stop_after=4))
    title = "po18, unet-small, fold 1, post-training, CE, seed 0"
    assert studies.status(tmp_path / "out").begun == ({"title": title, "epoch": 3},)
    watch = InEpoch(1)
    studies.run(out, observer=watch)
    assert (watch.started[0], watch.epochs) == (title, [3, 4, 5])
    assert studies.status(tmp_path / "out").begun == ()
    assert not list((tmp_path / "out" / "cells").glob(".*"))
    assert_same_tables(tmp_path / "out", tmp_path / "whole")


def test_a_finished_study_trains_nothing_again(uninterrupted, pictures, request_for, watching):
    observer = watching()
    before = (uninterrupted / "scores.parquet").read_bytes()
    studies.run(request_for(pictures, uninterrupted), observer=observer)
    assert observer.started == []
    assert (uninterrupted / "scores.parquet").read_bytes() == before


def test_a_loss_added_later_reuses_the_pre_training_and_joins_the_table(
    uninterrupted, pictures, tmp_path, request_for, watching
):
    shutil.copytree(uninterrupted, tmp_path / "out")
    watch = watching()
    studies.run(request_for(pictures, tmp_path / "out", losses=("sJaccard",)), observer=watch)
    assert len(watch.started) == 3
    assert all("post-training, sJaccard" in title for title in watch.started)
    assert ScoreTable.read(tmp_path / "out" / "scores.parquet").losses == ["CE", "sDice", "sJaccard"]
    assert json.loads((tmp_path / "out" / "study.json").read_text())["recipes"]["table2"]["losses"] == [
        "CE",
        "sDice",
        "sJaccard",
    ]


def test_other_settings_in_the_same_directory_are_refused(uninterrupted, pictures, request_for):
    with pytest.raises(
        studies.StudyError, match=r"holds a study of po18 with other settings: seed was 0 and is now 1\."
    ):
        studies.run(request_for(pictures, uninterrupted, seed=1))
    with pytest.raises(studies.StudyError, match=r'selection was "reported fold" and is now "inner validation 0\.3"'):
        studies.run(request_for(pictures, uninterrupted, inner_validation=0.3))


def test_an_interrupted_run_leaves_the_description_of_the_tables_that_stand(
    uninterrupted, pictures, tmp_path, request_for, watching
):
    shutil.copytree(uninterrupted, tmp_path / "out")
    before = (tmp_path / "out" / "study.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, tmp_path / "out", losses=("sJaccard",)), observer=watching(1))
    assert (tmp_path / "out" / "study.json").read_bytes() == before


def test_a_changed_file_under_a_study_is_refused(pictures, tmp_path, request_for, watching):
    shutil.copytree(pictures, tmp_path / "data")
    changed = request_for(tmp_path / "data", tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        studies.run(changed, observer=watching(1))
    picture = tmp_path / "data" / "Original" / "3.png"
    Image.fromarray(np.zeros((22, 30, 3), "uint8")).save(picture)
    with pytest.raises(studies.StudyError, match=r"the data changed since this study began: case 3"):
        studies.run(changed)


KILLED_IN = {
    "pre-training": lambda cells: list(cells.glob(".running-*-fold1-pre-*")),
    "post-training": lambda cells: list(cells.glob(".running-*-fold2-post-sDice-*")),
    "the tables": lambda cells: len(list(cells.glob("po18-*"))) == 9,
}


def test_a_study_killed_with_sigkill_in_each_phase_goes_on_to_the_same_table(
    uninterrupted, pictures, tmp_path, request_for, assert_same_tables
):
    code = (
        "import sys, pathlib, importlib.util\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        f"spec = importlib.util.spec_from_file_location('fixtures', {str(Path(__file__).parent / 'conftest.py')!r})\n"
        "fixtures = importlib.util.module_from_spec(spec); spec.loader.exec_module(fixtures)\n"
        "from kerasmetricloss import studies\n"
        "studies.run(fixtures.tiny_request(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))\n"
    )
    out = tmp_path / "out"
    for phase, reached in KILLED_IN.items():
        process = subprocess.Popen([sys.executable, "-c", code, str(pictures), str(out)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < deadline:
            if reached(out / "cells"):
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.005)
        process.wait()
        if phase != "the tables":  # they are written so fast that the signal may come after them
            assert process.returncode == -signal.SIGKILL, phase
            assert not (out / "scores.parquet").exists(), phase
    studies.run(request_for(pictures, out))
    assert_same_tables(out, uninterrupted)
    assert not list((out / "cells").glob(".partial-*"))


def test_recipes_share_a_directory_and_names_of_one_loss_its_training(
    uninterrupted, pictures, tmp_path, request_for, watching
):
    shutil.copytree(uninterrupted, tmp_path / "out")
    watch = watching()
    losses = ("sTversky-0.5/0.5", "sTversky-0.3/0.7")
    studies.run(request_for(pictures, tmp_path / "out", recipe=studies.recipe("table3"), losses=losses), observer=watch)
    assert len(watch.started) == 3
    assert all("post-training, sTversky-0.3/0.7" in title for title in watch.started)
    table = ScoreTable.read(tmp_path / "out" / "scores.parquet")
    assert table.losses == ["CE", "sDice", "sTversky-0.3/0.7", "sTversky-0.5/0.5"]
    dice = table.values(dataset="po18", metric="dice")
    assert dice["sTversky-0.5/0.5"].equals(dice["sDice"].rename("sTversky-0.5/0.5"))
    recipes = json.loads((tmp_path / "out" / "study.json").read_text())["recipes"]
    assert {name: entry["losses"] for name, entry in recipes.items()} == {
        "table2": ["CE", "sDice"],
        "table3": list(losses),
    }


def test_one_fold_is_a_part_of_the_study_that_goes_on_from_it(uninterrupted, pictures, tmp_path, request_for, watching):
    request = request_for(pictures, tmp_path)
    studies.run(dataclasses.replace(request, only_folds=(2,)))
    part, whole = (ScoreTable.read(out / "scores.parquet").frame for out in (tmp_path, uninterrupted))
    pd.testing.assert_frame_equal(part, whole[whole["fold"] == 1].reset_index(drop=True))
    described = json.loads((tmp_path / "study.json").read_text())["datasets"]["po18"]
    assert described["folds"].items() >= {"requested": 3, "used": 1, "by": "group", "only": [2]}.items()
    report = reports.build_report(tmp_path).read_text()
    assert "Fold 2 of 3 only" in report
    assert studies.status(tmp_path).folds == {"po18": (2,)}
    assert studies.status(uninterrupted).folds == {}
    # A loss of one fold beside a loss of three would not be one table.
    with pytest.raises(studies.StudyError, match="other folds of po18 for sDice"):
        studies.run(dataclasses.replace(request, losses=("CE",)))
    watch = watching()
    studies.run(request, observer=watch)
    assert len(watch.started) == 6
    pd.testing.assert_frame_equal(ScoreTable.read(tmp_path / "scores.parquet").frame, whole)
