"""The comparisons a chapter speaks of, made once for all its tables and sentences."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from kerasmetricloss.reports.directory import Chapter
from kerasmetricloss.reports.layouts import DISTANCE_METRICS, F_MEASURES, USUAL_METRICS, Layout, layout_of
from kerasmetricloss.reports.style import count, dataset_title, is_sensitive, metric_title
from kerasmetricloss.scores import ScoreTableError
from kerasmetricloss.statistics import Comparison, compare

COUNTS = ("foreground_voxels", "predicted_voxels")
OF_OTHER_TABLES = (*USUAL_METRICS, *F_MEASURES)  # never "further metrics": they have tables of their own
CROSS_ENTROPY = "CE"
REFERENCES = (CROSS_ENTROPY, "sTversky-0.5/0.5", "sDice-L2")


@dataclass(frozen=True)
class Place:
    """Where a comparison stands: a data set, and a label where there are several."""

    dataset: str
    label: str | None

    @property
    def title(self) -> str:
        """As tables name it."""
        return dataset_title(self.dataset) + (f" {self.label}" if self.label else "")

    @property
    def slug(self) -> str:
        """As files name it."""
        return slug(self.dataset if self.label is None else f"{self.dataset}-{self.label}")


@dataclass(frozen=True)
class Findings:
    """All comparisons of a chapter.

    Attributes:
        study: what is compared.
        layout: how it is laid out.
        places: data sets and labels, in the order of the tables.
        main: measures of the table or figure.
        further: other measures that are shown below it.
        comparisons: (place, metric) -> comparison, as it was asked for.
        single: the same with cases resampled one by one, where groups of several cases exist; main metrics only.
        grouped: the same with whole groups resampled, at the same places.
    """

    study: Chapter
    layout: Layout
    places: tuple[Place, ...]
    main: tuple[str, ...]
    further: tuple[str, ...]
    comparisons: dict[tuple[Place, str], Comparison]
    single: dict[tuple[Place, str], Comparison]
    grouped: dict[tuple[Place, str], Comparison]

    def of(self, metrics: tuple[str, ...]) -> Iterator[tuple[str, Place, Comparison]]:
        """Comparisons of some metrics, by metric, then place."""
        for metric in metrics:
            for place in self.places:
                if (place, metric) in self.comparisons:
                    yield metric, place, self.comparisons[place, metric]

    def low(self, metrics: tuple[str, ...]) -> list[str]:
        """Those of some metrics of which a smaller value is better."""
        return list(dict.fromkeys(metric for metric, _, found in self.of(metrics) if found.lower))

    @property
    def reference(self) -> str | None:
        """The loss that all others are set against: cross-entropy, else the paper's base line, else the first."""
        losses = self.study.losses
        return next((loss for loss in (*REFERENCES, *losses) if loss in losses), None) if len(losses) > 1 else None

    @property
    def tested(self) -> bool:
        """Whether any two losses are compared."""
        return any(len(found.losses) > 1 for found in self.comparisons.values())

    @property
    def settings(self) -> dict[str, object]:
        """How the tests were made."""
        return next(iter(self.comparisons.values())).settings

    @property
    def headline(self) -> list[tuple[Place, Comparison]]:
        """One comparison a data set to answer the question with: the first measure, averaged over labels."""
        found: dict[str, tuple[Place, Comparison]] = {}
        for _, place, comparison in self.of(self.main):
            found.setdefault(place.dataset, (place, comparison))
        return list(found.values())


def find(study: Chapter, *, lower: Sequence[str] = (), higher: Sequence[str] = (), **settings: object) -> Findings:
    """Compare the losses of a chapter on all its data sets, labels and metrics.

    Args:
        study: what is compared; it has scores.
        lower: metrics of which a smaller value is better, where their names do not tell.
        higher: metrics of which a larger value is better, likewise.
        settings: passed on to `statistics.compare`.

    Raises:
        ScoreTableError: There are sizes only, and no measure.
    """
    layout = layout_of(study.recipe)
    present = [metric for metric in study.scores.metrics if metric not in COUNTS]
    main = tuple(metric for metric in layout.metrics if metric in present) or tuple(sorted(present, key=_rank))
    known = (*main, *DISTANCE_METRICS, *OF_OTHER_TABLES)
    further = [metric for metric in DISTANCE_METRICS if metric in present and metric not in main]
    further += [metric for metric in present if metric not in known]
    if not layout.is_table:
        further = []
    places = tuple(Place(dataset, label) for dataset in study.datasets for label in study.labels(dataset))
    comparisons, single, grouped = {}, {}, {}
    for place in places:
        scores = study.scores.select(dataset=place.dataset)
        for metric in (*main, *further):
            scored = scores.select(metric=metric).labels if metric in scores.metrics else []
            # A metric can be scored for some labels only, such as distances; "All" is the mean over each of them.
            if not scored or (place.label not in (None, *scored) and (place.label != "All" or scored != scores.labels)):
                continue
            there = scores.select(metric=metric)
            there = there.select(label=place.label) if place.label in scored else there
            losses = [loss for loss in study.losses if loss in there.losses]
            where = {"dataset": place.dataset, "metric": metric, "label": place.label, "losses": losses}
            where["lower"] = True if metric in lower else False if metric in higher else None
            found = comparisons[place, metric] = compare(scores, **where, **settings)
            if metric in main and found.groups < found.cases:
                asked = bool(found.settings["by_group"])
                other = compare(scores, **where, **(settings | {"by_group": not asked}))
                single[place, metric], grouped[place, metric] = (other, found) if asked else (found, other)
    if not comparisons:
        raise ScoreTableError(
            f"the scores hold only {', '.join(study.scores.metrics)}, which no loss is compared by; expected a measure "
            "such as dice or jaccard."
        )
    return Findings(study, layout, places, main, tuple(further), comparisons, single, grouped)


def _rank(metric: str) -> int:
    """Dice first, by whatever name, then Jaccard, then the others as they come."""
    words = set(metric.casefold().replace("-", "_").split("_"))
    return 0 if words & {"dice", "dsc"} else 1 if words & {"jaccard", "iou"} else 2


def empty_truths(study: Chapter, dataset: str) -> Iterator[str]:
    """A sentence for each label that some truths lack, where the scores tell."""
    scores = study.scores.select(dataset=dataset)
    empty = scores.frame[(scores.frame["metric"] == "foreground_voxels") & (scores.frame["value"] == 0)]
    for label, rows in empty.groupby("label", observed=True):
        which = f" of {label}" if len(scores.labels) > 1 else ""
        there = scores.select(label=label, case=rows["case"].unique()).frame
        overlap = there["value"][there["metric"].isin(USUAL_METRICS)]
        told = ""
        if len(overlap) and overlap.isna().all():
            told = ": there no overlap score is defined, so they are left out of its means and tests"
        elif len(overlap) and overlap.isin([0, 1]).all():
            told = ": there an overlap score is 1 where nothing was marked and else 0, and it counts in means and tests"
        yield f"{count(rows['case'].nunique(), 'case')} with an empty truth{which}{told}."


def spots(those: Sequence[tuple[Place, str]], among: Sequence[tuple[Place, str]]) -> list[str]:
    """Names of comparisons, each a place and a measure: a place by itself where all its measures are meant.

    Args:
        those: which comparisons.
        among: the comparisons that there are.
    """
    named = []
    for place in dict.fromkeys(place for place, _ in those):
        metrics = [metric for where, metric in those if where == place]
        whole = len(metrics) == sum(where == place for where, _ in among)
        named.append(place.title if whole else f"{place.title} {', '.join(map(metric_title, metrics))}")
    return named


def sensitive(comparison: Comparison) -> list[str]:
    """Metric-sensitive losses of a comparison."""
    return [loss for loss in comparison.losses if is_sensitive(loss)]


def has_sizes(study: Chapter, place: Place, metrics: Sequence[str] = COUNTS) -> bool:
    """Whether the scores hold the sizes of the masks at one place, whose label is one and not the mean of several."""
    if place.label == "All":
        return False
    scores = study.scores.select(dataset=place.dataset)
    found = (scores.select(metric=metric).labels for metric in metrics)
    return all(place.label in labels if place.label else len(labels) == 1 for labels in found)


def case_values(study: Chapter, place: Place, metric: str) -> pd.DataFrame:
    """One value a case and loss, losses in the study's order."""
    values = study.scores.values(dataset=place.dataset, metric=metric, label=place.label)
    return values[[loss for loss in study.losses if loss in values]]


def slug(name: str) -> str:
    """A name that is safe in a file name; two names that differ are two files.

    Example:
        >>> slug("br18-WT"), slug("a b"), slug("a-b")
        ('br18-WT', 'a-b-c8687a', 'a-b')
    """
    safe = "".join(sign if sign.isalnum() or sign in ".-_" else "-" for sign in name)
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
