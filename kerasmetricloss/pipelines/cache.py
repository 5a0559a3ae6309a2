"""Prepared cases on disk: made once, found again by content, opened without being read into memory.

An entry is a folder of `.npy` files named by a hash of everything that went into it. Entries appear by one rename, so
a reader never sees half of one, and two processes that make the same entry both end with a whole one.
"""

import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import CodeType
from uuid import uuid4
from weakref import WeakKeyDictionary

import numpy as np

from kerasmetricloss._version import __version__
from kerasmetricloss.datasets import Case, DataError
from kerasmetricloss.pipelines.preparation import Preparation, Prepared, prepare

ARRAYS = ("image", "truth", "mask")
NUMBERS = "numbers.json"
DAY_S = 24 * 60 * 60
ENTRY = re.compile("[0-9a-f]{32}")
UNFINISHED = re.compile(r"\.[0-9a-f]{32}-")


def prepare_all(
    cases: Sequence[Case],
    preparation: Preparation,
    *,
    cache_dir: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Prepared]:
    """Prepare every case, from a cache where one is given.

    With a cache the arrays are memory maps: a data set larger than the memory still trains. An entry is made anew when
    a file, a setting, the reader or the version of this package changes. Old entries stay until `prune` deletes them.

    Args:
        cases: What to prepare.
        preparation: Grid and box.
        cache_dir: Folder of the cache, made where absent; None prepares in memory.
        progress: Called with (cases done, cases) before the first case and after each.

    Returns:
        The prepared cases, in the order given.

    Raises:
        DataError: A case cannot be read, or the cache not be written; the message names which.
    """
    prepared = []
    for done, case in enumerate(cases):
        if progress is not None:
            progress(done, len(cases))
        prepared.append(
            prepare(case, preparation) if cache_dir is None else _cached(case, preparation, Path(cache_dir))
        )
    if progress is not None:
        progress(len(cases), len(cases))
    return prepared


def prune(cache_dir: Path | str, keep: Sequence[Prepared]) -> tuple[int, int]:
    """Delete every entry of a cache but those that some prepared cases stand on, and what killed processes left.

    Nothing is deleted that is not an entry. A process that has a deleted entry open goes on reading it, where the
    operating system keeps open files, as Linux and macOS do.

    Args:
        cache_dir: Folder of the cache; nothing happens where it is absent.
        keep: Cases from `prepare_all` with this cache. Name those of every data set and preparation that share it.

    Returns:
        Entries deleted, and the bytes that they held.

    Raises:
        DataError: An entry cannot be deleted.
    """
    kept = {Path(case.image.filename).parent.name for case in keep if isinstance(case.image, np.memmap)}
    entries = [path for path in Path(cache_dir).glob("*") if ENTRY.fullmatch(path.name) and path.name not in kept]
    leftovers = [path for path in Path(cache_dir).glob(".*-*") if UNFINISHED.match(path.name) and _is_stale(path)]
    size = 0
    for path in [*entries, *leftovers]:
        held = sum(file.stat().st_size for file in path.glob("*"))
        try:
            shutil.rmtree(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(f"cannot be deleted ({reason})", file=path, mend="mend its permissions") from error
        size += held
    return len(entries), size


def cache_key(case: Case, preparation: Preparation) -> str:
    """Return a hash of all that the prepared arrays depend on: files' content, reader, settings, package version.

    Args:
        case: The case; every file of it is read.
        preparation: Grid and box.

    Returns:
        32 hexadecimal digits.

    Raises:
        DataError: A file cannot be read.
    """
    return _hash(case, asdict(preparation))


def case_key(case: Case) -> str:
    """Return a hash of all that the arrays of a case depend on before they are prepared, as `cache_key` has it.

    Args:
        case: The case; every file of it is read.

    Returns:
        32 hexadecimal digits.

    Raises:
        DataError: A file cannot be read.
    """
    return _hash(case)


def _hash(case: Case, *settings: dict) -> str:
    names = [case.dataset, case.id, case.channels, case.labels]
    parts = [__version__, names, _reader_name(case.reader), *settings]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for path in case.files:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(f"cannot be read ({reason})", case=case.id, file=path, mend="make it readable") from error
    return digest.hexdigest()[:32]


def _reader_name(reader: Callable) -> list[str]:
    """Name a reader and its settings.

    The name of an object, of its method or of a function made inside another one does not tell what it holds: it gets
    one of its own, which no later run finds again.
    """
    if isinstance(reader, partial):
        return [*_reader_name(reader.func), repr(reader.args), repr(sorted(reader.keywords.items()))]
    name = getattr(reader, "__qualname__", "<object>")
    own = [_own_name(reader)] if "<" in name or getattr(reader, "__self__", None) is not None else []
    module, code = getattr(reader, "__module__", "") or "", getattr(reader, "__code__", None)
    if code is not None and not module.startswith(f"{__name__.partition('.')[0]}."):  # those change with the version
        own.append(hashlib.sha256(repr(_content(code)).encode()).hexdigest()[:16])
    return [module, name, *own]


def _content(code: CodeType) -> tuple:
    """What a function does, whatever line it stands on; functions that it calls are not looked at."""
    return code.co_code, code.co_names, [_constant(constant) for constant in code.co_consts]


def _constant(value: object) -> object:
    """A constant of a function as text that is the same in every process: the order of a set is not."""
    if isinstance(value, CodeType):
        return _content(value)
    return sorted(map(repr, value)) if isinstance(value, frozenset) else value


_OWN_NAMES: WeakKeyDictionary[Callable, str] = WeakKeyDictionary()


def _own_name(reader: Callable) -> str:
    try:
        return _OWN_NAMES.setdefault(reader, uuid4().hex)
    except TypeError:  # it cannot be hashed
        return uuid4().hex


def _cached(case: Case, preparation: Preparation, cache: Path) -> Prepared:
    entry = cache / cache_key(case, preparation)
    found = _open(entry, case, preparation)
    if found is not None:
        return found
    prepared = prepare(case, preparation)
    try:
        _store(prepared, entry, case, preparation)
    except OSError as error:
        reason = error.strerror or str(error)
        mend = "make room or mend its permissions, or prepare without a cache"
        raise DataError(f"the cache cannot be written ({reason})", case=case.id, file=cache, mend=mend) from error
    return _open(entry, case, preparation) or prepared


def _store(prepared: Prepared, entry: Path, case: Case, preparation: Preparation) -> None:
    """Write an entry under another name, then rename it; an entry that another process finished meanwhile stays."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    for leftover in entry.parent.glob(f".{entry.name}-*"):
        if _is_stale(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    unfinished = entry.parent / f".{entry.name}-{secrets.token_hex(8)}"
    unfinished.mkdir()  # not mkdtemp: the cache's own rules say who may read it
    try:
        for name in ARRAYS:
            np.save(unfinished / f"{name}.npy", getattr(prepared, name), allow_pickle=False)
        voxel_mm = None if prepared.voxel_mm is None else [float(mm) for mm in prepared.voxel_mm]
        numbers = {"voxel_mm": voxel_mm, "unknown": prepared.unknown}
        (unfinished / NUMBERS).write_text(json.dumps(numbers), encoding="utf-8")
        if _open(entry, case, preparation) is None:
            shutil.rmtree(entry, ignore_errors=True)
            unfinished.rename(entry)
    except OSError:
        if _open(entry, case, preparation) is None:
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _is_stale(unfinished: Path) -> bool:
    """Whether whoever was writing it must have been killed; gone already is not stale."""
    try:
        return time.time() - unfinished.stat().st_mtime > DAY_S
    except FileNotFoundError:
        return False


def _open(entry: Path, case: Case, preparation: Preparation) -> Prepared | None:
    """Map an entry; None where it is absent, cut short, of another shape or another kind."""
    try:
        arrays = {name: np.load(entry / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
        numbers = json.loads((entry / NUMBERS).read_text(encoding="utf-8"))
        voxel_mm, unknown = numbers["voxel_mm"], numbers["unknown"]
    except (OSError, ValueError, EOFError, LookupError, TypeError):
        return None
    if not _is_size(voxel_mm, len(preparation.output_size)) or type(unknown) is not int:
        return None
    expected = {
        "image": ((*preparation.input_size, len(case.channels)), np.float32),
        "truth": ((*preparation.output_size, len(case.labels)), np.uint8),
        "mask": ((*preparation.output_size, 1), np.uint8),
    }
    if any((arrays[name].shape, arrays[name].dtype) != kind for name, kind in expected.items()):
        return None
    return Prepared(case.id, **arrays, voxel_mm=None if voxel_mm is None else tuple(voxel_mm), unknown=unknown)


def _is_size(voxel_mm: object, axes: int) -> bool:
    """Whether what an entry says of its voxels is a length along each axis, or None."""
    if voxel_mm is None:
        return True
    return isinstance(voxel_mm, list) and len(voxel_mm) == axes and all(isinstance(mm, float) for mm in voxel_mm)
