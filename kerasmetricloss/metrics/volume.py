"""The difference of volumes, in ml."""

import math
from collections.abc import Sequence
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from kerasmetricloss.metrics._base import CaseMetric, CaseSettings, check_pool
from kerasmetricloss.similarities import Batch, total
from kerasmetricloss.similarities.checks import number
from kerasmetricloss.similarities.values import as_array


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class AbsoluteVolumeDifference(CaseMetric):
    """Mean over cases of | |s| - |y| | times the volume of a voxel, in ml.

    The paper's AVD (Table IV). A voxel of 2 x 2 x 2 mm has 0.008 ml. All four cases of empty masks have a value: the
    volume of the other mask, which is 0 where both are empty. Compiled steps can compute it.

    Differences are summed voxel by voxel, so that large volumes that differ little keep what they differ by. What a
    single-precision sum rounds stays inexact: a difference of more than 2^24 voxels on the way, weights that are no
    whole numbers, and the sum over cases; dtype="float64" mends all three.

    Args:
        voxel_volume_ml: Volume of a voxel in ml, above 0.
        threshold: A voxel is foreground where its probability is above this; strict.
        per_class: False for a scalar result; True or names of classes for a value a class beside it.
        name: Name in the logs; None for the class' own.
        dtype: Sums are float32, or float64 with "float64"; on JAX only in its x64 mode.
        **settings: `classes`, `from_logits`, `data_format`, `include`, `class_weights` and `ignore_label`, as the
            losses have them (`similarities.Layout`).

    Raises:
        TypeError: If the metric does not have an argument; the message names the metric.
        ValueError: If a setting is out of range, or arrays do not fit; the message names their shapes.

    Example:
        >>> import numpy as np
        >>> metric = AbsoluteVolumeDifference(voxel_volume_ml=0.008)
        >>> metric.update_state(np.array([[[1.0], [1.0], [1.0]]]), np.array([[[0.9], [0.4], [0.2]]]))
        >>> round(float(metric.result()), 3)  # 2 voxels
        0.016
    """

    default_name = "absolute_volume_difference"
    _direction = "down"

    def __init__(self, *, voxel_volume_ml: float, **settings: Unpack[CaseSettings]) -> None:
        super().__init__(**settings)
        check_pool(self.layout, type(self).__name__)
        positive = number("voxel_volume_ml", voxel_volume_ml, "a volume above 0", lambda x: 0 < x < math.inf)
        self.voxel_volume_ml = float(positive)

    def update_state(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        *,
        voxel_volume_ml: float | Sequence[float] | None = None,
    ) -> None:
        """Add the cases of a batch.

        Args:
            y_true: As in `CaseMetric.update_state`.
            y_pred: As in `CaseMetric.update_state`.
            sample_weight: As in `CaseMetric.update_state`; a weight a voxel scales the voxel's volume.
            voxel_volume_ml: Volume of a voxel of these cases, one number or one a case; None for the metric's own.
        """
        self._update(y_true, y_pred, sample_weight, voxel_volume_ml=voxel_volume_ml)

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "voxel_volume_ml": self.voxel_volume_ml}

    def _values(self, batch: Batch, *, voxel_volume_ml: Any = None) -> Any:
        difference = total(batch.prediction - batch.truth, batch.weight, batch)
        volume = self.voxel_volume_ml if voxel_volume_ml is None else voxel_volume_ml
        given = as_array(volume)
        readable = isinstance(given, int | float | np.ndarray | np.number)
        if readable and not np.all((given > 0) & (given < math.inf)):
            raise ValueError(f"voxel_volume_ml is {volume}: expected a volume above 0 in ml, one or one a case.")
        volume = ops.reshape(ops.convert_to_tensor(volume, dtype=difference.dtype), (-1, 1))
        cases, volumes = difference.shape[0], volume.shape[0]
        if None not in (cases, volumes) and volumes not in (1, cases):
            raise ValueError(
                f"voxel_volume_ml has {volumes} entries for {cases} cases: give one number, or one a case."
            )
        return ops.abs(difference) * volume
