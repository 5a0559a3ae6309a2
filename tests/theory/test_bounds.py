"""The propositions' numbers, held against counting and against numerical optimisation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from kerasmetricloss.similarities import ratios
from kerasmetricloss.theory import (
    all_counts,
    dice_jaccard_bounds,
    dice_risk_bounds,
    hamming_dice_bounds,
    hamming_weighted_hamming_bounds,
    jaccard_risk_bounds,
    tversky_bounds,
    tversky_dice_bounds,
    tversky_risk_bounds,
    weighted_hamming_bounds,
    weighted_hamming_dice_bounds,
    weighted_hamming_tversky_bounds,
    worst_case,
)

WEIGHT = st.floats(0.05, 5.0)
GAMMA = st.floats(0.02, 0.98)


def tversky(alpha, beta):
    return lambda tp, fp, fn, tn: ratios.tversky(tp, tp + fp, tp + fn, alpha=alpha, beta=beta)


def hamming(tp, fp, fn, tn):
    return ratios.hamming(tp, tp + fp, tp + fn, tp + fp + fn + tn)


def weighted_hamming(gamma):
    return lambda tp, fp, fn, tn: ratios.weighted_hamming(tp, tp + fp, tp + fn, tp + fp + fn + tn, gamma=gamma)


dice, jaccard = tversky(0.5, 0.5), tversky(1.0, 1.0)


def test_dice_and_jaccard_differ_by_at_most_three_minus_two_root_two_and_a_factor_of_two():
    assert dice_jaccard_bounds() == pytest.approx((0.171572875253, 1.0), abs=1e-12)
    worst = worst_case(dice, jaccard, all_counts(60))
    assert worst.absolute == pytest.approx(dice_jaccard_bounds().absolute, abs=1e-4)
    assert worst.absolute <= dice_jaccard_bounds().absolute
    assert worst.relative == pytest.approx(120 / 61 - 1)  # one hit, 59 errors: D = 2/61, J = 1/60, D/J = 120/61
    assert worst.relative < dice_jaccard_bounds().relative


@settings(max_examples=30, deadline=None)
@given(WEIGHT, WEIGHT, WEIGHT, WEIGHT)
def test_no_masks_of_twenty_pixels_break_the_tversky_bounds(alpha, beta, other_alpha, other_beta):
    bounds = tversky_bounds(alpha=alpha, beta=beta, other_alpha=other_alpha, other_beta=other_beta)
    worst = worst_case(tversky(alpha, beta), tversky(other_alpha, other_beta), all_counts(20))
    assert worst.absolute <= bounds.absolute + 1e-12
    assert worst.relative <= bounds.relative * (1 + 1e-12) + 1e-12


@settings(max_examples=15, deadline=None)
@given(WEIGHT, WEIGHT, WEIGHT, WEIGHT)
def test_tversky_bounds_are_what_an_optimiser_finds(alpha, beta, other_alpha, other_beta):
    def values(log_errors):  # one true positive, and any positive amounts of both errors
        fp, fn = np.exp(log_errors)
        return 1 / (1 + alpha * fp + beta * fn), 1 / (1 + other_alpha * fp + other_beta * fn)

    def difference(log_errors):
        first, second = values(log_errors)
        return -abs(first - second)

    def quotient(log_errors):
        first, second = values(log_errors)
        return -max(first / second, second / first)

    starts = [(1.0, -9.0), (-9.0, 1.0), (-1.0, -9.0), (-9.0, -1.0)]
    box = [(-40.0, 40.0)] * 2
    absolute = max(-optimize.minimize(difference, s, method="Nelder-Mead", bounds=box).fun for s in starts)
    relative = max(-quotient(corner) for corner in [(40.0, -40.0), (-40.0, 40.0)]) - 1
    bounds = tversky_bounds(alpha=alpha, beta=beta, other_alpha=other_alpha, other_beta=other_beta)
    assert bounds.absolute == pytest.approx(absolute, abs=1e-5)
    assert bounds.relative == pytest.approx(relative, abs=1e-9)


@pytest.mark.parametrize("alpha", [0.1, 0.25, 1.0, 2.0, 7.0])
def test_tversky_and_dice_have_the_errors_of_proposition_ii_3(alpha):
    root = math.sqrt(2 * alpha)
    absolute, relative = tversky_dice_bounds(alpha, 0.5)
    assert absolute == pytest.approx(abs(root - 1) / (root + 1))
    assert relative == pytest.approx(max(2 * alpha, 0.5 / alpha) - 1)
    assert tversky_dice_bounds(0.5, alpha) == (absolute, relative)


def test_the_corrected_maximiser_reaches_the_bound_at_alpha_two():
    # The printed maximiser (a - sqrt(2a)) / (a - 2) is 0/0 here; sqrt(2a) / (sqrt(2a) + 2) is 1/2.
    # tp = fp: D = 2/3, T = 1/(1 + 2) = 1/3.
    worst = worst_case(dice, tversky(2.0, 0.5), all_counts(24))
    assert tversky_dice_bounds(2.0, 0.5).absolute == pytest.approx(1 / 3)
    assert worst.absolute == pytest.approx(1 / 3)
    assert worst.at_absolute[0] == worst.at_absolute[1]


def test_tversky_bounds_vanish_for_dice_itself_and_include_jaccard():
    assert tversky_dice_bounds(0.5, 0.5) == (0.0, 0.0)
    assert tversky_dice_bounds(1.0, 1.0) == pytest.approx(dice_jaccard_bounds())


@settings(max_examples=30, deadline=None)
@given(WEIGHT, WEIGHT, WEIGHT, WEIGHT)
def test_tversky_bounds_are_the_same_in_both_directions(alpha, beta, other_alpha, other_beta):
    there = tversky_bounds(alpha=alpha, beta=beta, other_alpha=other_alpha, other_beta=other_beta)
    back = tversky_bounds(alpha=other_alpha, beta=other_beta, other_alpha=alpha, other_beta=beta)
    assert there == pytest.approx(back)


@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.5, 1.0])
def test_no_gamma_keeps_the_weighted_hamming_similarity_near_dice(gamma):
    # The family of the docstring: k pixels found among k^2 false positives, in k^3 pixels.
    k = 1000.0
    counts = np.array([[k, k**2, 0, k**3 - k - k**2]])
    worst = worst_case(weighted_hamming(gamma), dice, counts)
    assert worst.absolute > 0.996
    assert worst.relative > 400
    assert weighted_hamming_dice_bounds() == (1.0, math.inf)
    assert weighted_hamming_tversky_bounds() == (1.0, math.inf)


def test_accuracy_promises_nothing_for_dice_on_a_small_object():
    # One missed pixel of 40: H = 39/40, D = 0.
    worst = worst_case(hamming, dice, all_counts(40))
    assert worst.absolute == pytest.approx(39 / 40)
    assert worst.relative == math.inf
    assert hamming_dice_bounds() == (1.0, math.inf)


@settings(max_examples=30, deadline=None)
@given(GAMMA, GAMMA)
def test_no_masks_break_the_weighted_hamming_bounds(gamma, other_gamma):
    bounds = weighted_hamming_bounds(gamma, other_gamma)
    worst = worst_case(weighted_hamming(gamma), weighted_hamming(other_gamma), all_counts(15))
    assert worst.absolute == pytest.approx(bounds.absolute, abs=1e-12)  # all missed, nothing invented
    assert worst.relative <= bounds.relative * (1 + 1e-9) + 1e-12


def test_a_weighted_hamming_similarity_without_weight_on_one_side_has_no_relative_bound():
    assert weighted_hamming_bounds(0.0, 0.25) == (0.25, math.inf)
    assert weighted_hamming_bounds(1.0, 1.0) == (0.0, 0.0)


@pytest.mark.parametrize("gamma", [0.3, 0.8])
def test_accuracy_comes_as_close_as_one_likes_to_its_bound_against_a_fixed_gamma(gamma):
    bounds = hamming_weighted_hamming_bounds(gamma)
    worst = worst_case(hamming, weighted_hamming(gamma), all_counts(60))
    assert bounds.absolute - 0.02 < worst.absolute <= bounds.absolute
    assert worst.relative > 10
    assert bounds == (max(gamma, 1 - gamma), math.inf)


CASE = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)).filter(any)


@settings(max_examples=50, deadline=None)
@given(st.lists(CASE, min_size=1, max_size=8), WEIGHT, WEIGHT, WEIGHT, WEIGHT)
def test_no_set_of_images_breaks_the_risk_bounds(cases, alpha, beta, other_alpha, other_beta):
    tp, fp, fn = np.array(cases, float).T
    risk = float(np.mean(1 - tversky(alpha, beta)(tp, fp, fn, 0)))
    other = float(np.mean(1 - tversky(other_alpha, other_beta)(tp, fp, fn, 0)))
    weights = {"alpha": alpha, "beta": beta, "other_alpha": other_alpha, "other_beta": other_beta}
    low, high = tversky_risk_bounds(min(max(risk, 0.0), 1.0), **weights)
    assert low - 1e-12 <= other <= high + 1e-12


def test_the_jaccard_risk_lies_between_the_dice_risk_and_phi_of_it():
    # phi(0.2) = 0.4 / 1.2. All images alike reach the upper end, perfect and empty ones mixed the lower.
    low, high = jaccard_risk_bounds(0.2)
    assert (low, high) == pytest.approx((0.2, 1 / 3))
    assert dice_risk_bounds(high) == pytest.approx((0.2, 1 / 3))
    assert jaccard_risk_bounds(0.0) == (0.0, 0.0)
    assert jaccard_risk_bounds(1.0) == (1.0, 1.0)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_tversky_weights_must_be_positive(weight):
    with pytest.raises(ValueError, match=r"beta is"):
        tversky_dice_bounds(0.5, weight)


def test_risks_and_gammas_must_be_shares():
    with pytest.raises(ValueError, match=r"risk is 1.5"):
        jaccard_risk_bounds(1.5)
    with pytest.raises(ValueError, match=r"gamma is -0.1"):
        weighted_hamming_bounds(-0.1, 0.5)
