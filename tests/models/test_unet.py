import functools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasmetricloss import models


def tiny(dimension=2, **changes):
    settings = {"input_channels": 2, "filters": ((2, 3), (4, 3), (5, 4)), **changes}
    return models.unet(dimension=dimension, **settings)


def inputs(size, *, channels=2, batch=1, levels=3):
    random = np.random.default_rng(0)
    out = models.unet_output_size(size, levels)
    mask = (random.random((batch, *out, 1)) > 0.3).astype("float32")
    return [random.normal(size=(batch, *size, channels)).astype("float32"), mask]


@functools.cache
def published(name, **changes):
    return getattr(models, f"unet_{name}")(**changes)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("br18", 3_875_501), ("is17", 3_875_861), ("is18", 969_441), ("wm17", 3_875_141), ("mo17", 1_441_361)],
)
def test_published_parameter_counts(name, parameters):
    assert published(name).count_params() == parameters


def test_three_outputs_cost_42_parameters():
    # Two more 1x1x1 convolutions of 20 channels and a bias.
    assert published("br18", outputs=3).count_params() == 3_875_543


def test_published_sizes():
    assert published("br18", input_size=(162, 162, 108)).output_shape == (None, 136, 136, 82, 1)
    assert published("mo17", input_size=(243, 243)).output_shape == (None, 217, 217, 1)


def test_is18_pools_by_average_without_normalisation_or_penalty():
    kinds = {type(layer).__name__ for layer in published("is18").layers}
    assert "AveragePooling3D" in kinds
    assert not kinds & {"MaxPooling3D", "InstanceNormalization"}
    assert not published("is18").losses


def test_only_the_first_convolution_has_nothing_before_it():
    # Convolutions of BR18: 2 a level on both sides of 3 levels, 2 at the bottom, 1 for the output: 15.
    kinds = [type(layer).__name__ for layer in published("br18").layers]
    assert (kinds.count("Conv3D"), kinds.count("InstanceNormalization"), kinds.count("LeakyReLU")) == (15, 14, 14)


def test_kernels_and_filters_of_br18_in_the_order_of_the_paper():
    net = published("br18")
    flat, full = (3, 3, 1), (3, 3, 3)
    expected = {"encode0": [(flat, 20), (full, 40)], "encode1": [(flat, 40), (full, 80)]}
    expected |= {"encode2": [(flat, 80), (full, 160)], "bottom": [(full, 160), (full, 160)]}
    expected |= {"decode2": [(full, 160), (flat, 80)], "decode1": [(full, 80), (flat, 40)]}
    expected |= {"decode0": [(full, 40), (flat, 20)]}
    for name, pair in expected.items():
        layers = [net.get_layer(f"{name}_{i}") for i in range(2)]
        assert [(layer.kernel_size, layer.filters) for layer in layers] == pair
    # 1e-5 times the squared kernels; a penalty on every one of the 15.
    assert len(net.losses) == 15
    kernels = [ops.convert_to_numpy(w) for w in net.weights if w.name == "kernel"]
    penalty = sum(float(ops.convert_to_numpy(loss)) for loss in net.losses)
    assert penalty == pytest.approx(1e-5 * sum(float((k**2).sum()) for k in kernels), rel=1e-4)


@given(st.integers(1, 4), st.lists(st.integers(1, 40), min_size=2, max_size=3))
@settings(max_examples=30, deadline=None)
def test_output_is_sk_minus_s_plus_1_and_input_size_is_its_smallest_cover(levels, ks):
    s = 3 ** (levels - 1)
    size = tuple(s * k for k in ks)
    out = models.unet_output_size(size, levels)
    assert out == tuple(s * k - (s - 1) for k in ks)
    assert models.unet_input_size(out, levels) == size
    if levels > 1:
        assert models.unet_input_size([n + 1 for n in out], levels) == tuple(n + s for n in size)


@pytest.mark.parametrize("size", [(18, 27), (27, 36)])
def test_one_model_of_unknown_size_takes_every_size_that_fits(size):
    net = tiny(outputs=3)
    y = net(inputs(size, batch=2))
    assert tuple(y.shape) == (2, size[0] - 8, size[1] - 8, 3)


def test_an_unknown_batch_and_known_size_keep_their_shapes():
    assert tiny(input_size=(18, 27)).output_shape == (None, 10, 19, 1)
    assert tiny(3, input_size=(18, 27, 9), factor=(3, 3, 1)).output_shape == (None, 10, 19, 9, 1)


def test_a_size_can_be_one_number_for_all_axes_or_open_along_one():
    assert tiny(input_size=18).input_shape[0] == (None, 18, 18, 2)
    half = tiny(input_size=(18, None))
    assert half.input_shape == [(None, 18, None, 2), (None, 10, None, 1)]
    assert half(inputs((18, 27))).shape == (1, 10, 19, 1)
    with pytest.raises(ValueError, match="axis 0 of the image has 10 voxels"):
        tiny(input_size=(10, None))
    assert models.unet_output_size(162) == 136
    assert models.unet_output_size((162, None, 108)) == (136, None, 82)
    assert models.unet_input_size(136) == 162
    for sizes in (models.unet_output_size, models.unet_input_size):
        with pytest.raises(ValueError, match="levels is 0; it must be a whole number of at least 1"):
            sizes((162, 162), 0)


def test_probability_is_the_sigmoid_inside_the_mask_and_zero_outside():
    net = tiny()
    image, mask = inputs((18, 27))
    logit = keras.Model(net.inputs[0], net.get_layer("logit").output)(image)
    expected = 1 / (1 + np.exp(-ops.convert_to_numpy(logit).astype("float64"))) * mask
    np.testing.assert_allclose(ops.convert_to_numpy(net([image, mask])), expected, atol=1e-6)


def test_names_of_inputs_and_output():
    net = tiny()
    assert [tensor.name for tensor in net.inputs] == ["image", "mask"]
    assert net.output_names == ["probability"]


@pytest.mark.parametrize("size", [(27, 80), (None, None)])
def test_a_wrong_size_names_the_two_nearest_when_built_or_when_called(size):
    batch = [np.zeros((1, 27, 80, 2), "float32"), np.ones((1, 19, 73, 1), "float32")]
    with pytest.raises(ValueError, match=r"axis 1 of the image has 80 voxels.* 72 and 81"):
        tiny(input_size=size if None not in size else None)(batch)


def test_a_mask_on_the_input_box_is_refused():
    with pytest.raises(ValueError, match="mask has size"):
        tiny()([np.zeros((1, 18, 27, 2), "float32"), np.ones((1, 18, 27, 1), "float32")])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"dimension": 1}, "dimension is 1; it can be 2 or 3"),
        ({"pooling": "mean"}, "pooling is 'mean'; it can be 'max' or 'average'"),
        ({"normalisation": "batch"}, "normalisation is 'batch'"),
        ({"factor": 2}, "odd factors"),
        ({"factor": (3, 3, 3)}, "2 axes need"),
        ({"levels": 4}, "has 3 levels; levels is 4"),
        ({"filters": 0}, "at least 1"),
        ({"filters": ((0, 2), (2,))}, "numbers of at least 1"),
        ({"filters": ()}, "levels is None; give one filled sequence"),
        ({"input_channels": None}, "input_channels is None; it must be a whole number of at least 1"),
        ({"input_channels": 0}, "input_channels is 0; it must be"),
        ({"outputs": 0}, "outputs is 0; it must be"),
        ({"filters": 2.5}, "filters is 2.5 .* whole number or one sequence a level"),
        ({"filters": (2, 3)}, r"filters is \(2, 3\) .* one sequence a level"),
        ({"levels": 2.5}, "levels 2.5; .* levels a whole number"),
        ({"kernels": 3}, r"kernels is 3; give the convolutions of a level one each, as \(\(3, 3\), \(3, 3\)\)"),
        ({"kernels": ()}, r"kernels is \(\); give"),
        ({"kernels": (3, 1)}, r"kernels is \(3, 1\), whose bare numbers .* as \(\(3, 1\),\) for one"),
        ({"dimension": 3, "kernels": (3, 3, 1)}, r"kernels is \(3, 3, 1\), .* as \(\(3, 3, 1\),\) for one that all"),
        ({"kernels": ((3, 3, 3),)}, r"a kernel is \(3, 3, 3\), but 2 axes need"),
        ({"input_size": (18, 18, 18)}, "2 axes need"),
        ({"input_size": (18, 9.5)}, r"input_size is \(18, 9.5\), but 2 axes need one whole number"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(setting, message):
    with pytest.raises(ValueError, match=message):
        tiny(**setting)


@pytest.mark.parametrize("dimension", [2, 3])
def test_saves_and_reloads(dimension, tmp_path):
    net = tiny(dimension, factor=(3, 3, 1)[:dimension])
    size, out = (18, 27, 4)[:dimension], (10, 19, 4)[:dimension]
    batch = [np.random.default_rng(0).normal(size=(2, *size, 2)), np.ones((2, *out, 1))]
    before = net.predict(batch, verbose=0)
    net.save(tmp_path / "net.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "net.keras").predict(batch, verbose=0), before)


def test_trains():
    keras.utils.set_random_seed(1)
    net = tiny()
    image, mask = inputs((18, 27), batch=3)
    truth = np.zeros((3, 10, 19, 1), "float32")
    truth[:, 3:7, 5:12] = 1
    net.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy")
    losses = net.fit((image, mask), truth, batch_size=3, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_small_preset_is_of_three_levels(dimension):
    net = models.unet_small(dimension=dimension, input_channels=3, outputs=2, input_size=(27, 18, 36)[:dimension])
    assert net.output_shape == (None, *(19, 10, 28)[:dimension], 2)
    assert net.count_params() < 100_000
