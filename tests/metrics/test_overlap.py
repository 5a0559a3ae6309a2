"""Dice, Jaccard, Tversky and F-beta of masks: values worked by hand, and the settings that all metrics share."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.metrics import DiceScore, FBetaScore, JaccardIndex, TverskyIndex

from .masks import METRICS, random_masks, score

WEIGHTS = {"dice": (0.5, 0.5), "jaccard": (1.0, 1.0), "tversky": (0.3, 0.7), "f2": (0.2, 0.8)}


def reference(y_true, y_pred, alpha, beta):
    """A value an image and class of hard masks (batch, *space, classes); two empty sets score 1."""
    space = tuple(range(1, y_true.ndim - 1))
    tp = (y_true * y_pred).sum(space)
    below = tp + alpha * ((1 - y_true) * y_pred).sum(space) + beta * (y_true * (1 - y_pred)).sum(space)
    return np.where(below > 0, tp / np.where(below > 0, below, 1), 1.0)


# Truth {0, 1}, prediction {1, 2, 3} of six voxels: tp 1, fp 2, fn 1.
TRUTH = np.array([1, 1, 0, 0, 0, 0], "float32").reshape(1, 2, 3, 1)
PREDICTION = np.array([0.1, 0.9, 0.6, 0.8, 0.5, 0.2], "float32").reshape(1, 2, 3, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dice", 2 / 5),  # 2 * 1 / (2 + 3)
        ("jaccard", 1 / 4),  # 1 / (1 + 2 + 1)
        ("tversky", 1 / 2.3),  # 1 / (1 + 0.3 * 2 + 0.7 * 1)
        ("f2", 5 / 11),  # 5 * 1 / (3 + 4 * 2)
    ],
)
def test_has_the_value_worked_by_hand(name, value):
    assert score(METRICS[name](), TRUTH, PREDICTION) == pytest.approx(value)


def test_a_probability_of_exactly_the_threshold_is_background():
    at = np.full((1, 2, 3, 1), 0.5, "float32")
    assert score(DiceScore(empty=0.25), np.zeros_like(at), at) == 0.25
    assert score(DiceScore(threshold=0.49), np.ones_like(at), at) == 1


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_logits_are_cut_where_their_probability_is(threshold):
    logits = np.linspace(-4, 4, 12, dtype="float32").reshape(1, 3, 4, 1)
    y_true = np.ones_like(logits)
    from_logits = score(DiceScore(threshold=threshold, from_logits=True), y_true, logits)
    assert from_logits == score(DiceScore(threshold=threshold), y_true, 1 / (1 + np.exp(-logits)))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(("truth", "prediction", "value"), [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1)])
def test_the_four_cases_of_empty_and_full_masks(metric, truth, prediction, value):
    y_true, y_pred = np.full((2, 3, 4, 1), truth, "float32"), np.full((2, 3, 4, 1), prediction, "float32")
    assert score(metric(), y_true, y_pred) == value


def test_two_empty_sets_can_have_another_value_or_be_left_out():
    y_true = np.zeros((3, 2, 4, 1), "float32")
    y_true[2, 0, 0] = 1
    zero, left = DiceScore(empty=0.0), DiceScore(empty=math.nan)
    assert score(zero, y_true, y_true) == pytest.approx(1 / 3)
    assert zero.left_out == 0
    assert score(left, y_true, y_true) == 1
    assert left.left_out == 2


def test_a_class_left_out_leaves_its_case_with_the_others():
    # Case 0: class 0 is right, class 1 has no value. Case 1: class 0 is missed, class 1 is right.
    y_true, y_pred = np.zeros((2, 3, 2), "float32"), np.zeros((2, 3, 2), "float32")
    y_true[0, 0, 0] = y_pred[0, 0, 0] = 1
    y_true[1, 0] = 1
    y_pred[1, 0, 1] = 1
    metric = DiceScore(empty=math.nan, per_class=("organ", "lesion"))
    metric.update_state(y_true, y_pred)
    values = {name: float(value) for name, value in metric.result().items()}
    assert values == {"dice_score": 0.75, "dice_score_organ": 0.5, "dice_score_lesion": 1.0}  # (1 + 1/2) / 2
    assert (metric.left_out, metric.left_out_per_class) == (1, [0, 1])


# Truth, prediction and scores of MONAI's own table for the mean Dice and the mean IoU, which leave out empty truths:
# two cases of three classes of 2x2 voxels, channels first.
MONAI_TRUTH = np.array([[[15], [0], [0]], [[1], [12], [2]]])
MONAI_PREDICTION = np.array([[[14], [4], [7]], [[11], [7], [6]]])


def from_bits(numbers):
    return np.stack([numbers >> place & 1 for place in (3, 2, 1, 0)], -1).reshape(2, 3, 2, 2).astype("float32")


@pytest.mark.parametrize(
    ("metric", "expected"), [(DiceScore, [0.6786, 0.4, 0.6667]), (JaccardIndex, [0.5417, 0.25, 0.5])]
)
def test_empty_truths_can_be_left_out_as_monai_does(metric, expected):
    y_true, y_pred = from_bits(MONAI_TRUTH), from_bits(MONAI_PREDICTION)
    found = metric(ignore_empty=True, data_format="channels_first", per_class=True)
    found.update_state(y_true, y_pred)
    np.testing.assert_allclose(found.result_per_class(), expected, atol=1e-4)
    assert found.left_out_per_class == [0, 1, 1]
    pooled = metric(ignore_empty=True, data_format="channels_first", pool="batch")
    pooled.update_state(y_true[:1], y_pred[:1])
    assert pooled.left_out_per_class == [0, 1, 1]
    assert float(pooled.result()) == pytest.approx(
        float(metric(include=[0], data_format="channels_first")(y_true[:1], y_pred[:1]))
    )
    assert "ignore_empty=True" in repr(found)
    assert metric.from_config(found.get_config()).ignore_empty
    with pytest.raises(ValueError, match="ignore_empty='no', expected True or False"):
        metric(ignore_empty="no")


def test_nothing_seen_has_no_value():
    metric = DiceScore()
    assert math.isnan(float(metric.result()))
    assert metric.left_out == 0
    assert list(DiceScore(per_class=True).result()) == ["dice_score"]
    with pytest.raises(ValueError, match="seen no case"):
        metric.result_per_class()


@pytest.mark.parametrize("pool", ["image", "batch"])
def test_a_batch_of_no_case_adds_nothing(pool):
    metric = DiceScore(pool=pool)
    y_true, y_pred = random_masks(0)
    metric.update_state(y_true, y_pred)
    before = float(metric.result())
    metric.update_state(y_true[:0], y_pred[:0])
    assert (float(metric.result()), metric.left_out) == (before, 0)


@pytest.mark.parametrize("pool", ["image", "batch"])
def test_another_number_of_classes_is_refused(pool):
    metric = DiceScore(pool=pool)
    y_true, y_pred = random_masks(0)
    metric.update_state(y_true, y_pred)
    metric.reset_state()
    with pytest.raises(ValueError, match="dice_score has counted 2 classes and is now given 1: make another"):
        metric.update_state(y_true[..., :1], y_pred[..., :1])


def test_reset_forgets_all_cases():
    metric = DiceScore()
    assert score(metric, TRUTH, 1 - TRUTH) == 0
    metric.reset_state()
    assert score(metric, TRUTH, TRUTH) == 1


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(METRICS)))
def test_is_the_mean_over_cases_of_a_numpy_reference(seed, name):
    y_true, y_pred = random_masks(seed)
    values = reference(y_true, y_pred > 0.5, *WEIGHTS[name])
    metric = METRICS[name]()
    for first, last in ((0, 2), (2, 3)):
        metric.update_state(y_true[first:last], y_pred[first:last])
    assert float(metric.result()) == pytest.approx(values.mean(), abs=1e-6)
    np.testing.assert_allclose(np.asarray(metric.result_per_class()), values.mean(axis=0), atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_dice_and_jaccard_keep_equation_7_on_one_case(seed):
    y_true, y_pred = random_masks(seed, (1, 3, 4, 1))
    dice, jaccard = score(DiceScore(), y_true, y_pred), score(JaccardIndex(), y_true, y_pred)
    assert jaccard == pytest.approx(dice / (2 - dice), abs=1e-6)


def test_tversky_and_f_beta_have_dice_and_jaccard_as_special_cases():
    y_true, y_pred = random_masks(3)
    dice, jaccard = score(DiceScore(), y_true, y_pred), score(JaccardIndex(), y_true, y_pred)
    assert score(TverskyIndex(alpha=0.5, beta=0.5), y_true, y_pred) == pytest.approx(dice)
    assert score(TverskyIndex(alpha=1.0, beta=1.0), y_true, y_pred) == pytest.approx(jaccard)
    assert score(FBetaScore(beta=1.0), y_true, y_pred) == pytest.approx(dice)


def test_alpha_weighs_false_positives_and_beta_false_negatives():
    # Three false positives, no false negative: 1 / (1 + 3 alpha).
    y_true, y_pred = np.array([[[1.0], [0], [0], [0]]]), np.ones((1, 4, 1))
    assert score(TverskyIndex(alpha=0.2, beta=9.0), y_true, y_pred) == pytest.approx(1 / 1.6)
    assert score(TverskyIndex(alpha=9.0, beta=0.2), y_pred, y_true) == pytest.approx(1 / 1.6)


@pytest.mark.parametrize("space", [(), (7,), (3, 4), (3, 2, 4), (2, 3, 2, 2)], ids=str)
def test_takes_any_number_of_space_axes_and_channels_first(space):
    y_true, y_pred = random_masks(1, (3, *space, 2))
    last = score(DiceScore(data_format="channels_last"), y_true, y_pred)
    y_true, y_pred = (np.moveaxis(x, -1, 1) for x in (y_true, y_pred))
    assert score(DiceScore(data_format="channels_first"), y_true, y_pred) == pytest.approx(last)


def test_label_maps_of_integers_are_the_same_as_one_hot():
    labels = np.random.default_rng(0).integers(0, 3, (2, 4, 5))
    y_pred = np.random.default_rng(1).random((2, 4, 5, 3)).astype("float32")
    one_hot = score(DiceScore(classes="exclusive"), np.eye(3, dtype="float32")[labels], y_pred)
    assert score(DiceScore(classes="exclusive"), labels, y_pred) == pytest.approx(one_hot)
    assert score(DiceScore(classes="exclusive"), labels[..., None], y_pred) == pytest.approx(one_hot)


def test_exclusive_classes_take_the_largest_however_small():
    # All below 1/2. Voxels: truth 0, 1, 2; largest 0, 1, 1. Dice: 1, 2/3, 0.
    y_pred = np.array([[[0.4, 0.3, 0.3], [0.2, 0.45, 0.35], [0.1, 0.46, 0.44]]], "float32")
    metric = DiceScore(classes="exclusive", per_class=True)
    metric.update_state(np.array([[0, 1, 2]]), y_pred)
    values = {name: round(float(value), 4) for name, value in metric.result().items()}
    assert values == {"dice_score": 0.5556, "dice_score_0": 1.0, "dice_score_1": 0.6667, "dice_score_2": 0.0}


def test_included_classes_keep_their_numbers_and_class_weights_weigh_them():
    y_true, y_pred = random_masks(5, (2, 4, 5, 4))
    values = reference(y_true, y_pred > 0.5, 0.5, 0.5)[:, [1, 3]].mean(axis=0)
    metric = DiceScore(include=[1, 3], class_weights=[3, 1], per_class=True)
    metric.update_state(y_true, y_pred)
    found = metric.result()
    assert list(found) == ["dice_score", "dice_score_1", "dice_score_3"]
    assert float(found["dice_score_3"]) == pytest.approx(values[1], abs=1e-6)
    assert float(found["dice_score"]) == pytest.approx((3 * values[0] + values[1]) / 4, abs=1e-6)


def test_a_weight_a_case_makes_a_weighted_mean():
    y_true, y_pred = random_masks(6)
    values = reference(y_true, y_pred > 0.5, 0.5, 0.5).mean(axis=1)
    weight = np.array([2.0, 0.0, 1.0], "float32")
    assert score(DiceScore(), y_true, y_pred, weight) == pytest.approx((weight * values).sum() / 3, abs=1e-6)


def test_voxels_of_weight_0_and_of_the_ignored_label_do_not_count():
    y_true, y_pred = random_masks(7, (2, 4, 6, 1))
    kept = score(DiceScore(), y_true[:, :, :4], y_pred[:, :, :4])
    weight = np.ones((2, 4, 6), "float32")
    weight[:, :, 4:] = 0
    assert score(DiceScore(), y_true, y_pred, weight) == pytest.approx(kept)
    assert score(DiceScore(), y_true, y_pred, weight[..., None]) == pytest.approx(kept)
    labels = y_true.astype("int32")
    labels[:, :, 4:] = 255
    assert score(DiceScore(ignore_label=255), labels, y_pred) == pytest.approx(kept)


def test_a_weight_a_voxel_multiplies_its_part_of_the_sums():
    # tp has weight 3, the two fp 1 and 2, the fn 0.5: 2 * 3 / (2 * 3 + 3 + 0.5).
    weight = np.array([0.5, 3, 1, 2, 1, 1], "float32").reshape(1, 2, 3)
    assert score(DiceScore(), TRUTH, PREDICTION, weight) == pytest.approx(6 / 9.5)


def test_pooled_counts_do_not_depend_on_how_cases_fall_into_batches():
    y_true, y_pred = random_masks(8, (5, 3, 4, 2))
    values = reference(y_true.reshape(1, -1, 4, 2), y_pred.reshape(1, -1, 4, 2) > 0.5, 0.5, 0.5)[0]
    metric = DiceScore(pool="batch", per_class=True)
    for first, last in ((0, 1), (1, 5)):
        metric.update_state(y_true[first:last], y_pred[first:last])
    found = metric.result()
    assert float(found["dice_score"]) == pytest.approx(values.mean(), abs=1e-6)
    assert float(found["dice_score_1"]) == pytest.approx(values[1], abs=1e-6)


def test_pooled_classes_without_a_value_are_left_out_of_the_mean():
    y_true = np.zeros((2, 3, 4, 2), "float32")
    y_true[..., 0] = 1
    metric = DiceScore(pool="batch", empty=math.nan)
    assert score(metric, y_true, y_true) == 1
    assert (metric.left_out, metric.left_out_per_class) == (1, [0, 1])
    assert math.isnan(score(DiceScore(pool="batch", empty=math.nan), 0 * y_true, 0 * y_true))


def test_fractional_truths_score_1_with_the_semimetric_intersection_only_if_met():
    y_true, y_pred = np.full((1, 2, 3, 1), 0.5), np.ones((1, 2, 3, 1))
    # Product: I = 3, P = 6, Y = 3. Semimetric: I = (6 + 3 - 3) / 2 = 3.
    assert score(DiceScore(intersection="semimetric"), y_true, y_pred) == pytest.approx(6 / 9)


def test_smoothing_stands_above_and_below_the_form_with_two_intersections():
    # (2 * 1 + 1) / (2 + 3 + 3)
    assert score(DiceScore(smooth_nr=1, smooth_dr=3), TRUTH, PREDICTION) == pytest.approx(3 / 8)


def test_errors_name_the_shapes_and_the_setting():
    with pytest.raises(ValueError, match=r"\(2, 4, 5, 3\).*\(2, 4, 6, 3\)"):
        DiceScore().update_state(np.zeros((2, 4, 6, 3)), np.zeros((2, 4, 5, 3)))
    with pytest.raises(ValueError, match=r"threshold=1.0"):
        DiceScore(threshold=1.0)
    with pytest.raises(ValueError, match=r"alpha=0"):
        TverskyIndex(alpha=0, beta=1)
    with pytest.raises(ValueError, match=r"beta=0"):
        FBetaScore(beta=0)
    with pytest.raises(ValueError, match=r"names 2 classes but 3 count"):
        DiceScore(per_class=("a", "b")).update_state(np.zeros((2, 4, 3)), np.zeros((2, 4, 3)))
