"""Scores against object size, averaged within every tenth percentile of the sizes (the paper's Fig. 4)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class SizeCurve:
    """Mean scores within parts of equal numbers of cases, by object size.

    Attributes:
        borders: sizes between and around the parts, shape (parts + 1,).
        sizes: mean size of the cases in each part, shape (parts,).
        counts: cases in each part, shape (parts,).
        means: mean score, index part, columns losses; NaN for a part without a defined score.
    """

    borders: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray
    means: pd.DataFrame


def size_curve(sizes: pd.Series, values: pd.DataFrame, *, parts: int = 10) -> SizeCurve:
    """Average scores within quantiles of the object size.

    Cases of equal size always share a part, so ties may leave fewer parts than asked for. Undefined scores are left out
    of their part's mean.

    Args:
        sizes: object size a case, such as foreground voxels; index the case.
        values: scores, index the case, columns losses.
        parts: number of parts; 10 gives the paper's deciles.

    Raises:
        ValueError: no case has both a size and scores, or fewer than 1 part.

    Example:
        >>> sizes = pd.Series([1.0, 2.0, 3.0, 40.0], index=list("abcd"))
        >>> curve = size_curve(sizes, pd.DataFrame({"CE": [0.0, 0.5, 0.5, 1.0]}, index=list("abcd")), parts=2)
        >>> curve.borders.tolist(), curve.means["CE"].tolist()
        ([1.0, 2.5, 40.0], [0.25, 0.75])
    """
    if parts < 1:
        raise ValueError(f"parts={parts!r}; expected at least 1, such as 10.")
    sizes = sizes.dropna()
    shared = sizes.index.intersection(values.index)
    if not len(shared):
        raise ValueError(
            f"{len(sizes)} cases have a size and {len(values)} have scores, but none has both; expected the same ids."
        )
    sizes, values = sizes.loc[shared].astype(float), values.loc[shared]
    quantiles = np.unique(np.quantile(sizes, np.arange(1, parts) / parts))
    part = np.searchsorted(quantiles, sizes.to_numpy(), side="right")
    inner = quantiles[np.unique(part)[1:] - 1]  # the lower end of every part but the first; empty parts vanish
    grouped = sizes.groupby(part)
    return SizeCurve(
        borders=np.concatenate([[sizes.min()], inner, [sizes.max()]]),
        sizes=grouped.mean().to_numpy(),
        counts=grouped.size().to_numpy(),
        means=values.groupby(part).mean().reset_index(drop=True),
    )
