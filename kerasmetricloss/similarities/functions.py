"""The similarities of Eqs. 2-6 between arrays: a value an image and class."""

import math
from typing import Any, Unpack

import numpy as np

from kerasmetricloss.similarities import ratios
from kerasmetricloss.similarities.arrays import Batch, read
from kerasmetricloss.similarities.checks import number
from kerasmetricloss.similarities.counts import Counts, count, divide, voxels
from kerasmetricloss.similarities.settings import (
    Layout,
    LayoutSettings,
    Overlap,
    OverlapSettings,
    from_keywords,
    take_overlap,
)


def dice(y_true: Any, y_pred: Any, *, sample_weight: Any = None, **settings: Unpack[OverlapSettings]) -> Any:
    """Dice score: 2 |y and p| / (|y| + |p|), Eq. 2.

    Args:
        y_true: (batch, *space, classes), or a label map (batch, *space) or (batch, *space, 1). Masks that are NumPy
            arrays are checked to lie in [0, 1]; the values of tensors are not looked at.
        y_pred: (batch, *space, classes), in [0, 1]; logits with from_logits=True.
        sample_weight: None, or weights a voxel: (batch, *space), (batch, *space, 1) or (batch, *space, classes).
            Weights an image, (batch,), need pool="batch".
        **settings: the fields of :class:`Layout` and :class:`Overlap`.

    Returns:
        Shape (batch, classes), or (1, classes) with pool="batch"; two empty sets score 1 unless ``empty`` says else.

    Raises:
        ValueError: shapes that do not fit, or weights an image for a value an image; the message names the shapes.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[1.0], [0.0], [0.0]]])
        >>> round(float(dice(y_true, y_pred)[0, 0]), 3)  # 2 * 1 / (2 + 1)
        0.667
    """
    counts, rule = _counts("dice", y_true, y_pred, sample_weight, settings)
    return ratios.dice(*counts, **rule)


def jaccard(y_true: Any, y_pred: Any, *, sample_weight: Any = None, **settings: Unpack[OverlapSettings]) -> Any:
    """Jaccard index: |y and p| / |y or p|, Eq. 3. Arguments and result as for :func:`dice`.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[1.0], [0.0], [0.0]]])
        >>> round(float(jaccard(y_true, y_pred)[0, 0]), 3)
        0.5
    """
    counts, rule = _counts("jaccard", y_true, y_pred, sample_weight, settings)
    return ratios.jaccard(*counts, **rule)


def tversky(
    y_true: Any,
    y_pred: Any,
    *,
    alpha: float,
    beta: float,
    sample_weight: Any = None,
    **settings: Unpack[OverlapSettings],
) -> Any:
    """Tversky index: I / (I + alpha FP + beta FN), Eq. 6. Other arguments and result as for :func:`dice`.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[1.0], [0.0], [0.0]]])
        >>> round(float(tversky(y_true, y_pred, alpha=0.3, beta=0.7)[0, 0]), 3)  # 1 / (1 + 0.7)
        0.588
    """
    for name, weight in (("alpha", alpha), ("beta", beta)):
        number(name, weight, "a number >= 0", lambda x: 0 <= x < math.inf)
    counts, rule = _counts("tversky", y_true, y_pred, sample_weight, settings)
    return ratios.tversky(*counts, alpha=alpha, beta=beta, **rule)


def f_beta(
    y_true: Any, y_pred: Any, *, beta: float, sample_weight: Any = None, **settings: Unpack[OverlapSettings]
) -> Any:
    """F-beta: (1 + b^2) I / (P + b^2 Y). Other arguments and result as for :func:`dice`.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[1.0], [0.0], [0.0]]])
        >>> round(float(f_beta(y_true, y_pred, beta=2.0)[0, 0]), 3)  # 5 * 1 / (1 + 4 * 2)
        0.556
    """
    number("beta", beta, "a number >= 0", lambda x: 0 <= x < math.inf)
    counts, rule = _counts("f_beta", y_true, y_pred, sample_weight, settings)
    return ratios.f_beta(*counts, beta=beta, **rule)


def hamming(y_true: Any, y_pred: Any, *, sample_weight: Any = None, **layout: Unpack[LayoutSettings]) -> Any:
    """Hamming similarity (accuracy): 1 - (FP + FN) / d, Eq. 4. Arguments and result as for :func:`dice`.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[1.0], [0.0], [0.0]]])
        >>> round(float(hamming(y_true, y_pred)[0, 0]), 3)
        0.667
    """
    counts, every = _all_counts("hamming", y_true, y_pred, sample_weight, layout)
    return ratios.hamming(*counts, every, divide=divide)


def weighted_hamming(
    y_true: Any, y_pred: Any, *, gamma: float, sample_weight: Any = None, **layout: Unpack[LayoutSettings]
) -> Any:
    """Weighted Hamming similarity: 1 - gamma FN / |y| - (1 - gamma) FP / (d - |y|), Eq. 5.

    Arguments and result as for :func:`dice`, and ``gamma``, the weight of the foreground, from 0 to 1.

    Example:
        >>> import numpy as np
        >>> y_true = np.array([[[1.0], [1.0], [0.0]]])
        >>> y_pred = np.array([[[1.0], [0.0], [0.0]]])
        >>> round(float(weighted_hamming(y_true, y_pred, gamma=0.4)[0, 0]), 3)  # 1 - 0.4 / 2
        0.8
    """
    number("gamma", gamma, "a number from 0 to 1", lambda x: 0 <= x <= 1)
    counts, every = _all_counts("weighted_hamming", y_true, y_pred, sample_weight, layout)
    return ratios.weighted_hamming(*counts, every, gamma=gamma, divide=divide)


def _counts(name: str, y_true: Any, y_pred: Any, sample_weight: Any, settings: dict) -> tuple[Counts, dict]:
    """Return the counts and the keyword arguments of the ratios; errors name the function ``name``."""
    others, overlap = take_overlap(settings)
    layout = from_keywords(Layout, name, others)
    batch = _read(y_true, y_pred, sample_weight, layout)
    return count(batch, overlap, pool=layout.pool), score_settings(overlap)


def _all_counts(name: str, y_true: Any, y_pred: Any, sample_weight: Any, settings: dict) -> tuple[Counts, Any]:
    layout = from_keywords(Layout, name, settings, no_overlap="it is a share of voxels, with no 0/0 and no norm")
    batch = _read(y_true, y_pred, sample_weight, layout)
    return count(batch, pool=layout.pool), voxels(batch, pool=layout.pool)


def _read(y_true: Any, y_pred: Any, sample_weight: Any, layout: Layout) -> Batch:
    batch = read(y_true, y_pred, sample_weight, layout=layout)
    if batch.image_weight is not None:
        raise ValueError(
            f"sample_weight has shape {np.shape(sample_weight)} but y_pred has {np.shape(y_pred)}: a value an image is "
            "not scaled by a weight an image. Expected weights a voxel, (batch, *space), (batch, *space, 1) or "
            '(batch, *space, classes). Weigh the images in the mean of their values, or use pool="batch".'
        )
    return batch


def score_settings(overlap: Overlap) -> dict[str, Any]:
    """Return the keyword arguments that the overlap ratios of tensors take from ``overlap``."""
    smoothing = {"smooth_nr": overlap.smooth_nr, "smooth_dr": overlap.smooth_dr}
    return {**smoothing, "empty": overlap.empty, "divide": divide}
