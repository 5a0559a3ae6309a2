"""Soft Dice, soft Jaccard and soft Tversky: one minus the ratio of soft counts (Eqs. 11-14)."""

import math
from dataclasses import asdict
from typing import Any, Unpack

import keras
from keras import ops

from kerasmetricloss.losses._base import SegmentationLoss, sum_over_replicas
from kerasmetricloss.similarities import (
    Batch,
    Counts,
    OverlapSettings,
    count,
    divide,
    ratios,
    score_settings,
    spread_class_weights,
    take_overlap,
)
from kerasmetricloss.similarities.checks import number


class OverlapLoss(SegmentationLoss):
    """Base of the losses on counts: a subclass defines ``score(counts)``.

    Args:
        **settings: the fields of :class:`kerasmetricloss.similarities.Overlap` and
            :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.
    """

    def __init__(self, **settings: Unpack[OverlapSettings]):
        others, overlap = take_overlap(settings)
        super().__init__(**others)
        self.overlap = overlap
        if math.isnan(self.overlap.empty):
            raise ValueError("empty=nan, expected a number: a loss that is NaN for one image is NaN for its batch.")

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), **asdict(self.overlap)}

    def score(self, counts: Counts) -> Any:
        """Return the score of each image and class from its counts."""
        raise NotImplementedError

    def counts(self, batch: Batch) -> Counts:
        """Return the counts of each image and class; those of pool="batch" are summed over all replicas."""
        counts = count(batch, self.overlap, pool=self.layout.pool)
        return Counts(*map(sum_over_replicas, counts)) if self.layout.pool == "batch" else counts

    def values(self, batch: Batch) -> Any:
        """Return one minus the score of each image and class."""
        return 1 - self.score(self.counts(batch))


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class SoftTversky(OverlapLoss):
    """Soft Tversky loss: 1 - <y,p> / (<y,p> + alpha <1-y,p> + beta <y,1-p>), Eq. 14.

    ``alpha`` weighs false positives, ``beta`` false negatives (``keras.losses.Tversky`` has them the other way round
    up to Keras 3.15.1). At (1/2, 1/2) it is :class:`SoftDice`, at (1, 1) :class:`SoftJaccard`, at
    (1, b^2) / (1 + b^2) one minus F-beta.

    Two empty sets have loss 0 (``1 - empty``). An empty truth with any prediction has loss 1 and gradient 0: see
    :class:`SoftDice`.

    Args:
        alpha: weight of false positives, > 0.
        beta: weight of false negatives, > 0.
        **settings: the fields of :class:`kerasmetricloss.similarities.Overlap` and
            :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: alpha or beta is not above 0 and finite, a setting is out of its range, or ``empty`` is NaN.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[0.5], [1.0], [0.5]]])
        >>> round(float(SoftTversky(alpha=0.3, beta=0.7)(y_true, y_pred)), 3)  # 1 - 1.5 / (1.5 + 0.15 + 0.35)
        0.25
    """

    def __init__(self, *, alpha: float = 0.5, beta: float = 0.5, **settings: Unpack[OverlapSettings]):
        super().__init__(**settings)
        self.alpha, self.beta = (
            float(number(name, weight, "a number > 0", lambda x: 0 < x < math.inf))
            for name, weight in (("alpha", alpha), ("beta", beta))
        )

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}

    def score(self, counts: Counts) -> Any:
        """Return the Tversky index of each image and class."""
        return ratios.tversky(*counts, alpha=self.alpha, beta=self.beta, **score_settings(self.overlap))


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class SoftDice(OverlapLoss):
    """Soft Dice loss: 1 - 2 <y,p> / (|y| + |p|), Eq. 11.

    |p| is the sum of p (``norm=1``, the paper's experiments) or of its squares (``norm=2``, Eq. 12). The loss is taken
    for every image and class, then averaged; ``pool="batch"`` sums over the batch first.

    Two empty sets have loss 0 (``1 - empty``). With an empty truth the loss is exactly 1 whatever is
    predicted, with gradient 0: such an image teaches nothing. Pooling over the batch, or ``smooth_nr`` and
    ``smooth_dr`` of about the mean volume of the structure, make it teach (https://arxiv.org/abs/2207.09521).

    Args:
        **settings: the fields of :class:`kerasmetricloss.similarities.Overlap` and
            :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: a setting is out of its range, or ``empty`` is NaN.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[0.5], [1.0], [0.5]]])
        >>> round(float(SoftDice()(y_true, y_pred)), 3)  # 1 - 2 * 1.5 / (2 + 2)
        0.25
        >>> SoftDice(norm=2, include=[1, 2])
        SoftDice(include=(1, 2), norm=2)
    """

    def score(self, counts: Counts) -> Any:
        """Return the Dice score of each image and class."""
        return ratios.dice(*counts, **score_settings(self.overlap))


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class SoftJaccard(OverlapLoss):
    """Soft Jaccard loss: 1 - <y,p> / (|y| + |p| - <y,p>), Eq. 13.

    Two empty sets have loss 0 (``1 - empty``). With an empty truth the loss is 1 whatever is predicted, with gradient
    0: see :class:`SoftDice`.

    Args:
        **settings: the fields of :class:`kerasmetricloss.similarities.Overlap` and
            :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: a setting is out of its range, or ``empty`` is NaN.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[0.5], [1.0], [0.5]]])
        >>> round(float(SoftJaccard()(y_true, y_pred)), 3)  # 1 - 1.5 / (2 + 2 - 1.5)
        0.4
    """

    def score(self, counts: Counts) -> Any:
        """Return the Jaccard index of each image and class."""
        return ratios.jaccard(*counts, **score_settings(self.overlap))


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class FocalTversky(SoftTversky):
    """Focal Tversky loss: (1 - T) ** gamma with T as in :class:`SoftTversky`.

    With gamma < 1 the gradient grows as the loss gets small; at loss 0, where it would be infinite, it is 0. Below 0,
    where predictions are no probabilities, the loss is 1 - T: a forgotten ``from_logits`` shows.

    Args:
        gamma: the exponent, > 0. The source writes 1/gamma, and 4/3 for the default here.
        alpha: weight of false positives, > 0; the source takes 0.3.
        beta: weight of false negatives, > 0; the source takes 0.7.
        **settings: the fields of :class:`kerasmetricloss.similarities.Overlap` and
            :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: gamma, alpha or beta is not above 0 and finite, a setting is out of its range, or ``empty`` is NaN.

    Source: Abraham and Khan, ISBI 2019, https://arxiv.org/abs/1810.07842.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[0.5], [1.0], [0.5]]])
        >>> round(float(FocalTversky(gamma=0.5)(y_true, y_pred)), 3)  # sqrt(1 - 2 * 1.5 / 4)
        0.5
    """

    def __init__(
        self, *, gamma: float = 0.75, alpha: float = 0.5, beta: float = 0.5, **settings: Unpack[OverlapSettings]
    ):
        super().__init__(alpha=alpha, beta=beta, **settings)
        self.gamma = float(number("gamma", gamma, "a number > 0", lambda x: 0 < x < math.inf))

    def get_config(self) -> dict[str, Any]:
        """Return every argument."""
        return {**super().get_config(), "gamma": self.gamma}

    def values(self, batch: Batch) -> Any:
        """Return (1 - T) ** gamma of each image and class."""
        loss = super().values(batch)
        no_power = loss <= 0  # false of NaN, which must come out
        power = ops.power(ops.where(no_power, ops.ones_like(loss), loss), self.gamma)
        return ops.where(no_power, ops.where(loss < 0, loss, ops.zeros_like(loss)), power)


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class GeneralizedDice(OverlapLoss):
    """Generalized Dice loss: 1 - 2 sum_c w_c <y_c,p_c> / sum_c w_c (|y_c| + |p_c|) with w_c = 1 / |y_c|^2.

    One value an image, over all classes. Classes absent from the truth are left out; an image with none has loss 0
    (``1 - empty``). ``class_weights`` multiply w_c.

    Args:
        **settings: the fields of :class:`kerasmetricloss.similarities.Overlap` and
            :class:`kerasmetricloss.similarities.Layout`; ``name``, ``reduction`` and ``dtype``.

    Raises:
        TypeError: an argument that the loss does not have; the message names the loss.
        ValueError: a setting is out of its range, or ``empty`` is NaN.

    Source: Sudre et al., DLMIA 2017, https://arxiv.org/abs/1707.03237.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> y_pred = np.array([[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]])
        >>> round(float(GeneralizedDice()(y_true, y_pred)), 3)  # 1 - 2 (1.5 / 4 + 1) / (3.5 / 4 + 2.5)
        0.185
    """

    def image_values(self, batch: Batch) -> Any:
        """Return the loss of each image, shape (batch,)."""
        intersection, predicted, true = self.counts(batch)
        # Weights relative to the rarest class, (m / |y_c|)^2, cannot overflow. They scale the smoothing by m^2.
        class_weights = spread_class_weights(self.layout.class_weights, true)
        absent = ops.logical_or(true <= 0, class_weights <= 0)
        most = ops.max(ops.where(absent, 0, true), axis=-1, keepdims=True, initial=0)  # PyTorch, of no image
        rarest = ops.min(ops.where(absent, most, true), axis=-1, keepdims=True, initial=math.inf)
        weights = ops.square(divide(rarest * ops.ones_like(true), true, 0.0)) * class_weights
        sums = [ops.sum(weights * x, axis=-1) for x in (intersection, predicted, true)]
        scale = ops.square(rarest[..., 0])
        settings = score_settings(self.overlap)
        settings |= {"smooth_nr": self.overlap.smooth_nr * scale, "smooth_dr": self.overlap.smooth_dr * scale}
        return 1 - ratios.dice(*sums, **settings)
