"""What the pathways of DeepMedic are made of: a coarser image cut from the same patch, and residual connections."""

import keras
from keras import ops

from kerasmetricloss.models.sizes import PACKAGE, check_counts


@keras.saving.register_keras_serializable(package=PACKAGE)
class Subsample(keras.layers.Layer):
    """Keep one value of every block of factor ** dimension voxels: the one at its centre, or the mean.

    Args:
        factor: An odd number >= 1.
        keep: "centre" (as DeepMedic samples its low-resolution segments) or "mean".
        **options: As for any Keras layer.

    Call: (batch, *(factor * n), channels) gives (batch, *n, channels).

    Example:
        >>> import numpy as np
        >>> x = np.array([[[1.0], [2.0], [6.0], [4.0], [5.0], [9.0]]], "float32")
        >>> [[float(v) for v in Subsample(factor=3, keep=keep)(x)[0, :, 0]] for keep in ("centre", "mean")]
        [[2.0, 5.0], [3.0, 6.0]]
    """

    def __init__(self, *, factor: int, keep: str = "centre", **options):
        super().__init__(**options)
        check_counts(factor=factor)
        if factor % 2 == 0 or keep not in ("centre", "mean"):
            raise ValueError(f"factor is {factor} and keep {keep!r}; factor is odd, and keep 'centre' or 'mean'.")
        self.factor, self.keep = int(factor), keep

    def call(self, x):
        """Subsample every spatial axis."""
        dimension = len(x.shape) - 2
        if self.keep == "mean":
            block = (self.factor,) * dimension
            return ops.average_pool(x, block, strides=block, data_format="channels_last")
        return x[(slice(None), *(slice(self.factor // 2, None, self.factor),) * dimension)]

    def compute_output_shape(self, input_shape):
        """Return the shape after subsampling; unknown sizes stay unknown."""
        batch, *space, channels = input_shape
        return (batch, *(None if n is None else n // self.factor for n in space), channels)

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "factor": self.factor, "keep": self.keep}


@keras.saving.register_keras_serializable(package=PACKAGE)
class AddResidual(keras.layers.Layer):
    """Add the first channels of an earlier, larger map, cropped by `margin`, to those of a later one.

    Args:
        margin: Voxels that the earlier map has more on each side.
        **options: As for any Keras layer.

    Call: [later (batch, *n, c), earlier (batch, *(n + 2 * margin), e)] gives (batch, *n, c). Channels that
        the earlier map lacks stay as they are; those beyond c are left out.

    Example:
        >>> import numpy as np
        >>> later, earlier = np.zeros((1, 1, 2), "float32"), np.array([[[1.0], [2.0], [3.0]]], "float32")
        >>> [float(v) for v in AddResidual(margin=1)([later, earlier])[0, 0]]
        [2.0, 0.0]
    """

    def __init__(self, *, margin: int, **options):
        super().__init__(**options)
        self.margin = int(margin)

    def call(self, inputs):
        """Add."""
        later, earlier = inputs
        keep, width = slice(self.margin, -self.margin if self.margin else None), earlier.shape[-1]
        earlier = earlier[(slice(None), *(keep,) * (len(later.shape) - 2), slice(later.shape[-1]))]
        if width >= later.shape[-1]:
            return later + earlier
        # TensorFlow 2.21 on a CPU fuses convolution, bias and addition, and crashes where the addend is a padded one.
        return ops.concatenate([later[..., :width] + earlier, later[..., width:]], axis=-1)

    def compute_output_shape(self, input_shape):
        """Return the shape of the later map."""
        return tuple(input_shape[0])

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "margin": self.margin}
