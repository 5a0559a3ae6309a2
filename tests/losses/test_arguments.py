"""Arguments that make no sense are refused, in words of the loss that was asked for."""

import math

import pytest

from kerasmetricloss.losses import (
    CrossEntropy,
    FocalTversky,
    GeneralizedDice,
    LovaszHinge,
    LovaszSigmoid,
    LovaszSoftmax,
    SoftDice,
    SoftJaccard,
    SoftTversky,
    WeightedCrossEntropy,
    WeightedSum,
)

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("loss", "arguments"),
    [
        (SoftDice, {"smooth_nr": NAN}),
        (SoftDice, {"empty": NAN}),
        (SoftJaccard, {"empty": INF}),
        (SoftJaccard, {"norm": NAN}),
        (GeneralizedDice, {"class_weights": (1.0, NAN)}),
        (SoftTversky, {"alpha": NAN}),
        (SoftTversky, {"beta": INF}),
        (FocalTversky, {"gamma": NAN}),
        (FocalTversky, {"gamma": INF}),
        (WeightedCrossEntropy, {"prior": NAN}),
        (WeightedCrossEntropy, {"prior": (0.5, NAN)}),
        (WeightedCrossEntropy, {"foreground": NAN, "background": 1.0}),
        (WeightedCrossEntropy, {"foreground": (1.0, -1.0), "background": 1.0}),
        (WeightedCrossEntropy, {"background": INF, "foreground": 1.0}),
        (LovaszSigmoid, {"empty": NAN}),
        (LovaszSoftmax, {"empty": INF}),
        (LovaszSigmoid, {"bins": NAN}),
        (LovaszSoftmax, {"bins": 2.5}),
        (WeightedSum, {"weights": [NAN], "losses": [SoftDice()]}),
        (WeightedSum, {"weights": ["a"], "losses": [SoftDice()]}),
        (SoftTversky, {"alpha": "a"}),
        (SoftTversky, {"beta": None}),
        (SoftTversky, {"beta": [0.5]}),
        (FocalTversky, {"gamma": "a"}),
        (LovaszSigmoid, {"bins": "x"}),
        (LovaszSigmoid, {"bins": True}),
        (LovaszHinge, {"empty": None}),
        (SoftDice, {"norm": "L2"}),
        (SoftDice, {"smooth_nr": None}),
        (CrossEntropy, {"from_logits": "no"}),
        (SoftDice, {"include": 1}),
        (CrossEntropy, {"include": [1.7]}),
        (CrossEntropy, {"class_weights": 2.0}),
        (CrossEntropy, {"class_weights": {0.5, 2.0}}),
    ],
    ids=str,
)
def test_numbers_without_a_meaning_are_named(loss, arguments):
    with pytest.raises(ValueError, match=rf"{next(iter(arguments))}=.*expected"):
        loss(**arguments)


@pytest.mark.parametrize("loss", [SoftDice, FocalTversky, CrossEntropy, WeightedCrossEntropy, LovaszSigmoid])
def test_an_unknown_argument_names_the_loss(loss):
    with pytest.raises(TypeError, match=rf"^{loss.__name__}\(\) got an unexpected keyword argument 'smoothing'$"):
        loss(smoothing=1)


@pytest.mark.parametrize("argument", ["smooth_nr", "smooth_dr", "empty", "norm", "intersection"])
@pytest.mark.parametrize("loss", [CrossEntropy, WeightedCrossEntropy])
def test_cross_entropy_says_why_it_has_no_smoothing_and_no_empty_set(loss, argument):
    with pytest.raises(TypeError, match=rf"^{loss.__name__}\(\) got .* '{argument}': cross-entropy is a mean over"):
        loss(**{argument: 0.5})


@pytest.mark.parametrize("argument", ["smooth_nr", "smooth_dr", "norm", "intersection"])
@pytest.mark.parametrize("loss", [LovaszSigmoid, LovaszSoftmax, LovaszHinge])
def test_a_lovasz_loss_says_why_it_has_no_smoothing(loss, argument):
    message = rf"^{loss.__name__}\(\) got .* '{argument}': the Lovász extension is no ratio"
    with pytest.raises(TypeError, match=message):
        loss(**{argument: 0.5})
