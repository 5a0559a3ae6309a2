"""A study: from a folder and a recipe to one score table, in a directory that says how it was made.

    OUT/study.json           settings, versions, machine, commit, hashes of the files read
    OUT/cells/               one directory a finished training
    OUT/scores.parquet       scores of the post-trained networks
    OUT/pretraining.parquet  scores of the pre-trained networks
    OUT/curves.parquet       losses by epoch
    OUT/examples.npz         slices for Fig. 3

A run that was stopped goes on where it was: cells are found by their full configuration, and the tables are put
together from cells alone.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from kerasmetricloss import losses
from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.studies import engines, examples, provenance
from kerasmetricloss.studies.cells import Cell, CellStore, digest, lock
from kerasmetricloss.studies.data import StudyData, fold_configuration, load
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.folds import Fold, check_folds, make_folds
from kerasmetricloss.studies.progress import Observer
from kerasmetricloss.studies.recipes import Recipe
from kerasmetricloss.studies.settings import Setup
from kerasmetricloss.studies.work import HISTORY, RESULT, SCORES, Worker

PRETRAINING_LOSS = "CE"


@dataclass(frozen=True)
class Request:
    """One run: which recipe, on which folder, into which directory.

    Attributes:
        recipe: The experiment.
        setup: Data set, network and training.
        root: Folder of the data set.
        out: Directory of the study.
        losses: Losses to compare; the recipe's where empty.
        folds: Folds asked for.
        inner_validation: 0 selects weights on the reported fold, as the paper does; else the share of training cases.
        seed: Seed of folds, weights, order and augmentation.
        phantom: The folder holds phantoms.
        command: The command that was typed.
    """

    recipe: Recipe
    setup: Setup
    root: Path
    out: Path
    losses: tuple[str, ...] = ()
    folds: int = 5
    inner_validation: float = 0.0
    seed: int = 0
    phantom: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        check_folds(self.folds, self.setup.folds_by, self.inner_validation)
        _check_losses(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The losses by the paper's names, in the order asked for."""
        return tuple(_paper_name(name) for name in self.losses or self.recipe.losses)


def run(request: Request, *, observer: Observer | None = None) -> Path:
    """Run what is not finished of a study and put its tables together.

    Returns:
        The directory of the study, with `scores.parquet` in it.

    Raises:
        DataError: A file of the data set is missing or broken. Nothing was written.
        StudyError: The study cannot start or go on; the message says why.
    """
    observer = observer or Observer()
    names = request.names
    data = load(request.setup, request.root, cache=None, observer=observer)
    folds = make_folds(
        [case.group for case in data.cases],
        folds=request.folds,
        seed=request.seed,
        by=request.setup.folds_by,
        inner_validation=request.inner_validation,
    )
    tasks = _tasks(request, data, folds, names)
    with lock(request.out):
        store = CellStore(request.out)
        store.sweep()
        description = _describe(request, data, folds, names)
        _refuse_changed_files(request.out, description)
        _write_json(request.out / "study.json", description)
        worker = Worker(data, request.setup.network, store)
        engines.run_local(tasks, worker, observer)
        observer.stage("putting the tables together")
        description["network"]["parameters"] = _parameters(store, tasks)
        description["minutes"] = round(sum(_result(store, task.cell)["seconds"] for task in tasks) / 60, 2)
        _gather(request.out, store, tasks, data)
        _write_json(request.out / "study.json", description)
    return request.out


def _paper_name(name: str) -> str:
    try:
        return losses.paper_name(name)
    except (ValueError, TypeError) as error:
        raise StudyError(f"--losses: {error}") from error


def _check_losses(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise StudyError(f"--losses {','.join(names)}: a loss is named twice.")
    for name in names:
        try:
            losses.from_name(name, prior=0.5)
        except (ValueError, TypeError) as error:
            raise StudyError(f"--losses: {error}") from error


def _tasks(request: Request, data: StudyData, folds: Sequence[Fold], names: Sequence[str]) -> list[engines.Task]:
    tasks = []
    for fold in folds:
        common = {
            "data": fold_configuration(data, fold),
            "network": request.setup.network,
            "seed": request.seed,
            "backend": keras.backend.backend(),
        }

        def cell(
            phase: str, loss: str, extra: dict[str, Any], fold: Fold = fold, common: dict[str, Any] = common
        ) -> Cell:
            training = request.setup.training.phase(phase)
            configuration = common | {"phase": phase, "loss": _loss_configuration(loss, data), "training": training}
            model = request.setup.network["name"]
            return Cell(data.dataset, model, loss, request.seed, fold.index, phase, configuration | extra)

        first = cell("pre", PRETRAINING_LOSS, {})
        tasks.append(engines.Task(first, fold, None))
        tasks.extend(engines.Task(cell("post", name, {"pretrained": first.identity}), fold, first) for name in names)
    return tasks


def _loss_configuration(name: str, data: StudyData) -> dict[str, Any]:
    loss = losses.from_name(name, prior=list(data.prior))
    # Keras numbers the names of losses as they are made, in the order of the process.
    settings = {key: value for key, value in loss.get_config().items() if key != "name"}
    return {"name": name, "class": type(loss).__name__, "settings": settings}


def _describe(request: Request, data: StudyData, folds: Sequence[Fold], names: Sequence[str]) -> dict[str, Any]:
    inner = request.inner_validation
    return {
        "recipe": request.recipe.name,
        "title": request.recipe.title,
        "datasets": [data.dataset],
        "losses": list(names),
        "network": dict(request.setup.network),
        "scale": request.setup.scale,
        "folds": {"requested": request.folds, "used": len(folds), "by": request.setup.folds_by},
        "selection": f"inner validation {inner:g}" if inner else "reported fold",
        "data": {"root": str(request.root), "phantom": request.phantom, **data.describe()},
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


def _refuse_changed_files(out: Path, description: dict[str, Any]) -> None:
    path = out / "study.json"
    if not path.is_file():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    if before.get("datasets") != description["datasets"] or before["data"]["root"] != description["data"]["root"]:
        return
    old, new = before["files"], description["files"]
    changed = [case for case in old if new.get(case) != old[case]] + [case for case in new if case not in old]
    if changed:
        raise StudyError(
            f"{out}: the data changed since this study began: case {changed[0]} "
            f"({len(changed)} of {len(new)} cases differ, came or went). "
            "Scores of two versions of the data do not mix: "
            "choose another --out, or put the files back."
        )


def _gather(out: Path, store: CellStore, tasks: Sequence[engines.Task], data: StudyData) -> None:
    tables: dict[str, list[ScoreTable]] = {"pre": [], "post": []}
    curves = []
    for task in tasks:
        cell, path = task.cell, store.path(task.cell)
        tables[cell.phase].append(ScoreTable.read(path / SCORES))
        key = {"dataset": cell.dataset, "loss": cell.loss, "fold": cell.fold, "phase": cell.phase}
        for row in json.loads((path / HISTORY).read_text(encoding="utf-8")):
            curves.extend(key | {"epoch": row["epoch"], "metric": m, "value": row[m]} for m in ("loss", "val_loss"))
    scores = ScoreTable.concat(tables["post"])
    ScoreTable.concat(tables["pre"]).write(out / "pretraining.parquet")
    _replace(out / "curves.parquet", lambda path: pd.DataFrame(curves).to_parquet(path, index=False))
    _replace(out / "examples.npz", lambda path: examples.write(path, scores, data, store, tasks))
    scores.write(out / "scores.parquet")


def _parameters(store: CellStore, tasks: Sequence[engines.Task]) -> int:
    return _result(store, tasks[0].cell)["parameters"]


def _result(store: CellStore, cell: Cell) -> dict[str, Any]:
    return json.loads((store.path(cell) / RESULT).read_text(encoding="utf-8"))


def _write_json(path: Path, value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    _replace(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _replace(path: Path, write: Any) -> None:
    partial = path.with_name(f".{digest(path.name)}-{path.name}")
    write(partial)
    partial.replace(path)
