"""A study of many recipes: a chapter each, laid out as the paper's tables and figures."""

import json
import re
import shutil
from itertools import pairwise

import pytest

from kerasmetricloss.reports import build_report, terminal_table
from kerasmetricloss.reports.directory import read_study
from kerasmetricloss.reports.findings import find
from kerasmetricloss.reports.layouts import LAYOUTS
from kerasmetricloss.reports.results import means_table, paper_table
from kerasmetricloss.scores import ScoreTableError

from .conftest import FAMILY, REGIONS, VIRTUAL, WEIGHTS, rows, settings, several, write, write_rectangles
from .test_page import Page

FAST = {"resamples": 200}


@pytest.fixture(scope="module")
def study(several_study):
    return several_study


@pytest.fixture(scope="module")
def page(study):
    return Page((study / "report.html").read_text(encoding="utf-8"))


def findings(study, recipe):
    return find(read_study(study).chapter(recipe), **FAST)


def main_table(study, recipe):
    found = findings(study, recipe)
    return means_table(found, found.main, caption="means")


def names(table):
    return [(row.section, row.name) for row in table.rows]


def test_every_recipe_is_a_chapter_in_the_papers_order(page):
    chapters = [attrs["id"] for _, attrs in page.tags if attrs.get("id") in several()["recipes"]]
    assert chapters == [recipe for recipe in LAYOUTS if recipe in several()["recipes"]]
    assert len(page.all("h1")) == 1
    assert len(page.all("h2")) == len(chapters) + 1  # how it was made


def test_headings_never_skip_a_level(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_anchors_are_unique_and_every_link_has_a_target(page):
    targets = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(targets) == len(set(targets))
    assert {attrs["href"][1:] for attrs in page.all("a")} <= set(targets)
    assert {attrs["aria-labelledby"] for attrs in page.all("section")} <= set(targets)


def test_the_page_stands_alone_and_its_pictures_speak(page):
    assert page.open == []
    assert not page.all("script")
    assert all(picture["src"].startswith("data:image/png;base64,") for picture in page.all("img"))
    assert all(len(picture["alt"]) > 40 for picture in page.all("img"))


def test_regions_have_names_of_their_own_for_screen_readers(page):
    navigations = [attrs["aria-label"] for attrs in page.all("nav")]
    assert len(navigations) == len(set(navigations)) == len(several()["recipes"]) + 2


def test_markdown_and_files_are_those_of_the_chapters(study, page):
    text = (study / "report.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^## ", text, re.MULTILINE)) == len(page.all("h2"))
    pictures = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert len(pictures) == len(set(pictures)) == len(page.all("img"))
    assert all((study / picture).exists() for picture in pictures)
    for recipe in ("table1", "table4", "table5", "table6", "tableB1"):
        for name in (f"{recipe}.csv", f"{recipe}-pairs.csv", f"{recipe}.tex", f"figures/{recipe}.png"):
            assert (study / name).exists(), name
    assert all((study / f"figures/{name}.png").exists() for name in ("fig1", "fig2", "fig4", "fig5", "figB5"))


def test_table_one_has_losses_down_and_data_sets_across(study):
    table = main_table(study, "table1")
    assert table.columns == ("PO18",)
    assert names(table) == [(m, loss) for m in ("Dice", "Jaccard") for loss in ("sDice-L1", "sDice-L2")]
    paper = paper_table(findings(study, "table1"), ("dice", "jaccard"))
    assert [row.cells[0].text for row in paper.rows] == ["0.656", "0.639", "0.598", "0.567"]


def test_table_four_counts_what_each_distance_leaves_out(study):
    table = main_table(study, "table4")
    assert [section for section, _ in table.sections()] == ["ACC", "HDD (mm)", "AVD (ml)"]
    assert [row.cells[0].text[-4:] for row in table.rows if row.section == "HDD (mm)"] == [" (1)", " (0)"]
    assert [row.cells[0].mark for row in table.rows if row.section == "AVD (ml)"] == [
        "italic",
        "grey",
    ]  # lower is better
    assert "HDD and AVD: lower is better." in table.legend
    paper = paper_table(findings(study, "table4"), ("accuracy", "hausdorff_mm", "avd_ml"))
    assert [row.cells[0].text for row in paper.rows] == ["0.997", "0.998", "22.673", "22.911", "15.579", "13.375"]


def test_table_five_has_ratios_across(study):
    table = main_table(study, "table5")
    assert table.columns == ("0.05", "0.5")
    assert table.spans() == [("PO18, foreground to background", 2)]
    paper = paper_table(findings(study, "table5"), ("dice", "jaccard"))
    assert [cell.text for cell in paper.rows[0].cells] == ["0.627", "0.757"]


def test_table_six_has_all_and_each_region(study):
    table = main_table(study, "table6")
    assert names(table) == [(m, name) for m in ("Dice", "Jaccard") for name in ("All", *REGIONS)]
    assert table.columns == FAMILY
    paper = paper_table(findings(study, "table6"), ("dice", "jaccard"))
    assert [cell.text for cell in paper.rows[0].cells] == ["0.639", "0.665", "0.740"]
    assert "Table VI)" in paper.caption


def test_table_b1_gathers_measures_by_data_set(study):
    table = main_table(study, "tableB1")
    assert names(table) == [("PO18", measure) for measure in ("F0.5", "F1.0", "F1.5", "F2.0")]
    assert table.columns == tuple(loss.removeprefix("sTversky-") for loss in WEIGHTS)


def test_f_measures_stand_in_no_other_table(study):
    for recipe in ("table1", "table3", "table4"):
        assert not [metric for metric in findings(study, recipe).further if metric.startswith("F")]
    assert findings(study, "tableB1").further == ()


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("table1", "PO18. sDice-L1 against sDice-L2: no significant difference in Dice, Jaccard."),
        ("table3", "0.3/0.7 is significantly better than 0.5/0.5 in Dice score."),
        ("table4", "BR18. sDice against CE: better in ACC, HDD, AVD."),
        ("table5", "PO18-0.05. Yes: sDice beats cross-entropy in Dice score."),
        ("table6", "BR18 All. Yes: sDice beats cross-entropy in Dice score."),
        ("tableB1", "F0.5 at 0.7/0.3"),
        ("fig3", "With CE the median predicted volume is 0.800 of the true one"),
        ("fig4", "Every metric-sensitive loss is above CE in 10 of 10 size groups."),
        ("figB5", "wCE against CE: worse in ACC, HDD, AVD. sDice against CE: better in ACC, HDD, AVD."),
        ("fig1", "How far the Dice score and a Tversky index can lie apart"),
    ],
)
def test_each_recipe_has_its_answer(study, page, recipe, said):
    text = terminal_table(study, recipe, **FAST).replace("\n", " ")
    assert said in text
    assert said in re.sub(r"\s+", " ", page.text)


def test_the_best_weighting_moves_with_the_measure(study):
    text = terminal_table(study, "tableB1", **FAST).replace("\n", " ")
    # by construction the best alphas are .7, .5, .3 and .1
    assert re.search(r"F0\.5 at 0\.7/0\.3 .*F1\.0 at 0\.5/0\.5 .*F1\.5 at 0\.3/0\.7 .*F2\.0 at 0\.1/0\.9", text)
    assert "the smaller the α of the best weighting, as in the paper." in text


def test_no_weighting_beats_the_even_one_where_none_does(tmp_path):
    study = settings(recipe="table3", losses=["sTversky-0.5/0.5", "sTversky-0.7/0.3"])
    scores = rows(["sTversky-0.5/0.5", "sTversky-0.7/0.3"], cases=12)
    scores = [row | {"value": row["value"] - 0.1 * (row["loss"] == "sTversky-0.7/0.3")} for row in scores]
    text = terminal_table(write(tmp_path, scores, study), **FAST).replace("\n", " ")
    assert "No weighting is significantly better than 0.5/0.5 in Dice score." in text
    assert "Significantly worse than 0.5/0.5: 0.7/0.3." in text


def test_many_data_sets_are_summed_up_first(tmp_path):
    scores = [row for name in ("po18", "is18", "mo17") for row in rows(["CE", "sDice"], dataset=name, cases=12)]
    text = terminal_table(write(tmp_path, scores), **FAST)
    assert "On 3 of 3 data sets every metric-sensitive loss beats cross-entropy." in text


def test_the_terminal_shows_the_last_recipe_or_the_one_asked_for(study, page):
    assert terminal_table(study, **FAST) == terminal_table(study, "table1", **FAST)
    assert str(study / "figures/fig5.png") in terminal_table(study, "fig5", **FAST)
    with pytest.raises(ScoreTableError, match=r"holds no 'table9'; it holds table4, table5"):
        terminal_table(study, "table9", **FAST)


def test_theory_needs_no_scores(tmp_path):
    whole = several()
    whole = {"recipes": {name: whole["recipes"][name] for name in ("fig1", "fig2")}, "datasets": {}}
    (tmp_path / "study.json").write_text(json.dumps(whole))
    text = build_report(tmp_path).read_text(encoding="utf-8")
    assert "Accuracy, weighted or not, has no such bound" in text
    # Prop. II.1: 3 - 2 sqrt 2 = .172 and 1; (5, 12) pixels come near: .172 and 2 / (1 + 1 / 60) - 1 = .967
    assert "<td>0.172</td><td>0.172</td><td>1.000</td><td>0.967</td>" in text
    assert "<td>0.500</td><td>0.000</td><td>1.000</td>" in text  # slopes of L1, L2 and Jaccard at [1, 0]


def test_rectangles_need_no_scores(tmp_path):
    whole = several()
    made = {"po18": {"data": {"phantom": True, "notes": ["polyp is lost at 8 mm in 1 of 3 cases"]}}}
    (tmp_path / "study.json").write_text(json.dumps({"recipes": {"fig5": whole["recipes"]["fig5"]}, "datasets": made}))
    write_rectangles(tmp_path)
    text = build_report(tmp_path).read_text(encoding="utf-8")
    # the disc spans 7 x 7 pixels: the larger rectangle holds it, that of 9 x 6 cannot
    assert "<td>100%<small>27 × 18</small></td>" in text
    assert re.search(r"<td>\d\d%<small>9 × 6</small></td>", text)
    assert "phantoms drawn by this software" in text
    assert "polyp is lost at 8 mm in 1 of 3 cases." in text


def test_a_recipe_whose_scores_are_gone_is_named(study, tmp_path):
    copy = shutil.copytree(study, tmp_path / "copy")
    whole = several()
    whole["recipes"]["table2"] = {"title": "", "datasets": ["is17"], "losses": ["CE"], "labels": None, "command": ""}
    (copy / "study.json").write_text(json.dumps(whole))
    with pytest.raises(ScoreTableError, match=r"holds no scores of table2 \(CE on is17\). Run it again"):
        build_report(copy, **FAST)


def test_data_sets_that_are_left_out_are_told_with_the_reason(tmp_path):
    whole = several()
    entry = whole["recipes"]["table5"] | {"left_out": {"po18-0.2": "no rectangle is small enough"}}
    scores = [row for name in VIRTUAL for row in rows(["CE", "sDice"], dataset=name, cases=6)]
    write(tmp_path, scores, {"recipes": {"table5": entry}, "datasets": {}})
    assert "PO18-0.2 is left out: no rectangle is small enough" in build_report(tmp_path, **FAST).read_text("utf-8")


def test_both_ways_of_resampling_are_told_whichever_is_asked_for(tmp_path):
    write(tmp_path, rows(cases=30, group=3), settings())
    pages = [build_report(tmp_path, by_group=by_group, **FAST).read_text("utf-8") for by_group in (False, True)]
    tables = [re.search(r"<table>(?:(?!</table).)*<span>single cases.*?</table>", text)[0] for text in pages]
    assert tables[0] == tables[1]
    assert "marks are those of single cases" in pages[0]
    assert "marks are those of whole groups" in pages[1]
    assert "With 30 cases the bootstrap calls a given one of two equal losses better" in pages[0]
    assert "With 10 groups the bootstrap calls a given one of two equal losses better" in pages[1]


def test_false_positive_rates_are_shown_for_the_number_of_cases(study, page):
    text = re.sub(r"\s+", " ", page.text)
    assert (
        # 12 cases, one without a distance: P(t > 1.645 sqrt(10 / 11)) of 10 degrees of freedom is .0739
        "With 11 cases the bootstrap calls a given one of two equal losses better in 7.4% of studies, and either of "
        "them in twice as many; 5% and 10% are promised." in text
    )
    assert "Below 40 read p-values near 0.05 with care." in text
    assert "12 (this study)" in text
