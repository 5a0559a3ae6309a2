"""Paired permutation test: under the null hypothesis the two losses' scores of a case may be swapped.

Swapping a and b flips the sign of d = a - b. The text and scripts of the BRATS and ISLES challenges do this.
Source: Phipson & Smyth, Permutation p-values should never be zero (2010), doi:10.2202/1544-6115.1585.
"""

from collections.abc import Iterator

import numpy as np

from kerasmetricloss.statistics.bootstrap import BLOCK_BYTES, ROUNDING, PairedTest, unit_sums

EXACT_UNITS = 20  # 2**20 sign patterns are about a million: below this all are counted


def permutation_test(
    differences: np.ndarray, *, resamples: int = 100_000, seed: int = 0, groups: np.ndarray | None = None
) -> PairedTest:
    """Sign-flip test of mean(d) = 0, with at most `EXACT_UNITS` units exact.

    With r of n random flips at least as extreme as the observed mean, p = (r + 1) / (n + 1): the observed pattern is
    one of those possible. Counting `>=` gives identical scores p = 1; counting `>` would give 0.

    Args:
        differences: d = a - b of shape (cases, columns), no NaN.
        resamples: number of random flips where the test is not exact.
        seed: seed of the flips.
        groups: the group of every case; all cases of a group are flipped together.

    Example:
        >>> test = permutation_test(np.array([[1.0], [2.0], [4.0]]))
        >>> test.greater.tolist(), test.less.tolist(), test.two_sided.tolist()
        ([0.125], [1.0], [0.25])
    """
    sums, _ = unit_sums(differences, groups)
    observed = sums.sum(axis=0)
    equal = ROUNDING * np.abs(sums).sum(axis=0)
    greater, less, flips = np.zeros(sums.shape[1]), np.zeros(sums.shape[1]), 0
    exact = len(sums) <= EXACT_UNITS
    for signs in _all_signs(len(sums)) if exact else _random_signs(len(sums), resamples, seed):
        totals = signs @ sums
        greater += np.sum(totals >= observed - equal, axis=0)
        less += np.sum(totals <= observed + equal, axis=0)
        flips += len(signs)
    extra = 0 if exact else 1
    greater, less = (greater + extra) / (flips + extra), (less + extra) / (flips + extra)
    return PairedTest(greater, less, np.minimum(1, 2 * np.minimum(greater, less)))


def _all_signs(units: int) -> Iterator[np.ndarray]:
    patterns = np.arange(2**units)
    block = max(1, BLOCK_BYTES // (8 * max(units, 1)))
    for start in range(0, len(patterns), block):
        bits = (patterns[start : start + block, None] >> np.arange(units)) & 1
        yield 1.0 - 2.0 * bits


def _random_signs(units: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK_BYTES // (8 * units))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        yield 1.0 - 2.0 * rng.integers(2, size=(size, units), dtype=np.int8)
