"""What every loss does: read a batch, take the mean over classes, reduce over images, keep its arguments."""

import math
from dataclasses import asdict, fields
from typing import Any, ClassVar, Self, Unpack

import keras
from keras import ops

from kerasmetricloss.similarities import (
    Batch,
    Layout,
    LayoutSettings,
    Overlap,
    class_mean,
    from_keywords,
    keras_mask,
    probabilities,
    read,
)

_REDUCTION = "sum_over_batch_size"


class ArgumentsKept(keras.losses.Loss):
    """A Keras loss that keeps its dtype in its config, shows its arguments, pickles, adds, multiplies and divides."""

    def __init__(self, *, name: str | None = None, reduction: str | None = _REDUCTION, dtype: Any = None):
        self._policy = keras.dtype_policies.get(dtype or keras.config.floatx())
        super().__init__(name=name, reduction=reduction, dtype=self._policy)

    def get_config(self) -> dict[str, Any]:
        """Return every argument; Keras' own config leaves out the dtype."""
        return {**super().get_config(), "dtype": self._policy.name}

    def __reduce__(self) -> tuple:
        return _rebuild, (type(self), self.get_config())

    def __repr__(self) -> str:
        defaults = {field.name: field.default for field in (*fields(Layout), *fields(Overlap))}
        defaults |= {"reduction": _REDUCTION, "dtype": "float32", "data_format": keras.config.image_data_format()}
        config = self.get_config()
        if self.name.rstrip("_0123456789").replace("_", "") == type(self).__name__.lower():
            del config["name"]
        shown = (f"{key}={value!r}" for key, value in config.items() if value != defaults.get(key))
        return f"{type(self).__name__}({', '.join(shown)})"

    def __add__(self, other: Any) -> keras.losses.Loss:
        return _weighted_sum([(1.0, self), (1.0, other)])

    def __radd__(self, other: Any) -> keras.losses.Loss:
        # sum() begins with 0.
        return self if isinstance(other, int | float) and other == 0 else _weighted_sum([(1.0, other), (1.0, self)])

    def __mul__(self, factor: float) -> keras.losses.Loss:
        return _weighted_sum([(factor, self)])

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> keras.losses.Loss:
        if not isinstance(divisor, int | float):
            return NotImplemented
        return _weighted_sum([(1 / divisor if divisor else math.inf, self)])


class SegmentationLoss(ArgumentsKept):
    """Base of the losses: a subclass defines ``values(batch)``, one loss an image and class.

    Args:
        **settings: ``name``, ``reduction`` and ``dtype`` as for ``keras.losses.Loss``; the fields of
            :class:`kerasmetricloss.similarities.Layout` say how y_true and y_pred are read.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: a setting is out of its range.
    """

    # Why the loss has no norm, intersection, smoothing or rule for empty sets: for the error.
    no_overlap: ClassVar[str] = ""

    def __init__(
        self,
        *,
        name: str | None = None,
        reduction: str | None = _REDUCTION,
        dtype: Any = None,
        **layout: Unpack[LayoutSettings],
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        # Settled here, as a Keras layer does: a saved loss means the same on a machine of another setting.
        if layout.get("data_format") is None:
            layout["data_format"] = keras.config.image_data_format()
        self.layout = from_keywords(Layout, type(self).__name__, layout, no_overlap=self.no_overlap)

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), **asdict(self.layout)}

    def activation(self, y_pred: Any, class_axis: int, layout: Layout) -> Any:
        """Map y_pred to what ``values`` compares with the truth: probabilities, unless a subclass says else."""
        return probabilities(y_pred, class_axis, layout)

    def values(self, batch: Batch) -> Any:
        """Return the loss of each image and class, shape (batch, classes)."""
        raise NotImplementedError

    def image_values(self, batch: Batch) -> Any:
        """Return the loss of each image, shape (batch,): the mean over classes."""
        return class_mean(self.values(batch), self.layout.class_weights)

    def weighted_values(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[Any, Any]:
        """Return the loss of each image, weights a voxel applied, and the weights of the images or None."""
        mask = keras_mask(y_pred)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        batch = read(y_true, y_pred, sample_weight, layout=self.layout, activation=self.activation, mask=mask)
        return self.image_values(batch), batch.image_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each image, shape (batch,), or (1,) with pool="batch"."""
        return self.weighted_values(y_true, y_pred)[0]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch.

        Args:
            y_true: (batch, *space, classes), or a label map (batch, *space) or (batch, *space, 1). Masks are 0 and 1:
                those of 0 and 255 are an error where they are NumPy arrays, but in a tensor (so inside ``fit``) nothing
                can see them.
            y_pred: (batch, *space, classes). Voxels that its implicit Keras mask leaves out have weight 0.
            sample_weight: (batch,) scales the loss of an image; (batch, *space), (batch, *space, 1) or
                (batch, *space, classes) enters the sums over voxels.

        Returns:
            A scalar of the loss' dtype; with reduction=None shape (batch,), or (1,) with pool="batch".
        """
        with keras.name_scope(self.name):
            values, weight = self.weighted_values(y_true, y_pred, sample_weight)
            return ops.cast(_reduce(values, weight, self.reduction, pooled=self.layout.pool == "batch"), self.dtype)


def sum_over_replicas(values: Any) -> Any:
    """Return the sum of ``values`` over the replicas of a tf.distribute strategy, with its gradient.

    Counts pooled over the batch are pooled over the global batch this way. Under keras.distribution arrays are
    global, so sums already are.
    """
    _, context = replicas()
    return values if context is None else context.all_reduce("SUM", values)


def replicas() -> tuple[int, Any]:
    """Return the number of replicas in step and, inside one of them, its context; (1, None) if there is one only."""
    if keras.backend.backend() != "tensorflow":
        return 1, None
    import tensorflow as tf

    number = tf.distribute.get_strategy().num_replicas_in_sync
    return number, tf.distribute.get_replica_context() if number > 1 else None


def _reduce(values: Any, weight: Any, reduction: str | None, *, pooled: bool) -> Any:
    """Reduce over images, and scale by the number of replicas what each of them has whole: Keras sums their losses."""
    if weight is not None:
        values = values * weight
    if reduction in (None, "none"):
        return values
    if reduction == "sum" and not pooled:
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weight is not None:
        divisor = ops.sum(weight)
    else:
        divisor = ops.cast(ops.shape(values)[0], values.dtype)
    # A replica that gets none of the last few images has no mean, and adds nothing.
    nothing = ops.equal(divisor, 0)
    mean = ops.where(nothing, 0, ops.sum(values) / ops.where(nothing, 1, divisor))
    number, _ = replicas()
    return mean / number if number > 1 else mean


def _rebuild(loss: type[Self], config: dict[str, Any]) -> keras.losses.Loss:
    return loss.from_config(config)


def _weighted_sum(terms: list[tuple[float, Any]]) -> Any:
    # Imported here because a sum of losses is itself a loss with these operators.
    from kerasmetricloss.losses.compound import WeightedSum

    if not all(isinstance(factor, int | float) and isinstance(loss, keras.losses.Loss) for factor, loss in terms):
        return NotImplemented
    return WeightedSum(losses=[loss for _, loss in terms], weights=[factor for factor, _ in terms])
