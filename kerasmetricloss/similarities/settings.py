"""The settings that every loss and metric shares, checked once. Nothing here imports Keras."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict

Classes = Literal["independent", "exclusive"]
Pool = Literal["image", "batch"]


class LayoutSettings(TypedDict, total=False):
    """The fields of :class:`Layout`, as keyword arguments."""

    classes: Classes
    from_logits: bool
    data_format: Literal["channels_last", "channels_first"] | None
    include: Sequence[int] | None
    class_weights: Sequence[float] | None
    ignore_label: int | None
    pool: Pool


class OverlapSettings(LayoutSettings, total=False):
    """The fields of :class:`Layout` and :class:`Overlap`, as keyword arguments."""

    norm: float
    intersection: Literal["product", "semimetric"]
    smooth_nr: float
    smooth_dr: float
    empty: float


def choose(name: str, value: object, choices: tuple) -> None:
    """Raise ValueError where ``value`` is none of the ``choices``."""
    if value not in choices:
        raise ValueError(f"{name}={value!r}, expected one of {', '.join(map(repr, choices))}.")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How arrays are read: what the classes mean, where they stand, which of them count.

    Args:
        classes: "independent" (each class its own binary problem: sigmoid, binary cross-entropy, threshold) or
            "exclusive" (a voxel has one class: softmax, categorical cross-entropy, argmax).
        from_logits: y_pred holds logits rather than probabilities.
        data_format: "channels_last", "channels_first" or None for Keras' own setting.
        include: the classes that count, by index; None for all. Softmax and argmax see all classes first.
        class_weights: w, one for each class that counts; the mean over classes is sum w l / sum w. None: equal.
        ignore_label: voxels whose truth has this value have weight 0.
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
        """Check every field; sequences (lists after JSON) become tuples."""
        choose("classes", self.classes, ("independent", "exclusive"))
        choose("data_format", self.data_format, (None, "channels_last", "channels_first"))
        choose("pool", self.pool, ("image", "batch"))
        if self.include is not None:
            object.__setattr__(self, "include", tuple(int(i) for i in self.include))
            if not self.include or min(self.include) < 0 or len(set(self.include)) < len(self.include):
                raise ValueError(f"include={self.include}, expected different class indices from 0 on.")
        if self.class_weights is not None:
            object.__setattr__(self, "class_weights", tuple(float(w) for w in self.class_weights))
            if not all(0 <= w < math.inf for w in self.class_weights) or not any(self.class_weights):
                raise ValueError(f"class_weights={self.class_weights}, expected numbers >= 0, one of them > 0.")
        if self.ignore_label is not None and not float(self.ignore_label).is_integer():
            raise ValueError(f"ignore_label={self.ignore_label}, expected a whole number or None.")


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How the overlap of two sets is counted and scored.

    Args:
        norm: p >= 1; |prediction| and |truth| are sums of p-th powers. 1 is the paper's experiments, 2 is Eq. 12. Above
            2 take intersection="semimetric": the product of a fraction with a sure truth is then more than its power,
            and a prediction of less than 1 can score above 1.
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
        if not 1 <= self.norm < math.inf:
            raise ValueError(f"norm={self.norm}, expected a number >= 1.")
        if not all(0 <= smooth < math.inf for smooth in (self.smooth_nr, self.smooth_dr)):
            raise ValueError(f"smooth_nr={self.smooth_nr}, smooth_dr={self.smooth_dr}, expected numbers >= 0.")
        if math.isinf(self.empty):
            raise ValueError(f"empty={self.empty}, expected a number, or NaN for a metric to leave empty sets out.")


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
