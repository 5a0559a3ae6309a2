"""A corpus of broken NIfTI files in the layout of BRATS: each is refused with case, file and mend."""

import gzip
import pickle

import nibabel as nib
import numpy as np
import pytest

from kerasmetricloss.datasets import DataError, open_dataset, verify
from kerasmetricloss.datasets.nifti import nifti_bytes

BOX = (8, 9, 10)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
CASE = "Brats18_X_2_1"
FLAIR, SEG = f"HGG/{CASE}/{CASE}_flair.nii.gz", f"HGG/{CASE}/{CASE}_seg.nii.gz"

VOXELS = np.random.default_rng(0).integers(1, 900, BOX).astype(np.int16)
TRUTH = np.zeros(BOX, dtype=np.int16)
TRUTH[2:5, 3:6, 4:6] = 2
GOOD, GOOD_TRUTH = nifti_bytes(VOXELS, AFFINE), nifti_bytes(TRUTH, AFFINE)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "scans ö"
    for name in (CASE, "Brats18_X_10_1"):
        folder = root / "HGG" / name
        folder.mkdir(parents=True)
        for modality in ("flair", "t1"):
            (folder / f"{name}_{modality}.nii.gz").write_bytes(GOOD)
        (folder / f"{name}_seg.nii.gz").write_bytes(GOOD_TRUTH)
    return root


def with_header(**fields):
    """A volume whose header fields, by name and (index, value) or value, were overwritten behind nibabel's back."""
    raw = bytearray(gzip.decompress(GOOD))
    header = np.frombuffer(raw, dtype=nib.nifti1.header_dtype, count=1)
    for name, change in fields.items():
        if isinstance(change, tuple):
            header[name][0][change[0]] = change[1]
        else:
            header[name][0] = change
    return gzip.compress(bytes(raw), mtime=0)


def nifti_2(**fields):
    raw = bytearray(nib.Nifti2Image(VOXELS, AFFINE).to_bytes())
    header = np.frombuffer(raw, dtype=nib.nifti2.header_dtype, count=1)
    for name, value in fields.items():
        header[name][0] = value
    return bytes(raw)


def with_values(value):
    voxels = VOXELS.astype(np.float32)
    voxels[1, 2, 3] = value
    return nifti_bytes(voxels, AFFINE)


def with_label(label, dtype=np.int16):
    truth = TRUTH.astype(dtype)
    truth[0, 0, 0] = label
    return nifti_bytes(truth, AFFINE)


def disagreeing():
    image = nib.Nifti1Image(VOXELS, AFFINE)
    image.set_qform(AFFINE, code=1)
    moved = AFFINE.copy()
    moved[0, 3] = 30
    image.set_sform(moved, code=1)
    return gzip.compress(image.to_bytes(), mtime=0)


def colours():
    dtype = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    return gzip.compress(nib.Nifti1Image(np.zeros(BOX, dtype), AFFINE).to_bytes(), mtime=0)


CONTENTS = {
    "empty file": (FLAIR, b"", "0 bytes are fewer than a NIfTI header"),
    "truncated gzip": (FLAIR, GOOD[: len(GOOD) // 2], "cannot be decoded"),
    "gzip without its end": (FLAIR, GOOD[:-6], "cannot be decoded"),
    "gzip cut in the header": (FLAIR, GOOD[:40], "cannot be decoded"),
    "damaged gzip": (FLAIR, GOOD[:600] + b"\xff\x00\xff" + GOOD[603:], "cannot be decoded"),
    "truncated voxels": (FLAIR, gzip.compress(gzip.decompress(GOOD)[:-100], mtime=0), "cannot be decoded"),
    "wrong magic": (FLAIR, with_header(magic=b"abc\0"), "cannot be decoded|expected NIfTI"),
    "short text": (FLAIR, gzip.compress(b"<html>404</html>"), "16 bytes are fewer"),
    "long text": (FLAIR, b"<html>404</html>" * 50, "cannot be decoded|the spacing is"),
    "pickle": (FLAIR, pickle.dumps(list(range(500))), "cannot be decoded|the spacing is"),
    "unknown dtype": (FLAIR, with_header(datatype=77), "cannot be decoded"),
    "4-D": (FLAIR, nifti_bytes(np.zeros((*BOX, 3), np.int16), AFFINE), "the scan has 4 axes, 8x9x10x3"),
    "5-D": (FLAIR, nifti_bytes(np.zeros((*BOX, 1, 2), np.int16), AFFINE), "the scan has 5 axes, 8x9x10x1x2"),
    "2-D": (FLAIR, nifti_bytes(np.zeros(BOX[:2], np.int16), AFFINE), "the scan has 2 axes"),
    "zero-size": (FLAIR, with_header(dim=(3, 0)), "cannot be decoded|the scan is empty, 8x9x0"),
    "negative size": (FLAIR, with_header(dim=(2, -9)), "the scan has 8x-9x10 voxels; set its dim"),
    "NaN intercept": (FLAIR, with_header(scl_slope=2, scl_inter=np.nan), "scl_inter is nan, expected a finite number"),
    "long quaternion": (FLAIR, with_header(quatern_b=1.5), r"quaternion is \[1\.5, 0\.0, 0\.0\], .*; set the qform"),
    "NaN quaternion": (FLAIR, with_header(quatern_d=np.nan), "quaternion is .*nan.*, which is no rotation"),
    "more voxels than memory": (
        FLAIR,
        with_header(dim=(slice(1, 4), 30000)),
        "does not hold 30000x30000x30000 voxels|be decoded",
    ),
    "more voxels than bytes": (FLAIR, with_header(dim=(1, 3000)), "cannot be decoded"),
    "colours": (FLAIR, colours(), "the voxels are colours, expected real numbers; save one"),
    "complex": (FLAIR, nifti_bytes(np.zeros(BOX, np.complex64), AFFINE), "are complex64 numbers, .*; save one real"),
    "NaN voxel": (FLAIR, with_values(np.nan), "1 of 720 voxels are NaN or infinite"),
    "infinite voxel": (FLAIR, with_values(np.inf), "1 of 720 voxels are NaN or infinite"),
    "spacing 0": (FLAIR, with_header(pixdim=(3, 0.0)), r"the spacing is \[1\.0, 1\.0, 0\.0\] mm"),
    "voxels in the header": (FLAIR, with_header(vox_offset=0), "voxels begin at byte 0, expected 352 or later"),
    "voxels before the file": (FLAIR, with_header(vox_offset=-16), "voxels begin at byte -16, expected 352"),
    "voxels nowhere": (FLAIR, with_header(vox_offset=np.nan), "voxels begin at byte nan, expected 352"),
    "NIfTI-2 voxels in the header": (FLAIR, nifti_2(vox_offset=352), "voxels begin at byte 352, expected 544"),
    "voxels in another file": (FLAIR, with_header(magic=b"ni1\0", vox_offset=0), "voxels are in another file"),
    "infinite slope": (FLAIR, with_header(scl_slope=np.inf), "scl_slope is inf, expected a finite number"),
    "NaN spacing": (FLAIR, with_header(pixdim=(2, np.nan)), "the spacing is"),
    "affine of zeros": (FLAIR, with_header(srow_x=(0, 0.0)), "the affine gives the voxels the size"),
    "flat affine": (FLAIR, with_header(srow_x=(1, 1.0), srow_y=(0, 1.0)), "two axes of the scan onto one"),
    "spacing against affine": (FLAIR, with_header(pixdim=(3, 5.0), qform_code=0), "pixdim says .* the affine"),
    "qform against sform": (FLAIR, disagreeing(), "qform and sform place a corner of the scan 30 mm apart"),
    "smaller truth": (SEG, nifti_bytes(TRUTH[1:], AFFINE), "the grid is 7x9x10, that of .*_flair.nii.gz is 8x9x10"),
    "moved truth": (SEG, nifti_bytes(TRUTH, AFFINE + np.eye(4, k=3)), "lies 1 mm away"),
    "truth of other spacing": (SEG, nifti_bytes(TRUTH, np.diag([1.0, 1, 3, 1])), "lies 9 mm away"),
    "label 3": (SEG, with_label(3), "holds the label 3"),
    "negative label": (SEG, with_label(-1), "holds the label -1"),
    "label between": (SEG, with_label(0.5, np.float32), "holds 0.5, which is no label"),
    "NaN label": (SEG, with_label(np.nan, np.float32), "NaN or infinite"),
}


def refused(root, match, *, case, file, **settings):
    before = sorted(str(path) for path in root.rglob("*"))
    with pytest.raises(DataError, match=match) as error:
        verify(open_dataset("br18", root, **settings))
    assert error.value.case == case
    assert str(error.value.file) == str(root / file)
    assert error.value.mend
    assert "\n" not in str(error.value)
    assert sorted(str(path) for path in root.rglob("*")) == before
    return error.value


def test_the_folder_is_good_before_it_is_broken(root):
    verify(open_dataset("br18", root))


@pytest.mark.parametrize("fault", CONTENTS)
def test_a_file_with_the_wrong_content_is_refused(root, fault):
    file, data, message = CONTENTS[fault]
    (root / file).write_bytes(data)
    refused(root, message, case=CASE, file=file)


def test_a_folder_in_the_place_of_a_scan_is_refused(root):
    (root / FLAIR).unlink()
    (root / FLAIR).mkdir()
    refused(root, "is a folder", case=CASE, file=FLAIR)


def test_a_link_to_itself_is_refused(root):
    (root / FLAIR).unlink()
    (root / FLAIR).symlink_to(f"{CASE}_flair.nii.gz")
    refused(root, "broken link", case=CASE, file=FLAIR)


def test_both_suffixes_of_one_scan_are_refused(root):
    (root / FLAIR.removesuffix(".gz")).write_bytes(gzip.decompress(GOOD))
    refused(root, "are both there; keep one", case=CASE, file=f"HGG/{CASE}")


def test_a_modality_that_was_asked_for_is_missed(root):
    error = refused(root, "the modality T2 is missing", case=CASE, file=f"HGG/{CASE}", channels=("FLAIR", "T2"))
    assert error.mend == f"expected {CASE}_t2.nii.gz or .nii there"


def test_a_truth_of_one_label_cannot_tell_the_core(root):
    (root / SEG).write_bytes(nifti_bytes(TRUTH // 2, AFFINE))
    refused(root, "0 and 1 alone", case=CASE, file=SEG, labels=("WT", "TC"))
    verify(open_dataset("br18", root))
