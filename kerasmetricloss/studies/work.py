"""One cell from start to files: train, predict the left-out cases, score them, write all of it in one step."""

import functools
import json
import math
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasmetricloss import pipelines
from kerasmetricloss.losses.names import is_own
from kerasmetricloss.pipelines import inference
from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.studies import networks, provenance, scoring
from kerasmetricloss.studies.cells import Cell, CellStore, digest
from kerasmetricloss.studies.data import StudyData, normalisation
from kerasmetricloss.studies.errors import StudyError, StudyStopped
from kerasmetricloss.studies.folds import Fold
from kerasmetricloss.studies.request import build_loss, loss_configuration
from kerasmetricloss.studies.training import Batches, Trained, Trainer, Weights
from kerasmetricloss.studies.unfinished import Shelf

MODEL = "model.keras"
SCORES = "scores.parquet"
HISTORY = "history.json"
PREDICTIONS = "predictions.npz"
RESULT = "result.json"
FILES = (MODEL, SCORES, HISTORY, PREDICTIONS, RESULT)


@dataclass
class Worker:
    """Trains cells of one study in this process.

    Attributes:
        data: The prepared cases.
        network: Network setting.
        patch: Settings of `pipelines.Patches` but for the margin; None trains on whole images.
        store: Where finished cells go, and where pre-trained weights come from.
        logs: Folder for TensorBoard, a folder a cell below it; None writes no logs.
        devices: Devices that a cell is trained on, as `devices` says.
        losses: What else is trained on these data: such losses share one compiled step, but for a user's own.
    """

    data: StudyData
    network: dict[str, Any]
    patch: dict[str, Any] | None
    store: CellStore
    logs: Path | None = None
    devices: int = 1
    losses: Sequence[str] = ()

    @property
    def trainer(self) -> Trainer:
        """The network and its compiled steps."""
        return _trainer(json.dumps(self.network), len(self.data.channels), len(self.data.labels), self.devices)

    def run(self, cell: Cell, fold: Fold, pretrained: Cell | None, on_epoch: Callable[[int, float], None]) -> None:
        """Train a cell and write it.

        Raises:
            StudyError: Anything failed; the message begins with the cell.
        """
        made_with = provenance.made_with() | {"backend": keras.backend.backend(), "devices": self.devices}
        shelf = Shelf(self.store.unfinished(cell), cell.title, made_with)
        try:
            with self.store.running(cell) as note:

                def told(epoch: int, value: float) -> None:
                    note(epoch)
                    on_epoch(epoch, value)

                trained, probabilities = self._train(cell, fold, pretrained, told, shelf)
        except OSError as error:
            if error.filename and not Path(error.filename).is_relative_to(self.store.root):  # a loss of one's own
                raise StudyError(f"{cell.title}: {error}") from error
            raise self._unwritable(cell, error) from error
        except Exception as error:
            raise StudyError(f"{cell.title}: {error}") from error

        def fill(directory: Path) -> None:
            self.trainer.save(trained.weights, directory / MODEL)
            inference.write_trained_on(directory / MODEL, self._trained_on(fold))
            _write_json(directory / HISTORY, trained.history)
            write_predictions(directory / PREDICTIONS, probabilities)
            self._scores(cell, fold, probabilities).write(directory / SCORES)
            _write_json(directory / RESULT, self._result(trained, shelf.seconds))

        try:
            self.store.write(cell, fill)
        except OSError as error:
            raise self._unwritable(cell, error) from error
        except Exception as error:
            raise StudyError(f"{cell.title}: {error}") from error

    def _trained_on(self, fold: Fold) -> inference.TrainedOn:
        shift, scale = normalisation(self.data, fold, self.network)
        return inference.TrainedOn(
            dataset=self.data.cases[0].dataset,
            channels=self.data.channels,
            labels=self.data.labels,
            preparation=self.data.preparation,
            shift=tuple(map(float, shift)),
            scale=tuple(map(float, scale)),
            seen=tuple(sorted(self.data.images[self.data.cases[i].id] for i in fold.seen)),
            reading=self.data.reading,
        )

    def _unwritable(self, cell: Cell, error: OSError) -> StudyStopped:
        return StudyStopped(
            f"{cell.title}: writing below {self.store.root} failed ({error.strerror or error}). "
            "Make room or mend the permissions, then run the same command again: finished cells are kept."
        )

    def _result(self, trained: Trained, seconds: float) -> dict[str, Any]:
        return {
            "best_epoch": trained.best_epoch,
            "devices": self.devices,
            "epochs": len(trained.history),
            "parameters": sum(math.prod(variable.shape) for variable in self.trainer.network.trainable_variables),
            "peak_memory_mb": _peak_memory_mb(),
            "seconds": round(seconds, 2),
            **provenance.made_with(),
        }

    def _train(
        self, cell: Cell, fold: Fold, pretrained: Cell | None, on_epoch: Callable[[int, float], None], shelf: Shelf
    ) -> tuple[Trained, dict[str, np.ndarray]]:
        # Losses are compared in pairs: within a fold and phase all see the same batches.
        seed = int(np.random.SeedSequence([cell.seed, cell.fold, cell.phase == "post"]).generate_state(1)[0] >> 1)
        settings = cell.configuration["training"]
        shift, scale = normalisation(self.data, fold, self.network)
        weights = self.trainer.initial_weights(seed) if pretrained is None else self._weights_of(pretrained)
        begun = len(shelf.found.history) if shelf.found else 0
        trained = self.trainer.train(
            digest(cell.configuration["loss"]),
            self._sharing(cell),
            weights=weights,
            settings=settings,
            batches=self._batches(fold, shift, scale, settings, seed, begun),
            seed=seed,
            on_epoch=on_epoch,
            log_dir=None if self.logs is None else self.logs / cell.directory_name,
            shelf=shelf,
        )
        return trained, self._predict(trained.weights, fold, shift, scale)

    def _sharing(self, cell: Cell) -> dict[str, keras.losses.Loss]:
        """The losses that may share a step with that of a cell, this one too, by the digests of their settings."""
        loss = cell.loss
        # A loss of the user's own that fails must not fail the others.
        names = [loss] if is_own(loss) else [loss, *(name for name in self.losses if not is_own(name))]
        prior = list(self.data.prior)
        found = {digest(loss_configuration(name, prior=prior)): build_loss(name, prior) for name in names}
        if digest(cell.configuration["loss"]) not in found:
            raise StudyError(f"the module of {loss} changed since this run began. Run the same command again.")
        return found

    def _predict(self, weights: Weights, fold: Fold, shift: np.ndarray, scale: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        # One image a device at a time, so that memory stays bounded.
        for start in range(0, len(fold.test), self.devices):
            cases = [self.data.prepared[i] for i in fold.test[start : start + self.devices]]
            images = np.stack([((case.image - shift) / scale).astype("float32") for case in cases])
            masks = np.stack([case.mask.astype("float32") for case in cases])
            probabilities = self.trainer.predict(weights, images, masks)
            found |= zip((case.case_id for case in cases), probabilities, strict=True)
        return found

    def _weights_of(self, cell: Cell) -> Weights:
        path = self.store.path(cell) / MODEL
        try:
            return _stored_weights(path, path.stat().st_mtime_ns)
        except Exception as error:  # a broken archive surfaces as almost any exception
            raise self.store.broken(cell, error) from error

    def _batches(
        self, fold: Fold, shift: np.ndarray, scale: np.ndarray, settings: dict[str, Any], seed: int, begun: int
    ) -> Batches:
        train = [self.data.prepared[i] for i in fold.train]
        validation = [self.data.prepared[i] for i in fold.validation]
        augmentation = pipelines.Augmentation(**settings["augmentation"]) if settings["augmentation"] else None
        statistics = {"shift": shift, "scale": scale}
        common = {**statistics, "batch": settings["batch"], "augmentation": augmentation, "seed": seed}
        common["first_epoch"] = begun
        if augmentation is not None and augmentation.restore:
            common["shift"], common["scale"] = pipelines.channel_statistics(train)
        source = _batch_source()
        if self.patch is None:
            training, steps = source.training_batches(train, **common), -(-len(train) // settings["batch"])
            return Batches(training, steps, source.full_images(validation, batch=settings["batch"], **statistics))
        _, margin = networks.boxes(self.network, self.patch["output_size"])
        patches = pipelines.Patches(margin=margin, **self.patch)
        training = source.patch_batches(train, patches, **common)
        steps = patches.steps(len(train))
        # A batch of patches says nothing of how many whole images fit.
        return Batches(training, steps, source.full_images(validation, batch=1, **statistics))

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
            found = scoring.case_scores(
                prepared.truth,
                probabilities[case.id],
                self.data.labels,
                voxel_mm=prepared.voxel_mm,
                unknown=prepared.unknown,
                counted=bool(prepared.mask.any()),
            )
            for label, metric, value in found:
                rows.append(key | {"label": label, "metric": metric, "value": value})
        return ScoreTable.from_rows(rows, source=cell.title)


def write_predictions(path: Path, probabilities: dict[str, np.ndarray]) -> None:
    """Write the probabilities of each case, to 1/255, each on its side of the threshold."""
    arrays = {f"case/{case_id}": scoring.quantise(array) for case_id, array in probabilities.items()}
    np.savez_compressed(path, **arrays)


def read_prediction(path: Path, case_id: str) -> np.ndarray:
    """The probabilities of one case, from the file that `write_predictions` wrote."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return scoring.restore(file[f"case/{case_id}"])


@functools.lru_cache(maxsize=4)
def _trainer(network: str, channels: int, labels: int, devices: int) -> Trainer:
    """One trainer a network in this process: several studies share what was traced."""
    return Trainer(lambda: networks.build(json.loads(network), channels=channels, labels=labels), devices=devices)


@functools.lru_cache(maxsize=1)
def _stored_weights(path: Path, changed: int) -> Weights:
    """The weights in a file, kept for the losses of a fold, which all start from them; a file that changed is read."""
    return keras.saving.load_model(path, compile=False).get_weights()


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
