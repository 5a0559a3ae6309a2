"""What so few cases, or pairs that hardly differ, cannot show is told and not marked."""

import math

import numpy as np
import pytest

from .made_scores import BETTER, CE, SAME, found


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
    assert f"no p-value can be below {least:.2g}" in result.notes[0]
    assert ("swaps" in result.notes[0]) is (cases > 20)
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


def test_with_holm_a_pair_that_differs_everywhere_is_not_called_tied():
    # That so few cases of sJaccard differ also raises the corrected p-value of sDice, in whose 40 cases all differ.
    random = np.random.default_rng(7)
    base = random.uniform(0.4, 0.8, 40)
    gained, tied = base + random.normal(0.008, 0.025, 40), base.copy()
    tied[random.choice(40, 6, replace=False)] += random.uniform(0.02, 0.1, 6)
    result = found({"CE": base, "sDice": gained, "sJaccard": tied}, correction="holm", resamples=10_000)
    assert result.superior.loc["sDice", "CE"] < 0.05 < result.supported.loc["sDice", "CE"]
    told = " ".join(result.notes)
    assert "sJaccard over CE (6 of 40)" in told
    assert "sDice over CE" not in told


def test_the_rate_of_a_test_of_few_cases_is_that_of_its_level_and_their_number():
    # Student's t beyond 2.326 sqrt(11 / 12) with 11 degrees of freedom, and beyond 1.645 sqrt(7 / 8) with 7.
    (note,) = found({"CE": CE[:12], "sDice": SAME[:12]}, alpha=0.01).notes
    assert "better in 2.4% of studies of so many, where 1.0% are promised, and either in twice as many" in note
    assert "near 0.01 " in note
    (note,) = found({"CE": CE[:8], "sDice": SAME[:8]}).notes
    assert "better in 8.4% of studies of so many, where 5.0% are promised" in note


def test_groups_that_sum_to_zero_do_not_differ():
    gains = np.array([[0.1, -0.1]] * 2 + [[0.1, 0.1]] * 4).ravel()
    groups = [f"g{k // 2}" for k in range(12)]
    result = found({"CE": np.full(12, 0.5), "sDice": 0.5 + gains}, groups=groups, by_group=True)
    assert (result.units.loc["CE", "sDice"], result.signs.loc["CE", "sDice"]) == (6, 4)


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


def test_with_holm_few_differing_cases_are_told_of_many_losses_too():
    # One of 20 hypotheses: the corrected p-value is above 0.5 ** 6 before that bound has any say.
    random = np.random.default_rng(0)
    base = random.uniform(0.4, 0.8, 40)
    scores = {name: base + random.normal(0, 0.03, 40) for name in ("wCE", "sJaccard", "Lovasz")}
    few = base.copy()
    few[:6] += 0.05
    result = found({"CE": base, "sDice": few} | scores, correction="holm", resamples=10_000)
    assert 0.5**6 < result.superior.loc["sDice", "CE"] < 0.05 < result.supported.loc["sDice", "CE"]
    assert "sDice over CE (6 of 40)" in " ".join(result.notes)
