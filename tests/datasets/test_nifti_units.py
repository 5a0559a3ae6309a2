"""NIfTI headers in metres and microns, which are read and written back in mm."""

import nibabel as nib
import numpy as np
import pytest

from kerasmetricloss.datasets.nifti import check_same_grid, read_nifti, write_like, write_nifti

VOXELS = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
AFFINE = np.array([[-0.5, 0, 0, 40], [0, -2, 0, -7], [0, 0, 3, 11], [0, 0, 0, 1]])  # in mm
MM = {"meter": 1e-3, "mm": 1.0, "micron": 1e3}  # of one millimetre, in that unit


def written(path, unit, kind=nib.Nifti1Image, order="<"):
    affine = np.diag([*[MM[unit]] * 3, 1]) @ AFFINE
    image = kind(VOXELS, affine, header=kind.header_class(endianness=order))
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units(unit, "sec")
    nib.save(image, path)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_metres_and_microns_are_read_as_mm(tmp_path, unit, kind, order):
    scan = read_nifti(written(tmp_path / "scan.nii", unit, kind, order))
    assert scan.spacing_mm == (0.5, 2, 3)
    expected = read_nifti(written(tmp_path / "mm.nii.gz", "mm"))
    np.testing.assert_allclose(scan.affine, expected.affine, rtol=1e-6)
    np.testing.assert_array_equal(scan.voxels, expected.voxels)
    check_same_grid(scan, expected)


@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_a_label_is_written_in_mm_in_the_order_of_a_scan_in_another_unit(tmp_path, unit):
    like = written(tmp_path / "scan.nii.gz", unit)
    scan = read_nifti(like)
    write_like(tmp_path / "label.nii.gz", (scan.voxels > 60).astype("uint8"), scan.affine, like=like)
    label = nib.load(tmp_path / "label.nii.gz")
    np.testing.assert_array_equal(np.asarray(label.dataobj), VOXELS > 60)
    np.testing.assert_allclose(label.affine, AFFINE, rtol=1e-6)
    assert label.header.get_xyzt_units()[0] == "mm"


def test_a_header_without_a_unit_is_in_mm(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", VOXELS, AFFINE)
    image = nib.load(tmp_path / "a.nii.gz")
    image.header["xyzt_units"] = 0
    nib.save(image, tmp_path / "b.nii.gz")
    assert read_nifti(tmp_path / "b.nii.gz").spacing_mm == (0.5, 2, 3)


@pytest.mark.parametrize("length", [0.1625, 0.0046, 0.0004])
def test_voxels_of_parts_of_a_micron_keep_their_size(tmp_path, length):
    image = nib.Nifti1Image(VOXELS, np.diag([length] * 3 + [1]))
    image.header.set_xyzt_units("micron")
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(read_nifti(tmp_path / "a.nii").spacing_mm, [length / 1000] * 3, rtol=1e-6)
