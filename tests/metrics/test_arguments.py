"""Arguments that make no sense are refused, in words of the metric that was asked for."""

import math

import pytest

from kerasmetricloss.metrics import (
    AbsoluteVolumeDifference,
    DiceScore,
    FBetaScore,
    HausdorffDistance,
    NormalizedSurfaceDistance,
    TverskyIndex,
    WeightedHammingSimilarity,
)

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("metric", "arguments"),
    [
        (DiceScore, {"threshold": NAN}),
        (DiceScore, {"smooth_nr": NAN}),
        (DiceScore, {"empty": INF}),
        (TverskyIndex, {"alpha": NAN}),
        (TverskyIndex, {"beta": INF}),
        (FBetaScore, {"beta": NAN}),
        (FBetaScore, {"beta": INF}),
        (WeightedHammingSimilarity, {"gamma": NAN}),
        (AbsoluteVolumeDifference, {"voxel_volume_ml": NAN}),
        (AbsoluteVolumeDifference, {"voxel_volume_ml": INF}),
        (HausdorffDistance, {"spacing_mm": (1.0, NAN)}),
        (HausdorffDistance, {"spacing_mm": (1.0, INF)}),
        (HausdorffDistance, {"missed": NAN}),
        (HausdorffDistance, {"missed": -1.0}),
        (HausdorffDistance, {"empty": INF}),
        (NormalizedSurfaceDistance, {"tolerance_mm": NAN}),
        (NormalizedSurfaceDistance, {"tolerance_mm": INF}),
        (NormalizedSurfaceDistance, {"tolerance_mm": 1.0, "empty": INF}),
        (DiceScore, {"threshold": "half"}),
        (DiceScore, {"threshold": None}),
        (DiceScore, {"per_class": "lesion"}),
        (DiceScore, {"per_class": 3}),
        (DiceScore, {"per_class": None}),
        (DiceScore, {"per_class": ["lesion", 1]}),
        (DiceScore, {"from_logits": "no"}),
        (DiceScore, {"include": 1}),
        (DiceScore, {"include": [1.7]}),
        (DiceScore, {"class_weights": 2.0}),
        (DiceScore, {"norm": "L2"}),
        (DiceScore, {"smooth_nr": None}),
        (TverskyIndex, {"alpha": "a"}),
        (FBetaScore, {"beta": None}),
        (WeightedHammingSimilarity, {"gamma": "x"}),
        (AbsoluteVolumeDifference, {"voxel_volume_ml": "1"}),
        (HausdorffDistance, {"spacing_mm": 0.0}),
        (HausdorffDistance, {"spacing_mm": "12"}),
        (HausdorffDistance, {"spacing_mm": []}),
        (HausdorffDistance, {"percentile": "95"}),
        (HausdorffDistance, {"percentile": NAN}),
        (HausdorffDistance, {"definition": None}),
        (HausdorffDistance, {"missed": "far"}),
        (HausdorffDistance, {"missed": [1.0]}),
        (HausdorffDistance, {"empty": None}),
        (NormalizedSurfaceDistance, {"tolerance_mm": None}),
    ],
    ids=str,
)
def test_numbers_without_a_meaning_are_named(metric, arguments):
    with pytest.raises(ValueError, match=rf"{list(arguments)[-1]}=.*expected"):
        metric(**arguments)


def test_an_unknown_argument_names_the_metric():
    with pytest.raises(TypeError, match=r"^DiceScore\(\) got an unexpected keyword argument 'smoothing'$"):
        DiceScore(smoothing=1)
    with pytest.raises(TypeError, match=r"^HausdorffDistance\(\) got an unexpected keyword argument 'norm'$"):
        HausdorffDistance(norm=2)
