"""From the grid that a network sees back to the grid of the file, and onto disk."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kerasmetricloss.datasets import Case, Volume, nifti
from kerasmetricloss.files import replace_file


def to_native_grid(array: np.ndarray, size: Sequence[int], steps: Sequence[float]) -> np.ndarray:
    """Interpolate linearly (bilinear, trilinear) onto the grid that an array was resampled from.

    Native voxel i of an axis lies at index (i - (n - 1) / 2) * step + (m - 1) / 2, for n native voxels and m here: both
    grids share their centre, as in `geometry.resample` and `geometry.resize_picture`. Beyond the outermost centres the
    nearest voxel counts. Axes are done one after the other, two neighbours at a time.

    Args:
        array: (*space, channels).
        size: Native voxels an axis.
        steps: Length of a native voxel in voxels of the array: native spacing / spacing, or m / n for pictures.

    Returns:
        float32, (*size, channels).

    Example:
        >>> to_native_grid(np.array([[1.0], [3.0]]), (4,), (0.5,))[:, 0].tolist()
        [1.0, 1.5, 2.5, 3.0]
    """
    array = np.asarray(array, np.float32)
    for axis, (n, step) in enumerate(zip(size, steps, strict=True)):
        m = array.shape[axis]
        if n == m and step == 1:
            continue
        place = np.clip((np.arange(n) - (n - 1) / 2) * step + (m - 1) / 2, 0, m - 1)
        below = np.minimum(place.astype(int), max(m - 2, 0))
        share = (place - below).astype(np.float32).reshape((-1, *(1,) * (array.ndim - 1 - axis)))
        lower = np.take(array, below, axis)
        array = lower + (np.take(array, np.minimum(below + 1, m - 1), axis) - lower) * share
    return array


def save_label(path: Path, label: np.ndarray, case: Case, volume: Volume) -> None:
    """Write one label as a file on the grid of the case: NIfTI with the scan's affine, or PNG of 0 and 255.

    A NIfTI file has its voxels in the order of the case's first scan, so that it lies on it also in programs that do
    not look at affines.

    Args:
        path: Ends in `.nii.gz` or `.png`; replaced in one step.
        label: (*space), 0 or 1.
        case: Where it came from.
        volume: What the case was read as.
    """
    label = np.ascontiguousarray(label, np.uint8)
    if volume.affine is None:
        file = io.BytesIO()
        Image.fromarray(label * np.uint8(255)).save(file, format="PNG")
        replace_file(path, file.getvalue())
    else:
        nifti.write_like(path, label, volume.affine, like=case.files[0])


def suffix(volume: Volume) -> str:
    """Return how the file of a label ends."""
    return ".png" if volume.affine is None else ".nii.gz"
