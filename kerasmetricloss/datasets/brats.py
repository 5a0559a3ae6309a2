"""BRATS 2018 as its organisers distribute it.

``{HGG,LGG}/<case>/<case>_{flair,t1,t1ce,t2,seg}.nii.gz`` (or ``.nii``), all of one case on one grid. The labels of the
segmentation are 1 (necrotic core), 2 (oedema) and 4 (enhancing tumour); the tasks overlap:

    WT = {1, 2, 4} (whole tumour)   TC = {1, 4} (tumour core)   ET = {4} (enhancing tumour)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, natural_key
from kerasmetricloss.datasets.nifti import Scan, check_same_grid, find_scan, read_nifti

CHANNELS = ("FLAIR", "T1", "T1CE", "T2")
LABELS = {"WT": (1, 2, 4), "TC": (1, 4), "ET": (4,)}
_GRADES = ("hgg", "lgg")


def open_brats(root: Path, *, channels: Sequence[str] | None = None, labels: Sequence[str] | None = None) -> list[Case]:
    """List the cases of a BRATS 2018 folder.

    Args:
        root: The folder that holds HGG, LGG or both.
        channels: Out of FLAIR, T1, T1CE and T2; by default those that every case has, the others listed in
            ``Case.absent``.
        labels: Out of WT, TC and ET; by default ``("WT",)``.

    Returns:
        One case a patient, in natural order of the ids.

    Raises:
        DataError: No case is there, a case lacks its segmentation or a modality that was asked for, or no modality is
            there in every case.
    """
    labels = _checked(labels or ("WT",), tuple(LABELS), "label", root)
    wanted = None if channels is None else _checked(channels, CHANNELS, "channel", root)
    folders = {folder.name: folder for folder in _case_folders(root)}
    found = {name: _scans(folder) for name, folder in folders.items()}
    common = tuple(channel for channel in CHANNELS if all(channel in scans for scans in found.values()))
    if wanted is None and not common:
        mend = "add the missing modalities, or name the ones that are meant (channels=...)"
        raise DataError("no modality is there in every case", file=root, mend=mend)
    wanted = wanted or common
    for name, scans in found.items():
        _check_complete(folders[name], scans, wanted)
    return [
        Case(
            dataset="br18",
            id=name,
            group=name,
            channels=wanted,
            labels=labels,
            files=(*(found[name][channel] for channel in wanted), found[name]["seg"]),
            reader=_read,
            absent=tuple(channel for channel in CHANNELS if channel not in common),
        )
        for name in found
    ]


def _checked(asked: Sequence[str], known: tuple[str, ...], what: str, root: Path) -> tuple[str, ...]:
    names = tuple(name.upper() for name in asked)
    for name in names:
        if name not in known:
            raise DataError(f"br18 has no {what} {name}", file=root, mend=f"known are {', '.join(known)}")
    return names


def _case_folders(root: Path) -> list[Path]:
    grades = [child for child in sorted(root.iterdir()) if child.is_dir() and child.name.casefold() in _GRADES]
    if not grades:
        below = [child for child in sorted(root.iterdir()) if child.is_dir() and (child / "HGG").is_dir()]
        mend = f"name {below[0]} instead" if below else "name the folder that holds HGG and LGG"
        raise DataError("neither HGG nor LGG is here", file=root, mend=mend)
    folders = [child for grade in grades for child in sorted(grade.iterdir()) if child.is_dir()]
    folders = sorted((f for f in folders if not f.name.startswith(".")), key=lambda folder: natural_key(folder.name))
    if not folders:
        raise DataError("no case is here", file=grades[0], mend="expected a folder a case, e.g. HGG/Brats18_X_1")
    names = [folder.name for folder in folders]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError("the case is there twice", case=twice[0], file=root, mend="keep one of its folders")
    return folders


def _scans(folder: Path) -> dict[str, Path]:
    found = {name: find_scan(folder, f"{folder.name}_{name.lower()}") for name in (*CHANNELS, "seg")}
    return {name: path for name, path in found.items() if path is not None}


def _check_complete(folder: Path, scans: dict[str, Path], wanted: tuple[str, ...]) -> None:
    for needed in (*wanted, "seg"):
        if needed not in scans:
            what = "the segmentation" if needed == "seg" else f"the modality {needed}"
            mend = f"expected {folder.name}_{needed.lower()}.nii.gz or .nii there"
            raise DataError(f"{what} is missing", case=folder.name, file=folder, mend=mend)


def _read(case: Case) -> Volume:
    segmentation = read_nifti(case.files[-1])
    scans = [read_nifti(file) for file in case.files[:-1]]
    for scan in (*scans[1:], segmentation):
        check_same_grid(scan, scans[0])
    image = np.stack([scan.voxels for scan in scans], axis=-1)
    # FLAIR > 0 is the brain; without FLAIR, any other modality of these skull-stripped scans says the same.
    brain = scans[case.channels.index("FLAIR") if "FLAIR" in case.channels else 0].voxels > 0
    truth = np.stack([_label(segmentation, label) for label in case.labels], axis=-1)
    return Volume(image=image, truth=truth, mask=brain, spacing_mm=scans[0].spacing_mm, affine=scans[0].affine)


def _label(segmentation: Scan, label: str) -> np.ndarray:
    values = np.unique(segmentation.voxels)
    unknown = sorted(set(values.tolist()) - {0, 1, 2, 4})
    if unknown:
        mend = "BRATS 2018 has the labels 0, 1, 2 and 4: renumber them"
        raise DataError(f"the segmentation holds the label {unknown[0]:g}", file=segmentation.file, mend=mend)
    if label != "WT" and values[-1] == 1:
        mend = "ask for WT, or fetch the segmentation with the labels 1, 2 and 4"
        problem = f"the segmentation holds 0 and 1 alone, which does not tell {label}"
        raise DataError(problem, file=segmentation.file, mend=mend)
    return np.isin(segmentation.voxels, LABELS[label]).astype(np.uint8)
