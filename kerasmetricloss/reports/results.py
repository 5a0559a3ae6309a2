"""The main table of a chapter as the paper lays it out, and the paper's own numbers in the same rows and columns."""

from collections.abc import Callable

from kerasmetricloss.reports.findings import Findings, Place, spots
from kerasmetricloss.reports.published import published_mean, published_tables
from kerasmetricloss.reports.style import (
    COUNTED,
    METRIC_SHORT,
    TVERSKY,
    column_title,
    dataset_title,
    family,
    loss_title,
    mean_text,
    metric_short,
    number,
)
from kerasmetricloss.reports.tables import Cell, Row, Table
from kerasmetricloss.statistics import Comparison

LEGEND = {
    True: "Grey: significantly better than the other loss. Italic: significantly worse.",
    False: "Grey: top-ranked, that is, not significantly worse than the loss with the best mean. "
    "Italic: significantly worse than every other loss.",
}
LEFT_OUT = "In brackets: cases without a score (not scored, or not defined), left out of the mean."
KEY = {
    True: "Grey: better than the other. Italic: worse.",
    False: "Grey: top-ranked. Italic: worse than all others.",
}
Fill = Callable[[str, Place, str], Cell]


def means_table(findings: Findings, metrics: tuple[str, ...], *, caption: str) -> Table:
    """Means with grey and italic marks, laid out as the paper's table."""

    def fill(metric: str, place: Place, loss: str) -> Cell:
        comparison = findings.comparisons.get((place, metric))
        return _mean_cell(comparison, loss) if comparison and loss in comparison.losses else Cell("–")

    level = f"one-sided p < {findings.settings['alpha']:g}"
    legend = [marks_legend(findings, metrics), f"Paired tests on the same cases, {level}."] if findings.tested else []
    low = [METRIC_SHORT.get(metric, metric) for metric in findings.low(metrics)]
    if low:
        legend.append(f"{' and '.join(low)}: lower is better.")
    found = list(findings.of(metrics))
    if any(metric in COUNTED or comparison.dropped.any() for metric, _, comparison in found):
        legend.append(LEFT_OUT)
    return _laid_out(findings, metrics, fill, caption=caption, legend=" ".join(legend))


def marks_legend(findings: Findings, metrics: tuple[str, ...], *, words: dict[bool, str] = LEGEND) -> str:
    """What grey and italic mean in a table; `mark` has a rule of its own where exactly two losses have a mean.

    Args:
        findings: the comparisons.
        metrics: the measures of the table.
        words: the rule of two losses (True) and that of more (False).
    """
    counts = {(place, metric): int(found.means.notna().sum()) for metric, place, found in findings.of(metrics)}
    two = [where for where, losses in counts.items() if losses == 2]
    if not any(losses > 2 for losses in counts.values()):
        return words[bool(two) or len(findings.study.losses) == 2]
    if not two:
        return words[False]
    there = f"Two losses only: {', '.join(spots(two, list(counts)))}."
    return f"{words[False]} {there} {words[True].replace(':', ' there:')}"


def paper_table(findings: Findings, metrics: tuple[str, ...]) -> Table | None:
    """The paper's means in the same rows and columns; None where it has none of them."""
    sources = []

    def fill(metric: str, place: Place, loss: str) -> Cell:
        found = published_mean(metric, place.dataset, loss, label=place.label, recipe=findings.study.recipe)
        if found is None:
            return Cell("–")
        sources.append(found[1])
        return Cell(number(found[0]))

    table = _laid_out(findings, metrics, fill, caption="", legend="")
    if not sources:
        return None
    phantom = any(made.get("data", {}).get("phantom") for made in findings.study.made.values())
    named = ", ".join(table for table in published_tables() if table in sources)
    rows = tuple(row for row in table.rows if any(cell.text != "–" for cell in row.cells))
    return Table(
        caption=f"The paper's means (its {'Tables' if ',' in named else 'Table'} {named})",
        columns=table.columns,
        rows=rows,
        groups=table.groups,
        corner=table.corner,
        alone=table.alone,
        legend="Eelbode, Bertels et al., IEEE TMI 2020, arXiv:2010.13499. The marks of its cells are not repeated."
        + (" Measured on the real images, not on phantoms." if phantom else ""),
    )


def place_names(places: tuple[Place, ...]) -> tuple[list[str], str]:
    """The shortest names that tell places apart, and what they are names of.

    Example:
        >>> place_names((Place("br18-multi", "All"), Place("br18-multi", "WT")))
        (['All', 'WT'], 'BR18')
        >>> place_names((Place("po18-0.05", None), Place("po18-0.1", None)))
        (['0.05', '0.1'], 'PO18, foreground to background')
    """
    datasets = {place.dataset for place in places}
    if len(datasets) == 1 and all(place.label for place in places):
        return [str(place.label) for place in places], dataset_title(places[0].dataset)
    bases = {place.dataset.partition("-0.")[0] for place in places}
    if len(bases) == 1 and all("-0." in place.dataset and place.label is None for place in places):
        base = bases.pop()
        return [place.dataset.removeprefix(f"{base}-") for place in places], (
            f"{dataset_title(base)}, foreground to background"
        )
    return [place.title for place in places], "data set"


def _laid_out(findings: Findings, metrics: tuple[str, ...], fill: Fill, *, caption: str, legend: str) -> Table:
    places, losses = findings.places, findings.study.losses
    shown = [(metric, place) for metric, place, _ in findings.of(metrics)]
    names, corner = place_names(places)
    named = dict(zip(places, names, strict=True))
    if findings.layout.across == "data sets":
        across = [place for place in places if any(place == other for _, other in shown)]
        rows = [
            Row(metric_short(metric), loss_title(loss), tuple(fill(metric, place, loss) for place in across))
            for metric in dict.fromkeys(metric for metric, _ in shown)
            for loss in losses
        ]
        alone: tuple[str, ...] = ()
        columns, groups = [named[place] for place in across], () if corner == "data set" else (corner,) * len(across)
        corner = "loss"
    else:
        by_dataset = findings.layout.sections == "data sets"
        order = sorted(shown, key=lambda pair: places.index(pair[1])) if by_dataset else shown
        rows = [
            Row(
                place.title if by_dataset else metric_short(metric),
                metric_short(metric) if by_dataset else named[place],
                tuple(fill(metric, place, loss) for loss in losses),
            )
            for metric, place in order
        ]
        columns, groups = list(map(column_title, losses)), _groups(losses)
        alone = tuple(map(loss_title, losses)) if len(set(groups)) > 1 else ()
        corner = "measure" if by_dataset else corner
    return Table(caption, tuple(columns), tuple(rows), groups=groups, corner=corner, legend=legend, alone=alone)


def _mean_cell(comparison: Comparison, loss: str) -> Cell:
    text = mean_text(comparison.means[loss], comparison.dropped[loss], counted=comparison.metric in COUNTED)
    return Cell(text, comparison.marks[loss])


def _groups(losses: list[str]) -> tuple[str, ...]:
    """Heads above the losses where they differ, or where a column's own head says only half."""
    names = tuple(map(family, losses))
    return names if len(set(names)) > 1 or TVERSKY in names else ()
