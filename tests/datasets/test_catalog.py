"""The paper's data sets as data."""

import pytest

from kerasmetricloss.datasets import CATALOG, names


def test_the_six_data_sets_of_the_paper_are_there():
    assert sorted(CATALOG) == ["br18", "is17", "is18", "mo17", "po18", "wm17"]
    assert set(names()) == {*CATALOG, "folder"}


@pytest.mark.parametrize("entry", CATALOG.values(), ids=CATALOG)
def test_an_entry_has_a_constant_for_every_channel_and_a_mask_over_one_of_them(entry):
    if entry.shift is not None:
        assert len(entry.shift) == len(entry.scale) == len(entry.channels)
    if entry.mask is not None:
        assert entry.mask.channel in entry.channels
    assert (entry.spacing_mm is None) == (len(entry.output_size) == 2)


def test_the_cases_are_as_many_as_in_the_paper():
    assert sum(entry.cases for entry in CATALOG.values()) == 285 + 43 + 94 + 400 + 1166 + 60
