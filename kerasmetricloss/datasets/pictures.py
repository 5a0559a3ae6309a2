"""Folders of pictures with a folder of masks: PO18-like colonoscopy and MO17-like radiographs.

Layouts, told apart by the names of the two folders (upper or lower case):

* CVC-ClinicDB: ``Original/N.png``, ``Ground Truth/N.png`` and, where present, ``sequences.csv`` (columns frame,
  sequence), whose sequence becomes the group of the case;
* Kvasir-SEG: ``images/<id>.jpg``, ``masks/<id>.jpg``;
* label charts: ``images/<id>.jpg``, ``labels/<id>.png``, read with ``label=38``.

Any suffix that Pillow reads will do, and an image and its mask may differ in it.
"""

import csv
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, natural_key
from kerasmetricloss.datasets.picture_files import COLOURS, SUFFIXES, read_image, read_mask

LAYOUTS = (("Original", "Ground Truth"), ("images", "masks"), ("images", "labels"))
MOLAR_ROI = (217, 217)


def open_colonoscopy(
    root: Path, *, channels: Sequence[str] | None = None, labels: Sequence[str] | None = None
) -> list[Case]:
    """List the cases of a PO18-like folder, in colour.

    Args:
        root: The folder that holds the folders of images and masks.
        channels: Default ``("red", "green", "blue")``; ``("grey",)`` for the luma.
        labels: Only ``("polyp",)``.

    Returns:
        One case a picture, in natural order.

    Raises:
        DataError: The layout is none of those above, or an image and its mask do not pair up.
    """
    return _open(root, "po18", tuple(channels or COLOURS), labels, "polyp", partial(_read, label=None, roi=None))


def open_radiographs(
    root: Path,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    roi: tuple[int, int] | None = MOLAR_ROI,
    label: int | None = None,
) -> list[Case]:
    """List the cases of an MO17-like folder: grey radiographs, each cut to a box around its molar.

    Args:
        root: The folder that holds the folders of images and masks.
        channels: Default ``("grey",)``.
        labels: Only ``("molar",)``.
        roi: (width, height) of the box in pixels, centred on the true object; None keeps the whole picture.
        label: The molar's number, where the masks are charts of label numbers (38 in the FDI notation).

    Returns:
        One case a picture, in natural order.

    Raises:
        DataError: As in :func:`open_colonoscopy`.
    """
    return _open(root, "mo17", tuple(channels or ("grey",)), labels, "molar", partial(_read, label=label, roi=roi))


def roi_box(truth: np.ndarray, roi: tuple[int, int]) -> tuple[slice, slice]:
    """Return the box of a given size around the centre of the object's bounding box.

    The box may leave the picture: :func:`cut` fills what lies outside with zeros.

    Args:
        truth: bool, shape ``(rows, columns)``, not empty.
        roi: (width, height) in pixels.

    Returns:
        Slices of rows and columns; a start may be negative.

    Example:
        >>> truth = np.zeros((8, 9), bool)
        >>> truth[2:5, 6:9] = True
        >>> roi_box(truth, (5, 3))
        (slice(2, 5, None), slice(5, 10, None))
    """
    starts = []
    for axis, length in ((0, roi[1]), (1, roi[0])):
        hits = np.flatnonzero(truth.any(axis=1 - axis))
        # The centre pixel is (first + last) // 2; an odd box has as many pixels on either side of it.
        starts.append((int(hits[0]) + int(hits[-1])) // 2 - (length - 1) // 2)
    return slice(starts[0], starts[0] + roi[1]), slice(starts[1], starts[1] + roi[0])


def cut(array: np.ndarray, box: tuple[slice, slice]) -> np.ndarray:
    """Cut a box out of the first two axes, zero where the box leaves the array.

    Example:
        >>> cut(np.arange(6).reshape(2, 3), (slice(-1, 1), slice(1, 4))).tolist()
        [[0, 0, 0], [1, 2, 0]]
    """
    out = np.zeros((*(part.stop - part.start for part in box), *array.shape[2:]), dtype=array.dtype)
    inside = [slice(max(part.start, 0), min(part.stop, size)) for part, size in zip(box, array.shape, strict=False)]
    there = [slice(i.start - part.start, i.stop - part.start) for i, part in zip(inside, box, strict=True)]
    out[tuple(there)] = array[tuple(inside)]
    return out


def _open(
    root: Path,
    name: str,
    channels: tuple[str, ...],
    labels: Sequence[str] | None,
    only_label: str,
    reader: Callable[[Case], Volume],
) -> list[Case]:
    if labels is not None and tuple(labels) != (only_label,):
        raise DataError(f"{name} has the label {only_label}, asked for {', '.join(labels)}", file=root)
    unknown = [channel for channel in channels if channel not in (*COLOURS, "grey")]
    if unknown:
        raise DataError(f"pictures have the channels red, green, blue and grey, asked for {unknown[0]}", file=root)
    images, masks = _folders(root)
    pairs = _pairs(images, masks)
    groups = _sequences(root / "sequences.csv", pairs)
    return [
        Case(
            dataset=name,
            id=stem,
            group=groups.get(stem, stem),
            channels=channels,
            labels=(only_label,),
            files=pairs[stem],
            reader=reader,
        )
        for stem in sorted(pairs, key=natural_key)
    ]


def _folders(root: Path) -> tuple[Path, Path]:
    found = _layout(root)
    if found:
        return found
    expected = " or ".join(f"'{images}' and '{masks}'" for images, masks in LAYOUTS)
    below = [child for child in sorted(root.iterdir()) if child.is_dir() and _layout(child)]
    mend = f"name {below[0]} instead" if below else "name the folder that holds both"
    raise DataError(f"no folders of images and masks here, expected {expected}", file=root, mend=mend)


def _layout(root: Path) -> tuple[Path, Path] | None:
    folders = {child.name.casefold(): child for child in sorted(root.iterdir()) if child.is_dir()}
    for images, masks in LAYOUTS:
        if images.casefold() in folders and masks.casefold() in folders:
            return folders[images.casefold()], folders[masks.casefold()]
    return None


def _pairs(images: Path, masks: Path) -> dict[str, tuple[Path, Path]]:
    image_of, mask_of = _pictures(images), _pictures(masks)
    for stem in sorted(image_of.keys() | mask_of.keys(), key=natural_key):
        if stem not in mask_of:
            mend = f"add the mask to {masks}, or take the image out"
            raise DataError(f"the image {image_of[stem].name} has no mask", case=stem, file=masks, mend=mend)
        if stem not in image_of:
            mend = f"add the image to {images}, or take the mask out"
            raise DataError(f"the mask {mask_of[stem].name} has no image", case=stem, file=images, mend=mend)
    if not image_of:
        raise DataError(
            "the folder holds no pictures", file=images, mend=f"expected one of {' '.join(sorted(SUFFIXES))}"
        )
    return {stem: (image_of[stem], mask_of[stem]) for stem in image_of}


def _pictures(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.casefold() not in SUFFIXES or path.name.startswith("."):
            continue
        # macOS decomposes accents in file names, other systems do not.
        stem = unicodedata.normalize("NFC", path.stem)
        if stem in found:
            mend = "keep one of them"
            raise DataError(f"{found[stem].name} and {path.name} are both case {stem}", file=folder, mend=mend)
        found[stem] = path
    return found


def _sequences(path: Path, stems: Iterable[str]) -> dict[str, str]:
    """Return the sequence of each frame, empty where there is no such file."""
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            header, *rows = [[value.strip() for value in row] for row in csv.reader(lines) if row]
        columns = [title.casefold() for title in header]
        frame, sequence = columns.index("frame"), columns.index("sequence")
        groups = {row[frame]: row[sequence] for row in rows}
    except (ValueError, IndexError, csv.Error, OSError) as error:
        mend = "expected a header frame,sequence and one line a frame"
        raise DataError(f"the list of sequences cannot be read ({error})", file=path, mend=mend) from error
    for stem in sorted(stems, key=natural_key):
        if not groups.get(stem):
            raise DataError("the list of sequences lacks this frame", case=stem, file=path, mend=f"add a line {stem},N")
    return groups


def _read(case: Case, *, label: int | None, roi: tuple[int, int] | None) -> Volume:
    image_file, mask_file = case.files
    image = read_image(image_file, channels=case.channels)
    truth = read_mask(mask_file, label=label)
    if truth.shape != image.shape[:2]:
        came, expected = (f"{shape[1]}x{shape[0]}" for shape in (truth.shape, image.shape))
        mend = "save the mask at the size of its image"
        raise DataError(f"the mask is {came}, its image {image_file.name} is {expected}", file=mask_file, mend=mend)
    mask = np.ones(truth.shape, dtype=bool)
    if roi is not None:
        if not truth.any():
            mend = "leave the case out, or read whole pictures (roi=None)"
            raise DataError("the mask is empty, so there is no object to cut around", file=mask_file, mend=mend)
        box = roi_box(truth, roi)
        image, truth, mask = cut(image, box), cut(truth, box), cut(mask, box)
    return Volume(image=image, truth=truth[..., None].astype(np.uint8), mask=mask)
