"""What a study left on disk, read and checked: recipes, scores, curves, example slices, rectangles."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerasmetricloss.scores import COLUMNS, ScoreTable, ScoreTableError

CURVE_COLUMNS = ("dataset", "loss", "fold", "phase", "epoch", "metric", "value")


@dataclass(frozen=True)
class Example:
    """One slice of Fig. 3.

    Attributes:
        image: (height, width) or (height, width, 3), in [0, 1].
        truth: bool (height, width).
        predictions: loss -> probabilities (height, width).
        meta: dataset, case, label, slice, rule, and dice by loss, as far as known.
    """

    image: np.ndarray
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    meta: dict


@dataclass(frozen=True)
class Rectangles:
    """One image of Fig. 5.

    Attributes:
        image: (height, width) or (height, width, 3), in [0, 1].
        truth: bool (height, width).
        rectangles: foreground to background ratio -> (top, left, height, width) in pixels.
        meta: dataset and case.
    """

    image: np.ndarray
    truth: np.ndarray
    rectangles: dict[str, tuple[int, int, int, int]]
    meta: dict


@dataclass(frozen=True)
class Chapter:
    """What one recipe shows of a study.

    Attributes:
        recipe: its name, "report" where the directory does not say.
        title: its title, "" where the directory does not say.
        command: the command that ran it.
        datasets: data sets that it shows, in order.
        losses: losses that it compares, in order.
        regions: labels in the order of the tables, as far as known.
        made: data set -> how its networks were trained, as far as known.
        missing: data set -> why it is not there.
        scores: scores after training with each loss.
        pretraining: scores of the networks that all losses started from.
        curves: long format with the columns of `CURVE_COLUMNS`.
        examples: slices of Fig. 3.
        rectangles: images of Fig. 5.
    """

    recipe: str
    title: str
    command: str
    datasets: list[str]
    losses: list[str]
    regions: list[str]
    made: dict[str, dict]
    missing: dict[str, str]
    scores: ScoreTable
    pretraining: ScoreTable | None = None
    curves: pd.DataFrame | None = None
    examples: list[Example] = field(default_factory=list)
    rectangles: list[Rectangles] = field(default_factory=list)

    def labels(self, dataset: str) -> list[str | None]:
        """Labels to report for a data set: [None] where there is one, else "All" and each of them."""
        found = self.scores.select(dataset=dataset).labels
        if len(found) == 1:
            return [None]
        order = [label for label in self.regions if label in found]
        return ["All", *order, *(label for label in found if label not in (*order, "All"))]


@dataclass(frozen=True)
class StudyDirectory:
    """A study directory. Only what its recipes need has to be there; the rest is shown where it exists.

    Attributes:
        path: the directory.
        recipes: `study.json`: recipe -> title, datasets, losses, labels, command.
        made: `study.json`: data set -> how its networks were trained.
        scores: `scores.parquet`: scores after training with each loss, of all recipes.
        pretraining: `pretraining.parquet`: scores of the networks all losses started from.
        curves: `curves.parquet`, long format with the columns of `CURVE_COLUMNS`.
        examples: `examples.npz`.
        rectangles: `rectangles.npz`.
    """

    path: Path
    recipes: dict[str, dict]
    made: dict[str, dict]
    scores: ScoreTable
    pretraining: ScoreTable | None = None
    curves: pd.DataFrame | None = None
    examples: list[Example] = field(default_factory=list)
    rectangles: list[Rectangles] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The recipe that ran last."""
        return list(self.recipes)[-1]

    def chapter(self, recipe: str) -> Chapter:
        """What a recipe shows.

        Raises:
            ScoreTableError: the study has no such recipe, or none of its scores.
        """
        if recipe not in self.recipes:
            raise ScoreTableError(
                f"{self.path}: holds no {recipe!r}; it holds {', '.join(self.recipes)}. Run it first."
            )
        entry = self.recipes[recipe]
        losses, datasets = list(entry.get("losses") or []), list(entry.get("datasets") or [])
        scores = self.scores.select(dataset=datasets, loss=losses)
        if losses and not len(scores):
            raise ScoreTableError(
                f"{self.path / 'scores.parquet'}: holds no scores of {recipe} ({', '.join(losses)} on "
                f"{', '.join(datasets)}). Run it again; finished cells are kept."
            )
        shown = [name for name in datasets if name in scores.datasets] if losses else datasets
        before, curves = self.pretraining, self.curves
        return Chapter(
            recipe=recipe,
            title=str(entry.get("title") or ""),
            command=str(entry.get("command") or ""),
            datasets=shown,
            losses=[loss for loss in losses if loss in scores.losses],
            regions=list(entry.get("labels") or self._labels_made(datasets)),
            made={name: self.made[name] for name in datasets if name in self.made},
            missing=dict(entry.get("left_out") or {}),
            scores=scores,
            pretraining=None if before is None else before.select(dataset=shown),
            curves=None if curves is None else curves[curves["dataset"].isin(shown) & _of(curves, losses)],
            examples=[_only(one, losses) for one in self.examples if one.meta.get("dataset", "") in ("", *shown)],
            rectangles=[one for one in self.rectangles if _drawn(one.meta, datasets)],
        )

    def _labels_made(self, datasets: list[str]) -> list[str]:
        found = [self.made.get(name, {}).get("data", {}).get("labels", []) for name in datasets]
        return list(dict.fromkeys(label for labels in found for label in labels))


def _of(curves: pd.DataFrame, losses: list[str]) -> pd.Series:
    """Rows of the shown losses, and of the networks that all losses start from."""
    return curves["loss"].isin(losses) | curves["phase"].astype(str).str.startswith("pre")


def _drawn(meta: dict, datasets: list[str]) -> bool:
    """Whether rectangles are those of the data sets, by their own names or by that of the set they were made from."""
    name = str(meta.get("dataset", ""))
    return any(dataset == name or dataset.startswith(f"{name}-0.") for dataset in datasets)


def _only(example: Example, losses: list[str]) -> Example:
    kept = {loss: output for loss, output in example.predictions.items() if loss in losses}
    dice = {loss: value for loss, value in (example.meta.get("dice") or {}).items() if loss in losses}
    return replace(example, predictions=kept, meta=example.meta | {"dice": dice})


def read_study(path: str | Path) -> StudyDirectory:
    """Read a study directory.

    Scores of one's own can lie there as `scores.csv`, in place of a study's `scores.parquet`.

    Raises:
        ScoreTableError: scores are missing, or a file is damaged.
    """
    path = Path(path)
    if path.is_file():
        raise ScoreTableError(f"{path}: this is a file; give the directory that it lies in, {path.parent}.")
    settings = _read_settings(path / "study.json")
    recipes = dict(settings.get("recipes") or {})
    without_scores = bool(recipes) and not any(entry.get("losses") for entry in recipes.values())
    scores = ScoreTable.from_rows([]) if without_scores else _read_scores(path)
    if not without_scores and not len(scores):
        of_study = (path / "scores.parquet").exists()
        mend = "Run the study first." if of_study else "Add a row a case and metric."
        file = path / ("scores.parquet" if of_study else "scores.csv")
        raise ScoreTableError(f"{file}: holds no scores; expected at least one. {mend}")
    before = path / "pretraining.parquet"
    return StudyDirectory(
        path=path,
        recipes=recipes or {"report": {"datasets": scores.datasets, "losses": scores.losses}},
        made=dict(settings.get("datasets") or {}),
        scores=scores,
        pretraining=ScoreTable.read(before) if before.exists() else None,
        curves=_read_curves(path / "curves.parquet"),
        examples=_read_arrays(path / "examples.npz", _example, "example slices: k/image, k/truth, k/pred/LOSS"),
        rectangles=_read_arrays(path / "rectangles.npz", _rectangles, "rectangles: k/image, k/truth"),
    )


def _read_scores(path: Path) -> ScoreTable:
    scores, own = path / "scores.parquet", path / "scores.csv"
    if scores.exists() or own.exists():
        return ScoreTable.read(scores if scores.exists() else own)
    raise ScoreTableError(
        f"{scores}: no such file; expected a study's scores. Run the study first, or put scores of your own there as "
        f"scores.csv, with the columns {','.join(COLUMNS)}."
    )


def _read_settings(path: Path) -> dict:
    if not path.exists():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ScoreTableError(
            f"{path}: is not JSON ({error}). Restore it, or delete it to report without it."
        ) from error
    if not isinstance(settings, dict):
        raise ScoreTableError(f"{path}: holds a {type(settings).__name__}; expected an object. Restore or delete it.")
    for name in ("recipes", "datasets"):
        if "recipes" in settings and not isinstance(settings.get(name), dict):
            raise ScoreTableError(f"{path}: {name} is no object of objects. Restore the file, or run the study again.")
    return settings


def _read_curves(path: Path) -> pd.DataFrame | None:
    if not path.exists():
        return None
    try:
        curves = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ScoreTableError(f"{path}: cannot be read ({error}). Delete it to report without it.") from error
    missing = [name for name in CURVE_COLUMNS if name not in curves]
    if missing:
        raise ScoreTableError(f"{path}: the columns {missing} are missing; expected {list(CURVE_COLUMNS)}.")
    return curves.sort_values(list(CURVE_COLUMNS[:-1]), kind="stable", ignore_index=True)


def _read_arrays(path: Path, read: Callable[[np.lib.npyio.NpzFile, int, dict], Any], expected: str) -> list:
    if not path.exists():
        return []
    try:
        # opened here: NumPy leaves the file of a broken archive open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            metas = json.loads(str(arrays["meta"]))
            return [read(arrays, index, meta) for index, meta in enumerate(metas)]
    except Exception as error:  # a broken archive surfaces as almost any exception
        raise ScoreTableError(
            f"{path}: cannot be read ({error}); expected {expected}, and a JSON list meta. Delete it to report "
            "without it."
        ) from error


def _example(arrays: np.lib.npyio.NpzFile, index: int, meta: dict) -> Example:
    return Example(
        image=np.asarray(arrays[f"{index}/image"], float),
        truth=np.asarray(arrays[f"{index}/truth"], bool),
        predictions={
            loss: np.asarray(arrays[f"{index}/pred/{loss.replace('/', '_')}"], float) for loss in meta.get("losses", [])
        },
        meta=meta,
    )


def _rectangles(arrays: np.lib.npyio.NpzFile, index: int, meta: dict) -> Rectangles:
    return Rectangles(
        image=np.asarray(arrays[f"{index}/image"], float),
        truth=np.asarray(arrays[f"{index}/truth"], bool),
        rectangles={str(ratio): tuple(map(int, box)) for ratio, box in meta["rectangles"].items()},
        meta=meta,
    )
