"""What a reader must know before believing a comparison."""

import pandas as pd

FEW_UNITS = 40  # the bootstrap's one-sided rate is .056 at 43 cases and grows quickly below; see `simulation`


def describe(values: pd.DataFrame, groups: int, settings: dict) -> tuple[str, ...]:
    """Write the notes of a comparison.

    Args:
        values: scores, index the cases, columns the losses; NaN where missing or undefined.
        groups: number of groups the cases come from.
        settings: method, resamples, by_group and alpha, as `compare` takes them.
    """
    by_group, cases = settings["by_group"], len(values)
    notes = [*_few(groups if by_group else cases, "groups" if by_group else "cases", settings)]
    if groups < cases and by_group:
        notes.append(f"The {cases} cases come from {groups} groups; whole groups were resampled.")
    elif groups < cases:
        notes.append(
            f"The {cases} cases come from {groups} groups and were resampled one by one. Cases of a group are alike, "
            "so these p-values flatter; resample whole groups to see by how much."
        )
    left_out = [f"{loss} {count}" for loss, count in values.isna().sum().items() if count]
    if left_out:
        notes.append(
            f"Cases without a score, missing or undefined, of {cases}: {', '.join(left_out)}. They are left out of "
            "that loss' mean and of its pairs."
        )
    return tuple(notes)


def _few(units: int, name: str, settings: dict) -> list[str]:
    if units < 2:
        return [f"{units} of the {name} only: nothing can be tested. Add {name}."]
    if units >= FEW_UNITS:
        return []
    if settings["method"] == "bootstrap":
        return [
            f"Only {units} {name}. Below {FEW_UNITS} the paired bootstrap is too bold: where there is no difference it "
            "finds one in about 10 of 100 studies of 6 cases and in 7 of 100 studies of 12, where 5 are promised. "
            f"Read p-values near {settings['alpha']:g} with care, or use the permutation test."
        ]
    smallest = max(0.5**units, 1 / (settings["resamples"] + 1))
    return [f"Only {units} {name}: no p-value can be below {smallest:.2g}, and the intervals are too short."]
