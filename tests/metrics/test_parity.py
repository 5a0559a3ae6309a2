"""The same numbers as scikit-learn and Keras."""

import keras
import numpy as np
import pytest

from kerasmetricloss.metrics import (
    Accuracy,
    DiceScore,
    FBetaScore,
    HammingSimilarity,
    JaccardIndex,
    WeightedHammingSimilarity,
)

sklearn_metrics = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(11)
TRUTH = RNG.random((1, 7, 9, 1)) > 0.6
PROBABILITY = np.clip(0.3 * TRUTH + 0.7 * RNG.random(TRUTH.shape), 0, 1).astype("float32")
WEIGHT = RNG.random((1, 7, 9)).astype("float32")
FLAT = {"y_true": TRUTH.ravel(), "y_pred": PROBABILITY.ravel() > 0.5}


def score(metric, sample_weight=None):
    metric.update_state(TRUTH.astype("float32"), PROBABILITY, sample_weight)
    return float(metric.result())


@pytest.mark.parametrize("weighted", [False, True], ids=["no weights", "weight a voxel"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (DiceScore, lambda **k: sklearn_metrics.f1_score(**k)),
        (JaccardIndex, lambda **k: sklearn_metrics.jaccard_score(**k)),
        (lambda: FBetaScore(beta=0.5), lambda **k: sklearn_metrics.fbeta_score(beta=0.5, **k)),
        (Accuracy, lambda **k: sklearn_metrics.accuracy_score(**k)),
        (HammingSimilarity, lambda **k: 1 - sklearn_metrics.hamming_loss(**k)),
        (lambda: WeightedHammingSimilarity(gamma=0.5), lambda **k: sklearn_metrics.balanced_accuracy_score(**k)),
    ],
    ids=["f1", "jaccard", "fbeta", "accuracy", "hamming", "balanced accuracy"],
)
def test_a_case_scores_as_in_scikit_learn(ours, theirs, weighted):
    weight = {"sample_weight": WEIGHT.ravel()} if weighted else {}
    assert score(ours(), WEIGHT if weighted else None) == pytest.approx(theirs(**FLAT, **weight), abs=1e-6)


def test_exclusive_classes_score_as_in_scikit_learn():
    labels = RNG.integers(0, 3, (1, 7, 9))
    votes = RNG.random((1, 7, 9, 3)).astype("float32")
    flat = (labels.ravel(), votes.argmax(-1).ravel())
    for metric, expected in (
        (DiceScore(classes="exclusive"), sklearn_metrics.f1_score(*flat, average="macro")),
        (JaccardIndex(classes="exclusive"), sklearn_metrics.jaccard_score(*flat, average="macro")),
        (Accuracy(classes="exclusive"), sklearn_metrics.accuracy_score(*flat)),
    ):
        metric.update_state(labels, votes)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_pooled_f_beta_of_samples_is_that_of_keras():
    y_true, y_pred = TRUTH.reshape(21, 3).astype("float32"), PROBABILITY.reshape(21, 3)
    ours = FBetaScore(beta=2.0, pool="batch")
    theirs = keras.metrics.FBetaScore(beta=2.0, threshold=0.5)
    for metric in (ours, theirs):
        metric.update_state(y_true[:8], y_pred[:8])
        metric.update_state(y_true[8:], y_pred[8:])
    values = keras.ops.convert_to_numpy(theirs.result())
    np.testing.assert_allclose(np.asarray(ours.result_per_class()), values, atol=1e-6)


# Keras' own MeanIoU asks JAX for int64.
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning")
def test_exclusive_jaccard_pooled_is_the_mean_iou_of_keras():
    labels, votes = RNG.integers(0, 4, (3, 5, 6)), RNG.random((3, 5, 6, 4)).astype("float32")
    ours = JaccardIndex(classes="exclusive", pool="batch")
    theirs = keras.metrics.MeanIoU(num_classes=4)
    ours.update_state(labels, votes)
    theirs.update_state(labels, votes.argmax(axis=-1))
    assert float(ours.result()) == pytest.approx(float(theirs.result()), abs=1e-6)
