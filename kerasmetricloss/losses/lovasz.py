"""The Lovász extension of the Jaccard loss: for sigmoid, softmax and hinge.

For errors e_i in [0, 1] the extension of the set function J(S) = |S| / |y or S| (the Jaccard loss of the
prediction that errs on S) is, with the errors in descending order,

    L(e) = sum_i e_(i) (J({(1), ..., (i)}) - J({(1), ..., (i-1)})).

At errors of 0 and 1 it is the Jaccard loss. The increments are constants for the gradient, as dL/de_(i) is the i-th.

Source: Berman, Rannen Triki and Blaschko, CVPR 2018, https://arxiv.org/abs/1705.08790.
"""

import math
from typing import Any

import keras
from keras import ops

from kerasmetricloss.losses._base import SegmentationLoss, _replicas
from kerasmetricloss.similarities import Batch, divide


def sorted_extension(errors: Any, truth: Any, weight: Any = None) -> Any:
    """Lovász extension of the Jaccard loss, exact, by sorting.

    Args:
        errors: shape (rows, voxels); the largest come first.
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
    _, order = ops.top_k(ops.stop_gradient(errors), ops.shape(errors)[-1])
    foreground = truth if weight is None else truth * weight
    background = 1 - truth if weight is None else (1 - truth) * weight
    foreground, background = (ops.take_along_axis(x, order, axis=-1) for x in (foreground, background))
    steps = increments(
        ops.cumsum(foreground, axis=-1) - foreground,
        ops.cumsum(background, axis=-1) - background,
        foreground,
        background,
        ops.sum(foreground, axis=-1, keepdims=True),
    )
    return ops.sum(ops.take_along_axis(errors, order, axis=-1) * ops.stop_gradient(steps), axis=-1)


def increments(missed: Any, invented: Any, foreground: Any, background: Any, true: Any) -> Any:
    """Return by how much the Jaccard loss grows when voxels join the set of errors.

    With I = |y| - missed and U = |y| + invented the loss 1 - I / U grows by (I b + U f) / (U (U + b)). This form has
    no cancellation: a difference of neighbouring losses would lose all digits for a million voxels.

    Args:
        missed: foreground already in the set.
        invented: background already in the set.
        foreground: f, foreground that joins.
        background: b, background that joins.
        true: |y|. Without foreground the first voxel to join makes the loss 1.

    Returns:
        The growth, of the shape of the arguments.
    """
    left, union = true - missed, true + invented
    growth = divide(left * background + union * foreground, union * (union + background), 0.0)
    first = ops.cast(ops.logical_and(union <= 0, background > 0), growth.dtype)
    return growth + first


class LovaszLoss(SegmentationLoss):
    """Base of the Lovász losses: a subclass says what the errors are."""

    def errors(self, batch: Batch) -> Any:
        """Return the error of each voxel, of the shape of the prediction."""
        return ops.abs(batch.truth - batch.prediction)

    def values(self, batch: Batch) -> Any:
        """Return the extension for each image and class, shape (batch, classes)."""
        if self.layout.pool == "batch" and _replicas()[0] > 1:
            raise ValueError(
                f"{type(self).__name__}(pool='batch') sorts the errors of the whole batch, which several replicas "
                "hold in parts: use pool='image', or one replica."
            )
        arrays = (self.errors(batch), batch.truth, batch.weight)
        return self.extension(*arrays, batch)

    def extension(self, errors: Any, truth: Any, weight: Any, batch: Batch) -> Any:
        """Return the extension of each image and class from arrays with channels."""
        if weight is not None:
            weight = weight * ops.ones_like(errors)
        rows = [x if x is None else _rows(x, batch, self.layout.pool) for x in (errors, truth, weight)]
        flat = sorted_extension(*rows)
        return ops.reshape(flat, (-1, errors.shape[batch.class_axis]))


def _rows(x: Any, batch: Batch, pool: str) -> Any:
    """Return x as (batch * classes, voxels), or (classes, batch * voxels) for pool="batch"."""
    classes = x.shape[batch.class_axis]
    if pool == "batch":
        order, rows = (batch.class_axis, 0, *batch.space_axes), (classes, -1)
    else:
        # The number of voxels is static more often than that of images: TensorFlow's top_k needs it.
        voxels = math.prod(ops.shape(x)[axis] for axis in batch.space_axes)
        order, rows = (0, batch.class_axis, *batch.space_axes), (-1, voxels)
    return ops.reshape(x if classes == 1 else ops.transpose(x, order), rows)


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class LovaszSigmoid(LovaszLoss):
    """Lovász extension of the Jaccard loss for independent classes, with errors |y - p|.

    Args:
        **settings: the fields of :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[0.5], [0.8], [0.9]]])
        >>> round(float(LovaszSigmoid()(y_true, y_pred)), 3)  # 0.9 / 3 + 0.5 / 3 + 0.2 / 3
        0.533
    """
