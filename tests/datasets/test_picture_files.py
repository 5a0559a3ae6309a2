"""Pictures and masks, one file at a time."""

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError
from kerasmetricloss.datasets.picture_files import read_image, read_mask

TRUTH = np.zeros((16, 24), dtype=bool)
TRUTH[4:12, 8:20] = True


def save(path, pixels, **options):
    Image.fromarray(np.asarray(pixels)).save(path, **options)
    return path


def test_a_colour_picture_keeps_its_values(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = read_image(save(tmp_path / "a.PNG", pixels))
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, pixels)


def test_channels_come_in_the_order_asked_for(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = read_image(save(tmp_path / "a.tif", pixels), channels=("blue", "red"))
    np.testing.assert_array_equal(image, pixels[..., [2, 0]])


def test_grey_fills_every_colour_and_colour_gives_its_luma(tmp_path):
    grey = save(tmp_path / "grey.png", np.full((5, 7), 90, np.uint8))
    red = save(tmp_path / "red.png", np.full((5, 7, 3), (100, 0, 0), np.uint8))
    np.testing.assert_array_equal(read_image(grey), np.full((5, 7, 3), 90, np.float32))
    np.testing.assert_allclose(read_image(red, channels=("grey",)), np.full((5, 7, 1), 29.9), rtol=1e-6)


def test_sixteen_bits_keep_their_values_and_alpha_is_dropped(tmp_path):
    deep = save(tmp_path / "deep.png", np.full((5, 7), 40000, np.uint16))
    alpha = save(tmp_path / "alpha.png", np.full((5, 7, 4), (10, 20, 30, 0), np.uint8))
    assert read_image(deep, channels=("grey",)).max() == 40000
    np.testing.assert_array_equal(read_image(alpha)[0, 0], [10, 20, 30])


def test_a_rotation_noted_in_the_file_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by a quarter": a picture of 5 x 7 shows as 7 x 5
    path = save(tmp_path / "turned.jpg", np.zeros((5, 7, 3), np.uint8), exif=exif)
    assert read_image(path).shape == (7, 5, 3)


@pytest.mark.parametrize("value", [1, 38, 255])
def test_a_lossless_mask_of_two_values_is_read_whatever_the_value(tmp_path, value):
    path = save(tmp_path / "m.png", TRUTH * np.uint8(value))
    np.testing.assert_array_equal(read_mask(path), TRUTH)


def test_empty_and_full_masks_are_read(tmp_path):
    assert not read_mask(save(tmp_path / "empty.png", np.zeros((5, 7), np.uint8))).any()
    assert read_mask(save(tmp_path / "full.png", np.full((5, 7), 255, np.uint8))).all()
    assert read_mask(save(tmp_path / "one.png", np.ones((5, 7), np.uint8))).all()
    assert not read_mask(save(tmp_path / "empty.jpg", np.zeros((16, 24), np.uint8))).any()


def test_a_mask_of_one_pixel_is_read(tmp_path):
    pixels = np.zeros((5, 7), np.uint8)
    pixels[2, 3] = 1
    assert read_mask(save(tmp_path / "m.png", pixels)).sum() == 1


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_a_jpeg_mask_is_cut_at_half_of_the_range(tmp_path, quality):
    path = save(tmp_path / "m.JPG", TRUTH * np.uint8(255), quality=quality)
    assert np.unique(np.asarray(Image.open(path))).size > 2  # the loss of JPEG is there
    assert (read_mask(path) != TRUTH).mean() < 0.01


def test_masks_of_colour_palette_sixteen_bits_floats_and_one_bit_are_read(tmp_path):
    colour = np.zeros((16, 24, 3), np.uint8)
    colour[TRUTH] = (0, 128, 0)
    palette = Image.fromarray(TRUTH.astype(np.uint8), mode=None).convert("P")
    palette.putpalette([0, 0, 0, 128, 0, 0])
    palette.putdata(TRUTH.astype(np.uint8).ravel())
    palette.save(tmp_path / "palette.png")
    paths = [
        save(tmp_path / "colour.png", colour),
        tmp_path / "palette.png",
        save(tmp_path / "deep.png", TRUTH * np.uint16(65535)),
        save(tmp_path / "float.tiff", TRUTH.astype(np.float32)),
        save(tmp_path / "bit.png", TRUTH),
        save(tmp_path / "alpha.png", np.dstack([TRUTH * np.uint8(255)] * 3 + [np.full(TRUTH.shape, 255, np.uint8)])),
    ]
    for path in paths:
        np.testing.assert_array_equal(read_mask(path), TRUTH, err_msg=path.name)


def test_a_label_number_picks_one_object_of_a_chart(tmp_path):
    chart = np.zeros((5, 7), np.uint8)
    chart[1, 1:4], chart[3, 2:4] = 37, 38
    path = save(tmp_path / "chart.png", chart)
    np.testing.assert_array_equal(read_mask(path, label=38), chart == 38)
    with pytest.raises(DataError, match="3 values up to 38, which is neither 0/1 nor 0/255"):
        read_mask(path)


def test_a_label_number_of_a_palette_is_its_index(tmp_path):
    picture = Image.fromarray(np.array([[0, 1, 2], [2, 2, 0]], np.uint8)).convert("P")
    picture.putdata([0, 1, 2, 2, 2, 0])
    picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    picture.save(tmp_path / "p.png")
    assert read_mask(tmp_path / "p.png", label=2).tolist() == [[False, False, True], [True, True, False]]


@pytest.mark.parametrize(
    ("name", "pixels", "label", "message"),
    [
        ("m.jpg", np.full((16, 24), 60, np.uint8), None, "neither 0/1 nor 0/255"),
        ("m.png", np.dstack([TRUTH, ~TRUTH, TRUTH]) * np.uint8(255), None, "colours but no black"),
        ("m.jpg", np.full((16, 24), 38, np.uint8), 38, "do not survive JPEG"),
        ("m.png", np.dstack([TRUTH, TRUTH, ~TRUTH]).astype(np.uint8), 1, "has one channel"),
        ("m.tiff", np.where(TRUTH, np.float32(np.nan), 0), None, "NaN"),
    ],
)
def test_a_mask_that_could_mean_two_things_is_refused(tmp_path, name, pixels, label, message):
    path = save(tmp_path / name, pixels)
    with pytest.raises(DataError, match=message) as error:
        read_mask(path, label=label)
    assert error.value.file == path


def test_a_nan_in_a_picture_is_refused(tmp_path):
    pixels = np.zeros((5, 7), np.float32)
    pixels[0, 0] = np.nan
    with pytest.raises(DataError, match="NaN or infinite"):
        read_image(save(tmp_path / "a.tiff", pixels))
