"""The cells of a study on disk: one finished training each, found again by its full configuration.

A cell is a directory `cells/<readable name>-<hash>/`. It is written beside its place under a temporary name and
renamed when it is whole, so that it is there completely or not at all, whenever the process dies.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from kerasmetricloss import files
from kerasmetricloss.studies.errors import StudyError

_ARCHIVES = (".keras", ".npz")
_PARTIAL, _RUNNING, _FAILED = ".partial-", ".running-", ".failed-"
UNFINISHED = ".unfinished-"


@dataclass(frozen=True)
class Cell:
    """One training: its full configuration, and the words that make its directory readable."""

    dataset: str
    model: str
    loss: str
    seed: int
    fold: int
    phase: str
    configuration: dict[str, Any]

    @property
    def identity(self) -> str:
        """Hash of the full configuration: two cells are the same if and only if these agree."""
        return digest(self.configuration)

    @property
    def directory_name(self) -> str:
        """Readable name and identity, safe in a path."""
        words = (self.dataset, self.model, f"seed{self.seed}", f"fold{self.fold + 1}", self.phase, self.loss)
        return "-".join(_safe(word) for word in words) + f"-{self.identity}"

    @property
    def title(self) -> str:
        """The cell in words, for progress and for errors."""
        return (
            f"{self.dataset}, {self.model}, fold {self.fold + 1}, {self.phase}-training, {self.loss}, seed {self.seed}"
        )


class CellStore:
    """The finished cells below `directory/cells`.

    Args:
        directory: The study directory.
        expected: Names of the files that every finished cell has.
    """

    def __init__(self, directory: Path, *, expected: Sequence[str] = ()):
        self.root = Path(directory).resolve() / "cells"
        self.expected = tuple(expected)

    def path(self, cell: Cell) -> Path:
        """Where the cell lies, or will lie."""
        return self.root / cell.directory_name

    def unfinished(self, cell: Cell) -> Path:
        """Where the cell's training is kept while it lasts."""
        return self._note(UNFINISHED, cell)

    def has(self, cell: Cell) -> bool:
        """Whether the cell is finished.

        Raises:
            StudyError: It is there, but a file of it was lost.
        """
        path = self.path(cell)
        if not path.is_dir():
            return False
        lost = [name for name in self.expected if not (path / name).is_file()]
        if lost:
            raise self.broken(cell, f"{', '.join(lost)} is missing")
        cut = [name for name in self.expected if Path(name).suffix in _ARCHIVES and not is_zipfile(path / name)]
        if cut:
            raise self.broken(cell, f"{', '.join(cut)} is no longer an archive")
        return True

    def broken(self, cell: Cell, problem: object) -> StudyError:
        """The error of a finished cell that cannot be read."""
        return StudyError(
            f"{cell.title}: {self.path(cell)} is damaged ({problem}). "
            "Delete that directory and run the same command again; only this training is repeated."
        )

    def write(self, cell: Cell, fill: Callable[[Path], None]) -> Path:
        """Let `fill` write the cell's files into a temporary directory, then put it in place in one step."""
        self.root.mkdir(parents=True, exist_ok=True)
        partial = self.root / f"{_PARTIAL}{secrets.token_hex(8)}"
        partial.mkdir()  # not mkdtemp: the directory's own rules say who may read it
        try:
            text = json.dumps(cell.configuration, indent=1, sort_keys=True, ensure_ascii=False)
            (partial / "configuration.json").write_text(text + "\n", encoding="utf-8")
            fill(partial)
            for path in partial.iterdir():
                _flush(path)
            self._put_in_place(partial, cell)
            self._note(_FAILED, cell).unlink(missing_ok=True)
            self.unfinished(cell).unlink(missing_ok=True)
            _flush(self.root)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return self.path(cell)

    def _put_in_place(self, partial: Path, cell: Cell) -> None:
        try:
            partial.rename(self.path(cell))
        except OSError:
            # Ray may start a cell anew whose process it lost sight of; then the first to finish stays.
            if not self.has(cell):
                raise
            shutil.rmtree(partial, ignore_errors=True)

    def sweep(self) -> None:
        """Delete what runs that were killed left half written. Call it with the lock held."""
        if self.root.is_dir():
            for partial in self.root.glob(f"{_PARTIAL}*"):
                shutil.rmtree(partial, ignore_errors=True)
            for running in self.root.glob(f"{_RUNNING}*"):
                running.unlink(missing_ok=True)
            for unfinished in self.root.glob(f"{UNFINISHED}*"):
                if (self.root / unfinished.name.removeprefix(UNFINISHED)).is_dir():
                    unfinished.unlink(missing_ok=True)
            files.sweep(self.root)

    @contextmanager
    def running(self, cell: Cell) -> Iterator[Callable[[int], None]]:
        """Note that the cell is in work, for whoever asks for the status; call what it gives with each epoch."""
        self.root.mkdir(parents=True, exist_ok=True)
        note = self._note(_RUNNING, cell)

        def epoch(number: int) -> None:
            epochs = cell.configuration["training"]["epochs"]
            with suppress(OSError):  # hours of training must not end with a note
                note.write_text(json.dumps({"title": cell.title, "epoch": number, "epochs": epochs}), encoding="utf-8")

        epoch(0)
        try:
            yield epoch
        finally:
            note.unlink(missing_ok=True)

    def note_failure(self, cell: Cell, problem: str) -> None:
        """Keep what went wrong with a cell until it is finished."""
        self.root.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"title": cell.title, "problem": problem}, ensure_ascii=False)
        self._note(_FAILED, cell).write_text(text, encoding="utf-8")

    def notes(self, names: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What is in work and what failed, of the cells with these names of directories."""
        return tuple(list(_read_notes(self.root / f"{kind}{name}" for name in names)) for kind in (_RUNNING, _FAILED))

    def _note(self, kind: str, cell: Cell) -> Path:
        return self.root / f"{kind}{cell.directory_name}"


def digest(configuration: Any) -> str:
    """First 12 hexadecimal digits of the SHA-256 of the configuration as sorted JSON."""
    text = json.dumps(configuration, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _read_notes(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in sorted(paths):
        # Another process may write or delete the note just now.
        with suppress(OSError, ValueError):
            yield json.loads(path.read_text(encoding="utf-8"))


def _safe(word: str) -> str:
    return "".join(character if character.isalnum() or character in "._" else "_" for character in word)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
