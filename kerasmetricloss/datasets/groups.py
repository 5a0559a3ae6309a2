"""Which cases belong together: a table of cases and their groups (video sequences, patients)."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from unicodedata import normalize

from kerasmetricloss.datasets.case import DataError, complain, natural_key

CASE_COLUMNS = ("frame", "case", "id")
GROUP_COLUMNS = ("sequence", "group", "patient")


def read_groups(path: Path, cases: Iterable[str], *, problems: list[DataError] | None = None) -> dict[str, str]:
    """Read the group of each case from a CSV file.

    Args:
        path: The file: a header with a column named frame, case or id and one named sequence, group or patient, then
            one line a case. Lines of other cases are allowed.
        cases: The ids that must be there.
        problems: Collects a complaint for each case that is not there.

    Returns:
        Case id -> group; without the cases complained of.

    Raises:
        DataError: The file cannot be read, has no such columns, gives a case two groups, or (without ``problems``)
            lacks a case.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            header, *rows = [[normalize("NFC", value.strip()) for value in row] for row in csv.reader(lines) if row]
        columns = [title.casefold() for title in header]
        case, group = (_column(columns, known) for known in (CASE_COLUMNS, GROUP_COLUMNS))
        pairs = [(row[case], row[group]) for row in rows]
    except (ValueError, IndexError, csv.Error, OSError) as error:
        mend = "expected a header frame,sequence (or case,group) and one line a case"
        raise DataError(f"the list of sequences cannot be read ({error})", file=path, mend=mend) from error
    groups = _unambiguous(pairs, path)
    for name in sorted(cases, key=natural_key):
        if name not in groups:
            mend = f"add a line {name},N"
            complain(DataError("the list of sequences lacks this frame", case=name, file=path, mend=mend), problems)
    return groups


def group_of_each(cases: Iterable[str], groups: Mapping[str, str]) -> dict[str, str]:
    """Return the group of every case; one that has none is a group of its own, named by its id or, if need be, longer.

    Args:
        cases: The ids.
        groups: Case id -> group, of some of them.

    Example:
        >>> group_of_each(["1", "4", "9"], {"1": "4"})
        {'1': '4', '4': '4 alone', '9': '9'}
    """
    taken = set(groups.values())
    found = {}
    for case in cases:
        name = case
        while case not in groups and name in taken:
            name += " alone"
        found[case] = groups.get(case, name)
        taken.add(found[case])
    return found


def _unambiguous(pairs: Iterable[tuple[str, str]], path: Path) -> dict[str, str]:
    groups: dict[str, str] = {}
    for name, group in pairs:
        if group and groups.setdefault(name, group) != group:
            problem = f"{name} is in the groups {groups[name]} and {group}"
            raise DataError(problem, file=path, mend="keep the line that is right")
    return groups


def _column(columns: list[str], known: tuple[str, ...]) -> int:
    found = [columns.index(name) for name in known if name in columns]
    if not found:
        raise ValueError(f"no column is named {' or '.join(known)}")
    return found[0]
