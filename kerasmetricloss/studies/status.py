"""How far a study is: done, in work, failed, and how long the rest takes. Reads the directory, changes nothing."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasmetricloss.files import is_locked
from kerasmetricloss.studies.cells import UNFINISHED, CellStore
from kerasmetricloss.studies.directory import FINISHED, RUNNING, read_description
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.progress import Clock
from kerasmetricloss.studies.unfinished import title_and_epoch
from kerasmetricloss.studies.work import RESULT


@dataclass(frozen=True)
class Status:
    """The state of a study directory.

    Attributes:
        recipes: Recipes whose tables stand.
        folds: Data set -> the folds that they hold, where they were asked for one by one.
        planned: Trainings of the run that is going on or was stopped; 0 where none is.
        done: How many of them are finished.
        finished: Finished trainings of all runs.
        running: Title, epoch and epochs at most of each training in work.
        begun: Title and epoch of each training that a run that was stopped left half-way.
        failed: Title and problem of each training that failed in the last run.
        seconds_left: What the rest takes on one device, from the mean of each phase; None before anything finished.
        alive: Whether a process works in the directory.
    """

    recipes: tuple[str, ...]
    folds: dict[str, tuple[int, ...]]
    planned: int
    done: int
    finished: int
    running: tuple[dict[str, Any], ...]
    begun: tuple[dict[str, Any], ...]
    failed: tuple[dict[str, Any], ...]
    seconds_left: float | None
    alive: bool


def status(out: Path) -> Status:
    """Read how far a study is.

    Raises:
        StudyError: The directory holds no study.
    """
    finished, begun = read_description(out / FINISHED), read_description(out / RUNNING)
    if finished is None and begun is None:
        raise StudyError(f"{out} holds no study (no {FINISHED}, no {RUNNING}). Name the --out of a run.")
    store = CellStore(out)
    planned = (begun or {}).get("cells", [])
    done = [cell for cell in planned if (store.root / cell["directory"]).is_dir()]
    running, failed = store.notes([cell["directory"] for cell in planned])
    alive = is_locked(out)
    unfinished = () if alive else (store.root / f"{UNFINISHED}{cell['directory']}" for cell in planned)
    return Status(
        recipes=tuple((finished or {}).get("recipes", {})),
        folds={
            name: tuple(one["folds"]["only"])
            for name, one in (finished or {}).get("datasets", {}).items()
            if "only" in one.get("folds", {})
        },
        planned=len(planned),
        done=len(done),
        finished=sum((path / RESULT).is_file() for path in store.root.glob("*/")) if store.root.is_dir() else 0,
        running=tuple(running) if alive else (),
        begun=tuple(filter(None, map(title_and_epoch, unfinished))),
        failed=tuple(failed),
        seconds_left=_seconds_left(store, planned, [cell["phase"] for cell in planned if cell not in done]),
        alive=alive,
    )


def _seconds_left(store: CellStore, planned: list[dict[str, str]], left: list[str]) -> float | None:
    """What the phases that are left take, by those that ended; None before one of them did."""
    clock, found = Clock(), not left
    for cell in planned:
        path = store.root / cell["directory"] / RESULT
        if path.is_file():
            clock.add(cell["phase"], float(json.loads(path.read_text(encoding="utf-8"))["seconds"]))
            found = True
    return clock.left(left) if found else None
