"""A small study directory, made without training anything."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from kerasmetricloss.reports.directory import read_study
from kerasmetricloss.scores import ScoreTable

LOSSES = ("CE", "wCE", "sDice", "sTversky-0.3/0.7")
GAIN = {"CE": 0.0, "wCE": -0.1, "sDice": 0.08, "sTversky-0.3/0.7": 0.07}


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
    """A `study.json`."""
    return {
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
