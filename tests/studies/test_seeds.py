"""Several trainings of each network: seeds of their own, one table."""

import json

import pandas as pd
import pytest

from kerasmetricloss import reports, studies
from kerasmetricloss.scores import ScoreTable


class Started(studies.Observer):
    def __init__(self):
        self.titles = []

    def cell_started(self, cell, epochs):
        self.titles.append(cell.title)


@pytest.fixture(scope="module")
def once(pictures, tmp_path_factory, request_for):
    return studies.run(request_for(pictures, tmp_path_factory.mktemp("seeds") / "study", folds=2))


def test_seeds_are_added_to_what_one_seed_trained_and_scores_are_their_mean(once, pictures, request_for):
    before = ScoreTable.read(once / "scores.parquet").values(dataset="po18", metric="dice")
    seen = Started()
    studies.run(request_for(pictures, once, folds=2, seeds=(0, 5)), observer=seen)
    assert len(seen.titles) == 2 * 3
    assert all(title.endswith("seed 5") for title in seen.titles)

    table = ScoreTable.read(once / "scores.parquet")
    dice = table.select(dataset="po18", metric="dice").frame
    assert sorted(dice["seed"].unique()) == [0, 5]
    assert (dice.groupby(["loss", "seed"]).size() == 7).all()
    of_seeds = {seed: rows.set_index(["case", "loss"])["value"].unstack() for seed, rows in dice.groupby("seed")}
    pd.testing.assert_frame_equal(of_seeds[0][before.columns].loc[before.index], before, check_names=False)
    after = table.values(dataset="po18", metric="dice")
    mean = ((of_seeds[0] + of_seeds[5]) / 2)[after.columns].loc[after.index]
    pd.testing.assert_frame_equal(after, mean, check_names=False)

    assert json.loads((once / "study.json").read_text())["datasets"]["po18"]["seeds"] == [0, 5]
    curves = pd.read_parquet(once / "curves.parquet")
    assert not curves.duplicated(["dataset", "loss", "fold", "phase", "epoch", "metric"]).any()
    reports.build_report(once)
    assert "trained 2 times with other seeds" in (once / "report.md").read_text().replace("\n", " ")

    with pytest.raises(studies.StudyError, match="holds other seeds of po18 for CE"):
        studies.run(request_for(pictures, once, folds=2, losses=("sDice",)))
