"""The sections of a chapter made from scores: which tables, figures and sentences stand where."""

import re

import numpy as np
import pandas as pd

from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.canvas import picture
from kerasmetricloss.reports.directory import Chapter, Example
from kerasmetricloss.reports.document import Block, Fold, Items, Picture, Section, TableBlock, Text
from kerasmetricloss.reports.evidence import evidence_table, groups_table, loss_name, pairs_table, volume_table
from kerasmetricloss.reports.figures import box_plots, learning_curves, size_curves
from kerasmetricloss.reports.findings import COUNTS, CROSS_ENTROPY, Findings, Place, case_values, has_sizes, slug
from kerasmetricloss.reports.results import LEFT_OUT, means_table, paper_table
from kerasmetricloss.reports.slices import example_slices
from kerasmetricloss.reports.style import (
    COUNTED,
    count,
    dataset_title,
    loss_title,
    mean_text,
    metric_title,
    number,
)
from kerasmetricloss.reports.tables import Table
from kerasmetricloss.reports.words import method, notes, ranking, rates_table
from kerasmetricloss.statistics import SizeCurve, size_curve

DECILES = 10  # parts of Fig. 4

COUNT = re.compile(r"\(\d+\)")  # as `mean_text` writes the cases that a mean leaves out
MOST_BOXES = 20  # rows of boxes in one picture


def table_sections(findings: Findings, table: Table) -> tuple[Section, ...]:
    """Every section of a chapter on a table; those without blocks are left out of the page.

    Args:
        findings: the comparisons.
        table: the main table.
    """
    study = findings.study
    return (
        Section("The answer", tuple(answers(findings))),
        Section("The table", _tables(findings, table)),
        Section("Before you believe it", (Items(told),) if (told := notes(findings)) else ()),
        Section(f"Against {loss_name(findings.reference)}" if findings.reference else "Means", _evidence(findings)),
        Section("Case by case", boxes(findings, f"{slug(study.recipe)}-boxes")),
        Section("Object size", sizes(findings, f"{slug(study.recipe)}-sizes")),
        Section("Example slices", examples(study, f"{slug(study.recipe)}-example")),
        Section("Volumes", volumes(findings)),
        Section("Cases that share a group", _groups(findings)),
        Section("All pairs", _pairs(findings)),
        Section("Before the losses took over", _pretraining(findings)),
    )


def tests_section(several: list[Findings]) -> Section:
    """How the tests work, and how often they are wrong, told once for all chapters."""
    several = [findings for findings in several if findings.tested]
    blocks = (*map(Text, method(several)), TableBlock(rates_table(several))) if several else ()
    return Section("How the tests work", blocks)


def curves_section(curves: pd.DataFrame | None, name: str) -> Section:
    """Learning curves, a picture a data set."""
    parts = [] if curves is None else list(curves.groupby("dataset"))
    pictures = tuple(
        picture(
            name if len(parts) == 1 else f"{name}-{slug(str(dataset))}",
            learning_curves(part),
            alt=f"Learning curves on {dataset_title(str(dataset))}: loss against epoch, by phase, loss and fold.",
            caption=f"{dataset_title(str(dataset))}: a line a fold; strong: validation on full images, faint: "
            "training, both with the penalty on the weights where the network has one. Each loss has its own scale.",
        )
        for dataset, part in parts
    )
    return Section("Learning curves", pictures)


def _tables(findings: Findings, table: Table) -> tuple[Block, ...]:
    blocks: list[Block] = [TableBlock(table)]
    paper = paper_table(findings, findings.main)
    if paper is not None:
        blocks.append(TableBlock(paper))
    else:
        blocks.append(Text("The paper prints no numbers for these data sets and losses."))
    if findings.further:
        blocks.append(TableBlock(means_table(findings, findings.further, caption="Further metrics")))
    return (*blocks, *map(Text, ranking(findings)))


def _evidence(findings: Findings) -> tuple[Block, ...]:
    def tables(metrics: tuple[str, ...]) -> list[TableBlock]:
        return [
            TableBlock(evidence_table(found, place, reference=findings.reference))
            for _, place, found in findings.of(metrics)
        ]

    others = tables(findings.further)
    return (
        *tables(findings.main),
        *([Fold("Further metrics, in the same way", tuple(others))] if others else []),
    )


def boxes(findings: Findings, name: str) -> tuple[Picture, ...]:
    """Box plots of the main measures: all places in one picture, or a picture each where that would be too tall."""
    places = [place for place in findings.places if any(where == place for _, where, _ in findings.of(findings.main))]
    together = len(places) * len(findings.study.losses) <= MOST_BOXES
    runs = [places] if together else [[place] for place in places]
    return tuple(_boxes(findings, run, name if len(runs) == 1 else f"{name}-{run[0].slug}") for run in runs)


def _boxes(findings: Findings, places: list[Place], name: str) -> Picture:
    titles = [place.title for place in places]
    scores = {
        title if titles.count(title) == 1 else place.slug: {
            metric_title(metric): case_values(findings.study, place, metric)
            for metric, where, _ in findings.of(findings.main)
            if where == place
        }
        for title, place in zip(titles, places, strict=True)
    }
    counted = [metric_title(metric) for metric in COUNTED]
    means = "; ".join(
        f"{place}, {title}: {_means(frame, counted=title in counted)}"
        for place, panels in scores.items()
        for title, frame in panels.items()
    )
    named = ", ".join(scores)
    left_out = f" {LEFT_OUT}" if COUNT.search(means) else ""
    return picture(
        name,
        box_plots(scores, counted=counted),
        alt=f"Box plots of the scores of every loss on {named}. Means: {means}.{left_out}",
        caption=f"{named}: every case is a dot. Box: quartiles and median. Whiskers: up to 1.5 boxes beyond. "
        f"Diamond and number: mean.{left_out}",
    )


def _means(frame: pd.DataFrame, *, counted: bool) -> str:
    """The mean of every loss with the cases it leaves out, as the tables write it; frame (cases, losses)."""
    absent = frame.isna().sum()
    return ", ".join(
        f"{loss_title(loss)} {mean_text(mean, absent[loss], counted=counted)}" for loss, mean in frame.mean().items()
    )


def sized_places(findings: Findings) -> list[tuple[str, Place]]:
    """Where scores can be set against object sizes: metric and place."""
    return [
        (metric, place)
        for metric, place, _ in findings.of(findings.main[:1])
        if has_sizes(findings.study, place, COUNTS[:1])
    ]


def curve_of(findings: Findings, metric: str, place: Place) -> SizeCurve:
    """Scores by object size at one place."""
    values = case_values(findings.study, place, "foreground_voxels").mean(axis=1)
    return size_curve(values, case_values(findings.study, place, metric))


def sizes(findings: Findings, name: str) -> tuple[Picture, ...]:
    """Curves of the first measure against object size, a picture a place."""
    found = sized_places(findings)
    return tuple(
        _size(findings, metric, place, name if len(found) == 1 else f"{name}-{place.slug}") for metric, place in found
    )


def _size(findings: Findings, metric: str, place: Place, name: str) -> Picture:
    curve = curve_of(findings, metric, place)
    title, means = metric_title(metric), curve.means
    tenths = "" if len(curve.counts) == DECILES else ", which has ten"
    ends = "; ".join(f"{loss_title(loss)} {number(m.iloc[0])} and {number(m.iloc[-1])}" for loss, m in means.items())
    return picture(
        name,
        size_curves(curve, metric=title, size="object size (foreground voxels)"),
        alt=f"{title} against object size on {place.title}. In the smallest and the largest part: {ends}.",
        caption=f"{place.title}: {title} averaged within {_parts(len(curve.counts))} of the object size (dashed "
        f"borders, {_range(curve.counts)} each), as in the paper's Fig. 4{tenths}.",
    )


def _parts(parts: int) -> str:
    return "every tenth percentile" if parts == DECILES else count(parts, "part")


def _range(counts: np.ndarray) -> str:
    low, high = int(counts.min()), int(counts.max())
    return count(high, "case") if low == high else f"{low} to {count(high, 'case')}"


def examples(study: Chapter, name: str) -> tuple[Picture, ...]:
    """Example slices, a picture each."""
    return tuple(_example(f"{name}-{index}", example) for index, example in enumerate(study.examples, start=1))


def _example(name: str, example: Example) -> Picture:
    meta = example.meta
    dice = {loss: float(value) for loss, value in (meta.get("dice") or {}).items() if value is not None}
    facts = {
        "": dataset_title(str(meta.get("dataset") or "")),
        "case ": meta.get("case"),
        "label ": meta.get("label"),
        "slice ": meta.get("slice"),
    }
    what = ", ".join(f"{key}{value}" for key, value in facts.items() if value not in (None, ""))
    rule = f" Chosen by: {meta['rule']}." if meta.get("rule") else ""
    said = ", ".join(f"{loss_title(loss)} {value:.2f}" for loss, value in dice.items())
    return picture(
        name,
        example_slices(example.image, example.truth, example.predictions, dice=dice),
        alt=f"{what}: the image with the true outline; the output of each loss with the true and the predicted outline."
        + (f" Dice: {said}." if said else ""),
        caption=f"{what}.{rule} Grey: output of the network, with the slice's Dice score. Bars: pixels by output.",
    )


def volumes(findings: Findings) -> tuple[Block, ...]:
    """Predicted over true volumes, a table a place."""
    tables = [volume_table(findings, place) for place in findings.places]
    return tuple(TableBlock(table) for table in tables if table is not None)


def _groups(findings: Findings) -> tuple[Block, ...]:
    table = groups_table(findings)
    if table is None:
        return ()
    few = sorted({note for c in findings.grouped.values() for note in c.notes if note.startswith("Only")})
    why = (
        "Some cases share a group: frames of one sequence, slabs of one patient. They are alike, so they tell less "
        "than as many independent cases, and p-values over single cases are usually too small."
    )
    return (Text(why), TableBlock(table), *map(Text, few))


def _pairs(findings: Findings) -> tuple[Block, ...]:
    tables = [
        TableBlock(pairs_table(comparison, place))
        for _, place, comparison in findings.of(findings.main)
        if len(comparison.losses) > 1
    ]
    return (Fold("p-values of every pair of losses", tuple(tables), open=len(tables) <= 2),) if tables else ()


def _pretraining(findings: Findings) -> tuple[Block, ...]:
    before = findings.study.pretraining
    if before is None or not len(before):
        return ()
    sentences = []
    for metric, place, comparison in findings.of(findings.main):
        if place.dataset not in before.datasets or metric not in before.select(dataset=place.dataset).metrics:
            continue
        counted = metric in COUNTED
        started = _means(before.values(dataset=place.dataset, metric=metric, label=place.label), counted=counted)
        after = ""
        if CROSS_ENTROPY in comparison.losses:
            mean, left_out = comparison.means[CROSS_ENTROPY], comparison.dropped[CROSS_ENTROPY]
            after = f"; after training on with CE: {mean_text(mean, left_out, counted=counted)}"
        sentences.append(f"{place.title}, {metric_title(metric)}: {started} before{after}.")
    why = Text(
        "All losses started from the same networks, one a fold, trained with cross-entropy. Those networks scored:"
    )
    brackets = [Text(LEFT_OUT)] if any(map(COUNT.search, sentences)) else []
    return (why, Items(tuple(sentences)), *brackets) if sentences else ()
