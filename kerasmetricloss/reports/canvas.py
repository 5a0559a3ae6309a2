"""What every figure is drawn on: print, size in the page's units, and PNG bytes that repeat."""

import io
import warnings

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from kerasmetricloss.reports.document import Picture
from kerasmetricloss.reports.style import FAINT, INK

DPI = 192
COLORS = 256
CSS_DPI = 96  # a figure of 10 inches is 960 CSS pixels wide on the page, with two picture pixels each

SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
}


def new_figure(width: float, height: float, *, layout: str = "constrained") -> Figure:
    """Make a figure of a size in inches that no global state of matplotlib knows of."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure, *, photograph: bool = False) -> bytes:
    """Draw a figure. The bytes hold no date and no version.

    Args:
        figure: from `new_figure`.
        photograph: keep every colour; other figures keep 256, which makes them several times smaller.
    """
    _plain(figure)
    with warnings.catch_warnings():
        # a case named in a script the font lacks is drawn as boxes; its name also stands in the page's text
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.canvas.draw()
    image = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    if not photograph:
        image = image.quantize(COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format="png")
    return buffer.getvalue()


def _plain(figure: Figure) -> None:
    """Draw names of losses and data sets as they are, also with a $; scales write mathematics at their ticks."""
    axes = [axis for one in figure.axes for axis in (one.xaxis, one.yaxis)]
    ticks = [tick for axis in axes for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())]
    labels = {id(label) for tick in ticks for label in (tick.label1, tick.label2)}
    for text in figure.findobj(Text):
        if id(text) not in labels:
            text.set_parse_math(False)


def picture(name: str, png: bytes, *, alt: str, caption: str) -> Picture:
    """A drawn figure as a block of the report."""
    return Picture(name, png, alt=alt, caption=caption, width=page_width(png))


def page_width(png: bytes) -> int:
    """Width in CSS pixels of a picture from `to_png`."""
    return int.from_bytes(png[16:20], "big") * CSS_DPI // DPI  # PNG keeps its width in bytes 16 to 19
