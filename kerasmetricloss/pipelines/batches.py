"""Which cases make which batch, and their arrays; shared by the tf.data and the in-memory feed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines.aligned import stack
from kerasmetricloss.pipelines.draws import Augmentation, draw_batch
from kerasmetricloss.pipelines.preparation import Prepared


@dataclass(frozen=True, eq=False, kw_only=True)
class Stream:
    """An endless sequence of training batches; batch `step` depends on its arguments alone.

    Each epoch shuffles the cases anew; its last batch holds the cases that are left.

    Args:
        prepared: The cases, of one shape.
        shift: Subtracted from each channel.
        scale: Divides each channel.
        batch: Cases a batch.
        augmentation: How images are varied; None leaves them.
        seed: Seed of the order and of the augmentation.

    Raises:
        ValueError: For no case, a batch below 1, or statistics that do not fit the channels.
        DataError: For cases of different shapes, naming the first that differs.
    """

    prepared: Sequence[Prepared]
    shift: np.ndarray
    scale: np.ndarray
    batch: int
    augmentation: Augmentation | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.prepared or self.batch < 1:
            raise ValueError(f"{len(self.prepared)} cases in batches of {self.batch}: both must be at least 1.")
        for case in self.prepared:
            for name in ("image", "truth", "mask"):
                came, expected = getattr(case, name).shape, getattr(self.prepared[0], name).shape
                if came != expected:
                    problem = f"the {name} has shape {came}, but that of {self.prepared[0].case_id} has {expected}"
                    raise DataError(problem, case=case.case_id, mend="prepare all cases with one preparation")
        channels = self.prepared[0].image.shape[-1]
        for name in ("shift", "scale"):
            object.__setattr__(self, name, as_statistics(name, getattr(self, name), channels))

    @property
    def slack(self) -> tuple[int, ...]:
        """Whole images are not cut larger than they are wanted."""
        return ()

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self.prepared) // self.batch)

    def cases(self, step: int) -> tuple[int, np.ndarray]:
        """Return the epoch that a step lies in, and the positions of its cases."""
        epoch, place = divmod(step, self.steps)
        order = np.random.default_rng([1, self.seed, epoch]).permutation(len(self.prepared))
        return epoch, order[place * self.batch : (place + 1) * self.batch]

    def raw(self, step: int) -> dict[str, np.ndarray]:
        """Return what the layer `Augment` takes, without shift and scale."""
        epoch, positions = self.cases(step)
        arrays = self.stack(positions)
        if self.augmentation is None:
            return arrays
        *space, channels = arrays["image"].shape[1:]
        drawn = draw_batch(
            self.augmentation,
            dimension=len(space),
            channels=channels,
            seed=self.seed,
            epoch=epoch,
            indices=positions,
            voxel_mm=[self.prepared[position].voxel_mm for position in positions],
            box=arrays["truth"].shape[1:-1],
        )
        return {**arrays, **drawn}

    def in_order(self, number: int) -> dict[str, np.ndarray]:
        """Return batch `number` of one pass over the cases in the order given, not augmented."""
        last = min((number + 1) * self.batch, len(self.prepared))
        return self.stack(range(number * self.batch, last))

    def stack(self, positions: Sequence[int]) -> dict[str, np.ndarray]:
        """Return image, truth and mask of some cases, stacked."""
        chosen = [self.prepared[i] for i in positions]
        return {name: stack([getattr(case, name) for case in chosen]) for name in ("image", "truth", "mask")}


def as_statistics(name: str, values: np.ndarray, channels: int) -> np.ndarray:
    """Return shift or scale as float32, checked against the channels of the images.

    Raises:
        ValueError: For another number of values.
    """
    values = np.asarray(values, np.float32)
    if values.shape != (channels,):
        raise ValueError(f"{name} has shape {values.shape}, but the images have {channels} channels.")
    return values
