"""WMH 2017 as its organisers distribute it.

``{Utrecht,Singapore}/<id>/`` and ``Amsterdam/GE3T/<id>/``, each with ``pre/{FLAIR,T1}.nii.gz`` (bias-corrected, on the
grid of FLAIR), ``orig/`` (not read) and ``wmh.nii.gz``. A case is any folder with ``pre`` in it, at any depth below the
root, so that one site, cases without the folders of the sites, or folders around them all, are read as well. One that
holds another part of a case, or nothing, is complained of. The numbers of the truth are 1 (white matter hyperintensity)
and 2 (other pathology), which is ignored: left out of training and of scoring.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, children, complain
from kerasmetricloss.datasets.catalog import WM17, MaskRule
from kerasmetricloss.datasets.nifti import SUFFIXES, Scan, find_scan
from kerasmetricloss.datasets.scan_volumes import numbered, read_volume
from kerasmetricloss.datasets.scans import TRUTH, ScanSet, Subject, Wishes, composed_name, find_subjects, scan_cases

LESION, OTHER_PATHOLOGY = 1, 2
_IMAGES = "pre"


def open_wmh(
    root: Path,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    mask: str | None = None,
    fill: float | None = None,
    problems: list[DataError] | None = None,
    truth_needed: bool = True,
) -> list[Case]:
    """List the cases of a WMH 2017 folder.

    Args:
        root: The folder of the data set, one above it, of a site, or of the cases.
        channels: Out of FLAIR and T1; by default those that every case has, the others listed in ``Case.absent``.
        labels: Only ``("WMH",)``.
        mask: Rule of the output mask, ``CHANNEL>NUMBER`` or ``all``; by default T1 > 25, the head in the challenge's
            units. T1 scans in other units need another number. A folder without that modality is no case.
        fill: What replaces NaN and infinite voxels of the images; by default they are an error.
        problems: Collects complaints about single cases, which are then left out.
        truth_needed: False lists cases without a truth too.

    Returns:
        One case a folder, in natural order. Its id is the folder's name, and where two sites share a name, the path
        below the root joined by underscores.

    Raises:
        DataError: No case is there, two would have one id, or one lacks its truth, the mask's modality or one that was
            asked for.
    """
    wishes = Wishes(
        channels=channels, labels=labels, mask=mask, fill=fill, problems=problems, truth_needed=truth_needed
    )
    folders, without = _case_folders(root, set(root.resolve().parents), problems)
    if not folders:
        mend = "name the folder of the data set, of one site or of the cases"
        raise DataError(f"no case is here, expected <id>/{_IMAGES}/FLAIR.nii.gz", file=root, mend=mend)
    for folder in without:
        mend = f"expected {_IMAGES}/FLAIR.nii.gz there; add it, or take the folder out"
        complain(DataError(f"{_IMAGES} is missing", case=folder.name, file=folder, mend=mend), problems)
    subjects = find_subjects(_ids(root, folders, problems), _files, problems)
    return scan_cases(subjects, _SCANS, wishes, root=root)


def _case_folders(folder: Path, seen: set[Path], problems: list[DataError] | None) -> tuple[list[Path], list[Path]]:
    """Return the folders of the cases, and those that look like one but for its images.

    A link to a folder that was seen, or that holds the root, is not followed.
    """
    place, told = folder.resolve(), len(problems or ())
    if place in seen:
        return [], []
    seen.add(place)
    inside = children(folder, problems)
    if len(problems or ()) > told:
        return [], []
    below = [child for child in inside if child.is_dir()]
    if any(child.name.casefold() == _IMAGES for child in below):
        return [folder], []
    found = [_case_folders(child, seen, problems) for child in below]
    folders, without = ([one for pair in found for one in pair[part]] for part in (0, 1))
    # What lies below a case is a part of it.
    return folders, [folder] if not folders and _is_like_a_case(inside) else without


def _is_like_a_case(inside: Sequence[Path]) -> bool:
    """Whether a folder that holds this, and no images of a case, was to be one: it is empty, or holds a part."""
    known = (_IMAGES, *(f"{name}{suffix}".casefold() for name in ("wmh", *WM17.channels) for suffix in SUFFIXES))
    return not inside or any(
        child.name.casefold() in known or (child.name.casefold() == "orig" and child.is_dir()) for child in inside
    )


def _ids(root: Path, folders: list[Path], problems: list[DataError] | None) -> dict[str, Path]:
    """Return the folders by their ids; an id that two of them would have is complained of, and left out."""
    names = Counter(map(composed_name, folders))
    # The root itself, given as a dot, has a name only once it is resolved.
    own = composed_name(root if root.name not in ("", "..") else root.resolve())
    found: dict[str, list[Path]] = {}
    for folder in folders:
        name, path = composed_name(folder), normalize("NFC", "_".join(folder.relative_to(root).parts))
        name = name if names[name] == 1 else path
        found.setdefault(own if folder == root else name, []).append(folder)
    for name, same in found.items():
        if len(same) > 1:
            problem = " and ".join(str(folder.relative_to(root)) for folder in same) + " would be one case"
            complain(DataError(problem, case=name, file=root, mend="rename one of the folders"), problems)
    return {name: same[0] for name, same in found.items() if len(same) == 1}


def _files(folder: Path) -> dict[str, Path]:
    images = next(child for child in children(folder) if child.name.casefold() == _IMAGES and child.is_dir())
    found = {name: find_scan(images, name) for name in WM17.channels}
    found[TRUTH] = find_scan(folder, "wmh")
    return {name: path for name, path in found.items() if path is not None}


def _expected(_: Subject, name: str) -> str:
    return f"expected {'wmh' if name == TRUTH else f'{_IMAGES}/{name}'}.nii.gz or .nii there"


def _read(case: Case, *, mask: MaskRule | None, fill: float | None) -> Volume:
    return read_volume(case, mask=mask, fill=fill, truth_of=_truth)


def _truth(segmentation: Scan, _: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    mend = "WMH 2017 has the labels 0, 1 and 2 (other pathology): renumber them"
    parts = [(LESION,), (OTHER_PATHOLOGY,)]
    found = numbered(segmentation, parts, known=(0, LESION, OTHER_PATHOLOGY), mend=mend)
    return found[..., :1], found[..., 1] > 0


_SCANS = ScanSet(
    name=WM17.name, channels=WM17.channels, labels=("WMH",), mask=WM17.mask, expected=_expected, read=_read
)
