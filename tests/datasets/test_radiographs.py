"""Radiographs that were saved square, and pictures without the object."""

import numpy as np
import pytest

from kerasmetricloss.datasets import DataError, open_dataset
from kerasmetricloss.datasets.radiographs import unsqueezed


@pytest.fixture
def square(tmp_path, save_picture):
    """A 24x24 picture of a disc that was 48 wide and 24 high; the chart says 38 on it."""
    rows, columns = np.mgrid[:24, :24]
    disc = (rows - 11.5) ** 2 + (2 * columns + 0.5 - 23.5) ** 2 < 8**2
    save_picture(tmp_path / "images" / "1.png", (60 + 120 * disc).astype(np.uint8))
    save_picture(tmp_path / "labels" / "1.png", (38 * disc).astype(np.uint8))
    save_picture(tmp_path / "images" / "2.png", np.full((24, 24), 60, np.uint8))
    save_picture(tmp_path / "labels" / "2.png", np.zeros((24, 24), np.uint8))
    return tmp_path


def test_unsqueezing_brings_picture_and_mask_to_the_shape_they_had(square):
    settings = {"label": 38, "roi": None}
    before = open_dataset("mo17", square, **settings)[0].read()
    after = open_dataset("mo17", square, unsqueeze=(48, 24), **settings)[0].read()
    assert before.space == (24, 24)
    assert after.space == (24, 48)
    height, width = (np.ptp(np.flatnonzero(after.truth[..., 0].any(axis=axis))) + 1 for axis in (1, 0))
    assert abs(int(height) - int(width)) <= 1
    # The disc's area is pi 8^2 = 201 pixels.
    assert after.truth.sum() == pytest.approx(201, abs=8)
    assert after.image[12, 24, 0] == 180


def test_the_box_is_cut_after_unsqueezing(square):
    volume = open_dataset("mo17", square, label=38, unsqueeze=(48, 24), roi=(19, 17))[0].read()
    assert volume.space == (17, 19)
    assert volume.truth.sum() == pytest.approx(201, abs=8)


def test_the_box_is_cut_at_the_lower_resolution(square):
    settings = {"label": 38, "unsqueeze": (48, 24), "shrink": 2}
    whole = open_dataset("mo17", square, roi=None, **settings)[0].read()
    assert whole.space == (12, 24)
    assert whole.truth.sum() == pytest.approx(201 / 4, abs=4)
    assert whole.image[6, 12, 0] == 180
    volume = open_dataset("mo17", square, roi=(11, 9), **settings)[0].read()
    assert volume.space == (9, 11)
    assert volume.truth.sum() == whole.truth.sum()
    with pytest.raises(DataError, match=r"shrink is 0; expected a whole number from 1 on, 2 for half"):
        open_dataset("mo17", square, shrink=0)


def test_a_picture_that_grows_is_interpolated_and_one_that_shrinks_is_averaged():
    step = np.array([[0, 0, 1, 1]], float)[..., None]
    # Twice as wide: the border between 0 and 1 passes through 1/4 and 3/4.
    np.testing.assert_allclose(unsqueezed(step, (8, 1))[0, :, 0], [0, 0, 0, 0.25, 0.75, 1, 1, 1])
    # Half as wide: a tent of 4 pixels around 0.5 and 2.5, with the weights 1/4, 3/4, 3/4, 1/4; what lies outside the
    # picture is left out: (3/4 0 + 3/4 0 + 1/4 1) / (7/4) = 1/7.
    np.testing.assert_allclose(unsqueezed(step, (2, 1))[0, :, 0], [1 / 7, 6 / 7], rtol=1e-6)


def test_a_picture_without_the_object_is_an_error_until_it_is_skipped(square):
    assert len(open_dataset("mo17", square, label=38)) == 2
    with pytest.raises(DataError, match="the label 38 is absent"):
        open_dataset("mo17", square, label=38)[1].read()
    with pytest.warns(UserWarning, match="1 of 2 cases are skipped, because they lack the label 38: 2"):
        assert [case.id for case in open_dataset("mo17", square, label=38, absent="skip")] == ["1"]


def test_nothing_is_said_where_nothing_is_skipped(square):
    for folder, name in (("images", "2.png"), ("labels", "2.png")):
        (square / folder / name).unlink()
    assert len(open_dataset("mo17", square, label=38, absent="skip")) == 1


def test_without_a_box_a_picture_without_the_object_is_an_empty_truth(square):
    assert open_dataset("mo17", square, label=38, roi=None)[1].read().truth.sum() == 0
