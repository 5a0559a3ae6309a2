"""Scans of a few voxels, and where they lie in the folders of ISLES."""

import numpy as np

from kerasmetricloss.datasets.nifti import nifti_bytes

BOX = (8, 9, 5)
AFFINE = np.diag([-1.0, -1.0, 6.0, 1.0])
VOXELS = np.random.default_rng(0).integers(30, 900, BOX).astype(np.int16)
TRUTH = np.zeros(BOX, dtype=np.int16)
TRUTH[2:5, 3:6, 2:4] = 1
GOOD, GOOD_TRUTH = (nifti_bytes(voxels, AFFINE, compressed=False) for voxels in (VOXELS, TRUTH))
FOLDER = {"images": ("{id}/adc.nii", "{id}/dwi.nii"), "truth": ("{id}/msk.nii",)}
T2, C2, W2 = "training_2", "case_2", "2"


def is17(case, word, number=7):
    stem = f"VSD.Brain.XX.O.{word}.{number}"
    return f"training/{case}/{stem}/{stem}.nii"


def is18(case, word, number=7):
    stem = f"SMIR.Brain.XX.O.{word}.{number}"
    return f"TRAINING/{case}/{stem}/{stem}.nii"


def with_value(voxels, value, dtype=np.float32):
    changed = voxels.astype(dtype)
    changed[0, 0, 0] = value
    return nifti_bytes(changed, AFFINE, compressed=False)
