"""Randomness of the phantoms."""

import numpy as np
import pytest

from kerasmetricloss.datasets.phantom.random_fields import case_generator, log_uniform, smooth_field, soft_step


def test_a_case_has_its_own_numbers_for_each_data_set_seed_and_index():
    draws = {
        case_generator(name, seed=seed, index=index).random()
        for name in ("po18", "br18")
        for seed in (0, 1)
        for index in (0, 1)
    }
    assert len(draws) == 8
    assert case_generator("po18", seed=0, index=1).random() == case_generator("po18", seed=0, index=1).random()


@pytest.mark.parametrize("scale", [0.8, 4.0, 12.0])
def test_a_smooth_field_is_standardised_and_correlated_as_a_gaussian_is(scale):
    field = smooth_field(np.random.default_rng(0), (200, 300), scale=scale)
    assert field.dtype == np.float32
    assert field.shape == (200, 300)
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-5)
    # Noise smoothed by exp(-x^2 / 2s^2) correlates as exp(-d^2 / 4s^2); at d = s that is exp(-1/4) = 0.779.
    lag = round(scale)
    expected = np.exp(-(lag**2) / (4 * scale**2))
    assert (field[:, lag:] * field[:, :-lag]).mean() == pytest.approx(expected, abs=0.1)


def test_a_smooth_field_has_any_number_of_axes():
    assert smooth_field(np.random.default_rng(0), (9, 10, 11), scale=3).shape == (9, 10, 11)


def test_a_soft_step_is_one_half_on_the_border():
    np.testing.assert_allclose(soft_step(np.array([-1e3, 0.0, 0.1, 1e3]), 0.1), [0, 0.5, 1 / (1 + np.exp(-1)), 1])


def test_log_uniform_numbers_spread_evenly_over_factors():
    rng = np.random.default_rng(0)
    draws = np.array([log_uniform(rng, 0.01, 1) for _ in range(2000)])
    assert draws.min() >= 0.01
    assert draws.max() <= 1
    # Half of them lie below the geometric mean, 0.1.
    assert (draws < 0.1).mean() == pytest.approx(0.5, abs=0.05)
