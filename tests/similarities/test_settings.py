"""Settings are checked once, and their two spellings (dataclass and keyword arguments) agree."""

import json
import math
from dataclasses import asdict, fields

import numpy as np
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
        ({"ignore_label": True}, "ignore_label=True, expected a whole number or None"),
        ({"ignore_label": "255"}, "ignore_label='255', expected a whole number or None"),
        ({"from_logits": "no"}, "from_logits='no', expected True or False"),
        ({"from_logits": None}, "from_logits=None, expected True or False"),
        ({"include": 1}, "include=1, expected a sequence of different class indices"),
        ({"include": [1.7]}, r"include=\[1.7\], expected a sequence"),
        ({"include": {1: 2}}, r"include={1: 2}, expected a sequence"),
        ({"include": "12"}, "include='12', expected a sequence"),
        ({"classes": ["exclusive"]}, r"classes=\['exclusive'\], expected one of"),
        ({"class_weights": 2.0}, "class_weights=2.0, expected numbers >= 0"),
        ({"class_weights": []}, r"class_weights=\[\], expected numbers >= 0"),
        ({"class_weights": ["a"]}, r"class_weights=\['a'\], expected numbers >= 0"),
        ({"class_weights": {}}, "class_weights="),
        (
            {"class_weights": {0: 1.0, 2: 3.0}},
            r"class_weights={0: 1.0, 2: 3.0}.*class indices from 0 on, none left out",
        ),
        ({"class_weights": {"a": 1.0, "b": 3.0}}, "class_weights={'a': 1.0, .*class indices from 0 on"),
        ({"class_weights": {0.0: 1.0}}, "class indices from 0 on"),
        ({"class_weights": {False: 1.0}}, "class indices from 0 on"),
        (
            {"class_weights": {0: 1.0, 1: 3.0}, "include": [1, 2]},
            r"class indices that count, those of include=\(1, 2\)",
        ),
        ({"class_weights": {0: 1.0, 1: -3.0}}, "numbers >= 0"),
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
        *({"norm": other} for other in ("L2", None, True, [2.0])),
        *({name: None} for name in ("smooth_nr", "smooth_dr", "empty", "intersection")),
    ],
    ids=str,
)
def test_an_overlap_out_of_range_is_refused(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))}=.*expected"):
        Overlap(**setting)


def test_two_empty_sets_may_have_no_value():
    assert Overlap(empty=NAN).empty is NAN


def test_weights_by_class_index_are_those_of_the_classes_in_their_order():
    assert Layout(class_weights={2: 3, 0: 1, 1: 2}).class_weights == (1.0, 2.0, 3.0)
    assert Layout(class_weights={2: 3, 4: 1}, include=[4, 2]).class_weights == (1.0, 3.0)


def test_numbers_of_numpy_are_numbers():
    layout = Layout(include=np.array([2, 0]), class_weights=np.array([1, 3], "float32"), ignore_label=np.uint8(255))
    assert json.dumps(asdict(layout)) == json.dumps(
        asdict(Layout(include=[2, 0], class_weights=[1, 3], ignore_label=255))
    )
    assert json.dumps(asdict(Overlap(norm=np.float32(2)))) == json.dumps(asdict(Overlap(norm=2.0)))


def test_a_layout_survives_json():
    layout = Layout(include=[2, 0], class_weights=[1, 3], classes="exclusive", ignore_label=255)
    assert Layout(**json.loads(json.dumps(asdict(layout)))) == layout


def test_keyword_arguments_and_fields_agree():
    layout = {field.name for field in fields(Layout)}
    assert set(LayoutSettings.__annotations__) == layout
    assert set(OverlapSettings.__annotations__) == layout | {field.name for field in fields(Overlap)}
