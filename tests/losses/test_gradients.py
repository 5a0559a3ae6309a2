"""Every loss has a finite gradient for every prediction, and none or some where a set is empty."""

import numpy as np
import pytest

from kerasmetricloss import losses

from .families import (
    BUILD,
    DEAF_TO_AN_EMPTY_TRUTH,
    EITHER,
    EXCLUSIVE_ONLY,
    FROM_ZERO_TO_ONE,
    LEARNS_FROM_AN_EMPTY_TRUTH,
    LOGITS_ONLY,
    arrays,
    every_loss,
    some,
)


@some(EITHER)
@pytest.mark.parametrize("level", [0.0, 1.0, 1e-20, 1e-38, 0.5])
@pytest.mark.parametrize("truth", ["empty", "full", "mixed"])
def test_gradients_are_finite_for_every_probability(loss, level, truth, gradient):
    y_true = {"empty": np.zeros(7), "full": np.ones(7), "mixed": np.arange(7) % 2}[truth].reshape(1, 7, 1)
    y_pred = np.full((1, 7, 1), level, dtype="float32")
    for norm in [{}, {"norm": 1.5}, {"norm": 2, "intersection": "semimetric"}]:
        if norm and loss not in DEAF_TO_AN_EMPTY_TRUTH:
            continue
        function = BUILD[loss](**norm)
        assert np.isfinite(float(function(y_true, y_pred)))
        assert np.isfinite(gradient(lambda p, f=function: f(y_true, p), y_pred)).all()


def exclusive(loss, **settings):
    if loss is losses.WeightedCrossEntropy:
        return loss(prior=[0.2, 0.3, 0.5], classes="exclusive", **settings)
    return BUILD[loss](classes="exclusive", **settings)


@some(set(BUILD) - {losses.LovaszSigmoid, losses.LovaszHinge})
@pytest.mark.parametrize("level", [0.0, 1.0, 0.5])
def test_gradients_are_finite_for_every_probability_of_exclusive_classes(loss, level, gradient):
    labels = np.array([[0, 1, 1, 0, 1, 0, 0]])  # class 2 is absent
    y_pred = np.full((1, 7, 3), level, dtype="float32")
    for function in (exclusive(loss), exclusive(loss, pool="batch")):
        assert np.isfinite(float(function(labels, y_pred)))
        assert np.isfinite(gradient(lambda p, f=function: f(labels, p), y_pred)).all()


@every_loss
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_gradients_are_finite_for_huge_logits(loss, size, gradient):
    y_true, _ = arrays(loss, 5)
    logits = (size * (np.arange(30).reshape(2, 5, 3) % 4 - 1)).astype("float32")
    functions = [BUILD[loss](from_logits=True)]
    if loss not in {losses.LovaszSigmoid, losses.LovaszHinge, losses.LovaszSoftmax}:
        functions.append(exclusive(loss, from_logits=True))
    for function in functions:
        assert np.isfinite(float(function(y_true, logits)))
        assert np.isfinite(gradient(lambda z, f=function: f(y_true, z), logits)).all()


@some(FROM_ZERO_TO_ONE - EXCLUSIVE_ONLY)
def test_two_empty_sets_have_loss_zero_and_no_gradient(loss, gradient):
    nothing = np.zeros((1, 6, 1), dtype="float32")
    assert float(BUILD[loss]()(nothing, nothing)) == 0
    if loss in DEAF_TO_AN_EMPTY_TRUTH:
        assert (gradient(lambda p: BUILD[loss]()(nothing, p), nothing) == 0).all()


@some(FROM_ZERO_TO_ONE - EXCLUSIVE_ONLY - {losses.GeneralizedDice})
def test_one_empty_set_has_loss_one(loss):
    nothing, something = np.zeros((1, 6, 1), dtype="float32"), np.ones((1, 6, 1), dtype="float32")
    assert float(BUILD[loss]()(nothing, something)) == 1
    assert float(BUILD[loss]()(something, nothing)) == 1


@some((DEAF_TO_AN_EMPTY_TRUTH | LEARNS_FROM_AN_EMPTY_TRUTH) - EXCLUSIVE_ONLY)
def test_an_empty_truth_teaches_what_its_class_says(loss, gradient):
    nothing = np.zeros((1, 6, 1), dtype="float32")
    _, y_pred = arrays(loss, 6, images=1, classes=2)
    slope = gradient(lambda p: BUILD[loss]()(nothing, p), y_pred[..., :1])
    assert (np.abs(slope).max() > 0) == (loss in LEARNS_FROM_AN_EMPTY_TRUTH)


@some(EITHER | LOGITS_ONLY)
def test_falls_as_the_prediction_moves_towards_the_truth(loss):
    rng = np.random.default_rng(5)
    y_true = (rng.random((1, 8, 1)) > 0.4).astype("float32")
    y_pred = rng.random((1, 8, 1)).astype("float32")
    y_pred = 4 * y_pred - 2 if loss in LOGITS_ONLY else y_pred
    goal = 2 * y_true - 1 if loss in LOGITS_ONLY else y_true
    path = [float(BUILD[loss]()(y_true, y_pred + t * (goal - y_pred))) for t in (0, 0.25, 0.5, 0.75, 1)]
    assert (np.diff(path) < 0).all()
