"""A whole study, tiny: from pictures on disk to the score table, interrupted and not."""

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

from kerasmetricloss import datasets, reports, studies
from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines import inference
from kerasmetricloss.scores import ScoreTable

TABLES = ("scores.parquet", "pretraining.parquet", "curves.parquet", "examples.npz")


@pytest.fixture(scope="module")
def uninterrupted(pictures, tmp_path_factory, request_for):
    out = tmp_path_factory.mktemp("study") / "whole"
    return studies.run(request_for(pictures, out))


class Watch(studies.Observer):
    """Notes the cells that start; Ctrl-C before, or in the first epoch of, the cell numbered `stop` from 1."""

    def __init__(self, stop: int = 0, *, mid_epoch: bool = False):
        self.stop, self.mid_epoch = stop, mid_epoch
        self.started: list[str] = []

    def cell_started(self, cell, epochs):
        self.started.append(cell.title)
        self._interrupt(not self.mid_epoch)

    def epoch(self, cell, epoch, value):
        self._interrupt(self.mid_epoch)

    def _interrupt(self, here):
        if here and len(self.started) == self.stop:
            raise KeyboardInterrupt


def read_recipes(out):
    return json.loads((out / "study.json").read_text())["recipes"]


def test_every_case_is_scored_once_under_every_loss(uninterrupted):
    table = ScoreTable.read(uninterrupted / "scores.parquet")
    dice = table.values(dataset="po18", metric="dice")
    assert list(dice.columns) == ["CE", "sDice"]
    assert sorted(dice.index, key=int) == [str(i) for i in range(1, 8)]
    assert dice.notna().all(axis=None)
    f_measures = {"F0.5", "F1.0", "F1.5", "F2.0"}
    assert set(table.metrics) == {"dice", "jaccard", "accuracy", "foreground_voxels", "predicted_voxels"} | f_measures


def test_dice_and_jaccard_of_every_row_satisfy_equation_7(uninterrupted):
    table = ScoreTable.read(uninterrupted / "scores.parquet")
    dice, jaccard = (table.values(dataset="po18", metric=name) for name in ("dice", "jaccard"))
    np.testing.assert_allclose(jaccard, dice / (2 - dice), atol=1e-12)


def test_object_size_is_the_number_of_foreground_pixels_on_the_resized_picture(uninterrupted, pictures):
    sizes = ScoreTable.read(uninterrupted / "scores.parquet").values(dataset="po18", metric="foreground_voxels")["CE"]
    for case in sizes.index:
        truth = np.asarray(Image.open(pictures / "Ground Truth" / f"{case}.png")) > 0
        # 28 x 19 of 30 x 22 pixels; the border of a disc of radius 3 to 6 moves by a fraction of a pixel
        assert sizes[case] == pytest.approx(truth.sum() * (28 * 19) / (30 * 22), rel=0.15)


def test_a_study_directory_describes_itself(uninterrupted):
    whole = json.loads((uninterrupted / "study.json").read_text())
    assert whole["recipes"]["table2"]["losses"] == ["CE", "sDice"]
    described = whole["datasets"]["po18"]
    assert described["folds"].items() >= {"requested": 3, "used": 3, "by": "group"}.items()
    assert described["selection"] == "reported fold"
    assert described["data"]["cases"] == 7
    assert set(described["files"]) == {str(i) for i in range(1, 8)}
    assert described["parameters"] > 0
    assert described["minutes"] > 0
    assert described["versions"]["keras"]


def test_only_post_training_is_in_the_scores_and_pre_training_lies_beside(uninterrupted):
    before = ScoreTable.read(uninterrupted / "pretraining.parquet")
    assert before.losses == ["CE"]
    assert len(before) * 2 == len(ScoreTable.read(uninterrupted / "scores.parquet"))


def test_a_study_stopped_again_and_again_goes_on_to_the_same_tables(uninterrupted, pictures, tmp_path, request_for):
    watches = [Watch(1), Watch(3, mid_epoch=True), Watch(7), Watch()]
    for watch in watches[:-1]:
        with pytest.raises(KeyboardInterrupt):
            studies.run(request_for(pictures, tmp_path / "out"), observer=watch)
        assert not (tmp_path / "out" / "scores.parquet").exists()
    studies.run(request_for(pictures, tmp_path / "out"), observer=watches[-1])
    # 3 folds x (CE, then 2 losses) are 9 cells; each stop is followed by the cell that it broke off
    assert sum(len(watch.started) for watch in watches) == 9 + 3
    for before, after in itertools.pairwise(watches):
        assert before.started[-1] == after.started[0]
    for name in TABLES:
        assert (tmp_path / "out" / name).read_bytes() == (uninterrupted / name).read_bytes(), name


def test_a_finished_study_trains_nothing_again(uninterrupted, pictures, request_for):
    observer = Watch()
    before = (uninterrupted / "scores.parquet").read_bytes()
    studies.run(request_for(pictures, uninterrupted), observer=observer)
    assert observer.started == []
    assert (uninterrupted / "scores.parquet").read_bytes() == before


def test_a_loss_added_later_reuses_the_pre_training_and_joins_the_table(uninterrupted, pictures, tmp_path, request_for):
    shutil.copytree(uninterrupted, tmp_path / "out")
    watch = Watch()
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
    uninterrupted, pictures, tmp_path, request_for
):
    shutil.copytree(uninterrupted, tmp_path / "out")
    before = (tmp_path / "out" / "study.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, tmp_path / "out", losses=("sJaccard",)), observer=Watch(1))
    assert (tmp_path / "out" / "study.json").read_bytes() == before


def test_a_model_tells_which_images_it_has_seen(uninterrupted, pictures):
    images = {inference.file_digest(path): path.stem for path in sorted((pictures / "Original").iterdir())}
    for cell in (uninterrupted / "cells").iterdir():
        seen = inference.read_trained_on(cell / "model.keras").seen
        tested = set(pd.read_parquet(cell / "scores.parquet")["case"])
        assert {images[digest] for digest in seen} == set(images.values()) - tested


def test_a_model_predicts_outside_the_study_what_it_predicted_in_it(pictures, tmp_path, request_for):
    request = request_for(pictures, tmp_path / "out", losses=("CE",), folds=2)
    # On the pictures' own grid nothing is resampled; their box is larger than they need.
    setup = dataclasses.replace(request.setup, picture_size=(30, 22), output_size=(41, 50))
    studies.run(dataclasses.replace(request, setup=setup.with_training(epochs=4, rate=0.05)))
    cases = {case.id: case for case in datasets.open_dataset("po18", pictures)}
    found = []
    for cell in (tmp_path / "out" / "cells").glob("*-pre-*"):
        model, trained_on = inference.load_model(cell / "model.keras")
        scores = (
            pd.read_parquet(cell / "scores.parquet").query("metric == 'predicted_voxels'").set_index("case")["value"]
        )
        for name, voxels in scores.items():
            prediction = inference.predict_case(cases[name], inference.Network.of(model), trained_on)
            assert prediction.labels.sum() == voxels
            found.append(voxels)
    assert len(found) == 7
    assert max(found) > 0


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


def test_a_changed_file_under_a_study_is_refused(pictures, tmp_path, request_for):
    shutil.copytree(pictures, tmp_path / "data")
    changed = request_for(tmp_path / "data", tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        studies.run(changed, observer=Watch(1))
    picture = tmp_path / "data" / "Original" / "3.png"
    Image.fromarray(np.zeros((22, 30, 3), "uint8")).save(picture)
    with pytest.raises(studies.StudyError, match=r"the data changed since this study began: case 3"):
        studies.run(changed)


def test_selection_on_an_inner_split_trains_on_fewer_cases(pictures, tmp_path, request_for):
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, tmp_path, inner_validation=0.3), observer=Watch(2))
    configuration = json.loads(next((tmp_path / "cells").glob("*/configuration.json")).read_text())
    parts = [set(configuration["data"][part]) for part in ("train", "validation", "test")]
    assert not parts[0] & parts[1]
    assert not parts[1] & parts[2]
    assert set.union(*parts) == {str(i) for i in range(1, 8)}
    assert (
        json.loads((tmp_path / "running.json").read_text())["datasets"]["po18"]["selection"] == "inner validation 0.3"
    )


def test_a_broken_file_is_named_before_anything_is_written(pictures, tmp_path, request_for):
    shutil.copytree(pictures, tmp_path / "data")
    picture = tmp_path / "data" / "Original" / "5.png"
    picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(DataError, match=r"case 5.*5\.png"):
        studies.run(request_for(tmp_path / "data", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_failure_names_its_cell(pictures, tmp_path, request_for):
    with pytest.raises(studies.StudyError, match="po18, unet-small, fold 1, pre-training, CE, seed 0"):
        studies.run(
            request_for(
                pictures, tmp_path, folds=2, setup=request_for(pictures, tmp_path).setup.with_training(rate=1e30)
            )
        )


KILLED_IN = {
    "pre-training": lambda cells: list(cells.glob(".running-*-fold1-pre-*")),
    "post-training": lambda cells: list(cells.glob(".running-*-fold2-post-sDice-*")),
    "the tables": lambda cells: len(list(cells.glob("po18-*"))) == 9,
}


def test_a_study_killed_with_sigkill_in_each_phase_goes_on_to_the_same_table(
    uninterrupted, pictures, tmp_path, request_for
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
    for name in TABLES:
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes(), name
    assert not list((out / "cells").glob(".partial-*"))


def test_recipes_share_a_directory_and_names_of_one_loss_its_training(uninterrupted, pictures, tmp_path, request_for):
    shutil.copytree(uninterrupted, tmp_path / "out")
    watch = Watch()
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


def test_one_fold_is_a_part_of_the_study_that_goes_on_from_it(uninterrupted, pictures, tmp_path, request_for):
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
    watch = Watch()
    studies.run(request, observer=watch)
    assert len(watch.started) == 6
    pd.testing.assert_frame_equal(ScoreTable.read(tmp_path / "scores.parquet").frame, whole)


def test_virtual_data_sets_join_the_table_under_names_of_their_own(uninterrupted, pictures, tmp_path, request_for):
    shutil.copytree(uninterrupted, tmp_path / "out")
    recipe = dataclasses.replace(studies.recipe("table5"), ratios=(0.001, 0.34))
    studies.run(request_for(pictures, tmp_path / "out", recipe=recipe, losses=("CE",), folds=3))
    table = ScoreTable.read(tmp_path / "out" / "scores.parquet")
    assert table.datasets == ["po18", "po18-0.34"]
    described = json.loads((tmp_path / "out" / "study.json").read_text())
    assert "the whole image gives" in described["recipes"]["table5"]["left_out"]["po18-0.001"]
    assert described["datasets"]["po18-0.34"]["data"]["foreground_ratio"] == pytest.approx(0.34, rel=0.1)
    with np.load(tmp_path / "out" / "rectangles.npz") as file:
        meta = json.loads(str(file["meta"]))
        top, left, height, width = meta[-1]["rectangles"]["0.34"]
        inside = file[f"{len(meta) - 1}/truth"][top : top + height, left : left + width]
        assert inside.shape == (height, width)
        assert inside.any()


def test_a_recipe_of_theory_takes_no_data(tmp_path, request_for):
    out = studies.run(request_for(tmp_path / "nowhere", tmp_path / "out", recipe=studies.recipe("fig1"), losses=()))
    assert json.loads((out / "study.json").read_text())["recipes"]["fig1"]["losses"] == []


def test_a_cell_that_fails_is_tried_twice_and_the_others_go_on(pictures, tmp_path, request_for, monkeypatch):
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
    assert read_recipes(tmp_path)["table2"]["losses"] == ["CE"]
    assert [failure["title"] for failure in studies.status(tmp_path).failed] == [
        "po18, unet-small, fold 1, post-training, sDice, seed 0"
    ]
    monkeypatch.undo()
    watch = Watch()
    studies.run(request_for(pictures, tmp_path, folds=2), observer=watch)
    assert len(watch.started) == 1
    assert ScoreTable.read(tmp_path / "scores.parquet").losses == ["CE", "sDice"]
    assert read_recipes(tmp_path)["table2"]["losses"] == ["CE", "sDice"]


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


def test_a_recipe_takes_up_one_data_set_after_the_other(uninterrupted, pictures, tmp_path, request_for):
    out = tmp_path / "out"
    shutil.copytree(uninterrupted, out)
    other = dataclasses.replace(request_for(pictures, out).setup, dataset="mine", reader="po18")
    studies.run(request_for(pictures, out, setup=other, losses=("CE",)))
    table = ScoreTable.read(out / "scores.parquet")
    assert {name: table.select(dataset=name).losses for name in table.datasets} == {
        "mine": ["CE"],
        "po18": ["CE", "sDice"],
    }
    described = read_recipes(out)["table2"]
    assert (described["datasets"], described["losses"]) == (["po18", "mine"], ["CE", "sDice"])
    watch = Watch()
    studies.run(request_for(pictures, out), observer=watch)
    assert watch.started == []


def test_scores_of_a_loss_of_ones_own_stay_where_its_module_is_gone(
    uninterrupted, pictures, tmp_path, request_for, monkeypatch
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
    watch = Watch()
    studies.run(
        request_for(pictures, out, recipe=studies.recipe("table3"), losses=("sTversky-0.5/0.5",)), observer=watch
    )
    assert watch.started == []
    table = ScoreTable.read(out / "scores.parquet")
    assert set(table.losses) == {"CE", "sDice", "own_loss:OWN", "sTversky-0.5/0.5"}
    assert table.select(loss="own_loss:OWN").frame.equals(before.frame)
    assert read_recipes(out)["table2"]["losses"] == ["CE", "sDice", "own_loss:OWN"]


def test_the_status_counts_what_is_done_and_what_failed(uninterrupted, pictures, tmp_path, request_for):
    assert studies.status(uninterrupted).recipes == ("table2",)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, out), observer=Watch(3))
    found = studies.status(out)
    assert (found.planned, found.done, found.running, found.failed, found.alive) == (9, 2, (), (), False)
    assert found.seconds_left > 0
    with pytest.raises(studies.StudyError, match="holds no study"):
        studies.status(tmp_path)


def test_every_training_has_its_curves_for_tensorboard_where_they_are_asked_for(pictures, tmp_path, request_for):
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, tmp_path, tensorboard=True), observer=Watch(2))
    cells = [path.name for path in (tmp_path / "cells").glob("po18-*")]
    assert len(cells) == 1
    assert list((tmp_path / "tensorboard" / cells[0]).rglob("events.out.*"))
