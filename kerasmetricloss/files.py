"""Files that are there whole or not at all."""

import contextlib
import os
import secrets
import time
from pathlib import Path

TEMPORARY = ".kml-tmp"


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


def sweep(folder: str | os.PathLike, *, older_s: float = 0) -> None:
    """Delete what writers that were killed left in a folder, of at least some age where others may be writing."""
    for leftover in Path(folder).glob(f".{'[0-9a-f]' * 16}{TEMPORARY}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime >= older_s:
                leftover.unlink()
