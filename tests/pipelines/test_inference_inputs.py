"""Which of a model's inputs is the image, and outputs of a size that no tile can have."""

import keras
import numpy as np
import pytest

from kerasmetricloss import models
from kerasmetricloss.pipelines.inference import Network, PredictionError, predict_image


@pytest.mark.parametrize("size", [None, 64])
@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(1, 3, strides=2, padding="same"),
        keras.layers.Conv2D(1, 3, strides=2),
        keras.layers.MaxPooling2D(4),
        keras.layers.UpSampling2D(2),
        keras.layers.GlobalAveragePooling2D(keepdims=True),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_an_output_of_another_size_than_the_image_is_refused_with_the_way_out(layer, size):
    image = keras.Input((size, size, 1))
    layer = type(layer).from_config(layer.get_config())
    with pytest.raises(
        PredictionError, match=r"must have the size of the image, or be cropped alike.*at (its|the) end"
    ):
        Network.of(keras.Model(image, layer(image)))


@pytest.mark.parametrize("form", [list, lambda pair: {tensor.name: tensor for tensor in pair}])
@pytest.mark.parametrize(("names", "channels"), [(("mask", "image"), 1), (("a", "b"), 2), (("image", "mask"), 1)])
def test_image_and_mask_are_told_by_name_or_by_channels(names, channels, form):
    first = names[0] != "image"
    tensors = [
        keras.Input((None, None, channels if (i == 0) != first else 1), name=name) for i, name in enumerate(names)
    ]
    image, mask = tensors[::-1] if first else tensors
    network = Network.of(keras.Model(form(tensors), keras.ops.mean(image, axis=-1, keepdims=True) * mask))
    values = np.random.default_rng(0).random((5, 7, channels), np.float32)
    inside = np.random.default_rng(1).random((5, 7)) > 0.5
    expected = values.mean(-1, keepdims=True) * inside[..., None]
    np.testing.assert_allclose(predict_image(values, network, mask=inside), expected, rtol=1e-5)


def test_a_second_input_that_is_no_mask_is_refused():
    tensors = [keras.Input((None, None, n), name=f"in{n}") for n in (2, 3)]
    model = keras.Model(tensors, keras.layers.Concatenate()(tensors))
    with pytest.raises(
        PredictionError, match=r"inputs \['in2', 'in3'\] of \[2, 3\] channels; expected an image and its"
    ):
        Network.of(model)


def outputs_of(build, *, shape=(None, None, 2)):
    image = keras.Input(shape)
    return keras.Model(image, build(image))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (outputs_of(lambda x: {"mask": keras.layers.Conv2D(1, 1)(x)}), "the model gives one by a name; expected one"),
        (outputs_of(lambda x: [x, x + 1]), "the model gives 2 outputs, .*model.outputs"),
        (
            outputs_of(lambda x: keras.ops.mean(x, axis=-1)),
            r"maps \[\(None, None, None, 2\)\] to \(None, None, None\);",
        ),
        (outputs_of(lambda x: x * 2, shape=(None, None, None)), "known numbers of channels"),
        (
            outputs_of(lambda x: keras.layers.Conv2D(2, 1, data_format="channels_first")(x), shape=(2, 8, 8)),
            "takes channels first; images are given with channels last",
        ),
        (
            outputs_of(lambda x: keras.layers.UpSampling2D(4)(keras.layers.AveragePooling2D(4)(x)), shape=(50, 50, 1)),
            "the output lacks a rest of the image: along axis 0 an image of 50 voxels gives 48, one of 52 gives 52",
        ),
    ],
    ids=["a dictionary", "two", "no labels", "open channels", "channels first", "a rest is lost"],
)
def test_a_model_of_another_form_is_refused_by_what_it_is(model, message):
    with pytest.raises(PredictionError, match=message):
        Network.of(model)


def test_networks_whose_smallest_image_is_large_are_taken():
    reach = Network.of(models.unet(dimension=2, input_channels=1, filters=1, levels=6)).reach
    assert (reach.smallest, reach.step) == ((1, 1), (243, 243))
