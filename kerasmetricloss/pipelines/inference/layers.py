"""What the layers of a model tell: whether it normalises its input, looks at the whole image, and how much it holds."""

import math
from collections.abc import Iterator, Sequence

import keras

from kerasmetricloss.models import ImageNetColours, InstanceNormalization

_GLOBAL = (
    InstanceNormalization,
    keras.layers.GroupNormalization,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)
# A usual network, where the layers do not tell.
USUAL_VALUES = 64.0


def normalises_input(model: keras.Model) -> bool:
    """Whether a layer before the first convolution shifts or scales the image by fixed numbers.

    Example:
        >>> from kerasmetricloss.models import deeplab_vgg16
        >>> [normalises_input(deeplab_vgg16(width=0.02, white=white)) for white in (255, None)]
        [True, False]
    """
    for layer in _flat(model):
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            return True
        if isinstance(layer, ImageNetColours):
            return layer.white is not None
        if hasattr(layer, "kernel"):
            return False
    return False


def looks_at_all(model: keras.Model) -> bool:
    """Whether a layer takes statistics over the whole image, so that a tile is predicted otherwise than the whole."""
    return any(isinstance(layer, _GLOBAL) for layer in _flat(model))


def values_a_voxel(model: keras.Model, size: Sequence[int], output: Sequence[int]) -> float:
    """Return the values that the largest map of a model holds for a voxel of its input.

    Args:
        model: With the input image, or the inputs [image, mask].
        size: An input that fits.
        output: Its output, on which the mask lies.

    Example:
        >>> image = keras.Input((None, None, 3))
        >>> x = keras.layers.Conv2D(8, 3, padding="same")(image)
        >>> model = keras.Model(image, keras.layers.Conv2D(1, 1)(keras.layers.MaxPooling2D(2)(x)))
        >>> values_a_voxel(model, (4, 6), (2, 3))
        8.0
    """
    given = [(1, *space, *tensor.shape[-1:]) for space, tensor in zip((size, output), model.inputs, strict=False)]
    try:
        return _largest(model, given) / math.prod(size)
    except Exception:  # layers of one's own refuse shapes with any error
        return USUAL_VALUES


def _flat(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers in their order, those of nested models too."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flat(layer)
        elif isinstance(getattr(layer, "network", None), keras.Model):  # a segment of a checkpointed twin
            yield from _flat(layer.network)
        else:
            yield layer


def _largest(model: keras.Model, given: Sequence[tuple]) -> int:
    """Values of the largest tensor that a model makes of inputs of these shapes."""
    operations = keras.Model(model.inputs, model.outputs).operations  # a Sequential has none of its own
    flat = [keras.tree.flatten(tensors) for operation in operations for tensors in _tensors(operation)]
    tensors = list({id(tensor): tensor for one in flat for tensor in one}.values())
    shapes = keras.Model(model.inputs, tensors).compute_output_shape(given if len(given) > 1 else given[0])
    shape_of = {id(tensor): tuple(shape) for tensor, shape in zip(tensors, shapes, strict=True)}
    found = max(math.prod(shape[1:]) for shape in shape_of.values() if None not in shape)
    for operation in operations:
        inner = operation if isinstance(operation, keras.Model) else getattr(operation, "network", None)
        if isinstance(inner, keras.Model):
            entering = [shape_of[id(tensor)] for tensor in keras.tree.flatten(operation.input)]
            found = max(found, _largest(inner, entering))
    return found


def _tensors(operation: keras.Operation) -> tuple:
    try:
        return operation.input, operation.output
    except (AttributeError, ValueError):  # used several times, or never
        return ()
