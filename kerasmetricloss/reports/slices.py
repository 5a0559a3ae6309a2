"""Pictures with outlines: example slices with histograms of the outputs (Fig. 3), rectangles about objects (Fig. 5)."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from kerasmetricloss.reports.canvas import SETTINGS, new_figure, to_png
from kerasmetricloss.reports.style import FAINT, FOUND, INK, PREDICTION, RULE, TRUTH, loss_lines, loss_title

LONG = 15  # signs of a title that fills the width of its panel
PANEL = 1.45  # inches
MOST_ACROSS = 5  # losses a row, beside the image and the truth: more would be too small to read
LEAD = 2  # columns of the image and the truth
BINS = np.linspace(0, 1, 21)
EMPTY = 0.01  # outputs below this are background beyond doubt, and would hide all others


def example_slices(
    image: np.ndarray, truth: np.ndarray, predictions: Mapping[str, np.ndarray], *, dice: Mapping[str, float]
) -> bytes:
    """The image with the true outline in blue, the truth; for each loss its outputs with both outlines and a histogram.

    The predicted outline, in red, is where the output passes 0.5.

    Args:
        image: (height, width) or (height, width, 3), in [0, 1].
        truth: bool (height, width).
        predictions: loss -> probabilities (height, width).
        dice: loss -> Dice score, written above its panel where known.
    """
    losses = list(predictions)
    across = min(MOST_ACROSS, max(1, len(losses)))
    down = max(1, -(-len(losses) // across))
    tall = PANEL * image.shape[0] / image.shape[1]
    with mpl.rc_context(SETTINGS):
        figure = new_figure(PANEL * (LEAD + across), (tall + 1.15) * down)
        grid = figure.add_gridspec(2 * down, LEAD + across, height_ratios=[tall, 0.72] * down)
        first = figure.add_subplot(grid[0, 0])
        _slice(first, np.clip(image, 0, 1), "input")
        _outline(first, truth, TRUTH)
        _slice(figure.add_subplot(grid[0, 1]), truth, "truth")
        _key(figure.add_subplot(grid[1, :LEAD]))
        most = max([_histogram(p).max() for p in predictions.values()], default=1)
        for place, loss in enumerate(losses):
            row, column = 2 * (place // across), LEAD + place % across
            score = f"  {dice[loss]:.2f}" if loss in dice else ""
            panel = figure.add_subplot(grid[row, column])
            _slice(panel, predictions[loss], loss_title(loss) + score)
            _outline(panel, truth, TRUTH)
            _outline(panel, predictions[loss] > 0.5, PREDICTION)
            _bars(figure.add_subplot(grid[row + 1, column]), predictions[loss], loss, most, first=column == LEAD)
        return to_png(figure, photograph=True)


def rectangles(image: np.ndarray, truth: np.ndarray, boxes: Mapping[str, tuple[int, int, int, int]]) -> bytes:
    """An image with its object in green and the rectangle of every foreground to background ratio in red (Fig. 5).

    Args:
        image: (height, width) or (height, width, 3), in [0, 1].
        truth: bool (height, width).
        boxes: ratio -> (top, left, height, width) in pixels.
    """
    width = 4.4
    with mpl.rc_context(SETTINGS):
        figure = new_figure(width, width * image.shape[0] / image.shape[1], layout="none")
        axes = figure.add_axes((0, 0, 1, 1))
        _slice(axes, np.clip(image, 0, 1), "")
        _outline(axes, truth, FOUND)
        behind = {"boxstyle": "square,pad=0.15", "facecolor": "#000000", "edgecolor": "none", "alpha": 0.72}
        for place, (ratio, (top, left, tall, wide)) in enumerate(boxes.items()):
            corner = (left - 0.5, top - 0.5)
            axes.add_patch(Rectangle(corner, wide, tall, fill=False, edgecolor=PREDICTION, linewidth=1.4))
            # names go round the corners: those of nested rectangles would hide each other in one
            x, y = (left, left + wide - 1)[place % 4 in (1, 2)], (top, top + tall - 1)[place % 4 in (2, 3)]
            sides = {"ha": ("left", "right")[x > left], "va": ("top", "bottom")[y > top]}
            axes.text(x, y, ratio, color="white", fontsize=7.5, bbox=behind, clip_on=True, zorder=3, **sides)
        return to_png(figure, photograph=True)


def _slice(axes: Axes, pixels: np.ndarray, title: str) -> None:
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(title, fontsize=9 if len(title) < LONG else 7)
    axes.set_axis_off()


def _outline(axes: Axes, mask: np.ndarray, color: str) -> None:
    if mask.any():  # padded, so that an object that touches the border has an outline there too
        padded = np.pad(mask.astype(float), 1)
        grid = np.arange(-1, mask.shape[1] + 1), np.arange(-1, mask.shape[0] + 1)
        axes.contour(*grid, padded, levels=[0.5], colors=[color], linewidths=1.3)
        axes.set(xlim=(-0.5, mask.shape[1] - 0.5), ylim=(mask.shape[0] - 0.5, -0.5))


def _histogram(outputs: np.ndarray) -> np.ndarray:
    return np.histogram(outputs[outputs >= EMPTY], BINS)[0]


def _bars(axes: Axes, outputs: np.ndarray, loss: str, most: int, *, first: bool) -> None:
    axes.bar(BINS[:-1], _histogram(outputs), width=np.diff(BINS), align="edge", color=loss_lines([loss])[loss].color)
    axes.axvline(0.5, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.set(xlim=(0, 1), ylim=(0.5, 2 * max(most, 1)), yscale="log", xticks=[0, 0.5, 1])
    axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    axes.tick_params(labelsize=8, length=2, labelleft=first)
    axes.spines["left"].set_color(RULE)


def _key(axes: Axes) -> None:
    axes.set_axis_off()
    for height, color, name in [(0.85, TRUTH, "true outline"), (0.5, PREDICTION, "predicted")]:
        axes.plot([0, 0.16], [height, height], color=color, linewidth=2)
        axes.text(0.22, height, name, va="center", fontsize=8.5, color=INK)
    axes.text(0, 0.14, "bars: pixels by\noutput, from .01 on", va="top", fontsize=8, color=FAINT, linespacing=1.3)
    axes.set(xlim=(0, 2), ylim=(-0.4, 1))
