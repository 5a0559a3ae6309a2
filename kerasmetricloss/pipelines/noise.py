"""Gaussian noise that every backend draws alike, from a seed that may be a tensor."""

import functools

from keras import ops

# Chebyshev fits in w**2 for |w| <= 1/2, highest power first, to 1e-7: sin(pi w) / w and cos(pi w).
SINE = (0.0776567116, -0.59827562, 2.55007175, -5.16770949, 3.14159263)
COSINE = (0.21968571, -1.33182189, 4.05839126, -4.93479078, 0.999999905)


def gaussian_noise(seeds, size: int):
    """Draw standard normal numbers: a hash of (seed, counter) gives uniform bits, Box and Muller's formula the rest.

        n = sqrt(-2 ln u) * (cos(2 pi v), sin(2 pi v)), u = (k + 1/2) / 2**23 with k the upper 23 bits of a hash

    Keras' own generators refuse a seed that is a tensor, and differ from backend to backend; these numbers agree to
    1e-5. All integer arithmetic is int32 that wraps around, which the three backends share.

    Args:
        seeds: int32, shape (batch,).
        size: Numbers wanted for each seed.

    Returns:
        float32, shape (batch, size).

    Example:
        >>> import numpy as np
        >>> tuple(gaussian_noise(np.array([1, 2], "int32"), 5).shape)
        (2, 5)

    Source: the hash is `lowbias32` of C. Wellons, "Prospecting for hash functions", 2018 (public domain).
    """
    pairs = (size + 1) // 2
    key = hash_bits(ops.expand_dims(ops.cast(seeds, "int32"), 1))
    counter = 2 * ops.arange(pairs, dtype="int32")
    u = _uniform(hash_bits(ops.bitwise_xor(key, counter)))
    v = _uniform(hash_bits(ops.bitwise_xor(key, counter + 1)))
    radius = ops.sqrt(-2.0 * ops.log(u))
    return ops.concatenate([radius * part for part in _circle(v)], axis=1)[:, :size]


def hash_bits(x):
    """Mix 32 bits one to one, so that consecutive counters look independent.

    Args:
        x: int32, any shape; read as 32 bits.

    Returns:
        int32, the same shape.

    Example:
        >>> import numpy as np
        >>> int(hash_bits(np.array([1], "int32"))[0])
        1753845952
    """
    x = ops.bitwise_xor(x, _shift_right(x, 16)) * 0x7FEB352D
    x = ops.bitwise_xor(x, _shift_right(x, 15)) * (0x846CA68B - 2**32)
    return ops.bitwise_xor(x, _shift_right(x, 16))


def _shift_right(x, bits: int):
    """Shift in zeros; int32 alone would shift in its sign."""
    return ops.bitwise_and(ops.bitwise_right_shift(x, bits), 2 ** (32 - bits) - 1)


def _uniform(bits):
    """Return (k + 1/2) / 2**23, exact in float32 and never 0 or 1."""
    return (ops.cast(_shift_right(bits, 9), "float32") + 0.5) * 2.0**-23


def _circle(v):
    """Return cos(2 pi v) and sin(2 pi v) for v between 0 and 1, by way of half the angle.

    A compiler turns the sums into vector instructions; the library's cosine, good for any angle, took as long as all
    the rest.
    """
    half = v - 0.5
    square = half * half
    sine, cosine = (functools.reduce(lambda value, k: value * square + k, series) for series in (SINE, COSINE))
    sine = sine * half
    return 2.0 * sine * sine - 1.0, -2.0 * sine * cosine
