"""A model file and what it was trained on, from a study or from the authors."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import keras

from kerasmetricloss.datasets import CATALOG
from kerasmetricloss.models import released
from kerasmetricloss.pipelines.inference.errors import PredictionError
from kerasmetricloss.pipelines.inference.layers import check_form, image_first
from kerasmetricloss.pipelines.inference.trained_on import TrainedOn, read_trained_on

RELEASED = (".hdf5", ".h5")


def load_model(
    path: Path | str, *, otherwise: Callable[[keras.Model], TrainedOn] | None = None
) -> tuple[keras.Model, TrainedOn]:
    """Load a model of a study (`.keras`), or the authors' weights (`.hdf5`).

    Args:
        path: The file.
        otherwise: Describes a `.keras` model whose file does not say what it was trained on, such as `described`; None
            refuses it.

    Returns:
        The model, not compiled, its inputs in the order image, mask, and what it was trained on.

    Raises:
        PredictionError: The file is missing or broken, does not say how its images were prepared, or does not fit it.
        ReleasedWeightsError: The weights are none of the authors' networks.
    """
    path = Path(path)
    if path.suffix in RELEASED:
        model = released.load(path)
        trained_on = TrainedOn.catalogued(_authors_set(model, path))
    elif path.suffix == ".keras":
        found = read_trained_on(path)
        if found is None and otherwise is None:
            raise PredictionError(
                f"{path} does not say how its images were prepared: say it with --dataset NAME and, where they are not "
                "its own, --channels, --labels, --spacing-mm or --picture-size, --shift and --scale; or once for all "
                "with kerasmetricloss.pipelines.inference.write_trained_on."
            )
        model = _load(path)
        try:
            check_form(model)
        except PredictionError as error:
            raise PredictionError(f"{path}: {error}") from error
        model = image_first(model)
        trained_on = found or otherwise(model)
    else:
        raise PredictionError(f"{path}: expected a model that ends in .keras, or the authors' weights in .hdf5.")
    channels = model.inputs[0].shape[-1]
    if channels != len(trained_on.channels):
        names = ", ".join(trained_on.channels)
        raise PredictionError(f"{path}: the model takes {channels} channels, but was trained on {names}.")
    return model, trained_on


def file_digest(path: Path | str) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _authors_set(model: keras.Model, path: Path) -> str:
    channels = model.inputs[0].shape[-1]
    fitting = [name for name, entry in CATALOG.items() if entry.spacing_mm and len(entry.channels) == channels]
    if len(model.inputs[0].shape) != 5 or not fitting:
        raise PredictionError(f"{path}: no data set of the authors has {channels} channels on 3 axes.")
    return fitting[0]


def _load(path: Path) -> keras.Model:
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # a broken archive, or an unknown layer, surfaces as almost any exception
        reason = " ".join(str(error).split())[:300]
        raise PredictionError(f"{path}: Keras cannot load it ({reason}).") from error
