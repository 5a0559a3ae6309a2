"""From what the user passes to one canonical form: truth, prediction and weights that broadcast together."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from kerasmetricloss.similarities.settings import Layout
from kerasmetricloss.similarities.values import as_array, check_truth, check_weight


class Batch(NamedTuple):
    """What losses and metrics compute on. Channels stay where they are.

    Args:
        truth: float, shape (batch, *space, classes) or (batch, classes, *space), values in [0, 1].
        prediction: float, the same shape.
        weight: None, or a weight a voxel of the same rank that broadcasts to them; 0 for ignored voxels.
        image_weight: None, or shape (batch,): scales the value of an image.
        class_axis: where the classes stand.
        space_axes: the other axes but the batch.
    """

    truth: Any
    prediction: Any
    weight: Any
    image_weight: Any
    class_axis: int
    space_axes: tuple[int, ...]


def probabilities(y_pred: Any, class_axis: int, layout: Layout) -> Any:
    """Return y_pred as probabilities: sigmoid or softmax where it holds logits, else as it is.

    Args:
        y_pred: tensor, (batch, *space, classes) or (batch, classes, *space).
        class_axis: where the classes stand.
        layout: its ``classes`` and ``from_logits`` are read.

    Returns:
        Probabilities of the shape of ``y_pred``.

    Example:
        >>> logits = ops.convert_to_tensor([[[0.0, 1.0986123]]])  # log 1 and log 3
        >>> found = probabilities(logits, 2, Layout(classes="exclusive", from_logits=True))
        >>> [round(float(p), 3) for p in found[0, 0]]
        [0.25, 0.75]
    """
    if not layout.from_logits:
        return y_pred
    return ops.softmax(y_pred, axis=class_axis) if layout.classes == "exclusive" else ops.sigmoid(y_pred)


def decisions(y_pred: Any, class_axis: int, layout: Layout) -> Any:
    """Return y_pred as hard masks of 0 and 1: probability > 0.5 (strict), or the class of the largest value.

    Of exclusive classes of one value the first is chosen.

    Args:
        y_pred: tensor, (batch, *space, classes) or (batch, classes, *space): probabilities, or logits with
            ``layout.from_logits``.
        class_axis: where the classes stand.
        layout: its ``classes`` and ``from_logits`` are read.

    Returns:
        Masks of the shape and dtype of ``y_pred``.

    Example:
        >>> y_pred = ops.convert_to_tensor([[[0.5, 0.7, 0.8]]])
        >>> [int(s) for s in decisions(y_pred, 2, Layout())[0, 0]]
        [0, 1, 1]
        >>> [int(s) for s in decisions(y_pred, 2, Layout(classes="exclusive"))[0, 0]]
        [0, 0, 1]
    """
    if layout.classes == "exclusive":
        classes = _along(ops.arange(y_pred.shape[class_axis]), class_axis, len(y_pred.shape))
        largest = ops.expand_dims(ops.argmax(y_pred, axis=class_axis), class_axis)
        return ops.cast(ops.equal(largest, ops.cast(classes, largest.dtype)), y_pred.dtype)
    return ops.cast(y_pred > (0.0 if layout.from_logits else 0.5), y_pred.dtype)


def read(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    layout: Layout,
    activation: Callable[[Any, int, Layout], Any] = probabilities,
    mask: Any = None,
) -> Batch:
    """Check and align a batch.

    Args:
        y_true: (batch, *space, classes) in [0, 1], or a label map of integers, (batch, *space) or (batch, *space, 1).
            With a single class a label map is the mask of that class. Values of NumPy arrays and lists are checked:
            masks hold 0, 1 and ``ignore_label`` (those of floats anything between 0 and 1), label maps of exclusive
            classes 0 to classes - 1 and it. (Of independent classes, other numbers are of none.) Tensors are not.
        y_pred: (batch, *space, classes), probabilities, or logits with ``layout.from_logits``.
        sample_weight: None; (batch,) an image; (batch, *space) or (batch, *space, 1) a voxel; or one a voxel and class.
            Those of NumPy arrays and lists are checked to be at least 0.
        layout: how to read them. With channels first the class axis is the second everywhere.
        activation: maps (y_pred, class axis, layout) to what is compared with the truth, before ``include``.
        mask: None, or what :func:`keras_mask` gives: (batch, *space), the first axes of it, or with a class axis too.
            Voxels where it is False have weight 0.

    Returns:
        The batch in float32, or in float64 where y_pred is float64.

    Raises:
        ValueError: shapes that do not fit, masks such as those of 0 and 255, or weights below 0, all of them named.
    """
    given, sample_weight = map(as_array, (y_true, sample_weight))
    y_pred, y_true = _float(y_pred), ops.convert_to_tensor(given if isinstance(y_true, np.ndarray) else y_true)
    rank = len(y_pred.shape)
    if rank < 2:
        raise ValueError(f"y_pred has shape {_text(y_pred)}, expected (batch, *space, classes).")
    first = (layout.data_format or keras.config.image_data_format()) == "channels_first"
    axis = 1 if first else rank - 1
    space = tuple(a for a in range(1, rank) if a != axis)
    _check_classes(y_pred, axis, layout)
    truth, known = _truth(y_true, y_pred, axis, layout)
    if isinstance(given, np.ndarray):
        label_map = y_pred.shape[axis] > 1 and not _fits(given.shape, tuple(y_pred.shape))
        check_truth(given, y_pred.shape[axis], layout, label_map=label_map)
    if isinstance(sample_weight, np.ndarray):
        check_weight(sample_weight)
    weight, image_weight = _weights(sample_weight, y_pred, axis)
    kept = None if mask is None else _mask_weight(mask, y_pred, axis)
    for factor in (known, kept):
        if factor is not None:
            weight = factor if weight is None else weight * factor
    if layout.pool == "batch" and image_weight is not None:
        # There is no value an image to scale: the image's weight enters the sums.
        as_voxels = ops.reshape(image_weight, (-1,) + (1,) * (rank - 1))
        weight, image_weight = (as_voxels if weight is None else weight * as_voxels), None
    prediction = activation(y_pred, axis, layout)
    if layout.include is not None:
        truth, prediction = (_select(x, layout.include, axis) for x in (truth, prediction))
        weight = weight if weight is None or weight.shape[axis] == 1 else _select(weight, layout.include, axis)
    return Batch(truth, prediction, weight, image_weight, axis, space)


def keras_mask(y_pred: Any) -> Any:
    """Return the implicit mask that Keras layers such as ``Masking`` hang on a tensor, or None.

    Converting or casting the tensor loses it.
    """
    # Keras has no public name for it; under JAX the tensor itself does not hold it.
    find = getattr(keras.src.backend, "get_keras_mask", lambda tensor: getattr(tensor, "_keras_mask", None))
    return find(y_pred)


def _float(x: Any) -> Any:
    x = ops.convert_to_tensor(x)
    return x if keras.backend.standardize_dtype(x.dtype) in ("float32", "float64") else ops.cast(x, "float32")


def _text(x: Any) -> str:
    return str(tuple(x.shape))


def _along(vector: Any, axis: int, rank: int) -> Any:
    return ops.reshape(vector, tuple(-1 if a == axis else 1 for a in range(rank)))


def _select(x: Any, include: tuple[int, ...], axis: int) -> Any:
    first, last = include[0], include[-1]
    if include == tuple(range(first, last + 1)):
        return x[(slice(None),) * axis + (slice(first, last + 1),)]
    return ops.take(x, list(include), axis=axis)


def _fits(shape: tuple, expected: tuple) -> bool:
    return len(shape) == len(expected) and all(a == b or None in (a, b) for a, b in zip(shape, expected, strict=True))


def _voxels(shape: tuple, without: tuple) -> bool:
    """Whether weights of shape (batch, 1) can be one a voxel; of an unknown number of voxels they are one an image."""
    return _fits(shape, without) and without[1] is not None


def _check_classes(y_pred: Any, axis: int, layout: Layout) -> None:
    classes = y_pred.shape[axis]
    if classes is None:
        raise ValueError(f"y_pred has shape {_text(y_pred)}: the number of classes (axis {axis}) must be known.")
    if layout.classes == "exclusive" and classes < 2:
        raise ValueError(
            f"y_pred has shape {_text(y_pred)}, one class on axis {axis}: exclusive classes are two or more. "
            "For one foreground class use classes='independent'."
        )
    if layout.include is not None and max(layout.include) >= classes:
        raise ValueError(f"include={layout.include}, but y_pred has shape {_text(y_pred)}: {classes} classes.")


def _truth(y_true: Any, y_pred: Any, axis: int, layout: Layout) -> tuple[Any, Any]:
    """Return the truth as float and None, or 1 where it is known and 0 where it is to be ignored."""
    shape, expected = _known_rank(y_true, "y_true"), tuple(y_pred.shape)
    without, single = _of_labels(expected, axis)
    dense = _fits(shape, expected)
    if not dense and not _fits(shape, without) and not _fits(shape, single):
        raise ValueError(
            f"y_pred has shape {_text(y_pred)} but y_true has {_text(y_true)}: expected y_true of shape {expected}, or "
            f"a label map of shape {without} or {single}. y_pred needs a class axis (axis {axis}); where there is one "
            "class only, add it with y_pred[..., None]."
        )
    if len(shape) < len(expected):
        y_true = ops.expand_dims(y_true, axis)
    label_map = not dense and expected[axis] > 1
    if layout.ignore_label in (0, 1) and not label_map:
        _refuse_to_ignore(shape, expected, axis, layout)
    # Inside a TensorFlow graph that was traced for both forms, only the run shows which it is.
    either = dense and expected[axis] > 1 and shape[axis] is None
    if label_map or either or layout.ignore_label is not None:
        y_true = _wide(y_true)
    known = None
    if layout.ignore_label is not None:
        known = ops.cast(ops.not_equal(y_true, ops.cast(layout.ignore_label, y_true.dtype)), y_pred.dtype)
        if layout.classes == "exclusive" and dense:
            known = ops.min(known, axis=axis, keepdims=True)
    truth = ops.cast(y_true, y_pred.dtype)
    if known is not None and not label_map:
        # Its number is no mask: a power of -1 is not a number, and times a weight of 0 neither.
        truth = ops.where(known > 0, truth, ops.zeros_like(truth))
    if not label_map and not either:
        return truth, known
    labels = _along(ops.cast(ops.arange(expected[axis]), y_true.dtype), axis, len(expected))
    masks = ops.cast(ops.equal(y_true, labels), y_pred.dtype)
    return (ops.where(ops.equal(ops.shape(y_true)[axis], expected[axis]), truth, masks) if either else masks), known


def _refuse_to_ignore(shape: tuple, expected: tuple, axis: int, layout: Layout) -> None:
    """Raise for masks of which one side is to be ignored: all that is left has one truth."""
    came = f"ignore_label={layout.ignore_label}, but y_true of shape {shape} holds masks of 0 and 1"
    if expected[axis] == 1:
        mend = "Mark the voxels to ignore by another number, such as 255, or leave them out by sample_weight."
    else:
        maps, _ = _of_labels(expected, axis)
        mend = f"To ignore a class give a label map, of shape {maps}; to ignore voxels another number, such as 255."
    if layout.classes == "exclusive":
        raise ValueError(f"{came}, and every voxel has both: all would be ignored. {mend}")
    raise ValueError(f"{came}: without one of them any prediction of the other is perfect. {mend}")


def _of_labels(expected: tuple, axis: int) -> tuple[tuple, tuple]:
    """Return the shapes that a label map may have: without a class axis, and with one of length 1."""
    return expected[:axis] + expected[axis + 1 :], (*expected[:axis], 1, *expected[axis + 1 :])


def _known_rank(array: Any, name: str) -> tuple:
    try:
        return tuple(array.shape)
    except ValueError as error:  # TensorFlow: a shape of unknown rank
        raise ValueError(
            f"{name} has a shape of unknown rank, as from tf.numpy_function, or where a compiled step was given some "
            "of (batch, *space) and some of (batch, *space, 1). Give all one rank, or tell it with tf.ensure_shape."
        ) from error


def _mask_weight(mask: Any, y_pred: Any, axis: int) -> Any:
    """Return an implicit mask as a weight a voxel that broadcasts to y_pred."""
    shape, expected = tuple(mask.shape), tuple(y_pred.shape)
    without, single = _of_labels(expected, axis)
    mask = ops.cast(mask, y_pred.dtype)
    if _fits(shape, expected) or _fits(shape, single):
        return mask
    if not _fits(shape, without[: len(shape)]):
        raise ValueError(
            f"y_pred has shape {expected} and carries a Keras mask of shape {shape}: expected {without}, its first "
            "axes, or a class axis too. Remove the mask, or give sample_weight instead."
        )
    for _ in range(len(without) - len(shape)):
        mask = ops.expand_dims(mask, -1)
    return ops.expand_dims(mask, axis)


def _wide(labels: Any) -> Any:
    """Return booleans, small and unsigned integers as int32, which holds every label: 255 is True, -1 no uint8."""
    small = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "uint64")
    return ops.cast(labels, "int32") if keras.backend.standardize_dtype(labels.dtype) in small else labels


def _weights(sample_weight: Any, y_pred: Any, axis: int) -> tuple[Any, Any]:
    """Return (weight a voxel or None, weight an image or None)."""
    if sample_weight is None:
        return None, None
    weight = ops.cast(ops.convert_to_tensor(sample_weight), y_pred.dtype)
    shape, expected = _known_rank(weight, "sample_weight"), tuple(y_pred.shape)
    without, single = _of_labels(expected, axis)
    if _fits(shape, expected[:1]) or (_fits(shape, (expected[0], 1)) and not _voxels(shape, without)):
        return None, ops.reshape(weight, (-1,))
    if _fits(shape, without) and len(expected) > 2:
        return ops.expand_dims(weight, axis), None
    if _fits(shape, single) or _fits(shape, expected):
        return weight, None
    raise ValueError(
        f"sample_weight has shape {shape} but y_pred has {expected}: expected {expected[:1]} for a weight an image, "
        f"{without} or {single} for a weight a voxel, or {expected}."
    )
