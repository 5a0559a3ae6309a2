"""Gradient checkpointing: a twin of a network that keeps few maps in memory and computes the others twice."""

from collections import Counter
from collections.abc import Container

import keras

from kerasmetricloss.models.sizes import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Segment(keras.layers.Layer):
    """Run a functional model and keep nothing of it but inputs and outputs; the gradient runs it again.

    Args:
        network: The functional model, without state of its own (no dropout, no batch statistics).
        **options: As for any Keras layer.

    Call: what `network` takes gives what it returns.
    """

    def __init__(self, network: keras.Model, **options):
        super().__init__(**options)
        self.network = network

    def build(self, input_shape):
        """Nothing to build: the network is."""

    def call(self, inputs):
        """Run the network."""
        # A new function each time: JAX keeps the trace of a known one, with the weights of that time as constants.
        return keras.remat(lambda x: self.network(x))(inputs)

    def compute_output_spec(self, inputs):
        """Return what the network returns."""
        return self.network.compute_output_spec(inputs)

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config):
        """Rebuild the layer and its network."""
        return cls(keras.saving.deserialize_keras_object(config.pop("network")), **config)


def checkpointed(model: keras.Model, *, every: int = 1) -> keras.Model:
    """Return a twin that trains the same weights in less memory and more time.

    The twin keeps the results of every so many convolutions for the gradient, and computes what lies between
    (normalisations, activations, the other convolutions) a second time. Training the twin trains the model: weights
    are shared, not copied. Compile and fit the twin; save the model. Outputs and gradients are the same.

    Args:
        model: A functional model as `unet` and `deeplab_vgg16` build it.
        every: Convolutions between two results that are kept. More keeps less, but what is computed again at once
            grows: in networks whose first level is the largest by far, 1 has the lowest peak.

    Returns:
        A functional model with the inputs, outputs and weights of `model`.

    Raises:
        ValueError: The model is no functional one in which each layer is called once; or it has a layer with batch
            statistics: what such a layer records would be recorded twice.

    Example:
        >>> import numpy as np
        >>> from kerasmetricloss import models
        >>> network = models.unet(dimension=2, input_channels=1, filters=2, levels=2, mask=False)
        >>> twin, image = checkpointed(network), np.ones((1, 9, 12, 1))
        >>> bool(np.allclose(twin(image), network(image)))
        True

    Source: Chen et al., "Training deep nets with sublinear memory cost", 2016, arXiv 1604.06174.
    """
    made_by = _made_by(model)
    twin, outputs = {id(tensor): tensor for tensor in model.inputs}, {id(tensor) for tensor in model.outputs}
    for number, target in enumerate(_kept(model, made_by, every)):
        sources, _ = _way(target, made_by, twin)
        layer = made_by[id(target)]
        if _is_random(layer):
            result = layer(keras.tree.map_structure(lambda source: twin[id(source)], layer.input))
        else:
            network = _network(sources, target, made_by, name=f"network{number}")
            given = [twin[id(source)] for source in sources]
            # an output keeps its name, by which Keras finds its loss
            name = layer.name if id(target) in outputs else f"segment{number}"
            result = Segment(network, name=name)(given if len(given) > 1 else given[0])
        twin[id(target)] = result
    outputs = [twin[id(tensor)] for tensor in model.outputs]
    return keras.Model(model.input, outputs if len(outputs) > 1 else outputs[0], name=model.name)


def _made_by(model: keras.Model) -> dict[int, keras.layers.Layer]:
    """The layer behind each tensor of a functional model, in the order in which they are computed."""
    layers = getattr(model, "layers", [])
    for layer in getattr(model, "_flatten_layers", list)():
        if isinstance(layer, keras.layers.BatchNormalization):
            raise ValueError(
                f"layer {layer.name} keeps batch statistics, which a second computation would record twice: "
                "checkpointed takes networks without batch normalisation (unet, deeplab_vgg16)."
            )
    try:
        made_by = {id(layer.output): layer for layer in layers}
        used = [*model.outputs, *(tensor for layer in layers for tensor in _inputs(layer))]
        known = bool(layers) and all(id(tensor) in made_by for tensor in used)
    except AttributeError:  # a layer called twice has no one output
        known = False
    if not known or isinstance(model, keras.Sequential):
        raise ValueError(
            f"{model.name} is no functional model of layers that are each called once: checkpointed takes such as unet "
            "and deeplab_vgg16 build."
        )
    return made_by


def _kept(model: keras.Model, made_by: dict, every: int) -> list:
    """Results that stay in memory, in order: every so many convolutions, both ends of what is random, the outputs.

    Also any tensor from which two of them are computed: else its layer would be stored twice, once for each segment.
    """
    if every < 1:
        raise ValueError(f"every is {every}; it is a number of convolutions, at least 1.")
    kept, convolutions = {id(tensor) for tensor in model.outputs}, 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if _is_random(layer):
            kept |= {id(tensor) for tensor in (*_inputs(layer), layer.output)}
        elif hasattr(layer, "kernel"):
            convolutions += 1
            kept |= {id(layer.output)} if convolutions % every == 0 else set()
    given = {id(tensor) for tensor in model.inputs}
    order = [layer.output for layer in made_by.values() if id(layer.output) not in given]
    while True:
        known = kept | given
        uses = Counter(place for tensor in order if id(tensor) in kept for place in _way(tensor, made_by, known)[1])
        shared = [tensor for tensor in order if uses[id(tensor)] > 1]
        if not shared:
            return [tensor for tensor in order if id(tensor) in kept]
        kept.add(id(shared[-1]))


def _way(target, made_by: dict, known: Container[int]) -> tuple[list, set[int]]:
    """The nearest known tensors that a target is computed from, and those between, the target left out."""
    sources, between, open_tensors, met = [], set(), _inputs(made_by[id(target)]), set()
    while open_tensors:
        tensor = open_tensors.pop(0)
        if id(tensor) in met:
            continue
        met.add(id(tensor))
        if id(tensor) in known:
            sources.append(tensor)
        else:
            between.add(id(tensor))
            open_tensors += _inputs(made_by[id(tensor)])
    return sources, between


def _network(sources: list, target, made_by: dict, *, name: str) -> keras.Model:
    """The layers between sources and target, called on inputs of their own.

    A model around the tensors themselves would hang its nodes on an input of the whole network that is a source, such
    as the mask, and Keras could save neither.
    """
    made = {id(source): keras.Input(batch_shape=source.shape, dtype=source.dtype) for source in sources}
    inputs = list(made.values())

    def computed(tensor):
        if id(tensor) not in made:
            layer = made_by[id(tensor)]
            made[id(tensor)] = layer(keras.tree.map_structure(computed, layer.input))
        return made[id(tensor)]

    return keras.Model(inputs if len(inputs) > 1 else inputs[0], computed(target), name=name)


def _inputs(layer: keras.layers.Layer) -> list:
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]


def _is_random(layer: keras.layers.Layer) -> bool:
    """Whether a second computation would draw other numbers."""
    # The state of a seed is a variable, and no weight.
    return len(layer.variables) > len(layer.weights)
