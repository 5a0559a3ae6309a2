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
    if network["name"] == "unet-small":
        return models.unet_small(input_channels=channels, outputs=labels, **settings)
    if network["name"] == "unet":
        return models.unet(input_channels=channels, outputs=labels, **settings)
    raise StudyError(f"Network {network['name']!r} is unknown; known are {', '.join(NAMES)}.")


def boxes(network: dict[str, Any], wanted: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """The smallest output box of the network that covers `wanted` voxels, and the margin of its input box a side."""
    levels = network.get("levels", 3 if network["name"] == "unet-small" else 4)
    inputs = [models.unet_input_size(size, levels=levels) for size in wanted]
    outputs = tuple(models.unet_output_size(size, levels=levels) for size in inputs)
    return outputs, (inputs[0] - outputs[0]) // 2
