"""Surface distances as Keras metrics: spacing a case, empty masks, ignored voxels, compiled steps."""

import math

import keras
import numpy as np
import pytest

from kerasmetricloss.metrics import HausdorffDistance, NormalizedSurfaceDistance
from kerasmetricloss.metrics.surface import hausdorff_distance


def voxels(*cases, shape=(4, 7)):
    """One case a list of voxels."""
    masks = np.zeros((len(cases), *shape, 1), "float32")
    for mask, case in zip(masks, cases, strict=True):
        for voxel in case:
            mask[voxel] = 1
    return masks


HERE, THERE = [(0, 1)], [(3, 5)]  # 3 rows and 4 columns apart


def test_is_the_mean_in_mm_over_cases():
    metric = HausdorffDistance(spacing_mm=(1.0, 1.0))
    metric.update_state(voxels(HERE, HERE), voxels(THERE, HERE))
    assert float(metric.result()) == pytest.approx(2.5)


@pytest.mark.parametrize(
    "spacing", [[(1, 1), (2, 2), (4, 3)], np.array([(1, 1), (2, 2), (4, 3)])], ids=["list", "array"]
)
def test_every_case_can_have_its_own_spacing(spacing):
    metric = HausdorffDistance(spacing_mm=(9.0, 9.0))
    metric.update_state(voxels(HERE, HERE, HERE), voxels(THERE, THERE, THERE), spacing_mm=spacing)
    assert float(metric.result()) == pytest.approx((5 + 10 + math.hypot(12, 12)) / 3)


def test_the_four_cases_of_empty_masks():
    metric = HausdorffDistance()
    metric.update_state(voxels([], HERE, [], HERE), voxels([], [], HERE, THERE))
    assert float(metric.result()) == pytest.approx((0 + 5) / 2)
    assert metric.left_out == 2


def test_missed_cases_can_cost_the_diagonal_and_empty_ones_be_left_out():
    metric = HausdorffDistance(missed="diagonal", empty=math.nan)
    metric.update_state(voxels([], HERE, [], HERE), voxels([], [], HERE, THERE))
    assert float(metric.result()) == pytest.approx((2 * math.hypot(3, 6) + 5) / 3)
    assert metric.left_out == 1


def test_a_missed_class_counts_its_case_as_left_out_though_the_other_class_has_a_value():
    y_true, y_pred = np.concatenate([voxels(HERE), voxels(HERE)], -1), np.concatenate([voxels(HERE), voxels([])], -1)
    metric = HausdorffDistance()
    assert metric.left_out_per_class == []
    metric.update_state(y_true, y_pred)
    metric.update_state(y_true, y_true)
    assert float(metric.result()) == 0
    assert (metric.left_out, metric.left_out_per_class) == (1, [0, 1])
    metric.reset_state()
    assert (metric.left_out, metric.left_out_per_class) == (0, [0, 0])


def test_a_missed_class_of_weight_0_leaves_no_case_out():
    y_true, y_pred = np.concatenate([voxels(HERE), voxels(HERE)], -1), np.concatenate([voxels(HERE), voxels([])], -1)
    metric = HausdorffDistance(class_weights=[1, 0])
    metric.update_state(y_true, y_pred)
    assert (metric.left_out, metric.left_out_per_class) == (0, [0, 1])


def test_only_missed_cases_give_no_value():
    metric = HausdorffDistance()
    metric.update_state(voxels(HERE), voxels([]))
    assert math.isnan(float(metric.result()))
    metric.reset_state()
    assert metric.left_out == 0


def test_cases_of_weight_0_are_not_counted_as_left_out():
    metric = HausdorffDistance()
    metric.update_state(voxels(HERE, HERE, HERE), voxels([], THERE, []), np.array([0.0, 1.0, 2.0], "float32"))
    assert metric.left_out == 1


def test_ignored_voxels_are_background_in_both_masks():
    y_pred = voxels([(0, 1), (3, 5)])
    weight = np.ones((1, 4, 7), "float32")
    weight[0, 3, 5] = 0
    metric = HausdorffDistance()
    metric.update_state(voxels(HERE), y_pred, weight)
    assert float(metric.result()) == 0
    labels = voxels(HERE).astype("int32")
    labels[0, 3, 5] = 255
    metric = HausdorffDistance(ignore_label=255)
    metric.update_state(labels, y_pred)
    assert float(metric.result()) == 0


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_volumes_and_channels_are_read_in_their_order(data_format):
    rng = np.random.default_rng(3)
    y_true, y_pred = (rng.random((2, 4, 3, 5, 2)) > 0.7 for _ in range(2))
    spacing = (2.0, 0.5, 1.0)
    expected = [
        [hausdorff_distance(y_true[i, ..., c], y_pred[i, ..., c], spacing_mm=spacing) for c in range(2)]
        for i in range(2)
    ]
    if data_format == "channels_first":
        y_true, y_pred = np.moveaxis(y_true, -1, 1), np.moveaxis(y_pred, -1, 1)
    metric = HausdorffDistance(spacing_mm=spacing, data_format=data_format)
    metric.update_state(y_true.astype("uint8"), y_pred.astype("float32"))
    np.testing.assert_allclose(np.asarray(metric.result_per_class()), np.mean(expected, axis=0), rtol=1e-6)


def test_the_surface_share_scores_a_missed_case_0_and_an_empty_one_1():
    metric = NormalizedSurfaceDistance(tolerance_mm=5.0)
    metric.update_state(voxels([], HERE, [], HERE), voxels([], [], HERE, THERE))
    assert float(metric.result()) == pytest.approx((1 + 0 + 0 + 1) / 4)


def test_each_class_can_have_its_own_tolerance():
    y_true, y_pred = (np.repeat(voxels(mask), 2, -1) for mask in ([(0, 1)], [(0, 3)]))
    metric = NormalizedSurfaceDistance(tolerance_mm=(1.0, 2.0), per_class=("near", "far"))
    metric.update_state(y_true, y_pred)
    names = ("normalized_surface_distance_near", "normalized_surface_distance_far")
    assert [float(metric.result()[name]) for name in names] == [0, 1]
    copy = NormalizedSurfaceDistance.from_config(metric.get_config())
    with pytest.raises(ValueError, match="tolerance_mm has 2 entries for 1 classes that count"):
        copy.update_state(voxels(HERE), voxels(THERE))
    with pytest.raises(ValueError, match=r"tolerance_mm=.* expected a distance of at least 0, or one a class"):
        NormalizedSurfaceDistance(tolerance_mm=(1.0, -2.0))


def test_one_spacing_stands_for_all_axes():
    metric = HausdorffDistance(spacing_mm=2.0)
    metric.update_state(voxels(HERE), voxels(THERE))
    metric.update_state(voxels(HERE), voxels(THERE), spacing_mm=4)
    assert float(metric.result()) == pytest.approx((10 + 20) / 2)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch steps are not compiled")
def test_a_compiled_step_is_refused_with_the_two_ways_out():
    model = keras.Sequential([keras.Input((4, 7, 1)), keras.layers.Activation("sigmoid")])
    model.compile(loss="mean_squared_error", metrics=[HausdorffDistance(percentile=95)])
    with pytest.raises(RuntimeError, match=r"(?s)run_eagerly=True.*ScoreAfterEpoch.*HausdorffDistance\(percentile=95"):
        model.evaluate(voxels(HERE, HERE, HERE), voxels(THERE, HERE, HERE), batch_size=2, verbose=0)


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"spacing_mm has shape \(3,\) for 2 cases of 2 space axes"):
        HausdorffDistance(spacing_mm=(1, 1, 1)).update_state(voxels(HERE, HERE), voxels(HERE, HERE))
    with pytest.raises(ValueError, match=r"y_true holds 0.5: a mask is 0 or 1"):
        HausdorffDistance().update_state(0.5 * voxels(HERE), voxels(HERE))
    with pytest.raises(ValueError, match=r"missed='largest'"):
        HausdorffDistance(missed="largest")
    with pytest.raises(ValueError, match=r"spacing_mm=\(1, 0\)"):
        HausdorffDistance(spacing_mm=(1, 0))
    with pytest.raises(ValueError, match=r"pool='batch': HausdorffDistance"):
        HausdorffDistance(pool="batch")
    with pytest.raises(ValueError, match=r"tolerance_mm=-1"):
        NormalizedSurfaceDistance(tolerance_mm=-1)
