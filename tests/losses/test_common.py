"""What holds for the value of every loss."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss import losses

from .families import (
    BUILD,
    DEAF_TO_AN_EMPTY_TRUTH,
    EITHER,
    EXCLUSIVE_ONLY,
    FROM_ZERO_TO_ONE,
    LEARNS_FROM_AN_EMPTY_TRUTH,
    LOGITS_ONLY,
    NOT_ONE_MINUS,
    ONE_MINUS,
    UNBOUNDED,
    arrays,
    every_loss,
    some,
)

numpy = ops.convert_to_numpy


def exported():
    found = {value for name, value in vars(losses).items() if isinstance(value, type)}
    bases = {losses.SegmentationLoss, losses.WeightedSum, losses.PartMetric}
    return found - bases


@pytest.mark.parametrize(
    "classification",
    [
        (EXCLUSIVE_ONLY, LOGITS_ONLY, EITHER),
        (FROM_ZERO_TO_ONE, UNBOUNDED),
        (LEARNS_FROM_AN_EMPTY_TRUTH, DEAF_TO_AN_EMPTY_TRUTH),
        (set(ONE_MINUS), NOT_ONE_MINUS),
    ],
    ids=["classes", "range", "empty truth", "metric"],
)
def test_every_loss_is_classified_once(classification):
    assert set.union(*classification) == exported() == {entry.loss for entry in losses.catalog()}
    assert sum(map(len, classification)) == len(exported())


@every_loss
def test_value_is_the_mean_over_images(loss):
    y_true, y_pred = arrays(loss, 5, 6)
    each = [float(BUILD[loss]()(y_true[i : i + 1], y_pred[i : i + 1])) for i in range(2)]
    assert float(BUILD[loss]()(y_true, y_pred)) == pytest.approx(np.mean(each), rel=1e-5)
    np.testing.assert_allclose(numpy(BUILD[loss](reduction=None)(y_true, y_pred)), each, rtol=1e-5)
    assert float(BUILD[loss](reduction="sum")(y_true, y_pred)) == pytest.approx(sum(each), rel=1e-5)


@every_loss
@pytest.mark.parametrize("space", [(7,), (3, 4, 5)], ids=str)
def test_channels_first_and_label_maps_change_nothing(loss, space):
    y_true, y_pred = arrays(loss, *space)
    expected = float(BUILD[loss]()(y_true, y_pred))
    first = BUILD[loss](data_format="channels_first")
    assert float(first(np.moveaxis(y_true, -1, 1), np.moveaxis(y_pred, -1, 1))) == pytest.approx(expected, rel=1e-5)
    assert float(BUILD[loss]()(y_true.argmax(axis=-1), y_pred)) == pytest.approx(expected, rel=1e-6)


@every_loss
def test_class_weights_weigh_the_mean_over_classes(loss):
    y_true, y_pred = arrays(loss, 5, 6)
    parts = [float(BUILD[loss](include=[c])(y_true, y_pred)) for c in range(3)]
    found = float(BUILD[loss](class_weights=[1, 0, 3])(y_true, y_pred))
    if loss is not losses.GeneralizedDice:  # It has no value a class; its own test is in test_overlap.
        assert found == pytest.approx((parts[0] + 3 * parts[2]) / 4, rel=1e-5)
    assert float(BUILD[loss](include=[0, 2], class_weights=[1, 3])(y_true, y_pred)) == pytest.approx(found, rel=1e-5)


@every_loss
def test_class_weights_for_other_classes_are_refused(loss):
    with pytest.raises(ValueError, match="class_weights has 2 entries for 3 classes"):
        BUILD[loss](class_weights=[1, 2])(*arrays(loss, 5, 6))


@every_loss
@pytest.mark.parametrize("pool", ["image", "batch"])
def test_voxels_of_weight_zero_might_as_well_not_be_there(loss, pool, gradient):
    y_true, y_pred = arrays(loss, 9)
    weight = np.array([1, 1, 0, 1, 0, 1, 1, 0, 1], dtype="float32")
    keep = weight > 0
    function = BUILD[loss](pool=pool)
    expected = float(function(y_true[:, keep], y_pred[:, keep]))
    for weights in [np.tile(weight, (2, 1)), np.tile(weight, (2, 1))[..., None]]:
        assert float(function(y_true, y_pred, weights)) == pytest.approx(expected, rel=1e-5)
    slope = gradient(lambda p: function(y_true, p, np.tile(weight, (2, 1))), y_pred)
    assert (slope[:, ~keep] == 0).all()
    assert np.abs(slope[:, keep]).max() > 0


@every_loss
def test_ignored_voxels_change_neither_value_nor_gradient(loss, gradient):
    y_true, y_pred = arrays(loss, 4, 5)
    labels = y_true.argmax(axis=-1)
    labels[:, 1:3, 2] = 255
    function = BUILD[loss](ignore_label=255)
    other = y_pred.copy()
    other[:, 1:3, 2] = other[:, 1:3, 2][..., ::-1] / 2
    assert float(function(labels, y_pred)) == float(function(labels, other))
    slope = gradient(lambda p: function(labels, p), y_pred)
    assert (slope[:, 1:3, 2] == 0).all()


@every_loss
@pytest.mark.parametrize("pool", ["image", "batch"])
def test_ignored_voxels_of_masks_a_class_have_no_gradient(loss, pool, gradient):
    y_true, y_pred = arrays(loss, 4, 5)
    y_true[:, 1:3, 2] = 255
    function = BUILD[loss](ignore_label=255, pool=pool)
    other = y_pred.copy()
    other[:, 1:3, 2] = other[:, 1:3, 2][..., ::-1] / 2
    # Where they stand in the order of the errors changes the order of the sums, and so the last digit.
    assert float(function(y_true, y_pred)) == pytest.approx(float(function(y_true, other)), rel=1e-6)
    assert (gradient(lambda p: function(y_true, p), y_pred)[:, 1:3, 2] == 0).all()


@every_loss
def test_whole_weights_count_voxels_twice(loss):
    if issubclass(loss, losses.CrossEntropy):
        pytest.skip("cross-entropy is a mean over voxels, not over weights: see test_cross_entropy")
    y_true, y_pred = arrays(loss, 6)
    weight = np.array([1, 2, 1, 3, 1, 1], dtype="float32")
    twice = [np.repeat(x, weight.astype(int), axis=1) for x in (y_true, y_pred)]
    found = float(BUILD[loss]()(y_true, y_pred, np.tile(weight, (2, 1))))
    assert found == pytest.approx(float(BUILD[loss]()(*twice)), rel=1e-5)


@every_loss
def test_weights_of_images_scale_their_losses(loss):
    y_true, y_pred = arrays(loss, 4, 5)
    each = numpy(BUILD[loss](reduction=None)(y_true, y_pred))
    weight = np.array([0.5, 2.0], dtype="float32")
    assert float(BUILD[loss]()(y_true, y_pred, weight)) == pytest.approx((each * weight).mean(), rel=1e-5)
    mean = float(BUILD[loss](reduction="mean_with_sample_weight")(y_true, y_pred, weight))
    assert mean == pytest.approx((each * weight).sum() / 2.5, rel=1e-5)


@every_loss
def test_pooling_treats_the_batch_as_one_image(loss):
    y_true, y_pred = arrays(loss, 5, 6)
    joined = [x.reshape(1, 10, 6, 3) for x in (y_true, y_pred)]
    assert float(BUILD[loss](pool="batch")(y_true, y_pred)) == pytest.approx(float(BUILD[loss]()(*joined)), rel=1e-5)


@some(EITHER | EXCLUSIVE_ONLY)
@pytest.mark.parametrize("classes", ["independent", "exclusive"])
def test_logits_equal_their_probabilities(loss, classes):
    refused = {"independent": losses.LovaszSoftmax, "exclusive": losses.LovaszSigmoid}[classes]
    if loss is refused:
        pytest.skip("of the other kind")
    build = BUILD[loss]
    if classes == "exclusive" and loss is losses.WeightedCrossEntropy:
        build = lambda **s: losses.WeightedCrossEntropy(prior=[0.2, 0.3, 0.5], **s)  # noqa: E731
    y_true, _ = arrays(loss, 4, 5)
    logits = 3 * np.random.default_rng(3).standard_normal(y_true.shape).astype("float32")
    y_pred = ops.sigmoid(logits) if classes == "independent" else ops.softmax(logits)
    found = float(build(classes=classes, from_logits=True)(y_true, logits))
    assert found == pytest.approx(float(build(classes=classes)(y_true, y_pred)), rel=1e-4)


@some(FROM_ZERO_TO_ONE)
@pytest.mark.parametrize("seed", range(5))
def test_stays_between_zero_and_one(loss, seed):
    y_true, y_pred = arrays(loss, 4, 5, seed=seed)
    assert 0 <= float(BUILD[loss]()(y_true, y_pred)) <= 1
    assert float(BUILD[loss]()(y_true, y_true)) == 0


@some(set(ONE_MINUS))
def test_on_hard_labels_is_one_minus_the_similarity(loss):
    y_true, y_pred = arrays(loss, 5, 6)
    hard = np.eye(3, dtype="float32")[y_pred.argmax(axis=-1)]
    expected = 1 - numpy(ONE_MINUS[loss](y_true, hard)).mean()
    assert float(BUILD[loss]()(y_true, hard)) == pytest.approx(expected, abs=1e-6)


@every_loss
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bit_predictions_give_the_loss_of_their_values(loss, dtype):
    y_true, y_pred = arrays(loss, 6, 7)
    rounded = ops.cast(ops.convert_to_tensor(y_pred), dtype)
    expected = float(BUILD[loss]()(y_true, ops.cast(rounded, "float32")))
    assert float(BUILD[loss]()(y_true, rounded)) == pytest.approx(expected, rel=1e-5)
    low = BUILD[loss](dtype=dtype)(y_true, rounded)
    assert keras.backend.standardize_dtype(low.dtype) == dtype
    assert float(low) == pytest.approx(expected, rel=1e-2)


BINNED = [(loss, {"bins": 100}) for loss in (losses.LovaszSigmoid, losses.LovaszSoftmax)]


@pytest.mark.parametrize(("loss", "settings"), [*((loss, {}) for loss in BUILD), *BINNED])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_is_not_hidden(loss, settings, value):
    y_true, y_pred = arrays(loss, 4, 5)
    y_pred[1, 2, 3] = value
    each = numpy(BUILD[loss](reduction=None, **settings)(y_true, y_pred))
    assert np.isfinite(each).tolist() == [True, False]


@every_loss
def test_a_batch_without_images_adds_nothing(loss):
    y_true, y_pred = (x[:0] for x in arrays(loss, 4, 5))
    assert numpy(BUILD[loss](reduction=None)(y_true, y_pred)).shape == (0,)
    assert float(BUILD[loss]()(y_true, y_pred)) == 0


def test_focal_tversky_shows_predictions_that_are_no_probabilities():
    y = np.array([[[1.0], [1.0], [0.0]]], "float32")
    assert float(losses.FocalTversky()(y, 3 * y)) == pytest.approx(-0.5)  # 1 - 6 / (2 / 2 + 6 / 2)
    assert float(losses.FocalTversky()(y, y)) == 0


def test_a_weight_that_is_no_number_is_not_hidden():
    # The values of tensors are not looked at, so only the loss can show it.
    y, weight = np.ones((2, 3, 1), "float32"), ops.convert_to_tensor(np.float32([np.nan, 1]))
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight"):
        assert np.isnan(float(losses.SoftDice(reduction=reduction)(y, y / 2, weight)))
