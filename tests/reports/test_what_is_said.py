"""What a report says holds for what it was given: few cases, one loss, scores of unknown origin, names that collide."""

import re

import pytest

from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.differences import evidence
from kerasmetricloss.reports.evidence import evidence_table
from kerasmetricloss.reports.findings import find
from kerasmetricloss.reports.page import build_report, terminal_table
from kerasmetricloss.reports.sections import boxes
from kerasmetricloss.reports.style import p_value
from kerasmetricloss.scores import ScoreTableError

from .conftest import chapter, rows, settings, write


def text_of(path, table, study=None):
    build_report(write(path, table, study), resamples=100)
    return " ".join((path / "report.md").read_text(encoding="utf-8").split())


def test_no_p_value_is_printed_that_so_few_cases_cannot_give(tmp_path):
    # Six differences of one sign: 1/64 one-sided and 2/64 two-sided, whatever the resamples say.
    found = find(chapter(write(tmp_path, rows(["CE", "sDice"], cases=6))), resamples=1000)
    place, comparison = found.headline[0]
    assert comparison.superior.loc["sDice", "CE"] == 0
    _, against = evidence_table(comparison, place, reference="CE").rows
    assert [cell.text for cell in against.cells[4:]] == ["0.016", "1.000", "0.031"]
    assert "p = 0.016)" in answers(found)[0].text


def test_scores_of_unknown_origin_are_not_told_as_a_cross_validation(tmp_path):
    text = text_of(tmp_path / "bare", rows())
    assert "How these scores were made is not recorded." in text
    assert "never saw it in training" not in text
    assert "Each network was trained once" not in text
    assert "never saw it in training" in text_of(tmp_path / "study", rows(), settings())
    both = [row for name in ("po18", "mo17") for row in rows(dataset=name)]
    partly = settings(datasets=["po18", "mo17"])
    del partly["datasets"]["mo17"]
    text = text_of(tmp_path / "partly", both, partly)
    assert "is not recorded" in text
    assert "Each network was trained once" not in text


def test_one_loss_is_shown_without_a_word_of_tests(tmp_path):
    text = text_of(tmp_path, rows(["sDice"]))
    assert "Before you believe it" not in text  # there is nothing to say
    for word in ("top-ranked", "Paired tests", "multiple comparisons", "How the tests work"):
        assert word not in text
    assert "*: " not in terminal_table(tmp_path, resamples=100)


def test_the_pairs_behind_a_difference_are_counted(tmp_path):
    table = [row for row in rows(["CE", "sDice"], cases=40) if not (row["loss"] == "CE" and row["case"] == "fäll 1")]
    table = [row for row in table if not (row["loss"] == "sDice" and row["case"] in ("fäll 2", "fäll 5"))]
    found = find(chapter(write(tmp_path, table)), resamples=100)
    place, comparison = found.headline[0]
    shown = evidence_table(comparison, place, reference="CE")
    assert shown.columns[1:3] == ("cases", "pairs")
    assert [[cell.text for cell in row.cells[1:3]] for row in shown.rows] == [["39", ""], ["38", "37"]]
    assert shown.rows[1].cells[1].detail == "(2 left out)"


def test_two_data_sets_of_one_name_but_for_its_case_are_both_drawn(tmp_path):
    table = [row for name in ("kvasir", "Kvasir", "KVASIR") for row in rows(["CE", "sDice"], cases=8, dataset=name)]
    pictures = boxes(find(chapter(write(tmp_path, table)), resamples=50), "boxes")
    said = " ".join(picture.alt for picture in pictures)
    assert len(re.findall(r"Dice score: CE", said)) == 3
    assert {"kvasir, Dice", "Kvasir, Dice", "KVASIR, Dice"} <= set(re.findall(r"\w+, Dice", said))


def test_sizes_alone_are_no_scores_to_compare(tmp_path):
    study = write(tmp_path, rows(metrics=("foreground_voxels",)))
    with pytest.raises(ScoreTableError, match=r"hold only foreground_voxels, .* expected a measure such as dice"):
        build_report(study)


def test_a_sum_over_data_sets_counts_those_that_have_cases_enough(tmp_path):
    sizes = {"po18": 45, "mo17": 45, "br18": 45, "wm17": 3}
    table = [row for name, cases in sizes.items() for row in rows(["CE", "sDice"], cases=cases, dataset=name)]
    first, *_ = answers(find(chapter(write(tmp_path, table, settings(datasets=list(sizes), data={}))), resamples=100))
    assert first.head.endswith(
        "On 3 of 3 data sets every metric-sensitive loss beats cross-entropy. 1 more has too few cases to tell."
    )
    assert first.tone == "yes"


def test_the_best_and_the_worst_are_two_losses(tmp_path):
    losses = ["CE", "sDice", "sJaccard", "Lovasz", "sDice-L2", "sTversky-0.3/0.7"]
    table = [row | {"value": row["value"] if row["loss"] in ("CE", "sDice") else float("nan")} for row in rows(losses)]
    _, comparison = find(chapter(write(tmp_path, table)), resamples=100).headline[0]
    said = evidence(comparison, losses[1:])
    assert said.count("sDice") == 1
    assert "the best and the worst" not in said


def test_the_sums_over_measures_leave_out_the_same_data_sets(tmp_path):
    sizes = {"po18": 45, "mo17": 45, "br18": 45, "wm17": 3}
    table = [row for name, cases in sizes.items() for row in rows(["sDice-L2", "sDice"], cases=cases, dataset=name)]
    made = settings(recipe="table1", datasets=list(sizes), losses=["sDice-L2", "sDice"], data={})
    first, *_ = answers(find(chapter(write(tmp_path, table, made)), resamples=100))
    assert " of 3 data sets" in first.head
    assert first.head.endswith("1 more has too few cases to tell.")


def test_with_holm_the_two_sided_p_is_not_below_the_one_sided(tmp_path):
    # 0.5 ** 8 one-sided times six hypotheses; twice that two-sided, times three.
    found = find(chapter(write(tmp_path, rows(["CE", "wCE", "sDice"], cases=8))), resamples=1000, correction="holm")
    place, comparison = found.headline[0]
    against = evidence_table(comparison, place, reference="CE").rows[2]
    assert [cell.text for cell in against.cells[4:]] == ["0.023", "1.000", "0.023"]


@pytest.mark.parametrize(
    ("p", "alpha", "text"),
    [
        (0.00096, 0.001, "0.00096"),
        (0.00999, 0.01, "0.00999"),
        (0.0102, 0.01, "0.0102"),
        (0.0499, 0.05, "0.0499"),
        (0.049999, 0.05, "0.049999"),
    ],
)
def test_a_p_value_tells_the_side_of_the_level_that_it_is_on(p, alpha, text):
    assert p_value(p, resolution=1e-6, alpha=alpha) == text
