"""Files of weights that do not fit, or are damaged, are refused by name."""

import h5py
import numpy as np
import pytest

from kerasmetricloss import models
from kerasmetricloss.models import released
from kerasmetricloss.models.released import ReleasedWeightsError

from .keras2_files import layer_names, small, write


@pytest.mark.parametrize("number", [1, 7, 12, 15])
def test_the_first_layer_that_does_not_fit_is_named(tmp_path, number):
    arrays = list(small())
    for place in (number, min(number + 1, 15)):
        kernel, bias = arrays[place - 1]
        arrays[place - 1] = (np.concatenate([kernel, kernel], axis=1), bias)
    path = write(tmp_path / "w.hdf5", arrays, layer_names(first=3))
    with pytest.raises(
        ReleasedWeightsError, match=rf"w.hdf5: layer conv3d_{number + 2} .* it is convolution {number},"
    ):
        released.load(path)


def test_a_missing_and_an_extra_convolution_are_named(tmp_path):
    names = layer_names()
    without = [name for name in names if name != "conv3d_15"]
    with pytest.raises(ReleasedWeightsError, match="layer logit is missing: the file has 14"):
        released.load(write(tmp_path / "less.hdf5", small()[:14], without))
    with pytest.raises(ReleasedWeightsError, match="layer conv3d_16 is one too many"):
        released.load(write(tmp_path / "more.hdf5", [*small(), small()[-1]], [*names, "conv3d_16"]))


def test_a_layer_of_another_kind_is_named(tmp_path):
    path = write(tmp_path / "w.hdf5", small(), layer_names())
    with h5py.File(path, "r+") as file:
        file["lambda_4"].attrs["weight_names"] = [b"lambda_4/gamma:0", b"lambda_4/beta:0"]
        for part in ("gamma:0", "beta:0"):
            file["lambda_4"].create_dataset(f"lambda_4/{part}", data=np.ones(3, "float32"))
    with pytest.raises(
        ReleasedWeightsError, match=r"layer lambda_4 has weights of shape \(3,\) and \(3,\), expected a"
    ):
        released.load(path)


def test_what_is_no_weights_file_is_said(tmp_path):
    with pytest.raises(ReleasedWeightsError, match="no such file"):
        released.load(tmp_path / "none.hdf5")
    with pytest.raises(ReleasedWeightsError, match=r"is a folder; name one of the \.hdf5 files in it"):
        released.load(tmp_path)
    (tmp_path / "text.hdf5").write_text("weights")
    with pytest.raises(ReleasedWeightsError, match="no HDF5 file"):
        released.load(tmp_path / "text.hdf5")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["a"] = np.zeros(3)
    with pytest.raises(ReleasedWeightsError, match="lists no layers"):
        released.load(tmp_path / "other.hdf5")
    whole = write(tmp_path / "w.hdf5", small(), layer_names()).read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReleasedWeightsError, match="cut short"):
        released.load(tmp_path / "cut.hdf5")
    with h5py.File(tmp_path / "w.hdf5", "r+") as file:
        del file["conv3d_4/conv3d_4/bias:0"]
    with pytest.raises(ReleasedWeightsError, match="the file is damaged"):
        released.load(tmp_path / "w.hdf5")
    arrays = [(kernel, np.full_like(bias, np.nan)) for kernel, bias in small()]
    with pytest.raises(ReleasedWeightsError, match="layer conv3d_1 holds NaN"):
        released.load(write(tmp_path / "nan.hdf5", arrays, layer_names()))


def damage_weight_name(file):
    file["conv3d_6"].attrs["weight_names"] = np.array([b"\xff\xff", b"a"])


def damage_layer_name(file):
    file.attrs["layer_names"] = np.array([b"\xff\xfe\xfa"])


def put_group(file):
    del file["conv3d_6/conv3d_6/kernel:0"]
    file["conv3d_6"].create_group("conv3d_6/kernel:0")


def reshape(layer, kernel, bias):
    def change(file):
        for key, shape in (("kernel:0", kernel), ("bias:0", bias)):
            del file[f"{layer}/{layer}/{key}"]
            file.create_dataset(f"{layer}/{layer}/{key}", shape=shape, dtype="float32")

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_layer_name, "w.hdf5: the file is damaged .*decode"),
        (damage_weight_name, "w.hdf5: layer conv3d_6: the file is damaged .*decode"),
        (put_group, "w.hdf5: layer conv3d_6 holds a group in place of numbers"),
        (reshape("conv3d_1", (3, 3, 1, 2, 0), (0,)), "w.hdf5: layer conv3d_1 has an empty kernel"),
        (reshape("conv3d_15", (1, 1, 1, 2, 0), (0,)), "w.hdf5: layer conv3d_15 has an empty kernel"),
        # Numbers that were never written take no room in the file.
        (reshape("conv3d_1", (3, 3, 1, 2, 2**40), (2**40,)), "w.hdf5: layer conv3d_1 has a kernel .* larger than the"),
        (reshape("conv3d_1", (3, 3, 1, 2, 500), (500,)), "w.hdf5: layer conv3d_1 does not fit: 500 filters .* 4000"),
    ],
)
def test_damage_names_the_file_and_the_layer(tmp_path, damage, message):
    path = write(tmp_path / "w.hdf5", small(), layer_names())
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(ReleasedWeightsError, match=message):
        released.load(path)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of h5py, about numbers that it reads
def test_random_bytes_give_no_other_error(tmp_path):
    path = write(tmp_path / "w.hdf5", small(), layer_names())
    whole, random, said = path.read_bytes(), np.random.default_rng(0), []
    for number in range(60):
        broken = bytearray(whole)
        for place in random.integers(0, (3000, len(whole))[number % 2], 20):
            broken[place] = random.integers(256)
        path.write_bytes(broken)
        try:
            released.load(path)
        except ReleasedWeightsError as error:
            said.append(str(error))
    assert len(said) > 20
    assert all(str(path) in message for message in said)


def test_a_file_of_keras_3_is_none_of_the_authors(tmp_path):
    path = tmp_path / "own.h5"
    own = models.unet(dimension=3, input_channels=4, filters=2, levels=4, normalisation=None, pooling="average")
    own.save(path)
    with pytest.raises(ReleasedWeightsError, match=r"own\.h5: Keras 3\..* wrote it, so it is none of the authors'"):
        released.load(path)
