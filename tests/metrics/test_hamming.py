"""Accuracy, Hamming and weighted Hamming similarity of masks."""

import numpy as np
import pytest

from kerasmetricloss.metrics import Accuracy, HammingSimilarity, WeightedHammingSimilarity


def score(metric, y_true, y_pred, sample_weight=None):
    metric.update_state(y_true, y_pred, sample_weight)
    return float(metric.result())


# Truth {0, 1}, prediction {1, 2, 3} of six voxels: tp 1, fp 2, fn 1, tn 2.
TRUTH = np.array([1, 1, 0, 0, 0, 0], "float32").reshape(1, 2, 3, 1)
PREDICTION = np.array([0.1, 0.9, 0.6, 0.8, 0.5, 0.2], "float32").reshape(1, 2, 3, 1)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (Accuracy, 3 / 6),  # 1 - (2 + 1) / 6
        (HammingSimilarity, 3 / 6),
        (lambda: WeightedHammingSimilarity(gamma=0.3), 1 - 0.3 * 1 / 2 - 0.7 * 2 / 4),
    ],
)
def test_has_the_value_worked_by_hand(metric, value):
    assert score(metric(), TRUTH, PREDICTION) == pytest.approx(value)


def test_gamma_of_the_share_of_foreground_gives_the_hamming_similarity():
    assert score(WeightedHammingSimilarity(gamma=2 / 6), TRUTH, PREDICTION) == pytest.approx(3 / 6)


@pytest.mark.parametrize(
    ("truth", "prediction", "hamming", "weighted"), [(0, 0, 1, 1), (0, 1, 0, 0.7), (1, 0, 0, 0.3), (1, 1, 1, 1)]
)
def test_the_four_cases_of_empty_and_full_masks(truth, prediction, hamming, weighted):
    # Weighted: an empty truth has no foreground to miss, a full one no background to invent in.
    y_true, y_pred = np.full((2, 3, 4, 1), truth, "float32"), np.full((2, 3, 4, 1), prediction, "float32")
    assert score(Accuracy(), y_true, y_pred) == hamming
    assert score(HammingSimilarity(), y_true, y_pred) == hamming
    assert score(WeightedHammingSimilarity(gamma=0.7), y_true, y_pred) == pytest.approx(weighted)


LABELS = np.array([[0, 1, 2, 2, 0]])
VOTES = np.array([[0, 1, 1, 2, 2]])  # the third and the last are wrong
EXCLUSIVE = (0.2 + 0.2 * np.eye(3)[VOTES]).astype("float32")


def test_exclusive_accuracy_is_the_share_of_voxels_given_their_class():
    assert score(Accuracy(classes="exclusive"), LABELS, EXCLUSIVE) == pytest.approx(3 / 5)


@pytest.mark.parametrize("pool", ["image", "batch"])
def test_exclusive_accuracy_has_one_number_and_no_value_a_class(pool):
    metric = Accuracy(classes="exclusive", pool=pool)
    metric.update_state(LABELS, EXCLUSIVE)
    assert metric.result_per_class().shape == (1,)
    assert len(metric.left_out_per_class) == 1


def test_exclusive_accuracy_counts_the_voxels_of_the_included_classes():
    metric = Accuracy(classes="exclusive", include=[1, 2])
    assert score(metric, LABELS, EXCLUSIVE) == pytest.approx(2 / 3)


def test_exclusive_accuracy_weighs_voxels_by_their_class():
    # Found: one voxel of each class. All: two, one, two.
    metric = Accuracy(classes="exclusive", class_weights=[1, 5, 2])
    assert score(metric, LABELS, EXCLUSIVE) == pytest.approx((1 + 5 + 2) / (2 + 5 + 4))


def test_hamming_of_exclusive_classes_is_one_against_the_rest():
    metric = HammingSimilarity(classes="exclusive", per_class=True)
    metric.update_state(LABELS, EXCLUSIVE)
    values = [round(float(value), 4) for value in metric.result().values()]
    assert values == [0.7333, 0.8, 0.8, 0.6]  # wrong voxels: class 0 the last, 1 the third, 2 both


@pytest.mark.parametrize("pool", ["image", "batch"])
def test_ignored_voxels_are_no_voxels_of_the_image(pool):
    weight = np.array([1, 1, 1, 1, 0, 0], "float32").reshape(1, 2, 3)
    assert score(Accuracy(pool=pool), TRUTH, PREDICTION, weight) == pytest.approx(1 / 4)
    metric = WeightedHammingSimilarity(gamma=0.5, pool=pool)
    assert score(metric, TRUTH, PREDICTION, weight) == pytest.approx(1 - 0.5 * 1 / 2 - 0.5 * 2 / 2)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match=r"gamma=1.2"):
        WeightedHammingSimilarity(gamma=1.2)
    with pytest.raises(ValueError, match=r"HammingSimilarity has a value a class"):
        Accuracy(classes="exclusive", per_class=True)
