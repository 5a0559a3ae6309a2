"""Voxels that the implicit mask of Keras leaves out do not count, in losses and in metrics."""

import keras
import numpy as np
import pytest

from kerasmetricloss.losses import CrossEntropy, GeneralizedDice, LovaszSigmoid, SoftDice
from kerasmetricloss.metrics import DiceScore
from kerasmetricloss.similarities import keras_mask

RNG = np.random.default_rng(8)
TRUTH = (RNG.random((4, 7, 2)) > 0.5).astype("float32")
IMAGES = (TRUTH + RNG.standard_normal(TRUTH.shape)).astype("float32")
KEPT = np.array([1, 0, 1, 1, 0, 1, 1], bool)
IMAGES[:, ~KEPT] = 0  # what Masking leaves out

LOSSES = [SoftDice(), CrossEntropy(), GeneralizedDice(), LovaszSigmoid(), 0.5 * SoftDice() + CrossEntropy()]


def model_with(loss):
    keras.utils.set_random_seed(2)
    layers = [keras.Input((7, 2)), keras.layers.Masking(), keras.layers.Dense(2, activation="sigmoid")]
    model = keras.Sequential(layers)
    model.compile("sgd", loss=loss, metrics=[DiceScore()])
    return model


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_model_that_masks_is_scored_on_the_other_voxels(loss):
    model = model_with(loss)
    predicted = model.predict(IMAGES, verbose=0)
    found = model.evaluate(IMAGES, TRUTH, batch_size=4, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(float(loss(TRUTH[:, KEPT], predicted[:, KEPT])), rel=1e-5)
    metric = DiceScore()
    metric.update_state(TRUTH[:, KEPT], predicted[:, KEPT])
    assert found["dice_score"] == pytest.approx(float(metric.result()), rel=1e-5)
    before = [np.asarray(weight).copy() for weight in model.get_weights()]
    model.fit(IMAGES, TRUTH, batch_size=4, verbose=0)
    alone = model_with(loss)
    alone.set_weights(before)
    alone.fit(IMAGES[:, KEPT], TRUTH[:, KEPT], batch_size=4, verbose=0)
    for have, want in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-6)


def test_masks_and_weights_multiply():
    y_pred = keras.layers.Masking()(keras.ops.convert_to_tensor(IMAGES))
    assert keras_mask(y_pred) is not None
    weight = RNG.random((4, 7)).astype("float32")
    loss = SoftDice(from_logits=True)
    assert float(loss(TRUTH, y_pred, weight)) == pytest.approx(float(loss(TRUTH, IMAGES, weight * KEPT)), rel=1e-6)
    images = np.array([1.0, 0.0, 2.0, 0.5], "float32")
    expected = float(loss(TRUTH[:, KEPT], IMAGES[:, KEPT], images))
    assert float(loss(TRUTH, y_pred, images)) == pytest.approx(expected, rel=1e-6)


def test_a_loss_in_half_precision_keeps_the_mask():
    y_pred = keras.layers.Masking()(keras.ops.convert_to_tensor(IMAGES))
    loss = SoftDice(from_logits=True, dtype="float16")
    assert float(loss(TRUTH, y_pred)) == pytest.approx(float(loss(TRUTH[:, KEPT], IMAGES[:, KEPT])), rel=1e-3)
