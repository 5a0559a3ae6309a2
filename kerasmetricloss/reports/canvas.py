"""What every figure is drawn on: print, size in the page's units, and PNG bytes that repeat."""

import io
import warnings

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kerasmetricloss.reports.style import FAINT, INK

DPI = 192
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


def to_png(figure: Figure) -> bytes:
    """Draw a figure. The bytes hold no date and no version."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # a case named in a script the font lacks is drawn as boxes; its name also stands in the page's text
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def page_width(png: bytes) -> int:
    """Width in CSS pixels of a picture from `to_png`."""
    return int.from_bytes(png[16:20], "big") * CSS_DPI // DPI  # PNG keeps its width in bytes 16 to 19
