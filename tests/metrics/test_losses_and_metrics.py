"""On masks a loss and its metric add up to one, whatever they share as settings."""

import numpy as np
import pytest

from kerasmetricloss.losses import SoftDice, SoftJaccard, SoftTversky
from kerasmetricloss.metrics import DiceScore, JaccardIndex

from .masks import METRICS, random_masks, score

PAIRS = {
    "dice": (SoftDice, DiceScore),
    "jaccard": (SoftJaccard, JaccardIndex),
    "tversky": (lambda **k: SoftTversky(alpha=0.3, beta=0.7, **k), METRICS["tversky"]),
    "f2": (lambda **k: SoftTversky(alpha=0.2, beta=0.8, **k), METRICS["f2"]),
}


SETTINGS = {
    "plain": {},
    "pooled": {"pool": "batch"},
    "included": {"include": [0, 2], "class_weights": [1, 3]},
    "ignoring": {"ignore_label": 255},
    "smoothed": {"smooth_dr": 0.5, "smooth_nr": 0.5},
}


@pytest.mark.parametrize("weighted", [False, True], ids=["no weights", "weight a voxel"])
@pytest.mark.parametrize(
    ("pair", "setting"),
    [*((pair, "plain") for pair in PAIRS), *(("tversky", setting) for setting in SETTINGS), ("dice", "smoothed")],
)
def test_loss_and_metric_add_up_to_1_on_masks(pair, setting, weighted):
    y_true, y_pred = random_masks(9, (4, 3, 5, 3))
    y_pred = (y_pred > 0.6).astype("float32")
    if setting == "ignoring":
        y_true[:, 1] = 255
    weight = np.random.default_rng(1).random((4, 3, 5)).astype("float32") if weighted else None
    loss, metric = (make(**SETTINGS[setting]) for make in PAIRS[pair])
    assert float(loss(y_true, y_pred, weight)) == pytest.approx(1 - score(metric, y_true, y_pred, weight), abs=1e-6)
