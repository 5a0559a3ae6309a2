"""The cells of a study: for each fold one pre-training with cross-entropy, then every loss from its weights."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import keras

from kerasmetricloss import pipelines
from kerasmetricloss.studies import networks
from kerasmetricloss.studies.cells import Cell
from kerasmetricloss.studies.data import StudyData, fold_configuration
from kerasmetricloss.studies.folds import Fold
from kerasmetricloss.studies.request import Request, loss_configuration, trained_name

PRETRAINING_LOSS = "CE"


@dataclass(frozen=True)
class Task:
    """A cell with what it needs: its fold, and the cell whose weights it starts from (None starts from random ones)."""

    cell: Cell
    fold: Fold
    pretrained: Cell | None


def tasks(request: Request, data: StudyData, folds: Sequence[Fold], names: Sequence[str]) -> list[Task]:
    """Every training of a data set, in the order in which they run.

    Args:
        request: What is asked for.
        data: The prepared cases.
        folds: The folds.
        names: The losses by the names of the tables; names of one loss share its training.

    Returns:
        Seed by seed, fold by fold: the pre-training, then one task a loss.
    """
    trained = dict.fromkeys(map(trained_name, names))
    planned = []
    for seed, fold in product(request.training_seeds, folds):
        first = _cell(request, data, fold, seed, PRETRAINING_LOSS)
        planned.append(Task(first, fold, None))
        planned += [Task(_cell(request, data, fold, seed, name, first), fold, first) for name in trained]
    return planned


def _cell(request: Request, data: StudyData, fold: Fold, seed: int, loss: str, pretrained: Cell | None = None) -> Cell:
    setup, phase = request.setup, "pre" if pretrained is None else "post"
    training = setup.training.phase(phase)
    if training["augmentation"]:
        training["augmentation"] = asdict(pipelines.Augmentation(restore=networks.normalises(setup.network)))
    configuration: dict[str, Any] = {
        "data": fold_configuration(data, fold),
        "network": networks.identity(setup.network),
        "seed": seed,
        "backend": keras.backend.backend(),
        "phase": phase,
        "loss": loss_configuration(loss, prior=data.prior),
        "training": training,
        "pretrained": pretrained and pretrained.identity,
    }
    if setup.patch is not None:
        configuration["patch"] = setup.patch
    return Cell(data.dataset, setup.network["name"], loss, seed, fold.index, phase, configuration)
