"""Sentences and numbers for a loss and a metric."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from kerasmetricloss.similarities import ratios
from kerasmetricloss.theory import all_counts, promise
from kerasmetricloss.theory.promises import LOSSES, METRICS


def test_soft_dice_and_jaccard_get_proposition_ii_1():
    found = promise("sDice", "jaccard")
    assert (found.absolute, found.relative) == pytest.approx((3 - 2 * math.sqrt(2), 1.0))
    assert found.sentence == (
        "sDice stands in for the Dice score; the Jaccard index never differs from it by more than 0.1716, "
        "nor is the one more than 2 times the other (Prop. II.1)."
    )


@pytest.mark.parametrize("loss", ["CE", "wCE", "CrossEntropy", "WeightedCrossEntropy", "wCE-0.2"])
@pytest.mark.parametrize("metric", ["dice", "jaccard", "F2.0", "TverskyIndex-0.3/0.7"])
def test_cross_entropy_promises_nothing_for_an_overlap(loss, metric):
    found = promise(loss, metric)
    assert (found.absolute, found.relative) == (1.0, math.inf)
    assert "promises nothing" in found.sentence


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("sDice", "dice"),
        ("sDice-L2", "F1.0"),
        ("Lovasz", "JaccardIndex"),
        ("sTversky-1/1", "jaccard"),
        ("CE", "accuracy"),
    ],
)
def test_a_loss_of_the_metric_itself_loses_nothing(loss, metric):
    found = promise(loss, metric)
    assert (found.absolute, found.relative) == (0.0, 0.0)
    assert "nothing is lost" in found.sentence


def test_generalised_dice_promises_nothing_for_a_score_a_class():
    # One voxel invented in an absent class costs the loss nothing, and Dice all.
    from kerasmetricloss.losses import GeneralizedDice
    from kerasmetricloss.metrics import DiceScore

    truth = np.zeros((1, 200, 1), "float32")
    invented = truth.copy()
    invented[0, 0] = 1
    assert float(GeneralizedDice()(truth, invented)) == 0.0
    metric = DiceScore()
    metric.update_state(truth, invented)
    assert float(metric.result()) == 0.0
    found = promise("GeneralizedDice", "dice")
    assert (found.absolute, found.relative) == (1.0, math.inf)
    assert "promises nothing" in found.sentence


def test_lovasz_softmax_says_that_absent_classes_have_no_part():
    from kerasmetricloss.losses import LovaszSoftmax
    from kerasmetricloss.metrics import JaccardIndex

    truth = np.zeros((1, 100), "int32")
    prediction = np.eye(2, dtype="float32")[truth]
    prediction[0, 0] = [0, 1]
    metric = JaccardIndex(classes="exclusive")
    metric.update_state(truth, prediction)
    # Class 0: 99 of 100 voxels. Class 1, absent from the truth: 0 of 1.
    assert float(LovaszSoftmax()(truth, prediction)) == pytest.approx(0.01)
    assert float(metric.result()) == pytest.approx(0.495)
    assert "have no part in the loss, and the metric counts them" in promise("LovaszSoftmax", "jaccard").sentence


@pytest.mark.parametrize(
    ("paper", "own"), [("sDice", "SoftDice"), ("sJaccard", "softjaccard"), ("sTversky-.3/.7", "SoftTversky-0.3/0.7")]
)
def test_paper_names_class_names_and_any_capitals_are_one(paper, own):
    first, second = promise(paper, "f0.5"), promise(own, "FBetaScore-0.5")
    assert (first.absolute, first.relative) == (second.absolute, second.relative)


def test_tversky_and_f2_have_the_derived_bound():
    # F2 is Tversky at (0.2, 0.8); against (0.3, 0.7) the ratios are 0.2/0.3 and 0.8/0.7: 1.5 decides.
    found = promise("sTversky-0.3/0.7", "F2.0")
    assert found.relative == pytest.approx(0.5)
    assert found.absolute == pytest.approx((math.sqrt(1.5) - 1) / (math.sqrt(1.5) + 1))


@pytest.mark.parametrize("metric", ["hausdorff_mm", "avd_ml", "HausdorffDistance"])
def test_distances_and_volumes_have_no_bound(metric):
    found = promise("sDice", metric)
    assert (found.absolute, found.relative) == (math.inf, math.inf)
    assert "no bound follows" in found.sentence


def test_focal_tversky_is_bounded_by_what_masks_show():
    found = promise("FocalTversky-0.7/0.3/0.75", "dice")
    tp, fp, fn, _ = all_counts(60).T.astype(float)
    loss = np.maximum(1 - ratios.tversky(tp, tp + fp, tp + fn, alpha=0.7, beta=0.3), 0)
    similarity = 1 - loss**0.75
    dice = ratios.dice(tp, tp + fp, tp + fn)
    assert found.absolute - 1e-3 < np.abs(similarity - dice).max() <= found.absolute + 1e-9
    some = dice > 0
    quotient = np.maximum(similarity[some] / dice[some], dice[some] / similarity[some]).max()
    assert found.relative + 1 - 0.1 < quotient <= found.relative + 1 + 1e-9


def test_every_known_pair_has_a_sentence_and_two_numbers():
    for loss, metric in itertools.product(LOSSES, METRICS):
        found = promise(loss, metric)
        assert found.sentence.startswith(f"{loss} stands in for ")
        assert found.sentence.endswith(".")
        assert found.absolute >= 0
        assert found.relative >= 0


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match=r"'BoundaryLoss' is no loss.*sDice.*SoftTversky"):
        promise("BoundaryLoss", "dice")
    with pytest.raises(ValueError, match=r"'kappa' is no metric.*jaccard.*hausdorff_mm"):
        promise("sDice", "kappa")
    with pytest.raises(ValueError, match=r"'sDice-0.3/0.7' has 0.3/0.7 after its name; expected none"):
        promise("sDice-0.3/0.7", "dice")
    for name, given in (("sTversky-0.3", "0.3"), ("SoftTversky-1/2/3", "1/2/3")):
        with pytest.raises(ValueError, match=rf"has {given} after its name; expected alpha and beta"):
            promise(name, "dice")
    with pytest.raises(ValueError, match=r"alpha is 0"):
        promise("sTversky-0/1", "dice")


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "-inf"])
@pytest.mark.parametrize("metric", ["dice", "accuracy", "hausdorff_mm"])
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("sTversky-{}/0.5", "alpha"),
        ("SoftTversky-0.5/{}", "beta"),
        ("FocalTversky-{}/0.5", "alpha"),
        ("FocalTversky-0.5/{}", "beta"),
        ("FocalTversky-0.5/0.5/{}", "gamma"),
    ],
)
def test_a_weight_that_is_not_positive_and_finite_is_named(name, wrong, metric, number):
    with pytest.raises(ValueError, match=rf"{wrong} is {float(number)}: the bounds need a positive, finite weight"):
        promise(name.format(number), metric)


@pytest.mark.parametrize("number", ["-0.1", "1.5", "nan", "inf"])
@pytest.mark.parametrize("name", ["wCE-{}", "WeightedCrossEntropy-{}"])
def test_a_share_that_is_not_from_0_to_1_is_named(name, number):
    with pytest.raises(ValueError, match=rf"gamma is {float(number)}: it must be between 0 and 1"):
        promise(name.format(number), "dice")


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize(
    ("name", "wrong"),
    [("F-{}", "beta"), ("FBetaScore-{}", "beta"), ("tversky-0.5/{}", "beta"), ("TverskyIndex-{}/2", "alpha")],
)
def test_a_metrics_weight_that_is_not_positive_and_finite_is_named(name, wrong, number):
    with pytest.raises(ValueError, match=rf"{wrong} is {float(number)}: the bounds need"):
        promise("CE", name.format(number))


def test_theory_needs_no_keras():
    code = "import sys; sys.modules['keras'] = None; from kerasmetricloss.theory import promise; promise('CE', 'dice')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bounds_are_rounded_up():
    # the supremum is 0.055728
    assert "by more than 0.0558, nor is the one more than " in promise("sTversky-0.4/0.6", "dice").sentence
    assert (
        "by more than 0.0001, nor is the one more than 1.001 times" in promise("sTversky-0.5/0.5001", "dice").sentence
    )
