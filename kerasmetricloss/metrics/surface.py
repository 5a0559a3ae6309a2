"""Distances between the surfaces of two masks, in mm: plain functions of NumPy arrays.

A surface voxel is a voxel of the mask that has a neighbour across a face outside the mask or outside the image
(the mask minus its erosion). The distance of a surface voxel is that to the nearest surface voxel of the other
mask, centre to centre. Both masks are cropped to the box of their union first, and voxels that lie on both
surfaces are at distance 0 without a search. SciPy finds the rest with a k-d tree.

SciPy comes with the extra `study`; it is imported when a distance is asked for.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from kerasmetricloss.similarities.checks import choose, number

# A tolerance of three voxels of 0.1 mm is 0.3, their distance 0.30000000000000004; spacings in files are float32.
_ROUNDING = 1e-6

Definition = Literal["larger", "pooled", "mean"]


class SurfaceDistances(NamedTuple):
    """Distances in mm from each surface voxel of one mask to the surface of the other.

    Attributes:
        from_truth: One a surface voxel of the truth, in no particular order.
        from_prediction: One a surface voxel of the prediction, in no particular order.
    """

    from_truth: np.ndarray
    from_prediction: np.ndarray


def surface_distances(
    y_true: np.ndarray, y_pred: np.ndarray, *, spacing_mm: float | Sequence[float] | None = None
) -> SurfaceDistances | None:
    """Distances between the surfaces of two masks, in both directions.

    Args:
        y_true: Truth, shape `space`: booleans, or numbers that are 0 or 1.
        y_pred: Prediction, the same.
        spacing_mm: Distance in mm between voxel centres along each axis, or one number for all; None stands for 1.

    Returns:
        The distances, or None where a mask is empty: there is no surface to measure to.

    Raises:
        ValueError: If the shapes differ, a mask is not binary, or the spacing does not fit the axes.

    Example:
        >>> truth, prediction = np.zeros((4, 5)), np.zeros((4, 5))
        >>> truth[1, 1] = prediction[1, 1] = prediction[1, 4] = 1
        >>> found = surface_distances(truth, prediction, spacing_mm=(2.0, 0.5))
        >>> found.from_truth.tolist(), sorted(found.from_prediction.tolist())
        ([0.0], [0.0, 1.5])
    """
    y_true, y_pred, spacing = _checked(y_true, y_pred, spacing_mm)
    boxes = _box(y_true), _box(y_pred)
    if None in boxes:
        return None
    union = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(*boxes, strict=True))
    truth, prediction = _surface(y_true[union]), _surface(y_pred[union])
    return SurfaceDistances(_directed(truth, prediction, spacing), _directed(prediction, truth, spacing))


def hausdorff_distance(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    *,
    spacing_mm: float | Sequence[float] | None = None,
    percentile: float = 100.0,
    definition: Definition = "larger",
    empty: float = 0.0,
    missed: float | Literal["diagonal"] | None = None,
) -> float:
    """The Hausdorff distance of two masks, in mm.

    At the 100th percentile it is the largest distance from a surface voxel of either mask to the other surface.
    Below, authors mean different numbers by one name, so the definition has to be said:

    - `"larger"`: the larger of the two directed percentiles (MONAI, MetricsReloaded);
    - `"pooled"`: the percentile of both directions' distances together (medpy);
    - `"mean"`: the mean of the two directed percentiles.

    All interpolate linearly between distances, as `numpy.percentile` does.

    Where masks are empty:

    | truth | prediction | value |
    |---|---|---|
    | empty | empty | `empty`, by default 0: they agree |
    | not | empty | `missed`, by default NaN: there is no distance |
    | empty | not | the same |
    | not | not | the distance |

    Args:
        y_true: Truth, shape `space`: booleans, or numbers that are 0 or 1.
        y_pred: Prediction, the same.
        spacing_mm: Distance in mm between voxel centres along each axis, or one number for all; None stands for 1.
        percentile: 100 for the maximum, 95 for what is often called HD95.
        definition: `"larger"`, `"pooled"` or `"mean"`; they differ below 100 only, but for the mean.
        empty: The value, in mm, of two empty masks; NaN leaves such a case out of a mean.
        missed: The value, in mm, where one mask alone is empty; `"diagonal"` is the distance between opposite
            corners of the image, the worst there is. None stands for NaN: left out of a mean, which makes a model
            that misses more look better. Infinity is MONAI's and DeepMind's value.

    Returns:
        The distance in mm, or NaN.

    Raises:
        ValueError: If the shapes differ, a mask is not binary, or a setting is out of range.

    Example:
        >>> truth, prediction = np.zeros((4, 5)), np.zeros((4, 5))
        >>> truth[1, 1] = prediction[3, 2] = 1
        >>> hausdorff_distance(truth, prediction, spacing_mm=(2.0, 3.0))
        5.0
        >>> hausdorff_distance(truth, np.zeros((4, 5)))
        nan
    """
    check_definition(percentile, definition)
    check_missing(empty, missed)
    distances = surface_distances(y_true, y_pred, spacing_mm=spacing_mm)
    if distances is None:
        neither = not np.any(y_true) and not np.any(y_pred)
        return float(empty) if neither else _missed_value(missed, np.shape(y_true), spacing_mm)
    if definition == "pooled":
        return float(np.percentile(np.concatenate(distances), percentile))
    directed = [np.percentile(each, percentile) for each in distances]
    return float(max(directed) if definition == "larger" else sum(directed) / 2)


def normalized_surface_distance(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    *,
    tolerance_mm: float,
    spacing_mm: float | Sequence[float] | None = None,
    empty: float = 1.0,
) -> float:
    """The share of both surfaces that lies within a tolerance of the other one, also called surface Dice.

    (truth's surface voxels within the tolerance + prediction's) / (all surface voxels of both). A distance is within
    it up to a millionth of it more, since both are rounded numbers. Voxels are counted, as MONAI does; weighing them
    by the area of surface that each stands for, as DeepMind's surface-distance does, gives other numbers.

    Where masks are empty: two empty masks score `empty`; one alone scores 0.

    Args:
        y_true: Truth, shape `space`: booleans, or numbers that are 0 or 1.
        y_pred: Prediction, the same.
        tolerance_mm: Distance in mm up to which (and including) a surface voxel counts as right.
        spacing_mm: Distance in mm between voxel centres along each axis, or one number for all; None stands for 1.
        empty: The score of two empty masks; NaN leaves such a case out of a mean.

    Returns:
        A score from 0 to 1, or `empty`.

    Raises:
        ValueError: If the shapes differ, a mask is not binary, or a setting is out of range.

    Source:
        Nikolov et al., "Clinically Applicable Segmentation of Head and Neck Anatomy for Radiotherapy", 2021.

    Example:
        >>> truth, prediction = np.zeros((4, 5)), np.zeros((4, 5))
        >>> truth[1, 1] = prediction[1, 1] = prediction[1, 4] = 1
        >>> round(normalized_surface_distance(truth, prediction, tolerance_mm=1.0), 3)
        0.667
    """
    number("tolerance_mm", tolerance_mm, "a distance of at least 0", lambda x: 0 <= x < np.inf)
    check_score(empty)
    distances = surface_distances(y_true, y_pred, spacing_mm=spacing_mm)
    if distances is None:
        return float(empty) if not np.any(y_true) and not np.any(y_pred) else 0.0
    return float(np.mean(np.concatenate(distances) <= tolerance_mm * (1 + _ROUNDING)))


def check_definition(percentile: float, definition: str) -> None:
    """Raise a ValueError unless the percentile is in (0, 100] and the definition is one of the named ones."""
    number("percentile", percentile, "a number above 0 and up to 100", lambda x: 0 < x <= 100)
    choose("definition", definition, ("larger", "pooled", "mean"))


def check_missing(empty: float, missed: float | str | None) -> None:
    """Raise a ValueError unless both values are distances, or what may stand for one."""
    expected = "a number of mm, or NaN to leave empty masks out"
    number("empty", empty, expected, lambda x: not (x < 0 or np.isinf(x)))
    if missed is not None and not (isinstance(missed, str) and missed == "diagonal"):
        number("missed", missed, "a number of mm, 'diagonal' or None", lambda x: x >= 0)


def check_score(empty: float) -> None:
    """Raise a ValueError unless the value of two empty masks is a score, or NaN."""
    number("empty", empty, "a score, or NaN to leave empty masks out", lambda x: not np.isinf(x))


def _missed_value(
    missed: float | str | None, shape: tuple[int, ...], spacing_mm: float | Sequence[float] | None
) -> float:
    if missed == "diagonal":
        return float(np.linalg.norm((np.asarray(shape) - 1) * (1.0 if spacing_mm is None else np.asarray(spacing_mm))))
    return float("nan") if missed is None else float(missed)


def _checked(
    y_true: np.ndarray, y_pred: np.ndarray, spacing_mm: float | Sequence[float] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_pred has shape {y_pred.shape} but y_true has {y_true.shape}: "
            "surface distances compare two masks of one shape"
        )
    spacing = np.asarray(1.0 if spacing_mm is None else spacing_mm, np.float64)
    spacing = np.full(y_true.ndim, spacing) if spacing.ndim == 0 else spacing
    if spacing.shape != (y_true.ndim,) or not ((spacing > 0) & np.isfinite(spacing)).all():
        raise ValueError(
            f"spacing_mm is {spacing_mm} for masks of shape {y_true.shape}: "
            f"expected a positive number, or {y_true.ndim}, one an axis"
        )
    return _binary(y_true, "y_true"), _binary(y_pred, "y_pred"), spacing


def _binary(mask: np.ndarray, name: str) -> np.ndarray:
    if mask.dtype == bool:
        return mask
    inside = mask != 0
    if not np.array_equal(mask, inside):
        raise ValueError(f"{name} holds {mask[mask != inside].flat[0]}: a mask is 0 or 1; threshold it first")
    return inside


def _box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box around a mask, None if it is empty; each axis is searched in what the last one left."""
    box = [slice(None)] * mask.ndim
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        found = np.flatnonzero(mask[tuple(box)].any(axis=others))
        if not found.size:
            return None
        box[axis] = slice(int(found[0]), int(found[-1]) + 1)
    return tuple(box)


def _surface(mask: np.ndarray) -> np.ndarray:
    """The mask minus its erosion, in a frame of one background voxel.

    The frame makes a neighbour along any axis a fixed step in the flat array, so the erosion is six shifts of
    contiguous memory. It moves all coordinates by one, which no distance notices.
    """
    framed = np.pad(np.ascontiguousarray(mask), 1)  # padding would keep the order of another array, and its strides
    flat, core = framed.ravel(), framed.ravel().copy()
    for step in (stride // framed.itemsize for stride in framed.strides):
        core[step:] &= flat[:-step]
        core[:-step] &= flat[step:]
    return (flat & ~core).reshape(framed.shape)


def _directed(surface: np.ndarray, other: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Distances from each voxel of one surface to the nearest voxel of the other."""
    try:
        from scipy.spatial import cKDTree
    except ImportError as error:
        raise ImportError(
            "surface distances need SciPy: pip install '.[study]', in a clone of this package", name="scipy"
        ) from error
    apart = _points(surface & ~other, spacing)
    distances = np.zeros(np.count_nonzero(surface))
    if len(apart):
        tree = cKDTree(_points(other, spacing), leafsize=32, balanced_tree=False, compact_nodes=False)
        distances[: len(apart)] = tree.query(apart)[0]
    return distances


def _points(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Coordinates in mm, shape (voxels, axes). Several times faster than `numpy.argwhere`."""
    return np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape), axis=-1) * spacing
