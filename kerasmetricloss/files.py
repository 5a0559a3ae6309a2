"""Files that are there whole or not at all."""

import contextlib
import csv
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TEMPORARY = ".kml-tmp"
LOCK, HOLDER = ".lock", ".lock-holder"
_ASKED_S = 1.0  # whoever asks whether a folder is held locks it for a moment


def replace_file(path: str | os.PathLike, data: bytes) -> Path:
    """Write a file so that readers see the old bytes or the new ones, never a part; make its folder if need be."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{secrets.token_hex(8)}{TEMPORARY}"
    try:
        with temporary.open("xb") as file:  # open, not mkstemp: the folder's own rules say who may read it
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
    return path


@contextlib.contextmanager
def lock(folder: str | os.PathLike, fault: Callable[[str], Exception]) -> Iterator[None]:
    """Hold the lock of a folder, made where absent; the operating system lets go of it when its holder dies.

    Raises:
        Exception: What `fault` makes of a message, where another process that is alive holds it.
    """
    import filelock

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held, holder = filelock.FileLock(folder / LOCK), folder / HOLDER
    try:
        held.acquire(timeout=_ASKED_S)
    except filelock.Timeout:
        raise fault(
            f"{folder}: another run works here (process {_holder(folder) or 'unknown'}). Wait for it, stop it, or "
            "choose another --out."
        ) from None
    try:
        holder.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        held.release()


def is_locked(folder: str | os.PathLike) -> bool:
    """Whether a process that is alive holds the lock of a folder."""
    import filelock

    path = Path(folder) / LOCK
    if not path.is_file():
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # another user's folder, or one that cannot be written: its holder must be on this machine
        return _is_alive(_holder(Path(folder)))


def _holder(folder: Path) -> str:
    path = folder / HOLDER
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def sweep(folder: str | os.PathLike, *, older_s: float = 0) -> None:
    """Delete what writers that were killed left in a folder, of at least some age where others may be writing."""
    for leftover in Path(folder).glob(f".{'[0-9a-f]' * 16}{TEMPORARY}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime >= older_s:
                leftover.unlink()


def uneven_row(path: Path) -> str | None:
    """Tell of the first row of a CSV file that has more or fewer fields than its header; empty lines are passed over.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.csv").write_text("case,value\\n1,0.5\\n2,0,6\\n")
        ...     uneven_row(Path(folder, "a.csv"))
        "line 3 has 3 fields, the header 2: '2,0,6'"
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        for row in rows:
            if row and len(row) != len(header):
                return f"line {rows.line_num} has {len(row)} fields, the header {len(header)}: {','.join(row)!r}"
    return None
