"""What the README and docs/results say of real images is what the frozen scores give."""

import json
import sys
from pathlib import Path

import pytest

from kerasmetricloss import reports
from kerasmetricloss.scores import ScoreTable

ROOT = Path(__file__).parents[1]
FROZEN = sorted((ROOT / "data" / "scores").glob("*"))


@pytest.fixture(scope="module")
def results():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import results
    finally:
        sys.path.pop(0)
    return results


@pytest.fixture(scope="module")
def study(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("thawed")
    results.thaw(folder)
    return folder


def test_the_readme_s_tables_are_those_of_the_frozen_scores(results, study):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.partition(results.BEGIN)[2].partition(results.END)[0] == results.block(study)


def test_the_page_of_results_is_that_of_the_frozen_scores(results, study):
    reports.build_report(study)
    assert (study / "report.md").read_text(encoding="utf-8") == (results.OUT / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in (study / "figures").iterdir()} == {
        path.name for path in (results.OUT / "figures").iterdir()
    }


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.stem)
def test_a_frozen_table_holds_scores_of_one_real_data_set_and_says_how_they_were_made(path):
    scores = ScoreTable.read(path)
    assert scores.datasets == [path.stem]
    assert {"dice", "jaccard", "foreground_voxels"} <= set(scores.metrics)
    counts = scores.frame.groupby(["metric", "loss"]).size()
    assert counts.nunique() == 1  # each case once under every loss
    entry = json.loads((ROOT / "data" / "studies" / f"{path.stem}.json").read_text(encoding="utf-8"))
    assert entry["made"]["data"]["phantom"] is False
    scored, cases = scores.frame["case"].nunique(), entry["made"]["data"]["cases"]
    assert scored < cases if "only" in entry["made"]["folds"] else scored == cases
    assert {"versions", "machine", "minutes", "git", "training", "folds"} <= set(entry["made"])
    assert "/" not in entry["command"].replace("sTversky-0.3/0.7", "").replace("sTversky-0.7/0.3", "")
