import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasmetricloss import models
from kerasmetricloss.models import CentreCrop, InstanceNormalization, LinearUpsampling


def run(layer, x):
    return ops.convert_to_numpy(layer(x))


def repeat_then_average(x: np.ndarray, factor: int) -> np.ndarray:
    """The definition: repeat every voxel, then average over factor neighbours, stride 1, no padding."""
    for axis in range(1, x.ndim - 1):
        repeated = np.repeat(x, factor, axis=axis)
        x = np.lib.stride_tricks.sliding_window_view(repeated, factor, axis=axis).mean(axis=-1)
    return x


def test_instance_normalization_of_four_numbers_by_hand():
    # 1, 3, 5, 7: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5, so +-3 / sqrt(5) and +-1 / sqrt(5).
    x = np.array([1.0, 3.0, 5.0, 7.0], "float32").reshape(1, 4, 1)
    np.testing.assert_allclose(run(InstanceNormalization(), x)[0, :, 0], np.array([-3, -1, 1, 3]) / 5**0.5, rtol=1e-6)


def test_instance_normalization_treats_each_image_and_channel_alone():
    x = np.random.default_rng(0).normal(7.0, 3.0, (2, 4, 5, 6, 3)).astype("float32")
    y = run(InstanceNormalization(), x)
    for image, channel in itertools.product(range(2), range(3)):
        one = x[image, ..., channel].astype("float64")
        np.testing.assert_allclose(y[image, ..., channel], (one - one.mean()) / (one.std() + 1e-7), atol=2e-6)


def test_instance_normalization_learns_nothing():
    layer = InstanceNormalization()
    layer.build((None, 4, 5, 2))
    assert layer.count_params() == 0


def test_a_constant_channel_becomes_zero_with_a_finite_gradient(gradient):
    x = np.full((1, 4, 3, 1), 5.0, "float32")
    assert np.array_equal(run(InstanceNormalization(), x), np.zeros_like(x))
    slope = gradient(lambda t: ops.sum(ops.square(InstanceNormalization()(t) - 1.0)), x)
    assert np.isfinite(slope).all()


def test_statistics_stay_float32_where_a_float16_sum_overflows():
    # 4096 voxels of 40 and 60: their sum, 204800, and their squares are beyond float16's 65504.
    x = np.tile(np.array([40.0, 60.0], "float16"), 2048).reshape(1, 64, 64, 1)
    y = run(InstanceNormalization(dtype="mixed_float16"), x)
    assert y.dtype == np.float16
    np.testing.assert_allclose(np.unique(y), [-1.0, 1.0], atol=1e-3)


@pytest.mark.parametrize(("size", "factor"), [((5,), 3), ((4, 6), 3), ((2, 4, 3), 3), ((3, 4), 5), ((1, 2), 3)])
def test_linear_upsampling_equals_repeat_then_average(size, factor):
    x = np.random.default_rng(1).normal(size=(2, *size, 3)).astype("float32")
    y = run(LinearUpsampling(factor=factor), x)
    assert y.shape == (2, *(factor * (n - 1) + 1 for n in size), 3)
    np.testing.assert_allclose(y, repeat_then_average(x, factor), atol=1e-6)


def test_linear_upsampling_takes_one_factor_an_axis():
    x = np.arange(6, dtype="float32").reshape(1, 2, 3, 1)
    y = run(LinearUpsampling(factor=(3, 1)), x)
    # Rows 0, 1, 2 and 3, 4, 5 with two rows between: steps of 1.
    np.testing.assert_allclose(y[0, :, :, 0], np.arange(4)[:, None] + np.arange(3), atol=1e-6)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.sampled_from([1, 3, 5]))
@settings(max_examples=20, deadline=None)
def test_linear_upsampling_announces_the_shape_it_gives(size, factor):
    layer = LinearUpsampling(factor=factor)
    assert layer.compute_output_shape((None, *size, 2)) == (None, *(factor * (n - 1) + 1 for n in size), 2)
    assert layer.compute_output_shape((None, None, 2)) == (None, None, 2)


def test_centre_crop_keeps_the_middle():
    x = np.arange(35).reshape(1, 5, 7, 1)
    assert run(CentreCrop(margin=(1, 3)), x)[0, :, :, 0].tolist() == [[10], [17], [24]]
    assert np.array_equal(run(CentreCrop(margin=0), x), x)


@pytest.mark.parametrize(
    "layer",
    [
        InstanceNormalization(epsilon=1e-3, dtype="mixed_bfloat16", name="a"),
        LinearUpsampling(factor=(3, 1)),
        CentreCrop(margin=(2, 0, 1)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_layer_comes_back_from_its_config(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.DilatedConv2D(1, 4, dilation=2), r"kernel_size is \(4, 4\), but DilatedConv2D has odd"),
        (lambda: models.DilatedConv2D(1, 3, dilation=2, padding="valid"), "padding is 'valid', but"),
        (lambda: models.DilatedConv2D(1, 3, dilation=2, strides=2), r"strides is \(2, 2\), but"),
        (lambda: models.DilatedConv2D(1, 3, dilation=2, dilation_rate=2), "dilation_rate is"),
        (lambda: models.DilatedConv2D(1, 3, dilation=0), "dilation is 0; it must be a whole number of at least 1"),
        (lambda: models.LinearUpsampling(factor=2.5), "factor is 2.5; it is a whole number of at least 1"),
        (lambda: models.LinearUpsampling(factor=(2, 2, 2))(np.ones((1, 9, 10, 3))), "but 2 axes need one whole number"),
        (lambda: models.CentreCrop(margin=5)(np.ones((1, 9, 12, 3))), r"margin of 5 .* leaves nothing of \(9, 12\)"),
        (lambda: models.CentreCrop(margin=-1), "margin is -1; it is a whole number of at least 0"),
        (lambda: models.Subsample(factor=2), "factor is odd"),
        (lambda: models.Subsample(factor=3, keep="max"), "keep 'max'; factor is odd, and keep 'centre' or 'mean'"),
        (lambda: models.CheckSize(multiple=0), "multiple is 0"),
        (lambda: models.unet(dimension=2, input_channels=1, factor=3.7), "factor is 3.7"),
        (lambda: models.unet(dimension=2, input_channels=1, filters=((4.7, 4), (4, 4))), "whole numbers of at least 1"),
        (lambda: models.unet(dimension=2, input_channels=1, filters=2, kernels=((3.9, 3.9), (3, 3))), "3.9"),
    ],
)
def test_settings_that_a_layer_cannot_follow_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_whole_numbers_of_numpy_are_whole_numbers():
    crop = models.CentreCrop(margin=np.int64(1))
    assert crop.get_config()["margin"] == 1
    assert models.CheckSize(multiple=np.int64(3)).multiple == 3
    net = models.unet(dimension=2, input_channels=1, filters=np.int64(2), levels=np.int64(2))
    assert net.count_params() == models.unet(dimension=2, input_channels=1, filters=2, levels=2).count_params()


@pytest.mark.parametrize("value", [0.1, -3.3, 1000.3])
@pytest.mark.parametrize("size", [(27, 27, 27), (243, 243)])
def test_a_constant_channel_becomes_zero_though_its_mean_is_rounded(value, size):
    x = np.full((1, *size, 1), value, "float32")
    assert not run(InstanceNormalization(), x).any()


def test_a_channel_of_little_contrast_is_normalised():
    x = (1000 + np.random.default_rng(0).normal(0, 0.1, (1, 40, 40, 1))).astype("float32")
    np.testing.assert_allclose(run(InstanceNormalization(), x).std(), 1, rtol=1e-3)
