"""Settings are checked once, and their two spellings (dataclass and keyword arguments) agree."""

import json
import math
from dataclasses import asdict, fields

import pytest

from kerasmetricloss.similarities import Layout, LayoutSettings, Overlap, OverlapSettings

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"classes": "both"}, "classes='both', expected one of 'independent', 'exclusive'"),
        ({"data_format": "NHWC"}, "data_format='NHWC'"),
        ({"pool": "epoch"}, "pool='epoch'"),
        ({"include": []}, "include="),
        ({"include": [0, 0]}, "different class indices"),
        ({"include": [-1]}, "from 0 on"),
        ({"class_weights": [0, 0]}, "class_weights="),
        ({"class_weights": [1, -1]}, "numbers >= 0"),
        ({"class_weights": [1, NAN]}, "numbers >= 0"),
        ({"class_weights": [1, INF]}, "numbers >= 0"),
        ({"ignore_label": NAN}, "ignore_label=nan, expected a whole number"),
        ({"ignore_label": 0.5}, "a whole number"),
    ],
    ids=str,
)
def test_a_layout_out_of_range_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Layout(**setting)


@pytest.mark.parametrize(
    "setting",
    [
        *({"norm": number} for number in (0.5, NAN, INF)),
        *({"smooth_nr": number} for number in (-1, NAN, INF)),
        *({"smooth_dr": number} for number in (-1, NAN, INF)),
        {"intersection": "min"},
        {"empty": INF},
    ],
    ids=str,
)
def test_an_overlap_out_of_range_is_refused(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))}="):
        Overlap(**setting)


def test_two_empty_sets_may_have_no_value():
    assert Overlap(empty=NAN).empty is NAN


def test_a_layout_survives_json():
    layout = Layout(include=[2, 0], class_weights=[1, 3], classes="exclusive", ignore_label=255)
    assert Layout(**json.loads(json.dumps(asdict(layout)))) == layout


def test_keyword_arguments_and_fields_agree():
    layout = {field.name for field in fields(Layout)}
    assert set(LayoutSettings.__annotations__) == layout
    assert set(OverlapSettings.__annotations__) == layout | {field.name for field in fields(Overlap)}
