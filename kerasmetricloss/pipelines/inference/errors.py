"""The error of a prediction: what came, what was expected, how to mend it."""

from collections.abc import Sequence

from kerasmetricloss.datasets import DataError

_MOST_LISTED = 10


class PredictionError(ValueError):
    """A model and the images do not fit together, or the folder of predictions is not theirs; the message says why."""


class CasesFailed(PredictionError):
    """Some cases of a folder could not be read or do not fit; the others are predicted.

    Attributes:
        failed: The complaint about each, with its case.
    """

    def __init__(self, failed: Sequence[DataError], cases: int):
        self.failed = tuple(failed)
        listed = [str(error) for error in failed[:_MOST_LISTED]]
        more = len(failed) - len(listed)
        listed += [f"and {more} more"] if more else []
        done = cases - len(failed)
        others = f"the other {f'{done} are' if done > 1 else 'is'} done" if done else "none is done"
        told = f"{len(failed)} of {cases} cases could not be predicted; {others}"
        super().__init__("\n  ".join([told, *listed]))


class TiledWarning(UserWarning):
    """A network that looks at the whole image was given it in tiles, and so predicts otherwise."""
