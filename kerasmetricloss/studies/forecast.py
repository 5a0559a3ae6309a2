"""What a study will take, before it is begun: trainings, hours, disk; from a step measured on this machine."""

import math
import time
from dataclasses import dataclass

import keras
import numpy as np

from kerasmetricloss import losses, pipelines
from kerasmetricloss.datasets import CATALOG
from kerasmetricloss.studies import networks
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.recipes import TRAINS, Recipe
from kerasmetricloss.studies.request import loss_configuration, trained_name
from kerasmetricloss.studies.settings import Setup
from kerasmetricloss.studies.training import jit_settings

STEPS = 3  # timed, after one that compiles
MOST_VOXELS = 400_000  # of an input that is timed here; larger ones are scaled up by their voxels


@dataclass(frozen=True)
class Forecast:
    """What a recipe takes.

    Attributes:
        cells: Trainings in all.
        steps: Steps of all of them, at the epochs assumed.
        step_seconds: Seconds of one step.
        measured: How that was found, in words.
        gigabytes: Disk at most: weights and predictions of every cell, prepared cases.
    """

    cells: int
    steps: int
    step_seconds: float
    measured: str
    gigabytes: float

    @property
    def hours(self) -> float:
        """Hours on one device."""
        return self.steps * self.step_seconds / 3600


def forecast(
    recipe: Recipe,
    setup: Setup,
    *,
    folds: int,
    cases: int | None,
    epochs: int,
    step_seconds: float | None = None,
    seeds: int = 1,
) -> Forecast:
    """Count a recipe's trainings and their cost.

    Args:
        recipe: The recipe.
        setup: Network, grid and training.
        folds: Folds.
        cases: Cases; the paper's number where None.
        epochs: Epochs that a training is assumed to last before it stops early; the setup's limits hold.
        step_seconds: Seconds of a training step where it will run; measured here where None.
        seeds: How often each network is trained.

    Raises:
        StudyError: The recipe trains nothing or names a loss that there is not, or there are fewer cases than folds.
    """
    if recipe.kind != TRAINS:
        raise StudyError(f"{recipe.name} trains nothing; just run it.")
    for name in recipe.losses:
        loss_configuration(name, prior=[0.5])
    cases = cases or CATALOG[setup.reader].cases
    if cases < folds:
        raise StudyError(f"{cases} cases do not fill {folds} folds; ask for fewer folds.")
    sets, trained = max(1, len(recipe.ratios)), len(dict.fromkeys(map(trained_name, recipe.losses)))
    cells = seeds * sets * folds * (1 + trained)
    training_cases = cases - cases // folds
    limits = setup.training
    epochs_a_fold = min(epochs, limits.epochs) + trained * min(epochs, limits.post_epochs)
    steps = seeds * sets * folds * epochs_a_fold * _steps(setup, training_cases)
    channels = len(setup.channels or CATALOG[setup.reader].channels)
    labels = len(setup.labels or ("one",))
    box, margin = networks.boxes(setup.network, _box(setup))
    measured = "as given"
    if step_seconds is None:
        step_seconds, measured = _measure(setup, box, margin, channels, labels)
    whole, margin = networks.boxes(setup.network, _whole_box(setup))  # cases are stored and predicted whole
    voxels = math.prod(n + 2 * margin for n in whole)
    predictions = seeds * sets * (1 + trained) * cases * math.prod(whole) * labels
    weights = (
        cells
        * 4
        * networks.build(networks.without_weights(setup.network), channels=channels, labels=labels).count_params()
    )
    prepared = cases * (4 * voxels * channels + (labels + 1) * math.prod(whole))
    return Forecast(cells, steps, step_seconds, measured, (predictions + weights + prepared) / 1e9)


def _steps(setup: Setup, cases: int) -> int:
    """Steps of an epoch."""
    if setup.patch is None:
        return math.ceil(cases / setup.training.batch)
    return pipelines.Patches(**setup.patch).steps(cases)


def _box(setup: Setup) -> tuple[int, ...]:
    """What a training step outputs."""
    return _whole_box(setup) if setup.patch is None else tuple(setup.patch["output_size"])


def _whole_box(setup: Setup) -> tuple[int, ...]:
    if setup.output_size is not None:
        return setup.output_size
    if setup.picture_size is not None:
        return setup.picture_size[::-1]
    # A head of 150 x 190 x 150 mm.
    return tuple(math.ceil(mm / (setup.spacing_mm or 1)) for mm in (150, 190, 150))


def _measure(setup: Setup, box: tuple[int, ...], margin: int, channels: int, labels: int) -> tuple[float, str]:
    """Time training steps with cross-entropy on noise, on a smaller box where the real one is large."""
    whole = setup.training.batch * math.prod(n + 2 * margin for n in box)
    batch = setup.training.batch
    while batch * math.prod(n + 2 * margin for n in box) > MOST_VOXELS and max(box) > 1:
        if batch > 1:
            batch = 1
            continue
        smaller, _ = networks.boxes(setup.network, tuple(max(1, n * 2 // 3) for n in box))
        if smaller == box:
            break
        box = smaller
    timed = batch * math.prod(n + 2 * margin for n in box)
    model = networks.build(networks.without_weights(setup.network), channels=channels, labels=labels)
    model.compile("sgd", losses.CrossEntropy(), **jit_settings())
    rng = np.random.default_rng(0)
    image = rng.normal(size=(batch, *(n + 2 * margin for n in box), channels)).astype("float32")
    mask = np.ones((batch, *box, 1), "float32")
    truth = (rng.random((batch, *box, labels)) < 0.1).astype("float32")
    model.train_on_batch([image, mask], truth)
    started = time.perf_counter()
    for _ in range(STEPS):
        model.train_on_batch([image, mask], truth)
    seconds = (time.perf_counter() - started) / STEPS
    shape = "x".join(map(str, image.shape[1:-1]))
    how = f"{seconds:.3f} s for {batch} x {shape} voxels, {keras.backend.backend()} on this machine"
    return seconds * whole / timed, how + ("" if timed == whole else f", times {whole / timed:.1f} for the whole batch")
