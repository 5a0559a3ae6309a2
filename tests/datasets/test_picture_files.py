"""Pictures and masks, one file at a time."""

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError
from kerasmetricloss.datasets.picture_files import read_image, read_mask

from .picture_making import TRUTH, deep_png, deep_tiff, save

DEEP = np.random.default_rng(0).integers(0, 65536, (5, 7, 3)).astype(np.uint16)


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


def test_colours_of_sixteen_bits_keep_their_values(tmp_path):
    np.testing.assert_array_equal(read_image(deep_png(tmp_path / "a.png", DEEP)), DEEP)
    alpha = np.dstack([DEEP, DEEP[..., 0]])
    np.testing.assert_array_equal(read_image(deep_png(tmp_path / "b.png", alpha)), DEEP)


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_colours_of_sixteen_bits_in_tiff_keep_their_values(tmp_path, order, squeezed):
    path = deep_tiff(tmp_path / "a.tif", DEEP, order, squeezed=squeezed)
    np.testing.assert_array_equal(read_image(path), DEEP)


def test_deep_colours_that_would_be_cut_are_refused(tmp_path):
    jp2 = save(tmp_path / "a.jp2", DEEP.astype(np.uint8))
    data = bytearray(jp2.read_bytes())
    depth = data.index(b"\xff\x4f\xff\x51") + 42
    assert data[depth] == 7  # bits of the first channel, less one
    data[depth] = 15
    jp2.write_bytes(data)
    ppm = tmp_path / "a.ppm"
    ppm.write_bytes(b"P6 7 5 65535\n" + DEEP.astype(">u2").tobytes())
    for path in (jp2, ppm, deep_tiff(tmp_path / "planes.tif", DEEP, "<", planes=True)):
        with pytest.raises(DataError, match=r"16 bits a channel would be cut to 8; save it with 8 bits") as error:
            read_image(path)
        assert error.value.file == path


@pytest.mark.parametrize("largest", [38, 4095])
def test_greys_of_netpbm_are_not_stretched(tmp_path, largest):
    numbers = (np.arange(35) * largest // 34).reshape(5, 7)
    path = tmp_path / "a.pgm"
    path.write_bytes(f"P5 7 5 {largest}\n".encode() + numbers.astype(">u2" if largest > 255 else "u1").tobytes())
    np.testing.assert_array_equal(read_image(path, channels=("grey",))[..., 0], numbers)
    np.testing.assert_array_equal(read_mask(path, label=largest), numbers == largest)


@pytest.mark.parametrize("suffix", ["jp2", "jfif", "jpe", "tga", "dib", "ppm"])
def test_less_common_suffixes_are_read(tmp_path, suffix):
    pixels = np.full((16, 24, 3), (200, 90, 10), np.uint8)
    path = save(tmp_path / f"a.{suffix}", pixels, **({"format": "JPEG"} if suffix in ("jfif", "jpe") else {}))
    np.testing.assert_allclose(read_image(path), pixels, atol=2)


def test_a_rotation_noted_in_the_file_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by a quarter": a picture of 5 x 7 shows as 7 x 5
    path = save(tmp_path / "turned.jpg", np.zeros((5, 7, 3), np.uint8), exif=exif)
    assert read_image(path).shape == (7, 5, 3)


def test_a_nan_in_a_picture_is_refused(tmp_path):
    pixels = np.zeros((5, 7), np.float32)
    pixels[0, 0] = np.nan
    with pytest.raises(DataError, match="NaN or infinite"):
        read_image(save(tmp_path / "a.tiff", pixels))


def test_a_large_picture_is_read_without_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16 * 24 - 1)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "m.png", TRUTH)), TRUTH)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "I;16"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_an_uncompressed_tiff_that_lies_turned_is_read_upright(tmp_path, mode, turn):
    stored = np.arange(35, dtype=np.uint16 if mode == "I;16" else np.uint8).reshape(5, 7)
    picture = Image.fromarray(stored)
    if mode == "P":
        picture.putpalette([value for number in range(256) for value in (number, number, number)])
    exif = Image.Exif()
    exif[274] = turn
    (picture.convert("RGBA") if mode == "RGBA" else picture).save(tmp_path / "a.tif", exif=exif)
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].T,
        8: np.rot90(stored),
    }
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", channels=("grey",))[..., 0], upright[turn])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_white_that_is_zero_is_read_as_white(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (5, 7)).astype(kind)
    picture = Image.fromarray(np.iinfo(kind).max - pixels)
    picture.save(tmp_path / "a.tif", tiffinfo={262: 0})
    with Image.open(tmp_path / "a.tif") as saved:
        assert saved.tag_v2[262] == 0
    # Pillow inverts 8 bits as it writes, too.
    expected = np.iinfo(kind).max - pixels if kind == np.uint8 else pixels
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", channels=("grey",))[..., 0], expected)


def test_the_luma_of_grey_is_that_very_grey(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = save(tmp_path / "a.png", np.dstack([grey] * 3))
    np.testing.assert_array_equal(read_image(path, channels=("grey",))[..., 0], grey)
