"""How often the tests find a difference that is not there."""

import pytest

from kerasmetricloss.statistics import SIMULATED_RATES, expected_false_positive_rate, false_positive_rates


@pytest.fixture(scope="module")
def rates():
    return false_positive_rates([6, 12, 60], studies=3000, resamples=1000)


# the standard error of a rate near .05 over 3000 studies is sqrt(.05 * .95 / 3000) = .004; bounds are three of them


@pytest.mark.parametrize("cases", [6, 12, 60])
def test_bootstrap_is_too_bold_by_a_known_amount(rates, cases):
    expected = expected_false_positive_rate(cases)
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


@pytest.mark.parametrize("cases", SIMULATED_RATES)
def test_the_tabled_rates_are_those_of_theory(cases):
    bootstrap, permutation = SIMULATED_RATES[cases]
    # standard error over 20,000 studies: sqrt(.05 * .95 / 20000) = .0015; the bounds are three of them
    assert bootstrap == pytest.approx(expected_false_positive_rate(cases), abs=0.0046)
    assert permutation <= 0.05 + 0.0046


@pytest.mark.parametrize("cases", [6, 12, 60])
def test_the_tabled_rates_are_those_of_a_new_simulation(rates, cases):
    assert list(rates.loc[cases]) == pytest.approx(list(SIMULATED_RATES[cases]), abs=0.018)


def test_one_case_has_no_rate():
    with pytest.raises(ValueError, match="at least 2"):
        expected_false_positive_rate(1)


def test_a_level_or_a_number_of_cases_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="alpha=2; expected a level between 0 and 1"):
        expected_false_positive_rate(10, alpha=2)
    with pytest.raises(ValueError, match=r"cases=\(0,\); expected at least 2"):
        false_positive_rates((0,))
