"""`kerasmetricloss predict`, in this process: from a model file and a folder to labels, scores and one-line errors."""

import json
import os
from pathlib import Path

import keras
import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from kerasmetricloss import models
from kerasmetricloss.cli import main
from kerasmetricloss.datasets import write_phantom
from kerasmetricloss.pipelines import Preparation
from kerasmetricloss.pipelines.inference import TrainedOn, load_model, write_trained_on


def refused(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def threshold_model(path, *, dimension, channels, box, shift, dataset, names, **preparation):
    """A U-Net of one level whose weights are set by hand: foreground is where the first channel is above its shift."""
    model = models.unet(
        dimension=dimension, input_channels=channels, filters=1, levels=1, normalisation=None, activation="linear"
    )
    for layer in model.layers:
        if layer.weights:
            kernel, bias = (np.zeros(weight.shape) for weight in layer.weights)
            kernel[(*(n // 2 for n in kernel.shape[:-2]), 0, 0)] = 20
            layer.set_weights([kernel, bias])
    model.save(path)
    write_trained_on(
        path,
        TrainedOn(
            dataset=dataset,
            channels=names,
            labels=(),
            preparation=Preparation(output_size=box, **preparation),
            shift=(shift, *(0,) * (channels - 1)),
            scale=(10,) * channels,
        ),
    )
    return path


@pytest.fixture
def scans(tmp_path):
    return write_phantom("br18", tmp_path / "data", cases=2, seed=1, size=(36, 32, 33))


@pytest.fixture
def model(scans, tmp_path):
    flair = [np.asarray(nib.load(path).dataobj) for path in sorted(scans.rglob("*_flair.nii*"))]
    truth = [np.asarray(nib.load(path).dataobj) > 0 for path in sorted(scans.rglob("*_seg.nii*"))]
    shift = float(np.mean([np.quantile(image[mask], 0.2) for image, mask in zip(flair, truth, strict=True)]))
    names = ("FLAIR", "T1", "T1CE", "T2")
    settings = {
        "dimension": 3,
        "channels": 4,
        "box": (18, 16, 17),
        "dataset": "br18",
        "names": names,
        "spacing_mm": 2.0,
    }
    return threshold_model(tmp_path / "m.keras", shift=shift, **settings)


def test_a_folder_becomes_labels_on_the_grid_of_its_scans_and_scores(scans, model, tmp_path, capsys):
    out = tmp_path / "out"
    main(["predict", "--model", str(model), "--root", str(scans), "--out", str(out)])
    printed = capsys.readouterr()
    assert "predicting (2)" in printed.err
    table = pd.read_csv(out / "scores.csv")
    assert printed.out.splitlines()[1].split() == [
        "WT",
        "2",
        f"{table['dice'].mean():.3f}",
        f"{table['jaccard'].mean():.3f}",
    ]
    assert table["dice"].min() > 0.1
    for row in table.itertuples():
        label, scan = nib.load(out / row.file), nib.load(next(scans.rglob(f"{row.case}_flair.nii*")))
        assert label.shape == scan.shape
        np.testing.assert_allclose(label.affine, scan.affine)
        assert row.predicted_voxels == np.asarray(label.dataobj).sum()
        truth = np.asarray(nib.load(next(scans.rglob(f"{row.case}_seg.nii*"))).dataobj) > 0
        both = (truth & (np.asarray(label.dataobj) > 0)).sum()
        assert row.dice == pytest.approx(2 * both / (truth.sum() + row.predicted_voxels))


def test_the_same_command_again_computes_nothing_and_tiles_change_the_folder(scans, model, tmp_path, capsys):
    command = ["predict", "--model", str(model), "--root", str(scans), "--out", str(tmp_path / "out")]
    main(command)
    files = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    main(command)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == files
    assert refused(*command, "--tile", "6x6x6", "--batch", "3") == 2
    assert "holds predictions made otherwise: tiling was" in capsys.readouterr().err
    # A voxel-wise network says the same in tiles, but for voxels that lie at exactly one half between two others.
    main([*command[:-1], str(tmp_path / "tiles"), "--tile", "6x6x6", "--batch", "3", "--blend", "constant"])
    whole, tiles = (pd.read_csv(tmp_path / name / "scores.csv") for name in ("out", "tiles"))
    pd.testing.assert_frame_equal(whole, tiles, rtol=0.01)


def test_pictures_become_pictures(tmp_path):
    root = write_phantom("po18", tmp_path / "po18", cases=2, seed=0, size=(48, 40))
    names = ("red", "green", "blue")
    box = {"dimension": 2, "channels": 3, "box": (20, 24), "dataset": "po18", "names": names, "picture_size": (24, 20)}
    path = threshold_model(tmp_path / "m.keras", shift=128.0, **box)
    main(["predict", "--model", str(path), "--root", str(root), "--out", str(tmp_path / "out")])
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [".csv", ".json", ".png", ".png"]


def test_images_without_a_truth_are_segmented_and_not_scored(scans, model, tmp_path):
    for path in scans.rglob("*_seg.nii*"):
        path.unlink()
    images = [part for name in ("flair", "t1", "t1ce", "t2") for part in ("--images", f"*/*/*_{name}.nii.gz")]
    out = tmp_path / "out"
    main(["predict", "--model", str(model), "--root", str(scans), "--out", str(out), "--dataset", "folder", *images])
    table = pd.read_csv(out / "scores.csv")
    assert table["dice"].isna().all()
    for file in table["file"]:
        assert np.asarray(nib.load(out / file).dataobj).any()


def test_what_does_not_fit_is_one_line_and_nothing_is_written(scans, model, tmp_path, capsys):
    out = tmp_path / "out"
    bare = tmp_path / "bare.keras"
    keras.saving.load_model(model).save(bare)
    for arguments, message in [
        (("--model", bare, "--root", scans), "does not say how its images were prepared"),
        (("--model", tmp_path / "none.keras", "--root", scans), "no such file"),
        (("--model", model, "--root", tmp_path / "nowhere"), "does not exist"),
        (("--model", model, "--root", scans, "--dataset", "po99"), "unknown data set 'po99'"),
        (("--model", model, "--root", scans, "--labels", "WT,ET"), "the model has 1 outputs"),
        (("--model", model, "--root", scans, "--tile", "6x6"), "--tile has 2 axes, the model 3"),
        (("--model", model, "--root", scans, "--overlap", "1"), "the overlap is 1.0"),
    ]:
        assert refused("predict", "--out", out, *arguments) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kerasmetricloss: ")]
        assert len(lines) == 1
        assert message in lines[0]
        assert not out.exists()


def test_a_broken_scan_is_named_and_the_cases_before_it_are_kept(scans, model, tmp_path, capsys):
    broken = sorted(scans.rglob("*_t1.nii*"))[-1]
    broken.write_bytes(broken.read_bytes()[:200])
    out = tmp_path / "out"
    assert refused("predict", "--model", model, "--root", scans, "--out", out) == 2
    assert broken.name in capsys.readouterr().err
    table = pd.read_csv(out / "scores.csv")
    assert len(table) == 1
    assert json.loads((out / "predictions.json").read_text())["labels"] == ["WT"]


def test_the_authors_weights_are_a_model_too(tmp_path):
    root = Path(os.environ.get("KML_DATA", "/nonexistent")) / "optimizingdice"
    if not root.is_dir():
        pytest.skip("KML_DATA names no folder with optimizingdice")
    model, trained_on = load_model(next(root.rglob("*.hdf5")))
    assert (model.name, trained_on.dataset) == ("unet_is18", "is18")
