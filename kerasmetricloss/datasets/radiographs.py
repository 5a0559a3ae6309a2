"""MO17-like panoramic radiographs: grey pictures, each cut to a box around its molar.

The steps, in this order: the picture and its mask (or the object's number in a chart of label numbers) are read; both
are brought to the size that ``unsqueeze`` names, where the pictures were saved in another shape than they were taken
in, and to a resolution ``shrink`` times lower; the box is cut around the centre of the object.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from kerasmetricloss.datasets.case import Case, DataError, Volume, complain
from kerasmetricloss.datasets.picture_files import read_image, read_mask
from kerasmetricloss.datasets.pictures import CHARTS, check_mask_fits, picture_cases

ROI = (217, 217)
ABSENT = ("error", "skip")
_MOST_PIXELS = 2**28


def open_radiographs(
    root: Path,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    roi: tuple[int, int] | None = ROI,
    label: int | None = None,
    unsqueeze: tuple[int, int] | None = None,
    shrink: int = 1,
    absent: str = "error",
    problems: list[DataError] | None = None,
) -> list[Case]:
    """List the cases of an MO17-like folder.

    Args:
        root: The folder that holds the folders of images and masks, in a layout of
            :mod:`~kerasmetricloss.datasets.pictures`.
        channels: Default ``("grey",)``.
        labels: Only ``("molar",)``.
        roi: (width, height) of the box in pixels, centred on the true object; None keeps the whole picture.
        label: The molar's number, where the masks are charts of label numbers (38 in the FDI notation); it must be
            given where their folder is named ``labels``, which is then read rather than one named ``masks``.
        unsqueeze: (width, height) that a picture and its mask are brought to before the box is cut, linearly, the
            mask then at one half; None leaves them. For pictures saved square, e.g. ``(995, 563)``.
        shrink: How many times lower the resolution is made before the box is cut, in the same way. The paper cuts its
            217x217 out of radiographs at half their resolution, 2; of pictures that were saved smaller, 1.
        absent: What becomes of a picture without the object, which has no centre to cut around: ``"error"`` when it is
            read, or ``"skip"``: every mask is decoded here, and a case without the object is left out.
        problems: Collects complaints about single cases, which are then left out; those skipped are among them.
            Without it, a ``UserWarning`` lists the ids that were skipped.

    Returns:
        One case a picture, in natural order.

    Raises:
        DataError: A setting is out of range, no case has the object, or as in
            :func:`~kerasmetricloss.datasets.pictures.open_colonoscopy`.
    """
    _check_settings(roi, unsqueeze, shrink, absent)
    cases = picture_cases(
        root,
        "mo17",
        channels=channels or ("grey",),
        labels=labels,
        only_label="molar",
        reader=partial(_read, label=label, roi=roi, unsqueeze=unsqueeze, shrink=shrink),
        problems=problems,
        charts=label is not None,
    )
    if label is None and cases and cases[0].files[-1].parent.name.casefold() == CHARTS:
        mend = "say which number is the object: label=38 (--label 38), or 255 or 1 for plain masks"
        raise DataError("the folder holds charts of label numbers", file=cases[0].files[-1].parent, mend=mend)
    return cases if absent == "error" else _with_object(cases, label, root, problems)


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


def unsqueezed(planes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a picture at another size, linearly interpolated; where it shrinks, the tent widens against aliasing.

    Args:
        planes: Shape ``(rows, columns, channels)``.
        size: (width, height) wanted.

    Returns:
        float32, shape ``(height, width, channels)``.

    Example:
        >>> unsqueezed(np.array([[[0], [4]]]), (4, 1))[0, :, 0].tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    resized = [
        Image.fromarray(np.ascontiguousarray(planes[..., index], np.float32)).resize(size, Image.Resampling.BILINEAR)
        for index in range(planes.shape[-1])
    ]
    return np.stack([np.asarray(plane) for plane in resized], axis=-1)


def _check_settings(roi: tuple[int, int] | None, unsqueeze: tuple[int, int] | None, shrink: int, absent: str) -> None:
    for name, size in (("roi", roi), ("unsqueeze", unsqueeze)):
        if size is not None and (len(size) != 2 or min(size) < 1 or size[0] * size[1] > _MOST_PIXELS):
            mend = "expected (width, height), each at least 1, at most 2**28 pixels together"
            raise DataError(f"{name} is {size}", mend=mend)
    if not isinstance(shrink, int) or shrink < 1:
        raise DataError(f"shrink is {shrink!r}", mend="expected a whole number from 1 on, 2 for half the resolution")
    if absent not in ABSENT:
        raise DataError(f"absent is {absent!r}", mend=f"expected {' or '.join(ABSENT)}")


def _with_object(cases: list[Case], label: int | None, root: Path, problems: list[DataError] | None) -> list[Case]:
    """Return the cases whose mask is not empty; a mask that cannot be decoded is left to the reading of its case."""
    kept, skipped = [], []
    for case in cases:
        try:
            present = bool(read_mask(case.files[-1], label=label).any())
        except DataError as error:
            complain(error.named(case.id), problems)
            continue
        (kept if present else skipped).append(case)
    what = "the object" if label is None else f"the label {label}"
    if not kept:
        raise DataError(f"no case has {what}", file=root, mend="look at the masks, or name another label")
    if problems is None and skipped:
        ids = ", ".join(case.id for case in skipped)
        text = f"{root}: {len(skipped)} of {len(cases)} cases are skipped, because they lack {what}: {ids}"
        warnings.warn(text, stacklevel=4)
    for case in skipped if problems is not None else ():
        mend = "add the object to the mask, or do without the case"
        problem = f"the mask lacks {what}, so the case is skipped"
        problems.append(DataError(problem, case=case.id, file=case.files[-1], mend=mend))
    return kept


def _read(
    case: Case,
    *,
    label: int | None,
    roi: tuple[int, int] | None,
    unsqueeze: tuple[int, int] | None,
    shrink: int,
) -> Volume:
    image_file, mask_file = case.files
    image = read_image(image_file, channels=case.channels)
    truth = read_mask(mask_file, label=label)
    check_mask_fits(truth, image, case)
    shape = unsqueeze or truth.shape[::-1]
    size = max(1, shape[0] // shrink), max(1, shape[1] // shrink)
    if size != truth.shape[::-1]:
        image = unsqueezed(image, size)
        truth = unsqueezed(truth[..., None], size)[..., 0] > 0.5
    mask = np.ones(truth.shape, dtype=bool)
    if roi is not None:
        if not truth.any():
            what = "the mask is empty" if label is None else f"the label {label} is absent"
            mend = 'skip such cases (absent="skip", --absent skip), or read whole pictures (roi=None, --roi none)'
            raise DataError(f"{what}, so there is no object to cut around", file=mask_file, mend=mend)
        box = roi_box(truth, roi)
        image, truth, mask = cut(image, box), cut(truth, box), cut(mask, box)
    return Volume(image=image, truth=truth[..., None].astype(np.uint8), mask=mask)
