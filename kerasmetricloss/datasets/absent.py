"""Which channels were left out of every case because some case lacks them, in words."""

from collections.abc import Sequence
from functools import partial

from kerasmetricloss.datasets.case import Case
from kerasmetricloss.datasets.catalog import CATALOG

_MOST_NAMES = 6


def left_out(cases: Sequence[Case]) -> tuple[str, ...]:
    """Say which channels some of the cases lack, and with which rule the output mask is made if not by the paper's.

    Args:
        cases: From one reader, opened without naming channels.

    Returns:
        No line where every case has every channel; one that no case has is not spoken of.

    Example:
        >>> one = {"dataset": "br18", "group": "", "channels": ("T1",), "labels": ("WT",), "files": (), "reader": None}
        >>> cases = [Case(id="a", absent=("T2",), **one), Case(id="b", absent=("T2",), lacks=("T2",), **one)]
        >>> left_out(cases)
        ('left out of every case, because some lack them: T2 (case b)',)
    """
    lacking = {channel: [case.id for case in cases if channel in case.lacks] for channel in cases[0].absent}
    lacking = {channel: ids for channel, ids in lacking.items() if 0 < len(ids) < len(cases)}
    if not lacking:
        return ()
    named = [f"{channel} ({_cases(ids)})" for channel, ids in lacking.items()]
    lines = [f"left out of every case, because some lack them: {', '.join(named)}"]
    known, reader = CATALOG.get(cases[0].dataset), cases[0].reader
    usual, rule = known and known.mask, reader.keywords.get("mask") if isinstance(reader, partial) else None
    if usual and rule and usual.channel in lacking and usual != rule:
        lines.append(f"the output mask is {rule.channel} > {rule.above:g}, not {usual.channel} > {usual.above:g}")
    return tuple(lines)


def _cases(ids: Sequence[str]) -> str:
    some = ", ".join(ids[:_MOST_NAMES]) + (", ..." if len(ids) > _MOST_NAMES else "")
    return f"case {some}" if len(ids) == 1 else f"{len(ids)} cases: {some}"
