"""Cross-validation folds over cases or over groups of cases, and the inner validation split.

Frames of one endoscopy sequence are near copies, and slabs of one patient share a lesion: a fold that separates them
tests on what it trained on. So whole groups move together unless the caller asks for folds by case.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.studies.cells import digest
from kerasmetricloss.studies.errors import StudyError


@dataclass(frozen=True)
class Fold:
    """One fold: positions (in the list of cases) to train on, to select weights on, and to test on."""

    index: int
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def seen(self) -> tuple[int, ...]:
        """Cases that the network has seen: those it trained on, and those of validation that are not tested."""
        return (*self.train, *(i for i in self.validation if i not in self.test))


def make_folds(
    groups: Sequence[str],
    *,
    folds: int = 5,
    seed: int = 0,
    by: str = "group",
    inner_validation: float = 0.0,
) -> list[Fold]:
    """Split cases into folds, each case tested exactly once.

    Groups are dealt from the largest to the smallest, each to the fold that has the fewest cases, in an order that
    `seed` shuffles among groups of equal size. With fewer groups than `folds` there are as many folds as groups.

    Args:
        groups: The group of each case, in the order of the cases.
        folds: Number of folds asked for; the paper has five.
        seed: Seed of the shuffle.
        by: `"group"` keeps cases of one group together; `"case"` ignores the groups.
        inner_validation: 0 selects weights on the very fold that is tested, as the paper does. A fraction in (0, 1)
            holds out that share of the training groups (at least one) to select on instead.

    Returns:
        The folds. `validation` equals `test` where `inner_validation` is 0.

    Raises:
        StudyError: Fewer than two groups (nothing to train on), or too few left for an inner split.

    Example:
        >>> folds = make_folds(["a", "a", "b", "c"], folds=5)
        >>> len(folds), sorted(i for fold in folds for i in fold.test)
        (3, [0, 1, 2, 3])
    """
    check_folds(folds, by, inner_validation)
    keys = list(groups) if by == "group" else [f"case {i}" for i in range(len(groups))]
    members = _members(keys)
    if len(members) < 2:
        unit = "group (sequence or patient)" if by == "group" and len(keys) > 1 else "case"
        raise StudyError(
            f"Cross-validation needs at least two {unit}s; there {'is one' if members else 'are none'} "
            f"({len(keys)} case{'s' * (len(keys) != 1)} in all). Add cases"
            + (", or fold over cases with --folds-by case." if len(keys) > 1 else ".")
        )
    dealt = _deal(members, min(folds, len(members)), np.random.default_rng([seed, 0xF01D]))
    return [_fold(index, dealt, members, seed, inner_validation) for index in range(len(dealt))]


def published_folds(
    parts: Sequence[Sequence[int]], groups: Sequence[str], *, seed: int = 0, inner_validation: float = 0.0
) -> list[Fold]:
    """Folds that somebody published: each part is tested by the network that was trained on the others.

    Args:
        parts: Positions of the cases of each fold, as `datasets.match_splits` gives them; empty parts are left out.
        groups: The group of each case; an inner validation keeps groups together.
        seed: Seed of the inner validation.
        inner_validation: As for `make_folds`.

    Raises:
        StudyError: Fewer than two parts have cases.

    Example:
        >>> [fold.train for fold in published_folds([(0, 2), (1,)], ["a", "b", "c"])]
        [(1,), (0, 2)]
    """
    filled = [part for part in parts if part]
    if len(filled) < 2:
        raise StudyError(f"The file of folds leaves {len(filled)} fold with cases; cross-validation needs two.")
    # A group that the file divides is two groups here: the file decides.
    members: dict[str, list[int]] = {}
    for number, part in enumerate(filled):
        for position in part:
            members.setdefault(f"{number} {groups[position]}", []).append(position)
    dealt = [[name for name in members if name.startswith(f"{number} ")] for number in range(len(filled))]
    unit = {name: name.partition(" ")[2] for name in members}  # an inner validation divides no group
    return [_fold(index, dealt, members, seed, inner_validation, unit) for index in range(len(dealt))]


def only_folds(folds: Sequence[Fold], numbers: Sequence[int]) -> list[Fold]:
    """Some of the folds, cut as all of them are, so that a look at one is a part of the whole study.

    Args:
        folds: From `make_folds` or `published_folds`.
        numbers: Which of them, counted from 1; all where empty.

    Raises:
        StudyError: There is no such fold.

    Example:
        >>> folds = make_folds(["a", "b", "c"], folds=3)
        >>> [fold.index for fold in only_folds(folds, [3, 1])]
        [0, 2]
    """
    beyond = [str(number) for number in numbers if not 1 <= number <= len(folds)]
    if beyond:
        raise StudyError(f"--only-folds {','.join(beyond)}: there are {len(folds)} folds, 1 to {len(folds)}.")
    return [fold for fold in folds if not numbers or fold.index + 1 in numbers]


def cut_digest(folds: Sequence[Fold], cases: Sequence[str], groups: Sequence[str]) -> str:
    """A short hash of a cut: the fold that tests each case, and the group of each case.

    Args:
        folds: All folds of the cut.
        cases: Ids of the cases.
        groups: The group of each case.

    Example:
        >>> folds = make_folds(["a", "a", "b"], folds=2)
        >>> cut_digest(folds, ["1", "2", "3"], ["a", "a", "b"]) == cut_digest(folds, ["1", "2", "3"], ["c", "c", "b"])
        False
    """
    fold_of = {position: fold.index for fold in folds for position in fold.test}
    return digest({case: [fold_of.get(i), group] for i, (case, group) in enumerate(zip(cases, groups, strict=True))})


def check_folds(folds: int, by: str, inner_validation: float) -> None:
    """Check what can be checked without the cases.

    Raises:
        StudyError: A setting is out of its range.
    """
    if by not in ("group", "case"):
        raise StudyError(f"Folds by {by!r} are unknown; ask for 'group' or 'case'.")
    if folds < 2:
        raise StudyError(f"{folds} fold cannot be cross-validated; ask for two or more with --folds.")
    if not 0 <= inner_validation < 1:
        raise StudyError(
            f"--inner-validation is {inner_validation}; it is a fraction of the training groups, 0 to below 1."
        )


def _members(keys: Sequence[str]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        members.setdefault(key, []).append(position)
    return members


def _deal(members: dict[str, list[int]], folds: int, rng: np.random.Generator) -> list[list[str]]:
    names = list(members)
    shuffled = [names[i] for i in rng.permutation(len(names))]
    dealt: list[list[str]] = [[] for _ in range(folds)]
    loads = [0] * folds
    for name in sorted(shuffled, key=lambda name: -len(members[name])):
        lightest = min(range(folds), key=lambda fold: (loads[fold], len(dealt[fold]), fold))
        dealt[lightest].append(name)
        loads[lightest] += len(members[name])
    return dealt


def _fold(
    index: int,
    dealt: list[list[str]],
    members: dict[str, list[int]],
    seed: int,
    inner: float,
    unit: dict[str, str] | None = None,
) -> Fold:
    """One fold; `unit` names what an inner validation keeps together, where that is more than a key of `members`."""

    def positions(names: Sequence[str]) -> tuple[int, ...]:
        return tuple(sorted(i for name in names for i in members[name]))

    test = positions(dealt[index])
    training = [name for other, names in enumerate(dealt) if other != index for name in names]
    if not inner:
        return Fold(index, positions(training), test, test)
    unit = unit or {name: name for name in training}
    units = sorted({unit[name] for name in training})
    held = max(1, round(inner * len(units)))
    if held >= len(units):
        raise StudyError(
            f"Fold {index + 1} has {len(units)} training group(s); "
            f"an inner validation of {inner} leaves none to train on. "
            "Lower --inner-validation, or add cases."
        )
    rng = np.random.default_rng([seed, 0x1BE4, index])
    chosen = {units[i] for i in rng.permutation(len(units))[:held]}
    parts = ([name for name in training if (unit[name] in chosen) is inside] for inside in (False, True))
    return Fold(index, *map(positions, parts), test)
