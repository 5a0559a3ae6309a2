"""Truth that is uncertain: several plausible outlines of one object, their probabilities, and the posterior.

The object has a level-set function, 1 at its centre, 0 on its median border, in units of its own radius, so that a
large object is uncertain over more pixels than a small one. An outline is where

    level + spread * (z + bend) > 0   or   (annex counted in   and   annex_level + spread * (z + bend) > 0)

with z one of a few quantiles of the normal distribution (a generous or a strict reader), bend a smooth random field,
and the annex a flat part of the object that a reader counts in with probability q. With the outlines O_k and their
probabilities w_k,

    p(x) = sum_k w_k [x in O_k]

is exact. It is the probability of the truth given the scene; a network sees the scene through noise and texture, so
no network can know more than p(x).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from kerasmetricloss.datasets.phantom.random_fields import smooth_field

READERS = 8
# Strength of the bends beside a reader's offset.
BEND = 0.7


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
        total = np.zeros(self.masks.shape[1:])
        for probability, mask in zip(self.probabilities, self.masks, strict=True):
            total += probability * mask
        return total.astype(np.float32)

    def within(self, region: np.ndarray) -> "Outlines":
        """Return the same outlines clipped to a region (bool, shape ``space``)."""
        return Outlines(self.masks & region, self.probabilities)


def reader_shifts(
    rng: np.random.Generator, shape: tuple[int, ...], *, spread: float, bend_scale: float | Sequence[float]
) -> list[np.ndarray]:
    """Return what each reader adds to a level-set function: spread * (z + bend), from strict to generous.

    Args:
        rng: The generator of the case.
        shape: Shape of the grid.
        spread: Standard deviation of a reader's offset, as a fraction of the object's radius.
        bend_scale: Correlation length of the bends in voxels; one number, or one an axis.

    Returns:
        ``READERS`` arrays of the given shape.
    """
    offsets = [NormalDist().inv_cdf((reader + 0.5) / READERS) for reader in range(READERS)]
    bends = [smooth_field(rng, shape, scale=bend_scale) for _ in range(2)]
    # A turning mixture of two fields is a field of the same strength, another one for each reader.
    turns = rng.uniform(0, 2 * math.pi, READERS).tolist()
    return [
        spread * (offset + BEND * (math.cos(turn) * bends[0] + math.sin(turn) * bends[1]))
        for offset, turn in zip(offsets, turns, strict=True)
    ]


def plausible_outlines(
    level: np.ndarray, shifts: Sequence[np.ndarray], *, part_level: np.ndarray, part_probability: float
) -> Outlines:
    """Return two outlines a reader, one without the annex and one with it.

    Args:
        level: The object's level-set function, shape ``space``.
        shifts: What :func:`reader_shifts` returned.
        part_level: Level-set function of the annex.
        part_probability: Probability q that a reader counts the annex in, the same for every reader.
    """
    masks, probabilities = [], []
    for shift in shifts:
        body = level + shift > 0
        masks += [body, body | (part_level + shift > 0)]
        probabilities += [(1 - part_probability) / len(shifts), part_probability / len(shifts)]
    return Outlines(np.stack(masks), np.array(probabilities))
