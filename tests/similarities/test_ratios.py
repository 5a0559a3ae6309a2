"""Eqs. 2-6 on counts: plain arithmetic, with the empty-set rule and smoothing."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.similarities import ratios

counts = st.integers(0, 50)


@st.composite
def two_sets(draw):
    """(I, P, Y) of two sets."""
    both, invented, missed = draw(counts), draw(counts), draw(counts)
    return both, both + invented, both + missed


def test_hand_values():
    # I = 2, P = 4, Y = 3, d = 12: FP = 2, FN = 1.
    assert ratios.dice(2, 4, 3) == pytest.approx(4 / 7)
    assert ratios.jaccard(2, 4, 3) == pytest.approx(2 / 5)
    assert ratios.tversky(2, 4, 3, alpha=0.3, beta=0.7) == pytest.approx(2 / (2 + 0.6 + 0.7))
    assert ratios.f_beta(2, 4, 3, beta=2) == pytest.approx(5 * 2 / (4 + 4 * 3))
    assert ratios.hamming(2, 4, 3, 12) == pytest.approx(9 / 12)
    # 0.25 of the weight on 1 of 3 missed, 0.75 on 2 of 9 invented.
    assert ratios.weighted_hamming(2, 4, 3, 12, gamma=0.25) == pytest.approx(1 - 0.25 / 3 - 0.75 * 2 / 9)


@pytest.mark.parametrize("ratio", [ratios.dice, ratios.jaccard])
@pytest.mark.parametrize(
    ("sizes", "score"), [((0, 0, 0), 1.0), ((0, 5, 0), 0.0), ((0, 0, 5), 0.0), ((3, 3, 3), 1.0)], ids=str
)
def test_the_four_cases_of_empty_sets(ratio, sizes, score):
    assert ratio(*sizes) == score


def test_two_empty_sets_score_what_empty_says():
    assert ratios.dice(0, 0, 0, empty=0.0) == 0.0
    assert ratios.dice(0, 5, 0, empty=0.7) == 0.0
    assert np.isnan(ratios.jaccard(0, 0, 0, empty=float("nan")))


def test_smoothing_of_dice_is_that_of_the_form_with_two_intersections():
    # (2 * 2 + 1) / (4 + 3 + 5)
    assert ratios.dice(2, 4, 3, smooth_nr=1, smooth_dr=5) == pytest.approx(5 / 12)
    assert ratios.f_beta(2, 4, 3, beta=1, smooth_nr=1, smooth_dr=5) == pytest.approx(5 / 12)
    # (2 + 1) / (5 + 5)
    assert ratios.jaccard(2, 4, 3, smooth_nr=1, smooth_dr=5) == pytest.approx(0.3)


def test_smoothed_empty_sets_score_the_ratio_of_the_smoothing():
    assert ratios.dice(0, 0, 0, smooth_nr=1, smooth_dr=4) == 0.25
    assert ratios.dice(0, 0, 0, smooth_nr=1, smooth_dr=0) == 1.0


def test_error_rates_over_empty_sets_are_zero():
    assert ratios.weighted_hamming(0, 0, 0, 6, gamma=0.5) == 1.0
    assert ratios.weighted_hamming(0, 3, 0, 6, gamma=0.5) == 0.75
    assert ratios.weighted_hamming(6, 6, 6, 6, gamma=0.5) == 1.0
    assert ratios.hamming(0, 0, 0, 0) == 1.0


@given(two_sets())
@settings(max_examples=200, deadline=None)
def test_jaccard_and_dice_hold_to_equation_seven(sizes):
    dice, jaccard = ratios.dice(*sizes), ratios.jaccard(*sizes)
    assert jaccard == pytest.approx(dice / (2 - dice))
    assert dice == pytest.approx(2 * jaccard / (1 + jaccard))


@given(two_sets(), st.floats(0.05, 3), st.floats(0.05, 3))
@settings(max_examples=200, deadline=None)
def test_tversky_is_in_range_and_falls_with_false_positives(sizes, alpha, beta):
    both, predicted, true = sizes
    score = ratios.tversky(both, predicted, true, alpha=alpha, beta=beta)
    assert 0 <= score <= 1
    assert ratios.tversky(both, predicted + 1, true, alpha=alpha, beta=beta) <= score


@given(two_sets(), st.floats(0.05, 3), st.floats(0.05, 3))
@settings(max_examples=100, deadline=None)
def test_swapping_sets_swaps_alpha_and_beta(sizes, alpha, beta):
    both, predicted, true = sizes
    forth = ratios.tversky(both, predicted, true, alpha=alpha, beta=beta)
    assert forth == pytest.approx(ratios.tversky(both, true, predicted, alpha=beta, beta=alpha))
    assert ratios.dice(*sizes) == ratios.dice(both, true, predicted)


@given(two_sets(), st.floats(0.1, 5))
@settings(max_examples=100, deadline=None)
def test_f_beta_is_the_weighted_harmonic_mean_of_precision_and_recall(sizes, beta):
    both, predicted, true = sizes
    if both:
        precision, recall = both / predicted, both / true
        expected = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
        assert ratios.f_beta(*sizes, beta=beta) == pytest.approx(expected)


@given(two_sets(), st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_weighted_hamming_at_the_share_of_the_foreground_is_hamming(sizes, rest):
    both, predicted, true = sizes
    voxels = predicted + true - both + rest
    if voxels:
        expected = ratios.hamming(*sizes, voxels)
        assert ratios.weighted_hamming(*sizes, voxels, gamma=true / voxels) == pytest.approx(expected)


def test_arrays_go_through_element_by_element():
    scores = ratios.dice(np.array([2, 0, 0]), np.array([4, 0, 3]), np.array([4, 0, 0]))
    np.testing.assert_array_equal(scores, [0.5, 1.0, 0.0])


def test_a_tensor_without_a_division_for_tensors_is_refused():

    from keras import ops

    with pytest.raises(TypeError, match=r"pass divide=kerasmetricloss\.similarities\.divide"):
        ratios.dice(*(ops.convert_to_tensor(x) for x in (1.0, 2.0, 2.0)))


def test_ratios_and_settings_work_without_keras():
    program = (
        "import sys; sys.modules['keras'] = None\n"
        "from kerasmetricloss.similarities import ratios, Layout, Overlap\n"
        "assert ratios.dice(1, 2, 2) == 0.5 and Layout().pool == 'image' and Overlap().norm == 1"
    )
    # The package's own __init__ may or may not import Keras; here only this subpackage matters.
    code = f"import types, sys; {program}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert result.returncode == 0, result.stderr
