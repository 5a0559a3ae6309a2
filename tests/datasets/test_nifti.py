"""NIfTI volumes: what is read, what is refused, what is written."""

import gzip
import os

import nibabel as nib
import numpy as np
import pytest

from kerasmetricloss.datasets import DataError
from kerasmetricloss.datasets.nifti import (
    check_same_grid,
    find_scan,
    nifti_bytes,
    read_nifti,
    write_like,
    write_nifti,
)

SHAPE = (4, 5, 6)


@pytest.fixture
def voxels():
    return np.arange(120, dtype=np.int16).reshape(SHAPE)


def saved(path, voxels, affine=None, change=lambda image: None):
    image = nib.Nifti1Image(voxels, np.diag([1.0, 2, 3, 1]) if affine is None else affine)
    change(image)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_voxels_spacing_and_affine_come_back(tmp_path, voxels, name):
    affine = np.array([[0.5, 0, 0, -3], [0, 2, 0, 7], [0, 0, 3, 1], [0, 0, 0, 1]])
    scan = read_nifti(saved(tmp_path / name, voxels, affine))
    np.testing.assert_array_equal(scan.voxels, voxels)
    np.testing.assert_array_equal(scan.affine, affine)
    assert scan.voxels.dtype == np.float32
    assert scan.spacing_mm == (0.5, 2, 3)


def test_axes_are_turned_to_right_front_top(tmp_path, voxels):
    # Stored as (left, back, top): the first two axes run the other way round.
    affine = np.diag([-1.0, -2, 3, 1])
    scan = read_nifti(saved(tmp_path / "a.nii.gz", voxels, affine))
    np.testing.assert_array_equal(scan.voxels, voxels[::-1, ::-1])
    # Voxel (0, 0, 0) is now the stored (3, 4, 0), at x = -3, y = -8.
    np.testing.assert_array_equal(scan.affine, [[1, 0, 0, -3], [0, 2, 0, -8], [0, 0, 3, 0], [0, 0, 0, 1]])


def test_axes_stored_in_another_order_are_swapped(tmp_path, voxels):
    affine = np.array([[0.0, 0, 3, 0], [1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1]])
    scan = read_nifti(saved(tmp_path / "a.nii", voxels, affine))
    np.testing.assert_array_equal(scan.voxels, voxels.transpose(2, 0, 1))
    assert scan.spacing_mm == (3, 1, 2)


def test_slope_and_intercept_are_applied(tmp_path, voxels):
    path = saved(tmp_path / "a.nii", voxels, change=lambda image: image.header.set_slope_inter(0.5, -10))
    # 119 / 2 - 10 = 49.5 is the last voxel, if nibabel stores the numbers it was given as they are scaled.
    scan = read_nifti(path)
    np.testing.assert_allclose(scan.voxels, nib.load(path).get_fdata(), rtol=1e-6)


def test_trailing_axes_of_one_are_dropped(tmp_path, voxels):
    assert read_nifti(saved(tmp_path / "a.nii", voxels[..., None, None])).voxels.shape == SHAPE


def test_a_scan_without_qform_or_sform_is_read_as_nibabel_does(tmp_path, voxels):
    def forget(image):
        image.set_qform(None, code=0)
        image.set_sform(None, code=0)

    assert read_nifti(saved(tmp_path / "a.nii", voxels, change=forget)).spacing_mm == (1, 2, 3)


def test_small_disagreement_of_qform_and_sform_is_rounding(tmp_path, voxels):
    def nudge(image):
        image.set_qform(image.affine, code=1)
        moved = image.affine.copy()
        moved[0, 3] += 0.4
        image.set_sform(moved, code=1)

    assert read_nifti(saved(tmp_path / "a.nii", voxels, change=nudge)).affine[0, 3] == pytest.approx(0.4)


def test_grids_that_are_one_are_accepted_and_others_named(tmp_path, voxels):
    one = read_nifti(saved(tmp_path / "flair.nii", voxels))
    check_same_grid(read_nifti(saved(tmp_path / "seg.nii", voxels)), one)
    moved = np.diag([1.0, 2, 3, 1])
    moved[2, 3] = 0.5
    with pytest.raises(DataError, match=r"seg2\.nii: the grid has the shape of flair\.nii but lies 0\.5 mm away"):
        check_same_grid(read_nifti(saved(tmp_path / "seg2.nii", voxels, moved)), one)
    with pytest.raises(DataError, match=r"seg3\.nii: the grid is 4x5x5, that of flair\.nii is 4x5x6; resample"):
        check_same_grid(read_nifti(saved(tmp_path / "seg3.nii", voxels[..., 1:])), one)


def test_a_scan_is_found_with_either_suffix_in_any_case(tmp_path, voxels):
    path = saved(tmp_path / "Case_FLAIR.nii", voxels)
    assert find_scan(tmp_path, "case_flair") == path
    assert find_scan(tmp_path, "case_t1") is None


def test_two_files_for_one_scan_are_refused(tmp_path, voxels):
    saved(tmp_path / "a.nii", voxels)
    saved(tmp_path / "a.nii.gz", voxels)
    with pytest.raises(DataError, match=r"a\.nii and a\.nii\.gz are both there; keep one"):
        find_scan(tmp_path, "a")


def test_writing_gives_the_same_bytes_every_time_and_both_forms(tmp_path, voxels):
    affine = np.diag([2.0, 2, 3, 1])
    data = nifti_bytes(voxels, affine)
    assert data == nifti_bytes(voxels, affine)
    assert data[4:8] == b"\0\0\0\0"  # gzip's time stamp
    write_nifti(tmp_path / "a.nii.gz", voxels, affine)
    assert (tmp_path / "a.nii.gz").read_bytes() == data
    image = nib.load(tmp_path / "a.nii.gz")
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (1, 1)
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii.gz").voxels, voxels)


def test_a_write_that_fails_leaves_what_was_there(tmp_path, voxels, monkeypatch):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(b"before")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_nifti(path, voxels, np.eye(4))
    assert [file.name for file in tmp_path.iterdir()] == ["a.nii.gz"]
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize(("name", "form"), [("a.nii", bytes), ("b.nii.gz", gzip.decompress)])
def test_a_compressed_file_is_known_by_its_content_whatever_its_name(tmp_path, voxels, name, form):
    (tmp_path / name).write_bytes(form(nifti_bytes(voxels, np.eye(4))))
    np.testing.assert_array_equal(read_nifti(tmp_path / name).voxels, voxels)


@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_2_and_either_order_of_bytes_are_read(tmp_path, voxels, order):
    header = nib.Nifti2Header(endianness=order)
    image = nib.Nifti2Image(voxels, np.diag([1.0, 2, 3, 1]), header=header)
    nib.save(image, tmp_path / "a.nii")
    scan = read_nifti(tmp_path / "a.nii")
    np.testing.assert_array_equal(scan.voxels, voxels)
    assert scan.spacing_mm == (1, 2, 3)


@pytest.mark.parametrize("flip", [(-1.0, -1.0, 2.0), (1.0, 1.0, 2.0)])
def test_a_volume_is_written_back_in_the_order_of_the_scans_file(tmp_path, flip):
    stored = np.zeros((6, 5, 4), np.int16)
    stored[1, 2, 3] = 1
    affine = np.diag([*flip, 1.0])
    affine[:3, 3] = (7, -3, 11)
    if flip[0] < 0:  # axes swapped as well: the file's first axis runs to the front
        affine = affine[:, [1, 0, 2, 3]]
    write_nifti(tmp_path / "scan.nii.gz", stored, affine)
    scan = read_nifti(tmp_path / "scan.nii.gz")
    write_like(tmp_path / "label.nii.gz", scan.voxels.astype("uint8"), scan.affine, like=tmp_path / "scan.nii.gz")
    image = nib.load(tmp_path / "label.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), stored)
    np.testing.assert_array_equal(image.affine, affine)


def test_a_sheared_grid_is_written_as_sform_alone_and_read_back(tmp_path, voxels):
    sheared = np.array([[1.0, 0.5, 0, 3], [0, 2, 0, -4], [0, 0.3, 3, 5], [0, 0, 0, 1]])

    def forget_qform(image):
        image.set_qform(None, code=0)
        image.set_sform(sheared, code=1)

    scan = read_nifti(saved(tmp_path / "scan.nii.gz", voxels, sheared, forget_qform))
    write_like(tmp_path / "label.nii.gz", scan.voxels.astype("uint8"), scan.affine, like=tmp_path / "scan.nii.gz")
    header = nib.load(tmp_path / "label.nii.gz").header
    assert (int(header["qform_code"]), int(header["sform_code"])) == (0, 1)
    label = read_nifti(tmp_path / "label.nii.gz")
    check_same_grid(label, scan)
    np.testing.assert_array_equal(label.affine, scan.affine)


def test_a_turned_grid_is_written_as_qform_too(tmp_path, voxels):
    turned = np.array([[0.6, -1.6, 0, 3], [0.8, 1.2, 0, -4], [0, 0, 3, 5], [0, 0, 0, 1]])
    write_nifti(tmp_path / "a.nii.gz", voxels, turned)
    image = nib.load(tmp_path / "a.nii.gz")
    assert int(image.header["qform_code"]) == 1
    np.testing.assert_allclose(image.get_qform(), turned, atol=1e-5)


def test_a_volume_on_another_grid_is_written_with_its_own_affine(tmp_path):
    write_nifti(tmp_path / "scan.nii.gz", np.zeros((6, 5, 4), np.int16), np.diag([-1.0, -1.0, 2.0, 1.0]))
    voxels, affine = np.ones((3, 5, 4), "uint8"), np.diag([2.0, 1.0, 2.0, 1.0])
    write_like(tmp_path / "label.nii.gz", voxels, affine, like=tmp_path / "scan.nii.gz")
    image = nib.load(tmp_path / "label.nii.gz")
    assert image.shape == (3, 5, 4)
    np.testing.assert_array_equal(image.affine, affine)


def test_a_written_volume_may_be_read_by_whom_the_umask_lets(tmp_path, voxels):
    before = os.umask(0o027)
    try:
        write_nifti(tmp_path / "scan.nii.gz", voxels, np.eye(4))
    finally:
        os.umask(before)
    assert (tmp_path / "scan.nii.gz").stat().st_mode & 0o777 == 0o640


def test_what_nibabel_mends_without_harm_is_read_without_a_word(tmp_path, voxels, capfd):
    raw = bytearray(saved(tmp_path / "scan.nii", voxels).read_bytes())
    header = np.frombuffer(raw, dtype=nib.nifti1.header_dtype, count=1)
    header["pixdim"][0][1], header["sizeof_hdr"][0] = -1, 0
    (tmp_path / "scan.nii").write_bytes(raw)
    assert read_nifti(tmp_path / "scan.nii").spacing_mm == (1, 2, 3)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("degrees", [45, 135, -45])
def test_headers_of_one_grid_at_45_degrees_agree(tmp_path, voxels, degrees):
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    for number, error in enumerate((0, 1e-7, -1e-7)):
        affine = np.eye(4)
        affine[:2, :2] = [[cosine + error, -sine], [sine, cosine - error]]
        saved(tmp_path / f"{number}.nii", voxels, affine)
    first, *others = (read_nifti(tmp_path / f"{number}.nii") for number in range(3))
    for other in others:
        check_same_grid(other, first)
        np.testing.assert_array_equal(other.voxels, first.voxels)


def test_numbers_of_labels_are_not_rounded(tmp_path):
    numbers = np.zeros(SHAPE, np.uint32)
    numbers[0], numbers[1] = 182305689, 182305693
    path = saved(tmp_path / "a.nii", numbers)
    assert np.unique(read_nifti(path, numbers=True).voxels).tolist() == [0, 182305689, 182305693]


def test_a_scan_is_found_however_its_letters_are_composed(tmp_path, voxels):
    path = saved(tmp_path / "Fa\u0308lle_seg.nii", voxels)
    assert find_scan(tmp_path, "F\u00e4lle_seg") == path
