"""Whatever the user passes comes out in one form, or with an error that names the shapes."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss.similarities import Layout, decisions, read

numpy = ops.convert_to_numpy


def array(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype="float32")


def test_a_label_map_becomes_one_mask_a_class():
    labels = np.array([[[0, 2, 1], [1, 255, 0]]])  # (1, 2, 3), 255 is no class
    batch = read(labels, array(1, 2, 3, 4), layout=Layout())
    np.testing.assert_array_equal(numpy(batch.truth).sum(axis=(0, 1, 2)), [2, 2, 1, 0])
    with_axis = read(labels[..., None], array(1, 2, 3, 4), layout=Layout())
    np.testing.assert_array_equal(numpy(with_axis.truth), numpy(batch.truth))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64", "bool", "float32"])
def test_a_label_map_of_one_class_is_its_mask(dtype):
    mask = np.array([[[0, 1, 1]]]).astype(dtype)
    np.testing.assert_array_equal(numpy(read(mask, array(1, 1, 3, 1), layout=Layout()).truth), mask[..., None])


@pytest.mark.parametrize("space", [(), (5,), (5, 6), (5, 6, 7)], ids=str)
def test_any_number_of_space_axes(space):
    batch = read(array(2, *space, 3), array(2, *space, 3), layout=Layout())
    assert batch.space_axes == tuple(range(1, 1 + len(space)))
    assert batch.class_axis == 1 + len(space)


def test_channels_first_moves_the_class_axis_and_nothing_else():
    layout = Layout(data_format="channels_first")
    y_true, y_pred = np.array([[[0, 2, 1, 1, 0]]] * 2), array(2, 3, 1, 5)
    batch = read(y_true, y_pred, array(2, 1, 5), layout=layout)
    assert (batch.class_axis, batch.space_axes) == (1, (2, 3))
    assert batch.truth.shape == (2, 3, 1, 5)
    assert batch.weight.shape == (2, 1, 1, 5)
    np.testing.assert_array_equal(numpy(batch.truth)[0].sum(axis=(1, 2)), [2, 2, 1])


@pytest.mark.parametrize("include", [(1, 2), (2, 0)], ids=str)
@pytest.mark.parametrize("first", [False, True])
def test_include_picks_classes_after_the_softmax(include, first):
    logits, truth = 4 * array(2, 5, 6, 3), array(2, 5, 6, 3, seed=1)
    expected = numpy(ops.softmax(logits))[..., list(include)]
    if first:
        logits, truth = np.moveaxis(logits, -1, 1), np.moveaxis(truth, -1, 1)
    form = "channels_first" if first else "channels_last"
    layout = Layout(classes="exclusive", from_logits=True, include=include, data_format=form)
    found = numpy(read(truth, logits, layout=layout).prediction)
    np.testing.assert_allclose(np.moveaxis(found, 1, -1) if first else found, expected, rtol=1e-6)


def test_sixteen_bit_predictions_become_float32():
    batch = read(array(1, 3, 1), array(1, 3, 1).astype("float16"), layout=Layout())
    assert "float32" in str(batch.prediction.dtype)


def test_weights_of_images_and_of_voxels_are_told_apart():
    y = array(2, 5, 3)
    layout = Layout()
    for shape in [(2,), (2, 1)]:
        batch = read(y, y, array(*shape), layout=layout)
        assert batch.weight is None
        assert batch.image_weight.shape == (2,)
    for shape, expected in [((2, 5), (2, 5, 1)), ((2, 5, 1), (2, 5, 1)), ((2, 5, 3), (2, 5, 3))]:
        batch = read(y, y, array(*shape), layout=layout)
        assert batch.image_weight is None
        assert batch.weight.shape == expected


def test_weights_of_images_enter_the_sums_when_the_batch_is_pooled():
    batch = read(array(2, 5, 3), array(2, 5, 3), np.array([1.0, 3.0]), layout=Layout(pool="batch"))
    assert batch.image_weight is None
    np.testing.assert_array_equal(numpy(batch.weight)[:, 0, 0], [1, 3])


def test_ignored_voxels_have_weight_zero():
    labels = np.array([[0, 255, 1]])
    batch = read(labels, array(1, 3, 2), np.array([[2.0, 2.0, 2.0]]), layout=Layout(ignore_label=255))
    np.testing.assert_array_equal(numpy(batch.weight)[0, :, 0], [2, 0, 2])
    # One-hot truths ignore class by class; exclusive ones a voxel as soon as one class says so.
    y_true = np.array([[[0, 1], [255, 1]]])
    weight = numpy(read(y_true, array(1, 2, 2), layout=Layout(ignore_label=255)).weight)
    np.testing.assert_array_equal(weight[0], [[1, 1], [0, 1]])
    exclusive = Layout(ignore_label=255, classes="exclusive")
    np.testing.assert_array_equal(numpy(read(y_true, array(1, 2, 2), layout=exclusive).weight)[0], [[1], [0]])


@pytest.mark.parametrize("ignore_label", [0, 1])
@pytest.mark.parametrize("classes", ["independent", "exclusive"])
def test_a_class_of_a_label_map_can_be_ignored(classes, ignore_label):
    labels = np.array([[0, 2, 1, 0]])
    batch = read(labels, array(1, 4, 3), layout=Layout(classes=classes, ignore_label=ignore_label))
    np.testing.assert_array_equal(numpy(batch.weight)[0, :, 0], labels[0] != ignore_label)


@pytest.mark.parametrize("ignore_label", [0, 1])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(
    ("classes", "shape", "message"),
    [
        ("exclusive", (1, 4, 3), r"of shape \(1, 4, 3\) .*, and every voxel has both.*a label map, of shape \(1, 4\)"),
        ("independent", (1, 4, 3), r"any prediction of the other is perfect\. .*a label map, of shape \(1, 4\)"),
        ("independent", (1, 4, 1), r"any prediction of the other is perfect\. Mark .* such as 255"),
        ("independent", (1, 4), r"any prediction of the other is perfect\. Mark .* such as 255"),
    ],
    ids=str,
)
def test_a_side_of_a_mask_cannot_be_ignored(classes, shape, message, dtype, ignore_label):
    y_pred = array(1, 4, 3 if shape[-1] == 3 else 1)
    with pytest.raises(ValueError, match=f"ignore_label={ignore_label}, but y_true .*{message}"):
        read(np.ones(shape, dtype), y_pred, layout=Layout(classes=classes, ignore_label=ignore_label))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow's graphs leave a shape open")
@pytest.mark.parametrize("classes", ["independent", "exclusive"])
def test_graphs_that_do_not_tell_masks_from_label_maps_ignore_no_side_of_a_mask(classes):
    import tensorflow as tf

    def weight(label, *shape):
        layout = Layout(classes=classes, ignore_label=label)
        signature = [tf.TensorSpec(shape, "uint8"), tf.TensorSpec((None, None, 3))]
        return tf.function(lambda *x: read(*x, layout=layout).weight, input_signature=signature)

    labels, y_pred = np.array([[0, 2, 1, 255]], "uint8"), array(1, 4, 3)
    masks = np.eye(3, dtype="uint8")[np.minimum(labels, 2)]
    masks[0, 3] = 255
    for y_true in (labels[..., None], masks):
        found = weight(255, None, None, None)(y_true, y_pred)
        np.testing.assert_array_equal(np.min(found, axis=-1), [[1, 1, 1, 0]])
    np.testing.assert_array_equal(weight(0, None, None)(labels, y_pred)[0, :, 0], [0, 1, 1, 1])
    np.testing.assert_array_equal(weight(0, None, None, 1)(labels[..., None], y_pred)[0, :, 0], [0, 1, 1, 1])
    with pytest.raises(ValueError, match=r"ignore_label=0, but y_true of shape \(None, None, None\).* a label map"):
        weight(0, None, None, None)(labels[..., None], y_pred)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int32", "float32"])
@pytest.mark.parametrize("ignore_label", [255, -1])
def test_a_label_that_the_dtype_cannot_hold_ignores_nothing(dtype, ignore_label):
    mask = np.array([[0, 1, 1]]).astype(dtype)
    batch = read(mask, array(1, 3, 1), layout=Layout(ignore_label=ignore_label))
    np.testing.assert_array_equal(numpy(batch.truth)[0, :, 0], [0, 1, 1])
    np.testing.assert_array_equal(numpy(batch.weight)[0, :, 0], [1, 1, 1])


def test_a_label_map_of_booleans_has_two_classes_whatever_the_prediction_has():
    truth = numpy(read(np.array([[True, False]]), array(1, 2, 3), layout=Layout()).truth)
    np.testing.assert_array_equal(truth[0], [[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_a_mask_of_0_and_255_is_an_error_that_names_the_value_and_the_mend(shape, dtype):
    mask = np.array([0, 255, 255]).reshape(shape).astype(dtype)
    with pytest.raises(ValueError, match=r"y_true, shape .* holds 255: expected masks of 0 and 1\. Give y_true > 0"):
        read(mask, array(1, 3, 1), layout=Layout())
    with pytest.raises(ValueError, match="holds 255: expected masks of 0 and 1, and -1 for voxels to ignore"):
        read(mask, array(1, 3, 1), layout=Layout(ignore_label=-1))
    np.testing.assert_array_equal(numpy(read(mask > 0, array(1, 3, 1), layout=Layout()).truth)[0, :, 0], [0, 1, 1])
    np.testing.assert_array_equal(numpy(read(mask / 255, array(1, 3, 1), layout=Layout()).truth)[0, :, 0], [0, 1, 1])
    ignored = read(mask, array(1, 3, 1), layout=Layout(ignore_label=255))
    np.testing.assert_array_equal(numpy(ignored.weight)[0, :, 0], [1, 0, 0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_masks_of_floats_hold_shares_from_0_to_1(dtype):
    for other, shown in [(255, "255"), (-1, "-1"), (1.5, "1.5"), (math.inf, "inf")]:
        mask = np.array([[[0.25], [1], [other]]], dtype)
        with pytest.raises(ValueError, match=rf"holds {shown}: expected masks of 0 and 1\. Give y_true > 0(?!.*inf)"):
            read(mask, array(1, 3, 1), layout=Layout())
    ignored = read(np.array([[[0.25], [1], [255]]], dtype), array(1, 3, 1), layout=Layout(ignore_label=255))
    np.testing.assert_array_equal(numpy(ignored.weight)[0, :, 0], [1, 1, 0])
    # A sum of shares in single precision can be just above 1.
    read(np.array([[[0.0], [1.0001], [-1e-6]]], dtype), array(1, 3, 1), layout=Layout())


def test_a_label_map_of_floats_holds_classes():
    layout = Layout(classes="exclusive", ignore_label=255)
    with pytest.raises(ValueError, match=r"holds 0.5, 3: expected a label map of 0 to 2.* or give ignore_label=3\."):
        read(np.array([[0.5, 2, 3, 255]]), array(1, 4, 3), layout=layout)
    with pytest.raises(ValueError, match=r"holds nan: expected a truth without NaN"):
        read(np.array([[0.0, 2, math.nan, 255]]), array(1, 4, 3), layout=layout)
    batch = read(np.array([[0.0, 2, 1, 255]]), array(1, 4, 3), layout=layout)
    np.testing.assert_array_equal(numpy(batch.weight)[0, :, 0], [1, 1, 1, 0])


@pytest.mark.parametrize("worst", [-0.5, math.nan, math.inf])
@pytest.mark.parametrize("shape", [(2,), (2, 3)], ids=str)
def test_weights_below_zero_are_refused(shape, worst):
    weight = np.ones(shape)
    weight[-1] = worst
    with pytest.raises(ValueError, match=rf"sample_weight, shape .*, holds {worst}: expected finite weights"):
        read(array(2, 3, 1), array(2, 3, 1), weight, layout=Layout())


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 1)], ids=str)
def test_a_label_map_of_exclusive_classes_holds_none_beyond_them(shape):
    labels = np.array([0, 2, 3, 255]).reshape(shape)
    with pytest.raises(ValueError, match=r"holds 3, 255: expected a label map of 0 to 2, one number for each of the 3"):
        read(labels, array(1, 4, 3), layout=Layout(classes="exclusive"))
    with pytest.raises(ValueError, match=r"holds 3: expected a label map of 0 to 2, .* and 255 for voxels to ignore"):
        read(labels, array(1, 4, 3), layout=Layout(classes="exclusive", ignore_label=255))
    read(np.minimum(labels, 2), array(1, 4, 3), layout=Layout(classes="exclusive"))


def test_masks_of_several_classes_are_checked_and_label_maps_of_independent_ones_are_not():
    with pytest.raises(ValueError, match="holds -1, 2, 255"):
        read(np.array([[[0, 255], [-1, 2], [1, 0]]]), array(1, 3, 2), layout=Layout())
    read(np.array([[0, 255, -1]]), array(1, 3, 2), layout=Layout())
    read(np.array([[[0], [255], [-1]]]), array(1, 3, 2), layout=Layout())


@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
@pytest.mark.parametrize("shape", [(2,), (2, 4), (2, 4, 5)], ids=str)
def test_a_keras_mask_of_the_first_axes_is_a_weight_a_voxel(form, shape):
    mask = array(*shape) > 0.4
    expected = np.broadcast_to(mask.reshape(*shape, *(1,) * (3 - len(shape))), (2, 4, 5))
    size = (2, 4, 5, 3) if form == "channels_last" else (2, 3, 4, 5)
    given = array(2, 4, 5)
    batch = read(array(*size), array(*size), given, layout=Layout(data_format=form), mask=mask)
    np.testing.assert_array_equal(np.squeeze(numpy(batch.weight), batch.class_axis), expected * given)


def test_a_keras_mask_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"y_pred has shape \(2, 4, 5, 3\) and carries a Keras mask of shape \(2, 5\)"):
        read(array(2, 4, 5, 3), array(2, 4, 5, 3), layout=Layout(), mask=np.ones((2, 5), bool))


def test_decisions_are_strictly_above_one_half():
    p = np.array([[[0.5], [0.5000001], [0.2]]], dtype="float32")
    np.testing.assert_array_equal(numpy(decisions(ops.convert_to_tensor(p), 2, Layout()))[0, :, 0], [0, 1, 0])
    z = np.array([[[0.0], [1e-6], [-3.0]]], dtype="float32")
    hard = decisions(ops.convert_to_tensor(z), 2, Layout(from_logits=True))
    np.testing.assert_array_equal(numpy(hard)[0, :, 0], [0, 1, 0])


def test_exclusive_decisions_are_the_largest_class():
    p = ops.convert_to_tensor(np.array([[[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]], dtype="float32"))
    np.testing.assert_array_equal(numpy(decisions(p, 2, Layout(classes="exclusive")))[0], [[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ((2, 8, 9, 1), (2, 8, 9), r"y_pred has shape \(2, 8, 9\) but y_true has \(2, 8, 9, 1\).*y_pred\[..., None\]"),
        ((2, 8, 9, 2), (2, 8, 9, 3), r"y_true has \(2, 8, 9, 2\)"),
        ((2, 8, 8), (2, 8, 9, 3), r"a label map of shape \(2, 8, 9\) or \(2, 8, 9, 1\)"),
        ((2,), (2,), r"y_pred has shape \(2,\), expected \(batch, \*space, classes\)"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit_are_named(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        read(array(*true), array(*predicted), layout=Layout())


def test_weights_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"sample_weight has shape \(2, 4\) but y_pred has \(2, 5, 6, 3\)"):
        read(array(2, 5, 6, 3), array(2, 5, 6, 3), array(2, 4), layout=Layout())


def test_classes_that_are_not_there_are_named():
    with pytest.raises(ValueError, match=r"include=\(3,\), but y_pred has shape \(2, 5, 3\): 3 classes"):
        read(array(2, 5, 3), array(2, 5, 3), layout=Layout(include=[3]))
    with pytest.raises(ValueError, match="exclusive classes are two or more"):
        read(array(2, 5, 1), array(2, 5, 1), layout=Layout(classes="exclusive"))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow's graphs leave a shape open")
def test_weights_an_image_keep_their_meaning_where_the_voxels_are_not_counted_yet():
    import tensorflow as tf

    y_true, y_pred, weight = array(2, 6, 1), array(2, 6, 1, seed=1), np.array([[1.0], [3.0]], "float32")
    open_shapes = [tf.TensorSpec((None, None, 1)), tf.TensorSpec((None, None, 1)), tf.TensorSpec((None, 1))]
    read_image_weight = tf.function(lambda *x: read(*x, layout=Layout()).image_weight, input_signature=open_shapes)
    np.testing.assert_array_equal(read_image_weight(y_true, y_pred, weight), [1, 3])
