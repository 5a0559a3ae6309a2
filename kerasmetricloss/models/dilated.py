"""Layers of DeepLab that Keras does not have; each saves and reloads with the model."""

import keras
import numpy as np
from keras import ops

from kerasmetricloss.models.blocks import at_least_float32
from kerasmetricloss.models.sizes import PACKAGE, check_counts

# ImageNet's mean colour (red, green, blue; 0 to 255), which VGG16 was trained with; it was trained without a scale.
IMAGENET_MEAN = (123.68, 116.779, 103.939)


@keras.saving.register_keras_serializable(package=PACKAGE)
class ImageNetColours(keras.layers.Layer):
    """Turn red, green, blue into what VGG16 was trained on: blue, green, red of 0 to 255, less the mean of ImageNet.

    Args:
        white: Value of a full channel in the image: 255, 1, or None where the mean is already subtracted.
        **options: As for any Keras layer.

    Call: (batch, height, width, 3) gives the same shape.

    Example:
        >>> import numpy as np
        >>> [round(float(v), 3) for v in ImageNetColours(white=1)(np.array([[[[1.0, 0.0, 0.0]]]], "float32"))[0, 0, 0]]
        [-103.939, -116.779, 131.32]
    """

    def __init__(self, *, white: float | None = 255, **options):
        super().__init__(**options)
        self.white = white

    def call(self, x):
        """Scale, subtract, reverse the channels."""
        if x.shape[-1] not in (3, None):
            raise ValueError(
                f"the image has shape {tuple(x.shape)}, but red, green and blue are 3 channels on the last axis; "
                "repeat a grey image three times there."
            )
        if self.white is not None:
            # The mean has six digits, and bfloat16 has three.
            dtype = at_least_float32(x)
            x = ops.cast(x, dtype) * (255 / self.white) - ops.convert_to_tensor(np.array(IMAGENET_MEAN), dtype=dtype)
        return ops.cast(ops.flip(x, axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "white": self.white}


@keras.saving.register_keras_serializable(package=PACKAGE)
class DilatedConv2D(keras.layers.Conv2D):
    """A same-padded convolution whose taps lie `dilation` pixels apart, as plain convolutions of interleaved images.

    Pixels whose rows and columns leave the same remainders on division by the dilation never meet those of another
    remainder. Each such set is convolved as an image of its own, all in one batch, and put back. The values are those
    of `keras.layers.Conv2D(dilation_rate=dilation)`; a step on a CPU takes a half (dilation 2) to a fifth (12).

    Args:
        filters: Output channels.
        kernel_size: An odd number, or two.
        dilation: Pixels between taps, >= 1.
        **options: As for `keras.layers.Conv2D`, but for strides, another padding and channels first.

    Raises:
        ValueError: A setting that interleaved images cannot follow.

    Call: (batch, height, width, channels) gives (batch, height, width, filters).

    Example:
        >>> import numpy as np
        >>> layer = DilatedConv2D(1, 3, dilation=2, kernel_initializer="ones")
        >>> [[int(v) for v in row] for row in layer(np.arange(15.0).reshape(1, 3, 5, 1))[0, :, :, 0]]
        [[24, 28, 42, 28, 32], [12, 14, 21, 14, 16], [24, 28, 42, 28, 32]]
    """

    def __init__(self, filters: int, kernel_size: int, *, dilation: int, **options):
        super().__init__(filters, kernel_size, **{"padding": "same", "data_format": "channels_last", **options})
        check_counts(dilation=dilation)
        self.dilation = int(dilation)
        fixed = {"padding": "same", "data_format": "channels_last", "strides": (1, 1), "dilation_rate": (1, 1)}
        wrong = [f"{name} is {getattr(self, name)!r}" for name, value in fixed.items() if getattr(self, name) != value]
        wrong += [] if all(n % 2 for n in self.kernel_size) else [f"kernel_size is {self.kernel_size}"]
        if wrong:
            raise ValueError(
                f"{wrong[0]}, but DilatedConv2D has odd kernels, stride 1, padding 'same' and channels last alone: "
                "take keras.layers.Conv2D(dilation_rate=...) for others."
            )

    def call(self, inputs):
        """Interleave, convolve, put back."""
        step = self.dilation
        if step == 1:
            return super().call(inputs)
        batch, height, width, channels = ops.shape(inputs)
        rows, columns = -(-height // step), -(-width // step)
        x = ops.pad(inputs, [(0, 0), (0, rows * step - height), (0, columns * step - width), (0, 0)])
        x = ops.transpose(ops.reshape(x, (batch, rows, step, columns, step, channels)), (2, 4, 0, 1, 3, 5))
        x = super().call(ops.reshape(x, (step * step * batch, rows, columns, channels)))
        x = ops.transpose(ops.reshape(x, (step, step, batch, rows, columns, self.filters)), (2, 3, 0, 4, 1, 5))
        return ops.reshape(x, (batch, rows * step, columns * step, self.filters))[:, :height, :width]

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "dilation": self.dilation}


@keras.saving.register_keras_serializable(package=PACKAGE)
class BilinearUpsampling(keras.layers.Layer):
    """Enlarge a map by a whole factor, bilinearly, and cut it to the size of an image.

        y[m] = sum_j max(0, 1 - |(2 m + 1 - factor) / (2 factor) - j|) x[j], along each axis, the ends held

    A cell of the map lies in the middle of the `factor` pixels that it was pooled from. Where the image does not
    divide by the factor, the map reaches beyond its end, and is cut there.

    Args:
        factor: Pixels a cell.
        **options: As for any Keras layer.

    Call: [map (batch, *ceil(n / factor), channels), image (batch, *n, any)] gives (batch, *n, channels).

    Example:
        >>> import numpy as np
        >>> coarse, image = np.array([[[0.0], [4.0]]], "float32"), np.zeros((1, 3, 1))
        >>> [float(v) for v in BilinearUpsampling(factor=2)([coarse, image])[0, :, 0]]
        [0.0, 1.0, 3.0]
    """

    def __init__(self, *, factor: int, **options):
        super().__init__(**options)
        check_counts(factor=factor)
        self.factor = int(factor)

    def call(self, inputs):
        """Multiply each spatial axis by its interpolation matrix."""
        x, image = inputs
        for axis in range(1, len(x.shape) - 1):
            weights = ops.cast(self._weights(ops.shape(x)[axis], ops.shape(image)[axis]), x.dtype)
            x = ops.moveaxis(ops.matmul(ops.moveaxis(x, axis, -1), ops.transpose(weights)), -1, axis)
        return x

    def _weights(self, cells, pixels):
        # Halves and their multiples by 1 / factor are exact for the factor 8.
        centres = (2.0 * ops.arange(pixels, dtype="float32") + 1.0 - self.factor) / (2.0 * self.factor)
        centres = ops.minimum(ops.relu(centres), ops.cast(cells - 1, "float32"))
        return ops.relu(1.0 - ops.abs(ops.expand_dims(centres, 1) - ops.arange(cells, dtype="float32")))

    def compute_output_shape(self, input_shape):
        """Return the size of the image with the channels of the map."""
        coarse, image = input_shape
        return (*image[:-1], coarse[-1])

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "factor": self.factor}
