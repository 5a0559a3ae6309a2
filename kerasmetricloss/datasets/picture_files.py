"""One picture or one mask picture: any suffix, 1 to 16 bits, grey, colour, palette or transparency; never a guess."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import DataError
from kerasmetricloss.datasets.picture_decoding import SUFFIXES as SUFFIXES
from kerasmetricloss.datasets.picture_decoding import Picture, decode, orientation

COLOURS = ("red", "green", "blue")
# ITU-R BT.601 luma, the weights behind Pillow's own conversion to grey.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# Formats that change values, or may: no number in them is sure.
_ALWAYS_LOSSY = ("JPEG", "MPO", "WEBP")
_LOSSY = (*_ALWAYS_LOSSY, "JPEG2000", "AVIF")
_NUMBER = "name the number that is meant (label=... of radiographs, values=... of a folder)"
# EXIF orientations from here on exchange rows and columns.
_FIRST_QUARTER = 5
# A picture of labels has few colours; one of soft edges in several colours has more.
_MOST_LABELS = 64
# So have grey numbers; soft edges and what JPEG left have more, or few pixels.
_MOST_NUMBERS = 8
_FEW = 0.05
# What compression moves a colour by, of the 127 that are half of the range.
_NOISE = 20 / 127


def read_image(path: Path, *, channels: Sequence[str] = COLOURS) -> np.ndarray:
    """Read a picture as it is stored: no scaling, so 8-bit values stay 0 to 255 and 16-bit values 0 to 65535.

    Greys of 1, 2 and 4 bits are 0 to 1, 3 and 15. A grey picture fills every colour asked for; a colour picture asked
    for ``"grey"`` gives its luma. An alpha channel is dropped. A rotation noted in the EXIF data is applied.

    Args:
        path: The file.
        channels: Out of ``"red"``, ``"green"``, ``"blue"`` and ``"grey"``, in the order wanted.

    Returns:
        float32, shape ``(rows, columns, len(channels))``.

    Raises:
        DataError: The file is missing, broken, holds several pictures, colours that would be cut to 8 bits, or a value
            that is not finite.
    """
    pixels = decode(path).pixels
    colours = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.float32)
    planes = {name: colours[..., index] for index, name in enumerate(COLOURS)}
    if "grey" in channels:
        coloured = np.ptp(colours, axis=2) > 0
        planes["grey"] = np.where(coloured, colours @ _LUMA, colours[..., 0])
    broken = int(colours.size - np.isfinite(colours).sum())
    if broken:
        raise DataError(f"{broken} values are NaN or infinite", file=path, mend="replace them or leave the case out")
    return np.stack([planes[name] for name in channels], axis=-1)


def read_mask(path: Path, *, label: int | None = None) -> np.ndarray:
    """Read a mask picture as booleans. The first of these rules that fits says what is foreground.

    * With ``label``: the pixels whose stored number (the index, in a palette) is exactly that.
    * Transparency: where all pixels have one colour, the alpha channel is the mask, by the rules below. Where colour
      and alpha both vary, both must give the same mask.
    * Labels in colour, beside black: in a palette that is not all grey, or up to 64 colours of several hues without
      loss: every colour but black, however dark. (The pale border of unknown pixels in VOC's palette is one of them.)
    * Lossless and at most one value beside 0 (0/1, 0/255, one colour on black): that value.
    * JPEG, lossy WebP, or shades between: the brightest of the channels is above half of the type's range (127 of
      255). An object about as bright as that half is an error; without loss also an object of its own below it, as
      where 0, 1 and 255 are numbers.

    Args:
        path: The file.
        label: The number of the object in a picture of label numbers, e.g. 38 in a chart of teeth.

    Returns:
        bool, shape ``(rows, columns)``.

    Raises:
        DataError: The file is missing or broken, or none of the rules above says what is foreground.
    """
    if label is not None:
        return read_numbers(path) == label
    picture = _finite(path)
    if picture.alpha is None:
        return _foreground(picture, path)
    opaque = _foreground(Picture(pixels=picture.alpha[..., None], alpha=None, indices=None, form=picture.form), path)
    if not _varies(picture.pixels):
        return opaque
    mask = _foreground(picture, path)
    if not np.array_equal(mask, opaque):
        mend = "save it as white on black without transparency"
        raise DataError("the mask's colours and its transparency show different objects", file=path, mend=mend)
    return mask


def check_same_turn(file: Path, image: Path, size: Sequence[int]) -> None:
    """Raise DataError where a picture and its image, of one size once decoded, may show the scene turned apart.

    They do where their EXIF data turn them in two ways. But where only the image has such data, and these turn it by a
    quarter, a picture of the turned size, which is not square, was made from the turned image.

    Args:
        file: A mask, or another plane of the image.
        image: The image.
        size: Rows and columns of both.
    """
    turn, expected = orientation(file), orientation(image)
    quarter = expected >= _FIRST_QUARTER and size[0] != size[1]
    if turn == expected or (turn == 1 and quarter):
        return
    problem = f"its EXIF data say orientation {turn}, those of {image.name} {expected}: which way it lies is not known"
    raise DataError(problem, file=file, mend="save both turned upright, without EXIF data")


def read_numbers(path: Path) -> np.ndarray:
    """Read a picture of label numbers: what its grey pixels store, or the indices of its palette.

    Args:
        path: The file.

    Returns:
        Shape ``(rows, columns)``, in the type of the file.

    Raises:
        DataError: The file is missing or broken, its format changes numbers, or it has colours or transparency.
    """
    picture = _finite(path)
    if picture.form in _LOSSY:
        raise DataError(f"label numbers do not survive {picture.form}", file=path, mend="save the labels as PNG")
    numbers = picture.pixels if picture.indices is None else picture.indices[..., None]
    mend = "save the numbers as a grey picture or as a palette's"
    if np.ptp(numbers, axis=2).max() > 0:
        problem = "a picture of label numbers has one channel, this one has colours"
        raise DataError(problem, file=path, mend=mend)
    if picture.alpha is not None and not _varies(numbers):
        raise DataError("a picture of label numbers has no transparency, this one has", file=path, mend=mend)
    return numbers[..., 0]


def _finite(path: Path) -> Picture:
    picture = decode(path)
    if not np.isfinite(picture.pixels).all():
        raise DataError("the mask holds NaN or infinite values", file=path, mend="save it again as 0 and 255")
    return picture


def _foreground(picture: Picture, path: Path) -> np.ndarray:
    """Apply the rules to the colours alone."""
    pixels, half = picture.pixels, _half_of_range(picture.pixels)
    values = pixels.max(axis=2)
    if pixels.min() < 0:
        raise DataError("the mask holds negative numbers", file=path, mend=f"save it as 0 and 255, or {_NUMBER}")
    if picture.indices is not None and _varies(picture.indices) and not _varies(pixels):
        mend = f"give each number a colour, save it as 0 and 255, or {_NUMBER}"
        raise DataError("the mask's palette gives all its numbers one colour", file=path, mend=mend)
    if values.min() > half and np.ptp(pixels, axis=2).max() > half:
        raise DataError("the mask has colours but no black", file=path, mend="save it as white on black")
    levels = np.unique(values)
    if picture.form not in _ALWAYS_LOSSY and levels[levels != 0].size <= 1:
        return values != 0
    if levels[0] == 0 and _colours_are_labels(picture):
        return values != 0
    lossy = picture.form in _LOSSY
    if (lossy or levels.size - 1 > _MOST_NUMBERS) and _is_at_half(values, half, share=_FEW if lossy else 0.5):
        problem = (
            f"the mask's object is about as bright as half of the range ({half:g}), which compression moves it across"
        )
        raise DataError(problem, file=path, mend=f"save it as 0 and 255 without loss, or {_NUMBER}")
    if levels[-1] > half and (lossy or not _loses_an_object(values, levels, half)):
        return values > half
    if levels[-1] == 0:
        return np.zeros(values.shape, dtype=bool)
    raise DataError(
        f"the mask has {levels.size} values up to {levels[-1]:g}, which is neither 0/1 nor 0/255",
        file=path,
        mend=f"save it as 0 and 255 without loss, or {_NUMBER}",
    )


def _is_at_half(values: np.ndarray, half: float, *, share: float) -> bool:
    """Whether more than a share of what is above half lies, as all pixels around it, close to half: no edge does."""
    near = np.abs(values - np.float32(half)) <= _NOISE * half
    inner = _neighbours(near, np.logical_and)
    return bool(np.count_nonzero(inner) > share * np.count_nonzero(values > half))


def _neighbours(pixels: np.ndarray, combine: np.ufunc) -> np.ndarray:
    """Combine each pixel with the eight around it, which are False outside the picture."""
    wide = np.pad(pixels, 1)
    rows, columns = pixels.shape
    parts = (wide[down : down + rows, right : right + columns] for down in range(3) for right in range(3))
    return functools.reduce(combine, parts)


def _loses_an_object(values: np.ndarray, levels: np.ndarray, half: float) -> bool:
    """Whether what is not above half is an object of its own, such as the 1 of 0/1/255, and not a soft edge."""
    bright = values > half
    dark = (values > levels[0]) & ~bright
    if levels.size - 1 > _MOST_NUMBERS or not dark.any():
        return False
    # An edge is beside what it is the edge of.
    dark &= ~_neighbours(bright, np.logical_or)
    return bool(np.count_nonzero(dark) > _FEW * np.count_nonzero(bright))


def _colours_are_labels(picture: Picture) -> bool:
    """Whether a dark colour is an object like a bright one, and not the soft edge or the noise of one."""
    colours = picture.pixels.reshape(-1, picture.pixels.shape[2])
    if picture.form in _LOSSY or not np.ptp(colours, axis=1).any():
        return False
    if picture.indices is not None:
        return True
    # One number a colour sorts much faster than rows of three.
    _, first = np.unique(colours.astype(np.int64) @ (1 << 32, 1 << 16, 1), return_index=True)
    if first.size > _MOST_LABELS:
        return False
    colours = colours[first].astype(float)
    brightest = colours[colours.max(axis=1).argmax()]
    # The shades of one hue are multiples of its brightest colour, to rounding.
    share = colours.max(axis=1, keepdims=True) / brightest.max()
    return bool(np.abs(colours - share * brightest).max() > 1)


def _varies(array: np.ndarray) -> bool:
    return bool((array != array[0, 0]).any())


def _half_of_range(pixels: np.ndarray) -> float:
    if pixels.dtype == np.uint8:
        return 127.0
    if np.issubdtype(pixels.dtype, np.integer):
        return 32767.0
    return 0.5 if pixels.max() <= 1 else 127.0
