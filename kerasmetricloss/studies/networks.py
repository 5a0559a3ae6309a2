"""The networks of a study by name: how to build them, and the boxes that they take and give."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasmetricloss import models
from kerasmetricloss.studies.errors import StudyError

NAMES = ("unet-small", "unet")


def build(network: dict[str, Any], *, channels: int, labels: int) -> keras.Model:
    """The Keras model of a network setting, for images of `channels` channels and truths of `labels` labels.

    Raises:
        StudyError: The name is unknown.
    """
    settings = {key: value for key, value in network.items() if key != "name"}
    if network["name"] not in NAMES:
        raise StudyError(f"Network {network['name']!r} is unknown; known are {', '.join(NAMES)}.")
    return models.unet(input_channels=channels, outputs=labels, name=network["name"].replace("-", "_"), **settings)


def small_network(dimension: int, filters: int = 8) -> dict[str, Any]:
    """The setting of the small U-Net: three levels, `filters` at the first, twice as many at each next one."""
    return {"name": "unet-small", "dimension": dimension, "filters": [[filters * 2**i] * 2 for i in range(3)]}


def normalises(network: dict[str, Any]) -> bool:
    """Whether the network normalises colours itself, as weights trained on ImageNet ask for."""
    return network["name"].startswith("deeplab")


def boxes(network: dict[str, Any], wanted: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """The smallest output box of the network that covers `wanted` voxels, and the margin of its input box a side."""
    levels = len(network["filters"]) if isinstance(network.get("filters"), list | tuple) else network.get("levels", 4)
    inputs = models.unet_input_size(tuple(wanted), levels=levels)
    outputs = models.unet_output_size(inputs, levels=levels)
    return outputs, (inputs[0] - outputs[0]) // 2
