"""What a model was trained on, kept inside its own file, so that new images are prepared in the same way."""

import json
import math
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras

from kerasmetricloss.datasets import CATALOG
from kerasmetricloss.pipelines.inference.errors import PredictionError
from kerasmetricloss.pipelines.inference.layers import ends_in_softmax, input_scale
from kerasmetricloss.pipelines.preparation import Preparation

# An entry of the .keras archive beside Keras' own; Keras reads the entries that it knows and leaves this one alone.
ENTRY = "kerasmetricloss/trained_on.json"


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """How the images of a model were read, prepared and normalised.

    Args:
        dataset: Name of the data set, for `datasets.open_dataset`.
        channels: Names of the image's channels, in the order of the input.
        labels: Names of the outputs; empty stands for the data set's own.
        preparation: Grid and box.
        shift: Subtracted from each channel; empty, with an empty scale, stands for the mean of each case's own channel
            inside its mask.
        scale: Divides each channel after that; empty stands for that channel's standard deviation.
        seen: Digests (`file_digest`) of the first file of each case of training, and of a validation apart from the
            test, whose scores say nothing of new images; empty where that is not known.
        exclusive: Whether the outputs are exclusive classes, as of a softmax: each voxel is of the class of its largest
            probability, the first of equal ones. With an output more than labels the first is the background.
        boxed: Whether images were scored in the preparation's box, filled around smaller ones, and so are to be
            predicted in it.
        reading: Settings of the reader that changed the arrays, such as `mask` of scans or `roi` of radiographs, for
            `datasets.open_dataset`; those that are not there were its defaults.

    Raises:
        PredictionError: Shift or scale do not fit the channels.
    """

    dataset: str
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    preparation: Preparation
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    seen: tuple[str, ...] = ()
    exclusive: bool = False
    boxed: bool = True
    reading: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name, kind in (("channels", str), ("labels", str), ("shift", float), ("scale", float), ("seen", str)):
            object.__setattr__(self, name, tuple(kind(value) for value in getattr(self, name)))
        fits = {len(self.shift), len(self.scale)} in ({len(self.channels)}, {0})
        if not fits or 0 in self.scale or not all(map(math.isfinite, self.shift + self.scale)):
            raise PredictionError(
                f"{len(self.channels)} channels have shift {self.shift} and scale {self.scale}; "
                "each channel needs one finite number of both, the scale not 0, or none has any."
            )

    @classmethod
    def catalogued(cls, dataset: str) -> "TrainedOn":
        """What the authors' networks were trained on: the data set's entry in `datasets.CATALOG`.

        Raises:
            PredictionError: The data set is none for which the authors gave their constants.
        """
        entry = CATALOG.get(dataset)
        if entry is None or not entry.constants:
            known = ", ".join(name for name, other in CATALOG.items() if other.constants)
            raise PredictionError(f"there are no constants of the authors for {dataset!r}; there are for {known}.")
        preparation = Preparation(spacing_mm=entry.spacing_mm, output_size=entry.output_size, margin=13)
        return cls(
            dataset=dataset,
            channels=entry.channels,
            labels=(),
            preparation=preparation,
            shift=tuple(shift for shift, _ in entry.constants.values()),
            scale=tuple(scale for _, scale in entry.constants.values()),
        )


def described(
    model: keras.Model,
    *,
    dataset: str,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] = (),
    spacing_mm: float | None = None,
    picture_size: tuple[int, int] | None = None,
    shift: Sequence[float] = (),
    scale: Sequence[float] = (),
    exclusive: bool | None = None,
) -> TrainedOn:
    """Put together what a user says of a model whose file does not say how its images were prepared.

    Args:
        model: The model. It predicts the whole image where that fits, else tiles (`Tiling`).
        dataset: As in `TrainedOn`.
        channels: As in `TrainedOn`; by default those of the paper's data set of that name.
        labels: As in `TrainedOn`.
        spacing_mm: Isotropic voxels that scans are resampled to; None leaves their grid.
        picture_size: (width, height) that pictures are resized to; None leaves them.
        shift: One number a channel, or one for all; 0 where only a scale is given. Without both, each case is
            normalised by its own mean and standard deviation, or not at all where the model does that itself (a layer
            ImageNetColours, Rescaling or Normalization before its first convolution).
        scale: Likewise; 1 where only a shift is given.
        exclusive: As in `TrainedOn`; None stands for whether the model's last layer is a softmax of several outputs.

    Raises:
        PredictionError: The channels are not known, shift or scale do not fit them, or a size is not positive.

    Example:
        >>> model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(1, 1)])
        >>> about = described(model, dataset="po18", shift=(127.5,))
        >>> about.channels, about.shift, about.scale, about.boxed
        (('red', 'green', 'blue'), (127.5, 127.5, 127.5), (1.0, 1.0, 1.0), False)
    """
    count, space = model.inputs[0].shape[-1], model.outputs[0].shape[1:-1]
    entry = CATALOG.get(dataset.casefold())
    if channels is None and (entry is None or len(entry.channels) != count):
        own = f"; {dataset} has {', '.join(entry.channels)}" if entry else ""
        raise PredictionError(f"the model takes {count} channels{own}: name those it takes (--channels A,B).")
    if not shift and not scale and (own := input_scale(model)) is not None:
        shift, scale = (0,), (own,)
    if shift or scale:
        shift, scale = (tuple(values) * (count if len(values) == 1 else 1) for values in (shift or (0,), scale or (1,)))
    try:
        # A box that no case is brought to: its sizes stand for the axes alone where the model leaves them open.
        size = tuple(n or 1 for n in space)
        preparation = Preparation(output_size=size, spacing_mm=spacing_mm, picture_size=picture_size)
    except ValueError as error:
        raise PredictionError(
            f"{error} Leave it out (--spacing-mm, --picture-size) for the images' own grid."
        ) from error
    return TrainedOn(
        dataset=dataset,
        channels=tuple(channels or entry.channels),
        labels=tuple(labels),
        preparation=preparation,
        shift=shift,
        scale=scale,
        exclusive=ends_in_softmax(model) if exclusive is None else exclusive,
        boxed=False,
    )


def write_trained_on(path: Path | str, trained_on: TrainedOn) -> None:
    """Put a description into a `.keras` file, or replace the one there. The file changes in one step, or not at all.

    Args:
        path: What `model.save` wrote. `keras.saving.load_model` reads it as before.
        trained_on: The description.

    Raises:
        PredictionError: The file is no `.keras` archive.
    """
    path = Path(path)
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as raw, zipfile.ZipFile(path) as old, zipfile.ZipFile(raw, "w") as new:
            for entry in old.infolist():
                if entry.filename != ENTRY:
                    with old.open(entry) as source, new.open(entry, "w") as target:
                        shutil.copyfileobj(source, target)
            new.writestr(ENTRY, json.dumps(asdict(trained_on), indent=1))
        Path(partial).chmod(path.stat().st_mode)
        Path(partial).replace(path)
    except zipfile.BadZipFile as error:
        raise PredictionError(f"{path}: this is no .keras file; write one with model.save.") from error
    finally:
        Path(partial).unlink(missing_ok=True)


def read_trained_on(path: Path | str) -> TrainedOn | None:
    """Return the description in a `.keras` file, None where there is none.

    Args:
        path: The file.

    Raises:
        PredictionError: The file is no `.keras` archive, or the description in it is broken.

    Example:
        >>> import tempfile
        >>> model = keras.Sequential([keras.Input((4, 5, 1)), keras.layers.Conv2D(1, 1)])
        >>> preparation = Preparation(output_size=(4, 5), picture_size=(5, 4))
        >>> described = TrainedOn(
        ...     dataset="po18", channels=("grey",), labels=("polyp",), preparation=preparation, shift=(9,), scale=(2,)
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/m.keras")
        ...     write_trained_on(f"{folder}/m.keras", described)
        ...     read_trained_on(f"{folder}/m.keras") == described
        True
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if ENTRY not in archive.namelist():
                return None
            fields = json.loads(archive.read(ENTRY))
    except FileNotFoundError:
        raise PredictionError(f"{path}: no such file; name a .keras file.") from None
    except (zipfile.BadZipFile, ValueError) as error:
        raise PredictionError(f"{path}: this is no .keras file, or it was cut short; copy it again.") from error
    try:
        return TrainedOn(**{**fields, "preparation": Preparation(**fields["preparation"])})
    except (TypeError, KeyError, ValueError) as error:
        raise PredictionError(f"{path}: its {ENTRY} is broken ({error}); write it again.") from error
