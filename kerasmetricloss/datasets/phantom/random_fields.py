"""Randomness of the phantoms: one generator a case, and smooth random fields."""

from collections.abc import Sequence

import numpy as np


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


def smooth_field(rng: np.random.Generator, shape: Sequence[int], *, scale: float) -> np.ndarray:
    """Return white noise smoothed by a Gaussian, shifted and scaled to mean 0 and standard deviation 1.

    Args:
        rng: The generator of the case.
        shape: Shape of the field.
        scale: Standard deviation of the Gaussian in pixels, above 0.

    Returns:
        float32, of the given shape.
    """
    # Padding breaks the wrap-around of the Fourier transform, and multiples of 32 keep it fast.
    padded = [-(-(length + int(2 * scale)) // 32) * 32 for length in shape]
    spectrum = np.fft.rfftn(rng.standard_normal(padded, dtype=np.float32))
    for axis, length in enumerate(padded):
        last = axis == len(padded) - 1
        frequency = np.fft.rfftfreq(length) if last else np.fft.fftfreq(length)
        gain = np.exp(-2 * (np.pi * scale * frequency) ** 2).astype(np.float32)
        spectrum *= gain.reshape([-1 if other == axis else 1 for other in range(len(padded))])
    field = np.fft.irfftn(spectrum, s=padded, axes=range(len(padded)))
    field = field[tuple(slice(length) for length in shape)]
    return ((field - field.mean()) / (field.std() + 1e-12)).astype(np.float32)


def soft_step(level: np.ndarray, width: float) -> np.ndarray:
    """Return 1 / (1 + exp(-level / width)): 0 far outside, 1 far inside, 1/2 on the border."""
    return 0.5 * (1 + np.tanh(level / (2 * width)))
