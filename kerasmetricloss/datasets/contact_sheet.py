"""A page of cases with their truths outlined, to be looked at: the one module here that imports matplotlib."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kerasmetricloss.datasets.case import Case, Volume
from kerasmetricloss.datasets.inspection import CaseSummary, Inspection

MOST_TILES = 24
_COLUMNS = 6
_TILE_INCHES = 2.2
_DPI = 110
# Of a tile, height over width: what is longer is drawn smaller, or the page would have no end.
_TALLEST = 3.0
# Outlines in colours that the colour-blind tell apart; what is ignored is hatched, the mask is a thin grey line.
_COLOURS = ("#ff4d3d", "#4aa3ff", "#f0c808", "#35b779", "#cc79a7")
_COLOUR_NAMES = ("red", "blue", "yellow", "green", "pink")
# Channels whose range hides the brain are drawn in the window that radiologists look at it with.
_WINDOWS = {"CT": (0.0, 80.0)}
_IGNORED, _MASK = "#f0c808", "#8b949e"


@dataclass(frozen=True, eq=False)
class Tile:
    """One plane of a case.

    Args:
        picture: (rows, columns) or (rows, columns, 3), 0 to 1.
        truth: bool, (rows, columns, labels).
        mask: bool, (rows, columns).
        ignore: bool, (rows, columns).
        aspect: Height of a pixel over its width.
        upwards: Whether the first row is drawn at the bottom, as the axes of a scan run.
    """

    picture: np.ndarray
    truth: np.ndarray
    mask: np.ndarray
    ignore: np.ndarray
    aspect: float
    upwards: bool


def contact_sheet(found: Inspection, *, most: int = MOST_TILES) -> bytes:
    """Draw some of the cases, evenly chosen by the size of the first label, from the largest to the smallest.

    A scan shows its first channel in the axial plane with most foreground, the patient's right on the left side.

    Args:
        found: From :func:`~kerasmetricloss.datasets.inspection.inspect`; the cases drawn are read once more.
        most: Cases drawn at most.

    Returns:
        A PNG file.

    Raises:
        ValueError: `most` is below 1.
    """
    if most < 1:
        raise ValueError(f"most is {most}; a sheet shows at least 1 case.")
    chosen = _chosen(found.summaries, most)
    rows = -(-len(chosen) // _COLUMNS)
    width = min(len(chosen), _COLUMNS)
    window = _WINDOWS.get(found.cases[0].channels[0])
    tiles = [tile(found.cases[position].read(), window=window) for position in chosen]
    tall = min(max(one.picture.shape[0] * one.aspect / one.picture.shape[1] for one in tiles), _TALLEST)
    figure = Figure(figsize=(max(width, 3) * _TILE_INCHES, rows * (_TILE_INCHES * tall + 0.25) + 0.4), dpi=_DPI)
    figure.set_layout_engine("constrained")
    FigureCanvasAgg(figure)
    axes = np.ravel(figure.subplots(rows, width, squeeze=False))
    for axis in axes:
        axis.set_axis_off()
    for axis, position, one in zip(axes, chosen, tiles, strict=False):
        _draw(axis, one)
        axis.set_title(_title(found.cases[position], found.summaries[position]), fontsize=6.5, pad=2)
    figure.suptitle(_legend(found, len(chosen)), fontsize=8)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # An id in a script that the font lacks is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def tile(volume: Volume, *, window: tuple[float, float] | None = None) -> Tile:
    """Return the plane of a case that shows most of its first label (the middle plane where it is empty).

    Args:
        volume: The case.
        window: The values drawn as black and as white; by default the 0.5th and the 99.5th percentile in the mask.

    Example:
        >>> volume = Volume(
        ...     image=np.arange(24, dtype="float32").reshape(2, 3, 4, 1),
        ...     truth=np.eye(4, dtype="uint8")[[[3, 3, 3]] * 2][..., None],
        ...     mask=np.ones((2, 3, 4), bool),
        ...     spacing_mm=(1, 2, 5),
        ... )
        >>> bool(tile(volume).truth.all()), tile(volume).aspect
        (True, 2.0)
    """
    ignore = np.zeros(volume.space, bool) if volume.ignore is None else volume.ignore
    image, truth, mask = volume.image, volume.truth.astype(bool), volume.mask
    if image.ndim == 3:
        picture = image if image.shape[-1] == 3 else image[..., 0]
        return Tile(_brightness(picture, mask, window), truth, mask, ignore, 1.0, False)
    area = truth[..., 0].sum(axis=(0, 1))
    plane = int(area.argmax()) if area.any() else image.shape[2] // 2
    picture, truth, mask, ignore = (
        array[:, :, plane].swapaxes(0, 1).copy() for array in (image[..., 0], truth, mask, ignore)
    )
    spacing = volume.spacing_mm or (1.0, 1.0, 1.0)
    return Tile(_brightness(picture, mask, window), truth, mask, ignore, spacing[1] / spacing[0], True)


def _legend(found: Inspection, shown: int) -> str:
    first = found.cases[0]
    colour = len(first.channels) == 3 and len(found.summaries[0].shape) == 2
    labels = ", ".join(f"{label} {_COLOUR_NAMES[index % len(_COLOURS)]}" for index, label in enumerate(first.labels))
    return (
        f"{first.dataset}: {shown} of {len(found.cases)} cases, {'colour' if colour else first.channels[0]}; "
        f"outlines: {labels}; mask grey, ignored hatched"
    )


def _brightness(picture: np.ndarray, mask: np.ndarray, window: tuple[float, float] | None) -> np.ndarray:
    inside = picture[mask] if mask.any() else picture
    low, high = window or np.percentile(inside, (0.5, 99.5))
    return ((picture - low) / max(high - low, np.finfo(np.float32).tiny)).clip(0, 1)


def _chosen(summaries: Sequence[CaseSummary], most: int) -> list[int]:
    sizes = [one.foreground[0] * (one.voxel_ml or 1) for one in summaries]
    order = sorted(range(len(sizes)), key=lambda index: -sizes[index])
    steps = np.linspace(0, len(order) - 1, min(len(order), most)).round().astype(int)
    return [order[step] for step in steps]


def _title(case: Case, one: CaseSummary) -> str:
    size = f"{one.foreground[0]} px" if one.voxel_ml is None else f"{one.foreground[0] * one.voxel_ml:.3g} ml"
    name = case.id if len(case.id) <= 26 else f"{case.id[:12]}…{case.id[-12:]}"
    # A dollar sign would start a formula, and a name in another encoding has characters that no font can have.
    return f"{name}, {size}".replace("$", r"\$").encode("utf-8", "backslashreplace").decode()


def _draw(axis, one: Tile) -> None:
    axis.imshow(
        one.picture,
        cmap="gray",
        vmin=0,
        vmax=1,
        aspect=one.aspect,
        origin="lower" if one.upwards else "upper",
        interpolation="antialiased",
    )
    # Scans are drawn as radiologists look at them, the patient's right on the left.
    if one.upwards:
        axis.invert_xaxis()
    outlines = [
        (one.mask, _MASK, 0.4),
        *((one.truth[..., k], _COLOURS[k % 5], 0.9) for k in range(one.truth.shape[-1])),
    ]
    for region, colour, width in outlines:
        if region.any() and not region.all() and min(region.shape) > 1:
            axis.contour(region, [0.5], colors=[colour], linewidths=width)
    if one.ignore.any() and min(one.ignore.shape) > 1:
        axis.contourf(one.ignore, [0.5, 1.5], colors="none", hatches=["////"])
        axis.contour(one.ignore, [0.5], colors=[_IGNORED], linewidths=0.7, linestyles="dashed")
