"""The layout of WMH 2017."""

import shutil

import numpy as np
import pytest

from kerasmetricloss.datasets import DataError, open_dataset, write_phantom
from kerasmetricloss.datasets.nifti import nifti_bytes, read_nifti


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_phantom("wm17", tmp_path_factory.mktemp("wmh") / "root", cases=5, seed=1, size=(40, 44, 12))


def test_cases_of_all_sites_come_in_natural_order(root):
    cases = open_dataset("wm17", root)
    assert [case.id for case in cases] == ["0", "2", "50", "52", "100"]
    assert cases[-1].files[0] == root / "Amsterdam" / "GE3T" / "100" / "pre" / "FLAIR.nii.gz"
    assert cases[0].channels == ("FLAIR", "T1")


def test_one_site_and_one_case_are_read_as_well(root, monkeypatch):
    assert [case.id for case in open_dataset("wm17", root / "Singapore")] == ["50", "52"]
    assert [case.id for case in open_dataset("wm17", root / "Amsterdam")] == ["100"]
    monkeypatch.chdir(root / "Utrecht" / "2")
    assert [case.id for case in open_dataset("wm17", ".")] == ["2"]


@pytest.mark.parametrize("above", ["WMH2017/training", "a/b/c/d/e/f"])
def test_folders_around_the_sites_hide_no_case(root, tmp_path, above):
    shutil.copytree(root, tmp_path / above)
    assert [case.id for case in open_dataset("wm17", tmp_path)] == ["0", "2", "50", "52", "100"]


def test_links_in_a_ring_and_out_of_the_root_end(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / "Amsterdam" / "other").symlink_to(copy / "Utrecht", target_is_directory=True)
    (copy / "Utrecht" / "other").symlink_to(copy / "Amsterdam", target_is_directory=True)
    (copy / "Utrecht" / "out").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "stray" / "pre").mkdir(parents=True)
    assert [case.id for case in open_dataset("wm17", copy)] == ["0", "2", "50", "52", "100"]


def test_a_folder_without_the_modality_of_the_mask_is_no_case_and_takes_no_channel_from_the_others(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / "Utrecht" / "0" / "pre" / "T1.nii.gz").unlink()
    with pytest.raises(DataError, match=r"case 0: .*mask is T1 > 25, and T1 is missing; .*--mask all"):
        open_dataset("wm17", copy)
    problems = []
    cases = open_dataset("wm17", copy, problems=problems)
    assert [(case.id, case.channels, case.absent) for case in cases[:1]] == [("2", ("FLAIR", "T1"), ())]
    assert [problem.case for problem in problems] == ["0"]
    # Without a mask the folder is a case again, and T1 is no longer in every one.
    for problems in (None, []):
        cases = open_dataset("wm17", copy, mask="all", problems=problems)
        assert {(case.channels, case.absent) for case in cases} == {(("FLAIR",), ("T1",))}
        assert len(cases) == 5


def test_other_pathology_is_ignored_and_not_foreground(root):
    case = open_dataset("wm17", root)[2]
    volume, stored = case.read(), read_nifti(case.files[-1]).voxels
    assert set(np.unique(stored)) == {0, 1, 2}
    np.testing.assert_array_equal(volume.ignore, stored == 2)
    np.testing.assert_array_equal(volume.truth[..., 0], stored == 1)


def test_the_mask_is_the_head_on_t1(root):
    case = open_dataset("wm17", root, channels=("FLAIR",))[0]
    np.testing.assert_array_equal(case.read().mask, read_nifti(case.files[1]).voxels > 25)
    assert case.files[1].name == "T1.nii.gz"


def write_case(folder):
    voxels = np.full((5, 6, 3), 90, np.int16)
    (folder / "pre").mkdir(parents=True)
    for file in ("pre/FLAIR", "pre/T1", "wmh"):
        data = nifti_bytes(voxels if file != "wmh" else voxels // 90, np.diag([1.0, 1, 3, 1]))
        (folder / f"{file}.nii.gz").write_bytes(data)


def test_links_are_called_by_their_own_names_and_not_by_what_they_lead_to(tmp_path):
    (tmp_path / "root" / "Utrecht").mkdir(parents=True)
    for number in ("2", "4"):
        write_case(tmp_path / "store" / number / "scan")
        (tmp_path / "root" / "Utrecht" / number).symlink_to(tmp_path / "store" / number / "scan")
    assert [case.id for case in open_dataset("wm17", tmp_path / "root")] == ["2", "4"]
    assert [case.id for case in open_dataset("wm17", tmp_path / "root" / "Utrecht" / "2")] == ["2"]


def test_folders_that_would_be_one_case_are_complained_of_and_none_is_dropped_without_a_word(tmp_path):
    for folder in ("Utrecht/2", "Singapore/2", "Utrecht_2"):
        write_case(tmp_path / folder)
    with pytest.raises(DataError, match=r"case Utrecht_2: .*Utrecht/2 and Utrecht_2 would be one case; rename one"):
        open_dataset("wm17", tmp_path)
    problems = []
    assert [case.id for case in open_dataset("wm17", tmp_path, problems=problems)] == ["Singapore_2"]
    assert [problem.case for problem in problems] == ["Utrecht_2"]


def test_cases_of_one_name_are_told_apart_by_their_site(tmp_path):
    for folder in ("Utrecht/7", "Utrecht/8", "Singapore/7"):
        write_case(tmp_path / folder)
    assert [case.id for case in open_dataset("wm17", tmp_path)] == ["8", "Singapore_7", "Utrecht_7"]


def test_ids_are_composed_letters_as_in_lists_of_cases(root, tmp_path):
    copy = shutil.copytree(root / "Utrecht", tmp_path / "copy")
    (copy / "0").rename(copy / "e\u0301")
    (tmp_path / "groups.csv").write_text("case,group\n\u00e9,1\n2,1\n", encoding="utf-8")
    cases = open_dataset("wm17", copy, groups=tmp_path / "groups.csv")
    assert {case.id: case.group for case in cases} == {"2": "1", "\u00e9": "1"}
    assert cases[-1].read().mask.any()
