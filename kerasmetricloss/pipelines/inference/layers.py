"""What the layers of a model tell: which input is the image, what is done to it, and how much the largest map holds."""

import itertools
import math
from collections.abc import Iterator, Sequence

import keras

from kerasmetricloss.models import ImageNetColours, InstanceNormalization
from kerasmetricloss.pipelines.inference.errors import PredictionError

_GLOBAL = (
    InstanceNormalization,
    keras.layers.GroupNormalization,
    keras.layers.Attention,
    keras.layers.GroupQueryAttention,
    keras.layers.MultiHeadAttention,
    *(
        getattr(keras.layers, f"{reach}{kind}Pooling{axes}D")
        for reach, kind, axes in itertools.product(("Global", "Adaptive"), ("Average", "Max"), (2, 3))
        if hasattr(keras.layers, f"{reach}{kind}Pooling{axes}D")  # Keras 3.12 has none that adapts
    ),
)
# A usual network, where the layers do not tell.
USUAL_VALUES = 64.0


def check_form(model: keras.Model) -> None:
    """Refuse a model that is no map from one image, or an image and its output mask, to one output of its axes.

    Raises:
        PredictionError: It has other inputs or outputs, other axes, or channels first.
    """
    # A Sequential that was never built, or a model that is a class of its own, has neither.
    inputs, outputs = (getattr(model, name, None) or [] for name in ("inputs", "outputs"))
    if not inputs or not outputs:
        raise PredictionError("the model does not tell its inputs; save a functional or Sequential model.")
    shapes, given = ([tuple(tensor.shape) for tensor in tensors] for tensors in (inputs, outputs))
    if len(inputs) > 2 or len(shapes[0]) not in (4, 5):
        raise PredictionError(f"the model has inputs {shapes}; expected one image, or an image and its output mask.")
    if len(outputs) > 1 or isinstance(getattr(model, "output", None), dict):
        names = "one by a name" if len(outputs) == 1 else f"{len(outputs)} outputs, {given}"
        raise PredictionError(f"the model gives {names}; expected one: keras.Model(model.inputs, model.outputs[0]).")
    first = [layer.name for layer in _flat(model) if getattr(layer, "data_format", None) == "channels_first"]
    if first:
        raise PredictionError(f"the layer {first[0]} takes channels first; images are given with channels last.")
    channels = [tensors[0].shape[-1] for tensors in (inputs, outputs)]
    if len(given[0]) != max(map(len, shapes)) or None in channels:
        raise PredictionError(
            f"the model maps {shapes} to {given[0]}; expected (batch, *space, channels) to (batch, *space, labels), "
            "with known numbers of channels and labels."
        )


def image_first(model: keras.Model) -> keras.Model:
    """Return a model whose inputs are in the order image, mask: as they are named, or by the mask's one channel.

    Raises:
        PredictionError: Neither of two inputs can be the mask.

    Example:
        >>> mask, image = keras.Input((None, None, 1), name="mask"), keras.Input((None, None, 3), name="image")
        >>> [tensor.name for tensor in image_first(keras.Model([mask, image], image * mask)).inputs]
        ['image', 'mask']
    """
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 2 or any(len(tensor.shape) < 2 for tensor in inputs):
        return model
    names, channels = ([f(tensor) for tensor in inputs] for f in (lambda t: t.name, lambda t: t.shape[-1]))
    named = {"image", "mask"} == set(names)
    swapped = names[0] == "mask" if named else channels[0] == 1 != channels[1]
    image, mask = inputs[::-1] if swapped else inputs
    if mask.shape[-1] not in (1, None):
        raise PredictionError(
            f"the model has inputs {names} of {channels} channels; expected an image and its output mask of 1 channel. "
            'Name them "image" and "mask" where both have 1.'
        )
    in_order = not swapped and isinstance(model.input, list | tuple)
    return model if in_order else keras.Model([image, mask], model.outputs, name=model.name)


def input_scale(model: keras.Model) -> float | None:
    """Return by what 8-bit colours are divided for a model that shifts or scales its input by fixed numbers itself.

    A layer ImageNetColours tells the value of a full channel; Rescaling and Normalization are given the image as it is.

    Returns:
        The number, or None where no layer before the first convolution does so.

    Example:
        >>> from kerasmetricloss.models import deeplab_vgg16
        >>> [input_scale(deeplab_vgg16(width=0.02, white=white)) for white in (255, 1, None)]
        [1.0, 255.0, None]
    """
    for layer in _flat(model):
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            return 1.0
        if isinstance(layer, ImageNetColours):
            return None if layer.white is None else 255 / layer.white
        if hasattr(layer, "kernel"):
            return None
    return None


def white_of(model: keras.Model) -> float | None:
    """The value of a full channel where a layer ImageNetColours takes the image, else None."""
    colours = [layer for layer in _flat(model) if isinstance(layer, ImageNetColours)]
    return colours[0].white if colours else None


def ends_in_softmax(model: keras.Model) -> bool:
    """Whether the last layer of a model makes its several outputs exclusive.

    Example:
        >>> image = keras.Input((None, None, 3))
        >>> heads = (keras.layers.Conv2D(n, 1, activation="softmax") for n in (1, 4))
        >>> [ends_in_softmax(keras.Model(image, head(image))) for head in heads]
        [False, True]
    """
    last = next(reversed(list(_flat(model))), None)
    softmax = isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax
    return softmax and model.outputs[0].shape[-1] > 1


def looks_at_all(model: keras.Model) -> bool:
    """Whether a layer takes statistics over the whole image, so that a tile is predicted otherwise than the whole.

    Example:
        >>> image = keras.Input((None, None, 3))
        >>> means = [keras.ops.mean(image, axis=axis, keepdims=True) for axis in ((1, 2), -1)]
        >>> [looks_at_all(keras.Model(image, image * mean)) for mean in means]
        [True, False]
    """
    return any(
        isinstance(one, _GLOBAL) or _normalises_space(one) or _shrinks_space_to_one(one) for one in _operations(model)
    )


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


def _normalises_space(layer: keras.Operation) -> bool:
    """Whether it is a layer normalisation over more than the channels."""
    if not isinstance(layer, keras.layers.LayerNormalization):
        return False
    rank, axes = len(layer.input.shape), layer.axis if isinstance(layer.axis, list | tuple) else (layer.axis,)
    return {axis % rank for axis in axes} != {rank - 1}


def _operations(model: keras.Model) -> Iterator[keras.Operation]:
    """Layers and functions of a model in their order, those of nested models too."""
    for operation in keras.Model(model.inputs, model.outputs).operations:  # a Sequential has none of its own
        inner = operation if isinstance(operation, keras.Model) else getattr(operation, "network", None)
        if isinstance(inner, keras.Model):
            yield from _operations(inner)
        else:
            yield operation


def _shrinks_space_to_one(operation: keras.Operation) -> bool:
    """Whether it makes one of any number of voxels along an axis, as a mean over space does."""
    for given, made in itertools.product(*map(keras.tree.flatten, _tensors(operation) or ((), ()))):
        image, result = tuple(given.shape), tuple(made.shape)
        if len(image) not in (4, 5) or result == image[:-1]:  # the latter has no channels any more, but its space
            continue
        if len(result) < len(image) or any(
            before is None and after == 1 for before, after in zip(image[1:-1], result[1:-1], strict=False)
        ):
            return True
    return False


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
