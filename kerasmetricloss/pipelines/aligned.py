"""Arrays that a backend takes as they are: TensorFlow copies each that does not begin at a multiple of 64 bytes."""

import math
from collections.abc import Sequence

import numpy as np

BYTES = 64


def empty(shape: Sequence[int], dtype: np.dtype | type) -> np.ndarray:
    """Return `np.empty` whose first byte lies at a multiple of 64.

    Example:
        >>> empty((3, 5), np.float32).ctypes.data % 64
        0
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + BYTES, np.uint8)
    start = -memory.ctypes.data % BYTES
    return memory[start : start + size].view(dtype).reshape(shape)


def stack(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return `np.stack` of arrays of one shape and kind in such memory.

    Example:
        >>> stack([np.zeros(2), np.ones(2)]).tolist()
        [[0.0, 0.0], [1.0, 1.0]]
    """
    return np.stack(arrays, out=empty((len(arrays), *arrays[0].shape), np.result_type(*arrays)))
