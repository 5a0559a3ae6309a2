"""One warning that is Keras' own is let through."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Keras 3.15 reads tensors by numpy.array(tensor), of which NumPy 2 warns under TensorFlow and PyTorch (November 2026).
KERAS_READS_TENSORS = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(KERAS_READS_TENSORS))
