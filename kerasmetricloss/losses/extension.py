"""The Lovász extension of the Jaccard loss as a function: exact by sorting, or binned.

For errors e_i in [0, 1] the extension of the set function J(S) = |S| / |y or S| (the Jaccard loss of the
prediction that errs on S) is, with the errors in descending order,

    L(e) = sum_i e_(i) (J({(1), ..., (i)}) - J({(1), ..., (i-1)})).

At errors of 0 and 1 it is the Jaccard loss. The increments are constants for the gradient, as dL/de_(i) is the i-th.

Source: Berman, Rannen Triki and Blaschko, CVPR 2018, https://arxiv.org/abs/1705.08790.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasmetricloss.similarities import divide

_PARTS = 16


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
    if weight is None:
        missed = _sum_before(foreground)
        # The k-th voxel has k before it: no second cumulative sum.
        invented = ops.arange(ops.shape(errors)[-1], dtype=errors.dtype) - missed
    else:
        weight = ops.take_along_axis(weight, order, axis=-1)
        foreground, background = foreground * weight, background * weight
        missed, invented = _sum_before(foreground), _sum_before(background)
    true = ops.sum(foreground, axis=-1, keepdims=True)
    union = true + invented
    # J grows by (I b + U f) / (U (U + b)) from I / U. A difference of neighbouring values of J would lose all its
    # digits for a million voxels.
    steps = divide((true - missed) * background + union * foreground, union * (union + background), 0.0)
    steps = steps + _first(union, background)
    return ops.sum(errors * ops.stop_gradient(steps), axis=-1)


def binned_extension(errors: Any, truth: Any, weight: Any, rows: Any, number: int, bins: int) -> Any:
    """Lovász extension of the Jaccard loss from a histogram of the errors: no sort, within 1 / bins.

    Each error is rounded to the nearest of the levels m_k = k / (bins - 1). The value is the exact extension of the
    rounded errors, sum_k d_k m_k, where d_k >= 0 is the growth of J when all voxels of level k join. Errors of 0 and
    1 are levels, so on hard predictions it is the Jaccard loss.

    Proof of the bound. Order the voxels by error. The exact extension is sum_i g_i e_i with growths g_i >= 0 that add
    up to J(all) <= 1. Rounding keeps the order, so the rounded errors have the same growths, and each of them moves
    by at most 1 / (2 (bins - 1)). So the value moves by at most that, which is <= 1 / bins for bins >= 2.

    The gradient is that of the exact extension, but for the order within a level: of its f voxels of foreground and b
    of background each gets the mean of what it gets if all foreground, or all background, comes first,

        foreground (1 / U + 1 / (U + b)) / 2        background (2 I - f) / (U (U + b)) / 2

    where I and U are intersection and union before the level. f and b times, these add up to d_k.

    Args:
        errors: any shape, in [0, 1].
        truth: the same shape, in [0, 1].
        weight: None, or the measure of each voxel in the Jaccard loss, of the same shape.
        rows: the row of each voxel, whole numbers from 0, broadcasts to ``errors``: a row is an image and class.
        number: how many rows there are.
        bins: how many bins, >= 2.

    Returns:
        Shape (rows,).

    Example:
        >>> import numpy as np
        >>> errors, truth = np.array([0.5, 0.2, 0.9]), np.array([1.0, 1.0, 0.0])
        >>> # Levels 0, 0.25, 0.5, 0.75, 1: 1 * 1/3 + 0.5 * 1/3 + 0.25 * 1/3
        >>> round(float(binned_extension(errors, truth, None, 0, 1, 5)[0]), 3)
        0.583
    """
    measures = () if weight is None else (ops.reshape(weight, (-1,)),)
    rows = ops.cast(rows, "float32")  # exact below 2**24, and JAX wants no gradient of whole numbers

    # Differentiating a sum over voxels instead would read every voxel's share twice. What it takes is an argument: in a
    # branch of `ops.switch`, JAX cannot differentiate what a custom gradient closes over.
    @ops.custom_gradient
    def extension(errors: Any, truth: Any, rows: Any, *measures: Any) -> tuple[Any, Callable]:
        # Bin 0 holds the largest errors. Flat, as XLA gathers with indices of many axes ten times as slowly.
        descending = bins - 1 - ops.cast(ops.stop_gradient(errors) * (bins - 1) + 0.5, "int32")
        bin_of = ops.reshape(ops.cast(rows, "int32") * bins + ops.clip(descending, 0, bins - 1), (-1,))
        foreground = ops.reshape(ops.cast(truth, errors.dtype), (-1,))
        background = 1 - foreground
        if measures:
            foreground, background = foreground * measures[0], background * measures[0]
        parts = _PARTS if measures else 1
        f, b = (ops.reshape(_histogram(bin_of, x, number * bins, parts), (-1, bins)) for x in (foreground, background))
        each_foreground, each_background = _shares(f, b)
        levels = 1 - ops.cast(ops.arange(bins), errors.dtype) / (bins - 1)
        value = ops.sum((each_foreground * f + each_background * b) * levels, axis=-1)

        def gradient(*args: Any, upstream: Any = None) -> tuple[Any, ...]:
            upstream = ops.expand_dims(args[0] if upstream is None else upstream, -1)
            of_foreground = ops.take(ops.reshape(each_foreground * upstream, (-1,)), bin_of)
            of_background = ops.take(ops.reshape(each_background * upstream, (-1,)), bin_of)
            of_errors = ops.reshape(foreground * of_foreground + background * of_background, ops.shape(errors))
            return (of_errors, *(ops.zeros_like(x) for x in (truth, rows, *measures)))

        return value, gradient

    return extension(ops.convert_to_tensor(errors), ops.convert_to_tensor(truth), rows, *measures)


def _shares(f: Any, b: Any) -> tuple[Any, Any]:
    """Return what each voxel of foreground, and of background, adds to J: shape (rows, bins)."""
    left = ops.sum(f, axis=-1, keepdims=True) - _sum_before(f)
    union = ops.sum(f, axis=-1, keepdims=True) + _sum_before(b)
    after = union + b
    each_foreground = (divide(ops.ones_like(f), union, 0.0) + divide(ops.ones_like(f), after, 0.0)) / 2
    each_background = divide(2 * left - f, union * after, 0.0) / 2
    return each_foreground, each_background + divide(_first(union, b), b, 0.0)


def _sum_before(x: Any) -> Any:
    """Return the sum of what stands before each position of the last axis, for shape (rows, positions).

    TensorFlow adds one voxel after the other, which in float32 loses the third digit of a million weighted voxels.
    Taking each position from the sum up to it would lose a tiny weight that stands before a large one.
    """
    wide = ops.cast(x, "float64") if keras.backend.backend() == "tensorflow" else x
    return ops.cast(ops.cumsum(ops.pad(wide, ((0, 0), (1, 0))), axis=-1)[:, :-1], x.dtype)


def _first(union: Any, background: Any) -> Any:
    """Return 1 where the first voxel of an image without foreground joins the errors: J then grows from 0 to 1."""
    return ops.cast(ops.logical_and(union <= 0, background > 0), union.dtype)


def _histogram(bin_of: Any, values: Any, length: Any, parts: int) -> Any:
    """Return the sum of the values in each bin; of many weighted voxels as the sum of so many histograms.

    Sums of 0 and 1 are exact in float32, those of a million weights lose their third digit.
    """
    if parts > 1:
        turn = ops.arange(ops.shape(bin_of)[0], dtype="int32") % parts
        return ops.sum(ops.reshape(_histogram(bin_of * parts + turn, values, length * parts, 1), (-1, parts)), axis=-1)
    if keras.backend.backend() == "torch":
        # Four times as fast there; the other backends' bincount does not compile.
        return ops.bincount(bin_of, weights=values, minlength=length)
    return ops.segment_sum(values, bin_of, num_segments=length)
