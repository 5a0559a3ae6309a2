"""What a study directory says of itself, in `study.json`, and what may be added to it.

    {"recipes": {NAME: {"title", "datasets", "losses", "labels", "command"}},
     "datasets": {NAME: {"losses", "network", "scale", "folds", "selection", "data", "files", "preparation", ...}}}

Recipes share the directory and its cells, and a recipe takes up one data set after the other. Scores of one data set
under different settings do not belong into one table: a run that would mix them is refused.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from kerasmetricloss.files import replace_file
from kerasmetricloss.studies import networks, provenance
from kerasmetricloss.studies.cells import Cell
from kerasmetricloss.studies.data import StudyData
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.folds import Fold, cut_digest, only_folds
from kerasmetricloss.studies.request import Request

FINISHED = "study.json"
RUNNING = "running.json"
# Scores of a data set under different values of these do not belong into one table.
# The seed decides the folds, so it is named before them.
FIXED = (
    "network",
    "scale",
    "selection",
    "preparation",
    "reading",
    "patch",
    "training",
    "seed",
    "backend",
    "folds",
    "seeds",
)
Description = dict[str, Any]


def describe_data(request: Request, data: StudyData, cut: Sequence[Fold]) -> Description:
    """How the networks of one data set are trained.

    Args:
        request: What is asked for.
        data: The prepared cases.
        cut: All folds, those too that the request does not train.
    """
    setup = request.setup
    description = {
        "losses": list(request.names),
        "model": setup.network["name"],
        "network": networks.identity(setup.network),
        "scale": setup.scale,
        "folds": _describe_folds(request, data, cut),
        "selection": request.selection,
        **_describe_files(request, data),
        "patch": setup.patch,
        "training": asdict(setup.training),
        "seed": request.seed,
        "seeds": list(request.training_seeds),
        "backend": keras.backend.backend(),
        "devices": request.devices,
        **provenance.made_with(),
    }
    return json.loads(json.dumps(description))


def describe_pictures(request: Request, data: StudyData) -> Description:
    """What a recipe that trains nothing says of its data set."""
    description = {
        "losses": [],
        "scale": request.setup.scale,
        **_describe_files(request, data),
        **provenance.made_with(),
    }
    return json.loads(json.dumps(description))


def _describe_files(request: Request, data: StudyData) -> Description:
    described = data.describe()
    return {
        "data": {"root": str(request.root.resolve()), "phantom": bool(request.phantoms), **described},
        "files": data.fingerprints,
        "reading": {key: described[key] for key in ("channels", "labels")} | data.reading,
        "preparation": asdict(data.preparation) | ({} if data.constants is None else {"constants": data.constants}),
    }


def _describe_folds(request: Request, data: StudyData, cut: Sequence[Fold]) -> Description:
    folds = only_folds(cut, request.only_folds)
    cases = data.cases
    return {
        "requested": request.folds,
        "used": len(folds),
        "by": request.setup.folds_by if request.splits is None else f"file {request.splits.name}",
        "digest": cut_digest(cut, [case.id for case in cases], [case.group for case in cases]),
        **({"only": [fold.index + 1 for fold in folds]} if request.only_folds else {}),
    }


def describe_recipe(request: Request, datasets: Sequence[str], left_out: Mapping[str, str]) -> Description:
    """What one recipe shows of the directory's scores; `left_out` says why data sets of it are missing."""
    recipe = request.recipe
    described: Description = {
        "title": recipe.title,
        "datasets": list(datasets),
        "losses": list(request.names) if recipe.losses else [],
        "labels": None if recipe.labels is None else list(recipe.labels),
        "command": request.command,
    }
    return described | ({"left_out": dict(left_out)} if left_out else {})


def join(out: Path, recipe: str, described: Description, datasets: Mapping[str, Description]) -> Description:
    """Put a recipe into the description of its directory; what stands there is kept, other data sets too.

    Args:
        out: The study directory.
        recipe: Name of the recipe.
        described: From `describe_recipe`.
        datasets: Data set -> from `describe_data`, or `describe_pictures` where nothing is trained.

    Returns:
        The description of the directory once the recipe has run.

    Raises:
        StudyError: A data set stands there under other settings, or its files changed since.
    """
    for before in filter(None, (read_description(out / FINISHED), read_description(out / RUNNING))):
        for name, new in datasets.items():
            if losses_of(before, name):
                _refuse_changed_files(out, before["datasets"][name], new)
                if new["losses"]:
                    _refuse_other_settings(out, name, before["datasets"][name], new)
    whole = read_description(out / FINISHED) or {"recipes": {}, "datasets": {}}
    finished = whole["recipes"].get(recipe, {})
    entry = described | {key: _union(finished.get(key, []), described[key]) for key in ("datasets", "losses")}
    missing = {name: why for name, why in finished.get("left_out", {}).items() if name not in entry["datasets"]}
    if missing | described.get("left_out", {}):
        entry["left_out"] = missing | described.get("left_out", {})
    # The recipe that ran last comes last.
    recipes = {name: other for name, other in whole["recipes"].items() if name != recipe}
    trained = {name: _union(losses_of(whole, name), new["losses"]) for name, new in datasets.items()}
    # What stands of scores is told as it was trained, whatever trains nothing.
    told = {name: new for name, new in datasets.items() if new["losses"] or not trained[name]}
    return {
        "recipes": recipes | {recipe: entry},
        "datasets": whole["datasets"] | {name: new | {"losses": trained[name]} for name, new in told.items()},
    }


def losses_of(description: Description, dataset: str) -> list[str]:
    """Every loss whose scores on a data set the directory holds, by the names of the tables."""
    return list(description["datasets"].get(dataset, {}).get("losses", []))


def only(description: Description, losses: Mapping[str, Sequence[str]]) -> Description:
    """The description with no more than these losses of some data sets: those whose trainings are finished."""
    datasets = description["datasets"] | {
        name: description["datasets"][name] | {"losses": list(kept)} for name, kept in losses.items()
    }
    recipes = {}
    for recipe, entry in description["recipes"].items():
        there = {loss for name in entry["datasets"] for loss in losses_of({"datasets": datasets}, name)}
        recipes[recipe] = entry | {"losses": [loss for loss in entry["losses"] if loss in there]}
    return {"recipes": recipes, "datasets": datasets}


def _union(one: Sequence[str], other: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*one, *other]))


def begin(out: Path, description: Description, cells: Sequence[Cell]) -> None:
    """Write down what runs, apart from the description that belongs to the tables of an earlier run."""
    planned = [{"directory": cell.directory_name, "phase": cell.phase} for cell in cells]
    write_json(out / RUNNING, description | {"cells": planned})


def stand(out: Path, description: Description) -> None:
    """Write down what the tables that now stand are."""
    write_json(out / FINISHED, description)


def finish(out: Path, description: Description) -> None:
    """Write down what the tables that now stand are, and that nothing is left to do."""
    stand(out, description)
    (out / RUNNING).unlink(missing_ok=True)


def sweep(root: Path) -> None:
    """Delete what a killed run left beside a folder of phantoms. Call it with the lock held."""
    if root.parent.is_dir():
        for partial in root.parent.glob(f".{root.name}.partial-*"):
            shutil.rmtree(partial, ignore_errors=True)


def write_json(path: Path, value: Description) -> None:
    """Write an object, whole or not at all."""
    replace_file(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def _refuse_other_settings(out: Path, name: str, before: Description, new: Description) -> None:
    for key in FIXED:
        old, now = before.get(key), new[key]
        if old != now and (key == "seeds" or (key == "folds" and _same_cut(old, now))):
            left = [loss for loss in before["losses"] if loss not in new["losses"]]
            if not left:
                continue
            raise StudyError(
                f"{out} holds other {key} of {name} for {', '.join(left)}, which this run does not train: one table "
                f"needs the same {key} for every loss. Name them too with --losses, or choose another --out."
            )
        if old != now:
            hint = " (the digest is of each case's fold and group: --splits, --groups)" if key == "folds" else ""
            raise StudyError(
                f"{out} holds a study of {name} with other settings: {key} was {json.dumps(old)} and is now "
                f"{json.dumps(now)}{hint}. Choose another --out, or delete it."
            )


def _same_cut(one: Description, other: Description) -> bool:
    """Whether two choices of folds are out of one cut of the cases."""
    return all(one[key] == other[key] for key in ("requested", "by", "digest"))


def _refuse_changed_files(out: Path, before: Description, new: Description) -> None:
    old, files = before.get("files", {}), new["files"]
    changed = [case for case in old if files.get(case) != old[case]] + [case for case in files if case not in old]
    if changed:
        raise StudyError(
            f"{out}: the data changed since this study began: case {changed[0]} "
            f"({len(changed)} of {len(files)} cases differ, came or went). Scores of two versions of the data "
            "do not mix: choose another --out, or put the files back."
        )


def read_description(path: Path) -> Description | None:
    """The description in a file; None where there is no file.

    Raises:
        StudyError: It cannot be read.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and all(isinstance(found.get(key), dict) for key in ("recipes", "datasets")):
            return found
        problem = "it does not hold the objects recipes and datasets"
    except (OSError, ValueError) as error:
        problem = str(error)
    raise StudyError(f"{path} cannot be read ({problem}). Delete it and run the same command again; cells are kept.")
