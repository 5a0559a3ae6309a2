"""Keras' setting of the order of axes, in losses and metrics that leave `data_format` to it."""

import keras
import numpy as np
import pytest

from kerasmetricloss import AbsoluteVolumeDifference, DiceScore, SoftDice, WeightedCrossEntropy


def test_losses_and_metrics_keep_the_order_of_axes_that_they_were_made_with(channels_first):
    keras.config.set_image_data_format("channels_last")
    made = [SoftDice(), WeightedCrossEntropy(prior=0.2), DiceScore(), AbsoluteVolumeDifference(voxel_volume_ml=1.0)]
    keras.config.set_image_data_format("channels_first")
    random = np.random.default_rng(0)
    truth, output = random.random((2, 9, 8, 1)) > 0.5, random.random((2, 9, 8, 1)).astype("float32")
    for one in (*made, *(type(one).from_config(one.get_config()) for one in made)):
        other = type(one)(**{**one.get_config(), "data_format": "channels_last"})
        assert float(one(truth, output)) == pytest.approx(float(other(truth, output)))
    assert "data_format='channels_last'" in repr(made[0])
    assert SoftDice().get_config()["data_format"] == "channels_first"
    assert repr(SoftDice()) == "SoftDice()"
