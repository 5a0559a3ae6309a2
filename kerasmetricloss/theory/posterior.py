"""What to predict when the posterior is known: Bayes decisions for the scores of the paper.

The posterior gives every voxel its probability p of being foreground. Two questions look alike and are not:

- the *ratio of expectations*: which set s maximises 2 E|y and s| / (E|y| + |s|), the Dice score of expected counts?
  The answer holds for voxels that depend on each other in any way, and is a threshold at half the best score
  (Lipton, Elkan and Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML 2014).
- the *expectation of the ratio*: which set maximises E[D(y, s)], the mean Dice an image (Eq. 1)? It depends on
  how the voxels depend on each other. `expected_dice` and `best_expected_dice_set` answer for independent voxels.

`best_ratio_set` answers the first, and is an approximation of the second. Cross-entropy with its threshold of 1/2
gives {p > 1/2}, never a larger set, and a smaller one wherever a p lies between the two thresholds: the
under-segmentation of Fig. 3. On the bias of soft Dice in volume see Bertels et al., "Theoretical analysis and
experimental validation of volume bias of soft Dice optimized segmentation maps in the context of inherent uncertainty",
Medical Image Analysis 2021.
"""

from typing import NamedTuple

import numpy as np


class Decision(NamedTuple):
    """A set of voxels and why.

    Attributes:
        mask: Boolean, of the posterior's shape.
        threshold: The mask is {p > threshold}.
        score: The value that the mask reaches: a ratio of expected counts, or an expected score, as the function says.
    """

    mask: np.ndarray
    threshold: float
    score: float


def ratio_of_expectations(posterior: np.ndarray, mask: np.ndarray, *, metric: str = "dice") -> float:
    """The Dice score or Jaccard index of expected counts.

    With I = E|y and s| = sum of p over s: Dice is 2 I / (E|y| + |s|), Jaccard I / (E|y| + |s| - I).

    Args:
        posterior: Probability of foreground, any shape, in [0, 1].
        mask: The set s, boolean or 0/1, of the same shape.
        metric: `"dice"` or `"jaccard"`.

    Returns:
        The ratio; 1 where both the expected truth and the set are empty.

    Raises:
        ValueError: If the shapes differ, a probability is outside [0, 1] or the metric is another.

    Example:
        >>> ratio_of_expectations(np.array([0.9, 0.6, 0.5]), np.array([1, 1, 1]))
        0.8
    """
    posterior, mask = _checked(posterior, mask)
    inside, total = posterior[mask].sum(), posterior.sum() + mask.sum()
    return float(_ratio(inside, total, metric))


def best_ratio_set(posterior: np.ndarray, *, metric: str = "dice") -> Decision:
    """The set that maximises the Dice score (or Jaccard index) of expected counts.

    Adding a voxel raises 2 I / (E|y| + |s|) exactly if 2 p exceeds the ratio. So the best set D* is
    {p > D*/2}. Jaccard grows with Dice, so it is best on the same set, and J* / (1 + J*) = D*/2.

    Args:
        posterior: Probability of foreground, any shape, in [0, 1].
        metric: `"dice"` or `"jaccard"`: which ratio to report. The set is the same.

    Returns:
        The smallest best set, its threshold D*/2, and the ratio of expected counts.

    Raises:
        ValueError: If a probability is outside [0, 1] or the metric is another.

    Example:
        >>> best = best_ratio_set(np.array([0.9, 0.45, 0.1]))
        >>> best.mask.tolist(), round(best.threshold, 3), round(best.score, 3)
        ([True, True, False], 0.391, 0.783)
    """
    posterior, _ = _checked(posterior, np.zeros(np.shape(posterior), bool))
    inside = np.concatenate([[0.0], np.cumsum(np.sort(posterior, axis=None)[::-1])])
    total = inside[-1] + np.arange(inside.size)
    dice = _ratio(inside, total, "dice")
    best = int(dice.argmax())
    threshold = float(dice[best]) / 2
    return Decision(posterior > threshold, threshold, float(_ratio(inside[best], total[best], metric)))


def cross_entropy_set(posterior: np.ndarray, *, foreground: float = 1.0, background: float = 1.0) -> np.ndarray:
    """What a perfectly trained (weighted) cross-entropy predicts at the threshold of 1/2.

    The minimiser of -w1 p log q - w0 (1-p) log(1-q) is q = w1 p / (w1 p + w0 (1-p)), above 1/2 where
    p > w0 / (w0 + w1). With Eq. 10's balanced weights 1/(2 prior) and 1/(2 - 2 prior) that is p > prior.

    Args:
        posterior: Probability of foreground, any shape, in [0, 1].
        foreground: Weight w1 of the foreground, above 0.
        background: Weight w0 of the background, above 0.

    Returns:
        Boolean mask of the posterior's shape.

    Raises:
        ValueError: If a weight is not positive or a probability is outside [0, 1].

    Example:
        >>> cross_entropy_set(np.array([0.9, 0.45, 0.1])).tolist()
        [True, False, False]
        >>> cross_entropy_set(np.array([0.9, 0.45, 0.1]), foreground=2.0).tolist()
        [True, True, False]
    """
    if not (0 < foreground < np.inf and 0 < background < np.inf):
        raise ValueError(
            f"foreground is {foreground} and background {background}: both weights must be above 0, finite"
        )
    posterior, _ = _checked(posterior, np.zeros(np.shape(posterior), bool))
    return posterior > background / (background + foreground)


def expected_dice(posterior: np.ndarray, mask: np.ndarray) -> float:
    """The expectation of the Dice score, E[2 |y and s| / (|y| + |s|)], for independent voxels. Exact.

    The true positives inside s and the missed voxels outside are two independent sums of coins. With their
    distributions the expectation is a sum over both. Time grows with (voxels inside) x (voxels outside).

    Args:
        posterior: Probability of foreground, any shape, in [0, 1]. Voxels are taken as independent.
        mask: The set s, boolean or 0/1, of the same shape.

    Returns:
        The mean of the Dice score over truths drawn from the posterior; two empty sets score 1.

    Raises:
        ValueError: If the shapes differ or a probability is outside [0, 1].

    Example:
        >>> expected_dice(np.array([0.5]), np.array([1])), expected_dice(np.array([0.5]), np.array([0]))
        (0.5, 0.5)
    """
    posterior, mask = _checked(posterior, mask)
    return _expected_dice(_sum_of_coins(posterior[mask]), _sum_of_coins(posterior[~mask]))


def best_expected_dice_set(posterior: np.ndarray) -> Decision:
    """The set that maximises the expected Dice score (Eq. 1), for independent voxels. Exact.

    For independent voxels the best set of k voxels holds the k most probable ones, for exchanging a voxel for a
    more probable one never lowers the expectation. So one of the d + 1 prefixes is best. Meant for posteriors of
    some hundred voxels: time grows with the cube of their number.

    Args:
        posterior: Probability of foreground, any shape, in [0, 1]. Voxels are taken as independent.

    Returns:
        The best set (ties between voxels of one probability: the first), the probability of the first voxel left
        out (0 if none is), and the expected Dice score. Where voxels tie at the border no threshold gives the set.

    Raises:
        ValueError: If a probability is outside [0, 1].

    Example:
        >>> best = best_expected_dice_set(np.array([0.9, 0.45, 0.1]))
        >>> best.mask.tolist(), round(best.score, 4)
        ([True, True, False], 0.7479)
    """
    posterior, mask = _checked(posterior, np.zeros(np.shape(posterior), bool))
    order = np.argsort(-posterior, axis=None, kind="stable")
    sorted_p = posterior.ravel()[order]
    outside = [np.ones(1)]
    for p in sorted_p[::-1]:
        outside.append(_toss(outside[-1], p))
    inside, scores = np.ones(1), []
    for k in range(sorted_p.size + 1):
        scores.append(_expected_dice(inside, outside[sorted_p.size - k]))
        if k < sorted_p.size:
            inside = _toss(inside, sorted_p[k])
    best = int(np.argmax(scores))
    mask = mask.ravel()
    mask[order[:best]] = True
    threshold = float(sorted_p[best]) if best < sorted_p.size else 0.0
    return Decision(mask.reshape(posterior.shape), threshold, float(scores[best]))


def _ratio(inside: np.ndarray, total: np.ndarray, metric: str) -> np.ndarray:
    if metric not in ("dice", "jaccard"):
        raise ValueError(f"metric is {metric!r}: expected 'dice' or 'jaccard'")
    dice = np.where(total > 0, 2 * inside / np.where(total > 0, total, 1), 1.0)
    return dice if metric == "dice" else dice / (2 - dice)


def _expected_dice(inside: np.ndarray, outside: np.ndarray) -> float:
    """Expectation over the distributions of the true positives and of the missed voxels."""
    found, missed = np.arange(inside.size)[:, None], np.arange(outside.size)[None, :]
    total = (inside.size - 1) + found + missed
    dice = np.where(total > 0, 2 * found / np.maximum(total, 1), 1.0)
    return float(inside @ dice @ outside)


def _sum_of_coins(probabilities: np.ndarray) -> np.ndarray:
    """Distribution of the number of heads of independent coins: entry k is the probability of k heads."""
    distribution = np.ones(1)
    for p in probabilities:
        distribution = _toss(distribution, p)
    return distribution


def _toss(distribution: np.ndarray, p: float) -> np.ndarray:
    return np.append(distribution * (1 - p), 0.0) + np.append(0.0, distribution * p)


def _checked(posterior: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    posterior, mask = np.asarray(posterior, np.float64), np.asarray(mask)
    if posterior.shape != mask.shape:
        raise ValueError(f"posterior has shape {posterior.shape} but mask has {mask.shape}: they must be the same")
    if not ((posterior >= 0) & (posterior <= 1)).all():
        raise ValueError(
            f"posterior runs from {posterior.min()} to {posterior.max()}: probabilities lie in [0, 1], without NaN"
        )
    if not np.isin(mask, (0, 1)).all():
        raise ValueError(f"mask runs from {mask.min()} to {mask.max()}: a mask holds 0 and 1 only; cut it at 1/2 first")
    return posterior, mask.astype(bool)
