"""How far two similarities of the paper can lie apart: Props. II.1-II.3, Cor. II.1, Eqs. 25-28.

Everything here holds for every pair of masks on any number of pixels. `theory.exhaustive` checks it by
counting. Only `math` is needed.
"""

import math
from typing import NamedTuple


class Bounds(NamedTuple):
    """Two similarities S and S~ of one pair of masks, at worst.

    Attributes:
        absolute: Least e with |S - S~| <= e (Definition II.1).
        relative: Least e with S~ / (1 + e) <= S <= S~ (1 + e) (Definition II.2); `math.inf` where there is none.
    """

    absolute: float
    relative: float


class RiskBounds(NamedTuple):
    """Between what two values a risk lies, when another risk is known."""

    lower: float
    upper: float


def tversky_bounds(*, alpha: float, beta: float, other_alpha: float, other_beta: float) -> Bounds:
    """Bounds between two Tversky indices (Eq. 6), of which Dice, Jaccard and F-beta are special cases.

    With I, F, N the true positives, false positives and false negatives, the indices are I / (I + s) and
    I / (I + s'), where s = alpha F + beta N and s' = alpha' F + beta' N.

    Relative: their ratio is (I + s') / (I + s). It is a mean, with weights, of 1, alpha'/alpha and beta'/beta,
    and comes as close as one likes to each of the three. Hence

        max(alpha/alpha', alpha'/alpha, beta/beta', beta'/beta) - 1.

    Absolute: only ratios count, so let I = 1 and s' = r s. Since F, N >= 0, r runs from one of alpha'/alpha and
    beta'/beta to the other. For a fixed r the difference is 1/(1+s) - 1/(1+rs) = (r-1) s / ((1+s)(1+rs)). It is
    largest at s = 1/sqrt(r), where it is (sqrt(r)-1) / (sqrt(r)+1). That grows with |log r|, so the ends decide:

        max |sqrt(r)-1| / (sqrt(r)+1)  over r = alpha'/alpha and r = beta'/beta.

    The proposition on Dice and Tversky (II.3) is the case alpha' = beta' = 1/2, that on Dice and Jaccard (II.1)
    the case (1/2, 1/2) against (1, 1).

    Args:
        alpha: Weight of false positives in the first index, above 0.
        beta: Weight of false negatives in the first index, above 0.
        other_alpha: Weight of false positives in the second index, above 0.
        other_beta: Weight of false negatives in the second index, above 0.

    Returns:
        The two errors; they are the same in both directions.

    Raises:
        ValueError: If a weight is not a positive, finite number. At 0 there is no relative bound.

    Example:
        >>> f1_and_f2 = tversky_bounds(alpha=0.5, beta=0.5, other_alpha=0.2, other_beta=0.8)
        >>> round(f1_and_f2.absolute, 4), f1_and_f2.relative
        (0.2251, 1.5)
    """
    require_positive(alpha=alpha, beta=beta, other_alpha=other_alpha, other_beta=other_beta)
    ratios = (other_alpha / alpha, other_beta / beta)
    absolute = max(abs(math.sqrt(r) - 1) / (math.sqrt(r) + 1) for r in ratios)
    relative = max(max(r, 1 / r) for r in ratios) - 1
    return Bounds(absolute, relative)


def dice_jaccard_bounds() -> Bounds:
    """Bounds between the Dice score (Eq. 2) and the Jaccard index (Eq. 3): Prop. II.1.

    Returns:
        An absolute error of 3 - 2 sqrt(2) and a relative error of 1.

    Example:
        >>> absolute, relative = dice_jaccard_bounds()
        >>> round(absolute, 5), relative
        (0.17157, 1.0)
    """
    return Bounds(3 - 2 * math.sqrt(2), 1.0)


def tversky_dice_bounds(alpha: float, beta: float) -> Bounds:
    """Bounds between a Tversky index (Eq. 6) and the Dice score (Eq. 2): Prop. II.3.

    The absolute error is the larger of |sqrt(2a)-1| / (sqrt(2a)+1) over a = alpha, beta; the relative error is
    max(2 alpha, 2 beta, 1/(2 alpha), 1/(2 beta)) - 1. (Fig. 1 of the paper draws the latter without the -1. The
    maximiser printed in the proof is 0/0 at 2: it is b = sqrt(2 alpha) / (sqrt(2 alpha) + 2).)

    Args:
        alpha: Weight of false positives, above 0.
        beta: Weight of false negatives, above 0.

    Returns:
        The two errors; both are 0 at alpha = beta = 1/2 and grow with the distance from it.

    Raises:
        ValueError: If a weight is not a positive, finite number.

    Example:
        >>> absolute, relative = tversky_dice_bounds(2.0, 0.5)
        >>> round(absolute, 4), relative
        (0.3333, 3.0)
    """
    return tversky_bounds(alpha=alpha, beta=beta, other_alpha=0.5, other_beta=0.5)


def weighted_hamming_tversky_bounds() -> Bounds:
    """Bounds between a weighted Hamming similarity (Eq. 5) and any Tversky index: there are none.

    Take an object of k pixels, found whole among k^2 false positives, in an image of k^3 pixels (Eqs. 22-24 with
    the share 1/k). As k grows, the weighted Hamming similarity goes to 1 for every gamma, and so does the plain
    one (Eq. 4), while the Tversky index is 1 / (1 + alpha k) and goes to 0.

    Returns:
        An absolute error of 1, which says nothing of two numbers in [0, 1], and no relative error.

    Example:
        >>> weighted_hamming_tversky_bounds()
        Bounds(absolute=1.0, relative=inf)
    """
    return Bounds(1.0, math.inf)


def weighted_hamming_dice_bounds() -> Bounds:
    """Bounds between a weighted Hamming similarity (Eq. 5) and the Dice score, for the best gamma: Prop. II.2.

    No choice of gamma helps: the errors are the supremum over masks of any size, whatever gamma is.

    Returns:
        An absolute error of 1, which says nothing of two numbers in [0, 1], and no relative error.

    Example:
        >>> weighted_hamming_dice_bounds()
        Bounds(absolute=1.0, relative=inf)
    """
    return weighted_hamming_tversky_bounds()


def hamming_dice_bounds() -> Bounds:
    """Bounds between the Hamming similarity (Eq. 4, accuracy) and the Dice score: Cor. II.1.

    Returns:
        An absolute error of 1, which says nothing of two numbers in [0, 1], and no relative error.

    Example:
        >>> hamming_dice_bounds()
        Bounds(absolute=1.0, relative=inf)
    """
    return weighted_hamming_tversky_bounds()


def weighted_hamming_bounds(gamma: float, other_gamma: float) -> Bounds:
    """Bounds between two weighted Hamming similarities (Eq. 5).

    With u the missed share of the foreground and v the wrong share of the background, the similarity is
    1 - gamma u - (1 - gamma) v. The difference of two is (gamma' - gamma)(u - v), at most |gamma' - gamma|. Their
    ratio is a mean, with weights, of gamma/gamma' and (1-gamma)/(1-gamma').

    Args:
        gamma: Weight of the foreground in the first, from 0 to 1.
        other_gamma: Weight of the foreground in the second, from 0 to 1.

    Returns:
        The two errors; the relative one is infinite where one of two different weights is 0 or 1.

    Raises:
        ValueError: If a weight is outside [0, 1].

    Example:
        >>> weighted_hamming_bounds(0.5, 0.25)
        Bounds(absolute=0.25, relative=1.0)
    """
    require_share(gamma=gamma, other_gamma=other_gamma)
    if gamma == other_gamma:
        return Bounds(0.0, 0.0)
    if {gamma, other_gamma} & {0, 1}:
        return Bounds(abs(gamma - other_gamma), math.inf)
    ratios = (gamma / other_gamma, (1 - gamma) / (1 - other_gamma))
    return Bounds(abs(gamma - other_gamma), max(max(r, 1 / r) for r in ratios) - 1)


def hamming_weighted_hamming_bounds(gamma: float) -> Bounds:
    """Bounds between accuracy (Eq. 4) and a weighted Hamming similarity with one gamma for all images (Eq. 5).

    Accuracy is Eq. 5 with gamma = |y| / d, a share that runs over all of (0, 1) from image to image. So the
    errors are those of `weighted_hamming_bounds` at the far end.

    Args:
        gamma: Weight of the foreground, from 0 to 1.

    Returns:
        An absolute error of max(gamma, 1 - gamma), and no relative error.

    Raises:
        ValueError: If gamma is outside [0, 1].

    Example:
        >>> hamming_weighted_hamming_bounds(0.5)
        Bounds(absolute=0.5, relative=inf)
    """
    require_share(gamma=gamma)
    return Bounds(max(gamma, 1 - gamma), math.inf)


def tversky_risk_bounds(risk: float, *, alpha: float, beta: float, other_alpha: float, other_beta: float) -> RiskBounds:
    """Between what values the mean of 1 - T' over images lies, when the mean of 1 - T is known.

    For one image with x = 1 - T, 1 - T' = phi_r(x) = r x / (1 + (r - 1) x) for an r between alpha'/alpha and
    beta'/beta, and phi grows with r. Where r >= 1, phi is concave and at least x: Jensen's inequality moves the
    mean inside (Eqs. 27 and 28), and E phi(x) >= E x (Eqs. 25 and 26). Where r <= 1 both turn round. So

        phi_min(E x) <= E (1 - T') <= phi_max(E x),  with  min = min(r, 1), max = max(r, 1) over both r.

    Args:
        risk: Mean of 1 - T over images, from 0 to 1; T has the weights `alpha` and `beta`.
        alpha: Weight of false positives in T, above 0.
        beta: Weight of false negatives in T, above 0.
        other_alpha: Weight of false positives in T', above 0.
        other_beta: Weight of false negatives in T', above 0.

    Returns:
        The smallest and the largest value that the mean of 1 - T' can have.

    Raises:
        ValueError: If `risk` is outside [0, 1] or a weight is not positive.

    Example:
        >>> low, high = tversky_risk_bounds(0.2, alpha=0.5, beta=0.5, other_alpha=1.0, other_beta=1.0)
        >>> round(low, 3), round(high, 3)
        (0.2, 0.333)
    """
    require_share(risk=risk)
    require_positive(alpha=alpha, beta=beta, other_alpha=other_alpha, other_beta=other_beta)
    ratios = (1.0, other_alpha / alpha, other_beta / beta)
    lower, upper = (r * risk / (1 + (r - 1) * risk) for r in (min(ratios), max(ratios)))
    return RiskBounds(lower, upper)


def jaccard_risk_bounds(dice_risk: float) -> RiskBounds:
    """Between what values the mean Jaccard loss lies, when the mean Dice loss is known (Eqs. 25-28).

    E[1 - D] <= E[1 - J] <= phi(E[1 - D]) with phi(x) = 2x / (1 + x).

    Args:
        dice_risk: Mean of 1 - Dice over images, from 0 to 1.

    Returns:
        The smallest and the largest mean of 1 - Jaccard.

    Raises:
        ValueError: If `dice_risk` is outside [0, 1].

    Example:
        >>> jaccard_risk_bounds(0.25)
        RiskBounds(lower=0.25, upper=0.4)
    """
    return tversky_risk_bounds(dice_risk, alpha=0.5, beta=0.5, other_alpha=1.0, other_beta=1.0)


def dice_risk_bounds(jaccard_risk: float) -> RiskBounds:
    """Between what values the mean Dice loss lies, when the mean Jaccard loss is known (Eqs. 25-28 inverted).

    Args:
        jaccard_risk: Mean of 1 - Jaccard over images, from 0 to 1.

    Returns:
        x / (2 - x) and x.

    Raises:
        ValueError: If `jaccard_risk` is outside [0, 1].

    Example:
        >>> low, high = dice_risk_bounds(0.4)
        >>> round(low, 3), high
        (0.25, 0.4)
    """
    return tversky_risk_bounds(jaccard_risk, alpha=1.0, beta=1.0, other_alpha=0.5, other_beta=0.5)


def require_positive(**weights: float) -> None:
    """Raise a ValueError that names the first weight that is not a positive, finite number."""
    for name, weight in weights.items():
        if not (weight > 0 and math.isfinite(weight)):
            raise ValueError(f"{name} is {weight}: the bounds need a positive, finite weight (Eq. 6)")


def require_share(**shares: float) -> None:
    """Raise a ValueError that names the first number that is not from 0 to 1."""
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share}: it must be between 0 and 1")
