"""Bayes decisions against brute force over all sets, and over all truths."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.theory import (
    best_expected_dice_set,
    best_ratio_set,
    cross_entropy_set,
    expected_dice,
    ratio_of_expectations,
)

POSTERIOR = st.lists(st.floats(0, 1), min_size=1, max_size=6).map(np.array)


def all_sets(size):
    return [np.array(bits, bool) for bits in itertools.product([0, 1], repeat=size)]


def dice_by_enumeration(posterior, mask):
    total = 0.0
    for truth in all_sets(posterior.size):
        probability = np.prod(np.where(truth, posterior, 1 - posterior))
        size = truth.sum() + mask.sum()
        total += probability * (2 * (truth & mask).sum() / size if size else 1.0)
    return total


@settings(max_examples=40, deadline=None)
@given(POSTERIOR, st.sampled_from(["dice", "jaccard"]))
def test_no_set_has_a_better_ratio_of_expectations(posterior, metric):
    best = best_ratio_set(posterior, metric=metric)
    by_force = max(ratio_of_expectations(posterior, s, metric=metric) for s in all_sets(posterior.size))
    assert best.score == pytest.approx(by_force)
    assert ratio_of_expectations(posterior, best.mask, metric=metric) == pytest.approx(by_force)


@settings(max_examples=40, deadline=None)
@given(POSTERIOR)
def test_the_threshold_is_half_the_best_dice_and_that_of_jaccard_is_the_same(posterior):
    dice, jaccard = best_ratio_set(posterior), best_ratio_set(posterior, metric="jaccard")
    assert dice.threshold == dice.score / 2
    assert jaccard.score / (1 + jaccard.score) == pytest.approx(dice.threshold)
    np.testing.assert_array_equal(dice.mask, posterior > dice.threshold)
    np.testing.assert_array_equal(dice.mask, jaccard.mask)


@settings(max_examples=40, deadline=None)
@given(POSTERIOR)
def test_cross_entropy_predicts_no_more_than_the_best_set(posterior):
    assert not (cross_entropy_set(posterior) & ~best_ratio_set(posterior).mask).any()


def test_of_two_best_sets_the_smaller_one_is_given():
    # |y| = 1 + 8/4 = 3. The first voxel alone: 2 * 1 / (3 + 1). Each of the others: (2 + 1/2 k) / (4 + k), the same.
    posterior = np.array([1.0, *[0.25] * 8])
    best = best_ratio_set(posterior)
    assert (best.score, best.threshold) == (0.5, 0.25)
    np.testing.assert_array_equal(best.mask, posterior == 1)
    assert ratio_of_expectations(posterior, np.ones(9)) == 0.5


def test_cross_entropy_misses_the_whole_of_an_object_that_is_never_likely():
    posterior = np.full((3, 4), 0.4)  # D = 2 * 0.4 * 12 / (0.4 * 12 + 12) = 4/7, threshold 2/7
    best = best_ratio_set(posterior)
    assert best.score == pytest.approx(4 / 7)
    assert best.mask.all()
    assert not cross_entropy_set(posterior).any()


def test_balanced_weights_move_the_threshold_of_cross_entropy_to_the_prior():
    prior, posterior = 0.1, np.array([0.05, 0.11, 0.5])
    weighted = cross_entropy_set(posterior, foreground=1 / (2 * prior), background=1 / (2 - 2 * prior))
    assert weighted.tolist() == [False, True, True]


@settings(max_examples=30, deadline=None)
@given(POSTERIOR, st.data())
def test_expected_dice_is_the_sum_over_all_truths(posterior, data):
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=posterior.size, max_size=posterior.size)))
    assert expected_dice(posterior, mask) == pytest.approx(dice_by_enumeration(posterior, mask))


@settings(max_examples=25, deadline=None)
@given(POSTERIOR)
def test_no_set_has_a_better_expected_dice(posterior):
    best = best_expected_dice_set(posterior)
    by_force = max(dice_by_enumeration(posterior, s) for s in all_sets(posterior.size))
    assert best.score == pytest.approx(by_force)
    assert expected_dice(posterior, best.mask) == pytest.approx(best.score)


def test_the_two_decisions_differ_for_one_voxel_of_probability_four_tenths():
    # Ratio: {x} has 2 * 0.4 / 1.4 = 0.57, nothing has 0. Expectation: {x} has 0.4, nothing has 0.6.
    posterior = np.array([0.4])
    assert best_ratio_set(posterior).mask.all()
    assert not best_expected_dice_set(posterior).mask.any()
    assert best_expected_dice_set(posterior).score == pytest.approx(0.6)


def test_a_certain_posterior_is_its_own_decision():
    posterior = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    for best in (best_ratio_set(posterior), best_expected_dice_set(posterior)):
        np.testing.assert_array_equal(best.mask, posterior == 1)
        assert best.score == 1


def test_an_empty_posterior_is_best_met_by_nothing():
    best = best_ratio_set(np.zeros((2, 3)))
    assert (best.mask.any(), best.score) == (False, 1.0)


def test_bad_input_is_refused_with_its_reason():
    with pytest.raises(ValueError, match=r"\(3,\) but mask has \(2,\)"):
        expected_dice(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match=r"probabilities lie in"):
        best_ratio_set(np.array([0.5, 1.5]))
    with pytest.raises(ValueError, match=r"probabilities lie in"):
        best_ratio_set(np.array([0.5, np.nan]))
    with pytest.raises(ValueError, match=r"'dice' or 'jaccard'"):
        best_ratio_set(np.array([0.5]), metric="f2")
    with pytest.raises(ValueError, match=r"mask runs from 0.4 to 2.0: a mask holds 0 and 1 only"):
        expected_dice(np.array([0.5, 0.5]), np.array([0.4, 2.0]))
    for weight in (0.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"both weights"):
            cross_entropy_set(np.array([0.5]), background=weight)
