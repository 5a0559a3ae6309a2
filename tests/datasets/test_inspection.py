"""A look at a whole data set: numbers, problems, notes and the contact sheet."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError, Volume, write_phantom
from kerasmetricloss.datasets.contact_sheet import contact_sheet, tile
from kerasmetricloss.datasets.inspection import inspect
from kerasmetricloss.datasets.nifti import nifti_bytes, read_nifti, write_nifti

AFFINE = np.diag([1.0, 2.0, 5.0, 1.0])


@pytest.fixture
def scans(tmp_path):
    """Three cases of 4x5x3 voxels of 10 mm3: 1, 2 and 3 voxels of foreground."""
    for case in (1, 2, 3):
        rng = np.random.default_rng(case)
        truth = np.zeros((4, 5, 3), np.uint8)
        truth[0, :case, 1] = 1
        for name, voxels in (("adc", rng.uniform(500, 900, (4, 5, 3))), ("msk", truth)):
            path = tmp_path / f"s{case}" / f"{name}.nii.gz"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(nifti_bytes(voxels.astype(np.uint8 if name == "msk" else np.float32), AFFINE))
    return tmp_path


PATTERNS = {"images": "*/adc.nii.gz", "truth": "*/msk.nii.gz"}


def test_ratios_and_deciles_follow_from_the_counts(scans):
    found = inspect("folder", scans, **PATTERNS)
    # 60 voxels: 1/59, 2/58 and 3/57.
    np.testing.assert_allclose(found.ratios(0), [1 / 59, 2 / 58, 3 / 57])
    deciles, unit = found.size_deciles(0)
    # 10 mm3 are 0.01 ml; between three cases the deciles run evenly from 0.01 to 0.03 ml.
    np.testing.assert_allclose(deciles, np.linspace(0.01, 0.03, 11))
    assert unit == "ml"
    assert (found.problems, found.notes) == ((), ())


def test_the_mask_and_ignored_voxels_do_not_count(scans):
    truth = read_nifti(scans / "s3" / "msk.nii.gz").voxels.astype(np.uint8)
    truth[3] = 9
    write_nifti(scans / "s3" / "msk.nii.gz", truth, AFFINE)
    found = inspect("folder", scans, values={"object": (1,), "ignore": (9,)}, **PATTERNS)
    # 15 of 60 voxels of the third case are ignored: 3 / (45 - 3).
    assert found.summaries[2].ignored == 15
    assert found.ratios(0)[2] == pytest.approx(3 / 42)


def test_a_unit_that_differs_between_cases_is_noted(scans):
    path = scans / "s2" / "adc.nii.gz"
    write_nifti(path, (read_nifti(path).voxels / 1000).astype(np.float32), AFFINE)
    (note,) = inspect("folder", scans, **PATTERNS).notes
    assert note.case == "s2"
    assert note.file == path
    assert note.problem.startswith("adc reaches 0.8")
    assert note.mend


@pytest.mark.parametrize("name", ["br18", "is17", "is18", "wm17"])
def test_scans_in_the_challenge_s_units_are_not_noted(name, tmp_path):
    assert inspect(name, write_phantom(name, tmp_path / name, cases=2, seed=0)).notes == ()


def test_a_unit_that_is_not_the_challenge_s_is_noted_with_the_mask_that_it_breaks(tmp_path):
    root = write_phantom("wm17", tmp_path / "wm17", cases=2, seed=0)
    for path in root.rglob("pre/T1.nii.gz"):
        scan = read_nifti(path)
        write_nifti(path, (scan.voxels * 100).astype(np.float32), scan.affine)
    (note,) = inspect("WM17", root).notes
    assert note.problem.startswith("T1 reaches")
    # the authors' constants for T1 are 262 and 490: 262 + 2 * 490
    assert "about 1.24e+03 in the challenge" in note.problem
    assert "--mask 'T1>NUMBER'" in note.mend
    assert inspect("wm17", root, mask="T1>2500").notes == ()


def test_the_tilt_of_a_gantry_is_noted(scans):
    tilted = AFFINE.copy()
    tilted[1, 2] = 5 * np.tan(np.radians(25))  # each slice of 5 mm lies further along the second axis
    for name in ("adc", "msk"):
        path = scans / "s2" / f"{name}.nii.gz"
        path.write_bytes(nifti_bytes(read_nifti(path).voxels, tilted))
    (note,) = inspect("folder", scans, **PATTERNS).notes
    assert (note.case, note.file) == ("s2", scans / "s2" / "adc.nii.gz")
    assert "the grid is sheared by 25°" in note.problem


def test_the_same_image_twice_and_an_empty_truth_are_noted(scans):
    (scans / "s3" / "adc.nii.gz").write_bytes((scans / "s1" / "adc.nii.gz").read_bytes())
    write_nifti(scans / "s2" / "msk.nii.gz", np.zeros((4, 5, 3), np.uint8), AFFINE)
    notes = inspect("folder", scans, **PATTERNS).notes
    assert [(note.case, note.problem) for note in notes] == [
        ("s2", "object is empty"),
        ("s3", "the same image is case s1"),
    ]


def test_a_label_that_no_case_has_and_one_that_fills_its_case_are_noted(scans):
    notes = inspect("folder", scans, values={"object": (1,), "other": (7,)}, **PATTERNS).notes
    assert notes[0].problem == "other is empty in all 3 cases"
    assert "--values" in notes[0].mend
    write_nifti(scans / "s2" / "msk.nii.gz", np.ones((4, 5, 3), np.uint8), AFFINE)
    (note,) = inspect("folder", scans, **PATTERNS).notes
    assert (note.case, note.problem) == ("s2", "every voxel that counts is object")


def test_foreground_outside_the_mask_and_an_empty_mask_are_noted(scans):
    notes = inspect("folder", scans, mask="adc>2000", **PATTERNS).notes
    assert [note.problem for note in notes if note.case == "s1"][:2] == [
        "the mask is empty, so nothing counts",
        "1 of 1 voxels of object lie outside the mask, where nothing is predicted: they are scored as missed",
    ]


def test_broken_cases_are_told_and_the_others_read(scans):
    (scans / "s1" / "adc.nii.gz").write_bytes(b"")
    (scans / "s2" / "msk.nii.gz").unlink()
    told = []
    found = inspect("folder", scans, progress=lambda *state: told.append(state), **PATTERNS)
    assert [case.id for case in found.cases] == ["s3"]
    assert [problem.case for problem in found.problems] == ["s1", "s2"]
    assert all(problem.mend for problem in found.problems)
    assert told == [(1, 2, "s1"), (2, 2, "s3")]
    (scans / "s3" / "adc.nii.gz").write_bytes(b"")
    with pytest.raises(DataError, match="none of 2 cases can be read, the first problem is: case s1"):
        inspect("folder", scans, **PATTERNS)


def test_problems_come_in_natural_order_after_those_of_the_whole_folder(tmp_path):
    root = write_phantom("po18", tmp_path / "p", cases=12, seed=0, size=(48, 40))
    (root / "Ground Truth" / "10.png").unlink()
    for case in ("2", "11"):
        (root / "Original" / f"{case}.png").write_bytes(b"")
    (root / "sequences.csv").write_text("bad\n")
    found = inspect("po18", root)
    assert [problem.case for problem in found.problems] == [None, "2", "10", "11"]


def test_a_tile_is_the_plane_with_most_foreground_as_seen_from_below():
    truth = np.zeros((4, 5, 3, 1), np.uint8)
    truth[1, 2, 0] = truth[3, 0:3, 2, 0] = 1
    volume = Volume(
        image=np.arange(60, dtype=np.float32).reshape(4, 5, 3, 1),
        truth=truth,
        mask=np.ones((4, 5, 3), bool),
        spacing_mm=(1.0, 2.0, 5.0),
    )
    one = tile(volume)
    np.testing.assert_array_equal(one.truth[..., 0], truth[:, :, 2, 0].T)
    assert (one.aspect, one.upwards) == (2.0, True)
    assert one.picture.min() == 0
    assert one.picture.max() == 1


@pytest.mark.parametrize("spacing_mm", [(0.01, 60, 2), (60, 0.01, 2)])
def test_the_contact_sheet_of_a_scan_of_extreme_voxels_has_an_end(scans, spacing_mm):
    for path in scans.rglob("*.nii.gz"):
        write_nifti(path, read_nifti(path).voxels.astype(np.float32), np.diag([*spacing_mm, 1]))
    with Image.open(io.BytesIO(contact_sheet(inspect("folder", scans, **PATTERNS)))) as picture:
        # Three tiles of 2.2 inches beside each other, at 110 dots an inch, and at most three times as high.
        assert picture.width == 726
        assert picture.height < 3 * 242 + 100


@pytest.mark.parametrize(("name", "size"), [("po18", (48, 40)), ("wm17", (36, 40, 9)), ("br18", (32, 40, 36))])
def test_the_contact_sheet_is_a_picture_of_every_case(tmp_path, name, size):
    root = write_phantom(name, tmp_path / "p", cases=2, seed=0, size=size)
    found = inspect(name, root)
    one = contact_sheet(found)
    with Image.open(io.BytesIO(one)) as picture:
        assert picture.format == "PNG"
        assert np.asarray(picture.convert("L")).std() > 20
    assert contact_sheet(found) == one
    assert contact_sheet(found, most=2) == one
    assert contact_sheet(found, most=1) != one
    with pytest.raises(ValueError, match="most is 0; a sheet shows at least 1"):
        contact_sheet(found, most=0)


def test_the_unit_of_a_colour_is_noted_at_the_image_and_not_at_its_mask(tmp_path, save_picture):
    for case in range(3):
        image = np.full((9, 8, 3), 200 + case, np.uint8)
        image[..., 1] //= 100 if case == 2 else 1
        save_picture(tmp_path / "img" / f"{case}.png", image)
        save_picture(tmp_path / "mask" / f"{case}.png", np.eye(9, 8, dtype=np.uint8) * 255)
    found = inspect("folder", tmp_path, images=("img/*.png",), truth=("mask/*.png",))
    assert {note.file.parent.name for note in found.notes if "reaches" in note.problem} == {"img"}
