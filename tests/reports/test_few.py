"""What the sentences say where there is little or nothing to compare: never more than the tests bear out."""

import math

import pytest

from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.figure_sections import figure_sections
from kerasmetricloss.reports.findings import find
from kerasmetricloss.reports.words import ranking

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
