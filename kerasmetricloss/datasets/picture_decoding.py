"""From a picture's file to the numbers that it stores: 1 to 16 bits, grey, colour, palette or transparency.

Pillow holds colours in 8 bits and drops the lower byte of deeper ones without a word. Here PNG and TIFF of 16 bits a
colour keep both bytes, and what would still be cut is refused. Greys of 1, 2 and 4 bits, and those of netpbm, which
Pillow stretches to its own range, are brought back.
"""

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from kerasmetricloss.datasets.case import DataError

_WITHOUT_LOSS = (".png", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".tga", ".pbm", ".pgm", ".ppm", ".pnm")
_WITH_LOSS = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx")
SUFFIXES = frozenset((*_WITHOUT_LOSS, *_WITH_LOSS))
# Interleaved colours of two bytes, and the order of these: big-endian, little-endian, the machine's own.
_TWO_BYTES = re.compile(r"(RGB|RGBA|RGBX);16([BLN])")
# Greys of 2 and 4 bits; in TIFF the order of the bits can be reversed (R), and white can be 0 (I).
_FEW_BITS = re.compile(r"L;([24])R?I?R?")
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_ORIENTATION, _WHITE_OR_BLACK = 274, 262
_FILE = re.compile(r"<_io\.[^>]*>")  # how Pillow's errors name an open file
_TURN_IN_PNG = re.compile(b"eXIf|Raw profile type exif|tiff:Orientation")
_SIZES = b"\xff\x4f\xff\x51"  # JPEG 2000: start of the codestream, then its marker of sizes


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture:
    """A decoded picture, turned as its EXIF data say.

    Args:
        pixels: Shape ``(rows, columns, 1 or 3)``, grey or red, green and blue, in the numbers of the file.
        alpha: Shape ``(rows, columns)``, 0 where transparent; None where every pixel is as opaque as the others.
        indices: Shape ``(rows, columns)``: the numbers that stand for colours of a palette; None without a palette.
        form: The format's name as Pillow spells it, such as ``"PNG"``; ``"lossless WEBP"`` where that is known.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    indices: np.ndarray | None
    form: str


def decode(path: Path) -> Picture:
    """Decode one file.

    Raises:
        DataError: The file is missing, broken, holds several pictures, or colours that would be cut to 8 bits.
    """
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist or is a broken link"
            raise DataError(f"the picture {what}", file=path, mend="put the picture there")
        with _without_warnings(), _opened(path) as picture:
            return _decoded(picture, path)
    except DataError:
        raise
    except PermissionError as error:
        raise DataError("the file may not be read", file=path, mend="change its permissions") from error
    except Image.DecompressionBombError as error:
        problem = f"the picture has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, which are not read"
        raise DataError(problem, file=path, mend="cut it into smaller ones, or shrink it") from error
    # Pillow's decoders raise OSError, SyntaxError, struct.error, EOFError and their own on broken files.
    except Exception as error:
        reason = " ".join(_FILE.sub("it", str(error)).split())
        raise DataError(f"the picture cannot be decoded ({reason})", file=path, mend="fetch it again") from error


def orientation(path: Path) -> int:
    """Return how the EXIF data of a file that was decoded say that it is turned, 1 to 8; 1 is not at all."""
    with _without_warnings(), _opened(path) as picture:
        # Pillow decodes a whole PNG to look for what may stand behind its pixels.
        if picture.format == "PNG" and not _TURN_IN_PNG.search(path.read_bytes()):
            return 1
        turn = picture.getexif().get(_ORIENTATION, 1)
    return turn if turn in range(1, 9) else 1


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a file. By its name Pillow would map it into memory, and scramble the rows of a TIFF that lies turned."""
    with path.open("rb") as file, Image.open(file) as picture:
        yield picture


def _without_warnings() -> warnings.catch_warnings:
    """Hold back what Pillow warns of: large pictures, and broken EXIF data of files whose pixels are whole."""
    return warnings.catch_warnings(action="ignore")


def _decoded(picture: Image.Image, path: Path) -> Picture:
    frames = getattr(picture, "n_frames", 1)
    if frames != 1:
        raise DataError(f"{frames} pictures in one file, expected 1", file=path, mend="save them one by one")
    form, largest = _form(picture, path), _largest(picture)
    if picture.mode[0] not in "IF" and (bits := _bits(picture, path)) > 8:
        pixels, alpha, indices = _two_bytes(picture, path, bits)
    else:
        pixels, alpha, indices = _layers(ImageOps.exif_transpose(picture))
    if picture.mode.startswith("I;16") and picture.format == "TIFF" and picture.tag_v2.get(_WHITE_OR_BLACK) == 0:
        # Where white is 0 Pillow inverts up to 8 bits only.
        pixels = 2 ** _bits(picture, path) - 1 - pixels
    if largest is not None:
        # Pillow stretches these to its own range; the numbers of the file are wanted.
        stretched = 65535 if picture.mode == "I" else 255
        pixels = np.rint(pixels * (largest / stretched)).astype(pixels.dtype)
    if alpha is not None and np.ptp(alpha) == 0:
        alpha = None
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    return Picture(pixels=pixels, alpha=alpha, indices=indices, form=form)


def _form(picture: Image.Image, path: Path) -> str:
    """Return the format; a WebP file tells by the name of a chunk whether it was compressed without loss."""
    form = picture.format or ""
    if form != "WEBP":
        return form
    data, place = path.read_bytes(), len(b"RIFF....WEBP")
    while place < len(data):
        if data[place : place + 4] == b"VP8L":
            return "lossless WEBP"
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return form


def _layers(picture: Image.Image) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Return colours or greys, transparency and the numbers of the palette."""
    mode = picture.mode
    if mode in ("P", "PA"):
        rgba = np.asarray(picture.convert("RGBA"))
        return rgba[..., :3], rgba[..., 3], np.asarray(picture.getchannel(0))
    if mode in ("RGBA", "LA", "RGBa", "La"):
        array = np.asarray(picture.convert(mode.upper()))
        return array[..., :-1], array[..., -1], None
    if mode == "1":
        picture = picture.convert("L")
    elif mode not in ("L", "RGB", "F", "I") and not mode.startswith("I;16"):
        picture = picture.convert("RGB")
    return np.asarray(picture), None, None


def _bits(picture: Image.Image, path: Path) -> int:
    """Return the bits of a number in the file, which Pillow's mode does not tell."""
    if picture.format == "TIFF":
        return max(picture.tag_v2.get(258, (1,)))
    if picture.format == "PPM":
        return (_netpbm_largest(picture) or 255).bit_length()
    if picture.format == "JPEG2000":
        data = path.read_bytes()
        sizes = data.index(_SIZES)
        channels = int.from_bytes(data[sizes + 40 : sizes + 42])
        return max((depth & 0x7F) + 1 for depth in data[sizes + 42 : sizes + 42 + 3 * channels : 3])
    return 16 if any(re.search(";16[BLN]$", raw) for raw in _raw_modes(picture)) else 8


def _two_bytes(picture: Image.Image, path: Path, bits: int) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Return colours of 16 bits. Pillow keeps the high byte; decoded with the byte order swapped, it keeps the low one.

    What holds neither that many bytes a pixel nor all channels of a pixel in one place is refused.
    """
    known = picture.format in ("PNG", "TIFF") and all(_TWO_BYTES.fullmatch(raw) for raw in _raw_modes(picture))
    together = picture.format != "TIFF" or picture.tag_v2.get(284, 1) == 1
    if bits != 16 or not known or not together:
        mend = "save it with 8 bits a colour, as a PNG of 16 bits without transparency, or in 16-bit grey"
        raise DataError(f"its {bits} bits a channel would be cut to 8", file=path, mend=mend)
    with _opened(path) as other:
        other.tile = [tile._replace(args=_other_order(tile.args)) for tile in other.tile]
        low = np.asarray(ImageOps.exif_transpose(other))
    array = np.asarray(ImageOps.exif_transpose(picture)).astype(np.uint16) * 256 + low
    return array[..., :3], array[..., 3] if array.shape[-1] == 4 else None, None


def _other_order(args: Any) -> Any:
    colours, order = _TWO_BYTES.fullmatch(args if isinstance(args, str) else args[0]).groups()
    other = f"{colours};16{_OTHER_ORDER[order]}"
    return other if isinstance(args, str) else (other, *args[1:])


def _raw_modes(picture: Image.Image) -> list[str]:
    """Return how the numbers lie in the file, in Pillow's words."""
    first = [tile.args if isinstance(tile.args, str) else (tile.args or ("",))[0] for tile in picture.tile]
    return [raw for raw in first if isinstance(raw, str)]


def _largest(picture: Image.Image) -> int | None:
    """Return the largest number that the file can hold, where Pillow stretches the numbers to its own range."""
    if picture.mode == "1":
        return 1
    few = [match for raw in _raw_modes(picture) if picture.mode == "L" and (match := _FEW_BITS.fullmatch(raw))]
    return 2 ** int(few[0][1]) - 1 if few else _netpbm_largest(picture)


def _netpbm_largest(picture: Image.Image) -> int | None:
    """Return the largest number that the header of a PGM or PPM allows, where Pillow stretches it."""
    if picture.format != "PPM" or not picture.tile[0].codec_name.startswith("ppm"):
        return None
    args = picture.tile[0].args
    return int(args[-1]) if isinstance(args, tuple) else None
