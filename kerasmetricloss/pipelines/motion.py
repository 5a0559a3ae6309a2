"""Rigid motion of images about their centre, with one linear interpolation, on `keras.ops`."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from keras import ops

FRACTION = 2.0**14


def move(images, matrices, shifts, *, in_plane: bool = False):
    """Move each image of a batch; what comes from outside is 0.

        moved[x] = image[A (x - c) + b + c], c = (size - 1) / 2

    Boxes of different size move alike where their centres coincide, as an input box and its output box do.

    Where A and b are whole multiples of 2**-14, as `source_motion` makes them, no position is rounded in boxes of up to
    500 voxels an axis: every backend interpolates at the very same places.

    Args:
        images: float32, shape (batch, *space, channels), two or three spatial axes of known size.
        matrices: float32, shape (batch, axes, axes): A, the inverse of the rotation (and flip) wanted.
        shifts: float32, shape (batch, axes): b, in voxels; minus A times the translation wanted.
        in_plane: Promise that A leaves the last of three axes alone; then whole columns of voxels move together, which
            is several times faster.

    Returns:
        float32, the shape of the images.

    Example:
        >>> image = np.array([[[[1.0], [2.0], [3.0]]]], "float32")  # one row, moved right by one pixel
        >>> moved = move(image, np.eye(2, dtype="float32")[None], np.array([[0.0, -1.0]], "float32"))
        >>> [float(v) for v in moved[0, 0, :, 0]]
        [0.0, 1.0, 2.0]
    """
    images, matrices, shifts = (ops.convert_to_tensor(x, "float32") for x in (images, matrices, shifts))
    size = tuple(images.shape[1:-1])
    if not in_plane or len(size) == 2:
        return _gather(images, size, matrices, shifts)
    moved = _gather(images, size[:2], matrices[:, :2, :2], shifts[:, :2])
    return _slide(moved, shifts[:, 2])


def source_motion(
    *, angles: Sequence[float], translation: Sequence[float], mirror_axis: int | None, dimension: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return A and b of `move` for: mirror, then turn about axis 0, 1 and 2, then shift.

    Args:
        angles: Three angles in radians, counted from the lower axis of a plane towards the higher one; a picture turns
            about the third.
        translation: Voxels an axis.
        mirror_axis: Axis to mirror; None for none.
        dimension: 2 or 3.

    Returns:
        A (dimension, dimension) and b (dimension,), float32, rounded to whole multiples of 2**-14.

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
    inverse = mirror @ rotation[:dimension, :dimension].T
    shift = -inverse @ np.asarray(translation, float)
    # Adding 0.0 turns -0.0 into 0.0.
    return tuple((np.round(part * FRACTION) / FRACTION + 0.0).astype(np.float32) for part in (inverse, shift))


def _gather(images, size: tuple[int, ...], matrices, shifts):
    """Interpolate over the first axes; the axes after them are copied as whole rows."""
    shape, count = ops.shape(images), math.prod(size)
    rows = ops.reshape(images, (-1, math.prod(images.shape[1 + len(size) :])))
    first_row = ops.expand_dims(ops.arange(shape[0], dtype="int32") * count, 1)
    positions, strides = _positions(size, matrices, shifts), np.cumprod([1, *size[:0:-1]])[::-1]
    sides = [_two_sides(x, n, int(stride)) for x, n, stride in zip(positions, size, strides, strict=True)]
    moved = 0.0
    for corner in itertools.product(*sides):
        row = first_row + sum(offset for offset, _ in corner)
        weight = math.prod(weight for _, weight in corner)
        moved = moved + ops.expand_dims(weight, 2) * ops.take(rows, row, axis=0)
    return ops.reshape(moved, shape)


def _positions(size: tuple[int, ...], matrices, shifts) -> list:
    """Return where each voxel comes from: one (batch, voxels) array an axis."""
    centre = (np.array(size, "float32") - 1) / 2
    grid = [axis.ravel() for axis in np.meshgrid(*(np.arange(n, dtype="float32") for n in size), indexing="ij")]
    grid = [ops.convert_to_tensor(axis - c) for axis, c in zip(grid, centre, strict=True)]
    # Sums of products, not matmul: accelerators may round the factors of a matmul.
    return [
        sum(matrices[:, axis, other, None] * grid[other] for other in range(len(size)))
        + (shifts[:, axis, None] + float(centre[axis]))
        for axis in range(len(size))
    ]


def _two_sides(position, n: int, stride: int) -> tuple:
    """Return (row offset, weight) of the voxel below and of the voxel above each position; weight 0 outside."""
    low = ops.floor(position)
    sides = []
    for voxel, weight in ((low, low + 1.0 - position), (low + 1.0, position - low)):
        inside = ops.logical_and(voxel >= 0.0, voxel <= n - 1.0)
        # Clipped before the cast: a position far outside has no int32.
        offset = ops.cast(ops.clip(voxel, 0.0, n - 1.0), "int32") * stride
        sides.append((offset, ops.where(inside, weight, 0.0)))
    return tuple(sides)


def _slide(images, shifts):
    """Move along the last spatial axis by one shift an image: a product with (batch, n, n) interpolation weights."""
    n = images.shape[-2]
    index = ops.arange(n, dtype="float32")
    source = ops.reshape(index, (1, n, 1)) + ops.reshape(shifts, (-1, 1, 1))
    weights = ops.relu(1.0 - ops.abs(source - index))
    return ops.matmul(ops.reshape(weights, (-1, 1, 1, n, n)), images)
