"""The numbers behind an answer: paired differences with intervals and p-values, in a sentence."""

import numpy as np
import pandas as pd

from kerasmetricloss.reports.findings import CROSS_ENTROPY
from kerasmetricloss.reports.style import COUNTED, NO_NUMBER, count, loss_title, number, p_value, percent
from kerasmetricloss.statistics import Comparison

MOST_NAMED = 4


def p_of(comparison: Comparison, loss: str, reference: str, *, two_sided: bool = False) -> str:
    """The p of "loss is better than reference", or of "they differ".

    A dash where there is none, and where so few cases could never be significant: there the bootstrap's says nothing.
    """
    p = p_number(comparison, loss, reference, two_sided=two_sided)
    if comparison.settings["method"] == "bootstrap" and pd.isna(p):
        return NO_NUMBER
    return p_value(p, resolution=comparison.resolution(two_sided=two_sided), alpha=comparison.settings["alpha"])


def p_number(comparison: Comparison, loss: str, reference: str, *, two_sided: bool = False) -> float:
    """The same as a number: NaN for the dash, 0 for what is below the resolution.

    A p of the bootstrap is no less than an exact test of as many cases that differ could say, as for the marks.
    """
    p = (comparison.two_sided if two_sided else comparison.superior).loc[loss, reference]
    if comparison.settings["method"] != "bootstrap":
        return p
    if pd.isna(comparison.supported.loc[loss, reference]):
        return np.nan
    least = (comparison.supported_two_sided if two_sided else comparison.supported).loc[loss, reference]
    return least if p > 0 or least >= comparison.resolution(two_sided=two_sided) else 0.0


def difference(comparison: Comparison, loss: str, reference: str) -> str:
    """A paired difference with its interval and, where there is one, the one-sided p of "better"."""
    low, high = (f.loc[loss, reference] for f in (comparison.difference_low, comparison.difference_high))
    mean = number(comparison.difference.loc[loss, reference], signed=True)
    p = p_of(comparison, loss, reference)
    p = "" if p == NO_NUMBER else f", p {p}" if p[0] in "<≤" else f", p = {p}"
    return f"{mean} ({number(low, signed=True)} to {number(high, signed=True)}{p})"


def evidence(comparison: Comparison, rivals: list[str]) -> str:
    """The differences in numbers: all of a few losses, the best and the worst of many."""
    shown = rivals
    order = comparison.means[rivals].dropna().sort_values(ascending=comparison.lower)
    several = len(order) > MOST_NAMED
    if len(rivals) > MOST_NAMED:
        shown = [order.index[0], order.index[-1]] if several else list(order.index)
    parts = [f"{loss_title(loss)} {difference(comparison, loss, CROSS_ENTROPY)}" for loss in shown]
    which = " (the best and the worst of them)" if several else ""
    level = percent(1 - comparison.settings["alpha"])
    dropped = int(comparison.dropped[CROSS_ENTROPY])
    tested = any(p_of(comparison, loss, CROSS_ENTROPY) != NO_NUMBER for loss in shown)
    what = f"{level} interval, one-sided p of “better than CE”" if tested else f"{level} interval"
    left_out = f" ({count(dropped, 'case')} left out)" if dropped or comparison.metric in COUNTED else ""
    return (
        f"CE scores {number(comparison.means[CROSS_ENTROPY])} on average{left_out}. "
        f"Differences to it on the same cases{which}: "
        f"{'; '.join(parts)}. In brackets: {what}."
    )
