"""Small folders in the layouts of the data sets."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets.nifti import write_nifti

SIZE = (7, 5)  # width and height, not square
BOX = (6, 5, 4)


def _save_picture(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def _picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def _mask() -> np.ndarray:
    pixels = np.zeros((SIZE[1], SIZE[0]), dtype=np.uint8)
    pixels[1:4, 2:6] = 255
    return pixels


@pytest.fixture
def cvc(tmp_path):
    """Three frames in the layout of CVC-ClinicDB, in a folder with a space and accents."""
    root = tmp_path / "Données CVC"
    for name in ("1", "2", "10"):
        _save_picture(root / "Original" / f"{name}.png", _picture(int(name)))
        _save_picture(root / "Ground Truth" / f"{name}.png", _mask())
    return root


@pytest.fixture
def brats(tmp_path):
    """Two cases in the layout of BRATS 2018, one high and one low grade, with FLAIR and T1."""
    root = tmp_path / "brats 2018"
    for folder in ("HGG/Brats18_A_2_1", "LGG/Brats18_A_10_1"):
        _write_brats_case(root / folder)
    return root


def _write_brats_case(folder: Path, *, modalities=("flair", "t1"), labels=(1, 2, 4)) -> None:
    folder.mkdir(parents=True)
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    rng = np.random.default_rng(0)
    for modality in modalities:
        voxels = rng.integers(1, 500, BOX).astype(np.int16)
        voxels[0] = 0
        write_nifti(folder / f"{folder.name}_{modality}.nii.gz", voxels, affine)
    truth = np.zeros(BOX, dtype=np.int16)
    for index, label in enumerate(labels, start=1):
        truth[index, 1:3, 2] = label
    write_nifti(folder / f"{folder.name}_seg.nii.gz", truth, affine)


@pytest.fixture
def save_picture():
    return _save_picture


@pytest.fixture
def picture():
    return _picture


@pytest.fixture
def mask():
    return _mask


@pytest.fixture
def write_brats_case():
    return _write_brats_case


@pytest.fixture
def tree(tmp_path):
    """Writes empty files below a folder, and returns the folder."""

    def write(*paths):
        for path in paths:
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return tmp_path

    return write
