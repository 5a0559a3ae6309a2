"""The readers on real folders, where the variable KML_DATA names the folder that holds them."""

import os
from pathlib import Path

import numpy as np
import pytest

from kerasmetricloss.datasets import open_dataset

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
