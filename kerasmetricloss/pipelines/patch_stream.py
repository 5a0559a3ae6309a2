"""Which patches make which batch; shared by the tf.data and the in-memory feed."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines.aligned import empty, stack
from kerasmetricloss.pipelines.batches import as_statistics
from kerasmetricloss.pipelines.draws import Augmentation, draw_batch
from kerasmetricloss.pipelines.patches import Patches, cut, slack_of
from kerasmetricloss.pipelines.preparation import Prepared

_EMPTY = "leave the case out, or give another rule for its mask"


@dataclass(frozen=True, eq=False)
class _Open:
    """A case in memory: its arrays, the margin of its image, and where the centre of a patch may lie."""

    arrays: dict[str, np.ndarray]
    margin: np.ndarray
    centres: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class PatchStream:
    """An endless sequence of batches of patches; batch `step` depends on its arguments alone.

    Each epoch shuffles the cases and parts them into groups of nearly equal size, at most `patches.volumes`. Each group
    gives `patches.repeats` full batches. Patches are taken from its cases in turn, and a batch goes on with the case
    where the one before it stopped.

    Args:
        prepared: The cases; their shapes may differ, and they may be smaller than a patch.
        patches: What is cut.
        shift: Subtracted from each channel.
        scale: Divides each channel.
        batch: Patches a batch.
        augmentation: How patches are varied; what a motion brings in comes from the volume beside the patch. Of a
            drawn shift only the fraction of a voxel is kept, since the random centre shifts by whole voxels already.
        seed: Seed of order, centres and augmentation.

    Raises:
        ValueError: For no case, a batch below 1, patches of other axes than the cases, or statistics that do not fit.
        DataError: For a case of other channels or labels than the first, or with an empty mask.
    """

    prepared: Sequence[Prepared]
    patches: Patches
    shift: np.ndarray
    scale: np.ndarray
    batch: int
    augmentation: Augmentation | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.prepared or self.batch < 1:
            raise ValueError(f"{len(self.prepared)} cases in batches of {self.batch}: both must be at least 1.")
        for case in self.prepared:
            for name, content in (("image", "channels"), ("truth", "labels"), ("mask", "channels")):
                came, expected = getattr(case, name).shape[-1], getattr(self.prepared[0], name).shape[-1]
                if came != expected:
                    problem = f"the {name} has {came} {content}, but that of {self.prepared[0].case_id} has {expected}"
                    raise DataError(problem, case=case.case_id, mend="prepare all cases with one preparation")
            if not np.any(case.mask):
                raise DataError("the mask is empty, so no patch has a centre", case=case.case_id, mend=_EMPTY)
        *space, channels = self.prepared[0].image.shape
        if len(space) != len(self.patches.output_size):
            raise ValueError(f"output_size is {self.patches.output_size}, but the images have {len(space)} axes.")
        for name in ("shift", "scale"):
            object.__setattr__(self, name, as_statistics(name, getattr(self, name), channels))
        # Twice a group, so that the group that is read ahead does not close the one in use.
        object.__setattr__(self, "_open", functools.lru_cache(2 * self.patches.volumes)(self._read))

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self.patches.steps(len(self.prepared))

    @property
    def slack(self) -> tuple[int, ...]:
        """Voxels by which patches are cut larger on each side, for the augmentation to move."""
        settings, axes = self.augmentation, len(self.patches.output_size)
        if settings is None:
            return (0,) * axes
        turns = np.any(np.atleast_1d(settings.rotation_std) > 0)
        moves = turns or any(std > 0 for std in settings.translation_std[:axes])
        rotates = [bool(turns) and (axis < 2 or not settings.in_plane) for axis in range(axes)]
        common = {"rotates": rotates, "moves": bool(moves)}
        sizes = {case.voxel_mm for case in self.prepared}
        slacks = [slack_of(self.patches.input_size, **common, voxel_mm=voxel_mm) for voxel_mm in sizes]
        return tuple(max(along) for along in zip(*slacks, strict=True))

    def cases(self, step: int) -> tuple[int, np.ndarray]:
        """Return the epoch that a step lies in, and the position of the case of each of its patches."""
        epoch, place = divmod(step, self.steps)
        order = np.random.default_rng([1, self.seed, epoch]).permutation(len(self.prepared))
        number, repeat = divmod(place, self.patches.repeats)
        group = np.array_split(order, self.steps // self.patches.repeats)[number]
        # Each batch takes up the group where the one before left it, in shuffled order: no case comes more often.
        return epoch, np.sort(group[(repeat * self.batch + np.arange(self.batch)) % len(group)])

    def places(self, step: int) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the case of each patch of a step, the first voxels of its boxes, and what `Augment` takes beside it.

        Boxes are those of the truth and, `margin` larger, of the image, both with the slack.
        """
        epoch, positions = self.cases(step)
        random = np.random.default_rng([3, self.seed, step])
        centres = np.array([self._centre(position, random) for position in positions])
        drawn: dict[str, np.ndarray] = {}
        axes = centres.shape[1]
        if self.augmentation is not None:
            indices = step % self.steps * self.batch + np.arange(self.batch)
            common = {"dimension": axes, "channels": len(self.shift), "seed": self.seed, "epoch": epoch}
            sizes = [self.prepared[position].voxel_mm for position in positions]
            drawn = draw_batch(self.augmentation, **common, indices=indices, voxel_mm=sizes)
            # A random centre is a shift by whole voxels already, and stays where it was drawn.
            drawn["motion"] = drawn["motion"] - np.round(drawn["motion"])
        truth = centres - np.array(self.patches.output_size) // 2 - np.array(self.slack)
        margins = np.array([self._open(position).margin for position in positions])
        return positions, {"truth": truth, "image": truth + margins - self.patches.margin}, drawn

    def raw(self, step: int) -> dict[str, np.ndarray]:
        """Return what the layer `Augment` takes, without shift and scale."""
        positions, starts, drawn = self.places(step)
        boxes = {}
        for name, size in self.box_sizes.items():
            begin = starts["image" if name == "image" else "truth"]
            cases, firsts = np.unique(positions, return_index=True)
            arrays = [self._open(case).arrays[name] for case in cases]
            shape = (len(positions), *size, arrays[0].shape[-1])
            boxes[name] = empty(shape, np.result_type(*arrays))
            for array, first, last in zip(arrays, firsts, [*firsts[1:], len(positions)], strict=True):
                cut(array, begin[first:last], size, out=boxes[name][first:last])
        return {**boxes, **drawn}

    def volumes(self, step: int) -> dict[str, np.ndarray]:
        """Return the cases themselves, stacked, and where to cut: what `cut_on_device` makes into `raw`.

        Raises:
            DataError: The cases differ in shape.
        """
        positions, starts, drawn = self.places(step)
        group, which = np.unique(positions, return_inverse=True)
        stacked = {}
        for name in self.box_sizes:
            arrays = [self._open(case).arrays[name] for case in group]
            for case, array in zip(group, arrays, strict=True):
                if array.shape != arrays[0].shape:
                    problem = f"the {name} has shape {array.shape}, but another has {arrays[0].shape}"
                    mend = "prepare all cases with one preparation, or cut on the host"
                    raise DataError(problem, case=self.prepared[case].case_id, mend=mend)
            stacked[name] = stack(arrays)
        where = {f"{name}_starts": start.astype(np.int32) for name, start in starts.items()}
        return {**stacked, **where, "which": which.astype(np.int32), **drawn}

    @property
    def box_sizes(self) -> dict[str, tuple[int, ...]]:
        """Voxels an axis that are cut of image, truth and mask."""
        boxes = {"image": self.patches.input_size}
        boxes |= dict.fromkeys(("truth", "mask"), self.patches.output_size)
        return {name: tuple(n + 2 * s for n, s in zip(size, self.slack, strict=True)) for name, size in boxes.items()}

    def _centre(self, position: int, random: np.random.Generator) -> np.ndarray:
        opened = self._open(position)
        share, pick = random.random(2)
        kind = 0 if self.patches.foreground is None or share < self.patches.foreground else 1
        # A case that is all foreground or has none gives the other kind.
        candidates = next(c for c in (opened.centres[kind], opened.centres[1 - kind]) if len(c))
        flat = candidates[int(pick * len(candidates))]
        return np.array(np.unravel_index(flat, opened.arrays["mask"].shape[:-1]))

    def _read(self, position: int) -> _Open:
        case = self.prepared[position]
        # Of a memory map the system reads what is cut, once, and may drop it again where memory is short.
        arrays = {name: np.asarray(getattr(case, name)) for name in ("image", "truth", "mask")}
        inside = arrays["mask"][..., 0].ravel() > 0
        if self.patches.foreground is None:
            kinds = (inside, np.zeros_like(inside))
        else:
            foreground = arrays["truth"].any(axis=-1).ravel()
            kinds = (inside & foreground, inside & ~foreground)
        margin = (np.array(case.image.shape[:-1]) - case.mask.shape[:-1]) // 2
        return _Open(arrays, margin, tuple(np.flatnonzero(kind).astype(np.int32) for kind in kinds))
