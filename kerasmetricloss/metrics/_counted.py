"""Streaming metrics of counts: a value a case, or one value of the counts of all cases."""

import dataclasses
from typing import Any, Unpack

from keras import ops

from kerasmetricloss.metrics._base import CaseMetric, PerClass, field_defaults
from kerasmetricloss.similarities import (
    Batch,
    Overlap,
    OverlapSettings,
    class_mean,
    count,
    score_settings,
    take_overlap,
    voxels,
)


class CountSettings(OverlapSettings, total=False):
    """The keyword arguments of :class:`CountMetric`."""

    threshold: float
    per_class: PerClass
    name: str | None
    dtype: str | None


class CountMetric(CaseMetric):
    """A metric that is a function of the counts I, P, Y and d of a case and class.

    With `pool="image"` (the default) it is the mean of a value a case. With `pool="batch"` the counts of all cases
    since the last reset are added up first, and the result is the value of the sums. That does not depend on how
    the cases fall into batches or replicas. `left_out` is then 1 where the sums of a class of weight above 0 have no
    value. Before the first voxel of weight above 0 the result is NaN and `left_out` 0: there is nothing yet that could
    have one, whether no case has come or all are ignored.

    Subclasses compute `_score(intersection, predicted, true, voxels)`.

    Args:
        threshold: As in `CaseMetric`.
        per_class: As in `CaseMetric`.
        name: As in `CaseMetric`.
        dtype: As in `CaseMetric`.
        **settings: The fields of `similarities.Layout` and `similarities.Overlap`.
    """

    _direction = "up"

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        per_class: PerClass = False,
        name: str | None = None,
        dtype: str | None = None,
        **settings: Unpack[OverlapSettings],
    ) -> None:
        layout, overlap = take_overlap(settings)
        super().__init__(threshold=threshold, per_class=per_class, name=name, dtype=dtype, **layout)
        self.overlap = overlap

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the cases of a batch; the arguments are those of `CaseMetric.update_state`."""
        if self.layout.pool == "image":
            super().update_state(y_true, y_pred, sample_weight)
            return
        batch = self._read(y_true, y_pred, sample_weight)
        self._build(batch.prediction.shape[batch.class_axis])
        pooled = ops.concatenate(self._counts(batch), axis=0)
        self._pooled.assign(self._pooled + ops.cast(pooled, self._state_dtype))

    def result_per_class(self) -> Any:
        """Return the value of each class that counts, shape (classes,)."""
        if self.layout.pool == "image" or not self._built:
            return super().result_per_class()
        return self._pooled_values()[0]

    @property
    def left_out(self) -> int:
        """The number of cases (or of pooled sums) in which a class of weight above 0 has no value."""
        if self.layout.pool == "image" or not self._built:
            return super().left_out
        missing = self.left_out_per_class
        weights = self._class_weights() or (1.0,) * len(missing)
        return max(int(weight > 0) * n for weight, n in zip(weights, missing, strict=True))

    @property
    def left_out_per_class(self) -> list[int]:
        """The number of cases (or of pooled sums) in which each class that counts has no value."""
        if self.layout.pool == "image" or not self._built:
            return super().left_out_per_class
        missing = ops.convert_to_numpy(ops.isnan(self._pooled_values()[0])).astype(int)
        seen = ops.convert_to_numpy(ops.convert_to_tensor(self._pooled))[3].max() > 0
        return (missing * seen).tolist()

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), **dataclasses.asdict(self.overlap)}

    def _defaults(self) -> dict[str, Any]:
        return {**super()._defaults(), **field_defaults(Overlap)}

    def _score(self, intersection: Any, predicted: Any, true: Any, voxels: Any) -> Any:
        """Return the score of counts of shape (cases, classes)."""
        raise NotImplementedError

    def _rule(self) -> dict[str, Any]:
        """Return smoothing, the empty-set rule and the division, as the ratios take them."""
        return score_settings(self.overlap)

    def _values(self, batch: Batch, **per_case: Any) -> Any:
        return self._score(*self._counts(batch))

    def _counts(self, batch: Batch) -> tuple[Any, Any, Any, Any]:
        pool = self.layout.pool
        return *count(batch, self.overlap, pool=pool), voxels(batch, pool=pool)

    def _make_state(self, classes: int) -> None:
        if self.layout.pool == "image":
            super()._make_state(classes)
        else:
            self._pooled = self._zeros((4, classes), "pooled_counts")

    def _mean_over_cases(self) -> Any:
        if self.layout.pool == "image" or not self._built:
            return super()._mean_over_cases()
        values = self._pooled_values()
        known = ops.logical_not(ops.isnan(values))
        values = ops.where(known, values, ops.zeros_like(values))
        mean, counted = (
            class_mean(x, self._class_weights(), present=known)[0] for x in (values, ops.ones_like(values))
        )
        return ops.where(counted > 0, mean, ops.full_like(mean, float("nan")))

    def _pooled_values(self) -> Any:
        """Return the value of each class; NaN before the first voxel."""
        pooled = ops.convert_to_tensor(self._pooled)
        values = self._score(*(pooled[i : i + 1] for i in range(4)))
        return ops.where(ops.max(pooled[3]) > 0, values, ops.full_like(values, float("nan")))
