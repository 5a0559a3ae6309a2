"""What a study knows of its data before anything is trained."""

import dataclasses

import numpy as np
import pytest

from kerasmetricloss import studies
from kerasmetricloss.datasets.nifti import write_nifti
from kerasmetricloss.studies import data
from kerasmetricloss.studies.progress import Observer


class Listener(Observer):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def sites(tmp_path):
    """Three heads of 24x20x8 voxels of 2x2x4 mm: lesions of 12x12x4 voxels, of one voxel, and none."""
    affine = np.diag([2.0, 2, 4, 1])
    for case, size in (("1", (12, 12, 4)), ("2", (1, 1, 1)), ("10", (0, 0, 0))):
        truth = np.zeros((24, 20, 8), np.uint8)
        truth[4 : 4 + size[0], 4 : 4 + size[1], 2 : 2 + size[2]] = 1
        (tmp_path / case / "pre").mkdir(parents=True)
        for name, voxels in (("pre/FLAIR", truth + 90), ("pre/T1", truth + 90), ("wmh", truth)):
            write_nifti(tmp_path / case / f"{name}.nii.gz", voxels, affine)
    return tmp_path


def test_an_object_that_the_coarse_grid_loses_is_told_with_its_case(sites):
    setup = dataclasses.replace(studies.setup("wm17", "small"), spacing_mm=8.0)
    listener = Listener()
    checked = data.check(setup, sites, observer=listener)
    assert checked.present == ((True,), (True,), (False,))
    found = data.prepare(checked, setup, cache=None, observer=listener)
    # One voxel of 16 mm3 is at most (2 / 8) (2 / 8) (4 / 8) = 1/32 of a new one.
    (note,) = listener.notes
    assert note.startswith("WMH is lost at 8 mm in 1 of 3 cases")
    assert note.endswith("(2)")
    assert found.describe()["notes"] == [note]
    fine = dataclasses.replace(setup, spacing_mm=2.0)
    assert data.prepare(data.check(fine, sites, observer=listener), fine, cache=None, observer=listener).notes == ()


def test_a_channel_that_one_case_lacks_is_a_note_of_the_study(sites):
    (sites / "2" / "pre" / "FLAIR.nii.gz").unlink()
    setup, listener = studies.setup("wm17", "small"), Listener()
    checked = data.check(setup, sites, observer=listener)
    assert checked.notes == ("left out of every case, because some lack them: FLAIR (case 2)",)
    assert listener.notes == list(checked.notes)
    assert data.check(dataclasses.replace(setup, channels=("T1",)), sites, observer=listener).notes == ()


def test_numbers_of_no_label_are_a_note_of_the_study(sites):
    affine = np.diag([2.0, 2, 4, 1])
    truth = np.zeros((24, 20, 8), np.uint8)
    truth[4:16, 4:16, 2:6], truth[0, 0, :3] = 1, 3
    write_nifti(sites / "2" / "wmh.nii.gz", truth, affine)
    reading = {"images": ("*/pre/FLAIR.nii.gz",), "truth": ("*/wmh.nii.gz",), "values": {"WMH": (1,)}}
    setup = dataclasses.replace(studies.setup("wm17", "small"), dataset="folder", reader="folder", reading=reading)
    setup, listener = dataclasses.replace(setup, channels=None), Listener()
    checked = data.check(setup, sites, observer=listener)
    assert checked.notes[-1] == "1 of 3 truths hold 3, which no label has: background there (--values)"
    assert listener.notes[-1] == checked.notes[-1]
