"""The settings that every loss and metric shares, checked once. Nothing here imports Keras."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

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
            if not self.class_weights or min(self.class_weights) < 0 or sum(self.class_weights) <= 0:
                raise ValueError(f"class_weights={self.class_weights}, expected numbers >= 0, one of them > 0.")


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How the overlap of two sets is counted and scored.

    Args:
        norm: p >= 1; |prediction| and |truth| are sums of p-th powers. 1 is the paper's experiments, 2 is Eq. 12.
        intersection: "product" is sum(y p), the paper's; "semimetric" is (|p| + |y| - |p - y|) / 2, which is right
            for fractional truths: only p = y then scores 1.
        smooth_nr: added to the numerator.
        smooth_dr: added to the denominator.
        empty: the score of two empty sets.

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
        if self.norm < 1:
            raise ValueError(f"norm={self.norm}, expected a number >= 1.")
        if self.smooth_nr < 0 or self.smooth_dr < 0:
            raise ValueError(f"smooth_nr={self.smooth_nr}, smooth_dr={self.smooth_dr}, expected numbers >= 0.")
