"""The four cases of empty sets, for every loss that has a rule for them, as for the metric."""

import numpy as np
import pytest

from kerasmetricloss.losses import (
    FocalTversky,
    GeneralizedDice,
    LovaszHinge,
    LovaszSigmoid,
    LovaszSoftmax,
    SoftDice,
    SoftJaccard,
    SoftTversky,
)
from kerasmetricloss.metrics import JaccardIndex

NOTHING, SOMETHING = np.zeros((1, 5, 1), "float32"), np.array([0, 1, 1, 0, 0], "float32").reshape(1, 5, 1)
SIGMOID = [LovaszSigmoid, lambda **s: LovaszSigmoid(bins=4, **s), lambda **s: LovaszSigmoid(pool="batch", **s)]
RATIOS = [SoftDice, SoftJaccard, SoftTversky, lambda **s: FocalTversky(gamma=1.0, **s)]


@pytest.mark.parametrize("empty", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", RATIOS + SIGMOID)
def test_two_empty_sets_score_what_empty_says_and_no_other_case_does(loss, empty):
    function = loss(empty=empty)
    assert float(function(NOTHING, NOTHING)) == 1 - empty
    assert float(function(NOTHING, SOMETHING)) == 1
    assert float(function(SOMETHING, NOTHING)) == 1
    assert float(function(SOMETHING, SOMETHING)) == 0


@pytest.mark.parametrize("loss", SIGMOID)
def test_lovasz_of_hard_masks_is_one_minus_the_jaccard_index_under_the_same_rule(loss):
    y_true, y_pred = np.concatenate([NOTHING, SOMETHING], -1), np.concatenate([NOTHING, 1 - SOMETHING / 2], -1)
    metric = JaccardIndex(empty=0.25, threshold=0.7)
    metric.update_state(y_true, y_pred)
    hard = (y_pred > 0.7).astype("float32")
    assert float(loss(empty=0.25)(y_true, hard)) == pytest.approx(1 - float(metric.result()))


@pytest.mark.parametrize("loss", SIGMOID)
def test_voxels_of_weight_zero_neither_fill_the_truth_nor_the_prediction(loss):
    weight = 1 - SOMETHING[..., 0]
    assert float(loss(empty=0.5)(SOMETHING, NOTHING, weight)) == 0.5
    assert float(loss(empty=0.5)(NOTHING, SOMETHING, weight)) == 0.5


def test_the_hinge_has_two_empty_sets_where_every_logit_is_at_most_minus_one(gradient):
    loss = LovaszHinge(empty=0.25)
    logits = np.full((1, 5, 1), -1.5, "float32")
    assert float(loss(NOTHING, logits)) == 0.75
    assert (gradient(lambda z: loss(NOTHING, z), logits) == 0).all()
    assert float(loss(NOTHING, logits + 1)) == pytest.approx(0.5)  # max(0, 1 - 0.5)


def test_softmax_scores_absent_classes_by_the_rule_where_all_are_in_the_mean():
    y_true = np.array([[0, 0, 1]])
    y_pred = np.eye(3, dtype="float32")[y_true]
    assert float(LovaszSoftmax(empty=0.4, classes_in_mean="all")(y_true, y_pred)) == pytest.approx(0.6 / 3)
    assert float(LovaszSoftmax(empty=0.4)(y_true, y_pred)) == 0


def test_generalized_dice_applies_the_rule_to_a_truth_without_any_class():
    assert float(GeneralizedDice(empty=0.25)(NOTHING, NOTHING)) == 0.75
    assert float(GeneralizedDice(empty=0.25)(NOTHING, SOMETHING)) == 0.75
