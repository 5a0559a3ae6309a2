"""Soft Dice, Jaccard and Tversky and their kin: hand values, identities, gradients."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kerasmetricloss.losses import FocalTversky, GeneralizedDice, SoftDice, SoftJaccard, SoftTversky

Y = np.array([[[1.0], [1.0], [0.0], [0.0]]], dtype="float32")
P = np.array([[[0.5], [1.0], [0.5], [0.0]]], dtype="float32")
masks = arrays.arrays(bool, (2, 3, 4, 1))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        # I = 1.5, |p| = 2, |y| = 2; squares |p|^2 = 1.5; cubes 1.25
        (SoftDice(), 1 - 3 / 4),
        (SoftDice(norm=2), 1 - 3 / 3.5),
        (SoftDice(norm=3), 1 - 3 / 3.25),
        (SoftJaccard(), 1 - 1.5 / 2.5),
        (SoftJaccard(norm=2), 1 - 1.5 / 2),
        (SoftTversky(alpha=0.3, beta=0.7), 1 - 1.5 / (1.5 + 0.3 * 0.5 + 0.7 * 0.5)),
        (SoftTversky(alpha=0.9, beta=0.1), 1 - 1.5 / (1.5 + 0.9 * 0.5 + 0.1 * 0.5)),
        (FocalTversky(), 0.25**0.75),
        (SoftDice(smooth_nr=1), 1 - 4 / 4),
        (SoftDice(smooth_dr=1), 1 - 3 / 5),
        (SoftJaccard(smooth_nr=0.5, smooth_dr=2), 1 - 2 / 4.5),
        # With hard truths p = 0 and p = 1 or the truth itself, both forms of the intersection agree.
        (SoftDice(intersection="semimetric"), 1 - 3 / 4),
    ],
    ids=repr,
)
def test_hand_values(loss, expected):
    assert float(loss(Y, P)) == pytest.approx(expected, rel=1e-6)


def test_false_positives_cost_alpha_and_false_negatives_beta():
    invented = np.array([[[1.0], [1.0], [1.0], [0.0]]], dtype="float32")
    missed = np.array([[[1.0], [0.0], [0.0], [0.0]]], dtype="float32")
    loss = SoftTversky(alpha=0.2, beta=0.8)
    assert float(loss(Y, invented)) == pytest.approx(1 - 2 / 2.2)
    assert float(loss(Y, missed)) == pytest.approx(1 - 1 / 1.8)


@given(masks, arrays.arrays("float32", (2, 3, 4, 1), elements=st.floats(0, 1, width=32)))
@settings(max_examples=25, deadline=None)
def test_equals_soft_dice_at_one_half_and_soft_jaccard_at_one(y, p):
    assert float(SoftTversky(alpha=0.5, beta=0.5)(y, p)) == float(SoftDice()(y, p))
    assert float(SoftTversky(alpha=1, beta=1)(y, p)) == float(SoftJaccard()(y, p))
    assert float(FocalTversky(gamma=1, alpha=1, beta=1)(y, p)) == pytest.approx(float(SoftJaccard()(y, p)), abs=1e-6)


@given(masks, masks)
@settings(max_examples=25, deadline=None)
def test_swapping_hard_masks_changes_nothing(y, p):
    for loss in (SoftDice(), SoftJaccard(), SoftDice(norm=2)):
        assert float(loss(y, p.astype("float32"))) == pytest.approx(float(loss(p, y.astype("float32"))), abs=1e-6)


@given(masks, arrays.arrays("float32", (2, 3, 4, 1), elements=st.floats(0, 1, width=32)))
@settings(max_examples=25, deadline=None)
def test_forms_of_the_intersection_agree_on_hard_truths(y, p):
    for loss in (SoftDice, SoftJaccard):
        found = float(loss(intersection="semimetric")(y, p))
        assert found == pytest.approx(float(loss()(y, p)), abs=1e-5)


def test_the_semimetric_form_is_right_for_fractional_truths():
    y = np.array([[[0.5], [0.25]]], dtype="float32")
    assert float(SoftDice(intersection="semimetric")(y, y)) == pytest.approx(0, abs=1e-7)
    assert float(SoftJaccard(intersection="semimetric", norm=2)(y, y)) == pytest.approx(0, abs=1e-7)
    assert float(SoftDice()(y, y)) > 0.5


@pytest.mark.parametrize(
    "loss",
    [
        SoftDice(),
        SoftDice(norm=2),
        SoftDice(norm=1.5, intersection="semimetric"),
        SoftJaccard(smooth_nr=0.1, smooth_dr=0.2),
        SoftTversky(alpha=0.3, beta=0.7, pool="batch"),
        FocalTversky(gamma=0.75),
        GeneralizedDice(),
        SoftDice(class_weights=[1, 3]),
    ],
    ids=repr,
)
def test_gradient_equals_finite_differences(loss, gradient):
    rng = np.random.default_rng(7)
    y = (rng.random((2, 3, 4, 2)) > 0.5).astype("float64")
    p = rng.uniform(0.1, 0.9, (2, 3, 4, 2)).astype("float32")
    slope = gradient(lambda x: loss(y, x), p)
    for index in [(0, 0, 0, 0), (0, 2, 1, 1), (1, 1, 3, 0), (1, 2, 2, 1)]:
        up, down = p.copy(), p.copy()
        up[index] += 0.02
        down[index] -= 0.02
        estimate = (float(loss(y, up)) - float(loss(y, down))) / (up[index] - down[index])
        assert slope[index] == pytest.approx(estimate, rel=0.02, abs=2e-5)


def test_an_empty_truth_gives_loss_one_and_gradient_zero_unless_smoothed_or_pooled(gradient):
    y = np.stack([np.zeros((4, 1)), Y[0]]).astype("float32")
    p = np.stack([P[0], P[0]])
    each = np.asarray(gradient(lambda x: SoftDice()(y, x), p))
    assert float(SoftDice()(y[:1], p[:1])) == 1
    assert (each[0] == 0).all()
    assert (gradient(lambda x: SoftDice(pool="batch")(y, x), p)[0] > 0).all()
    assert (gradient(lambda x: SoftDice(smooth_nr=2, smooth_dr=2)(y, x), p)[0] > 0).all()


def test_empty_says_what_two_empty_sets_score():
    nothing = np.zeros((1, 5, 1), dtype="float32")
    for loss in (SoftDice, SoftJaccard, SoftTversky):
        assert float(loss(empty=0.25)(nothing, nothing)) == 0.75


def test_the_focal_gradient_is_zero_at_loss_zero(gradient):
    assert (gradient(lambda p: FocalTversky(gamma=0.5)(Y, p), Y) == 0).all()


def test_generalized_dice_weighs_classes_by_their_inverse_squares():
    y = np.array([[[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]]], dtype="float32")
    p = np.array([[[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0.5, 0, 0.5]]], dtype="float32")
    # |y| = 3, 1, 0; weights 1/9, 1, none. I = 2, 1. |p| = 2, 1.5.
    expected = 1 - 2 * (2 / 9 + 1) / ((3 + 2) / 9 + 1 + 1.5)
    assert float(GeneralizedDice()(y, p)) == pytest.approx(expected, rel=1e-6)
    weighted = 1 - 2 * (2 * 2 / 9 + 1) / (2 * (3 + 2) / 9 + 1 + 1.5)
    assert float(GeneralizedDice(class_weights=[2, 1, 5])(y, p)) == pytest.approx(weighted, rel=1e-6)
    smooth = 1 - (2 * (2 / 9 + 1) + 0.5) / ((3 + 2) / 9 + 1 + 1.5 + 0.75)
    assert float(GeneralizedDice(smooth_nr=0.5, smooth_dr=0.75)(y, p)) == pytest.approx(smooth, rel=1e-6)


def test_generalized_dice_scales_smoothing_with_the_rarest_class():
    # One class of 4 voxels: w = 1/16, so 1 - (2 * 2 / 16 + 1) / (6 / 16 + 1).
    y, p = np.ones((1, 4, 1)), np.full((1, 4, 1), 0.5, dtype="float32")
    expected = 1 - (4 / 16 + 1) / (6 / 16 + 1)
    assert float(GeneralizedDice(smooth_nr=1, smooth_dr=1)(y, p)) == pytest.approx(expected, rel=1e-6)


def test_generalized_dice_of_a_truth_without_classes_is_that_of_empty_sets():
    y, p = np.zeros((1, 4, 2)), np.full((1, 4, 2), 0.5, dtype="float32")
    assert float(GeneralizedDice()(y, p)) == 0
    assert float(GeneralizedDice(empty=0)(y, p)) == 1


@pytest.mark.parametrize("arguments", [{"alpha": 0}, {"beta": -1}, {"alpha": float("nan")}], ids=str)
def test_tversky_weights_must_be_positive(arguments):
    with pytest.raises(ValueError, match="expected a number > 0"):
        SoftTversky(**arguments)


def test_the_focal_exponent_must_be_positive():
    with pytest.raises(ValueError, match="gamma=0"):
        FocalTversky(gamma=0)


@pytest.mark.parametrize(
    "logits", [[2.0, -3.0, -3.0, -3.0], [-3.0] * 4, [-0.5, -0.2, 0.1, -9.0], [3.0, 2.0, -0.1, 0.1]]
)
def test_logits_taken_for_probabilities_have_the_value_of_the_formula_and_a_gradient(gradient, logits):
    y_true, y_pred = np.array([[[1.0], [0.0], [0.0], [0.0]]], "float32"), np.array(logits, "float32").reshape(1, 4, 1)
    both, predicted = float((y_true * y_pred).sum()), float(y_pred.sum())
    for loss, alpha, beta in (
        (SoftDice(), 0.5, 0.5),
        (SoftJaccard(), 1, 1),
        (SoftTversky(alpha=0.3, beta=0.7), 0.3, 0.7),
    ):
        expected = 1 - both / (both + alpha * (predicted - both) + beta * (1 - both))
        assert float(loss(y_true, y_pred)) == pytest.approx(expected, rel=1e-5)
    for loss in (SoftDice(), SoftJaccard(), SoftTversky(alpha=0.3, beta=0.7), FocalTversky(), GeneralizedDice()):
        slope = gradient(lambda p, loss=loss: loss(y_true, p), y_pred)
        assert np.isfinite(slope).all()
    assert np.abs(gradient(lambda p: SoftDice()(y_true, p), y_pred)).max() > 0


@pytest.mark.parametrize("settings", [{"class_weights": [1, 0]}, {"include": [0]}])
@pytest.mark.parametrize("smoothing", [0, 1e-3])
def test_generalized_dice_of_classes_that_are_not_there_is_zero(settings, smoothing):
    y = np.array([[[0.0, 1.0], [0, 1]]], "float32")
    p = np.array([[[0.2, 0.9], [0.1, 0.8]]], "float32")
    assert float(GeneralizedDice(**settings, smooth_dr=smoothing)(y, p)) == 0


def test_a_loss_in_float64_has_the_digits_of_float64():
    if keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless its x64 mode is on")
    y, p = np.array([[[1.0], [0], [1]]]), np.array([[[1 / 3], [1 / 7], [1 / 11]]])
    expected = 1 - 2 * (1 / 3 + 1 / 11) / (2 + 1 / 3 + 1 / 7 + 1 / 11)
    assert float(SoftDice(dtype="float64")(y, p)) == pytest.approx(expected, abs=1e-14)
