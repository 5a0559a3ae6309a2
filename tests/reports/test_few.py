"""What the sentences say where there is little or nothing to compare: never more than the tests bear out."""

import math
import re

import pytest

from kerasmetricloss.reports import build_report
from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.evidence import evidence_table, pairs_table
from kerasmetricloss.reports.figure_sections import figure_sections
from kerasmetricloss.reports.findings import find
from kerasmetricloss.reports.words import ranking
from kerasmetricloss.scores import ScoreTableError

from .conftest import chapter, rows, settings, write

FAST = {"resamples": 200}
WEIGHTS = ("sTversky-0.3/0.7", "sTversky-0.5/0.5")


def found(path, table, *, losses, recipe, **changes):
    study = settings(recipe=recipe, losses=list(losses), **changes)
    return find(chapter(write(path, table, study)), **FAST)


@pytest.mark.parametrize("cases", [1, 2, 4])
def test_few_cases_decide_nothing_about_weightings(tmp_path, cases):
    table = rows(WEIGHTS, cases=cases, metrics=("dice", "jaccard"))
    (one,) = answers(found(tmp_path, table, losses=WEIGHTS, recipe="table3"))
    assert one.head == "PO18. Too few to tell."
    assert one.tone == "open"


@pytest.mark.parametrize(("cases", "said"), [(1, "not comparable in"), (4, "too few cases to tell in")])
def test_few_cases_decide_nothing_about_measures(tmp_path, cases, said):
    table = rows(("sDice-L1", "sDice-L2"), cases=cases, metrics=("dice", "jaccard"))
    (one,) = answers(found(tmp_path, table, losses=("sDice-L1", "sDice-L2"), recipe="table1"))
    assert f"sDice-L1 against sDice-L2: {said} Dice, Jaccard." in one.head
    assert one.tone == "open"


def test_a_loss_of_few_cases_beats_nothing_beside_others_of_many(tmp_path):
    losses = ("CE", "sDice", "sJaccard")
    table = rows(losses, cases=50, metrics=("dice", "jaccard"))
    table = [row for row in table if row["loss"] != "sJaccard" or row["case"] in {f"fäll {k}" for k in range(4)}]
    (one,) = answers(found(tmp_path, table, losses=losses, recipe="table2"))
    assert one.head == "PO18. In part: 1 of 2 metric-sensitive losses beats cross-entropy in Dice score."
    assert "In Jaccard index: 1 of 2 better than CE, 0 worse." in one.text
    # No p-value of four pairs, which a bootstrap would call 0.
    assert re.search(r"sJaccard [+−]0\.\d+ \([+−]0\.\d+ to [+−]0\.\d+\)", one.text)
    assert re.search(r"sDice \+0\.\d+ \(\+0\.\d+ to \+0\.\d+, p <", one.text)


def test_no_p_values_are_told_of_so_few_cases_that_no_test_could_decide(tmp_path):
    study = found(tmp_path, rows(("CE", "sDice"), cases=3, metrics=("dice",)), losses=("CE", "sDice"), recipe="table2")
    (_, place, comparison), *_ = study.of(study.main)
    assert comparison.superior.loc["sDice", "CE"] == 0
    table = evidence_table(comparison, place, reference="CE")
    assert [cell.text for cell in table.rows[1].cells[-3:]] == ["–"] * 3
    assert pairs_table(comparison, place).rows[1].cells[0].text == "–"
    (one,) = answers(study)
    assert "In brackets: 95% interval." in one.text
    exact = find(study.study, method="permutation")
    assert exact.comparisons[place, "dice"].superior.loc["sDice", "CE"] == 1 / 8
    assert evidence_table(exact.comparisons[place, "dice"], place, reference="CE").rows[1].cells[-3].text == "0.125"


def test_levels_are_told_as_they_were_asked_for(tmp_path):
    write(tmp_path, rows(("CE", "sDice"), cases=12, metrics=("dice",)), settings(losses=["CE", "sDice"]))
    build_report(tmp_path, resamples=200, alpha=0.025)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "In brackets: 97.5% interval" in text
    assert "2.5% and 5% are promised" in text
    assert "98%" not in text


def test_a_metric_of_some_labels_only_is_shown_where_it_is(tmp_path):
    table = rows(("CE", "sDice"), cases=12, metrics=("dice", "hausdorff_mm"), labels=("WT", "ET"))
    table = [row for row in table if (row["label"], row["metric"]) != ("ET", "hausdorff_mm")]
    study = found(tmp_path, table, losses=("CE", "sDice"), recipe="table6")
    have = {(place.label, metric) for place, metric in study.comparisons}
    assert have == {("All", "dice"), ("WT", "dice"), ("ET", "dice"), ("WT", "hausdorff_mm")}
    build_report(tmp_path, **FAST)


def test_two_networks_in_one_table_are_told_apart_with_the_mend(tmp_path):
    table = rows(("CE", "sDice"), cases=12, metrics=("dice",))
    table += [row | {"model": "deeplab"} for row in table]
    with pytest.raises(ScoreTableError, match=r"one model of \['deeplab', 'unet'\].* as po18-deeplab"):
        found(tmp_path, table, losses=("CE", "sDice"), recipe="table2")


def test_no_volumes_are_compared_where_no_case_has_the_object(tmp_path):
    table = rows(("CE", "sDice"), metrics=("dice", "foreground_voxels", "predicted_voxels"))
    table = [row | {"value": 0} if row["metric"] == "foreground_voxels" else row for row in table]
    study = found(tmp_path, table, losses=("CE", "sDice"), recipe="fig3")
    assert "nan" not in repr([section.blocks for section in figure_sections(study)])


def test_a_measure_that_no_case_has_under_one_loss_is_not_called_equal(tmp_path):
    metrics = ("accuracy", "hausdorff_mm", "avd_ml", "dice")
    table = rows(("CE", "sDice"), metrics=metrics)
    for row in table:
        if (row["loss"], row["metric"]) == ("CE", "hausdorff_mm"):
            row["value"] = math.nan
    (one,) = answers(found(tmp_path, table, losses=("CE", "sDice"), recipe="table4"))
    assert "not comparable in HDD" in one.head
    assert "no significant difference" not in one.head


def test_with_whole_groups_resampled_no_head_says_case_by_case(tmp_path):
    table = rows(("CE", "sDice"), cases=45, group=15, metrics=("dice", "jaccard"))
    study = write(tmp_path, table, settings(losses=["CE", "sDice"]))
    (one,) = answers(find(chapter(study), by_group=True, **FAST))
    assert one.head == "PO18. Too few to tell."
    assert "They come from 3 groups, too few to tell" in one.text


def test_equal_means_rank_equal_and_are_no_swap(tmp_path):
    table = rows(("CE", "sDice", "wCE"), cases=12, metrics=("dice", "jaccard"))
    for row in table:
        row["value"] = {"CE": 0.5, "sDice": 0.5, "wCE": 0.25}[row["loss"]]
    sentences = ranking(found(tmp_path, table, losses=("CE", "wCE", "sDice"), recipe="table2"))
    assert sentences == ["PO18: Dice and Jaccard rank the losses alike (CE = sDice > wCE)."]


def test_sizes_are_told_in_percent_of_the_image_too(tmp_path):
    table = rows(("CE", "sDice"), metrics=("dice", "foreground_voxels", "predicted_voxels"))
    preparation = {"output_size": [100, 50]}
    study = found(tmp_path, table, losses=("CE", "sDice"), recipe="fig4", preparation=preparation)
    texts = [
        row.name
        for section in figure_sections(study)
        for block in section.blocks
        for row in getattr(getattr(block, "table", None), "rows", ())
    ]
    largest = max(row["value"] for row in table if row["metric"] == "foreground_voxels")
    assert any(f"to {largest:,.0f} (" in text and text.endswith(f"to {100 * largest / 5000:.2g} %)") for text in texts)
