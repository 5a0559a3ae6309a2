"""The sign-flip test against hand arithmetic and SciPy."""

import numpy as np
import pytest
from scipy import stats

from kerasmetricloss.statistics import permutation
from kerasmetricloss.statistics.permutation import permutation_test


def test_three_cases_by_hand():
    # d = (1, 2, -4), sum -1. Sums of the 8 flips: +-7, +-5, +-3, +-1. Six are >= -1: no: 7, 5, 3, 1, -1 = 5; <= -1: 4
    test = permutation_test(np.array([[1.0], [2], [-4]]))
    assert test.greater[0] == 5 / 8
    assert test.less[0] == 4 / 8
    assert test.two_sided[0] == 1


def test_identical_scores_have_p_one():
    for cases in (5, 50):
        test = permutation_test(np.zeros((cases, 1)), resamples=99)
        assert (test.greater[0], test.less[0], test.two_sided[0]) == (1, 1, 1)


def test_a_random_p_is_never_zero():
    test = permutation_test(np.ones((30, 1)), resamples=999)
    assert test.greater[0] == 1 / 1000  # (0 + 1) / (999 + 1): no random flip of 30 ones sums to 30
    assert test.less[0] == 1


@pytest.mark.parametrize("cases", [9, 33])
@pytest.mark.parametrize(("side", "name"), [("greater", "greater"), ("less", "less"), ("two-sided", "two_sided")])
def test_equals_scipy(cases, side, name):
    rng = np.random.default_rng(cases)
    a, b = rng.beta(4, 2, cases), rng.beta(3, 2, cases)
    theirs = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        alternative=side,
        n_resamples=np.inf if cases < 20 else 40_000,
        vectorized=True,
        rng=np.random.default_rng(1),
    )
    ours = getattr(permutation_test((a - b)[:, None], resamples=40_000), name)[0]
    assert ours == pytest.approx(theirs.pvalue, abs=1e-12 if cases < 20 else 0.012)


def test_rounding_does_not_break_ties():
    # swapping nothing and swapping all of (.1, .2, -.3) both sum to zero on paper
    test = permutation_test(np.array([[0.1], [0.2], [-0.3]]))
    # sums: +-.6, +-.4, +-.2, 0, 0 -> five are >= 0, five are <= 0
    assert (test.greater[0], test.less[0]) == (5 / 8, 5 / 8)


def test_groups_are_flipped_together():
    # two groups: four patterns, the observed one is the largest
    d = np.array([[1.0], [1], [1], [1]])
    assert permutation_test(d, groups=np.array(["a", "a", "b", "b"])).greater[0] == 1 / 4
    assert permutation_test(d).greater[0] == 1 / 16


def test_blocks_do_not_change_the_exact_result(monkeypatch):
    d = np.random.default_rng(3).normal(size=(8, 3))
    whole = permutation_test(d)
    monkeypatch.setattr(permutation, "BLOCK_BYTES", 8 * 8 * 5)
    np.testing.assert_array_equal(whole.greater, permutation_test(d).greater)
