"""The comparisons a report speaks of, made once for all its tables and sentences."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from kerasmetricloss.reports.directory import StudyDirectory
from kerasmetricloss.reports.style import dataset_title, is_sensitive
from kerasmetricloss.statistics import Comparison, compare

COUNTS = ("foreground_voxels", "predicted_voxels")
RECIPE_METRICS = {
    "table4": ("accuracy", "hausdorff_mm", "avd_ml"),
    "tableB1": ("F0.5", "F1.0", "F1.5", "F2.0"),
}
USUAL_METRICS = ("dice", "jaccard")
REFERENCE = "CE"


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
    """All comparisons of a study.

    Attributes:
        study: what was read.
        places: data sets and labels, in the order of the tables.
        main: metrics of the recipe's table.
        further: metrics that the scores also have.
        comparisons: (place, metric) -> comparison.
        grouped: the same with whole groups resampled, where groups of several cases exist; main metrics only.
        resamples: number of resamples a test, for printing p-values.
    """

    study: StudyDirectory
    places: tuple[Place, ...]
    main: tuple[str, ...]
    further: tuple[str, ...]
    comparisons: dict[tuple[Place, str], Comparison]
    grouped: dict[tuple[Place, str], Comparison]
    resamples: int

    def of(self, metrics: tuple[str, ...]) -> Iterator[tuple[str, Place, Comparison]]:
        """Comparisons of some metrics, by metric, then place."""
        for metric in metrics:
            for place in self.places:
                if (place, metric) in self.comparisons:
                    yield metric, place, self.comparisons[place, metric]

    @property
    def headline(self) -> list[tuple[Place, Comparison]]:
        """One comparison a data set to answer the question with: Dice where it is scored, averaged over labels."""
        found: dict[str, tuple[Place, Comparison]] = {}
        for _, place, comparison in self.of((*USUAL_METRICS, *self.main)):
            found.setdefault(place.dataset, (place, comparison))
        return list(found.values())


def find(study: StudyDirectory, **settings: object) -> Findings:
    """Compare the losses of a study on all its data sets, labels and metrics.

    Args:
        study: what was read.
        settings: passed on to `statistics.compare`.
    """
    present = [metric for metric in study.scores.metrics if metric not in COUNTS]
    wanted = RECIPE_METRICS.get(study.settings.get("recipe", ""), USUAL_METRICS)
    main = tuple(metric for metric in wanted if metric in present) or tuple(present)
    places = tuple(Place(dataset, label) for dataset in study.datasets for label in study.labels(dataset))
    comparisons, grouped = {}, {}
    for place in places:
        scores = study.scores.select(dataset=place.dataset)
        for metric in present:
            if metric not in scores.metrics:
                continue
            losses = [loss for loss in study.losses if loss in scores.select(metric=metric).losses]
            where = {"dataset": place.dataset, "metric": metric, "label": place.label, "losses": losses}
            found = comparisons[place, metric] = compare(scores, **where, **settings)
            if metric in main and found.groups < found.cases:
                grouped[place, metric] = compare(scores, **where, **(settings | {"by_group": True}))
    return Findings(
        study=study,
        places=places,
        main=main,
        further=tuple(metric for metric in present if metric not in main),
        comparisons=comparisons,
        grouped=grouped,
        resamples=int(next(iter(comparisons.values())).settings["resamples"]) if comparisons else 1,
    )


def sensitive(comparison: Comparison) -> list[str]:
    """Metric-sensitive losses of a comparison."""
    return [loss for loss in comparison.losses if is_sensitive(loss)]


def case_values(study: StudyDirectory, place: Place, metric: str) -> pd.DataFrame:
    """One value a case and loss, losses in the study's order."""
    values = study.scores.values(dataset=place.dataset, metric=metric, label=place.label)
    return values[[loss for loss in study.losses if loss in values]]


def slug(name: str) -> str:
    """A name that is safe in a file name."""
    return "".join(sign if sign.isalnum() or sign in ".-_" else "-" for sign in name)
