"""The layout of BRATS 2018."""

import shutil

import nibabel as nib
import numpy as np
import pytest

from kerasmetricloss.datasets import DataError, open_dataset
from kerasmetricloss.datasets.inspection import inspect
from kerasmetricloss.datasets.nifti import read_nifti, write_nifti


def test_cases_of_both_grades_come_in_natural_order(brats):
    cases = open_dataset("br18", brats)
    assert [case.id for case in cases] == ["Brats18_A_2_1", "Brats18_A_10_1"]
    assert cases[0].labels == ("WT",)
    assert [file.name for file in cases[0].files] == [f"Brats18_A_2_1_{n}.nii.gz" for n in ("flair", "t1", "seg")]


def test_default_channels_are_those_that_every_case_has_and_the_others_are_listed(brats, write_brats_case):
    write_brats_case(brats / "HGG" / "Brats18_B_1_1", modalities=("flair", "t1", "t2"))
    case = open_dataset("br18", brats)[-1]
    assert case.channels == ("FLAIR", "T1")
    assert case.absent == ("T1CE", "T2")


def test_channels_come_in_the_order_asked_for(brats):
    flair = open_dataset("br18", brats)[0].read().image[..., 0]
    case = open_dataset("br18", brats, channels=("t1", "flair"))[0]
    assert case.channels == ("T1", "FLAIR")
    volume = case.read()
    np.testing.assert_array_equal(volume.image[..., 1], flair)
    np.testing.assert_array_equal(volume.mask, flair > 0)


def test_a_channel_asked_for_must_be_in_every_case(brats):
    with pytest.raises(
        DataError, match=r"case Brats18_A_2_1: .*: the modality T2 is missing; expected Brats18_A_2_1_t2"
    ):
        open_dataset("br18", brats, channels=("FLAIR", "T2"))
    with pytest.raises(DataError, match="br18 has no channel DWI; known are FLAIR, T1, T1CE, T2"):
        open_dataset("br18", brats, channels=("DWI",))


def test_whole_core_and_enhancing_tumour_are_unions_of_the_labels(brats):
    volume = open_dataset("br18", brats, labels=("WT", "TC", "ET"))[0].read()
    # Two voxels each of the labels 1, 2 and 4: WT has all six, TC = {1, 4} four, ET = {4} two.
    assert volume.truth.sum(axis=(0, 1, 2)).tolist() == [6, 4, 2]
    assert volume.spacing_mm == (1, 1, 2)


def test_the_mask_is_where_flair_is_above_zero(brats):
    volume = open_dataset("br18", brats)[0].read()
    # The stored first slice is 0; turned from left to right it is the last.
    assert not volume.mask[-1].any()
    assert volume.mask[:-1].all()


def test_plain_nii_files_are_read_as_well(brats):
    folder = brats / "HGG" / "Brats18_A_2_1"
    for file in list(folder.iterdir()):
        nib.save(nib.load(file), str(file)[: -len(".gz")])
        file.unlink()
    assert open_dataset("br18", brats)[0].read().truth.sum() == 6


def test_a_truth_of_zero_and_one_is_whole_tumour_and_nothing_else(tmp_path, write_brats_case):
    write_brats_case(tmp_path / "HGG" / "a", labels=(1, 1, 1))
    assert open_dataset("br18", tmp_path)[0].read().truth.sum() == 6
    with pytest.raises(
        DataError, match=r"case a: .*a_seg\.nii\.gz: .*0 and 1 alone, which does not tell ET; ask for WT"
    ):
        open_dataset("br18", tmp_path, labels=("ET",))[0].read()


def test_an_empty_truth_is_read_as_empty(tmp_path, write_brats_case):
    write_brats_case(tmp_path / "HGG" / "a", labels=())
    assert open_dataset("br18", tmp_path, labels=("WT", "ET"))[0].read().truth.sum() == 0


def test_label_three_is_refused(tmp_path, write_brats_case):
    write_brats_case(tmp_path / "HGG" / "a", labels=(1, 2, 3))
    with pytest.raises(DataError, match=r"case a: .*a_seg\.nii\.gz: the segmentation holds the label 3; .*renumber"):
        open_dataset("br18", tmp_path)[0].read()


def test_a_truth_on_another_grid_is_refused_with_case_file_and_mend(brats):
    file = brats / "HGG" / "Brats18_A_2_1" / "Brats18_A_2_1_seg.nii.gz"
    write_nifti(file, read_nifti(file).voxels[:, :, ::2].astype(np.int16), np.diag([1.0, 1, 4, 1]))
    with pytest.raises(DataError, match=r"case Brats18_A_2_1: .*_seg\.nii\.gz: the grid is 6x5x2, .*; resample it"):
        open_dataset("br18", brats)[0].read()


def test_a_missing_segmentation_is_named(brats):
    (brats / "LGG" / "Brats18_A_10_1" / "Brats18_A_10_1_seg.nii.gz").unlink()
    with pytest.raises(
        DataError, match=r"case Brats18_A_10_1: .*the segmentation is missing; expected Brats18_A_10_1_seg"
    ):
        open_dataset("br18", brats)


def test_a_case_that_is_there_twice_is_refused(brats):
    shutil.copytree(brats / "HGG" / "Brats18_A_2_1", brats / "LGG" / "Brats18_A_2_1")
    with pytest.raises(DataError, match=r"case Brats18_A_2_1: .*the case is there twice"):
        open_dataset("br18", brats)


def test_grades_without_cases_are_refused(tmp_path):
    (tmp_path / "HGG").mkdir()
    (tmp_path / "HGG" / "notes.txt").touch()
    with pytest.raises(DataError, match="no case is here"):
        open_dataset("br18", tmp_path)


def test_cases_without_a_common_modality_are_refused(tmp_path, write_brats_case):
    write_brats_case(tmp_path / "HGG" / "a", modalities=("flair",))
    write_brats_case(tmp_path / "HGG" / "b", modalities=("t1",))
    with pytest.raises(DataError, match="no modality is there in every case"):
        open_dataset("br18", tmp_path)


def test_with_a_list_of_problems_cases_without_the_modality_that_most_have_are_left_out(tmp_path, write_brats_case):
    for name, modalities in (("A", ("flair", "t1")), ("B", ()), ("C", ("t1",)), ("D", ("t2",)), ("E", ("flair", "t1"))):
        write_brats_case(tmp_path / "HGG" / name, modalities=modalities)
    with pytest.raises(DataError, match="no modality is there in every case"):
        open_dataset("br18", tmp_path)
    problems = []
    cases = open_dataset("br18", tmp_path, problems=problems)
    # T1 is in three of five cases, FLAIR in two.
    assert [(case.id, case.channels) for case in cases] == [("A", ("T1",)), ("C", ("T1",)), ("E", ("T1",))]
    assert [(problem.case, problem.mend) for problem in problems] == [
        ("B", "expected B_t1.nii.gz or .nii there"),
        ("D", "expected D_t1.nii.gz or .nii there"),
        ("C", "expected C_flair.nii.gz or .nii there"),
    ]
    assert "the modality T1, which most cases have, is missing" in problems[0].problem


def test_one_case_without_any_modality_takes_none_from_the_others(tmp_path, write_brats_case):
    for name, modalities in (("A", ("flair", "t1")), ("B", ())):
        write_brats_case(tmp_path / "HGG" / name, modalities=modalities)
    found = inspect("br18", tmp_path)
    assert [(case.id, case.channels) for case in found.cases] == [("A", ("FLAIR", "T1"))]
    assert [problem.case for problem in found.problems] == ["B"]
