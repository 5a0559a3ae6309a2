"""What the grid and the box of a study take from the objects in the files, and truths of which nothing is known."""

from collections.abc import Iterator, Sequence

from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines import Preparation, Prepared

_CHANGED = 0.05  # of the volume of a label, which a note tells


def lost_objects(
    labels: Sequence[str], filled: Sequence[Sequence[float]], prepared: Sequence[Prepared], preparation: Preparation
) -> Iterator[str]:
    """Say, for each label, what of the objects in the files the prepared truths lack.

    Args:
        labels: Name of each label.
        filled: For each case and label, the voxels of the grid that the foreground in the files would fill.
        prepared: The cases on the grid, in the same order.
        preparation: Grid and box.

    Yields:
        Sentences for the notes of a study.

    Raises:
        DataError: A label is lost in every case, so that there is nothing to learn or to score.
    """
    place, mend = f"in the box of {'x'.join(map(str, preparation.output_size))}", "a larger box"
    if preparation.spacing_mm is not None:
        place, mend = f"at {preparation.spacing_mm:g} mm", "a smaller --spacing-mm, or a larger box"
    elif preparation.picture_size is not None:
        place, mend = f"at {'x'.join(map(str, preparation.picture_size))} pixels", "a larger --picture-size"
    empty = [case.case_id for case in prepared if not case.mask.any()]
    if empty:
        share = f"{len(empty)} of {len(prepared)} cases"
        yield f"no voxel counts in {share}, masked out or of unknown truth: they have no score ({', '.join(empty)})"
    for index, label in enumerate(labels):
        left = [int((case.truth[..., index] & case.mask[..., 0]).sum()) for case in prepared]
        lost = [
            case.case_id for case, there, kept in zip(prepared, filled, left, strict=True) if there[index] and not kept
        ]
        if not any(left):
            raise DataError(
                f"label {label!r} has no voxel left {place} in any case, too small or outside the box: nothing is "
                "there to learn or to score",
                mend=f"take {mend}",
            )
        if lost:
            yield (
                f"{label} is lost {place} in {len(lost)} of {len(prepared)} cases, too small or outside the box: "
                f"their truths are empty there ({', '.join(lost)})"
            )
        share = sum(left) / sum(there[index] for there in filled)
        if abs(share - 1) > _CHANGED:
            yield (
                f"{label} has {share:.0%} of its volume {place}: a voxel that is half foreground is background, and "
                "what lies outside the box is lost. Scores and volumes are those of that grid"
            )
