"""Eqs. 2-6 as plain arithmetic on counts; there is one formula, the Tversky index.

The counts may be numbers, NumPy arrays or tensors of any library, hard or soft:
``intersection`` |y and p|, ``predicted`` |p|, ``true`` |y| and ``voxels`` d. Nothing here imports Keras.

The empty-set rule. A ratio 0/0 has the value ``empty``: by default 1, as two empty sets agree.
Dice, Jaccard, Tversky and F-beta meet it in one of four cases only:

==============  ===============  ============================
truth           prediction       score
==============  ===============  ============================
empty           empty            ``empty``
empty           not empty        0
not empty       empty            0
not empty       not empty        the formula
==============  ===============  ============================

Smoothing is off by default. With ``smooth_dr`` > 0 there is no 0/0, and two empty sets score smooth_nr / smooth_dr.

Source: Eelbode et al., IEEE TMI 2020, https://arxiv.org/abs/2010.13499.
"""

from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np

Divide = Callable[[Any, Any, float], Any]


def divide(numerator: Any, denominator: Any, otherwise: float) -> Any:
    """Divide numbers or NumPy arrays, with ``otherwise`` where the denominator is 0.

    Tensors need a division that passes gradients: give ``divide=kerasmetricloss.similarities.divide`` to the ratios.

    Args:
        numerator: number or array.
        denominator: number or array that broadcasts with it, >= 0.
        otherwise: the value of a division by 0.

    Returns:
        A NumPy float or array.

    Raises:
        TypeError: if an operand is neither a number nor a NumPy array.

    Example:
        >>> float(divide(1, 4, 1.0)), float(divide(0, 0, 1.0))
        (0.25, 1.0)
    """
    for operand in (numerator, denominator):
        if not isinstance(operand, (Number, np.ndarray, np.generic)):
            raise TypeError(
                f"the counts are of type {type(operand).__name__}, expected numbers or NumPy arrays: for tensors pass "
                "divide=kerasmetricloss.similarities.divide"
            )
    zero = np.equal(denominator, 0)
    return np.where(zero, otherwise, numerator / np.where(zero, 1, denominator))[()]


def tversky(
    intersection: Any,
    predicted: Any,
    true: Any,
    *,
    alpha: float,
    beta: float,
    smooth_nr: float = 0.0,
    smooth_dr: float = 0.0,
    empty: float = 1.0,
    divide: Divide = divide,
) -> Any:
    """Tversky index: (I + smooth_nr) / (I + alpha FP + beta FN + smooth_dr), Eq. 6.

    FP = P - I and FN = Y - I.

    Args:
        intersection: I, voxels in both sets.
        predicted: P, voxels in the prediction.
        true: Y, voxels in the truth.
        alpha: weight of false positives.
        beta: weight of false negatives.
        smooth_nr: added to the numerator.
        smooth_dr: added to the denominator.
        empty: the value of 0/0.
        divide: the division, ``(numerator, denominator, otherwise) -> quotient``.

    Returns:
        The index, shaped as the counts.

    Example:
        >>> float(tversky(2, 4, 3, alpha=0.5, beta=0.25))  # 2 / (2 + 0.5 * 2 + 0.25 * 1)
        0.6153846153846154
    """
    numerator = intersection + smooth_nr
    # With FP and FN first, equal sets score exactly 1; the form of Eq. 14 may round to above it.
    denominator = intersection + alpha * (predicted - intersection) + beta * (true - intersection) + smooth_dr
    return divide(numerator, denominator, empty)


def dice(
    intersection: Any,
    predicted: Any,
    true: Any,
    *,
    smooth_nr: float = 0.0,
    smooth_dr: float = 0.0,
    empty: float = 1.0,
    divide: Divide = divide,
) -> Any:
    """Dice score: (2 I + smooth_nr) / (P + Y + smooth_dr), Eq. 2; Tversky at (1/2, 1/2).

    See :func:`tversky` for the arguments; smoothing is that of the form with 2 I, twice Tversky's.

    Example:
        >>> float(dice(2, 4, 4))
        0.5
        >>> float(dice(0, 0, 0))
        1.0
    """
    smoothing = {"smooth_nr": smooth_nr / 2, "smooth_dr": smooth_dr / 2}
    return tversky(intersection, predicted, true, alpha=0.5, beta=0.5, empty=empty, divide=divide, **smoothing)


def jaccard(
    intersection: Any,
    predicted: Any,
    true: Any,
    *,
    smooth_nr: float = 0.0,
    smooth_dr: float = 0.0,
    empty: float = 1.0,
    divide: Divide = divide,
) -> Any:
    """Jaccard index: (I + smooth_nr) / (P + Y - I + smooth_dr), Eq. 3; Tversky at (1, 1).

    See :func:`tversky` for the arguments.

    Example:
        >>> float(jaccard(2, 4, 3))  # 2 / 5
        0.4
    """
    smoothing = {"smooth_nr": smooth_nr, "smooth_dr": smooth_dr}
    return tversky(intersection, predicted, true, alpha=1.0, beta=1.0, empty=empty, divide=divide, **smoothing)


def f_beta(
    intersection: Any,
    predicted: Any,
    true: Any,
    *,
    beta: float,
    smooth_nr: float = 0.0,
    smooth_dr: float = 0.0,
    empty: float = 1.0,
    divide: Divide = divide,
) -> Any:
    """F-beta: ((1 + b^2) I + smooth_nr) / (P + b^2 Y + smooth_dr); Tversky at (1, b^2) / (1 + b^2).

    See :func:`tversky` for the other arguments; here ``beta`` says how many times recall counts more than precision.

    Example:
        >>> float(f_beta(2, 4, 4, beta=1.0)) == float(dice(2, 4, 4))
        True
    """
    share = 1 / (1 + beta**2)
    smoothing = {"smooth_nr": smooth_nr * share, "smooth_dr": smooth_dr * share}
    weights = {"alpha": share, "beta": beta**2 * share}
    return tversky(intersection, predicted, true, empty=empty, divide=divide, **weights, **smoothing)


def hamming(intersection: Any, predicted: Any, true: Any, voxels: Any, *, divide: Divide = divide) -> Any:
    """Hamming similarity (pixel accuracy): 1 - (FP + FN) / d, Eq. 4.

    Args:
        intersection: I, voxels in both sets.
        predicted: P, voxels in the prediction.
        true: Y, voxels in the truth.
        voxels: d, all voxels; where there is none the similarity is 1.
        divide: the division, ``(numerator, denominator, otherwise) -> quotient``.

    Returns:
        The similarity, shaped as the counts.

    Example:
        >>> float(hamming(2, 4, 3, 12))  # 2 false positives, 1 false negative
        0.75
    """
    return 1 - divide(predicted + true - 2 * intersection, voxels, 0.0)


def weighted_hamming(
    intersection: Any, predicted: Any, true: Any, voxels: Any, *, gamma: float, divide: Divide = divide
) -> Any:
    """Weighted Hamming similarity: 1 - gamma FN / |y| - (1 - gamma) FP / (d - |y|), Eq. 5.

    With gamma = |y| / d it is the Hamming similarity. An error rate over an empty set is 0: nothing could go wrong.

    Args:
        intersection: I, voxels in both sets.
        predicted: P, voxels in the prediction.
        true: Y, voxels in the truth.
        voxels: d, all voxels.
        gamma: weight of the foreground, from 0 to 1.
        divide: the division, ``(numerator, denominator, otherwise) -> quotient``.

    Returns:
        The similarity, shaped as the counts.

    Example:
        >>> float(weighted_hamming(2, 4, 4, 12, gamma=0.5))  # 1 - 0.5 * 2/4 - 0.5 * 2/8
        0.625
    """
    missed = divide(true - intersection, true, 0.0)
    invented = divide(predicted - intersection, voxels - true, 0.0)
    return 1 - gamma * missed - (1 - gamma) * invented
