"""Every loss, which has which property, and arrays that fit it. A new loss must be classified here."""

import numpy as np
import pytest

from kerasmetricloss import losses
from kerasmetricloss.similarities import dice, jaccard, tversky

# One instance a class, built from the settings that all losses share.
BUILD = {
    losses.CrossEntropy: losses.CrossEntropy,
    losses.WeightedCrossEntropy: lambda **s: losses.WeightedCrossEntropy(foreground=3.0, background=0.5, **s),
    losses.SoftDice: losses.SoftDice,
    losses.SoftJaccard: losses.SoftJaccard,
    losses.SoftTversky: lambda **s: losses.SoftTversky(alpha=0.3, beta=0.7, **s),
    losses.FocalTversky: lambda **s: losses.FocalTversky(alpha=0.3, beta=0.7, **s),
    losses.GeneralizedDice: losses.GeneralizedDice,
    losses.LovaszSigmoid: losses.LovaszSigmoid,
    losses.LovaszSoftmax: lambda **s: losses.LovaszSoftmax(classes_in_mean="all", **s),
    losses.LovaszHinge: losses.LovaszHinge,
}
# The form of the classes, the range of the values, what an empty truth does to the gradient.
EXCLUSIVE_ONLY = {losses.LovaszSoftmax}
LOGITS_ONLY = {losses.LovaszHinge}
EITHER = set(BUILD) - EXCLUSIVE_ONLY - LOGITS_ONLY
FROM_ZERO_TO_ONE = {
    losses.SoftDice,
    losses.SoftJaccard,
    losses.SoftTversky,
    losses.FocalTversky,
    losses.GeneralizedDice,
    losses.LovaszSigmoid,
    losses.LovaszSoftmax,
}
UNBOUNDED = {losses.CrossEntropy, losses.WeightedCrossEntropy, losses.LovaszHinge}
LEARNS_FROM_AN_EMPTY_TRUTH = {
    losses.CrossEntropy,
    losses.WeightedCrossEntropy,
    losses.LovaszSigmoid,
    losses.LovaszSoftmax,
    losses.LovaszHinge,
}
DEAF_TO_AN_EMPTY_TRUTH = {
    losses.SoftDice,
    losses.SoftJaccard,
    losses.SoftTversky,
    losses.FocalTversky,
    losses.GeneralizedDice,
}
ONE_MINUS = {
    losses.SoftDice: dice,
    losses.SoftJaccard: jaccard,
    losses.SoftTversky: lambda y, p: tversky(y, p, alpha=0.3, beta=0.7),
    losses.LovaszSigmoid: jaccard,
    losses.LovaszSoftmax: jaccard,
}
NOT_ONE_MINUS = set(BUILD) - set(ONE_MINUS)


every_loss = pytest.mark.parametrize("loss", list(BUILD), ids=lambda loss: loss.__name__)


def some(loss_classes):
    ordered = [loss for loss in BUILD if loss in loss_classes]
    return pytest.mark.parametrize("loss", ordered, ids=lambda loss: loss.__name__)


def arrays(loss, *space, images=2, classes=3, seed=0):
    """A one-hot truth and a prediction that fit every loss: probabilities that add up to 1, or logits."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (images, *space))
    y_true = np.eye(classes, dtype="float32")[labels]
    scores = 2 * rng.standard_normal((images, *space, classes)) + y_true
    if loss in LOGITS_ONLY:
        return y_true, scores.astype("float32")
    y_pred = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    return y_true, y_pred.astype("float32")
