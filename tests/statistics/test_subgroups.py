"""Scores against object size."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.statistics.subgroups import size_curve


def curve(sizes, values, **settings):
    index = [f"c{k}" for k in range(len(sizes))]
    return size_curve(pd.Series(sizes, index=index, dtype=float), pd.DataFrame({"CE": values}, index=index), **settings)


def test_deciles_of_twenty_cases_hold_two_each():
    found = curve(range(20), [k // 2 for k in range(20)])
    assert found.counts.tolist() == [2] * 10
    assert found.means["CE"].tolist() == list(range(10))
    assert found.sizes.tolist() == [2 * k + 0.5 for k in range(10)]
    assert found.borders[[0, 5, 10]].tolist() == [0, 9.5, 19]


def test_equal_sizes_share_a_part():
    found = curve([5] * 7, [0.5] * 7)
    assert (found.counts.tolist(), found.borders.tolist()) == ([7], [5, 5])
    found = curve([1] * 15 + [9] * 5, [0.0] * 15 + [1.0] * 5)
    assert found.counts.tolist() == [15, 5]
    assert found.means["CE"].tolist() == [0, 1]


def test_undefined_scores_are_left_out_of_their_part():
    found = curve([1, 2, 8, 9], [0.2, math.nan, math.nan, math.nan], parts=2)
    assert found.means["CE"].tolist()[0] == 0.2
    assert math.isnan(found.means["CE"][1])


def test_cases_without_size_are_left_out_and_none_at_all_is_an_error():
    assert curve([1, math.nan, 3], [0, 0, 1], parts=2).counts.sum() == 2
    with pytest.raises(ValueError, match="none has both"):
        curve([math.nan], [0.5])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60))
def test_every_case_is_in_one_part_between_its_borders(sizes):
    found = curve(sizes, np.zeros(len(sizes)))
    assert found.counts.sum() == len(sizes)
    assert len(found.borders) == len(found.counts) + 1 == len(found.means) + 1
    assert (found.sizes >= found.borders[:-1]).all()
    assert (found.sizes <= found.borders[1:]).all()


def test_no_part_at_all_is_refused():
    sizes = pd.Series([1.0, 2.0], index=list("ab"))
    with pytest.raises(ValueError, match="parts=0; expected at least 1"):
        size_curve(sizes, pd.DataFrame({"CE": [0.0, 0.5]}, index=list("ab")), parts=0)
