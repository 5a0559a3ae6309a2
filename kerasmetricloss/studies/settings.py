"""What a study is made of, as plain data: everything here ends up in `study.json` and in the identity of each cell."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kerasmetricloss.datasets import CATALOG
from kerasmetricloss.studies import networks
from kerasmetricloss.studies.errors import StudyError

OPTIMIZERS = ("adam", "sgd")


@dataclass(frozen=True)
class Training:
    """The recipe of Sec. III-B: cross-entropy to convergence, then the loss under study with a fresh optimiser.

    Attributes:
        optimizer: `"adam"` or `"sgd"`.
        rate: First learning rate of the pre-training.
        post_rate: First learning rate of the post-training.
        batch: Images (or patches) a step.
        epochs: Epochs of pre-training at most.
        post_epochs: Epochs of post-training at most.
        rate_patience: Epochs without improvement of the validation loss before the rate is divided by five.
        stop_patience: Epochs without improvement before training stops.
        min_delta: Improvement that counts.
        augmentation: Augment the training images.
    """

    optimizer: str = "adam"
    rate: float = 1e-3
    post_rate: float = 1e-4
    batch: int = 4
    epochs: int = 1000
    post_epochs: int = 1000
    rate_patience: int = 30
    stop_patience: int = 60
    min_delta: float = 1e-4
    augmentation: bool = True

    def phase(self, name: str) -> dict[str, Any]:
        """The settings of one phase, `"pre"` or `"post"`: what a cell of that phase depends on."""
        settings = asdict(self)
        post_rate, post_epochs = settings.pop("post_rate"), settings.pop("post_epochs")
        if name == "post":
            settings |= {"rate": post_rate, "epochs": post_epochs}
        return settings


@dataclass(frozen=True)
class Setup:
    """Data set, network and training of one study, before any file is read.

    Attributes:
        dataset: Name of the data set in the tables, such as `"po18"` or `"wm17dm"`.
        scale: `"small"` or `"paper"`.
        network: `{"name": ..., **settings}` for `networks.build`.
        reader: Name of the data set for `datasets.open_dataset`; that of the tables where it is empty.
        channels: Image channels wanted; None takes those that every case has.
        labels: Labels wanted; None takes the binary task.
        reading: Further settings of the reader, such as the region of interest of radiographs.
        patch: Settings of `pipelines.Patches` but for the margin; None trains on whole images.
        spacing_mm: Isotropic voxel size that volumes are resampled to, in mm; None leaves the grid (pictures).
        picture_size: (width, height) that pictures are resized to; None leaves them.
        output_size: Box that the network outputs, in voxels; None covers the largest case.
        folds_by: `"group"` or `"case"`.
        authors_constants: Normalise with the authors' constants for their full data set, not with mean and deviation of
            the training cases.
        training: The two phases.
    """

    dataset: str
    scale: str
    network: dict[str, Any]
    reader: str = ""
    channels: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    patch: dict[str, Any] | None = None
    spacing_mm: float | None = None
    picture_size: tuple[int, int] | None = None
    output_size: tuple[int, ...] | None = None
    folds_by: str = "group"
    authors_constants: bool = False
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if not self.reader:
            object.__setattr__(self, "reader", self.dataset)
        pictures = self.network["dimension"] == 2
        if pictures and self.spacing_mm is not None:
            raise StudyError(f"{self.dataset} has pictures, which have no voxel size: use --picture-size.")
        if not pictures and self.picture_size is not None:
            raise StudyError(f"{self.dataset} has volumes: use --spacing-mm.")
        if self.spacing_mm is not None and not 0.1 <= self.spacing_mm <= 50:
            raise StudyError(f"--spacing-mm is {self.spacing_mm:g}; it is a voxel size in mm, 0.1 to 50.")

    def constants(self, channels: Sequence[str]) -> tuple[tuple[float, float], ...] | None:
        """The authors' shift and scale of each channel; None where those of the training cases are wanted.

        Raises:
            StudyError: The authors gave none for a channel.
        """
        if not self.authors_constants:
            return None
        entry = CATALOG.get(self.reader)
        known = {} if entry is None else entry.constants
        for channel in channels:
            if channel not in known:
                having = known or (name for name, other in CATALOG.items() if other.constants)
                raise StudyError(
                    f"The authors gave no constants for channel {channel} of {self.reader}, but for "
                    f"{', '.join(having)}. Leave out --normalisation authors."
                )
        return tuple(known[channel] for channel in channels)

    def with_patches(
        self, output_size: Sequence[int] | None = None, *, repeats: int | None = None, foreground: float | None = None
    ) -> "Setup":
        """The same setup in other patches; None leaves a setting as it is.

        Args:
            output_size: Box of a patch that the network outputs, in voxels an axis. The smallest box that the network
                has and that covers it is taken, as for the box of whole images.
            repeats: Batches of patches an epoch from each few volumes that are in memory.
            foreground: Share of the patches that are centred on foreground; the others are on background.

        Raises:
            StudyError: The box has too few or too many axes, the share is none, or a setting of patches is given where
                there are no patches.
        """
        dimension = self.network["dimension"]
        if output_size is not None and len(output_size) != dimension:
            raise StudyError(
                f"--patch-size {'x'.join(map(str, output_size))} has {len(output_size)} axes; {self.dataset} has "
                f"{dimension}."
            )
        if foreground is not None and not 0 <= foreground <= 1:
            raise StudyError(f"--patch-foreground is {foreground:g}; it is a share, 0 to 1.")
        changes = {"repeats": repeats, "foreground": foreground}
        changes = {name: value for name, value in changes.items() if value is not None}
        if output_size is None and self.patch is None:
            if changes:
                names = " and ".join({"repeats": "--repeats", "foreground": "--patch-foreground"}[n] for n in changes)
                raise StudyError(
                    f"{names} {'is' if len(changes) == 1 else 'are'} for patches; {self.dataset} trains on whole "
                    "images. Add --patch-size to cut patches."
                )
            return self
        patch = self.patch or {"volumes": 2, "repeats": 1}
        box, _ = networks.boxes(self.network, output_size or patch["output_size"])
        return replace(self, patch=patch | {"output_size": list(box)} | changes)

    def with_training(self, **changes: Any) -> "Setup":
        """The same setup with some training settings changed; None leaves a setting as it is."""
        changes = {name: value for name, value in changes.items() if value is not None}
        training = replace(self.training, **changes)
        if training.optimizer not in OPTIMIZERS:
            raise StudyError(f"optimizer is {training.optimizer!r}; it is {' or '.join(OPTIMIZERS)}.")
        for name in ("batch", "epochs", "post_epochs", "rate_patience", "stop_patience"):
            if getattr(training, name) < 1:
                raise StudyError(f"{name.replace('_', ' ')} is {getattr(training, name)}; it must be 1 or more.")
        for name in ("rate", "post_rate"):
            if not 0 < getattr(training, name) < math.inf:
                raise StudyError(
                    f"{name.replace('_', ' ')} is {getattr(training, name)}; it must be positive and finite."
                )
        return replace(self, training=training)
