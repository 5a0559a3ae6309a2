"""Picture files of kinds that Pillow cannot write."""

import struct
import zlib

import numpy as np
from PIL import Image

TRUTH = np.zeros((16, 24), dtype=bool)


TRUTH[4:12, 8:20] = True


def save(path, pixels, **options):
    Image.fromarray(np.asarray(pixels)).save(path, **options)
    return path


def deep_png(path, pixels):
    """Write 16-bit red, green, blue (and alpha), which Pillow cannot: big-endian rows, each after filter type 0."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    data = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


def deep_tiff(path, pixels, order, *, squeezed=False, planes=False):
    """Write 16-bit red, green and blue as one strip, or as one a plane, low byte first ("<") or last (">")."""
    height, width, channels = pixels.shape
    strips = [pixels[..., plane] for plane in range(channels)] if planes else [pixels]
    strips = [strip.astype(f"{order}u2").tobytes() for strip in strips]
    strips = [zlib.compress(strip) if squeezed else strip for strip in strips]
    first = 8 + 2 + 11 * 12 + 4
    starts = [first + 6 + 24 + sum(map(len, strips[:number])) for number in range(len(strips))]
    lists = struct.pack(f"{order}3H", 16, 16, 16) + struct.pack(
        f"{order}6I", *starts, *[0] * (3 - len(starts)), *map(len, strips), *[0] * (3 - len(strips))
    )
    many = len(strips) > 1
    tags = [
        *(
            (256, 3, 1, width),
            (257, 3, 1, height),
            (258, 3, 3, first),
            (259, 3, 1, 8 if squeezed else 1),
            (262, 3, 1, 2),
        ),
        *((273, 4, len(strips), first + 6 if many else starts[0]), (277, 3, 1, 3), (278, 3, 1, height)),
        *((279, 4, len(strips), first + 18 if many else len(strips[0])), (284, 3, 1, 2 if planes else 1)),
        (339, 3, 1, 1),
    ]
    # A short value stands in the first two of its four bytes.
    fields = [
        struct.pack(f"{order}HHIHxx" if kind == 3 and count == 1 else f"{order}HHII", tag, kind, count, value)
        for tag, kind, count, value in tags
    ]
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    body = struct.pack(f"{order}H", len(tags)) + b"".join(fields) + bytes(4)
    path.write_bytes(head + body + lists + b"".join(strips))
    return path
