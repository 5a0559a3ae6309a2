"""Every pair of masks on d pixels, to check a bound by counting.

A similarity of Eqs. 2-6 sees two masks only through four counts: true positives, false positives, false negatives
and true negatives. So all 4^d pairs come down to (d+3 choose 3) rows, 176 851 of them at d = 100. For small d
the pairs themselves are there too, and give the same rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Similarity = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]

_MOST_LITERAL_PIXELS = 10


@dataclass(frozen=True)
class WorstCase:
    """The largest differences between two similarities, and the masks where they occur.

    Attributes:
        absolute: Largest |S - S~|.
        relative: Largest S / S~ - 1, either way round; infinite where one is 0 and the other is not.
        at_absolute: The counts (tp, fp, fn, tn) of the pair with the largest absolute difference.
        at_relative: The counts of the pair with the largest relative difference.
    """

    absolute: float
    relative: float
    at_absolute: tuple[int, int, int, int]
    at_relative: tuple[int, int, int, int]


def all_counts(pixels: int) -> np.ndarray:
    """The counts (tp, fp, fn, tn) that some pair of masks has.

    Args:
        pixels: Number of pixels d of both masks, at least 1.

    Returns:
        Integers of shape ((d+3 choose 3), 4); each row sums to d and occurs once.

    Raises:
        ValueError: If `pixels` is below 1.

    Example:
        >>> all_counts(1).tolist()
        [[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]]
    """
    if pixels < 1:
        raise ValueError(f"pixels is {pixels}: masks have at least one pixel")
    first_three = np.indices((pixels + 1,) * 3, dtype=np.int32).reshape(3, -1).T
    first_three = first_three[first_three.sum(axis=1) <= pixels]
    return np.column_stack([first_three, pixels - first_three.sum(axis=1)])


def all_mask_pairs(pixels: int) -> np.ndarray:
    """The counts (tp, fp, fn, tn) of every one of the 4^d pairs of masks, in no way summed up.

    Args:
        pixels: Number of pixels d of both masks, 1 to 10 (a million pairs).

    Returns:
        Integers of shape (4^d, 4), a row a pair: row i * 2^d + j compares the prediction whose pixels are the
        binary digits of i with the truth whose pixels are those of j.

    Raises:
        ValueError: If `pixels` is outside 1..10; take `all_counts` above that.

    Example:
        >>> len(all_mask_pairs(3)), all_mask_pairs(1).tolist()
        (64, [[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]])
    """
    if not 1 <= pixels <= _MOST_LITERAL_PIXELS:
        raise ValueError(
            f"pixels is {pixels}: all pairs of masks are listed for 1 to {_MOST_LITERAL_PIXELS} pixels; "
            "all_counts(pixels) covers larger masks"
        )
    masks = (np.arange(2**pixels)[:, None] >> np.arange(pixels)) & 1
    tp = masks @ masks.T
    fp = masks @ (1 - masks.T)
    return np.stack([tp, fp, fp.T, pixels - tp - fp - fp.T], axis=-1).reshape(-1, 4)


def worst_case(similarity: Similarity, other: Similarity, counts: np.ndarray) -> WorstCase:
    """The largest absolute and relative difference of two similarities (Definitions II.1 and II.2).

    Args:
        similarity: A function of the four counts tp, fp, fn, tn (arrays of floats) that returns values in [0, 1].
        other: A second one.
        counts: Rows (tp, fp, fn, tn), as `all_counts` or `all_mask_pairs` gives them.

    Returns:
        Both differences and where they occur.

    Example:
        >>> dice = lambda tp, fp, fn, tn: (2 * tp + (tn == 12)) / (2 * tp + fp + fn + (tn == 12))
        >>> jaccard = lambda tp, fp, fn, tn: (tp + (tn == 12)) / (tp + fp + fn + (tn == 12))
        >>> found = worst_case(dice, jaccard, all_counts(12))
        >>> round(found.absolute, 4), found.at_absolute, round(found.relative, 4)
        (0.1716, (5, 0, 7, 0), 0.8462)
    """
    columns = counts.astype(np.float64).T
    first, second = similarity(*columns), other(*columns)
    difference = np.abs(first - second)
    low, high = np.minimum(first, second), np.maximum(first, second)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(high == low, 0.0, high / low - 1)
    i, j = int(difference.argmax()), int(excess.argmax())
    return WorstCase(float(difference[i]), float(excess[j]), _row(counts, i), _row(counts, j))


def _row(counts: np.ndarray, index: int) -> tuple[int, int, int, int]:
    tp, fp, fn, tn = (int(count) for count in counts[index])
    return tp, fp, fn, tn
