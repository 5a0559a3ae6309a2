"""Uncertain truth: outlines, probabilities and the posterior."""

import doctest

import numpy as np
import pytest

from kerasmetricloss.datasets.phantom import brains, outlines
from kerasmetricloss.datasets.phantom.brains import brain_scans, segmentation
from kerasmetricloss.datasets.phantom.molars import radiograph
from kerasmetricloss.datasets.phantom.outlines import READERS, plausible_outlines, reader_shifts
from kerasmetricloss.datasets.phantom.polyps import polyp_picture


def disc(shape, radius):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return 1 - np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) / radius


def drawn(radius, spread=0.2):
    shape = (96, 120)
    shifts = reader_shifts(np.random.default_rng(0), shape, spread=spread, bend_scale=0.3 * radius)
    return plausible_outlines(disc(shape, radius), shifts, part_level=disc(shape, radius) - 0.5, part_probability=0.4)


def test_the_examples_of_the_docstrings_run():
    assert doctest.testmod(outlines).failed == 0
    assert doctest.testmod(brains).failed == 0


def test_probabilities_sum_to_one_and_an_outline_with_the_annex_holds_the_one_without():
    found = drawn(20)
    assert len(found.masks) == 2 * READERS
    assert found.probabilities.sum() == pytest.approx(1)
    # 8 readers, q = 0.4: 0.6 / 8 and 0.4 / 8.
    np.testing.assert_allclose(found.probabilities[:2], [0.075, 0.05])
    assert not (found.masks[::2] & ~found.masks[1::2]).any()


def test_the_posterior_is_the_expected_outline():
    found = drawn(20)
    rng = np.random.default_rng(1)
    picks = rng.choice(len(found.masks), 20000, p=found.probabilities)
    # The mean of n draws is off by at most about 4 / (2 sqrt(n)) = 0.014.
    np.testing.assert_allclose(found.masks[picks].mean(axis=0), found.posterior(), atol=0.015)


def test_a_larger_object_is_uncertain_over_a_wider_border():
    widths = []
    for radius in (10, 40):
        posterior = drawn(radius).posterior()
        uncertain = ((posterior > 0.05) & (posterior < 0.95)).sum()
        widths.append(uncertain / (2 * np.pi * radius))
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.35)


def test_without_spread_the_body_is_certain():
    posterior = drawn(20, spread=0.0).posterior()
    assert set(np.unique(posterior).tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("draw", "size"), [(polyp_picture, (96, 72)), (radiograph, (199, 113))])
def test_pictures_have_an_object_that_every_reader_sees_and_parts_that_they_dispute(draw, size):
    for seed in range(4):
        picture, found = draw(np.random.default_rng(seed), size)
        posterior = found.posterior()
        assert picture.shape[:2] == posterior.shape == (size[1], size[0])
        assert picture.dtype == np.uint8
        assert found.masks.any(axis=(1, 2)).all()
        assert posterior.max() == pytest.approx(1)
        assert ((posterior > 0.2) & (posterior < 0.7)).any()


def test_sizes_of_polyps_range_over_a_factor_of_twenty():
    areas = [polyp_picture(np.random.default_rng(seed), (96, 72))[1].posterior().mean() for seed in range(40)]
    assert max(areas) / min(areas) > 20
    assert max(areas) < 0.35


def test_labels_of_a_glioma_are_nested_and_low_grade_does_not_enhance():
    for enhancing in (True, False):
        scans, found = brain_scans(np.random.default_rng(0), (32, 40, 36), enhancing=enhancing)
        whole, core, rim = np.moveaxis(found.masks, -1, 0)
        assert not (core & ~whole).any()
        assert not (rim & ~core).any()
        assert rim.any() == enhancing
        brain = scans["flair"] > 0
        assert sorted(scans) == ["flair", "t1", "t1ce", "t2"]
        assert all(voxels.dtype == np.int16 and ((voxels > 0) == brain).all() for voxels in scans.values())
        assert not (whole & ~brain).any()
        expected = {0, 1, 2, 4} if enhancing else {0, 1, 2}
        assert set(np.unique(segmentation(found.masks[7])).tolist()) == expected
