"""A chapter's sentences beside its answer: what was compared, what to know before believing it, how the tests work."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from kerasmetricloss.reports.differences import MOST_NAMED
from kerasmetricloss.reports.directory import Chapter
from kerasmetricloss.reports.findings import Findings, Place, empty_truths, spots
from kerasmetricloss.reports.style import count, dataset_title, loss_title, percent
from kerasmetricloss.reports.tables import Cell, Row, Table
from kerasmetricloss.statistics import FEW_UNITS, GUESSED, SIMULATED_RATES, expected_false_positive_rate

PAPER_FOLDS = 5
PROMISED = 0.05  # the level at which false-positive rates were simulated


def lead(findings: Findings) -> str:
    """What was compared, on what, how."""
    study, parts = findings.study, []
    for dataset in study.datasets:
        frame = study.scores.select(dataset=dataset).frame
        cases, groups, folds = (frame[name].nunique() for name in ("case", "group", "fold"))
        grouped = f" from {count(groups, 'group')}" if groups < cases else ""
        scored = [loss for loss in study.losses if loss in set(frame["loss"])]
        only = f", {' and '.join(map(loss_title, scored))} only" if len(scored) < len(study.losses) else ""
        parts.append(f"{dataset_title(dataset)} ({count(cases, 'case')}{grouped}, {count(folds, 'fold')}{only})")
    losses = study.losses
    named = f": {', '.join(map(loss_title, losses))}" if len(losses) <= 2 * MOST_NAMED else ""
    what = count(len(losses), "loss", "losses") + (" compared on the same cases" if len(losses) > 1 else "")
    seeds = trainings(study)
    network = "one network" if seeds == {1} else "networks"
    how = f"Every case is scored by the {network} that never saw it in training."
    if not recorded(study):
        how = "How these scores were made is not recorded."
    return f"{what}{named}. Data: {', '.join(parts)}. {how}"


def recorded(study: Chapter) -> bool:
    """Whether it is known of every data set how its scores were made."""
    return all(dataset in study.made for dataset in study.datasets)


def trainings(study: Chapter) -> set[int]:
    """With how many seeds the networks of a data set and loss were trained."""
    return set(study.scores.frame.groupby(["dataset", "loss"], observed=True)["seed"].nunique()) or {1}


def ranking(findings: Findings) -> list[str]:
    """Whether Dice and Jaccard rank the losses alike (Sec. IV-B.1), for each place."""
    alike: dict[str, list[str]] = {}
    sentences = []
    for place in findings.places:
        pair = [findings.comparisons.get((place, metric)) for metric in ("dice", "jaccard")]
        if None in pair:
            continue
        means = pd.concat([found.means for found in pair], axis=1, join="inner").dropna()
        if len(means) < 2:
            continue
        signs = [_signs(means[column]) for column in means]
        swapped = int((signs[0] * signs[1] < 0).sum()) // 2
        if swapped:
            total = count(len(means) * (len(means) - 1) // 2, "pair")
            sentences.append(f"{place.title}: Dice and Jaccard order {swapped} of {total} of losses differently.")
        else:
            order = f" ({_order(means.iloc[:, 0])})" if len(means) <= 2 * MOST_NAMED else ""
            alike.setdefault(order, []).append(place.title)
    same = [f"{', '.join(names)}: Dice and Jaccard rank the losses alike{order}." for order, names in alike.items()]
    return same + sentences


def _signs(means: pd.Series) -> np.ndarray:
    """1, 0 or -1 for every two losses: which has the larger mean; means that differ by rounding alone are equal."""
    values = means.to_numpy().round(12)
    return np.sign(values[:, None] - values[None, :])


def _order(means: pd.Series) -> str:
    """The losses from the best on, with "=" between equal means."""
    values = means.round(12).sort_values(ascending=False, kind="stable")
    between = ["", *(" = " if a == b else " > " for a, b in pairwise(values))]
    return "".join(f"{sign}{loss_title(loss)}" for sign, loss in zip(between, values.index, strict=True))


def notes(findings: Findings) -> tuple[str, ...]:
    """What to know before believing the numbers."""
    study = findings.study
    found = [*_told(study, _about_data), *_told(study, _about_folds), *_told(study, _about_selection)]
    found += _about_tests(findings)
    found += [f"{dataset_title(dataset)} is left out: {why}" for dataset, why in study.missing.items()]
    return (*found, *_of_comparisons(findings, ""))


def few_cases(findings: Findings) -> tuple[str, ...]:
    """Of the notes those that the terminal must not lack: too few cases, and measures whose direction is a guess."""
    return (*_of_comparisons(findings, "Only "), *_of_comparisons(findings, GUESSED))


def _of_comparisons(findings: Findings, words: str) -> tuple[str, ...]:
    """Notes of the comparisons that hold these words, each with where it holds unless it does everywhere."""
    where: dict[str, list[tuple[Place, str]]] = {}
    for metric, place, comparison in findings.of(findings.main + findings.further):
        for note in comparison.notes:
            if words in note:
                where.setdefault(note, []).append((place, metric))
    everywhere = len(findings.comparisons)
    return tuple(
        note if len(those) == everywhere else f"{', '.join(spots(those, list(findings.comparisons)))}: {note}"
        for note, those in where.items()
    )


def data_notes(study: Chapter) -> tuple[str, ...]:
    """What to know of the images, for a chapter without scores."""
    return tuple(_told(study, _about_data))


def method(several: list[Findings]) -> tuple[str, ...]:
    """How the tests of one chapter or more work; all were made with the same settings."""
    settings = several[0].settings
    units = "whole groups of cases" if settings["by_group"] else "cases"
    times = f"{settings['resamples']:,} times"
    if settings["method"] == "bootstrap":
        test = (
            f"A paired bootstrap, as in the paper: {times}, {units} were drawn with replacement, as many as there "
            "are, and the mean difference of two losses was taken. The one-sided p is the share of draws on the wrong "
            "side of zero, but no less than an exact test of as many that differ could give: 1/2 for one, 1/4 for two, "
            "1/128 for seven. Where that could never be significant there is none."
        )
    else:
        test = (
            f"A paired permutation test: {times} (in all ways, where there are at most 2 to the 20), the scores of two "
            f"losses were swapped by a fair coin in each of the {units}. The one-sided p is the share of swaps with a "
            "mean difference at least as large. Intervals are those of a paired bootstrap."
        )
    return (
        f"{test} Seed {settings['seed']}: the same scores give the same numbers.",
        "A case that is not defined for one of two losses is left out of that pair only, and counted.",
        *_boldness(several),
    )


def rates_table(several: list[Findings]) -> Table:
    """How often each test finds a difference that is not there, by number of cases, this study's among them."""
    ours = _units(several)
    rows = [
        Row("", f"{cases:,} (this study)" if cases in ours else f"{cases:,}", _rate_cells(cases))
        for cases in sorted({*SIMULATED_RATES, *(cases for cases in ours if cases > 1)})
    ]
    return Table(
        caption=f"Share of studies of two equal losses in which a given one is called better, where {PROMISED:g} is "
        "promised (either of them: twice as often)",
        columns=("bootstrap, simulated", "bootstrap, by theory", "permutation, simulated"),
        rows=tuple(rows),
        corner="groups" if several[0].settings["by_group"] else "cases",
        legend="20,000 simulated studies a number, normal differences, one-sided. By theory: the spread of resampled "
        "means is too small by the root of (n - 1) / n.",
    )


def _rate_cells(cases: int) -> tuple[Cell, ...]:
    simulated = [f"{rate:.3f}" for rate in SIMULATED_RATES[cases]] if cases in SIMULATED_RATES else ["–", "–"]
    theory = f"{expected_false_positive_rate(cases, alpha=PROMISED):.3f}"
    return Cell(simulated[0]), Cell(theory), Cell(simulated[1])


def _units(several: list[Findings]) -> list[int]:
    """The numbers of cases, or groups, that the study's tests resample: all of a place, and the fewest of any pair."""
    compared = [found for findings in several for found in findings.comparisons.values()]
    whole = {found.groups if found.settings["by_group"] else found.cases for found in compared}
    return sorted({*whole, min(found.fewest for found in compared)})


def _boldness(several: list[Findings]) -> Iterator[str]:
    fewest, settings = _units(several)[0], several[0].settings
    if settings["method"] == "permutation" or fewest < 2:
        return
    alpha = settings["alpha"]
    rate = expected_false_positive_rate(fewest, alpha=alpha)
    units = "group" if settings["by_group"] else "case"
    yield (
        f"With {count(fewest, units)} the bootstrap calls a given one of two equal losses better in {rate:.1%} of "
        f"studies, and either of them in twice as many; {percent(alpha)} and {percent(2 * alpha)} are promised."
        + (f" Below {FEW_UNITS} read p-values near {alpha:g} with care." if fewest < FEW_UNITS else "")
    )


def _told(study: Chapter, about: Callable[[Chapter, str, dict], Iterator[str]]) -> list[str]:
    """Sentences on how each data set was made, with the names of the data sets where they do not hold for all."""
    where: dict[str, list[str]] = {}
    for dataset in study.datasets:
        for sentence in about(study, dataset, study.made.get(dataset, {})):
            where.setdefault(sentence, []).append(dataset_title(dataset))
    return [
        sentence if len(names) == len(study.datasets) else f"{', '.join(names)}: {sentence}"
        for sentence, names in where.items()
    ]


def _about_data(study: Chapter, dataset: str, made: dict) -> Iterator[str]:
    if made.get("data", {}).get("phantom"):
        yield (
            "The images are phantoms drawn by this software. They show that the whole chain works and how the losses "
            "act on uncertain borders; they say nothing of patients and cannot be set against the paper's numbers."
        )
    yield from empty_truths(study, dataset)
    for note in made.get("data", {}).get("notes", ()):  # cases that were skipped, objects that a coarse grid loses
        yield f"{note}."
    if made.get("scale") == "small" and study.losses:
        yield (
            "Small scale: a smaller network and shorter training than the paper's. Expect lower scores, and other "
            "differences between losses."
        )


def _about_folds(study: Chapter, dataset: str, made: dict) -> Iterator[str]:
    folds = made.get("folds", {})
    used = folds.get("used", PAPER_FOLDS)  # of scores without a description nobody knows what a fold was
    if folds.get("only"):
        yield (
            f"Fold {', '.join(map(str, folds['only']))} of {folds['requested']} only: the other cases were not scored, "
            "and fewer networks stand behind the means."
        )
    elif used < max(folds.get("requested", PAPER_FOLDS), PAPER_FOLDS):
        yield (
            f"{count(used, 'fold')} in place of the paper's {PAPER_FOLDS}: each network was trained on a smaller share "
            "of the cases, and fewer networks stand behind the means."
        )
    yield from _about_relatives(study, dataset, made)


def _about_relatives(study: Chapter, dataset: str, made: dict) -> Iterator[str]:
    """Whether a network may have seen relatives of the cases it is scored on; nothing where folds are not recorded."""
    by, data = made.get("folds", {}).get("by"), made.get("data", {})
    frame = study.scores.select(dataset=dataset).frame
    cases, groups = (data.get(f"{name}s", frame[name].nunique()) for name in ("case", "group"))
    if by is None:
        return
    if groups >= cases:
        yield (
            "No groups are known: each case counts as a group of its own. Should some be relatives (frames of one "
            "sequence, scans of one patient), a network may have seen a relative of a case it is scored on, unnoticed."
        )
    elif by == "group":
        yield "Folds were drawn over whole groups: no network saw a relative of the cases it is scored on."
    else:
        yield (
            "Folds were drawn over single cases although some share a group (a sequence, a patient): relatives of a "
            "case may have been in its training set, which flatters every loss."
        )


def _about_selection(study: Chapter, dataset: str, made: dict) -> Iterator[str]:
    selection = str(made.get("selection", ""))
    if selection.startswith("reported"):
        yield (
            "As we read the paper (Sec. III-C), the weights of each loss were selected by its own validation loss on "
            "the very fold that is reported. All scores are therefore too high, and not equally: a loss made for a "
            "score is selected by nearly that score, cross-entropy is not. Differences and p-values lean to the "
            "former; --inner-validation 0.2 selects on training cases kept aside."
        )
    elif selection:
        yield (
            f"Weights were selected on training cases kept aside ({selection}), not on the reported fold as in the "
            "paper."
        )


def _about_tests(findings: Findings) -> Iterator[str]:
    seeds = sorted(trainings(findings.study))
    often = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
    if seeds[-1] > 1:
        yield (
            f"Each network was trained {often} times with other seeds, and a case's score is the mean of them. Curves "
            "and examples are those of the first seed."
        )
    elif recorded(findings.study):
        yield "Each network was trained once. The p-values speak of other cases, not of other trainings."
    if not findings.tested:
        return
    if findings.settings["correction"]:
        yield (
            "P-values are corrected for multiple comparisons within each data set and measure (Holm): the one-sided "
            "over both directions of every pair, the two-sided over the pairs."
        )
    else:
        yield "P-values are not corrected for multiple comparisons, as in the paper."
    coarsest, alpha = max(found.resolution() for found in findings.comparisons.values()), findings.settings["alpha"]
    if findings.settings["method"] == "bootstrap" and coarsest >= alpha:
        yield (
            f"{findings.settings['resamples']:,} resamples are too few: a p-value of zero may be anything up to "
            f"{coarsest:.2g}, and {alpha:g} is the level of the marks. Ask for more resamples."
        )
