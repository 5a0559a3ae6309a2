"""The tables of a study directory, put together from cells alone: scores, curves, example slices, rectangles."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerasmetricloss.files import replace_file
from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.studies import examples
from kerasmetricloss.studies.cells import Cell, CellStore
from kerasmetricloss.studies.data import StudyData
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.plan import Task
from kerasmetricloss.studies.request import trained_name
from kerasmetricloss.studies.work import HISTORY, RESULT, SCORES

SCORE_FILE, PRETRAINING, CURVES, EXAMPLES, RECTANGLES = (
    "scores.parquet",
    "pretraining.parquet",
    "curves.parquet",
    "examples.npz",
    "rectangles.npz",
)
MADE_WITH = ("versions", "machine", "git", "devices")
MOST_RECTANGLES = 4  # images that Fig. 5 shows


@dataclass(frozen=True)
class Part:
    """What the tables say of one data set.

    Attributes:
        data: The prepared cases.
        tasks: Its trainings, all of them finished.
        losses: The losses of these tasks, by the names of the tables.
        standing: Losses of other recipes whose rows are kept as they stand, since their cells are not at hand.
    """

    data: StudyData
    tasks: Sequence[Task]
    losses: Sequence[str]
    standing: Sequence[str] = ()


def put_together(out: Path, store: CellStore, parts: Sequence[Part]) -> dict[str, dict[str, Any]]:
    """Write the tables of some data sets; rows of others that stand in the directory are kept.

    Args:
        out: The study directory.
        store: The finished cells.
        parts: One for each data set.

    Returns:
        Data set -> parameters, minutes and peak memory of its cells, and what they were made with, for `study.json`:
        one value where all cells agree, else a list under `KEY_of_cells`.
    """
    standing = {part.data.dataset: list(part.standing) for part in parts}
    scores, before, curves, shown, facts = [], [], [], [], {}
    for part in parts:
        data, tasks, losses = part.data, part.tasks, part.losses
        once = [task for task in tasks if task.cell.seed == tasks[0].cell.seed]  # what is drawn is of the first seed
        table = ScoreTable.concat(_scores(store, task.cell, loss) for loss, task in _posts(tasks, losses))
        scores.append(table)
        before += [_scores(store, task.cell, task.cell.loss) for task in tasks if task.cell.phase == "pre"]
        curves += [row for task in once if task.cell.phase == "pre" for row in _curve(store, task.cell, task.cell.loss)]
        curves += [row for loss, task in _posts(once, losses) for row in _curve(store, task.cell, loss)]
        drawn = ScoreTable.concat(_scores(store, task.cell, loss) for loss, task in _posts(once, losses))
        shown += examples.collect(drawn, data, store, once, losses)
        facts[data.dataset] = _facts(store, tasks)
    kept_curves = _kept(out / CURVES, standing)
    _write_frame(out / CURVES, pd.concat([kept_curves, pd.DataFrame(curves)], ignore_index=True))
    _join_scores(out / PRETRAINING, before, dict.fromkeys(standing, ()))
    replace_file(out / EXAMPLES, examples.pack([*examples.kept(out / EXAMPLES, list(standing)), *shown]))
    _join_scores(out / SCORE_FILE, scores, standing)
    return facts


def write_rectangles(out: Path, dataset: str, sets: Sequence[StudyData]) -> None:
    """Write what Fig. 5 draws: images of every kind of size, with the rectangle of each virtual set.

    Rectangles of other data sets that stand in the directory are kept.

    Args:
        out: The study directory.
        dataset: The data set that the virtual ones were made from.
        sets: The virtual data sets.
    """
    truths = [np.count_nonzero(case.truth) for case in sets[0].prepared]
    filled = [i for i in np.argsort(truths, kind="stable") if truths[i]]
    chosen = [int(filled[k]) for k in np.linspace(0, len(filled) - 1, min(MOST_RECTANGLES, len(filled))).astype(int)]
    found = []
    for position in chosen:
        image, truth = examples.picture(sets[0], position)
        rectangles = {}
        for one in sets:
            box = one.virtual.rectangles[position]
            rectangles[f"{one.virtual.wanted:g}"] = [box.top, box.left, box.height, box.width]
        told = {"dataset": dataset, "case": sets[0].cases[position].id, "rectangles": rectangles}
        found.append((told, {"image": image, "truth": truth}))
    replace_file(out / RECTANGLES, examples.pack([*examples.kept(out / RECTANGLES, [dataset]), *found]))


def _posts(tasks: Sequence[Task], losses: Sequence[str]) -> list[tuple[str, Task]]:
    """Every loss of the tables with each of its post-trainings; names of one loss share them."""
    return [
        (loss, task)
        for loss in losses
        for task in tasks
        if task.cell.phase == "post" and task.cell.loss == trained_name(loss)
    ]


def _facts(store: CellStore, tasks: Sequence[Task]) -> dict[str, Any]:
    results = [_result(store, task.cell) for task in tasks]
    facts = {
        "parameters": results[0]["parameters"],
        "minutes": round(sum(result["seconds"] for result in results) / 60, 2),
        "peak_memory_mb": max(result["peak_memory_mb"] for result in results),
    }
    for key in MADE_WITH:
        made_with = sorted({json.dumps(result[key], sort_keys=True) for result in results})
        if len(made_with) == 1:
            facts[key] = json.loads(made_with[0])
        else:
            facts[f"{key}_of_cells"] = [json.loads(one) for one in made_with]
    return facts


def _result(store: CellStore, cell: Cell) -> dict[str, Any]:
    with _naming(store, cell):
        found = json.loads((store.path(cell) / RESULT).read_text(encoding="utf-8"))
        return {key: found[key] for key in (*MADE_WITH, "parameters", "seconds", "peak_memory_mb")}


def _scores(store: CellStore, cell: Cell, loss: str) -> ScoreTable:
    with _naming(store, cell):
        return ScoreTable(ScoreTable.read(store.path(cell) / SCORES).frame.assign(loss=loss))


def _curve(store: CellStore, cell: Cell, loss: str) -> list[dict[str, Any]]:
    key = {"dataset": cell.dataset, "loss": loss, "fold": cell.fold, "phase": cell.phase}
    with _naming(store, cell):
        return [
            key | {"epoch": row["epoch"], "metric": metric, "value": row[metric]}
            for row in json.loads((store.path(cell) / HISTORY).read_text(encoding="utf-8"))
            for metric in ("loss", "val_loss")
        ]


def _join_scores(path: Path, tables: Sequence[ScoreTable], standing: Mapping[str, Sequence[str]]) -> None:
    before = [ScoreTable(_others(ScoreTable.read(path).frame, standing))] if path.is_file() else []
    ScoreTable.concat([*before, *tables]).write(path)


def _kept(path: Path, standing: Mapping[str, Sequence[str]]) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # a broken table surfaces as almost any exception
        raise StudyError(
            f"{path} is damaged ({error}). Delete it and run the commands of {path.parent} again."
        ) from error
    # All losses start from one pre-training, which is written anew.
    return _others(frame, standing)[lambda rows: ~(rows["dataset"].isin(standing) & (rows["phase"] == "pre"))]


def _others(frame: pd.DataFrame, standing: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Rows of other data sets, and of the losses that stand."""
    keep = ~frame["dataset"].isin(standing)
    for dataset, losses in standing.items():
        keep |= (frame["dataset"] == dataset) & frame["loss"].isin(losses)
    return frame[keep].reset_index(drop=True)


def _write_frame(path: Path, frame: pd.DataFrame) -> None:
    replace_file(path, frame.to_parquet(index=False))


@contextmanager
def _naming(store: CellStore, cell: Cell) -> Iterator[None]:
    """Name the cell whose file cannot be read: a broken one surfaces as almost any exception."""
    try:
        yield
    except Exception as error:
        raise store.broken(cell, f"{type(error).__name__}: {error}") from error
