"""Soft losses over every prediction of two pixels, drawn in the paper's Fig. 2.

A truth of two pixels that is not empty is [1, 0], its mirror image [0, 1], or [1, 1]: so two truths show all there is.
At the corners, where a prediction is a mask, every surface meets its discrete loss (the red dots). Between them the
norms part. At the truth the L1 form falls and rises in a kink, while the L2 form is flat: its gradient is 0 there, so
near the truth it hardly asks for outputs of exactly 0 and 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasmetricloss.similarities import ratios

TWO_PIXEL_TRUTHS = ((1, 0), (1, 1))
SURFACE_LOSSES = ("sDice-L1", "sDice-L2", "sJaccard")


@dataclass(frozen=True)
class Surface:
    """A soft loss over all predictions of two pixels.

    Attributes:
        loss: the paper's name of the loss.
        truth: the two pixels of the truth.
        first: first pixel of the prediction, shape (points, points), equal along the rows.
        second: second pixel of the prediction, shape (points, points), equal along the columns.
        values: the loss, shape (points, points).
        discrete: the four masks with the discrete loss of each, rows (first, second, loss).
    """

    loss: str
    truth: tuple[int, int]
    first: np.ndarray
    second: np.ndarray
    values: np.ndarray
    discrete: np.ndarray

    def slope_at_truth(self) -> float:
        """The steepest slope of the loss from the truth into the square, along one of its edges.

        Example:
            >>> [round(two_pixel_surface(loss, (1, 0)).slope_at_truth(), 3) for loss in ("sDice-L1", "sDice-L2")]
            [0.5, 0.0]
        """
        step, slopes = 1e-6, []
        for pixel in range(2):
            moved = np.array(self.truth, float)
            moved[pixel] = abs(moved[pixel] - step)
            rise = two_pixel_loss(self.loss, self.truth, *moved) - two_pixel_loss(self.loss, self.truth, *self.truth)
            slopes.append(float(rise) / step)
        return max(slopes)


def two_pixel_loss(loss: str, truth: tuple[int, int], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A soft loss of predictions of two pixels.

    Args:
        loss: "sDice-L1" (Eq. 12 with L1 norms), "sDice-L2" (Eq. 12) or "sJaccard" (Eq. 13).
        truth: the two pixels of the truth, 0 or 1, not both 0.
        first: outputs at the first pixel, in [0, 1].
        second: outputs at the second pixel, of the same shape.

    Returns:
        The loss, shaped as the outputs.

    Raises:
        ValueError: another loss, or a truth that is none of these.

    Example:
        >>> float(two_pixel_loss("sDice-L1", (1, 0), 0.5, 0.5))  # 1 - 2 * 0.5 / (1 + 1)
        0.5
    """
    if loss not in SURFACE_LOSSES:
        raise ValueError(f"loss={loss!r}; expected one of {', '.join(SURFACE_LOSSES)}.")
    if len(truth) != 2 or not set(truth) <= {0, 1} or not any(truth):
        raise ValueError(f"truth={truth!r}; expected two pixels of 0 and 1 with at least one 1, as in (1, 0).")
    first, second = np.asarray(first, float), np.asarray(second, float)
    intersection = truth[0] * first + truth[1] * second
    predicted = first**2 + second**2 if loss == "sDice-L2" else first + second
    ratio: Callable = ratios.jaccard if loss == "sJaccard" else ratios.dice
    return 1 - ratio(intersection, predicted, float(sum(truth)))


def two_pixel_surface(loss: str, truth: tuple[int, int], *, points: int = 41) -> Surface:
    """A soft loss over a grid of predictions of two pixels, with the discrete loss at the four masks (Fig. 2).

    Args:
        loss: as for `two_pixel_loss`.
        truth: the two pixels of the truth.
        points: predictions along each side, ends included.

    Example:
        >>> surface = two_pixel_surface("sDice-L2", (1, 1), points=3)
        >>> surface.discrete[:, 2].round(3).tolist()  # nothing, one of two, the other of two, both
        [1.0, 0.333, 0.333, 0.0]
    """
    first, second = np.meshgrid(np.linspace(0, 1, points), np.linspace(0, 1, points), indexing="ij")
    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], float)
    both = corners @ np.array(truth, float)
    ratio: Callable = ratios.jaccard if loss == "sJaccard" else ratios.dice
    discrete = 1 - ratio(both, corners.sum(axis=1), float(sum(truth)))
    return Surface(
        loss, truth, first, second, two_pixel_loss(loss, truth, first, second), np.column_stack([corners, discrete])
    )
