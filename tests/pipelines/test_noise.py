import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasmetricloss.pipelines.noise import gaussian_noise, hash_bits


def draw(seeds, size):
    return ops.convert_to_numpy(gaussian_noise(np.array(seeds, "int32"), size))


def lowbias32(x: int) -> int:
    """The published hash in Python's unbounded integers."""
    x ^= x >> 16
    x = x * 0x7FEB352D % 2**32
    x ^= x >> 15
    x = x * 0x846CA68B % 2**32
    return x ^ x >> 16


def signed(x: int) -> int:
    return x - 2**32 if x >= 2**31 else x


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_the_hash_wraps_around_like_32_bits(values):
    hashed = ops.convert_to_numpy(hash_bits(ops.convert_to_tensor(np.array([signed(v) for v in values], "int32"))))
    assert hashed.tolist() == [signed(lowbias32(v)) for v in values]


def test_the_numbers_are_those_of_the_formula():
    # The same steps in float64, pair (0, 1) of seed 7.
    key = lowbias32(7)
    u, v = (((lowbias32(key ^ counter) >> 9) + 0.5) / 2**23 for counter in (0, 1))
    radius = np.sqrt(-2 * np.log(u))
    np.testing.assert_allclose(
        draw([7], 2)[0], [radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)], atol=1e-5
    )


def test_all_backends_draw_the_numbers_kept_here():
    expected = [
        [-4.837853, -0.299226, -0.365171, 3.141057, 0.561636],
        [-0.066372, -1.576858, -0.971491, -0.336331, -2.056016],
    ]
    np.testing.assert_allclose(draw([0, -5], 5), expected, atol=1e-5)


def test_the_numbers_are_standard_normal():
    x = draw([1, 2], 100_001).ravel().astype("float64")
    # Standard errors at n = 200,002: mean .0022, variance .0032, kurtosis .011; five of each.
    assert abs(x.mean()) < 0.011
    assert abs(x.var() - 1) < 0.016
    assert abs((x**4).mean() / x.var() ** 2 - 3) < 0.055
    assert abs((np.abs(x) < 1).mean() - 0.6827) < 0.0052
    assert np.isfinite(x).all()


def test_neighbours_halves_and_seeds_are_uncorrelated():
    first, second = draw([10, 11], 40_000)
    for one, other in ((first, second), (first[1:], first[:-1]), (first[:20_000], first[20_000:])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(len(one))


def test_a_seed_gives_the_same_numbers_in_any_batch():
    np.testing.assert_array_equal(draw([3, 4, 5], 7)[2], draw([5], 7)[0])
