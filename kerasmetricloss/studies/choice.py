"""One step for several losses: which of them it trains with is a variable, so that it is traced and compiled once.

Tracing and optimising the step of a small network takes TensorFlow or XLA longer than training it. The network is by
far the larger part of a step, and all losses of a study share it.
"""

from collections.abc import Mapping

import keras
from keras import KerasTensor, ops


class Choice(keras.layers.Layer):
    """Passes its input on, and holds which loss is in use as one of the model's weights, where a compiled step sees it.

    Attributes:
        index: Integer weight that is not trained: the position of the loss.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, trainable=False, **kwargs)
        self.index = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="index")

    def call(self, inputs: KerasTensor) -> KerasTensor:
        """Return the inputs."""
        return inputs


class ChosenLoss(keras.losses.Loss):
    """The loss at the position that a `Choice` holds.

    Args:
        losses: Losses by the keys that `choose` takes; each returns one number, its own mean over the batch.
        choice: The layer of the compiled model that holds the position.

    Example:
        >>> import kerasmetricloss as kml
        >>> loss = ChosenLoss({"CE": kml.CrossEntropy(), "sDice": kml.SoftDice()}, choice := Choice())
        >>> loss.choose("sDice")
        >>> truth, found = [[[[1.0], [0.0]]]], [[[[0.5], [0.5]]]]
        >>> float(loss(truth, found)) == float(kml.SoftDice()(truth, found))
        True
    """

    def __init__(self, losses: Mapping[str, keras.losses.Loss], choice: Choice):
        super().__init__(name="chosen_loss")
        self.keys = tuple(losses)
        self._losses, self._choice = tuple(losses.values()), choice

    def choose(self, key: str) -> None:
        """Have the next step use this loss."""
        self._choice.index.assign(self.keys.index(key))

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the chosen loss, a scalar in the loss' own precision."""
        if len(self._losses) == 1:
            return self._losses[0](y_true, y_pred, sample_weight)
        weight = () if sample_weight is None else (ops.convert_to_tensor(sample_weight),)
        operands = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred), *weight
        return ops.switch(ops.convert_to_tensor(self._choice.index), self._losses, *operands)
