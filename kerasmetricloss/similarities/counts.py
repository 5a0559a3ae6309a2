"""The one kernel: soft or hard counts of an image and class, as Keras operations."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from kerasmetricloss.similarities.arrays import Batch
from kerasmetricloss.similarities.settings import Overlap

# Sums below the smallest normal number count as zero, as on hardware that flushes denormals.
SMALLEST = float(np.finfo(np.float32).tiny)


class Counts(NamedTuple):
    """The sums of which every similarity is a ratio, each of shape (batch, classes).

    With pool="batch" the first axis has length 1.

    Args:
        intersection: I.
        predicted: P.
        true: Y.
    """

    intersection: Any
    predicted: Any
    true: Any


def divide(numerator: Any, denominator: Any, otherwise: float) -> Any:
    """Divide tensors, with ``otherwise`` where the denominator is 0 and finite gradients everywhere.

    The gradient of n/d holds n/d^2, and d^2 underflows where all predictions are tiny. Both sides are therefore
    scaled by the constant 1/d first, so that the division differentiated is one by 1.

    Args:
        numerator: tensor.
        denominator: tensor that broadcasts with it. It is negative where predictions are: logits for which
            from_logits=True was forgotten.
        otherwise: the value of a division by 0.

    Returns:
        The quotient.
    """
    zero = ops.abs(denominator) < SMALLEST
    safe = ops.where(zero, ops.cast(SMALLEST, denominator.dtype), denominator)
    scale = ops.stop_gradient(1 / safe)
    quotient = (numerator * scale) / (safe * scale)
    return ops.where(zero, ops.cast(otherwise, quotient.dtype), quotient)


def count(batch: Batch, overlap: Overlap = Overlap(), *, pool: str = "image") -> Counts:  # noqa: B008 - frozen
    """Count I, P and Y of every image and class.

    I = sum w y p, P = sum w p^norm, Y = sum w y^norm over space (and the batch, for pool="batch"); with
    intersection="semimetric", I = (P + Y - sum w |p - y|^norm) / 2. All sums are float32 or wider.

    Args:
        batch: from :func:`kerasmetricloss.similarities.read`.
        overlap: the norm and the form of the intersection; its other fields are the ratios'.
        pool: "image" or "batch".

    Returns:
        The counts, each of shape (batch, classes), or (1, classes) for pool="batch".
    """
    truth, prediction, weight = batch.truth, batch.prediction, batch.weight
    predicted_power, true_power = _power(prediction, overlap.norm), _power(truth, overlap.norm)
    predicted = total(predicted_power, weight, batch, pool=pool)
    true = total(true_power, weight, batch, pool=pool)
    if overlap.intersection == "product":
        return Counts(total(truth * prediction, weight, batch, pool=pool), predicted, true)
    difference = total(_power(ops.abs(prediction - truth), overlap.norm), weight, batch, pool=pool)
    return Counts((predicted + true - difference) / 2, predicted, true)


def total(values: Any, weight: Any, batch: Batch, *, pool: str = "image") -> Any:
    """Sum ``values`` times ``weight`` (or None) over space, and over the batch for pool="batch".

    Args:
        values: of the shape of ``batch.prediction``.
        weight: None, or broadcasts to ``values``.
        batch: names the axes.
        pool: "image" or "batch".

    Returns:
        Shape (batch, classes), or (1, classes) for pool="batch".
    """
    values = values if weight is None else values * weight
    if batch.space_axes:
        values = _sum_over_space(values, batch)
    return ops.sum(values, axis=0, keepdims=True) if pool == "batch" else values


def _sum_over_space(values: Any, batch: Batch) -> Any:
    """Return the sums over space, shape (batch, classes).

    TensorFlow adds what lies between two kept axes one voxel after the other: in float32 the third digit of a volume
    of small probabilities is lost, and no more than 2**24 voxels of ones are counted. Over the last axes it adds in
    parts; on a CPU loss and gradient take as long with the transposition as without.
    """
    axes, classes = batch.space_axes, batch.class_axis
    if keras.backend.backend() != "tensorflow" or classes < axes[-1] or values.shape[classes] == 1:
        return ops.sum(values, axis=axes)
    values = ops.transpose(values, (0, classes, *axes))
    return ops.sum(values, axis=tuple(axis + 1 for axis in axes))


def voxels(batch: Batch, *, pool: str = "image") -> Any:
    """Return d, the sum of the weights of all voxels: shape (batch, classes), or (1, classes) for pool="batch"."""
    if batch.weight is not None:
        return total(ops.ones_like(batch.prediction), batch.weight, batch, pool=pool)
    shape = ops.shape(batch.prediction)
    summed = (0, *batch.space_axes) if pool == "batch" else batch.space_axes
    number = ops.cast(math.prod(shape[axis] for axis in summed), batch.prediction.dtype)
    return ops.full((1 if pool == "batch" else shape[0], shape[batch.class_axis]), number, batch.prediction.dtype)


def class_mean(values: Any, class_weights: tuple[float, ...] | None = None, present: Any = None) -> Any:
    """Mean over classes: sum w l / sum w, over the present classes only where ``present`` is given.

    Args:
        values: l, shape (batch, classes).
        class_weights: w, one a class; None for equal weights.
        present: None, or 0 and 1 of shape (batch, classes). An image without a present class has the mean 0.

    Returns:
        Shape (batch,).

    Raises:
        ValueError: the weights are not one a class.
    """
    if class_weights is None and present is None:
        return ops.sum(values, axis=-1) / values.shape[-1]  # `ops.mean` is float32 inside on two backends
    weights = spread_class_weights(class_weights, values)
    if present is not None:
        weights = weights * ops.cast(present, values.dtype)
    return divide(ops.sum(weights * values, axis=-1), ops.sum(weights, axis=-1), 0.0)


def spread_class_weights(class_weights: tuple[float, ...] | None, values: Any) -> Any:
    """Return the weights of classes in the shape of ``values``, (batch, classes); ones for None.

    Raises:
        ValueError: the weights are not one a class.
    """
    ones = ops.ones_like(values)
    if class_weights is None:
        return ones
    if len(class_weights) != values.shape[-1]:
        raise ValueError(
            f"class_weights has {len(class_weights)} entries for {values.shape[-1]} classes that count: give one for "
            "each class, or for each class in include."
        )
    return ones * ops.convert_to_tensor(class_weights, dtype=values.dtype)


def _power(x: Any, norm: float) -> Any:
    if norm == 1:
        return x
    # A truth interpolated to a hair below 0 has no power that is a number.
    return ops.square(x) if norm == 2 else ops.power(ops.maximum(x, 0), norm)
