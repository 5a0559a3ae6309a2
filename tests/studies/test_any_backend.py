"""One tiny study on whatever backend runs."""

import dataclasses

import keras
import pytest

from kerasmetricloss import studies
from kerasmetricloss.reports import directory
from kerasmetricloss.scores import ScoreTable


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="test_study.py has it, and more")
def test_a_study_runs_and_repeats_itself(pictures, tmp_path, request_for):
    tables = []
    for name in ("once", "again"):
        out = studies.run(request_for(pictures, tmp_path / name, folds=2))
        tables.append(ScoreTable.read(out / "scores.parquet").values(dataset="po18", metric="dice"))
    assert list(tables[0].columns) == ["CE", "sDice"]
    assert tables[0].equals(tables[1])


def test_whole_pictures_are_trained_on_in_patches_where_that_is_asked_for(pictures, tmp_path, request_for):
    request = request_for(pictures, tmp_path / "study", folds=2)
    setup = request.setup.with_patches((8, 12), repeats=3, foreground=0.5).with_training(augmentation=False)
    request = dataclasses.replace(request, setup=setup)
    found = directory.read_study(studies.run(request)).chapter("table2").made["po18"]
    expected = {"output_size": [10, 19], "volumes": 2, "repeats": 3, "foreground": 0.5}  # 9 n + 1 voxels
    assert found["patch"] == expected
    assert found["training"]["augmentation"] is False
    assert found["preparation"]["output_size"] == [19, 28]  # scored whole
    scores = ScoreTable.read(tmp_path / "study" / "scores.parquet").values(dataset="po18", metric="dice")
    assert scores.notna().all(axis=None)
    assert len(scores) == 7
