"""What a study tells whoever watches it, and how long it will still take."""

import math
import time

from kerasmetricloss.studies.cells import Cell


class Observer:
    """Told of each step of a study; does nothing. Subclass it to show progress."""

    def stage(self, text: str, done: int = 0, total: int = 0) -> None:
        """Reading, checking or writing: `done` of `total` files or cases (0 of 0 where there is nothing to count)."""

    def note(self, text: str) -> None:
        """Something to know of the data, such as cases that were skipped as asked."""

    def planned(self, cells: int, finished: int) -> None:
        """The study has `cells` cells, of which `finished` were found on disk."""

    def cell_started(self, cell: Cell, epochs: int) -> None:
        """A training begins; it takes `epochs` epochs at most."""

    def epoch(self, cell: Cell, epoch: int, value: float) -> None:
        """An epoch ended with this validation loss."""

    def cell_finished(self, cell: Cell, seconds: float, left: float) -> None:
        """A training ended after `seconds`; the rest of the study takes about `left` seconds more."""

    def cell_failed(self, cell: Cell, problem: str, attempt: int) -> None:
        """A training failed for the first or the second (and last) time."""


class Lines(Observer):
    """Prints a line a training, as in a notebook or a log.

    Example:
        >>> from kerasmetricloss.studies.cells import Cell
        >>> lines, cell = Lines(), Cell("po18", "unet", "CE", 0, 0, "pre", {})
        >>> lines.planned(6, 0)
        6 trainings, 0 of them found finished
        >>> lines.epoch(cell, 9, 0.25)
        >>> lines.cell_finished(cell, 12.0, 60.0)
        fold 1, pre-training, CE: 9 epochs, validation loss 0.2500 in the last, 12 s; about 60 s left
    """

    def __init__(self) -> None:
        self._epochs, self._loss = 0, math.nan

    def note(self, text: str) -> None:
        """Print it."""
        print(text, flush=True)

    def planned(self, cells: int, finished: int) -> None:
        """Print how many trainings there are."""
        print(f"{cells} trainings, {finished} of them found finished", flush=True)

    def cell_started(self, cell: Cell, epochs: int) -> None:
        """Forget the epochs of the last training."""
        self._epochs, self._loss = 0, math.nan

    def epoch(self, cell: Cell, epoch: int, value: float) -> None:
        """Keep the number of the epoch and its validation loss."""
        self._epochs, self._loss = epoch, value

    def cell_finished(self, cell: Cell, seconds: float, left: float) -> None:
        """Print how long it took and how much is left."""
        print(
            f"fold {cell.fold + 1}, {cell.phase}-training, {cell.loss}: {self._epochs} epochs, validation loss "
            f"{self._loss:.4f} in the last, {seconds:.0f} s; about {left:.0f} s left",
            flush=True,
        )

    def cell_failed(self, cell: Cell, problem: str, attempt: int) -> None:
        """Print what went wrong."""
        print(f"{problem} ({'tried once more' if attempt == 1 else 'given up'})", flush=True)


class Clock:
    """Estimates the time left from the trainings so far, each phase on its own."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}
        self._started = 0.0

    def start(self) -> None:
        """A training begins."""
        self._started = time.monotonic()

    def stop(self, phase: str) -> float:
        """A training of that phase ended; its seconds."""
        seconds = time.monotonic() - self._started
        self.add(phase, seconds)
        return seconds

    def add(self, phase: str, seconds: float) -> None:
        """A training of that phase took so many seconds."""
        self._seconds.setdefault(phase, []).append(seconds)

    def left(self, remaining: list[Cell]) -> float:
        """Seconds that the remaining cells will take, by the mean of their phase (of all, before one of it ended)."""
        everything = [s for seconds in self._seconds.values() for s in seconds]
        return sum(_mean(self._seconds.get(cell.phase) or everything) for cell in remaining)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
