"""Phantoms of skull-stripped MR scans with a glioma: FLAIR, T1, T1CE and T2 on one grid of 2 mm.

Drawn anew for every case: shape of the brain, ventricles, white and grey matter, bias field; size of the tumour (about
0.5 % to 12 % of the brain, log-uniform), its shape, place, contrast and the sharpness of its border, a fainter annex of
oedema, a core and, in three cases of four (HGG), an enhancing rim around necrosis. The scans are made from the scene,
never from the outline drawn as truth.
"""

from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets.phantom.outlines import Outlines, plausible_outlines, reader_shifts
from kerasmetricloss.datasets.phantom.random_fields import log_uniform, smooth_field, soft_step

DEFAULT_SIZE = (80, 96, 72)
SPACING_MM = 2.0
LABELS = ("WT", "TC", "ET")
VOLUME_FRACTION = (0.005, 0.12)
CONTRAST = (0.35, 1.05)
# Brightness of cerebrospinal fluid, grey and white matter, and the change that oedema, core and rim bring.
_TISSUES = {
    "flair": ((60, 190, 150), (190, 120, 90)),
    "t1": ((110, 300, 390), (-110, -160, -40)),
    "t1ce": ((120, 310, 400), (-100, -140, 330)),
    "t2": ((560, 270, 210), (220, 200, 90)),
}


@dataclass(frozen=True, eq=False)
class Tumour:
    """The scene's object: level-set functions of whole, annex, core and necrosis in units of the tumour's radius."""

    level: np.ndarray
    part_level: np.ndarray
    part_probability: float
    part_visibility: float
    core_level: np.ndarray
    necrosis_level: np.ndarray
    radius: float


def brain_scans(
    rng: np.random.Generator, size: tuple[int, int, int], *, enhancing: bool
) -> tuple[dict[str, np.ndarray], Outlines]:
    """Draw one case.

    Args:
        rng: The generator of the case.
        size: Voxels along x, y and z; the brain fills the grid, whatever its size.
        enhancing: Whether the core has an enhancing rim (HGG) or not (LGG: the label ET is empty).

    Returns:
        The four scans, int16, positive inside the brain and 0 outside, by their name in the file; and the plausible
        outlines, whose masks have shape ``(outlines, *size, 3)`` for WT, TC and ET.
    """
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in size), indexing="ij"))
    depth = brain_depth(rng, grid)
    tumour = _tumour(rng, grid, depth > 0)
    outlines = _outlines(rng, tumour, depth > 0, enhancing)
    tissues = tissue_shares(rng, grid, depth)
    lesion = _lesion(rng, tumour, enhancing)
    contrast, bias = log_uniform(rng, *CONTRAST), 1 + 0.12 * smooth_field(rng, size, scale=max(size) / 5)
    gain = rng.uniform(0.7, 1.5)
    scans = {}
    for name, (healthy, change) in _TISSUES.items():
        voxels = sum(share * value for share, value in zip(tissues, healthy, strict=True))
        voxels = voxels + contrast * sum(share * value for share, value in zip(lesion, change, strict=True))
        voxels = gain * bias * voxels + rng.uniform(8, 20) * rng.standard_normal(size, dtype=np.float32)
        scans[name] = np.where(depth > 0, np.round(voxels).clip(1, 4000), 0).astype(np.int16)
    return scans, outlines


def segmentation(outline: np.ndarray) -> np.ndarray:
    """Return the labels 0, 1, 2 and 4 of BRATS for one outline, bool, shape ``(*space, 3)`` in the order WT, TC, ET.

    Example:
        >>> segmentation(np.array([[False, False, False], [True, False, False], [True, True, False], [True] * 3]))
        array([0, 2, 1, 4], dtype=uint8)
    """
    whole, core, rim = np.moveaxis(outline, -1, 0)
    return np.select([rim, core, whole], [4, 1, 2], 0).astype(np.uint8)


def brain_depth(
    rng: np.random.Generator, grid: np.ndarray, *, stretch: tuple[float, float, float] = (1, 1, 1)
) -> np.ndarray:
    """Return the depth below the brain's surface, 1 at its centre and negative outside.

    Args:
        rng: The generator of the case.
        grid: float32, shape ``(3, *space)``, from -1 to 1 along each axis where the brain fills the grid.
        stretch: Voxels of each axis in the length of the finest voxel, so that folds are as long in mm everywhere.
    """
    half = np.array([0.86, 0.9, 0.84], dtype=np.float32) * (1 - 0.06 * rng.random(3, dtype=np.float32))
    distance = np.sqrt(((grid / half[:, None, None, None]) ** 2).sum(axis=0))
    scale = [s * max(grid.shape[1:]) / 18 for s in stretch]
    return 1 - distance + 0.025 * smooth_field(rng, grid.shape[1:], scale=scale)


def tissue_shares(
    rng: np.random.Generator,
    grid: np.ndarray,
    depth: np.ndarray,
    *,
    stretch: tuple[float, float, float] = (1, 1, 1),
) -> tuple[np.ndarray, ...]:
    """Return the shares of fluid, grey and white matter at each voxel; they sum to 1. Arguments as above."""
    folds = smooth_field(rng, depth.shape, scale=[s * max(depth.shape) / 40 for s in stretch])
    side, front, top = np.abs(grid[0]), grid[1], grid[2]
    width, shift = rng.uniform(0.05, 0.1), rng.uniform(-0.1, 0.1)
    apart = ((side - 0.13) / width) ** 2 + ((front - shift) / 0.38) ** 2 + ((top - 0.08) / 0.25) ** 2
    fluid = np.maximum(soft_step(1 - apart, 0.15), soft_step(0.05 - depth + 0.04 * folds, 0.01))
    white = soft_step(depth - 0.22 + 0.1 * folds, 0.03)
    return fluid, (1 - fluid) * (1 - white), (1 - fluid) * white


def _tumour(rng: np.random.Generator, grid: np.ndarray, brain: np.ndarray) -> Tumour:
    shape = brain.shape
    radius = float(3 / (4 * np.pi) * log_uniform(rng, *VOLUME_FRACTION) * brain.sum()) ** (1 / 3)
    centre = rng.uniform(-0.45, 0.45, 3) * np.array([1, 1.1, 0.8])
    dent = 1 + 0.16 * smooth_field(rng, shape, scale=0.5 * radius)
    direction = rng.standard_normal(3)
    direction /= np.linalg.norm(direction)
    voxels = (np.array(shape) - 1) / 2
    stretch = rng.uniform(0.75, 1.3, 3)

    def level(place: np.ndarray, reach: float) -> np.ndarray:
        scale = (voxels / (reach * radius * stretch)).astype(np.float32)
        offset = (grid - place[:, None, None, None].astype(np.float32)) * scale[:, None, None, None]
        return 1 - np.sqrt((offset**2).sum(axis=0)) / dent.clip(0.4)

    core = rng.uniform(0.45, 0.75)
    # Nested levels are brought to the same unit, the radius of the whole tumour, so one shift fits them all.
    return Tumour(
        level=level(centre, 1.0),
        part_level=level(centre + radius * direction / voxels, rng.uniform(0.6, 0.95)),
        part_probability=rng.uniform(0.3, 0.6),
        part_visibility=rng.uniform(0.35, 0.65),
        core_level=core * level(centre, core),
        necrosis_level=0.6 * core * level(centre, 0.6 * core),
        radius=radius,
    )


def _outlines(rng: np.random.Generator, tumour: Tumour, brain: np.ndarray, enhancing: bool) -> Outlines:
    shifts = reader_shifts(rng, brain.shape, spread=rng.uniform(0.08, 0.22), bend_scale=0.35 * tumour.radius)
    whole = plausible_outlines(
        tumour.level, shifts, part_level=tumour.part_level, part_probability=tumour.part_probability
    ).within(brain)
    masks = np.zeros((*whole.masks.shape, len(LABELS)), dtype=bool)
    masks[..., 0] = whole.masks
    for index, outline in enumerate(whole.masks):
        # Core and rim are seen more sharply than oedema, so a reader's habit moves them half as far.
        shift = 0.5 * shifts[index * len(shifts) // len(whole.masks)]
        masks[index, ..., 1] = outline & (tumour.core_level + shift > 0)
        if enhancing:
            masks[index, ..., 2] = masks[index, ..., 1] & (tumour.necrosis_level - shift <= 0)
    return Outlines(masks, whole.probabilities)


def _lesion(rng: np.random.Generator, tumour: Tumour, enhancing: bool) -> tuple[np.ndarray, ...]:
    """Return how much of oedema, core and enhancing rim shows at each voxel."""
    width = rng.uniform(0.05, 0.15)
    whole = soft_step(tumour.level, width)
    whole = np.maximum(whole, tumour.part_visibility * soft_step(tumour.part_level, width))
    whole = whole * (1 + 0.2 * smooth_field(rng, whole.shape, scale=max(1.0, 0.2 * tumour.radius)))
    core = soft_step(tumour.core_level, 0.5 * width)
    rim = core * (1 - soft_step(tumour.necrosis_level, 0.5 * width)) if enhancing else np.zeros_like(core)
    return whole - core.clip(0, whole), core - rim, rim
