"""Streaming metrics: one value a case, and their mean over all cases seen since the last reset."""

import dataclasses
import inspect
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import keras
import numpy as np
from keras import ops

from kerasmetricloss.similarities import (
    Batch,
    Layout,
    LayoutSettings,
    class_mean,
    decisions,
    from_keywords,
    keras_mask,
    read,
    spread_class_weights,
)
from kerasmetricloss.similarities.checks import number, several, text

PerClass = bool | Sequence[str]


class CaseSettings(LayoutSettings, total=False):
    """The keyword arguments of :class:`CaseMetric`."""

    threshold: float
    per_class: PerClass
    name: str | None
    dtype: str | None


class CaseMetric(keras.metrics.Metric):
    """The mean over cases of a value a case.

    A case is one element of the batch axis. Its value is the mean over its classes (sum w v / sum w with
    `class_weights`). A class whose value is NaN is left out of its case, and a case without any value out of the
    mean. `left_out` counts the cases that lack the value of any class of weight above 0, also where other classes
    keep them in the mean; `left_out_per_class` counts them for each class. Before the first case, and where all are
    left out, the result is NaN.

    A `sample_weight` of shape (batch,) weighs cases in the mean: sum w v / sum w. One a voxel enters the sums of
    each case, as in the losses. Keras hands weights to metrics in `compile(weighted_metrics=...)` only.

    Subclasses compute `_values(batch)`. What differs from case to case (a spacing) is a further keyword argument of
    theirs, which `update_state` takes too and hands on by `_update`. All state is sums, so replicas add up exactly.
    They set `_direction` to "up" or "down", as Keras' own metrics do: callbacks that watch a metric with mode="auto"
    read it.

    Args:
        threshold: A voxel is foreground where its probability is above this; strict, so NaN is background. Exclusive
            classes take the largest instead.
        per_class: False for one number. True, or one name a class, for a value a class beside it: `result()` is then
            a dict, {"dice_score": mean, "dice_score_0": first class, ...}, and `fit` logs each entry. A callback
            that watches a class needs mode="min" or "max": Keras finds the direction of the mean alone.
        name: Name in the logs; None for the class' own. Where several outputs of a model have metrics `per_class`,
            give each its name: Keras puts no output's name before the entries of a dict, and the last would stay.
        dtype: Type that `keras.metrics.Metric` stands for; the sums are float32, or float64 with "float64".
            JAX has no float64 unless its x64 mode is on: they are then float32.
        **settings: The fields of `similarities.Layout`.
    """

    default_name: ClassVar[str] = "case_metric"

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        per_class: PerClass = False,
        name: str | None = None,
        dtype: str | None = None,
        **settings: Unpack[LayoutSettings],
    ) -> None:
        super().__init__(name=name or self.default_name, dtype=dtype)
        # Settled here, as a Keras layer does: a saved metric means the same on a machine of another setting.
        if settings.get("data_format") is None:
            settings["data_format"] = keras.config.image_data_format()
        self.layout = from_keywords(Layout, type(self).__name__, settings)
        self.threshold = float(number("threshold", threshold, "a number between 0 and 1", lambda x: 0 < x < 1))
        expected = "True, False or a sequence of names"
        self.per_class = per_class if isinstance(per_class, bool) else several("per_class", per_class, expected, text)
        if self.per_class not in (True, False) and len(set(self.per_class)) < len(self.per_class):
            raise ValueError(f"per_class={self.per_class}: give each class a name of its own.")
        self._state_dtype = "float64" if self.dtype == "float64" else "float32"
        self._built = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the cases of a batch.

        Args:
            y_true: (batch, *space, classes) in [0, 1], or a label map (batch, *space) or (batch, *space, 1). Masks of
                0 and 255 are an error where they are NumPy arrays; the values of tensors are not looked at.
            y_pred: (batch, *space, classes): probabilities, or logits with `from_logits=True`. Voxels that its
                implicit Keras mask leaves out have weight 0.
            sample_weight: None, (batch,) a case, (batch, *space) or (batch, *space, 1) a voxel.
        """
        self._update(y_true, y_pred, sample_weight)

    def case_values(self, y_true: Any, y_pred: Any, sample_weight: Any = None, **per_case: Any) -> Any:
        """Return the value of each case and class without adding it, shape (batch, classes); NaN where left out.

        Args:
            y_true: As in `update_state`.
            y_pred: As in `update_state`.
            sample_weight: As in `update_state`; a weight a case makes no difference here.
            **per_case: What else `update_state` takes.
        """
        return self._values(self._read(y_true, y_pred, sample_weight), **per_case)

    def result(self) -> Any:
        """Return the mean over cases, a scalar; with `per_class` a dict of it and a value a class."""
        mean = self._mean_over_cases()
        if self.per_class is False:
            return mean
        if not self._built:
            return {self.name: mean}
        values = self.result_per_class()
        names = self._class_names(values.shape[0])
        return {self.name: mean, **{f"{self.name}_{label}": values[i] for i, label in enumerate(names)}}

    def result_per_class(self) -> Any:
        """Return the mean over cases of each class that counts, shape (classes,); NaN where a class has no value.

        Raises:
            ValueError: If no case was seen yet: the number of classes is not known.
        """
        if not self._built:
            raise ValueError(f"{self.name} has seen no case yet: call update_state before result_per_class.")
        return _quotient(self._class_total, self._class_weight)

    @property
    def left_out(self) -> int:
        """The number of cases in which a class of weight above 0 has no value; cases of weight 0 do not count."""
        # Adding 0 reads the variable as a tensor, summed over replicas where there are several.
        return round(float(self._left_out + 0)) if self._built else 0

    @property
    def left_out_per_class(self) -> list[int]:
        """The number of cases in which each class that counts has no value; empty before the first case."""
        return [round(x) for x in ops.convert_to_numpy(self._class_left_out + 0).tolist()] if self._built else []

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        own = {"threshold": self.threshold, "per_class": self.per_class}
        return {**super().get_config(), **own, **dataclasses.asdict(self.layout)}

    def __repr__(self) -> str:
        """Show the arguments that differ from their defaults."""
        config, defaults = self.get_config(), self._defaults()
        shown = ", ".join(f"{k}={v!r}" for k, v in config.items() if k not in defaults or defaults[k] != v)
        return f"{type(self).__name__}({shown})"

    def _defaults(self) -> dict[str, Any]:
        own = {
            parameter.name: parameter.default
            for base in reversed(type(self).__mro__)
            for parameter in inspect.signature(base.__init__).parameters.values()
        }
        of_keras = {"dtype": keras.config.floatx(), "data_format": keras.config.image_data_format()}
        return {**field_defaults(Layout), **own, "name": self.default_name, **of_keras}

    def _update(self, y_true: Any, y_pred: Any, sample_weight: Any, **per_case: Any) -> None:
        batch = self._read(y_true, y_pred, sample_weight)
        self._build(batch.prediction.shape[batch.class_axis])
        self._add(self._values(batch, **per_case), batch.image_weight)

    def _values(self, batch: Batch, **per_case: Any) -> Any:
        """Return a value a case and class, shape (batch, classes); NaN where there is none."""
        raise NotImplementedError

    def _class_weights(self) -> tuple[float, ...] | None:
        return self.layout.class_weights

    def _read(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Batch:
        mask = keras_mask(y_pred)
        if self._state_dtype == "float64":
            y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float64")
        return read(y_true, y_pred, sample_weight, layout=self.layout, activation=self._decide, mask=mask)

    def _decide(self, y_pred: Any, class_axis: int, layout: Layout) -> Any:
        if layout.classes == "exclusive" or self.threshold == 0.5:
            return decisions(y_pred, class_axis, layout)
        cut = math.log(self.threshold / (1 - self.threshold)) if layout.from_logits else self.threshold
        return ops.cast(y_pred > cut, y_pred.dtype)

    def _build(self, classes: int) -> None:
        if self._built:
            if classes != self._classes:
                seen = f"{self.name} has counted {self._classes} classes and is now given {classes}"
                raise ValueError(f"{seen}: make another metric for them.")
            return
        self._class_names(classes)
        self._make_state(classes)
        self._classes, self._built = classes, True

    def _make_state(self, classes: int) -> None:
        self._total, self._weight, self._left_out = (self._zeros((), name) for name in ("total", "weight", "left_out"))
        self._class_total, self._class_weight, self._class_left_out = (
            self._zeros((classes,), name) for name in ("class_total", "class_weight", "class_left_out")
        )

    def _zeros(self, shape: tuple[int, ...], name: str) -> Any:
        return self.add_variable(shape=shape, initializer="zeros", dtype=self._state_dtype, name=name)

    def _add(self, values: Any, case_weight: Any) -> None:
        """Add values of shape (batch, classes), NaN where there is none, with weights of shape (batch,) or None."""
        values = ops.cast(values, self._state_dtype)
        known = ops.logical_not(ops.isnan(values))
        values = ops.where(known, values, ops.zeros_like(values))
        known = ops.cast(known, self._state_dtype)
        counts = spread_class_weights(self._class_weights(), values) > 0
        # An infinite value times a weight of 0 is no number.
        case_values = class_mean(ops.where(counts, values, 0), self._class_weights(), present=known)
        case_known = ops.cast(class_mean(known, self._class_weights()) > 0, self._state_dtype)
        weight = ops.ones_like(case_known) if case_weight is None else ops.cast(case_weight, self._state_dtype)
        missing = (1 - known) * ops.cast(ops.expand_dims(weight > 0, -1), self._state_dtype)
        left_out = ops.max(ops.where(counts, missing, ops.zeros_like(missing)), axis=-1, initial=0)
        self._left_out.assign(self._left_out + ops.sum(left_out))
        self._class_left_out.assign(self._class_left_out + ops.sum(missing, axis=0))
        self._total.assign(self._total + ops.sum(ops.where(weight > 0, case_values, 0) * case_known * weight))
        self._weight.assign(self._weight + ops.sum(case_known * weight))
        weight = ops.expand_dims(weight, -1)
        self._class_total.assign(self._class_total + ops.sum(ops.where(weight > 0, values, 0) * weight, axis=0))
        self._class_weight.assign(self._class_weight + ops.sum(known * weight, axis=0))

    def _mean_over_cases(self) -> Any:
        if not self._built:
            return ops.convert_to_tensor(float("nan"), dtype=self._state_dtype)
        return _quotient(self._total, self._weight)

    def _class_names(self, classes: int) -> Sequence[Any]:
        if isinstance(self.per_class, bool):
            return range(classes) if self.layout.include is None else self.layout.include
        if len(self.per_class) != classes:
            raise ValueError(
                f"per_class={self.per_class} names {len(self.per_class)} classes but {classes} count: "
                "give one name for each class, or for each class in include."
            )
        return self.per_class


def check_pool(layout: Layout, name: str) -> None:
    """Raise a ValueError where a metric that has no value for pooled counts is asked for one."""
    if layout.pool != "image":
        raise ValueError(f"pool={layout.pool!r}: {name} is measured on each image; leave pool at 'image'.")


def _quotient(total: Any, weight: Any) -> Any:
    total, weight = ops.convert_to_tensor(total), ops.convert_to_tensor(weight)
    seen = weight > 0
    return ops.where(seen, total / ops.where(seen, weight, ops.ones_like(weight)), ops.full_like(total, np.nan))


def field_defaults(settings: type) -> dict[str, Any]:
    """Return the default of each field of a dataclass."""
    return {field.name: field.default for field in dataclasses.fields(settings)}
