"""Random masks, and the score of one metric on them."""

import numpy as np

from kerasmetricloss.metrics import DiceScore, FBetaScore, JaccardIndex, TverskyIndex

METRICS = {
    "dice": DiceScore,
    "jaccard": JaccardIndex,
    "tversky": lambda **k: TverskyIndex(alpha=0.3, beta=0.7, **k),
    "f2": lambda **k: FBetaScore(beta=2.0, **k),
}


def score(metric, y_true, y_pred, sample_weight=None):
    metric.update_state(y_true, y_pred, sample_weight)
    return float(metric.result())


def random_masks(seed, shape=(3, 4, 5, 2)):
    rng = np.random.default_rng(seed)
    return (rng.random(shape) > 0.5).astype("float32"), rng.random(shape).astype("float32")
