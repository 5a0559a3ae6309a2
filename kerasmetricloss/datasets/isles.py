"""ISLES 2017 and ISLES 2018 as their organisers distribute them.

* 2017: ``training/training_N/``, where every volume has a folder of its own,
  ``VSD.Brain.XX.O.MR_{ADC,MTT,rCBF,rCBV,Tmax,TTP,4DPWI}.<number>/<the same>.nii``; the truth is
  ``VSD.Brain.XX.O.OT.<number>``.
* 2018: ``TRAINING/case_N/SMIR.Brain.XX.O.{CT,CT_CBF,CT_CBV,CT_MTT,CT_Tmax,CT_4DPWI,OT}.<number>/<the same>.nii``.

The last number is another one for every volume, so a volume is known by the word before it, whole: ``CT`` is not
``CT_CBF``. The raw perfusion series (4DPWI) are not read. A volume that lies in the case's folder itself, without a
folder of its own, or as ``.nii.gz``, is found as well.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, children, complain
from kerasmetricloss.datasets.catalog import IS17, IS18, DataSet, MaskRule
from kerasmetricloss.datasets.nifti import SUFFIXES, Scan
from kerasmetricloss.datasets.scan_volumes import numbered, read_volume
from kerasmetricloss.datasets.scans import (
    TRUTH,
    ScanSet,
    Subject,
    Wishes,
    find_subjects,
    once_by_name,
    scan_cases,
)

_TRUTH_WORD = "OT"
_MODALITY_PREFIX = {"is17": "MR_", "is18": "CT_"}
_CASE_PREFIX = {"is17": "training_", "is18": "case_"}
_FOLDER = "training"


def open_isles17(
    root: Path,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    mask: str | None = None,
    fill: float | None = None,
    problems: list[DataError] | None = None,
    truth_needed: bool = True,
) -> list[Case]:
    """List the cases of an ISLES 2017 folder.

    Args:
        root: The folder that holds ``training``, or that folder itself.
        channels: Out of ADC, Tmax, MTT, TTP, rCBF and rCBV; by default those that every case has, the
            others listed in ``Case.absent``.
        labels: Only ``("infarct",)``.
        mask: Rule of the output mask, ``CHANNEL>NUMBER`` or ``all``; by default ADC > 0. A folder
            without that modality is no case.
        fill: What replaces NaN and infinite voxels of the images; by default they are an error.
        problems: Collects complaints about single cases, which are then left out.
        truth_needed: False lists cases without a truth too.

    Returns:
        One case a folder, in natural order: training_2 before training_10.

    Raises:
        DataError: No case is there, or one lacks its truth, the mask's modality or one that was asked for.
    """
    wishes = Wishes(
        channels=channels, labels=labels, mask=mask, fill=fill, problems=problems, truth_needed=truth_needed
    )
    return _open(root, IS17, "infarct", wishes)


def open_isles18(
    root: Path,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    mask: str | None = None,
    fill: float | None = None,
    problems: list[DataError] | None = None,
    truth_needed: bool = True,
) -> list[Case]:
    """List the cases of an ISLES 2018 folder.

    Two cases can be two slabs of one patient. The folder does not say which: where a table does, give it as ``groups``
    of :func:`~kerasmetricloss.datasets.open_dataset`.

    Args:
        root: The folder that holds ``TRAINING``, or that folder itself.
        channels: Out of CT, Tmax, MTT, CBF and CBV; by default those that every case has, the
            others listed in ``Case.absent``.
        labels: Only ``("core",)``.
        mask: As in :func:`open_isles17`; by default CT > -23.
        fill: As in :func:`open_isles17`.
        problems: As in :func:`open_isles17`.
        truth_needed: As in :func:`open_isles17`.

    Returns:
        One case a folder, in natural order: case_2 before case_10.

    Raises:
        DataError: No case is there, or one lacks its truth, the mask's modality or one that was asked for.
    """
    wishes = Wishes(
        channels=channels, labels=labels, mask=mask, fill=fill, problems=problems, truth_needed=truth_needed
    )
    return _open(root, IS18, "core", wishes)


def _open(root: Path, dataset: DataSet, label: str, wishes: Wishes) -> list[Case]:
    scans = ScanSet(
        name=dataset.name,
        channels=dataset.channels,
        labels=(label,),
        mask=dataset.mask,
        expected=partial(_expected, dataset.name),
        read=_read,
    )
    folders = once_by_name(_case_folders(root, dataset, wishes.problems), root, wishes.problems)
    subjects = find_subjects(folders, partial(_volumes, dataset), wishes.problems)
    return scan_cases(subjects, scans, wishes, root=root)


def _case_folders(root: Path, dataset: DataSet, problems: list[DataError] | None) -> list[Path]:
    prefix = _CASE_PREFIX[dataset.name]
    folders = _folders_in(root)
    found = [folder for folder in folders if folder.name.casefold().startswith(prefix)]
    if not found:
        below = [child for child in children(root) if child.is_dir() and _holds_cases(child, prefix)]
        where = f"{_FOLDER}/{prefix}N"
        mend = f"name {below[0]} instead" if below else f"name the folder that holds {where}"
        raise DataError(f"no {where} is here", file=root, mend=mend)
    words = [word.casefold() for word in _words(dataset).values()]
    for folder in folders:
        if folder not in found and any(_word(place) in words for place in children(folder, problems)):
            problem = "the volumes in this folder are not read, it is no case by its name"
            mend = f"expected {prefix}N: rename it, or take it out"
            complain(DataError(problem, case=folder.name, file=folder, mend=mend), problems)
    return found


def _holds_cases(folder: Path, prefix: str) -> bool:
    return any(child.name.casefold().startswith(prefix) for child in _folders_in(folder))


def _folders_in(root: Path) -> list[Path]:
    """Return the folders in a folder and in the one named training below it."""
    training = [child for child in children(root, []) if child.name.casefold() == _FOLDER and child.is_dir()]
    return [child for folder in (root, *training) for child in children(folder, []) if child.is_dir()]


def _volumes(dataset: DataSet, folder: Path) -> dict[str, Path]:
    """Return the file of each modality and of the truth, by the word before the number in its folder's name."""
    words = {word.casefold(): name for name, word in _words(dataset).items()}
    places: dict[str, Path] = {}
    for place in children(folder):
        name = words.get(_word(place))
        if name is None:
            continue
        if name in places:
            problem = f"{places[name].name} and {place.name} are both there"
            raise DataError(problem, file=folder, mend="keep one of them")
        places[name] = place
    files = {name: _file(place) for name, place in places.items()}
    return {name: file for name, file in files.items() if file is not None}


def _words(dataset: DataSet) -> dict[str, str]:
    prefix = _MODALITY_PREFIX[dataset.name]
    plain = {"CT": "CT"}
    return {TRUTH: _TRUTH_WORD, **{name: plain.get(name, prefix + name) for name in dataset.channels}}


def _word(place: Path) -> str:
    """Return the last word of a name that ends in a number: ``mr_adc`` of ``VSD.Brain.XX.O.MR_ADC.1[.nii]``."""
    name = place.name.casefold()
    suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    parts = name.removesuffix(suffix).split(".")
    return parts[-2] if len(parts) > 1 and parts[-1].isdigit() else ""


def _file(place: Path) -> Path | None:
    if not place.is_dir() or place.name.casefold().endswith(SUFFIXES):
        return place
    found = [path for path in children(place) if path.name.casefold().endswith(SUFFIXES)]
    if len(found) > 1:
        problem = f"{' and '.join(path.name for path in found)} are both there"
        raise DataError(problem, file=place, mend="keep one of them")
    return found[0] if found else None


def _expected(name: str, subject: Subject, modality: str) -> str:
    word = _words({"is17": IS17, "is18": IS18}[name])[modality]
    stem = f"{'VSD' if name == 'is17' else 'SMIR'}.Brain.XX.O.{word}.<number>"
    return f"expected {stem}/{stem}.nii there"


def _read(case: Case, *, mask: MaskRule | None, fill: float | None) -> Volume:
    return read_volume(case, mask=mask, fill=fill, truth_of=_truth)


def _truth(segmentation: Scan, labels: tuple[str, ...]) -> tuple[np.ndarray, None]:
    mend = f"ISLES has the labels 0 and 1 ({labels[0]}): fetch the truth again or renumber it"
    return numbered(segmentation, [(1,)], known=(0, 1), mend=mend), None
