"""The paper's figures that need no scores: error bounds (Fig. 1), loss surfaces (Fig. 2), the flow chart (Fig. 6)."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LinearLocator

from kerasmetricloss.reports.canvas import SETTINGS, new_figure, to_png
from kerasmetricloss.reports.style import FAINT, INK, PREDICTION, RULE, loss_lines, loss_title
from kerasmetricloss.theory import (
    SURFACE_LOSSES,
    TWO_PIXEL_TRUTHS,
    Surface,
    tversky_dice_bounds,
    two_pixel_surface,
)

LOWEST = 0.01  # the relative error has no bound at 0
MARKED = {0.5: "sDice", 0.75: "0.75/0.75", 1.0: "Jaccard"}
PLACES = {  # of the names beside the marks, in points, clear of the curves
    ("absolute", 0.5): ("center", (0, 14)),
    ("absolute", 0.75): ("right", (-4, 9)),
    ("absolute", 1.0): ("right", (-4, 9)),
    ("relative", 0.75): ("left", (7, -10)),
    ("relative", 1.0): ("right", (4, -18)),
}
# What the papers of MICCAI 2018 score and what they train with (Appendix A): number, and what it counts.
LITERATURE = {
    "all": (372, "papers at MICCAI 2018"),
    "segmentation": (103, "segment, and learn it"),
    "scored": (96, "are scored with Dice or Jaccard"),
    "sensitive": (28, "train with a\nmetric-sensitive loss"),
    "cross-entropy": (38, "train with\n(weighted) cross-entropy"),
    "other": (30, "train with something else:\nadversarial, focal, squared ..."),
}
TURNED = {(1, 0): -128, (1, 1): 52}  # degrees: the truth lies in front


def error_curves() -> bytes:
    """Absolute and relative error between the Dice score and a Tversky index, by its weight (Prop. II.3, Fig. 1)."""
    weights = np.linspace(LOWEST, 1, 397)
    bounds = [tversky_dice_bounds(weight, weight) for weight in weights]
    color = loss_lines(["sDice"])["sDice"].color
    with mpl.rc_context(SETTINGS):
        figure = new_figure(8.6, 3.4)
        left, right = figure.subplots(1, 2)
        left.plot(weights, [bound.absolute for bound in bounds], color=color, linewidth=1.8)
        right.plot(weights, [bound.relative for bound in bounds], color=color, linewidth=1.8, label="bound")
        printed = [bound.relative + 1 for bound in bounds]
        right.plot(weights, printed, color=FAINT, linewidth=1, linestyle="--", label="as the paper draws it")
        right.set_yscale("log")
        right.set(ylim=(0.02, 100), title="relative error", xlabel="weight α of Tversky that is farthest from ½")
        right.yaxis.set_major_locator(FixedLocator([0.1, 1, 10, 50]))
        right.yaxis.set_major_formatter("{x:g}")
        right.minorticks_off()
        right.legend(loc="upper right")
        left.set(ylim=(0, 1), title="absolute error", xlabel="weight α of Tversky that is farthest from ½")
        for axes, name in ((left, "absolute"), (right, "relative")):
            _mark(axes, name)
            axes.set_xlim(0, 1.02)
            axes.grid(color=RULE, linewidth=0.6)
            axes.set_axisbelow(True)
        return to_png(figure)


def loss_surfaces() -> bytes:
    """Soft losses over all predictions of two pixels, with the discrete losses as red dots (Fig. 2)."""
    with mpl.rc_context(SETTINGS):
        figure = new_figure(9.6, 6.2, layout="none")
        for row, truth in enumerate(TWO_PIXEL_TRUTHS):
            for column, loss in enumerate(SURFACE_LOSSES):
                place = (0.02 + 0.325 * column, 0.505 - 0.495 * row, 0.31, 0.44)
                axes = figure.add_axes(place, projection="3d", computed_zorder=False)
                _surface(axes, two_pixel_surface(loss, truth))
                axes.set_title(f"{loss_title(loss)}, y = [{truth[0]}, {truth[1]}]", y=0.99)
        return to_png(figure, photograph=True)


def literature_flow() -> bytes:
    """Who trains with what they are scored by: the papers of MICCAI 2018 from all to the three ends (Fig. 6)."""
    places = {"all": (0, 3), "segmentation": (0, 2), "scored": (0, 1)}
    places |= {"sensitive": (-1, 0), "cross-entropy": (0, 0), "other": (1, 0)}
    filled = {"sensitive": ("#0b3c6f", "white"), "cross-entropy": ("#e07b00", INK), "other": ("#f2c591", INK)}
    flows = [("all", "segmentation"), ("segmentation", "scored")]
    flows += [("scored", end) for end in filled]
    with mpl.rc_context(SETTINGS):
        figure = new_figure(8.2, 3.3)
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set(xlim=(-1.5, 1.5), ylim=(-0.4, 3.3))
        for start, end in flows:
            lean = 0.3 * (places[end][0] - places[start][0])
            origin, target = (places[start][0] + lean, places[start][1] - 0.2), (places[end][0], places[end][1] + 0.3)
            axes.annotate("", target, origin, arrowprops={"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.2})
        for name, (number, what) in LITERATURE.items():
            fill, ink = filled.get(name, ("#f5f6f8", INK))
            box = {"boxstyle": "round,pad=0.55", "facecolor": fill, "edgecolor": FAINT, "linewidth": 0.8}
            axes.text(*places[name], f"{number} {what}", ha="center", va="center", color=ink, bbox=box)
        return to_png(figure)


def _mark(axes: Axes, name: str) -> None:
    for weight, title in MARKED.items():
        height = getattr(tversky_dice_bounds(weight, weight), name)
        if name == "relative" and not height:
            continue  # a logarithm has no 0
        axes.plot(weight, height, marker="o", color=INK, markersize=5, zorder=3)
        side, offset = PLACES[name, weight]
        axes.annotate(
            f"{title}: {height:.3g}", (weight, height), xytext=offset, textcoords="offset points", ha=side, fontsize=8
        )


def _surface(axes: Axes, surface: Surface) -> None:
    axes.plot_surface(
        surface.first, surface.second, surface.values, cmap="viridis", antialiased=False, rcount=41, ccount=41
    )
    axes.scatter(*surface.discrete.T, color=PREDICTION, edgecolor="white", s=46, depthshade=False, zorder=5)
    axes.set(xlabel="ỹ₀", ylabel="ỹ₁", zlim=(0, 1), xlim=(0, 1), ylim=(0, 1))
    axes.view_init(elev=26, azim=TURNED[surface.truth])
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(LinearLocator(3))
        axis.set_pane_color("white")
        axis.set_major_formatter("{x:g}")
    axes.tick_params(labelsize=7.5, pad=-2)
    axes.xaxis.labelpad = axes.yaxis.labelpad = -7
