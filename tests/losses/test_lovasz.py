"""The Lovász extension: by hand, against its definition, by finite differences, and binned within 1 / bins."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import ops

from kerasmetricloss.losses import LovaszHinge, LovaszSigmoid, LovaszSoftmax
from kerasmetricloss.losses.extension import sorted_extension

numpy = ops.convert_to_numpy
# The example of kornia's tests: three voxels of three classes.
P = np.array([[[0.6, 0.29, 0.11], [0.21, 0.68, 0.11], [0.12, 0.19, 0.69]]], dtype="float32")

# Two sizes only: JAX compiles for each.
errors_and_truth = st.sampled_from([1, 8]).flatmap(
    lambda n: st.tuples(
        arrays.arrays("float32", (1, n, 1), elements=st.floats(0, 1, width=32)), arrays.arrays(bool, (1, n, 1))
    )
)


def jaccard_loss(chosen, y):
    """The Jaccard loss of the prediction that errs on the chosen voxels."""
    union = y.sum() + (chosen & ~y).sum()
    return 0.0 if union == 0 else chosen.sum() / union


def by_definition(errors, y):
    """The extension as the integral over t of J({e >= t}), in float64."""
    levels = np.unique(np.concatenate([[0.0], errors]))
    return sum((b - a) * jaccard_loss(errors >= b, y) for a, b in itertools.pairwise(levels))


@given(errors_and_truth)
@settings(max_examples=40, deadline=None)
def test_equals_the_integral_of_the_jaccard_loss_over_thresholds(example):
    p, y = example
    errors = np.abs(y - p.astype("float64"))[0, :, 0]
    assert float(LovaszSigmoid()(y, p)) == pytest.approx(by_definition(errors, y[0, :, 0]), abs=1e-5)


@given(errors_and_truth, st.sampled_from([2, 100]))
@settings(max_examples=60, deadline=None)
def test_binned_differs_by_at_most_one_over_bins(example, bins):
    p, y = example
    exact, binned = float(LovaszSigmoid()(y, p)), float(LovaszSigmoid(bins=bins)(y, p))
    assert abs(exact - binned) <= 1 / bins + 1e-6


@given(arrays.arrays(bool, (2, 6, 1)), arrays.arrays(bool, (2, 6, 1)))
@settings(max_examples=30, deadline=None)
def test_is_the_jaccard_loss_on_hard_predictions_binned_or_not(y, p):
    expected = np.mean([jaccard_loss((a != b)[:, 0], a[:, 0]) for a, b in zip(y, p, strict=True)])
    for bins in (None, 2, 10):
        assert float(LovaszSigmoid(bins=bins)(y, p.astype("float32"))) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("pool", ["image", "batch"])
@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
def test_binned_is_close_for_every_layout_and_weight(pool, form):
    rng = np.random.default_rng(3)
    p, y = rng.random((2, 4, 5, 3), dtype="float32"), rng.integers(0, 2, (2, 4, 5, 3))
    weight = rng.random((2, 4, 5), dtype="float32")
    if form == "channels_first":
        p, y = np.moveaxis(p, -1, 1), np.moveaxis(y, -1, 1)
    for weights in (None, weight):
        for build in (LovaszSigmoid, lambda **s: LovaszSoftmax(classes_in_mean="all", **s)):
            exact = build(pool=pool, data_format=form)(y, p, weights)
            binned = build(pool=pool, data_format=form, bins=5000)(y, p, weights)
            assert float(binned) == pytest.approx(float(exact), abs=1 / 5000)


@pytest.mark.parametrize("bins", [None, 1001])
def test_gradient_equals_finite_differences_away_from_ties(bins, gradient):
    rng = np.random.default_rng(11)
    y = (rng.random((2, 6, 2)) > 0.5).astype("float32")
    # Errors 0.04 apart, so that no step of 0.01 changes their order; all are levels of 1001 bins.
    p = (0.02 + 0.04 * rng.permutation(24).reshape(2, 6, 2)).astype("float32")
    p = np.where(y == 1, 1 - p, p).astype("float32")
    loss = LovaszSigmoid(bins=bins)
    slope = gradient(lambda x: loss(y, x), p)
    for index in [(0, 0, 0), (0, 3, 1), (1, 2, 0), (1, 5, 1)]:
        up, down = p.copy(), p.copy()
        up[index] += 0.01
        down[index] -= 0.01
        estimate = (float(loss(y, up)) - float(loss(y, down))) / 0.02
        assert slope[index] == pytest.approx(estimate, abs=1e-4)


@pytest.mark.parametrize("bins", [None, 51])
def test_gradients_of_a_truth_without_foreground_reach_the_largest_probabilities(bins, gradient):
    y = np.zeros((1, 4, 1), dtype="float32")
    p = np.array([[[0.2], [0.9], [0.4], [0.0]]], dtype="float32")
    loss = LovaszSigmoid(bins=bins)
    assert float(loss(y, p)) == pytest.approx(0.9)
    np.testing.assert_allclose(gradient(lambda x: loss(y, x), p)[0, :, 0], [0, 1, 0, 0], atol=1e-6)


@pytest.mark.parametrize("bins", [None, 7])
def test_tied_errors_have_one_value_whatever_their_order(bins):
    y = np.array([[[1.0], [0.0], [1.0], [0.0]]])
    p = np.full((1, 4, 1), 0.5, dtype="float32")
    assert float(LovaszSigmoid(bins=bins)(y, p)) == pytest.approx(0.5)
    assert float(LovaszSigmoid(bins=bins)(1 - y, p)) == pytest.approx(0.5)


def test_two_hundred_thousand_voxels_keep_their_digits():
    # All errors one half: the value is one half. Differences of J would be lost in float32.
    y = (np.arange(200_000) % 10 == 0).reshape(1, -1, 1)
    p = np.full(y.shape, 0.5, dtype="float32")
    for bins in (None, 1001):
        assert float(LovaszSigmoid(bins=bins)(y, p)) == pytest.approx(0.5, rel=2e-5)


@pytest.mark.parametrize("bins", [None, 10_000])
@pytest.mark.parametrize(
    ("labels", "expected"), [([0, 1, 2], [0.4, 0.32, 0.31]), ([0, 0, 0], [0.69, 0.68, 0.69])], ids=str
)
def test_softmax_equals_the_published_example_class_by_class(labels, expected, bins):
    loss = [LovaszSoftmax(classes_in_mean="all", include=[c], bins=bins) for c in range(3)]
    found = [float(function(np.array([labels]), P)) for function in loss]
    np.testing.assert_allclose(found, expected, atol=1e-6 if bins is None else 1 / bins)


def test_classes_in_the_mean_are_those_present_or_all():
    labels = np.array([[0, 0, 0]])
    # Class 0: errors .4, .79, .88, all foreground, so their mean. Classes 1 and 2 are absent: the largest error.
    first, rest = (0.4 + 0.79 + 0.88) / 3, [0.68, 0.69]
    assert float(LovaszSoftmax()(labels, P)) == pytest.approx(first, rel=1e-5)
    assert float(LovaszSoftmax(classes_in_mean="all")(labels, P)) == pytest.approx((first + sum(rest)) / 3, rel=1e-5)
    labels = np.array([[1, 1, 2]])
    second, third = (float(LovaszSoftmax(include=[c])(labels, P)) for c in (1, 2))
    found = float(LovaszSoftmax(class_weights=[1, 2, 5])(labels, P))
    assert found == pytest.approx((2 * second + 5 * third) / 7, rel=1e-5)


def test_an_image_that_is_ignored_as_a_whole_has_loss_zero():
    assert float(LovaszSoftmax(ignore_label=9)(np.full((1, 3), 9), P)) == 0


def test_hinge_by_hand():
    y = np.array([[[1.0], [0.0], [1.0]]])
    z = np.array([[[0.5], [2.0], [3.0]]], dtype="float32")
    # Errors .5, 3, 0: first 3 (background, 1/3), then .5 (foreground, 2/3 - 1/3).
    assert float(LovaszHinge()(y, z)) == pytest.approx(3 / 3 + 0.5 / 3)
    assert float(LovaszHinge()(y, 2 * y.astype("float32") - 1)) == 0


def test_rows_of_the_function_are_independent():
    rng = np.random.default_rng(0)
    errors, truth = rng.random((3, 7), dtype="float32"), rng.integers(0, 2, (3, 7)).astype("float32")
    each = [float(sorted_extension(errors[i : i + 1], truth[i : i + 1])[0]) for i in range(3)]
    np.testing.assert_allclose(numpy(sorted_extension(errors, truth)), each, rtol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LovaszSigmoid(classes="exclusive"), "use LovaszSoftmax"),
        (lambda: LovaszSoftmax(classes="independent"), "use LovaszSigmoid"),
        (lambda: LovaszSoftmax(classes_in_mean="some"), "classes_in_mean='some'"),
        (lambda: LovaszSigmoid(bins=1), "bins=1"),
        (lambda: LovaszHinge(bins=100), "not bounded"),
        (lambda: LovaszHinge(from_logits=False), "takes logits"),
    ],
    ids=["sigmoid", "softmax", "mean", "bins", "hinge bins", "hinge probabilities"],
)
def test_arguments_that_make_no_sense_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("bins", [None, 1000])
def test_a_million_weighted_voxels_keep_their_digits(bins):
    # 300 000 of foreground at error 0.5, a million of background at 0.9; one weight for all changes nothing:
    # L = 0.9 * (1000 / 1300) + 0.5 * (1 - 1000 / 1300)
    truth = np.zeros((1, 1_300_000, 1), "float32")
    truth[:, :300_000] = 1
    prediction = np.where(truth > 0, 0.5, 0.9).astype("float32")
    weight = np.full(truth.shape[:-1], 0.1, "float32")
    found = float(LovaszSigmoid(bins=bins)(truth, prediction, weight))
    assert found == pytest.approx(0.9 * 10 / 13 + 0.5 * 3 / 13, abs=1e-5 if bins is None else 2e-4)


@pytest.mark.parametrize("bins", [None, 1001])
def test_a_constant_prediction_is_drawn_to_one_half_and_held_there(bins):
    y = np.zeros((1, 20, 1), "float32")
    y[0, :5] = 1  # a quarter is foreground
    constants = {0.0: 1.0, 0.3: 0.7, 0.5: 0.5, 0.6: 0.55, 1.0: 0.75}  # 1 - p, then 1/4 + p / 2
    loss = LovaszSigmoid(bins=bins)
    found = [float(loss(y, np.full_like(y, p))) for p in constants]
    assert found == pytest.approx(list(constants.values()), abs=1e-3)
    # With cross-entropy first, any p on the foreground above that on the background is below this.
    assert float(loss(y, np.where(y > 0, 0.55, 0.45).astype("float32"))) == pytest.approx(0.45, abs=1e-3)


@pytest.mark.parametrize("bins", [None, 11])
def test_a_tiny_weight_before_a_large_one_counts_once(bins):
    # An empty truth: the largest p alone, whatever its weight.
    p = np.array([[[0.9], [0.8], [0.7]]], "float32")
    weight = np.array([[1e-9, 1, 1]], "float32")
    assert float(LovaszSigmoid(bins=bins)(np.zeros_like(p), p, weight)) == pytest.approx(0.9, abs=1e-6)


def test_images_without_voxels_have_loss_zero():
    nothing = np.zeros((3, 0, 4, 1), "float32")
    assert float(LovaszSigmoid()(nothing, nothing)) == 0
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        step = tf.function(LovaszSigmoid(), input_signature=[tf.TensorSpec((None, 0, 4, 1))] * 2)
        assert float(step(nothing, nothing)) == 0
