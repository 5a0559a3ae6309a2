"""A whole study, tiny: from pictures on disk to the score table, interrupted and not."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerasmetricloss import datasets, studies
from kerasmetricloss.pipelines import inference
from kerasmetricloss.scores import ScoreTable


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


def test_selection_on_an_inner_split_trains_on_fewer_cases(pictures, tmp_path, request_for, watching):
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, tmp_path, inner_validation=0.3), observer=watching(2))
    configuration = json.loads(next((tmp_path / "cells").glob("*/configuration.json")).read_text())
    parts = [set(configuration["data"][part]) for part in ("train", "validation", "test")]
    assert not parts[0] & parts[1]
    assert not parts[1] & parts[2]
    assert set.union(*parts) == {str(i) for i in range(1, 8)}
    assert (
        json.loads((tmp_path / "running.json").read_text())["datasets"]["po18"]["selection"] == "inner validation 0.3"
    )


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


def test_every_training_has_its_curves_for_tensorboard_where_they_are_asked_for(
    pictures, tmp_path, request_for, watching
):
    with pytest.raises(KeyboardInterrupt):
        studies.run(request_for(pictures, tmp_path, tensorboard=True), observer=watching(2))
    cells = [path.name for path in (tmp_path / "cells").glob("po18-*")]
    assert len(cells) == 1
    assert list((tmp_path / "tensorboard" / cells[0]).rglob("events.out.*"))
