"""What a study tells whoever watches it, and how long it will still take."""

import time
from collections.abc import Iterable

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
        self._epochs = ""
        self._given_up: Cell | None = None

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, flush=True)

    def ended(self, cell: Cell, took: str, left: float) -> str:
        """The line of a training that ended, the rest taking `left` seconds."""
        return f"fold {cell.fold + 1}, {cell.phase}-training, {cell.loss}: {took}; about {left:.0f} s left"

    def note(self, text: str) -> None:
        """Print it."""
        self.say(text)

    def planned(self, cells: int, finished: int) -> None:
        """Print how many trainings there are."""
        self.say(f"{cells} trainings, {finished} of them found finished")

    def epoch(self, cell: Cell, epoch: int, value: float) -> None:
        """Keep the number of the epoch and its validation loss. Trainings of other processes tell none."""
        self._epochs = f"{epoch} epochs, validation loss {value:.4f} in the last, "

    def cell_finished(self, cell: Cell, seconds: float, left: float) -> None:
        """Print how long it took and how much is left, unless it was given up."""
        if cell is not self._given_up:
            self.say(self.ended(cell, f"{self._epochs}{seconds:.0f} s", left))
        self._epochs = ""

    def cell_failed(self, cell: Cell, problem: str, attempt: int) -> None:
        """Print what went wrong."""
        self._epochs, self._given_up = "", None if attempt == 1 else cell
        self.say(failure(problem, attempt))


def failure(problem: str, attempt: int) -> str:
    """What a training failed with, and whether it is tried again."""
    return f"{problem} ({'tried once more' if attempt == 1 else 'given up'})"


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

    def left(self, phases: Iterable[str]) -> float:
        """Seconds of the trainings that remain, by the mean of their phase (of all, before one of it ended)."""
        everything = [s for seconds in self._seconds.values() for s in seconds]
        return sum(_mean(self._seconds.get(phase) or everything) for phase in phases)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
