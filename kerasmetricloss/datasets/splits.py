"""Folds that somebody published, such as the `validation_splits.txt` of the paper's authors."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

from kerasmetricloss.datasets.case import Case, DataError

Splits = tuple[tuple[str, ...], ...]
_HEADING = re.compile(r"fold\s+(\d+)\s*:?\s*", re.IGNORECASE)
_MEND = "expected for each fold a line 'Fold 0:' and below it the ids of its validation cases, as in ['1', '2']"


def read_splits(path: Path | str) -> Splits:
    """Read a file of folds: for each fold a line `Fold N:`, then the ids of its validation cases as a list.

        Fold 0:
        ['training_13', 'training_2']
        Fold 1:
        ['training_11']

    The list may span several lines; it is read as data, nothing in it is executed.

    Args:
        path: The file, e.g. `validation_splits.txt` of github.com/JeroenBertels/optimizingdice.

    Returns:
        The ids of each fold's validation cases, in the order of the file.

    Raises:
        DataError: The file is missing or has another form, folds are not numbered 0, 1, ..., a fold is empty, or a case
            stands in two folds.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "validation_splits.txt")
        ...     _ = path.write_text("Fold 0:\\n['a', 'b']\\nFold 1:\\n['c']\\n")
        ...     read_splits(path)
        (('a', 'b'), ('c',))
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise DataError(f"the file of folds cannot be read ({reason})", file=path, mend=_MEND) from error
    blocks = _blocks(text, path)
    splits = tuple(_ids(number, lines, path) for number, lines in enumerate(blocks))
    _check_once(splits, path)
    if len(splits) < 2:
        raise DataError(f"the file has {len(splits)} fold, cross-validation needs two", file=path, mend=_MEND)
    return splits


def match_splits(splits: Splits, cases: Sequence[Case], *, partial: bool = False) -> list[tuple[int, ...]]:
    """Find the cases of each fold.

    Args:
        splits: From `read_splits`.
        cases: From `open_dataset`.
        partial: Allow ids that have no case, for a folder that holds a part of the data set. A fold can then be empty.

    Returns:
        For each fold the positions, in `cases`, of its validation cases, ascending.

    Raises:
        DataError: A case stands in no fold, or, unless `partial`, an id of a fold has no case.

    Example:
        >>> cases = [Case(dataset="d", id=i, group=i, channels=(), labels=(), files=(), reader=None) for i in "abc"]
        >>> match_splits((("c", "a"), ("b",)), cases)
        [(0, 2), (1,)]
    """
    position = {case.id: place for place, case in enumerate(cases)}
    fold_of = {case: fold for fold, ids in enumerate(splits) for case in ids}
    for case in cases:
        if case.id not in fold_of:
            mend = f"the folds are for other cases, such as {splits[0][0]}"
            raise DataError("the case stands in no fold", case=case.id, mend=mend)
    lacking = [case for case in fold_of if case not in position]
    if lacking and not partial:
        problem = f"fold {fold_of[lacking[0]]} asks for this case, which the data do not have ({len(lacking)} such)"
        raise DataError(problem, case=lacking[0], mend="complete the data, or allow a part of them (partial=True)")
    return [tuple(sorted(position[case] for case in ids if case in position)) for ids in splits]


def _blocks(text: str, path: Path) -> list[list[str]]:
    """Return the lines below each heading; headings count 0, 1, 2."""
    blocks: list[list[str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        heading = _HEADING.match(line.strip())
        if heading:
            if int(heading[1]) != len(blocks):
                problem = f"line {number} is fold {heading[1]}, expected fold {len(blocks)}"
                raise DataError(problem, file=path, mend="number the folds 0, 1, 2 and so on")
            blocks.append([line.strip()[heading.end() :]])
        elif blocks:
            blocks[-1].append(line)
        elif line.strip():
            raise DataError(f"line {number} stands before the first fold", file=path, mend=_MEND)
    return blocks


def _ids(number: int, lines: Sequence[str], path: Path) -> tuple[str, ...]:
    try:
        listed = ast.literal_eval("\n".join(lines).strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise DataError(f"fold {number} is no list of ids", file=path, mend=_MEND) from error
    if not isinstance(listed, list | tuple) or not all(isinstance(case, str | int) for case in listed):
        raise DataError(f"fold {number} is no list of ids", file=path, mend=_MEND)
    if not listed:
        raise DataError(f"fold {number} has no case", file=path, mend=_MEND)
    return tuple(normalize("NFC", str(case)) for case in listed)


def _check_once(splits: Splits, path: Path) -> None:
    seen: dict[str, int] = {}
    for fold, ids in enumerate(splits):
        for case in ids:
            if case in seen:
                raise DataError(f"the case is in fold {seen[case]} and in fold {fold}", case=case, file=path)
            seen[case] = fold
