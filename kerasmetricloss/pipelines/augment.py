"""The augmentation as a Keras layer: it applies the numbers that `draws` has drawn, alike on every backend."""

import math
from collections.abc import Sequence
from dataclasses import asdict

import keras
from keras import ops

from kerasmetricloss.pipelines.draws import Augmentation
from kerasmetricloss.pipelines.geometry import THRESHOLD
from kerasmetricloss.pipelines.motion import slide, turn
from kerasmetricloss.pipelines.noise import gaussian_noise


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class Augment(keras.layers.Layer):
    """Move image, truth, mask and weights alike, normalise the image, vary its intensity, add noise.

        image -> (moved - shift) / scale * gain + offset + noise_std * noise

    and with `restore` that times scale plus shift.

    All spatial steps are one interpolation, linear for image and weights; truth and mask are then 1 where they are
    above one half. What enters from outside is 0 before normalisation, and outside the mask.

    The layer holds no random state: run it inside tf.data, inside a model or under the just-in-time compiler of any
    backend, on whatever device, and the same parameters give the same numbers.

    Args:
        settings: An `Augmentation`, or its fields as a dictionary; None only normalises.
        slack: Voxels, an axis, by which all arrays reach further on each side than is wanted, so that a motion brings
            in what lies beside a patch. They are cut off.
        **options: As for any Keras layer; `dtype` is float32 unless given.

    Call: a dictionary with `image` (batch, *input, channels), `truth` (batch, *output, labels), `mask`
        (batch, *output, 1), `shift` and `scale` (channels,) or (batch, channels), with settings the arrays of
        `draw_batch`, and where there are any `weights` (batch, *output, k). Instead of truth and mask it may hold both,
        stacked in this order, as `binary`: XLA moves that in half the time. Gives ((image, mask), truth), or
        ((image, mask), truth, weights), all float32.

    Example:
        >>> import numpy as np
        >>> raw = {"image": np.full((1, 4, 5, 1), 3.0), "truth": np.zeros((1, 2, 3, 1)), "mask": np.ones((1, 2, 3, 1))}
        >>> (image, mask), truth = Augment(None)({**raw, "shift": np.array([1.0]), "scale": np.array([4.0])})
        >>> float(image[0, 0, 0, 0]), tuple(truth.shape)
        (0.5, (1, 2, 3, 1))
    """

    def __init__(self, settings: Augmentation | dict | None, *, slack: Sequence[int] = (), **options):
        super().__init__(**{"dtype": "float32", **options})
        self.settings = Augmentation(**settings) if isinstance(settings, dict) else settings
        self.slack = tuple(int(n) for n in slack)

    def call(self, inputs):
        """Apply the parameters that came with the batch."""
        return self.finish({**inputs, **self.begin(inputs)})

    def begin(self, inputs: dict) -> dict:
        """Draw the noise, and move volumes along the axis that they turn about: a half to be compiled by itself.

        In one program with the rest XLA does this work twice and four times, inside the loops that read it.

        Args:
            inputs: As for the call.

        Returns:
            What is new or has changed: `finish` takes it with all the rest of the inputs.
        """
        new = {}
        if self.settings is not None and self.settings.noise_std > 0:
            channels = inputs["image"].shape[-1]
            shape = (-1, *self._wanted(inputs["image"]), channels)
            new["noise"] = ops.reshape(gaussian_noise(inputs["noise_seed"], math.prod(shape[1:])), shape)
        if self._slides(inputs["image"]):
            for name, array in _float_arrays(inputs).items():
                nearest, size = self._nearest(name), self._wanted(array)[2]
                new[name] = slide(array, inputs["motion"], nearest=nearest, size=size)
        return new

    def finish(self, inputs: dict) -> tuple:
        """Turn, binarise, normalise, vary: the other half.

        Args:
            inputs: Those of the call, and what `begin` gave.

        Returns:
            As the call.
        """
        arrays = _float_arrays(inputs)
        binary = arrays.pop("binary")
        # Cut apart before they turn: after it each would be computed with both.
        arrays |= {"truth": binary[..., :-1], "mask": binary[..., -1:]}
        if self.settings is None:
            arrays = {name: self._cut(array) for name, array in arrays.items()}
            shift, scale = (_per_channel(inputs[name], arrays["image"]) for name in ("shift", "scale"))
            arrays["image"] = (arrays["image"] - shift) / scale
        else:
            arrays = {name: self._turn(name, array, inputs) for name, array in arrays.items()}
            arrays["image"] = self._vary(arrays["image"], inputs)
        result = (arrays["image"], arrays["mask"]), arrays["truth"]
        return (*result, arrays["weights"]) if "weights" in arrays else result

    def _slides(self, image) -> bool:
        """Return whether images are volumes that turn about their last axis alone."""
        return self.settings is not None and self.settings.in_plane and len(image.shape) == 5

    def _nearest(self, name: str) -> bool:
        return name in _BINARY and self.settings.nearest_truth

    def _wanted(self, array) -> tuple[int, ...]:
        space = array.shape[1:-1]
        if not all(isinstance(n, int) for n in space):
            raise ValueError(f"an array of shape {tuple(array.shape)}: Augment needs known sizes; see tf.ensure_shape.")
        return tuple(n - 2 * slack for n, slack in zip(space, self.slack or (0,) * len(space), strict=True))

    def _cut(self, array):
        slack = self.slack or (0,) * (len(array.shape) - 2)
        inside = (slice(n, n + wanted) for n, wanted in zip(slack, self._wanted(array), strict=True))
        return array[(slice(None), *inside)]

    def _turn(self, name: str, array, inputs: dict):
        slid = self._slides(array)
        size = (*self._wanted(array)[:2], array.shape[3]) if slid else self._wanted(array)
        settings = {"in_plane": slid, "nearest": self._nearest(name), "size": size}
        turned = turn(array, inputs["matrix"], inputs["motion"], **settings)
        return ops.cast(turned > THRESHOLD, "float32") if name in _BINARY else turned

    def _vary(self, image, inputs: dict):
        factor = inputs["gain"] / inputs["scale"]
        shift, factor, offset = (_per_channel(v, image) for v in (inputs["shift"], factor, inputs["offset"]))
        image = (image - shift) * factor + offset
        image = image + self.settings.noise_std * inputs["noise"] if "noise" in inputs else image
        return image * _per_channel(inputs["scale"], image) + shift if self.settings.restore else image

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        settings = None if self.settings is None else asdict(self.settings)
        return {**super().get_config(), "settings": settings, "slack": list(self.slack)}


_BINARY = ("binary", "truth", "mask")


def _float_arrays(inputs: dict) -> dict:
    """Return image, weights, and truth and mask in one."""
    arrays = {name: ops.cast(inputs[name], "float32") for name in ("image", "weights", "binary") if name in inputs}
    if "binary" not in inputs:
        both = [ops.cast(inputs[name], "float32") for name in ("truth", "mask")]
        arrays["binary"] = ops.concatenate(both, axis=-1)
    return arrays


def _per_channel(values, image):
    """Bring (channels,) or (batch, channels) to the rank of the image."""
    return ops.reshape(values, (-1, *(1,) * (len(image.shape) - 2), image.shape[-1]))
