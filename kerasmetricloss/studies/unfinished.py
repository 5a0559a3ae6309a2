"""A training that was stopped: all that its next epoch depends on, in one file beside the finished cells."""

import io
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasmetricloss.files import replace_file

Arrays = list[np.ndarray]
EVERY_S = 60.0  # a training is kept no more often than this; a shorter one is never kept
_LISTS = ("weights", "optimizer", "generators", "best")
_TOLD = "told"


@dataclass(frozen=True)
class Unfinished:
    """A training after some epoch. Rates and patience follow from the curves, and are not kept.

    Attributes:
        weights: The network's.
        optimizer: The optimiser's variables.
        generators: States of what draws numbers inside the network, such as dropout.
        best: Weights of the best epoch so far.
        history: The curves so far, a row an epoch.
    """

    weights: Arrays
    optimizer: Arrays
    generators: Arrays
    best: Arrays
    history: list[dict[str, float]]


@dataclass
class Shelf:
    """Where the training of one cell is kept while it lasts.

    Attributes:
        path: The file.
        title: The cell in words.
        made_with: Versions, machine and the like; what was made with others is not gone on with.
        found: What a run that was stopped left of the same training; None where there is nothing to go on with.
    """

    path: Path
    title: str
    made_with: dict[str, Any]

    def __post_init__(self) -> None:
        self._before, self._started = 0.0, time.monotonic()
        self._kept = self._started
        self.found = self._take()

    @property
    def seconds(self) -> float:
        """What the training has taken so far, in this run and in those before."""
        return self._before + time.monotonic() - self._started

    def _take(self) -> Unfinished | None:
        try:
            with self.path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                told = _told(file)
                if told["made_with"] != json.loads(json.dumps(self.made_with)):
                    return None
                names = sorted(set(file.files) - {_TOLD})
                lists = {kind: [file[name] for name in names if name.startswith(kind)] for kind in _LISTS}
        except Exception:  # absent, cut short, or of another version: the training begins anew
            return None
        self._before = told["seconds"]
        return Unfinished(**lists, history=told["history"])

    def put(self, make: Callable[[], Unfinished]) -> None:
        """Keep a training, unless that was done just now."""
        if time.monotonic() - self._kept < EVERY_S:
            return
        unfinished = make()
        told = {
            "title": self.title,
            "made_with": self.made_with,
            "seconds": self.seconds,
            "history": unfinished.history,
        }
        arrays = {
            f"{kind}{number:06d}": array for kind in _LISTS for number, array in enumerate(getattr(unfinished, kind))
        }
        data = io.BytesIO()
        np.savez(data, **arrays, **{_TOLD: json.dumps(told)})
        with suppress(OSError):  # a full disk must not end hours of training before their result
            replace_file(self.path, data.getvalue())
        self._kept = time.monotonic()


def title_and_epoch(path: Path) -> dict[str, Any] | None:
    """Title and last epoch of the training that a file holds; None where none can be read."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            told = _told(file)
            return {"title": told["title"], "epoch": len(told["history"])}
    except Exception:
        return None


def _told(file: Any) -> dict[str, Any]:
    return json.loads(str(file[_TOLD]))


def generator_states(network: keras.Model) -> Arrays:
    """The states of what draws numbers inside a network."""
    return [keras.ops.convert_to_numpy(state.value) for state in generators(network)] + _torch_states()


def set_generator_states(network: keras.Model, states: Arrays) -> None:
    """Put them back."""
    variables = generators(network)
    for variable, state in zip(variables, states, strict=False):
        variable.assign(state)
    if keras.backend.backend() == "torch":
        import torch

        processor, *gpus = map(torch.from_numpy, states[len(variables) :])
        torch.set_rng_state(processor)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)


def generators(network: keras.Model) -> list[keras.Variable]:
    """The variables of a network's generators, which Keras leaves out of its weights."""
    kept = {id(variable) for variable in network.weights}
    return [variable for variable in network.variables if id(variable) not in kept]


def _torch_states() -> Arrays:
    """Those of PyTorch's own generators, which dropout draws from there."""
    if keras.backend.backend() != "torch":
        return []
    import torch

    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return [state.numpy() for state in (torch.get_rng_state(), *gpus)]
