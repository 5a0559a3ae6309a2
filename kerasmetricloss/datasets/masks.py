"""Where a prediction counts: the data set's rule, or the user's own."""

import re

from kerasmetricloss.datasets.case import DataError
from kerasmetricloss.datasets.catalog import MaskRule

EVERYWHERE = "all"
_RULE = re.compile(r"\s*(.+?)\s*>\s*([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*")


def mask_rule(text: str) -> MaskRule | None:
    """Return the rule that a text such as ``T1>25`` spells; None for ``all``, where every voxel counts.

    Args:
        text: ``CHANNEL>NUMBER`` in the units of the file, or ``all``.

    Raises:
        DataError: The text is neither.

    Example:
        >>> mask_rule("T1 > 25")
        MaskRule(channel='T1', above=25.0)
        >>> mask_rule("all") is None
        True
    """
    if text.strip().casefold() == EVERYWHERE:
        return None
    match = _RULE.fullmatch(text)
    if match is None:
        raise DataError(f"{text!r} is no rule for the mask", mend="write CHANNEL>NUMBER, e.g. T1>25, or all")
    return MaskRule(channel=match[1], above=float(match[2]))
