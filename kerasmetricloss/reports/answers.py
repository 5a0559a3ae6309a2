"""The answer of a chapter: a short sentence for each data set, and the numbers behind it."""

from dataclasses import replace
from itertools import pairwise

import pandas as pd

from kerasmetricloss.reports.differences import difference, evidence
from kerasmetricloss.reports.document import Answer
from kerasmetricloss.reports.findings import CROSS_ENTROPY, Findings, Place, sensitive
from kerasmetricloss.reports.style import (
    METRIC_SHORT,
    column_title,
    count,
    is_known,
    loss_title,
    metric_title,
    number,
    percent,
)
from kerasmetricloss.reports.summing import absent, summed
from kerasmetricloss.statistics import Comparison

EVEN_WEIGHTS = "sTversky-0.5/0.5"
CASES_ONLY = ", case by case only. "
AGAINST_CE = "CE and at least one metric-sensitive loss"


def answers(findings: Findings) -> list[Answer]:
    """What the chapter's question comes out at: an answer for each data set, before many of them a sum."""
    losses, asks = findings.study.losses, findings.layout.asks
    if asks in ("weights", "f-measures") and EVEN_WEIGHTS in losses and len(losses) > 1:
        return _weights(findings) if asks == "weights" else _f_measures(findings)
    rivals = any(sensitive(comparison) for _, comparison in findings.headline)
    if asks == "sensitive" and CROSS_ENTROPY in losses and rivals:
        return _sensitive(findings)
    if len(losses) > 1:
        return _measures(findings)
    place = findings.headline[0][0]
    return [absent(place, AGAINST_CE)]


def _sensitive(findings: Findings) -> list[Answer]:
    found = []
    for place, comparison in findings.headline:
        second = next((c for m, p, c in findings.of(findings.main) if p == place and m != comparison.metric), None)
        one = answer(comparison, place, second=second)
        counted = {comparison.metric: sensitive(comparison)} if CROSS_ENTROPY in comparison.losses else {}
        found.append(_grouped(one, findings, place, counted, CROSS_ENTROPY, numbers=True))
    single = sum(f"{CASES_ONLY}Yes" in one.head for one in found)
    more = f", on {single} more case by case only" if single else ""
    return summed(
        found, lambda yes, all_of: f"On {yes} of {all_of} every metric-sensitive loss beats cross-entropy{more}."
    )


def _grouped(
    one: Answer,
    findings: Findings,
    place: Place,
    losses: dict[str, list[str]],
    reference: str,
    *,
    numbers: bool = False,
) -> Answer:
    """The answer with what whole groups resampled say of it, and a head that says where they do not bear it out.

    Args:
        one: what the comparisons of `findings` say.
        findings: all comparisons.
        place: data set and label.
        losses: metric -> losses that are set against the reference.
        reference: the loss that they are set against.
        numbers: whether the losses of each verdict are counted.
    """
    known = {metric: findings.grouped[place, metric] for metric in losses if (place, metric) in findings.grouped}
    if not known or not any(losses.values()):
        return one
    groups = min(found.groups for found in known.values())
    if all(_undecidable(found, losses[metric], reference) for metric, found in known.items() if losses[metric]):
        said = f"They come from {count(groups, 'group')}, too few to tell with whole groups resampled."
        if findings.settings["by_group"]:
            return replace(one, text=f"{one.text} {said}", tone="open")
        verdicts = [_verdict(findings.single[place, metric], losses[metric], reference) for metric in known]
        return _borne_out(one, said, place, doubted=any(better or worse for better, worse in verdicts))
    if findings.settings["by_group"]:
        return one
    lost, gained, parts = [], [], []
    for metric, found in known.items():
        alone = _verdict(findings.single[place, metric], losses[metric], reference)
        together = better, worse = _verdict(found, losses[metric], reference)
        for before, after in zip(alone, together, strict=True):
            for changed, one_way, other in ((lost, before, after), (gained, after, before)):
                changed += [f"{loss_title(loss)} ({_short(metric)})" for loss in one_way if loss not in other]
        parts.append(f"{len(better)} of {len(losses[metric])} better than CE, {len(worse)} worse")
    said = f"With whole groups resampled ({count(groups, 'group')}): "
    if numbers:
        said += f"{'; '.join(parts)}."
    else:
        said += f"no longer significant: {', '.join(lost) or 'none'}"
        said += f"; significant then only: {', '.join(gained)}." if gained else "."
    return _borne_out(one, said, place, doubted=bool(lost))


def _borne_out(one: Answer, said: str, place: Place, *, doubted: bool) -> Answer:
    if not doubted:
        return replace(one, text=f"{one.text} {said}")
    head = one.head.replace(f"{place.title}. ", f"{place.title}{CASES_ONLY}", 1)
    return replace(one, head=head, text=f"{one.text} {said}", tone="open")


def answer(comparison: Comparison, place: Place, *, second: Comparison | None = None) -> Answer:
    """Say whether metric-sensitive losses beat cross-entropy, and by how much.

    Args:
        comparison: on the main metric.
        place: data set and label.
        second: the same on another metric, told in a last sentence.
    """
    rivals, metric = sensitive(comparison), metric_title(comparison.metric)
    if CROSS_ENTROPY not in comparison.losses or not rivals:
        return absent(place, AGAINST_CE)
    better, worse = verdict(comparison)
    if comparison.superior.loc[rivals, CROSS_ENTROPY].isna().all():
        return Answer(f"{place.title}: undecided.", "There are too few cases or groups for any test.", decidable=False)
    decidable = not _undecidable(comparison, rivals, CROSS_ENTROPY)
    if not decidable:
        head, worse, second, tone = "Too few to tell.", [], None, "open"
    elif len(better) == len(rivals):
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
    text = evidence(comparison, rivals)
    if second is not None and set(rivals) <= set(second.losses) and CROSS_ENTROPY in second.losses:
        also, against = verdict(second)
        text += f" In {metric_title(second.metric)}: {len(also)} of {len(rivals)} better than CE, {len(against)} worse."
    others = [loss for loss in comparison.losses if loss not in rivals and not is_known(loss)]
    if others:
        told = "; ".join(f"{loss_title(loss)} {difference(comparison, loss, CROSS_ENTROPY)}" for loss in others)
        text += f" Not among these, as the paper has no such loss: {told}."
    return Answer(f"{place.title}. {head}", text, tone, decidable)


def verdict(comparison: Comparison) -> tuple[list[str], list[str]]:
    """Metric-sensitive losses that are significantly better, and significantly worse, than cross-entropy."""
    return _verdict(comparison, sensitive(comparison), CROSS_ENTROPY)


def _verdict(comparison: Comparison, losses: list[str], reference: str) -> tuple[list[str], list[str]]:
    alpha, p = comparison.settings["alpha"], comparison.supported
    better = [loss for loss in losses if p.loc[loss, reference] < alpha]
    return better, [loss for loss in losses if p.loc[reference, loss] < alpha]


def _measures(findings: Findings) -> list[Answer]:
    """Each loss against the reference, measure by measure."""
    reference, found = str(findings.reference), []
    for place in dict.fromkeys(place for place, _ in findings.headline):
        compared = {m: c for m, p, c in findings.of(findings.main) if p == place and reference in c.losses}
        heads, texts, tones, decidable = [], [], [], False
        for loss in findings.study.losses:
            by_word: dict[str, list[str]] = {word: [] for word in _WORDS}
            numbers = []
            for metric, comparison in compared.items():
                if loss == reference or loss not in comparison.losses:
                    continue
                by_word[_word(comparison, loss, reference)].append(_short(metric))
                numbers.append(f"{_short(metric)} {difference(comparison, loss, reference)}")
            if numbers:
                said = "; ".join(f"{word} {', '.join(metrics)}" for word, metrics in by_word.items() if metrics)
                heads.append(f"{loss_title(loss)} against {loss_title(reference)}: {said}.")
                texts.append(f"{loss_title(loss)} minus {loss_title(reference)}: {'; '.join(numbers)}.")
                tones.append(_tone(bool(by_word["better in"]), bool(by_word["worse in"])))
                decidable |= any(by_word[word] for word in _TOLD)
        if not heads:
            found.append(absent(place, f"{loss_title(reference)} and another loss"))
            continue
        level = percent(1 - findings.settings["alpha"])
        texts.append(f"In brackets: {level} interval, one-sided p of “better”.")
        tone = tones[0] if len(set(tones)) == 1 else "open"
        one = Answer(" ".join([f"{place.title}.", *heads]), " ".join(texts), tone, decidable)
        others = {metric: [loss for loss in c.losses if loss != reference] for metric, c in compared.items()}
        found.append(_grouped(one, findings, place, others, reference))
    return summed(
        found, lambda yes, all_of: f"On {yes} of {all_of} there is a gain in some measure and no loss in any."
    )


_TOLD = ("better in", "worse in", "no significant difference in")
_WORDS = (*_TOLD, "too few cases to tell in", "not comparable in")


def _word(comparison: Comparison, loss: str, reference: str) -> str:
    if pd.isna(comparison.superior.loc[loss, reference]):
        return "not comparable in"
    if _undecidable(comparison, [loss], reference):
        return "too few cases to tell in"
    better, worse = _verdict(comparison, [loss], reference)
    return "better in" if better else "worse in" if worse else "no significant difference in"


def _undecidable(comparison: Comparison, losses: list[str], reference: str) -> bool:
    """Whether no pair of a loss and the reference has cases enough to be significant."""
    return comparison.supported.loc[losses, reference].isna().all()


def _tone(better: bool, worse: bool) -> str:
    return "yes" if better and not worse else "no" if worse and not better else "open"


def _weights(findings: Findings) -> list[Answer]:
    """Whether any weighting of soft Tversky beats the even one, which is soft Dice."""
    found = []
    for place, comparison in findings.headline:
        metric = metric_title(comparison.metric)
        others = [loss for loss in comparison.losses if loss != EVEN_WEIGHTS]
        if EVEN_WEIGHTS not in comparison.losses or not others:
            found.append(absent(place, "soft Tversky of 0.5/0.5 and of another weighting"))
            continue
        if _undecidable(comparison, others, EVEN_WEIGHTS):
            found.append(Answer(f"{place.title}. Too few to tell.", _even(comparison), decidable=False))
            continue
        better, worse = _verdict(comparison, others, EVEN_WEIGHTS)
        if better:
            verb = "is" if len(better) == 1 else "are"
            head = f"{_weightings(better)} {verb} significantly better than 0.5/0.5 in {metric}."
        else:
            head = f"No weighting is significantly better than 0.5/0.5 in {metric}."
        text = f"{_even(comparison)} Significantly worse than 0.5/0.5: {_weightings(worse) or 'none'}."
        one = Answer(f"{place.title}. {head}", text, "open" if better else "yes")
        found.append(_grouped(one, findings, place, {comparison.metric: others}, EVEN_WEIGHTS))
    return summed(found, lambda yes, all_of: f"On {yes} of {all_of} no weighting is significantly better than 0.5/0.5.")


def _even(comparison: Comparison) -> str:
    means = comparison.means.dropna().sort_values(ascending=comparison.lower, kind="stable")
    top, even = means.index[0], comparison.means[EVEN_WEIGHTS]
    text = f"0.5/0.5, which is soft Dice, scores {number(even)}; the best mean is {number(means.iloc[0])}"
    return text + (f" at {column_title(top)}." if top != EVEN_WEIGHTS else ", its own.")


def _f_measures(findings: Findings) -> list[Answer]:
    """Which weighting is best for which F-measure, among those that sum to one."""
    found = []
    for place, _ in findings.headline:
        best, alphas = [], []
        for metric, where, comparison in findings.of(findings.main):
            weightings = [loss for loss in comparison.losses if _sums_to_one(loss)]
            means = comparison.means[weightings].dropna()
            if where == place and len(means):
                top = str(means.idxmax())
                best.append(f"{metric} at {column_title(top)} ({number(means[top])})")
                alphas.append(float(column_title(top).partition("/")[0]))
        if not best:
            found.append(absent(place, "soft Tversky of weights that sum to 1"))
            continue
        falls = all(a >= b for a, b in pairwise(alphas)) and len(set(alphas)) > 1
        head = f"{place.title}. Best weighting of those that sum to 1: {', '.join(best)}."
        text = "The more a measure weighs recall, the smaller the α of the best weighting, as in the paper."
        if not falls:
            text = "The α of the best weighting does not fall as the measure weighs recall more; in the paper it does."
        found.append(Answer(head, text, "yes" if falls else "open"))
    return summed(found, lambda yes, all_of: f"On {yes} of {all_of} the best α falls as recall counts more.")


def _sums_to_one(loss: str) -> bool:
    alpha, _, beta = loss.removeprefix("sTversky-").partition("/")
    return loss.startswith("sTversky-") and abs(float(alpha) + float(beta) - 1) < 1e-6


def _short(metric: str) -> str:
    return METRIC_SHORT.get(metric, metric)


def _names(losses: list[str]) -> str:
    return ", ".join(map(loss_title, losses))


def _weightings(losses: list[str]) -> str:
    return ", ".join(map(column_title, losses))
