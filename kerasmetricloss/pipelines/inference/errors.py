"""The error of a prediction: what came, what was expected, how to mend it."""


class PredictionError(ValueError):
    """A model and the images do not fit together, or the folder of predictions is not theirs; the message says why."""


class TiledWarning(UserWarning):
    """A network that looks at the whole image was given it in tiles, and so predicts otherwise."""
