"""A case of a data set: what it is called, which files it stands on, and the arrays they hold.

A reader (:mod:`~kerasmetricloss.datasets.pictures`, :mod:`~kerasmetricloss.datasets.brats`) lists the cases of a folder
without decoding them; :meth:`Case.read` decodes one. Every complaint about a file is a :class:`DataError`, raised or,
where the caller brought a list of problems, collected.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


class DataError(ValueError):
    """Input data that cannot be used as they are: what came, in which case and file, and how to mend it.

    Args:
        problem: What came and what was expected.
        case: Id of the case, where one is known.
        file: The file or folder at fault, where one is known.
        mend: What the user can do about it.

    Example:
        >>> print(DataError("the mask is missing", case="7", file="masks/7.png", mend="add it"))
        case 7: masks/7.png: the mask is missing; add it
    """

    def __init__(self, problem: str, *, case: str | None = None, file: Path | str | None = None, mend: str = ""):
        self.problem, self.case, self.file, self.mend = problem, case, file, mend
        where = [f"case {case}"] if case is not None else []
        where += [str(file)] if file is not None else []
        message = ": ".join([*where, problem]) + (f"; {mend}" if mend else "")
        super().__init__(message)

    def named(self, case: str) -> "DataError":
        """Return the same complaint with the id of its case, unless it has one."""
        return self if self.case is not None else DataError(self.problem, case=case, file=self.file, mend=self.mend)


def complain(error: DataError, problems: list[DataError] | None) -> None:
    """Raise the complaint, or append it to the list of problems where there is one.

    Example:
        >>> problems = []
        >>> complain(DataError("the mask is missing", case="7"), problems)
        >>> [problem.case for problem in problems]
        ['7']
    """
    if problems is None:
        raise error
    problems.append(error)


def children(folder: Path, problems: list[DataError] | None = None) -> list[Path]:
    """Return what lies in a folder, sorted and without hidden files; one that may not be listed is complained of."""
    try:
        return [child for child in sorted(folder.iterdir()) if not child.name.startswith(".")]
    except OSError as error:
        mend = "check its permissions, links and disk"
        complain(DataError(f"the folder cannot be listed ({error.strerror})", file=folder, mend=mend), problems)
        return []


@dataclass(frozen=True, eq=False, kw_only=True)
class Volume:
    """The arrays of one case on their native grid, 2-D (rows, columns) or 3-D (x, y, z towards right, front, top).

    Args:
        image: float32, shape ``(*space, channels)``; every value finite.
        truth: uint8 in {0, 1}, shape ``(*space, labels)``.
        mask: bool, shape ``space``: where a prediction counts, by the rule of the data set (e.g. FLAIR > 0).
        ignore: bool, shape ``space``, or None: where the truth is unknown, left out of training and scoring. There the
            prepared truth and mask are 0, whatever ``truth`` holds.
        spacing_mm: Size of a voxel along each axis in mm, or None where the pictures have no known scale.
        affine: ``(4, 4)`` from voxel indices to mm, or None for pictures.
        unnamed: Numbers that the file of the truth holds beside 0 and are of no label, each with its voxels; these are
            background.

    Raises:
        DataError: Shapes disagree, a value is not finite, the truth is not binary, or a spacing is not positive.

    Example:
        >>> volume = Volume(
        ...     image=np.zeros((3, 4, 1), "float32"), truth=np.zeros((3, 4, 2), "uint8"), mask=np.ones((3, 4), bool)
        ... )
        >>> volume.space
        (3, 4)
    """

    image: np.ndarray
    truth: np.ndarray
    mask: np.ndarray
    ignore: np.ndarray | None = None
    spacing_mm: tuple[float, ...] | None = None
    affine: np.ndarray | None = None
    unnamed: tuple[tuple[float, int], ...] = ()

    @property
    def space(self) -> tuple[int, ...]:
        """Shape of the grid without channels."""
        return self.image.shape[:-1]

    def __post_init__(self) -> None:
        self._check_types()
        self._check_shapes()
        self._check_values()

    def _check_types(self) -> None:
        expected = {"image": np.float32, "truth": np.uint8, "mask": np.bool_, "ignore": np.bool_}
        for name, dtype in expected.items():
            array = getattr(self, name)
            if array is not None and array.dtype != dtype:
                raise DataError(f"{name} has dtype {array.dtype}, expected {np.dtype(dtype)}")

    def _check_shapes(self) -> None:
        if self.image.ndim not in (3, 4) or 0 in self.image.shape:
            raise DataError(f"image has shape {self.image.shape}, expected 2 or 3 axes and channels, none empty")
        if self.truth.ndim != self.image.ndim or self.truth.shape[:-1] != self.space or self.truth.shape[-1] == 0:
            raise DataError(f"truth has shape {self.truth.shape}, expected {self.space} and labels")
        for name in ("mask", "ignore"):
            array = getattr(self, name)
            if array is not None and array.shape != self.space:
                raise DataError(f"{name} has shape {array.shape}, expected {self.space}")
        if self.affine is not None and self.affine.shape != (4, 4):
            raise DataError(f"affine has shape {self.affine.shape}, expected (4, 4)")

    def _check_values(self) -> None:
        broken = int(self.image.size - np.isfinite(self.image).sum())
        if broken:
            raise DataError(f"{broken} of {self.image.size} image values are NaN or infinite", mend="replace them")
        if self.truth.max() > 1:
            raise DataError(f"truth holds the value {self.truth.max()}, expected 0 and 1")
        if self.spacing_mm is not None:
            sizes = np.asarray(self.spacing_mm, dtype=float)
            if sizes.shape != (len(self.space),) or not np.all(np.isfinite(sizes) & (sizes > 0)):
                raise DataError(f"spacing is {self.spacing_mm} mm, expected {len(self.space)} positive numbers")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One subject or picture: its name, the files behind it, and a lazy :meth:`read`.

    Args:
        dataset: Name of the data set, e.g. ``"po18"``.
        id: Name of the case, unique in its data set.
        group: Cases of one group (a video sequence, a patient) belong in the same fold; the id where none is known.
        channels: Names of the image's channels, in order.
        labels: Names of the truth's labels, in order.
        files: Every file behind the case: images first, in the order of the channels, the truth last; between them
            what the mask is made from, where that is no channel.
        reader: Decodes the files of the case into a :class:`Volume`.
        absent: Channels of the data set that were left out because some case lacks them.
        lacks: Those of them that this one lacks.
    """

    dataset: str
    id: str
    group: str
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    files: tuple[Path, ...]
    reader: Callable[["Case"], Volume] = field(repr=False, compare=False)
    absent: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def read(self) -> Volume:
        """Decode the files of this case.

        Returns:
            The arrays: ``len(channels)`` image channels and ``len(labels)`` labels on one grid.

        Raises:
            DataError: A file is missing, broken or disagrees with the others. The message names this case.
        """
        try:
            volume = self.reader(self)
        except DataError as error:
            raise error.named(self.id) from error.__cause__
        came = (volume.image.shape[-1], volume.truth.shape[-1])
        expected = (len(self.channels), len(self.labels))
        if came != expected:
            raise DataError(f"{came} channels and labels came, expected {expected}", case=self.id, file=self.files[0])
        return volume


def natural_key(name: str) -> tuple:
    """Return a sorting key that puts 2 before 10.

    Example:
        >>> sorted(["10", "2", "1b", "1a"], key=natural_key)
        ['1a', '1b', '2', '10']
    """
    parts = re.split(r"(\d+)", name)
    # Text and number alternate, so no text meets a number; the name itself breaks the tie of 01 and 1.
    return tuple(int(part) if index % 2 else part.casefold() for index, part in enumerate(parts)), name


def unknown_truth(space: tuple[int, ...], labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an empty truth, uint8 `(*space, labels)`, and what is to be ignored of it, bool `space`: everything.

    Example:
        >>> truth, ignore = unknown_truth((2, 3), 1)
        >>> truth.shape, bool(truth.any()), bool(ignore.all())
        ((2, 3, 1), False, True)
    """
    return np.zeros((*space, labels), np.uint8), np.ones(space, bool)
