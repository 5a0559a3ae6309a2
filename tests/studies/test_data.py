"""What a study knows of its data before anything is trained."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from kerasmetricloss import studies
from kerasmetricloss.datasets import DataError
from kerasmetricloss.datasets.nifti import write_nifti
from kerasmetricloss.pipelines import channel_statistics
from kerasmetricloss.studies import data, scoring
from kerasmetricloss.studies.cells import CellStore
from kerasmetricloss.studies.folds import Fold
from kerasmetricloss.studies.networks import named_network
from kerasmetricloss.studies.progress import Observer
from kerasmetricloss.studies.work import Worker


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
    assert [filled[0] > 0 for filled in checked.filled] == [True, True, False]
    found = data.prepare(checked, setup, cache=None, observer=listener)
    # One voxel of 16 mm3 is at most (2 / 8) (2 / 8) (4 / 8) = 1/32 of a new one.
    (note,) = listener.notes
    assert note.startswith("WMH is lost at 8 mm in 1 of 3 cases")
    assert note.endswith("(2)")
    assert found.describe()["notes"] == [note]
    fine = dataclasses.replace(setup, spacing_mm=2.0)
    assert data.prepare(data.check(fine, sites, observer=listener), fine, cache=None, observer=listener).notes == ()


def test_a_header_in_the_wrong_unit_is_named_before_anything_is_prepared(sites):
    for name in ("pre/FLAIR", "pre/T1", "wmh"):
        write_nifti(sites / "2" / f"{name}.nii.gz", np.ones((24, 20, 8), np.uint8), np.diag([2000.0, 2000, 4000, 1]))
    with pytest.raises(DataError, match=r"(?s)case 2.* voxels of 2000 x 2000 x 4000 mm would be .*more than 2\*\*31"):
        data.check(studies.setup("wm17", "small"), sites, observer=Listener())


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


def test_voxels_of_another_pathology_are_no_part_of_the_accuracy(sites):
    affine = np.diag([2.0, 2, 4, 1])
    wmh = np.zeros((24, 20, 8), np.uint8)
    wmh[4:16, 4:16, 2:6], wmh[18:, :, :] = 1, 2
    write_nifti(sites / "1" / "wmh.nii.gz", wmh, affine)
    setup, observer = dataclasses.replace(studies.setup("wm17", "small"), spacing_mm=2.0), Observer()
    case = data.prepare(data.check(setup, sites, observer=observer), setup, cache=None, observer=observer).prepared[0]
    assert case.unknown >= 6 * 20 * 15  # slices of 4 mm become two of 2 mm, but for the half ones at the ends
    guess = np.random.default_rng(0).random(case.truth.shape) * case.mask
    found = {
        metric: value for _, metric, value in scoring.case_scores(case.truth, guess, ["WMH"], unknown=case.unknown)
    }
    # The box is larger than the head. What is no part of the head is known; the unknown part of the head is not.
    known = np.delete(np.arange(case.mask.size), np.flatnonzero(case.mask == 0)[: case.unknown])
    expected = accuracy_score(case.truth.ravel()[known], guess.ravel()[known] > 0.5)
    assert found["accuracy"] == pytest.approx(expected, abs=1e-12)


def test_the_authors_constants_in_place_of_the_training_cases(sites):
    observer, fold = Observer(), Fold(0, (0, 1), (2,), (2,))

    def prepared(setup):
        found = data.prepare(data.check(setup, sites, observer=observer), setup, cache=None, observer=observer)
        return found, data.normalisation(found, fold, setup.network), data.fold_configuration(found, fold)

    plain = dataclasses.replace(studies.setup("wm17", "small"), spacing_mm=4.0)
    _, (shift, _), configuration = prepared(plain)
    assert 90 <= shift[0] < 91
    _, (shift, scale), other = prepared(dataclasses.replace(plain, authors_constants=True))
    assert (shift.tolist(), scale.tolist()) == ([130, 262], [226, 490])  # facts of the authors' own networks
    assert other == configuration | {"constants": ((130.0, 226.0), (262.0, 490.0))}
    _, (shift, _), _ = prepared(dataclasses.replace(plain, authors_constants=True, channels=("T1",)))
    assert shift.tolist() == [262]


def test_constants_that_the_authors_did_not_give_are_refused(pictures):
    setup = dataclasses.replace(studies.setup("po18", "small"), authors_constants=True)
    with pytest.raises(studies.StudyError, match=r"channel red of po18, but for br18, is17, is18, wm17\. Leave out"):
        data.check(setup, pictures, observer=Observer())


def deeplab_worker(pictures):
    setup = dataclasses.replace(studies.setup("po18", "small"), picture_size=(24, 16))
    setup = dataclasses.replace(setup, network=named_network("deeplab-small", 2))
    checked = data.check(setup, pictures, observer=Observer())
    found = data.prepare(checked, setup, cache=None, observer=Observer())
    return Worker(found, setup.network, None, CellStore(pictures / "nowhere"))


def test_what_is_drawn_for_deeplab_is_in_units_of_its_normalised_pictures(pictures):
    worker, fold = deeplab_worker(pictures), Fold(0, (0, 1, 2, 3), (4,), (4,))
    nothing = {"rotation_std": 0.0, "flip": 0.0, "translation_std": (0, 0), "intensity_scale_std": 0.0}
    noise = nothing | {"intensity_shift_std": 0.0, "noise_std": 0.5, "restore": True}

    def images(augmentation):
        settings = {"batch": 4, "augmentation": augmentation}
        (image, _), _ = next(iter(worker._batches(fold, np.zeros(3), np.ones(3), settings, 0, 0).training))
        return np.asarray(image)

    scale = channel_statistics(worker.data.prepared[:4])[1]
    assert scale.min() > 10
    np.testing.assert_allclose((images(noise) - images(None)).std(axis=(0, 1, 2)) / scale, 0.5, rtol=0.1)


def test_colours_of_16_bits_are_refused_for_a_network_that_normalises_those_of_8(pictures, tmp_path, monkeypatch):
    prepare_all = data.pipelines.prepare_all

    def of_16_bits(*arguments, **options):
        return [dataclasses.replace(one, image=257 * one.image) for one in prepare_all(*arguments, **options)]

    deeplab_worker(pictures)
    monkeypatch.setattr(data.pipelines, "prepare_all", of_16_bits)
    with pytest.raises(DataError, match=r"case 1: its colours go up to [\d.]+, the network takes them up to 255; save"):
        deeplab_worker(pictures)


def test_what_the_grid_takes_from_an_object_is_told(sites):
    truth = np.zeros((24, 20, 8), np.uint8)
    truth[5:17, 5:17, 2:6] = 1
    for case in ("1", "2", "10"):
        write_nifti(sites / case / "wmh.nii.gz", truth, np.diag([2.0, 2, 4, 1]))
    # Of 12 voxels of 2 mm an axis 10 fill five of 4 mm; those at both ends are half of one each.
    setup = dataclasses.replace(studies.setup("wm17", "small"), spacing_mm=4.0)
    found = data.prepare(data.check(setup, sites, observer=Observer()), setup, cache=None, observer=Observer())
    (note,) = found.notes
    assert note.startswith("WMH has 69% of its volume at 4 mm: a voxel that is half foreground is background")


def test_a_label_that_the_grid_takes_from_every_case_is_refused_with_the_mend(sites):
    truth = np.zeros((24, 20, 8), np.uint8)
    truth[4, 4, 2] = 1
    for case in ("1", "2", "10"):
        write_nifti(sites / case / "wmh.nii.gz", truth, np.diag([2.0, 2, 4, 1]))
    setup = dataclasses.replace(studies.setup("wm17", "small"), spacing_mm=8.0)
    checked = data.check(setup, sites, observer=Observer())
    with pytest.raises(DataError, match=r"'WMH' has no voxel left at 8 mm in any case.*a smaller --spacing-mm"):
        data.prepare(checked, setup, cache=None, observer=Observer())


def test_a_truth_of_which_nothing_is_known_has_no_score(sites):
    write_nifti(sites / "2" / "wmh.nii.gz", np.full((24, 20, 8), 2, np.uint8), np.diag([2.0, 2, 4, 1]))
    setup = dataclasses.replace(studies.setup("wm17", "small"), spacing_mm=2.0)
    found = data.prepare(data.check(setup, sites, observer=Observer()), setup, cache=None, observer=Observer())
    assert found.notes[0] == "no voxel counts in 1 of 3 cases, masked out or of unknown truth: they have no score (2)"
    case = next(case for case in found.prepared if case.case_id == "2")
    scored = scoring.case_scores(
        case.truth,
        np.zeros(case.truth.shape),
        ("WMH",),
        voxel_mm=case.voxel_mm,
        unknown=case.unknown,
        counted=case.mask.any(),
    )
    values = {metric: value for _, metric, value in scored}
    assert (values.pop("foreground_voxels"), values.pop("predicted_voxels")) == (0, 0)
    assert np.isnan(list(values.values())).all()
