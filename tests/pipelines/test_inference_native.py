"""From the grid of the network back to that of the file."""

import numpy as np

from kerasmetricloss.pipelines.geometry import resample, resize_picture
from kerasmetricloss.pipelines.inference import to_native_grid


def test_back_on_the_native_grid_a_straight_line_is_a_straight_line():
    # Linear interpolation keeps a ramp: 1 mm to 2 mm and back, but for the half voxel at both ends.
    ramp = np.arange(12, dtype="float32")[:, None, None, None] * np.ones((1, 7, 6, 1), "float32")
    there = resample(ramp, (1.0, 3.0, 2.0), 2.0)
    back = to_native_grid(there, (12, 7, 6), (0.5, 1.5, 1.0))
    np.testing.assert_allclose(back[1:-1], ramp[1:-1], atol=1e-5)
    np.testing.assert_allclose(back[[0, -1], 0, 0, 0], [0.5, 10.5], atol=1e-5)


def test_a_picture_comes_back_to_its_place():
    column = np.arange(20, dtype="float32")[None, :, None] * np.ones((9, 1, 1), "float32")
    there = resize_picture(column, (40, 18))
    np.testing.assert_allclose(to_native_grid(there, (9, 20), (2.0, 2.0))[:, 1:-1], column[:, 1:-1], atol=1e-5)


def test_one_voxel_fills_its_whole_axis():
    assert (
        to_native_grid(np.full((1, 2, 1), 0.7), (4, 2), (0.25, 1.0)).tolist() == np.full((4, 2, 1), 0.7, "f").tolist()
    )
