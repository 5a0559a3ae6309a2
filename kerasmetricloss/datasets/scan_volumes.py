"""From the files of a case of scans to its volume: the grids, the mask and the numbers of the truth, checked."""

from collections.abc import Callable, Sequence

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, unknown_truth
from kerasmetricloss.datasets.catalog import MaskRule
from kerasmetricloss.datasets.nifti import Scan, check_same_grid, read_nifti

_FACTORS = 0.02  # a byte holds 4 as 255 / 255 * 4, and 1 as 64 / 255 * 4


def read_volume(
    case: Case,
    *,
    mask: MaskRule | None,
    fill: float | None,
    truth_of: Callable[[Scan, tuple[str, ...]], tuple[np.ndarray, np.ndarray | None]],
) -> Volume:
    """Decode the files of a case: images, the mask's own file where it is no channel, one truth or none.

    Where there is none, the truth is empty, and ignored at every voxel.

    Args:
        case: From :func:`~kerasmetricloss.datasets.scans.scan_cases`.
        mask: Where a prediction counts; None everywhere.
        fill: What replaces NaN and infinite voxels of the images; None refuses them.
        truth_of: Takes (scan of the truth, labels) and returns the truth, uint8 ``(*space, labels)``, and the voxels
            to ignore, bool ``space``, or None.

    Raises:
        DataError: A file is missing or broken, or its grid is not that of the first image.
    """
    names = case.channels if mask is None or mask.channel in case.channels else (*case.channels, mask.channel)
    scans = [read_nifti(file, fill=fill) for file in case.files[: len(names)]]
    segmentations = [read_nifti(file, numbers=True) for file in case.files[len(names) :]]
    for scan in (*scans[1:], *segmentations):
        check_same_grid(scan, scans[0])
    unknown = unknown_truth(scans[0].voxels.shape, len(case.labels))
    truth, ignore = truth_of(segmentations[0], case.labels) if segmentations else unknown
    return Volume(
        image=np.stack([scan.voxels for scan in scans[: len(case.channels)]], axis=-1),
        truth=truth,
        mask=np.ones(truth.shape[:-1], bool) if mask is None else scans[names.index(mask.channel)].voxels > mask.above,
        ignore=ignore,
        spacing_mm=scans[0].spacing_mm,
        affine=scans[0].affine,
    )


def number_text(number: float) -> str:
    """Return a number in the shortest text that is no other number's, a whole one without a point.

    Example:
        >>> number_text(255.0), number_text(1.0000001192092896)
        ('255', '1.0000001')
    """
    return str(int(number)) if float(number).is_integer() else str(np.float32(number))


def label_numbers(truth: Scan) -> np.ndarray:
    """Return the label numbers of a truth, whole.

    Whole numbers that were saved with a factor, as nibabel saves floats in bytes, come back as 1.0039: they are
    rounded. What lies between whole numbers was interpolated, and is of no label.

    Raises:
        DataError: Numbers lie between whole ones.
    """
    if np.issubdtype(truth.voxels.dtype, np.integer):
        return truth.voxels
    whole = np.rint(truth.voxels)
    between = truth.voxels[np.abs(truth.voxels - whole) > _FACTORS]
    if between.size:
        raise DataError(
            f"the truth holds {number_text(between[0])}, which is no label number",
            file=truth.file,
            mend="bring label maps to another grid by the nearest neighbour, and save whole numbers",
        )
    return whole


def numbered(segmentation: Scan, numbers: Sequence[Sequence[int]], *, known: Sequence[int], mend: str) -> np.ndarray:
    """Return one binary label for each set of numbers of a segmentation.

    Args:
        segmentation: The decoded truth.
        numbers: For each label, the numbers that make it up.
        known: Every number that may stand there.
        mend: What to do about another number.

    Returns:
        uint8, shape ``(*space, len(numbers))``.

    Raises:
        DataError: Another number is there.
    """
    voxels = label_numbers(segmentation)
    unknown = sorted(set(np.unique(voxels).tolist()) - set(known))
    if unknown:
        problem = f"the segmentation holds the label {number_text(unknown[0])}"
        raise DataError(problem, file=segmentation.file, mend=mend)
    return np.stack([np.isin(voxels, list(part)) for part in numbers], axis=-1).astype(np.uint8)
