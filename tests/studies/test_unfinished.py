"""A training that is stopped goes on after the last epoch that was kept, to the very same weights."""

import keras
import numpy as np
import pytest

from kerasmetricloss import CrossEntropy, SoftDice
from kerasmetricloss.studies import unfinished
from kerasmetricloss.studies.training import Batches, Trainer
from kerasmetricloss.studies.unfinished import Shelf, title_and_epoch

SETTINGS = {"optimizer": "adam", "rate": 0.3, "rate_patience": 1, "stop_patience": 4, "min_delta": 0.0, "epochs": 9}


class Stopped(Exception):
    """What a test stops a training with."""


class Pairs(keras.utils.PyDataset):
    """Endless batches that differ from step to step."""

    num_batches = None

    def __init__(self, first_step=0):
        super().__init__()
        self.first_step = first_step

    def __getitem__(self, step):
        values = np.random.default_rng(self.first_step + step)
        images = values.normal(size=(3, 6, 4, 1)).astype("float32")
        return (images, np.ones_like(images)), (images > 0.4).astype("float32")


class One(Pairs):
    """The first of them, for validation."""

    num_batches = 1


def build():
    image, mask = keras.Input((6, 4, 1)), keras.Input((6, 4, 1))
    hidden = keras.layers.Conv2D(5, 3, padding="same", activation="relu")(image)
    hidden = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(hidden))
    return keras.Model([image, mask], keras.layers.Conv2D(1, 1, activation="sigmoid")(hidden) * mask)


@pytest.fixture(scope="module")
def trainer():
    return Trainer(build)


def shelf_at(path, **made_with):
    return Shelf(path, "fold 1", {"git": "a"} | made_with)


def train(trainer, shelf, *, stop_after=None, loss="sDice", settings=SETTINGS, told=None):
    def on_epoch(epoch, value):
        if told is not None:
            told.append(epoch)
        if epoch == stop_after:
            raise Stopped

    begun = len(shelf.found.history) if shelf.found else 0
    return trainer.train(
        loss,
        {"sDice": SoftDice(), "CE": CrossEntropy()},
        weights=trainer.initial_weights(4),
        settings=settings,
        batches=Batches(Pairs(2 * begun), 2, One()),
        seed=4,
        on_epoch=on_epoch,
        shelf=shelf,
    )


@pytest.fixture(autouse=True)
def kept_each_epoch(monkeypatch):
    monkeypatch.setattr(unfinished, "EVERY_S", 0.0)


def assert_same(found, expected):
    assert found.history == expected.history
    assert found.best_epoch == expected.best_epoch
    assert all(np.array_equal(a, b) for a, b in zip(found.weights, expected.weights, strict=True))


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.3), ("sgd", 30.0)])
def test_a_training_stopped_twice_ends_as_one_that_was_not(trainer, tmp_path, optimizer, rate):
    settings = SETTINGS | {"optimizer": optimizer, "rate": rate}
    whole = train(trainer, shelf_at(tmp_path / "other"), settings=settings)
    rates = [row["rate"] for row in whole.history]
    assert len(set(rates)) > 1  # or the plateau's part would not be tested
    for stop_after in (3, 5):
        with pytest.raises(Stopped):
            train(trainer, shelf_at(tmp_path / "kept"), settings=settings, stop_after=stop_after)
        assert title_and_epoch(tmp_path / "kept") == {"title": "fold 1", "epoch": stop_after - 1}
    assert_same(train(Trainer(build), shelf_at(tmp_path / "kept"), settings=settings), whole)


def test_a_trainer_goes_on_with_one_training_after_another_of_its_own(trainer, tmp_path):
    whole = train(trainer, shelf_at(tmp_path / "other"))
    with pytest.raises(Stopped):
        train(trainer, shelf_at(tmp_path / "kept"), stop_after=4)
    train(trainer, shelf_at(tmp_path / "CE"), loss="CE")
    told = []
    assert_same(train(trainer, shelf_at(tmp_path / "kept"), told=told), whole)
    assert told == list(range(3, len(whole.history) + 1))


def test_of_a_training_whose_last_epoch_was_kept_nothing_is_trained_again(trainer, tmp_path):
    settings, told = SETTINGS | {"epochs": 3}, []
    whole = train(trainer, shelf_at(tmp_path / "kept"), settings=settings)
    assert_same(train(trainer, shelf_at(tmp_path / "kept"), settings=settings, told=told), whole)
    assert told == [3]


def test_what_other_versions_made_is_not_gone_on_with(trainer, tmp_path):
    with pytest.raises(Stopped):
        train(trainer, shelf_at(tmp_path / "kept"), stop_after=3)
    assert len(shelf_at(tmp_path / "kept").found.history) == 2
    assert shelf_at(tmp_path / "kept", git="b").found is None


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"no archive"])
def test_a_file_that_cannot_be_read_counts_as_none(trainer, tmp_path, damage):
    with pytest.raises(Stopped):
        train(trainer, shelf_at(tmp_path / "kept"), stop_after=3)
    (tmp_path / "kept").write_bytes(damage((tmp_path / "kept").read_bytes()))
    assert shelf_at(tmp_path / "kept").found is None
    assert title_and_epoch(tmp_path / "kept") is None
    train(trainer, shelf_at(tmp_path / "kept"))


def test_seconds_are_those_of_all_runs(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(unfinished.time, "monotonic", lambda: clock[0])
    shelf = shelf_at(tmp_path / "kept")
    clock[0] += 70
    shelf.put(lambda: unfinished.Unfinished([], [], [], [], [{"epoch": 1, "val_loss": 1.0}]))
    clock[0] += 1000  # what came after the last epoch kept is lost
    shelf = shelf_at(tmp_path / "kept")
    clock[0] += 5
    assert shelf.seconds == 75


def test_a_training_is_kept_no_more_often_than_asked(tmp_path, monkeypatch):
    clock, kept = [0.0], []
    monkeypatch.setattr(unfinished, "EVERY_S", 60.0)
    monkeypatch.setattr(unfinished.time, "monotonic", lambda: clock[0])
    shelf = shelf_at(tmp_path / "kept")
    for clock[0] in (30.0, 59.0, 61.0, 100.0, 122.0):
        shelf.put(lambda: kept.append(clock[0]) or unfinished.Unfinished([], [], [], [], []))
    assert kept == [61.0, 122.0]


def test_a_full_disk_ends_no_training(trainer, tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unfinished, "replace_file", full)
    assert len(train(trainer, shelf_at(tmp_path / "kept")).history) > 1
