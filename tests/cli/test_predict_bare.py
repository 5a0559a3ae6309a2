"""`predict` with a model that no study wrote: what `model.save` or the authors left."""

import json
import os
from pathlib import Path

import h5py
import keras
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerasmetricloss import models
from kerasmetricloss.cli import main
from kerasmetricloss.pipelines.inference import described, load_model
from kerasmetricloss.pipelines.inference.layers import input_scale

from .models_by_hand import bare_model, refused


def test_a_bare_model_is_normalised_by_each_case_on_its_own_grid(scans, tmp_path):
    path, out = bare_model(tmp_path / "bare.keras", channels=4), tmp_path / "out"
    main(["predict", "--model", str(path), "--root", str(scans), "--out", str(out), "--dataset", "br18"])
    for row in pd.read_csv(out / "scores.csv").itertuples():
        flair = np.asarray(nib.load(next(scans.rglob(f"{row.case}_flair.nii*"))).dataobj)
        expected = flair > flair[flair > 0].mean()
        assert (np.asarray(nib.load(out / row.file).dataobj) == expected).all()


def test_a_bare_model_is_prepared_as_it_is_said(scans, tmp_path):
    path = bare_model(tmp_path / "bare.keras", channels=1)
    first = np.asarray(nib.load(next(scans.rglob("*_flair.nii*"))).dataobj)
    shift = str(np.floor(np.quantile(first[first > 0], 0.6)) + 0.5)  # no voxel lies on it
    command = ["predict", "--model", str(path), "--root", str(scans), "--dataset", "br18", "--channels", "FLAIR"]
    main([*command, "--out", str(tmp_path / "given"), "--shift", shift, "--scale", "10", "--tile", "20x20x20"])
    main([*command, "--out", str(tmp_path / "coarse"), "--shift", shift, "--spacing-mm", "4"])
    for row in pd.read_csv(tmp_path / "given" / "scores.csv").itertuples():
        flair = np.asarray(nib.load(next(scans.rglob(f"{row.case}_flair.nii*"))).dataobj)
        given, coarse = (np.asarray(nib.load(tmp_path / n / row.file).dataobj) for n in ("given", "coarse"))
        assert (given == (flair > float(shift))).all()
        assert given.any()
        assert 0 < (given != coarse).sum() < 0.2 * given.size
    about = json.loads((tmp_path / "coarse" / "predictions.json").read_text())["trained_on"]
    assert (about["shift"], about["scale"], about["preparation"]["spacing_mm"]) == ([float(shift)], [1.0], 4.0)


def test_a_bare_deeplab_is_given_the_colours_as_they_are(tmp_path):
    random = np.random.default_rng(0)
    model = models.deeplab_vgg16(width=0.02, mask=False, dropout=0.0)
    pixels = random.integers(0, 256, (24, 31, 3)).astype("uint8")
    # Half of the pixels shall be foreground.
    enlarged = keras.Model(model.inputs, model.get_layer("enlarge").output)
    median = np.median(enlarged.predict(pixels[None].astype("float32"), verbose=0))
    model.get_layer("context12_3").bias.assign([-median])
    model.save(tmp_path / "m.keras")
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "a.png")
    command = ["predict", "--model", str(tmp_path / "m.keras"), "--root", str(tmp_path / "in"), "--dataset", "folder"]
    command += ["--images", "*.png", "--channels", "red,green,blue", "--out", str(tmp_path / "out")]
    main(command)
    expected = model.predict(pixels[None].astype("float32"), verbose=0)[0, ..., 0] > 0.5
    found = np.asarray(Image.open(tmp_path / "out" / "a_object.png"))
    assert 0 < expected.sum() < expected.size
    np.testing.assert_array_equal(found, expected * 255)


def test_a_network_with_instance_normalisation_says_once_that_it_is_tiled(scans, tmp_path, capsys):
    path = tmp_path / "m.keras"
    models.unet(dimension=3, input_channels=4, filters=1, levels=2).save(path)
    command = ["predict", "--model", str(path), "--root", str(scans), "--dataset", "br18", "--out"]
    main([*command, str(tmp_path / "whole")])
    assert "tiles" not in capsys.readouterr().err
    main([*command, str(tmp_path / "tiles"), "--tile", "19x40x40"])
    lines = [line for line in capsys.readouterr().err.splitlines() if "tiles of" in line]
    assert len(lines) == 1
    assert "an image of 36x32x33 voxels is predicted in" in lines[0]


def test_damaged_weights_are_one_line(tmp_path, capsys):
    path = tmp_path / "c.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"\xff\xfe"])
    assert refused("predict", "--model", path, "--root", tmp_path, "--out", tmp_path / "out") == 2
    assert f"kerasmetricloss: {path}: the file is damaged" in capsys.readouterr().err


def test_the_authors_weights_are_a_model_too(tmp_path):
    root = Path(os.environ.get("KML_DATA", "/nonexistent")) / "optimizingdice"
    if not root.is_dir():
        pytest.skip("KML_DATA names no folder with optimizingdice")
    model, trained_on = load_model(next(root.rglob("*.hdf5")))
    assert (model.name, trained_on.dataset) == ("unet_is18", "is18")


def test_logits_are_refused_and_taken_where_that_is_said(tmp_path, capsys):
    for case in ("1", "2"):
        pixels = np.zeros((12, 16), "uint8")
        pixels[3:6, 4:9] = 200
        Image.fromarray(pixels).save(tmp_path / f"{case}.png")
    path = bare_model(tmp_path / "m.keras", channels=1, dimension=2)
    sigmoid = keras.saving.load_model(path)
    logits = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])
    logits.set_weights([0.3 * sigmoid.get_weights()[0], np.array([-1.0])])
    logits.save(path)
    command = ["predict", "--model", path, "--root", tmp_path, "--dataset", "folder", "--images", "*.png"]
    command += ["--channels", "grey", "--shift", "0", "--scale", "100", "--out", tmp_path / "out"]
    assert refused(*command) == 2
    assert "expected probabilities: where these are logits, predict with --from-logits" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.png"))
    main([*map(str, command), "--from-logits"])
    found = np.asarray(Image.open(tmp_path / "out" / "1_object.png"))
    np.testing.assert_array_equal(found > 0, pixels > 0)


def test_a_deeplab_of_colours_up_to_1_is_given_them_so():
    for white, expected in ((255, 1.0), (1, 255.0), (None, None)):
        model = models.deeplab_vgg16(width=0.02, mask=False, white=white)
        assert input_scale(model) == expected
        about = described(model, dataset="po18")
        assert about.scale == (() if expected is None else (expected,) * 3)


def picture_of_classes(folder, *, head):
    """A model of three classes whose scores are the colours of its picture, and the picture of three shades."""
    convolution = keras.layers.Conv2D(3, 1, use_bias=False)
    model = keras.Sequential([keras.Input((None, None, 3)), convolution, *head])
    convolution.set_weights([np.eye(3).reshape(1, 1, 3, 3)])
    model.save(folder / "m.keras")
    colours = np.random.default_rng(3).permuted(np.tile(np.array([0, 1, 2], "uint8"), (24, 31, 1)), axis=-1)
    (folder / "in").mkdir()
    Image.fromarray(colours).save(folder / "in" / "a.png")
    command = ["predict", "--model", str(folder / "m.keras"), "--root", str(folder / "in"), "--dataset", "folder"]
    command += ["--images", "*.png", "--channels", "red,green,blue", "--shift", "0", "--scale", "4"]
    return [*command, "--out", str(folder / "out")], colours


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ([keras.layers.Softmax()], []),
        ([keras.layers.Activation("softmax", dtype="float32")], []),
        ([], ["--exclusive", "--from-logits"]),
    ],
)
def test_of_exclusive_classes_the_largest_counts_however_small(tmp_path, head, options):
    # The largest probability is e^0.5 / (e^0.5 + e^0.25 + 1) = 0.42.
    command, colours = picture_of_classes(tmp_path, head=head)
    main([*command, "--labels", "liver,spleen", *options])
    for label, channel in (("liver", 1), ("spleen", 2)):
        found = np.asarray(Image.open(tmp_path / "out" / f"a_{label}.png"))
        np.testing.assert_array_equal(found, (colours[..., channel] == 2) * 255)


def test_every_exclusive_class_can_have_a_label(tmp_path):
    command, colours = picture_of_classes(tmp_path, head=[keras.layers.Softmax()])
    main([*command, "--labels", "air,liver,spleen"])
    found = [np.asarray(Image.open(tmp_path / "out" / f"a_{label}.png")) for label in ("air", "liver", "spleen")]
    np.testing.assert_array_equal(np.stack(found, -1), (colours == 2) * 255)


def test_a_softmax_can_be_cut_at_one_half(tmp_path):
    command, _ = picture_of_classes(tmp_path, head=[keras.layers.Softmax()])
    main([*command, "--labels", "air,liver,spleen", "--no-exclusive"])
    assert not np.asarray(Image.open(tmp_path / "out" / "a_liver.png")).any()


def test_labels_that_leave_out_more_than_the_background_are_refused(tmp_path, capsys):
    command, _ = picture_of_classes(tmp_path, head=[keras.layers.Softmax()])
    assert refused(*command, "--labels", "liver") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the model has 3 outputs" in said
    assert "in their order, or all but the first, the background (--labels A,B)" in said


def test_colours_of_16_bits_are_no_colours_of_8(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    models.deeplab_vgg16(width=0.02, mask=False).save(tmp_path / "m.keras")
    pixels = np.full((24, 32), 30000, np.uint16)
    Image.fromarray(pixels).save(tmp_path / "in" / "a.png")
    command = ["predict", "--model", str(tmp_path / "m.keras"), "--root", str(tmp_path / "in"), "--dataset", "folder"]
    command += ["--images", "*.png", "--channels", "red,green,blue", "--out", str(tmp_path / "out")]
    assert refused(*command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "case a: its colours go up to 30000, the network takes them up to 255; save the pictures with 8 bits" in said
