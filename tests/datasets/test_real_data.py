"""The readers on real folders, where the variable KML_DATA names the folder that holds them."""

import os
from pathlib import Path

import numpy as np
import pytest

from kerasmetricloss.datasets import open_dataset
from kerasmetricloss.datasets.inspection import inspect

ROOT = Path(os.environ.get("KML_DATA", "/nonexistent"))


def real(name):
    if not (ROOT / name).is_dir():
        pytest.skip(f"KML_DATA names no folder with {name}")
    return ROOT / name


def test_cvc_clinicdb_is_read_with_its_sequences():
    cases = open_dataset("po18", real("cvc_clinicdb"))
    assert len(cases) == 252
    assert len({case.group for case in cases}) == 12
    assert [case.id for case in cases] == [str(number) for number in sorted(int(case.id) for case in cases)]
    for case in cases[::25]:
        volume = case.read()
        assert volume.image.shape == (288, 384, 3)
        assert 0.001 < volume.truth.mean() < 0.6


def test_brats_is_read_with_the_modalities_that_are_there():
    cases = open_dataset("br18", real("brats2018"))
    assert len(cases) == 6
    assert cases[0].channels == ("FLAIR", "T1")
    assert cases[0].absent == ("T1CE", "T2")
    volume = cases[0].read()
    assert volume.image.shape == (240, 240, 155, 2)
    assert volume.spacing_mm == (1, 1, 1)
    # Tumours lie in the brain, so image and truth were turned the same way.
    assert volume.truth[..., 0][volume.mask].sum() == volume.truth.sum() > 0
    assert np.all(np.diag(volume.affine) > 0)


def test_the_lower_left_third_molar_lies_on_the_right_of_the_radiograph():
    case = open_dataset("mo17", real("panoramic_teeth"), label=38, roi=None)[0]
    truth = case.read().truth[..., 0]
    assert truth.shape == (512, 512)
    assert np.flatnonzero(truth.any(axis=0)).min() > 256
    cut = open_dataset("mo17", real("panoramic_teeth"), label=38)[0].read()
    assert cut.image.shape == (217, 217, 1)
    assert cut.truth.sum() == truth.sum()


def test_radiographs_saved_square_get_their_shape_back_and_those_without_the_tooth_are_listed():
    problems = []
    settings = {"label": 38, "unsqueeze": (995, 563), "absent": "skip", "problems": problems}
    cases = open_dataset("mo17", real("panoramic_teeth"), **settings)
    assert (len(cases), len(problems)) == (150, 10)
    for case in cases[::30]:
        volume = case.read()
        assert volume.space == (217, 217)
        assert volume.mask.all()
        rows, columns = (np.flatnonzero(volume.truth[..., 0].any(axis=axis)) for axis in (1, 0))
        # The centre of the tooth's box is the centre of the box that was cut.
        assert (rows[0] + rows[-1]) // 2 == (columns[0] + columns[-1]) // 2 == 108
    # A squeezed tooth is narrow: before, its box is 995 / 563 = 1.8 times as high for its width.
    narrow = open_dataset("mo17", real("panoramic_teeth"), label=38, roi=None)[0].read().truth[..., 0]
    wide = cases[0].read().truth[..., 0]
    shape = [np.ptp(np.flatnonzero(t.any(axis=0))) / np.ptp(np.flatnonzero(t.any(axis=1))) for t in (narrow, wide)]
    assert shape[1] / shape[0] == pytest.approx(995 / 563, rel=0.06)


def test_white_matter_lesions_are_read_in_the_layout_of_the_challenge_without_its_sites():
    cases = open_dataset("wm17", real("wmh_subjects"))
    assert [case.id for case in cases] == ["104252", "105074", "105465"]
    for case in cases:
        volume = case.read()
        assert volume.image.shape == (256, 256, 20, 2)
        lesion = volume.truth[..., 0].astype(bool)
        # Hyperintense means brighter than the brain around it: T1 > 3000 in these files is the head.
        head = volume.image[..., 1] > 3000
        assert np.median(volume.image[..., 0][lesion]) > np.median(volume.image[..., 0][head])
        assert not volume.ignore.any()


def test_strokes_in_another_layout_are_read_by_pattern_and_their_units_are_noted():
    settings = {"images": ("*/adc.nii.gz", "*/dwi.nii.gz"), "truth": "*/msk.nii.gz", "mask": "dwi>0"}
    found = inspect("folder", real("isles2022"), **settings)
    assert [case.id for case in found.cases] == [f"sub-strokecase000{number}" for number in (1, 2, 3)]
    assert not found.problems
    assert [note.case for note in found.notes if "adc reaches" in note.problem] == ["sub-strokecase0001"]
    for case in found.cases:
        volume = case.read()
        lesion, brain = volume.truth[..., 0].astype(bool), volume.mask
        # A fresh infarct is bright on diffusion-weighted images.
        assert np.median(volume.image[..., 1][lesion]) > 1.3 * np.median(volume.image[..., 1][brain])


def test_every_real_file_can_be_read():
    for name, folder in (("br18", "brats2018"), ("po18", "cvc_clinicdb"), ("wm17", "wmh_subjects")):
        assert not inspect(name, real(folder)).problems
