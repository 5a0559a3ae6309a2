"""What a reader must know before believing a comparison."""

import numpy as np
import pandas as pd

from kerasmetricloss.statistics.permutation import EXACT_UNITS
from kerasmetricloss.statistics.simulation import expected_false_positive_rate

FEW_UNITS = 40  # the bootstrap's one-sided rate is .056 at 43 cases and grows quickly below; see `simulation`


def describe(values: pd.DataFrame, groups: int, tables: dict[str, pd.DataFrame], settings: dict) -> tuple[str, ...]:
    """Write the notes of a comparison.

    Args:
        values: scores, index the cases, columns the losses; NaN where missing or undefined.
        groups: number of groups the cases come from.
        tables: `units`, `signs`, `superior`, `supported` and `raised`, as `Comparison` has them.
        settings: method, resamples, by_group, alpha and correction, as `compare` takes them.
    """
    by_group, cases = settings["by_group"], len(values)
    name = "groups" if by_group else "cases"
    notes = [*_few(groups if by_group else cases, name, tables, settings), *_tied(name, tables, settings["alpha"])]
    if groups < cases and by_group:
        notes.append(f"The {cases} cases come from {groups} groups; whole groups were resampled.")
    elif groups < cases:
        notes.append(
            f"The {cases} cases come from {groups} groups and were resampled one by one. Cases of a group are alike, "
            "so these p-values are usually too small; resample whole groups to see by how much."
        )
    left_out = [f"{loss} {count}" for loss, count in values.isna().sum().items() if count]
    if left_out:
        notes.append(
            f"Cases without a score, missing or undefined, of {cases}: {', '.join(left_out)}. They are left out of "
            "that loss' mean and of its pairs."
        )
    return (*notes, *_never_met(tables["units"], name))


def fewest(units: pd.DataFrame) -> tuple[int, tuple[str, str]] | None:
    """The smallest number of units that a p-value rests on, and its pair of losses; None where nothing is tested.

    Args:
        units: as `Comparison.units`; a pair of fewer than two units has no p-value.

    Example:
        >>> fewest(pd.DataFrame([[np.nan, 10], [10, np.nan]], ["CE", "sDice"], ["CE", "sDice"]))
        (10, ('CE', 'sDice'))
    """
    tested = units.where(np.triu(units >= 2)).stack().dropna()
    return (int(tested.min()), tested.idxmin()) if len(tested) else None


def _few(total: int, name: str, tables: dict[str, pd.DataFrame], settings: dict) -> list[str]:
    units = tables["units"]
    smallest = fewest(units)
    if smallest is None:
        return _untested(total, name, units)
    number, pair = smallest
    if number >= FEW_UNITS:
        return []
    only = f"Only {number} {name}" + (f" with scores of both {pair[0]} and {pair[1]}" if number < total else "")
    if settings["method"] == "bootstrap" and np.isnan(tables["supported"].loc[pair]):
        what = "their difference is not" if number < total else "nothing here is"
        hypotheses = int(tables["superior"].notna().to_numpy().sum()) if settings["correction"] else 1
        holm = f", {min(1, hypotheses * 0.5**number):.2g} with Holm's correction" if settings["correction"] else ""
        return [
            f"{only}. No exact test of so few can give a p-value below {0.5**number:.2g}{holm}: {what} significant, "
            "whatever the bootstrap says, and nothing is marked on it."
        ]
    if settings["method"] == "bootstrap":
        return [
            f"{only}. Below {FEW_UNITS} the paired bootstrap is too bold: of two equal losses it calls a given one "
            f"better in {_rate(number, settings)} of studies of so many, where {settings['alpha']:.1%} are promised, "
            f"and either in twice as many. Read p-values near {settings['alpha']:g} with care, or use the "
            "permutation test."
        ]
    if number > EXACT_UNITS:
        swaps = settings["resamples"]
        return [
            f"{only}: the intervals are too short. Of {swaps:,} swaps no p-value can be below {1 / (swaps + 1):.2g}."
        ]
    whose = "their p-values cannot" if number < total else "no p-value can"
    return [f"{only}: {whose} be below {0.5**number:.2g}, and the intervals are too short."]


def _rate(cases: int, settings: dict) -> str:
    return f"{expected_false_positive_rate(cases, alpha=settings['alpha']):.1%}"


def _tied(name: str, tables: dict[str, pd.DataFrame], alpha: float) -> list[str]:
    """Pairs of which the resampling says more than the few units that differ can bear."""
    # With Holm's correction the few cases of one pair can raise the p-value of another too.
    bold = (tables["superior"] < alpha) & (tables["supported"] >= alpha) & tables["raised"]
    pairs = []
    for row, column in np.argwhere(bold.to_numpy()):
        one, other = bold.index[row], bold.columns[column]
        signs, units = (tables[key].loc[one, other] for key in ("signs", "units"))
        pairs.append(f"{one} over {other} ({signs:.0f} of {units:.0f})")
    if not pairs:
        return []
    return [
        f"So few {name} differ that no exact test could call these significant, whatever the bootstrap says, and "
        f"nothing is marked on them: {', '.join(pairs)}."
    ]


def _never_met(units: pd.DataFrame, name: str) -> list[str]:
    """Pairs without a test beside others that have one."""
    if fewest(units) is None:
        return []
    losses = list(units.index)
    pairs = [f"{a} and {b}" for k, a in enumerate(losses) for b in losses[k + 1 :] if not units.loc[a, b] >= 2]
    return [f"Not compared, since fewer than two {name} have a score of both: {', '.join(pairs)}."] if pairs else []


def _untested(total: int, name: str, units: pd.DataFrame) -> list[str]:
    """Why there is no p-value, and what of the interval of a single loss."""
    if total < 2:
        return [f"{total} of the {name} only: nothing can be tested. Add {name}."]
    if len(units) < 2:
        return [f"Only {total} {name}: the interval is too short."] if total < FEW_UNITS else []
    return [f"No two losses have scores of two {name} in common: nothing can be tested."]
