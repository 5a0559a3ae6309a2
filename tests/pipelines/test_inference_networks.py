"""The networks of this package, and networks that end in ways of their own, are predicted in tiles as in one."""

import keras
import numpy as np
import pytest

from kerasmetricloss import models
from kerasmetricloss.pipelines.inference import (
    Network,
    Reach,
    Tiling,
    predict_image,
    reach_of,
)


@pytest.mark.parametrize(
    ("build", "values"),
    [
        # An output of 64^2 pixels from 72^2: 16 channels of the skip and 16 from below are joined on the output's box.
        (lambda: models.unet(dimension=2, input_channels=1, filters=8, levels=3), 32 * 64**2 / 72**2),
        # One pixel of each side is lost: 64^2 from 66^2.
        (lambda: keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(12, 3)]), 12 * 64**2 / 66**2),
        (lambda: models.deeplab_vgg16(width=0.5), 32),
    ],
)
def test_the_largest_map_of_a_network_is_measured(build, values):
    assert Network.of(build()).values == pytest.approx(values)


@pytest.mark.parametrize("size", [None, (27, 18)])
def test_the_unet_of_unknown_and_of_fixed_size_are_predicted_alike(size):
    model = models.unet(dimension=2, input_channels=2, filters=2, levels=3, normalisation=None, input_size=size)
    network = Network.of(model)
    image = np.random.default_rng(0).normal(size=(19, 10, 2)).astype("float32")
    mask = np.random.default_rng(1).random((19, 10)) > 0.3
    y = predict_image(image, network, mask=mask)
    box = np.pad(image, ((4, 4), (4, 4), (0, 0)))
    expected = model.predict_on_batch([box[None], mask[None, ..., None].astype("float32")])[0]
    np.testing.assert_allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "reach"),
    [
        ({"dimension": 2, "levels": 3}, Reach((1, 1), (9, 9), (4, 4))),
        ({"dimension": 2, "levels": 4}, Reach((1, 1), (27, 27), (13, 13))),
        ({"dimension": 3, "levels": 3, "factor": (3, 3, 1)}, Reach((1,) * 3, (9, 9, 1), (4, 4, 0))),
        ({"dimension": 3, "levels": 1}, Reach.same(3)),
        ({"dimension": 2, "levels": 3, "input_size": (27, 18)}, Reach((19, 10), (0, 0), (4, 4))),
    ],
)
def test_reach_is_found_by_asking_the_model(settings, reach):
    assert reach_of(models.unet(input_channels=1, filters=1, **settings)) == reach


def test_reach_of_a_network_that_pools_and_gives_its_size_back():
    image = keras.Input((None, None, 2))
    pooled = keras.layers.UpSampling2D(4)(keras.layers.MaxPooling2D(4, padding="same")(image))
    weighted = image * keras.ops.mean(image, axis=(1, 2), keepdims=True)  # a size of 1 is stretched, and fits
    model = keras.Model(image, keras.layers.Conv2D(1, 1)(keras.layers.Concatenate()([weighted, pooled])))
    assert reach_of(model) == Reach((4, 4), (4, 4), (0, 0))


def test_a_sequential_of_open_sizes_is_predicted():
    layers = [keras.layers.Conv2D(2, 3), keras.layers.Conv2D(1, 5, padding="same", activation="sigmoid")]
    model = keras.Sequential([keras.Input((None, None, 2)), *layers])
    network = Network.of(model)
    assert network.reach == Reach((1, 1), (1, 1), (1, 1))
    image = np.random.default_rng(0).normal(size=(8, 11, 2)).astype("float32")
    expected = model.predict_on_batch(np.pad(image, ((1, 1), (1, 1), (0, 0)))[None])[0]
    np.testing.assert_allclose(predict_image(image, network), expected, atol=1e-6)


@pytest.mark.parametrize("product", [lambda pair: keras.layers.Multiply()(pair), lambda pair: pair[0] * pair[1]])
@pytest.mark.parametrize(("padding", "margin"), [("same", 0), ("valid", 2)])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_network_that_ends_in_a_plain_product_with_its_mask_is_predicted(product, padding, margin, outputs):
    image, mask = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    p = keras.layers.Conv2D(outputs, 5, padding=padding, activation="sigmoid")(image)
    model = keras.Model([image, mask], product([p, mask]))
    network = Network.of(model)
    assert network.reach == Reach((1, 1), (1, 1), (margin, margin))
    values = np.random.default_rng(0).normal(size=(8, 11, 2)).astype("float32")
    inside = np.random.default_rng(1).random((8, 11)) > 0.3
    given = predict_image(values, network, mask=inside)
    box = np.pad(values, ((margin, margin), (margin, margin), (0, 0)))
    expected = model.predict_on_batch([box[None], inside[None, ..., None].astype("float32")])[0]
    np.testing.assert_allclose(given, expected, atol=1e-6)


def test_reach_of_a_network_that_pools_and_multiplies_by_its_mask():
    image, mask = keras.Input((None, None, None, 1)), keras.Input((None, None, None, 1))
    pooled = keras.layers.UpSampling3D(2)(keras.layers.MaxPooling3D(2)(image))
    p = keras.layers.Conv3D(1, 3, activation="sigmoid")(keras.layers.Concatenate()([image, pooled]))
    model = keras.Model([image, mask], keras.layers.Multiply()([p, mask]))
    assert reach_of(model) == Reach((2, 2, 2), (2, 2, 2), (1, 1, 1))


@pytest.mark.parametrize("residual", [False, True])
def test_deepmedic_predicts_the_same_in_tiles_as_in_one(residual):
    network = Network.of(models.deepmedic_small(dimension=2, input_channels=1, residual=residual))
    assert network.reach == Reach((3, 3), (3, 3), (24, 24))
    assert network.reach.output_for((15, 100)) == (15, 102)
    assert network.reach.input_of((15, 102)) == (63, 150)
    image = np.random.default_rng(0).normal(size=(40, 53, 1)).astype("float32")
    whole = predict_image(image, network)
    # Tiles begin at multiples of 3 from the whole image's box, so that its second pathway meets the same blocks.
    tiled = predict_image(image, network, tiling=Tiling(size=(15, 21), batch=8))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_deeplab_takes_any_size():
    network = Network.of(models.deeplab_vgg16(width=0.05))
    assert network.reach == Reach.same(2)
    image = np.random.default_rng(0).uniform(0, 255, (21, 34, 3)).astype("float32")
    assert predict_image(image, network).shape == (21, 34, 1)
