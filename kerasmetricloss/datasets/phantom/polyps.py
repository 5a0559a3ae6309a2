"""Phantoms of colonoscopy frames: one polyp, and what makes it hard to outline.

Drawn anew for every case: size (0.3 % to 15 % of the picture, log-uniform), shape, place, contrast to the mucosa
(log-uniform over a factor of 3), sharpness of the border, a flat annex of intermediate contrast, colour of the
mucosa, light and vignetting, folds, lumen, vessels, texture, highlights and noise. The picture is made from the
scene, never from the outline drawn as truth.
"""

import math
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets.phantom.outlines import Outlines, plausible_outlines, reader_shifts
from kerasmetricloss.datasets.phantom.random_fields import log_uniform, smooth_field, soft_step

DEFAULT_SIZE = (384, 288)
AREA_FRACTION = (0.003, 0.15)
CONTRAST = (0.16, 0.5)


@dataclass(frozen=True, eq=False)
class Polyp:
    """The scene's object: level-set functions of body and annex in units of its radius, and the radius in pixels."""

    level: np.ndarray
    part_level: np.ndarray
    part_probability: float
    part_visibility: float
    radius: float


def polyp_picture(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, Outlines]:
    """Draw one frame.

    Args:
        rng: The generator of the case.
        size: (width, height) in pixels.

    Returns:
        The picture, uint8, shape ``(height, width, 3)``, and the plausible outlines of its polyp.
    """
    rows, columns = np.mgrid[: size[1], : size[0]].astype(np.float32)
    frame = _frame(rows, columns, size)
    polyp = _polyp(rng, rows, columns, size)
    shifts = reader_shifts(rng, frame.shape, spread=rng.uniform(0.1, 0.28), bend_scale=0.35 * polyp.radius)
    outlines = plausible_outlines(
        polyp.level, shifts, part_level=polyp.part_level, part_probability=polyp.part_probability
    )
    light = _light(rng, rows, columns, size)
    picture = _mucosa(rng, size) * (light * _relief(rng, polyp, size))[..., None]
    picture += _tint(rng, polyp) * light[..., None]
    picture = _highlights(rng, picture, light, size)
    picture += rng.uniform(0.008, 0.025) * rng.standard_normal(picture.shape, dtype=np.float32)
    picture = np.where(frame[..., None], picture, 0.02)
    return np.round(255 * picture.clip(0, 1)).astype(np.uint8), outlines.within(frame)


def _frame(rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the octagon that an endoscope's picture fills."""
    across = np.abs(columns - (size[0] - 1) / 2) / (0.5 * size[0])
    down = np.abs(rows - (size[1] - 1) / 2) / (0.5 * size[1])
    return (across < 0.86) & (down < 0.95) & (across + down < 1.6)


def _blob(
    rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray, centre: tuple[float, float], radius: float
) -> np.ndarray:
    """Return 1 - distance / radius of a bent ellipse, whose radius depends on the direction."""
    turn, aspect = rng.uniform(0, np.pi), rng.uniform(1, 1.7)
    down, across = rows - centre[0], columns - centre[1]
    along = (across * math.cos(turn) + down * math.sin(turn)) / math.sqrt(aspect)
    beside = (down * math.cos(turn) - across * math.sin(turn)) * math.sqrt(aspect)
    angle = np.arctan2(beside, along)
    reach = np.ones_like(angle)
    for order in range(2, 6):
        reach += rng.normal(0, 0.2 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    return 1 - np.hypot(along, beside) / (radius * reach.clip(0.4))


def _polyp(rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> Polyp:
    radius = math.sqrt(log_uniform(rng, *AREA_FRACTION) * size[0] * size[1] / math.pi)
    room = [max(0.44 * length - 0.8 * radius, 0.05 * length) for length in (size[1], size[0])]
    centre = (size[1] / 2 + rng.triangular(-1, 0, 1) * room[0], size[0] / 2 + rng.triangular(-1, 0, 1) * room[1])
    direction = rng.uniform(0, 2 * np.pi)
    part_centre = (centre[0] + 0.95 * radius * math.sin(direction), centre[1] + 0.95 * radius * math.cos(direction))
    return Polyp(
        level=_blob(rng, rows, columns, centre, radius),
        part_level=_blob(rng, rows, columns, part_centre, rng.uniform(0.7, 1.1) * radius),
        part_probability=rng.uniform(0.3, 0.6),
        part_visibility=rng.uniform(0.35, 0.65),
        radius=radius,
    )


def _light(rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the brightness of the scene: a lamp off centre, shade, and in some frames a dark lumen."""
    lamp = [length * rng.uniform(0.3, 0.7) for length in (size[1], size[0])]
    falloff = rng.uniform(0.5, 1.1) * size[0]
    light = np.exp(-(((rows - lamp[0]) ** 2 + (columns - lamp[1]) ** 2) / falloff**2))
    light *= 1 + 0.15 * smooth_field(rng, rows.shape, scale=size[0] / 8)
    if rng.random() < 0.35:
        lumen = [length * rng.uniform(0.1, 0.9) for length in (size[1], size[0])]
        width = size[0] * rng.uniform(0.08, 0.18)
        depth = rng.uniform(0.3, 0.7)
        light *= 1 - depth * np.exp(-((rows - lumen[0]) ** 2 + (columns - lumen[1]) ** 2) / (2 * width**2))
    return rng.uniform(0.85, 1.25) * light


def _mucosa(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return the colour of the wall, shape (height, width, 3): base, blotches, vessels and grain."""
    shape = (size[1], size[0])
    red = rng.uniform(0.6, 0.78)
    colour = red * np.array([1, rng.uniform(0.58, 0.72), rng.uniform(0.38, 0.52)], dtype=np.float32)
    blotch = 0.04 * smooth_field(rng, shape, scale=size[0] / 14)
    vessel = np.exp(-((smooth_field(rng, shape, scale=size[0] / 40) / 0.06) ** 2)) * rng.uniform(0, 0.16)
    grain = 0.025 * smooth_field(rng, shape, scale=size[0] / 300)
    darkening = np.array([0.4, 1.0, 0.8], dtype=np.float32)
    return colour * (1 + blotch + grain)[..., None] * (1 - vessel[..., None] * darkening)


def _relief(rng: np.random.Generator, polyp: Polyp, size: tuple[int, int]) -> np.ndarray:
    """Return a factor on the light: folds of the wall, and the polyp's dome with its lit and its shaded side."""
    fold = smooth_field(rng, polyp.level.shape, scale=size[0] / 9)
    crest = np.exp(-(((fold - rng.normal(0, 0.5)) / 0.2) ** 2))
    shade = np.roll(crest, max(1, size[0] // 60), axis=int(rng.integers(2)))
    dome = soft_step(polyp.level, 0.1) * (1 - (1 - polyp.level.clip(0, 1)) ** 2)
    down, across = np.gradient(dome)
    turn, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.3)
    slope = polyp.radius * (math.sin(turn) * down + math.cos(turn) * across)
    return (1 + rng.uniform(0.06, 0.22) * (crest - shade) + height * slope.clip(-1, 1)).clip(0.2)


def _tint(rng: np.random.Generator, polyp: Polyp) -> np.ndarray:
    """Return the polyp's own colour as a difference to the wall, shape (height, width, 3)."""
    width = rng.uniform(0.04, 0.16)
    cover = soft_step(polyp.level, width)
    cover = np.maximum(cover, polyp.part_visibility * soft_step(polyp.part_level, width))
    texture = 1 + 0.25 * smooth_field(rng, polyp.level.shape, scale=max(1.0, 0.12 * polyp.radius))
    redder, paler = np.array([0.3, -0.65, -0.4]), np.array([0.55, 0.75, 0.7])
    share = rng.uniform(0.5, 1)
    colour = log_uniform(rng, *CONTRAST) * (share * redder + (1 - share) * paler)
    return (cover * texture)[..., None] * colour.astype(np.float32)


def _highlights(rng: np.random.Generator, picture: np.ndarray, light: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the picture with the lamp's white reflections on wet tissue, more of them where it is bright."""
    spot = smooth_field(rng, light.shape, scale=size[0] / 160)
    cluster = smooth_field(rng, light.shape, scale=size[0] / 16)
    wet = soft_step(spot + 0.8 * cluster + light - rng.uniform(4.0, 4.8), 0.08)
    return picture + wet[..., None] * (0.97 - picture)
