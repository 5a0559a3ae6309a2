"""Fig. 3 from end to end: which slice of a volume is shown, and the histograms of the outputs below it."""

import numpy as np
import pytest

from kerasmetricloss.reports import slices
from kerasmetricloss.reports.slices import BINS, example_slices
from kerasmetricloss.studies.examples import _median_slice

OBJECT = np.array([[1, 1, 0], [0, 0, 0]], bool)
# what finds OBJECT's two pixels with which Dice score: 2 both / (predicted + 2)
FOUND = {
    1.0: OBJECT * 0.9,
    2 / 3: np.array([[0.9, 0.2, 0], [0, 0, 0]]),  # 2 * 1 / (1 + 2)
    0.5: np.full((2, 3), 0.9),  # 2 * 2 / (6 + 2)
    0.0: OBJECT * 0.5,  # one half is not yet foreground
}


def median_slice(dice, empty=()):
    """The slice chosen of a volume whose slices are found with these Dice scores; `empty` ones hold no object."""
    truth = np.stack([OBJECT & (z not in empty) for z in range(len(dice))], axis=-1)
    return _median_slice(truth, np.stack([FOUND[value] for value in dice], axis=-1))


def test_the_slice_of_median_dice_is_shown():
    assert median_slice([1.0, 0.0, 0.5]) == 2


def test_of_two_slices_in_the_middle_the_lower_score_is_shown():
    assert median_slice([1.0, 2 / 3, 0.0, 0.5]) == 3  # 0, .5 | .667, 1


def test_slices_without_the_object_do_not_count():
    # of slices 1, 2 and 3 the middle one is 3; with slice 0 and 4, both 0, it would be 2
    assert median_slice([0.0, 1.0, 0.5, 2 / 3, 0.0], empty=(0, 4)) == 3


def test_of_equal_slices_the_first_in_the_middle_is_shown():
    assert median_slice([0.5] * 4) == 1


def test_an_empty_volume_shows_its_middle():
    assert median_slice([0.0] * 5, empty=range(5)) == 2


@pytest.fixture
def drawn(monkeypatch):
    """Draws example slices and returns the figure itself; its axes below the losses hold bars."""
    monkeypatch.setattr(slices, "to_png", lambda figure, *, photograph: figure)

    def draw(predictions):
        shape = next(iter(predictions.values())).shape
        figure = example_slices(np.zeros(shape), np.zeros(shape, bool), predictions, dice={})
        return [axes for axes in figure.axes if axes.containers]

    return draw


def heights(axes):
    return [bar.get_height() for bar in axes.containers[0]]


def test_bars_count_pixels_by_output_and_leave_out_sure_background(drawn):
    outputs = np.array([[0, 0.009, 0.01, 0.04], [0.06, 0.5, 0.96, 1.0]])
    (axes,) = drawn({"CE": outputs})
    expected = np.zeros(20)
    expected[[0, 1, 10, 19]] = [2, 1, 1, 2]  # .01 and .04; .06; .5; .96 and 1, which belongs to the last bar
    np.testing.assert_array_equal(heights(axes), expected)
    assert [bar.get_x() for bar in axes.containers[0]] == pytest.approx(BINS[:-1])


def test_bars_of_all_losses_share_one_scale(drawn):
    few, many = np.zeros((4, 5)), np.full((4, 5), 0.97)
    few[0, 0] = 0.97
    axes = drawn({"CE": few, "sDice": many})
    assert [max(heights(panel)) for panel in axes] == [1, 20]
    assert [panel.get_ylim() for panel in axes] == [(0.5, 40)] * 2
    assert [panel.get_yscale() for panel in axes] == ["log"] * 2


def test_a_loss_that_is_sure_of_background_everywhere_has_no_bars(drawn):
    (axes,) = drawn({"CE": np.full((4, 5), 0.005)})
    assert heights(axes) == [0] * 20
