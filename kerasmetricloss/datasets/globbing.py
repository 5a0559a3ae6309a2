"""Any images and masks, by pattern: NIfTI scans or pictures in whatever folders they lie.

    open_dataset("folder", root, images=("*/adc.nii.gz", "*/dwi.nii.gz"), truth=("*/msk.nii.gz",))
    open_dataset("folder", root, images=("frames/{group}/{id}.jpg",), truth=("masks/{group}/{id}.png",))
    open_dataset("folder", root, images=("*/*_flair.nii",), truth=("*/*_seg.nii",), values={"TC": (1, 4), "ET": (4,)})

:mod:`~kerasmetricloss.datasets.patterns` says what a pattern may hold and how a case gets its id and its group,
:mod:`~kerasmetricloss.datasets.pairing` which files make a case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, complain, unknown_truth
from kerasmetricloss.datasets.catalog import MaskRule
from kerasmetricloss.datasets.masks import mask_rule
from kerasmetricloss.datasets.nifti import SUFFIXES as SCAN_SUFFIXES
from kerasmetricloss.datasets.nifti import check_same_grid, read_nifti
from kerasmetricloss.datasets.pairing import pair_files
from kerasmetricloss.datasets.patterns import name_of
from kerasmetricloss.datasets.picture_files import COLOURS, check_same_turn, read_image, read_mask, read_numbers
from kerasmetricloss.datasets.picture_files import SUFFIXES as PICTURE_SUFFIXES
from kerasmetricloss.datasets.pictures import check_mask_fits
from kerasmetricloss.datasets.scan_volumes import label_numbers, number_text

OBJECT = "object"
IGNORE = "ignore"


@dataclass(frozen=True, kw_only=True)
class TruthRule:
    """How the files of a truth become labels.

    Args:
        numbers: For each label, the numbers in the one truth file that make it up; empty where each label has a file
            of its own, or the one file holds one object.
        ignore: The numbers of voxels whose truth is unknown.
        others: The numbers of labels that were not asked for.
    """

    numbers: tuple[tuple[int, ...], ...] = ()
    ignore: tuple[int, ...] = ()
    others: tuple[int, ...] = ()

    def unnamed(self, truth: np.ndarray) -> tuple[tuple[float, int], ...]:
        """Return the numbers of a truth that are neither 0 nor of a label, each with its voxels."""
        if not self.numbers:
            return ()
        known = {0, *self.ignore, *self.others, *(number for part in self.numbers for number in part)}
        rest = truth[~np.isin(truth, list(known))]
        return tuple(zip(*(part.tolist() for part in np.unique(rest, return_counts=True)), strict=True))


def open_folder(
    root: Path,
    *,
    images: Sequence[str] = (),
    truth: Sequence[str] | None = (),
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    values: Mapping[str, Sequence[int]] | None = None,
    mask: str | None = None,
    fill: float | None = None,
    problems: list[DataError] | None = None,
) -> list[Case]:
    """List the cases whose images and truths match patterns.

    Args:
        root: The folder that the patterns start at.
        images: One pattern for each scan, in order; or one for pictures in colour, several for grey planes.
        truth: One pattern, or one for each label; None reads images alone, with a truth that is empty and ignored at
            every voxel.
        channels: Names of the images, in order; by default from the patterns (``*/pre/FLAIR.nii.gz`` is FLAIR). For
            one pattern of pictures, out of red, green, blue and grey.
        labels: With ``values``, which of them and in which order; else the names of the truths, by default from the
            patterns, or ``("object",)`` for one.
        values: Label -> the numbers of the truth file that make it up; other numbers are background, which an
            inspection notes. The numbers of the label ``"ignore"`` are left out of training and scoring. Without
            labels, a truth may hold one more number beside 0; a picture without ``"ignore"`` is read as
            :func:`~kerasmetricloss.datasets.picture_files.read_mask` says.
        mask: Rule of the output mask, ``CHANNEL>NUMBER``; by default every voxel counts.
        fill: What replaces NaN and infinite voxels of scans; by default they are an error.
        problems: Collects complaints about single cases, which are then left out.

    Returns:
        One case an id, in natural order; an id that is there in several groups is a case in each, named
        ``group_id``.

    Raises:
        DataError: A pattern is missing or matches nothing, an id lacks an image or its truth or has two, its image and
            truth are of two groups, a file is neither a scan nor a picture, or the settings contradict each other.
    """
    images = _patterns(root, "images", images)
    truth = () if truth is None else _patterns(root, "truth", truth)
    pairs = pair_files(root, (*images, *truth), problems=problems)
    pictures = bool(pairs) and pairs[0].files[0].suffix.casefold() in PICTURE_SUFFIXES
    pairs = [pair for pair in pairs if _one_kind(pair.id, pair.files, pictures, problems)]
    names, rule = _labels(root, truth, labels, dict(values or {}))
    channels = _channels(root, images, channels, pictures)
    reader = partial(_read_picture if pictures else _read_scan, truths=len(truth), rule=rule)
    limit = _limit(root, mask, channels)
    return [
        Case(
            dataset="folder",
            id=pair.id,
            group=pair.group,
            channels=channels,
            labels=names,
            files=pair.files,
            reader=partial(reader, mask=limit) if pictures else partial(reader, mask=limit, fill=fill),
        )
        for pair in pairs
    ]


def _patterns(root: Path, what: str, patterns: Sequence[str]) -> tuple[str, ...]:
    patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    if not patterns:
        mend = f"give a pattern, e.g. {what}=('*/{what}.nii.gz',) (--{what} '*/{what}.nii.gz')"
        raise DataError(
            f"no pattern for the {what} is given, and a folder has no layout of its own", file=root, mend=mend
        )
    return patterns


def _one_kind(name: str, paths: Sequence[Path], pictures: bool, problems: list[DataError] | None) -> bool:
    suffixes, kind = (PICTURE_SUFFIXES, "a picture") if pictures else (SCAN_SUFFIXES, "a NIfTI scan")
    for path in paths:
        if not path.name.casefold().endswith(tuple(suffixes)):
            mend = f"expected {kind}, one of {' '.join(sorted(suffixes))}: convert it, or mend the pattern"
            complain(DataError(f"the file is not {kind}", case=name, file=path, mend=mend), problems)
            return False
    return True


def _labels(
    root: Path,
    truth: Sequence[str],
    labels: Sequence[str] | None,
    values: dict[str, Sequence[int]],
) -> tuple[tuple[str, ...], TruthRule]:
    if values and len(truth) != 1:
        mend = "give one pattern for the truth, or files of 0 and 1"
        raise DataError(f"numbers of labels are for one file of truth, here are {len(truth)}", file=root, mend=mend)
    if not truth:
        return tuple(labels or (OBJECT,)), TruthRule()
    ignore = tuple(int(number) for number in values.pop(IGNORE, ()))
    if values:
        names = tuple(labels or values)
        unknown = [name for name in names if name not in values]
        if unknown:
            raise DataError(f"no values say what the label {unknown[0]} is", file=root, mend=f"add {unknown[0]}=NUMBER")
        numbers = tuple(tuple(int(n) for n in values[name]) for name in names)
        others = tuple(int(n) for name, part in values.items() if name not in names for n in part)
        return names, TruthRule(numbers=numbers, ignore=ignore, others=others)
    names = tuple(labels or _named(truth, OBJECT))
    if len(names) != len(truth):
        problem = f"{len(names)} labels are named for {len(truth)} patterns of truth"
        raise DataError(problem, file=root, mend="name one a pattern, or say which numbers they are (values=...)")
    return names, TruthRule(ignore=ignore)


def _named(patterns: Sequence[str], only: str) -> tuple[str, ...]:
    names = [name_of(pattern) for pattern in patterns]
    if len(patterns) == 1:
        return (names[0] if only != OBJECT and names[0] else only,)
    whole = all(names) and len(set(names)) == len(names)
    return tuple(names) if whole else tuple(f"{only} {index}" for index in range(1, len(names) + 1))


def _channels(root: Path, images: Sequence[str], channels: Sequence[str] | None, pictures: bool) -> tuple[str, ...]:
    if pictures and len(images) == 1:
        unknown = [name for name in channels or () if name not in (*COLOURS, "grey")]
        if unknown:
            raise DataError(f"pictures have the channels red, green, blue and grey, asked for {unknown[0]}", file=root)
        return tuple(channels or COLOURS)
    names = tuple(channels or _named(images, "image"))
    if len(names) != len(images) or len(set(names)) < len(names):
        problem = f"the channels are {', '.join(names)} for {len(images)} patterns of images"
        raise DataError(problem, file=root, mend="name one a pattern, each another")
    return names


def _limit(root: Path, mask: str | None, channels: Sequence[str]) -> MaskRule | None:
    rule = None if mask is None else mask_rule(mask)
    if rule is not None and rule.channel not in channels:
        raise DataError(f"the mask's {rule.channel} is no channel", file=root, mend=f"known are {', '.join(channels)}")
    return rule


def _inside(image: np.ndarray, channels: Sequence[str], mask: MaskRule | None) -> np.ndarray:
    if mask is None:
        return np.ones(image.shape[:-1], dtype=bool)
    return image[..., channels.index(mask.channel)] > mask.above


def _read_scan(case: Case, *, truths: int, rule: TruthRule, mask: MaskRule | None, fill: float | None) -> Volume:
    files, truth_files = _files(case, truths)
    scans = [read_nifti(file, fill=fill) for file in files]
    segmentations = [read_nifti(file, numbers=True) for file in truth_files]
    for scan in (*scans[1:], *segmentations):
        check_same_grid(scan, scans[0])
    image = np.stack([scan.voxels for scan in scans], axis=-1)
    by_number = bool(rule.numbers or rule.ignore)
    truth = [label_numbers(scan) if by_number else scan.voxels for scan in segmentations]
    layers = _layers(truth, truth_files, rule)
    volume = _volume(case, image, layers, truth, rule, mask)
    return replace(volume, spacing_mm=scans[0].spacing_mm, affine=scans[0].affine)


def _files(case: Case, truths: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    images = len(case.files) - truths
    return case.files[:images], case.files[images:]


def _volume(
    case: Case,
    image: np.ndarray,
    layers: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    rule: TruthRule,
    mask: MaskRule | None,
) -> Volume:
    """The volume of an image and a truth: its layers, one a label, and the numbers that its files hold."""
    inside = _inside(image, case.channels, mask)
    if not truth:
        empty, ignore = unknown_truth(image.shape[:-1], len(case.labels))
        return Volume(image=image, truth=empty, mask=inside, ignore=ignore)
    return Volume(
        image=image,
        truth=np.stack(layers, axis=-1).astype(np.uint8),
        mask=inside,
        ignore=np.isin(truth[0], rule.ignore) if rule.ignore else None,
        unnamed=rule.unnamed(truth[0]),
    )


def _layers(truth: Sequence[np.ndarray], files: Sequence[Path], rule: TruthRule) -> list[np.ndarray]:
    """Return a binary array a label, of the numbers that the files hold."""
    if rule.numbers:
        return [np.isin(truth[0], part) for part in rule.numbers]
    return [_object(numbers, rule.ignore, file) for numbers, file in zip(truth, files, strict=True)]


def _object(truth: np.ndarray, ignore: tuple[int, ...], file: Path) -> np.ndarray:
    numbers = [number for number in np.unique(truth).tolist() if number != 0 and number not in ignore]
    if len(numbers) > 1 or any(number < 0 for number in numbers):
        some = ", ".join(number_text(number) for number in numbers[:5]) + (", ..." if len(numbers) > 5 else "")
        mend = "say which numbers are the label (values={'object': (1,)}, --values object=1)"
        raise DataError(f"the truth holds {some} beside 0", file=file, mend=mend)
    return np.isin(truth, numbers)


def _read_picture(case: Case, *, truths: int, rule: TruthRule, mask: MaskRule | None) -> Volume:
    files, truth_files = _files(case, truths)
    if len(files) == 1:
        image = read_image(files[0], channels=case.channels)
    else:
        planes = [read_image(file, channels=("grey",)) for file in files]
        for file, plane in zip(files, planes, strict=True):
            _check_plane(plane, planes[0], file, files[0])
        image = np.concatenate(planes, axis=-1)
    by_number = bool(rule.numbers or rule.ignore)
    truth = [read_numbers(file) if by_number else read_mask(file) for file in truth_files]
    for array, file in zip(truth, truth_files, strict=True):
        check_mask_fits(array, image, case, file=file)
    layers = _layers(truth, truth_files, rule) if by_number else truth
    return _volume(case, image, layers, truth, rule, mask)


def _check_plane(plane: np.ndarray, first: np.ndarray, file: Path, reference: Path) -> None:
    if plane.shape != first.shape:
        came, expected = (f"{array.shape[1]}x{array.shape[0]}" for array in (plane, first))
        raise DataError(f"the image is {came}, {reference.name} is {expected}", file=file, mend="save both at one size")
    check_same_turn(file, reference, plane.shape)
