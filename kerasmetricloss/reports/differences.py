"""The numbers behind an answer: paired differences with intervals and p-values, in a sentence."""

from kerasmetricloss.reports.findings import CROSS_ENTROPY
from kerasmetricloss.reports.style import COUNTED, count, loss_title, number, p_value
from kerasmetricloss.statistics import Comparison

MOST_NAMED = 4


def difference(comparison: Comparison, loss: str, reference: str) -> str:
    """A paired difference with its interval and the one-sided p of "better"."""
    low, high = (f.loc[loss, reference] for f in (comparison.difference_low, comparison.difference_high))
    mean = number(comparison.difference.loc[loss, reference], signed=True)
    p = p_value(comparison.superior.loc[loss, reference], resolution=comparison.resolution())
    p = f"p {p}" if p[0] in "<≤" else f"p = {p}"
    return f"{mean} ({number(low, signed=True)} to {number(high, signed=True)}, {p})"


def evidence(comparison: Comparison, rivals: list[str]) -> str:
    """The differences in numbers: all of a few losses, the best and the worst of many."""
    shown = rivals
    if len(rivals) > MOST_NAMED:
        order = comparison.means[rivals].dropna().sort_values(ascending=comparison.lower)
        shown = [order.index[0], order.index[-1]]
    parts = [f"{loss_title(loss)} {difference(comparison, loss, CROSS_ENTROPY)}" for loss in shown]
    which = " (the best and the worst of them)" if len(rivals) > MOST_NAMED else ""
    level = f"{1 - comparison.settings['alpha']:.0%}"
    dropped = int(comparison.dropped[CROSS_ENTROPY])
    left_out = f" ({count(dropped, 'case')} left out)" if dropped or comparison.metric in COUNTED else ""
    return (
        f"CE scores {number(comparison.means[CROSS_ENTROPY])} on average{left_out}. "
        f"Differences to it on the same cases{which}: "
        f"{'; '.join(parts)}. In brackets: {level} interval, one-sided p of “better than CE”."
    )
