"""The report's tables, filled with findings."""

import csv
import io

import numpy as np

from kerasmetricloss.reports.findings import COUNTS, REFERENCE, Findings, Place, case_values
from kerasmetricloss.reports.published import published_mean, published_tables
from kerasmetricloss.reports.style import (
    METRIC_SHORT,
    TVERSKY,
    column_title,
    family,
    loss_title,
    metric_title,
    number,
    p_value,
)
from kerasmetricloss.reports.tables import Cell, Row, Table
from kerasmetricloss.statistics import Comparison

_WHERE = ("dataset", "label", "metric")
_NUMBERS = ("low", "high", "cases")
MEANS_COLUMNS = (*_WHERE, "loss", "mean", *_NUMBERS, "left_out", "mark", "paper_mean", "paper_table")
PAIRS_COLUMNS = (*_WHERE, "a", "b", "difference", *_NUMBERS, "p_a_better", "p_a_worse", "p_two_sided")
LEGEND = {
    True: "Grey: significantly better than the other loss. Italic: significantly worse.",
    False: "Grey: top-ranked, that is, not significantly worse than the loss with the best mean. "
    "Italic: significantly worse than every other loss.",
}


def means_table(findings: Findings, metrics: tuple[str, ...], *, caption: str) -> Table:
    """Means as the paper's Table II lays them out: rows measure and data set, columns losses, grey and italic marks."""
    losses = findings.study.losses
    rows = []
    for metric, place, comparison in findings.of(metrics):
        cells = [_mean_cell(comparison, loss) if loss in comparison.losses else Cell("–") for loss in losses]
        rows.append(Row(METRIC_SHORT.get(metric, metric), place.title, tuple(cells)))
    out = any(comparison.dropped.any() for _, _, comparison in findings.of(metrics))
    level = f"one-sided p < {next(iter(findings.comparisons.values())).settings['alpha']:g}"
    legend = f"{LEGEND[len(losses) == 2]} Paired tests on the same cases, {level}."
    return Table(
        caption=caption,
        columns=tuple(map(column_title, losses)),
        rows=tuple(rows),
        groups=_groups(losses),
        corner="data set",
        legend=legend + (" In brackets: cases left out of the mean, since the score is not defined." if out else ""),
    )


def paper_table(findings: Findings, metrics: tuple[str, ...]) -> Table | None:
    """The paper's means for the same rows and columns; None where it has none of them."""
    losses, rows, sources = findings.study.losses, [], []
    recipe = findings.study.settings.get("recipe")
    for metric, place, _ in findings.of(metrics):
        found = [published_mean(metric, place.dataset, loss, label=place.label, recipe=recipe) for loss in losses]
        if any(found):
            sources += [entry[1] for entry in found if entry]
            cells = tuple(Cell(number(entry[0]) if entry else "–") for entry in found)
            rows.append(Row(METRIC_SHORT.get(metric, metric), place.title, cells))
    if not rows:
        return None
    phantom = findings.study.settings.get("data", {}).get("phantom")
    named = ", ".join(table for table in published_tables() if table in sources)
    return Table(
        caption=f"The paper's means (its {'Tables' if ',' in named else 'Table'} {named})",
        columns=tuple(map(column_title, losses)),
        rows=tuple(rows),
        groups=_groups(losses),
        corner="data set",
        legend="Eelbode, Bertels et al., IEEE TMI 2020, arXiv:2010.13499. The marks of its cells are not repeated."
        + (" Measured on the real images, not on phantoms." if phantom else ""),
    )


def evidence_table(comparison: Comparison, place: Place, *, resamples: int) -> Table:
    """Each loss with its interval, and its paired difference to cross-entropy with interval and p-values."""
    reference = REFERENCE in comparison.losses and len(comparison.losses) > 1
    rows = []
    for loss in comparison.losses:
        low, high = comparison.interval.loc[loss, ["low", "high"]]
        cells = [Cell(number(comparison.means[loss]), comparison.marks[loss], _interval(low, high))]
        cells.append(Cell(str(comparison.n[loss]), detail=_left_out(comparison.dropped[loss])))
        if reference:
            cells += _against(comparison, loss, resamples)
        rows.append(Row("", loss_title(loss), tuple(cells)))
    level = f"{1 - comparison.settings['alpha']:.0%}"
    direction = "lower is better" if comparison.lower else "higher is better"
    heads = ("minus CE", "p better than CE", "p worse than CE", "p two‑sided") if reference else ()
    legend = f"{direction[0].upper()}{direction[1:]}. In small print: {level} bootstrap intervals."
    if reference:
        legend += " “Minus CE”: mean paired difference, over cases that both have. p better, p worse: one-sided."
    return Table(
        caption=f"{place.title}, {metric_title(comparison.metric)}: every loss against cross-entropy"
        if reference
        else f"{place.title}, {metric_title(comparison.metric)}",
        columns=("mean", "cases", *heads),
        rows=tuple(rows),
        corner="loss",
        legend=legend,
    )


def pairs_table(comparison: Comparison, place: Place, *, resamples: int) -> Table:
    """One-sided p-values of all pairs: row better than column."""
    level = comparison.settings["alpha"]
    rows = []
    for loss in comparison.losses:
        cells = []
        for other in comparison.losses:
            p = comparison.superior.loc[loss, other]
            text = "" if loss == other else p_value(p, resamples=resamples)
            cells.append(Cell(text, "grey" if p < level else ""))
        rows.append(Row("", loss_title(loss), tuple(cells)))
    holm = ", Holm-corrected" if comparison.settings["correction"] else ""
    return Table(
        caption=f"{place.title}, {metric_title(comparison.metric)}: one-sided p of “row is better than column”{holm}",
        columns=tuple(map(loss_title, comparison.losses)),
        rows=tuple(rows),
        corner="better",
        legend=f"Grey: p < {level:g}.",
    )


def groups_table(findings: Findings) -> Table | None:
    """P-values against cross-entropy with cases resampled one by one and with whole groups; None without groups."""
    rows = []
    for (place, metric), grouped in findings.grouped.items():
        single = findings.comparisons[place, metric]
        if REFERENCE not in single.losses:
            continue
        for loss in single.losses:
            if loss == REFERENCE:
                continue
            cells = []
            for found in (single, grouped):
                cells.append(Cell(p_value(found.superior.loc[loss, REFERENCE], resamples=findings.resamples)))
                cells.append(Cell(_interval(*_ends(found, loss))))
            name = f"{METRIC_SHORT.get(metric, metric)}, {loss_title(loss)}"
            rows.append(
                Row(place.title, name, (Cell(number(single.difference.loc[loss, REFERENCE], signed=True)), *cells))
            )
    if not rows:
        return None
    return Table(
        caption="Against cross-entropy: cases resampled one by one, and whole groups",
        columns=("minus CE", "p better", "interval", "p better", "interval"),
        rows=tuple(rows),
        groups=("", "single cases", "single cases", "whole groups", "whole groups"),
        corner="loss",
        legend="p better is one-sided. Where the two disagree, believe the groups.",
    )


def volume_table(findings: Findings, place: Place) -> Table | None:
    """Predicted to true volume (Sec. IV-B.4); None where the scores do not hold both volumes."""
    scores = findings.study.scores.select(dataset=place.dataset)
    if place.label == "All" or any(metric not in scores.metrics for metric in COUNTS):
        return None
    true, predicted = (case_values(findings.study, place, metric) for metric in COUNTS)
    rows = []
    for loss in predicted.columns:
        pair = true[loss] if loss in true else true.mean(axis=1)
        both = (pair > 0) & predicted[loss].notna()
        ratio = predicted[loss][both] / pair[both]
        cells = [
            ratio.median(),
            np.mean(ratio < 1),
            predicted[loss][both].sum() / pair[both].sum() if both.any() else np.nan,
        ]
        share = "–" if not both.any() else f"{cells[1]:.0%}"
        rows.append(
            Row(
                "",
                loss_title(loss),
                (Cell(number(cells[0])), Cell(share), Cell(number(cells[2])), Cell(str(int(both.sum())))),
            )
        )
    return Table(
        caption=f"{place.title}: predicted volume over true volume",
        columns=("median", "cases below 1", "all cases together", "cases"),
        rows=tuple(rows),
        corner="loss",
        legend="Below 1 the network segments too little. Cases without any foreground are left out.",
    )


def long_csv(findings: Findings) -> bytes:
    """Every mean with its interval, counts, mark and the paper's mean: one row a data set, label, metric and loss."""
    recipe = findings.study.settings.get("recipe")
    rows = []
    for metric, place, found in findings.of(findings.main + findings.further):
        for loss in found.losses:
            paper = published_mean(metric, place.dataset, loss, label=place.label, recipe=recipe) or ("", "")
            low, high = found.interval.loc[loss, ["low", "high"]]
            numbers = [found.means[loss], low, high, found.n[loss], found.dropped[loss]]
            rows.append(
                [place.dataset, place.label or "", metric, loss, *map(_plain, numbers), found.marks[loss], *paper]
            )
    return _csv(MEANS_COLUMNS, rows)


def pairs_csv(findings: Findings) -> bytes:
    """Every paired difference a - b with its interval and p-values: one row an ordered pair."""
    rows = []
    for metric, place, found in findings.of(findings.main + findings.further):
        for a in found.losses:
            for b in found.losses:
                if a != b:
                    low, high = found.difference_low.loc[a, b], found.difference_high.loc[a, b]
                    p = found.superior.loc[a, b], found.superior.loc[b, a], found.two_sided.loc[a, b]
                    numbers = [found.difference.loc[a, b], low, high, int(found.pairs.loc[a, b]), *p]
                    rows.append([place.dataset, place.label or "", metric, a, b, *map(_plain, numbers)])
    return _csv(PAIRS_COLUMNS, rows)


def _mean_cell(comparison: Comparison, loss: str) -> Cell:
    dropped = int(comparison.dropped[loss])
    text = number(comparison.means[loss]) + (f" ({dropped})" if dropped else "")
    return Cell(text, comparison.marks[loss])


def _against(comparison: Comparison, loss: str, resamples: int) -> list[Cell]:
    if loss == REFERENCE:
        return [Cell("")] * 4
    p = comparison.superior.loc[loss, REFERENCE], comparison.superior.loc[REFERENCE, loss]
    difference = comparison.difference.loc[loss, REFERENCE]
    return [
        Cell(number(difference, signed=True), detail=_interval(*_ends(comparison, loss), signed=True)),
        *(Cell(p_value(value, resamples=resamples)) for value in (*p, comparison.two_sided.loc[loss, REFERENCE])),
    ]


def _ends(comparison: Comparison, loss: str) -> tuple[float, float]:
    return comparison.difference_low.loc[loss, REFERENCE], comparison.difference_high.loc[loss, REFERENCE]


def _groups(losses: list[str]) -> tuple[str, ...]:
    """Heads above the losses where they differ, or where a column's own head says only half."""
    names = tuple(map(family, losses))
    return names if len(set(names)) > 1 or TVERSKY in names else ()


def _interval(low: float, high: float, *, signed: bool = False) -> str:
    return "" if np.isnan(low) else f"[{number(low, signed=signed)}, {number(high, signed=signed)}]"


def _left_out(dropped: int) -> str:
    return f"{dropped} left out" if dropped else ""


def _plain(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _csv(heads: tuple[str, ...], rows: list[list[object]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([heads, *rows])
    return buffer.getvalue().encode()
