"""The posterior that a phantom knows and real data do not: p(x) and the outlines behind it, one file a case."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasmetricloss.datasets.case import DataError
from kerasmetricloss.datasets.phantom.encoding import npz_bytes
from kerasmetricloss.datasets.phantom.outlines import Outlines


@dataclass(frozen=True, eq=False, kw_only=True)
class KnownPosterior:
    """What is known of the truth of one phantom before an outline is drawn.

    Args:
        labels: Names of the labels.
        posterior: p(x), float32, shape ``(*space, labels)``, on the grid of the files (before any ROI is cut).
        outlines: bool, shape ``(outlines, *space, labels)``.
        probabilities: float64, shape ``(outlines,)``, sum 1; an outline holds all labels, so labels go together.
        drawn: Index of the outline that was written as the truth.
    """

    labels: tuple[str, ...]
    posterior: np.ndarray
    outlines: np.ndarray
    probabilities: np.ndarray
    drawn: int


def posterior_bytes(outlines: Outlines, *, labels: Sequence[str], drawn: int) -> bytes:
    """Return the archive of one case; outlines of shape ``(outlines, *space, labels)`` are packed 8 to a byte."""
    arrays = {
        "labels": np.array(list(labels)),
        "posterior": outlines.posterior(),
        "outlines_packed": np.packbits(outlines.masks.reshape(len(outlines.masks), -1), axis=1),
        "probabilities": outlines.probabilities,
        "drawn": np.array(drawn),
    }
    return npz_bytes(arrays)


def load_posterior(root: Path | str, case_id: str) -> KnownPosterior:
    """Load what the phantom in a folder knows of one case.

    Args:
        root: The folder that :func:`~kerasmetricloss.datasets.phantom.write_phantom` made.
        case_id: The id of the case as its reader gives it.

    Raises:
        DataError: There is no such file, or it cannot be read.
    """
    path = Path(root) / "posterior" / f"{case_id}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            posterior, probabilities = archive["posterior"], archive["probabilities"]
            packed, drawn = archive["outlines_packed"], int(archive["drawn"])
            labels = tuple(str(label) for label in archive["labels"])
    # zipfile, zlib and NumPy each have errors of their own for a broken archive.
    except Exception as error:
        mend = "only phantoms have posteriors; write the phantom again if it was damaged"
        raise DataError(f"no posterior can be read ({error})", case=case_id, file=path, mend=mend) from error
    bits = np.unpackbits(packed, axis=1, count=posterior.size).astype(bool)
    return KnownPosterior(
        labels=labels,
        posterior=posterior,
        outlines=bits.reshape(len(bits), *posterior.shape),
        probabilities=probabilities,
        drawn=drawn,
    )
