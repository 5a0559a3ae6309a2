"""Two small scans in the layout of BRATS."""

import pytest

from kerasmetricloss.datasets import write_phantom


@pytest.fixture
def scans(tmp_path):
    return write_phantom("br18", tmp_path / "data", cases=2, seed=1, size=(36, 32, 33))
