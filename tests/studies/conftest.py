"""A folder of tiny pictures and a study small enough to train in a test."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss import studies


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
