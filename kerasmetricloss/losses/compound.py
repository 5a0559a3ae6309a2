"""Sums and multiples of losses: losses again, with a metric for each part."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasmetricloss.losses._base import ArgumentsKept, replicas
from kerasmetricloss.similarities.checks import number, several


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class WeightedSum(ArgumentsKept):
    """Weighted sum of losses: sum_k w_k l_k. What ``0.5 * SoftDice() + 0.5 * CrossEntropy()`` builds.

    Args:
        losses: the parts l_k: losses of this package or any other ``keras.losses.Loss``. A part that is a sum is
            replaced by its parts.
        weights: the factors w_k, one a part.
        name: name of the loss.
        dtype: dtype of the result.

    Raises:
        ValueError: no part, weights that are not one a part or not finite, or parts that reduce differently; on a
            call, parts that are not reduced and have values of other axes.

    Example:
        >>> import numpy as np
        >>> from kerasmetricloss.losses import CrossEntropy, SoftDice
        >>> loss = 0.5 * SoftDice() + 2.0 * CrossEntropy()
        >>> loss
        0.5 * SoftDice() + 2.0 * CrossEntropy()
        >>> y_true, y_pred = np.ones((1, 3, 1)), np.full((1, 3, 1), 0.5)
        >>> round(float(loss(y_true, y_pred)), 3)  # 0.5 * (1 - 3 / 4.5) + 2 * log 2
        1.553
        >>> [metric.name for metric in loss.part_metrics()]
        ['soft_dice', 'cross_entropy']
    """

    def __init__(
        self,
        *,
        losses: Sequence[keras.losses.Loss],
        weights: Sequence[float],
        name: str | None = None,
        dtype: Any = None,
    ):
        if not losses or len(losses) != len(weights):
            raise ValueError(f"{len(losses)} losses and {len(weights)} weights, expected one weight for each loss.")
        weights = several("weights", weights, "finite numbers, one a loss", number, math.isfinite)
        parts = [part for weight, loss in zip(weights, losses, strict=True) for part in _parts(weight, loss)]
        self.weights = [weight for weight, _ in parts]
        self.losses = [loss for _, loss in parts]
        reductions = {loss.reduction for loss in self.losses}
        if len(reductions) > 1:
            raise ValueError(f"the losses reduce differently ({reductions}): give all of them the same reduction.")
        super().__init__(name=name, reduction=self.losses[0].reduction, dtype=dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the weighted sum of the parts; each reduces and scales for replicas itself."""
        parts = [ops.cast(loss(y_true, y_pred, sample_weight), self.dtype) for loss in self.losses]
        shapes = [tuple(part.shape) for part in parts]
        if len(set(map(len, shapes))) > 1:
            told = ", ".join(f"{loss.name} {shape}" for loss, shape in zip(self.losses, shapes, strict=True))
            raise ValueError(
                f"without a reduction the parts have values of other axes ({told}), which do not add up: those of this "
                "package are one value an image, Keras' own one a voxel. Give all parts a reduction."
            )
        return sum(weight * part for weight, part in zip(self.weights, parts, strict=True))

    def part_metrics(self) -> list[keras.metrics.Metric]:
        """Return a metric for each part, without its factor.

        Give them to ``compile(weighted_metrics=...)``: Keras passes sample weights to those only. Times the factors
        they add up to the loss that ``fit`` shows.
        """
        names = [_plain_name(loss) for loss in self.losses]
        unique = [f"{name}_{i}" if names.count(name) > 1 else name for i, name in enumerate(names)]
        return [PartMetric(loss=loss, name=name) for loss, name in zip(self.losses, unique, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """Return every argument, the parts serialised."""
        config = {**super().get_config(), "losses": [keras.saving.serialize_keras_object(loss) for loss in self.losses]}
        del config["reduction"]
        return {**config, "weights": self.weights}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightedSum":
        """Build the sum from its config."""
        losses = [keras.saving.deserialize_keras_object(loss) for loss in config["losses"]]
        return cls(**{**config, "losses": losses})

    def __repr__(self) -> str:
        return " + ".join(f"{weight} * {loss!r}" for weight, loss in zip(self.weights, self.losses, strict=True))


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class PartMetric(keras.metrics.Mean):
    """Mean of a loss over batches, each counted by its images, so that ``fit`` shows one part of a sum.

    Args:
        loss: the loss to show.
        name: name of the metric.
        dtype: dtype of the metric.
    """

    _direction = "down"  # what mode="auto" of Keras' callbacks reads

    def __init__(self, *, loss: keras.losses.Loss, name: str | None = None, dtype: Any = None):
        super().__init__(name=name or _plain_name(loss), dtype=dtype)
        self.loss = loss

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch as ``fit`` adds its loss: reduced, times the number of replicas, weighted by its images."""
        loss = self.loss(y_true, y_pred, sample_weight)
        super().update_state(loss * replicas()[0], sample_weight=ops.shape(y_pred)[0])

    def get_config(self) -> dict[str, Any]:
        """Return every argument, the loss serialised."""
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PartMetric":
        """Build the metric from its config."""
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


def _parts(weight: float, loss: keras.losses.Loss) -> list[tuple[float, keras.losses.Loss]]:
    """Return a part with its factor, or those of the sum that it is."""
    inner = zip(loss.weights, loss.losses, strict=True) if isinstance(loss, WeightedSum) else [(1.0, loss)]
    return [(float(weight) * factor, part) for factor, part in inner]


def _plain_name(loss: keras.losses.Loss) -> str:
    """Return the name of a loss without the number that Keras appends to automatic names."""
    stem = loss.name.rstrip("0123456789").rstrip("_")
    return stem if stem.replace("_", "") == type(loss).__name__.lower() else loss.name
