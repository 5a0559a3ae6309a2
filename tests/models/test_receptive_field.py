"""The receptive fields that the docstrings give, by gradient: which pixels of the image one output depends on."""

import re

import keras
import numpy as np
import pytest

from kerasmetricloss import models


def averaging(net):
    """Make every convolution an average, so that no gradient cancels; normalisation and activation stay as built."""
    for layer in net.layers:
        if hasattr(layer, "kernel"):
            kernel, bias = layer.get_weights()
            layer.set_weights([np.full(kernel.shape, 1 / kernel[..., 0].size), np.zeros_like(bias)])
    net.trainable = False
    return net


def seen(gradient, net, layer, at, image):
    """First and last row of the image on which row `at` of a layer's output depends."""
    output = keras.Model(net.inputs[0], net.get_layer(layer).output)
    slope = gradient(lambda x: output(x)[0, at, 0, 0], image)
    rows = np.flatnonzero(np.abs(slope[0]).sum(axis=(1, 2)))
    return int(rows[0]), int(rows[-1])


FIELDS = {
    "unet": ("268", "215", "88", "(71)", "whole image"),
    "unet_br18": ("268", "215", "whole image"),
    "unet_is17": ("268", "215", "whole image"),
    "unet_is18": ("268", "215", "no more"),
    "unet_wm17": ("268", "215", "whole image"),
    "unet_mo17": ("268", "whole image"),
    "unet_small": ("88", "71", "whole image"),
    "deepmedic": ("17", "51", "49", "85", "81"),
    "deepmedic_small": ("17", "51", "49"),
    "deeplab_vgg16": ("412", "420", "612"),
    "deeplab_small": ("420", "612"),
}


NETWORKS = [name for name in vars(models) if re.fullmatch(r"(unet|deepmedic|deeplab)(_(?!\w*size)\w+)?", name)]


@pytest.mark.parametrize("name", [name for name in NETWORKS if callable(getattr(models, name))])
def test_every_docstring_gives_reference_and_receptive_field(name):
    text = " ".join(getattr(models, name).__doc__.split())
    assert re.search(r"Source: .*arXiv \d{4}\.\d{4,5}", text)
    sees = text[text.index(" sees ") :].partition("Args:")[0]
    assert all(number in sees for number in FIELDS[name])


@pytest.mark.parametrize(
    ("levels", "kernels", "voxels"),
    [(3, None, 88), (3, ((1, 3), (3, 3)), 71), (4, None, 268), (4, ((1, 3), (3, 3)), 215)],
)
def test_unet(gradient, levels, kernels, voxels):
    linear = {"pooling": "average", "normalisation": None, "activation": "linear", "l2": None}
    net = averaging(models.unet(dimension=2, input_channels=1, filters=1, levels=levels, kernels=kernels, **linear))
    s = 3 ** (levels - 1)
    first, last = seen(gradient, net, "logit", 6 * s + 2, np.ones((1, 13 * s, s, 1), "float32"))
    assert last - first + 1 == voxels


def test_the_published_network_in_three_dimensions(gradient):
    narrow = {"filters": ((1, 1),) * 4, "input_channels": 1}
    linear = {"pooling": "average", "normalisation": None, "activation": "linear", "l2": None}
    net = averaging(models.unet_br18(**narrow, **linear))
    output = keras.Model(net.inputs[0], net.get_layer("logit").output)
    # One axis is long enough for all that is seen along it; the others are as short as can be.
    for axis, voxels in ((0, 268), (2, 215)):
        size, at = [27, 27, 27], [0, 0, 0]
        size[axis], at[axis] = 13 * 27, 6 * 27 + 2
        slope = gradient(lambda x, at=at: output(x)[(0, *at, 0)], np.ones((1, *size, 1), "float32"))
        seen_there = np.flatnonzero(np.abs(slope[0]).sum(axis=tuple(other for other in range(4) if other != axis)))
        assert seen_there[-1] - seen_there[0] + 1 == voxels


@pytest.mark.parametrize(
    ("settings", "first", "last"),
    [
        # Rows seen by output row 0, whose own row is 8 max(factors). One pathway: 8 on either side.
        ({"factors": (1,)}, 0, 16),
        # Block 0 holds rows 24 to 26: 8 blocks of 3 on either side, of which "centre" reads the middle alone.
        ({"factors": (1, 3)}, 1, 49),
        ({"factors": (1, 3), "subsampling": "mean"}, 0, 50),
        ({"factors": (1, 3, 5)}, 2, 82),
        ({"factors": (1, 3, 5), "subsampling": "mean"}, 0, 84),
    ],
)
def test_deepmedic(gradient, settings, first, last):
    margin, step = 8 * max(settings["factors"]), int(np.prod(settings["factors"]))
    net = models.deepmedic(dimension=2, input_channels=1, filters=(1,) * 8, head_filters=(1, 1), mask=False, **settings)
    image = np.ones((1, 2 * margin + step, 2 * margin + step, 1), "float32")
    assert seen(gradient, averaging(net), "logit", 0, image) == (first, last)


@pytest.mark.parametrize(
    ("head", "layer", "at", "pixels"),
    [("large_fov", "context12_3", 60, 412), ("large_fov", "enlarge", 480, 420), ("aspp", "enlarge", 480, 612)],
)
def test_deeplab(gradient, head, layer, at, pixels):
    net = averaging(models.deeplab_vgg16(head=head, width=0.001, white=None, dropout=0.0, mask=False))
    # A maximum has the gradient of one pixel: the first where values fall, the last where they rise.
    rising = np.broadcast_to(np.arange(1.0, 961.0, dtype="float32")[None, :, None, None], (1, 960, 8, 3))
    first, _ = seen(gradient, net, layer, at, np.ascontiguousarray(rising[:, ::-1]))
    _, last = seen(gradient, net, layer, at, np.ascontiguousarray(rising))
    assert last - first + 1 == pixels
