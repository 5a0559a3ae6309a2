"""From a case on disk to the arrays that a network takes: one grid, one box."""

import math
import mmap
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets import Case, DataError, Volume
from kerasmetricloss.pipelines import geometry

# Shares of a new voxel below this are rounding of its place.
ROUNDING = 1e-4
_MOST_VOXELS = 2**31


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How cases are brought to one grid and one box; plain values, so that it can be hashed and kept as JSON.

    Args:
        output_size: Box that the network outputs, in voxels an axis; truth and mask have it.
        margin: Voxels by which the image's box is larger, on each side of each axis.
        spacing_mm: Isotropic voxels that volumes are resampled to; None leaves their grid.
        picture_size: (width, height) that pictures are resized to; None leaves them.

    Raises:
        ValueError: For a size, margin or spacing that cannot be, or a box of more than 2**31 voxels.

    Example:
        >>> Preparation(spacing_mm=2.0, output_size=(136, 136, 82), margin=13).input_size
        (162, 162, 108)
    """

    output_size: tuple[int, ...]
    margin: int = 0
    spacing_mm: float | None = None
    picture_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        # Settings that were read back from JSON come as lists.
        object.__setattr__(self, "output_size", tuple(int(n) for n in self.output_size))
        if self.picture_size is not None:
            object.__setattr__(self, "picture_size", tuple(int(n) for n in self.picture_size))
        if len(self.output_size) not in (2, 3) or min(self.output_size) < 1:
            raise ValueError(f"output_size is {self.output_size}; it needs 2 or 3 whole numbers of at least 1.")
        if self.margin < 0:
            raise ValueError(f"margin is {self.margin}; it cannot be negative.")
        for name, size in (("output_size and margin", self.input_size), ("picture_size", self.picture_size or ())):
            if math.prod(size) > _MOST_VOXELS:
                came = "x".join(map(str, size))
                raise ValueError(f"{name}: a box of {came} has more than 2**31 voxels; choose a smaller one.")
        if self.spacing_mm is not None and not 0 < self.spacing_mm < np.inf:
            raise ValueError(f"spacing_mm is {self.spacing_mm}; it must be a positive length.")
        if self.picture_size is not None and (len(self.picture_size) != 2 or min(self.picture_size) < 1):
            raise ValueError(f"picture_size is {self.picture_size}; it must be (width, height), each at least 1.")

    @property
    def input_size(self) -> tuple[int, ...]:
        """Box of the image: the output box and the margin on both sides."""
        return tuple(n + 2 * self.margin for n in self.output_size)


@dataclass(frozen=True, eq=False)
class Prepared:
    """One case as a network takes it. The output box lies centred in the input box.

    Args:
        case_id: Name of the case.
        image: float32 (*input, channels), not normalised, zero where the field of view ends.
        truth: uint8 (*output, labels), 0 or 1; 0 where it is unknown.
        mask: uint8 (*output, 1), 1 where an output counts.
        voxel_mm: Size of a voxel along each axis in mm; None for pictures without a scale.
        unknown: Voxels of the output box whose truth is unknown, which no score counts.
    """

    case_id: str
    image: np.ndarray
    truth: np.ndarray
    mask: np.ndarray
    voxel_mm: tuple[float, ...] | None
    unknown: int = 0

    def __reduce__(self) -> tuple:
        """Pickle arrays of a cache as the names of their files, so that other processes map them too."""
        return _unpickled, tuple(_file_of(getattr(self, field.name)) for field in fields(self))


@dataclass(frozen=True)
class _File:
    """A whole array on disk, as NumPy maps it."""

    path: Path


def _file_of(value: object) -> object:
    """The file of an array that is a whole file, mapped to be read; all else as it is."""
    whole = isinstance(value, np.memmap) and isinstance(value.base, mmap.mmap) and value.mode == "r"
    return _File(Path(value.filename)) if whole and str(value.filename).endswith(".npy") else value


def _unpickled(*values: object) -> Prepared:
    return Prepared(*(np.load(v.path, mmap_mode="r") if isinstance(v, _File) else v for v in values))


def prepare(case: Case, preparation: Preparation) -> Prepared:
    """Read one case and bring it to the grid and the box of a preparation.

    Volumes are resampled linearly, image and truth to the same grid; pictures are resized with an antialiased image and
    an area-averaged truth. Truth and mask are then 1 where they are above one half. Voxels whose truth is unknown, in
    whole or in part, leave the mask and are no foreground in the truth; they are counted, for scores to leave them out.
    Last comes the centred crop, or fill with zeros.

    Args:
        case: What to read.
        preparation: Grid and box.

    Returns:
        The arrays.

    Raises:
        DataError: The case cannot be read, or does not fit the preparation; the message names the case.
    """
    try:
        volume = case.read()
        image, truth, mask, unknown, voxel_mm = _on_new_grid(volume, preparation)
    except DataError as error:
        raise error.named(case.id) from error
    return Prepared(
        case_id=case.id,
        image=geometry.crop_or_fill(image, preparation.input_size),
        truth=geometry.crop_or_fill(truth, preparation.output_size),
        mask=geometry.crop_or_fill(mask, preparation.output_size),
        voxel_mm=voxel_mm,
        unknown=int(np.count_nonzero(geometry.crop_or_fill(unknown, preparation.output_size))),
    )


def grid_size(
    volume: Volume, *, spacing_mm: float | None, picture_size: tuple[int, int] | None = None
) -> tuple[int, ...]:
    """Return the voxels an axis of the grid that a preparation brings a volume to, before its box is cut.

    Args:
        volume: A scan or a picture.
        spacing_mm: As for `Preparation`; a volume of unknown voxel size keeps its grid.
        picture_size: As for `Preparation`.

    Raises:
        DataError: They are more than 2**31, as where a header's unit is wrong.
    """
    if picture_size is not None:
        return picture_size[::-1]
    if spacing_mm is None or volume.spacing_mm is None:
        return volume.space
    _check_resampled(volume.space, volume.spacing_mm, spacing_mm)
    return geometry.resampled_size(volume.space, volume.spacing_mm, spacing_mm)


def _check_resampled(size: tuple[int, ...], voxel_mm: tuple[float, ...], spacing_mm: float) -> None:
    """Raise where voxels of so many mm are too many at the spacing."""
    with np.errstate(over="ignore"):
        lengths = np.multiply(size, voxel_mm) / spacing_mm
        voxels = np.prod(lengths)
    if voxels > _MOST_VOXELS:
        old, mm, new = (" x ".join(f"{number:.6g}" for number in numbers) for numbers in (size, voxel_mm, lengths))
        problem = f"{old} voxels of {mm} mm would be {new} voxels of {spacing_mm:g} mm, more than 2**31"
        raise DataError(problem, mend="look at the voxel size in the header, or choose larger voxels (spacing_mm)")


def _on_new_grid(
    volume: Volume, preparation: Preparation
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[float, ...] | None]:
    """Return image, truth, mask, where the truth is unknown, and voxel size on the grid of the preparation."""
    axes = volume.image.ndim - 1
    if axes != len(preparation.output_size):
        raise DataError(
            f"the image has {axes} spatial axes, but the output box {preparation.output_size} has "
            f"{len(preparation.output_size)}",
            mend="choose an output box of as many axes",
        )
    image, voxel_mm = np.asarray(volume.image, np.float32), volume.spacing_mm
    labels = volume.truth.shape[-1]
    binary = _stacked(volume)
    if preparation.spacing_mm is not None:
        if voxel_mm is None:
            raise DataError("the voxel size is unknown, so the image cannot be resampled", mend="set spacing_mm=None")
        _check_resampled(volume.space, voxel_mm, preparation.spacing_mm)
        binary = _binary(geometry.resample(binary, voxel_mm, preparation.spacing_mm), labels)
        image = geometry.resample(image, voxel_mm, preparation.spacing_mm)
        voxel_mm = (float(preparation.spacing_mm),) * axes
    if preparation.picture_size is not None:
        if axes != 2:
            raise DataError(f"picture_size is set, but the image has {axes} axes", mend="set spacing_mm instead")
        if voxel_mm is not None:
            height_width = preparation.picture_size[::-1]
            voxel_mm = tuple(mm * n / m for mm, n, m in zip(voxel_mm, image.shape[:2], height_width, strict=True))
        binary = _binary(geometry.average_area(binary, preparation.picture_size), labels)
        image = geometry.resize_picture(image, preparation.picture_size)
    # What is unknown is neither foreground, where no prediction could meet it, nor in the mask of the predictions.
    unknown = binary[..., labels + 1 :].max(axis=-1, keepdims=True, initial=0)
    truth, mask = binary[..., :labels] * (1 - unknown), binary[..., labels : labels + 1] * (1 - unknown)
    return image, truth, mask, unknown, voxel_mm


def _stacked(volume: Volume) -> np.ndarray:
    """Return truth, mask and, where there is one, ignore as channels of one uint8 array."""
    layers = [volume.truth, volume.mask[..., None]]
    if volume.ignore is not None:
        layers.append(volume.ignore[..., None])
    return np.concatenate(layers, axis=-1, dtype=np.uint8)


def _binary(shares: np.ndarray, labels: int) -> np.ndarray:
    """Return interpolated layers as 0 and 1: truth and mask above one half, ignore wherever it has a share."""
    binary = geometry.binarise(shares)
    binary[..., labels + 1 :] = shares[..., labels + 1 :] > ROUNDING
    return binary
