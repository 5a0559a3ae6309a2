"""A gradient on whatever backend runs."""

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


@pytest.fixture
def gradient():
    """``gradient(function, x)``: the gradient of a function of one array whose value is one number."""
    return _gradient
