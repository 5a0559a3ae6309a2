"""BRATS 2018 as its organisers distribute it.

``{HGG,LGG}/<case>/<case>_{flair,t1,t1ce,t2,seg}.nii.gz`` (or ``.nii``), all of one case on one grid. The labels of the
segmentation are 1 (necrotic core), 2 (oedema) and 4 (enhancing tumour); the tasks overlap:

    WT = {1, 2, 4} (whole tumour)   TC = {1, 4} (tumour core)   ET = {4} (enhancing tumour)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, children, complain
from kerasmetricloss.datasets.catalog import BR18, MaskRule
from kerasmetricloss.datasets.nifti import SUFFIXES, Scan, find_scan
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

LABELS = {"WT": (1, 2, 4), "TC": (1, 4), "ET": (4,)}
_KNOWN = (0, 1, 2, 4)
_GRADES = ("hgg", "lgg")


def open_brats(
    root: Path,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    mask: str | None = None,
    fill: float | None = None,
    problems: list[DataError] | None = None,
    truth_needed: bool = True,
) -> list[Case]:
    """List the cases of a BRATS 2018 folder.

    Args:
        root: The folder that holds HGG, LGG or both.
        channels: Out of FLAIR, T1, T1CE and T2; by default those that every case has, the others listed in
            ``Case.absent``.
        labels: Out of WT, TC and ET; by default ``("WT",)``.
        mask: Rule of the output mask, ``CHANNEL>NUMBER`` or ``all``; by default FLAIR > 0, the brain, whichever
            channels are asked for, or the first channel > 0 where a case lacks FLAIR.
        fill: What replaces NaN and infinite voxels of the images; by default they are an error.
        problems: Collects complaints about single cases, which are then left out.
        truth_needed: False lists cases without a truth too.

    Returns:
        One case a patient, in natural order of the ids.

    Raises:
        DataError: No case is there, a case lacks its segmentation or a modality that was asked for, or no modality is
            there in every case.
    """
    wishes = Wishes(
        channels=channels, labels=labels, mask=mask, fill=fill, problems=problems, truth_needed=truth_needed
    )
    subjects = find_subjects(_case_folders(root, problems), _files, problems)
    return scan_cases(subjects, _SCANS, wishes, root=root)


def _case_folders(root: Path, problems: list[DataError] | None) -> dict[str, Path]:
    grades = _grades(root)
    if not grades:
        below = [child for child in children(root) if child.is_dir() and _grades(child)]
        mend = f"name {below[0]} instead" if below else "name the folder that holds HGG and LGG"
        raise DataError("neither HGG nor LGG is here", file=root, mend=mend)
    inside = {grade: children(grade, problems) for grade in grades}
    folders = [child for below in inside.values() for child in below if child.is_dir()]
    mend = "expected a folder a case, e.g. HGG/Brats18_X_1"
    if not folders:
        raise DataError("no case is here", file=grades[0], mend=mend)
    for grade, below in inside.items():
        scans = [child.name for child in below if child.is_file() and child.name.casefold().endswith(SUFFIXES)]
        if scans:
            problem = f"{len(scans)} scans, such as {scans[0]}, lie beside the folders of the cases, and are not read"
            complain(DataError(problem, file=grade, mend=mend), problems)
    return once_by_name(folders, root, problems)


def _grades(root: Path) -> list[Path]:
    return [child for child in children(root, []) if child.is_dir() and child.name.casefold() in _GRADES]


def _files(folder: Path) -> dict[str, Path]:
    found = {name: find_scan(folder, f"{folder.name}_{name.lower()}") for name in (*BR18.channels, "seg")}
    return {TRUTH if name == "seg" else name: path for name, path in found.items() if path is not None}


def _expected(subject: Subject, name: str) -> str:
    return f"expected {subject.id}_{'seg' if name == TRUTH else name.lower()}.nii.gz or .nii there"


def _read(case: Case, *, mask: MaskRule | None, fill: float | None) -> Volume:
    return read_volume(case, mask=mask, fill=fill, truth_of=_truth)


def _truth(segmentation: Scan, labels: tuple[str, ...]) -> tuple[np.ndarray, None]:
    mend = "BRATS 2018 has the labels 0, 1, 2 and 4: renumber them"
    found = numbered(segmentation, [*(LABELS[label] for label in labels), (1,), (2, 4)], known=_KNOWN, mend=mend)
    truth, ones, others = found[..., :-2], found[..., -2], found[..., -1]
    for label in labels:
        if label != "WT" and ones.any() and not others.any():
            mend = "ask for WT, or fetch the segmentation with the labels 1, 2 and 4"
            problem = f"the segmentation holds 0 and 1 alone, which does not tell {label}"
            raise DataError(problem, file=segmentation.file, mend=mend)
    return truth, None


_SCANS = ScanSet(
    name=BR18.name,
    channels=BR18.channels,
    labels=tuple(LABELS),
    mask=BR18.mask,
    expected=_expected,
    read=_read,
    skull_stripped=True,
)
