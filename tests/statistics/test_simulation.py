"""How often the tests find a difference that is not there."""

import math

import pytest
from scipy import stats

from kerasmetricloss.statistics import false_positive_rates


@pytest.fixture(scope="module")
def rates():
    return false_positive_rates([6, 12, 60], studies=3000, resamples=1000)


# the standard error of a rate near .05 over 3000 studies is sqrt(.05 * .95 / 3000) = .004; bounds are three of them


@pytest.mark.parametrize("cases", [6, 12, 60])
def test_bootstrap_is_too_bold_by_a_known_amount(rates, cases):
    # resampled means spread by s sqrt((n-1)/n) / sqrt(n): rejected where Student's t is above 1.645 sqrt((n-1)/n)
    expected = stats.t.sf(stats.norm.ppf(0.95) * math.sqrt((cases - 1) / cases), cases - 1)
    assert rates.loc[cases, "bootstrap"] == pytest.approx(expected, abs=0.018)


def test_bootstrap_calls_ten_of_a_hundred_at_six_cases(rates):
    assert rates.loc[6, "bootstrap"] == pytest.approx(0.098, abs=0.018)


def test_permutation_holds_its_level_everywhere(rates):
    assert (rates["permutation"] < 0.05 + 0.013).all()
    # six cases have 64 sign patterns: p < .05 are the 3 largest, 3/64 = .047
    assert rates.loc[6, "permutation"] == pytest.approx(3 / 64, abs=0.012)


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match="expected 'bootstrap' or 'permutation'"):
        false_positive_rates([6], methods=["t-test"], studies=1)
