"""Rigid motion of images about their centre, with one linear interpolation, on `keras.ops`."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

FRACTION = 2.0**14


def move(images, matrices, shifts, *, in_plane: bool = False, nearest: bool = False, size: Sequence[int] | None = None):
    """Move each image of a batch; what comes from outside is 0.

        moved[x] = image[A (x - c') + b + c], c = (size of the image - 1) / 2, c' = (size - 1) / 2

    Boxes of different size move alike where their centres coincide, as an input box and its output box do.

    Where A and b are whole multiples of 2**-14, as `source_motion` makes them, no position is rounded in boxes of up to
    500 voxels an axis: every backend interpolates at the very same places.

    Args:
        images: float32, shape (batch, *space, channels), two or three spatial axes of known size.
        matrices: float32, shape (batch, axes, axes): A, the inverse of the rotation (and flip) wanted.
        shifts: float32, shape (batch, axes): b, in voxels; minus A times the translation wanted.
        in_plane: Promise that A leaves the last of three axes alone; then whole columns of voxels move together, which
            is several times faster.
        nearest: Take the nearest voxel instead of the linear interpolation; half way, the higher index.
        size: Voxels an axis of what is wanted; None keeps the size of the images.

    Returns:
        float32, shape (batch, *size, channels).

    Example:
        >>> image = np.array([[[[1.0], [2.0], [3.0]]]], "float32")  # one row, moved right by one pixel
        >>> moved = move(image, np.eye(2, dtype="float32")[None], np.array([[0.0, -1.0]], "float32"))
        >>> [float(v) for v in moved[0, 0, :, 0]]
        [0.0, 1.0, 2.0]
    """
    source = tuple(images.shape[1:-1])
    wanted = source if size is None else tuple(size)
    in_plane = in_plane and len(source) == 3
    if in_plane:
        images = slide(images, shifts, nearest=nearest, size=wanted[2])
    return turn(images, matrices, shifts, in_plane=in_plane, nearest=nearest, size=wanted)


def slide(images, shifts, *, nearest: bool = False, size: int):
    """Move along the last spatial axis, the first half of `move` with `in_plane`.

    Compile it apart from `turn`: in one program XLA puts this loop into that one and runs it four times.

    Args:
        images: As for `move`, three spatial axes.
        shifts: As for `move`; the last is used.
        nearest: As for `move`.
        size: Voxels of that axis wanted.

    Returns:
        float32, shape (batch, *first two axes, size, channels).

    Example:
        >>> column = np.array([1.0, 2.0, 3.0], "float32").reshape(1, 1, 1, 3, 1)
        >>> moved = slide(column, np.array([[0.0, 0.0, 0.5]], "float32"), size=3)
        >>> [float(v) for v in moved[0, 0, 0, :, 0]]
        [1.5, 2.5, 1.5]
    """
    images, shifts = (ops.convert_to_tensor(x, "float32") for x in (images, shifts))
    return _slide(images, size, shifts[:, 2], _nearest_side if nearest else _two_sides)


def turn(images, matrices, shifts, *, in_plane: bool = False, nearest: bool = False, size: Sequence[int]):
    """Move what `slide` gave along the first two axes, or, without `in_plane`, along all.

    Args:
        images: As for `move`.
        matrices: As for `move`.
        shifts: As for `move`.
        in_plane: Leave the last of three axes as it is.
        nearest: As for `move`.
        size: Voxels an axis of what is wanted.

    Returns:
        float32, shape (batch, *size, channels).

    Example:
        >>> image = np.arange(8, dtype="float32").reshape(1, 2, 2, 2, 1)
        >>> half = np.array([[[-1, 0, 0], [0, -1, 0], [0, 0, 1]]], "float32")
        >>> turned = turn(image, half, np.zeros((1, 3), "float32"), in_plane=True, size=(2, 2, 2))
        >>> [int(v) for v in np.ravel(turned)]
        [6, 7, 4, 5, 2, 3, 0, 1]
    """
    images, matrices, shifts = (ops.convert_to_tensor(x, "float32") for x in (images, matrices, shifts))
    axes = 2 if in_plane else len(images.shape) - 2
    sides = _nearest_side if nearest else _two_sides
    return _gather(images, tuple(size[:axes]), matrices[:, :axes, :axes], shifts[:, :axes], sides)


def source_motion(
    *,
    angles: Sequence[float],
    translation: Sequence[float],
    mirror_axis: int | None,
    dimension: int,
    voxel_mm: Sequence[float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return A and b of `move` for: mirror, then turn about axis 0, 1 and 2, then shift.

    Args:
        angles: Three angles in radians, counted from the lower axis of a plane towards the higher one; a picture turns
            about the third.
        translation: Voxels an axis.
        mirror_axis: Axis to mirror; None for none.
        dimension: 2 or 3.
        voxel_mm: Size of a voxel along each axis, so that the turn is one in space: for voxels of the sizes S it is
            S**-1 R S in voxels. None is alike along all axes.

    Returns:
        A (dimension, dimension) and b (dimension,), float32, rounded to whole multiples of 2**-14.

    Raises:
        ValueError: For another number of sizes than axes, or one that is not positive.

    Example:
        >>> a, b = source_motion(angles=(0, 0, 0), translation=(1, 2), mirror_axis=1, dimension=2)
        >>> a.tolist(), b.tolist()
        ([[1.0, 0.0], [0.0, -1.0]], [-1.0, 2.0])
    """
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        first, second = (other for other in range(3) if other != axis)
        turn = np.eye(3)
        turn[[first, second], [first, second]] = math.cos(angle)
        turn[first, second], turn[second, first] = -math.sin(angle), math.sin(angle)
        rotation = turn @ rotation
    mirror = np.eye(dimension)
    if mirror_axis is not None:
        mirror[mirror_axis, mirror_axis] = -1.0
    sizes = np.ones(dimension) if voxel_mm is None else np.asarray(voxel_mm, float)
    if sizes.shape != (dimension,) or not np.all(sizes > 0):
        raise ValueError(f"voxel_mm is {voxel_mm}; expected {dimension} positive sizes, one an axis.")
    # Of equal sizes each ratio is 1 exactly.
    inverse = mirror @ rotation[:dimension, :dimension].T * (sizes / sizes[:, None])
    shift = -inverse @ np.asarray(translation, float)
    # Adding 0.0 turns -0.0 into 0.0.
    return tuple((np.round(part * FRACTION) / FRACTION + 0.0).astype(np.float32) for part in (inverse, shift))


def _gather(images, wanted: tuple[int, ...], matrices, shifts, sides: Callable):
    """Interpolate over the first axes; the axes after them are copied as whole rows."""
    shape, size = ops.shape(images), tuple(images.shape[1 : 1 + len(wanted)])
    rest = images.shape[1 + len(wanted) :]
    rows = ops.reshape(images, (-1, math.prod(rest)))
    first_row = ops.expand_dims(ops.arange(shape[0], dtype="int32") * math.prod(size), 1)
    positions, strides = _positions(size, wanted, matrices, shifts), np.cumprod([1, *size[:0:-1]])[::-1]
    taps = [sides(x, n, int(stride)) for x, n, stride in zip(positions, size, strides, strict=True)]
    moved = 0.0
    for corner in itertools.product(*taps):
        row = first_row + sum(offset for offset, _ in corner)
        weight = math.prod(weight for _, weight in corner)
        moved = moved + ops.expand_dims(weight, 2) * ops.take(rows, row, axis=0)
    return ops.reshape(moved, (-1, *wanted, *rest))


def _positions(size: tuple[int, ...], wanted: tuple[int, ...], matrices, shifts) -> list:
    """Return where each voxel comes from: one (batch, voxels) array an axis."""
    centre = (np.array(size, "float32") - 1) / 2
    grid = np.meshgrid(*(np.arange(n, dtype="float32") - (n - 1) / 2 for n in wanted), indexing="ij")
    grid = [ops.convert_to_tensor(axis.ravel(), "float32") for axis in grid]
    # Sums of products, not matmul: accelerators may round the factors of a matmul.
    return [
        sum(matrices[:, axis, other, None] * grid[other] for other in range(len(size)))
        + (shifts[:, axis, None] + float(centre[axis]))
        for axis in range(len(size))
    ]


def _slide(images, wanted: int, shifts, sides: Callable):
    """Move along the last spatial axis, by one shift an image."""
    *space, size, channels = images.shape[1:]
    columns = math.prod(space)
    rows = ops.reshape(images, (-1, channels))
    first_row = ops.arange(ops.shape(images)[0] * columns, dtype="int32") * size
    grid = np.arange(wanted, dtype="float32") + ((size - 1) / 2 - (wanted - 1) / 2)
    position = ops.expand_dims(shifts, 1) + ops.convert_to_tensor(grid, "float32")
    moved = 0.0
    for offset, weight in sides(position, size, 1):
        row = ops.reshape(first_row, (-1, columns, 1)) + ops.expand_dims(offset, 1)
        moved = moved + ops.reshape(weight, (-1, 1, wanted, 1)) * ops.take(rows, row, axis=0)
    return ops.reshape(moved, (-1, *space, wanted, channels))


def _two_sides(position, n: int, stride: int) -> tuple:
    """Return (row offset, weight) of the voxel below and of the voxel above each position; weight 0 outside."""
    low = ops.floor(position)
    return _side(low, low + 1.0 - position, n, stride), _side(low + 1.0, position - low, n, stride)


def _nearest_side(position, n: int, stride: int) -> tuple:
    """Return (row offset, weight) of the voxel nearest to each position; weight 0 outside."""
    return (_side(ops.floor(position + 0.5), ops.ones_like(position), n, stride),)


def _side(voxel, weight, n: int, stride: int) -> tuple:
    inside = ops.logical_and(voxel >= 0.0, voxel <= n - 1.0)
    # Clipped before the cast: a position far outside has no int32.
    offset = ops.cast(ops.clip(voxel, 0.0, n - 1.0), "int32") * stride
    return offset, ops.where(inside, weight, 0.0)
