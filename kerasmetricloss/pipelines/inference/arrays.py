"""Arrays as PyTorch takes them without a copy; on other backends plain NumPy."""

from typing import Any

import keras
import numpy as np


def empty(shape: tuple[int, ...]) -> np.ndarray:
    """An array in the memory order that the backend computes in: PyTorch would else copy it channels first."""
    if keras.backend.backend() != "torch":
        return np.empty(shape, np.float32)
    return np.moveaxis(np.empty((shape[0], shape[-1], *shape[1:-1]), np.float32), 1, -1)


def copy(out: np.ndarray, part: np.ndarray) -> None:
    """Copy one array into another, on PyTorch with all cores where the order of axes in memory changes."""
    # PyTorch takes neither arrays that are read backwards nor such as must not be written.
    fits = part.dtype == out.dtype and part.flags.writeable and min(part.strides, default=0) >= 0
    if keras.backend.backend() == "torch" and fits:
        import torch

        torch.from_numpy(out).copy_(torch.from_numpy(part))
    else:
        out[...] = part


def uncopied(array: np.ndarray) -> Any:
    """What the backend takes without a copy: Keras copies arrays on their way into PyTorch."""
    if keras.backend.backend() != "torch":
        return array
    import torch

    return torch.from_numpy(array)
