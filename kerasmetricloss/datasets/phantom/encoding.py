"""Arrays to the bytes of a file, the same bytes every time: no time stamps, no names of the machine."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image


def png_bytes(pixels: np.ndarray) -> bytes:
    """Return an 8-bit picture, shape (rows, columns) or (rows, columns, 3), as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return named arrays as a compressed NumPy archive; NumPy dates its members 1980, whatever the clock says."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
