"""`kerasmetricloss predict`, in this process: from a model file and a folder to labels, scores and one-line errors."""

import json
import shutil
from dataclasses import replace

import keras
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerasmetricloss.cli import main
from kerasmetricloss.datasets import CATALOG, write_phantom
from kerasmetricloss.pipelines.inference import file_digest, read_trained_on, write_trained_on

from .models_by_hand import bare_model, refused, threshold_model


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
    files = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("[!.]*")}
    main(command)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("[!.]*")} == files
    assert refused(*command, "--tile", "6x6x6", "--batch", "3") == 2
    assert "holds predictions made otherwise: tiling was" in capsys.readouterr().err
    # A voxel-wise network says the same in tiles, but for voxels that lie at exactly one half between two others.
    main([*command[:-1], str(tmp_path / "tiles"), "--tile", "6x6x6", "--batch", "3", "--blend", "constant"])
    whole, tiles = (pd.read_csv(tmp_path / name / "scores.csv") for name in ("out", "tiles"))
    pd.testing.assert_frame_equal(whole, tiles, rtol=0.01)


def test_a_mended_truth_and_another_mask_are_scored_anew(scans, model, tmp_path):
    command = ["predict", "--model", str(model), "--root", str(scans), "--out", str(tmp_path / "out")]

    def scores(*options):
        main([*command, *options])
        return pd.read_csv(tmp_path / "out" / "scores.csv").set_index("case")

    before = scores()
    path = next(scans.rglob("*_seg.nii*"))
    case = path.name.partition("_seg")[0]
    truth = nib.load(path)
    nib.save(nib.Nifti1Image(np.asarray(truth.dataobj) * 0, truth.affine), path)
    mended = scores()
    assert before["truth_voxels"][case] > mended["truth_voxels"][case] == 0
    pd.testing.assert_frame_equal(before.drop(case), mended.drop(case))
    masked = scores("--mask", "FLAIR>1e9")
    assert masked["predicted_voxels"].tolist() == [0, 0]
    assert (masked["made_from"] != mended["made_from"]).all()


def test_images_are_read_as_those_of_the_training_unless_another_reading_is_typed(scans, model, tmp_path):
    write_trained_on(model, replace(read_trained_on(model), reading={"mask": "FLAIR>1e9", "roi": [9, 9]}))

    def voxels(out, *options):
        main(["predict", "--model", str(model), "--out", str(tmp_path / out), *options])
        return pd.read_csv(tmp_path / out / "scores.csv")["predicted_voxels"].tolist()

    own = ("--root", str(scans))
    images = [f"--images=*/*/*_{name}.nii.gz" for name in ("flair", "t1", "t1ce", "t2")]
    any_folder = (*own, "--dataset", "folder", *images)
    assert voxels("own", *own) == voxels("folder", *any_folder) == [0, 0]
    assert all(voxels("typed", *own, "--mask", "all"))


def test_the_mask_of_the_training_goes_along_to_a_folder_by_pattern(scans, tmp_path, capsys):
    names, path = ("FLAIR", "T1"), tmp_path / "m.keras"
    box = {"dimension": 3, "channels": 2, "box": (36, 32, 33), "dataset": "br18"}
    threshold_model(path, shift=-1e9, names=names, **box)  # everything is foreground, as far as the mask goes
    images = [f"--images=*/*/*_{name.lower()}.nii.gz" for name in names]
    command = ["predict", "--model", path, "--root", scans, "--dataset", "folder", "--out", tmp_path / "out"]
    truth = ["--truth", "*/*/*_seg.nii.gz", "--values", "WT=1,2,4"]
    for out, options in (("alone", ()), ("scored", truth)):
        main([*map(str, command[:-1]), str(tmp_path / out), *images, *options])
        for row in pd.read_csv(tmp_path / out / "scores.csv").itertuples():
            flair = np.asarray(nib.load(next(scans.rglob(f"{row.case.removeprefix('HGG_')}_flair.nii*"))).dataobj)
            assert 0 < row.predicted_voxels == (flair > 0).sum() < flair.size
    threshold_model(path, shift=0, names=("T1",), **{**box, "channels": 1})
    capsys.readouterr()
    assert refused(*command, images[1], "--labels", "WT") == 2
    assert "trained where FLAIR>0, and FLAIR is none of the channels T1" in capsys.readouterr().err
    main([*map(str, command), images[1], "--labels", "WT", "--mask", "all"])


def test_the_form_of_radiographs_that_a_folder_does_not_have_is_told(tmp_path, capsys):
    for case in ("1", "2"):
        Image.fromarray(np.full((12, 16), 200, "uint8")).save(tmp_path / f"{case}.png")
    box = {"dimension": 2, "channels": 1, "box": (12, 16), "dataset": "mo17", "names": ("grey",)}
    path = threshold_model(tmp_path / "m.keras", shift=100, **box)
    write_trained_on(path, replace(read_trained_on(path), reading={"unsqueeze": [995, 563], "shrink": 2, "label": 38}))
    command = ["predict", "--model", path, "--root", tmp_path, "--dataset", "folder", "--images", "*.png"]
    main([*map(str, command), "--out", str(tmp_path / "out")])
    assert "read its pictures with --unsqueeze 995x563 --shrink 2; here" in " ".join(capsys.readouterr().err.split())


def test_a_case_without_one_of_its_files_is_told_at_the_end(scans, model, tmp_path, capsys):
    gone = sorted(scans.rglob("*_t2.nii*"))[0]
    gone.unlink()
    out = tmp_path / "out"
    images = [f"--images=*/*/*_{name}.nii.gz" for name in ("flair", "t1", "t1ce", "t2")]
    for number, options in enumerate(((), ("--dataset", "folder", *images))):
        assert refused("predict", "--model", model, "--root", scans, "--out", f"{out}{number}", *options) == 2
        printed, said = capsys.readouterr()
        assert "Labels are in" in printed
        assert "1 of 2 cases could not be predicted; the other is done\n  case " in said
        assert gone.name.partition("_t2")[0] in said
        assert len(pd.read_csv(f"{out}{number}/scores.csv")) == 1


def test_pictures_become_pictures(tmp_path):
    root = write_phantom("po18", tmp_path / "po18", cases=2, seed=0, size=(48, 40))
    names = ("red", "green", "blue")
    box = {"dimension": 2, "channels": 3, "box": (20, 24), "dataset": "po18", "names": names, "picture_size": (24, 20)}
    path = threshold_model(tmp_path / "m.keras", shift=128.0, **box)
    main(["predict", "--model", str(path), "--root", str(root), "--out", str(tmp_path / "out")])
    assert sorted(p.suffix for p in (tmp_path / "out").glob("[!.]*")) == [".csv", ".json", ".png", ".png"]


def test_images_without_a_truth_are_segmented_and_not_scored(scans, model, tmp_path, capsys):
    for path in scans.rglob("*_seg.nii*"):
        path.unlink()
    images = [part for name in ("flair", "t1", "t1ce", "t2") for part in ("--images", f"*/*/*_{name}.nii.gz")]
    out = tmp_path / "out"
    main(["predict", "--model", str(model), "--root", str(scans), "--out", str(out), "--dataset", "FOLDER", *images])
    table = pd.read_csv(out / "scores.csv")
    assert table[["dice", "truth_voxels"]].isna().all(axis=None)
    for row in table.itertuples():
        assert np.asarray(nib.load(out / row.file).dataobj).sum() == row.predicted_voxels > 0
    assert capsys.readouterr().out.splitlines()[0] == "2 of 2 cases without a truth, not scored"


def test_patterns_in_another_order_than_the_channels_of_the_training_are_refused(scans, model, tmp_path, capsys):
    command = ["predict", "--model", model, "--root", scans, "--out", tmp_path / "out", "--dataset", "folder"]
    swapped = [part for name in ("t1", "flair", "t1ce", "t2") for part in ("--images", f"*/*/*_{name}.nii.gz")]
    for extra in ((), ("--truth", "*/*/*_seg.nii.gz", "--values", "WT=1,2,4")):
        assert refused(*command, *swapped, *extra) == 2
        said = capsys.readouterr().err
        assert "--images */*/*_t1.nii.gz stands where the model takes FLAIR" in said
        assert "in the order FLAIR, T1, T1CE, T2" in said
        assert not (tmp_path / "out").exists()
    main([*map(str, command), *swapped, "--channels", "FLAIR,T1,T1CE,T2"])
    assert len(pd.read_csv(tmp_path / "out" / "scores.csv")) == 2


def test_the_means_are_of_cases_that_the_model_never_saw(scans, model, tmp_path, capsys):
    first, second = sorted(scans.rglob("*_flair.nii*"))
    write_trained_on(model, replace(read_trained_on(model), seen=(file_digest(first),)))
    out = tmp_path / "out"
    main(["predict", "--model", str(model), "--root", str(scans), "--out", str(out)])
    table = pd.read_csv(out / "scores.csv").set_index("case")
    assert table["seen"].tolist() == ["yes", "no"]
    _, row, left_out, _ = capsys.readouterr().out.splitlines()
    new = table.loc[second.name.partition("_flair")[0]]
    assert row.split() == ["WT", "1", f"{new['dice']:.3f}", f"{new['jaccard']:.3f}"]
    assert left_out.startswith("1 of 2 cases left out of the means: the model was trained on them")
    # A folder of the one case alone has no mean; what stands in the table of other cases does not count.
    second.unlink()
    shutil.rmtree(second.parent)
    main(["predict", "--model", str(model), "--root", str(scans), "--out", str(out)])
    assert capsys.readouterr().out.splitlines()[1].split() == ["WT", "0", "–", "–"]
    # A model of a study gives probabilities.
    assert refused("predict", "--model", model, "--root", scans, "--out", tmp_path / "other", "--from-logits") == 2
    assert "gives probabilities: leave out --from-logits" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["br18", "is17", "wm17"])
def test_scans_in_the_layout_of_a_data_set_need_no_truth(name, tmp_path, capsys):
    root = write_phantom(name, tmp_path / "data", cases=2, seed=1, size=(36, 32, 33))
    truths = {"br18": "*_seg.nii*", "is17": "*.OT.*.nii*", "wm17": "wmh.nii*"}[name]
    next(root.rglob(truths)).unlink()  # one case of two
    entry, out = CATALOG[name], tmp_path / "out"
    model = bare_model(tmp_path / "bare.keras", channels=len(entry.channels))
    main(["predict", "--model", str(model), "--root", str(root), "--out", str(out), "--dataset", name])
    table = pd.read_csv(out / "scores.csv")
    assert table["dice"].isna().sum() == 1
    assert all(np.asarray(nib.load(out / file).dataobj).any() for file in table["file"])
    for path in root.rglob(truths):
        path.unlink()
    main(["predict", "--model", str(model), "--root", str(root), "--out", str(tmp_path / "none"), "--dataset", name])
    assert pd.read_csv(tmp_path / "none" / "scores.csv")["dice"].isna().all()


def test_pictures_without_their_truth_are_refused_with_the_way_out(tmp_path, capsys):
    root = write_phantom("po18", tmp_path / "po18", cases=2, seed=0, size=(48, 40))
    shutil.rmtree(root / "Ground Truth")
    path = bare_model(tmp_path / "bare.keras", channels=3, dimension=2)
    command = ["predict", "--model", path, "--root", root, "--out", tmp_path / "out", "--channels", "red,green,blue"]
    assert refused(*command, "--dataset", "po18") == 2
    assert "--dataset folder --images PATTERN" in capsys.readouterr().err
    main([*map(str, command), "--dataset", "folder", "--images", "Original/*"])
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


def test_what_is_said_of_a_model_must_fit_it(scans, model, tmp_path, capsys):
    bare = bare_model(tmp_path / "bare.keras", channels=2)
    for arguments, message in [
        ((bare,), "does not say how its images were prepared: say it with --dataset NAME"),
        ((bare, "--dataset", "br18"), "the model takes 2 channels; br18 has FLAIR, T1, T1CE, T2: name those it takes"),
        ((bare, "--dataset", "br18", "--channels", "T1"), "the model takes 2 channels, but was trained on T1"),
        (
            (bare, "--dataset", "br18", "--channels", "T1,T2", "--shift", "1,2,3"),
            "each channel needs one finite number",
        ),
        ((bare, "--dataset", "br18", "--channels", "T1,T2", "--scale", "0"), "the scale not 0"),
        ((bare, "--dataset", "br18", "--channels", "T1,T2", "--labels", "WT,ET"), "(--labels A,B)"),
        ((bare, "--dataset", "folder"), "the model takes 2 channels: name those it takes (--channels A,B)"),
        ((bare, "--dataset", "br18", "--scale", "ten"), "'ten' is no list of numbers"),
        ((bare, "--dataset", "br18", "--channels", "T1,T2", "--spacing-mm", "0"), "it must be a positive length"),
        ((bare, "--dataset", "br18", "--channels", "T1,T2", "--spacing-mm=-1"), "it must be a positive length"),
        ((bare, "--dataset", "br18", "--channels", "T1,T2", "--spacing-mm", "nan"), "spacing_mm is nan; it must be"),
        ((model, "--shift", "0"), "--shift is for a model whose file does not say"),
    ]:
        assert refused("predict", "--root", scans, "--out", tmp_path / "out", "--model", *arguments) == 2
        assert message in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "out").exists()


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


@pytest.mark.parametrize("place", [0, -1])
def test_a_broken_scan_is_named_and_the_other_cases_are_predicted(scans, model, tmp_path, capsys, place):
    broken = sorted(scans.rglob("*_t1.nii*"))[place]
    broken.write_bytes(broken.read_bytes()[:200])
    out = tmp_path / "out"
    assert refused("predict", "--model", model, "--root", scans, "--out", out) == 2
    printed, said = capsys.readouterr()
    assert "Labels are in" in printed
    assert "1 of 2 cases could not be predicted; the other is done\n  case " in said
    assert broken.name in said
    table = pd.read_csv(out / "scores.csv")
    assert len(table) == 1
    assert json.loads((out / "predictions.json").read_text())["labels"] == ["WT"]
