"""The layers of the paper's U-Net that Keras does not have; each saves and reloads with the model."""

import math

import keras
import numpy as np
from keras import ops

from kerasmetricloss.models.sizes import PACKAGE, ApplyMask, per_axis, whole_numbers


@keras.saving.register_keras_serializable(package=PACKAGE)
class InstanceNormalization(keras.layers.Layer):
    """Subtract the mean and divide by the standard deviation, per image and channel; nothing is learned.

        y = (x - mean(x)) / (std(x) + epsilon), mean and std over the space of one image and channel

    A constant channel becomes 0, and its gradient is finite. So does one whose standard deviation is below 128 steps of
    its float type about the mean, as what rounding leaves of a constant one is. The statistics are float32 (float64 for
    float64 inputs), also under mixed precision, where a sum over a volume would overflow float16.

    Args:
        epsilon: Added to the standard deviation (not to the variance).
        **options: `name`, `dtype` and the like, as for any Keras layer.

    Call: x of shape (batch, *space, channels) gives the same shape.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[1.0], [3.0], [5.0], [7.0]]], "float32")  # mean 4, std sqrt(5)
        >>> [round(float(v), 3) for v in InstanceNormalization()(x)[0, :, 0]]
        [-1.342, -0.447, 0.447, 1.342]

    Source: Ulyanov et al., "Instance Normalization", 2016, arXiv 1607.08022.
    """

    def __init__(self, *, epsilon: float = 1e-7, **options):
        super().__init__(**options)
        self.epsilon = float(epsilon)

    def call(self, x):
        """Normalise x over its spatial axes."""
        values = ops.cast(x, at_least_float32(x))
        space = tuple(range(1, len(x.shape) - 1))
        mean = ops.mean(values, axis=space, keepdims=True)
        centred = values - mean
        variance = ops.mean(ops.square(centred), axis=space, keepdims=True)
        # The floor keeps the square root's gradient finite at 0; it lies below what epsilon lets through.
        std = ops.sqrt(ops.maximum(variance, self.epsilon**2))
        rounding = 128 * float(np.finfo(keras.backend.standardize_dtype(values.dtype)).eps)
        constant = variance <= ops.square(rounding * mean)
        return ops.cast(centred * ops.where(constant, 0.0, 1.0 / (std + self.epsilon)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package=PACKAGE)
class LinearUpsampling(keras.layers.Layer):
    """Exact linear interpolation by a whole factor: n voxels become factor * (n - 1) + 1.

        y[factor * i + r] = ((factor - r) * x[i] + r * x[i + 1]) / factor, 0 <= r < factor

    This equals repeating every voxel `factor` times, then averaging over `factor` neighbours with stride 1 and no
    padding. It is computed axis by axis as a product with a small matrix: a quarter of the time on a CPU, and the
    repeated volume (factor ** 3 times the voxels) is never held in memory.

    Args:
        factor: A whole number >= 1, or one number an axis.
        **options: As for any Keras layer.

    Call: (batch, *n, channels) gives (batch, *(factor * (n - 1) + 1), channels).

    Example:
        >>> import numpy as np
        >>> y = LinearUpsampling(factor=3)(np.array([[[0.0], [3.0], [9.0]]], "float32"))
        >>> [round(float(v), 3) for v in y[0, :, 0]]
        [0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 9.0]
    """

    def __init__(self, *, factor: int | tuple[int, ...] = 3, **options):
        super().__init__(**options)
        self.factor = whole_numbers("factor", factor, at_least=1)

    def _factors(self, rank: int) -> tuple[int, ...]:
        return per_axis(self.factor, rank - 2, "factor")

    def call(self, x):
        """Interpolate along every spatial axis."""
        for axis, factor in enumerate(self._factors(len(x.shape)), start=1):
            if factor > 1:
                x = _upsample_axis(x, axis, factor)
        return x

    def compute_output_shape(self, input_shape):
        """Return the shape after interpolation; unknown sizes stay unknown."""
        batch, *space, channels = input_shape
        factors = self._factors(len(input_shape))
        return (batch, *(None if n is None else f * (n - 1) + 1 for n, f in zip(space, factors, strict=True)), channels)

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "factor": self.factor}


def _upsample_axis(x, axis: int, factor: int):
    """Multiply one axis by its interpolation matrix; fine voxel m takes max(0, 1 - |m/factor - j|) of coarse j."""
    shape = list(ops.shape(x))
    n, fine = shape[axis], factor * (shape[axis] - 1) + 1
    # Whole numbers subtract without rounding; quotients of thirds would not.
    dtype = at_least_float32(x)
    distance = ops.abs(ops.expand_dims(ops.arange(fine, dtype=dtype), 1) - factor * ops.arange(n, dtype=dtype))
    weights = ops.cast(ops.relu(1.0 - distance / factor), x.dtype)
    before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    return ops.reshape(
        ops.matmul(weights, ops.reshape(x, (before, n, after))), (*shape[:axis], fine, *shape[axis + 1 :])
    )


@keras.saving.register_keras_serializable(package=PACKAGE)
class CentreCrop(keras.layers.Layer):
    """Cut `margin` voxels from both sides of every spatial axis.

    Args:
        margin: A whole number >= 0, or one number an axis.
        **options: As for any Keras layer.

    Call: (batch, *n, channels) gives (batch, *(n - 2 * margin), channels).

    Example:
        >>> import numpy as np
        >>> CentreCrop(margin=(1, 2))(np.zeros((1, 5, 7, 2))).shape == (1, 3, 3, 2)
        True
    """

    def __init__(self, *, margin: int | tuple[int, ...], **options):
        super().__init__(**options)
        self.margin = whole_numbers("margin", margin, at_least=0)

    def call(self, x):
        """Crop x."""
        margins = self._margins(x.shape)
        return x[(slice(None), *(slice(margin, -margin if margin else None) for margin in margins))]

    def compute_output_shape(self, input_shape):
        """Return the shape after the crop; unknown sizes stay unknown."""
        batch, *space, channels = input_shape
        margins = self._margins(input_shape)
        return (batch, *(None if n is None else n - 2 * m for n, m in zip(space, margins, strict=True)), channels)

    def _margins(self, shape: tuple[int | None, ...]) -> tuple[int, ...]:
        margins = per_axis(self.margin, len(shape) - 2, "margin")
        if any(isinstance(n, int) and n <= 2 * m for n, m in zip(shape[1:-1], margins, strict=True)):
            raise ValueError(f"a margin of {self.margin} on both sides leaves nothing of {tuple(shape[1:-1])} voxels.")
        return margins

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "margin": self.margin}


def at_least_float32(x) -> str:
    """The type that a sum over x, or a number beside x, needs: float32, or float64 for that."""
    return "float64" if keras.backend.standardize_dtype(x.dtype) == "float64" else "float32"


def wide_dtype() -> str:
    """The type of what must not be computed in half precision: float32, or float64 under that policy."""
    return "float64" if keras.config.dtype_policy().compute_dtype == "float64" else "float32"


def with_probability(image, logit, *, mask_size: tuple[int | None, ...] | None, name: str) -> keras.Model:
    """Close a network: sigmoid in at least float32, times a mask input where `mask_size` is given."""
    dtype = wide_dtype()
    if mask_size is None:
        return keras.Model(image, keras.layers.Activation("sigmoid", dtype=dtype, name="probability")(logit), name=name)
    mask = keras.Input((*mask_size, 1), name="mask")
    probability = keras.layers.Activation("sigmoid", dtype=dtype, name="sigmoid")(logit)
    return keras.Model([image, mask], ApplyMask(dtype=dtype, name="probability")([probability, mask]), name=name)
