"""MONAI's numbers, made by tests/golden/make_monai_losses.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasmetricloss.losses import GeneralizedDice, SoftDice, SoftJaccard, SoftTversky

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "monai_losses.json").read_text())
# MONAI smooths by 1e-5 above and below unless told otherwise.
DEFAULTS = {"smooth_nr": 1e-5, "smooth_dr": 1e-5}


def ours(case):
    arguments = {**DEFAULTS, **case["arguments"]}
    settings = {"data_format": "channels_first", "pool": "batch" if arguments.pop("batch", False) else "image"}
    if not arguments.pop("include_background", True):
        settings["include"] = [1, 2]
    if case["loss"] == "TverskyLoss":
        return SoftTversky(**arguments, **settings)
    if case["loss"] == "GeneralizedDiceLoss":
        arguments.pop("w_type")
        return GeneralizedDice(**arguments, **settings)
    if arguments.pop("jaccard", False):
        # MONAI doubles both sides of the Jaccard index: (2 I + s) / (2 (P + Y - I) + s).
        return SoftJaccard(**{key: value / 2 for key, value in arguments.items()}, **settings)
    return SoftDice(norm=2 if arguments.pop("squared_pred", False) else 1, **arguments, **settings)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['loss']}{case['arguments']}")
def test_equals_monai(case):
    y, p = np.array(GOLDEN["truth"], dtype="float32"), np.array(GOLDEN["prediction"], dtype="float32")
    assert float(ours(case)(y, p)) == pytest.approx(case["value"], rel=1e-5)


@pytest.mark.parametrize("smooth", [0.0, 1.0, 3.0])
def test_smoothed_dice_is_tversky_with_half_the_smoothing(smooth):
    y, p = np.array(GOLDEN["truth"], dtype="float32"), np.array(GOLDEN["prediction"], dtype="float32")
    half = {"smooth_nr": smooth / 2, "smooth_dr": smooth / 2}
    whole = {"smooth_nr": smooth, "smooth_dr": smooth}
    assert float(SoftDice(**whole)(y, p)) == float(SoftTversky(**half)(y, p))
