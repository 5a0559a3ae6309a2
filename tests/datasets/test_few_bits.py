"""Greys of 1, 2 and 4 bits, whose stored numbers Pillow stretches to 0 to 255."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError
from kerasmetricloss.datasets.picture_files import read_image, read_mask, read_numbers

BITS = (1, 2, 4)


def numbers(bits):
    """Every number that so many bits can hold, in a picture of 5 rows and 7 columns."""
    return (np.arange(35) % 2**bits).reshape(5, 7)


def packed(pixels, bits):
    """Rows of bytes, the first pixel in the highest bits, each row filled up with 0."""
    rows = [np.ravel([[number >> bit & 1 for bit in reversed(range(bits))] for number in row]) for row in pixels]
    return [np.packbits(row).tobytes() for row in rows]


def save_png(path, pixels, bits):
    height, width = pixels.shape
    rows = b"".join(b"\0" + row for row in packed(pixels, bits))
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    data = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


def save_tiff(path, pixels, bits, *, order=1, white=1):
    """One strip, not compressed; order 2 has the first pixel in the lowest bits, white 0 means black on white."""
    height, width = pixels.shape
    strip = b"".join(packed(pixels if white else 2**bits - 1 - pixels, bits))
    if order == 2:
        strip = bytes(int(f"{byte:08b}"[::-1], 2) for byte in strip)
    tags = [
        *((256, width), (257, height), (258, bits), (259, 1), (262, white), (266, order), (273, 8 + 2 + 10 * 12 + 4)),
        *((277, 1), (278, height), (279, len(strip))),
    ]
    fields = [struct.pack("<HHIHxx", tag, 3, 1, value) for tag, value in tags]
    path.write_bytes(struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join(fields) + bytes(4) + strip)
    return path


@pytest.mark.parametrize("bits", BITS)
def test_the_stored_numbers_of_a_png_are_read(tmp_path, bits):
    path = save_png(tmp_path / "a.png", numbers(bits), bits)
    assert np.asarray(Image.open(path)).max() in (True, 255)  # what Pillow makes of them
    np.testing.assert_array_equal(read_numbers(path), numbers(bits))
    np.testing.assert_array_equal(read_image(path, channels=("grey",))[..., 0], numbers(bits))
    np.testing.assert_array_equal(read_mask(path, label=1), numbers(bits) == 1)


@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("bits", BITS)
def test_the_numbers_of_a_tiff_are_read_in_either_order_of_bits_and_of_shades(tmp_path, bits, order, white):
    path = save_tiff(tmp_path / "a.tif", numbers(bits), bits, order=order, white=white)
    np.testing.assert_array_equal(read_numbers(path), numbers(bits))


@pytest.mark.parametrize("form", ["pbm", "bmp", "tif", "png"])
def test_one_bit_of_any_format_is_0_and_1(tmp_path, form):
    Image.fromarray(numbers(1) > 0).save(tmp_path / f"a.{form}")
    np.testing.assert_array_equal(read_mask(tmp_path / f"a.{form}"), numbers(1))
    np.testing.assert_array_equal(read_mask(tmp_path / f"a.{form}", label=1), numbers(1))


@pytest.mark.parametrize("bits", [2, 4])
def test_a_mask_of_one_number_is_read_and_one_of_several_is_refused(tmp_path, bits):
    one = save_png(tmp_path / "one.png", (numbers(bits) == 1) * 1, bits)
    np.testing.assert_array_equal(read_mask(one), numbers(bits) == 1)
    with pytest.raises(DataError, match=rf"the mask has {2**bits} values up to {2**bits - 1}, which is neither 0/1"):
        read_mask(save_png(tmp_path / "all.png", numbers(bits), bits))
