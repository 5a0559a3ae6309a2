"""What the answers of several data sets come to together."""

from collections.abc import Callable
from dataclasses import replace

from kerasmetricloss.reports.document import Answer
from kerasmetricloss.reports.findings import Place
from kerasmetricloss.reports.style import count

MOST_ANSWERS = 2


def absent(place: Place, needed: str) -> Answer:
    """What stands for the answer of a data set that lacks the losses of the question; no sum counts it."""
    return Answer(f"{place.title}: no such comparison.", f"It takes {needed}.", "plain")


def summed(found: list[Answer], head: Callable[[int, str], str]) -> list[Answer]:
    """The answers, before many of them one over all that have cases enough for one.

    Args:
        found: an answer a data set.
        head: says on how many of how many data sets the answer is yes.
    """
    tones = [one.tone for one in found if one.tone != "plain" and one.decidable]
    if len(found) <= MOST_ANSWERS or not tones:
        return found
    yes, few = tones.count("yes"), sum(not one.decidable for one in found)
    tone = "yes" if yes == len(tones) else "no" if "no" in tones else "open"
    more = f" {count(few, 'more has', 'more have')} too few cases to tell." if few else ""
    first = Answer(head(yes, count(len(tones), "data set")) + more, "Each data set by itself:", tone)
    return [first, *(replace(one, tone="plain") for one in found)]
