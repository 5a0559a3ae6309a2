"""Keras' own losses, where they compute the same; and where they are known not to."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss.losses import CrossEntropy, SoftDice, SoftTversky, WeightedCrossEntropy

RNG = np.random.default_rng(8)
Y = (RNG.random((2, 5, 6, 3)) > 0.5).astype("float32")
P = RNG.uniform(0.05, 0.95, (2, 5, 6, 3)).astype("float32")


def keras_swaps_alpha_and_beta():
    """Keras up to 3.15.1 lets alpha weigh false negatives. Ask it, rather than its version."""
    truth, all_foreground = ops.convert_to_tensor([[1.0, 0.0]]), ops.ones((1, 2))
    # One false positive and no false negative: 1 / (1 + alpha), or 1 / (1 + beta) where they are swapped.
    return float(keras.losses.tversky(truth, all_foreground, alpha=1.0, beta=0.0)) < 0.1


def test_dice_of_keras_an_image_over_one_channel():
    expected = keras.losses.Dice(axis=(1, 2, 3))(Y[..., :1], P[..., :1])
    assert float(SoftDice()(Y[..., :1], P[..., :1])) == pytest.approx(float(expected), rel=1e-6)


def test_dice_of_keras_over_everything_is_pooled_with_a_small_denominator():
    flat = [x.reshape(1, -1, 1) for x in (Y, P)]
    assert float(SoftDice(smooth_dr=1e-7)(*flat)) == pytest.approx(float(keras.losses.Dice()(Y, P)), rel=1e-6)
    nothing = np.zeros((1, 5, 1), dtype="float32")
    assert float(keras.losses.Dice()(nothing, nothing)) == 1
    assert float(SoftDice()(nothing, nothing)) == 0


def test_tversky_of_keras_with_its_arguments_as_it_reads_them():
    flat = [x.reshape(1, -1, 1) for x in (Y, P)]
    theirs = float(keras.losses.Tversky(alpha=0.2, beta=0.8)(Y, P))
    false_positives, false_negatives = (0.8, 0.2) if keras_swaps_alpha_and_beta() else (0.2, 0.8)
    ours = SoftTversky(alpha=false_positives, beta=false_negatives, smooth_dr=1e-7)
    assert float(ours(*flat)) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("from_logits", [False, True])
def test_binary_cross_entropy_of_keras(from_logits):
    x = np.log(P / (1 - P)) if from_logits else P
    expected = float(keras.losses.BinaryCrossentropy(from_logits=from_logits)(Y, x))
    assert float(CrossEntropy(from_logits=from_logits)(Y, x)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("from_logits", [False, True])
def test_categorical_cross_entropy_of_keras(from_logits):
    labels = RNG.integers(0, 3, (2, 5, 6))
    x = np.log(P) if from_logits else P / P.sum(axis=-1, keepdims=True)
    expected = float(keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)(labels, x))
    ours = CrossEntropy(classes="exclusive", from_logits=from_logits)
    assert float(ours(labels, x)) == pytest.approx(expected, rel=1e-5)


def test_weighted_cross_entropy_is_binary_cross_entropy_with_weights_a_voxel():
    y, p = Y[..., :1], P[..., :1]
    each = keras.losses.BinaryCrossentropy(reduction=None)(y, p)
    expected = (np.where(y[..., 0] == 1, 3.0, 0.5) * ops.convert_to_numpy(each)).mean()
    assert float(WeightedCrossEntropy(foreground=3, background=0.5)(y, p)) == pytest.approx(expected, rel=1e-5)
