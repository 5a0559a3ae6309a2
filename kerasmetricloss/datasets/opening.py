"""Opening a data set by its name, and checking every file of it."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kerasmetricloss.datasets.brats import open_brats
from kerasmetricloss.datasets.case import Case, DataError
from kerasmetricloss.datasets.globbing import open_folder
from kerasmetricloss.datasets.groups import group_of_each, read_groups
from kerasmetricloss.datasets.isles import open_isles17, open_isles18
from kerasmetricloss.datasets.nifti import check_fill
from kerasmetricloss.datasets.pictures import open_colonoscopy
from kerasmetricloss.datasets.radiographs import open_radiographs
from kerasmetricloss.datasets.wmh import open_wmh

# A reader takes (root, *, channels, labels, problems, **settings of its own) and lists the cases; a new data set is a
# line here.
_READERS: dict[str, Callable[..., list[Case]]] = {
    "br18": open_brats,
    "folder": open_folder,
    "is17": open_isles17,
    "is18": open_isles18,
    "mo17": open_radiographs,
    "po18": open_colonoscopy,
    "wm17": open_wmh,
}
# Studies have more networks than folders: what they call a data set here is one of another name.
_READER_OF = {"wm17dm": "wm17"}
_COMMON = ("root", "channels", "labels", "problems", "truth_needed")


def names() -> tuple[str, ...]:
    """Return the names of the data sets that :func:`open_dataset` reads."""
    return tuple(sorted(_READERS))


def settings_of(name: str) -> tuple[str, ...]:
    """Return the settings that the reader of a data set has of its own.

    Raises:
        DataError: The name is unknown.

    Example:
        >>> settings_of("mo17")
        ('roi', 'label', 'unsqueeze', 'shrink', 'absent')
    """
    return tuple(key for key in inspect.signature(_reader(name)).parameters if key not in _COMMON)


def defaults_of(name: str) -> dict[str, object]:
    """Return what the settings that the reader of a data set has of its own are where they are not given.

    Raises:
        DataError: The name is unknown.

    Example:
        >>> defaults_of("mo17")["roi"]
        (217, 217)
    """
    parameters = inspect.signature(_reader(name)).parameters
    return {key: parameters[key].default for key in settings_of(name)}


def open_dataset(
    name: str,
    root: Path | str,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    groups: Path | str | None = None,
    problems: list[DataError] | None = None,
    truth_needed: bool = True,
    **settings,
) -> list[Case]:
    """List the cases of a data set as its owners distribute it, without decoding them.

    Args:
        name: One of :func:`names`, in any case; ``"folder"`` reads any images and masks by pattern.
        root: The folder of the data set.
        channels: The image channels wanted, in order; by default those that every case has.
        labels: The labels wanted, in order; by default the paper's binary task.
        groups: A CSV file with columns case and group (or frame and sequence, or patient), for data whose folders do
            not tell which cases belong together.
        problems: A list to which every complaint about a single case is appended; that case is left out, or, where
            only its group is unknown, is a group of its own. Without it the first such complaint is raised.
        truth_needed: False lists also scans (br18, is17, is18, wm17) without a truth, as of a test set; their truth is
            empty, and ignored at every voxel.
        **settings: Settings of one reader, see :func:`settings_of` and the reader's docstring: ``mask`` and ``fill``
            of br18, is17, is18, wm17 and folder; ``roi``, ``label``, ``unsqueeze``, ``shrink`` and ``absent`` of
            mo17; ``images``, ``truth``, ``values`` and ``ignore`` of folder.

    Returns:
        The cases in natural order of their ids (2 before 10), at least one.

    Raises:
        DataError: The name or a setting is unknown, the folder is missing, empty or not laid out as expected, or no
            case is left.

    Example:
        >>> import tempfile
        >>> from kerasmetricloss.datasets import write_phantom
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cases = open_dataset("po18", write_phantom("po18", f"{folder}/po18", cases=2, seed=0, size=(48, 40)))
        ...     [(case.id, case.read().image.shape) for case in cases]
        [('1', (40, 48, 3)), ('2', (40, 48, 3))]
    """
    reader, known = _reader(name), settings_of(name)
    for key in settings:
        if key not in known:
            mend = f"it has {', '.join(known)}" if known else "it has none"
            raise DataError(f"the reader of {name.casefold()} has no setting {key!r}", mend=mend)
    check_fill(settings.get("fill"))
    first = len(problems or ())
    if not truth_needed and "truth_needed" in inspect.signature(reader).parameters:
        settings["truth_needed"] = False
    try:
        cases = reader(_checked(Path(root)), channels=channels, labels=labels, problems=problems, **settings)
    except OSError as error:
        # A folder below the root that may not be listed, a link that leads to itself, a disk that fails.
        mend = "check its permissions, links and disk"
        raise DataError(f"the folder cannot be listed ({error.strerror})", file=error.filename, mend=mend) from error
    if not cases:
        reason = f", the first problem is: {problems[first]}" if problems and len(problems) > first else ""
        raise DataError(f"no case is left{reason}", file=root, mend="" if reason else "look at the folder")
    if groups is None:
        return cases
    ids = [case.id for case in cases]
    group_of = group_of_each(ids, read_groups(Path(groups), ids, problems=problems))
    return [replace(case, group=group_of[case.id]) for case in cases]


def _reader(name: str) -> Callable[..., list[Case]]:
    reader = _READERS.get(name.casefold())
    if reader is None:
        same = _READER_OF.get(name.casefold())
        mend = f"its folder is that of {same}: name that" if same else f"known are {', '.join(names())}"
        raise DataError(f"unknown data set {name!r}", mend=mend)
    return reader


def _checked(root: Path) -> Path:
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise DataError(f"the data folder {what}", file=root, mend="name the folder that holds the data set")
    if not any(root.iterdir()):
        raise DataError("the data folder is empty", file=root, mend="unpack the data set there, or name another folder")
    return root


def verify(cases: Sequence[Case], *, progress: Callable[[int, int, str], None] | None = None) -> None:
    """Decode every file of every case once, so that a broken one is known before any work is done.

    Args:
        cases: What :func:`open_dataset` returned.
        progress: Called after each case with (cases done, cases in all, id of the case).

    Raises:
        DataError: The first file that cannot be used, with case, file and mend.
    """
    for done, case in enumerate(cases, start=1):
        case.read()
        if progress is not None:
            progress(done, len(cases), case.id)
