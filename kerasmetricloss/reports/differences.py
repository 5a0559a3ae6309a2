"""The numbers behind an answer: paired differences with intervals and p-values, in a sentence."""

import pandas as pd

from kerasmetricloss.reports.findings import CROSS_ENTROPY
from kerasmetricloss.reports.style import COUNTED, NO_NUMBER, count, loss_title, number, p_value, percent
from kerasmetricloss.statistics import Comparison

MOST_NAMED = 4


def p_of(comparison: Comparison, loss: str, reference: str, *, two_sided: bool = False) -> str:
    """The p of "loss is better than reference", or of "they differ".

    A dash where there is none, and where so few cases could never be significant: there the bootstrap's says nothing.
    Nor is a p of the bootstrap less than an exact test of as many cases that differ could say, as for the marks.
    """
    p = (comparison.two_sided if two_sided else comparison.superior).loc[loss, reference]
    resolution = comparison.resolution(two_sided=two_sided)
    if comparison.settings["method"] == "bootstrap":
        if pd.isna(comparison.supported.loc[loss, reference]):
            return NO_NUMBER
        least = (comparison.supported_two_sided if two_sided else comparison.supported).loc[loss, reference]
        p = least if p > 0 or least >= resolution else 0.0
    return p_value(p, resolution=resolution, alpha=comparison.settings["alpha"])


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
