"""The Lovász losses: for sigmoid, softmax and hinge. See ``extension`` for the function they share."""

import math
from typing import Any, ClassVar, Literal, Unpack

import keras
from keras import ops

from kerasmetricloss.losses._base import SegmentationLoss, replicas
from kerasmetricloss.losses.extension import binned_extension, sorted_extension
from kerasmetricloss.similarities import Batch, Layout, LayoutSettings, class_mean, total
from kerasmetricloss.similarities.checks import choose, number, whole


class LovaszLoss(SegmentationLoss):
    """Base of the Lovász losses.

    The empty-set rule: where the truth of an image and class is empty and no voxel has an error, the loss is
    ``1 - empty``. Where the truth is empty and any voxel has an error, it is the largest error.

    Args:
        bins: None sorts the errors; a number puts them into that many bins.
        empty: the score of two empty sets.
        **settings: the fields of :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.
    """

    no_overlap: ClassVar[str] = "the Lovász extension is no ratio of soft sums, so it takes empty= only"

    def __init__(self, *, bins: int | None = None, empty: float = 1.0, **settings: Unpack[LayoutSettings]):
        super().__init__(**settings)
        self.bins = None if bins is None else whole("bins", bins, "None or a whole number >= 2", lambda x: x >= 2)
        self.empty = float(number("empty", empty, "a number", math.isfinite))

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "bins": self.bins, "empty": self.empty}

    def errors(self, batch: Batch) -> Any:
        """Return the error of each voxel, of the shape of the prediction."""
        return ops.abs(batch.truth - batch.prediction)

    def values(self, batch: Batch) -> Any:
        """Return the extension for each image and class, shape (batch, classes)."""
        pool = self.layout.pool
        if pool == "batch" and replicas()[0] > 1:
            raise ValueError(
                f"{type(self).__name__}(pool='batch') ranks the errors of the whole batch, which {replicas()[0]} "
                "replicas hold in parts: use pool='image', or one replica."
            )
        errors, weight = self.errors(batch), batch.weight
        if weight is not None:
            weight = weight * ops.ones_like(errors)
        if self.bins is not None:
            rows, number = _row_numbers(batch, pool)
            flat = binned_extension(errors, batch.truth, weight, rows, number, self.bins)
            # NaN and infinite errors have no bin: they must not vanish.
            flat = flat + ops.stop_gradient(0 * ops.reshape(total(errors, None, batch, pool=pool), (-1,)))
        else:
            arrays = (x if x is None else _as_rows(x, batch, pool) for x in (errors, batch.truth, weight))
            flat = sorted_extension(*arrays)
        values = ops.reshape(flat, (-1, errors.shape[batch.class_axis]))
        if self.empty == 1:
            # Without any error the extension is 0 already.
            return values
        nothing = total(errors + batch.truth, weight, batch, pool=pool) <= 0
        return ops.where(nothing, ops.cast(1 - self.empty, values.dtype), values)


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class LovaszSigmoid(LovaszLoss):
    """Lovász extension of the Jaccard loss for independent classes, with errors |y - p|.

    On hard predictions it is the Jaccard loss. With an empty truth it is the largest p: only that voxel learns; but
    if all p are 0 too, it is ``1 - empty``. There is no smoothing, no norm and no intersection to choose.

    Train with cross-entropy first, as the paper does, until the network tells the classes apart. Before it does, 0.5
    everywhere holds it: where a share s < 1/2 is foreground, a constant p has loss 1 - p up to p = 1/2 and
    s + (1 - 2s) p beyond. A training whose loss stays at 0.5 is there.

    Args:
        bins: None for the exact value by sorting. A number (1000, say) rounds the errors to that many levels: the value
            differs by at most 1 / bins, and takes a fraction of the time under XLA.
        empty: the score of two empty sets: of an empty truth where every p is 0.
        **settings: the fields of :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: a setting is out of its range, or classes="exclusive".

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[0.5], [0.8], [0.9]]])
        >>> round(float(LovaszSigmoid()(y_true, y_pred)), 3)  # 0.9 / 3 + 0.5 / 3 + 0.2 / 3
        0.533
        >>> round(float(LovaszSigmoid(bins=11)(y_true, y_pred)), 3)  # the same: these errors are levels
        0.533
    """

    def __init__(self, *, bins: int | None = None, empty: float = 1.0, **settings: Unpack[LayoutSettings]):
        super().__init__(bins=bins, empty=empty, **settings)
        if self.layout.classes != "independent":
            raise ValueError("LovaszSigmoid is for independent classes: use LovaszSoftmax for exclusive ones.")


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class LovaszSoftmax(LovaszLoss):
    """Lovász extension of the Jaccard loss for exclusive classes, with errors |y_c - p_c| for each class.

    Args:
        classes_in_mean: "present" takes the mean over the classes in the truth of an image, "all" over all classes.
            An image without any (all of it ignored) has loss 0.
        bins: as for :class:`LovaszSigmoid`.
        empty: as for :class:`LovaszSigmoid`; it matters with classes_in_mean="all" only.
        **settings: the fields of :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: a setting is out of its range, or classes="independent".

    Example:
        >>> import numpy as np
        >>> labels = np.array([[0, 1, 2]])
        >>> y_pred = np.array([[[0.6, 0.29, 0.11], [0.21, 0.68, 0.11], [0.12, 0.19, 0.69]]])
        >>> round(float(LovaszSoftmax(classes_in_mean="all")(labels, y_pred)), 3)  # (0.4 + 0.32 + 0.31) / 3
        0.343
    """

    def __init__(
        self,
        *,
        classes_in_mean: Literal["present", "all"] = "present",
        bins: int | None = None,
        empty: float = 1.0,
        **settings: Unpack[LayoutSettings],
    ):
        super().__init__(bins=bins, empty=empty, **{"classes": "exclusive", **settings})
        if self.layout.classes != "exclusive":
            raise ValueError("LovaszSoftmax is for exclusive classes: use LovaszSigmoid for independent ones.")
        choose("classes_in_mean", classes_in_mean, ("present", "all"))
        self.classes_in_mean = classes_in_mean

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "classes_in_mean": self.classes_in_mean}

    def image_values(self, batch: Batch) -> Any:
        """Return the mean over the classes of each image, shape (batch,)."""
        present = None
        if self.classes_in_mean == "present":
            present = total(batch.truth, batch.weight, batch, pool=self.layout.pool) > 0
        return class_mean(self.values(batch), self.layout.class_weights, present)


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class LovaszHinge(LovaszLoss):
    """Lovász extension of the Jaccard loss with hinge errors max(0, 1 - z) for foreground, max(0, 1 + z) else.

    y_pred holds logits z. Errors have no upper bound, so there is no binned form.

    Args:
        empty: the score of two empty sets: of an empty truth where every z is at most -1.
        **settings: the fields of :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: a setting is out of its range, from_logits=False, or classes="exclusive".

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [0.0]]])
        >>> logits = np.array([[[0.5], [-2.0]]])
        >>> round(float(LovaszHinge()(y_true, logits)), 3)  # 0.5 * 1 / 1
        0.5
    """

    def __init__(self, *, empty: float = 1.0, **settings: Unpack[LayoutSettings]):
        if settings.pop("bins", None) is not None:
            raise ValueError("LovaszHinge has no bins: its errors are not bounded.")
        super().__init__(empty=empty, **{"from_logits": True, **settings})
        if not self.layout.from_logits or self.layout.classes != "independent":
            raise ValueError("LovaszHinge takes logits of independent classes: from_logits=True.")

    def activation(self, y_pred: Any, class_axis: int, layout: Layout) -> Any:
        """Return the logits as they are."""
        return y_pred

    def errors(self, batch: Batch) -> Any:
        """Return the hinge error of each voxel."""
        return ops.relu(1 - batch.prediction * (2 * batch.truth - 1))


def _as_rows(x: Any, batch: Batch, pool: str) -> Any:
    """Return x as (batch * classes, voxels), or (classes, batch * voxels) for pool="batch"."""
    classes = x.shape[batch.class_axis]
    if pool == "batch":
        order, rows = (batch.class_axis, 0, *batch.space_axes), (classes, -1)
    else:
        # The number of voxels is static more often than that of images: TensorFlow's top_k needs it.
        voxels = math.prod(ops.shape(x)[axis] for axis in batch.space_axes)
        order, rows = (0, batch.class_axis, *batch.space_axes), (ops.shape(x)[0] * classes, voxels)
    return ops.reshape(x if classes == 1 else ops.transpose(x, order), rows)


def _row_numbers(batch: Batch, pool: str) -> tuple[Any, Any]:
    """Return the row of each voxel, to be broadcast, and the number of rows: a row is an image and class."""
    shape = ops.shape(batch.prediction)
    classes, rank = shape[batch.class_axis], len(shape)
    rows = ops.reshape(ops.arange(classes, dtype="int32"), [-1 if a == batch.class_axis else 1 for a in range(rank)])
    if pool == "batch":
        return rows, classes
    images = ops.reshape(ops.arange(shape[0], dtype="int32"), (-1,) + (1,) * (rank - 1))
    return images * classes + rows, shape[0] * classes
