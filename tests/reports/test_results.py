"""Tables and CSV files against numbers known beforehand."""

import csv
import doctest
import re
from pathlib import Path

import numpy as np
import pytest

from kerasmetricloss.reports import build_report, layouts, published, results, style
from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.evidence import evidence_table, groups_table, pairs_table, volume_table
from kerasmetricloss.reports.exports import long_csv, pairs_csv
from kerasmetricloss.reports.findings import Place, find
from kerasmetricloss.reports.published import published_mean, published_tables
from kerasmetricloss.reports.sections import boxes, sizes
from kerasmetricloss.reports.tables import to_html
from kerasmetricloss.scores import ScoreTable

from .conftest import chapter, rows, settings, write

PAPER = Path(__file__).parents[2] / "data/paper/tables.csv"


@pytest.mark.parametrize("module", [layouts, published, results, style])
def test_docstring_examples_hold(module):
    assert doctest.testmod(module).failed == 0


def test_published_means_equal_the_csv():
    with PAPER.open(newline="", encoding="utf-8") as file:
        found = {(r["table"], r["measure"], r["dataset"], r["loss"]): float(r["mean"]) for r in csv.DictReader(file)}
    ours = {(name, *key): mean for name, table in published_tables().items() for key, mean in table.items()}
    assert len(found) == 742
    assert ours == found


def test_the_recipes_own_table_is_looked_at_first():
    assert published_mean("jaccard", "po18", "sDice") == (0.559, "II")
    assert published_mean("jaccard", "po18", "sDice-L1", recipe="table1") == (0.598, "I")
    assert published_mean("dice", "po18-0.05", "sDice") == (0.639, "V")
    assert published_mean("F0.5", "wm17dm", "sTversky-0.9/0.1", recipe="tableB1") == (0.647, "B.1")
    assert published_mean("dice", "mine", "CE") is None


@pytest.fixture(scope="module")
def findings(full_study):
    return find(chapter(full_study), resamples=300)


def test_long_csv_has_every_mean(findings):
    lines = list(csv.DictReader(long_csv(findings).decode().splitlines()))
    assert len(lines) == 3 * 4  # metrics (counts of voxels are no scores) times losses
    first = lines[0]
    assert (first["dataset"], first["metric"], first["loss"], first["paper_mean"]) == ("po18", "dice", "CE", "0.635")
    values = [row["value"] for row in rows() if row["loss"] == "CE" and row["metric"] == "dice"]
    assert float(first["mean"]) == pytest.approx(np.mean(values), abs=1e-6)
    distance = next(line for line in lines if line["metric"] == "hausdorff_mm" and line["loss"] == "CE")
    assert (distance["cases"], distance["left_out"]) == ("44", "1")


def test_pairs_csv_says_both_sides_of_every_pair(findings):
    lines = list(csv.DictReader(pairs_csv(findings).decode().splitlines()))
    assert len(lines) == 3 * 4 * 3
    by = {(line["metric"], line["a"], line["b"]): line for line in lines}
    one, other = by["dice", "CE", "sDice"], by["dice", "sDice", "CE"]
    assert float(one["difference"]) == -float(other["difference"])
    assert (one["low"], one["high"]) == ("-" + other["high"], "-" + other["low"])
    assert one["p_a_better"] == other["p_a_worse"]


def test_volume_ratio_of_ce_is_what_was_put_in(findings):
    table = volume_table(findings, Place("po18", None))
    assert [cell.text for cell in table.rows[0].cells] == ["0.800", "100%", "0.800", "45"]
    assert [cell.text for cell in table.rows[2].cells] == ["1.000", "0%", "1.000", "45"]


def test_empty_objects_are_left_out_of_the_volume_ratio(tmp_path):
    scores = rows(metrics=("dice", "foreground_voxels", "predicted_voxels"), cases=4)
    scores = [row | {"value": 0} if row["case"] == "fäll 1" and "voxels" in row["metric"] else row for row in scores]
    table = volume_table(find(chapter(write(tmp_path, scores)), resamples=50), Place("po18", None))
    assert table.rows[0].cells[-1].text == "3"


def test_groups_are_compared_only_where_there_are_any(findings, tmp_path):
    assert len(groups_table(findings).rows) == 2 * 3  # Dice and Jaccard, three losses against CE
    assert groups_table(find(chapter(write(tmp_path, rows(cases=5))), resamples=50)) is None


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0, "<0.0001"),
        (0.00012, "0.0001"),
        (0.0005, "0.0005"),
        (0.001, "0.001"),
        (0.05, "0.0500"),
        (1, "1.000"),
        (np.nan, "–"),
        (9.5e-7, "1e-06"),  # an exact permutation test may well be below one of n
    ],
)
def test_p_values_are_printed_with_the_digits_they_have(p, text):
    assert style.p_value(p, resolution=1e-4) == text


@pytest.mark.parametrize(
    ("resolution", "text"),
    [(0.0002, "<0.0002"), (0.0272, "<0.028"), (1 / 300, "<0.0034"), (0.99, "<0.99"), (0.999, "<1"), (1, "≤1")],
)
def test_a_p_value_of_zero_is_never_said_to_be_below_less_than_its_resolution(resolution, text):
    assert style.p_value(0.0, resolution=resolution) == text


@pytest.mark.parametrize(
    ("correction", "one_sided", "two_sided"),
    [(None, "<0.0025", "<0.005"), ("holm", "<0.015", "<0.015")],  # 1, 2; six ordered pairs, three of two sides: 6 / 400
)
def test_every_table_prints_a_p_value_of_zero_with_its_own_resolution(tmp_path, correction, one_sided, two_sided):
    scores = rows(["CE", "wCE", "sDice"], group=3)
    found = find(chapter(write(tmp_path, scores)), resamples=400, correction=correction)
    place, comparison = found.headline[0]
    against = next(row for row in evidence_table(comparison, place, reference="CE").rows if row.name == "sDice")
    assert [cell.text for cell in against.cells[4:]] == [one_sided, "1.000", two_sided]
    better = next(row for row in pairs_table(comparison, place).rows if row.name == "sDice")
    assert [cell.text for cell in better.cells] == [one_sided, one_sided, ""]
    assert "(significant)" in to_html(pairs_table(comparison, place))
    assert "top-ranked" not in to_html(pairs_table(comparison, place))
    assert [cell.text for cell in groups_table(found).rows[1].cells[1::2]] == [one_sided, one_sided]
    assert f"p {one_sided})" in answers(found)[0].text


def test_no_pair_of_too_few_cases_is_set_off(tmp_path):
    for cases, told in ((3, False), (8, True)):
        study = write(tmp_path / str(cases), rows(["CE", "wCE", "sDice"], cases=cases))
        found = find(chapter(study), resamples=100)
        place, comparison = found.headline[0]
        assert comparison.superior.loc["sDice", "CE"] == 0
        marks = [cell.mark for row in pairs_table(comparison, place).rows for cell in row.cells]
        assert ("grey" in marks) == told


@pytest.mark.parametrize("recipe", ["table4", "figB5"])
def test_every_hausdorff_mean_has_the_count_of_cases_it_leaves_out(tmp_path, recipe):
    made = settings(recipe=recipe, losses=["CE", "sDice"])
    study = write(tmp_path, rows(["CE", "sDice"], metrics=("hausdorff_mm", "avd_ml"), cases=8), made)
    picture = boxes(find(chapter(study), resamples=50), "boxes")[0]
    # case 3 has no distance under CE; volume differences are always defined
    assert re.search(r"Hausdorff distance \(mm\): CE [\d.]+ \(1\), sDice [\d.]+ \(0\);", picture.alt)
    assert re.search(
        r"volume difference \(ml\): CE [\d.]+, sDice [\d.]+\. In brackets: cases without a score", picture.alt
    )
    assert picture.caption.endswith(results.LEFT_OUT)


def test_means_without_a_count_need_no_word_on_brackets(tmp_path):
    made = settings(recipe="table4", losses=["CE", "sDice"])
    study = write(tmp_path, rows(["CE", "sDice"], metrics=("avd_ml",), cases=8), made)
    assert "brackets" not in boxes(find(chapter(study), resamples=50), "boxes")[0].caption


def test_the_networks_before_have_their_counts_too(tmp_path):
    scores = rows(["CE", "sDice"], metrics=("hausdorff_mm",), cases=8)
    study = write(tmp_path, scores, settings(recipe="table4", losses=["CE", "sDice"]))
    ScoreTable.from_rows(row for row in scores if row["loss"] == "CE").write(study / "pretraining.parquet")
    text = build_report(study, resamples=50).with_suffix(".md").read_text(encoding="utf-8")
    assert re.search(r"CE [\d.]+ \(1\) before; after training on with CE: [\d.]+ \(1\)\.", text)


@pytest.mark.parametrize(
    ("cases", "told"),
    [
        (6, "within 6 parts of the object size (dashed borders, 1 case each), as in the paper's Fig. 4, which has"),
        (45, "within every tenth percentile of the object size"),
    ],
)
def test_fewer_sizes_than_ten_are_no_deciles(tmp_path, cases, told):
    scores = rows(["CE", "sDice"], metrics=("dice", "foreground_voxels"), cases=cases)
    (picture,) = sizes(find(chapter(write(tmp_path, scores)), resamples=50), "sizes")
    assert told in picture.caption
