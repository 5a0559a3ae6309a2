"""One cell from start to files: train, predict the left-out cases, score them, write all of it in one step."""

import functools
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasmetricloss import losses, pipelines
from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.studies import networks, scoring
from kerasmetricloss.studies.cells import Cell, CellStore
from kerasmetricloss.studies.data import StudyData, normalisation
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.folds import Fold
from kerasmetricloss.studies.training import Batches, Trained, Trainer, Weights

MODEL = "model.keras"
SCORES = "scores.parquet"
HISTORY = "history.json"
PREDICTIONS = "predictions.npz"
RESULT = "result.json"


@dataclass
class Worker:
    """Trains cells of one study in this process.

    Attributes:
        data: The prepared cases.
        network: Network setting.
        store: Where finished cells go, and where pre-trained weights come from.
    """

    data: StudyData
    network: dict[str, Any]
    store: CellStore

    @property
    def trainer(self) -> Trainer:
        """The network and its compiled steps."""
        return _trainer(json.dumps(self.network), len(self.data.channels), len(self.data.labels))

    def run(self, cell: Cell, fold: Fold, pretrained: Cell | None, on_epoch: Callable[[int, float], None]) -> None:
        """Train a cell and write it.

        Raises:
            StudyError: Anything failed; the message begins with the cell.
        """
        started = time.monotonic()
        try:
            trained, probabilities = self._train(cell, fold, pretrained, on_epoch)
        except Exception as error:
            raise StudyError(f"{cell.title}: {error}") from error

        def fill(directory: Path) -> None:
            self.trainer.save(trained.weights, directory / MODEL)
            _write_json(directory / HISTORY, trained.history)
            np.savez_compressed(directory / PREDICTIONS, **{k: scoring.quantise(p) for k, p in probabilities.items()})
            self._scores(cell, fold, probabilities).write(directory / SCORES)
            result = {
                "best_epoch": trained.best_epoch,
                "epochs": len(trained.history),
                "parameters": self.trainer.network.count_params(),
                "peak_memory_mb": _peak_memory_mb(),
            }
            _write_json(directory / RESULT, result | {"seconds": round(time.monotonic() - started, 2)})

        try:
            self.store.write(cell, fill)
        except OSError as error:
            raise StudyError(
                f"{cell.title}: writing below {self.store.root} failed ({error.strerror or error}). "
                "Make room or mend the permissions, then run the same command again: finished cells are kept."
            ) from error

    def _train(
        self, cell: Cell, fold: Fold, pretrained: Cell | None, on_epoch: Callable[[int, float], None]
    ) -> tuple[Trained, dict[str, np.ndarray]]:
        seed = int(cell.identity[:7], 16)
        settings = cell.configuration["training"]
        shift, scale = normalisation(self.data, fold)
        weights = (
            self.trainer.initial_weights(seed) if pretrained is None else read_weights(self.store.path(pretrained))
        )
        trained = self.trainer.train(
            losses.from_name(cell.loss, prior=list(self.data.prior)),
            weights=weights,
            settings=settings,
            batches=self._batches(fold, shift, scale, settings, seed),
            seed=seed,
            on_epoch=on_epoch,
        )
        tested = [self.data.prepared[i] for i in fold.test]
        return trained, {
            case.case_id: self.trainer.predict(
                trained.weights,
                ((case.image - shift) / scale).astype("float32")[None],
                case.mask[None].astype("float32"),
            )[0]
            for case in tested
        }

    def _batches(
        self, fold: Fold, shift: np.ndarray, scale: np.ndarray, settings: dict[str, Any], seed: int
    ) -> Batches:
        train = [self.data.prepared[i] for i in fold.train]
        validation = [self.data.prepared[i] for i in fold.validation]
        augmentation = pipelines.Augmentation() if settings["augmentation"] else None
        common = {"shift": shift, "scale": scale, "batch": settings["batch"]}
        source = _batch_source()
        training = source.training_batches(train, augmentation=augmentation, seed=seed, **common)
        steps = -(-len(train) // settings["batch"])
        return Batches(training, steps, source.full_images(validation, **common))

    def _scores(self, cell: Cell, fold: Fold, probabilities: dict[str, np.ndarray]) -> ScoreTable:
        rows = []
        for position in fold.test:
            case, prepared = self.data.cases[position], self.data.prepared[position]
            key = {
                "dataset": cell.dataset,
                "model": cell.model,
                "loss": cell.loss,
                "seed": cell.seed,
                "fold": cell.fold,
                "case": case.id,
                "group": case.group,
            }
            for label, metric, value in scoring.case_scores(prepared.truth, probabilities[case.id], self.data.labels):
                rows.append(key | {"label": label, "metric": metric, "value": value})
        return ScoreTable.from_rows(rows, source=cell.title)


def read_weights(directory: Path) -> Weights:
    """The weights of the model that a finished cell keeps.

    Raises:
        StudyError: The file is missing or broken.
    """
    path = directory / MODEL
    try:
        return keras.saving.load_model(path, compile=False).get_weights()
    except Exception as error:  # a broken archive surfaces as almost any exception
        raise StudyError(
            f"{path} cannot be read ({error}). Delete the directory {directory} and run the same command again."
        ) from error


@functools.lru_cache(maxsize=4)
def _trainer(network: str, channels: int, labels: int) -> Trainer:
    """One trainer a network in this process: several studies share what was traced."""
    return Trainer(lambda: networks.build(json.loads(network), channels=channels, labels=labels))


def _batch_source() -> Any:
    if keras.backend.backend() == "tensorflow":
        from kerasmetricloss.pipelines import tfdata

        return tfdata
    from kerasmetricloss.pipelines import memory

    return memory


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _peak_memory_mb() -> int:
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2))
