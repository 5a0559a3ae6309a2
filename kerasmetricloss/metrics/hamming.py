"""Accuracy and its weighted form (Eqs. 4 and 5)."""

from typing import Any, Unpack

import keras
from keras import ops

from kerasmetricloss.metrics._counted import CountMetric, CountSettings
from kerasmetricloss.similarities import divide, ratios, spread_class_weights
from kerasmetricloss.similarities.checks import number


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class HammingSimilarity(CountMetric):
    """Mean over cases of the Hamming similarity of each class' mask, 1 - (FP + FN) / d (Eq. 4).

    Each class is a mask of its own, whether classes are exclusive or not. A case without any voxel of weight above 0
    scores 1. `norm`, `smooth_nr`, `smooth_dr` and `empty` do not enter.

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
        >>> metric = HammingSimilarity()
        >>> metric.update_state(np.array([[[1.0], [1.0], [0.0]]]), np.array([[[0.9], [0.4], [0.2]]]))
        >>> round(float(metric.result()), 3)
        0.667
    """

    default_name = "hamming_similarity"

    def _score(self, intersection: Any, predicted: Any, true: Any, voxels: Any) -> Any:
        return ratios.hamming(intersection, predicted, true, voxels, divide=divide)


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class Accuracy(HammingSimilarity):
    """Mean over cases of the share of voxels that are right (Eq. 4).

    Independent classes: the Hamming similarity of each class. Exclusive classes: the share of voxels that are given
    their class, one number a case; with `include`, of the voxels of those classes; with `class_weights`, each voxel
    has the weight of its class. A case without any voxel scores 1.

    Args:
        threshold: A voxel is foreground where its probability is above this; strict.
        per_class: False for a scalar result; True or names of classes for a value a class beside it (independent
            classes only).
        name: Name in the logs; None for the class' own.
        dtype: Sums are float32, or float64 with "float64"; on JAX only in its x64 mode.
        **settings: As in `DiceScore`.

    Raises:
        TypeError: If the metric does not have an argument; the message names the metric.
        ValueError: If a setting is out of range, or arrays do not fit; the message names their shapes.

    Example:
        >>> import numpy as np
        >>> metric = Accuracy(classes="exclusive")
        >>> metric.update_state(np.array([[2, 0, 1]]), np.array([[[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]]))
        >>> round(float(metric.result()), 3)  # the third is taken for class 0
        0.667
    """

    default_name = "accuracy"

    def __init__(self, **settings: Unpack[CountSettings]) -> None:
        super().__init__(**settings)
        if self.layout.classes == "exclusive" and self.per_class:
            raise ValueError(
                "per_class with exclusive classes: accuracy is one number for all of them; "
                "HammingSimilarity has a value a class."
            )

    def _build(self, classes: int) -> None:
        # Pooled counts stay apart until the end, since classes have weights; a case has its one value at once.
        alone = self.layout.classes == "exclusive" and self.layout.pool == "image"
        super()._build(1 if alone else classes)

    def _class_weights(self) -> tuple[float, ...] | None:
        return None if self.layout.classes == "exclusive" else super()._class_weights()

    def _score(self, intersection: Any, predicted: Any, true: Any, voxels: Any) -> Any:
        if self.layout.classes == "independent":
            return super()._score(intersection, predicted, true, voxels)
        weights = spread_class_weights(self.layout.class_weights, intersection)
        found, all_of_them = (ops.sum(x * weights, axis=-1, keepdims=True) for x in (intersection, true))
        return divide(found, all_of_them, 1.0)


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class WeightedHammingSimilarity(CountMetric):
    """Mean over cases of 1 - gamma FN / |y| - (1 - gamma) FP / (d - |y|) (Eq. 5).

    At gamma = 1/2 it is balanced accuracy, at gamma = |y| / d the Hamming similarity. An error rate over an empty set
    is 0: where the truth is empty only false positives count. `norm`, `smooth_nr`, `smooth_dr` and `empty` do not
    enter. In float32 a background of few voxels beside more than 2^24 others is lost; dtype="float64" mends that.

    Args:
        gamma: Weight of the foreground, from 0 to 1.
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
        >>> metric = WeightedHammingSimilarity(gamma=0.4)
        >>> metric.update_state(np.array([[[1.0], [1.0], [0.0]]]), np.array([[[0.9], [0.4], [0.2]]]))
        >>> round(float(metric.result()), 3)  # 1 - 0.4 / 2
        0.8
    """

    default_name = "weighted_hamming_similarity"

    def __init__(self, *, gamma: float = 0.5, **settings: Unpack[CountSettings]) -> None:
        super().__init__(**settings)
        self.gamma = float(number("gamma", gamma, "a number from 0 to 1", lambda x: 0 <= x <= 1))

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "gamma": self.gamma}

    def _score(self, intersection: Any, predicted: Any, true: Any, voxels: Any) -> Any:
        return ratios.weighted_hamming(intersection, predicted, true, voxels, gamma=self.gamma, divide=divide)
