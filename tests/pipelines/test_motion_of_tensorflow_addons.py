"""Rotations and translations agree with tfa.image.rotate and tfa.image.translate (numbers made once)."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from kerasmetricloss.pipelines.motion import move, source_motion

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tfa.json").read_text())["motion"]
PICTURE = np.array(GOLDEN["picture"], "float32")[None, ..., None]
# Angles and shifts are rounded to 2**-14, which moves the corner of the picture by less than 5 * 2**-14 pixels.
CLOSE = {"atol": 5 * 2**-14}


def moved(golden, **settings):
    a, b = source_motion(mirror_axis=None, dimension=2, **settings)
    arguments = (ops.convert_to_tensor(array) for array in (PICTURE, a[None], b[None]))
    return np.asarray(move(*arguments, nearest=golden["interpolation"] == "nearest"))[0, ..., 0]


def named(*keys):
    return lambda golden: f"{golden['interpolation']} {','.join(str(golden[key]) for key in keys)}"


@pytest.mark.parametrize("golden", GOLDEN["rotate"], ids=named("degrees"))
def test_a_rotation_is_that_of_tensorflow_addons(golden):
    found = moved(golden, angles=(0, 0, math.radians(golden["degrees"])), translation=(0, 0))
    np.testing.assert_allclose(found, golden["result"], **CLOSE)


@pytest.mark.parametrize("golden", GOLDEN["translate"], ids=named("right", "down"))
def test_a_translation_is_that_of_tensorflow_addons(golden):
    found, expected = moved(golden, angles=(0, 0, 0), translation=(golden["down"], golden["right"])), golden["result"]
    rows = np.arange(len(expected)) - golden["down"]
    # Half a pixel outside, Addons rounds away from the picture, and `move` to the higher index, which lies inside.
    decided = (rows != -0.5) | (golden["interpolation"] == "bilinear")
    assert decided.sum() >= len(rows) - 1
    np.testing.assert_allclose(found[decided], np.array(expected)[decided], **CLOSE)
