"""The settings that every loss and metric shares, checked once. Nothing here imports Keras."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any, Literal, TypedDict

from kerasmetricloss.similarities.checks import choose, flag, number, several, whole

Classes = Literal["independent", "exclusive"]
Pool = Literal["image", "batch"]


class LayoutSettings(TypedDict, total=False):
    """The fields of :class:`Layout`, as keyword arguments."""

    classes: Classes
    from_logits: bool
    data_format: Literal["channels_last", "channels_first"] | None
    include: Sequence[int] | None
    class_weights: Sequence[float] | Mapping[int, float] | None
    ignore_label: int | None
    pool: Pool


class OverlapSettings(LayoutSettings, total=False):
    """The fields of :class:`Layout` and :class:`Overlap`, as keyword arguments."""

    norm: float
    intersection: Literal["product", "semimetric"]
    smooth_nr: float
    smooth_dr: float
    empty: float


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How arrays are read: what the classes mean, where they stand, which of them count.

    Args:
        classes: "independent" (each class its own binary problem: sigmoid, binary cross-entropy, threshold) or
            "exclusive" (a voxel has one class: softmax, categorical cross-entropy, argmax).
        from_logits: y_pred holds logits rather than probabilities.
        data_format: "channels_last", "channels_first", or None for Keras' own setting: losses and metrics take that of
            the moment they are made, and keep it.
        include: the classes that count, by index; None for all. Softmax and argmax see all classes first.
        class_weights: w, one for each class that counts, in their order, or {class index: w} of all of them; the mean
            over classes is sum w l / sum w. None: equal.
        ignore_label: voxels whose truth has this value have weight 0. 0 and 1 are refused where the truth is masks,
            which hold nothing else: mark what they leave out by another number, such as 255.
        pool: "image" sums over each image, "batch" over the whole batch.

    Raises:
        ValueError: a setting is out of its range.
    """

    classes: Classes = "independent"
    from_logits: bool = False
    data_format: str | None = None
    include: tuple[int, ...] | None = None
    class_weights: tuple[float, ...] | None = None
    ignore_label: int | None = None
    pool: Pool = "image"

    def __post_init__(self) -> None:
        """Check every field; sequences (lists after JSON) and mappings become tuples."""
        choose("classes", self.classes, ("independent", "exclusive"))
        choose("data_format", self.data_format, (None, "channels_last", "channels_first"))
        choose("pool", self.pool, ("image", "batch"))
        object.__setattr__(self, "from_logits", flag("from_logits", self.from_logits))
        if self.include is not None:
            expected = "a sequence of different class indices from 0 on"
            include = several("include", self.include, expected, whole, lambda i: i >= 0)
            if len(set(include)) < len(include):
                raise ValueError(f"include={include}, expected {expected}.")
            object.__setattr__(self, "include", include)
        if self.class_weights is not None:
            object.__setattr__(self, "class_weights", _class_weights(self.class_weights, self.include))
        if self.ignore_label is not None:
            expected = "a whole number or None"
            object.__setattr__(self, "ignore_label", whole("ignore_label", self.ignore_label, expected))


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How the overlap of two sets is counted and scored.

    Args:
        norm: p >= 1; |prediction| and |truth| are sums of p-th powers. 1 is the paper's experiments, 2 is Eq. 12. Above
            2, and for Tversky above 1 + beta / alpha, take intersection="semimetric": of a sure truth a prediction of
            less than 1 can else score above 1.
        intersection: "product" is sum(y p), the paper's; "semimetric" is (|p| + |y| - |p - y|) / 2, which is right
            for fractional truths: only p = y then scores 1.
        smooth_nr: added to the numerator.
        smooth_dr: added to the denominator.
        empty: the score of two empty sets; NaN leaves them out of a metric, and is no value of a loss.

    Raises:
        ValueError: a setting is out of its range.
    """

    norm: float = 1.0
    intersection: str = "product"
    smooth_nr: float = 0.0
    smooth_dr: float = 0.0
    empty: float = 1.0

    def __post_init__(self) -> None:
        """Check every field."""
        choose("intersection", self.intersection, ("product", "semimetric"))
        ranges = {
            "norm": ("a number >= 1", lambda x: 1 <= x < math.inf),
            "smooth_nr": ("a number >= 0", lambda x: 0 <= x < math.inf),
            "smooth_dr": ("a number >= 0", lambda x: 0 <= x < math.inf),
            "empty": ("a number, or NaN for a metric to leave empty sets out", lambda x: not math.isinf(x)),
        }
        for name, (expected, allowed) in ranges.items():
            object.__setattr__(self, name, number(name, getattr(self, name), expected, allowed))


def from_keywords(form: type, owner: str, keywords: Mapping[str, Any], *, no_overlap: str = "") -> Any:
    """Build a :class:`Layout` or :class:`Overlap` from the keyword arguments of a public class or function.

    Args:
        form: the dataclass.
        owner: name of the class or function, for the error.
        keywords: the arguments.
        no_overlap: why the fields of :class:`Overlap` are none of them, for the error.

    Returns:
        The dataclass.

    Raises:
        TypeError: an argument that ``form`` does not have.
        ValueError: a setting is out of its range.
    """
    for name in keywords.keys() - {field.name for field in fields(form)}:
        reason = f": {no_overlap}" if no_overlap and name in Overlap.__dataclass_fields__ else ""
        raise TypeError(f"{owner}() got an unexpected keyword argument {name!r}{reason}")
    return form(**keywords)


def take_overlap(keywords: Mapping[str, Any]) -> tuple[dict[str, Any], Overlap]:
    """Take the fields of :class:`Overlap` out of the keyword arguments of a public class or function.

    Args:
        keywords: the arguments.

    Returns:
        The other arguments, and the overlap.

    Raises:
        ValueError: a setting is out of its range.

    Example:
        >>> take_overlap({"pool": "batch", "norm": 2})
        ({'pool': 'batch'}, Overlap(norm=2, intersection='product', smooth_nr=0.0, smooth_dr=0.0, empty=1.0))
    """
    own = {name: value for name, value in keywords.items() if name in Overlap.__dataclass_fields__}
    return {name: value for name, value in keywords.items() if name not in own}, Overlap(**own)


def _class_weights(weights: Any, include: tuple[int, ...] | None) -> tuple[float, ...]:
    """Return one weight for each class that counts, in their order."""
    if isinstance(weights, Mapping):
        classes = include or tuple(range(len(weights)))
        indices = all(isinstance(key, Integral) and not isinstance(key, bool) for key in weights)
        if not indices or set(weights) != set(classes):
            among = "from 0 on, none left out" if include is None else f"that count, those of include={include}"
            raise ValueError(
                f"class_weights={dict(weights)}, expected a weight for each of the class indices {among}; or a "
                "sequence of weights in their order."
            )
        weights = [weights[index] for index in classes]
    expected = "numbers >= 0, one of them > 0, one for each class that counts"
    found = several("class_weights", weights, expected, number, lambda w: 0 <= w < math.inf)
    if not any(found):
        raise ValueError(f"class_weights={found}, expected {expected}.")
    return tuple(map(float, found))
