"""Dice, Jaccard, Tversky and F-beta of thresholded predictions (Eqs. 2, 3 and 6)."""

import math
from typing import Any, Unpack

import keras
from keras import ops

from kerasmetricloss.metrics._counted import CountMetric, CountSettings
from kerasmetricloss.similarities import ratios
from kerasmetricloss.similarities.checks import flag, number


class OverlapMetricSettings(CountSettings, total=False):
    """The keyword arguments of :class:`OverlapMetric`."""

    ignore_empty: bool


class OverlapMetric(CountMetric):
    """A metric of the overlap of two sets, which may leave out cases without any foreground.

    Subclasses compute `_ratio(intersection, predicted, true)`.

    Args:
        ignore_empty: As in `DiceScore`.
        **settings: As in `CountMetric`.
    """

    def __init__(self, *, ignore_empty: bool = False, **settings: Unpack[CountSettings]) -> None:
        super().__init__(**settings)
        self.ignore_empty = flag("ignore_empty", ignore_empty)

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "ignore_empty": self.ignore_empty}

    def _ratio(self, intersection: Any, predicted: Any, true: Any) -> Any:
        """Return the score of counts of shape (cases, classes)."""
        raise NotImplementedError

    def _score(self, intersection: Any, predicted: Any, true: Any, voxels: Any) -> Any:
        values = self._ratio(intersection, predicted, true)
        return ops.where(true > 0, values, float("nan")) if self.ignore_empty else values


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class DiceScore(OverlapMetric):
    """Mean over cases of the Dice score, 2 |y and s| / (|y| + |s|) (Eq. 2).

    `s` is the set of voxels whose probability is above `threshold`, or the largest of exclusive classes. Two empty
    sets score `empty`, by default 1; an empty set against one that is not scores 0. `empty=float("nan")` leaves
    cases out where both are empty and counts them in `left_out`. A case of which every voxel has weight 0 has two
    empty sets.

    Args:
        ignore_empty: Leave a case and class out where the truth is empty, whatever is predicted, as MONAI's metrics do
            by default: what is found in images without an object then costs nothing.
        threshold: A voxel is foreground where its probability is above this; strict.
        per_class: False for a scalar result; True or names of classes for a value a class beside it.
        name: Name in the logs; None for the class' own.
        dtype: Sums are float32, or float64 with "float64"; on JAX only in its x64 mode.
        **settings: `classes`, `from_logits`, `data_format`, `include`, `class_weights`, `ignore_label`, `pool`,
            `norm`, `intersection`, `smooth_nr`, `smooth_dr` and `empty`, as the losses have them
            (`similarities.Layout` and `similarities.Overlap` explain each).

    Raises:
        TypeError: If the metric does not have an argument; the message names the metric.
        ValueError: If a setting is out of range, or arrays do not fit; the message names their shapes.

    Example:
        >>> import numpy as np
        >>> metric = DiceScore()
        >>> y_true = np.array([[[1.0], [1.0], [0.0]], [[0.0], [0.0], [0.0]]])
        >>> y_pred = np.array([[[0.9], [0.4], [0.2]], [[0.1], [0.2], [0.5]]])
        >>> metric.update_state(y_true, y_pred)
        >>> round(float(metric.result()), 3)  # (2/3 + 1) / 2
        0.833
    """

    default_name = "dice_score"

    def _ratio(self, intersection: Any, predicted: Any, true: Any) -> Any:
        return ratios.dice(intersection, predicted, true, **self._rule())


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class JaccardIndex(OverlapMetric):
    """Mean over cases of the Jaccard index, |y and s| / |y or s| (Eq. 3), also called IoU.

    Empty sets are scored as by `DiceScore`.

    Args:
        threshold: A voxel is foreground where its probability is above this; strict.
        per_class: False for a scalar result; True or names of classes for a value a class beside it.
        name: Name in the logs; None for the class' own.
        dtype: Sums are float32, or float64 with "float64"; on JAX only in its x64 mode.
        **settings: As in `DiceScore`.

    Raises:
        TypeError: If the metric does not have an argument; the message names the metric.
        ValueError: If a setting is out of range, or arrays do not fit; the message names their shapes.

    Example:
        >>> import numpy as np
        >>> metric = JaccardIndex()
        >>> metric.update_state(np.array([[[1.0], [1.0], [0.0]]]), np.array([[[0.9], [0.4], [0.2]]]))
        >>> round(float(metric.result()), 3)
        0.5
    """

    default_name = "jaccard_index"

    def _ratio(self, intersection: Any, predicted: Any, true: Any) -> Any:
        return ratios.jaccard(intersection, predicted, true, **self._rule())


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class TverskyIndex(OverlapMetric):
    """Mean over cases of the Tversky index, I / (I + alpha FP + beta FN) (Eq. 6).

    At alpha = beta = 1/2 it is Dice, at alpha = beta = 1 Jaccard. Beware: `keras.losses.Tversky` up to Keras 3.15.1
    has alpha and beta the other way round. Empty sets are scored as by `DiceScore`.

    Args:
        alpha: Weight of false positives, above 0.
        beta: Weight of false negatives, above 0.
        threshold: A voxel is foreground where its probability is above this; strict.
        per_class: False for a scalar result; True or names of classes for a value a class beside it.
        name: Name in the logs; None for the class' own.
        dtype: Sums are float32, or float64 with "float64"; on JAX only in its x64 mode.
        **settings: As in `DiceScore`.

    Raises:
        TypeError: If the metric does not have an argument; the message names the metric.
        ValueError: If a setting is out of range, or arrays do not fit; the message names their shapes.

    Example:
        >>> import numpy as np
        >>> metric = TverskyIndex(alpha=0.3, beta=0.7)
        >>> metric.update_state(np.array([[[1.0], [1.0], [0.0]]]), np.array([[[0.9], [0.4], [0.2]]]))
        >>> round(float(metric.result()), 3)  # 1 / (1 + 0.7)
        0.588
    """

    default_name = "tversky_index"

    def __init__(self, *, alpha: float = 0.5, beta: float = 0.5, **settings: Unpack[OverlapMetricSettings]) -> None:
        super().__init__(**settings)
        self.alpha, self.beta = (
            float(number(name, weight, "a weight above 0", lambda x: 0 < x < math.inf))
            for name, weight in (("alpha", alpha), ("beta", beta))
        )

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}

    def _ratio(self, intersection: Any, predicted: Any, true: Any) -> Any:
        return ratios.tversky(intersection, predicted, true, alpha=self.alpha, beta=self.beta, **self._rule())


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class FBetaScore(OverlapMetric):
    """Mean over cases of F-beta, (1 + b^2) I / (P + b^2 Y); Tversky at alpha = 1/(1+b^2), beta = b^2/(1+b^2).

    For masks of any shape, where `keras.metrics.FBetaScore` takes (samples, classes) only and pools the samples:
    `pool="batch"` gives its value, but that a class absent from truth and prediction scores `empty` here. Empty sets
    are scored as by `DiceScore`.

    Args:
        beta: How many times recall counts more than precision, above 0.
        threshold: A voxel is foreground where its probability is above this; strict.
        per_class: False for a scalar result; True or names of classes for a value a class beside it.
        name: Name in the logs; None for the class' own.
        dtype: Sums are float32, or float64 with "float64"; on JAX only in its x64 mode.
        **settings: As in `DiceScore`.

    Raises:
        TypeError: If the metric does not have an argument; the message names the metric.
        ValueError: If a setting is out of range, or arrays do not fit; the message names their shapes.

    Example:
        >>> import numpy as np
        >>> metric = FBetaScore(beta=2.0)
        >>> metric.update_state(np.array([[[1.0], [1.0], [0.0]]]), np.array([[[0.9], [0.4], [0.2]]]))
        >>> round(float(metric.result()), 3)  # 5 * 1 / (1 + 4 * 2)
        0.556
    """

    default_name = "f_beta_score"

    def __init__(self, *, beta: float = 1.0, **settings: Unpack[OverlapMetricSettings]) -> None:
        super().__init__(**settings)
        self.beta = float(number("beta", beta, "a number above 0", lambda x: 0 < x < math.inf))

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "beta": self.beta}

    def _ratio(self, intersection: Any, predicted: Any, true: Any) -> Any:
        return ratios.f_beta(intersection, predicted, true, beta=self.beta, **self._rule())
