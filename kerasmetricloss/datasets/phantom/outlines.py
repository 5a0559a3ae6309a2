"""Truth that is uncertain: several plausible outlines of one object, their probabilities, and the posterior.

The object has a level-set function, 1 at its centre, 0 on its median border, in units of its own radius, so that a
large object is uncertain over more pixels than a small one. An outline is where

    level + spread * (z + bend) > 0   or   (part counted in and   part_level + spread * (z + bend) > 0)

with z one of a few quantiles of the normal distribution (a generous or a strict reader), bend a smooth random field,
and the part a flat annex of the object that a reader counts in with probability q. With the outlines O_k and their
probabilities w_k,

    p(x) = sum_k w_k [x in O_k]

is exact. It is the probability of the truth given the scene; a network sees the scene through noise and texture, so
no network can know more than p(x).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from kerasmetricloss.datasets.phantom.random_fields import smooth_field

READERS = 8


@dataclass(frozen=True, eq=False)
class Outlines:
    """Plausible outlines of one label.

    Args:
        masks: bool, shape ``(outlines, *space)``.
        probabilities: float64, shape ``(outlines,)``, sum 1.
    """

    masks: np.ndarray
    probabilities: np.ndarray

    def posterior(self) -> np.ndarray:
        """Return p(x), the probability that a voxel is foreground: float32, shape ``space``.

        Example:
            >>> two = Outlines(np.array([[True, True], [False, True]]), np.array([0.25, 0.75]))
            >>> two.posterior().tolist()
            [0.25, 1.0]
        """
        return np.tensordot(self.probabilities, self.masks, axes=1).astype(np.float32)

    def within(self, region: np.ndarray) -> "Outlines":
        """Return the same outlines clipped to a region (bool, shape ``space``)."""
        return Outlines(self.masks & region, self.probabilities)


def plausible_outlines(
    rng: np.random.Generator,
    level: np.ndarray,
    *,
    spread: float,
    bend_scale: float,
    part_level: np.ndarray | None = None,
    part_probability: float = 0.0,
) -> Outlines:
    """Draw the outlines that readers of one scene might make.

    Args:
        rng: The generator of the case.
        level: The object's level-set function, shape ``space``.
        spread: Standard deviation of a reader's offset, as a fraction of the object's radius.
        bend_scale: Correlation length of the bends in pixels.
        part_level: Level-set function of the annex, or None where there is none.
        part_probability: Probability q that a reader counts the annex in, the same for every reader.

    Returns:
        One outline a reader, or two where there is an annex (counted in, left out).
    """
    offsets = [NormalDist().inv_cdf((reader + 0.5) / READERS) for reader in range(READERS)]
    bends = [smooth_field(rng, level.shape, scale=bend_scale) for _ in range(2)]
    angles = rng.uniform(0, 2 * np.pi, READERS)
    masks, probabilities = [], []
    for offset, angle in zip(offsets, angles, strict=True):
        shift = spread * (offset + 0.7 * (np.cos(angle) * bends[0] + np.sin(angle) * bends[1]))
        outline = level + shift > 0
        if part_level is None:
            masks.append(outline)
            probabilities.append(1 / READERS)
            continue
        masks += [outline, outline | (part_level + shift > 0)]
        probabilities += [(1 - part_probability) / READERS, part_probability / READERS]
    return Outlines(np.stack(masks), np.array(probabilities))
