"""What a run is asked to do, checked before any file is read."""

import hashlib
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from kerasmetricloss import losses
from kerasmetricloss.losses.names import is_own
from kerasmetricloss.studies.devices import check_backend
from kerasmetricloss.studies.errors import LossError, StudyError
from kerasmetricloss.studies.folds import check_folds
from kerasmetricloss.studies.recipes import Recipe
from kerasmetricloss.studies.settings import Setup


@dataclass(frozen=True)
class Request:
    """One run: which recipe, on which folder, into which directory.

    Attributes:
        recipe: The experiment.
        setup: Data set, network and training.
        root: Folder of the data set.
        out: Directory of the study.
        losses: Losses to compare, by any name that `losses.from_name` takes; the recipe's where empty.
        folds: Folds asked for.
        inner_validation: 0 selects weights on the reported fold, as the paper does; else the share of training cases.
        only_folds: The folds to train, counted from 1; all where empty.
        splits: File of published folds, as `datasets.read_splits` takes it; None makes folds.
        seed: Seed of folds, weights, order and augmentation.
        seeds: Seeds of the trainings where each network is trained more than once; the scores of a case are their mean.
            `seed` alone where empty.
        phantoms: Number of phantoms to make at `root` first; 0 takes what is there.
        command: The command that was typed.
        tensorboard: Write the curves of each training for TensorBoard, below `out/tensorboard`.
        devices: Devices that one training is spread over; more than one needs JAX.

    Raises:
        StudyError: A loss, the folds, the inner validation or the devices cannot be.
    """

    recipe: Recipe
    setup: Setup
    root: Path
    out: Path
    losses: tuple[str, ...] = ()
    folds: int = 5
    only_folds: tuple[int, ...] = ()
    inner_validation: float = 0.0
    splits: Path | None = None
    seed: int = 0
    seeds: tuple[int, ...] = ()
    phantoms: int = 0
    command: str = ""
    tensorboard: bool = False
    devices: int = 1

    def __post_init__(self) -> None:
        check_backend(self.devices)
        check_folds(self.folds, self.setup.folds_by, self.inner_validation)
        if self.tensorboard and not all(map(find_spec, ("tensorflow", "tensorboard"))):
            raise StudyError("--tensorboard writes through TensorFlow: pip install tensorflow tensorboard.")
        names = self.names
        if len(set(names)) < len(names):
            raise StudyError(f"--losses {','.join(names)}: a loss is named twice.")
        for name in names:
            loss_configuration(name, prior=[0.5])

    @property
    def names(self) -> tuple[str, ...]:
        """The losses by the names of the paper's table, in the order asked for."""
        return tuple(_paper_name(name) for name in self.losses or self.recipe.losses)

    @property
    def training_seeds(self) -> tuple[int, ...]:
        """The seeds that every network is trained with, one after the other."""
        return tuple(dict.fromkeys(self.seeds)) or (self.seed,)

    @property
    def selection(self) -> str:
        """Which images the weights are selected on, in words."""
        return f"inner validation {self.inner_validation:g}" if self.inner_validation else "reported fold"


def build_loss(name: str, prior: Sequence[float]) -> keras.losses.Loss:
    """The loss of a name for the networks of a study, whose channels come last whatever Keras' setting is."""
    return losses.from_name(name, prior=list(prior), **({} if is_own(name) else {"data_format": "channels_last"}))


def loss_configuration(name: str, *, prior: Sequence[float]) -> dict[str, Any]:
    """Everything that the value of a loss depends on, as JSON holds it.

    A loss of the user's own brings the hash of the file it stands in: its body counts, not its settings alone.

    Raises:
        LossError: There is no such loss, or its `get_config` holds what JSON cannot.
    """
    try:
        loss = build_loss(name, prior)
        settings = _without_names(json.loads(json.dumps(loss.get_config())))
    except (ValueError, TypeError) as error:
        raise LossError(f"--losses {name}: {error}") from error
    configuration = {"name": name, "class": type(loss).__name__, "settings": settings}
    if is_own(name):
        configuration["source"] = _source_of(name)
    return configuration


_AS_IMPORTED: dict[str, str] = {}  # module of a loss -> hash of its file when this process first asked for it


def _source_of(name: str) -> str | None:
    """The hash of the file of a loss of the user's own, which must be the one that Python has imported.

    Raises:
        LossError: The file cannot be read, or was changed after it was imported: the old code would be trained.
    """
    module = name.partition(":")[0]
    source = getattr(importlib.import_module(module), "__file__", None)
    if not source:
        return None
    try:
        found = hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise LossError(f"--losses {name}: {source} cannot be read ({error.strerror or error}).") from error
    if _AS_IMPORTED.setdefault(module, found) != found:
        raise LossError(
            f"--losses {name}: {source} changed since Python imported it, and the old code would be trained. Start a "
            "new process (restart the notebook's kernel), and run the same again."
        )
    return found


# Names of the paper's tables for what is the same loss: one training serves both.
SAME_LOSS = {"sDice-L1": "sDice", "sTversky-0.5/0.5": "sDice", "sTversky-1.0/1.0": "sJaccard"}


def trained_name(name: str) -> str:
    """The name of the loss that is trained for a name of the tables (Tversky 1/2, 1/2 is Dice; 1, 1 is Jaccard)."""
    return SAME_LOSS.get(name, name)


def _paper_name(name: str) -> str:
    if name in SAME_LOSS:
        return name
    try:
        return losses.paper_name(name)
    except (ValueError, TypeError) as error:
        raise StudyError(f"--losses {name}: {error}") from error


def _without_names(value: Any) -> Any:
    # Keras numbers the names of losses as they are made, in the order of the process.
    if isinstance(value, dict):
        return {key: _without_names(inner) for key, inner in value.items() if key != "name"}
    return [_without_names(inner) for inner in value] if isinstance(value, list) else value
