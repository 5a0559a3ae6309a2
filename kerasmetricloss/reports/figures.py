"""Figures from arrays, never from models: box plots, score against size, example slices, curves, a table as a picture.

Every function returns the bytes of a PNG. They draw on figures of their own, without pyplot, so nothing global changes;
equal input gives equal bytes.
"""

from collections.abc import Collection, Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kerasmetricloss.reports.canvas import SETTINGS, new_figure, to_png
from kerasmetricloss.reports.style import FAINT, GREY, INK, RULE, Line, loss_lines, loss_title, mean_text, metric_short
from kerasmetricloss.reports.tables import Table
from kerasmetricloss.scores import order_losses
from kerasmetricloss.statistics import SizeCurve

PHASES = {"pre": "pre-training", "post": "post-training"}
MOST_LINES = 6  # in one panel of curves
BOX_WIDTHS = (3.5, 3.5, 2.3, 1.7)  # inches a column of boxes, by the number of columns
HEAD, TICKS = 0.3, 0.3  # inches above and below a panel of boxes
MEANS = {False: 0.62, True: 0.9}  # and beside it for the means; True: with counts in brackets
MOST_POINTS = 400  # with more cases single points would hide the box


def box_plots(scores: Mapping[str, Mapping[str, pd.DataFrame]], *, counted: Collection[str] = ()) -> bytes:
    """Distribution of the scores of every loss, a column a metric, a row a data set (the paper's Figs. B.1 to B.8).

    Box: quartiles and median; whiskers: the last case within 1.5 times the box; diamond: mean; dots: cases. Beside it
    the mean, in brackets the cases without a score, as in the tables.

    Args:
        scores: data set -> title of the column, or name of its metric -> frame of shape (cases, losses).
        counted: titles of the columns whose means have that count even where it is zero.
    """
    frames = [frame for panels in scores.values() for frame in panels.values()]
    losses = list(dict.fromkeys(loss for frame in frames for loss in frame.columns))
    titles = list(dict.fromkeys(title for panels in scores.values() for title in panels))
    with mpl.rc_context(SETTINGS):
        bracketed = bool(set(counted) & set(titles)) or any(frame.isna().any(axis=None) for frame in frames)
        figure, space = _box_figure(losses, len(titles), len(scores), means=MEANS[bracketed])
        grid = figure.subplots(len(scores), len(titles), sharex="col", sharey=True, squeeze=False, gridspec_kw=space)
        for row, (place, panels) in zip(grid, scores.items(), strict=True):
            for axes, title in zip(row, titles, strict=True):
                if title in panels:
                    _boxes(axes, panels[title], losses, counted=title in counted)
                else:
                    axes.set_axis_off()
                named = metric_short(title)
                axes.set_title(f"{place}, {named}" if len(scores) > 1 else named)
                axes.tick_params(labelbottom=True)
                axes.xaxis.set_major_locator(MaxNLocator(5))
            row[0].set_yticks(range(len(losses)), [loss_title(loss).replace("$", r"\$") for loss in losses])
        grid[0, 0].set_ylim(len(losses) - 0.5, -0.5)
        return to_png(figure)


def size_curves(curve: SizeCurve, *, metric: str, size: str) -> bytes:
    """Score against object size, averaged within parts of equal numbers of cases (the paper's Fig. 4).

    Args:
        curve: what `statistics.size_curve` found.
        metric: name of the vertical axis.
        size: name of the horizontal axis; logarithmic where sizes span more than a factor of twenty.
    """
    losses = list(curve.means.columns)
    panels = [losses] if len(losses) <= MOST_LINES else _with_reference(losses)
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    lines = loss_lines(losses)
    with mpl.rc_context(SETTINGS):
        figure = new_figure(7.6 if across == 1 else 9.6, 4.1 if across == 1 else 3.4 * down)
        grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, chosen in zip(grid, panels, strict=False):
            _curves(axes, curve, {loss: lines[loss] for loss in chosen})
            axes.set(xlabel=size, ylabel=metric)
            axes.label_outer()
            beside = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "labelspacing": 0.8}
            above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 3, "fontsize": 7.5, "columnspacing": 1}
            titles = [loss_title(loss) for loss in chosen]  # given, since matplotlib hides names that begin with _
            axes.legend(
                axes.get_lines()[len(curve.borders) :], titles, handlelength=2.8, **(beside if across == 1 else above)
            )
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        return to_png(figure)


def learning_curves(curves: pd.DataFrame) -> bytes:
    """Loss against epoch, one panel a phase and loss: a line a fold, thin for training, strong for validation.

    Args:
        curves: columns loss, fold, phase, epoch, metric ("loss" or "val_loss"), value.
    """
    keys = sorted(
        curves[["phase", "loss"]].drop_duplicates().itertuples(index=False, name=None),
        # the networks that all losses start from come first
        key=lambda key: ("pre" not in str(key[0]), order_losses(curves["loss"].unique()).index(key[1])),
    )
    across = min(3, len(keys))
    down = -(-len(keys) // across)
    with mpl.rc_context(SETTINGS):
        figure = new_figure(3.2 * across, 2.3 * down)
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for axes, (phase, loss) in zip(panels, keys, strict=False):
            part = curves[(curves["phase"] == phase) & (curves["loss"] == loss)]
            color = loss_lines([loss])[loss].color
            for (_, metric), run in part.groupby(["fold", "metric"]):
                strong = metric == "val_loss"
                axes.plot(
                    run["epoch"],
                    run["value"],
                    color=color,
                    linewidth=1.3 if strong else 0.7,
                    alpha=0.95 if strong else 0.5,
                )
            axes.set_title(f"{loss_title(loss)}, {PHASES.get(phase, phase)}")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.set_xlabel("epoch")
        for axes in panels[: len(keys) : across]:
            axes.set_ylabel("loss")
        for axes in panels[len(keys) :]:
            axes.set_axis_off()
        return to_png(figure)


def table_picture(table: Table, *, key: str) -> bytes:
    """A table as a picture, grey cells and italic entries included: for a README, where HTML cannot be shaded.

    Args:
        table: what to draw.
        key: what the marks mean, in a line.
    """
    lead = ([max(1.0, *(0.1 * len(name) for name, _ in table.sections()))] if table.sectioned else []) + [
        max(0.9, *(0.1 * len(row.name) + 0.2 for row in table.rows))
    ]
    wide = [max(0.85, 0.095 * len(name) + 0.25) for name in table.columns]
    first = 0
    for name, span in table.spans() if any(table.groups) else ():
        lacking = 0.09 * len(name) + 0.15 - sum(wide[first : first + span])
        for column in range(first, first + span):
            wide[column] += max(0, lacking) / span
        first += span
    edges = np.concatenate([[0], np.cumsum(lead + wide)])
    tall = len(table.rows) + 1 + any(table.groups)
    # the lines above and below may be longer than a table of few columns
    width = max(edges[-1], 0.088 * len(table.caption), 0.066 * len(key))
    with mpl.rc_context(SETTINGS):
        figure = new_figure(width + 0.2, 0.3 * (tall + 2.6), layout="none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(-0.1, width + 0.1), ylim=(tall + 1.2, -1.4))
        bottom = _draw_table(axes, table, edges, len(lead))
        axes.text(0, bottom + 0.35, key, fontsize=8, color=FAINT, va="top")
        return to_png(figure)


def _draw_table(axes: Axes, table: Table, edges: np.ndarray, lead: int) -> float:
    """Draw heads and rows, a unit of y each, and return where they end."""
    centre = [(edges[k] + edges[k + 1]) / 2 for k in range(lead, len(edges) - 1)]
    right = edges[-1]
    axes.text(0, -0.7, table.caption, weight="bold", fontsize=10, va="center")
    y = 0.0
    axes.plot([0, right], [y, y], color=INK, linewidth=1.4)
    if any(table.groups):
        start = 0
        for name, span in table.spans():
            axes.text(np.mean(centre[start : start + span]), y + 0.5, name, ha="center", va="center", color=FAINT)
            start += span
        y += 1
    for x, name in zip(centre, table.columns, strict=True):
        axes.text(x, y + 0.5, name, ha="center", va="center", weight="bold")
    y += 1
    for section, rows in table.sections():
        axes.plot([0, right], [y, y], color=INK if y < 2.5 else RULE, linewidth=0.8)
        if table.sectioned:
            axes.text(0, y + len(rows) / 2, section, va="center", weight="bold")
        for row in rows:
            axes.text(edges[lead - 1], y + 0.5, row.name, va="center")
            for k, cell in enumerate(row.cells):
                if cell.mark == "grey":
                    axes.fill_between(edges[lead + k : lead + k + 2], y + 0.02, y + 0.98, color=GREY, linewidth=0)
                style = "italic" if cell.mark == "italic" else "normal"
                axes.text(centre[k], y + 0.5, cell.text, ha="center", va="center", style=style)
            y += 1
    axes.plot([0, right], [y, y], color=INK, linewidth=1.4)
    return y


def _box_figure(losses: Sequence[str], across: int, down: int, *, means: float) -> tuple[Figure, dict[str, float]]:
    """A figure for box plots, and its margins: laid out by hand, many times faster than by matplotlib's solver."""
    names = 0.15 + 0.075 * max(len(loss_title(loss)) for loss in losses)
    wide, tall = BOX_WIDTHS[min(across, len(BOX_WIDTHS)) - 1], 0.3 + 0.4 * len(losses)
    size = names + across * (wide + means), down * (tall + HEAD + TICKS)
    space = {
        "left": names / size[0],
        "right": 1 - means / size[0],
        "top": 1 - HEAD / size[1],
        "bottom": TICKS / size[1],
        "wspace": means / wide,
        "hspace": (HEAD + TICKS) / tall,
    }
    return new_figure(*size, layout="none"), space


def _boxes(axes: Axes, frame: pd.DataFrame, losses: Sequence[str], *, counted: bool) -> None:
    rng = np.random.default_rng(0)  # spreads the dots; the same at every drawing
    for place, (loss, line) in enumerate(loss_lines(list(losses)).items()):
        values = frame[loss].dropna().to_numpy() if loss in frame else np.empty(0)
        if not len(values):
            why = "no defined score" if loss in frame else "not compared"
            axes.text(0.02, place, why, va="center", color=FAINT, transform=axes.get_yaxis_transform())
            continue
        if len(values) <= MOST_POINTS:
            heights = place + rng.uniform(-0.27, 0.27, len(values))
            axes.scatter(values, heights, s=7, color=line.color, alpha=0.28, linewidths=0, zorder=1)
        axes.boxplot(
            values,
            positions=[place],
            orientation="horizontal",
            widths=0.58,
            showfliers=len(values) > MOST_POINTS,
            manage_ticks=False,
            boxprops={"color": line.color, "linewidth": 1.2},
            whiskerprops={"color": line.color, "linewidth": 1},
            capprops={"color": line.color, "linewidth": 1},
            medianprops={"color": line.color, "linewidth": 2.4},
            flierprops={"marker": ".", "markersize": 2.5, "markeredgecolor": line.color, "alpha": 0.5},
        )
        axes.plot(values.mean(), place, marker="D", color="white", markeredgecolor=line.color, markersize=5.5, zorder=4)
        axes.annotate(
            mean_text(float(values.mean()), len(frame) - len(values), counted=counted),
            (1.01, place),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=8,
            color=FAINT,
        )
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _with_reference(losses: list[str]) -> list[list[str]]:
    """Split many losses into panels that can be read, the first loss in each of them to compare with."""
    first, *rest = losses
    panels = -(-len(rest) // (MOST_LINES - 1))
    return [[first, *part] for part in np.array_split(np.array(rest, object), panels)]


def _curves(axes: Axes, curve: SizeCurve, lines: Mapping[str, Line]) -> None:
    for border in curve.borders:
        axes.axvline(border, color=RULE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    for loss, line in lines.items():
        axes.plot(
            curve.sizes,
            curve.means[loss],
            color=line.color,
            marker=line.marker,
            linestyle=line.dash,
            label=loss_title(loss),
            markersize=6.5,
            linewidth=1.6,
            markeredgecolor="white",
            markeredgewidth=0.6,
        )
    if curve.borders[0] > 0 and curve.borders[-1] > 20 * curve.borders[0]:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
