"""Scores of one case on its full image: the rows of the score table."""

from collections.abc import Iterator, Sequence

import numpy as np

from kerasmetricloss.similarities import ratios

THRESHOLD = 0.5


def case_scores(truth: np.ndarray, probability: np.ndarray, labels: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    """Label, metric and value of every score of one case.

    A voxel is foreground where its probability is above 0.5 (strictly). Counts are exact integers. The d of Eq. 4 is
    the whole output box, what lies outside the mask included.

    Args:
        truth: (*space, labels), 0 or 1.
        probability: (*space, labels), in [0, 1].
        labels: Name of each label.

    Yields:
        (label, metric, value) with the metrics `dice` (Eq. 2), `jaccard` (Eq. 3), `accuracy` (Eq. 4),
        `foreground_voxels` (the object's size) and `predicted_voxels`.
    """
    for index, label in enumerate(labels):
        true = truth[..., index] > 0
        predicted = probability[..., index] > THRESHOLD
        both = int(np.count_nonzero(true & predicted))
        sizes = int(np.count_nonzero(true)), int(np.count_nonzero(predicted))
        yield label, "dice", float(ratios.dice(both, sizes[1], sizes[0]))
        yield label, "jaccard", float(ratios.jaccard(both, sizes[1], sizes[0]))
        yield label, "accuracy", float(ratios.hamming(both, sizes[1], sizes[0], true.size))
        yield label, "foreground_voxels", float(sizes[0])
        yield label, "predicted_voxels", float(sizes[1])


def quantise(probability: np.ndarray) -> np.ndarray:
    """Probabilities as bytes that keep the side of the threshold: 128 and more is foreground."""
    quantised = np.rint(np.clip(probability, 0.0, 1.0) * 255.0)
    above = probability > THRESHOLD
    return np.where(above, np.maximum(quantised, 128), np.minimum(quantised, 127)).astype(np.uint8)


def restore(quantised: np.ndarray) -> np.ndarray:
    """Probabilities from bytes, to 1/255, each on its side of the threshold."""
    return quantised.astype(np.float32) / 255.0
