"""Which files of several patterns make a case: those of one id and, where patterns hold ``{group}``, of one group.

A pattern without ``{group}`` speaks of a case by its id alone. An id that is there in several groups, as frames counted
from 1 in every video, names a case in each: ``group_id``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasmetricloss.datasets.case import DataError, complain, natural_key
from kerasmetricloss.datasets.patterns import match_files


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The files of a case.

    Args:
        id: The id, or ``group_id`` where several groups have it.
        group: What ``{group}`` stands for; the id without it.
        files: One a pattern, in their order.
    """

    id: str
    group: str
    files: tuple[Path, ...]


def pair_files(root: Path, patterns: Sequence[str], *, problems: list[DataError] | None = None) -> list[Paired]:
    """Return the cases of which every pattern has one file, in natural order.

    Args:
        root: The folder that the patterns start at.
        patterns: As in :mod:`~kerasmetricloss.datasets.patterns`.
        problems: Collects complaints about single cases, which are then left out: each once.

    Raises:
        DataError: A pattern is none or matches nothing, or (without ``problems``) an id has no file or several, or
            files of another group.
    """
    found = {pattern: match_files(root, pattern, problems=problems) for pattern in patterns}
    told: set[str | None] = set()
    for fault in (fault for matches in found.values() for fault in matches.faults):
        if fault.case is None or fault.case not in told:
            complain(fault, problems)
        told.add(fault.case)
    ids = {name for matches in found.values() for name, _ in matches.files} - told
    pairs = []
    for name in sorted(ids, key=natural_key):
        of_name = [{g: paths for (other, g), paths in found[p].files.items() if other == name} for p in patterns]
        pairs += _pairs(name, patterns, of_name, root, problems)
    names = Counter(pair.id for pair in pairs)
    for name in (name for name, count in names.items() if count > 1):
        same = " and ".join(str(pair.files[0].relative_to(root)) for pair in pairs if pair.id == name)
        complain(DataError(f"{same} would be one case", case=name, file=root, mend="rename one of them"), problems)
    return sorted((pair for pair in pairs if names[pair.id] == 1), key=lambda pair: natural_key(pair.id))


# The files of one id that match a pattern, by group.
_Places = Mapping[str | None, Sequence[Path]]


def _pairs(
    name: str, patterns: Sequence[str], places: Sequence[_Places], root: Path, problems: list[DataError] | None
) -> list[Paired]:
    """Return the cases of one id: one, or one a group."""
    groups = sorted({group for place in places for group in place if group is not None}, key=natural_key)
    if len(groups) > 1 and (fault := _of_two_groups(name, patterns, places, root)) is not None:
        complain(fault, problems)
        return []
    pairs = []
    for group in groups or [None]:
        case = name if len(groups) < 2 else f"{group}_{name}"
        files = [place.get(group) or place.get(None) or () for place in places]
        fault = _not_one_each(case, patterns, files, root)
        if fault is None:
            pairs.append(Paired(id=case, group=group or case, files=tuple(paths[0] for paths in files)))
        else:
            complain(fault, problems)
    return pairs


def _of_two_groups(name: str, patterns: Sequence[str], places: Sequence[_Places], root: Path) -> DataError | None:
    """Return what is wrong where no file of an id, or not every one, can be told to be of one group."""
    first = {group: paths[0].relative_to(root) for place in places for group, paths in place.items()}
    groups = [group for group in first if group is not None]
    for pattern, place in zip(patterns, places, strict=True):
        if None in place:
            problem = f"{first[None]} is of no group, and this id is in the groups {groups[0]} and {groups[1]}"
            return DataError(problem, case=name, file=root, mend=f"write {{group}} in {pattern!r} too")
    if all(len(place) < 2 for place in places):
        problem = " and ".join(f"{first[group]} is in the group {group}" for group in groups)
        return DataError(problem, case=name, file=root, mend="move one of them to the group of the other")
    return None


def _not_one_each(case: str, patterns: Sequence[str], files: Sequence[Sequence[Path]], root: Path) -> DataError | None:
    there = next(paths[0] for paths in files if paths)
    for pattern, paths in zip(patterns, files, strict=True):
        if len(paths) > 1:
            problem = " and ".join(str(path.relative_to(root)) for path in paths[:2]) + f" are both case {case}"
            mend = "tell them apart by {id} or another wildcard, or take one out"
            return DataError(problem, case=case, file=root, mend=mend)
        if not paths:
            problem = f"no file with this id matches {pattern!r}, but {there.relative_to(root)} is there"
            mend = (
                "add the file; or mend the patterns so that {id} stands for the same in both, as in "
                "'images/{id}_0000.nii.gz' and 'labels/{id}.nii.gz'"
            )
            return DataError(problem, case=case, file=root, mend=mend)
    return None
