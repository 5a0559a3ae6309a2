"""What goes wrong in a study: damaged files, broken pictures, trainings that fail."""

import dataclasses
import os
import shutil
import sys

import pytest
from PIL import Image

from kerasmetricloss import studies
from kerasmetricloss.datasets import DataError
from kerasmetricloss.scores import ScoreTable


@pytest.mark.parametrize("name", ["model.keras", "scores.parquet", "history.json", "predictions.npz", "result.json"])
def test_a_damaged_cell_is_named_with_the_mend(uninterrupted, pictures, tmp_path, request_for, name):
    shutil.copytree(uninterrupted, tmp_path / "out")
    for cell in (tmp_path / "out" / "cells").glob("*fold1*"):
        (cell / name).write_bytes((cell / name).read_bytes()[:20])
    losses = ("CE", "sDice")
    with pytest.raises(studies.StudyError, match=r"is damaged .*Delete that directory"):
        studies.run(request_for(pictures, tmp_path / "out", losses=losses))
    for cell in (tmp_path / "out" / "cells").glob("*fold1*"):
        (cell / name).unlink()
    with pytest.raises(studies.StudyError, match=f"{name} is missing"):
        studies.run(request_for(pictures, tmp_path / "out", losses=losses))


def test_a_damaged_description_is_named(uninterrupted, pictures, tmp_path, request_for):
    shutil.copytree(uninterrupted, tmp_path / "out")
    (tmp_path / "out" / "study.json").write_text("{")
    with pytest.raises(studies.StudyError, match=r"study\.json cannot be read"):
        studies.run(request_for(pictures, tmp_path / "out"))


def test_a_data_set_without_foreground_is_refused(pictures, tmp_path, request_for):
    shutil.copytree(pictures, tmp_path / "data")
    for path in (tmp_path / "data" / "Ground Truth").iterdir():
        Image.new("L", (30, 22)).save(path)
    with pytest.raises(DataError, match="no case has a voxel of label"):
        studies.run(request_for(tmp_path / "data", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_broken_file_is_named_before_anything_is_written(pictures, tmp_path, request_for):
    shutil.copytree(pictures, tmp_path / "data")
    picture = tmp_path / "data" / "Original" / "5.png"
    picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(DataError, match=r"case 5.*5\.png"):
        studies.run(request_for(tmp_path / "data", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_written(pictures, tmp_path, request_for):
    shutil.copytree(pictures, tmp_path / "data")
    for folder in ("Original", "Ground Truth"):
        path = tmp_path / "data" / folder / "5.png"
        path.rename(path.with_name(os.fsdecode(b"caf\xe9.png")))
    with pytest.raises(DataError, match=r"case caf.udce9: its name is not UTF-8; rename"):
        studies.run(request_for(tmp_path / "data", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_failure_names_its_cell(pictures, tmp_path, request_for):
    with pytest.raises(studies.StudyError, match="po18, unet-small, fold 1, pre-training, CE, seed 0"):
        studies.run(
            request_for(
                pictures, tmp_path, folds=2, setup=request_for(pictures, tmp_path).setup.with_training(rate=1e30)
            )
        )


def test_a_cell_that_fails_is_tried_twice_and_the_others_go_on(
    pictures, tmp_path, request_for, monkeypatch, watching, recipes_in
):
    from kerasmetricloss.studies.work import Worker

    tries = []
    run = Worker._train

    def sometimes(self, cell, *args):
        tries.append((cell.fold, cell.phase, cell.loss))
        if cell.fold == 0 and cell.loss == "sDice":
            raise RuntimeError("the device is lost")
        return run(self, cell, *args)

    monkeypatch.setattr(Worker, "_train", sometimes)
    with pytest.raises(studies.StudyError, match=r"1 of 6 trainings failed(.|\n)*fold 1, post-training, sDice.*lost"):
        studies.run(request_for(pictures, tmp_path, folds=2))
    assert tries.count((0, "post", "sDice")) == 2
    assert tries.count((1, "post", "sDice")) == 1
    # The loss that finished in every fold has its table; the other waits.
    assert ScoreTable.read(tmp_path / "scores.parquet").losses == ["CE"]
    assert recipes_in(tmp_path)["table2"]["losses"] == ["CE"]
    assert [failure["title"] for failure in studies.status(tmp_path).failed] == [
        "po18, unet-small, fold 1, post-training, sDice, seed 0"
    ]
    monkeypatch.undo()
    watch = watching()
    studies.run(request_for(pictures, tmp_path, folds=2), observer=watch)
    assert len(watch.started) == 1
    assert ScoreTable.read(tmp_path / "scores.parquet").losses == ["CE", "sDice"]
    assert recipes_in(tmp_path)["table2"]["losses"] == ["CE", "sDice"]


def test_the_failures_of_a_loss_that_is_given_up_are_forgotten(pictures, tmp_path, request_for, monkeypatch):
    from kerasmetricloss.studies.work import Worker

    run = Worker._train

    def without_soft_dice(self, cell, *args):
        if cell.loss == "sDice":
            raise RuntimeError("the device is lost")
        return run(self, cell, *args)

    monkeypatch.setattr(Worker, "_train", without_soft_dice)
    with pytest.raises(studies.StudyError, match=r"The tables hold the losses that finished in every fold"):
        studies.run(request_for(pictures, tmp_path, folds=2))
    assert len(studies.status(tmp_path).failed) == 2
    studies.run(request_for(pictures, tmp_path, folds=2, losses=("CE",)))
    assert studies.status(tmp_path).failed == ()


def test_a_recipe_takes_up_one_data_set_after_the_other(
    uninterrupted, pictures, tmp_path, request_for, watching, recipes_in
):
    out = tmp_path / "out"
    shutil.copytree(uninterrupted, out)
    other = dataclasses.replace(request_for(pictures, out).setup, dataset="mine", reader="po18")
    studies.run(request_for(pictures, out, setup=other, losses=("CE",)))
    table = ScoreTable.read(out / "scores.parquet")
    assert {name: table.select(dataset=name).losses for name in table.datasets} == {
        "mine": ["CE"],
        "po18": ["CE", "sDice"],
    }
    described = recipes_in(out)["table2"]
    assert (described["datasets"], described["losses"]) == (["po18", "mine"], ["CE", "sDice"])
    watch = watching()
    studies.run(request_for(pictures, out), observer=watch)
    assert watch.started == []


def test_scores_of_a_loss_of_ones_own_stay_where_its_module_is_gone(
    uninterrupted, pictures, tmp_path, request_for, monkeypatch, watching, recipes_in
):
    out = tmp_path / "out"
    shutil.copytree(uninterrupted, out)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "own_loss.py").write_text("from kerasmetricloss import SoftJaccard\n\nOWN = SoftJaccard()\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path / "home")
        studies.run(request_for(pictures, out, losses=("own_loss:OWN",)))
    sys.modules.pop("own_loss")
    before = ScoreTable.read(out / "scores.parquet").select(loss="own_loss:OWN")
    watch = watching()
    studies.run(
        request_for(pictures, out, recipe=studies.recipe("table3"), losses=("sTversky-0.5/0.5",)), observer=watch
    )
    assert watch.started == []
    table = ScoreTable.read(out / "scores.parquet")
    assert set(table.losses) == {"CE", "sDice", "own_loss:OWN", "sTversky-0.5/0.5"}
    assert table.select(loss="own_loss:OWN").frame.equals(before.frame)
    assert recipes_in(out)["table2"]["losses"] == ["CE", "sDice", "own_loss:OWN"]


def test_the_status_counts_what_is_done_and_what_failed(uninterrupted, pictures, tmp_path, request_for, watching):
    assert studies.status(uninterrupted).recipes == ("table2",)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, out), observer=watching(3))
    found = studies.status(out)
    assert (found.planned, found.done, found.running, found.failed, found.alive) == (9, 2, (), (), False)
    assert found.seconds_left > 0
    with pytest.raises(studies.StudyError, match="holds no study"):
        studies.status(tmp_path)
