"""Files by pattern: which match, and what their wildcards say about the case.

``*`` is any text within a name, ``?`` one character, ``[ab]`` one of them, ``**`` any folders; ``{id}`` and
``{group}`` are text within a name that becomes the id and the group of the case. The case of letters does not matter,
but the files of a case must spell its id alike.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kerasmetricloss.datasets.case import DataError, children
from kerasmetricloss.datasets.nifti import SUFFIXES as SCAN_SUFFIXES
from kerasmetricloss.datasets.picture_files import SUFFIXES as PICTURE_SUFFIXES

_TOKEN = re.compile(r"(\*\*/|\*|\?|\[[^\]/]+\]|\{\w+\})")
_NAMES = ("{id}", "{group}")
_HOW = "* is any text in a name, ** any folders, {id} the id of the case"


@dataclass(frozen=True, kw_only=True)
class Matches:
    """What matches a pattern.

    Args:
        files: (id, group, or None without ``{group}``) -> the files that have it, in the order of the paths.
        faults: Complaints about files in which a name stands for two texts, as in ``a/b_flair.nii`` for
            ``{id}/{id}_flair.nii``, unless one of them is an id of ``files``; the case of each is the first text.
    """

    files: Mapping[tuple[str, str | None], Sequence[Path]]
    faults: Sequence[DataError] = ()


def match_files(root: Path, pattern: str, *, problems: list[DataError] | None = None) -> Matches:
    """Return the files below a folder that match a pattern.

    The id is what ``{id}`` stands for, or else the texts of the wildcards joined by underscores, equal neighbours once,
    without the file's suffix.

    Args:
        root: The folder.
        pattern: Relative to it, with slashes.
        problems: Collects complaints about single folders, which are then left out.

    Raises:
        DataError: The pattern is none, or matches nothing; or a folder may not be listed.
    """
    parts = _parts(pattern, root)
    whole = re.compile(_regex("/".join(parts), named=True), re.IGNORECASE)
    found: dict[tuple[str, str | None], list[Path]] = {}
    others = []
    for path in dict.fromkeys(_walk(root, parts, (root.resolve(),), problems)):
        match = whole.fullmatch(_relative(path, root))
        if match is None:
            others.append(path)
        else:
            found.setdefault((_id(match, path), match.groupdict().get("group")), []).append(path)
    faults = _faults(root, "/".join(parts), others, {name for name, _ in found})
    if not found:
        mend = f"patterns start at that folder; {_HOW}"
        raise faults[0] if faults else DataError(f"no file matches {pattern!r}", file=root, mend=mend)
    return Matches(files=found, faults=faults)


def holds_scans(root: Path, pattern: str) -> bool:
    """Return whether a pattern matches NIfTI scans, and not pictures alone.

    Raises:
        DataError: As of `match_files`.
    """
    found = match_files(root, pattern).files.values()
    return any(path.name.casefold().endswith(SCAN_SUFFIXES) for paths in found for path in paths)


def _faults(root: Path, pattern: str, paths: Sequence[Path], ids: Set[str]) -> list[DataError]:
    """Return a complaint for each file of a scan or a picture whose ``{id}`` or ``{group}`` stands for two texts."""
    loose = re.compile(_regex(pattern, named=True, agree=False), re.IGNORECASE)
    faults = []
    for path in paths:
        match = loose.fullmatch(_relative(path, root))
        if match is None or without_suffix(path.name) == path.name:
            continue
        texts = {key: without_suffix(text) for key, text in match.groupdict().items()}
        # A file of another case beside that of its own folder is a copy, and * matches much that is not meant.
        if ids & {text for key, text in texts.items() if key.startswith("id")}:
            continue
        pairs = [(key.partition("_")[0], text) for key, text in texts.items()]
        apart = [(key, text) for key, text in pairs if text.casefold() != texts[key].casefold()]
        if apart:
            (key, second), case = apart[0], texts.get("id")
            problem = f"{{{key}}} stands for {texts[key]} and for {second}"
            faults.append(DataError(problem, case=case, file=path, mend="rename one of them as the other"))
    return faults


def _relative(path: Path, root: Path) -> str:
    return unicodedata.normalize("NFC", path.relative_to(root).as_posix())


def name_of(pattern: str) -> str:
    """Return the word that a pattern spells beside its wildcards, from its last part that has one; "" if none has.

    Example:
        >>> [name_of(p) for p in ("*/pre/FLAIR.nii.gz", "HGG/{id}/{id}_t1ce.nii*", "adc/*.nii", "*.png")]
        ['FLAIR', 't1ce', 'adc', '']
    """
    for part in reversed(PurePosixPath(pattern).parts):
        word = without_suffix(_TOKEN.sub("", part)).strip("._- ")
        if word:
            return word
    return ""


def without_suffix(name: str) -> str:
    """Return a file's name without the suffix of a scan or a picture, in any case of letters."""
    for suffix in (*SCAN_SUFFIXES, *PICTURE_SUFFIXES):
        if name.casefold().endswith(suffix):
            return name[: -len(suffix)]
    return name


def _parts(pattern: str, root: Path) -> list[str]:
    parts = list(PurePosixPath(pattern).parts)
    unknown = [token for token in _TOKEN.findall(pattern) if token.startswith("{") and token not in _NAMES]
    beyond = not parts or pattern.startswith("/") or pattern.endswith("/") or ".." in parts or parts[-1] == "**"
    if beyond or unknown:
        raise DataError(f"{pattern!r} is no pattern of files below this folder", file=root, mend=_HOW)
    for part in parts:
        try:
            re.compile(_regex(part, named=False))
        except re.error as error:
            mend = "write [ab] or [a-z] for one of these characters, [!ab] for any other"
            raise DataError(f"{part!r} of {pattern!r} is no pattern ({error})", file=root, mend=mend) from error
    return parts


def _regex(pattern: str, *, named: bool, agree: bool = True) -> str:
    """Return the regular expression.

    Named, wildcards are caught, and a second ``{id}`` must repeat the first; unless they agree, it is ``id_2``.
    """
    out, seen = [], Counter()
    for token in _TOKEN.split(pattern):
        if token == "**/":
            piece = "((?:[^/]+/)*)"
        elif token == "*":
            piece = "([^/]*)"
        elif token == "?":
            piece = "([^/])"
        elif token.startswith("["):
            piece = _one_of(token[1:-1])
        elif token in _NAMES:
            seen[token] += 1
            piece = _named(token[1:-1], seen[token], agree=agree) if named else "[^/]+"
        else:
            piece = re.escape(unicodedata.normalize("NFC", token))
        out.append(piece)
    return "".join(out)


def _named(name: str, time: int, *, agree: bool) -> str:
    if time == 1:
        return f"(?P<{name}>[^/]+)"
    return f"(?P={name})" if agree else f"(?P<{name}_{time}>[^/]+?)"


def _one_of(characters: str) -> str:
    """Return the expression of ``[abc]``, ``[a-c]`` or ``[!abc]``."""
    without = characters.startswith("!")
    inside = re.escape(characters.removeprefix("!")).replace(re.escape("-"), "-")
    return f"([{'^' if without else ''}{inside}])"


def _walk(folder: Path, parts: list[str], above: tuple[Path, ...], problems: list[DataError] | None) -> Iterator[Path]:
    """Yield what matches part by part; a link to a folder above it is not followed."""
    if parts[0] == "**":
        yield from _walk(folder, parts[1:], above, problems)
    wanted = None if parts[0] == "**" else re.compile(_regex(parts[0], named=False), re.IGNORECASE)
    for child in children(folder, problems):
        if wanted is not None and not wanted.fullmatch(unicodedata.normalize("NFC", child.name)):
            continue
        if wanted is not None and len(parts) == 1:
            yield child
        elif child.is_dir() and (place := child.resolve()) not in above:
            yield from _walk(child, parts if wanted is None else parts[1:], (*above, place), problems)


def _id(match: re.Match, path: Path) -> str:
    named = match.groupdict()
    if "id" in named:
        return without_suffix(named["id"])
    if not match.re.groups:
        return without_suffix(path.name)
    texts = [part for text in match.groups() for part in text.split("/") if part]
    texts = [*texts[:-1], without_suffix(texts[-1])] if texts else []
    # What follows .nii in a pattern such as adc.nii* is a suffix, not a name.
    texts = [text for text in texts if text and text.casefold() != ".gz"]
    kept = [text for before, text in zip([None, *texts], texts, strict=False) if text != before]
    return "_".join(kept) or without_suffix(path.name)
