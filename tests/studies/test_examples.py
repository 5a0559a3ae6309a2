"""Which cases a report shows."""

import pandas as pd

from kerasmetricloss.studies.examples import _chosen


def test_typical_cases_by_cross_entropy_then_the_worst_over_all_losses():
    # Under CE the order is a < b < c < d < e; averaged with sDice, e is the worst of all.
    dice = pd.DataFrame({"CE": [0.1, 0.2, 0.3, 0.4, 0.5], "sDice": [0.5, 0.6, 0.7, 0.8, 0.0]}, index=list("abcde"))
    assert _chosen(dice, "CE", typical=None) == {
        "c": "median Dice under CE",
        "b": "first quartile Dice under CE",
        "d": "third quartile Dice under CE",
        "e": "lowest Dice, averaged over all losses",  # mean .25
        "a": "second lowest Dice, averaged over all losses",  # mean .3; the third lowest, b, is shown already
    }
    assert _chosen(dice, "CE", typical=1) == {"c": "median Dice under CE"}


def test_no_case_is_shown_twice():
    dice = pd.DataFrame({"CE": [0.3, 0.6]}, index=["a", "b"])
    assert _chosen(dice, "CE", typical=None) == {
        "a": "median Dice under CE",
        "b": "second lowest Dice, averaged over all losses",
    }
