"""A truth and a prediction laid over each other: which pixels agree, which are invented, which are missed."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from kerasmetricloss.reports.canvas import SETTINGS, new_figure, to_png
from kerasmetricloss.reports.style import FAINT, INK, RULE

# From light to dark, so that they part in grey print too.
KINDS = {
    "true negative": ("#f5f6f8", ""),
    "false negative (missed)": ("#9fd3f2", "FN"),
    "false positive (invented)": ("#e07b00", "FP"),
    "true positive": ("#0b3c6f", "TP"),
}
MOST_ACROSS = 4
LETTERED = 160  # pixels; with more the letters would be too small
WIDTH = 9.2  # inches of a full row


def agreement(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> bytes:
    """One panel a pair of masks: true positives, false positives and false negatives in colour, and a key.

    Args:
        pairs: title -> (truth, prediction), each (height, width), boolean or 0 and 1. Small masks have letters too.

    Returns:
        The picture, PNG.

    Raises:
        ValueError: no pair, or two masks of different shapes.

    Example:
        >>> agreement({"one pixel": (np.array([[1, 0, 1]]), np.array([[1, 1, 0]]))})[:4]
        b'\\x89PNG'
    """
    if not pairs:
        raise ValueError("there is no pair of masks: give {title: (truth, prediction)}.")
    masks = {title: _checked(title, *pair) for title, pair in pairs.items()}
    across = min(MOST_ACROSS, len(masks))
    down = -(-len(masks) // across)
    wide = min(3.6, WIDTH / across)
    tall = max(wide * truth.shape[0] / truth.shape[1] for truth, _ in masks.values())
    with mpl.rc_context(SETTINGS):
        figure = new_figure(max(wide * across, 6.4), (tall + 0.4) * down + 0.4)
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for axes, (title, (truth, prediction)) in zip(panels, masks.items(), strict=False):
            _panel(axes, truth, prediction)
            axes.set_title(title)
        for axes in panels[len(masks) :]:
            axes.set_axis_off()
        keys = [
            Patch(facecolor=color, edgecolor=FAINT, linewidth=0.6, label=kind) for kind, (color, _) in _shown(masks)
        ]
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.2, fontsize=8.5)
        return to_png(figure)


def _checked(title: str, truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, prediction = np.asarray(truth).astype(bool), np.asarray(prediction).astype(bool)
    if truth.ndim != 2 or truth.shape != prediction.shape:
        raise ValueError(
            f"{title}: the truth has shape {truth.shape} and the prediction {prediction.shape}: expected two masks of "
            "one shape (height, width)."
        )
    return truth, prediction


def _kinds(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Number each pixel by its place in `KINDS`."""
    return truth + 2 * prediction.astype(int)


def _shown(masks: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[tuple[str, tuple[str, str]]]:
    found = set(np.concatenate([np.unique(_kinds(*pair)) for pair in masks.values()]).tolist())
    return [item for number, item in enumerate(KINDS.items()) if number in found]


def _panel(axes: Axes, truth: np.ndarray, prediction: np.ndarray) -> None:
    kinds, colors = _kinds(truth, prediction), [color for color, _ in KINDS.values()]
    axes.imshow(kinds, cmap=mpl.colors.ListedColormap(colors), vmin=0, vmax=3, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=RULE)
    if kinds.size > LETTERED:
        return
    axes.set_xticks(np.arange(1, kinds.shape[1]) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, kinds.shape[0]) - 0.5, minor=True)
    axes.grid(which="minor", color=RULE, linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    for (row, column), kind in np.ndenumerate(kinds):
        letters = list(KINDS.values())[kind][1]
        axes.text(column, row, letters, ha="center", va="center", fontsize=8, color="white" if kind == 3 else INK)
