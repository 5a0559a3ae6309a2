"""The Lovász extension of the Jaccard loss as a function: exact by sorting, or binned.

For errors e_i in [0, 1] the extension of the set function J(S) = |S| / |y or S| (the Jaccard loss of the
prediction that errs on S) is, with the errors in descending order,

    L(e) = sum_i e_(i) (J({(1), ..., (i)}) - J({(1), ..., (i-1)})).

At errors of 0 and 1 it is the Jaccard loss. The increments are constants for the gradient, as dL/de_(i) is the i-th.

Source: Berman, Rannen Triki and Blaschko, CVPR 2018, https://arxiv.org/abs/1705.08790.
"""

from typing import Any

import keras
from keras import ops

from kerasmetricloss.similarities import divide


def sorted_extension(errors: Any, truth: Any, weight: Any = None) -> Any:
    """Lovász extension of the Jaccard loss, exact, by sorting.

    Args:
        errors: shape (rows, voxels).
        truth: shape (rows, voxels), in [0, 1].
        weight: None, or shape (rows, voxels): the measure of each voxel in the Jaccard loss.

    Returns:
        Shape (rows,).

    Example:
        >>> import numpy as np
        >>> errors, truth = np.array([[0.5, 0.2, 0.9]]), np.array([[1.0, 1.0, 0.0]])
        >>> # 0.9 * 1/3 + 0.5 * (2/3 - 1/3) + 0.2 * (1 - 2/3)
        >>> round(float(sorted_extension(errors, truth)[0]), 3)
        0.533
    """
    errors, truth = ops.convert_to_tensor(errors), ops.convert_to_tensor(truth)
    errors, order = ops.top_k(errors, ops.shape(errors)[-1])
    foreground = ops.take_along_axis(truth, order, axis=-1)
    background = 1 - foreground
    if weight is not None:
        weight = ops.take_along_axis(weight, order, axis=-1)
        foreground, background = foreground * weight, background * weight
    true, missed, invented = _before(foreground, background)
    union = true + invented
    # J grows by (I b + U f) / (U (U + b)) from I / U. A difference of neighbouring values of J would lose all its
    # digits for a million voxels.
    steps = divide((true - missed) * background + union * foreground, union * (union + background), 0.0)
    steps = steps + _first(union, background)
    return ops.sum(errors * ops.stop_gradient(steps), axis=-1)


def binned_extension(errors: Any, truth: Any, weight: Any, rows: Any, number: int, bins: int) -> Any:
    """Lovász extension of the Jaccard loss from a histogram of the errors: no sort, within 1 / bins.

    Voxels of one bin share the growth of J over that bin: f voxels of foreground and b of background get the mean of
    what they get if all foreground, or all background, comes first,

        foreground (1 / U + 1 / (U + b)) / 2        background (2 I - f) / (U (U + b)) / 2

    a voxel, where I and U are intersection and union before the bin.

    Proof of the bound. Let d_k >= 0 be the growth of J over bin k. The two shares above, f and b times, add up to d_k.
    The exact extension, too, gives non-negative shares to the voxels of bin k that add up to d_k. In both, bin k thus
    contributes d_k times a mean of errors between its edges, and two such means differ by at most 1 / bins. The d_k
    add up to J(all) <= 1, so the values differ by at most 1 / bins.

    Args:
        errors: any shape, in [0, 1].
        truth: the same shape, in [0, 1].
        weight: None, or the measure of each voxel in the Jaccard loss, of the same shape.
        rows: the row of each voxel, whole numbers from 0, broadcasts to ``errors``: a row is an image and class.
        number: how many rows there are.
        bins: how many bins.

    Returns:
        The extension times 1 voxel by voxel, of the shape of ``errors``: its sum over a row is the value of that row.
    """
    descending = bins - 1 - ops.cast(ops.stop_gradient(errors) * bins, "int32")
    # Flat: XLA gathers with indices of many axes ten times as slowly.
    bin_of = ops.reshape(rows * bins + ops.clip(descending, 0, bins - 1), (-1,))
    truth = ops.reshape(truth, (-1,))
    background = 1 - truth
    if weight is not None:
        weight = ops.reshape(weight, (-1,))
        truth, background = truth * weight, background * weight
    f, b = (ops.reshape(_histogram(bin_of, x, number * bins), (-1, bins)) for x in (truth, background))
    true, missed, invented = _before(f, b)
    union = true + invented
    after = union + b
    each_foreground = (divide(ops.ones_like(f), union, 0.0) + divide(ops.ones_like(f), after, 0.0)) / 2
    each_background = divide(2 * (true - missed) - f, union * after, 0.0) / 2
    each_background = each_background + divide(_first(union, b), b, 0.0)
    shares = truth * ops.take(each_foreground, bin_of) + background * ops.take(each_background, bin_of)
    return errors * ops.reshape(ops.stop_gradient(shares), ops.shape(errors))


def _before(foreground: Any, background: Any) -> tuple[Any, Any, Any]:
    """Return |y|, and the foreground and background before each position of the last axis."""
    missed = ops.cumsum(foreground, axis=-1) - foreground
    invented = ops.cumsum(background, axis=-1) - background
    return ops.sum(foreground, axis=-1, keepdims=True), missed, invented


def _first(union: Any, background: Any) -> Any:
    """Return 1 where the first voxel of an image without foreground joins the errors: J then grows from 0 to 1."""
    return ops.cast(ops.logical_and(union <= 0, background > 0), union.dtype)


def _histogram(bin_of: Any, values: Any, length: Any) -> Any:
    if keras.backend.backend() == "torch":
        # Four times as fast there; the other backends' bincount does not compile.
        return ops.bincount(bin_of, weights=values, minlength=length)
    return ops.segment_sum(values, bin_of, num_segments=length)
