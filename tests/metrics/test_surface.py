"""Surface distances of arrays, against brute force, SciPy and values worked by hand."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, directed_hausdorff
from skimage.segmentation import find_boundaries

from kerasmetricloss.metrics.surface import hausdorff_distance, normalized_surface_distance, surface_distances

SPACINGS = {2: (0.5, 3.0), 3: (2.0, 0.7, 1.3)}


def surface_points(mask, spacing):
    """Voxels with a face neighbour outside the mask or the image, looked at one by one."""
    found = []
    for voxel in np.argwhere(mask):
        neighbours = [voxel + sign * step for step in np.eye(mask.ndim, dtype=int) for sign in (-1, 1)]
        inside = [(n >= 0).all() and (n < mask.shape).all() and mask[tuple(n)] for n in neighbours]
        if not all(inside):
            found.append(voxel * np.asarray(spacing))
    return np.array(found)


def random_masks(seed, density=0.2):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(3, 8, rng.integers(2, 4)))
    return rng.random(shape) < density, rng.random(shape) < density


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.6, 0.95]))
def test_distances_are_those_of_brute_force(seed, density):
    truth, prediction = random_masks(seed, density)
    spacing = SPACINGS[truth.ndim]
    found = surface_distances(truth, prediction, spacing_mm=spacing)
    if not truth.any() or not prediction.any():
        assert found is None
        return
    between = cdist(surface_points(truth, spacing), surface_points(prediction, spacing))
    np.testing.assert_allclose(np.sort(found.from_truth), np.sort(between.min(axis=1)))
    np.testing.assert_allclose(np.sort(found.from_prediction), np.sort(between.min(axis=0)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_hausdorff_distance_is_the_larger_of_scipys_directed_ones(seed):
    truth, prediction = random_masks(seed, 0.5)
    spacing = SPACINGS[truth.ndim]
    a, b = surface_points(truth, spacing), surface_points(prediction, spacing)
    expected = max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
    assert hausdorff_distance(truth, prediction, spacing_mm=spacing) == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_hausdorff_distance_is_symmetric_and_zero_for_equal_masks_only(seed):
    truth, prediction = random_masks(seed, 0.5)
    assert hausdorff_distance(truth, prediction) == hausdorff_distance(prediction, truth)
    assert (hausdorff_distance(truth, prediction) == 0) == bool(
        np.array_equal(surface_of(truth), surface_of(prediction))
    )


def surface_of(mask):
    return surface_points(mask, (1,) * mask.ndim)


def test_a_hole_inside_has_a_surface():
    solid = np.ones((5, 7), bool)
    hollow = solid.copy()
    hollow[2, 3] = False
    # Around the hole (1, 3) and (3, 3) lie one step from the border, which is the only surface of the solid mask;
    # (2, 2) and (2, 4) lie two steps from it.
    assert hausdorff_distance(solid, hollow) == 2.0


def line(*at):
    mask = np.zeros((3, 30), bool)
    mask[1, list(at)] = True
    return mask


def test_the_three_definitions_of_a_percentile_differ():
    # Truth at 0, 1, ..., 9; prediction the same and at 19, 10 from its nearest.
    truth, prediction = line(*range(10)), line(*range(10), 19)
    # From the truth: ten 0. From the prediction: ten 0 and one 10; its 95th percentile lies at rank 9.5: 5.
    distances = surface_distances(truth, prediction)
    assert sorted(distances.from_truth) == [0] * 10
    assert sorted(distances.from_prediction) == [0] * 10 + [10]
    settings = {"percentile": 95.0}
    assert hausdorff_distance(truth, prediction, **settings) == pytest.approx(5.0)
    assert hausdorff_distance(truth, prediction, definition="mean", **settings) == pytest.approx(2.5)
    # Pooled: twenty 0 and one 10; the 95th percentile lies at rank 19 of 0..20: 0.
    assert hausdorff_distance(truth, prediction, definition="pooled", **settings) == pytest.approx(0.0)
    assert hausdorff_distance(truth, prediction) == 10


def test_the_four_cases_of_empty_masks():
    full, nothing = np.ones((4, 5)), np.zeros((4, 5))
    assert hausdorff_distance(nothing, nothing) == 0
    assert math.isnan(hausdorff_distance(full, nothing))
    assert math.isnan(hausdorff_distance(nothing, full))
    assert hausdorff_distance(full, full) == 0
    assert normalized_surface_distance(nothing, nothing, tolerance_mm=1) == 1
    assert normalized_surface_distance(full, nothing, tolerance_mm=1) == 0
    assert normalized_surface_distance(nothing, full, tolerance_mm=1) == 0
    assert normalized_surface_distance(full, full, tolerance_mm=0) == 1


def test_empty_masks_have_the_values_asked_for():
    full, nothing = np.ones((4, 5)), np.zeros((4, 5))
    assert math.isnan(hausdorff_distance(nothing, nothing, empty=math.nan))
    assert hausdorff_distance(full, nothing, missed=80.0) == 80
    # From corner to corner: 3 steps of 2 mm and 4 of 1 mm.
    diagonal = hausdorff_distance(nothing, full, missed="diagonal", spacing_mm=(2.0, 1.0))
    assert diagonal == pytest.approx(math.hypot(6, 4))


def test_one_spacing_stands_for_all_axes_and_a_missed_case_can_be_infinitely_far():
    truth, prediction = np.zeros((5, 5)), np.zeros((5, 5))
    truth[0, 0] = prediction[3, 4] = 1
    assert hausdorff_distance(truth, prediction, spacing_mm=1.5) == 7.5
    assert hausdorff_distance(truth, 0 * truth, missed="diagonal", spacing_mm=2) == pytest.approx(2 * math.hypot(4, 4))
    assert hausdorff_distance(truth, 0 * truth, missed=math.inf) == math.inf


def test_one_voxel_masks_are_as_far_apart_as_the_spacing_says():
    truth, prediction = np.zeros((4, 5, 6)), np.zeros((4, 5, 6))
    truth[0, 1, 2] = prediction[3, 1, 0] = 1
    assert hausdorff_distance(truth, prediction, spacing_mm=(2.0, 9.0, 4.0)) == pytest.approx(10.0)  # (6, 0, 8)


def test_the_surface_share_counts_voxels_of_both_masks_up_to_the_tolerance():
    # Truth 0 and 1, prediction 1 and 4: distances 1, 0 and 0, 3.
    truth, prediction = line(0, 1), line(1, 4)
    assert normalized_surface_distance(truth, prediction, tolerance_mm=0) == pytest.approx(2 / 4)
    assert normalized_surface_distance(truth, prediction, tolerance_mm=1) == pytest.approx(3 / 4)
    assert normalized_surface_distance(truth, prediction, tolerance_mm=3) == 1


@pytest.mark.parametrize("shape", [(9, 14), (7, 9, 6)])
def test_the_surface_is_the_inner_boundary_of_scikit_image(shape):
    truth = np.pad(np.random.default_rng(1).random(shape) > 0.3, 1)  # it takes no border of the image for one
    found = surface_distances(truth, np.roll(truth, 1, axis=0))
    assert len(found.from_truth) == find_boundaries(truth, connectivity=1, mode="inner").sum()


@pytest.mark.parametrize("voxels", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_tolerance_of_whole_voxels_includes_them(voxels, dtype):
    truth, prediction = line(0, 1), line(voxels, voxels + 1)
    for spacing in (0.1, 0.7, 1.1, 1.2, 3.3, 1.0):
        spacing_mm = (1.0, float(dtype(spacing)))
        settings = {"tolerance_mm": round(voxels * spacing, 9), "spacing_mm": spacing_mm}
        assert normalized_surface_distance(truth, prediction, **settings) == 1, spacing
        less = settings | {"tolerance_mm": 0.99 * settings["tolerance_mm"]}
        assert normalized_surface_distance(truth, prediction, **less) < 1


@pytest.mark.parametrize("seed", range(3))
def test_memory_order_and_number_type_do_not_matter(seed):
    # Dense masks, so that a surface is not all of its mask; 5, 9 and 7 voxels tell the axes apart.
    truth, prediction = (np.random.default_rng(2 * seed + s).random((5, 9, 7)) > 0.2 for s in (0, 1))
    expected = [np.sort(each) for each in surface_distances(truth, prediction)]
    assert 0 < len(expected[0]) < truth.sum()
    for changed in (np.asfortranarray, lambda x: x[::-1].copy()[::-1], lambda x: x.astype("float32")):
        for other in (np.asfortranarray, lambda x: x.astype("uint8")):
            found = surface_distances(changed(truth), other(prediction))
            for one, same in zip(found, expected, strict=True):
                np.testing.assert_array_equal(np.sort(one), same)
    turned = surface_distances(truth.T, prediction.T, spacing_mm=(3, 1, 2))
    for one, same in zip(turned, surface_distances(truth, prediction, spacing_mm=(2, 1, 3)), strict=True):
        np.testing.assert_array_equal(np.sort(one), np.sort(same))


def test_a_missing_scipy_is_named_with_the_mend(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.spatial", None)
    with pytest.raises(ImportError, match=r"need SciPy: pip install '\.\[study\]', in a clone"):
        hausdorff_distance(np.eye(3), np.ones((3, 3)))


def test_bad_input_is_refused_with_its_reason():
    mask = np.zeros((4, 5))
    with pytest.raises(ValueError, match=r"\(5, 4\) but y_true has \(4, 5\)"):
        hausdorff_distance(mask, mask.T)
    with pytest.raises(ValueError, match=r"y_pred holds 0.3: a mask is 0 or 1; threshold it first"):
        hausdorff_distance(mask, mask + 0.3)
    with pytest.raises(ValueError, match=r"expected a positive number, or 2, one an axis"):
        hausdorff_distance(mask, mask, spacing_mm=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match=r"percentile=0.*expected a number above 0"):
        hausdorff_distance(mask, mask, percentile=0)
    with pytest.raises(ValueError, match=r"definition='medpy', expected one of"):
        hausdorff_distance(mask, mask, definition="medpy")
    with pytest.raises(ValueError, match=r"tolerance_mm=-1.*expected a distance"):
        normalized_surface_distance(mask, mask, tolerance_mm=-1)
    with pytest.raises(ValueError, match=r"empty=-5.*expected a number of mm, or NaN"):
        hausdorff_distance(mask, mask, empty=-5)
    with pytest.raises(ValueError, match=r"missed='corner', expected a number of mm, 'diagonal' or None"):
        hausdorff_distance(mask + 1, mask + 1, missed="corner")
    with pytest.raises(ValueError, match=r"empty=inf.*expected a score, or NaN"):
        normalized_surface_distance(mask, mask, tolerance_mm=1, empty=math.inf)
