"""Training on two devices gives the weights of one. Each runs in a process with two virtual CPU devices."""

import os
import subprocess
import sys

import keras
import pytest

MODEL = """
import keras
import numpy as np
from kerasmetricloss.losses import CrossEntropy, GeneralizedDice, LovaszSigmoid, SoftDice

rng = np.random.default_rng(0)
truth = (rng.random((6, 5, 4, 1)) > 0.5).astype("float32")
truth[1] = 0
images = (truth + rng.standard_normal(truth.shape)).astype("float32")
weight = rng.random((6, 5, 4)).astype("float32")

def trained(loss):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5, 4, 1)), keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")])
    # Compiling with XLA would take most of the time on TensorFlow.
    model.compile(keras.optimizers.SGD(0.5), loss=loss, jit_compile=keras.backend.backend() == "jax")
    # Batches of 4 and 2: the last is smaller.
    history = model.fit(images, truth, sample_weight=weight, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return [np.asarray(w) for w in model.get_weights()], history.history["loss"]

def losses():
    return [
        LovaszSigmoid(bins=64),
        SoftDice(pool="batch"),
        SoftDice(pool="batch", reduction="sum"),
        GeneralizedDice(pool="batch"),
        CrossEntropy(pool="batch"),
        0.5 * SoftDice() + CrossEntropy(),
    ]

def check(alone, together):
    for loss, one, two in zip(losses(), alone, together, strict=True):
        for a, b in zip(one[0], two[0], strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6, err_msg=repr(loss))
        np.testing.assert_allclose(two[1], one[1], rtol=1e-4, err_msg=repr(loss))
    print("equal")
"""

TENSORFLOW = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""

MIRRORED = """
alone = [trained(loss) for loss in losses()]
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def evaluated(loss):
    # Three cases in batches of two: of the last batch one replica gets none.
    model = keras.Sequential([keras.Input((5, 4, 1)), keras.layers.Activation("sigmoid")])
    model.compile(loss=loss, jit_compile=False)
    return model.evaluate(images[:3], truth[:3], batch_size=2, verbose=0)

uneven = [SoftDice(), LovaszSigmoid(), CrossEntropy(), 0.5 * SoftDice() + CrossEntropy()]
expected = [evaluated(loss) for loss in uneven]
with strategy.scope():
    np.testing.assert_allclose([evaluated(loss) for loss in uneven], expected, rtol=1e-6)
    check(alone, [trained(loss) for loss in losses()])
    try:
        trained(LovaszSigmoid(pool="batch"))
    except ValueError as error:
        print("use pool='image', or one replica" in str(error))
"""

JAX = """
import jax
assert jax.device_count() == 2
"""

SHARDED = """
alone = [trained(loss) for loss in losses()]
keras.distribution.set_distribution(keras.distribution.DataParallel())
check(alone, [trained(loss) for loss in losses()])
"""


def run(program, backend):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": flags}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, env=environment, timeout=480
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.split()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_mirrored_replicas_train_like_one_device():
    assert run(TENSORFLOW + MODEL + MIRRORED, "tensorflow") == ["equal", "True"]


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="keras.distribution needs JAX")
def test_two_jax_devices_train_like_one():
    assert run(JAX + MODEL + SHARDED, "jax") == ["equal"]
