"""A corpus of broken folders in the layouts of ISLES and WMH 2017 and in a folder of any layout: each is refused."""

import gzip
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from kerasmetricloss.datasets import open_dataset, verify
from kerasmetricloss.datasets.nifti import nifti_bytes

from .small_scans import AFFINE, BOX, C2, FOLDER, GOOD, T2, TRUTH, VOXELS, W2, is17, is18, with_value


@pytest.mark.parametrize("name", ["is17", "is18", "wm17", "folder"])
def test_the_folder_is_good_before_it_is_broken(build, name):
    cases = open_dataset(name, build(name), **(FOLDER if name == "folder" else {}))
    assert len(cases) == 2
    verify(cases)


def series(*more):
    return nifti_bytes(np.zeros((*BOX, *more), np.int16), AFFINE, compressed=False)


CONTENTS = {
    "is17 empty file": ("is17", T2, is17(T2, "MR_ADC"), b"", "0 bytes are fewer"),
    "is17 truncated": ("is17", T2, is17(T2, "MR_TTP"), GOOD[:-90], "cannot be decoded"),
    "is17 perfusion series in place of a map": (
        "is17",
        T2,
        is17(T2, "MR_Tmax"),
        series(1, 40),
        "has 5 axes, 8x9x5x1x40",
    ),
    "is17 NaN in a map": ("is17", T2, is17(T2, "MR_MTT"), with_value(VOXELS, np.nan), r"1 of 360 voxels .*--fill 0"),
    "is17 infinite map": ("is17", T2, is17(T2, "MR_rCBF"), with_value(VOXELS, np.inf), "NaN or infinite"),
    "is17 map on another grid": (
        "is17",
        T2,
        is17(T2, "MR_rCBV"),
        nifti_bytes(VOXELS[1:], AFFINE, compressed=False),
        "the grid is 7x9x5",
    ),
    "is17 label 2": (
        "is17",
        T2,
        is17(T2, "OT"),
        with_value(TRUTH, 2),
        "holds the label 2; ISLES has the labels 0 and 1",
    ),
    "is17 truth in percent": ("is17", T2, is17(T2, "OT"), with_value(TRUTH, 0.5), "holds 0.5, which is no label"),
    "is18 series in place of CT": ("is18", C2, is18(C2, "CT"), series(44), "has 4 axes, 8x9x5x44"),
    "is18 truth moved": (
        "is18",
        C2,
        is18(C2, "OT"),
        nifti_bytes(TRUTH, AFFINE + 3 * np.eye(4, k=3), compressed=False),
        "lies 3 mm away",
    ),
    "is18 truth with other slices": (
        "is18",
        C2,
        is18(C2, "OT"),
        nifti_bytes(TRUTH[..., :2], AFFINE, compressed=False),
        "the grid is 8x9x2",
    ),
    "is18 damaged map": ("is18", C2, is18(C2, "CT_CBF"), b"\0" * 400, "cannot be decoded|the spacing is"),
    "wm17 label 3": ("wm17", W2, "Utrecht/2/wmh.nii.gz", with_value(TRUTH, 3), r"holds the label 3; WMH 2017 has"),
    "wm17 truncated gzip": ("wm17", W2, "Utrecht/2/pre/T1.nii.gz", gzip.compress(GOOD)[:300], "cannot be decoded"),
    "wm17 web page": (
        "wm17",
        W2,
        "Utrecht/2/pre/FLAIR.nii.gz",
        b"<!DOCTYPE html>" * 60,
        "cannot be decoded|the spacing",
    ),
    "wm17 NaN label": ("wm17", W2, "Utrecht/2/wmh.nii.gz", with_value(TRUTH, np.nan), "NaN or infinite"),
    "folder two numbers": (
        "folder",
        "a 2",
        "a 2/msk.nii",
        with_value(TRUTH, 7),
        "holds 1, 7 beside 0; say which numbers",
    ),
    "folder negative number": ("folder", "a 2", "a 2/msk.nii", with_value(0 * TRUTH, -1), "holds -1 beside 0"),
    "folder probabilities": ("folder", "a 2", "a 2/msk.nii", with_value(TRUTH, 0.25), "holds 0.25, 1 beside 0"),
    "folder pickle": (
        "folder",
        "a 2",
        "a 2/adc.nii",
        pickle.dumps(list(range(400))),
        "cannot be decoded|the spacing is",
    ),
    "folder picture in a scan's name": (
        "folder",
        "a 2",
        "a 2/dwi.nii",
        b"\x89PNG\r\n\x1a\n" * 60,
        "cannot be decoded|the sp",
    ),
}


@pytest.mark.parametrize("fault", CONTENTS)
def test_a_file_with_the_wrong_content_is_refused(build, fault, refused):
    name, case, file, data, message = CONTENTS[fault]
    root = build(name)
    (root / file).write_bytes(data)
    refused(name, root, message, case=case, file=file, **(FOLDER if name == "folder" else {}))


GONE = {
    "is17 truth": ("is17", T2, is17(T2, "OT"), f"training/{T2}", r"the segmentation is missing; expected VSD.*OT"),
    "is18 mask channel": (
        "is18",
        C2,
        is18(C2, "CT"),
        f"TRAINING/{C2}",
        "mask is CT > -23, and CT is missing; .*--mask all",
    ),
    "wm17 truth": ("wm17", W2, "Utrecht/2/wmh.nii.gz", "Utrecht/2", r"segmentation is missing; expected wmh\.nii\.gz"),
    "wm17 mask channel": ("wm17", W2, "Utrecht/2/pre/T1.nii.gz", "Utrecht/2", "mask is T1 > 25, and T1 is missing"),
    "folder image": (
        "folder",
        "a 2",
        "a 2/dwi.nii",
        "",
        r"no file with this id matches '\{id\}/dwi\.nii', but a 2/adc",
    ),
    "folder truth": ("folder", "a 2", "a 2/msk.nii", "", r"no file with this id matches '\{id\}/msk\.nii'"),
}


@pytest.mark.parametrize("fault", GONE)
def test_a_missing_file_is_refused(build, fault, refused):
    name, case, gone, file, message = GONE[fault]
    root = build(name)
    (root / gone).unlink()
    refused(name, root, message, case=case, file=file, **(FOLDER if name == "folder" else {}))


def test_a_modality_that_was_asked_for_is_missed(build, refused):
    root = build("is17")
    shutil.rmtree((root / is17(T2, "MR_TTP")).parent)
    message = r"the modality TTP is missing; expected VSD\.Brain\.XX\.O\.MR_TTP\.<number>"
    refused("is17", root, message, case=T2, file=f"training/{T2}", channels=("ADC", "TTP"))


def test_a_ct_map_is_not_taken_for_the_missing_ct(build, refused):
    root = build("is18")
    shutil.rmtree((root / is18(C2, "CT")).parent)
    refused("is18", root, "the modality CT is missing", case=C2, file=f"TRAINING/{C2}", channels=("CT",), mask="all")


@pytest.mark.parametrize("twice", ["folder", "file", "both suffixes"])
def test_two_volumes_of_one_kind_are_refused(build, twice, refused):
    root = build("is17")
    first = root / is17(T2, "MR_ADC")
    place = f"training/{T2}"
    if twice == "folder":
        shutil.copytree(first.parent, root / Path(is17(T2, "MR_ADC", 8)).parent)
    else:
        first.with_name("copy.nii" if twice == "file" else first.name + ".gz").write_bytes(GOOD)
        place = str(Path(is17(T2, "MR_ADC")).parent)
    refused("is17", root, "are both there; keep one of them", case=T2, file=place)


@pytest.mark.parametrize(("name", "file"), [("is18", is18(C2, "CT")), ("wm17", "Utrecht/2/wmh.nii.gz")])
def test_a_folder_in_the_place_of_a_scan_is_refused(build, name, file, refused):
    root = build(name)
    (root / file).unlink()
    (root / file).mkdir()
    refused(name, root, "is a folder", case=Path(file).parts[1], file=file)


@pytest.mark.parametrize(("name", "file"), [("is17", is17(T2, "OT")), ("folder", "a 2/adc.nii")])
def test_a_link_to_itself_is_refused(build, name, file, refused):
    root = build(name)
    (root / file).unlink()
    (root / file).symlink_to(Path(file).name)
    refused(
        name,
        root,
        "broken link",
        case=T2 if name == "is17" else "a 2",
        file=file,
        **(FOLDER if name == "folder" else {}),
    )


@pytest.mark.parametrize("suffix", [".npy", ".nrrd", ".mha", ""])
def test_a_format_that_is_not_read_is_named(build, suffix, refused):
    """Also a pickle posing as .npy: it is not opened at all."""
    root = build("folder")
    file = root / "a 2" / f"msk{suffix}"
    (root / "a 2" / "msk.nii").unlink()
    file.write_bytes(pickle.dumps({"evil": 1}))
    (root / "ä10" / "msk.nii").rename(root / "ä10" / f"msk{suffix}")
    message = "the file is not a NIfTI scan; expected a NIfTI scan, one of"
    settings = {**FOLDER, "truth": (f"{{id}}/msk{suffix}",)}
    refused("folder", root, message, case="a 2", file=f"a 2/msk{suffix}", **settings)
