"""Which of a model's inputs is the image, and outputs of a size that no tile can have."""

import keras
import numpy as np
import pytest

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
