"""The networks of a study by name: how to build them, and the boxes that they take and give."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from kerasmetricloss import models
from kerasmetricloss.studies.errors import StudyError

NAMES = ("unet-small", "unet-half", "unet", "deepmedic-small", "deepmedic", "deeplab-small", "deeplab")
COLOURS = 3  # channels that VGG16 takes
WHITE = 255  # of a channel of the colours that it normalises itself
IMAGENET = "imagenet"


def build(network: dict[str, Any], *, channels: int, labels: int) -> keras.Model:
    """The Keras model of a network setting, for images of `channels` channels and truths of `labels` labels.

    Raises:
        StudyError: The name is unknown, or the network does not take such images.
    """
    settings = {key: value for key, value in network.items() if key != "name"}
    name = _known(network["name"])
    settings |= {"outputs": labels, "name": name.replace("-", "_")}
    if not name.startswith("deeplab"):
        make = {"deepmedic": models.deepmedic, "deepmedic-small": models.deepmedic_small}
        return make.get(name, models.unet)(input_channels=channels, **settings)
    if channels != COLOURS:
        raise StudyError(f"{name} takes pictures with {COLOURS} colour channels; these images have {channels}.")
    settings.pop("dimension")
    try:
        return (models.deeplab_vgg16 if name == "deeplab" else models.deeplab_small)(white=WHITE, **settings)
    except Exception as error:
        # Keras raises a plain Exception where a download fails.
        if settings.get("weights") != IMAGENET or isinstance(error, ValueError):
            raise
        raise StudyError(
            f"The weights of VGG16 cannot be fetched ({error}). Name a file of them with --weights, or 'none' to start "
            "from random ones."
        ) from error


def small_network(dimension: int, filters: int = 8) -> dict[str, Any]:
    """The setting of the small U-Net: three levels, `filters` at the first, twice as many at each next one."""
    return {"name": "unet-small", "dimension": dimension, "filters": [[filters * 2**i] * 2 for i in range(3)]}


def named_network(name: str, dimension: int) -> dict[str, Any]:
    """The setting of a network by its name, for pictures or volumes.

    Args:
        name: One of `NAMES`; `"unet-half"` is the paper's U-Net with half its filters.
        dimension: 2 or 3.

    Raises:
        StudyError: The name is unknown, or the network is for the other dimension.

    Example:
        >>> named_network("unet-half", 2)
        {'name': 'unet-half', 'dimension': 2, 'filters': 10, 'levels': 4}
    """
    if _known(name).startswith("deeplab") and dimension != 2:
        raise StudyError(f"{name} takes pictures, not volumes; known for volumes are {', '.join(NAMES[:5])}.")
    if name == "unet-small":
        return small_network(dimension)
    settings: dict[str, Any] = {"name": name, "dimension": dimension}
    if name == "unet-half":
        settings |= {"filters": 10, "levels": 4}
    return settings | ({"weights": IMAGENET} if name == "deeplab" else {})


def _known(name: str) -> str:
    if name not in NAMES:
        raise StudyError(f"Network {name!r} is unknown; known are {', '.join(NAMES)}.")
    return name


def normalises(network: dict[str, Any]) -> bool:
    """Whether the network normalises colours itself, as weights trained on ImageNet ask for."""
    return network["name"].startswith("deeplab")


def boxes(network: dict[str, Any], wanted: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """The smallest output box of the network that covers `wanted` voxels, and the margin of its input box a side."""
    wanted = tuple(int(n) for n in wanted)
    if network["name"].startswith("deeplab"):
        return wanted, 0
    if network["name"].startswith("deepmedic"):
        outputs = tuple(3 * -(-n // 3) for n in wanted)
        inputs = models.deepmedic_input_size(outputs)
    else:
        filters = network.get("filters")
        levels = len(filters) if isinstance(filters, list | tuple) else network.get("levels", 4)
        inputs = models.unet_input_size(wanted, levels=levels)
        outputs = models.unet_output_size(inputs, levels=levels)
    return outputs, (inputs[0] - outputs[0]) // 2


def without_weights(network: dict[str, Any]) -> dict[str, Any]:
    """The setting of a network of the same layers that starts from random weights, and so needs no file of them."""
    return network | ({"weights": None} if network["name"] == "deeplab" else {})


def identity(network: dict[str, Any]) -> dict[str, Any]:
    """The setting with the content of a file of weights in place of its path: what a training depends on.

    Raises:
        StudyError: There is no such file.
    """
    weights = network.get("weights")
    if weights in (None, IMAGENET):
        return network
    if not Path(weights).is_file():
        raise StudyError(f"--weights {weights}: no such file. Name a file of VGG16's weights, 'imagenet' or 'none'.")
    with Path(weights).open("rb") as file:
        return network | {"weights": hashlib.file_digest(file, "sha256").hexdigest()[:16]}
