"""Sizes that a network takes: told when it is built, checked when it is called, also inside a TensorFlow graph."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

PACKAGE = "kerasmetricloss"


@keras.saving.register_keras_serializable(package=PACKAGE)
class CheckSize(keras.layers.Layer):
    """Pass an image on unchanged; raise where a size is not offset + multiple * k, k >= 1.

    The check stands inside the model, so that it also answers for models built with unknown sizes. Where a TensorFlow
    graph learns a size only when it runs, the check is an assertion of the graph; XLA (`jit_compile=True`) drops
    assertions, so that such a graph fails in the layer that does not fit, or crops differently, without these words.

    Args:
        multiple: A whole number >= 1, or one number an axis.
        offset: A whole number >= 0, or one number an axis.
        reason: What in the network asks for these sizes, for the error.
        **options: As for any Keras layer.

    Raises:
        ValueError: On the call, naming the two nearest sizes that fit.

    Example:
        >>> import numpy as np
        >>> CheckSize(multiple=9)(np.zeros((1, 18, 27, 1))).shape == (1, 18, 27, 1)
        True
    """

    def __init__(
        self,
        *,
        multiple: int | tuple[int, ...],
        offset: int | tuple[int, ...] = 0,
        reason: str = "the network's pooling",
        **options,
    ):
        super().__init__(**options)
        self.multiple = whole_numbers("multiple", multiple, at_least=1)
        self.offset = whole_numbers("offset", offset, at_least=0)
        self.reason = reason

    def call(self, x):
        """Check the sizes that are known; in a TensorFlow graph also those that are known only when it runs."""
        size = x.shape[1:-1]
        if not all(n is None or isinstance(n, int) for n in size):
            raise ValueError(
                f"the sizes {tuple(map(str, size))} are symbols, as where JAX exports a model of open sizes, which the "
                "networks do not support there: build the network with input_size=."
            )
        multiples, offsets = (per_axis(value, len(size), "a size") for value in (self.multiple, self.offset))
        check_multiples(size, multiples, offsets, reason=self.reason)
        if None not in size or not _in_graph(x):
            return x
        rules = zip(ops.shape(x)[1:-1], multiples, offsets, strict=True)
        for axis, (n, multiple, offset) in enumerate(rules):
            if size[axis] is None:
                fits = ops.logical_and((n - offset) % multiple == 0, n >= offset + multiple)
                below = ops.maximum(n - offset, multiple) // multiple * multiple + offset
                x = _behind(x, fits, _misfit(axis, n, multiple, offset, self.reason, below))
        return x

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        settings = {"multiple": self.multiple, "offset": self.offset, "reason": self.reason}
        return {**super().get_config(), **settings}


def check_multiples(
    size: tuple[int | None, ...],
    multiples: tuple[int, ...],
    offsets: tuple[int, ...] | None = None,
    *,
    reason: str = "the network's pooling",
) -> None:
    """Raise a ValueError where a known size is not offset + multiple * k, k >= 1; name the two nearest that fit."""
    for axis, (n, multiple, offset) in enumerate(zip(size, multiples, offsets or (0,) * len(size), strict=True)):
        if n is not None and ((n - offset) % multiple or n < offset + multiple):
            below = max(n - offset, multiple) // multiple * multiple + offset
            raise ValueError(" ".join(map(str, _misfit(axis, n, multiple, offset, reason, below))))


def _misfit(axis: int, n: Any, multiple: int, offset: int, reason: str, below: Any) -> list:
    """The words of the complaint; sizes among them may be tensors."""
    needed = f"{offset} + a multiple of {multiple}" if offset else f"a multiple of {multiple}"
    words = [f"axis {axis} of the image has", n, f"voxels, but {reason} needs {needed}: the nearest that fit are"]
    return [*words, below, "and", below + multiple, "(crop, or fill with zeros)."]


@keras.saving.register_keras_serializable(package=PACKAGE)
class ApplyMask(keras.layers.Layer):
    """Multiply probabilities by a binary output mask, in float32.

    Args:
        **options: As for any Keras layer; `dtype` is float32 unless given.

    Call: [probability (batch, *space, outputs), mask (batch, *space, 1)] gives (batch, *space, outputs).

    In a TensorFlow graph that learns sizes only when it runs this is an assertion of the graph. XLA
    (`jit_compile=True`) drops it: a mask of one voxel an axis is then stretched over the output without a word.

    Raises:
        ValueError: On the call, where the mask does not lie on the output box.

    Example:
        >>> import numpy as np
        >>> p, mask = np.full((1, 2, 2), 0.5, "float32"), np.array([[[1.0], [0.0]]], "float32")
        >>> [[float(v) for v in row] for row in ApplyMask()([p, mask])[0]]
        [[0.5, 0.5], [0.0, 0.0]]
    """

    def __init__(self, **options):
        super().__init__(**{"dtype": "float32", **options})

    def call(self, inputs):
        """Multiply."""
        probability, mask = inputs
        for out, given in zip(probability.shape[1:-1], mask.shape[1:-1], strict=True):
            if None not in (out, given) and out != given:
                raise ValueError(
                    f"the mask has size {tuple(mask.shape[1:-1])}, but the output has size "
                    f"{tuple(probability.shape[1:-1])}: the mask lies on the output box; crop it to that, centred."
                )
        if _in_graph(probability) or _in_graph(mask):
            sizes = zip(ops.shape(probability)[1:-1], ops.shape(mask)[1:-1], strict=True)
            for axis, (out, given) in enumerate(sizes):
                if None in (probability.shape[axis + 1], mask.shape[axis + 1]):
                    words = [f"axis {axis} of the mask has", given, "voxels, but that of the output has", out]
                    mask = _behind(mask, out == given, [*words, ": the mask lies on the output box; crop it to that."])
        return probability * mask

    def compute_output_shape(self, input_shape):
        """Return the shape of the probabilities."""
        return tuple(input_shape[0])


def whole_numbers(name: str, value: int | Sequence[int], *, at_least: int) -> int | tuple[int, ...]:
    """Return one whole number, or a tuple of one an axis; raise a ValueError where one is another or too small."""
    values = (value,) if np.ndim(value) == 0 else tuple(value)
    if not values or not all(isinstance(n, Integral) and not isinstance(n, bool) and n >= at_least for n in values):
        raise ValueError(f"{name} is {value!r}; it is a whole number of at least {at_least}, or one number an axis.")
    return int(value) if np.ndim(value) == 0 else tuple(map(int, values))


def per_axis(value: int | Sequence[int], dimension: int, name: str) -> tuple[int, ...]:
    """Return one whole number an axis; raise a ValueError where their count is not the dimension."""
    values = (value,) * dimension if np.ndim(value) == 0 else tuple(value)
    if len(values) != dimension or not all(isinstance(n, Integral) for n in values):
        raise ValueError(f"{name} is {value}, but {dimension} axes need one whole number, or {dimension} of them.")
    return tuple(map(int, values))


def input_box(value: int | Sequence[int | None] | None, dimension: int) -> tuple[int | None, ...]:
    """Return the voxels an axis of an image; None leaves an axis open, or all, and one number stands for every axis."""
    values = (value,) * dimension if value is None or np.ndim(value) == 0 else tuple(value)
    if len(values) != dimension or not all(n is None or isinstance(n, Integral) for n in values):
        raise ValueError(
            f"input_size is {value!r}, but {dimension} axes need one whole number, or {dimension} of them, None for "
            "each that is left open."
        )
    return tuple(n if n is None else int(n) for n in values)


def check_counts(**counts: Any) -> None:
    """Raise a ValueError where a setting is no whole number of at least 1."""
    for name, given in counts.items():
        if not isinstance(given, Integral) or isinstance(given, bool) or given < 1:
            raise ValueError(f"{name} is {given!r}; it must be a whole number of at least 1.")


def _in_graph(x: Any) -> bool:
    """Whether x stands in a TensorFlow graph, where a size can be unknown until the graph runs."""
    return keras.backend.backend() == "tensorflow" and not isinstance(x, keras.KerasTensor) and None in x.shape[1:-1]


def _behind(x: Any, condition: Any, words: list) -> Any:
    """Return x behind an assertion of the graph. XLA leaves assertions out."""
    import tensorflow as tf

    with tf.control_dependencies([tf.debugging.Assert(condition, words)]):
        return tf.identity(x)
