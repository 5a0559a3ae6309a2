"""One tiny study on whatever backend runs."""

import keras
import pytest

from kerasmetricloss import studies
from kerasmetricloss.scores import ScoreTable


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="test_study.py has it, and more")
def test_a_study_runs_and_repeats_itself(pictures, tmp_path, request_for):
    tables = []
    for name in ("once", "again"):
        out = studies.run(request_for(pictures, tmp_path / name, folds=2))
        tables.append(ScoreTable.read(out / "scores.parquet").values(dataset="po18", metric="dice"))
    assert list(tables[0].columns) == ["CE", "sDice"]
    assert tables[0].equals(tables[1])
