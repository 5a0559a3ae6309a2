"""Images without a truth: what a trained model is for."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume
from kerasmetricloss.datasets.catalog import MaskRule
from kerasmetricloss.datasets.masks import mask_rule
from kerasmetricloss.datasets.nifti import check_fill, check_same_grid, read_nifti
from kerasmetricloss.datasets.pairing import pair_files
from kerasmetricloss.datasets.picture_files import SUFFIXES, read_image


def unknown_truth(space: tuple[int, ...], labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an empty truth, uint8 `(*space, labels)`, and what is to be ignored of it, bool `space`: everything.

    Example:
        >>> truth, ignore = unknown_truth((2, 3), 1)
        >>> truth.shape, bool(truth.any()), bool(ignore.all())
        ((2, 3, 1), False, True)
    """
    return np.zeros((*space, labels), np.uint8), np.ones(space, bool)


def open_unlabelled(
    root: Path | str,
    *,
    images: Sequence[str],
    channels: Sequence[str],
    labels: Sequence[str],
    mask: str | None = None,
    fill: float | None = None,
) -> list[Case]:
    """List the cases whose images match patterns; their truth is unknown at every voxel.

    Args:
        root: The folder that the patterns start at.
        images: One pattern for each scan, in the order of the channels; or one for pictures.
        channels: Names of the channels; for pictures out of red, green, blue and grey.
        labels: Names of what will be predicted.
        mask: Rule of the output mask, ``CHANNEL>NUMBER``; by default every voxel counts.
        fill: What replaces NaN and infinite voxels of scans; by default they are an error.

    Returns:
        One case an id (of ``folder``: group and id, where groups share it), in natural order. Their volumes have an
        empty truth, ignored everywhere.

    Raises:
        DataError: A pattern matches nothing, a case lacks one of its images, or patterns and channels do not fit.

    Example:
        >>> import tempfile
        >>> from kerasmetricloss.datasets import write_phantom
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = write_phantom("po18", f"{folder}/po18", cases=2, seed=0, size=(48, 40))
        ...     colours = ("red", "green", "blue")
        ...     cases = open_unlabelled(root, images=("Original/*",), channels=colours, labels=("polyp",))
        ...     [(case.id, bool(case.read().ignore.all())) for case in cases]
        [('1', True), ('2', True)]
    """
    root, channels = Path(root), tuple(channels)
    if not root.is_dir():
        raise DataError("the data folder does not exist", file=root, mend="name the folder that holds the images")
    check_fill(fill)
    pairs = pair_files(root, images)
    pictures = pairs[0].files[0].suffix.casefold() in SUFFIXES
    if len(images) != (1 if pictures else len(channels)):
        problem = f"{len(images)} patterns of images for the channels {', '.join(channels)}"
        raise DataError(problem, file=root, mend="give one pattern a channel; for pictures, one")
    limit = None if mask is None else mask_rule(mask)
    if limit is not None and limit.channel not in channels:
        raise DataError(f"the mask's {limit.channel} is no channel", file=root, mend=f"known are {', '.join(channels)}")
    return [
        Case(
            dataset="folder",
            id=pair.id,
            group=pair.group,
            channels=channels,
            labels=tuple(labels),
            files=pair.files,
            reader=partial(_read_picture, mask=limit) if pictures else partial(_read_scans, mask=limit, fill=fill),
        )
        for pair in pairs
    ]


def _read_scans(case: Case, *, mask: MaskRule | None, fill: float | None) -> Volume:
    scans = [read_nifti(file, fill=fill) for file in case.files]
    for scan in scans[1:]:
        check_same_grid(scan, scans[0])
    image = np.stack([scan.voxels for scan in scans], axis=-1)
    return _volume(case, image, mask, spacing_mm=scans[0].spacing_mm, affine=scans[0].affine)


def _read_picture(case: Case, *, mask: MaskRule | None) -> Volume:
    return _volume(case, read_image(case.files[0], channels=case.channels), mask)


def _volume(case: Case, image: np.ndarray, mask: MaskRule | None, **grid: object) -> Volume:
    space = image.shape[:-1]
    inside = np.ones(space, bool) if mask is None else image[..., case.channels.index(mask.channel)] > mask.above
    truth, ignore = unknown_truth(space, len(case.labels))
    return Volume(image=image, mask=inside, truth=truth, ignore=ignore, **grid)
