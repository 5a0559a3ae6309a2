import functools
import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasmetricloss import models

NARROW = {"filters": (2, 3, 3, 4, 4, 4, 5, 5), "head_filters": (6, 6)}


def narrow(**changes):
    return models.deepmedic(**{"input_channels": 2, **NARROW, **changes})


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


@functools.cache
def published():
    return models.deepmedic()


def test_published_parameter_count():
    assert count(published().trainable_weights) == 660_251
    # Convolutions 657,431, PReLU 940, batch normalisation 2 x 940; as many moving statistics besides.
    assert count(published().non_trainable_weights) == 1_880
    kinds = {"Conv3D": 657_431, "PReLU": 940, "BatchNormalization": 1_880}
    for kind, parameters in kinds.items():
        layers = [layer for layer in published().layers if type(layer).__name__ == kind]
        assert count(weight for layer in layers for weight in layer.trainable_weights) == parameters


def test_residuals_cost_no_parameters_and_a_third_pathway_as_many_as_a_second():
    plain, two, three = narrow(factors=(1,)), narrow(residual=True), narrow(factors=(1, 3, 5))
    assert count(two.trainable_weights) == count(narrow().trainable_weights)
    one_pathway = count(two.trainable_weights) - count(plain.trainable_weights)
    assert count(three.trainable_weights) - count(two.trainable_weights) == one_pathway


def test_pathways_see_31_voxels_at_full_and_21_at_a_third_of_the_resolution():
    net = models.deepmedic(input_size=(63, 63, 66))
    shapes = {name: net.get_layer(name).output.shape[1:-1] for name in ("crop_x1", "subsample_x3", "x3_8", "repeat_x3")}
    assert shapes == {
        "crop_x1": (31, 31, 34),
        "subsample_x3": (21, 21, 22),
        "x3_8": (5, 5, 6),
        "repeat_x3": (15, 15, 18),
    }
    assert net.output_shape == (None, 15, 15, 18, 1)


def test_the_third_pathway_sees_19_voxels_at_a_fifth():
    net = narrow(factors=(1, 3, 5), input_size=(95, 95, 110))
    assert net.get_layer("subsample_x5").output.shape[1:-1] == (19, 19, 22)
    assert net.output_shape == (None, 15, 15, 30, 1)


def test_the_first_convolution_of_a_pathway_has_nothing_before_it_and_every_other_both():
    names = [layer.name for layer in published().layers]
    assert "x1_1_norm" not in names
    assert "x3_1_norm" not in names
    kinds = [type(layer).__name__ for layer in published().layers]
    # 8 + 8 convolutions of 3 voxels and 3 of 1; two of them are bare. Dropout on the inputs of the last two.
    counts = [kinds.count(kind) for kind in ("Conv3D", "BatchNormalization", "PReLU", "Dropout")]
    assert counts == [19, 17, 17, 2]


def settled(**changes):
    """A narrow network whose normalisation and activation do something, on a lattice of its own."""
    net = narrow(dropout=0.0, mask=False, **changes)
    random = np.random.default_rng(3)
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
        if isinstance(layer, keras.layers.PReLU):
            layer.set_weights([random.uniform(0.1, 0.4, w.shape) for w in layer.get_weights()])
    return net


@pytest.mark.parametrize(
    ("changes", "size", "patch", "step"),
    [
        ({"dimension": 3}, (60, 57, 54), 54, 3),
        ({"dimension": 2, "subsampling": "mean", "residual": True}, (57, 54), 51, 3),
        ({"dimension": 2, "factors": (1, 3, 5)}, (125, 110), 95, 15),
    ],
)
def test_dense_inference_equals_patches_whose_origin_is_a_multiple_of_the_lattice(changes, size, patch, step):
    net = settled(**changes)
    volume = noise(1, *size, 2)
    dense = net.predict(volume, verbose=0)[0]
    assert np.ptp(dense) > 1e-3
    origins = list(itertools.product(*(range(0, n - patch + 1, step) for n in size)))
    box = patch - (size[0] - dense.shape[0])
    cut = [volume[(0, *(slice(o, o + patch) for o in origin))] for origin in origins]
    for origin, part in zip(origins, net.predict(np.stack(cut), batch_size=3, verbose=0), strict=True):
        np.testing.assert_allclose(part, dense[tuple(slice(o, o + box) for o in origin)], atol=1e-5)


def test_a_patch_off_the_lattice_differs():
    net = settled(dimension=2)
    image = noise(1, 54, 51, 2)
    dense = net.predict(image, verbose=0)
    part = net.predict(np.concatenate([image[:, 1:], image[:, :1]], axis=1), verbose=0)
    assert np.abs(dense[:, 1:] - part[:, :-1]).max() > 1e-3


def test_one_tensor_alone_or_with_a_mask():
    image = noise(2, 54, 51, 2)
    net = narrow(dimension=2, outputs=3)
    assert [tensor.name for tensor in net.inputs] == ["image", "mask"]
    assert net.output_names == ["probability"]
    mask = (np.random.default_rng(1).random((2, 6, 3, 1)) > 0.5).astype("float32")
    alone = narrow(dimension=2, outputs=3, mask=False)
    assert [tensor.name for tensor in alone.inputs] == ["image"]
    assert alone.output_names == ["probability"]
    alone.set_weights(net.get_weights())
    expected = ops.convert_to_numpy(alone(image)) * mask
    np.testing.assert_allclose(ops.convert_to_numpy(net([image, mask])), expected, atol=1e-6)


@pytest.mark.parametrize(("keep", "expected"), [("centre", [[8, 11]]), ("mean", [[8, 11]])])
def test_subsample_of_a_ramp_by_hand(keep, expected):
    # Rows 0-5, 6-11, 12-17: the centre of the left block is 7 in row 1, and so is its mean; one more for the shift.
    x = np.arange(18, dtype="float32").reshape(1, 3, 6, 1) + 1
    y = models.Subsample(factor=3, keep=keep)(x)
    np.testing.assert_allclose(ops.convert_to_numpy(y)[0, :, :, 0], expected, rtol=1e-6)


def test_add_residual_crops_and_leaves_channels_that_have_no_partner():
    later = np.ones((1, 1, 2, 3), "float32")
    earlier = np.arange(24, dtype="float32").reshape(1, 3, 4, 2)
    # Row 1, columns 1 and 2 of the earlier map: 10, 11 and 12, 13.
    y = ops.convert_to_numpy(models.AddResidual(margin=1)([later, earlier]))
    assert y[0, 0].tolist() == [[11, 12, 1], [13, 14, 1]]
    z = ops.convert_to_numpy(models.AddResidual(margin=0)([later[..., :1], earlier[:, 1:2, 1:3]]))
    assert z[0, 0].tolist() == [[11], [13]]


@given(st.lists(st.integers(1, 60), min_size=2, max_size=3), st.sampled_from([(1,), (1, 3), (1, 3, 5)]))
@settings(max_examples=30, deadline=None)
def test_the_input_size_is_the_smallest_whose_output_covers_what_is_wanted(wanted, factors):
    size = models.deepmedic_input_size(wanted, factors=factors)
    given = models.deepmedic_output_size(size, factors=factors)
    step = int(np.prod(factors))
    assert all(0 <= out - want < step for out, want in zip(given, wanted, strict=True))


@pytest.mark.parametrize("n", [62, 64, 50, 9])
@pytest.mark.parametrize("input_size", [None, True])
def test_a_wrong_size_names_the_two_nearest_when_built_or_when_called(n, input_size):
    nearest = {62: "60 and 63", 64: "63 and 66", 50: "51 and 54", 9: "51 and 54"}[n]
    message = rf"axis 1 of the image has {n} voxels.* 48 \+ a multiple of 3.* fit are {nearest}"
    with pytest.raises(ValueError, match=message):
        narrow(dimension=2, mask=False, input_size=input_size and (63, n))(noise(1, 63, n, 2))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"dimension": 1}, "dimension is 1"),
        ({"subsampling": "max"}, "subsampling is 'max'; it can be 'centre' or 'mean'"),
        ({"factors": (1, 2)}, "different odd numbers"),
        ({"factors": (3, 1)}, "the first 1"),
        ({"factors": ()}, "different odd numbers"),
        ({"factors": 3}, "factors is 3; give different odd numbers"),
        ({"filters": 3}, "filters is 3; give one whole number of at least 1 for each convolution"),
        ({"filters": ()}, r"filters is \(\); give one whole number"),
        ({"head_filters": (3, 0)}, r"head_filters is \(3, 0\); give one"),
        ({"input_channels": None}, "input_channels is None; it must be a whole number"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"input_size": (63, 63)}, "3 axes need"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(setting, message):
    with pytest.raises(ValueError, match=message):
        narrow(**setting)


def test_a_size_can_be_one_number_for_all_axes_or_open_along_one():
    assert narrow(dimension=2, mask=False, input_size=63).output_shape == (None, 15, 15, 1)
    assert narrow(dimension=2, input_size=(63, None)).input_shape == [(None, 63, None, 2), (None, 15, None, 1)]
    assert models.deepmedic_output_size(63) == 15
    assert models.deepmedic_output_size((63, None)) == (15, None)
    assert models.deepmedic_input_size(15) == 63


def test_saves_and_reloads(tmp_path):
    net = narrow(dimension=2, residual=True, subsampling="mean")
    batch = [noise(2, 54, 51, 2), np.ones((2, 6, 3, 1), "float32")]
    before = net.predict(batch, verbose=0)
    net.save(tmp_path / "net.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "net.keras").predict(batch, verbose=0), before)


def test_trains_with_the_settings_of_the_paper():
    net = narrow(dimension=2)
    image, mask = noise(5, 54, 51, 2), np.ones((5, 6, 3, 1), "float32")
    truth = (image[:, 24:30, 24:27, :1] > 0).astype("float32")
    net.compile(keras.optimizers.SGD(1e-1), "binary_crossentropy")
    losses = net.fit((image, mask), truth, batch_size=5, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_the_small_preset_keeps_the_sizes():
    net = models.deepmedic_small(input_channels=3, outputs=2, input_size=(63, 60, 51))
    assert net.output_shape == (None, 15, 12, 3, 2)
    assert net.count_params() < 60_000
