"""Surface distances as Keras metrics, in mm: concrete arrays only."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Unpack

import keras
import numpy as np
from keras import ops

from kerasmetricloss.metrics._base import CaseMetric, CaseSettings, check_pool
from kerasmetricloss.metrics.surface import (
    Definition,
    check_definition,
    check_missing,
    check_score,
    hausdorff_distance,
    normalized_surface_distance,
)
from kerasmetricloss.similarities import Batch
from kerasmetricloss.similarities.checks import is_number, number, several


class SurfaceMetric(CaseMetric):
    """A metric that measures between the surfaces of two masks, one case and class at a time, on the CPU.

    The search for the nearest surface voxel is no tensor operation. So `update_state` needs arrays with values:
    called by hand, by `ScoreAfterEpoch`, or in a model compiled with `run_eagerly=True`.

    Voxels of weight 0 (and those of `ignore_label`) are background in both masks. Other weights a voxel make no
    difference.

    Args:
        spacing_mm: Distance in mm between voxel centres along each space axis, or one number for all; None stands for
            1 along each.
        **settings: As in `CaseMetric`.
    """

    def __init__(self, *, spacing_mm: float | Sequence[float] | None = None, **settings: Unpack[CaseSettings]) -> None:
        super().__init__(**settings)
        check_pool(self.layout, type(self).__name__)
        self.spacing_mm = None
        if spacing_mm is not None:
            expected = "positive numbers, one a space axis or one for all"
            self.spacing_mm = _one_or_several("spacing_mm", spacing_mm, expected, lambda x: 0 < x < np.inf)

    def update_state(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        *,
        spacing_mm: float | Sequence[float] | Sequence[Sequence[float]] | None = None,
    ) -> None:
        """Add the cases of a batch.

        Args:
            y_true: As in `CaseMetric.update_state`, but 0 or 1.
            y_pred: As in `CaseMetric.update_state`.
            sample_weight: As in `CaseMetric.update_state`.
            spacing_mm: Spacing of these cases: a number, shape (axes,), or (batch, axes) for one a case. None for the
                metric's.

        Raises:
            RuntimeError: If the arrays have no values because the step is compiled.
        """
        self._update(y_true, y_pred, sample_weight, spacing_mm=spacing_mm)

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "spacing_mm": self.spacing_mm}

    def _update(self, y_true: Any, y_pred: Any, sample_weight: Any, **per_case: Any) -> None:
        if _in_symbolic_build():
            batch = self._read(y_true, y_pred, sample_weight)
            self._build(batch.prediction.shape[batch.class_axis])
        else:
            super()._update(y_true, y_pred, sample_weight, **per_case)

    def _values(self, batch: Batch, *, spacing_mm: Any = None) -> Any:
        if not batch.space_axes:
            shape = tuple(batch.prediction.shape)
            raise ValueError(f"y_pred has shape {shape}: {type(self).__name__} needs at least one space axis.")
        arrays = [self._mask(x) for x in (batch.truth, batch.prediction)]
        if batch.weight is not None:
            counts = self._concrete(batch.weight) > 0
            arrays = [np.where(counts, x, 0) for x in arrays]
        truth, prediction = (np.moveaxis(x, batch.class_axis, 1) for x in arrays)
        spacing = _spacing_a_case(self.spacing_mm if spacing_mm is None else spacing_mm, len(truth), truth.ndim - 2)
        values = [
            [self._measure(y, p, step, index) for index, (y, p) in enumerate(zip(*case, strict=True))]
            for *case, step in zip(truth, prediction, spacing, strict=True)
        ]
        return ops.convert_to_tensor(np.reshape(values, truth.shape[:2]), dtype=self._state_dtype)

    def _measure(self, y_true: np.ndarray, y_pred: np.ndarray, spacing_mm: np.ndarray, index: int) -> float:
        raise NotImplementedError

    def _mask(self, tensor: Any) -> np.ndarray:
        """Return a mask as booleans, a quarter of the memory to copy; what is no mask is left for the error to show."""
        inside = ops.not_equal(tensor, 0)
        binary = self._concrete(ops.all(ops.equal(tensor, ops.cast(inside, tensor.dtype))))
        return self._concrete(inside if binary else tensor)

    def _concrete(self, tensor: Any) -> np.ndarray:
        try:
            return ops.convert_to_numpy(tensor)
        except Exception as error:
            raise RuntimeError(
                f"{type(self).__name__} searches surfaces on arrays with values, but this step is compiled. Compile "
                "the model with run_eagerly=True, or leave the metric out of compile() and score after each epoch: "
                f"fit(..., callbacks=[kerasmetricloss.metrics.ScoreAfterEpoch(x, y, metrics=[{self!r}])])."
            ) from error


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class HausdorffDistance(SurfaceMetric):
    """Mean over cases of the Hausdorff distance, in mm (the paper's HDD, Table IV, at the 100th percentile).

    The largest distance from a surface voxel of either mask to the surface of the other. "HD95" is
    `percentile=95` with one of three definitions; `metrics.surface.hausdorff_distance` explains them.

    | truth | prediction | value of the case |
    |---|---|---|
    | empty | empty | `empty`, by default 0: they agree |
    | not | empty | `missed`; by default the case is left out and counted in `left_out` |
    | empty | not | the same |
    | not | not | the distance |

    A mean without the missed cases makes a model look better the more it misses: report `left_out` beside it, or set
    `missed`. A case of several classes that lacks one of them has the mean of the others, and counts in `left_out`.

    Args:
        spacing_mm: Distance in mm between voxel centres along each space axis, or one number for all; None stands for
            1 along each. A spacing a case goes to `update_state`.
        percentile: 100 for the maximum.
        definition: Below 100: `"larger"` of the two directed percentiles, the `"pooled"` percentile, or the `"mean"`.
        empty: Value in mm of two empty masks; NaN leaves them out.
        missed: Value in mm where one mask alone is empty; `"diagonal"` for that of the image, None to leave it out.
        **settings: `threshold`, `per_class`, `name`, `dtype`, `classes`, `from_logits`, `data_format`, `include`,
            `class_weights` and `ignore_label`, as in `AbsoluteVolumeDifference`.

    Raises:
        TypeError: If the metric does not have an argument; the message names the metric.
        ValueError: If a setting is out of range, or arrays do not fit; the message names their shapes.

    Example:
        >>> metric = HausdorffDistance(spacing_mm=(2.0, 3.0))
        >>> y_true, y_pred = np.zeros((1, 4, 5, 1)), np.zeros((1, 4, 5, 1))
        >>> y_true[0, 1, 1] = y_pred[0, 3, 2] = 1
        >>> metric.update_state(y_true, y_pred)
        >>> round(float(metric.result()), 3)  # 2 steps of 2 mm and 1 of 3 mm
        5.0
    """

    default_name = "hausdorff_distance"
    _direction = "down"

    def __init__(
        self,
        *,
        spacing_mm: float | Sequence[float] | None = None,
        percentile: float = 100.0,
        definition: Definition = "larger",
        empty: float = 0.0,
        missed: float | Literal["diagonal"] | None = None,
        **settings: Unpack[CaseSettings],
    ) -> None:
        super().__init__(spacing_mm=spacing_mm, **settings)
        check_definition(percentile, definition)
        self.percentile, self.definition = float(percentile), definition
        check_missing(empty, missed)
        self.empty = float(empty)
        self.missed = missed if missed is None or isinstance(missed, str) else float(missed)

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        own = {key: getattr(self, key) for key in ("percentile", "definition", "empty", "missed")}
        return {**super().get_config(), **own}

    def _measure(self, y_true: np.ndarray, y_pred: np.ndarray, spacing_mm: np.ndarray, index: int) -> float:
        return hausdorff_distance(
            y_true,
            y_pred,
            spacing_mm=spacing_mm,
            percentile=self.percentile,
            definition=self.definition,
            empty=self.empty,
            missed=self.missed,
        )


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class NormalizedSurfaceDistance(SurfaceMetric):
    """Mean over cases of the share of both surfaces that lies within a tolerance of the other.

    `metrics.surface.normalized_surface_distance` has the definition. Two empty masks score `empty`, by default 1; one
    empty mask alone scores 0.

    Args:
        tolerance_mm: Distance in mm up to which (and including) a surface voxel counts as right; one number, or one for
            each class that counts.
        spacing_mm: Distance in mm between voxel centres along each space axis, or one number for all; None stands for
            1 along each. A spacing a case goes to `update_state`.
        empty: Score of two empty masks; NaN leaves them out.
        **settings: As in `HausdorffDistance`.

    Raises:
        TypeError: If the metric does not have an argument; the message names the metric.
        ValueError: If a setting is out of range, or arrays do not fit; the message names their shapes.

    Example:
        >>> metric = NormalizedSurfaceDistance(tolerance_mm=1.0)
        >>> y_true, y_pred = np.zeros((1, 4, 5, 1)), np.zeros((1, 4, 5, 1))
        >>> y_true[0, 1, 1] = y_pred[0, 1, 1] = y_pred[0, 1, 4] = 1
        >>> metric.update_state(y_true, y_pred)
        >>> round(float(metric.result()), 3)  # 2 of 3 surface voxels
        0.667
    """

    default_name = "normalized_surface_distance"
    _direction = "up"

    def __init__(
        self,
        *,
        tolerance_mm: float | Sequence[float],
        spacing_mm: float | Sequence[float] | None = None,
        empty: float = 1.0,
        **settings: Unpack[CaseSettings],
    ) -> None:
        super().__init__(spacing_mm=spacing_mm, **settings)
        expected = "a distance of at least 0, or one a class"
        self.tolerance_mm = _one_or_several("tolerance_mm", tolerance_mm, expected, lambda x: 0 <= x < np.inf)
        check_score(empty)
        self.empty = float(empty)

    def _build(self, classes: int) -> None:
        if isinstance(self.tolerance_mm, tuple) and len(self.tolerance_mm) != classes:
            raise ValueError(f"tolerance_mm has {len(self.tolerance_mm)} entries for {classes} classes that count.")
        super()._build(classes)

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "tolerance_mm": self.tolerance_mm, "empty": self.empty}

    def _measure(self, y_true: np.ndarray, y_pred: np.ndarray, spacing_mm: np.ndarray, index: int) -> float:
        tolerance = self.tolerance_mm[index] if isinstance(self.tolerance_mm, tuple) else self.tolerance_mm
        return normalized_surface_distance(
            y_true, y_pred, tolerance_mm=tolerance, spacing_mm=spacing_mm, empty=self.empty
        )


def _one_or_several(
    name: str, value: float | Sequence[float], expected: str, allowed: Callable[[float], bool]
) -> float | tuple[float, ...]:
    if is_number(value):
        return float(number(name, value, expected, allowed))
    return tuple(map(float, several(name, value, expected, number, allowed)))


def _spacing_a_case(spacing_mm: Any, cases: int, axes: int) -> np.ndarray:
    """Return the spacing as an array of shape (cases, axes)."""
    spacing = np.ones(axes) if spacing_mm is None else np.asarray(spacing_mm, np.float64)
    if spacing.shape not in ((), (axes,), (cases, axes)):
        raise ValueError(
            f"spacing_mm has shape {spacing.shape} for {cases} cases of {axes} space axes: "
            f"expected one number, ({axes},), or ({cases}, {axes}) for a spacing a case."
        )
    return np.broadcast_to(spacing, (cases, axes))


def _in_symbolic_build() -> bool:
    """Tell whether Keras only builds the metric's state: it does so with tensors that stand for no data."""
    with keras.SymbolicScope() as scope:
        return scope.original_scope is not None
