"""Metrics on two devices give the numbers of one. Each runs in a process with two virtual CPU devices."""

import os
import subprocess
import sys

import keras
import pytest

MODEL = """
import math
import keras
import numpy as np
from kerasmetricloss.metrics import AbsoluteVolumeDifference, Accuracy, DiceScore, FBetaScore

rng = np.random.default_rng(0)
CASES = {cases}
truth = (rng.random((CASES, 5, 6, 2)) > 0.5).astype("float32")
truth[1], truth[4] = 0, 0
images = (truth + 0.5 * rng.standard_normal(truth.shape)).astype("float32")
images[4] = -9.0

def scores():
    return [
        DiceScore(empty=math.nan, per_class=("organ", "lesion")),
        FBetaScore(beta=2.0, pool="batch"),
        AbsoluteVolumeDifference(voxel_volume_ml=0.5),
        Accuracy(),
    ]

def compiled():
    model = keras.Sequential([keras.Input((5, 6, 2)), keras.layers.Activation("sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=scores())
    return model

def by_hand():
    found = {{}}
    predicted = 1 / (1 + np.exp(-images))
    for metric in scores():
        metric.update_state(truth, predicted)
        result = metric.result()
        result = result if isinstance(result, dict) else {{metric.name: result}}
        found.update({{name: float(value) for name, value in result.items()}})
        if metric.name == "dice_score":
            assert metric.left_out == 1, metric.left_out
    return found

def check(model):
    expected = by_hand()
    for _ in range(2):
        found = model.evaluate(images, truth, batch_size=4, verbose=0, return_dict=True)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)
        dice = next(metric for metric in model.metrics[1].metrics if metric.name == "dice_score")
        assert dice.left_out == 1, dice.left_out
    print("equal")
"""

TENSORFLOW = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    model = compiled()
check(model)
"""

JAX = """
devices = keras.distribution.list_devices("cpu")
assert len(devices) == 2, devices
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
check(compiled())
"""


def run(code, backend, **environment):
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-1] == "equal"


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_replicas_of_a_mirrored_strategy_with_a_smaller_last_batch():
    run(MODEL.format(cases=7) + TENSORFLOW, "tensorflow")


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="keras.distribution is JAX's")
def test_two_devices_of_keras_distribution():
    run(MODEL.format(cases=8) + JAX, "jax", XLA_FLAGS="--xla_force_host_platform_device_count=2")
