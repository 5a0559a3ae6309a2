"""The paired bootstrap against hand arithmetic and SciPy."""

import numpy as np
import pytest
from scipy import stats

from kerasmetricloss.statistics import bootstrap
from kerasmetricloss.statistics.bootstrap import bootstrap_means, bootstrap_test, percentile_interval, unit_sums


def p_values(d, **settings):
    d = np.asarray(d, float)[:, None]
    return bootstrap_test(d, bootstrap_means(d, **settings))


def test_two_cases_of_opposite_sign_give_the_shares_of_the_four_resamples():
    # d = (-1, 2): the resamples -1-1, -1+2, 2-1, 2+2 have means -1, .5, .5, 2; a quarter is <= 0, three quarters >= 0
    test = p_values([-1, 2], resamples=40_000)
    assert test.greater[0] == pytest.approx(0.25, abs=0.01)
    assert test.less[0] == pytest.approx(0.75, abs=0.01)
    assert test.two_sided[0] == 2 * test.greater[0]


def test_identical_scores_are_neither_better_nor_worse():
    test = p_values(np.zeros(50))
    assert (test.greater[0], test.less[0], test.two_sided[0]) == (1, 1, 1)


def test_a_tie_counts_against_both_in_spite_of_rounding():
    # d = (.1, .2, -.3): half of the ties come out as 5e-17, not 0; all three drawn once is 6 of 27 resamples, and each
    # case thrice never ties, so P(greater) + P(less) = 1 + 6/27
    test = p_values([0.1, 0.2, -0.3], resamples=100_000)
    assert test.greater[0] + test.less[0] == pytest.approx(1 + 6 / 27, abs=0.01)


def test_all_cases_better_gives_p_zero():
    assert p_values([0.1, 0.2, 0.3]).greater[0] == 0


def test_equals_scipy_on_two_paired_samples():
    rng = np.random.default_rng(7)
    a, b = rng.beta(4, 2, 61), rng.beta(3, 2, 61)
    theirs = stats.bootstrap(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        paired=True,
        method="percentile",
        n_resamples=40_000,
        rng=np.random.default_rng(1),
    )
    d = (a - b)[:, None]
    ours = bootstrap_means(d, resamples=40_000)
    low, high = percentile_interval(ours)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert low[0] == pytest.approx(theirs.confidence_interval.low, abs=0.02 * width)
    assert high[0] == pytest.approx(theirs.confidence_interval.high, abs=0.02 * width)
    share = np.mean(theirs.bootstrap_distribution <= 0)
    assert bootstrap_test(d, ours).greater[0] == pytest.approx(share, abs=0.01)


def test_a_column_does_not_depend_on_its_neighbours_nor_on_blocks(monkeypatch):
    d = np.random.default_rng(3).normal(size=(23, 5))
    together = bootstrap_means(d, resamples=500)
    monkeypatch.setattr(bootstrap, "BLOCK_BYTES", 8 * 23 * 7)  # seven resamples a block
    alone = bootstrap_means(d[:, 2:3], resamples=500)
    np.testing.assert_allclose(together[:, 2:3], alone, rtol=0, atol=1e-14)


def test_equal_seeds_repeat_and_other_seeds_do_not():
    d = np.random.default_rng(3).normal(size=(23, 1))
    np.testing.assert_array_equal(bootstrap_means(d, seed=1, resamples=9), bootstrap_means(d, seed=1, resamples=9))
    assert not np.array_equal(bootstrap_means(d, seed=1, resamples=9), bootstrap_means(d, seed=2, resamples=9))


def test_whole_groups_are_drawn_together():
    # groups a = (0, 0, 0) and b = (1,): resamples aa, ab, ba, bb have means 0, 1/4, 1/4, 1
    means = bootstrap_means(np.array([[0.0], [0], [1], [0]]), groups=np.array(["a", "a", "b", "a"]), resamples=4000)
    found, counts = np.unique(means, return_counts=True)
    assert found.tolist() == [0, 0.25, 1]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_groups_of_one_equal_no_groups():
    d = np.random.default_rng(3).normal(size=(9, 2))
    np.testing.assert_allclose(bootstrap_means(d), bootstrap_means(d, groups=np.arange(9)), atol=1e-15)


def test_unit_sums_add_members():
    sums, sizes = unit_sums(np.array([[1.0, 2], [3, 4], [5, 6]]), np.array(["b", "a", "b"]))
    assert sums.tolist() == [[3, 4], [6, 8]]
    assert sizes.tolist() == [1, 2]


def test_interval_has_the_confidence_asked_for():
    low, high = percentile_interval(np.arange(1001.0)[:, None], confidence=0.9)
    assert (low[0], high[0]) == pytest.approx((50, 950))  # 5 % and 95 % of 0..1000
