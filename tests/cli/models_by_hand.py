"""Models whose weights are set by hand, and the command's refusals."""

import keras
import numpy as np
import pytest

from kerasmetricloss import models
from kerasmetricloss.cli import main
from kerasmetricloss.pipelines import Preparation
from kerasmetricloss.pipelines.inference import TrainedOn, write_trained_on


def refused(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def threshold_model(path, *, dimension, channels, box, shift, dataset, names, **preparation):
    """A U-Net of one level whose weights are set by hand: foreground is where the first channel is above its shift."""
    model = models.unet(
        dimension=dimension, input_channels=channels, filters=1, levels=1, normalisation=None, activation="linear"
    )
    for layer in model.layers:
        if layer.weights:
            kernel, bias = (np.zeros(weight.shape) for weight in layer.weights)
            kernel[(*(n // 2 for n in kernel.shape[:-2]), 0, 0)] = 20
            layer.set_weights([kernel, bias])
    model.save(path)
    write_trained_on(
        path,
        TrainedOn(
            dataset=dataset,
            channels=names,
            labels=(),
            preparation=Preparation(output_size=box, **preparation),
            shift=(shift, *(0,) * (channels - 1)),
            scale=(10,) * channels,
        ),
    )
    return path


def bare_model(path, *, channels, dimension=3):
    """What `model.save` writes, of open sizes: foreground is where the first channel is above 0."""
    convolution = {2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[dimension](1, 1, activation="sigmoid")
    model = keras.Sequential([keras.Input((*(None,) * dimension, channels)), convolution])
    kernel = np.zeros(convolution.kernel.shape)
    kernel[..., 0, 0] = 20
    convolution.set_weights([kernel, np.zeros(1)])
    model.save(path)
    return path
