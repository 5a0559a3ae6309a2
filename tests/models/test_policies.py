"""Every network under lower precision and under XLA."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss import models

NETWORKS = {
    "unet": lambda: models.unet(dimension=2, input_channels=3, filters=((2, 3), (4, 3), (5, 4)), mask=False),
    "unet of averages": lambda: models.unet(
        dimension=3, input_channels=3, filters=((2, 3), (4, 3), (5, 4)), pooling="average", mask=False
    ),
    "deepmedic": lambda: models.deepmedic(
        dimension=2, input_channels=3, filters=(3,) * 8, head_filters=(4, 4), mask=False, residual=True
    ),
    "deeplab": lambda: models.deeplab_vgg16(width=0.03, mask=False, head="aspp"),
}


def image(name):
    sizes = {"unet": (18, 27), "unet of averages": (18, 9, 27), "deepmedic": (54, 51), "deeplab": (21, 34)}
    size = sizes[name]
    values = np.random.default_rng(0).uniform(size=(2, *size, 3)).astype("float32")
    return 255 * values if name == "deeplab" else values


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float16"])
def test_lower_precision_gives_float32_probabilities_near_those_of_float32(name, policy):
    if keras.backend.backend() == "torch" and policy.endswith("float16") and "b" not in policy:
        pytest.skip("PyTorch has no half-precision pooling on the CPU")
    plain = NETWORKS[name]()
    keras.config.set_dtype_policy(policy)
    try:
        lower = NETWORKS[name]()
    finally:
        keras.config.set_dtype_policy("float32")
    lower.set_weights(plain.get_weights())
    y = lower(image(name))
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    error = np.abs(ops.convert_to_numpy(y) - ops.convert_to_numpy(plain(image(name))))
    assert error.mean() < 0.02  # 8 bits of mantissa (bfloat16) through 9 to 17 convolutions
    assert error.max() < 0.15


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_compiled_by_xla_equals_one_that_is_not(name):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("JAX always compiles, PyTorch has no XLA here")
    import tensorflow as tf
    from tensorflow.python.framework import config

    determinism = config.is_op_determinism_enabled()  # a study of another test may have switched it on in this process:
    config.disable_op_determinism()  # max pooling has no deterministic gradient under XLA
    net, x = NETWORKS[name](), image(name)
    truth = np.ones(net(x).shape, "float32")

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(truth, net(x, training=False)))
        return loss, tape.gradient(loss, net.trainable_weights[0].value)

    try:
        plain, compiled = (tf.function(step, jit_compile=jit)() for jit in (False, True))
    finally:
        if determinism:
            config.enable_op_determinism()
    np.testing.assert_allclose(compiled[0], plain[0], rtol=1e-3)
    np.testing.assert_allclose(compiled[1], plain[1], rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_order_of_axes_changes_no_network(name, channels_first, tmp_path):
    net = NETWORKS[name]()
    keras.config.set_image_data_format("channels_last")
    plain = NETWORKS[name]()
    plain.set_weights(net.get_weights())
    expected = ops.convert_to_numpy(plain(image(name)))
    keras.config.set_image_data_format("channels_first")
    plain.save(tmp_path / "m.keras")
    for other in (net, keras.saving.load_model(tmp_path / "m.keras")):
        np.testing.assert_allclose(ops.convert_to_numpy(other(image(name))), expected, atol=1e-6)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="JAX has no float64 unless it is switched on, and Keras multiplies matrices of PyTorch in float32",
)
def test_layers_in_float64_have_its_digits():
    x = np.random.default_rng(0).uniform(size=(1, 5, 4, 3))
    tensor = ops.convert_to_tensor(x, dtype="float64")
    inside = ops.convert_to_numpy(models.LinearUpsampling(factor=3, dtype="float64")(tensor))[0, :, 0, 0]
    np.testing.assert_allclose(inside, np.interp(np.arange(13) / 3, np.arange(5), x[0, :, 0, 0]), rtol=1e-15)
    colours = ops.convert_to_numpy(models.ImageNetColours(white=1, dtype="float64")(tensor))
    np.testing.assert_allclose(colours, (x * 255 - (123.68, 116.779, 103.939))[..., ::-1], rtol=1e-14)
