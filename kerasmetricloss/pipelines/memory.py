"""The same batches without TensorFlow, as `keras.utils.PyDataset`, for JAX and PyTorch."""

import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from kerasmetricloss.pipelines.augment import Augment
from kerasmetricloss.pipelines.batches import Stream
from kerasmetricloss.pipelines.draws import Augmentation
from kerasmetricloss.pipelines.patch_stream import PatchStream
from kerasmetricloss.pipelines.patches import Patches
from kerasmetricloss.pipelines.preparation import Prepared

Batch = tuple[tuple[np.ndarray, np.ndarray], np.ndarray]


class TrainingBatches(keras.utils.PyDataset):
    """An endless sequence of ((image, mask), truth): item `step` is that of `tfdata.training_batches`, to 1e-5.

    Args:
        stream: Which cases or patches make which batch.
        first_epoch: Epoch that item 0 belongs to.
    """

    def __init__(self, stream: Stream | PatchStream, *, first_epoch: int = 0):
        super().__init__()
        self._stream, self._first = stream, first_epoch * stream.steps
        self._augment = _compiled(stream.augmentation, stream.slack)

    @property
    def num_batches(self) -> None:
        """Without end, as Keras understands None."""
        return None

    def __getitem__(self, step: int) -> Batch:
        """Return one batch as NumPy arrays."""
        return _apply(self._augment, self._stream, self._stream.raw(self._first + step))


class FullImages(keras.utils.PyDataset):
    """One pass over the cases in the order given, normalised and not augmented.

    Args:
        stream: The cases and their statistics.
    """

    def __init__(self, stream: Stream):
        super().__init__()
        self._stream, self._augment = stream, _compiled(None, ())

    @property
    def sizes(self) -> list[int]:
        """Cases of each batch."""
        cases, batch = len(self._stream.prepared), self._stream.batch
        return [min(batch, cases - start) for start in range(0, cases, batch)]

    def __len__(self) -> int:
        return self._stream.steps

    def __getitem__(self, number: int) -> Batch:
        """Return one batch as NumPy arrays."""
        return _apply(self._augment, self._stream, self._stream.in_order(number))


def training_batches(
    prepared: Sequence[Prepared],
    *,
    shift: np.ndarray,
    scale: np.ndarray,
    batch: int,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    first_epoch: int = 0,
) -> TrainingBatches:
    """Return the batches of `tfdata.training_batches`; fit them with `steps_per_epoch` and `shuffle=False`.

    Args:
        prepared: Training cases, of one shape.
        shift: Subtracted from each channel, shape (channels,).
        scale: Divides each channel, shape (channels,).
        batch: Cases a batch.
        augmentation: How images are varied; None only normalises.
        seed: Seed of order and augmentation.
        first_epoch: Epoch that the first batch belongs to.

    Returns:
        Items ((image (batch, *input, channels), mask (batch, *output, 1)), truth (batch, *output, labels)), float32.

    Raises:
        ValueError: For no case, a batch below 1, or statistics that do not fit the channels.
        DataError: For cases of different shapes.
    """
    stream = Stream(prepared=prepared, shift=shift, scale=scale, batch=batch, augmentation=augmentation, seed=seed)
    return TrainingBatches(stream, first_epoch=first_epoch)


def patch_batches(
    prepared: Sequence[Prepared],
    patches: Patches,
    *,
    shift: np.ndarray,
    scale: np.ndarray,
    batch: int,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    first_epoch: int = 0,
) -> TrainingBatches:
    """Return the batches of `tfdata.patch_batches`; fit them with `steps_per_epoch` and `shuffle=False`.

    An epoch has ceil(cases / patches.volumes) * patches.repeats steps.

    Args:
        prepared: Training cases; their shapes may differ.
        patches: What is cut from them.
        shift: Subtracted from each channel, shape (channels,).
        scale: Divides each channel, shape (channels,).
        batch: Patches a batch.
        augmentation: How patches are varied; None only normalises.
        seed: Seed of order, centres and augmentation.
        first_epoch: Epoch that the first batch belongs to.

    Returns:
        Items ((image (batch, *input, channels), mask (batch, *output, 1)), truth (batch, *output, labels)), float32.

    Raises:
        ValueError: For no case, a batch below 1, or patches or statistics that do not fit.
        DataError: A case has other channels or labels than the first, or an empty mask.
    """
    common = {"shift": shift, "scale": scale, "batch": batch, "augmentation": augmentation, "seed": seed}
    return TrainingBatches(PatchStream(prepared=prepared, patches=patches, **common), first_epoch=first_epoch)


def full_images(prepared: Sequence[Prepared], *, shift: np.ndarray, scale: np.ndarray, batch: int) -> FullImages:
    """Return one pass over the cases in the order given, for validation; as `tfdata.full_images`.

    Args:
        prepared: Cases of one shape.
        shift: Subtracted from each channel, shape (channels,).
        scale: Divides each channel, shape (channels,).
        batch: Cases a batch.

    Returns:
        Items as those of `training_batches`.

    Raises:
        ValueError: For no case, a batch below 1, or statistics that do not fit the channels.
        DataError: For cases of different shapes.
    """
    return FullImages(Stream(prepared=prepared, shift=shift, scale=scale, batch=batch))


@functools.lru_cache(maxsize=8)
def _compiled(augmentation: Augmentation | None, slack: tuple[int, ...]) -> Callable[[dict], tuple]:
    """Return one function for all data sets of one setting: compiling it costs a second."""
    augment = Augment(augmentation, slack=slack)
    begin, finish = _compile(augment.begin), _compile(augment.finish)
    return lambda inputs: finish({**inputs, **begin(inputs)})


def _compile(function: Callable) -> Callable:
    """Compile a function of tensors on JAX; `tfdata` does so on TensorFlow."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def _apply(augment: Callable[[dict], tuple], stream: Stream | PatchStream, raw: dict[str, np.ndarray]) -> Batch:
    statistics = {"shift": stream.shift, "scale": stream.scale}
    binary = np.concatenate([raw.pop("truth"), raw.pop("mask")], axis=-1)
    inputs = {name: ops.convert_to_tensor(value) for name, value in {**raw, **statistics, "binary": binary}.items()}
    return keras.tree.map_structure(ops.convert_to_numpy, augment(inputs))
