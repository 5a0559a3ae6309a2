"""Weights files as Keras 2 wrote them, made here; the authors' own where KML_DATA names the folder that holds them."""

import itertools
import os
import pickle
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from kerasmetricloss import models
from kerasmetricloss.models import released
from kerasmetricloss.models.released import ReleasedWeightsError

from .keras2_files import arrays_of, layer_names, shapes, small, write


def convolve(x, kernel, bias):
    """Same-padded correlation, channels last, float64."""
    size = kernel.shape[:-2]
    padded = np.pad(x, [*((n // 2, n // 2) for n in size), (0, 0)])
    y = np.zeros((*x.shape[:-1], kernel.shape[-1])) + bias
    for offset in itertools.product(*map(range, size)):
        window = tuple(slice(o, o + n) for o, n in zip(offset, x.shape[:-1], strict=True))
        y += padded[window] @ kernel[offset].astype("float64")
    return y


def pool(x, kind):
    """Three voxels an axis to one."""
    blocks = x.reshape(*itertools.chain(*((n // 3, 3) for n in x.shape[:-1])), x.shape[-1])
    return getattr(blocks, "max" if kind == "max" else "mean")(axis=tuple(range(1, 2 * x.ndim - 2, 2)))


def enlarge(x):
    """Repeat each voxel three times an axis, then average over three with stride one."""
    for axis in range(x.ndim - 1):
        x = np.lib.stride_tricks.sliding_window_view(np.repeat(x, 3, axis), 3, axis).mean(axis=-1)
    return x


def reference(arrays, image, mask, *, kind="max", norm=True):
    """The network of the authors' description in NumPy, straight from the arrays in the file's order."""
    pairs = iter(arrays)

    def step(x):
        if norm:
            space = tuple(range(x.ndim - 1))
            x = (x - x.mean(axis=space)) / (x.std(axis=space) + 1e-7)
        return convolve(np.where(x > 0, x, 0.01 * x), *next(pairs))

    x = step(convolve(image.astype("float64"), *next(pairs)))
    skips = []
    for _ in range(3):
        skips.append(x)
        x = step(step(pool(x, kind)))
    for crop, skip in zip((1, 4, 13), reversed(skips), strict=True):
        inner = skip[(slice(crop, -crop),) * (image.ndim - 1)]
        x = step(step(np.concatenate([inner, enlarge(x)], axis=-1)))
    return mask / (1 + np.exp(-step(x)))


def compare(path, arrays, size, **settings):
    model = released.load(path)
    random = np.random.default_rng(3)
    coarse = random.normal(0, 3, (*(n // 9 for n in size), model.input_shape[0][-1]))
    image = np.kron(coarse, np.ones((9,) * len(size) + (1,))) + random.normal(size=(*size, coarse.shape[-1]))
    image = image.astype("float32")
    mask = (random.random((*(n - 26 for n in size), 1)) > 0.2).astype("float32")
    run = model.predict_on_batch if keras.backend.backend() == "jax" else model  # JAX compiles op by op else
    y = keras.ops.convert_to_numpy(run([image[None], mask[None]]))[0]
    expected = reference(arrays, image, mask, **settings)
    assert expected[mask[..., 0] > 0].std() > 100 * 2e-5  # far more than what is let through below
    np.testing.assert_allclose(y, expected, atol=2e-5)
    return model


@pytest.mark.parametrize(("kind", "norm"), [("max", True), ("average", False), ("max", False)])
def test_the_loaded_network_is_the_authors_description_in_numpy(tmp_path, kind, norm):
    path = write(tmp_path / "w.hdf5", small(), layer_names(pooling=kind, norm=norm))
    compare(path, small(), (54, 27, 54), kind=kind, norm=norm)


def test_two_dimensions_and_three_outputs(tmp_path):
    arrays = arrays_of(shapes(channels=1, outputs=3, dimension=2))
    arrays = [(kernel[:, :3] if kernel.shape[0] > 1 else kernel, bias) for kernel, bias in arrays]
    path = write(tmp_path / "w.hdf5", arrays, layer_names(convolution="conv2d"))
    assert compare(path, arrays, (54, 81)).output_shape == (None, None, None, 3)


@pytest.mark.parametrize(
    ("name", "channels", "filters", "parameters"),
    [
        ("br18", 4, 20, 3_875_501),
        ("is17", 6, 20, 3_875_861),
        ("is18", 5, 10, 969_441),
        ("wm17", 2, 20, 3_875_141),
    ],
)
def test_every_published_network_is_told_by_its_shapes(tmp_path, name, channels, filters, parameters):
    arrays = arrays_of(shapes(channels=channels, filters=filters))
    half = name == "is18"
    path = write(tmp_path / "w.hdf5", arrays, layer_names(pooling="average" if half else "max", norm=not half))
    model = released.load(path)
    assert (model.name, model.count_params()) == (f"unet_{name}", parameters)
    published = getattr(models, f"unet_{name}")()
    assert [type(layer).__name__ for layer in model.layers] == [type(layer).__name__ for layer in published.layers]


def test_the_order_is_that_of_the_file_whatever_numbers_the_names_bear(tmp_path):
    # A second network of one Keras 2 session: conv3d_16 to conv3d_30; sorted names would run 16..30 by luck,
    # conv3d_8 to conv3d_22 would not.
    path = write(tmp_path / "w.hdf5", small(), layer_names(first=8))
    weights = released.load(path).get_weights()
    for kernel, (expected, _) in zip(weights[::2], small(), strict=True):
        np.testing.assert_array_equal(kernel, expected)


@pytest.mark.parametrize("form", [{"whole": True}, {"chunks": 3}])
def test_a_saved_model_and_a_split_list_of_names_are_read_too(tmp_path, form):
    path = write(tmp_path / "w.hdf5", small(), layer_names(), **form)
    np.testing.assert_array_equal(released.load(path).get_weights()[0], small()[0][0])


def write_nested(path, arrays):
    """What `keras.utils.multi_gpu_model` saves: the whole network in one layer, and a Lambda that slices its batch."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", b"max_pooling3d_1", b"lambda_1", b"model_1"]
        for name in ("input_1", "max_pooling3d_1", "lambda_1"):
            file.create_group(name).attrs["weight_names"] = []
        names = [f"conv3d_{i}/{part}:0" for i in range(1, 16) for part in ("kernel", "bias")]
        group = file.create_group("model_1")
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, itertools.chain(*arrays), strict=True):
            group.create_dataset(name, data=array)
    return path


def test_a_nested_model_is_read_in_its_own_order(tmp_path):
    found = released.load(write_nested(tmp_path / "w.hdf5", small())).get_weights()
    for array, expected in zip(found, itertools.chain(*small()), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_a_published_network_without_normalisation_may_have_been_trained_on_several_gpus(tmp_path):
    arrays = arrays_of(shapes(channels=5, filters=10))  # IS18
    model = released.load(write_nested(tmp_path / "w.hdf5", arrays))
    assert model.name == "unet_is18"
    np.testing.assert_array_equal(model.get_weights()[0], arrays[0][0])


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    path = write(tmp_path / "w.hdf5", small(), layer_names(), whole=True)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, lambda *_, **__: pytest.fail("unpickled"))
    monkeypatch.setattr("marshal.loads", lambda *_: pytest.fail("code was loaded"))
    assert released.load(path).count_params() > 0


def test_without_names_of_pools_the_published_network_of_those_shapes_decides(tmp_path):
    names = [f"conv3d_{i}" for i in range(1, 16)]
    arrays = arrays_of(shapes(channels=5, filters=10))
    model = released.load(write(tmp_path / "w.hdf5", arrays, names))
    assert not any("norm" in layer.name for layer in model.layers)
    with pytest.raises(ReleasedWeightsError, match="conv3d_1 has 2 channels and 2 filters, which no published network"):
        released.load(write(tmp_path / "v.hdf5", small(), names))


@pytest.mark.parametrize(
    ("pooling", "change", "message"),
    [
        (
            "max",
            lambda name: name.replace("lambda", "dense"),
            "layer conv3d_2 .* no layer named lambda or norm before it",
        ),
        ("average", str, "layer average_pooling3d_1 .* shows that its pooling is average, but .* of BR18.* is max"),
    ],
)
def test_names_that_contradict_the_published_network_of_the_kernels_are_refused(tmp_path, pooling, change, message):
    arrays = arrays_of(shapes(channels=4, filters=20))
    names = [change(name) for name in layer_names(pooling=pooling)]
    with pytest.raises(ReleasedWeightsError, match=message):
        released.load(write(tmp_path / "w.hdf5", arrays, names))


@pytest.mark.parametrize("name", ["normalization", "group_normalization", "instance_norm", "norm"])
def test_a_normalisation_of_any_name_is_one(tmp_path, name):
    names = [found.replace("lambda", name) for found in layer_names()]
    model = released.load(write(tmp_path / "w.hdf5", small(), names))
    assert sum(isinstance(layer, models.InstanceNormalization) for layer in model.layers) == 14


def test_lambda_layers_in_the_network_without_normalisation_are_refused(tmp_path):
    arrays = arrays_of(shapes(channels=5, filters=10))
    path = write(tmp_path / "w.hdf5", arrays, layer_names(pooling="average"))
    with pytest.raises(
        ReleasedWeightsError, match=r"layer lambda_1 .* normalisation is instance, but .* of IS18.* is None"
    ):
        released.load(path)


def test_two_dimensions_can_be_stored_as_volumes_of_one_slice(tmp_path):
    flat = [((*kernel[:2], 1, *kernel[3:]), width) for kernel, width in shapes(channels=1)]
    arrays = arrays_of(flat)
    path = write(tmp_path / "w.hdf5", arrays, layer_names())
    plain = [(kernel[:, :, 0], bias) for kernel, bias in arrays]
    assert compare(path, plain, (54, 81)).output_shape == (None, None, None, 1)


def test_the_authors_file_equals_numpy_on_its_own_weights():
    root = Path(os.environ.get("KML_DATA", "/nonexistent")) / "optimizingdice"
    if not root.is_dir():
        pytest.skip("KML_DATA names no folder with optimizingdice")
    for path in sorted(root.rglob("*.hdf5")):
        with h5py.File(path, "r") as file:
            names = [f"conv3d_{i}" for i in range(1, 16)]
            arrays = [tuple(file[f"{n}/{n}/{part}:0"][()] for part in ("kernel", "bias")) for n in names]
        half = arrays[0][0].shape[-1] == 10
        model = compare(path, arrays, (54, 54, 54), kind="average" if half else "max", norm=not half)
        assert model.count_params() == sum(array.size for pair in arrays for array in pair)
