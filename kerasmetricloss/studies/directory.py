"""The files of a study directory besides its cells: what it is, and the tables that reports read."""

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from kerasmetricloss.scores import ScoreTable, replace_file
from kerasmetricloss.studies import examples, provenance
from kerasmetricloss.studies.cells import Cell, CellStore
from kerasmetricloss.studies.data import StudyData
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.folds import Fold
from kerasmetricloss.studies.plan import Task
from kerasmetricloss.studies.request import Request
from kerasmetricloss.studies.work import HISTORY, RESULT, SCORES

FINISHED = "study.json"
RUNNING = "running.json"
# Scores under different values of these do not belong into one table.
FIXED = ("datasets", "network", "scale", "folds", "selection", "preparation", "training", "seed", "backend")


def describe(request: Request, data: StudyData, folds: Sequence[Fold]) -> dict[str, Any]:
    """What the study is, for `study.json`."""
    description = {
        "recipe": request.recipe.name,
        "title": request.recipe.title,
        "datasets": [data.dataset],
        "losses": list(request.names),
        "network": request.setup.network,
        "scale": request.setup.scale,
        "folds": {"requested": request.folds, "used": len(folds), "by": request.setup.folds_by},
        "selection": request.selection,
        "data": {"root": str(request.root.resolve()), "phantom": bool(request.phantoms), **data.describe()},
        "files": data.fingerprints,
        "preparation": asdict(data.preparation),
        "training": asdict(request.setup.training),
        "seed": request.seed,
        "backend": keras.backend.backend(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "command": request.command,
        "git": provenance.commit(),
    }
    return json.loads(json.dumps(description))


def join(out: Path, description: dict[str, Any]) -> list[str]:
    """Compare with the study that stands in the directory, and put its losses before the new ones.

    Returns:
        The losses of the table, by the paper's names; also put into `description`.

    Raises:
        StudyError: Another study stands there, or its data changed since.
    """
    for before in filter(None, (_read(out / FINISHED), _read(out / RUNNING))):
        _refuse_changed_files(out, before, description)
        for key in FIXED:
            old, new = before.get(key), description[key]
            if key == "network" and isinstance(old, dict):
                old = {name: value for name, value in old.items() if name != "parameters"}
            if old != new:
                raise StudyError(
                    f"{out} holds a study with other settings: {key} was {json.dumps(old)} and is now "
                    f"{json.dumps(new)}. Choose another --out, or delete it."
                )
    finished = _read(out / FINISHED) or {}
    names = list(dict.fromkeys([*finished.get("losses", []), *description["losses"]]))
    description["losses"] = names
    return names


def begin(out: Path, description: dict[str, Any]) -> None:
    """Write down what runs, apart from the description that belongs to the tables of an earlier run."""
    _write_json(out / RUNNING, description)


def finish(out: Path, description: dict[str, Any], store: CellStore, tasks: Sequence[Task], data: StudyData) -> None:
    """Put the tables together from the cells, and the description with them."""
    results = [_json_of(store, task.cell, RESULT) for task in tasks]
    description["network"]["parameters"] = results[0]["parameters"]
    description["minutes"] = round(sum(result["seconds"] for result in results) / 60, 2)
    description["peak_memory_mb"] = max(result["peak_memory_mb"] for result in results)
    made_with = {json.dumps(result["versions"], sort_keys=True) for result in results}
    if len(made_with) > 1:
        description["versions_of_cells"] = [json.loads(versions) for versions in sorted(made_with)]
    tables = {
        phase: ScoreTable.concat([_scores_of(store, task.cell) for task in tasks if task.cell.phase == phase])
        for phase in ("pre", "post")
    }
    shown = io.BytesIO()
    examples.write(shown, tables["post"], data, store, tasks)
    tables["pre"].write(out / "pretraining.parquet")
    replace_file(out / "curves.parquet", _curves(store, tasks).to_parquet(index=False))
    replace_file(out / "examples.npz", shown.getvalue())
    tables["post"].write(out / "scores.parquet")
    _write_json(out / FINISHED, description)
    (out / RUNNING).unlink(missing_ok=True)


def sweep(root: Path) -> None:
    """Delete what a killed run left beside a folder of phantoms. Call it with the lock held."""
    if root.parent.is_dir():
        for partial in root.parent.glob(f".{root.name}.partial-*"):
            shutil.rmtree(partial, ignore_errors=True)


def _refuse_changed_files(out: Path, before: dict[str, Any], description: dict[str, Any]) -> None:
    if before.get("datasets") != description["datasets"]:
        return
    old, new = before.get("files", {}), description["files"]
    changed = [case for case in old if new.get(case) != old[case]] + [case for case in new if case not in old]
    if changed:
        raise StudyError(
            f"{out}: the data changed since this study began: case {changed[0]} "
            f"({len(changed)} of {len(new)} cases differ, came or went). Scores of two versions of the data "
            "do not mix: choose another --out, or put the files back."
        )


def _curves(store: CellStore, tasks: Sequence[Task]) -> pd.DataFrame:
    rows = []
    for task in tasks:
        cell = task.cell
        key = {"dataset": cell.dataset, "loss": cell.loss, "fold": cell.fold, "phase": cell.phase}
        for row in _json_of(store, cell, HISTORY):
            rows += [key | {"epoch": row["epoch"], "metric": m, "value": row[m]} for m in ("loss", "val_loss")]
    return pd.DataFrame(rows)


def _scores_of(store: CellStore, cell: Cell) -> ScoreTable:
    try:
        return ScoreTable.read(store.path(cell) / SCORES)
    except ValueError as error:
        raise store.broken(cell, error) from error


def _json_of(store: CellStore, cell: Cell, name: str) -> Any:
    try:
        return json.loads((store.path(cell) / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise store.broken(cell, error) from error


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
        problem = f"it holds {type(found).__name__}, not an object"
    except (OSError, ValueError) as error:
        problem = str(error)
    raise StudyError(f"{path} cannot be read ({problem}). Delete it and run the same command again; cells are kept.")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    replace_file(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())
