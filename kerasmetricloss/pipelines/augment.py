"""Augmentation: NumPy draws every random number, a Keras layer applies them, alike on every backend."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import keras
import numpy as np
from keras import ops

from kerasmetricloss.pipelines.geometry import THRESHOLD
from kerasmetricloss.pipelines.motion import slide, source_motion, turn
from kerasmetricloss.pipelines.noise import gaussian_noise


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How strongly images are varied; the defaults are the lab's later settings.

    Args:
        rotation_std: Standard deviation of the angle, in radians. One number turns a picture, or a volume about its
            last (axial) axis; three numbers turn a volume about each axis. Where the size of a voxel is known, the turn
            is rigid in mm, also where voxels are longer along one axis than along another.
        translation_std: Standard deviation of the shift, in voxels, one number an axis (a picture takes the first two).
        flip: Probability of a mirror image.
        flip_axis: Axis that is mirrored; None is left and right: axis 0 of a volume, the columns of a picture.
        noise_std: Standard deviation of Gaussian noise, a voxel and channel, in units of the normalised image.
        intensity_shift_std: Standard deviation of an offset, a channel, in units of the normalised image.
        intensity_scale_std: Standard deviation of a factor about 1, a channel.
        nearest_truth: Move truth and mask by the nearest voxel, not by a linear interpolation that is then binarised.

    Raises:
        ValueError: For a standard deviation that is no finite number of at least 0, a probability outside 0 to 1, or an
            axis that no image has.

    Example:
        >>> Augmentation(flip=0.0).noise_std
        0.05
    """

    rotation_std: float | tuple[float, ...] = math.pi / 12
    translation_std: tuple[float, ...] = (6.0, 6.0, 4.0)
    flip: float = 0.5
    flip_axis: int | None = None
    noise_std: float = 0.05
    intensity_shift_std: float = 0.05
    intensity_scale_std: float = 0.05
    nearest_truth: bool = False

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name.endswith("_std"):
                _check_deviation(name, value)
            if isinstance(value, list | tuple):
                object.__setattr__(self, name, tuple(float(v) for v in value))
        if not (isinstance(self.flip, int | float) and 0 <= self.flip <= 1):
            raise ValueError(f"flip is {self.flip!r}; a probability lies between 0 and 1.")
        if self.flip_axis not in (None, 0, 1, 2):
            raise ValueError(f"flip_axis is {self.flip_axis!r}; it is 0, 1 or, of a volume, 2, or None.")

    @property
    def in_plane(self) -> bool:
        """Whether no rotation leaves the plane of the first two axes."""
        return not isinstance(self.rotation_std, tuple)


def draw_parameters(
    settings: Augmentation,
    *,
    dimension: int,
    channels: int,
    seed: int,
    epoch: int,
    index: int,
    voxel_mm: Sequence[float] | None = None,
) -> dict[str, np.ndarray]:
    """Draw what happens to one case in one epoch.

    Args:
        settings: How strongly.
        dimension: 2 or 3 spatial axes.
        channels: Channels of the image.
        seed: Seed of the training.
        epoch: Epoch, from 0.
        index: Position of the case among the training cases; not its place in a batch.
        voxel_mm: Size of a voxel along each axis; None where it is unknown, and then taken as alike along all.

    Returns:
        float32 arrays `matrix` (dimension, dimension) and `motion` (dimension,), which `move` takes, `gain` and
        `offset` (channels,), and `noise_seed`, an int32 number.

    Raises:
        ValueError: Where the settings do not fit the dimension.

    Example:
        >>> again = {"dimension": 2, "channels": 1, "seed": 1, "epoch": 0, "index": 7}
        >>> first, second = (draw_parameters(Augmentation(), **again) for _ in range(2))
        >>> bool(first["noise_seed"] == second["noise_seed"])
        True
    """
    # The leading number keeps this stream apart from that of the order of cases.
    random = np.random.default_rng([2, seed, epoch, index])
    angles = random.standard_normal(3) * _rotation_stds(settings, dimension)
    if len(settings.translation_std) < dimension:
        raise ValueError(f"translation_std is {settings.translation_std}, but {dimension} axes need one number each.")
    translation = random.standard_normal(3)[:dimension] * settings.translation_std[:dimension]
    mirrored = random.random() < settings.flip
    noise_seed = random.integers(-(2**31), 2**31, dtype=np.int32)
    gain = 1 + settings.intensity_scale_std * random.standard_normal(channels)
    offset = settings.intensity_shift_std * random.standard_normal(channels)
    lateral = settings.flip_axis if settings.flip_axis is not None else (0 if dimension == 3 else 1)
    if lateral >= dimension:
        raise ValueError(f"flip_axis is {lateral}, but the image has {dimension} axes: give 0 to {dimension - 1}.")
    mirror_axis = lateral if mirrored else None
    matrix, motion = source_motion(
        angles=angles, translation=translation, mirror_axis=mirror_axis, dimension=dimension, voxel_mm=voxel_mm
    )
    return {
        "matrix": matrix,
        "motion": motion,
        "gain": gain.astype(np.float32),
        "offset": offset.astype(np.float32),
        "noise_seed": noise_seed,
    }


def draw_batch(
    settings: Augmentation,
    *,
    dimension: int,
    channels: int,
    seed: int,
    epoch: int,
    indices: Sequence[int],
    voxel_mm: Sequence[Sequence[float] | None] | None = None,
) -> dict[str, np.ndarray]:
    """Draw for several cases; as `draw_parameters`, each array with a leading batch axis, `voxel_mm` of each case."""
    common = {"dimension": dimension, "channels": channels, "seed": seed, "epoch": epoch}
    sizes = [None] * len(indices) if voxel_mm is None else voxel_mm
    drawn = [
        draw_parameters(settings, **common, index=int(index), voxel_mm=size)
        for index, size in zip(indices, sizes, strict=True)
    ]
    return {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}


@keras.saving.register_keras_serializable(package="kerasmetricloss")
class Augment(keras.layers.Layer):
    """Move image, truth, mask and weights alike, normalise the image, vary its intensity, add noise.

        image -> (moved - shift) / scale * gain + offset + noise_std * noise

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
        return image + self.settings.noise_std * inputs["noise"] if "noise" in inputs else image

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


# How many numbers a standard deviation may have, where it is not one number alone.
_NUMBERS = {"rotation_std": (1, 3), "translation_std": (2, 3)}


def _check_deviation(name: str, value: float | Sequence[float]) -> None:
    several = isinstance(value, list | tuple)
    values, counts = value if several else (value,), _NUMBERS.get(name, (1,))
    fits = len(values) in counts and several == (len(values) > 1)
    # Written so that NaN does not pass.
    if not fits or not all(isinstance(v, int | float | np.number) and 0 <= v < math.inf for v in values):
        kind = "a finite number" if counts == (1,) else f"{' or '.join(map(str, counts))} finite numbers"
        raise ValueError(f"{name} is {value!r}; a standard deviation is {kind} of at least 0.")


def _rotation_stds(settings: Augmentation, dimension: int) -> np.ndarray:
    """Return the standard deviation about each of three axes; a picture turns about the third."""
    if settings.in_plane:
        return np.array([0.0, 0.0, settings.rotation_std])
    if dimension == 2 or len(settings.rotation_std) != 3:
        raise ValueError(f"rotation_std is {settings.rotation_std}: one number, or three for three axes.")
    return np.array(settings.rotation_std)
