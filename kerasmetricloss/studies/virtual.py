"""Virtual data sets (Sec. IV-C): the same images, the output masked with a rectangle about the object.

All rectangles of one virtual set have one size and the aspect ratio of the image. The size is the one at which

    mean over images of  foreground / (rectangle - foreground)

comes nearest to the wanted ratio, the foreground counted inside the rectangle. Each lies where it holds the most
foreground, and among such places nearest to the middle of the object. It masks the output in training and in testing;
the image, and so the field of view, stays whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasmetricloss.pipelines import Prepared
from kerasmetricloss.studies.errors import StudyError

MOST_OFF = 0.1  # of the wanted ratio


@dataclass(frozen=True)
class Rectangle:
    """A rectangle in pixels of the output box."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns inside."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class VirtualSet:
    """One rectangle an image, and the ratio that they give.

    Attributes:
        wanted: Foreground to background ratio asked for.
        ratio: The ratio found, averaged over the images that have foreground.
        rectangles: One an image, in the order of the images.
    """

    wanted: float
    ratio: float
    rectangles: tuple[Rectangle, ...]


def virtual_set(prepared: Sequence[Prepared], wanted: float) -> VirtualSet:
    """Find the rectangles of a foreground to background ratio.

    Args:
        prepared: Pictures with one label, on one grid.
        wanted: Ratio, above 0.

    Returns:
        The rectangles, and the ratio that they give.

    Raises:
        StudyError: No rectangle comes within a tenth of the ratio; the message says which ratios there are.

    Example:
        >>> truth = np.zeros((20, 40, 1), "uint8")
        >>> truth[8:12, 30:36] = 1
        >>> case = Prepared("a", np.zeros((20, 40, 3), "float32"), truth, np.ones_like(truth), None)
        >>> found = virtual_set([case], 0.5)
        >>> found.rectangles[0], round(found.ratio, 2)
        (Rectangle(top=7, left=27, height=6, width=12), 0.5)
    """
    pictures = [_picture(case) for case in prepared]
    height, width = (min(sizes) for sizes in zip(*(truth.shape for truth, _ in pictures), strict=True))
    sums = [_integral(truth) for truth, _ in pictures]

    def size(rows: int) -> tuple[int, int]:
        return rows, max(1, round(rows * width / height))

    def ratio(rows: int) -> float:
        return _ratio([_windows(one, size(rows)).max() for one in sums], size(rows))

    low, high = 1, height  # the ratio falls as the rectangle grows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if ratio(middle) > wanted else (low, middle)
    rows = min((low, high), key=lambda rows: abs(ratio(rows) - wanted))
    found = ratio(rows)
    if abs(found - wanted) > MOST_OFF * wanted:
        raise StudyError(
            f"No rectangle gives a foreground to background ratio of {wanted:g}: the nearest, {size(rows)[1]} x {rows} "
            f"pixels, gives {found:.3f}; the whole image gives {ratio(height):.3f}. Leave that ratio out."
        )
    rectangles = tuple(
        _place(truth, one, size(rows), offset) for (truth, offset), one in zip(pictures, sums, strict=True)
    )
    return VirtualSet(wanted, found, rectangles)


def masked(prepared: Sequence[Prepared], found: VirtualSet) -> list[Prepared]:
    """The same cases, their outputs masked with the rectangles; what lies outside is no foreground any more."""
    cases = []
    for case, rectangle in zip(prepared, found.rectangles, strict=True):
        mask = np.zeros_like(case.mask)
        mask[rectangle.slices] = case.mask[rectangle.slices]
        cases.append(replace(case, truth=case.truth * mask, mask=mask))
    return cases


def _picture(case: Prepared) -> tuple[np.ndarray, tuple[int, int]]:
    """The truth where the output box shows the picture, and where that begins."""
    mask = np.asarray(case.mask[..., 0]) > 0
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return np.asarray(case.truth[inside][..., 0]) > 0, (int(rows[0]), int(columns[0]))


def _integral(truth: np.ndarray) -> np.ndarray:
    return np.pad(truth.cumsum(axis=0, dtype=np.int64).cumsum(axis=1), ((1, 0), (1, 0)))


def _windows(integral: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Foreground inside the rectangle, for every place of its upper left corner."""
    h, w = size
    return integral[h:, w:] - integral[:-h, w:] - integral[h:, :-w] + integral[:-h, :-w]


def _ratio(foreground: Sequence[int], size: tuple[int, int]) -> float:
    counts = np.array([count for count in foreground if count], np.float64)
    with np.errstate(divide="ignore"):
        return float(np.mean(counts / (size[0] * size[1] - counts))) if len(counts) else 0.0


def _place(truth: np.ndarray, integral: np.ndarray, size: tuple[int, int], offset: tuple[int, int]) -> Rectangle:
    sums = _windows(integral, size)
    tops, lefts = np.nonzero(sums == sums.max())
    places = np.argwhere(truth)
    middle = (places.min(axis=0) + places.max(axis=0)) / 2 if len(places) else (np.array(truth.shape) - 1) / 2
    far = (tops + (size[0] - 1) / 2 - middle[0]) ** 2 + (lefts + (size[1] - 1) / 2 - middle[1]) ** 2
    best = int(np.argmin(far))
    return Rectangle(int(tops[best]) + offset[0], int(lefts[best]) + offset[1], *size)
