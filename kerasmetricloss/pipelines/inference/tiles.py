"""Where tiles lie along an axis, and the weights that blend them: a partition of unity, axis by axis.

Tiles form a grid and their weights are products of weights an axis, so the sum of weights at a voxel is the product of
the sums an axis. Weights are therefore normalised on the axes, before any voxel is predicted: no volume of importance,
no volume of counts, and no division at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from kerasmetricloss.pipelines.inference.errors import PredictionError

BLENDINGS = ("gaussian", "constant")
# The usual width: a tile's face lies four standard deviations from its centre.
_SIGMAS_TO_FACE = 4.0
# 1 GiB in float32; measured calls took 1.2 to 5 times that on TensorFlow, 5 to 9 times on PyTorch.
LARGEST_MAP = 2**28


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How an image is cut for prediction.

    Args:
        size: Voxels an axis that a tile predicts; raised to what the network gives. None takes the whole image in one
            where `largest_map` allows, and else the tiles by which the network computes the fewest voxels.
        overlap: Share of a tile that the next one predicts again, in [0, 1).
        blending: `"gaussian"` trusts the centre of a tile more than its border, `"constant"` all of it alike.
        batch: Tiles a call of the network.
        shrinks: Whether a tile larger than the image becomes as small as covers it. Pooling and instance normalisation
            see how an image lies in its box: what a study scores is predicted again in the study's own box only.
        largest_map: Values that the network's largest map may hold in one call where `size` is None: voxels of the
            input times the channels there, at most 2**28 unless told (1 GiB in float32; a call takes 1 to 9 times
            that). `unet_br18`, with 40 channels, then takes 188x188x188 voxels at once, VGG16, with 64, a picture of
            2048x2048.

    Raises:
        PredictionError: For a setting that cannot be.
    """

    size: tuple[int, ...] | None = None
    overlap: float = 0.5
    blending: str = "gaussian"
    batch: int = 1
    shrinks: bool = True
    largest_map: int = LARGEST_MAP

    def __post_init__(self) -> None:
        if self.size is not None:
            self._check_size()
        if not 0 <= self.overlap < 1:
            raise PredictionError(f"the overlap is {self.overlap}; it is a share of the tile, from 0 to below 1.")
        if self.blending not in BLENDINGS:
            raise PredictionError(f"blending is {self.blending!r}; it can be {' or '.join(map(repr, BLENDINGS))}.")
        for name in ("batch", "largest_map"):
            if not _whole(getattr(self, name)):
                raise PredictionError(f"{name} is {getattr(self, name)!r}; it must be a whole number, 1 or more.")

    def _check_size(self) -> None:
        if not isinstance(self.size, Sequence) or isinstance(self.size, str) or not all(map(_whole, self.size)):
            raise PredictionError(
                f"the size of a tile is {self.size!r}; give whole numbers of at least 1, one an axis, as (64, 64, 48)."
            )
        if not self.size:
            raise PredictionError("the size of a tile is (); give one whole number an axis, or None.")


def _whole(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool) and number >= 1


def starts(size: int, tile: int, *, step: int, overlap: float) -> tuple[int, ...]:
    """Return where tiles begin along an axis, evenly spread about the image's centre.

    All begin a multiple of `step` apart, as the whole image's box would: a network that pools by 3 meets the same
    groups of three. The first can begin before the image, the last end after it; what lies there is filled.

    Args:
        size: Voxels of the image.
        tile: Voxels of a tile, at least `step` where the image is longer than it.
        step: By how much the network's sizes grow.
        overlap: Least share that neighbours have in common.

    Returns:
        First voxel of each tile, ascending.

    Example:
        >>> starts(10, 4, step=1, overlap=0.5), starts(10, 4, step=3, overlap=0.0), starts(3, 6, step=1, overlap=0.5)
        ((0, 2, 4, 6), (0, 3, 6), (-2,))
    """
    steps = -(-max(size - tile, 0) // step)
    origin = (size - tile - steps * step) // 2
    stride = max(1, int(tile * (1 - overlap)) // step)
    count = -(-steps // stride)
    places = (0,) if not count else tuple(round(i * steps / count) for i in range(count + 1))
    return tuple(origin + place * step for place in places)


def weights(first: Sequence[int], tile: int, *, blending: str) -> list[np.ndarray]:
    """Return the weight of every voxel of each tile along an axis; at each voxel they sum to 1 over the tiles.

    Args:
        first: Where tiles begin.
        tile: Voxels of a tile.
        blending: As in `Tiling`.

    Returns:
        float32 of shape (tile,) for each tile.

    Example:
        >>> [w.tolist() for w in weights((0, 2), 3, blending="constant")]
        [[1.0, 1.0, 0.5], [0.5, 1.0, 1.0]]
    """
    distance = (np.arange(tile) - (tile - 1) / 2) / (tile / 2)
    shape = np.exp(-0.5 * (_SIGMAS_TO_FACE * distance) ** 2) if blending == "gaussian" else np.ones(tile)
    total = np.zeros(first[-1] - first[0] + tile)
    for start in first:
        total[start - first[0] :][:tile] += shape
    return [(shape / total[start - first[0] :][:tile]).astype(np.float32) for start in first]
