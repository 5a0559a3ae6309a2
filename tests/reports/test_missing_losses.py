"""A chapter whose data sets were not all compared under the same losses: dashes, no crash, no rank out of turn."""

import pytest

from kerasmetricloss.reports import build_report, terminal_table
from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.figure_sections import figure_sections
from kerasmetricloss.reports.findings import find
from kerasmetricloss.reports.layouts import LAYOUTS
from kerasmetricloss.reports.results import LEGEND, marks_legend, means_table
from kerasmetricloss.reports.words import lead, ranking

from .conftest import DISTANCES, F_MEASURES, VOXELS, chapter, rows, settings, write, write_examples

FAST = {"resamples": 200}
MANY = ("CE", "wCE", "sDice", "sTversky-0.3/0.7", "sTversky-0.5/0.5")
FEW = ("CE", "sDice")
METRICS = ("dice", "jaccard", *DISTANCES, *F_MEASURES, *VOXELS)


def mixed(path, recipe="table2", few=FEW, *, metrics=METRICS):
    """PO18 under five losses, PO18-DeepLab under fewer, MO17 under wCE alone."""
    sets = {"po18": MANY, "po18-deeplab": few, "mo17": ("wCE",)}
    table = [row for name, losses in sets.items() for row in rows(losses, dataset=name, metrics=metrics, cases=12)]
    return write(path, table, settings(recipe=recipe, datasets=list(sets), losses=list(MANY)))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return mixed(tmp_path_factory.mktemp("mixed"))


@pytest.fixture(scope="module")
def findings(study):
    return find(chapter(study), **FAST)


def test_a_missing_loss_is_a_dash_without_a_mark(findings):
    table = means_table(findings, ("dice",), caption="means")
    cells = {row.name: [(cell.text == "–", cell.mark) for cell in row.cells] for row in table.rows}
    assert [missing for missing, _ in cells["PO18"]] == [False] * 5
    # CE is worse and sDice better by .08; the other three were not trained
    assert cells["PO18-DeepLab"] == [(False, "italic"), (True, ""), (False, "grey"), (True, ""), (True, "")]
    assert cells["MO17"] == [(True, ""), (False, ""), *[(True, "")] * 3]


def test_the_legend_tells_the_rule_of_two_losses_where_it_holds(findings):
    legend = means_table(findings, ("dice", "jaccard"), caption="means").legend
    assert legend.startswith(LEGEND[False])
    said = "Two losses only: PO18-DeepLab. Grey there: significantly better than the other loss. Italic there: "
    assert said in legend
    assert "MO17" not in legend


def test_the_legend_follows_the_means_and_not_the_list_of_losses(tmp_path):
    two = rows(["CE", "sDice"], cases=6) + rows(["CE", "wCE"], cases=6, dataset="mo17")
    study = write(tmp_path, two, settings(datasets=["po18", "mo17"], losses=["CE", "wCE", "sDice"]))
    assert marks_legend(find(chapter(study), **FAST), ("dice", "jaccard")) == LEGEND[True]
    assert "*: better than the other. -: worse." in terminal_table(study, **FAST)


def test_the_terminal_tells_both_rules(study):
    said = "*: top-ranked. -: worse than all others. Two losses only: PO18-DeepLab. *"
    assert f"{said} there: better than the other. - there: worse." in terminal_table(study, **FAST)


def test_markdown_calls_grey_bold_in_both_rules(study):
    build_report(study, **FAST)
    assert "Two losses only: PO18-DeepLab. Bold there: " in (study / "report.md").read_text(encoding="utf-8")


def test_the_lead_says_which_losses_a_data_set_has(findings):
    assert "PO18-DeepLab (12 cases, 5 folds, CE and sDice only), MO17 (12 cases, 5 folds, wCE only)" in lead(findings)


def test_only_losses_of_a_place_are_ranked(findings):
    said = ranking(findings)
    assert "PO18-DeepLab: Dice and Jaccard rank the losses alike (sDice > CE)." in said
    assert not [sentence for sentence in said if "MO17" in sentence]


def test_a_data_set_without_the_question_s_losses_is_not_counted(findings):
    first, *each = answers(findings)
    assert first.head == "On 2 of 2 data sets every metric-sensitive loss beats cross-entropy."
    assert first.tone == "yes"
    assert each[1].head == "PO18-DeepLab. Yes: sDice beats cross-entropy in Dice score."
    assert each[2].head == "MO17: no such comparison."


@pytest.mark.parametrize("recipe", [name for name, layout in LAYOUTS.items() if layout.has_scores])
def test_every_recipe_copes_with_missing_losses(tmp_path, recipe):
    folder = mixed(tmp_path, recipe)
    write_examples(folder, FEW)
    found = find(chapter(folder), **FAST)
    assert answers(found)
    if found.layout.is_table:
        assert means_table(found, found.main, caption="means").rows
    else:
        assert all(section.title for section in figure_sections(found))


@pytest.mark.parametrize(("recipe", "needed"), [("table3", "0.5/0.5"), ("tableB1", "sum to 1"), ("table1", "CE and")])
def test_what_a_data_set_lacks_for_the_answer_is_told(tmp_path, recipe, needed):
    last = answers(find(chapter(mixed(tmp_path, recipe, FEW)), **FAST))[-1]
    assert last.head == "MO17: no such comparison."
    assert needed in last.text
