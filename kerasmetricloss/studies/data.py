"""From a folder to what a study trains on: every file checked, then prepared, fingerprinted and split into folds."""

import json
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kerasmetricloss import datasets, pipelines
from kerasmetricloss.pipelines.inference import check_colours, file_digest
from kerasmetricloss.studies import networks
from kerasmetricloss.studies.folds import Fold
from kerasmetricloss.studies.lost import lost_objects
from kerasmetricloss.studies.progress import Observer
from kerasmetricloss.studies.provenance import file_hash
from kerasmetricloss.studies.settings import Setup
from kerasmetricloss.studies.virtual import VirtualSet, masked, virtual_set

# Settings of the readers whose effect stands in the hashes of the files or in the folds.
_FOUND_OTHERWISE = ("groups", "images", "truth", "absent")
_MOST_NUMBERS = 5


@dataclass(frozen=True)
class StudyData:
    """The cases of a study in memory.

    Attributes:
        dataset: Name of the data set.
        cases: The cases, in natural order of their ids.
        prepared: The prepared arrays, in the order of the cases.
        preparation: How they were prepared.
        fingerprints: Case id -> hash of the contents of its files.
        prior: Foreground prior of each label inside the output masks, over all cases (Sec. III-B).
        notes: What the reader said of the folder, and which objects are lost on the grid or outside the box.
        virtual: The rectangles that mask the outputs, where the data set is a virtual one.
        reading: Settings of the reader that change the arrays, from `reading_settings`.
        images: Case id -> digest of the contents of its first file, which is of the image.
        constants: Shift and scale of each channel from `Setup.constants`; None takes them from the training cases.
    """

    dataset: str
    cases: list[datasets.Case]
    prepared: list[pipelines.Prepared]
    preparation: pipelines.Preparation
    fingerprints: dict[str, str]
    prior: tuple[float, ...]
    notes: tuple[str, ...] = ()
    virtual: VirtualSet | None = None
    reading: dict[str, Any] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    constants: tuple[tuple[float, float], ...] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the image channels."""
        return self.cases[0].channels

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels."""
        return self.cases[0].labels

    def describe(self) -> dict[str, Any]:
        """Counts and names for `study.json`."""
        described = {
            "cases": len(self.cases),
            "groups": len({case.group for case in self.cases}),
            "channels": list(self.channels),
            "labels": list(self.labels),
            "prior": [round(p, 6) for p in self.prior],
        }
        if self.notes:
            described["notes"] = list(self.notes)
        if self.virtual is not None:
            first = self.virtual.rectangles[0]
            described["rectangle"] = [first.width, first.height]
            described["foreground_ratio"] = round(self.virtual.ratio, 4)
        return described


@dataclass(frozen=True)
class Checked:
    """Cases whose files were all decoded once, and the box that covers them.

    Attributes:
        cases: The cases, in natural order of their ids.
        box: Voxels an axis that cover every case on the grid of the study.
        filled: For each case and label, the voxels of the grid of the study that its foreground would fill, of what
            counts.
        notes: What the reader said of the folder, such as cases that it was asked to skip, or channels that some lack.
    """

    cases: list[datasets.Case]
    box: tuple[int, ...]
    filled: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...] = ()


def check(setup: Setup, root: Path, *, observer: Observer) -> Checked:
    """Decode every file below `root` once, before anything is written.

    A broken file is named even where there are too few cases.

    Raises:
        DataError: A file is missing or broken, or no case has any foreground; the message names the mend.
        StudyError: The authors' constants are wanted, and there are none for a channel.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        cases = datasets.open_dataset(setup.reader, root, channels=setup.channels, labels=setup.labels, **setup.reading)
    setup.constants(cases[0].channels)
    notes = tuple(dict.fromkeys(str(one.message) for one in said))
    if setup.channels is None:
        notes += datasets.left_out(cases)
    for note in notes:
        observer.note(note)
    sizes, filled, strange = [], [], Counter[float]()
    for position, case in enumerate(cases):
        observer.stage("checking files", position, len(cases))
        _check_name(case)
        volume = case.read()
        try:
            size = pipelines.grid_size(volume, spacing_mm=setup.spacing_mm, picture_size=setup.picture_size)
        except datasets.DataError as error:
            raise error.named(case.id) from error
        sizes.append(size)
        counted = volume.mask if volume.ignore is None else volume.mask & ~volume.ignore
        strange.update(number for number, _ in volume.unnamed)
        share = math.prod(size) / math.prod(volume.space)
        if setup.spacing_mm is not None and volume.spacing_mm is not None:
            share = math.prod(volume.spacing_mm) / setup.spacing_mm ** len(size)
        filled.append(tuple((volume.truth[counted].sum(axis=0, dtype=np.int64) * share).tolist()))
    observer.stage("checking files", len(cases), len(cases))
    for number, having in sorted(strange.items())[:_MOST_NUMBERS]:
        notes += (f"{having} of {len(cases)} truths hold {number:g}, which no label has: background there (--values)",)
        observer.note(notes[-1])
    for label, there in zip(cases[0].labels, np.any(filled, axis=0), strict=True):
        if not there:
            raise datasets.DataError(
                f"no case has a voxel of label {label!r}, so there is nothing to learn or to score",
                file=root,
                mend="look at the truths, or ask for other labels",
            )
    box = setup.output_size or tuple(int(size) for size in np.max(sizes, axis=0))
    return Checked(cases, box, tuple(filled), notes)


def prepare(checked: Checked, setup: Setup, *, cache: Path | None, observer: Observer) -> StudyData:
    """Bring every case to the grid and the box of the network.

    Args:
        checked: From `check`.
        setup: Grid and network.
        cache: Folder of the prepared cases; None keeps them in memory alone.
        observer: Told of each case, and of objects that are lost on the grid or outside the box.

    Raises:
        DataError: A case cannot be read, a label is lost in all of them, or the cache cannot be written.
    """
    output_size, margin = networks.boxes(setup.network, checked.box)
    preparation = pipelines.Preparation(
        spacing_mm=setup.spacing_mm, picture_size=setup.picture_size, output_size=output_size, margin=margin
    )
    prepared = pipelines.prepare_all(
        checked.cases,
        preparation,
        cache_dir=cache,
        progress=lambda done, total: observer.stage("preparing", done, total),
    )
    if networks.normalises(setup.network):
        for case in prepared:
            check_colours(case.image, networks.WHITE, case.case_id)
    lost = tuple(lost_objects(checked.cases[0].labels, checked.filled, prepared, preparation))
    for note in lost:
        observer.note(note)
    prior = tuple(float(p) for p in pipelines.foreground_prior(prepared))
    fingerprints = {case.id: file_hash(case.files) for case in checked.cases}
    notes = (*checked.notes, *lost)
    reading = reading_settings(setup)
    images = {case.id: file_digest(case.files[0]) for case in checked.cases}
    return StudyData(
        setup.dataset,
        checked.cases,
        prepared,
        preparation,
        fingerprints,
        prior,
        notes,
        reading=reading,
        images=images,
        constants=setup.constants(checked.cases[0].channels),
    )


def reading_settings(setup: Setup) -> dict[str, Any]:
    """The settings of the reader that change what the same files give, such as a label or a mask, as JSON holds them.

    Where files lie, how they are grouped and which are skipped is left out: their content and the folds tell that.
    Settings that equal the reader's default are left out too.
    """
    defaults = datasets.defaults_of(setup.reader)
    changing = {
        name: value
        for name, value in setup.reading.items()
        if name not in _FOUND_OTHERWISE and (name not in defaults or value != defaults[name])
    }
    return json.loads(json.dumps(changing))


def virtual_data(data: StudyData, ratio: float) -> StudyData:
    """The virtual data set of a foreground to background ratio (Sec. IV-C).

    Raises:
        StudyError: No rectangle gives that ratio.
    """
    found = virtual_set(data.prepared, ratio)
    prepared = masked(data.prepared, found)
    prior = tuple(float(p) for p in pipelines.foreground_prior(prepared))
    return replace(data, dataset=f"{data.dataset}-{ratio:g}", prepared=prepared, prior=prior, virtual=found)


def normalisation(data: StudyData, fold: Fold, network: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale of each channel: from the training cases of the fold alone, or the authors' constants.

    A network that normalises colours itself takes them as they are.
    """
    if networks.normalises(network):
        return np.zeros(len(data.channels), np.float32), np.ones(len(data.channels), np.float32)
    if data.constants is not None:
        shift, scale = zip(*data.constants, strict=True)
        return np.array(shift, np.float32), np.array(scale, np.float32)
    return pipelines.channel_statistics([data.prepared[i] for i in fold.train])


def fold_configuration(data: StudyData, fold: Fold) -> dict[str, Any]:
    """What a cell depends on that comes from the data: the files of each part, how they are read and prepared."""

    def part(positions: Sequence[int]) -> dict[str, str]:
        return {data.cases[i].id: data.fingerprints[data.cases[i].id] for i in positions}

    special = {} if data.virtual is None else {"virtual": data.virtual.wanted}
    if data.reading:
        special["reading"] = data.reading
    if data.constants is not None:
        special["constants"] = data.constants
    return special | {
        "dataset": data.dataset,
        "channels": list(data.channels),
        "labels": list(data.labels),
        "preparation": asdict(data.preparation),
        "train": part(fold.train),
        "validation": part(fold.validation),
        "test": part(fold.test),
    }


def _check_name(case: datasets.Case) -> None:
    """Refuse a name that no table can hold: bytes of another encoding, as some archives leave behind."""
    try:
        f"{case.id}{case.group}".encode()
    except UnicodeEncodeError as error:
        name = case.id.encode(errors="backslashreplace").decode()
        raise datasets.DataError("its name is not UTF-8", case=name, mend="rename its files and folders") from error
