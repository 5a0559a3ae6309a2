"""Means, intervals and p-values of many columns of paired scores at once, and Holm's correction of p-values."""

import numpy as np
import pandas as pd

from kerasmetricloss.statistics.bootstrap import (
    ROUNDING,
    bootstrap_means,
    bootstrap_test,
    percentile_interval,
    unit_sums,
)
from kerasmetricloss.statistics.permutation import permutation_test

INTERVAL_RESAMPLES = 10_000  # intervals are the bootstrap's even where the test permutes


def column_statistics(columns: np.ndarray, groups: np.ndarray | None, settings: dict) -> pd.DataFrame:
    """Mean, interval and tests against zero of every column, over its defined cases.

    Args:
        columns: floats of shape (cases, columns); NaN where a case is not defined.
        groups: the group of every case where whole groups are resampled, else None.
        settings: method, resamples, seed and alpha, as `compare` takes them.

    Returns:
        One row a column: mean, low, high, greater, less, two_sided, n (cases), units (cases or groups resampled) and
        signs (units whose sum is not zero). Only the counts, and the mean, where fewer than two units are defined: one
        unit resamples to itself, and every difference would look certain.
    """
    names = ["mean", "low", "high", "greater", "less", "two_sided", "n", "units", "signs"]
    found = np.full((columns.shape[1], len(names)), np.nan)
    defined = ~np.isnan(columns)
    found[:, 6] = defined.sum(axis=0)
    # columns defined on the same cases are resampled together: one matrix product for all of them
    masks, which = np.unique(defined, axis=1, return_inverse=True)
    for index, rows in enumerate(masks.T):
        chosen = np.flatnonzero(which.ravel() == index)
        block, members = columns[np.ix_(rows, chosen)], None if groups is None else groups[rows]
        if len(block):
            found[chosen, 0] = block.mean(axis=0)
        sums, _ = unit_sums(block, members)
        found[chosen, 7] = len(sums)
        found[chosen, 8] = (np.abs(sums) > ROUNDING * np.max(np.abs(block), axis=0, initial=0)).sum(axis=0)
        if len(sums) > 1:
            found[chosen, 1:6] = _tested(block, members, settings)
    return pd.DataFrame(found, columns=names)


def holm(p: pd.DataFrame, *, symmetric: bool = False) -> pd.DataFrame:
    """Holm's step-down correction over the tested entries of a table of p-values.

    Args:
        p: p-values over pairs, NaN where there is no test. One-sided tables count every entry as a hypothesis, since
            each may earn a mark.
        symmetric: the table says everything twice; count each pair once.

    Source: Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    from statsmodels.stats.multitest import multipletests  # slow to import, and only this option needs it

    matrix = p.to_numpy(copy=True)
    counted = ~np.isnan(matrix)
    if symmetric:
        counted = np.triu(counted)
    if counted.any():
        matrix[counted] = multipletests(matrix[counted], method="holm")[1]
    if symmetric:
        matrix.T[counted] = matrix[counted]
    return pd.DataFrame(matrix, index=p.index, columns=p.columns)


def _tested(block: np.ndarray, groups: np.ndarray | None, settings: dict) -> np.ndarray:
    """Columns low, high, greater, less, two_sided of `column_statistics`."""
    bootstrap = settings["method"] == "bootstrap"
    resamples = settings["resamples"] if bootstrap else INTERVAL_RESAMPLES
    means = bootstrap_means(block, resamples=resamples, seed=settings["seed"], groups=groups)
    low, high = percentile_interval(means, confidence=1 - settings["alpha"])
    if bootstrap:
        test = bootstrap_test(block, means)
    else:
        test = permutation_test(block, resamples=settings["resamples"], seed=settings["seed"], groups=groups)
    return np.stack([low, high, *test], axis=1)
