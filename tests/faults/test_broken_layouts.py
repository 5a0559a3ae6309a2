"""Folders that are laid out in another way than a data set's owners do."""

import shutil

import pytest

from kerasmetricloss.datasets import open_dataset
from kerasmetricloss.datasets.nifti import nifti_bytes

from .small_scans import AFFINE, C2, GOOD, T2, TRUTH


def renamed(root, old, new):
    (root / new).parent.mkdir(parents=True, exist_ok=True)
    (root / old).rename(root / new)


def orig_alone(root):
    renamed(root, "Utrecht/2/pre", "Utrecht/2/orig")


def flat(root):
    for name in ("FLAIR", "T1"):
        renamed(root, f"Utrecht/2/pre/{name}.nii.gz", f"Utrecht/2/{name}.nii.gz")
    (root / "Utrecht/2/pre").rmdir()


def file_named_pre(root):
    shutil.rmtree(root / "Utrecht/2/pre")
    (root / "Utrecht/2/wmh.nii.gz").unlink()
    (root / "Utrecht/2/pre").write_bytes(GOOD)


def empty(root):
    shutil.rmtree(root / "Utrecht/2")
    (root / "Utrecht/2").mkdir()


@pytest.mark.parametrize("change", [orig_alone, flat, file_named_pre, empty])
def test_a_case_of_wmh_without_its_images_is_not_dropped_without_a_word(build, change, refused):
    root = build("wm17")
    change(root)
    refused("wm17", root, r"pre is missing; expected pre/FLAIR\.nii\.gz there", case="2", file="Utrecht/2")
    problems = []
    assert [case.id for case in open_dataset("wm17", root, problems=problems)] == ["100"]
    assert [problem.case for problem in problems] == ["2"]


def test_other_folders_of_wmh_are_no_cases(build):
    root = build("wm17")
    for file in ("observers/o3/Utrecht/2/result.nii.gz", "Utrecht/2/orig/FLAIR.nii.gz", "docs/about.txt"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"")
    assert [case.id for case in open_dataset("wm17", root)] == ["2", "100"]


@pytest.mark.parametrize(("name", "parent", "old"), [("is17", "training", T2), ("is18", "TRAINING", C2)])
@pytest.mark.parametrize("new", ["2", "patient_2"])
def test_a_folder_of_isles_that_is_no_case_by_its_name_is_complained_of(build, name, parent, old, new, refused):
    root = build(name)
    renamed(root, f"{parent}/{old}", f"{parent}/{new}")
    (root / parent / "docs").mkdir()
    message = f"not read, it is no case by its name; expected {old[:-1]}N: rename it"
    refused(name, root, message, case=new, file=f"{parent}/{new}")


def brats(root, grade, *cases):
    for case in cases:
        for word in ("flair", "seg"):
            file = root / grade / case / f"{case}_{word}.nii"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(GOOD if word == "flair" else nifti_bytes(TRUTH, AFFINE, compressed=False))


def test_scans_of_brats_beside_the_folders_of_the_cases_are_complained_of(tmp_path, refused):
    brats(tmp_path, "HGG", "a")
    for word in ("flair", "seg"):
        (tmp_path / "HGG" / f"b_{word}.nii").write_bytes(GOOD)
    message = r"2 scans, such as b_flair\.nii, lie beside the folders of the cases.*; expected a folder a case"
    refused("br18", tmp_path, message, case=None, file="HGG")


def test_low_grades_alone_one_folder_down_are_pointed_at(tmp_path, refused):
    brats(tmp_path, "MICCAI/LGG", "a")
    refused("br18", tmp_path, "neither HGG nor LGG is here; name .*MICCAI instead", case=None, file="")
