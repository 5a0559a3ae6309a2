"""Masks in picture files: which pixels are foreground, and what could mean two things."""

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.datasets import DataError
from kerasmetricloss.datasets.picture_files import read_mask

from .picture_making import TRUTH, deep_png, deep_tiff, save


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


@pytest.mark.parametrize("value", [1, 255, 65535])
def test_a_mask_in_colours_of_sixteen_bits_is_read_whatever_the_value(tmp_path, value):
    pixels = np.repeat(TRUTH[..., None] * np.uint16(value), 3, axis=2)
    np.testing.assert_array_equal(read_mask(deep_png(tmp_path / "m.png", pixels)), TRUTH)
    np.testing.assert_array_equal(read_mask(deep_tiff(tmp_path / "m.tif", pixels, "<")), TRUTH)


def with_palette(path, numbers, colours):
    picture = Image.fromarray(numbers).convert("P")
    picture.putdata(numbers.ravel())
    picture.putpalette(np.ravel(colours).tolist())
    picture.save(path)
    return path


VOC = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0), (64, 0, 0)])  # the colours of 0, 1, 2 and 8 in Pascal VOC


NUMBERS = np.arange(16 * 24, dtype=np.uint8).reshape(16, 24) % 4


def test_every_colour_but_black_of_a_palette_is_foreground_however_dark(tmp_path):
    for name, numbers in (("all", NUMBERS), ("one hue", NUMBERS % 2 * NUMBERS), ("dark", NUMBERS // 3 * 3)):
        path = with_palette(tmp_path / f"{name}.png", numbers, VOC)
        np.testing.assert_array_equal(read_mask(path), numbers > 0, err_msg=name)


def test_a_palette_of_greys_is_read_as_greys(tmp_path):
    greys = np.repeat(np.arange(256)[:, None], 3, axis=1)
    shades = np.linspace(0, 255, 16 * 24).astype(np.uint8).reshape(16, 24)
    np.testing.assert_array_equal(read_mask(with_palette(tmp_path / "m.png", shades, greys)), shades > 127)


def test_labels_in_several_colours_are_foreground_and_shades_of_one_are_cut_at_half(tmp_path):
    labels = save(tmp_path / "labels.png", VOC.astype(np.uint8)[NUMBERS])
    np.testing.assert_array_equal(read_mask(labels), NUMBERS > 0)
    shades = np.linspace(0, 255, 16 * 24).astype(np.uint8).reshape(16, 24)
    edges = save(tmp_path / "edges.png", np.dstack([shades, 0 * shades, shades // 2]))
    np.testing.assert_array_equal(read_mask(edges), shades > 127)
    # Noise near black in many hues, as JPEG leaves it, is no label.
    noise = np.random.default_rng(0).integers(0, 20, (16, 24, 3)).astype(np.uint8)
    noise[TRUTH] = (0, 250, 10)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "noise.png", noise)), TRUTH)


@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_where_all_pixels_have_one_colour_the_transparency_is_the_mask(tmp_path, mode, colour):
    colours = [np.full(TRUTH.shape, colour, np.uint8)] * (len(mode) - 1)
    path = save(tmp_path / "m.png", np.dstack([*colours, TRUTH * np.uint8(255)]))
    np.testing.assert_array_equal(read_mask(path), TRUTH)
    with pytest.raises(DataError, match="has no transparency, this one has; save the numbers"):
        read_mask(path, label=1)


def test_colour_and_transparency_must_show_the_same_object(tmp_path):
    white = TRUTH * np.uint8(255)
    same = save(tmp_path / "same.png", np.dstack([white] * 4))
    np.testing.assert_array_equal(read_mask(same), TRUTH)
    # A black object on transparent white: the colours alone would give its background.
    other = save(tmp_path / "other.png", np.dstack([255 - white] * 3 + [white]))
    with pytest.raises(DataError, match="colours and its transparency show different objects; save it"):
        read_mask(other)


def test_a_palette_that_hides_its_numbers_is_refused(tmp_path):
    path = with_palette(tmp_path / "m.png", TRUTH.astype(np.uint8), [(0, 0, 0), (0, 0, 0)])
    with pytest.raises(DataError, match="palette gives all its numbers one colour"):
        read_mask(path)
    np.testing.assert_array_equal(read_mask(path, label=1), TRUTH)


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


def disc(radius):
    rows, columns = np.mgrid[:40, :50]
    return np.hypot(rows - 20, columns - 24) <= radius


@pytest.mark.parametrize(("dark", "bright"), [(1, 255), (100, 200), (38, 200)])
@pytest.mark.parametrize("form", ["png", "tif", "bmp"])
def test_an_object_below_half_beside_brighter_numbers_is_not_lost_without_a_word(tmp_path, form, dark, bright):
    numbers = np.where(disc(8), dark, 0).astype(np.uint8)
    numbers[:2] = bright  # as the pale border of unknown pixels
    path = save(tmp_path / f"m.{form}", numbers)
    message = rf"the mask has 3 values up to {bright}, which is neither 0/1 nor 0/255; .* name the number"
    with pytest.raises(DataError, match=message):
        read_mask(path)
    np.testing.assert_array_equal(read_mask(path, label=dark), disc(8))


def test_an_object_inside_a_brighter_border_is_not_lost_either(tmp_path):
    numbers = np.where(disc(8), 1, np.where(disc(10), 255, 0)).astype(np.uint8)
    with pytest.raises(DataError, match="neither 0/1 nor 0/255"):
        read_mask(save(tmp_path / "m.png", numbers))


@pytest.mark.parametrize("radius", [2, 4, 12])
def test_a_soft_edge_of_few_shades_is_cut_at_half(tmp_path, radius):
    coarse = Image.fromarray(disc(radius).astype(np.uint8) * 255)
    soft = np.asarray(coarse.resize((100, 80), Image.Resampling.BILINEAR))
    few = soft // 64 * 85  # 0, 85, 170 and 255
    assert np.count_nonzero((few > 0) & (few < 127)) > 0
    np.testing.assert_array_equal(read_mask(save(tmp_path / "m.png", few)), few > 127)


def test_the_remnants_of_a_jpeg_saved_without_loss_are_cut_at_half(tmp_path):
    mask = disc(10).astype(np.uint8) * 255
    remnants = np.asarray(Image.open(save(tmp_path / "m.jpg", mask)))
    assert np.unique(remnants).size > 9
    np.testing.assert_array_equal(read_mask(save(tmp_path / "m.png", remnants)), remnants > 127)
    speckled = mask.copy()
    speckled[::13, ::17] |= 3  # few pixels
    np.testing.assert_array_equal(read_mask(save(tmp_path / "n.png", speckled)), mask > 127)


def test_a_background_that_is_not_quite_black_is_no_object(tmp_path):
    pale = np.where(disc(8), 240, 12).astype(np.uint8)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "m.png", pale)), disc(8))


@pytest.mark.parametrize("quality", [60, 75, 95, 100])
@pytest.mark.parametrize("colour", [(128, 0, 0), (0, 0, 128), (128, 128, 128), (140, 140, 140)])
def test_an_object_at_half_of_the_range_is_refused_where_compression_moves_it(tmp_path, colour, quality):
    truth = disc(15)
    path = save(tmp_path / "m.jpg", truth[..., None] * np.array(colour, "uint8"), quality=quality)
    with pytest.raises(DataError, match=r"m\.jpg: the mask's object is about as bright as half .*without loss"):
        read_mask(path)
    resaved = save(tmp_path / "m.png", np.asarray(Image.open(path)))
    if np.unique(np.asarray(Image.open(path)).max(axis=-1)).size > 9:
        with pytest.raises(DataError, match=r"m\.png: the mask's object is about as bright as half"):
            read_mask(resaved)
    assert read_mask(save(tmp_path / "exact.png", truth * np.uint8(128))).sum() == truth.sum()


@pytest.mark.parametrize("form", ["jpg", "webp"])
@pytest.mark.parametrize("radius", [2, 4, 15])
def test_soft_edges_of_a_bright_object_are_no_object_at_half(tmp_path, form, radius):
    truth = disc(radius)
    soft = Image.fromarray(truth * np.uint8(255)).resize((truth.shape[1] * 3 // 2, truth.shape[0] * 3 // 2))
    expected = np.asarray(soft) > 127
    found = read_mask(save(tmp_path / f"m.{form}", np.asarray(soft), quality=80))
    assert np.abs(found.sum() - expected.sum()) <= 0.1 * expected.sum()


def test_webp_is_exact_only_where_it_is_without_loss(tmp_path):
    for value in (1, 255):
        path = save(tmp_path / "m.webp", TRUTH * np.uint8(value), lossless=True)
        np.testing.assert_array_equal(read_mask(path), TRUTH)
    empty = save(tmp_path / "empty.webp", np.zeros((288, 384), "uint8"), quality=75)
    if np.asarray(Image.open(empty)).any():  # what compression left
        with pytest.raises(DataError, match="neither 0/1 nor 0/255"):
            read_mask(empty)
    else:
        assert not read_mask(empty).any()


def test_a_picture_of_more_pixels_than_are_read_is_refused_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = save(tmp_path / "m.png", np.zeros((15, 15), "uint8"))
    with pytest.raises(DataError, match=r"m\.png: the picture has more than 200 pixels, .*smaller ones"):
        read_mask(path)


def test_negative_numbers_are_refused(tmp_path):
    path = save(tmp_path / "m.tif", np.where(TRUTH, 0, -1).astype(np.int32))
    with pytest.raises(DataError, match=r"m\.tif: the mask holds negative numbers"):
        read_mask(path)
