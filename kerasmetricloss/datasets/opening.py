"""Opening a data set by its name, and checking every file of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kerasmetricloss.datasets.brats import open_brats
from kerasmetricloss.datasets.case import Case, DataError
from kerasmetricloss.datasets.pictures import open_colonoscopy, open_radiographs

# A reader takes (root, *, channels, labels, **settings of its own) and lists the cases; a new data set is a line here.
_READERS: dict[str, Callable[..., list[Case]]] = {
    "br18": open_brats,
    "mo17": open_radiographs,
    "po18": open_colonoscopy,
}


def names() -> tuple[str, ...]:
    """Return the names of the data sets that :func:`open_dataset` reads."""
    return tuple(sorted(_READERS))


def open_dataset(
    name: str,
    root: Path | str,
    *,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    **settings,
) -> list[Case]:
    """List the cases of a data set as its owners distribute it, without decoding them.

    Args:
        name: One of :func:`names`, in any case.
        root: The folder of the data set.
        channels: The image channels wanted, in order; by default those that every case has.
        labels: The labels wanted, in order; by default the paper's binary task.
        **settings: Settings of one reader: ``roi`` and ``label`` of mo17.

    Returns:
        The cases in natural order of their ids (2 before 10), at least one.

    Raises:
        DataError: The name is unknown, or the folder is missing, empty or not laid out as expected.

    Example:
        >>> import tempfile
        >>> from kerasmetricloss.datasets import write_phantom
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cases = open_dataset("po18", write_phantom("po18", f"{folder}/po18", cases=2, seed=0, size=(48, 40)))
        ...     [(case.id, case.read().image.shape) for case in cases]
        [('1', (40, 48, 3)), ('2', (40, 48, 3))]
    """
    reader = _READERS.get(name.casefold())
    if reader is None:
        raise DataError(f"unknown data set {name!r}", mend=f"known are {', '.join(names())}")
    try:
        return reader(_checked(Path(root)), channels=channels, labels=labels, **settings)
    except OSError as error:
        # A folder below the root that may not be listed, a link that leads to itself, a disk that fails.
        mend = "check the folder's permissions, links and disk"
        raise DataError(f"the folder cannot be listed ({error.strerror})", file=error.filename, mend=mend) from error


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
