import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.pipelines import Prepared
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.virtual import Rectangle, masked, virtual_set


def case(rows, columns, *boxes, margin=0):
    truth = np.zeros((rows, columns, 1), "uint8")
    for top, left, height, width in boxes:
        truth[top : top + height, left : left + width] = 1
    mask = np.ones_like(truth)
    pad = ((margin, margin), (margin, margin), (0, 0))
    truth, mask = np.pad(truth, pad), np.pad(mask, pad)
    return Prepared("a", np.zeros((*truth.shape[:2], 3), "float32"), truth, mask, None)


def test_one_object_in_one_picture_worked_by_hand():
    # 24 pixels of foreground; 6 x 12 = 72 pixels leave 48 of background: 24 / 48 = 0.5. The object is 4 x 6 at (8, 30):
    # its middle is at row 9.5 and column 32.5, so the rectangle begins at row 7 and column 27.
    found = virtual_set([case(20, 40, (8, 30, 4, 6))], 0.5)
    assert found.rectangles == (Rectangle(7, 27, 6, 12),)
    assert found.ratio == 0.5


def test_the_ratio_is_a_mean_over_pictures_and_the_size_is_shared():
    # 8 x 16 = 128: 24 / 104 and 8 / 120 have the mean .1487; pictures without foreground do not count.
    pictures = [case(20, 40, (8, 20, 4, 6)), case(20, 40, (1, 1, 2, 4)), case(20, 40)]
    found = virtual_set(pictures, 0.15)
    assert {(one.height, one.width) for one in found.rectangles} == {(8, 16)}
    assert found.ratio == pytest.approx((24 / 104 + 8 / 120) / 2)
    assert found.rectangles[1] == Rectangle(0, 0, 8, 16)  # as near to the object as the border lets it


def test_an_object_that_does_not_fit_is_held_as_far_as_it_does():
    # 4 x 8 pixels cannot hold a bar of 2 x 20; 16 of them leave 16 of background.
    found = virtual_set([case(20, 40, (9, 10, 2, 20))], 1.0)
    rectangle = found.rectangles[0]
    assert (rectangle.height, rectangle.width) == (4, 8)
    assert case(20, 40, (9, 10, 2, 20)).truth[rectangle.slices].sum() == 16


def test_rectangles_stay_inside_the_picture_where_the_output_box_is_larger():
    found = virtual_set([case(20, 40, (0, 0, 4, 6), margin=5)], 0.5)
    assert found.rectangles[0] == Rectangle(5, 5, 6, 12)


def test_what_lies_outside_the_rectangle_is_neither_mask_nor_foreground():
    pictures = [case(20, 40, (9, 10, 2, 20))]
    only = masked(pictures, virtual_set(pictures, 1.0))[0]
    assert only.mask.sum() == 32
    assert only.truth.sum() == 16


def test_a_ratio_below_that_of_the_whole_image_is_refused_with_what_there_is():
    with pytest.raises(StudyError, match=r"ratio of 0\.01.*the whole image gives 0\.031"):
        virtual_set([case(20, 40, (8, 20, 4, 6))], 0.01)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 12), st.integers(0, 30), st.integers(1, 8), st.integers(1, 10), st.sampled_from([0.2, 0.5]))
def test_a_rectangle_holds_the_object_wherever_it_can(top, left, height, width, ratio):
    pictures = [case(20, 40, (top, left, height, width))]
    try:
        found = virtual_set(pictures, ratio)
    except StudyError:
        return
    rectangle = found.rectangles[0]
    held = pictures[0].truth[rectangle.slices].sum()
    assert 0 <= rectangle.top <= 20 - rectangle.height
    assert 0 <= rectangle.left <= 40 - rectangle.width
    assert held == min(height, rectangle.height) * min(width, rectangle.width)
