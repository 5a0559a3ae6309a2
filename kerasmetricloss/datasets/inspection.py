"""A look at a whole data set before anything is trained on it: sizes, ratios, and everything that is wrong or odd.

A problem keeps a case from being read, or leaves part of it out; a note is what can be read but is worth a look: an
empty truth, foreground outside the mask, numbers of no label, the same image twice, a channel whose unit differs
between cases, or from the one that the challenge's mask is made for.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, natural_key
from kerasmetricloss.datasets.catalog import CATALOG, DataSet
from kerasmetricloss.datasets.opening import open_dataset
from kerasmetricloss.datasets.scan_volumes import number_text

# Scanners and gains change the brightness of a channel by less; a factor of 1000 is another unit.
_UNIT_FACTOR = 30.0
_OWNERS_FACTOR = 10.0  # for the median case against what the paper's authors measured on the whole challenge
_MUCH_OUTSIDE = 0.01
_MOST_NUMBERS = 8
_TILT = 1.0  # degrees, of which the sine is 2 %


@dataclass(frozen=True, kw_only=True)
class CaseSummary:
    """Numbers of one case.

    Args:
        id: Id of the case.
        shape: Voxels along each axis; a picture's are (rows, columns).
        spacing_mm: Size of a voxel along each axis, or None.
        voxels: Voxels that count: inside the mask, with a known truth.
        inside: Voxels inside the mask.
        ignored: Voxels whose truth is unknown.
        foreground: For each label, its voxels among those that count.
        outside: For each label, its voxels outside the mask.
        bright: For each channel, the 95th percentile of its absolute values inside the mask.
        image_hash: Hash of the image's values.
        unnamed: As of :class:`~kerasmetricloss.datasets.case.Volume`.
        tilt: Degrees that two axes of the grid are away from standing upright on each other, at most.
    """

    id: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    voxels: int
    inside: int
    ignored: int
    foreground: tuple[int, ...]
    outside: tuple[int, ...]
    bright: tuple[float, ...]
    image_hash: str
    unnamed: tuple[tuple[float, int], ...] = ()
    tilt: float = 0.0

    @property
    def voxel_ml(self) -> float | None:
        """Volume of a voxel in ml, or None where the spacing is unknown."""
        return None if self.spacing_mm is None else float(np.prod(self.spacing_mm)) / 1000


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a look at a data set found.

    Args:
        cases: The cases that can be read, in natural order of their ids.
        summaries: The numbers of each, in the same order.
        problems: What kept a case, or a part of it, from being read: each with case, file and mend, in natural order of
            the cases after those of the whole folder.
        notes: What can be read but is worth a look, each with case, file and mend too.
    """

    cases: tuple[Case, ...]
    summaries: tuple[CaseSummary, ...]
    problems: tuple[DataError, ...]
    notes: tuple[DataError, ...]

    def ratios(self, label: int) -> np.ndarray:
        """Return foreground over background inside the mask, one number a case whose background is not empty."""
        counts = [(one.foreground[label], one.voxels - one.foreground[label]) for one in self.summaries]
        return np.array([foreground / background for foreground, background in counts if background])

    def size_deciles(self, label: int) -> tuple[np.ndarray, str]:
        """Return the 0th, 10th, ..., 100th percentile of the object's size, and its unit: ml, or pixels or voxels."""
        sizes = [one.foreground[label] * (one.voxel_ml or 1) for one in self.summaries]
        known = all(one.voxel_ml is not None for one in self.summaries)
        if not known:
            sizes = [one.foreground[label] for one in self.summaries]
        unit = "ml" if known else "pixels" if len(self.summaries[0].shape) == 2 else "voxels"
        return np.percentile(sizes, np.arange(0, 101, 10)), unit


def inspect(
    name: str,
    root: Path | str,
    *,
    progress: Callable[[int, int, str], None] | None = None,
    **settings,
) -> Inspection:
    """Read every case of a data set once, and collect what is wrong instead of stopping at it.

    Args:
        name: As in :func:`~kerasmetricloss.datasets.open_dataset`.
        root: The folder of the data set.
        progress: Called after each case with (cases done, cases in all, id of the case).
        **settings: Of :func:`~kerasmetricloss.datasets.open_dataset`.

    Returns:
        Numbers, problems and notes.

    Raises:
        DataError: The folder as a whole cannot be listed, or no case can be read.

    Example:
        >>> import tempfile
        >>> from kerasmetricloss.datasets import write_phantom
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = inspect("po18", write_phantom("po18", f"{folder}/po18", cases=2, seed=0, size=(48, 40)))
        >>> len(found.summaries), found.problems, found.size_deciles(0)[1]
        (2, (), 'pixels')
    """
    problems: list[DataError] = []
    listed = open_dataset(name, root, problems=problems, **settings)
    cases, summaries = [], []
    for done, case in enumerate(listed, start=1):
        try:
            summary = summarise(case, case.read())
        except DataError as error:
            problems.append(error)
        else:
            cases.append(case)
            summaries.append(summary)
        if progress is not None:
            progress(done, len(listed), case.id)
    problems.sort(key=lambda problem: natural_key(problem.case or ""))
    if not cases:
        raise DataError(f"none of {len(listed)} cases can be read, the first problem is: {problems[0]}", file=root)
    notes = [*_notes(cases, summaries), *_number_notes(cases, summaries), *_unit_notes(cases, summaries)]
    if settings.get("mask") is None:
        notes += _mask_notes(name, cases, summaries)
    return Inspection(cases=tuple(cases), summaries=tuple(summaries), problems=tuple(problems), notes=tuple(notes))


def summarise(case: Case, volume: Volume) -> CaseSummary:
    """Return the numbers of one case that was read."""
    counted = volume.mask if volume.ignore is None else volume.mask & ~volume.ignore
    space = tuple(range(counted.ndim))
    inside = np.abs(volume.image[volume.mask]) if volume.mask.any() else np.zeros((1, len(case.channels)))
    return CaseSummary(
        id=case.id,
        shape=volume.space,
        spacing_mm=volume.spacing_mm,
        voxels=int(np.count_nonzero(counted)),
        inside=int(np.count_nonzero(volume.mask)),
        ignored=0 if volume.ignore is None else int(np.count_nonzero(volume.ignore)),
        foreground=_counts(volume.truth[counted]),
        outside=tuple(int(n) for n in np.count_nonzero(volume.truth & ~volume.mask[..., None], axis=space)),
        bright=tuple(float(value) for value in np.percentile(inside, 95, axis=0)),
        tilt=0.0 if volume.affine is None else _tilt(volume.affine[:3, :3]),
        image_hash=hashlib.sha256(np.ascontiguousarray(volume.image)).hexdigest(),
        unnamed=volume.unnamed,
    )


def _tilt(axes: np.ndarray) -> float:
    """Return how far from a right angle the axes of a grid stand to each other at most, in degrees."""
    directions = axes / np.linalg.norm(axes, axis=0)
    cosines = (directions.T @ directions)[np.triu_indices(3, 1)]
    return float(np.degrees(np.arcsin(np.clip(np.abs(cosines).max(), 0, 1))))


def _counts(values: np.ndarray) -> tuple[int, ...]:
    return tuple(int(count) for count in np.count_nonzero(values, axis=0))


def _notes(cases: list[Case], summaries: list[CaseSummary]) -> list[DataError]:
    """Return what is odd about single cases."""
    notes, first = _label_notes(cases, summaries), {}
    for case, one in zip(cases, summaries, strict=True):
        if one.tilt > _TILT:
            problem = f"the grid is sheared by {one.tilt:.0f}°, and lengths and volumes in mm take its axes as upright"
            mend = "undo the tilt of the gantry, as dcm2niix does, or resample it upright"
            notes.append(DataError(problem, case=case.id, file=case.files[0], mend=mend))
        if not one.voxels:
            mend = "give another rule for the mask (--mask)"
            notes.append(DataError("the mask is empty, so nothing counts", case=case.id, file=case.files[0], mend=mend))
        for label, inside, outside in zip(case.labels, one.foreground, one.outside, strict=True):
            if not inside + outside:
                mend = "right where nothing is to be found; such a case has no size and scores 1 or 0"
                notes.append(DataError(f"{label} is empty", case=case.id, file=case.files[-1], mend=mend))
            elif one.voxels and inside == one.voxels:
                mend = "look whether the mask is inverted; the scores of such a case tell nothing"
                problem = f"every voxel that counts is {label}"
                notes.append(DataError(problem, case=case.id, file=case.files[-1], mend=mend))
            elif outside > _MUCH_OUTSIDE * (inside + outside):
                problem = (
                    f"{outside} of {inside + outside} voxels of {label} lie outside the mask, where nothing is "
                    "predicted: they are scored as missed"
                )
                mend = "look at the image, or give another rule for the mask (--mask)"
                notes.append(DataError(problem, case=case.id, file=case.files[-1], mend=mend))
        twin = first.setdefault(one.image_hash, case)
        if twin is not case:
            mend = "keep one of them, or put them in one group (--groups)"
            notes.append(DataError(f"the same image is case {twin.id}", case=case.id, file=case.files[0], mend=mend))
    return notes


def _number_notes(cases: list[Case], summaries: list[CaseSummary]) -> list[DataError]:
    """Return the numbers of the truths that are of no label, at the first case of each."""
    first: dict[float, tuple[Case, int]] = {}
    having = Counter(number for one in summaries for number, _ in one.unnamed)
    for case, one in zip(cases, summaries, strict=True):
        for number, count in one.unnamed:
            first.setdefault(number, (case, count))
    notes = []
    for number, (case, count) in list(first.items())[:_MOST_NUMBERS]:
        several = f" (it is in {having[number]} cases)" if having[number] > 1 else ""
        problem = f"the truth holds {number_text(number)}, which no label has, in {count} of its voxels: background"
        mend = "right where that is meant; else add the number to its label, or to ignore (--values)"
        notes.append(DataError(problem + several, case=case.id, file=case.files[-1], mend=mend))
    if len(first) > _MOST_NUMBERS:
        problem = f"the truths hold {len(first) - _MOST_NUMBERS} more numbers that no label has"
        notes.append(DataError(problem, mend="check that they are label numbers"))
    return notes


def _label_notes(cases: list[Case], summaries: list[CaseSummary]) -> list[DataError]:
    """Return the labels that no case has, where several cases have none."""
    notes = []
    for index, label in enumerate(cases[0].labels):
        if len(cases) > 1 and not any(one.foreground[index] + one.outside[index] for one in summaries):
            mend = "check that its numbers are those of the files (--values, --label)"
            notes.append(DataError(f"{label} is empty in all {len(cases)} cases", mend=mend))
    return notes


def _unit_notes(cases: list[Case], summaries: list[CaseSummary]) -> list[DataError]:
    """Return the cases where a channel is brighter or darker than in the others by more than any gain explains."""
    notes = []
    for index, channel in enumerate(cases[0].channels):
        bright = np.array([one.bright[index] for one in summaries])
        usual = float(np.median(bright))
        for case, value in zip(cases, bright, strict=True):
            if value == 0:
                problem, mend = f"{channel} is 0 in the mask", "leave the case or the channel out"
            elif usual and not 1 / _UNIT_FACTOR < value / usual < _UNIT_FACTOR:
                problem = f"{channel} reaches {value:.3g} in the mask (95th percentile), {usual:.3g} in the median case"
                mend = "bring it to the unit of the others, or leave the channel out"
            else:
                continue
            notes.append(DataError(problem, case=case.id, file=_file_of(case, index), mend=mend))
    return notes


def _file_of(case: Case, channel: int) -> Path:
    """Return the file of a channel; the one picture that holds all colours is the first."""
    return case.files[channel if len(case.files) > len(case.channels) else 0]


def _mask_notes(name: str, cases: list[Case], summaries: list[CaseSummary]) -> list[DataError]:
    """Return whether the channel of the challenge's mask is in another unit than there, so that its rule misses."""
    known = CATALOG.get(name.casefold())
    if known is None or known.mask is None or not known.mask.above:
        return []
    channel = known.mask.channel
    if channel not in cases[0].channels:
        return []
    index, expected = cases[0].channels.index(channel), _bright(known, channel)
    value = float(np.median([one.bright[index] for one in summaries]))
    if not value or 1 / _OWNERS_FACTOR < value / expected < _OWNERS_FACTOR:
        return []
    problem = f"{channel} reaches {value:.3g} in the mask (95th percentile), about {expected:.3g} in the challenge"
    mend = (
        f"the mask {channel}>{known.mask.above:g} is made for the challenge's unit; give another (--mask "
        f"'{channel}>NUMBER')"
    )
    return [DataError(problem, file=_file_of(cases[0], index), mend=mend)]


def _bright(known: DataSet, channel: str) -> float:
    # Two deviations above the mean that the authors measured: near the 95th percentile of bright tissue.
    index = known.channels.index(channel)
    return known.shift[index] + 2 * known.scale[index]
