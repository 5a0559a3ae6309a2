"""What the choice of a loss can promise for the choice of a metric, in a sentence and two numbers.

A loss is read as the similarity that it stands in for: cross-entropy for the Hamming similarity (Eq. 4), weighted
cross-entropy for a weighted one (Eq. 5), soft Dice for Dice, soft Jaccard and the Lovasz losses for Jaccard, soft
Tversky for Tversky. The bounds then say how far that similarity and the metric can lie apart.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature

import numpy as np

from kerasmetricloss.theory.bounds import (
    Bounds,
    hamming_weighted_hamming_bounds,
    require_positive,
    require_share,
    tversky_bounds,
    weighted_hamming_bounds,
    weighted_hamming_tversky_bounds,
)


@dataclass(frozen=True)
class Promise:
    """What a loss promises for a metric.

    Attributes:
        loss: The loss, as it was asked for.
        metric: The metric, as it was asked for.
        absolute: The loss' similarity and the metric never differ by more than this; infinite for a distance.
        relative: One is never more than (1 + relative) times the other; infinite where there is no such number.
        sentence: The same in words, with its source.
    """

    loss: str
    metric: str
    absolute: float
    relative: float
    sentence: str


@dataclass(frozen=True)
class _Tversky:
    """A Tversky index, or the loss (1 - T)^focus that follows it; the caveat is a sentence on what it leaves out."""

    name: str
    alpha: float = 0.5
    beta: float = 0.5
    focus: float = 1.0
    caveat: str = ""


@dataclass(frozen=True)
class _Hamming:
    """A Hamming similarity; gamma is None for the plain one."""

    name: str
    gamma: float | None = None


@dataclass(frozen=True)
class _Unbounded:
    """A metric that no similarity of Eqs. 2-6 bounds."""

    name: str
    reason: str
    absolute: float = math.inf


@dataclass(frozen=True)
class _Pooled:
    """What a loss over all classes at once stands in for: it bounds no score a class."""

    name: str
    reason: str


_Measure = _Tversky | _Hamming | _Unbounded | _Pooled

_DICE, _JACCARD = _Tversky("the Dice score"), _Tversky("the Jaccard index", 1.0, 1.0)
# Numbers that make no sense are read too, so that the error can name them.
_NUMBERED = re.compile(r"([a-z_]+?)-?({number}(?:/{number})*)".format(number=r"-?(?:\d*\.?\d+|\d+\.|nan|inf)"))
_BINNED = re.compile(r"(?<=lovasz)-bins\d+", re.IGNORECASE)
_SURFACE = "it is set by the voxels that lie farthest off, however few they are"
_PRESENT = (
    "That holds class by class for those in the truth; the others have no part in the loss, and the metric counts them."
)
_ONE_RATIO = (
    "its sums run over all classes, so that one can be missed whole, and what is invented in absent ones is free"
)
_VOLUME = "two masks of one volume need not overlap, and it grows with the size of the object"


def _tversky(alpha: float = 0.5, beta: float = 0.5) -> _Tversky:
    require_positive(alpha=alpha, beta=beta)
    return _Tversky(f"the Tversky index with alpha {alpha:g} and beta {beta:g}", alpha, beta)


def _focal_tversky(alpha: float = 0.5, beta: float = 0.5, gamma: float = 0.75) -> _Tversky:
    require_positive(gamma=gamma)
    return _Tversky(f"1 - (1 - T)^{gamma:g} with T {_tversky(alpha, beta).name}", alpha, beta, gamma)


def _f_beta(beta: float = 1.0) -> _Tversky:
    require_positive(beta=beta)
    return _Tversky(f"F{beta:g}", 1 / (1 + beta**2), beta**2 / (1 + beta**2))


def _weighted_hamming(gamma: float = 0.5) -> _Hamming:
    require_share(gamma=gamma)
    return _Hamming(f"the weighted Hamming similarity with gamma {gamma:g}", gamma)


def _constant(measure: _Measure) -> Callable[[], _Measure]:
    return lambda: measure


_HAMMING = _constant(_Hamming("the Hamming similarity"))

LOSSES: dict[str, Callable[..., _Measure]] = {
    "CE": _HAMMING,
    "wCE": _weighted_hamming,
    "sDice": _constant(_DICE),
    "sDice-L1": _constant(_DICE),
    "sDice-L2": _constant(_DICE),
    "sJaccard": _constant(_JACCARD),
    "Lovasz": _constant(_JACCARD),
    "sTversky": _tversky,
    "CrossEntropy": _HAMMING,
    "WeightedCrossEntropy": _weighted_hamming,
    "SoftDice": _constant(_DICE),
    "SoftJaccard": _constant(_JACCARD),
    "SoftTversky": _tversky,
    "LovaszSigmoid": _constant(_JACCARD),
    "LovaszSoftmax": _constant(replace(_JACCARD, caveat=_PRESENT)),
    "LovaszHinge": _constant(_JACCARD),
    "GeneralizedDice": _constant(_Pooled("one Dice ratio over the classes", _ONE_RATIO)),
    "FocalTversky": _focal_tversky,
}

METRICS: dict[str, Callable[..., _Measure]] = {
    "dice": _constant(_DICE),
    "jaccard": _constant(_JACCARD),
    "tversky": _tversky,
    "F": _f_beta,
    "accuracy": _HAMMING,
    "hamming": _HAMMING,
    "weighted_hamming": _weighted_hamming,
    "hausdorff_mm": _constant(_Unbounded("the Hausdorff distance", _SURFACE)),
    "avd_ml": _constant(_Unbounded("the absolute volume difference", _VOLUME)),
    "DiceScore": _constant(_DICE),
    "JaccardIndex": _constant(_JACCARD),
    "TverskyIndex": _tversky,
    "FBetaScore": _f_beta,
    "Accuracy": _HAMMING,
    "HammingSimilarity": _HAMMING,
    "WeightedHammingSimilarity": _weighted_hamming,
    "HausdorffDistance": _constant(_Unbounded("the Hausdorff distance", _SURFACE)),
    "NormalizedSurfaceDistance": _constant(_Unbounded("the normalised surface distance", _SURFACE, 1.0)),
    "AbsoluteVolumeDifference": _constant(_Unbounded("the absolute volume difference", _VOLUME)),
}


def promise(loss_name: str, metric_name: str) -> Promise:
    """What training with a loss can promise when the result is scored with a metric.

    Args:
        loss_name: A paper name (`"CE"`, `"wCE"`, `"sDice"`, `"sDice-L2"`, `"sJaccard"`, `"Lovasz"`,
            `"sTversky-0.3/0.7"`) or a class name (`"SoftDice"`, `"SoftTversky-0.3/0.7"`). Numbers after the dash are
            alpha/beta for Tversky (and /gamma for FocalTversky), gamma for weighted cross-entropy (1/2 if left out:
            weights that balance foreground and background).
        metric_name: A name of a score table (`"dice"`, `"jaccard"`, `"F2.0"`, `"accuracy"`, `"hausdorff_mm"`,
            `"avd_ml"`), or a class name (`"DiceScore"`, `"FBetaScore-2"`, `"TverskyIndex-0.3/0.7"`). Capitals do not
            matter in either.

    Returns:
        The sentence and its two numbers.

    Raises:
        ValueError: If a name is unknown; the message lists the known ones. If a number after it is out of range:
            those of Tversky and F-beta are above 0 and finite, that of weighted cross-entropy is from 0 to 1.

    Example:
        >>> found = promise("sDice", "jaccard")
        >>> round(found.absolute, 4), found.relative
        (0.1716, 1.0)
        >>> promise("CE", "dice").relative
        inf
    """
    # The binned form of Lovász differs from the exact one by at most 1 / bins.
    plain = _BINNED.sub("", loss_name.replace("á", "a"))
    loss, metric = _read(plain, LOSSES, "loss"), _read(metric_name, METRICS, "metric")
    bounds, source = _between(loss, metric)
    sentence = _sentence(loss_name, loss, metric, bounds, source)
    return Promise(loss_name, metric_name, bounds.absolute, bounds.relative, sentence)


def _read(name: str, known: dict[str, Callable[..., _Measure]], kind: str) -> _Measure:
    """Read `name`, or `name` with numbers after it: sTversky-0.3/0.7, F2.0."""
    by_lower_case = {key.lower(): make for key, make in known.items()}
    word, numbers = name.strip().lower(), []
    if word not in by_lower_case:
        split = _NUMBERED.fullmatch(word)
        word, numbers = (split[1], [float(n) for n in split[2].split("/")]) if split else ("", [])
    if word not in by_lower_case:
        listed = ", ".join(known)
        raise ValueError(
            f"{name!r} is no {kind} with known bounds; known are {listed} (numbers follow a dash: sTversky-0.3/0.7)"
        )
    takes = list(signature(by_lower_case[word]).parameters)
    if len(numbers) > len(takes) or (len(numbers) == 1 and "alpha" in takes):
        given, wanted = "/".join(map("{:g}".format, numbers)), " and ".join(takes) or "none"
        raise ValueError(f"{name!r} has {given} after its name; expected {wanted}")
    return by_lower_case[word](*numbers)


def _between(loss: _Measure, metric: _Measure) -> tuple[Bounds, str]:
    match loss, metric:
        case _, _Unbounded():
            return Bounds(metric.absolute, math.inf), ""
        case _Pooled(), _:
            return Bounds(1.0, math.inf), ""
        case _Tversky(), _Tversky() if loss.focus == 1:
            weights = {"alpha": loss.alpha, "beta": loss.beta}
            bounds = tversky_bounds(**weights, other_alpha=metric.alpha, other_beta=metric.beta)
            return bounds, _tversky_source(loss, metric)
        case _Tversky(), _Tversky():
            return _focal_bounds(loss, metric), "theory.promises"
        case _Hamming(), _Hamming():
            return _hamming_bounds(loss.gamma, metric.gamma), "theory.bounds.weighted_hamming_bounds"
        case _:
            plain = None in (getattr(loss, "gamma", 0), getattr(metric, "gamma", 0))
            return weighted_hamming_tversky_bounds(), "Cor. II.1" if plain else "Prop. II.2"


def _tversky_source(loss: _Tversky, metric: _Tversky) -> str:
    weights = {(loss.alpha, loss.beta), (metric.alpha, metric.beta)}
    if weights == {(0.5, 0.5), (1.0, 1.0)}:
        return "Prop. II.1"
    return "Prop. II.3" if (0.5, 0.5) in weights else "the argument of Prop. II.3, theory.bounds.tversky_bounds"


def _hamming_bounds(gamma: float | None, other_gamma: float | None) -> Bounds:
    if gamma is None and other_gamma is None:
        return Bounds(0.0, 0.0)
    if gamma is None or other_gamma is None:
        return hamming_weighted_hamming_bounds(other_gamma if gamma is None else gamma)
    return weighted_hamming_bounds(gamma, other_gamma)


def _focal_bounds(loss: _Tversky, metric: _Tversky) -> Bounds:
    """Bounds between S = 1 - (1 - T)^g and another Tversky index T', by the largest of 100 000 values of T.

    For T = x, T' = x / (x + r (1 - x)) with r between alpha'/alpha and beta'/beta, and T' falls as r grows: the
    two ends decide. As x goes to 0, S/T' goes to g r; there the grid is continued by that limit.
    """
    x = np.linspace(0, 1, 100_001)[1:]
    similarity = 1 - (1 - x) ** loss.focus
    absolute, relative = 0.0, 0.0
    for r in (metric.alpha / loss.alpha, metric.beta / loss.beta):
        other = x / (x + r * (1 - x))
        quotient = np.append(similarity / other, loss.focus * r)
        absolute = max(absolute, float(np.abs(similarity - other).max()))
        relative = max(relative, float(quotient.max()) - 1, float((1 / quotient).max()) - 1)
    return Bounds(absolute, relative)


def _sentence(loss_name: str, loss: _Measure, metric: _Measure, bounds: Bounds, source: str) -> str:
    start = f"{loss_name} stands in for {loss.name}"
    if isinstance(metric, _Unbounded):
        return f"{start}; for {metric.name} no bound follows: {metric.reason}."
    if isinstance(loss, _Pooled):
        return f"{start}, which promises nothing for {metric.name}: {loss.reason}."
    return " ".join(filter(None, [_about(start, loss, metric, bounds, source), getattr(loss, "caveat", "")]))


def _about(start: str, loss: _Measure, metric: _Measure, bounds: Bounds, source: str) -> str:
    if bounds.absolute == 0:
        same = "the metric itself" if loss.name == metric.name else f"which equals {metric.name} on masks"
        return f"{start}, {same}: nothing is lost between loss and metric."
    if bounds.absolute == 1:
        return (
            f"{start}, which promises nothing for {metric.name}: "
            f"the one can come close to 1 while the other comes close to 0 ({source})."
        )
    factor = "no factor bounds the one by the other"
    if math.isfinite(bounds.relative):
        factor = f"nor is the one more than {_rounded_up(1 + bounds.relative, significant=4)} times the other"
    most = math.ceil(bounds.absolute * 1e4 - 1e-6) / 1e4
    return f"{start}; {metric.name} never differs from it by more than {most:.4f}, {factor} ({source})."


def _rounded_up(value: float, *, significant: int) -> str:
    """A bound in so many digits that is not below it, but for rounding errors of the bound itself."""
    step = 10.0 ** (math.floor(math.log10(value)) + 1 - significant)
    return f"{math.ceil(value / step - 1e-6) * step:.{significant}g}"
