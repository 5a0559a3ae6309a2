"""One training on several devices: each takes its part of every batch, and the results are those of one device.

Devices take equal parts. A batch that they do not divide is filled up with copies of its own first image, of weight 0.
Keras takes the mean over all images, so the real ones weigh (filled size) / (real size): loss and gradient of each
step, the validation loss of each epoch and with them the weights are those of one device, up to the rounding of sums
in another order. Two things stay different. Batch normalisation (DeepMedic) sees the copies of a filled batch. And the
training loss of an epoch, which decides nothing, is a mean over steps in which a filled batch counts by its filled
size. Neither arises where the devices divide every batch.

Keras spreads a training with `keras.distribution`, which PyTorch has not; under `tf.distribute` it fails where the
replicas do not divide a batch. So this is for JAX.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from kerasmetricloss.studies.errors import StudyError


class Filled(keras.utils.PyDataset):
    """Batches filled up to a size that the devices divide, with the weight of each image.

    Args:
        batches: Items ((image, mask), truth).
        devices: Number of devices.
        sizes: Real images of each batch of one pass: all weigh the same, so that the mean over the pass is exact.
            None weighs by batch, so that each step is exact.

    Example:
        >>> class One(keras.utils.PyDataset):
        ...     num_batches = 1
        ...     def __getitem__(self, step):
        ...         return (np.ones((3, 2, 1)), np.ones((3, 2, 1))), np.ones((3, 2, 1))
        >>> (image, mask), truth, weight = Filled(One(), 2)[0]
        >>> image.shape, [round(float(w), 3) for w in weight]
        ((4, 2, 1), [1.333, 1.333, 1.333, 0.0])
    """

    def __init__(self, batches: keras.utils.PyDataset, devices: int, *, sizes: Sequence[int] | None = None):
        super().__init__()
        self._batches, self._devices = batches, devices
        self._weight = None if sizes is None else sum(n + -n % devices for n in sizes) / sum(sizes)

    @property
    def num_batches(self) -> int | None:
        """Batches of one pass; None is without end."""
        return self._batches.num_batches

    def __getitem__(self, step: int) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
        """Return ((image, mask), truth, weight), the weight of shape (batch,)."""
        # The model that augments takes batches of any size, so on one device.
        with _distribution(None):
            inputs, truth = self._batches[step]
        real, missing = len(truth), -len(truth) % self._devices
        weight = (real + missing) / real if self._weight is None else self._weight
        weights = np.repeat(np.float32([weight, 0]), [real, missing])
        return tuple(fill(array, self._devices) for array in inputs), fill(truth, self._devices), weights


def fill(array: np.ndarray, devices: int) -> np.ndarray:
    """Append copies of the first image until the devices divide the batch.

    Args:
        array: Shape (batch, ...).
        devices: Number of devices.

    Returns:
        The array where they divide it, else a longer one.
    """
    missing = -len(array) % devices
    return np.concatenate([array, np.repeat(array[:1], missing, axis=0)]) if missing else array


@contextmanager
def spread(devices: int) -> Iterator[None]:
    """Have Keras put variables on the first `devices` devices and part batches between them; 1 changes nothing.

    Raises:
        StudyError: There are not as many.
    """
    if devices == 1:
        yield
        return
    check_present(devices)
    chosen = keras.distribution.list_devices()[:devices]
    with _distribution(keras.distribution.DataParallel(devices=chosen, auto_shard_dataset=False)):
        yield


def check_backend(devices: int) -> None:
    """Raise where this backend cannot train on so many devices, however many there are.

    Raises:
        StudyError: More than one device without JAX, or less than one.
    """
    if devices < 1:
        raise StudyError(f"--devices {devices}: a training takes at least 1.")
    if devices > 1 and keras.backend.backend() != "jax":
        raise StudyError(
            f"--devices {devices} needs the JAX backend; this is {keras.backend.backend()}. Under tf.distribute Keras "
            "fails where the replicas do not divide a batch, and PyTorch has no keras.distribution. "
            "Set KERAS_BACKEND=jax."
        )


def check_present(devices: int) -> None:
    """Raise where this machine has fewer devices.

    Raises:
        StudyError: Naming those that there are.
    """
    if devices == 1:
        return
    there = keras.distribution.list_devices()
    if len(there) >= devices:
        return
    if there[0].startswith("cpu"):
        mend = f"or set XLA_FLAGS=--xla_force_host_platform_device_count={devices}, which parts the processors"
    else:
        mend = "or with --engine ray raise --gpus-per-cell"
    raise StudyError(
        f"--devices {devices}: JAX sees {len(there)} here ({', '.join(there)}). Take --devices {len(there)}, {mend}."
    )


@contextmanager
def _distribution(distribution: Any) -> Iterator[None]:
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(distribution)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)
