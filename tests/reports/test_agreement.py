"""What the picture of two masks shows, pixel by pixel."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.reports import agreement as module
from kerasmetricloss.reports.agreement import KINDS, agreement

TRUTH = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
PREDICTION = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])


def colors(png):
    """Colours of a picture and how often each occurs."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    return {
        "#" + "".join(f"{channel:02x}" for channel in value): int(n) for value, n in zip(values, counts, strict=True)
    }


def test_the_four_kinds_have_the_areas_of_their_pixels(monkeypatch):
    monkeypatch.setattr(module, "LETTERED", 0)  # letters would cover some of the colour
    found = colors(agreement({"a": (TRUTH, PREDICTION)}))
    negative, missed, invented, right = (found[color] for color, _ in KINDS.values())
    # 8 true negatives, 1 missed, 1 invented, 2 right; the key adds one small patch to each
    assert missed == pytest.approx(invented, rel=0.02)
    assert right == pytest.approx(2 * missed, rel=0.05)
    assert negative == pytest.approx(8 * missed, rel=0.1)


def test_kinds_that_do_not_occur_are_not_in_the_key():
    found = colors(agreement({"a": (TRUTH, TRUTH)}))
    assert KINDS["false positive (invented)"][0] not in found
    assert KINDS["true positive"][0] in found


def test_colours_part_in_grey():
    grey = [Image.new("RGB", (1, 1), color).convert("L").getpixel((0, 0)) for color, _ in KINDS.values()]
    assert grey == sorted(grey, reverse=True)
    assert min(-np.diff(grey)) > 30  # of 255


def test_more_than_a_row_of_pairs_is_wrapped():
    one, five = (agreement({str(i): (TRUTH, PREDICTION) for i in range(n)}) for n in (4, 5))
    heights = [Image.open(io.BytesIO(png)).height for png in (one, five)]
    assert heights[1] > 1.5 * heights[0]


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ({}, "no pair"),
        ({"a": (TRUTH, PREDICTION[:2])}, r"a: the truth has shape \(3, 4\) and the prediction \(2, 4\)"),
        ({"a": (TRUTH[..., None], PREDICTION[..., None])}, "expected two masks"),
    ],
)
def test_masks_that_do_not_fit_are_named(pairs, said):
    with pytest.raises(ValueError, match=said):
        agreement(pairs)
