"""The tile of an image that is too large for one call: the one by which the network computes the fewest voxels."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from kerasmetricloss.pipelines.inference.reach import Reach


def fitting_tile(space: Sequence[int], reach: Reach, *, overlap: float, voxels: float) -> tuple[int, ...]:
    """Return the tile whose grid makes a network compute the fewest voxels, none of its calls more than those given.

    Along each axis a number of tiles has one smallest tile that covers the image; of all their combinations the one
    counts that computes least, margins and overlaps included. No side is shorter than half that of the cube of so many
    voxels, unless nothing else fits: thin tiles compute less, but see little of what lies about a voxel.

    Args:
        space: Voxels of the image.
        reach: Sizes of the network.
        overlap: Share that neighbours have in common.
        voxels: Of the network's input, at most. Where its smallest input has more, that is taken.

    Returns:
        Voxels an axis that a tile predicts.

    Example:
        >>> fitting_tile((100, 40), Reach.same(2), overlap=0.5, voxels=4000)
        (100, 40)
        >>> fitting_tile((100, 40), Reach.same(2), overlap=0.5, voxels=2000)  # three tiles; MONAI's 44 x 44 are four
        (50, 40)
    """
    axes = [_choices(*axis, overlap) for axis in zip(space, reach.smallest, reach.step, strict=True)]
    tiles, counts = ([axis[number] for axis in axes] for number in (0, 1))
    inputs = [axis + 2 * margin for axis, margin in zip(tiles, reach.margin, strict=True)]
    once, number = _product(inputs), _product(counts)
    fits = once <= voxels
    if not fits.any():
        best = once.argmin()
    else:
        side = voxels ** (1 / len(axes)) / 2
        thick = fits & (_product([axis >= min(side, axis.max()) for axis in inputs]) > 0)
        # The fewer tiles of two grids that compute the same.
        cost = np.where(thick if thick.any() else fits, once * number * (1 + 1e-9 * number), math.inf)
        best = cost.argmin()
    return tuple(int(axis[i]) for axis, i in zip(tiles, np.unravel_index(best, once.shape), strict=True))


def _choices(size: int, smallest: int, step: int, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    """For one axis: the smallest tile for each number of tiles that can cover it, and that number."""
    if not step:
        tiles = np.array([smallest])
    else:
        first = smallest + -(-max(step - smallest, 0) // step) * step
        tiles = np.arange(first, max(size + step, first + 1), step)
    each = step or 1
    strides = np.maximum(1, (tiles * (1 - overlap)).astype(int) // each)
    steps = -(-np.maximum(size - tiles, 0) // each)
    counts = -(-steps // strides) + 1
    kept = np.concatenate([[True], counts[1:] < counts[:-1]])
    return tiles[kept], counts[kept]


def _product(axes: Sequence[np.ndarray]) -> np.ndarray:
    return functools.reduce(np.multiply.outer, [axis.astype(float) for axis in axes])
