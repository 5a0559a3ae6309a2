"""Cross-entropy and Eq. 10, by hand and against NumPy."""

import keras
import numpy as np
import pytest

from kerasmetricloss.losses import CrossEntropy, WeightedCrossEntropy

Y = np.array([[[1.0], [0.0], [0.0]]], dtype="float32")
P = np.array([[[0.8], [0.5], [0.1]]], dtype="float32")


def test_hand_value():
    # -(log 0.8 + log 0.5 + log 0.9) / 3
    assert float(CrossEntropy()(Y, P)) == pytest.approx(-(np.log(0.8) + np.log(0.5) + np.log(0.9)) / 3)


def test_weights_follow_the_prior():
    # p = 0.1: w1 = 1 / 0.2 = 5, w0 = 1 / 1.8; the mean is over 3 voxels, not over the weights.
    expected = -(5 * np.log(0.8) + (np.log(0.5) + np.log(0.9)) / 1.8) / 3
    assert float(WeightedCrossEntropy(prior=0.1)(Y, P)) == pytest.approx(expected, rel=1e-6)
    assert float(WeightedCrossEntropy(foreground=5, background=1 / 1.8)(Y, P)) == pytest.approx(expected, rel=1e-6)


def test_a_prior_of_one_half_is_plain_cross_entropy():
    assert float(WeightedCrossEntropy(prior=0.5)(Y, P)) == pytest.approx(float(CrossEntropy()(Y, P)))


def test_a_prior_a_class_weighs_each_class():
    y, p = np.concatenate([Y, 1 - Y], axis=-1), np.concatenate([P, P], axis=-1)
    parts = [float(WeightedCrossEntropy(prior=q, include=[c])(y, p)) for c, q in enumerate([0.1, 0.4])]
    assert float(WeightedCrossEntropy(prior=[0.1, 0.4])(y, p)) == pytest.approx(np.mean(parts), rel=1e-6)


def test_exclusive_classes_weigh_one_over_classes_and_prior():
    y, p = np.array([[0, 2]]), np.array([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]], dtype="float32")
    # Weights 1 / (3 * 0.5) and 1 / (3 * 0.2); the sum over classes, the mean over two voxels.
    expected = -(np.log(0.5) / 1.5 + np.log(0.6) / 0.6) / 2
    loss = WeightedCrossEntropy(prior=[0.5, 0.3, 0.2], classes="exclusive")
    assert float(loss(y, p)) == pytest.approx(expected, rel=1e-6)
    plain = CrossEntropy(classes="exclusive")
    assert float(plain(y, p)) == pytest.approx(-(np.log(0.5) + np.log(0.6)) / 2, rel=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"prior": 0.5, "foreground": 1, "background": 1},
        {"foreground": 1},
        {"background": 1},
        {"prior": 0},
        {"prior": [0.5, 1.0]},
        {"prior": 0.5, "classes": "exclusive"},
        {"prior": [0.5, 0.5], "background": 1, "classes": "exclusive"},
        {"prior": 0.5, "foreground": 1},
        {"prior": 0.5, "foreground": 0.0},
        {"prior": 0.5, "background": 0.0},
        {"prior": [0.5], "foreground": []},
        {"classes": "exclusive"},
        {"foreground": 0.0, "classes": "exclusive"},
        {"foreground": 2.0, "classes": "exclusive"},
        {"foreground": [1.0, 2.0], "background": 0.0, "classes": "exclusive"},
        {"prior": [0.5, 0.5], "foreground": [1.0, 2.0], "classes": "exclusive"},
        {"prior": [0.5, 0.5], "foreground": [], "classes": "exclusive"},
    ],
    ids=str,
)
def test_weights_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ValueError, match=r"prior"):
        WeightedCrossEntropy(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"prior": []},
            r"prior=\[\], expected shares of the voxels, above 0 and below 1: one number, or one a class\.",
        ),
        ({"prior": "a"}, "prior='a', expected shares"),
        ({"prior": {0: 0.5}}, "prior={0: 0.5}, expected shares"),
        ({"foreground": [], "background": 1.0}, r"foreground=\[\], expected weights of at least 0: one number, or one"),
        ({"foreground": 1.0, "background": []}, r"background=\[\], expected weights"),
        ({"foreground": [], "classes": "exclusive"}, r"foreground=\[\], expected weights"),
        ({"foreground": [1.0, None], "background": 1.0}, r"foreground=\[1.0, None\], expected weights"),
    ],
    ids=str,
)
def test_what_is_no_number_or_no_number_a_class_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        WeightedCrossEntropy(**arguments)


def test_a_weight_of_zero_leaves_out_its_side():
    # The foreground alone: -3 log 0.8 / 3. The background alone: -(log 0.5 + log 0.9) / 3.
    assert float(WeightedCrossEntropy(foreground=3.0, background=0.0)(Y, P)) == pytest.approx(-np.log(0.8), rel=1e-6)
    background = WeightedCrossEntropy(foreground=0.0, background=1.0)
    assert float(background(Y, P)) == pytest.approx(-(np.log(0.5) + np.log(0.9)) / 3, rel=1e-6)
    labels, p = np.array([[0, 2]]), np.array([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]], dtype="float32")
    exclusive = WeightedCrossEntropy(foreground=[0.0, 0.0, 4.0], classes="exclusive")
    assert float(exclusive(labels, p)) == pytest.approx(-4 * np.log(0.6) / 2, rel=1e-6)


def test_weights_for_another_number_of_classes_are_refused():
    with pytest.raises(ValueError, match="weights for 2 classes, but 1 classes count"):
        WeightedCrossEntropy(prior=[0.1, 0.4])(Y, P)


def test_weights_stay_out_of_the_denominator_and_ignored_voxels_too():
    # Weights 3, 0, 1: the sum of 3 * 0.223 and 0.105, over two voxels of weight > 0.
    expected = -(3 * np.log(0.8) + np.log(0.9)) / 2
    assert float(CrossEntropy()(Y, P, np.array([[3.0, 0.0, 1.0]]))) == pytest.approx(expected, rel=1e-6)
    assert float(CrossEntropy()(Y, P, np.zeros((1, 3)))) == 0


def test_an_output_masked_to_zero_gives_a_finite_value_and_no_gradient(gradient):
    y = np.array([[[1.0], [0.0], [1.0]]], dtype="float32")
    masked = np.array([[[0.0], [0.0], [0.5]]], dtype="float32")
    for loss in [CrossEntropy(), WeightedCrossEntropy(prior=0.1), CrossEntropy(pool="batch")]:
        assert np.isfinite(float(loss(y, masked)))
        slope = gradient(lambda p, f=loss: f(y, p), masked)
        assert slope[0, 0, 0] == 0
    both = np.concatenate([masked, masked], axis=-1)
    exclusive = CrossEntropy(classes="exclusive")
    assert (gradient(lambda p: exclusive(np.array([[0, 1, 0]]), p), both)[0, 0] == 0).all()


def test_certain_errors_cost_what_float32_can_tell():
    # 1 - p = 0 stands for less than 2^-25, p = 0 for less than the smallest normal number.
    one, zero = np.ones((1, 1, 1), dtype="float32"), np.zeros((1, 1, 1), dtype="float32")
    assert float(CrossEntropy()(zero, one)) == pytest.approx(25 * np.log(2), rel=1e-5)
    assert float(CrossEntropy()(one, zero)) == pytest.approx(126 * np.log(2), rel=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no float64 unless its x64 mode is on")
def test_certain_errors_in_double_precision_cost_more_where_it_tells_more():
    # Half the step of float64 below 1 is 2^-54; the floor of p is that of float32.
    one, zero = np.ones((1, 1, 1)), np.zeros((1, 1, 1))
    loss = CrossEntropy(dtype="float64")
    # On PyTorch, Keras 3.15 takes a maximum of float64 in single precision (2026-11).
    rel = 1e-6 if keras.backend.backend() == "torch" else 1e-9
    assert float(loss(zero, one)) == pytest.approx(54 * np.log(2), rel=rel)
    assert float(loss(one, zero)) == pytest.approx(126 * np.log(2), rel=rel)


def test_gradient_equals_minus_the_reciprocal_probability(gradient):
    slope = gradient(lambda p: CrossEntropy()(Y, p), P)
    np.testing.assert_allclose(slope[0, :, 0], [-1 / 0.8 / 3, 1 / 0.5 / 3, 1 / 0.9 / 3], rtol=1e-5)


def test_gradient_from_logits_is_probability_minus_truth(gradient):
    z = np.array([[[0.0], [-3.0], [40.0]]], dtype="float32")
    slope = gradient(lambda x: CrossEntropy(from_logits=True)(Y, x), z)
    np.testing.assert_allclose(slope[0, :, 0], (1 / (1 + np.exp(-z)) - Y)[0, :, 0] / 3, rtol=1e-5)


def test_fractional_truths_enter_as_they_are():
    y = np.full((1, 1, 1), 0.25, dtype="float32")
    p = np.full((1, 1, 1), 0.5, dtype="float32")
    assert float(CrossEntropy()(y, p)) == pytest.approx(np.log(2))


def test_a_class_that_a_logit_of_minus_infinity_masks_out_adds_nothing():
    logits = np.array([[[0.0, -np.inf], [1.0, -np.inf]]], "float32")
    assert float(CrossEntropy(classes="exclusive", from_logits=True)(np.array([[0, 0]]), logits)) == 0
