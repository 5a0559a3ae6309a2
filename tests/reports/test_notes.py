"""What a chapter says before one believes its numbers: were relatives kept together, are there too few cases."""

import pytest

from kerasmetricloss.reports.findings import find
from kerasmetricloss.reports.words import notes

from .conftest import chapter, rows, settings, write

TOGETHER, APART, UNKNOWN = "drawn over whole groups", "drawn over single cases", "No groups are known"


def said(path, table, study, **how):
    """The notes on a study, in one text."""
    return " ".join(notes(find(chapter(write(path, table, study)), **({"resamples": 100} | how))))


@pytest.mark.parametrize(
    ("by", "groups", "expected"),
    [
        ("group", 15, TOGETHER),
        ("group", 45, UNKNOWN),  # 45 groups of 45 cases: whole groups are single cases
        ("case", 15, APART),
        ("case", 45, UNKNOWN),
    ],
)
def test_relatives_are_called_kept_together_only_where_groups_hold_several_cases(tmp_path, by, groups, expected):
    made = settings(folds={"requested": 5, "used": 5, "by": by}, data={"cases": 45, "groups": groups})
    text = said(tmp_path, rows(), made)
    assert [sentence for sentence in (TOGETHER, APART, UNKNOWN) if sentence in text] == [expected]


def test_groups_that_the_settings_do_not_count_are_counted_from_the_scores(tmp_path):
    made = settings(folds={"requested": 5, "used": 5, "by": "group"}, data={})
    assert TOGETHER in said(tmp_path, rows(group=3), made)


def test_folds_that_are_not_recorded_are_not_spoken_of(tmp_path):
    text = said(tmp_path, rows(), None)
    assert not [sentence for sentence in (TOGETHER, APART, UNKNOWN) if sentence in text]
