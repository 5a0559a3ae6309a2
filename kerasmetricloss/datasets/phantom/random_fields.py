"""Randomness of the phantoms: one generator a case, and smooth random fields."""

from collections.abc import Sequence

import numpy as np

# Standard deviation in pixels of the coarser grid that a smooth field is drawn on.
_COARSE_SCALE = 2.5


def case_generator(name: str, *, seed: int, index: int) -> np.random.Generator:
    """Return the generator of one case; it depends on data set, seed and index alone, not on how many cases there are.

    Args:
        name: Name of the data set, e.g. ``"po18"``.
        seed: The seed of the whole phantom, 0 or more.
        index: Number of the case, from 0.
    """
    return np.random.default_rng([seed, index, *name.encode()])


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform between those of ``low`` and ``high``."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def smooth_field(rng: np.random.Generator, shape: Sequence[int], *, scale: float | Sequence[float]) -> np.ndarray:
    """Return white noise smoothed by a Gaussian, shifted and scaled to mean 0 and standard deviation 1.

    Args:
        rng: The generator of the case.
        shape: Shape of the field.
        scale: Standard deviation of the Gaussian in pixels, above 0; one number, or one an axis.

    Returns:
        float32, of the given shape.
    """
    # A field this smooth is well told on a coarser grid, which costs a fraction of the time.
    scales = tuple(scale) if isinstance(scale, Sequence) else (scale,) * len(shape)
    coarser = [max(1, int(deviation / _COARSE_SCALE)) for deviation in scales]
    coarse_shape = [-(-length // factor) + 1 for length, factor in zip(shape, coarser, strict=True)]
    field = _smoothed_noise(rng, coarse_shape, [s / factor for s, factor in zip(scales, coarser, strict=True)])
    for axis, (length, factor) in enumerate(zip(shape, coarser, strict=True)):
        field = _interpolated(field, axis, length, factor)
    return (field - field.mean()) / (field.std() + np.float32(1e-12))


def _smoothed_noise(rng: np.random.Generator, shape: Sequence[int], scales: Sequence[float]) -> np.ndarray:
    # Padding breaks the wrap-around of the Fourier transform, and even lengths keep it fast.
    padded = [-(-(length + int(2 * scale)) // 16) * 16 for length, scale in zip(shape, scales, strict=True)]
    spectrum = np.fft.rfftn(rng.standard_normal(padded, dtype=np.float32))
    for axis, (length, scale) in enumerate(zip(padded, scales, strict=True)):
        last = axis == len(padded) - 1
        frequency = np.fft.rfftfreq(length) if last else np.fft.fftfreq(length)
        gain = np.exp(-2 * (np.pi * scale * frequency) ** 2).astype(np.float32)
        spectrum *= gain.reshape([-1 if other == axis else 1 for other in range(len(padded))])
    field = np.fft.irfftn(spectrum, s=padded, axes=range(len(padded)))
    return field[tuple(slice(length) for length in shape)]


def _interpolated(field: np.ndarray, axis: int, length: int, factor: int) -> np.ndarray:
    """Return the field with ``length`` linearly interpolated points along an axis, ``factor`` to a step."""
    if factor == 1:
        return np.take(field, range(length), axis=axis)
    steps, rest = np.divmod(np.arange(length), factor)
    share = (rest / factor).astype(np.float32).reshape([-1 if other == axis else 1 for other in range(field.ndim)])
    return (1 - share) * np.take(field, steps, axis=axis) + share * np.take(field, steps + 1, axis=axis)


def soft_step(level: np.ndarray, width: float) -> np.ndarray:
    """Return 1 / (1 + exp(-level / width)): 0 far outside, 1 far inside, 1/2 on the border."""
    return 0.5 * (1 + np.tanh(level / (2 * width)))
