"""A folder of tiny pictures, a study small enough to train in a test, and what watches and compares such studies."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss import studies

TABLES = ("scores.parquet", "pretraining.parquet", "curves.parquet", "examples.npz")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Seven 30x22 pictures with a bright disc each, in the layout of CVC-ClinicDB."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:22, :30]
    for folder in ("Original", "Ground Truth"):
        (root / folder).mkdir()
    for case in range(1, 8):
        centre, radius = rng.uniform((7, 7), (15, 23)), rng.uniform(3, 6)
        disc = np.hypot(rows - centre[0], columns - centre[1]) < radius
        image = 90 + 60 * disc[..., None] + rng.normal(0, 20, (22, 30, 3))
        Image.fromarray(np.clip(image, 0, 255).astype("uint8")).save(root / "Original" / f"{case}.png")
        Image.fromarray(disc.astype("uint8") * 255).save(root / "Ground Truth" / f"{case}.png")
    return root


def tiny_request(pictures, out, **changes) -> studies.Request:
    """A study of two losses in three folds, one epoch of each phase."""
    setup = dataclasses.replace(studies.setup("po18", "small"), picture_size=(28, 19))
    setup = dataclasses.replace(setup, network=setup.network | {"filters": [[2, 2], [2, 2], [2, 2]]})
    settings = {"recipe": studies.recipe("table2"), "root": pictures, "out": out, "losses": ("CE", "sDice"), "folds": 3}
    return studies.Request(**settings | {"setup": setup.with_training(epochs=2, post_epochs=2)} | changes)


@pytest.fixture(scope="session")
def request_for():
    """The function that describes the tiny study."""
    return tiny_request


@pytest.fixture(scope="session")
def uninterrupted(pictures, tmp_path_factory):
    """Directory of the tiny study, run once without a break; a test that changes it copies it first."""
    out = tmp_path_factory.mktemp("study") / "whole"
    return studies.run(tiny_request(pictures, out))


class Watch(studies.Observer):
    """Notes the cells that start; Ctrl-C before, or in the first epoch of, the cell numbered `stop` from 1."""

    def __init__(self, stop: int = 0, *, mid_epoch: bool = False):
        self.stop, self.mid_epoch = stop, mid_epoch
        self.started: list[str] = []

    def cell_started(self, cell, epochs):
        """Note it."""
        self.started.append(cell.title)
        self._interrupt(not self.mid_epoch)

    def epoch(self, cell, epoch, value):
        """Stop here, where that is asked for."""
        self._interrupt(self.mid_epoch)

    def _interrupt(self, here):
        if here and len(self.started) == self.stop:
            raise KeyboardInterrupt


@pytest.fixture(scope="session")
def watching():
    """The class of observers that note what starts and stop a study where they are told to."""
    return Watch


@pytest.fixture(scope="session")
def recipes_in():
    """The function that reads which recipes stand in a study's description."""
    return lambda out: json.loads((out / "study.json").read_text())["recipes"]


@pytest.fixture(scope="session")
def assert_same_tables():
    """The function that compares the tables of two studies byte by byte."""

    def compare(out, other):
        for name in TABLES:
            assert (out / name).read_bytes() == (other / name).read_bytes(), name

    return compare
