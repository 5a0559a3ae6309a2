"""What NumPy arrays hold, checked where they are at hand: nothing else could see a mask of 0 and 255."""

from typing import Any

import keras
import numpy as np

from kerasmetricloss.similarities.settings import Layout

# Shares of a voxel that were resampled may leave [0, 1] by a rounding error.
_ROUNDING = 1e-3


def as_array(x: Any) -> Any:
    """Return a list of numbers as a NumPy array, whose values can be looked at, and all else as it is.

    PyTorch has no uint64: such arrays become int64.
    """
    if isinstance(x, np.ndarray) and x.dtype == np.uint64:
        return x.astype(np.int64)
    if not isinstance(x, list | tuple) or any(map(keras.ops.is_tensor, keras.tree.flatten(x))):
        return x
    return np.asarray(x)


def check_truth(y_true: np.ndarray, classes: int, layout: Layout, *, label_map: bool) -> None:
    """Refuse masks of 0 and 255 and the like, and numbers beyond the classes where a voxel has one of them.

    Args:
        y_true: what the user gave; booleans and what is no number are not looked at.
        classes: how many classes y_pred has.
        layout: its classes and label to ignore.
        label_map: y_true holds the number of a class a voxel, not a mask a class.

    Raises:
        ValueError: the message names the numbers and how to mend them.
    """
    if y_true.dtype.kind not in "iuf" or not y_true.size or (label_map and layout.classes == "independent"):
        return
    last = classes - 1 if label_map else 1
    others = _others(y_true, last, layout.ignore_label, whole=label_map)
    if not others:
        return
    came = f"y_true, shape {y_true.shape}, holds {', '.join(f'{x:g}' for x in others[:5])}"
    if np.isnan(others[-1]):
        raise ValueError(f"{came}: expected a truth without NaN. Look where it comes from: y_true > 0 would hide it.")
    ignored = "" if layout.ignore_label is None else f", and {layout.ignore_label} for voxels to ignore"
    largest = others[-1]
    instead = f", or give ignore_label={largest:g}" if float(largest).is_integer() else ""
    if label_map:
        raise ValueError(
            f"{came}: expected a label map of 0 to {last}, one number for each of the {classes} classes of y_pred"
            f"{ignored}. Give a prediction with more classes, or renumber the labels{instead}."
        )
    share = f", or y_true / {largest:g} for shares of a voxel" if 1 < largest < np.inf else ""
    raise ValueError(f"{came}: expected masks of 0 and 1{ignored}. Give y_true > 0{share}{instead}.")


def check_weight(sample_weight: np.ndarray) -> None:
    """Refuse weights below 0, infinite ones and NaN.

    Raises:
        ValueError: the message names one of them.
    """
    if sample_weight.dtype.kind not in "if" or not sample_weight.size:
        return
    for worst in (sample_weight.min(), sample_weight.max()):
        if not 0 <= worst < np.inf:
            raise ValueError(
                f"sample_weight, shape {sample_weight.shape}, holds {worst:g}: expected finite weights of at least 0. "
                "Leave voxels or images out with the weight 0."
            )


def _others(y_true: np.ndarray, last: int, ignore_label: int | None, *, whole: bool) -> list:
    """Return the numbers outside 0 to ``last``, or between whole ones, that are not to be ignored; NaN is the last."""
    floats = y_true.dtype.kind == "f"
    margin = _ROUNDING if floats and not whole else 0
    inside = y_true.min() >= -margin and y_true.max() <= last + margin  # false where there is any NaN
    if inside and not (floats and whole):
        return []
    strange = ~((y_true >= -margin) & (y_true <= last + margin))
    if floats and whole:
        strange |= y_true != np.floor(y_true)
    found = y_true[strange]
    return np.unique(found[found != ignore_label]).tolist()
