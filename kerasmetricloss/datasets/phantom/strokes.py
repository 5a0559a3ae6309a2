"""Phantoms of ischaemic stroke with perfusion maps: MR as in ISLES 2017, CT as in ISLES 2018.

Drawn anew for every case: the brain, its tissues, spacing and tilt; the infarct (on MR 0.2 % to 7 %, on CT 0.4 % to
15 % of the brain that is scanned, log-uniform, on one side), the hypoperfused tissue around it, the depth of the
deficit, and noise. A part of the hypoperfused tissue beside the infarct is its annex: it has died, or not. The maps are
made from the scene, never from the outline drawn as truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets.phantom.brains import brain_depth, tissue_shares
from kerasmetricloss.datasets.phantom.grids import BRAIN_MM, ScanGrid, ball
from kerasmetricloss.datasets.phantom.outlines import Outlines, plausible_outlines, reader_shifts
from kerasmetricloss.datasets.phantom.random_fields import log_uniform, smooth_field, soft_step

MR_SIZE, CT_SIZE = (64, 80, 20), (80, 96, 8)
MR_FRACTION, CT_FRACTION = (0.002, 0.07), (0.004, 0.15)
DEFICIT = (0.5, 1.2)
# Field of view in mm: along x, y and z, and in the plane of CT, whose slices cover a slab of the head.
_MR_FIELD_MM, _CT_FIELD_MM, _CT_SLICE_MM = (152.0, 184.0, 126.0), (176.0, 208.0), (5.0, 10.0)
_SERIES_FRAMES = 4

# Value in fluid, grey and white matter; change in hypoperfused tissue and in the infarct; noise; least value.
_MR_MAPS = {
    "ADC": ((2600, 880, 760), (-30, -330), 45, 1),
    "Tmax": ((2.5, 1.5, 2.2), (6, 9), 0.8, 0),
    "MTT": ((4, 4.2, 5), (3.5, 5.5), 0.7, 0),
    "TTP": ((27, 25, 26), (6, 9), 1.2, 0),
    "rCBF": ((4, 36, 17), (-9, -15), 2.5, 0),
    "rCBV": ((0.5, 3.2, 1.6), (0.1, -1.3), 0.25, 0),
}
_CT_MAPS = {
    "CT": ((8, 36, 29), (-0.5, -5), 3.5, -20),
    "CT_Tmax": ((2.5, 1.5, 2), (5, 8), 0.9, 0),
    "CT_MTT": ((4.5, 4.5, 5), (3.5, 6), 0.8, 0),
    "CT_CBF": ((20, 330, 150), (-90, -140), 28, 0),
    "CT_CBV": ((4, 45, 22), (1, -19), 5, 0),
}


@dataclass(frozen=True, eq=False)
class Stroke:
    """The scene's object: level-set functions of infarct, annex and hypoperfused tissue in units of its radius."""

    level: np.ndarray
    part_level: np.ndarray
    part_probability: float
    hypoperfused: np.ndarray
    radius_mm: float


@dataclass(frozen=True, eq=False)
class StrokeCase:
    """One case: its maps by their name in the file, the outlines of its infarct, and its grid."""

    maps: dict[str, np.ndarray]
    outlines: Outlines
    space: ScanGrid


def mr_stroke(rng: np.random.Generator, size: tuple[int, int, int]) -> StrokeCase:
    """Draw one skull-stripped case with MR perfusion.

    Args:
        rng: The generator of the case.
        size: Voxels along x, y and z.

    Returns:
        Maps, float32, 0 outside the brain, with the raw series ``4DPWI``, shape ``(*size, 1, frames)``.
    """
    field = np.array(_MR_FIELD_MM) * rng.uniform(0.97, 1.08)
    in_plane = float(max(field[0] / size[0], field[1] / size[1]))
    spacing = (in_plane, in_plane, float(field[2] / size[2]))
    space = ScanGrid(size=size, spacing_mm=spacing, tilt=float(rng.uniform(-0.2, 0.2)))
    depth, tissues, stroke = _scene(rng, space, MR_FRACTION)
    maps = _maps(rng, _MR_MAPS, tissues, stroke, depth > 0)
    maps["4DPWI"] = _series(rng, depth > 0, maps["rCBV"])[:, :, :, None]
    return StrokeCase(maps, _outlines(rng, space, stroke, depth > 0), space)


def ct_stroke(rng: np.random.Generator, size: tuple[int, int, int]) -> StrokeCase:
    """Draw one case with CT perfusion: a slab of thick slices through a head with its skull.

    Args:
        rng: The generator of the case.
        size: Voxels along x and y, and the most slices; a case has between 2 and as many.

    Returns:
        Maps, float32: CT in Hounsfield units, -1000 in air, the others 0 outside the brain; and the raw series
        ``CT_4DPWI``, shape ``(*size, frames)``.
    """
    slices = int(rng.integers(2, size[2] + 1))
    in_plane = float(max(_CT_FIELD_MM[0] / size[0], _CT_FIELD_MM[1] / size[1]) * rng.uniform(0.97, 1.08))
    thick = float(rng.uniform(*_CT_SLICE_MM))
    space = ScanGrid(
        size=(*size[:2], slices), spacing_mm=(in_plane, in_plane, thick), height_mm=float(rng.uniform(-5, 20))
    )
    depth, tissues, stroke = _scene(rng, space, CT_FRACTION)
    maps = _maps(rng, _CT_MAPS, tissues, stroke, depth > 0)
    maps["CT"] = _with_skull(rng, maps["CT"], depth)
    maps["CT_4DPWI"] = _series(rng, depth > 0, maps["CT_CBV"] / 14)
    return StrokeCase(maps, _outlines(rng, space, stroke, depth > 0), space)


def _scene(
    rng: np.random.Generator, space: ScanGrid, fraction: tuple[float, float]
) -> tuple[np.ndarray, tuple[np.ndarray, ...], Stroke]:
    """Return the depth below the brain's surface, the shares of the tissues, and the stroke."""
    places = space.places_mm()
    grid = places / np.array(BRAIN_MM, dtype=np.float32)[:, None, None, None]
    depth = brain_depth(rng, grid, stretch=space.stretch)
    tissues = tissue_shares(rng, grid, depth, stretch=space.stretch)
    return depth, tissues, _stroke(rng, space, places, depth > 0, fraction)


def _stroke(
    rng: np.random.Generator,
    space: ScanGrid,
    places: np.ndarray,
    brain: np.ndarray,
    fraction: tuple[float, float],
) -> Stroke:
    volume = log_uniform(rng, *fraction) * float(brain.sum()) * float(np.prod(space.spacing_mm))
    radius = (3 / (4 * np.pi) * volume) ** (1 / 3)
    # Within the slices that were scanned, on one side, off the middle.
    low, high = (float(np.quantile(places[2][brain], share)) for share in (0.25, 0.75))
    centre = np.array(
        [rng.choice([-1.0, 1.0]) * rng.uniform(20, 42), rng.uniform(-40, 40), rng.uniform(max(low, -35), min(high, 35))]
    )
    direction = rng.standard_normal(3)
    beside = centre + radius * direction / np.linalg.norm(direction)
    dent = (1 + 0.18 * smooth_field(rng, space.size, scale=space.voxels(0.5 * radius))).clip(0.4)
    shape = rng.uniform(0.75, 1.35, 3)

    def level(where: np.ndarray, reach: float) -> np.ndarray:
        return 1 - (1 - ball(places, where, reach * radius * shape)) / dent

    return Stroke(
        level=level(centre, 1.0),
        part_level=level(beside, rng.uniform(0.55, 0.9)),
        part_probability=rng.uniform(0.3, 0.6),
        hypoperfused=np.maximum(level(centre, rng.uniform(1.25, 1.9)), level(beside, 1.1)),
        radius_mm=float(radius),
    )


def _outlines(rng: np.random.Generator, space: ScanGrid, stroke: Stroke, brain: np.ndarray) -> Outlines:
    bend = space.voxels(0.35 * stroke.radius_mm)
    shifts = reader_shifts(rng, space.size, spread=rng.uniform(0.08, 0.24), bend_scale=bend)
    outlines = plausible_outlines(
        stroke.level, shifts, part_level=stroke.part_level, part_probability=stroke.part_probability
    )
    return outlines.within(brain)


def _maps(
    rng: np.random.Generator,
    table: Mapping[str, tuple],
    tissues: tuple[np.ndarray, ...],
    stroke: Stroke,
    brain: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return each map of a table, 0 outside the brain."""
    width, depth = rng.uniform(0.05, 0.15), log_uniform(rng, *DEFICIT)
    dead = soft_step(stroke.level, width)
    starved = np.maximum(soft_step(stroke.hypoperfused, width), dead) - dead
    # Fluid has no perfusion to lose.
    solid = 1 - tissues[0]
    maps = {}
    for name, (healthy, (less, least), noise, floor) in table.items():
        values = sum(share * value for share, value in zip(tissues, healthy, strict=True))
        values = values + depth * solid * (less * starved + least * dead)
        values = values + noise * rng.uniform(0.7, 1.4) * rng.standard_normal(brain.shape, dtype=np.float32)
        maps[name] = np.where(brain, values.clip(floor), 0).astype(np.float32)
    return maps


def _with_skull(rng: np.random.Generator, inside: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return CT in Hounsfield units: bone around the brain, skin around bone, air around skin."""
    noise = 12 * rng.standard_normal(depth.shape, dtype=np.float32)
    around = np.select([depth > -0.03, depth > -0.1, depth > -0.16], [10.0, 950.0, 30.0], -1000.0)
    return np.where(depth > 0, inside, around + noise).astype(np.float32)


def _series(rng: np.random.Generator, brain: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Return the raw series of a few frames, int16, shape ``(*space, frames)``; no reader takes it for an image."""
    passing = np.array([0, 0.5, 1, 0.3], dtype=np.float32)[:_SERIES_FRAMES]
    signal = 400 * np.exp(-0.2 * volume[..., None] * passing)
    signal = signal + 8 * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.where(brain[..., None], signal, 0).round().astype(np.int16)
