"""Loss surfaces over two pixels against hand-made values and what the paper says of its Fig. 2."""

import doctest

import numpy as np
import pytest

from kerasmetricloss.theory import surfaces
from kerasmetricloss.theory.surfaces import SURFACE_LOSSES, TWO_PIXEL_TRUTHS, two_pixel_loss, two_pixel_surface


def test_docstring_examples_hold():
    assert doctest.testmod(surfaces).failed == 0


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        ("sDice-L1", 1 - 2 * 0.75 / (1 + 0.75 + 0.5)),
        ("sDice-L2", 1 - 2 * 0.75 / (1 + 0.75**2 + 0.5**2)),
        ("sJaccard", 1 - 0.75 / (1 + 0.75 + 0.5 - 0.75)),
    ],
)
def test_losses_by_hand(loss, value):
    assert two_pixel_loss(loss, (1, 0), 0.75, 0.5) == pytest.approx(value)


@pytest.mark.parametrize("truth", TWO_PIXEL_TRUTHS)
@pytest.mark.parametrize("loss", SURFACE_LOSSES)
def test_every_surface_meets_the_discrete_loss_at_the_masks(loss, truth):
    surface = two_pixel_surface(loss, truth, points=5)
    corners = surface.values[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, surface.discrete[:, 2], atol=1e-12)
    assert surface.values.min() == 0


@pytest.mark.parametrize("truth", TWO_PIXEL_TRUTHS)
def test_the_l2_form_is_flatter_around_the_truth_as_the_caption_says(truth):
    # L1 at [1, 0]: d/dy1 of 1 - 2 / (2 + y1) at 0 is 2 / 4; at [1, 1]: d/ds of 1 - 2 s / (2 + s) at 2 is -4 / 16
    slopes = {loss: two_pixel_surface(loss, truth).slope_at_truth() for loss in SURFACE_LOSSES}
    assert slopes["sDice-L1"] == pytest.approx(0.5 if truth == (1, 0) else 0.25, abs=1e-5)
    assert slopes["sDice-L2"] == pytest.approx(0, abs=1e-5)
    near = [two_pixel_loss(loss, truth, abs(truth[0] - 0.1), abs(truth[1] - 0.1)) for loss in ("sDice-L1", "sDice-L2")]
    assert near[1] < near[0] / 4


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="expected one of sDice-L1"):
        two_pixel_loss("CE", (1, 0), 0.5, 0.5)
    with pytest.raises(ValueError, match="at least one 1"):
        two_pixel_surface("sDice-L1", (0, 0))
