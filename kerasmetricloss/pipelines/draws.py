"""How strongly images are varied, and the random numbers of it: drawn by NumPy, the same for every backend."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from kerasmetricloss.pipelines.motion import source_motion


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How strongly images are varied; the defaults are the lab's later settings.

    Args:
        rotation_std: Standard deviation of the angle, in radians. One number turns a picture, or a volume about its
            last (axial) axis; three numbers turn a volume about each axis. Where the size of a voxel is known, the turn
            is rigid in mm, also where voxels are longer along one axis than along another.
        translation_std: Standard deviation of the shift, in voxels, one number an axis (a picture takes the first two).
            For whole images it is at most a quarter of their box, so that objects stay in volumes of few slices.
        flip: Probability of a mirror image.
        flip_axis: Axis that is mirrored; None is left and right: axis 0 of a volume, the columns of a picture.
        noise_std: Standard deviation of Gaussian noise, a voxel and channel, in units of the normalised image.
        intensity_shift_std: Standard deviation of an offset, a channel, in units of the normalised image.
        intensity_scale_std: Standard deviation of a factor about 1, a channel.
        restore: Bring the image back to its own units once it was varied in normalised ones: for a network that
            normalises its input itself.
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
    restore: bool = False
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
        """Whether no rotation and no mirror image leaves the plane of the first two axes."""
        return not isinstance(self.rotation_std, tuple) and self.flip_axis != 2


def draw_parameters(
    settings: Augmentation,
    *,
    dimension: int,
    channels: int,
    seed: int,
    epoch: int,
    index: int,
    voxel_mm: Sequence[float] | None = None,
    box: Sequence[int] | None = None,
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
        box: Voxels an axis of a whole image; a quarter of them is the largest standard deviation of the shift.

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
    stds = np.minimum(settings.translation_std[:dimension], np.inf if box is None else np.asarray(box) / 4)
    translation = random.standard_normal(3)[:dimension] * stds
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
    box: Sequence[int] | None = None,
) -> dict[str, np.ndarray]:
    """Draw for several cases; as `draw_parameters`, each array with a leading batch axis, `voxel_mm` of each case."""
    common = {"dimension": dimension, "channels": channels, "seed": seed, "epoch": epoch, "box": box}
    sizes = [None] * len(indices) if voxel_mm is None else voxel_mm
    drawn = [
        draw_parameters(settings, **common, index=int(index), voxel_mm=size)
        for index, size in zip(indices, sizes, strict=True)
    ]
    return {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}


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
    if not isinstance(settings.rotation_std, tuple):
        return np.array([0.0, 0.0, settings.rotation_std])
    if dimension == 2 or len(settings.rotation_std) != 3:
        raise ValueError(f"rotation_std is {settings.rotation_std}: one number, or three for three axes.")
    return np.array(settings.rotation_std)
