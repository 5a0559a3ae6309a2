"""What holds for every loss, and which loss has which property. A new loss must be classified here."""

import pickle

import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss import losses
from kerasmetricloss.similarities import dice, jaccard, tversky

numpy = ops.convert_to_numpy

# One instance a class, built from the settings that all losses share.
BUILD = {
    losses.CrossEntropy: losses.CrossEntropy,
    losses.WeightedCrossEntropy: lambda **s: losses.WeightedCrossEntropy(foreground=3.0, background=0.5, **s),
    losses.SoftDice: losses.SoftDice,
    losses.SoftJaccard: losses.SoftJaccard,
    losses.SoftTversky: lambda **s: losses.SoftTversky(alpha=0.3, beta=0.7, **s),
    losses.FocalTversky: lambda **s: losses.FocalTversky(alpha=0.3, beta=0.7, **s),
    losses.GeneralizedDice: losses.GeneralizedDice,
    losses.LovaszSigmoid: losses.LovaszSigmoid,
    losses.LovaszSoftmax: lambda **s: losses.LovaszSoftmax(classes_in_mean="all", **s),
    losses.LovaszHinge: losses.LovaszHinge,
}
# The form of the classes, the range of the values, what an empty truth does to the gradient.
EXCLUSIVE_ONLY = {losses.LovaszSoftmax}
LOGITS_ONLY = {losses.LovaszHinge}
EITHER = set(BUILD) - EXCLUSIVE_ONLY - LOGITS_ONLY
FROM_ZERO_TO_ONE = {
    losses.SoftDice,
    losses.SoftJaccard,
    losses.SoftTversky,
    losses.FocalTversky,
    losses.GeneralizedDice,
    losses.LovaszSigmoid,
    losses.LovaszSoftmax,
}
UNBOUNDED = {losses.CrossEntropy, losses.WeightedCrossEntropy, losses.LovaszHinge}
LEARNS_FROM_AN_EMPTY_TRUTH = {
    losses.CrossEntropy,
    losses.WeightedCrossEntropy,
    losses.LovaszSigmoid,
    losses.LovaszSoftmax,
    losses.LovaszHinge,
}
DEAF_TO_AN_EMPTY_TRUTH = {
    losses.SoftDice,
    losses.SoftJaccard,
    losses.SoftTversky,
    losses.FocalTversky,
    losses.GeneralizedDice,
}
ONE_MINUS = {
    losses.SoftDice: dice,
    losses.SoftJaccard: jaccard,
    losses.SoftTversky: lambda y, p: tversky(y, p, alpha=0.3, beta=0.7),
    losses.LovaszSigmoid: jaccard,
    losses.LovaszSoftmax: jaccard,
}
NOT_ONE_MINUS = set(BUILD) - set(ONE_MINUS)

every_loss = pytest.mark.parametrize("loss", list(BUILD), ids=lambda loss: loss.__name__)


def some(loss_classes):
    ordered = [loss for loss in BUILD if loss in loss_classes]
    return pytest.mark.parametrize("loss", ordered, ids=lambda loss: loss.__name__)


def arrays(loss, *space, images=2, classes=3, seed=0):
    """A one-hot truth and a prediction that fit every loss: probabilities that add up to 1, or logits."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (images, *space))
    y_true = np.eye(classes, dtype="float32")[labels]
    scores = 2 * rng.standard_normal((images, *space, classes)) + y_true
    if loss in LOGITS_ONLY:
        return y_true, scores.astype("float32")
    y_pred = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    return y_true, y_pred.astype("float32")


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


@some(EITHER)
@pytest.mark.parametrize("level", [0.0, 1.0, 1e-20, 1e-38, 0.5])
@pytest.mark.parametrize("truth", ["empty", "full", "mixed"])
def test_gradients_are_finite_for_every_probability(loss, level, truth, gradient):
    y_true = {"empty": np.zeros(7), "full": np.ones(7), "mixed": np.arange(7) % 2}[truth].reshape(1, 7, 1)
    y_pred = np.full((1, 7, 1), level, dtype="float32")
    for norm in [{}, {"norm": 1.5}, {"norm": 2, "intersection": "semimetric"}]:
        if norm and loss not in DEAF_TO_AN_EMPTY_TRUTH:
            continue
        function = BUILD[loss](**norm)
        assert np.isfinite(float(function(y_true, y_pred)))
        assert np.isfinite(gradient(lambda p, f=function: f(y_true, p), y_pred)).all()


def exclusive(loss, **settings):
    if loss is losses.WeightedCrossEntropy:
        return loss(prior=[0.2, 0.3, 0.5], classes="exclusive", **settings)
    return BUILD[loss](classes="exclusive", **settings)


@some(set(BUILD) - {losses.LovaszSigmoid, losses.LovaszHinge})
@pytest.mark.parametrize("level", [0.0, 1.0, 0.5])
def test_gradients_are_finite_for_every_probability_of_exclusive_classes(loss, level, gradient):
    labels = np.array([[0, 1, 1, 0, 1, 0, 0]])  # class 2 is absent
    y_pred = np.full((1, 7, 3), level, dtype="float32")
    for function in (exclusive(loss), exclusive(loss, pool="batch")):
        assert np.isfinite(float(function(labels, y_pred)))
        assert np.isfinite(gradient(lambda p, f=function: f(labels, p), y_pred)).all()


@every_loss
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_gradients_are_finite_for_huge_logits(loss, size, gradient):
    y_true, _ = arrays(loss, 5)
    logits = (size * (np.arange(30).reshape(2, 5, 3) % 4 - 1)).astype("float32")
    functions = [BUILD[loss](from_logits=True)]
    if loss not in {losses.LovaszSigmoid, losses.LovaszHinge, losses.LovaszSoftmax}:
        functions.append(exclusive(loss, from_logits=True))
    for function in functions:
        assert np.isfinite(float(function(y_true, logits)))
        assert np.isfinite(gradient(lambda z, f=function: f(y_true, z), logits)).all()


@some(FROM_ZERO_TO_ONE)
@pytest.mark.parametrize("seed", range(5))
def test_stays_between_zero_and_one(loss, seed):
    y_true, y_pred = arrays(loss, 4, 5, seed=seed)
    assert 0 <= float(BUILD[loss]()(y_true, y_pred)) <= 1
    assert float(BUILD[loss]()(y_true, y_true)) == 0


@some(FROM_ZERO_TO_ONE - EXCLUSIVE_ONLY)
def test_two_empty_sets_have_loss_zero_and_no_gradient(loss, gradient):
    nothing = np.zeros((1, 6, 1), dtype="float32")
    assert float(BUILD[loss]()(nothing, nothing)) == 0
    if loss in DEAF_TO_AN_EMPTY_TRUTH:
        assert (gradient(lambda p: BUILD[loss]()(nothing, p), nothing) == 0).all()


@some(FROM_ZERO_TO_ONE - EXCLUSIVE_ONLY - {losses.GeneralizedDice})
def test_one_empty_set_has_loss_one(loss):
    nothing, something = np.zeros((1, 6, 1), dtype="float32"), np.ones((1, 6, 1), dtype="float32")
    assert float(BUILD[loss]()(nothing, something)) == 1
    assert float(BUILD[loss]()(something, nothing)) == 1


@some((DEAF_TO_AN_EMPTY_TRUTH | LEARNS_FROM_AN_EMPTY_TRUTH) - EXCLUSIVE_ONLY)
def test_an_empty_truth_teaches_what_its_class_says(loss, gradient):
    nothing = np.zeros((1, 6, 1), dtype="float32")
    _, y_pred = arrays(loss, 6, images=1, classes=2)
    slope = gradient(lambda p: BUILD[loss]()(nothing, p), y_pred[..., :1])
    assert (np.abs(slope).max() > 0) == (loss in LEARNS_FROM_AN_EMPTY_TRUTH)


@some(set(ONE_MINUS))
def test_on_hard_labels_is_one_minus_the_similarity(loss):
    y_true, y_pred = arrays(loss, 5, 6)
    hard = np.eye(3, dtype="float32")[y_pred.argmax(axis=-1)]
    expected = 1 - numpy(ONE_MINUS[loss](y_true, hard)).mean()
    assert float(BUILD[loss]()(y_true, hard)) == pytest.approx(expected, abs=1e-6)


@some(EITHER | LOGITS_ONLY)
def test_falls_as_the_prediction_moves_towards_the_truth(loss):
    rng = np.random.default_rng(5)
    y_true = (rng.random((1, 8, 1)) > 0.4).astype("float32")
    y_pred = rng.random((1, 8, 1)).astype("float32")
    y_pred = 4 * y_pred - 2 if loss in LOGITS_ONLY else y_pred
    goal = 2 * y_true - 1 if loss in LOGITS_ONLY else y_true
    path = [float(BUILD[loss]()(y_true, y_pred + t * (goal - y_pred))) for t in (0, 0.25, 0.5, 0.75, 1)]
    assert (np.diff(path) < 0).all()


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


SETTINGS = {
    "name": "mine",
    "reduction": "sum",
    "dtype": "float16",
    "from_logits": True,
    "data_format": "channels_first",
    "include": (1, 2),
    "class_weights": (1.0, 3.0),
    "ignore_label": 255,
    "pool": "batch",
}


@every_loss
def test_config_pickle_and_repr_keep_every_argument(loss):
    function = BUILD[loss](**SETTINGS)
    config = function.get_config()
    assert {key: config[key] for key in SETTINGS} == SETTINGS
    wire = keras.saving.serialize_keras_object(function)
    copies = [loss.from_config(config), keras.saving.deserialize_keras_object(wire)]
    copies += [pickle.loads(pickle.dumps(function)), eval(repr(function), vars(losses))]
    for copy in copies:
        assert type(copy) is loss
        assert copy.get_config() == config
    assert keras.losses.deserialize(keras.losses.serialize(function)).get_config() == config


@every_loss
def test_weights_by_class_index_are_weights_in_their_order(loss):
    by_index, in_order = (BUILD[loss](class_weights=w, name="l") for w in ({2: 5.0, 0: 1.0, 1: 3.0}, [1.0, 3.0, 5.0]))
    assert by_index.get_config() == in_order.get_config()
    y_true, y_pred = arrays(loss, 5, 6)
    assert float(by_index(y_true, y_pred)) == float(in_order(y_true, y_pred))
    with pytest.raises(ValueError, match=r"class_weights has 2 entries for 3 classes"):
        BUILD[loss](class_weights={0: 1.0, 1: 2.0})(y_true, y_pred)


def test_repr_shows_what_differs_from_the_defaults():
    assert repr(losses.SoftDice()) == "SoftDice()"
    assert repr(losses.SoftDice(norm=2, pool="batch", name="d")) == "SoftDice(name='d', pool='batch', norm=2)"
    assert repr(losses.SoftTversky(alpha=0.3, beta=0.7)) == "SoftTversky(alpha=0.3, beta=0.7)"


@every_loss
def test_arguments_are_keyword_only_and_checked(loss):
    with pytest.raises(TypeError):
        loss(0.5)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        BUILD[loss](smoothing=1)
    with pytest.raises(ValueError, match="pool='epoch'"):
        BUILD[loss](pool="epoch")
