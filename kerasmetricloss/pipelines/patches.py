"""Patches of volumes and pictures: how they are cut, and how far a motion reaches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops


@dataclass(frozen=True, kw_only=True)
class Patches:
    """What patches a network is trained on.

    Args:
        output_size: Box that the network outputs, in voxels an axis; truth and mask of a patch have it.
        margin: Voxels by which the image of a patch is larger, on each side of each axis.
        foreground: Share of the patches whose centre is foreground of any label, the others' being background; None
            draws centres uniformly inside the mask.
        volumes: Cases that one batch is cut from; so many are held open.
        repeats: Batches that are cut from them, one after the other, before the next cases are opened.

    Raises:
        ValueError: For a size, margin, share or number that cannot be.

    Example:
        >>> Patches(output_size=(15, 15, 15), margin=24).input_size
        (63, 63, 63)
    """

    output_size: tuple[int, ...]
    margin: int = 0
    foreground: float | None = None
    volumes: int = 4
    repeats: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "output_size", tuple(int(n) for n in self.output_size))
        if len(self.output_size) not in (2, 3) or min(self.output_size) < 1:
            raise ValueError(f"output_size is {self.output_size}; it needs 2 or 3 whole numbers of at least 1.")
        if self.margin < 0:
            raise ValueError(f"margin is {self.margin}; it cannot be negative.")
        if self.foreground is not None and not 0 <= self.foreground <= 1:
            raise ValueError(f"foreground is {self.foreground}; a share lies between 0 and 1.")
        if min(self.volumes, self.repeats) < 1:
            raise ValueError(f"volumes is {self.volumes} and repeats {self.repeats}; both must be at least 1.")

    @property
    def input_size(self) -> tuple[int, ...]:
        """Box of the image: the output box and the margin on both sides."""
        return tuple(n + 2 * self.margin for n in self.output_size)

    def steps(self, cases: int) -> int:
        """Batches of an epoch over so many cases."""
        return -(-cases // self.volumes) * self.repeats


def cut(array: np.ndarray, starts: np.ndarray, size: Sequence[int], *, out: np.ndarray | None = None) -> np.ndarray:
    """Cut boxes out of an array; outside of it they hold 0. Of a memory map only those voxels are read.

    Args:
        array: Shape (*space, channels).
        starts: First voxel of each box, shape (boxes, axes); it may lie outside.
        size: Voxels an axis of a box.
        out: Where to put them; None makes an array.

    Returns:
        The same dtype, shape (boxes, *size, channels).

    Example:
        >>> cut(np.array([[1], [2], [3]]), np.array([[-1], [1]]), (3,))[..., 0].tolist()
        [[0, 1, 2], [2, 3, 0]]
    """
    boxes = np.empty((len(starts), *size, array.shape[-1]), array.dtype) if out is None else out
    space = array.shape[:-1]
    for box, start in zip(boxes, np.asarray(starts).tolist(), strict=True):
        inside = [(max(a, 0), min(a + m, n)) for a, m, n in zip(start, size, space, strict=True)]
        if any(last - first < m for (first, last), m in zip(inside, size, strict=True)):
            box[...] = 0
        if all(first < last for first, last in inside):
            target = tuple(slice(first - a, last - a) for (first, last), a in zip(inside, start, strict=True))
            box[target] = array[tuple(slice(first, last) for first, last in inside)]
    return boxes


def cut_on_device(arrays, which, starts, size: Sequence[int]):
    """Do what `cut` does for stacked arrays on `keras.ops`, so that it runs where the arrays lie.

    Args:
        arrays: Shape (arrays, *space, channels).
        which: The array of each box, int32, shape (boxes,).
        starts: First voxel of each box, int32, shape (boxes, axes).
        size: Voxels an axis of a box.

    Returns:
        The same dtype, shape (boxes, *size, channels).

    Example:
        >>> array = np.array([[[1], [2], [3]]], "int32")
        >>> boxes = cut_on_device(array, np.array([0], "int32"), np.array([[1]], "int32"), (3,))
        >>> [int(v) for v in boxes[0, :, 0]]
        [2, 3, 0]
    """
    arrays, which, starts = ops.convert_to_tensor(arrays), ops.convert_to_tensor(which), ops.convert_to_tensor(starts)
    space, axes = tuple(arrays.shape[1:-1]), len(size)
    row, inside = ops.reshape(which, (-1, *(1,) * axes)), True
    for axis, (n, m) in enumerate(zip(space, size, strict=True)):
        shape = [-1, *(1,) * axes]
        voxel = ops.reshape(starts[:, axis], shape)
        shape[0], shape[1 + axis] = 1, m
        voxel = voxel + ops.reshape(ops.arange(m, dtype="int32"), shape)
        row = row * n + ops.clip(voxel, 0, n - 1)
        inside = ops.logical_and(inside, ops.logical_and(voxel >= 0, voxel < n))
    boxes = ops.take(ops.reshape(arrays, (-1, arrays.shape[-1])), row, axis=0)
    return ops.where(ops.expand_dims(inside, -1), boxes, ops.zeros_like(boxes))


def slack_of(
    size: Sequence[int], *, rotates: Sequence[bool], moves: bool, voxel_mm: Sequence[float] | None = None
) -> tuple[int, ...]:
    """Return by how many voxels a box must reach further on each side so that a motion leaves none of it empty.

    A box that turns in the plane of two or three axes reaches, along each, as far as its diagonal. Of a shift only the
    fraction of a voxel is left once the box is cut elsewhere.

    Args:
        size: Voxels an axis of the box.
        rotates: The axes that rotations mix.
        moves: Whether there is any rotation or shift.
        voxel_mm: Size of a voxel along each axis; None is alike along all.

    Returns:
        Voxels an axis.

    Example:
        >>> slack_of((3, 4, 9), rotates=(True, True, False), moves=True)
        (2, 2, 1)
    """
    boxes = list(zip(size, voxel_mm or (1,) * len(size), rotates, strict=True))
    # In units of the first voxel, so that equal sizes give the very numbers of unknown ones.
    boxes = [(n, mm / boxes[0][1], turns) for n, mm, turns in boxes]
    diagonal = math.hypot(*(n * mm for n, mm, turns in boxes if turns))
    reach = (math.ceil((diagonal / mm - n) / 2) if turns else 0 for n, mm, turns in boxes)
    return tuple(n + (1 if moves else 0) for n in reach)
