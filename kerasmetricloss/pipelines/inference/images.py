"""Prediction of an image of any size: in one piece, or tile by tile with the finished rows handed on."""

import functools
import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasmetricloss.pipelines.inference.arrays import copy, empty
from kerasmetricloss.pipelines.inference.errors import PredictionError, TiledWarning
from kerasmetricloss.pipelines.inference.fitting import fitting_tile
from kerasmetricloss.pipelines.inference.reach import Network
from kerasmetricloss.pipelines.inference.tiles import Tiling, starts, weights


def predict_image(
    image: np.ndarray,
    network: Network,
    *,
    mask: np.ndarray | None = None,
    tiling: Tiling | None = None,
    fill: float | Sequence[float] = 0.0,
) -> np.ndarray:
    """Predict every voxel of an image, its borders included.

    The whole image is a tiling of one tile, and is taken so where it fits (`Tiling.largest_map`). A network with
    instance normalisation sees other means and deviations in a tile than in the whole image, and predicts otherwise: on
    three BRATS scans at 3 mm, a small U-Net that was trained on whole images scored a Dice of 0.84, 0.54 and 0.79 in
    one piece, 0.61, 0.34 and 0.41 in tiles of 37x37x28 voxels (half the image along each axis), 0.43, 0.20 and 0.28 in
    tiles of 28x28x28; voxels differed by 0.13 and 0.16 on average. Tile such a network only as it was trained. Without
    that normalisation tiles differ from the whole as far as padding inside the network reaches, and not at all where it
    does not pad (DeepMedic).

    Args:
        image: (*space, channels), normalised, 2 or 3 spatial axes, at least one voxel each.
        network: What predicts.
        mask: (*space), other than 0 where a prediction counts; elsewhere it is 0, and tiles without such a voxel are
            skipped. None is everywhere.
        tiling: How the image is cut; None does not cut it where it fits into memory: where the network's largest map
            holds at most 2**28 values. Else, `Tiling()` says how.
        fill: What lies outside the image, a number or one a channel: 0 is the mean of a normalised channel. Networks
            that were trained on `prepare`'s boxes met zeros from before normalisation there, -shift / scale.

    Returns:
        float32, (*space, outputs).

    Warns:
        TiledWarning: A network with such a normalisation is given the image in tiles.

    Raises:
        PredictionError: Image, mask or tile do not fit the network.

    Example:
        >>> from kerasmetricloss.pipelines.inference import Reach
        >>> mean = Network(lambda images, masks: images.mean(-1, keepdims=True) * masks, Reach.same(2), 1)
        >>> image = np.full((7, 5, 3), 0.25, "float32")
        >>> bool(np.allclose(predict_image(image, mean, tiling=Tiling(size=(4, 4))), 0.25))
        True
    """
    image = np.asanyarray(image)
    _check(image, network, mask)
    out = np.empty((*image.shape[:-1], network.outputs), np.float32)
    for first, rows in predict_slabs(image, network, mask=mask, tiling=tiling, fill=fill):
        out[first : first + len(rows)] = rows
    return out


def predict_slabs(
    image: np.ndarray,
    network: Network,
    *,
    mask: np.ndarray | None = None,
    tiling: Tiling | None = None,
    fill: float | Sequence[float] = 0.0,
) -> Iterator[tuple[int, np.ndarray]]:
    """Predict an image and yield its rows, the slabs along the first axis, as soon as no later tile reaches them.

    Beyond one batch through the network, memory holds two slabs of a tile's height, whatever the image's length: image
    and mask may be memory maps, and what is yielded can go to a file.

    Args:
        image: As for `predict_image`.
        network: As for `predict_image`.
        mask: As for `predict_image`.
        tiling: As for `predict_image`.
        fill: As for `predict_image`.

    Yields:
        (number of the first row, float32 (rows, *space[1:], outputs)), in order, together every row once.

    Warns:
        TiledWarning: As for `predict_image`.

    Raises:
        PredictionError: As for `predict_image`.
    """
    _check(image, network, mask)
    plan = _Plan.of(image, network, tiling or Tiling())
    if network.looks_at_all:
        plan.warn_of_tiles()
    fill = _per_channel(fill, image.shape[-1])
    slab = plan.slab(network.outputs)
    top = plan.starts[0][0]
    for places in plan.batches():
        wanted = [place for place in places if mask is None or mask[plan.box(place)].any()]
        given = plan.predict(wanted, image, mask, fill, network)
        for place in places:
            begin = plan.starts[0][place[0]]
            if begin > top:
                yield from plan.rows(slab[: begin - top], top)
                kept, slab = slab, plan.slab(network.outputs)
                slab[: len(slab) - (begin - top)] = kept[begin - top :]
                top = begin
            if place in given:
                plan.add(slab, place, given[place], None if network.takes_mask else mask)
    yield from plan.rows(slab, top)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Tiles of one image: where they begin and how they weigh, an axis each."""

    space: tuple[int, ...]
    tile: tuple[int, ...]
    margin: tuple[int, ...]
    batch: int
    starts: list[tuple[int, ...]]
    weights: list[list[np.ndarray]]

    @classmethod
    def of(cls, image: np.ndarray, network: Network, tiling: Tiling) -> "_Plan":
        space, reach = tuple(image.shape[:-1]), network.reach
        if tiling.size is not None and len(tiling.size) != len(space):
            raise PredictionError(f"the tile {tiling.size} has {len(tiling.size)} axes, but the image {len(space)}.")
        tile = _tile(space, network, tiling)
        axes = list(zip(space, tile, reach.step, strict=True))
        first = [starts(n, t, step=step or 1, overlap=tiling.overlap) for n, t, step in axes]
        share = [weights(s, t, blending=tiling.blending) for s, t in zip(first, tile, strict=True)]
        return cls(space, tile, reach.margin, tiling.batch, first, share)

    def warn_of_tiles(self) -> None:
        """Say that tiles are predicted otherwise than the whole image would be."""
        count = math.prod(map(len, self.starts))
        if count > 1:
            space, tile = ("x".join(map(str, size)) for size in (self.space, self.tile))
            text = (
                f"an image of {space} voxels is predicted in {count} tiles of {tile}: the network's normalisation sees "
                "other means and deviations in a tile than in the whole image, so it predicts otherwise than in one "
                f"piece, which a tile of {space} gives where memory has room."
            )
            warnings.warn(text, TiledWarning, stacklevel=4)

    def batches(self) -> Iterator[tuple[tuple[int, ...], ...]]:
        """Every tile by its number along each axis, the first axis slowest, so many at a time."""
        places = itertools.product(*(range(len(axis)) for axis in self.starts))
        while batch := tuple(itertools.islice(places, self.batch)):
            yield batch

    def box(self, place: Sequence[int]) -> tuple[slice, ...]:
        """The part of the image that a tile predicts."""
        begins = [axis[i] for axis, i in zip(self.starts, place, strict=True)]
        return tuple(slice(max(b, 0), min(b + t, n)) for b, t, n in zip(begins, self.tile, self.space, strict=True))

    def slab(self, outputs: int) -> np.ndarray:
        """Zeros for the rows of one tile, as wide as the image."""
        return np.zeros((self.tile[0], *self.space[1:], outputs), np.float32)

    def rows(self, slab: np.ndarray, top: int) -> Iterator[tuple[int, np.ndarray]]:
        """The rows of a slab that lie in the image."""
        first, last = max(top, 0), min(top + len(slab), self.space[0])
        if first < last:
            yield first, slab[first - top : last - top]

    def predict(self, places, image, mask, fill, network) -> dict[tuple[int, ...], np.ndarray]:
        """Run the network on some tiles."""
        if not places:
            return {}
        size = tuple(t + 2 * m for t, m in zip(self.tile, self.margin, strict=True))
        images = empty((len(places), *size, image.shape[-1]))
        masks = np.ones((len(places), *self.tile, 1), np.float32) if network.takes_mask else None
        ones = np.broadcast_to(np.ones((), bool), self.space) if mask is None else mask
        for number, place in enumerate(places):
            begins = [axis[i] for axis, i in zip(self.starts, place, strict=True)]
            _cut(images[number], image, [b - m for b, m in zip(begins, self.margin, strict=True)], fill)
            if masks is not None and (mask is not None or not self._inside(begins)):
                _cut(masks[number, ..., 0], ones, begins, 0)
                masks[number] = masks[number] != 0
        given = network.run(images, masks)
        # Keras copies what is an array already.
        given = np.asarray(given if isinstance(given, np.ndarray) else keras.ops.convert_to_numpy(given), np.float32)
        expected = (len(places), *self.tile, network.outputs)
        if given.shape != expected:
            raise PredictionError(f"the network gave shape {given.shape} for tiles of {size}, expected {expected}.")
        return dict(zip(places, given, strict=True))

    def _inside(self, begins: Sequence[int]) -> bool:
        return all(b >= 0 and b + t <= n for b, t, n in zip(begins, self.tile, self.space, strict=True))

    def add(self, slab: np.ndarray, place: Sequence[int], given: np.ndarray, mask: np.ndarray | None) -> None:
        """Weigh the voxels of a tile that lie in the image and the mask, and add them to the slab of its row."""
        box = self.box(place)
        begins = [axis[i] for axis, i in zip(self.starts, place, strict=True)]
        inner = tuple(slice(part.start - b, part.stop - b) for part, b in zip(box, begins, strict=True))
        given = given[inner]
        if mask is not None:
            given = given * (mask[box] != 0)[..., None]
        shares = [self.weights[axis][number][inner[axis]] for axis, number in enumerate(place)]
        if any((share != 1).any() for share in shares):
            # One pass over the tile for all axes but the last, one for that.
            *before, last = shares
            given = given * functools.reduce(np.multiply.outer, before)[..., None, None]
            given *= last[:, None]
        slab[(inner[0], *box[1:])] += given


def _check(image: np.ndarray, network: Network, mask: np.ndarray | None) -> None:
    """Raise where image, network and mask cannot be meant for each other."""
    if not isinstance(network, Network):
        raise PredictionError(f"the network is a {type(network).__name__}; describe it with Network.of(model).")
    axes, space = len(network.reach.step), tuple(image.shape[:-1])
    if len(space) != axes or 0 in image.shape:
        raise PredictionError(
            f"the image has shape {image.shape}, but the network takes {axes} axes and their channels, at least one "
            "voxel each; an image of one channel has that as its last axis: image[..., None]."
        )
    if network.channels not in (None, image.shape[-1]):
        raise PredictionError(
            f"the image has {image.shape[-1]} channels (shape {image.shape}), but the network takes "
            f"{network.channels}: give the channels it was trained on, as the last axis."
        )
    if mask is not None and mask.shape != space:
        raise PredictionError(f"the mask has shape {mask.shape}, but the image {space}: it needs one value a voxel.")


def _per_channel(fill: float | Sequence[float], channels: int) -> np.ndarray:
    values = np.asarray(fill, np.float32)
    if values.shape not in ((), (1,), (channels,)):
        raise PredictionError(
            f"fill is {fill}, but the image has {channels} channels: give one number, or one a channel."
        )
    return np.broadcast_to(values, (channels,))


def _tile(space: tuple[int, ...], network: Network, tiling: Tiling) -> tuple[int, ...]:
    """The voxels that a tile predicts: as told, or the whole image where it fits, or what computes least."""
    reach = network.reach
    # Tiles begin at multiples of the step, so that one below it would leave gaps to the next.
    least = np.maximum(tiling.size or space, reach.step)
    tile = reach.output_for((np.minimum(least, space) if tiling.shrinks else least).tolist())
    voxels = tiling.largest_map / network.values
    if tiling.size is not None or math.prod(reach.input_of(tile)) <= voxels:
        return tile
    return fitting_tile(space, reach, overlap=tiling.overlap, voxels=voxels / tiling.batch)


def _cut(out: np.ndarray, array: np.ndarray, begins: Sequence[int], fill: np.ndarray | float) -> None:
    """Copy a box of an array that can reach beyond it; `fill` stands where it does."""
    spans = [(max(b, 0), min(b + n, size)) for b, n, size in zip(begins, out.shape, array.shape, strict=False)]
    target = tuple(slice(first - b, max(last, first) - b) for (first, last), b in zip(spans, begins, strict=True))
    if any(last - first < n for (first, last), n in zip(spans, out.shape, strict=False)):
        out[...] = fill
    copy(out[target], array[tuple(slice(first, max(last, first)) for first, last in spans)])
