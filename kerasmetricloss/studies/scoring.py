"""Scores of one case on its full image: the rows of the score table."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from kerasmetricloss.metrics.surface import hausdorff_distance
from kerasmetricloss.similarities import ratios

THRESHOLD = 0.5
BETAS = (0.5, 1.0, 1.5, 2.0)  # of Table B.1


def case_scores(
    truth: np.ndarray,
    probability: np.ndarray,
    labels: Sequence[str],
    *,
    voxel_mm: Sequence[float] | None = None,
    unknown: int = 0,
    counted: bool = True,
) -> Iterator[tuple[str, str, float]]:
    """Label, metric and value of every score of one case.

    A voxel is foreground where its probability is above 0.5 (strictly). Counts are exact integers. The d of Eq. 4 is
    the whole output box, what lies outside the mask included, but for voxels whose truth is unknown.

    Args:
        truth: (*space, labels), 0 or 1.
        probability: (*space, labels), in [0, 1].
        labels: Name of each label.
        voxel_mm: Size of a voxel along each axis in mm; None for pictures, which have no distances in mm.
        unknown: How many voxels have no known truth; truth and probability are 0 there.
        counted: Whether any voxel counts; where none does, no score is defined.

    Yields:
        (label, metric, value) with the metrics `dice` (Eq. 2), `jaccard` (Eq. 3), `accuracy` (Eq. 4), `F0.5` to `F2.0`
        (Table B.1), `foreground_voxels` (the object's size), `predicted_voxels` and, of volumes, `hausdorff_mm` (the
        maximum; NaN where one mask alone is empty) and `avd_ml` (absolute volume difference).
    """
    for index, label in enumerate(labels):
        true = truth[..., index] > 0
        predicted = probability[..., index] > THRESHOLD
        both = int(np.count_nonzero(true & predicted))
        sizes = int(np.count_nonzero(predicted)), int(np.count_nonzero(true))
        scores = {
            "dice": ratios.dice(both, *sizes),
            "jaccard": ratios.jaccard(both, *sizes),
            "accuracy": ratios.hamming(both, *sizes, true.size - unknown),
        }
        scores |= {f"F{beta}": ratios.f_beta(both, *sizes, beta=beta) for beta in BETAS}
        if voxel_mm is not None and true.ndim == 3:
            scores["hausdorff_mm"] = hausdorff_distance(true, predicted, spacing_mm=tuple(voxel_mm))
            scores["avd_ml"] = abs(sizes[0] - sizes[1]) * math.prod(voxel_mm) / 1000
        for metric, value in scores.items():
            yield label, metric, float(value) if counted else math.nan
        yield label, "foreground_voxels", float(sizes[1])
        yield label, "predicted_voxels", float(sizes[0])


def quantise(probability: np.ndarray) -> np.ndarray:
    """Probabilities as bytes that keep the side of the threshold: 128 and more is foreground."""
    quantised = np.rint(np.clip(probability, 0.0, 1.0) * 255.0)
    above = probability > THRESHOLD
    return np.where(above, np.maximum(quantised, 128), np.minimum(quantised, 127)).astype(np.uint8)


def restore(quantised: np.ndarray) -> np.ndarray:
    """Probabilities from bytes, to 1/255, each on its side of the threshold."""
    return quantised.astype(np.float32) / 255.0
