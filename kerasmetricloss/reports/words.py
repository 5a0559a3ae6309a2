"""The report's sentences: the answer, its evidence, and what to know before believing it."""

from kerasmetricloss.reports.document import Answer
from kerasmetricloss.reports.findings import REFERENCE, USUAL_METRICS, Findings, Place, sensitive
from kerasmetricloss.reports.style import count, dataset_title, loss_title, metric_title, number, p_value
from kerasmetricloss.statistics import Comparison

MOST_NAMED = 4
MOST_ANSWERS = 2
PAPER_FOLDS = 5


def lead(findings: Findings) -> str:
    """What was compared, on what, how."""
    study, parts = findings.study, []
    for dataset in study.datasets:
        frame = study.scores.select(dataset=dataset).frame
        cases, groups, folds = (frame[name].nunique() for name in ("case", "group", "fold"))
        grouped = f" from {count(groups, 'group')}" if groups < cases else ""
        parts.append(f"{dataset_title(dataset)} ({count(cases, 'case')}{grouped}, {count(folds, 'fold')})")
    losses = study.losses
    named = f": {', '.join(map(loss_title, losses))}" if len(losses) <= 2 * MOST_NAMED else ""
    what = count(len(losses), "loss", "losses") + (" compared on the same cases" if len(losses) > 1 else "")
    how = "Every case is scored by the one network that never saw it in training."
    return f"{what}{named}. Data: {', '.join(parts)}. {how}"


def answers(findings: Findings) -> list[Answer]:
    """Whether metric-sensitive losses beat cross-entropy: an answer for each data set, before many of them a sum."""
    found = []
    for place, comparison in findings.headline:
        second = next((c for m, p, c in findings.of(USUAL_METRICS) if p == place and m != comparison.metric), None)
        one = answer(comparison, place, resamples=findings.resamples, second=second)
        grouped = findings.grouped.get((place, comparison.metric))
        if grouped is not None and sensitive(grouped) and REFERENCE in grouped.losses:
            better, worse = verdict(grouped)
            total, groups = len(sensitive(grouped)), count(grouped.groups, "group")
            said = (
                f" With whole groups resampled ({groups}): {len(better)} of {total} better than CE, {len(worse)} worse."
            )
            one = Answer(one.head, one.text + said, one.tone)
        found.append(one)
    return (
        found if len(found) <= MOST_ANSWERS else [_sum(found), *(Answer(one.head, one.text, "plain") for one in found)]
    )


def _sum(found: list[Answer]) -> Answer:
    """One answer over many data sets."""
    yes = sum(one.tone == "yes" for one in found)
    head = f"On {yes} of {count(len(found), 'data set')} every metric-sensitive loss beats cross-entropy."
    tone = "yes" if yes == len(found) else "no" if any(one.tone == "no" for one in found) else "open"
    return Answer(head, "Each data set by itself:", tone)


def answer(comparison: Comparison, place: Place, *, resamples: int, second: Comparison | None = None) -> Answer:
    """Say whether metric-sensitive losses beat cross-entropy, and by how much.

    Args:
        comparison: on the main metric.
        place: data set and label.
        resamples: number of resamples a test.
        second: the same on another metric, told in a last sentence.
    """
    rivals, metric = sensitive(comparison), metric_title(comparison.metric)
    if REFERENCE not in comparison.losses or not rivals:
        return Answer(f"{place.title}: no such comparison.", "It takes CE and at least one metric-sensitive loss.")
    better, worse = verdict(comparison)
    if comparison.superior.loc[rivals, REFERENCE].isna().all():
        return Answer(f"{place.title}: undecided.", "There are too few cases or groups for any test.")
    if len(better) == len(rivals):
        every = {1: f"{loss_title(rivals[0])} beats", 2: "both metric-sensitive losses beat"}
        head = every.get(len(rivals), f"all {len(rivals)} metric-sensitive losses beat")
        head, tone = f"Yes: {head} cross-entropy in {metric}.", "yes"
    elif better:
        verb = "beats" if len(better) == 1 else "beat"
        head = f"In part: {len(better)} of {len(rivals)} metric-sensitive losses {verb} cross-entropy in {metric}."
        tone = "open"
    else:
        head = f"No: no metric-sensitive loss beats cross-entropy in {metric}."
        tone = "no" if worse else "open"
    if worse:
        head += f" {_names(worse)} {'is' if len(worse) == 1 else 'are'} significantly worse."
    text = _evidence(comparison, rivals, resamples)
    if second is not None and set(rivals) <= set(second.losses) and REFERENCE in second.losses:
        also, against = verdict(second)
        text += f" In {metric_title(second.metric)}: {len(also)} of {len(rivals)} better than CE, {len(against)} worse."
    return Answer(f"{place.title}. {head}", text, tone)


def verdict(comparison: Comparison) -> tuple[list[str], list[str]]:
    """Metric-sensitive losses that are significantly better, and significantly worse, than cross-entropy."""
    alpha, p = comparison.settings["alpha"], comparison.superior
    rivals = sensitive(comparison)
    better = [loss for loss in rivals if p.loc[loss, REFERENCE] < alpha]
    return better, [loss for loss in rivals if p.loc[REFERENCE, loss] < alpha]


def ranking(findings: Findings) -> list[str]:
    """Whether Dice and Jaccard rank the losses alike (Sec. IV-B.1), for each place."""
    alike: dict[str, list[str]] = {}
    sentences = []
    for place in findings.places:
        pair = [findings.comparisons.get((place, metric)) for metric in ("dice", "jaccard")]
        if None in pair or len(pair[0].losses) < 2:
            continue
        dice, jaccard = (list(found.means.sort_values(ascending=False, kind="stable").index) for found in pair)
        if dice == jaccard:
            order = f" ({' > '.join(map(loss_title, dice))})" if len(dice) <= 2 * MOST_NAMED else ""
            alike.setdefault(order, []).append(place.title)
        else:
            swapped = sum(jaccard.index(a) > jaccard.index(b) for k, a in enumerate(dice) for b in dice[k + 1 :])
            total = count(len(dice) * (len(dice) - 1) // 2, "pair")
            sentences.append(f"{place.title}: Dice and Jaccard order {swapped} of {total} of losses differently.")
    same = [f"{', '.join(names)}: Dice and Jaccard rank the losses alike{order}." for order, names in alike.items()]
    return same + sentences


def notes(findings: Findings) -> tuple[str, ...]:
    """What to know before believing the numbers."""
    settings = findings.study.settings
    found = [*_about_data(settings), *_about_folds(findings), *_about_training(findings)]
    where: dict[str, list[str]] = {}
    for metric, place, comparison in findings.of(findings.main + findings.further):
        for note in comparison.notes:
            where.setdefault(note, []).append(f"{place.title} {metric_title(metric)}")
    for note, places in where.items():
        several = len(places) < len(findings.comparisons)
        found.append(f"{', '.join(places)}: {note}" if several else note)
    return tuple(found)


def method(findings: Findings) -> tuple[str, ...]:
    """How the tests work."""
    settings = next(iter(findings.comparisons.values())).settings
    units = "whole groups of cases" if settings["by_group"] else "cases"
    times = f"{settings['resamples']:,} times"
    if settings["method"] == "bootstrap":
        test = (
            f"A paired bootstrap, as in the paper: {times}, {units} were drawn with replacement, as many as there "
            "are, and the mean difference of two losses was taken. The one-sided p is the share of draws on the wrong "
            "side of zero."
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
    )


def _names(losses: list[str]) -> str:
    return ", ".join(map(loss_title, losses))


def _evidence(comparison: Comparison, rivals: list[str], resamples: int) -> str:
    """The differences in numbers: all of a few losses, the best and the worst of many."""
    shown = rivals
    if len(rivals) > MOST_NAMED:
        order = comparison.means[rivals].dropna().sort_values(ascending=comparison.lower)
        shown = [order.index[0], order.index[-1]]
    parts = []
    for loss in shown:
        low, high = (f.loc[loss, REFERENCE] for f in (comparison.difference_low, comparison.difference_high))
        difference = comparison.difference.loc[loss, REFERENCE]
        p = p_value(comparison.superior.loc[loss, REFERENCE], resamples=resamples)
        interval = f"{number(low, signed=True)} to {number(high, signed=True)}"
        p = f"p {p}" if p.startswith("<") else f"p = {p}"
        parts.append(f"{loss_title(loss)} {number(difference, signed=True)} ({interval}, {p})")
    which = " (the best and the worst of them)" if len(rivals) > MOST_NAMED else ""
    level = f"{1 - comparison.settings['alpha']:.0%}"
    return (
        f"CE scores {number(comparison.means[REFERENCE])} on average. Differences to it on the same cases{which}: "
        f"{'; '.join(parts)}. In brackets: {level} interval, one-sided p of “better than CE”."
    )


def _about_data(settings: dict) -> list[str]:
    found = []
    if settings.get("data", {}).get("phantom"):
        found.append(
            "The images are phantoms drawn by this software. They show that the whole chain works and how the losses "
            "act on uncertain borders; they say nothing of patients and cannot be set against the paper's numbers."
        )
    if settings.get("scale") == "small":
        found.append(
            "Small scale: a smaller network and shorter training than the paper's. Expect lower scores, and other "
            "differences between losses."
        )
    return found


def _about_folds(findings: Findings) -> list[str]:
    folds, data = findings.study.settings.get("folds", {}), findings.study.settings.get("data", {})
    used, found = folds.get("used"), []
    if used is None:
        used = findings.study.scores.frame["fold"].nunique()
    if used < folds.get("requested", PAPER_FOLDS) or used < PAPER_FOLDS:
        found.append(
            f"{count(used, 'fold')} in place of the paper's {PAPER_FOLDS}: each network was trained on a smaller share "
            "of the cases, and fewer networks stand behind the means."
        )
    if folds.get("by") == "case" and data.get("groups", data.get("cases", 0)) < data.get("cases", 0):
        found.append(
            "Folds were drawn over single cases although some share a group (a sequence, a patient): relatives of a "
            "case may have been in its training set, which flatters every loss."
        )
    if folds.get("by") == "group":
        found.append("Folds were drawn over whole groups: no network saw a relative of the cases it is scored on.")
    return found


def _about_training(findings: Findings) -> list[str]:
    selection, found = str(findings.study.settings.get("selection", "")), []
    if selection.startswith("reported"):
        found.append(
            "As in the paper, the weights of each loss were selected by its own validation loss on the very fold that "
            "is reported. All scores are therefore a little too high; the comparison of losses is fair."
        )
    elif selection:
        found.append(
            f"Weights were selected on training cases kept aside ({selection}), not on the reported fold as in the "
            "paper."
        )
    seeds = findings.study.scores.frame["seed"].nunique()
    found.append(
        f"Scores are means over {seeds} training seeds."
        if seeds > 1
        else "Each network was trained once. The p-values speak of other cases, not of other trainings."
    )
    settings = next(iter(findings.comparisons.values())).settings if findings.comparisons else {}
    if settings.get("correction"):
        found.append("P-values are corrected for multiple comparisons within each row of the table (Holm).")
    else:
        found.append("P-values are not corrected for multiple comparisons, as in the paper.")
    return found
