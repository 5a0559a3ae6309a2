"""Decoding one picture or one mask picture: any suffix, 8 or 16 bits, grey, colour or palette; never a silent guess."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kerasmetricloss.datasets.case import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm"})
COLOURS = ("red", "green", "blue")
# ITU-R BT.601 luma, the weights behind Pillow's own conversion to grey.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def read_image(path: Path, *, channels: Sequence[str] = COLOURS) -> np.ndarray:
    """Read a picture as it is stored: no scaling, so 8-bit values stay 0 to 255.

    A grey picture fills every colour asked for; a colour picture asked for ``"grey"`` gives its luma. An alpha channel
    is dropped. A rotation noted in the EXIF data is applied.

    Args:
        path: The file.
        channels: Out of ``"red"``, ``"green"``, ``"blue"`` and ``"grey"``, in the order wanted.

    Returns:
        float32, shape ``(rows, columns, len(channels))``.

    Raises:
        DataError: The file is missing, broken, holds several pictures, or a value that is not finite.
    """
    pixels, _ = _decode(path)
    colours = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.float32)
    planes = {name: colours[..., index] for index, name in enumerate(COLOURS)}
    if "grey" in channels:
        planes["grey"] = colours[..., 0] if pixels.shape[2] == 1 else colours @ _LUMA
    broken = int(colours.size - np.isfinite(colours).sum())
    if broken:
        raise DataError(f"{broken} values are NaN or infinite", file=path, mend="replace them or leave the case out")
    return np.stack([planes[name] for name in channels], axis=-1)


def read_mask(path: Path, *, label: int | None = None) -> np.ndarray:
    """Read a mask picture as booleans.

    * Lossless and at most one value beside 0 (0/1, 0/255, a palette's colour on black): that value is foreground.
    * JPEG, or shades between: foreground is brighter than half of the type's range (127 of 255).
    * Colours: the brightest of the three channels counts, so any colour on black is foreground.
    * With ``label``: the pixels whose stored number (the index, in a palette) is exactly that.

    Args:
        path: The file.
        label: The number of the object in a picture of label numbers, e.g. 38 in a chart of teeth.

    Returns:
        bool, shape ``(rows, columns)``.

    Raises:
        DataError: The file is missing or broken, or none of the rules above says what is foreground.
    """
    if label is not None:
        return _read_label(path, label)
    pixels, form = _decode(path)
    if not np.isfinite(pixels).all():
        raise DataError("the mask holds NaN or infinite values", file=path, mend="save it again as 0 and 255")
    half = _half_of_range(pixels)
    values = pixels.max(axis=2)
    if values.min() > half and np.ptp(pixels, axis=2).max() > half:
        raise DataError("the mask has colours but no black", file=path, mend="save it as white on black")
    levels = np.unique(values)
    if form != "JPEG" and levels[levels != 0].size <= 1:
        return values != 0
    if levels[-1] > half:
        return values > half
    if levels[-1] == 0:
        return np.zeros(values.shape, dtype=bool)
    raise DataError(
        f"the mask has {levels.size} values up to {levels[-1]:g}, which is neither 0/1 nor 0/255",
        file=path,
        mend="save it as 0 and 255 without loss, or name the label number that is meant (label=...)",
    )


def _read_label(path: Path, label: int) -> np.ndarray:
    pixels, form = _decode(path, palette_as_index=True)
    if form == "JPEG":
        raise DataError("label numbers do not survive JPEG", file=path, mend="save the labels as PNG")
    if np.ptp(pixels, axis=2).max() > 0:
        raise DataError("a picture of label numbers has one channel, this one has colours", file=path)
    return pixels[..., 0] == label


def _half_of_range(pixels: np.ndarray) -> float:
    if pixels.dtype == np.uint8:
        return 127.0
    if np.issubdtype(pixels.dtype, np.integer):
        return 32767.0
    return 0.5 if pixels.max() <= 1 else 127.0


def _decode(path: Path, *, palette_as_index: bool = False) -> tuple[np.ndarray, str]:
    """Return the pixels, shape (rows, columns, 1 or 3), and the format's name as Pillow spells it."""
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist or is a broken link"
            raise DataError(f"the picture {what}", file=path, mend="put the picture there")
        with Image.open(path) as picture:
            frames = getattr(picture, "n_frames", 1)
            if frames != 1:
                raise DataError(f"{frames} pictures in one file, expected 1", file=path, mend="save them one by one")
            form = picture.format or ""
            return _pixels(ImageOps.exif_transpose(picture), palette_as_index), form
    except DataError:
        raise
    except PermissionError as error:
        raise DataError("the file may not be read", file=path, mend="change its permissions") from error
    # Pillow's decoders raise OSError, SyntaxError, struct.error, EOFError and their own on broken files.
    except Exception as error:
        reason = " ".join(str(error).replace(repr(str(path)), "it").split())
        raise DataError(f"the picture cannot be decoded ({reason})", file=path, mend="fetch it again") from error


def _pixels(picture: Image.Image, palette_as_index: bool) -> np.ndarray:
    mode = picture.mode
    if mode == "P" and not palette_as_index:
        picture = picture.convert("RGB")
    elif mode == "LA":
        picture = picture.getchannel("L")
    elif mode == "1":
        picture = picture.convert("L")
    elif mode not in ("P", "L", "RGB", "F", "I") and not mode.startswith("I;16"):
        picture = picture.convert("RGB")
    pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[..., None]
