"""Training with Keras: one network that is traced once for all losses of a study and reset between folds.

Tracing a step costs seconds, training a small network on one fold as little. So the layers are built once, the losses
of a study share one `keras.Model` around them, compiled once, and each cell starts from given weights with its
optimiser put back to the state it was built in.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasmetricloss.studies.choice import Choice, ChosenLoss
from kerasmetricloss.studies.devices import Filled, fill, spread
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.unfinished import Shelf, Unfinished, generator_states, generators, set_generator_states

Weights = list[np.ndarray]


@dataclass(frozen=True)
class Trained:
    """What training leaves: the weights of the best epoch, that epoch, and the curves."""

    weights: Weights
    best_epoch: int
    history: list[dict[str, float]]


@dataclass(frozen=True)
class Batches:
    """The data of one fold, as `fit` takes it: an endless stream of training batches, and the full images."""

    training: Any
    steps: int
    validation: Any


class Trainer:
    """One architecture, trained again and again.

    Args:
        build: Makes the network; called once, and once more for each set of initial weights.
        devices: Devices to train and predict on.

    Raises:
        StudyError: There are fewer devices.
    """

    def __init__(self, build: Callable[[], keras.Model], *, devices: int = 1):
        self._build, self._devices = build, devices
        with spread(devices):
            self.network = build()
        self._compiled: list[_Step] = []

    def initial_weights(self, seed: int) -> Weights:
        """Fresh weights that depend on the seed alone."""
        random.seed(seed)  # initialisers without a seed of their own draw it here
        return self._build().get_weights()

    def train(
        self,
        loss: str,
        among: Mapping[str, keras.losses.Loss],
        *,
        weights: Weights,
        settings: dict[str, Any],
        batches: Batches,
        seed: int,
        on_epoch: Callable[[int, float], None],
        log_dir: Path | None = None,
        shelf: Shelf | None = None,
    ) -> Trained:
        """Train from `weights` with a fresh optimiser and keep the weights of the lowest validation loss.

        Args:
            loss: Key of the loss, for training and for choosing the weights.
            among: Losses that share one compiled step, by keys that name each with all its settings. A loss whose key
                was trained with before keeps the step that it has.
            weights: Weights to start from.
            settings: One phase of `Training`.
            batches: Training and validation data.
            seed: Seed of whatever is random inside the network, such as dropout.
            on_epoch: Called after each epoch with its number, from 1, and its validation loss.
            log_dir: Where TensorBoard finds the curves; None writes none.
            shelf: Where the training is kept while it lasts; None keeps it nowhere. What is found there is gone on
                with; `batches` begin with its next epoch.

        Raises:
            StudyError: The training or validation loss became NaN or infinite.
        """
        model, batches = self._fresh(loss, among, settings), self._filled(batches)
        self.network.set_weights(weights)
        best = _KeepBest(self.network, on_epoch)
        plateau = keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss", factor=0.2, patience=settings["rate_patience"], min_delta=settings["min_delta"]
        )
        stop = keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=settings["stop_patience"], min_delta=settings["min_delta"]
        )
        # Once the others have begun, and after what they do at the end of an epoch.
        last = _GoOn(self.network, (best, plateau, stop), lambda: self._seed_layers(seed), shelf)
        try:
            with spread(self._devices):
                model.fit(
                    batches.training,
                    steps_per_epoch=batches.steps,
                    validation_data=batches.validation,
                    initial_epoch=len(shelf.found.history) if shelf and shelf.found else 0,
                    epochs=settings["epochs"],
                    callbacks=[best, plateau, stop, last, *_tensorboard(log_dir)],
                    shuffle=False,
                    verbose=0,
                )
        except BaseException:
            # Keras keeps the validation iterator of a fit that was broken off for the next one.
            self._compiled.clear()
            raise
        return Trained(best.weights, best.epoch, best.history)

    def predict(self, weights: Weights, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Probabilities of full images in one batch, (cases, *space, labels)."""
        self.network.set_weights(weights)
        with spread(self._devices):
            found = self.network.predict_on_batch([fill(array, self._devices) for array in (images, masks)])
        return keras.ops.convert_to_numpy(found)[: len(images)]

    def save(self, weights: Weights, path: Path) -> None:
        """Write the network with these weights as a `.keras` file."""
        self.network.set_weights(weights)
        self.network.save(path)

    def _seed_layers(self, seed: int) -> None:
        """Put the generators inside the network, such as dropout's, to a state that follows `seed` alone."""
        if keras.backend.backend() == "torch":
            keras.utils.set_random_seed(seed)  # dropout draws from PyTorch's own generator
            return
        # That call would have TensorFlow forget every optimised graph, which costs more than a small network trains.
        states = generators(self.network)
        drawn = np.random.SeedSequence(seed).generate_state(len(states)) >> 1
        for state, value in zip(states, drawn, strict=True):
            state.assign(np.array([value, 0], dtype=state.dtype))

    def _filled(self, batches: Batches) -> Batches:
        if self._devices == 1:
            return batches
        return replace(
            batches,
            training=Filled(batches.training, self._devices),
            validation=Filled(batches.validation, self._devices, sizes=batches.validation.sizes),
        )

    def _fresh(self, loss: str, among: Mapping[str, keras.losses.Loss], settings: dict[str, Any]) -> keras.Model:
        """The compiled model that trains with this loss, its optimiser as it was built."""
        name = settings["optimizer"]
        there = [step for step in self._compiled if step.optimizer == name]
        step = next((step for step in there if loss in step.loss.keys), None)
        if step is None:
            traced = {key for step in there for key in step.loss.keys}
            step = self._compile(name, {key: value for key, value in among.items() if key not in traced})
            self._compiled.append(step)
        step.loss.choose(loss)
        for variable, value in zip(step.model.optimizer.variables, step.built, strict=True):
            variable.assign(value)
        step.model.optimizer.learning_rate = settings["rate"]
        return step.model

    def _compile(self, optimizer: str, losses: Mapping[str, keras.losses.Loss]) -> "_Step":
        with spread(self._devices):
            made, choice = _OPTIMIZERS[optimizer](), Choice()
            model = keras.Model(self.network.inputs, choice(self.network.outputs[0]))
            made.build(model.trainable_variables)
            chosen = ChosenLoss(losses, choice)
            model.compile(optimizer=made, loss=chosen, **jit_settings())
        return _Step(optimizer, model, chosen, [keras.ops.convert_to_numpy(v.value) for v in made.variables])


@dataclass(frozen=True)
class _Step:
    """A model compiled with an optimiser, by its name, for several losses; and the optimiser's state as built."""

    optimizer: str
    model: keras.Model
    loss: ChosenLoss
    built: list[np.ndarray]


def jit_settings() -> dict[str, bool]:
    """How `compile` is told not to use XLA: on the CPU it compiles far longer than a small study trains."""
    return {} if keras.backend.backend() == "jax" else {"jit_compile": False}  # JAX knows no other way


def _tensorboard(log_dir: Path | None) -> list[keras.callbacks.Callback]:
    return [] if log_dir is None else [keras.callbacks.TensorBoard(log_dir=str(log_dir), write_graph=False)]


_OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}


class _KeepBest(keras.callbacks.Callback):
    """Weights of the epoch with the lowest validation loss, the curves, and an error where a loss is no number."""

    def __init__(self, network: keras.Model, on_epoch: Callable[[int, float], None]):
        super().__init__()
        self._network, self._on_epoch = network, on_epoch
        self._lowest = np.inf
        self.weights: Weights = []
        self.epoch = 0
        self.history: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate.value))
        row = {"epoch": epoch + 1, "loss": float(logs["loss"]), "val_loss": float(logs["val_loss"]), "rate": rate}
        if not np.isfinite([row["loss"], row["val_loss"]]).all():
            raise StudyError(
                f"The training loss is {row['loss']} and the validation loss {row['val_loss']} "
                f"after epoch {epoch + 1}. "
                "Lower the learning rate, or look at the images and the loss."
            )
        self.history.append(row)
        if row["val_loss"] < self._lowest:
            self._lowest, self.epoch, self.weights = row["val_loss"], epoch + 1, self._network.get_weights()
        self._on_epoch(epoch + 1, row["val_loss"])

    def go_on(self, unfinished: Unfinished) -> None:
        """Stand where it stood."""
        self.history, self.weights = list(unfinished.history), unfinished.best
        best = min(self.history, key=lambda row: row["val_loss"])
        self._lowest, self.epoch = best["val_loss"], int(best["epoch"])
        self._on_epoch(int(self.history[-1]["epoch"]), self.history[-1]["val_loss"])


class _GoOn(keras.callbacks.Callback):
    """Begins a training, or goes on with one that was stopped, and keeps it while it lasts."""

    def __init__(
        self,
        network: keras.Model,
        others: tuple["_KeepBest", keras.callbacks.Callback, keras.callbacks.Callback],
        begin: Callable[[], None],
        shelf: Shelf | None,
    ):
        super().__init__()
        self._network, self._begin, self._shelf = network, begin, shelf
        self._best, *self._watching = others
        self._states: list[np.ndarray] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        found = self._shelf and self._shelf.found
        if not found:
            self._begin()
            return
        self._network.set_weights(found.weights)
        self._states = found.generators
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate.value)
        for variable, value in zip(self.model.optimizer.variables, found.optimizer, strict=True):
            variable.assign(value)
        # The rate comes about again as it did.
        self.model.optimizer.learning_rate = rate
        for row in found.history:
            for callback in self._watching:
                callback.on_epoch_end(int(row["epoch"]) - 1, {"val_loss": row["val_loss"]})
        self._best.go_on(found)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        # PyTorch's generator gives a number to each new iterator over batches, which is there by now.
        if self._states:
            set_generator_states(self._network, self._states)
            self._states = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._shelf is not None and not self.model.stop_training:
            self._shelf.put(self._now)

    def _now(self) -> Unfinished:
        optimizer = [keras.ops.convert_to_numpy(variable.value) for variable in self.model.optimizer.variables]
        states = generator_states(self._network)
        return Unfinished(self._network.get_weights(), optimizer, states, self._best.weights, self._best.history)
