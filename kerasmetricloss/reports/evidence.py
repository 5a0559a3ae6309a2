"""Tables of evidence: every loss against one, all pairs, whole groups, predicted volumes."""

import numpy as np

from kerasmetricloss.reports.differences import p_of
from kerasmetricloss.reports.findings import COUNTS, Findings, Place, case_values, has_sizes
from kerasmetricloss.reports.style import loss_title, metric_short, metric_title, number, percent, share_text
from kerasmetricloss.reports.tables import Cell, Row, Table
from kerasmetricloss.statistics import Comparison


def evidence_table(comparison: Comparison, place: Place, *, reference: str | None) -> Table:
    """Each loss with its interval, and its paired difference to a reference with interval and p-values."""
    compared = reference in comparison.losses and len(comparison.losses) > 1
    rows = []
    for loss in comparison.losses:
        low, high = comparison.interval.loc[loss, ["low", "high"]]
        cells = [Cell(number(comparison.means[loss]), comparison.marks[loss], interval(low, high))]
        cells.append(Cell(str(comparison.n[loss]), detail=left_out(comparison.dropped[loss])))
        if compared:
            cells += _against(comparison, loss, reference)
        rows.append(Row("", loss_title(loss), tuple(cells)))
    level, title = percent(1 - comparison.settings["alpha"]), loss_title(reference or "")
    direction = "Lower is better" if comparison.lower else "Higher is better"
    heads: tuple[str, ...] = ()
    if compared:
        heads = ("pairs", f"minus {title}", f"p better than {title}", f"p worse than {title}", "p two‑sided")
    legend = f"{direction}. In small print: {level} bootstrap intervals."
    if compared:
        legend += f" Pairs: cases that both have. “Minus {title}”: mean difference over them."
        legend += " p better, p worse: one-sided."
    where = f"{place.title}, {metric_title(comparison.metric)}"
    return Table(
        caption=f"{where}: every loss against {loss_name(reference)}" if compared else where,
        columns=("mean", "cases", *heads),
        rows=tuple(rows),
        corner="loss",
        legend=legend,
    )


def pairs_table(comparison: Comparison, place: Place) -> Table:
    """One-sided p-values of all pairs: row better than column."""
    level = comparison.settings["alpha"]
    rows = []
    for loss in comparison.losses:
        cells = []
        for other in comparison.losses:
            text = "" if loss == other else p_of(comparison, loss, other)
            cells.append(Cell(text, "grey" if comparison.supported.loc[loss, other] < level else ""))
        rows.append(Row("", loss_title(loss), tuple(cells)))
    holm = ", Holm-corrected" if comparison.settings["correction"] else ""
    return Table(
        caption=f"{place.title}, {metric_title(comparison.metric)}: one-sided p of “row is better than column”{holm}",
        columns=tuple(map(loss_title, comparison.losses)),
        rows=tuple(rows),
        corner="better",
        legend=f"Grey: p < {level:g}, of enough cases that differ to tell.",
        grey="significant",
    )


def groups_table(findings: Findings) -> Table | None:
    """P-values against the reference with cases resampled one by one and with whole groups; None without groups."""
    rows, reference = [], findings.reference
    for (place, metric), grouped in findings.grouped.items():
        single = findings.single[place, metric]
        if reference not in single.losses:
            continue
        for loss in single.losses:
            if loss == reference:
                continue
            cells = []
            for found in (single, grouped):
                cells.append(Cell(p_of(found, loss, reference)))
                cells.append(Cell(interval(*_ends(found, loss, reference))))
            name = f"{metric_short(metric)}, {loss_title(loss)}"
            rows.append(
                Row(place.title, name, (Cell(number(single.difference.loc[loss, reference], signed=True)), *cells))
            )
    if not rows:
        return None
    return Table(
        caption=f"Against {loss_name(reference)}: cases resampled one by one, and whole groups",
        columns=(f"minus {loss_title(reference)}", "p better", "interval", "p better", "interval"),
        rows=tuple(rows),
        groups=("", "single cases", "single cases", "whole groups", "whole groups"),
        corner="loss",
        legend="p better is one-sided. Where the two disagree, believe the groups. The tables' marks are those of "
        f"{'whole groups' if findings.settings['by_group'] else 'single cases'}.",
    )


def volume_table(findings: Findings, place: Place) -> Table | None:
    """Predicted to true volume (Sec. IV-B.4); None where the scores do not hold both volumes."""
    if not has_sizes(findings.study, place):
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
        share = "–" if not both.any() else share_text(cells[1])
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


def loss_name(loss: str | None) -> str:
    """A loss as a sentence names it."""
    return "cross-entropy" if loss == "CE" else loss_title(loss or "")


def interval(low: float, high: float, *, signed: bool = False) -> str:
    """An interval in brackets, or nothing where there is none."""
    return "" if np.isnan(low) else f"[{number(low, signed=signed)}, {number(high, signed=signed)}]"


def _against(comparison: Comparison, loss: str, reference: str) -> list[Cell]:
    if loss == reference:
        return [Cell("")] * 5
    difference = comparison.difference.loc[loss, reference]
    return [
        Cell(f"{comparison.pairs.loc[loss, reference]:.0f}"),
        Cell(number(difference, signed=True), detail=interval(*_ends(comparison, loss, reference), signed=True)),
        *(Cell(p_of(comparison, *pair)) for pair in ((loss, reference), (reference, loss))),
        Cell(p_of(comparison, loss, reference, two_sided=True)),
    ]


def _ends(comparison: Comparison, loss: str, reference: str) -> tuple[float, float]:
    return comparison.difference_low.loc[loss, reference], comparison.difference_high.loc[loss, reference]


def left_out(dropped: int) -> str:
    """What a cell says below the number of its cases."""
    return f"({dropped} left out)" if dropped else ""
