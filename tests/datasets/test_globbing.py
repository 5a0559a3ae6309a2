"""Any images and masks by pattern."""

import nibabel as nib
import numpy as np
import pytest

from kerasmetricloss.datasets import DataError, open_dataset
from kerasmetricloss.datasets.inspection import inspect
from kerasmetricloss.datasets.nifti import nifti_bytes

AFFINE = np.diag([-1.0, 1.0, 3.0, 1.0])
VOXELS = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3)
TRUTH = np.zeros((5, 4, 3), np.uint8)
TRUTH[1, 1, 1], TRUTH[2, 1, 1], TRUTH[3, 1, 1] = 1, 2, 4
PATTERNS = {"images": ("*/adc.nii.gz", "*/dwi.nii"), "truth": ("*/msk.nii.gz",)}


@pytest.fixture
def scans(tmp_path):
    for case in ("sub-2", "sub-10"):
        folder = tmp_path / case
        folder.mkdir()
        (folder / "adc.nii.gz").write_bytes(nifti_bytes(VOXELS, AFFINE))
        (folder / "dwi.nii").write_bytes(nifti_bytes(VOXELS + 100, AFFINE, compressed=False))
        (folder / "msk.nii.gz").write_bytes(nifti_bytes(TRUTH.clip(0, 1), AFFINE))
    return tmp_path


def test_scans_are_read_as_channels_named_by_their_patterns(scans):
    cases = open_dataset("folder", scans, **PATTERNS)
    assert [(case.id, case.group) for case in cases] == [("sub-2", "sub-2"), ("sub-10", "sub-10")]
    assert cases[0].channels == ("adc", "dwi")
    assert cases[0].labels == ("object",)
    volume = cases[0].read()
    np.testing.assert_array_equal(volume.image[..., 1], VOXELS[::-1] + 100)
    assert volume.truth.sum() == 3
    assert volume.mask.all()
    assert volume.ignore is None
    assert volume.spacing_mm == (1, 1, 3)


def test_numbers_of_the_truth_become_labels_that_may_overlap_and_others_are_background(scans):
    (scans / "sub-2" / "msk.nii.gz").write_bytes(nifti_bytes(TRUTH, AFFINE))
    values = {"whole": (1, 2), "core": (1,), "ignore": (4,)}
    case = open_dataset("folder", scans, values=values, labels=("core", "whole"), **PATTERNS)[0]
    volume = case.read()
    assert case.labels == ("core", "whole")
    assert volume.truth.sum(axis=(0, 1, 2)).tolist() == [1, 2]
    assert volume.ignore.sum() == volume.ignore[1, 1, 1] == 1  # stored at x = 3, turned to 5 - 1 - 3 = 1


def test_ignored_numbers_leave_one_object(scans):
    (scans / "sub-2" / "msk.nii.gz").write_bytes(nifti_bytes(np.where(TRUTH == 4, 0, TRUTH), AFFINE))
    volume = open_dataset("folder", scans, values={"ignore": (2,)}, **PATTERNS)[0].read()
    assert (volume.truth.sum(), volume.ignore.sum()) == (1, 1)


def test_each_truth_of_several_is_a_label(scans):
    case = open_dataset("folder", scans, images="*/adc.nii.gz", truth=("*/msk.nii.gz", "*/msk.nii*"), labels=("a", "b"))
    assert case[0].read().truth.sum(axis=(0, 1, 2)).tolist() == [3, 3]


def test_a_rule_for_the_mask_names_a_channel(scans):
    case = open_dataset("folder", scans, mask="dwi>110", **PATTERNS)[0]
    np.testing.assert_array_equal(case.read().mask, VOXELS[::-1] > 10)


@pytest.fixture
def frames(tmp_path, save_picture, picture, mask):
    for group, name in (("v1", "a"), ("v1", "b"), ("v2", "c")):
        save_picture(tmp_path / "frames" / group / f"{name}.png", picture())
        save_picture(tmp_path / "masks" / group / f"{name}.png", mask())
    return tmp_path


def test_pictures_are_read_in_colour_with_their_groups(frames, picture):
    cases = open_dataset("folder", frames, images="frames/{group}/{id}.png", truth="masks/{group}/{id}.png")
    assert [(case.id, case.group) for case in cases] == [("a", "v1"), ("b", "v1"), ("c", "v2")]
    volume = cases[0].read()
    np.testing.assert_array_equal(volume.image, picture())
    assert volume.truth.sum() == 12  # the mask of the fixture: rows 1..3, columns 2..5
    assert open_dataset("folder", frames, images="**/frames/*/*.png", truth="masks/*/*.png", channels=("grey",))


def test_several_patterns_of_pictures_are_grey_planes(frames):
    case = open_dataset("folder", frames, images=("frames/*/*.png", "masks/*/*.png"), truth="masks/*/*.png")[0]
    assert case.channels == ("frames", "masks")
    volume = case.read()
    np.testing.assert_array_equal(volume.image[..., 1] > 127, volume.truth[..., 0])


def test_a_picture_of_numbers_is_read_by_number(frames, save_picture):
    chart = np.full((5, 7), 37, np.uint8)
    chart[2, 3] = 38
    save_picture(frames / "masks" / "v1" / "a.png", chart)
    settings = {"images": "frames/*/*.png", "truth": "masks/*/*.png", "values": {"molar": (38,), "ignore": (37,)}}
    volume = open_dataset("folder", frames, **settings)[0].read()
    assert volume.truth.sum() == volume.truth[2, 3, 0] == 1
    assert volume.ignore.sum() == 5 * 7 - 1


def test_ignored_numbers_of_a_picture_leave_one_object(frames, save_picture):
    numbers = np.zeros((5, 7), np.uint8)
    numbers[1, 1:4], numbers[2] = 1, 255  # an object with the pale border of Pascal VOC
    save_picture(frames / "masks" / "v1" / "a.png", numbers)
    settings = {"images": "frames/*/*.png", "truth": "masks/*/*.png", "values": {"ignore": (255,)}}
    case, other, _ = open_dataset("folder", frames, **settings)
    volume = case.read()
    np.testing.assert_array_equal(volume.truth[..., 0], numbers == 1)
    np.testing.assert_array_equal(volume.ignore, numbers == 255)
    numbers[4] = 3
    save_picture(other.files[-1], numbers)
    with pytest.raises(DataError, match=r"case v1_b: .*b\.png: the truth holds 1, 3 beside 0; say which numbers"):
        other.read()


def test_a_mask_of_another_size_is_named(frames, save_picture):
    save_picture(frames / "masks" / "v1" / "b.png", np.zeros((4, 7), np.uint8))
    case = open_dataset("folder", frames, images="frames/*/*.png", truth="masks/*/*.png")[1]
    with pytest.raises(DataError, match=r"case v1_b: .*masks/v1/b\.png: the mask is 7x4, its image b\.png is 7x5"):
        case.read()


def test_reader_settings_are_plain_so_that_a_cache_knows_them_again(scans):
    one, two = (open_dataset("folder", scans, values={"a": (1,)}, mask="adc>3", **PATTERNS)[0] for _ in range(2))
    assert repr(one.reader.keywords) == repr(two.reader.keywords)
    assert "0x" not in repr(one.reader.keywords)


def test_numbers_of_no_label_are_noted_with_file_and_count(scans):
    numbers = TRUTH.copy()
    numbers[0, 0, 0], numbers[4, :2, 0] = 3, 255
    for case in ("sub-2", "sub-10"):
        (scans / case / "msk.nii.gz").write_bytes(nifti_bytes(numbers if case == "sub-10" else TRUTH, AFFINE))
    found = inspect("folder", scans, values={"whole": (1, 2), "core": (4,)}, labels=("whole",), **PATTERNS)
    notes = [note for note in found.notes if "no label" in note.problem]
    assert {(note.case, note.file) for note in notes} == {("sub-10", scans / "sub-10" / "msk.nii.gz")}
    assert [note.problem for note in notes] == [
        "the truth holds 3, which no label has, in 1 of its voxels: background",
        "the truth holds 255, which no label has, in 2 of its voxels: background",
    ]
    found = inspect("folder", scans, values={"whole": (1, 2), "ignore": (255,)}, **PATTERNS)
    assert [note.problem for note in found.notes if "no label" in note.problem] == [
        "the truth holds 4, which no label has, in 1 of its voxels: background (it is in 2 cases)",
        "the truth holds 3, which no label has, in 1 of its voxels: background",
    ]


def test_whole_numbers_that_were_saved_with_a_factor_are_read_as_whole(scans):
    scaled = nib.Nifti1Image(TRUTH.astype("float32"), AFFINE)
    scaled.set_data_dtype("uint8")
    for case in ("sub-2", "sub-10"):
        nib.save(scaled, scans / case / "msk.nii.gz")
    stored = np.asarray(nib.load(scans / "sub-2" / "msk.nii.gz").dataobj)
    assert not np.array_equal(stored, TRUTH)  # 4 * 64 / 255 = 1.004
    values = {"whole": (1, 2, 4), "core": (1, 4)}
    volume = open_dataset("folder", scans, values=values, **PATTERNS)[0].read()
    assert volume.unnamed == ()
    for index, numbers in enumerate(values.values()):
        np.testing.assert_array_equal(volume.truth[..., index], np.isin(TRUTH, numbers))


def test_numbers_between_whole_ones_are_of_no_label(scans):
    (scans / "sub-2" / "msk.nii.gz").write_bytes(nifti_bytes(TRUTH * np.float32(0.8), AFFINE))
    with pytest.raises(
        DataError, match=r"msk\.nii\.gz: the truth holds 3\.2, .* no label number; .* nearest neighbour"
    ):
        open_dataset("folder", scans, values={"whole": (1, 2)}, **PATTERNS)[0].read()


def test_a_picture_of_numbers_is_searched_for_others_too(frames, save_picture):
    numbers = np.zeros((5, 7), np.uint8)
    numbers[1, 1:4], numbers[2] = 1, 9
    save_picture(frames / "masks" / "v1" / "a.png", numbers)
    settings = {"images": "frames/*/*.png", "truth": "masks/*/*.png", "values": {"thing": (1,)}}
    assert open_dataset("folder", frames, **settings)[0].read().unnamed == ((9, 7),)


def test_a_number_that_is_nearly_another_is_written_out(scans):
    numbers = TRUTH.clip(0, 1) * np.float32(1.0000001)
    numbers[0, 0, 0] = 1
    (scans / "sub-2" / "msk.nii.gz").write_bytes(nifti_bytes(numbers, AFFINE))
    with pytest.raises(DataError, match=r"the truth holds 1, 1\.0000001 beside 0"):
        open_dataset("folder", scans, **PATTERNS)[0].read()
