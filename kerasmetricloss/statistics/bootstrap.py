"""Paired bootstrap: resample cases, or whole groups of cases, with replacement.

Sources: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chs. 13 and 16. The use on paired scores follows
the BRATS and ISLES challenges: Menze et al., doi:10.1109/TMI.2014.2377694; Maier et al.,
doi:10.1016/j.media.2016.07.009.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

BLOCK_BYTES = 2**25  # of resampling counts held at once: 32 MiB
ROUNDING = 1e-12  # sums of scores that differ by less, relative to the summands, are equal


class PairedTest(NamedTuple):
    """P-values of paired differences d = a - b, one entry a column.

    Attributes:
        greater: one-sided p of "a is greater than b".
        less: one-sided p of "a is less than b".
        two_sided: twice the smaller of the two, at most 1.
    """

    greater: np.ndarray
    less: np.ndarray
    two_sided: np.ndarray


def unit_sums(values: np.ndarray, groups: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Sum the cases of every unit of resampling.

    Args:
        values: floats of shape (cases, columns).
        groups: the group of every case, shape (cases,); None makes every case its own unit.

    Returns:
        Sums of shape (units, columns) and the number of cases a unit, shape (units,).
    """
    values = np.asarray(values, float)
    if groups is None:
        return values, np.ones(len(values))
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, codes, values)
    return sums, np.bincount(codes, minlength=len(names)).astype(float)


def bootstrap_means(
    values: np.ndarray, *, resamples: int = 10_000, seed: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Means of resampled cases, all columns resampled alike.

    A resample draws as many units as there are. It is held as the number of times each unit was drawn, so that the
    means of all columns are one matrix product. Equal `seed` and number of units give equal draws, whatever the
    values: a result does not depend on which other columns are asked for.

    Args:
        values: floats of shape (cases, columns), no NaN.
        resamples: number of resamples.
        seed: seed of the draws.
        groups: the group of every case; whole groups are drawn, and a mean is over all cases drawn.

    Returns:
        Means of shape (resamples, columns).

    Example:
        >>> means = bootstrap_means(np.array([[0.0], [1.0]]), resamples=2000)
        >>> sorted(set(means[:, 0].tolist())), abs(float(np.mean(means == 0.5)) - 0.5) < 0.05
        ([0.0, 0.5, 1.0], True)
    """
    sums, sizes = unit_sums(values, groups)
    means = np.empty((resamples, sums.shape[1]))
    for rows, counts in _draws(len(sums), resamples, seed):
        means[rows] = (counts @ sums) / (counts @ sizes)[:, None]
    return means


def bootstrap_test(differences: np.ndarray, means: np.ndarray) -> PairedTest:
    """Shares of resampled mean differences on the wrong side of zero.

    "a is greater" has p = share of resamples with mean(d*) <= 0, "a is less" the share with mean(d*) >= 0. A tie counts
    against both, so identical scores have p = 1.

    Args:
        differences: d = a - b of shape (cases, columns).
        means: `bootstrap_means` of the differences, shape (resamples, columns).
    """
    # a sum that is zero on paper comes out as 1e-17 or so: without this a tie is counted by its rounding
    zero = ROUNDING * np.max(np.abs(differences), axis=0, initial=0)
    greater = np.mean(means <= zero, axis=0)
    less = np.mean(means >= -zero, axis=0)
    return PairedTest(greater, less, np.minimum(1, 2 * np.minimum(greater, less)))


def percentile_interval(means: np.ndarray, *, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of resampled means: the quantiles that leave (1 - confidence) / 2 on each side.

    Args:
        means: shape (resamples, columns).
        confidence: share of resamples inside.

    Returns:
        Lower and upper ends, each of shape (columns,).
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def _draws(units: int, resamples: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, counts): counts[i, u] is how often resample i drew unit u; blocks bound the memory."""
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK_BYTES // (8 * units))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(units, size=(size, units), dtype=np.int32)
        drawn += units * np.arange(size, dtype=np.int32)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units)
        yield slice(start, start + size), counts.astype(float)
