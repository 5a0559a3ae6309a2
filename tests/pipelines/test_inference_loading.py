"""What a model was trained on, kept in its file, said of it, or known from the catalogue."""

import json
import zipfile

import keras
import numpy as np
import pytest

from kerasmetricloss import models
from kerasmetricloss.pipelines import Preparation
from kerasmetricloss.pipelines.inference import (
    PredictionError,
    TrainedOn,
    described,
    load_model,
    read_trained_on,
    write_trained_on,
)

from .conftest import trained


def flat(**changes):
    return trained(channels=("c0",), shift=(10,), scale=(2,), preparation=Preparation(output_size=(14, 11)), **changes)


@pytest.fixture
def saved(tmp_path):
    model = models.unet(dimension=2, input_channels=1, filters=2, levels=2)
    model.save(tmp_path / "m.keras")
    return model, tmp_path / "m.keras"


def test_what_a_model_was_trained_on_travels_in_its_file(saved):
    model, path = saved
    assert read_trained_on(path) is None
    for about in (flat(), flat(labels=("polyp",))):  # written once, then replaced
        write_trained_on(path, about)
        assert read_trained_on(path) == about
    for again in (keras.saving.load_model(path), load_model(path)[0]):
        for weight, expected in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)
    assert [path.name for path in path.parent.iterdir()] == ["m.keras"]


def test_a_model_that_cannot_be_used_is_one_clear_sentence(saved, tmp_path):
    _, path = saved
    with pytest.raises(PredictionError, match="does not say how its images were prepared"):
        load_model(path)
    write_trained_on(path, trained())
    with pytest.raises(PredictionError, match="the model takes 1 channels, but was trained on c0, c1"):
        load_model(path)
    with pytest.raises(PredictionError, match="no such file"):
        load_model(tmp_path / "none.keras")
    with pytest.raises(PredictionError, match=r"expected a model that ends in \.keras"):
        load_model(tmp_path / "m.pt")
    (tmp_path / "text.keras").write_text("weights")
    for refused in (read_trained_on, load_model, lambda file: write_trained_on(file, flat())):
        with pytest.raises(PredictionError, match=r"this is no \.keras file"):
            refused(tmp_path / "text.keras")
    with zipfile.ZipFile(tmp_path / "broken.keras", "w") as archive:
        archive.writestr("kerasmetricloss/trained_on.json", json.dumps({"dataset": "po18"}))
    with pytest.raises(PredictionError, match="is broken"):
        load_model(tmp_path / "broken.keras")


@keras.saving.register_keras_serializable(package="tests")
class Silent(keras.Model):
    """A model that is a class of its own tells no inputs."""

    def call(self, image):
        return image


def test_a_model_that_tells_no_inputs_is_refused(tmp_path):
    model = Silent()
    model(np.zeros((1, 4, 5, 1), "float32"))
    model.save(tmp_path / "m.keras")
    with pytest.raises(PredictionError, match="does not tell its inputs; save a functional or Sequential model"):
        load_model(tmp_path / "m.keras", otherwise=lambda model: described(model, dataset="mo17"))


def test_a_description_needs_a_shift_and_a_scale_a_channel():
    with pytest.raises(PredictionError, match="each channel needs one finite number of both"):
        trained(shift=(1,))
    with pytest.raises(PredictionError, match="not 0"):
        trained(scale=(1, 0))


def test_the_authors_constants_are_those_of_the_catalogue():
    found = TrainedOn.catalogued("is18")
    assert found.channels == ("CT", "Tmax", "MTT", "CBF", "CBV")
    assert found.preparation.input_size == (162, 162, 108)
    with pytest.raises(PredictionError, match="there are for br18, is17, is18, wm17"):
        TrainedOn.catalogued("po18")


@pytest.mark.parametrize("spacing_mm", [0, -1, float("nan"), float("inf")])
def test_a_description_needs_voxels_of_a_positive_size(saved, spacing_mm):
    with pytest.raises(PredictionError, match=r"spacing_mm is .*; it must be a positive length\. Leave it out"):
        described(saved[0], dataset="mo17", spacing_mm=spacing_mm)


@pytest.mark.parametrize(
    ("first", "own"),
    [
        (keras.layers.Rescaling(1 / 255), True),
        (keras.layers.Normalization(mean=1.0, variance=4.0), True),
        (models.ImageNetColours(white=255), True),
        (models.ImageNetColours(white=None), False),
        (keras.layers.Identity(), False),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_model_that_normalises_its_input_is_not_given_it_normalised_unless_that_is_said(first, own, nested):
    layers = [keras.Input((8, 9, 3)), first, keras.layers.Conv2D(1, 1)]
    # What stands behind the convolution is no input's.
    model = keras.Sequential([*layers, keras.layers.Rescaling(2.0)])
    if nested:
        image = keras.Input((8, 9, 3))
        model = keras.Model(image, model(image))
    found = described(model, dataset="po18")
    assert (found.shift, found.scale) == (((0.0,) * 3, (1.0,) * 3) if own else ((), ()))
    assert described(model, dataset="po18", shift=(5,)).shift == (5.0,) * 3
