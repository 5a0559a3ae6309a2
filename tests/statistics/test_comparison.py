"""The one entry: from a score table to means, intervals, p-values, marks and notes."""

import doctest
import math

import numpy as np
import pandas as pd
import pytest

from kerasmetricloss.scores import ScoreTable, ScoreTableError
from kerasmetricloss.statistics import compare, comparison, notes, pairs


def scores(by_loss, *, metric="dice", groups=None, labels=("polyp",)):
    """Rows from {loss: values}; the case is the position."""
    rows = []
    for loss, values in by_loss.items():
        for case, value in enumerate(values):
            group = str(case) if groups is None else groups[case]
            for label in labels:
                rows.append(
                    {"dataset": "po18", "model": "unet", "loss": loss, "seed": 0, "fold": 0, "case": f"c{case}"}
                    | {"group": group, "label": label, "metric": metric, "value": value}
                )
    return ScoreTable.from_rows(rows)


def found(by_loss, *, groups=None, metric="dice", **settings):
    return compare(scores(by_loss, metric=metric, groups=groups), dataset="po18", metric=metric, **settings)


rng = np.random.default_rng(0)
CE = rng.uniform(0.3, 0.8, 45)
BETTER = CE + 0.05 + rng.normal(0, 0.03, 45)
SAME = CE + rng.normal(0, 0.03, 45)


@pytest.mark.parametrize("module", [comparison, notes])
def test_docstring_examples_hold(module):
    assert doctest.testmod(module).failed == 0


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


def test_one_case_is_never_significant():
    result = found({"CE": [0.1], "sDice": [0.9]})
    assert math.isnan(result.superior.loc["sDice", "CE"])
    assert list(result.marks) == ["", ""]
    assert "nothing can be tested" in result.notes[0]


def test_few_cases_are_noted_by_method():
    assert "too bold" in found({"CE": CE[:12], "sDice": SAME[:12]}).notes[0]
    # 0.5 ** 4 = .0625
    note = found({"CE": CE[:4], "sDice": SAME[:4]}, method="permutation").notes[0]
    assert "below 0.062" in note


def test_few_cases_of_one_pair_are_noted_though_there_are_many_cases():
    short = [*BETTER[:10], *[math.nan] * 35]
    result = found({"CE": CE, "sDice": short, "wCE": SAME})
    assert (result.cases, result.fewest) == (45, 10)
    assert "Only 10 cases with scores of both CE and sDice. Below 40" in result.notes[0]
    assert found({"CE": CE, "wCE": SAME}).fewest == 45


def test_few_groups_of_one_pair_are_noted():
    groups = [f"g{k}" for k in range(40)] + ["g0"] * 5
    short = [*BETTER[:6], *[math.nan] * 34, *BETTER[40:]]  # groups g0 to g5, g0 six times
    result = found({"CE": CE, "sDice": short}, groups=groups, by_group=True)
    assert result.fewest == 6
    assert result.pairs.loc["CE", "sDice"] == 11
    assert "Only 6 groups with scores of both CE and sDice." in result.notes[0]


def test_a_pair_that_is_not_tested_warns_of_no_p_value():
    result = found({"CE": CE, "wCE": SAME, "sDice": [0.5, *[math.nan] * 44]})
    assert math.isnan(result.superior.loc["sDice", "CE"])
    assert result.fewest == 45
    assert not [note for note in result.notes if note.startswith("Only")]


def test_losses_without_a_case_in_common_are_not_tested():
    halves = {"CE": [*CE[:20], *[math.nan] * 25], "sDice": [*[math.nan] * 20, *BETTER[20:]]}
    assert "No two losses have scores of two cases in common" in found(halves).notes[0]


def test_one_loss_of_few_cases_has_a_short_interval():
    assert found({"CE": CE[:12]}).notes == ("Only 12 cases: the interval is too short.",)


@pytest.mark.parametrize(
    ("cases", "resamples", "least"),
    [
        (17, None, 7.6e-6),  # 0.5 ** 17 = 7.63e-6, below 1 / 100,001: all flips are counted
        (20, None, 9.5e-7),  # 0.5 ** 20 = 9.54e-7
        (20, 99, 9.5e-7),
        (8, 99, 0.0039),  # 0.5 ** 8 = .00390625, not 1 / 100
        (21, 99, 0.01),  # 1 / 100
        (21, None, 1e-5),
    ],
)
def test_the_least_p_value_that_is_told_is_the_least_that_the_permutation_test_gives(cases, resamples, least):
    result = found({"CE": CE[:cases], "sDice": CE[:cases] + 0.1}, method="permutation", resamples=resamples)
    assert f"no p-value can be below {least:.2g}," in result.notes[0]
    assert result.superior.loc["sDice", "CE"] == pytest.approx(least, rel=0.01)


@pytest.mark.parametrize(
    ("correction", "one_sided", "two_sided"),
    [
        (None, 1 / 400, 2 / 400),
        ("holm", 6 / 400, 2 * 3 / 400),  # three losses: six one-sided hypotheses, three two-sided of twice the p each
    ],
)
def test_a_p_value_of_zero_is_below_the_share_of_one_resample_by_hypotheses_and_sides(correction, one_sided, two_sided):
    result = found({"CE": CE, "sDice": CE + 0.1, "wCE": CE - 0.1}, resamples=400, correction=correction)
    assert result.superior.loc["sDice", "CE"] == result.two_sided.loc["sDice", "CE"] == 0
    assert result.resolution() == pytest.approx(one_sided)
    assert result.resolution(two_sided=True) == pytest.approx(two_sided)


def test_no_resolution_is_above_one():
    assert found({"CE": CE, "sDice": BETTER, "wCE": SAME}, resamples=3, correction="holm").resolution() == 1


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
        ({"resamples": 0}, "resamples=0; expected a positive number"),
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


def test_so_few_cases_that_nothing_can_be_significant_give_no_mark():
    four, five = (found({"CE": [0.1] * n, "wCE": [0.2] * n, "sDice": [0.3] * n}, resamples=500) for n in (4, 5))
    assert four.superior.loc["sDice", "CE"] == five.superior.loc["sDice", "CE"] == 0
    assert set(four.marks) == {""}
    assert five.marks.to_dict() == {"CE": "italic", "wCE": "", "sDice": "grey"}


@pytest.mark.parametrize("differing", [3, 4, 5])
def test_cases_that_do_not_differ_support_no_mark(differing):
    # 100 cases, of which few differ, all in one direction: the signs agree by chance once in 2 ** differing times.
    base = np.full(100, 0.5)
    gained = base + 0.01 * (np.arange(100) < differing)
    result = found({"CE": base, "sDice": gained}, resamples=20_000)
    assert result.superior.loc["sDice", "CE"] < 0.05
    assert result.signs.loc["sDice", "CE"] == differing
    assert result.supported.loc["sDice", "CE"] == max(0.5**differing, result.superior.loc["sDice", "CE"])
    told = f"sDice over CE ({differing} of 100)" in " ".join(result.notes)
    assert (set(result.marks) == {""}, told) == ((True, True) if differing < 5 else (False, False))


def test_groups_that_sum_to_zero_do_not_differ():
    gains = np.array([[0.1, -0.1]] * 2 + [[0.1, 0.1]] * 4).ravel()
    groups = [f"g{k // 2}" for k in range(12)]
    result = found({"CE": np.full(12, 0.5), "sDice": 0.5 + gains}, groups=groups, by_group=True)
    assert (result.units.loc["CE", "sDice"], result.signs.loc["CE", "sDice"]) == (6, 4)


def test_identical_losses_of_many_cases_are_both_top_ranked():
    result = found({"CE": CE - 0.3, "sDice": CE, "sJaccard": CE}, resamples=500)
    assert result.supported.loc["sDice", "sJaccard"] == 1
    assert result.marks.to_dict() == {"CE": "italic", "sDice": "grey", "sJaccard": "grey"}


def test_holm_leaves_no_mark_where_so_many_comparisons_need_more_cases():
    # Five losses in five cases: 20 hypotheses times 0.5 ** 5 is .625; in ten, .02.
    few, more = (
        found({f"a{k}": np.linspace(0.1, 0.2, n) + 0.1 * k for k in range(5)}, correction="holm", resamples=500)
        for n in (5, 10)
    )
    assert few.superior.loc["a4", "a0"] == 0
    assert set(few.marks) == {""}
    assert not few.decidable
    assert "below 0.031, 0.62 with Holm's correction: nothing here is significant" in few.notes[0]
    assert more.marks["a4"] == "grey"
    assert more.decidable


def test_one_case_gives_no_mark():
    assert set(found({"CE": [0.1], "wCE": [0.2], "sDice": [0.3]}, resamples=100).marks) == {""}


def test_the_direction_follows_the_name_may_be_said_and_is_told_where_it_is_guessed():
    assert found({"CE": CE, "sDice": BETTER}, metric="hd95_mm", resamples=2000).marks["CE"] == "grey"
    guessed = found({"CE": CE, "sDice": BETTER}, metric="zeal", resamples=2000)
    assert guessed.marks["sDice"] == "grey"
    assert guessed.notes == ("zeal is no metric known here: a higher value was taken as the better one.",)
    said = found({"CE": CE, "sDice": BETTER}, metric="zeal", lower=True, resamples=2000)
    assert (said.marks["CE"], said.lower, said.notes) == ("grey", True, ())
