"""The one entry: from a score table to means, intervals, p-values, marks and notes."""

import math

import numpy as np
import pandas as pd
import pytest

from kerasmetricloss.scores import ScoreTable, ScoreTableError
from kerasmetricloss.statistics import compare, pairs

from .made_scores import BETTER, CE, SAME, found, rng, scores


@pytest.mark.parametrize("method", ["bootstrap", "permutation"])
def test_a_better_loss_is_found_and_marked(method):
    result = found({"CE": CE, "sDice": BETTER, "wCE": SAME}, method=method, resamples=4000)
    assert result.losses == ["CE", "wCE", "sDice"]
    assert result.superior.loc["sDice", "CE"] < 0.01 < 0.9 < result.superior.loc["CE", "sDice"]
    assert result.two_sided.loc["CE", "sDice"] == result.two_sided.loc["sDice", "CE"] < 0.01
    assert result.marks.to_dict() == {"CE": "", "wCE": "", "sDice": "grey"}
    assert result.difference.loc["sDice", "CE"] == pytest.approx(np.mean(BETTER - CE))
    assert result.difference.loc["CE", "sDice"] == -result.difference.loc["sDice", "CE"]
    low, high = result.difference_low.loc["sDice", "CE"], result.difference_high.loc["sDice", "CE"]
    assert 0.03 < low < 0.05 < high < 0.07
    assert result.difference_low.loc["CE", "sDice"] == -high
    assert result.means["CE"] == pytest.approx(CE.mean())
    assert result.interval.loc["CE", "low"] < CE.mean() < result.interval.loc["CE", "high"]
    assert result.notes == ()


def test_a_metric_that_is_better_low_turns_the_direction():
    result = found({"CE": CE, "sDice": BETTER}, metric="hausdorff_mm")
    assert result.lower
    assert result.marks.to_dict() == {"CE": "grey", "sDice": "italic"}
    assert result.superior.loc["CE", "sDice"] < 0.01


def test_a_pair_does_not_depend_on_the_other_losses():
    pair = found({"CE": CE, "sDice": SAME})
    all_of_them = found({"CE": CE, "sDice": SAME, "wCE": BETTER, "Lovasz": SAME[::-1]})
    assert pair.superior.loc["CE", "sDice"] == all_of_them.superior.loc["CE", "sDice"]


def test_identical_losses_have_p_one_both_ways():
    for method in ("bootstrap", "permutation"):
        result = found({"CE": CE, "sDice": CE, "wCE": CE}, method=method, resamples=500)
        off = ~np.eye(3, dtype=bool)
        assert (result.superior.to_numpy()[off] == 1).all()
        assert (result.two_sided.to_numpy()[off] == 1).all()
        assert set(result.marks) == {"grey"}


def test_undefined_scores_leave_their_pair_only_and_are_counted():
    dropped = BETTER.copy()
    dropped[[3, 8]] = math.nan
    result = found({"CE": CE, "sDice": dropped, "wCE": SAME})
    assert result.dropped.to_dict() == {"CE": 0, "wCE": 0, "sDice": 2}
    assert result.n["sDice"] == 43
    assert result.pairs.loc["CE", "wCE"] == 45
    assert result.pairs.loc["sDice", "wCE"] == 43
    assert result.means["sDice"] == pytest.approx(np.nanmean(dropped))
    assert "of 45: sDice 2" in result.notes[0]


def test_a_case_that_one_loss_never_scored_is_counted_too():
    table = ScoreTable.concat([scores({"CE": CE}), scores({"sDice": BETTER[:44]})])
    assert compare(table, dataset="po18", metric="dice").dropped.to_dict() == {"CE": 0, "sDice": 1}


def test_a_loss_without_any_score_has_no_mean_and_no_mark():
    result = found({"CE": CE, "wCE": SAME, "sDice": [math.nan] * 45})
    assert math.isnan(result.means["sDice"])
    assert result.marks["sDice"] == ""
    assert math.isnan(result.superior.loc["sDice", "CE"])


def test_one_loss_has_a_mean_and_an_interval():
    result = found({"CE": CE})
    assert result.marks.to_dict() == {"CE": ""}
    assert result.interval.loc["CE", "low"] < result.means["CE"] < result.interval.loc["CE", "high"]


def test_losses_without_a_case_in_common_are_not_tested():
    halves = {"CE": [*CE[:20], *[math.nan] * 25], "sDice": [*[math.nan] * 20, *BETTER[20:]]}
    assert "No two losses have scores of two cases in common" in found(halves).notes[0]


def test_hypotheses_without_a_test_are_not_counted():
    result = found({"CE": CE, "sDice": BETTER, "wCE": [math.nan] * 45}, resamples=400, correction="holm")
    assert result.resolution() == 2 / 400  # CE and sDice, both ways


def test_groups_widen_the_interval_and_are_noted():
    groups = [f"g{k // 9}" for k in range(45)]
    shared = np.repeat(rng.normal(0.02, 0.05, 5), 9)  # cases of a group move together
    cases = found({"CE": CE, "sDice": CE + shared}, groups=groups)
    whole = found({"CE": CE, "sDice": CE + shared}, groups=groups, by_group=True)
    assert cases.groups == whole.groups == 5

    def width(result):
        return result.difference_high.loc["CE", "sDice"] - result.difference_low.loc["CE", "sDice"]

    assert width(whole) > 1.5 * width(cases)
    assert any("one by one" in note for note in cases.notes)
    assert any("whole groups were resampled" in note for note in whole.notes)
    assert any("Only 5 groups" in note for note in whole.notes)


def test_one_group_is_never_significant_by_group():
    result = found({"CE": CE, "sDice": BETTER}, groups=["g"] * 45, by_group=True)
    assert list(result.marks) == ["", ""]
    assert any("1 of the groups only" in note for note in result.notes)


def test_holm_by_hand():
    names = ["a", "b"]
    p = pd.DataFrame([[math.nan, 0.01], [0.03, math.nan]], index=names, columns=names)
    # sorted .01, .03 of two: .01 * 2 = .02, then max(.02, .03 * 1) = .03
    assert pairs.holm(p).loc["a", "b"] == pytest.approx(0.02)
    assert pairs.holm(p).loc["b", "a"] == pytest.approx(0.03)


def test_holm_counts_each_pair_of_a_symmetric_table_once():
    p = pd.DataFrame([[math.nan, 0.01, 0.02], [0.01, math.nan, 0.5], [0.02, 0.5, math.nan]])
    corrected = pairs.holm(p, symmetric=True)
    # three pairs: .01 * 3 = .03, .02 * 2 = .04, .5 * 1
    assert corrected.loc[0, 1] == corrected.loc[1, 0] == pytest.approx(0.03)
    assert corrected.loc[0, 2] == corrected.loc[2, 0] == pytest.approx(0.04)
    assert corrected.loc[1, 2] == pytest.approx(0.5)


def test_holm_only_raises_p_values():
    plain = found({"CE": CE, "sDice": SAME, "wCE": BETTER})
    strict = found({"CE": CE, "sDice": SAME, "wCE": BETTER}, correction="holm")
    off = ~np.eye(3, dtype=bool)
    assert (strict.superior.to_numpy()[off] >= plain.superior.to_numpy()[off]).all()


def test_losses_are_taken_in_the_order_asked_for():
    assert found({"CE": CE, "sDice": SAME, "wCE": BETTER}, losses=["sDice", "CE"]).losses == ["sDice", "CE"]


def test_names_with_slashes_take_part():
    assert found({"sTversky-0.3/0.7": CE, "sTversky-0.7/0.3": BETTER}).marks["sTversky-0.7/0.3"] == "grey"


def test_all_averages_labels():
    table = scores({"CE": CE, "sDice": BETTER}, labels=("WT", "ET"))
    with pytest.raises(ScoreTableError, match="label=None"):
        compare(table, dataset="po18", metric="dice")
    assert compare(table, dataset="po18", metric="dice", label="All").means["CE"] == pytest.approx(CE.mean())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "t-test"}, "method='t-test'; expected one of bootstrap, permutation"),
        ({"correction": "bonferroni"}, "expected None or 'holm'"),
        ({"alpha": 5}, "alpha=5; expected a level between 0 and 1"),
        ({"resamples": 0}, "resamples=0; expected a whole number from 1 on"),
        ({"resamples": 100.5}, "resamples=100.5; expected a whole number"),
        ({"seed": -1}, "seed=-1; expected a whole number from 0 on"),
        ({"losses": "CE"}, "losses='CE'; expected several names"),
        ({"losses": ["CE", "CE"]}, r"losses=\['CE', 'CE'\]; expected at least one name, and each once"),
        ({"losses": []}, r"losses=\[\]; expected at least one name"),
        ({"losses": ["CE", "sDize"]}, r"no 'dice' of \['sDize'\]; expected some of \['CE'\]"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        found({"CE": CE}, **settings)


def test_against_a_loss_gathers_what_the_tables_say_of_each_pair():
    result = found({"CE": CE, "sDice": BETTER, "wCE": [math.nan, *SAME[1:]]})
    row = result.against("CE")
    assert list(row.index) == ["wCE", "sDice"]
    assert row.loc["sDice", "difference"] == result.difference.loc["sDice", "CE"] > 0
    assert row.loc["sDice", "low"] < row.loc["sDice", "difference"] < row.loc["sDice", "high"]
    assert row.loc["sDice", "superior"] == result.superior.loc["sDice", "CE"]
    assert row["pairs"].to_dict() == {"wCE": 44, "sDice": 45}


def test_against_a_loss_that_was_not_compared_is_refused():
    with pytest.raises(ScoreTableError, match="'Lovasz' was not compared; expected one of"):
        found({"CE": CE, "sDice": BETTER}).against("Lovasz")


def test_pairs_that_share_no_case_are_told_and_give_no_mark():
    half = len(CE) // 2
    late = np.where(np.arange(45) >= half, CE + 0.2, np.nan)
    early = np.where(np.arange(45) < half, CE - 0.3, np.nan)
    result = found({"CE": CE, "sDice": late, "Lovasz": early}, resamples=2000)
    assert math.isnan(result.superior.loc["sDice", "Lovasz"])
    assert result.marks["Lovasz"] == ""
    assert "Not compared, since fewer than two cases have a score of both: sDice and Lovasz." in result.notes


def test_identical_losses_of_many_cases_are_both_top_ranked():
    result = found({"CE": CE - 0.3, "sDice": CE, "sJaccard": CE}, resamples=500)
    assert result.supported.loc["sDice", "sJaccard"] == 1
    assert result.marks.to_dict() == {"CE": "italic", "sDice": "grey", "sJaccard": "grey"}


def test_the_direction_follows_the_name_may_be_said_and_is_told_where_it_is_guessed():
    assert found({"CE": CE, "sDice": BETTER}, metric="hd95_mm", resamples=2000).marks["CE"] == "grey"
    guessed = found({"CE": CE, "sDice": BETTER}, metric="zeal", resamples=2000)
    assert guessed.marks["sDice"] == "grey"
    assert guessed.notes == (
        "zeal is no metric known here: a higher value was taken as the better one. If a lower one is, say so "
        "(`report --lower zeal`).",
    )
    said = found({"CE": CE, "sDice": BETTER}, metric="zeal", lower=True, resamples=2000)
    assert (said.marks["CE"], said.lower, said.notes) == ("grey", True, ())


@pytest.mark.parametrize(
    "name", ["dice_loss_wt", "loss_dice", "dice_loss_mean", "iou_error_mean", "tversky_loss_0.3", "one_minus_dice"]
)
def test_a_loss_or_an_error_is_better_low_wherever_its_name_says_so(name):
    result = found({"CE": CE, "sDice": BETTER}, metric=name, resamples=500)
    assert (result.lower, result.marks["CE"]) == (True, "grey")
