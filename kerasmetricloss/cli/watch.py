"""Progress of a study on a terminal (a live bar) or in a log (a line a training)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kerasmetricloss.studies import Lines, Observer
from kerasmetricloss.studies.progress import failure


@contextmanager
def watching() -> Iterator[Observer]:
    """An observer for the standard error stream."""
    console = _Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress)


class _Console(Console):
    """A console that leaves it to the command what becomes of an output that nobody reads."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class _Lines(Lines):
    """One line a stage and one a training, numbered."""

    def __init__(self, console: Console):
        super().__init__()
        self._console = console
        self._stage = ""
        self._cells = self._done = 0

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def ended(self, cell, took: str, left: float) -> str:
        place = f"[{self._done}/{self._cells}] {cell.dataset}, fold {cell.fold + 1}"
        return f"{place}, {cell.phase}-training, {cell.loss}: {took}; {_left(left)}"

    def stage(self, text: str, done: int = 0, total: int = 0) -> None:
        if text != self._stage:
            self.say(text + (f" ({total})" if total else ""))
            self._stage = text

    def planned(self, cells: int, finished: int) -> None:
        self._cells, self._done = cells, finished
        super().planned(cells, finished)

    def cell_finished(self, cell, seconds: float, left: float) -> None:
        self._done += 1
        super().cell_finished(cell, seconds, left)


class _Bar(Observer):
    """A live bar: fold, phase, loss, epoch, time left."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._task = progress.add_task("starting", total=None, left="")
        self._epochs = self._done = 0
        self._left_at = (0.0, 0.0)

    def stage(self, text: str, done: int = 0, total: int = 0) -> None:
        self._progress.update(self._task, description=text, completed=done, total=total or None, left="")

    def note(self, text: str) -> None:
        self._progress.console.print(text, markup=False)

    def planned(self, cells: int, finished: int) -> None:
        self._done = finished
        self._progress.update(self._task, completed=finished, total=cells)

    def cell_started(self, cell, epochs: int) -> None:
        self._epochs = epochs
        self._show(cell, "")

    def epoch(self, cell, epoch: int, value: float) -> None:
        self._show(cell, f"epoch {epoch} of at most {self._epochs}, validation loss {value:.4f}")

    def cell_finished(self, cell, seconds: float, left: float) -> None:
        self._done += 1
        self._left_at = (left, time.monotonic())
        self._progress.update(self._task, completed=self._done)

    def cell_failed(self, cell, problem: str, attempt: int) -> None:
        self._progress.console.print(failure(problem, attempt), markup=False)

    def _show(self, cell, epoch: str) -> None:
        left, since = self._left_at
        remaining = max(0.0, left - (time.monotonic() - since)) if since else 0.0
        self._progress.update(
            self._task,
            description=f"fold {cell.fold + 1}, {cell.phase}-training, {cell.loss:<10} {epoch}",
            left=_left(remaining) if since else "",
        )


def _left(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"about {minutes}:{rest:02d} left"
