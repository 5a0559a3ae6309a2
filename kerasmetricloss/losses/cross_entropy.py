"""Cross-entropy and weighted cross-entropy (Eq. 10), binary or categorical."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Unpack

import keras
import numpy as np
from keras import ops

from kerasmetricloss.losses._base import SegmentationLoss, sum_over_replicas
from kerasmetricloss.similarities import Batch, Layout, LayoutSettings, divide, total, voxels
from kerasmetricloss.similarities.checks import is_number, number, several
from kerasmetricloss.similarities.counts import SMALLEST


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class CrossEntropy(SegmentationLoss):
    """Cross-entropy: the mean over voxels of -y log p - (1 - y) log(1 - p), or of -sum_c y_c log p_c.

    The first form is for classes="independent", one value a class; the second for classes="exclusive". Weights a
    voxel multiply the sum and do not enter the mean's denominator, which counts the voxels of weight > 0. It is the
    mean over images of each image's mean: where ignored voxels make these of unlike size, pool="batch" gives the mean
    over all voxels, as PyTorch has it. Probabilities of exclusive classes are taken as they are, where
    `keras.losses.CategoricalCrossentropy` divides them by their sum.

    Probabilities are not clipped, but where log 0 would stand there is a floor, with gradient 0. For log p it is the
    logarithm of the smallest normal float32 number, -87.3, for float64 as well. For log(1 - p), where 1 - p is a
    multiple of the step below 1, it is that of half this step: -17.3 in float32, -37.4 in float64. An output that a
    mask sets to 0 therefore gets no gradient.

    Args:
        **settings: the fields of :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.
            ``class_weights`` are normalised to the mean 1. There is no smoothing and no rule for empty sets: the
            loss is no ratio of sums.

    Raises:
        TypeError: an argument that the loss does not have, such as ``smooth_nr``.
        ValueError: a setting is out of its range.

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
            # A class that is masked out by a logit of -inf adds nothing where it is not the truth.
            entropy = -foreground * ops.where(truth > 0, truth * prediction, 0)
        elif self.layout.from_logits:
            # softplus(-z) = -log sigmoid(z), softplus(z) = -log(1 - sigmoid(z)); exact at any size of z.
            entropy = foreground * truth * ops.softplus(-prediction) + background * (1 - truth) * ops.softplus(
                prediction
            )
        else:
            entropy = -foreground * truth * _log(prediction) - background * (1 - truth) * _log_complement(prediction)
        pool, weight = self.layout.pool, batch.weight
        positive = weight if weight is None else ops.cast(weight > 0, prediction.dtype)
        sums, counted = total(entropy, weight, batch, pool=pool), voxels(batch._replace(weight=positive), pool=pool)
        if pool == "batch":
            sums, counted = sum_over_replicas(sums), sum_over_replicas(counted)
        return divide(sums, counted, 0.0)

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
        prior: p in (0, 1), one number or one a class; exclusive classes take one a class.
        foreground: w1, likewise; instead of ``prior``.
        background: w0, likewise. Exclusive classes have none.
        **settings: as for :class:`CrossEntropy`.

    Raises:
        TypeError: an argument that the loss does not have, such as ``smooth_nr``.
        ValueError: neither ``prior`` nor weights, or both; one number for exclusive classes; a prior outside (0, 1), or
            a weight that is negative or not finite.

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
        given = {"prior": prior, "foreground": foreground, "background": background}
        self._refuse(given)
        self.prior = _numbers("prior", prior, "shares of the voxels, above 0 and below 1", lambda p: 0 < p < 1)
        self.foreground, self.background = (
            _numbers(key, given[key], "weights of at least 0", lambda w: 0 <= w < np.inf)
            for key in ("foreground", "background")
        )

    def _refuse(self, given: dict[str, Any]) -> None:
        """Refuse sets of arguments that do not go together."""
        came = ", ".join(f"{key}={value!r}" for key, value in given.items() if value is not None) or "none of them"
        if self.layout.classes == "exclusive":
            one = any(is_number(value) for value in given.values())
            if given["background"] is not None or (given["prior"] is None) == (given["foreground"] is None) or one:
                raise ValueError(
                    "exclusive classes take either prior= or foreground=, one number a class, and no background=; "
                    f"came {came}."
                )
        elif [key for key, value in given.items() if value is not None] not in (
            ["prior"],
            ["foreground", "background"],
        ):
            raise ValueError(f"give either prior=p, or both weights foreground=w1 and background=w0; came {came}.")

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        own = {"prior": self.prior, "foreground": self.foreground, "background": self.background}
        return {**super().get_config(), **own}

    def voxel_weights(self, classes: int) -> tuple[Any, Any]:
        """Return w1 and w0: numbers, or lists with one a class."""
        if self.layout.classes == "exclusive":
            return self.foreground if self.prior is None else [1 / (classes * p) for p in self.prior], 1.0
        if self.prior is None:
            return self.foreground, self.background
        if isinstance(self.prior, float):
            return 1 / (2 * self.prior), 1 / (2 - 2 * self.prior)
        return [1 / (2 * p) for p in self.prior], [1 / (2 - 2 * p) for p in self.prior]


def _numbers(
    name: str, value: float | Sequence[float] | None, expected: str, allowed: Callable[[float], bool]
) -> float | list[float] | None:
    """Return one number as a float, or one a class as a list."""
    if value is None:
        return None
    if is_number(value):
        return float(number(name, value, f"{expected}: one number, or one a class", allowed))
    return [float(each) for each in several(name, value, f"{expected}: one number, or one a class", number, allowed)]


def _log(probability: Any) -> Any:
    return ops.log(ops.maximum(probability, SMALLEST))


def _log_complement(probability: Any) -> Any:
    # 1 - p is a multiple of the spacing below 1. Zero stands for less than half of that step.
    half_step = float(np.finfo(keras.backend.standardize_dtype(probability.dtype)).epsneg) / 2
    return ops.log(ops.maximum(1 - probability, half_step))
