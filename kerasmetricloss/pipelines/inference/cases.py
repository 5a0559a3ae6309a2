"""From a case on disk to probabilities on its own grid, and their scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasmetricloss.datasets import Case, DataError, Volume
from kerasmetricloss.pipelines.geometry import binarise
from kerasmetricloss.pipelines.inference.errors import PredictionError
from kerasmetricloss.pipelines.inference.images import predict_image
from kerasmetricloss.pipelines.inference.native import to_native_grid
from kerasmetricloss.pipelines.inference.reach import Network
from kerasmetricloss.pipelines.inference.tiles import Tiling
from kerasmetricloss.pipelines.inference.trained_on import TrainedOn
from kerasmetricloss.pipelines.intensity import channel_statistics
from kerasmetricloss.pipelines.preparation import Prepared, grid_size, prepare
from kerasmetricloss.similarities import ratios

_BRIGHTER = 1.05  # than white, with room for what scaling a picture adds
_ROUNDING = 1e-2  # of bfloat16, with room


@dataclass(frozen=True, eq=False)
class Prediction:
    """A case as it was read, and what was predicted of it.

    Attributes:
        volume: Image, truth and mask on the native grid.
        probability: float32, (*space, outputs), on the native grid; 0 outside the mask.
        exclusive: As in `TrainedOn`.
    """

    volume: Volume
    probability: np.ndarray
    exclusive: bool = False

    @property
    def labels(self) -> np.ndarray:
        """uint8, (*space, labels): 1 where the probability is above 0.5, strictly; of exclusive classes the largest."""
        if not self.exclusive:
            return binarise(self.probability)
        outputs = self.probability.shape[-1]
        labels = np.arange(outputs - self.volume.truth.shape[-1], outputs)
        largest = self.probability.argmax(axis=-1)[..., None] == labels
        return (largest & (self.volume.mask[..., None] > 0)).astype(np.uint8)


def predict_case(case: Case, network: Network, trained_on: TrainedOn, *, tiling: Tiling | None = None) -> Prediction:
    """Read a case, prepare it as the training cases were, predict the whole of it, and bring that to its own grid.

    The image is not cropped: what the training's box would cut is predicted too. By default a tile of a study's model
    is the training's output box, so that an image that it covers is predicted in one piece, centred, from the very
    input that a study scores. For any other model it is the whole image where that fits (`Tiling`). Around the image
    lie zeros from before normalisation, as in `prepare`.

    Args:
        case: With the channels of the training.
        network: What predicts.
        trained_on: How images were prepared.
        tiling: How the image is cut; without a `size` the tile is the training's output box where there was one.

    Returns:
        The prediction on the native grid.

    Warns:
        TiledWarning: As for `predict_image`.

    Raises:
        DataError: The case cannot be read, its channels or axes are not those of the training, or the network gives
            NaN.
        PredictionError: The tile does not fit the image, or the network gives no probabilities.
    """
    volume = case.read()
    if case.channels != trained_on.channels:
        came, expected = (", ".join(names) for names in (case.channels, trained_on.channels))
        raise DataError(f"the channels are {came}; the model was trained on {expected}", case=case.id)
    axes = len(trained_on.preparation.output_size)
    if len(volume.space) != axes:
        raise DataError(f"the image has {len(volume.space)} axes, the model takes {axes}", case=case.id)
    tiling = tiling or Tiling()
    if tiling.size is None and trained_on.boxed:
        tiling = replace(tiling, size=trained_on.preparation.output_size, shrinks=False)
    image, mask = _prepared(case, volume, trained_on)
    shift, scale = _normalisation(case, image, mask, trained_on)
    if network.white is not None:
        check_colours(image, network.white * scale + shift, case.id)
    image -= shift
    image /= scale
    probability = predict_image(image, network, mask=mask, tiling=tiling, fill=-shift / scale)
    _check_probability(probability, case)
    steps = _steps(volume, image.shape[:-1], trained_on)
    native = to_native_grid(probability, volume.space, steps)
    # Outside the mask nothing is predicted: at its rim the mean is over the neighbours inside.
    inside = to_native_grid(mask[..., None], volume.space, steps)
    return Prediction(volume, native / np.where(inside > 0, inside, 1) * volume.mask[..., None], trained_on.exclusive)


def check_colours(image: np.ndarray, white: float | np.ndarray, case_id: str) -> None:
    """Raise DataError for colours brighter than the white that a network takes, such as those of 16 bits."""
    brightest = image.max(axis=tuple(range(image.ndim - 1)))
    if (brightest > _BRIGHTER * np.asarray(white)).any():
        mend = "save the pictures with 8 bits a colour"
        problem = f"its colours go up to {brightest.max():g}, the network takes them up to {np.max(white):g}"
        raise DataError(problem, case=case_id, mend=mend)


def _check_probability(probability: np.ndarray, case: Case) -> None:
    """Refuse what is no probability, to rounding."""
    least, most = float(probability.min()), float(probability.max())
    if not np.isfinite([least, most]).all():
        mend = "look at the model's weights, and at the shift and scale of the image"
        raise DataError("the network gives NaN or infinite numbers", case=case.id, file=case.files[0], mend=mend)
    if least < -_ROUNDING or most > 1 + _ROUNDING:
        raise PredictionError(
            f"the network gives numbers from {least:.3g} to {most:.3g}, expected probabilities: where these are "
            "logits, predict with --from-logits, or end the model with a sigmoid (keras.layers.Activation)."
        )


def case_scores(prediction: Prediction, labels: Sequence[str]) -> list[dict[str, object]]:
    """Score a prediction against the truth on the native grid; voxels of unknown truth are left out.

    Args:
        prediction: From `predict_case`.
        labels: Names of the labels.

    Returns:
        For each label its name, `dice` (Eq. 2), `jaccard` (Eq. 3), and the voxels of truth and prediction where the
        truth is known. Where none is, the first three are NaN and the last counts the whole prediction.
    """
    volume, predicted = prediction.volume, prediction.labels
    known = np.ones(volume.space, bool) if volume.ignore is None else ~volume.ignore
    rows: list[dict[str, object]] = []
    for index, label in enumerate(labels):
        if not known.any():
            found = int(np.count_nonzero(predicted[..., index]))
            unknown = dict.fromkeys(("dice", "jaccard", "truth_voxels"), np.nan)
            rows.append({"label": label, **unknown, "predicted_voxels": found})
            continue
        one, other = (array[..., index][known] > 0 for array in (volume.truth, predicted))
        both, truth, found = (int(np.count_nonzero(array)) for array in (one & other, one, other))
        measures = {"dice": ratios.dice, "jaccard": ratios.jaccard}
        scores = {name: float(measure(both, found, truth)) for name, measure in measures.items()}
        rows.append({"label": label, **scores, "truth_voxels": truth, "predicted_voxels": found})
    return rows


def _prepared(case: Case, volume: Volume, trained_on: TrainedOn) -> tuple[np.ndarray, np.ndarray]:
    """Return image and mask on the training's grid, not cropped. Unknown truth does not hide the image there."""
    read = replace(volume, ignore=None)
    preparation = trained_on.preparation
    size = grid_size(volume, spacing_mm=preparation.spacing_mm, picture_size=preparation.picture_size)
    whole = replace(preparation, output_size=size, margin=0)
    prepared = prepare(replace(case, reader=lambda _: read), whole)
    return prepared.image, prepared.mask[..., 0] > 0


def _normalisation(
    case: Case, image: np.ndarray, mask: np.ndarray, trained_on: TrainedOn
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shift and the scale of the training, or those of this case alone."""
    if trained_on.shift:
        return np.array(trained_on.shift, np.float32), np.array(trained_on.scale, np.float32)
    inside = mask[..., None].astype(np.uint8)
    return channel_statistics([Prepared(case.id, image, inside, inside, None)])


def _steps(volume: Volume, size: Sequence[int], trained_on: TrainedOn) -> tuple[float, ...]:
    spacing_mm = trained_on.preparation.spacing_mm
    if spacing_mm is not None and volume.spacing_mm is not None:
        return tuple(mm / spacing_mm for mm in volume.spacing_mm)
    return tuple(m / n for n, m in zip(volume.space, size, strict=True))
