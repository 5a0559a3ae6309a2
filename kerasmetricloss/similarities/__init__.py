"""The overlap of two segmentations: counts, and the ratios of Eqs. 2-6 on them.

``ratios`` and ``settings`` need NumPy only. Everything else computes with Keras, which is imported on first use:

- ``dice``, ``jaccard``, ``tversky``, ``f_beta``, ``hamming``, ``weighted_hamming``: arrays -> (batch, classes);
- ``read`` -> ``Batch`` -> ``count`` -> ``Counts``: the kernel under losses and metrics.
"""

from importlib import import_module
from typing import Any

from kerasmetricloss.similarities import ratios as ratios
from kerasmetricloss.similarities.settings import Layout as Layout
from kerasmetricloss.similarities.settings import LayoutSettings as LayoutSettings
from kerasmetricloss.similarities.settings import Overlap as Overlap
from kerasmetricloss.similarities.settings import OverlapSettings as OverlapSettings
from kerasmetricloss.similarities.settings import from_keywords as from_keywords
from kerasmetricloss.similarities.settings import take_overlap as take_overlap

_WITH_KERAS = {
    "Batch": "arrays",
    "decisions": "arrays",
    "keras_mask": "arrays",
    "probabilities": "arrays",
    "read": "arrays",
    "Counts": "counts",
    "class_mean": "counts",
    "count": "counts",
    "divide": "counts",
    "spread_class_weights": "counts",
    "total": "counts",
    "voxels": "counts",
    "dice": "functions",
    "f_beta": "functions",
    "hamming": "functions",
    "jaccard": "functions",
    "score_settings": "functions",
    "tversky": "functions",
    "weighted_hamming": "functions",
}


def __getattr__(name: str) -> Any:
    """Import what needs Keras on first use, so that the ratios work without it."""
    if name not in _WITH_KERAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WITH_KERAS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WITH_KERAS})
