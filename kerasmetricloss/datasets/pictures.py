"""Folders of pictures with a folder of masks: how they pair up, and PO18-like colonoscopy.

Layouts, told apart by the names of the two folders (upper or lower case):

* CVC-ClinicDB: ``Original/N.png``, ``Ground Truth/N.png`` and, where present, ``sequences.csv`` (columns frame,
  sequence), whose sequence becomes the group of the case;
* Kvasir-SEG: ``images/<id>.jpg``, ``masks/<id>.jpg``;
* label charts: ``images/<id>.jpg``, ``labels/<id>.png``, read with ``label=38``.

Any suffix of :data:`~kerasmetricloss.datasets.picture_files.SUFFIXES` will do, and an image and its mask may differ in
it. Pictures in folders below these two are complained of, not read: whether such a folder is a sequence, a site or a
part of the data is for the user to say (``folder`` reads them by pattern). So is a pair of files that are no pictures.
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import Case, DataError, Volume, children, complain, natural_key
from kerasmetricloss.datasets.groups import group_of_each, read_groups
from kerasmetricloss.datasets.picture_files import COLOURS, SUFFIXES, check_same_turn, read_image, read_mask

CHARTS = "labels"
LAYOUTS = (("Original", "Ground Truth"), ("images", "masks"), ("images", CHARTS))


def open_colonoscopy(
    root: Path,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    problems: list[DataError] | None = None,
) -> list[Case]:
    """List the cases of a PO18-like folder, in colour.

    Args:
        root: The folder that holds the folders of images and masks.
        channels: Default ``("red", "green", "blue")``; ``("grey",)`` for the luma.
        labels: Only ``("polyp",)``.
        problems: Collects complaints about single cases, which are then left out, about a second layout, which is not
            read, and about the list of sequences: a case without a sequence is then a group of its own.

    Returns:
        One case a picture, in natural order.

    Raises:
        DataError: The layout is none of those above, or two of them, an image and its mask do not pair up, pictures lie
            deeper, or the list of sequences lacks one.
    """
    return picture_cases(
        root, "po18", channels=channels or COLOURS, labels=labels, only_label="polyp", reader=_read, problems=problems
    )


def picture_cases(
    root: Path,
    name: str,
    *,
    channels: Sequence[str],
    labels: Sequence[str] | None,
    only_label: str,
    reader: Callable[[Case], Volume],
    problems: list[DataError] | None,
    charts: bool = False,
) -> list[Case]:
    """List the cases of a folder in one of the layouts above.

    Args:
        root: The folder that holds the folders of images and masks.
        name: Name of the data set.
        channels: Out of red, green, blue and grey.
        labels: What was asked for.
        only_label: What there is.
        reader: Decodes a case; its files are the image and the mask.
        problems: As in :func:`open_colonoscopy`.
        charts: Take label charts rather than other masks, where both are there.

    Raises:
        DataError: As in :func:`open_colonoscopy`.
    """
    if labels is not None and tuple(labels) != (only_label,):
        raise DataError(f"{name} has the label {only_label}, asked for {', '.join(labels)}", file=root)
    unknown = [channel for channel in channels if channel not in (*COLOURS, "grey")]
    if unknown:
        raise DataError(f"pictures have the channels red, green, blue and grey, asked for {unknown[0]}", file=root)
    images, masks = _folders(root, charts, problems)
    pairs = _pairs(images, masks, problems)
    groups = group_of_each(pairs, _sequences(root / "sequences.csv", pairs, problems))
    return [
        Case(
            dataset=name,
            id=stem,
            group=groups[stem],
            channels=tuple(channels),
            labels=(only_label,),
            files=pairs[stem],
            reader=reader,
        )
        for stem in sorted(pairs, key=natural_key)
    ]


def check_mask_fits(mask: np.ndarray, image: np.ndarray, case: Case, *, file: Path | None = None) -> None:
    """Raise DataError unless a mask, shape (rows, columns), has as many pixels an axis as its image, and lies as it.

    Args:
        mask: The mask.
        image: Shape (rows, columns, channels).
        case: Their case.
        file: The mask's file; by default the last of the case.
    """
    if mask.shape[:2] != image.shape[:2]:
        came, expected = (f"{shape[1]}x{shape[0]}" for shape in (mask.shape, image.shape))
        problem = f"the mask is {came}, its image {case.files[0].name} is {expected}"
        raise DataError(problem, file=file or case.files[-1], mend="save the mask at the size of its image")
    check_same_turn(file or case.files[-1], case.files[0], mask.shape)


def _folders(root: Path, charts: bool, problems: list[DataError] | None) -> tuple[Path, Path]:
    found = _layouts(root)
    if not found:
        expected = " or ".join(f"'{images}' and '{masks}'" for images, masks in LAYOUTS)
        below = [child for child in children(root) if child.is_dir() and _layouts(child)]
        mend = f"name {below[0]} instead" if below else "name the folder that holds both"
        raise DataError(f"no folders of images and masks here, expected {expected}", file=root, mend=mend)
    wanted = [pair for pair in found if charts and pair[1].name.casefold() == CHARTS]
    if len(found) > 1 and not wanted:
        several = ", ".join(f"'{images.name}' and '{masks.name}'" for images, masks in found)
        mend = "keep one pair in that folder; of radiographs the label number chooses 'labels' (label=38, --label 38)"
        complain(DataError(f"pairs of folders of images and masks are {several}", file=root, mend=mend), problems)
    return (wanted or found)[0]


def _layouts(root: Path) -> list[tuple[Path, Path]]:
    folders = {child.name.casefold(): child for child in children(root, []) if child.is_dir()}
    names = [(images.casefold(), masks.casefold()) for images, masks in LAYOUTS]
    return [(folders[images], folders[masks]) for images, masks in names if images in folders and masks in folders]


def _sequences(path: Path, cases: Iterable[str], problems: list[DataError] | None) -> dict[str, str]:
    if not path.exists() and not path.is_symlink():
        return {}
    try:
        return read_groups(path, cases, problems=problems)
    except DataError as error:
        complain(error, problems)
        return {}


def _pairs(images: Path, masks: Path, problems: list[DataError] | None) -> dict[str, tuple[Path, Path]]:
    image_of, mask_of = _pictures(images, problems), _pictures(masks, problems)
    _complain_of_unread(images, masks, problems)
    for stem in sorted(image_of.keys() ^ mask_of.keys(), key=natural_key):
        if stem in image_of:
            mend = f"add the mask to {masks}, or take the image out"
            problem = DataError(f"the image {image_of[stem].name} has no mask", case=stem, file=masks, mend=mend)
        else:
            mend = f"add the image to {images}, or take the mask out"
            problem = DataError(f"the mask {mask_of[stem].name} has no image", case=stem, file=images, mend=mend)
        complain(problem, problems)
    if not image_of:
        mend = f"expected some in it, not in folders below it: {' '.join(sorted(SUFFIXES))}"
        raise DataError("the folder holds no pictures", file=images, mend=mend)
    return {stem: (image_of[stem], mask_of[stem]) for stem in image_of if stem in mask_of}


def _pictures(folder: Path, problems: list[DataError] | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    twice = set()
    for path in children(folder):
        if path.suffix.casefold() not in SUFFIXES:
            continue
        stem = _stem(path)
        if stem in found:
            problem = f"{found[stem].name} and {path.name} are both case {stem}"
            complain(DataError(problem, file=folder, mend="keep one of them"), problems)
            twice.add(stem)
        found[stem] = path
    return {stem: path for stem, path in found.items() if stem not in twice}


def _complain_of_unread(images: Path, masks: Path, problems: list[DataError] | None) -> None:
    """Complain of pairs in formats that are not read, and of folders with pictures below these two."""
    kinds = [{_stem(path): path for path in children(folder) if _is_other(path)} for folder in (images, masks)]
    for stem in sorted(kinds[0].keys() & kinds[1].keys(), key=natural_key):
        problem = f"{kinds[0][stem].name} and its mask {kinds[1][stem].name} are no pictures that can be read"
        mend = f"save them in another format, one of {' '.join(sorted(SUFFIXES))}"
        complain(DataError(problem, case=stem, file=kinds[0][stem], mend=mend), problems)
    below = [child for folder in (images, masks) for child in children(folder) if _is_folder(child)]
    told = set()
    for folder in below:
        if folder.name not in told and _holds_pictures(folder, problems):
            told.add(folder.name)
            mend = (
                f"move them up, or read them by pattern: --dataset folder --images '{images.name}/{{group}}/*' "
                f"--truth '{masks.name}/{{group}}/*'"
            )
            complain(DataError("the pictures in this folder are not read", file=folder, mend=mend), problems)


def _holds_pictures(folder: Path, problems: list[DataError] | None) -> bool:
    below = children(folder, problems)
    if any(path.suffix.casefold() in SUFFIXES for path in below):
        return True
    return any(_holds_pictures(path, problems) for path in below if path.is_dir() and not path.is_symlink())


def _is_folder(path: Path) -> bool:
    # A folder named like a picture stands in the place of one, and is refused as its case is read.
    return path.is_dir() and path.suffix.casefold() not in SUFFIXES


def _is_other(path: Path) -> bool:
    return path.is_file() and path.suffix.casefold() not in SUFFIXES


def _stem(path: Path) -> str:
    # macOS decomposes accents in file names, other systems do not.
    return unicodedata.normalize("NFC", path.stem)


def _read(case: Case) -> Volume:
    image = read_image(case.files[0], channels=case.channels)
    truth = read_mask(case.files[-1])
    check_mask_fits(truth, image, case)
    return Volume(image=image, truth=truth[..., None].astype(np.uint8), mask=np.ones(truth.shape, dtype=bool))
