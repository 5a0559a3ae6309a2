"""A gradient on whatever backend runs, and the same weights in every run of a test."""

import keras
import numpy as np
import pytest


def _gradient(function, x):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensor = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            value = function(tensor)
        return tape.gradient(value, tensor).numpy()
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(function)(x))
    import torch

    tensor = torch.tensor(x, requires_grad=True)
    function(tensor).backward()
    return tensor.grad.numpy()


@pytest.fixture(autouse=True)
def seeded():
    """Networks start from the same weights in every run: a test passes always or never."""
    keras.utils.set_random_seed(0)


@pytest.fixture
def gradient():
    """``gradient(function, x)``: the gradient of a function of one array whose value is one number."""
    return _gradient


@pytest.fixture
def channels_first():
    """Keras' default order of axes is the other while a test runs."""
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")
