"""The marks of the paper's tables: grey for top-ranked losses, italic for those inferior to all others."""

import pandas as pd

LOWER_IS_BETTER = frozenset({"hausdorff_mm", "avd_ml"})


def lower_is_better(metric: str) -> bool:
    """Tell whether a smaller value of the metric is better: distances in mm and volume differences in ml.

    Example:
        >>> lower_is_better("hausdorff_mm"), lower_is_better("dice")
        (True, False)
    """
    return metric in LOWER_IS_BETTER


def mark(means: pd.Series, superior: pd.DataFrame, *, alpha: float = 0.05, lower: bool = False) -> pd.Series:
    """Mark each loss as the paper does (Sec. III-C).

    * Three losses or more: "grey" is not significantly inferior to the loss with the best mean; "italic" is
      significantly inferior to every other loss.
    * Two losses (the paper's Tables I, IV and V): "grey" is significantly better than the other, "italic"
      significantly worse.
    * One loss has nothing to compare with and no mark. A loss without a mean has none either.

    Args:
        means: mean score a loss.
        superior: one-sided p-values, `superior.loc[a, b]` for "a is better than b"; NaN where there is no test.
        alpha: significance level.
        lower: True where smaller means are better.

    Returns:
        "grey", "italic" or "" a loss.

    Example:
        >>> names = ["CE", "sDice"]
        >>> p = pd.DataFrame([[1.0, 0.99], [0.01, 1.0]], index=names, columns=names)
        >>> mark(pd.Series([0.6, 0.7], index=names), p).to_dict()
        {'CE': 'italic', 'sDice': 'grey'}
    """
    marks = pd.Series("", index=means.index, dtype=object)
    valid = list(means.index[means.notna()])
    if len(valid) < 2:
        return marks
    better = superior.loc[valid, valid] < alpha
    best = means[valid].idxmin() if lower else means[valid].idxmax()
    for loss in valid:
        others = [other for other in valid if other != loss]
        if len(valid) == 2:
            top = bool(better.loc[loss, others[0]])
        else:
            top = loss == best or not better.loc[best, loss]
        if all(better.loc[other, loss] for other in others):
            marks[loss] = "italic"
        elif top:
            marks[loss] = "grey"
    return marks
