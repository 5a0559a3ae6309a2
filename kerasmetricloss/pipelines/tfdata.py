"""Batches through tf.data, for the TensorFlow backend; the only module here that imports TensorFlow."""

import atexit
import contextlib
import functools
import gc
import itertools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf

from kerasmetricloss.pipelines.augment import Augment
from kerasmetricloss.pipelines.batches import Stream
from kerasmetricloss.pipelines.draws import Augmentation
from kerasmetricloss.pipelines.patch_stream import PatchStream
from kerasmetricloss.pipelines.patches import Patches, cut_on_device
from kerasmetricloss.pipelines.preparation import Prepared

# Batches that are made while the device trains on another.
AHEAD = 2
MOST_KEPT = 2**28  # bytes of full images that stay in memory from one pass to the next
MOST_FETCHED_AHEAD = 16


def training_batches(
    prepared: Sequence[Prepared],
    *,
    shift: np.ndarray,
    scale: np.ndarray,
    batch: int,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    first_epoch: int = 0,
    device: str | None = None,
) -> tf.data.Dataset:
    """Return an endless data set of ((image, mask), truth); fit it with `steps_per_epoch` and `shuffle=False`.

    Order and augmentation depend on the seed and the epoch alone: a new iterator gives the same batches again, and
    `first_epoch` resumes a training where it stopped. Batches are prepared while the device trains. The batch axis is
    left open, so that the smaller last batch of an epoch costs no new trace. An epoch has ceil(cases / batch) steps.

    Args:
        prepared: Training cases, of one shape.
        shift: Subtracted from each channel, shape (channels,).
        scale: Divides each channel, shape (channels,).
        batch: Cases a batch.
        augmentation: How images are varied; None only normalises.
        seed: Seed of order and augmentation.
        first_epoch: Epoch that the first batch belongs to.
        device: Where images are varied, as "/GPU:0"; None leaves it to TensorFlow.

    Returns:
        Elements ((image (batch, *input, channels), mask (batch, *output, 1)), truth (batch, *output, labels)), float32.

    Raises:
        ValueError: For no case, a batch below 1, an unknown device, or statistics that do not fit the channels.
        DataError: For cases of different shapes.
    """
    stream = Stream(prepared=prepared, shift=shift, scale=scale, batch=batch, augmentation=augmentation, seed=seed)

    def steps() -> Iterator[dict[str, np.ndarray]]:
        return (stream.raw(step) for step in itertools.count(first_epoch * stream.steps))

    return _dataset(stream, steps, _traced(augmentation), tf.data.INFINITE_CARDINALITY, device)


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
    device: str | None = None,
) -> tf.data.Dataset:
    """Return an endless data set of batches of patches; fit it with `steps_per_epoch` and `shuffle=False`.

    As `training_batches`, but each element is cut from a few cases, which are read once while they are in use. An epoch
    has ceil(cases / patches.volumes) * patches.repeats steps.

    Args:
        prepared: Training cases; their shapes may differ.
        patches: What is cut from them.
        shift: Subtracted from each channel, shape (channels,).
        scale: Divides each channel, shape (channels,).
        batch: Patches a batch.
        augmentation: How patches are varied; None only normalises.
        seed: Seed of order, centres and augmentation.
        first_epoch: Epoch that the first batch belongs to.
        device: Where patches are cut and varied, as "/GPU:0": whole cases, of one shape, go there. None cuts them on
            the host and leaves the rest to TensorFlow.

    Returns:
        Elements ((image (batch, *input, channels), mask (batch, *output, 1)), truth (batch, *output, labels)), float32.

    Raises:
        ValueError: For no case, a batch below 1, an unknown device, or patches or statistics that do not fit.
        DataError: A case has other channels or labels than the first, or an empty mask.
        tf.errors.InvalidArgumentError: While it runs with a device: a case has another shape.
    """
    common = {"shift": shift, "scale": scale, "batch": batch, "augmentation": augmentation, "seed": seed}
    stream = PatchStream(prepared=prepared, patches=patches, **common)
    raw = stream.raw if device is None else stream.volumes

    def steps() -> Iterator[dict[str, np.ndarray]]:
        return (raw(step) for step in itertools.count(first_epoch * stream.steps))

    sizes = stream.box_sizes
    boxes = (("image", "image_starts", sizes["image"]), ("binary", "truth_starts", sizes["truth"]))
    augment = _traced(augmentation, stream.slack, None if device is None else boxes)
    return _dataset(stream, steps, augment, tf.data.INFINITE_CARDINALITY, device)


def full_images(
    prepared: Sequence[Prepared], *, shift: np.ndarray, scale: np.ndarray, batch: int, device: str | None = None
) -> tf.data.Dataset:
    """Return one pass over the cases in the order given, normalised and not augmented, for validation.

    Without a device the batches of the first pass stay in memory for the next, where they take no more than 256 MiB.

    Args:
        prepared: Cases of one shape.
        shift: Subtracted from each channel, shape (channels,).
        scale: Divides each channel, shape (channels,).
        batch: Cases a batch.
        device: Where images are normalised, as "/GPU:0"; None leaves it to TensorFlow.

    Returns:
        Elements as those of `training_batches`.

    Raises:
        ValueError: For no case, a batch below 1, an unknown device, or statistics that do not fit the channels.
        DataError: For cases of different shapes.
    """
    stream = Stream(prepared=prepared, shift=shift, scale=scale, batch=batch)
    raw = functools.partial(map, stream.in_order, range(stream.steps))
    size = 4 * sum(case.image.size + case.mask.size + case.truth.size for case in prepared)
    return _dataset(stream, raw, _traced(None), stream.steps, device, keep=device is None and size <= MOST_KEPT)


def _dataset(
    stream: Stream | PatchStream,
    raw: Callable,
    augment: Callable,
    count: int,
    device: str | None,
    *,
    ahead: int = AHEAD,
    keep: bool = False,
) -> tf.data.Dataset:
    _check_device(device)
    first = next(iter(raw()))
    signature = {name: tf.TensorSpec((None, *array.shape[1:]), array.dtype) for name, array in first.items()}
    statistics = {"shift": stream.shift, "scale": stream.scale}

    def place(batch: dict[str, tf.Tensor]) -> tuple:
        with tf.device(device):
            arrays = {name: tf.identity(array) for name, array in {**batch, **statistics}.items()}
            arrays["binary"] = tf.concat([arrays.pop("truth"), arrays.pop("mask")], axis=-1)
            return augment(arrays)

    batches = (
        tf.data.Dataset.from_generator(lambda: _Stoppable(raw()), output_signature=signature)
        .map(place)
        .apply(tf.data.experimental.assert_cardinality(count))
    )
    if keep:
        batches = batches.cache()
    options = tf.data.Options()
    # Nothing here is left to TensorFlow to tune, and an iterator waits seconds at its end for the thread that would.
    options.autotune.enabled = False
    return (batches.prefetch(ahead) if ahead else batches).with_options(options)


def _check_device(device: str | None) -> None:
    """Raise where TensorFlow would silently use another device."""
    known = [logical.name for logical in tf.config.list_logical_devices()]
    if device is not None and not any(
        name.endswith(device.upper().removeprefix("/").removeprefix("DEVICE:")) for name in known
    ):
        raise ValueError(f"device is {device!r}, but TensorFlow has {', '.join(known)} here: name one of these.")


@functools.cache
def _traced(
    augmentation: Augmentation | None,
    slack: tuple[int, ...] = (),
    boxes: tuple[tuple[str, str, tuple[int, ...]], ...] | None = None,
) -> tf.types.experimental.PolymorphicFunction:
    """Return one graph for all data sets of one setting: tracing it anew for each fold would cost a second each.

    With boxes the input holds whole cases and where to cut them, as `PatchStream.volumes` gives them.
    """
    augment = Augment(augmentation, slack=slack)

    def cut_and_begin(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        cuts = {
            name: cut_on_device(batch[name], batch["which"], batch[starts], size) for name, starts, size in boxes or ()
        }
        return {**cuts, **augment.begin({**batch, **cuts})}

    begin, finish = (tf.function(half, jit_compile=True) for half in (cut_and_begin, augment.finish))
    return tf.function(lambda batch: finish({**batch, **begin(batch)}))


class _Stoppable:
    """An iterator that ends when Python does.

    TensorFlow calls it from threads of its own. A thread that asks for the interpreter while that shuts down never
    returns, and the process hangs for ever. So the exit has every live data set end: its generator gives no more, and
    what was fetched ahead is taken out until TensorFlow has noticed.
    """

    _closed = threading.Event()
    _alive: ClassVar[weakref.WeakSet] = weakref.WeakSet()

    def __init__(self, items: Iterator[dict[str, np.ndarray]]):
        self._items = items
        self._alive.add(self)

    def __iter__(self) -> "_Stoppable":
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        if self._closed.is_set():
            raise StopIteration
        return next(self._items)

    @classmethod
    def close(cls) -> None:
        cls._closed.set()
        if cls._alive:
            for iterator in [thing for thing in gc.get_objects() if issubclass(type(thing), tf.data.Iterator)]:
                # The bound spares an endless iterator that is not ours.
                with contextlib.suppress(StopIteration, tf.errors.OpError):
                    for _ in range(MOST_FETCHED_AHEAD):
                        next(iterator)


atexit.register(_Stoppable.close)
