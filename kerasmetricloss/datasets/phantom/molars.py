"""Phantoms of panoramic radiographs: a dental arch, and a third molar at its lower end on the patient's left.

Drawn anew for every case: the curve of the arch, sizes and tilts of the teeth, brightness of bone, the molar's size,
tilt, number of roots, contrast and overlap with its neighbour, the mandibular canal, fillings, shade, blur and noise.
The roots fade towards their tips, which is where readers differ. The radiograph is made from the scene, never from the
outline drawn as truth.
"""

import math
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets.phantom.outlines import Outlines, plausible_outlines, reader_shifts
from kerasmetricloss.datasets.phantom.random_fields import log_uniform, smooth_field, soft_step

DEFAULT_SIZE = (995, 563)
# Half the mean diameter of the molar, as a fraction of the picture's width.
RADIUS = (0.016, 0.038)
CONTRAST = (0.08, 0.3)
_TEETH_A_SIDE = 7


@dataclass(frozen=True, eq=False)
class Molar:
    """The scene's object: level-set functions of the tooth and of its faint root, in units of its radius."""

    level: np.ndarray
    root_level: np.ndarray
    root_probability: float
    root_visibility: float
    radius: float


def radiograph(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, Outlines]:
    """Draw one radiograph.

    Args:
        rng: The generator of the case.
        size: (width, height) in pixels.

    Returns:
        The picture, uint8, shape ``(height, width)``, and the plausible outlines of its lower-left third molar, which
        lies on the right of the picture.
    """
    rows, columns = np.mgrid[: size[1], : size[0]].astype(np.float32)
    # Both axes in units of the picture's width, with the middle of the bite as the origin.
    across, down = (columns - (size[0] - 1) / 2) / size[0], (rows - 0.5 * size[1]) / size[0]
    bend = rng.uniform(0.35, 0.6)
    molar = _molar(rng, across, down, bend)
    bend_scale = max(1.0, 0.35 * molar.radius * size[0])
    shifts = reader_shifts(rng, across.shape, spread=rng.uniform(0.06, 0.2), bend_scale=bend_scale)
    outlines = plausible_outlines(
        molar.level, shifts, part_level=molar.root_level, part_probability=molar.root_probability
    )
    picture = _bone(rng, across, down, bend, size)
    picture = picture + _teeth(rng, across, down, bend)
    width = rng.uniform(0.05, 0.14)
    cover = np.maximum(soft_step(molar.level, width), molar.root_visibility * soft_step(molar.root_level, width))
    enamel = 1 + 0.3 * molar.level.clip(0, 1) + 0.12 * smooth_field(rng, across.shape, scale=bend_scale)
    picture = picture + log_uniform(rng, *CONTRAST) * cover * enamel
    picture = picture * (1 + 0.1 * smooth_field(rng, across.shape, scale=size[0] / 8))
    picture = picture + rng.uniform(0.01, 0.03) * smooth_field(rng, across.shape, scale=0.8)
    return np.round(255 * picture.clip(0, 1)).astype(np.uint8), outlines


def _ellipse(
    across: np.ndarray, down: np.ndarray, centre: tuple[float, float], half: tuple[float, float], turn: float
) -> np.ndarray:
    """Return 1 - distance of a superellipse, a box with round corners: 1 at its centre, 0 on its border."""
    x, y = across - centre[0], down - centre[1]
    along = (x * math.cos(turn) + y * math.sin(turn)) / half[0]
    beside = (y * math.cos(turn) - x * math.sin(turn)) / half[1]
    return 1 - (np.abs(along) ** 3 + np.abs(beside) ** 3) ** (1 / 3)


def _molar(rng: np.random.Generator, across: np.ndarray, down: np.ndarray, bend: float) -> Molar:
    radius = log_uniform(rng, *RADIUS)
    place = rng.uniform(0.285, 0.335)
    centre = (place, 0.045 - bend * place**2 + rng.uniform(0.005, 0.05))
    turn = rng.uniform(-0.7, 0.7)
    axis = (-math.sin(turn), math.cos(turn))
    crown = _ellipse(across, down, centre, (1.05 * radius, 0.8 * radius), turn)
    roots = []
    for side in (-1, 1):
        # A root leaves the crown's lower half to one side and runs along the tooth's axis.
        start = side * rng.uniform(0.35, 0.55) * radius
        x = centre[0] + math.cos(turn) * start + axis[0] * radius
        y = centre[1] + math.sin(turn) * start + axis[1] * radius
        half = (rng.uniform(0.3, 0.45) * radius, rng.uniform(0.8, 1.2) * radius)
        roots.append(0.45 * _ellipse(across, down, (x, y), half, turn + rng.uniform(-0.15, 0.15)))
    return Molar(
        level=np.maximum(crown, roots[0]),
        root_level=roots[1],
        root_probability=rng.uniform(0.3, 0.6),
        root_visibility=rng.uniform(0.35, 0.65),
        radius=radius,
    )


def _bone(
    rng: np.random.Generator, across: np.ndarray, down: np.ndarray, bend: float, size: tuple[int, int]
) -> np.ndarray:
    """Return the jaws without teeth: soft tissue, the mandible, its canal, the spine's shadow and trabeculae."""
    arch = down + bend * across**2
    jaw = soft_step(0.2 - np.abs(arch - 0.03), 0.012) * soft_step(0.47 - np.abs(across), 0.01)
    rim = np.exp(-(((arch - 0.215) / 0.012) ** 2)) * soft_step(0.44 - np.abs(across), 0.02)
    canal = np.exp(-(((arch - 0.15 - 0.25 * (np.abs(across) - 0.25)) / 0.006) ** 2)) * soft_step(
        np.abs(across) - 0.15, 0.02
    )
    spine = np.exp(-((across / 0.06) ** 2))
    trabeculae = smooth_field(rng, across.shape, scale=max(0.8, size[0] / 500))
    picture = rng.uniform(0.1, 0.18) + rng.uniform(0.18, 0.28) * jaw * (1 + 0.08 * trabeculae)
    return picture + 0.18 * rim - 0.08 * canal + 0.1 * spine


def _teeth(rng: np.random.Generator, across: np.ndarray, down: np.ndarray, bend: float) -> np.ndarray:
    """Return the brightness that the other teeth add; the upper row stands above the bite, the lower row below."""
    added = np.zeros_like(across)
    step = rng.uniform(0.036, 0.041)
    for row in (-1, 1):
        for place in (np.arange(2 * _TEETH_A_SIDE) - _TEETH_A_SIDE + 0.5) * step:
            half = (0.5 * step * rng.uniform(0.8, 0.98), step * rng.uniform(1.3, 1.7))
            centre = (float(place), 0.015 - bend * float(place) ** 2 + row * 1.35 * step)
            turn = -1.2 * bend * float(place) + rng.normal(0, 0.06)
            # Nothing of a tooth lies outside a window of twice its length, so the rest is not computed.
            window = _window(across, down, centre, 2 * step)
            tooth = _ellipse(across[window], down[window], centre, half, turn)
            bright = rng.uniform(0.14, 0.24) * soft_step(tooth, 0.05)
            if rng.random() < 0.15:
                filling = (centre[0], centre[1] - row * 0.8 * half[1])
                bright += 0.4 * soft_step(
                    _ellipse(across[window], down[window], filling, (0.3 * step, 0.2 * step), turn), 0.1
                )
            added[window] += bright
    return added


def _window(across: np.ndarray, down: np.ndarray, centre: tuple[float, float], reach: float) -> tuple[slice, slice]:
    columns = np.searchsorted(across[0], (centre[0] - reach, centre[0] + reach))
    rows = np.searchsorted(down[:, 0], (centre[1] - reach, centre[1] + reach))
    return slice(*rows), slice(*columns)
