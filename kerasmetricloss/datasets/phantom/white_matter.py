"""Phantoms of white matter hyperintensities: FLAIR and T1 of a head with many small lesions.

Drawn anew for every case: head, brain and tissues; 4 to 40 lesions (radius 1.5 mm to 7 mm, log-uniform) in the white
matter, more of them near the ventricles; their contrast and sharpness, gain, bias and noise. About a third of the
lesions are faint, and counted in together with a probability between 0.3 and 0.6. Every third case has other
pathology beside them, an old infarct in the cortex. The scans are made from the scene, never from the outline drawn
as truth.
"""

import numpy as np

from kerasmetricloss.datasets.phantom.brains import brain_depth, tissue_shares
from kerasmetricloss.datasets.phantom.grids import BRAIN_MM, ScanGrid, ball
from kerasmetricloss.datasets.phantom.outlines import Outlines, plausible_outlines, reader_shifts
from kerasmetricloss.datasets.phantom.random_fields import log_uniform, smooth_field, soft_step

DEFAULT_SIZE = (88, 104, 32)
LESIONS, RADIUS_MM, CONTRAST = (4, 40), (1.5, 7.0), (0.45, 1.1)
_FIELD_MM = (178.0, 214.0, 132.0)
_FAR = -10.0
# Fluid, grey and white matter, skin; change by a lesion and by other pathology; all in the units of the scans.
_SCANS = {"FLAIR": ((40, 190, 150, 240), (120, 90)), "T1": ((130, 300, 410, 620), (-60, -150))}


def white_matter_scans(
    rng: np.random.Generator, size: tuple[int, int, int], *, other_pathology: bool
) -> tuple[dict[str, np.ndarray], Outlines, np.ndarray, ScanGrid]:
    """Draw one case.

    Args:
        rng: The generator of the case.
        size: Voxels along x, y and z.
        other_pathology: Whether an old infarct is there as well.

    Returns:
        FLAIR and T1, int16, with a few counts of noise in air; the plausible outlines of all lesions together; where
        the other pathology lies, bool; and the grid.
    """
    field = np.array(_FIELD_MM) * rng.uniform(0.97, 1.06)
    in_plane = float(max(field[0] / size[0], field[1] / size[1]))
    spacing = (in_plane, in_plane, float(field[2] / size[2]))
    space = ScanGrid(size=size, spacing_mm=spacing, tilt=float(rng.uniform(-0.15, 0.15)))
    places = space.places_mm()
    grid = places / np.array(BRAIN_MM, dtype=np.float32)[:, None, None, None]
    depth = brain_depth(rng, grid, stretch=space.stretch)
    tissues = tissue_shares(rng, grid, depth, stretch=space.stretch)
    other = _other(rng, places, depth) if other_pathology else np.full(depth.shape, _FAR, np.float32)
    sure, faint = _lesions(rng, space, places, tissues[2])
    bend = space.voxels(3.0)
    shifts = reader_shifts(rng, size, spread=rng.uniform(0.1, 0.25), bend_scale=bend)
    outlines = plausible_outlines(sure, shifts, part_level=faint, part_probability=rng.uniform(0.3, 0.6))
    beside = (other > 0) & (depth > 0)
    lesion = _visible(rng, sure, faint)
    scans = _scans(rng, space, depth, tissues, lesion, soft_step(other, 0.08))
    return scans, outlines.within((depth > 0) & ~beside), beside, space


def _lesions(
    rng: np.random.Generator, space: ScanGrid, places: np.ndarray, white: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the level-set functions of the plain and of the faint lesions, each in units of its own radius."""
    levels = [np.full(white.shape, _FAR, np.float32) for _ in range(2)]
    dent = (1 + 0.2 * smooth_field(rng, space.size, scale=space.voxels(2.5))).clip(0.4)
    for number in range(int(rng.integers(LESIONS[0], LESIONS[1] + 1))):
        centre = _place(rng, space, white)
        radii = log_uniform(rng, *RADIUS_MM) * rng.uniform(0.7, 1.4, 3)
        level = 1 - (1 - ball(places, centre, radii)) / dent
        # The first lesion is plain, so that no truth is empty by the faint ones alone.
        which = int(number > 0 and rng.random() < 1 / 3)
        levels[which] = np.maximum(levels[which], level)
    return levels[0], levels[1]


def _place(rng: np.random.Generator, space: ScanGrid, white: np.ndarray) -> np.ndarray:
    """Return a place in the white matter in mm; the nearer to the ventricles, the likelier."""
    middle = (np.array(space.size) - 1) / 2
    for _ in range(200):
        place = rng.normal(0, 1, 3) * [24, 32, 16] + [0, 0, 10]
        voxel = np.round(place / space.spacing_mm + middle).astype(int)
        if np.all((voxel >= 0) & (voxel < space.size)) and white[tuple(voxel)] > 0.5:
            return place
    inside = np.argwhere(white >= white.max())
    return (inside[len(inside) // 2] - middle) * space.spacing_mm


def _other(rng: np.random.Generator, places: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return the level-set function of an old infarct in the cortex of one side."""
    turn = rng.uniform(-0.9, 0.9)
    side = rng.choice([-1.0, 1.0])
    centre = np.array([side * 58 * np.cos(turn), 70 * np.sin(turn), rng.uniform(-10, 30)])
    return np.minimum(ball(places, centre, rng.uniform(12, 24)), 4 * depth).astype(np.float32)


def _visible(rng: np.random.Generator, sure: np.ndarray, faint: np.ndarray) -> np.ndarray:
    """Return how much of a lesion shows at each voxel."""
    width = rng.uniform(0.08, 0.2)
    return np.maximum(soft_step(sure, width), rng.uniform(0.35, 0.65) * soft_step(faint, width))


def _scans(
    rng: np.random.Generator,
    space: ScanGrid,
    depth: np.ndarray,
    tissues: tuple[np.ndarray, ...],
    lesion: np.ndarray,
    other: np.ndarray,
) -> dict[str, np.ndarray]:
    contrast, gain = log_uniform(rng, *CONTRAST), rng.uniform(0.8, 1.3)
    scans = {}
    for name, ((*healthy, skin), (by_lesion, by_other)) in _SCANS.items():
        bias = 1 + 0.1 * smooth_field(rng, depth.shape, scale=space.voxels(40))
        brain = sum(share * value for share, value in zip(tissues, healthy, strict=True))
        brain = brain + contrast * by_lesion * lesion + by_other * other
        # Bone gives hardly any signal.
        around = np.select([depth > -0.04, depth > -0.1, depth > -0.17], [healthy[0], 35.0, skin], 0.0)
        noise = rng.uniform(3, 6) * rng.standard_normal((2, *depth.shape), dtype=np.float32)
        # The magnitude of complex noise: never negative, and small but not 0 in air.
        values = np.hypot(gain * bias * np.where(depth > 0, brain, around) + noise[0], noise[1])
        scans[name] = values.round().clip(0, 4000).astype(np.int16)
    return scans
