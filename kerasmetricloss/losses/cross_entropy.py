"""Cross-entropy and weighted cross-entropy (Eq. 10), binary or categorical."""

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import keras
import numpy as np
from keras import ops

from kerasmetricloss.losses._base import SegmentationLoss, sum_over_replicas
from kerasmetricloss.similarities import Batch, Layout, LayoutSettings, divide, total, voxels

# The smallest normal float32 number: a probability below it is 0.
_SMALLEST = float(np.finfo(np.float32).tiny)


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class CrossEntropy(SegmentationLoss):
    """Cross-entropy: the mean over voxels of -y log p - (1 - y) log(1 - p), or of -sum_c y_c log p_c.

    The first form is for classes="independent", one value a class; the second for classes="exclusive". Weights a
    voxel multiply the sum and do not enter the mean's denominator, which counts the voxels of weight > 0.

    Probabilities are not clipped: log 0 is replaced by the logarithm of the smallest float32 step, -87.3 for p = 0
    and -17.3 for 1 - p = 0, with gradient 0. An output that a mask sets to 0 therefore gets no gradient.

    Args:
        **settings: the fields of :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.
            ``class_weights`` are normalised to the mean 1. There is no smoothing and no rule for empty sets: the
            loss is no ratio of sums.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [0.0]]])
        >>> y_pred = np.array([[[0.5], [0.25]]])
        >>> round(float(CrossEntropy()(y_true, y_pred)), 3)  # (log 2 + log 4/3) / 2
        0.49
    """

    no_overlap: ClassVar[str] = "cross-entropy is a mean over voxels, no ratio of sums that could be smoothed or 0/0"

    def activation(self, y_pred: Any, class_axis: int, layout: Layout) -> Any:
        """Return logits as they are (independent), and log-probabilities for exclusive classes."""
        if layout.classes == "independent":
            return y_pred
        return ops.log_softmax(y_pred, axis=class_axis) if layout.from_logits else _log(y_pred)

    def voxel_weights(self, classes: int) -> tuple[Any, Any]:
        """Return the weights of foreground and background: a number, or a list with one a class."""
        return 1.0, 1.0

    def values(self, batch: Batch) -> Any:
        """Return the cross-entropy of each image and class, shape (batch, classes)."""
        truth, prediction = batch.truth, batch.prediction
        foreground, background = (self._along_classes(w, batch) for w in self._checked_weights(batch))
        if self.layout.classes == "exclusive":
            entropy = -foreground * truth * prediction
        elif self.layout.from_logits:
            # softplus(-z) = -log sigmoid(z), softplus(z) = -log(1 - sigmoid(z)); exact at any size of z.
            entropy = foreground * truth * ops.softplus(-prediction) + background * (1 - truth) * ops.softplus(
                prediction
            )
        else:
            entropy = -foreground * truth * _log(prediction) - background * (1 - truth) * _log_complement(prediction)
        pool, weight = self.layout.pool, batch.weight
        positive = weight if weight is None else ops.cast(weight > 0, prediction.dtype)
        sums, number = total(entropy, weight, batch, pool=pool), voxels(batch._replace(weight=positive), pool=pool)
        if pool == "batch":
            sums, number = sum_over_replicas(sums), sum_over_replicas(number)
        return divide(sums, number, 0.0)

    def image_values(self, batch: Batch) -> Any:
        """Return the mean over independent classes, or the sum over exclusive ones: shape (batch,)."""
        means = super().image_values(batch)
        return means * batch.prediction.shape[batch.class_axis] if self.layout.classes == "exclusive" else means

    def _checked_weights(self, batch: Batch) -> tuple[Any, Any]:
        classes = batch.prediction.shape[batch.class_axis]
        weights = self.voxel_weights(classes)
        for weight in weights:
            if not isinstance(weight, float) and len(weight) != classes:
                raise ValueError(
                    f"{self!r} has weights for {len(weight)} classes, but {classes} classes count: give one number, or "
                    "one for each class (for each class in include)."
                )
        return weights

    @staticmethod
    def _along_classes(weight: float | Sequence[float], batch: Batch) -> Any:
        if isinstance(weight, float):
            return weight
        shape = [1] * len(batch.prediction.shape)
        shape[batch.class_axis] = -1
        return ops.reshape(ops.convert_to_tensor(weight, dtype=batch.prediction.dtype), shape)


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class WeightedCrossEntropy(CrossEntropy):
    """Weighted cross-entropy: the mean over voxels of -w1 y log p - w0 (1 - y) log(1 - p), Eq. 10.

    With a foreground prior p the weights are w1 = 1 / (2 p) and w0 = 1 / (2 - 2 p): foreground and background then
    weigh the same over the data set. Take p over the whole data set, inside the output mask. For exclusive classes
    the weight of class c is 1 / (C p_c). The mean is not divided by the weights.

    Args:
        prior: p in (0, 1), one number or one a class.
        foreground: w1, one number or one a class; instead of ``prior``.
        background: w0, likewise. Exclusive classes have none.
        **settings: as for :class:`CrossEntropy`.

    Raises:
        ValueError: neither ``prior`` nor weights, or both, a prior outside (0, 1), or a weight that is negative or
            not finite.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [0.0]]])
        >>> y_pred = np.array([[[0.5], [0.25]]])
        >>> round(float(WeightedCrossEntropy(prior=0.2)(y_true, y_pred)), 3)  # (2.5 log 2 + 0.625 log 4/3) / 2
        0.956
    """

    def __init__(
        self,
        *,
        prior: float | Sequence[float] | None = None,
        foreground: float | Sequence[float] | None = None,
        background: float | Sequence[float] | None = None,
        **settings: Unpack[LayoutSettings],
    ):
        super().__init__(**settings)
        self.prior, self.foreground, self.background = (_numbers(x) for x in (prior, foreground, background))
        exclusive = self.layout.classes == "exclusive"
        if exclusive and (self.background is not None or isinstance(self.prior, float)):
            raise ValueError(
                "exclusive classes take prior= or foreground= with one number a class, and no background=."
            )
        weights_given = self.foreground is not None and (exclusive or self.background is not None)
        if (self.prior is None) != weights_given or (self.prior is not None and self.background is not None):
            raise ValueError("give either prior=p, or both weights foreground=w1 and background=w0.")
        if self.prior is not None and not all(0 < p < 1 for p in np.atleast_1d(self.prior)):
            raise ValueError(f"prior={self.prior}, expected shares of the voxels, above 0 and below 1.")
        for key in ("foreground", "background"):
            weight = getattr(self, key)
            if weight is not None and not all(0 <= w < np.inf for w in np.atleast_1d(weight)):
                raise ValueError(f"{key}={weight}, expected weights of at least 0.")

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        own = {"prior": self.prior, "foreground": self.foreground, "background": self.background}
        return {**super().get_config(), **own}

    def voxel_weights(self, classes: int) -> tuple[Any, Any]:
        """Return w1 and w0: numbers, or lists with one a class."""
        if self.layout.classes == "exclusive":
            return self.foreground or [1 / (classes * p) for p in self.prior], 1.0
        if self.prior is None:
            return self.foreground, self.background
        if isinstance(self.prior, float):
            return 1 / (2 * self.prior), 1 / (2 - 2 * self.prior)
        return [1 / (2 * p) for p in self.prior], [1 / (2 - 2 * p) for p in self.prior]


def _numbers(x: float | Sequence[float] | None) -> float | list[float] | None:
    if x is None or np.ndim(x) == 0:
        return x if x is None else float(x)
    return [float(number) for number in x]


def _log(probability: Any) -> Any:
    return ops.log(ops.maximum(probability, _SMALLEST))


def _log_complement(probability: Any) -> Any:
    # 1 - p is a multiple of the spacing below 1. Zero stands for less than half of that step.
    half_step = float(np.finfo(keras.backend.standardize_dtype(probability.dtype)).epsneg) / 2
    return ops.log(ops.maximum(1 - probability, half_step))
