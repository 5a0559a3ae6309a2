"""What the readers of scans share: from the files of each subject to cases.

A reader of one data set finds the files; which modalities are there in every case, what is missing, and the mask are
checked here, once for all of them. :mod:`~kerasmetricloss.datasets.scan_volumes` reads a case.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unicodedata import normalize

from kerasmetricloss.datasets.case import Case, DataError, Volume, complain, natural_key
from kerasmetricloss.datasets.catalog import MaskRule
from kerasmetricloss.datasets.masks import mask_rule

TRUTH = "the segmentation"
_FIRST = "the first channel"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The files of one subject, found but not decoded.

    Args:
        id: Id of the case.
        folder: The folder that complaints about missing files name.
        files: Modality, or :data:`TRUTH`, -> file.
    """

    id: str
    folder: Path
    files: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class ScanSet:
    """A data set of scans.

    Args:
        name: As in :func:`~kerasmetricloss.datasets.open_dataset`.
        channels: Every modality that it knows.
        labels: Every label that it knows.
        mask: The rule of the output mask, or None where every voxel counts.
        expected: Takes (subject, modality) and says what should be there, for the mend of a missing file.
        read: Takes (case, mask=, fill=) and returns its volume.
        skull_stripped: Whether any modality above 0 tells the brain where the mask's own is missing.
    """

    name: str
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    mask: MaskRule | None
    expected: Callable[[Subject, str], str]
    read: Callable[..., Volume]
    skull_stripped: bool = False


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the caller asked for; None leaves the choice to the data set.

    Args:
        channels: Modalities in order, in any case of letters.
        labels: Labels in order, in any case of letters.
        mask: ``CHANNEL>NUMBER`` or ``all``.
        fill: What replaces NaN and infinite voxels of the images.
        problems: Collects the complaints about single cases, which are then left out.
        truth_needed: Whether a case without a truth is none.
    """

    channels: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    mask: str | None = None
    fill: float | None = None
    problems: list[DataError] | None = None
    truth_needed: bool = True


def once_by_name(folders: Sequence[Path], root: Path, problems: list[DataError] | None) -> dict[str, Path]:
    """Return the folders of cases by their names; a name that is there twice is complained of, and left out.

    Args:
        folders: Anywhere below the root.
        root: What a complaint names.
        problems: Collects complaints.
    """
    names = Counter(composed_name(folder) for folder in folders)
    for name in (name for name, count in names.items() if count > 1):
        complain(DataError("the case is there twice", case=name, file=root, mend="keep one of its folders"), problems)
    return {composed_name(folder): folder for folder in folders if names[composed_name(folder)] == 1}


def composed_name(path: Path) -> str:
    """Return the name of a folder in composed letters: macOS takes them apart, lists of cases do not."""
    return normalize("NFC", path.name)


def find_subjects(
    folders: Mapping[str, Path], find: Callable[[Path], dict[str, Path]], problems: list[DataError] | None
) -> list[Subject]:
    """Return the subjects in natural order of their ids.

    Args:
        folders: Id -> folder.
        find: Takes a folder and returns its files by modality; its complaints are about that subject alone.
        problems: Collects complaints; the subject is then left out.
    """
    subjects = []
    for name, folder in sorted(folders.items(), key=lambda item: natural_key(item[0])):
        try:
            subjects.append(Subject(id=name, folder=folder, files=find(folder)))
        except DataError as error:
            complain(error.named(name), problems)
    return subjects


def scan_cases(subjects: Sequence[Subject], scans: ScanSet, wishes: Wishes, *, root: Path) -> list[Case]:
    """Return a case for each subject that has every file it needs.

    Args:
        subjects: In the order that the cases shall have.
        scans: The data set.
        wishes: What was asked for. By default every modality that all cases have; the others are listed in
            ``Case.absent``. A subject without its truth, a modality asked for, or the modality of the mask is none of
            these cases; nor, with ``problems`` and where no modality is common, one without that which most have.
        root: What complaints about the whole data set name.

    Raises:
        DataError: A name is unknown, no modality is common to all, or (without ``problems``) a subject is no case.
    """
    labels = known_names(wishes.labels or scans.labels[:1], scans.labels, f"{scans.name} has no label", root)
    asked = wishes.channels
    asked = None if asked is None else known_names(asked, scans.channels, f"{scans.name} has no channel", root)
    needed = (*((TRUTH,) if wishes.truth_needed else ()), *(asked or ()))
    whole = [subject for subject in subjects if _has(subject, needed, scans, wishes)]
    mask = _mask(whole, scans, wishes, root)
    if mask is not None and mask.channel != _FIRST:
        whole = [subject for subject in whole if _has_mask(subject, mask, scans, wishes.problems)]
    if asked is None and wishes.problems is not None:
        whole = _with_common(whole, scans, wishes.problems)
    common, absent = _common(whole, asked is None, scans, wishes, root)
    channels = asked or common
    if mask is not None and mask.channel == _FIRST:
        mask = replace(mask, channel=channels[0])
    files = channels if mask is None or mask.channel in channels else (*channels, mask.channel)
    return [
        Case(
            dataset=scans.name,
            id=subject.id,
            group=subject.id,
            channels=channels,
            labels=labels,
            files=tuple(subject.files[name] for name in (*files, TRUTH) if name in subject.files),
            reader=partial(scans.read, mask=mask, fill=wishes.fill),
            absent=absent,
            lacks=tuple(channel for channel in absent if channel not in subject.files),
        )
        for subject in whole
    ]


def known_names(asked: Iterable[str], known: Sequence[str], problem: str, root: Path) -> tuple[str, ...]:
    """Return the names asked for as the data set spells them.

    Raises:
        DataError: One is unknown, or there twice.
    """
    spelt = {name.casefold(): name for name in known}
    names = []
    for name in asked:
        if name.casefold() not in spelt:
            raise DataError(f"{problem} {name}", file=root, mend=f"known are {', '.join(known)}")
        names.append(spelt[name.casefold()])
    if len(set(names)) < len(names):
        raise DataError(f"{', '.join(names)}: a name is there twice", file=root, mend="ask for each once")
    return tuple(names)


def _has(subject: Subject, needed: Sequence[str], scans: ScanSet, wishes: Wishes) -> bool:
    for name in needed:
        if name not in subject.files:
            what = name if name == TRUTH else f"the modality {name}"
            mend = scans.expected(subject, name)
            complain(DataError(f"{what} is missing", case=subject.id, file=subject.folder, mend=mend), wishes.problems)
            return False
    return True


def _with_common(subjects: list[Subject], scans: ScanSet, problems: list[DataError]) -> list[Subject]:
    """Return subjects that have a modality in common: all, or else those with the one that most have."""
    counts = {channel: sum(channel in subject.files for subject in subjects) for channel in scans.channels}
    if len(subjects) in counts.values():
        return subjects
    channel = max(counts, key=counts.get)
    for subject in subjects:
        if channel not in subject.files:
            problem = f"the modality {channel}, which most cases have, is missing, and no other is in every case"
            mend = scans.expected(subject, channel)
            problems.append(DataError(problem, case=subject.id, file=subject.folder, mend=mend))
    return [subject for subject in subjects if channel in subject.files]


def _common(
    subjects: Sequence[Subject], needed: bool, scans: ScanSet, wishes: Wishes, root: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the modalities that all subjects have, and the others, which are noted where the first are needed."""
    common = tuple(channel for channel in scans.channels if all(channel in subject.files for subject in subjects))
    absent = tuple(channel for channel in scans.channels if channel not in common)
    if needed and subjects and not common:
        mend = "add the missing modalities, or name the ones that are meant (channels=...)"
        raise DataError("no modality is there in every case", file=root, mend=mend)
    if needed:
        _note_absent(subjects, absent, scans, wishes.problems)
    return common, absent


def _note_absent(
    subjects: Sequence[Subject], absent: Sequence[str], scans: ScanSet, problems: list[DataError] | None
) -> None:
    """Note each subject without a modality that others have; one that nobody has is no problem of a case."""
    if problems is None:
        return
    for channel in absent:
        lacking = [subject for subject in subjects if channel not in subject.files]
        for subject in lacking if len(lacking) < len(subjects) else ():
            problem = f"the modality {channel} is missing, so it is left out of every case"
            mend = scans.expected(subject, channel)
            problems.append(DataError(problem, case=subject.id, file=subject.folder, mend=mend))


def _mask(subjects: Sequence[Subject], scans: ScanSet, wishes: Wishes, root: Path) -> MaskRule | None:
    if wishes.mask is not None:
        rule = mask_rule(wishes.mask)
        if rule is None:
            return None
        (channel,) = known_names((rule.channel,), scans.channels, f"{scans.name} has no channel", root)
        return MaskRule(channel=channel, above=rule.above)
    rule = scans.mask
    if rule is not None and scans.skull_stripped and not all(rule.channel in one.files for one in subjects):
        return MaskRule(channel=_FIRST, above=0)
    return rule


def _has_mask(subject: Subject, mask: MaskRule, scans: ScanSet, problems: list[DataError] | None) -> bool:
    if mask.channel in subject.files:
        return True
    problem = f"the output mask is {mask.channel} > {mask.above:g}, and {mask.channel} is missing"
    mend = f"{scans.expected(subject, mask.channel)}, or give another rule, e.g. mask='all' (--mask all)"
    complain(DataError(problem, case=subject.id, file=subject.folder, mend=mend), problems)
    return False
