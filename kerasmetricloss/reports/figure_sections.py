"""The sections of a chapter on a figure made from scores: what it shows, the figure, the same in numbers."""

import math

import numpy as np

from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.document import Answer, Block, Items, Section, TableBlock, Text
from kerasmetricloss.reports.evidence import left_out
from kerasmetricloss.reports.findings import COUNTS, CROSS_ENTROPY, Findings, case_values, has_sizes, sensitive, slug
from kerasmetricloss.reports.results import marks_legend, paper_table
from kerasmetricloss.reports.sections import boxes, curve_of, examples, sized_places, sizes, volumes
from kerasmetricloss.reports.style import (
    count,
    is_sensitive,
    loss_title,
    metric_short,
    metric_title,
    number,
    share_text,
)
from kerasmetricloss.reports.tables import Cell, Row, Table
from kerasmetricloss.reports.words import notes


def figure_sections(findings: Findings) -> tuple[Section, ...]:
    """Sections of a figure that is made from scores."""
    name = slug(findings.study.recipe)
    figure = {
        "boxes": lambda: (tuple(answers(findings)), boxes(findings, name), _quartiles(findings)),
        "sizes": lambda: (_by_size(findings), sizes(findings, name), _deciles(findings)),
        "slices": lambda: (_by_volume(findings), examples(findings.study, name), volumes(findings)),
    }
    said, pictures, numbers = figure[findings.layout.shows]()
    paper = paper_table(findings, findings.main)
    return (
        Section("What it shows", tuple(said)),
        Section("The figure", pictures or (Text("Nothing to draw: the study kept no such images or sizes."),)),
        Section("The same in numbers", (*numbers, *([TableBlock(paper)] if paper else []))),
        Section("Before you believe it", (Items(notes(findings)),)),
    )


def _quartiles(findings: Findings) -> list[Block]:
    rows = []
    for metric, place, comparison in findings.of(findings.main):
        values = case_values(findings.study, place, metric)
        for loss in comparison.losses:
            scores = values[loss].dropna()
            cuts = np.quantile(scores, [0.25, 0.5, 0.75]) if len(scores) else [np.nan] * 3
            cells = [Cell(number(comparison.means[loss]), comparison.marks[loss]), *(Cell(number(cut)) for cut in cuts)]
            cells.append(Cell(f"{comparison.n[loss]}", detail=left_out(comparison.dropped[loss])))
            rows.append(Row(f"{place.title} {metric_short(metric)}", loss_title(loss), tuple(cells)))
    table = Table(
        caption="Mean and quartiles of every loss",
        columns=("mean", "first quartile", "median", "third quartile", "cases"),
        rows=tuple(rows),
        corner="loss",
        legend=f"The marks are those of the table with the same losses. {marks_legend(findings, findings.main)}",
    )
    return [TableBlock(table)]


def _by_size(findings: Findings) -> list[Answer]:
    """In how many size groups every metric-sensitive loss is above cross-entropy (Sec. IV-C)."""
    found = []
    for metric, place in sized_places(findings):
        rivals = sensitive(findings.comparisons[place, metric])
        means = curve_of(findings, metric, place).means.dropna()
        if CROSS_ENTROPY not in means or not rivals or not len(means):
            continue
        above = int((means[rivals].min(axis=1) > means[CROSS_ENTROPY]).sum())
        head = (
            f"{place.title}. Every metric-sensitive loss is above CE in {above} of {count(len(means), 'size group')}."
        )
        gains = means[rivals].mean(axis=1) - means[CROSS_ENTROPY]
        text = (
            f"Their mean gain in {metric_title(metric)} is {number(gains.iloc[0], signed=True)} for the smallest "
            f"objects and {number(gains.iloc[-1], signed=True)} for the largest. Size groups hold few cases each; "
            "nothing is tested here."
        )
        found.append(Answer(head, text, "yes" if above == len(means) else "open"))
    return found


def _deciles(findings: Findings) -> list[Block]:
    return [TableBlock(_decile_table(findings, metric, place)) for metric, place in sized_places(findings)]


def _decile_table(findings: Findings, metric: str, place: object) -> Table:
    curve = curve_of(findings, metric, place)
    box = findings.study.made.get(place.dataset, {}).get("preparation", {}).get("output_size")
    rows = [
        Row(
            "",
            _sizes(curve.borders[part], curve.borders[part + 1], math.prod(box) if box else None),
            (Cell(str(int(curve.counts[part]))), *(Cell(number(mean)) for mean in curve.means.iloc[part])),
        )
        for part in range(len(curve.counts))
    ]
    return Table(
        caption=f"{place.title}: {metric_title(metric)} by object size",
        columns=("cases", *map(loss_title, curve.means.columns)),
        rows=tuple(rows),
        corner="foreground voxels, and % of the image" if box else "foreground voxels",
    )


def _sizes(low: float, high: float, image: int | None) -> str:
    """From size to size: in voxels, and in % of an image of so many as the paper's Fig. 4 has it."""
    voxels = f"{low:,.0f} to {high:,.0f}"
    return voxels if image is None else f"{voxels} ({100 * low / image:.2g} to {100 * high / image:.2g} %)"


def _by_volume(findings: Findings) -> list[Answer]:
    """Who segments too little (Sec. IV-B.4)."""
    found = []
    for place in findings.places:
        if not has_sizes(findings.study, place):
            continue
        true, predicted = (case_values(findings.study, place, metric) for metric in COUNTS)
        ratio = (predicted / true).replace(np.inf, np.nan)
        medians = ratio.median()
        rivals = [loss for loss in medians.index if is_sensitive(loss)]
        if CROSS_ENTROPY not in medians or not rivals or not ratio[CROSS_ENTROPY].notna().any():
            continue
        below = (ratio[CROSS_ENTROPY].dropna() < 1).mean()
        head = (
            f"{place.title}. With CE the median predicted volume is {number(medians[CROSS_ENTROPY])} of the true one; "
            f"with metric-sensitive losses {number(medians[rivals].min())} to {number(medians[rivals].max())}."
        )
        text = f"CE predicts less than the truth in {share_text(below)} of the cases. "
        text += "In the paper it under-segments throughout."
        closer = abs(medians[rivals] - 1).max() < abs(medians[CROSS_ENTROPY] - 1)
        found.append(Answer(head, text, "yes" if closer and medians[CROSS_ENTROPY] < 1 else "open"))
    return found
