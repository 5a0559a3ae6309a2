import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.pipelines import geometry


def random_image(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_one_mm_to_two_averages_eight_voxels():
    x = random_image(4, 6, 2, 3)
    blocks = x.reshape(2, 2, 3, 2, 1, 2, 3).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(geometry.resample(x, (1.0, 1.0, 1.0), 2.0), blocks, atol=1e-6)


def test_thick_slices_keep_their_field_of_view():
    # 5 slices of 5 mm cover 25 mm: round(12.5) = 12 of 2 mm. New slice 6 lies (6 - 5.5) * 2 / 5 = 0.2 past the middle.
    x = np.arange(5, dtype="float32").reshape(1, 1, 5, 1)
    y = geometry.resample(x, (2.0, 2.0, 5.0), 2.0)
    assert y.shape == (1, 1, 12, 1)
    assert y[0, 0, 6, 0] == pytest.approx(2.2)
    # The outermost centres, (0 - 5.5) * 0.4 + 2 = -0.2, lie beyond the old ones: the nearest counts.
    assert (y[0, 0, 0, 0], y[0, 0, -1, 0]) == (0.0, 4.0)


def test_resampling_to_the_same_spacing_changes_nothing():
    x = random_image(3, 4, 5, 2)
    np.testing.assert_array_equal(geometry.resample(x, (2.0, 2.0, 2.0), 2.0), x)


@pytest.mark.parametrize(("spacing", "new"), [((1.0, 1.5, 3.0), 2.0), ((0.9, 0.9, 6.5), 2.0), ((2.0, 2.0, 2.0), 0.7)])
def test_resampling_equals_scipy_about_the_centre_of_the_field_of_view(spacing, new):
    ndimage = pytest.importorskip("scipy.ndimage")
    x = random_image(9, 8, 5, 1)
    y = geometry.resample(x, spacing, new)
    # The centre of the field of view stays in place.
    step, centre, new_centre = (np.array(v) for v in (np.divide(new, spacing), x.shape[:-1], y.shape[:-1]))
    offset = (centre - 1) / 2 - (new_centre - 1) / 2 * step
    expected = ndimage.affine_transform(
        x[..., 0], np.diag(step), offset, output_shape=y.shape[:-1], order=1, mode="nearest"
    )
    np.testing.assert_allclose(y[..., 0], expected, atol=2e-6)


def test_a_spacing_of_zero_is_an_error():
    with pytest.raises(ValueError, match="must be positive"):
        geometry.resample(random_image(2, 3, 4, 1), (1.0, 0.0, 1.0), 2.0)


def test_resizing_a_picture_equals_pillow():
    image = pytest.importorskip("PIL.Image")
    x = random_image(31, 47, 1)
    for size in ((12, 9), (90, 60), (47, 31)):
        expected = image.fromarray(x[..., 0]).resize(size, image.Resampling.BILINEAR)
        np.testing.assert_allclose(geometry.resize_picture(x, size)[..., 0], expected, atol=1e-5)


def test_area_average_of_three_pixels_in_two():
    # New pixels of 1.5 old ones: (0 + 1/2) / 1.5 and (1/2 + 1) / 1.5.
    y = geometry.average_area(np.array([0.0, 1.0, 1.0]).reshape(1, 3, 1), (2, 1))
    np.testing.assert_allclose(y[0, :, 0], [1 / 3, 1.0], atol=1e-6)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_area_average_keeps_the_foreground_fraction(height, width, new_width, new_height):
    x = (np.random.default_rng(height + 31 * width).random((height, width, 1)) > 0.4).astype("uint8")
    y = geometry.average_area(x, (new_width, new_height))
    assert y.shape == (new_height, new_width, 1)
    assert y.mean() == pytest.approx(x.mean(), abs=1e-5)


def test_one_half_is_background():
    assert geometry.binarise(np.array([0.49, 0.5, 0.51])).tolist() == [0, 0, 1]


@given(st.lists(st.integers(1, 12), min_size=2, max_size=3), st.lists(st.integers(1, 12), min_size=3, max_size=3))
@settings(max_examples=30, deadline=None)
def test_a_larger_box_keeps_its_centre(size, wanted):
    wanted, margin = wanted[: len(size)], 3
    x = np.arange(1, 1 + int(np.prod(size))).reshape(*size, 1)
    large = geometry.crop_or_fill(x, [n + 2 * margin for n in wanted])
    middle = (slice(margin, -margin),) * len(size)
    np.testing.assert_array_equal(large[middle], geometry.crop_or_fill(x, wanted))


def test_fill_puts_zeros_around_and_crop_takes_the_middle():
    x = np.arange(1, 7).reshape(2, 3, 1)
    assert geometry.crop_or_fill(x, (4, 1))[..., 0].tolist() == [[0], [2], [5], [0]]
