"""The absolute volume difference, in ml."""

import numpy as np
import pytest

from kerasmetricloss.metrics import AbsoluteVolumeDifference


def masks(*voxels):
    """One case a number, with so many of 12 voxels set."""
    return np.stack([np.arange(12).reshape(3, 4, 1) < number for number in voxels]).astype("float32")


@pytest.mark.parametrize(("truth", "prediction", "value"), [(0, 0, 0.0), (0, 5, 2.5), (4, 0, 2.0), (4, 12, 4.0)])
def test_is_the_difference_of_sizes_times_the_volume_in_all_four_cases_of_empty_masks(truth, prediction, value):
    metric = AbsoluteVolumeDifference(voxel_volume_ml=0.5)
    metric.update_state(masks(truth), masks(prediction))
    assert float(metric.result()) == pytest.approx(value)
    assert metric.left_out == 0


def test_cases_of_different_voxels_have_their_own_volumes():
    metric = AbsoluteVolumeDifference(voxel_volume_ml=1.0)
    metric.update_state(masks(1, 1, 1), masks(3, 2, 0), voxel_volume_ml=[0.5, 0.008, 2.0])
    metric.update_state(masks(1), masks(3))
    assert float(metric.result()) == pytest.approx((1.0 + 0.008 + 2.0 + 2.0) / 4)


def test_volumes_beyond_what_single_precision_counts_keep_what_they_differ_by():
    # 2^24 + 1 is no number of float32: as a sum of ones it would be 2^24.
    y_true = np.ones((1, 2**24 + 1, 1), "float32")
    y_pred = y_true.copy()
    y_pred[0, 0] = 0
    metric = AbsoluteVolumeDifference(voxel_volume_ml=1.0)
    metric.update_state(y_true, y_pred)
    assert float(metric.result()) == 1.0


def test_a_weight_a_voxel_scales_its_volume():
    metric = AbsoluteVolumeDifference(voxel_volume_ml=0.5)
    metric.update_state(masks(2), masks(5), np.full((1, 3, 4), 0.25))
    assert float(metric.result()) == pytest.approx(3 * 0.25 * 0.5)


def test_overlap_does_not_matter():
    metric = AbsoluteVolumeDifference(voxel_volume_ml=1.0)
    metric.update_state(masks(4), 1 - masks(8))
    assert float(metric.result()) == 0


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"voxel_volume_ml=0.*above 0"):
        AbsoluteVolumeDifference(voxel_volume_ml=0.0)
    with pytest.raises(ValueError, match=r"2 entries for 3 cases"):
        AbsoluteVolumeDifference(voxel_volume_ml=1.0).update_state(
            masks(1, 1, 1), masks(3, 2, 0), voxel_volume_ml=[1.0, 2.0]
        )
    with pytest.raises(ValueError, match=r"pool='batch': AbsoluteVolumeDifference"):
        AbsoluteVolumeDifference(voxel_volume_ml=1.0, pool="batch")
