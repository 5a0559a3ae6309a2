"""Sizes that do not fit are refused with those that do: when called, and when a TensorFlow graph runs."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasmetricloss import models
from kerasmetricloss.models import ApplyMask, CheckSize

UNET = {"dimension": 2, "input_channels": 1, "filters": 2, "levels": 3}
DEEPMEDIC = {"dimension": 2, "input_channels": 1, "filters": (2, 2), "head_filters": (3,)}


def run(layer, x):
    return ops.convert_to_numpy(layer(x))


@pytest.mark.parametrize(
    ("size", "named"),
    [((28, 27), "27 and 36"), ((53, 27), "45 and 54"), ((27, 4), "9 and 18"), ((27, 26), "18 and 27")],
)
def test_check_size_names_the_two_nearest_that_fit(size, named):
    with pytest.raises(ValueError, match=f"axis {int(size[0] == 27)} of the image has .* fit are {named}"):
        CheckSize(multiple=9)(np.zeros((1, *size, 2), "float32"))


def test_apply_mask_multiplies_every_output():
    p = np.full((1, 2, 3, 2), 0.25, "float32")
    mask = np.array([[1, 0, 1], [0, 0, 1]], "float32").reshape(1, 2, 3, 1)
    assert np.array_equal(run(ApplyMask(), [p, mask]), p * mask)


def test_apply_mask_refuses_a_mask_on_another_box():
    with pytest.raises(ValueError, match=r"mask has size \(1, 1\), but the output has size \(2, 3\)"):
        ApplyMask()([np.zeros((1, 2, 3, 2), "float32"), np.ones((1, 1, 1, 1), "float32")])


@pytest.mark.parametrize(
    "layer", [CheckSize(multiple=(27, 27, 9)), ApplyMask()], ids=lambda layer: type(layer).__name__
)
def test_every_layer_comes_back_from_its_config(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def graph(net, **options):
    """The network as a TensorFlow graph that learns every size only when it runs."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("other backends know every size when they call a layer")
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, None, 1)), tf.TensorSpec((None, None, None, 1))]
    compute = tf.function(lambda image, mask: net([image, mask]), input_signature=signature, **options)
    return lambda size, mask: compute(image(size), np.ones((1, *mask, 1), "float32")).numpy()


def image(size):
    return np.random.default_rng(0).normal(size=(1, *size, 1)).astype("float32")


@pytest.mark.parametrize(
    ("build", "settings", "size", "mask", "message"),
    [
        ("unet", UNET, (20, 27), (10, 19), r"axis 0 of the image has.*20.*voxels.* fit are\W+18\W+and\W+27\W"),
        ("unet", UNET, (18, 8), (10, 1), r"axis 1 of the image has.*8.*voxels.* fit are\W+9\W+and\W+18\W"),
        ("deepmedic", DEEPMEDIC, (19, 21), (6, 9), r"axis 0 .*12 \+ a multiple of 3.* fit are\W+18\W+and\W+21\W"),
        ("unet", UNET, (18, 27), (1, 1), r"axis 0 of the mask has\W+1\W+voxels, but that of the output has\W+10\W"),
        ("unet", UNET, (18, 27), (10, 18), r"axis 1 of the mask has\W+18\W"),
        ("deepmedic", DEEPMEDIC, (18, 21), (1, 9), r"axis 0 of the mask has\W+1\W.* has\W+6\W"),
    ],
)
def test_a_graph_of_unknown_sizes_refuses_what_does_not_fit_and_says_what_does(build, settings, size, mask, message):
    with pytest.raises(Exception, match=message):
        graph(getattr(models, build)(**settings))(size, mask)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_graph_of_unknown_sizes_computes_what_the_network_does(compiled):
    net = models.unet(**UNET)
    given = graph(net, jit_compile=compiled)((18, 27), (10, 19))
    plain = net([image((18, 27)), np.ones((1, 10, 19, 1), "float32")])
    np.testing.assert_allclose(given, plain, atol=1e-5)


def test_a_checkpointed_graph_of_unknown_sizes_runs_and_refuses():
    compute = graph(models.checkpointed(models.unet(**UNET)))
    assert compute((18, 27), (10, 19)).shape == (1, 10, 19, 1)
    with pytest.raises(Exception, match="axis 0 of the image has"):
        compute((20, 27), (10, 19))


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX exports symbols for sizes")
def test_a_size_that_is_a_symbol_is_refused_with_the_mend():
    import jax

    image = jax.ShapeDtypeStruct(jax.export.symbolic_shape("b, h, w, 1"), "float32")
    with pytest.raises(ValueError, match="build the network with input_size="):
        jax.export.export(jax.jit(CheckSize(multiple=9)))(image)
