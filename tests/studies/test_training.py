"""The trainer by itself: what one training leaves behind must not reach the next."""

import os

import keras
import numpy as np
import pytest

from kerasmetricloss import CrossEntropy, LovaszSigmoid, SoftDice, SoftTversky
from kerasmetricloss.studies import work
from kerasmetricloss.studies.training import Batches, Trainer

SETTINGS = {"optimizer": "adam", "rate": 0.05, "rate_patience": 9, "stop_patience": 9, "min_delta": 0.0, "epochs": 2}


def build():
    image, mask = keras.Input((6, 4, 1)), keras.Input((6, 4, 1))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Conv2D(5, 3, padding="same", activation="relu")(image))
    return keras.Model([image, mask], keras.layers.Conv2D(1, 1, activation="sigmoid")(hidden) * mask)


class Pairs(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()
        values = np.random.default_rng(2)
        self.images = values.normal(size=(3, 6, 4, 1)).astype("float32")
        self.truth = (values.normal(size=(3, 6, 4, 1)) > 0.4).astype("float32")

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return (self.images, np.ones_like(self.images)), self.truth


def train(trainer, *, seed=4, loss="sDice", among=None):
    pairs = Pairs()
    return trainer.train(
        loss,
        among or {"sDice": SoftDice()},
        weights=trainer.initial_weights(seed),
        settings=SETTINGS,
        batches=Batches(pairs, len(pairs), pairs),
        seed=seed,
        on_epoch=lambda epoch, value: None,
    )


def test_dropout_follows_the_seed_whatever_was_trained_before():
    trainer = Trainer(build)
    first = train(trainer)
    other = train(trainer, seed=5)
    again = train(trainer)
    assert again.history == first.history
    assert again.history != other.history


def test_initial_weights_follow_the_seed():
    trainer = Trainer(build)
    first, other, again = (trainer.initial_weights(seed) for seed in (1, 2, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_stored_weights_are_read_again_where_the_file_changed(tmp_path):
    path, model = tmp_path / "model.keras", build()
    for factor in (1, 2):
        model.set_weights([factor * np.ones_like(array) for array in model.get_weights()])
        model.save(path)
        os.utime(path, ns=(factor, factor))
        for _ in range(2):
            assert all(np.all(array == factor) for array in work._stored_weights(path, path.stat().st_mtime_ns))


LOSSES = {
    "CE": CrossEntropy(),
    "sDice": SoftDice(),
    "Lovasz": LovaszSigmoid(),
    "Lovasz-bins9": LovaszSigmoid(bins=9),
    "sTversky": SoftTversky(alpha=0.3, beta=0.7),
}


@pytest.mark.parametrize("loss", ["CE", "sTversky"])
def test_losses_that_share_a_step_train_as_each_would_alone(loss):
    trainer = Trainer(build)
    train(trainer, loss="Lovasz", among=LOSSES)
    shared = train(trainer, loss=loss, among=LOSSES)
    alone = train(Trainer(build), loss=loss, among={loss: LOSSES[loss]})
    for found, expected in zip(shared.history, alone.history, strict=True):
        assert found == pytest.approx(expected, rel=1e-5)
    for found, expected in zip(shared.weights, alone.weights, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_losses_share_one_step():
    trainer, traced = Trainer(build), []

    class Traced(CrossEntropy):
        def __call__(self, *arguments):
            traced.append(1)
            return super().__call__(*arguments)

    among = {"a": Traced(), "b": SoftDice()}
    train(trainer, loss="b", among=among)
    there = len(traced)
    train(trainer, loss="a", among=among)
    train(trainer, loss="b", among=among)
    if keras.backend.backend() != "torch":
        assert len(traced) == there > 0
    train(trainer, loss="c", among={"c": LovaszSigmoid(), **among})
    if keras.backend.backend() != "torch":
        assert len(traced) == there


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends keep no graphs that a seed clears")
def test_a_second_training_optimises_no_graph_again(monkeypatch):
    from tensorflow.python.eager import context  # what tf.random.set_seed calls on, and nothing public tells of

    cleared = []
    monkeypatch.setattr(context.Context, "clear_kernel_cache", lambda self: cleared.append(1))
    monkeypatch.setattr(context.Context, "_set_global_seed", lambda self, seed: cleared.append(seed))
    trainer = Trainer(build)
    train(trainer)
    train(trainer)
    assert not cleared
