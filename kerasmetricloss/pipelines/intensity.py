"""Statistics over the output masks of the training cases: what normalises images, and the foreground prior."""

from collections.abc import Sequence

import numpy as np

from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines.geometry import crop_or_fill
from kerasmetricloss.pipelines.preparation import Prepared


def channel_statistics(prepared: Sequence[Prepared]) -> tuple[np.ndarray, np.ndarray]:
    """Return the shift and scale of each channel that give mean 0 and standard deviation 1 over all masks.

        normalised = (image - shift) / scale

    Give the training cases only. Sums are float64. A channel that is constant, but for the rounding of float32 that
    resampling leaves, has scale 1.

    Args:
        prepared: Cases; their images are read inside their output masks.

    Returns:
        (shift, scale), each float32 of shape (channels,), in the units of the images.

    Raises:
        DataError: No voxel lies inside a mask.

    Example:
        >>> image = np.array([[[1.0], [3.0], [100.0]]], "float32")
        >>> mask = np.array([[[1], [1], [0]]], "uint8")
        >>> shift, scale = channel_statistics([Prepared("a", image, mask, mask, None)])
        >>> shift.tolist(), scale.tolist()
        ([2.0], [1.0])
    """
    count, mean, square = 0, 0.0, 0.0
    for case in prepared:
        inside = crop_or_fill(case.image, case.mask.shape[:-1])[case.mask[..., 0] > 0].astype(np.float64)
        if not len(inside):
            continue
        # Chan's update: the squares are summed about the means, so that large intensities lose no digits.
        delta, total = inside.mean(axis=0) - mean, count + len(inside)
        square = square + ((inside - inside.mean(axis=0)) ** 2).sum(axis=0) + delta**2 * (count * len(inside) / total)
        mean, count = mean + delta * (len(inside) / total), total
    if not count:
        raise DataError("the output masks are empty, so the channels have no statistics", mend=_EMPTY)
    scale = np.sqrt(square / count)
    constant = scale <= _ROUNDING * np.abs(mean)
    return mean.astype(np.float32), np.where(constant, 1.0, scale).astype(np.float32)


def foreground_prior(prepared: Sequence[Prepared]) -> np.ndarray:
    """Return the fraction p of the voxels inside the masks that each label covers, over all cases together.

    Weighted cross-entropy takes it: foreground weight 1 / (2 p), background weight 1 / (2 - 2 p) (Sec. III-B).

    Args:
        prepared: Cases.

    Returns:
        float64 of shape (labels,).

    Raises:
        DataError: No voxel lies inside a mask.

    Example:
        >>> truth, mask = np.array([[[1], [0], [1]]], "uint8"), np.array([[[1], [1], [0]]], "uint8")
        >>> foreground_prior([Prepared("a", np.zeros((1, 3, 1), "float32"), truth, mask, None)]).tolist()
        [0.5]
    """
    inside = sum(int(case.mask.sum()) for case in prepared)
    if not inside:
        raise DataError("the output masks are empty, so there is no foreground prior", mend=_EMPTY)
    axes = tuple(range(prepared[0].truth.ndim - 1))
    return sum((case.truth * case.mask).sum(axis=axes, dtype=np.int64) for case in prepared) / inside


_ROUNDING = 4 * np.finfo(np.float32).eps
_EMPTY = "check the rule of the mask against the images"
