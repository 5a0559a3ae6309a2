"""The report's sections: which tables, figures and sentences stand where."""

import numpy as np

from kerasmetricloss.reports.canvas import page_width
from kerasmetricloss.reports.directory import Example, StudyDirectory
from kerasmetricloss.reports.document import Block, Facts, Fold, Items, Picture, Section, TableBlock, Text
from kerasmetricloss.reports.figures import box_plots, learning_curves, size_curves
from kerasmetricloss.reports.findings import REFERENCE, Findings, Place, case_values, slug
from kerasmetricloss.reports.results import (
    evidence_table,
    groups_table,
    means_table,
    pairs_table,
    paper_table,
    volume_table,
)
from kerasmetricloss.reports.slices import example_slices
from kerasmetricloss.reports.style import count, dataset_title, loss_title, metric_title, number
from kerasmetricloss.reports.tables import Table
from kerasmetricloss.reports.words import answers, method, notes, ranking
from kerasmetricloss.statistics import size_curve

MOST_FACTS = 24  # entries of one setting that the page lists; file hashes are many more


def sections(findings: Findings, table: Table) -> list[Section]:
    """Every section of the report; those without blocks are left out of the page.

    Args:
        findings: the comparisons.
        table: the main table.
    """
    study = findings.study
    return [
        Section("The answer", tuple(answers(findings))),
        Section("The table", _tables(findings, table)),
        Section("Before you believe it", (Items(notes(findings)),)),
        Section("Against cross-entropy", _evidence(findings)),
        Section("Case by case", tuple(_boxes(findings, place) for place in findings.places)),
        Section("Object size", _sizes(findings)),
        Section("Example slices", _examples(study)),
        Section("Volumes", _volumes(findings)),
        Section("Cases that share a group", _groups(findings)),
        Section("All pairs", _pairs(findings)),
        Section("Before the losses took over", _pretraining(findings)),
        Section("Learning curves", _curves(study)),
        Section("How the tests work", tuple(map(Text, method(findings)))),
        Section("How it was made", _provenance(study)),
    ]


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
    tables = [evidence_table(c, place, resamples=findings.resamples) for _, place, c in findings.of(findings.main)]
    others = [evidence_table(c, place, resamples=findings.resamples) for _, place, c in findings.of(findings.further)]
    return (
        *map(TableBlock, tables),
        *([Fold("Further metrics, in the same way", tuple(map(TableBlock, others)))] if others else []),
    )


def _boxes(findings: Findings, place: Place) -> Picture:
    scores = {
        metric_title(metric): case_values(findings.study, place, metric)
        for metric, where, _ in findings.of(findings.main)
        if where == place
    }
    means = "; ".join(
        f"{title}: " + ", ".join(f"{loss_title(loss)} {number(mean)}" for loss, mean in frame.mean().items())
        for title, frame in scores.items()
    )
    return _picture(
        f"boxes-{place.slug}",
        box_plots(scores),
        alt=f"Box plots of the scores of every loss on {place.title}. Means: {means}.",
        caption=f"{place.title}: every case is a dot. Box: quartiles and median. Whiskers: up to 1.5 boxes beyond. "
        "Diamond and number: mean.",
    )


def _sizes(findings: Findings) -> tuple[Block, ...]:
    return tuple(
        _size(findings, metric, place)
        for metric, place, _ in findings.of(findings.main[:1])
        if place.label != "All" and "foreground_voxels" in findings.study.scores.select(dataset=place.dataset).metrics
    )


def _size(findings: Findings, metric: str, place: Place) -> Picture:
    sizes = case_values(findings.study, place, "foreground_voxels").mean(axis=1)
    curve = size_curve(sizes, case_values(findings.study, place, metric))
    title, means = metric_title(metric), curve.means
    ends = "; ".join(f"{loss_title(loss)} {number(m.iloc[0])} and {number(m.iloc[-1])}" for loss, m in means.items())
    return _picture(
        f"sizes-{place.slug}",
        size_curves(curve, metric=title, size="object size (foreground voxels)"),
        alt=f"{title} against object size on {place.title}. In the smallest and the largest part: {ends}.",
        caption=f"{place.title}: {title} averaged within every tenth percentile of the object size (dashed borders, "
        f"{_range(curve.counts)} each), as in the paper's Fig. 4.",
    )


def _range(counts: np.ndarray) -> str:
    low, high = int(counts.min()), int(counts.max())
    return count(high, "case") if low == high else f"{low} to {count(high, 'case')}"


def _examples(study: StudyDirectory) -> tuple[Block, ...]:
    return tuple(_example(f"example-{index}", example) for index, example in enumerate(study.examples, start=1))


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
    return _picture(
        name,
        example_slices(example.image, example.truth, example.predictions, dice=dice),
        alt=f"{what}: the image with the true outline; the output of each loss with the true and the predicted outline."
        + (f" Dice: {said}." if said else ""),
        caption=f"{what}.{rule} Grey: output of the network, with its Dice score. Bars: pixels by output.",
    )


def _volumes(findings: Findings) -> tuple[Block, ...]:
    tables = [volume_table(findings, place) for place in findings.places]
    return tuple(TableBlock(table) for table in tables if table is not None)


def _groups(findings: Findings) -> tuple[Block, ...]:
    table = groups_table(findings)
    if table is None:
        return ()
    few = sorted({note for c in findings.grouped.values() for note in c.notes if note.startswith("Only")})
    why = (
        "Some cases share a group: frames of one sequence, slabs of one patient. They are alike, so they tell less "
        "than as many independent cases, and p-values over single cases flatter."
    )
    return (Text(why), TableBlock(table), *map(Text, few))


def _pairs(findings: Findings) -> tuple[Block, ...]:
    tables = [
        TableBlock(pairs_table(comparison, place, resamples=findings.resamples))
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
        means = before.values(dataset=place.dataset, metric=metric, label=place.label).mean()
        started = ", ".join(f"{loss_title(loss)} {number(mean)}" for loss, mean in means.items())
        after = (
            f"; after training on with CE: {number(comparison.means[REFERENCE])}"
            if REFERENCE in comparison.losses
            else ""
        )
        sentences.append(f"{place.title}, {metric_title(metric)}: {started} before{after}.")
    why = Text(
        "All losses started from the same networks, one a fold, trained with cross-entropy. Those networks scored:"
    )
    return (why, Items(tuple(sentences))) if sentences else ()


def _curves(study: StudyDirectory) -> tuple[Block, ...]:
    if study.curves is None or not len(study.curves):
        return ()
    return tuple(
        _picture(
            f"curves-{slug(str(dataset))}",
            learning_curves(part),
            alt=f"Learning curves on {dataset_title(str(dataset))}: loss against epoch, by phase, loss and fold.",
            caption=f"{dataset_title(str(dataset))}: a line a fold; strong: validation on full images, faint: "
            "training. Each loss has its own scale.",
        )
        for dataset, part in study.curves.groupby("dataset")
    )


def _provenance(study: StudyDirectory) -> tuple[Block, ...]:
    if not study.settings:
        return (Text("The directory holds scores only; how they were made is not recorded."),)
    return (Facts(tuple(_flat(study.settings))),)


def _flat(settings: dict, prefix: str = "") -> list[tuple[str, str]]:
    facts = []
    for name, value in settings.items():
        if isinstance(value, dict | list) and len(value) > MOST_FACTS:
            facts.append((f"{prefix}{name}".replace("_", " "), f"{len(value):,} entries, in study.json"))
        elif isinstance(value, dict):
            facts += _flat(value, f"{prefix}{name}: ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            facts.append(
                (f"{prefix}{name}".replace("_", " "), {"True": "yes", "False": "no", "None": "–"}.get(text, text))
            )
    return facts


def _picture(name: str, png: bytes, *, alt: str, caption: str) -> Picture:
    return Picture(name, png, alt=alt, caption=caption, width=page_width(png))
