"""A chapter's numbers as plain CSV, to compute with."""

import csv
import io

import numpy as np

from kerasmetricloss.reports.differences import p_number
from kerasmetricloss.reports.findings import Findings
from kerasmetricloss.reports.published import published_mean

_WHERE = ("dataset", "label", "metric")
_NUMBERS = ("low", "high", "cases")
MEANS_COLUMNS = (*_WHERE, "loss", "mean", *_NUMBERS, "left_out", "mark", "paper_mean", "paper_table")
PAIRS_COLUMNS = (*_WHERE, "a", "b", "difference", *_NUMBERS, "p_a_better", "p_a_worse", "p_two_sided")


def long_csv(findings: Findings) -> bytes:
    """Every mean with its interval, counts, mark and the paper's mean: one row a data set, label, metric and loss."""
    rows = []
    for metric, place, found in findings.of(findings.main + findings.further):
        for loss in found.losses:
            paper = published_mean(metric, place.dataset, loss, label=place.label, recipe=findings.study.recipe) or (
                "",
                "",
            )
            low, high = found.interval.loc[loss, ["low", "high"]]
            numbers = [found.means[loss], low, high, found.n[loss], found.dropped[loss]]
            rows.append(
                [place.dataset, place.label or "", metric, loss, *map(_plain, numbers), found.marks[loss], *paper]
            )
    return _csv(MEANS_COLUMNS, rows)


def pairs_csv(findings: Findings) -> bytes:
    """Every paired difference a - b with its interval and p-values, those of the page: one row an ordered pair."""
    rows = []
    for metric, place, found in findings.of(findings.main + findings.further):
        for a in found.losses:
            for b in found.losses:
                if a != b:
                    low, high = found.difference_low.loc[a, b], found.difference_high.loc[a, b]
                    p = p_number(found, a, b), p_number(found, b, a), p_number(found, a, b, two_sided=True)
                    numbers = [found.difference.loc[a, b], low, high, int(found.pairs.loc[a, b]), *p]
                    rows.append([place.dataset, place.label or "", metric, a, b, *map(_plain, numbers)])
    return _csv(PAIRS_COLUMNS, rows)


def _plain(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _csv(heads: tuple[str, ...], rows: list[list[object]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([heads, *rows])
    return buffer.getvalue().encode()
