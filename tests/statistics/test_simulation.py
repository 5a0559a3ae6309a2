"""How often the tests find a difference that is not there."""

import pytest

from kerasmetricloss.statistics import false_positive_rates


@pytest.fixture(scope="module")
def rates():
    return false_positive_rates([6, 12, 60], studies=3000, resamples=1000)


# the standard error of a rate near .05 over 3000 studies is sqrt(.05 * .95 / 3000) = .004; bounds are three of them


def test_bootstrap_is_too_bold_for_few_cases(rates):
    assert rates.loc[6, "bootstrap"] == pytest.approx(0.098, abs=0.016)
    assert rates.loc[12, "bootstrap"] == pytest.approx(0.067, abs=0.013)


def test_bootstrap_is_nearly_honest_for_many_cases(rates):
    assert rates.loc[60, "bootstrap"] == pytest.approx(0.053, abs=0.013)


def test_permutation_holds_its_level_everywhere(rates):
    assert (rates["permutation"] < 0.05 + 0.013).all()
    # six cases have 64 sign patterns: p < .05 are the 3 largest, 3/64 = .047
    assert rates.loc[6, "permutation"] == pytest.approx(3 / 64, abs=0.012)


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match="expected 'bootstrap' or 'permutation'"):
        false_positive_rates([6], methods=["t-test"], studies=1)
