"""What has no value, or no weight, is no part of a mean: neither a 0, nor a 1, nor what is no number."""

import math

import numpy as np
import pytest

from kerasmetricloss.metrics import (
    AbsoluteVolumeDifference,
    Accuracy,
    DiceScore,
    HausdorffDistance,
    NormalizedSurfaceDistance,
)

# Two cases of one row of four voxels; nothing is found in the first.
TRUTH = np.zeros((2, 1, 4, 1), "float32")
TRUTH[:, 0, 1] = 1
FOUND = TRUTH.copy()
FOUND[0] = 0


def test_an_infinite_distance_of_weight_zero_is_no_part_of_the_mean():
    metric = HausdorffDistance(missed=math.inf)
    metric.update_state(TRUTH, FOUND, np.array([0.0, 1.0]))
    assert (float(metric.result()), metric.left_out) == (0, 0)
    metric = HausdorffDistance(missed=math.inf, class_weights=[0, 1])
    metric.update_state(np.concatenate([TRUTH, TRUTH], -1), np.concatenate([FOUND, TRUTH], -1))
    assert (float(metric.result()), metric.left_out) == (0, 0)
    assert np.asarray(metric.result_per_class()).tolist() == [math.inf, 0]


@pytest.mark.parametrize("make", [DiceScore, Accuracy])
def test_pooled_counts_of_nothing_have_no_value(make):
    metric = make(pool="batch")
    metric.update_state(TRUTH, 1 - TRUTH)
    assert float(metric.result()) == 0
    metric.reset_state()
    assert (math.isnan(float(metric.result())), metric.left_out) == (True, 0)
    metric.update_state(TRUTH, 1 - TRUTH, np.zeros(2))
    assert (math.isnan(float(metric.result())), metric.left_out) == (True, 0)


@pytest.mark.parametrize("pool", ["image", "batch"])
def test_classes_of_weight_zero_give_no_value_to_those_that_are_left_out(pool):
    metric = DiceScore(pool=pool, ignore_empty=True, class_weights=[1, 0])
    y = np.array([[[0, 1.0]]])
    metric.update_state(y, y)
    assert math.isnan(float(metric.result()))
    assert metric.left_out == 1


@pytest.mark.parametrize("volume", [-1.0, 0.0, math.nan, [0.5, -0.5], np.array([math.inf, 1.0])])
def test_a_volume_of_a_voxel_that_cannot_be_is_refused(volume):
    metric = AbsoluteVolumeDifference(voxel_volume_ml=1)
    with pytest.raises(ValueError, match="expected a volume above 0 in ml"):
        metric.update_state(TRUTH, FOUND, voxel_volume_ml=volume)


@pytest.mark.parametrize("weights", [[5], [1, 2, 3]])
def test_exclusive_accuracy_wants_a_weight_a_class(weights):
    metric = Accuracy(classes="exclusive", class_weights=weights)
    with pytest.raises(ValueError, match=rf"class_weights has {len(weights)} entries for 2 classes"):
        metric.update_state(np.zeros((3, 4), int), np.full((3, 4, 2), 0.5))


def test_two_classes_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"per_class=\('a', 'a'\): give each class a name of its own"):
        DiceScore(per_class=["a", "a"])


@pytest.mark.parametrize("make", [HausdorffDistance, NormalizedSurfaceDistance])
def test_surfaces_need_an_axis_of_space(make):
    metric = make(tolerance_mm=1) if make is NormalizedSurfaceDistance else make()
    with pytest.raises(ValueError, match=r"y_pred has shape \(3, 1\): .* needs at least one space axis"):
        metric.update_state(np.array([[1.0], [1], [0]]), np.array([[0.9], [0.1], [0.2]]))
