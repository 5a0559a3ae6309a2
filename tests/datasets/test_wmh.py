"""The layout of WMH 2017."""

import numpy as np
import pytest

from kerasmetricloss.datasets import open_dataset, write_phantom
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


def test_cases_of_one_name_are_told_apart_by_their_site(tmp_path):
    voxels = np.full((5, 6, 3), 90, np.int16)
    for site in ("Utrecht", "Singapore"):
        for number in ("7", "8") if site == "Utrecht" else ("7",):
            folder = tmp_path / site / number
            (folder / "pre").mkdir(parents=True)
            for file in ("pre/FLAIR", "pre/T1", "wmh"):
                data = nifti_bytes(voxels if file != "wmh" else voxels // 90, np.diag([1.0, 1, 3, 1]))
                (folder / f"{file}.nii.gz").write_bytes(data)
    assert [case.id for case in open_dataset("wm17", tmp_path)] == ["8", "Singapore_7", "Utrecht_7"]
