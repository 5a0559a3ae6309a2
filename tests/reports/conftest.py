"""A small study directory, made without training anything."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from kerasmetricloss.reports import build_report
from kerasmetricloss.reports.directory import read_study
from kerasmetricloss.scores import ScoreTable

LOSSES = ("CE", "wCE", "sDice", "sTversky-0.3/0.7")
GAIN = {"CE": 0.0, "wCE": -0.1, "sDice": 0.08, "sTversky-0.3/0.7": 0.07}


def f_gain(loss, beta):
    """Soft Tversky does best at alpha = 0.9 - 0.4 beta: .7 for F0.5, .5 for F1, .3 for F1.5, .1 for F2."""
    if not loss.startswith("sTversky-"):
        return 0.0
    return 0.1 - 0.2 * abs(float(loss[9:12]) - (0.9 - 0.4 * beta))


def rows(losses=LOSSES, *, cases=45, metrics=("dice", "jaccard"), dataset="po18", labels=("polyp",), group=1):
    """Score rows whose Dice differs by `GAIN`; `group` cases share a group."""
    rng = np.random.default_rng(0)
    found = []
    for case in range(cases):
        base, size = rng.uniform(0.4, 0.8), int(rng.integers(30, 3000))
        for loss in losses:
            for label in labels:
                dice = float(np.clip(base + GAIN.get(loss, 0.03) + rng.normal(0, 0.02), 0, 1))
                values = {
                    "dice": dice,
                    "jaccard": dice / (2 - dice),
                    "accuracy": 0.99 + dice / 100,
                    "avd_ml": 3 * (1 - dice),
                    **{f"F{beta}": min(1, dice + f_gain(loss, beta)) for beta in (0.5, 1.0, 1.5, 2.0)},
                    "hausdorff_mm": math.nan if case == 3 and loss == "CE" else 50 * (1 - dice),
                    "foreground_voxels": size,
                    "predicted_voxels": size * (0.8 if loss == "CE" else 1.0),
                }
                for metric in metrics:
                    found.append(
                        {"dataset": dataset, "model": "unet", "loss": loss, "seed": 0, "fold": case % 5}
                        | {"case": f"fäll {case}", "group": f"g{case // group}", "label": label, "metric": metric}
                        | {"value": values[metric]}
                    )
    return found


def settings(**changes):
    """A `study.json` of one recipe."""
    made = {
        "recipe": "table2",
        "title": "Losses on phantoms <b>&",
        "datasets": ["po18"],
        "losses": list(LOSSES),
        "network": {"name": "unet", "parameters": 1234},
        "scale": "small",
        "folds": {"requested": 5, "used": 5, "by": "case"},
        "selection": "reported fold",
        "data": {"root": "phantoms", "phantom": True, "cases": 45, "groups": 45, "labels": ["polyp"]},
        "command": "kerasmetricloss demo --out demo",
        "files": {f"fäll {case}": "0123abcd" for case in range(45)},
        "git": None,
    } | changes
    recipe, datasets = made.pop("recipe"), made.pop("datasets")
    shown = {"datasets": datasets} | {key: made.pop(key) for key in ("title", "losses", "command")}
    return {"recipes": {recipe: shown}, "datasets": dict.fromkeys(datasets, made)}


def write(path, table, study=None):
    """Write scores and, where given, settings."""
    path.mkdir(parents=True, exist_ok=True)
    ScoreTable.from_rows(table).write(path / "scores.parquet")
    if study is not None:
        (path / "study.json").write_text(json.dumps(study))
    return path


def chapter(path):
    """What the last recipe of a study shows."""
    study = read_study(path)
    return study.chapter(study.last)


def write_examples(path, losses=LOSSES):
    """Write one example: a disc, well found by every loss but the last, which predicts nothing."""
    y, x = np.mgrid[:20, :31]
    radius = np.hypot(y - 9, x - 14)
    arrays = {"0/image": np.clip(1 - radius / 20, 0, 1), "0/truth": radius < 7}
    for loss in losses:
        empty = loss == losses[-1]
        arrays[f"0/pred/{loss.replace('/', '_')}"] = (np.clip(8 - radius, 0, 1) * (not empty)).astype("float16")
    meta = [
        {"dataset": "po18", "case": "fäll 7", "label": "polyp", "slice": None, "rule": "median Dice under CE"}
        | {"losses": list(losses), "dice": dict.fromkeys(losses, 0.9)}
    ]
    np.savez(path / "examples.npz", meta=json.dumps(meta), **arrays)


def write_curves(path, losses=LOSSES):
    """Write three epochs of two folds."""
    found = [
        {"dataset": "po18", "loss": loss, "fold": fold, "phase": phase, "epoch": epoch, "metric": metric}
        | {"value": 1 / (1 + epoch)}
        for phase, those in (("pre", losses[:1]), ("post", losses))
        for loss in those
        for fold in range(2)
        for epoch in range(3)
        for metric in ("loss", "val_loss")
    ]
    pd.DataFrame(found).to_parquet(path / "curves.parquet")


FAMILY = ("CE", "wCE", "sDice")
WEIGHTS = ("sTversky-0.1/0.9", "sTversky-0.3/0.7", "sTversky-0.5/0.5", "sTversky-0.7/0.3")
VIRTUAL = ("po18-0.05", "po18-0.5")
REGIONS = ("WT", "TC", "ET")
VOXELS = ("foreground_voxels", "predicted_voxels")
DISTANCES = ("accuracy", "hausdorff_mm", "avd_ml")
F_MEASURES = ("F0.5", "F1.0", "F1.5", "F2.0")


def write_rectangles(path):
    """Write one image of Fig. 5: a disc, wholly inside the larger rectangle and not inside the smaller."""
    y, x = np.mgrid[:20, :31]
    meta = [{"dataset": "po18", "case": "7", "rectangles": {"0.05": [1, 2, 18, 27], "0.5": [6, 9, 6, 9]}}]
    arrays = {"0/image": np.zeros((20, 31, 3)), "0/truth": np.hypot(y - 9, x - 14) < 4}
    np.savez(path / "rectangles.npz", meta=json.dumps(meta), **arrays)


def several():
    """A `study.json` of many recipes in one directory: recipe -> data sets, losses, labels."""
    recipes = {
        "table4": (["br18"], ["CE", "sDice"], None),
        "table5": (list(VIRTUAL), ["CE", "sDice"], None),
        "table6": (["br18-multi"], list(FAMILY), list(REGIONS)),
        "tableB1": (["po18"], list(WEIGHTS), None),
        "fig5": (["po18"], [], None),
        "fig3": (["po18"], list(FAMILY), None),
        "fig4": (["po18"], list(FAMILY), None),
        "figB5": (["br18"], list(FAMILY), None),
        "fig1": ([], [], None),
        "fig2": ([], [], None),
        "table3": (["po18"], list(WEIGHTS), None),
        "table1": (["po18"], ["sDice-L1", "sDice-L2"], None),
    }
    made = settings()["datasets"]["po18"]
    about = {key: made[key] for key in ("network", "scale", "folds", "selection", "data", "files", "git")}
    return {
        "recipes": {
            name: {"title": f"Title of {name}", "datasets": datasets, "losses": losses, "labels": labels}
            | {"command": f"kerasmetricloss run {name} --out all"}
            for name, (datasets, losses, labels) in recipes.items()
        },
        "datasets": dict.fromkeys(("po18", "br18", "br18-multi", *VIRTUAL), about),
    }


def write_several(path):
    """Write a study of many recipes."""
    polyps = (*FAMILY, *WEIGHTS, "sDice-L1", "sDice-L2")
    scores = rows(polyps, metrics=("dice", "jaccard", *F_MEASURES, *VOXELS), cases=12)
    scores += rows(FAMILY, metrics=("dice", "jaccard", *DISTANCES, *VOXELS), dataset="br18", cases=12)
    scores += rows(FAMILY, metrics=("dice", "jaccard"), dataset="br18-multi", labels=REGIONS, cases=12)
    for name in VIRTUAL:
        scores += rows(["CE", "sDice"], metrics=("dice", "jaccard"), dataset=name, cases=12)
    write(path, scores, several())
    write_examples(path, FAMILY)
    write_rectangles(path)
    write_curves(path, FAMILY)
    return path


ALL = ("dice", "jaccard", "hausdorff_mm", "foreground_voxels", "predicted_voxels")


@pytest.fixture(scope="session")
def full_study(tmp_path_factory):
    """A study directory with everything a study can leave, groups of three cases included."""
    path = write(tmp_path_factory.mktemp("study"), rows(metrics=ALL, group=3), settings())
    before = [row for row in rows() if row["loss"] == "CE"]
    ScoreTable.from_rows(before).write(path / "pretraining.parquet")
    write_examples(path)
    write_curves(path)
    return path


@pytest.fixture(scope="session")
def several_study(tmp_path_factory):
    """A study of many recipes, with its report."""
    path = write_several(tmp_path_factory.mktemp("several"))
    build_report(path, resamples=200)
    return path
