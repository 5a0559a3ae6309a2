"""Resampling, resizing and centred boxes on NumPy arrays; all channels last.

Every step that interpolates works axis by axis with a small matrix, rows for new voxels and columns for old ones, so
that image and truth meet the same grid in one pass.
"""

from collections.abc import Sequence

import numpy as np

THRESHOLD = 0.5


def resampled_size(size: Sequence[int], spacing_mm: Sequence[float], new_spacing_mm: float) -> tuple[int, ...]:
    """Return the voxels an axis that keep the field of view: round(n * spacing / new spacing), at least 1.

    Args:
        size: Voxels an axis.
        spacing_mm: Their size in mm.
        new_spacing_mm: The isotropic size wanted, in mm.

    Returns:
        Voxels an axis on the new grid.

    Example:
        >>> resampled_size((240, 240, 5), (1.0, 1.0, 5.0), 2.0)
        (120, 120, 12)
    """
    return tuple(max(1, round(n * old / new_spacing_mm)) for n, old in zip(size, spacing_mm, strict=True))


def resample(array: np.ndarray, spacing_mm: Sequence[float], new_spacing_mm: float) -> np.ndarray:
    """Interpolate linearly (order 1) to isotropic voxels; the centre of the field of view stays where it is.

    New voxel k of an axis lies at old index (k - (m - 1) / 2) * new / old + (n - 1) / 2, for n old and m new voxels;
    beyond the outermost centres the nearest voxel counts. From 1 mm to 2 mm this averages 2x2x2 voxels.

    Args:
        array: Shape (*space, channels), any number of axes.
        spacing_mm: Size of a voxel along each spatial axis, in mm.
        new_spacing_mm: The isotropic size wanted, in mm.

    Returns:
        float32, shape (*resampled_size, channels).

    Raises:
        ValueError: For a spacing that is not positive.

    Example:
        >>> resample(np.array([[0.0], [2.0], [4.0], [6.0]]), (1.0,), 2.0)[:, 0].tolist()
        [1.0, 5.0]
    """
    if min(*spacing_mm, new_spacing_mm) <= 0:
        raise ValueError(f"spacing {tuple(spacing_mm)} mm to {new_spacing_mm} mm: a spacing must be positive.")
    sizes = resampled_size(array.shape[:-1], spacing_mm, new_spacing_mm)
    matrices = []
    for n, m, old in zip(array.shape[:-1], sizes, spacing_mm, strict=True):
        position = (np.arange(m) - (m - 1) / 2) * (new_spacing_mm / old) + (n - 1) / 2
        matrices.append(_tent(np.clip(position, 0, n - 1), n, width=1.0))
    return _along_axes(array, matrices)


def resize_picture(picture: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Resize a picture: linear where it grows; where it shrinks the tent widens by the factor, against aliasing.

    Args:
        picture: Shape (height, width, channels).
        size: (width, height) wanted.

    Returns:
        float32, shape (height, width, channels).

    Example:
        >>> resize_picture(np.array([[[0.0], [3.0], [9.0]]]), (3, 2)).shape
        (2, 3, 1)
    """
    matrices = []
    for n, m in zip(picture.shape[:2], tuple(size)[::-1], strict=True):
        position = (np.arange(m) + 0.5) * (n / m) - 0.5
        matrices.append(_tent(position, n, width=max(1.0, n / m)))
    return _along_axes(picture, matrices)


def average_area(picture: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Average a picture over the area of each new pixel; of a truth this is the foreground fraction.

    Args:
        picture: Shape (height, width, channels).
        size: (width, height) wanted.

    Returns:
        float32, shape (height, width, channels).

    Example:
        >>> average_area(np.array([[[0.0], [1.0], [1.0]]]), (2, 1))[0, :, 0].astype(float).round(3).tolist()
        [0.333, 1.0]
    """
    matrices = []
    for n, m in zip(picture.shape[:2], tuple(size)[::-1], strict=True):
        edges = np.arange(m + 1) * (n / m)
        overlap = np.minimum(edges[1:, None], np.arange(n) + 1) - np.maximum(edges[:-1, None], np.arange(n))
        matrices.append(np.maximum(overlap, 0) / (n / m))
    return _along_axes(picture, matrices)


def binarise(fraction: np.ndarray) -> np.ndarray:
    """Return uint8 1 where a fraction is above one half; the same strict rule by which probabilities are scored.

    Args:
        fraction: Any shape.

    Returns:
        uint8 in {0, 1}, the same shape.
    """
    return (fraction > THRESHOLD).astype(np.uint8)


def crop_or_fill(array: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Cut, or fill with zeros, about the centre, to a box of the size wanted.

    Box index i holds array index i + (n - size) // 2. A box that is larger by the same whole number on each side
    keeps the same centre.

    Args:
        array: Shape (*space, channels).
        size: Voxels an axis wanted.

    Returns:
        The same dtype, shape (*size, channels).

    Example:
        >>> crop_or_fill(np.array([[1], [2], [3]]), (5,))[:, 0].tolist()
        [0, 1, 2, 3, 0]
        >>> crop_or_fill(np.array([[1], [2], [3], [4]]), (3,))[:, 0].tolist()
        [1, 2, 3]
    """
    out = np.zeros((*size, array.shape[-1]), array.dtype)
    source, target = [], []
    for n, wanted in zip(array.shape[:-1], size, strict=True):
        start = (n - wanted) // 2
        first, last = max(start, 0), min(start + wanted, n)
        source.append(slice(first, last))
        target.append(slice(first - start, last - start))
    out[tuple(target)] = array[tuple(source)]
    return out


def _tent(position: np.ndarray, n: int, *, width: float) -> np.ndarray:
    """Return the (m, n) weights of n old samples in new samples at the positions; each row sums to 1."""
    weights = np.maximum(1 - np.abs(position[:, None] - np.arange(n)) / width, 0)
    return weights / weights.sum(axis=1, keepdims=True)


def _along_axes(array: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Multiply each spatial axis by its matrix, those that shrink most first."""
    array = array.astype(np.float32)
    order = sorted(range(len(matrices)), key=lambda axis: matrices[axis].shape[0] / matrices[axis].shape[1])
    for axis in order:
        matrix = matrices[axis].astype(np.float32)
        array = np.moveaxis(np.tensordot(matrix, array, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(array)
