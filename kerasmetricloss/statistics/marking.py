"""The marks of the paper's tables: grey for top-ranked losses, italic for those inferior to all others."""

import re

import numpy as np
import pandas as pd

from kerasmetricloss.statistics.pairs import holm

# A distance, a loss or a spread of a similarity is better low, though the name holds one that is better high.
_COST = re.compile(r"(^|_)(error|loss|one_minus|distance|difference|dissimilarity|brier|gap|std)(_|$)", re.IGNORECASE)
_AGREEMENT = re.compile(r"(^|_)normali[sz]ed_surface_distance(_|$)", re.IGNORECASE)
_HIGHER = re.compile(
    r"(^|_)(nsd|normali[sz]ed_surface_distance|dice|dsc|jaccard|iou|tversky|f\d+(\.\d+)?|fbeta|acc|accuracy|hamming|kappa|"
    r"auc|precision|recall|sensitivity|specificity|similarity|score|index)(_|$)",
    re.IGNORECASE,
)
_LOWER = re.compile(
    r"(^|_)(hd\d*|hausdorff\d*|assd|asd|masd|msd|s?avd|r?avd|rvd|fn|fp|fnr|fpr|fdr|false|mae|r?mse|bce|ece|nll)(_|$)|_mm$",
    re.IGNORECASE,
)


def direction(metric: str) -> str | None:
    """What the name of a metric tells: "lower" for distances, volume differences, errors and losses, or "higher".

    Returns:
        None where the name tells nothing.

    Example:
        >>> direction("hd95_mm"), direction("nsd_2mm"), direction("DiceLoss"), direction("F0.5"), direction("zeal")
        ('lower', 'higher', 'lower', 'higher', None)
        >>> direction("volume_ml") is None  # a volume by itself is neither good nor bad
        True
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", metric)
    if _COST.search(_AGREEMENT.sub("_", words)):
        return "lower"
    return "higher" if _HIGHER.search(words) else "lower" if _LOWER.search(words) else None


def supported(
    superior: pd.DataFrame, units: pd.DataFrame, signs: pd.DataFrame, *, alpha: float, correct: bool
) -> pd.DataFrame:
    """The p-values that a mark may rest on: none says more than an exact test of the same pair could.

    The signs of k differences all agree by chance once in 2**k times, so a pair of k units that differ has no p-value
    below that, however small the share of resamples is.

    Args:
        superior: one-sided p-values, without correction.
        units: cases or groups that each rests on.
        signs: how many of them differ.
        alpha: significance level.
        correct: whether to correct them by Holm's method.

    Returns:
        `superior`, raised to the smallest p-value of so many differences and corrected; NaN where so few units could
        never be significant.

    Example:
        >>> names = ["CE", "sDice"]
        >>> p, units, signs = (pd.DataFrame([[np.nan, a], [b, np.nan]], names, names)
        ...                    for a, b in [(1.0, 0.015), (6, 6), (3, 3)])
        >>> supported(p, units, signs, alpha=0.05, correct=False).loc["sDice", "CE"]
        np.float64(0.125)
    """
    p, least = superior.clip(lower=0.5**signs), (0.5**units).where(superior.notna())
    if correct:
        p, least = holm(p), holm(least)
    return p.where(least < alpha)


def mark(means: pd.Series, superior: pd.DataFrame, *, alpha: float = 0.05, lower: bool = False) -> pd.Series:
    """Mark each loss as the paper does (Sec. III-C).

    * Three losses or more: "grey" is not significantly inferior to the loss with the best mean, and tested against it;
      "italic" is significantly inferior to every other loss. The best itself is grey where it was tested at all.
    * Two losses (the paper's Tables I, IV and V): "grey" is significantly better than the other, "italic"
      significantly worse.
    * Of losses with missing scores one can have the best mean because its hardest cases are missing. A loss that
      another significantly beats on their common cases is therefore not the best one.
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
    p = superior.loc[valid, valid]
    better, tested = p < alpha, p.notna() & ~np.eye(len(valid), dtype=bool)
    # Only where scores are missing can a loss have the best mean and be worse on the cases that it shares.
    unbeaten = [loss for loss in valid if not better[loss].any()] or valid
    best = means[unbeaten].idxmin() if lower else means[unbeaten].idxmax()
    for loss in valid:
        others = [other for other in valid if other != loss]
        if len(valid) == 2:
            top = bool(better.loc[loss, others[0]])
        else:
            top = bool(
                tested.loc[best].any() if loss == best else tested.loc[best, loss] and not better.loc[best, loss]
            )
        if all(better.loc[other, loss] for other in others):
            marks[loss] = "italic"
        elif top:
            marks[loss] = "grey"
    return marks
