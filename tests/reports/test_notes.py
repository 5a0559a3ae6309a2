"""What a chapter says before one believes its numbers: were relatives kept together, are there too few cases."""

import csv
import io
from math import nan

import pytest

from kerasmetricloss.cli import main
from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.exports import pairs_csv
from kerasmetricloss.reports.findings import find
from kerasmetricloss.reports.page import build_report, terminal_table
from kerasmetricloss.reports.words import method, notes, ranking, rates_table
from kerasmetricloss.scores import ScoreTableError

from .conftest import chapter, rows, settings, write

TOGETHER, APART, UNKNOWN = "drawn over whole groups", "drawn over single cases", "No groups are known"


def said(path, table, study, **how):
    """The notes on a study, in one text."""
    return " ".join(notes(find(chapter(write(path, table, study)), **({"resamples": 100} | how))))


@pytest.mark.parametrize(
    ("by", "groups", "expected"),
    [
        ("group", 15, TOGETHER),
        ("group", 45, UNKNOWN),  # 45 groups of 45 cases: whole groups are single cases
        ("case", 15, APART),
        ("case", 45, UNKNOWN),
    ],
)
def test_relatives_are_called_kept_together_only_where_groups_hold_several_cases(tmp_path, by, groups, expected):
    made = settings(folds={"requested": 5, "used": 5, "by": by}, data={"cases": 45, "groups": groups})
    text = said(tmp_path, rows(), made)
    assert [sentence for sentence in (TOGETHER, APART, UNKNOWN) if sentence in text] == [expected]


def test_groups_that_the_settings_do_not_count_are_counted_from_the_scores(tmp_path):
    made = settings(folds={"requested": 5, "used": 5, "by": "group"}, data={})
    assert TOGETHER in said(tmp_path, rows(group=3), made)


def test_folds_that_are_not_recorded_are_not_spoken_of(tmp_path):
    text = said(tmp_path, rows(), None)
    assert not [sentence for sentence in (TOGETHER, APART, UNKNOWN) if sentence in text]


def test_the_fewest_cases_of_a_pair_decide_how_bold_the_bootstrap_is_said_to_be(tmp_path):
    # 45 cases, 35 of them undefined under sDice: a pair of 10
    undefined = [f"fäll {k}" for k in range(35)]
    table = [row | {"value": nan} if row["loss"] == "sDice" and row["case"] in undefined else row for row in rows()]
    found = find(chapter(write(tmp_path, table)), resamples=100)
    assert "Only 10 cases with scores of both CE and sDice." in " ".join(notes(found))
    assert "With 10 cases the bootstrap calls a given one of two equal losses better" in " ".join(method([found]))
    assert [row.name for row in rates_table([found]).rows if "this study" in row.name] == [
        "10 (this study)",
        "45 (this study)",
    ]


def test_losses_that_dice_and_jaccard_order_differently_are_counted(tmp_path):
    # Dice of two cases: CE .5, .5 (mean .5), sDice .9, 0 (mean .45), wCE .1, .1
    # Jaccard d / (2 - d): CE 1/3 (mean .333), sDice .818, 0 (mean .409), wCE .053. One of three pairs turns round
    dice = {"CE": (0.5, 0.5), "sDice": (0.9, 0.0), "wCE": (0.1, 0.1)}
    table = []
    for row in rows(list(dice), cases=2):
        d = dice[row["loss"]][int(row["case"].removeprefix("fäll "))]
        table.append(row | {"value": d if row["metric"] == "dice" else d / (2 - d)})
    found = find(chapter(write(tmp_path, table)), resamples=20)
    assert ranking(found) == ["PO18: Dice and Jaccard order 1 of 3 pairs of losses differently."]


@pytest.mark.parametrize(("resamples", "warned"), [(200, True), (300, False)])
def test_resamples_too_few_for_the_correction_are_told(tmp_path, resamples, warned):
    # four losses, twelve ordered pairs: 12 / 200 = .06 is above the level of .05, 12 / 300 = .04 is not
    text = said(tmp_path, rows(), None, resamples=resamples, correction="holm")
    assert ("200 resamples are too few: a p-value of zero may be anything up to 0.06," in text) == warned


@pytest.mark.parametrize(("cases", "told"), [(3, True), (4, True), (5, False)])
def test_nothing_is_significant_where_even_one_sign_for_all_would_not_be(tmp_path, cases, told):
    # 2**-4 = 0.0625 is above 0.05, 2**-5 is below
    found = find(chapter(write(tmp_path, rows(["CE", "sDice"], cases=cases))), resamples=100)
    (answer,) = answers(found)
    assert ("Too few to tell" in answer.head) == told
    assert ("In Jaccard index" in answer.text) != told
    ((_, comparison), *_) = found.headline
    assert ("nothing here is significant" in " ".join(comparison.notes)) == told


@pytest.mark.parametrize(
    ("seeds", "told", "network"),
    [
        (((0,), (1,)), "Each network was trained once.", "the one network"),
        (((0, 1), (0, 1)), "Each network was trained 2 times with other seeds", "the networks"),
        (((0,), (0, 1, 2)), "Each network was trained 1 to 3 times with other seeds", "the networks"),
    ],
)
def test_trainings_are_counted_a_data_set(tmp_path, seeds, told, network):
    table = [
        row | {"seed": seed}
        for dataset, those in zip(("po18", "mo17"), seeds, strict=True)
        for row in rows(["CE", "sDice"], cases=12, dataset=dataset)
        for seed in those
    ]
    build_report(write(tmp_path, table, settings(datasets=["po18", "mo17"])), resamples=100)
    text = " ".join((tmp_path / "report.md").read_text().split())
    assert told in text
    assert f"scored by {network} that never saw it" in text


def test_few_groups_are_told_beside_many_cases(tmp_path):
    study = settings(data={"cases": 45, "groups": 3})
    found = find(chapter(write(tmp_path, rows(["CE", "sDice"], cases=45, group=15), study)), resamples=100)
    (answer,) = answers(found)
    assert "They come from 3 groups, too few to tell with whole groups resampled." in answer.text
    assert answer.head == "PO18, case by case only. Yes: sDice beats cross-entropy in Dice score."
    assert answer.tone == "open"


def test_the_sum_over_data_sets_tells_how_many_more_hold_case_by_case_only(tmp_path):
    sizes = {"po18": 15, "mo17": 15, "br18": 1}  # cases a group: two sets have three groups
    table = [row for name, size in sizes.items() for row in rows(["CE", "sDice"], cases=45, dataset=name, group=size)]
    study = settings(datasets=list(sizes), losses=["CE", "sDice"], data={})
    first, *_ = answers(find(chapter(write(tmp_path, table, study)), resamples=100))
    told = "On 1 of 3 data sets every metric-sensitive loss beats cross-entropy, on 2 more case by case only."
    assert (first.head, first.tone) == (told, "open")


def in_nine_groups(reference, other, recipe="table2"):
    """45 cases in nine groups: the other loss gains .1 in five of them and loses .06 in four.

    Their mean difference is .029: over cases with a standard error of .08 / 45**.5 = .012, over groups of .08 / 3.
    """
    table = []
    for row in rows([reference, other], cases=45, metrics=("dice",), group=5):
        gain = 0.1 if int(row["group"][1:]) < 5 else -0.06
        table.append(row | {"value": 0.5 + gain * (row["loss"] == other)})
    losses = [reference, other]
    return table, settings(recipe=recipe, losses=losses, data={"cases": 45, "groups": 9})


def test_a_head_says_where_whole_groups_do_not_bear_it_out(tmp_path):
    table, study = in_nine_groups("CE", "sDice")
    (one,) = answers(find(chapter(write(tmp_path / "cases", table, study)), resamples=500))
    assert one.head == "PO18, case by case only. Yes: sDice beats cross-entropy in Dice score."
    assert "With whole groups resampled (9 groups): 0 of 1 better than CE, 0 worse." in one.text
    assert one.tone == "open"
    (one,) = answers(find(chapter(write(tmp_path / "groups", table, study)), resamples=500, by_group=True))
    assert "No: no metric-sensitive loss beats cross-entropy" in one.head


@pytest.mark.parametrize(
    ("reference", "other", "recipe", "head"),
    [
        ("sDice-L2", "sDice-L1", "table1", "PO18, case by case only. sDice-L1 against sDice-L2: better in Dice."),
        ("sTversky-0.5/0.5", "sTversky-0.3/0.7", "table3", "PO18, case by case only. 0.3/0.7 is significantly better"),
    ],
)
def test_whole_groups_are_heard_on_each_question(tmp_path, reference, other, recipe, head):
    found = find(chapter(write(tmp_path, *in_nine_groups(reference, other, recipe))), resamples=500)
    (one,) = answers(found)
    assert one.head.startswith(head)
    assert "With whole groups resampled (9 groups): no longer significant: " in one.text
    assert one.tone == "open"


def test_what_whole_groups_alone_find_is_told(tmp_path):
    table, study = in_nine_groups("sDice-L2", "sDice-L1", "table1")
    for index, row in enumerate(table):
        # Every group gains as much, its cases far apart.
        row["value"] = 0.5 + (row["loss"] == "sDice-L1") * (0.4 if index % 5 < 2 else -0.25 if index % 5 < 4 else 0.0)
    (one,) = answers(find(chapter(write(tmp_path, table, study)), resamples=500))
    assert "no significant difference in Dice" in one.head
    assert "no longer significant: none; significant then only: sDice-L1 (Dice)." in one.text
    assert "case by case only" not in one.head


def test_the_terminal_warns_of_few_cases_too(tmp_path):
    few, many = (write(tmp_path / str(n), rows(["CE", "sDice"], cases=n), settings()) for n in (12, 45))
    assert "Only 12 cases. Below 40 the paired bootstrap is too bold" in terminal_table(few, resamples=100)
    assert "Only" not in terminal_table(many, resamples=100)


def test_numbers_to_compute_with_are_those_of_the_page(tmp_path):
    for cases, expected in ((8, "0.00390625"), (3, "")):
        table = rows(["CE", "sDice"], cases=cases, metrics=("dice",))
        for row in table:
            row["value"] = 0.5 + 0.1 * (row["loss"] == "sDice")
        found = find(chapter(write(tmp_path / str(cases), table, settings(data={"cases": cases}))), resamples=500)
        lines = list(csv.DictReader(io.StringIO(pairs_csv(found).decode())))
        (line,) = (line for line in lines if line["a"] == "sDice")
        assert line["p_a_better"] == expected
        assert line["p_two_sided"] == ("0.0078125" if expected else "")
        assert line["p_a_worse"] == ("1" if expected else "")


def test_losses_of_ones_own_are_told_beside_the_answer(tmp_path):
    table = rows(["CE", "sDice", "DiceCE"], metrics=("dice",))
    (one,) = answers(find(chapter(write(tmp_path, table, settings(losses=["CE", "sDice", "DiceCE"]))), resamples=500))
    assert one.head == "PO18. Yes: sDice beats cross-entropy in Dice score."
    assert "Not among these, as the paper has no such loss: DiceCE +0.0" in one.text


def test_of_measures_of_ones_own_dice_leads(tmp_path):
    table = rows(["CE", "sDice"], metrics=("accuracy", "jaccard", "dice"))
    for row in table:
        row["metric"] = {"accuracy": "Boundary_quality", "jaccard": "IoU", "dice": "Dice_WT"}[row["metric"]]
    found = find(chapter(write(tmp_path, table)), resamples=100)
    assert found.main == ("Dice_WT", "IoU", "Boundary_quality")
    assert found.headline[0][1].metric == "Dice_WT"


def test_the_terminal_tells_of_a_measure_that_is_not_known(tmp_path):
    table = [row | {"metric": "zeal"} for row in rows(["CE", "sDice"], metrics=("dice",))]
    assert "zeal is no metric known here: a higher value" in " ".join(
        terminal_table(write(tmp_path, table, settings(recipe=None)), resamples=100).split()
    )


def test_the_direction_of_a_measure_can_be_told(tmp_path, capsys):
    table = [row | {"metric": "zeal"} for row in rows(["CE", "sDice"], metrics=("dice",))]
    study = write(tmp_path, table, settings(recipe=None))
    main(["report", str(study), "--resamples", "200"])
    assert "sDice beats cross-entropy in zeal" in " ".join(capsys.readouterr().out.split())
    main(["report", str(study), "--resamples", "200", "--lower", "zeal"])
    answer, page = " ".join(capsys.readouterr().out.split()), (study / "report.md").read_text(encoding="utf-8")
    assert "sDice is significantly worse" in answer
    assert "is no metric known here" not in answer + page
    assert "zeal: lower is better" in page


def test_a_direction_of_what_is_not_scored_is_refused(tmp_path):
    study = write(tmp_path, rows(["CE", "sDice"], metrics=("dice",)), settings(recipe=None))
    with pytest.raises(ScoreTableError, match=r"holds no scores of zeal; it has dice\."):
        build_report(study, lower=("zeal",), resamples=100)
    with pytest.raises(ScoreTableError, match="dice: said to be better low and better high"):
        build_report(study, lower=("dice",), higher=("dice",), resamples=100)
    assert not (study / "report.html").exists()


def test_empty_truths_are_counted(tmp_path):
    table = rows(["CE", "sDice"], metrics=("dice", "foreground_voxels"))
    for row in table:
        if row["case"] in ("fäll 1", "fäll 2"):
            row["value"] = 0
    told = notes(find(chapter(write(tmp_path, table)), resamples=100))
    assert any(note.startswith("2 cases with an empty truth: there an overlap score is 1") for note in told)
    for row in table:
        if row["case"] in ("fäll 1", "fäll 2") and row["metric"] == "dice":
            row["value"] = nan  # as MONAI has it
    told = notes(find(chapter(write(tmp_path, table)), resamples=100))
    assert any(note.startswith("2 cases with an empty truth: there no overlap score is defined") for note in told)


def test_a_file_in_place_of_its_directory_is_told(tmp_path):
    write(tmp_path, rows(["CE", "sDice"]))
    (file,) = tmp_path.glob("scores.*")
    with pytest.raises(ScoreTableError, match=rf"this is a file; give the directory that it lies in, {tmp_path}\."):
        build_report(file)


def test_a_loss_that_lacks_a_label_has_a_dash_there(tmp_path):
    table = [row | {"label": label} for label in ("WT", "ET") for row in rows(["CE", "sDice", "X"], metrics=("dice",))]
    table = [row for row in table if (row["loss"], row["label"]) != ("X", "ET")]
    page = build_report(write(tmp_path, table), resamples=100).with_suffix(".md").read_text(encoding="utf-8")
    assert next(line for line in page.splitlines() if line.startswith("|  | ET |")).endswith("| – |")


def test_sizes_of_some_labels_only_are_shown_for_those(tmp_path):
    sizes = ("dice", "foreground_voxels", "predicted_voxels")
    table = [row | {"label": label} for label in ("WT", "ET") for row in rows(["CE", "sDice"], metrics=sizes)]
    table = [row for row in table if row["label"] == "WT" or not row["metric"].endswith("voxels")]
    page = build_report(write(tmp_path, table), resamples=100).with_suffix(".md").read_text(encoding="utf-8")
    assert "PO18 WT: predicted volume over true volume" in page
    assert "PO18 ET: predicted volume over true volume" not in page


def test_a_small_loss_is_not_printed_as_a_gain(tmp_path):
    base = rows(["CE"], metrics=("dice",))
    table = base + [row | {"loss": "sDice", "value": row["value"] - 0.0002} for row in base]
    (one,) = answers(find(chapter(write(tmp_path, table)), resamples=100))
    assert "sDice −0.000 (−0.000 to −0.000, p = 1.000)" in one.text


def test_names_are_drawn_as_they_are(tmp_path):
    table = rows(["CE", "sDice", "_mine", r"a $\foo$ b"], metrics=("dice", "foreground_voxels"))
    assert build_report(write(tmp_path, table), resamples=100).exists()
