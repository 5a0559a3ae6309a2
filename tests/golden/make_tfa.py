"""Make tfa.json: numbers of TensorFlow Addons 0.23, which cannot be imported beside Keras 3.

    python3.11 -m venv /tmp/tfa
    /tmp/tfa/bin/pip install tensorflow-cpu==2.15.1 tensorflow-addons==0.23
    /tmp/tfa/bin/python tests/golden/make_tfa.py

Inputs are rounded to 3 digits and stored with the results, so that no random generator has to agree.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa


def masks(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities of 11 samples of 4 labels that may overlap."""
    truth = (rng.random((11, 4)) > 0.5).astype("float32")
    return truth, np.round(0.35 * truth + 0.65 * rng.random((11, 4)), 3).astype("float32")


def f_scores(truth: np.ndarray, probability: np.ndarray) -> list[dict]:
    found = []
    for beta in (0.5, 1.0, 2.0):
        for average in (None, "macro", "micro"):
            for threshold in (0.5, 0.7, None):
                metric = tfa.metrics.FBetaScore(num_classes=4, beta=beta, average=average, threshold=threshold)
                metric.update_state(truth, probability)
                value = metric.result().numpy().tolist()
                found.append({"beta": beta, "average": average, "threshold": threshold, "value": value})
    return found


def f1_scores(truth: np.ndarray, probability: np.ndarray) -> list[dict]:
    found = []
    for average in (None, "macro"):
        metric = tfa.metrics.F1Score(num_classes=4, average=average, threshold=0.5)
        metric.update_state(truth, probability)
        found.append({"average": average, "value": metric.result().numpy().tolist()})
    return found


def hamming(truth: np.ndarray, probability: np.ndarray) -> list[dict]:
    found = []
    for mode, threshold in (("multilabel", 0.5), ("multilabel", 0.7), ("multiclass", None)):
        labels = truth if mode == "multilabel" else np.eye(4, dtype="float32")[np.arange(11) % 4]
        metric = tfa.metrics.HammingLoss(mode=mode, threshold=threshold)
        metric.update_state(labels, probability)
        found.append({"mode": mode, "threshold": threshold, "truth": labels.tolist(), "loss": float(metric.result())})
    return found


def focal(truth: np.ndarray, probability: np.ndarray) -> list[dict]:
    found = []
    for alpha, gamma in ((0.25, 2.0), (0.6, 1.5)):
        loss = tfa.losses.SigmoidFocalCrossEntropy(alpha=alpha, gamma=gamma, reduction="none")
        found.append({"alpha": alpha, "gamma": gamma, "value": loss(truth, probability).numpy().tolist()})
    return found


def motions(rng: np.random.Generator) -> dict:
    """Rotations and translations of one picture of 5 rows and 9 columns.

    rotate: `degrees`, counter-clockwise as the picture is seen (row 0 on top), about c = ((rows-1)/2, (columns-1)/2):
    pixel x = (row, column) reads the source at c + [[cos, sin], [-sin, cos]] (x - c).
    translate: `right` and `down` in pixels: pixel (row, column) reads the source at (row - down, column - right).
    Outside the source is 0; bilinear interpolation mixes with that 0 at the edge.
    """
    picture = np.round(rng.random((5, 9)), 3)
    batch = picture[None, ..., None].astype("float32")
    rotations, translations = [], []
    for interpolation in ("nearest", "bilinear"):
        for degrees in (90.0, 180.0, 10.0, -37.0):
            turned = tfa.image.rotate(batch, np.deg2rad(degrees), interpolation=interpolation)
            rotations.append(entry(turned, interpolation, degrees=degrees))
        for right, down in ((2.0, 0.0), (0.0, -1.0), (1.25, 0.5)):
            moved = tfa.image.translate(batch, [right, down], interpolation=interpolation)
            translations.append(entry(moved, interpolation, right=right, down=down))
    return {"picture": picture.tolist(), "rotate": rotations, "translate": translations}


def entry(picture: tf.Tensor, interpolation: str, **settings: float) -> dict:
    result = np.round(picture.numpy()[0, ..., 0].astype("float64"), 6).tolist()
    return {**settings, "interpolation": interpolation, "result": result}


def main() -> None:
    rng = np.random.default_rng(2010)
    truth, probability = masks(rng)
    golden = {
        "made_by": f"make_tfa.py with TensorFlow Addons {tfa.__version__} on TensorFlow {tf.__version__}",
        "truth": truth.tolist(),
        "probability": np.round(probability.astype("float64"), 3).tolist(),
        "f_beta": f_scores(truth, probability),
        "f1": f1_scores(truth, probability),
        "hamming": hamming(truth, probability),
        "focal": focal(truth, probability),
        "motion": motions(rng),
    }
    path = Path(__file__).with_name("tfa.json")
    path.write_text(json.dumps(golden) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
