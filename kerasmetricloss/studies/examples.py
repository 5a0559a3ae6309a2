"""Example slices by the paper's rule (Fig. 3), kept as arrays so that reports need neither Keras nor the scans.

The case is the one of median Dice under cross-entropy, the slice the one of median Dice within that case among the
slices with at least one foreground voxel. The quartiles are shown beside the median, and the worst cases: those of the
lowest Dice averaged over all losses. Where cross-entropy is not among the losses, the first loss takes its place, and
the rule in the file says so.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.similarities import ratios
from kerasmetricloss.studies import scoring
from kerasmetricloss.studies.cells import Cell, CellStore
from kerasmetricloss.studies.data import StudyData
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.plan import Task
from kerasmetricloss.studies.request import trained_name
from kerasmetricloss.studies.work import PREDICTIONS, read_prediction

QUANTILES = ((0.5, "median"), (0.25, "first quartile"), (0.75, "third quartile"))
WORST = ("lowest", "second lowest", "third lowest")
Example = tuple[dict[str, Any], dict[str, np.ndarray]]  # what is told of a slice, and its arrays by part


def collect(
    scores: ScoreTable, data: StudyData, store: CellStore, tasks: Sequence[Task], losses: Sequence[str]
) -> list[Example]:
    """The example slices of every label of a data set.

    Args:
        scores: Scores of its post-trained networks.
        data: The prepared cases.
        store: The finished cells.
        tasks: The tasks of the data set, each with its cell and its fold.
        losses: The losses by the names of the tables.
    """
    by_loss = {(task.cell.loss, task.fold.index): task.cell for task in tasks if task.cell.phase == "post"}
    reference = "CE" if "CE" in losses else losses[0]
    fold_of = {position: task.fold.index for task in tasks for position in task.fold.test}
    found: list[Example] = []
    for channel, label in enumerate(data.labels):
        dice = scores.values(dataset=data.dataset, metric="dice", label=label)[list(losses)]
        for case_id, rule in _chosen(dice, reference, typical=1 if data.virtual else None).items():
            position = next(i for i, case in enumerate(data.cases) if case.id == case_id)
            fold = fold_of[position]
            probabilities = {
                name: _prediction(store, by_loss[trained_name(name), fold], case_id)[..., channel] for name in losses
            }
            entry, shown = _example(data, position, channel, probabilities, reference)
            told = {"dataset": data.dataset, "case": case_id, "label": label, "losses": list(losses)}
            found.append((told | {"rule": rule, **entry}, shown))
    return found


def kept(path: Path, datasets: Sequence[str]) -> list[Example]:
    """The examples, or the rectangles, that stand in a file, without those of some data sets.

    Raises:
        StudyError: The file is damaged.
    """
    if not path.is_file():
        return []
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            metas = json.loads(str(file["meta"]))
            return [
                (meta, {name.partition("/")[2]: file[name] for name in file.files if name.startswith(f"{key}/")})
                for key, meta in enumerate(metas)
                if meta["dataset"] not in datasets
            ]
    except Exception as error:  # a broken archive surfaces as almost any exception
        raise StudyError(
            f"{path} is damaged ({error or type(error).__name__}). Delete it and run the same command again; where "
            f"other data sets than {', '.join(datasets)} stood in it, run their commands again too: cells are kept."
        ) from error


def pack(found: Sequence[Example]) -> bytes:
    """Examples as the bytes of an `.npz` file: `meta`, a JSON list, and arrays `k/image`, `k/truth`, `k/pred/LOSS`."""
    arrays = {f"{key}/{part}": array for key, (_, parts) in enumerate(found) for part, array in parts.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, meta=np.array(json.dumps([meta for meta, _ in found], ensure_ascii=False)), **arrays)
    return buffer.getvalue()


def picture(data: StudyData, position: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture where the network gives an output, in [0, 1], and its truth."""
    prepared = data.prepared[position]
    image = _inside(prepared.image, data.preparation.margin)
    return _displayable(image if image.shape[-1] == 3 else image[..., 0]), prepared.truth[..., 0] > 0


def _chosen(dice: pd.DataFrame, reference: str, *, typical: int | None) -> dict[str, str]:
    """Case -> the rule that chose it; `typical` limits the typical cases and leaves out the worst."""
    rules: dict[str, str] = {}
    for quantile, word in QUANTILES[:typical]:
        rules.setdefault(_at_quantile(dice[reference].to_dict(), quantile), f"{word} Dice under {reference}")
    if typical is None:
        means = dice.mean(axis=1).to_dict()
        for case, word in zip(sorted(means, key=lambda case: (means[case], case)), WORST, strict=False):
            rules.setdefault(case, f"{word} Dice, averaged over all losses")
    return rules


def _at_quantile(dice: dict[str, float], quantile: float) -> str:
    # The lower of the two cases in the middle, as a case is shown and not a mean of two.
    ranked = sorted(dice, key=lambda case: (dice[case], case))
    return ranked[int(quantile * (len(ranked) - 1))]


def _prediction(store: CellStore, cell: Cell, case_id: str) -> np.ndarray:
    try:
        return read_prediction(store.path(cell) / PREDICTIONS, case_id)
    except Exception as error:  # a broken archive surfaces as almost any exception
        raise store.broken(cell, error) from error


def _example(
    data: StudyData, position: int, channel: int, probabilities: dict[str, np.ndarray], reference: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    prepared = data.prepared[position]
    truth = prepared.truth[..., channel] > 0
    image = _inside(prepared.image, data.preparation.margin)
    index = None
    in_colour = truth.ndim == 2 and image.shape[-1] == 3
    if truth.ndim == 3:
        index = _median_slice(truth, probabilities[reference])
        truth, image = truth[:, :, index], image[:, :, index]
        probabilities = {name: p[:, :, index] for name, p in probabilities.items()}
    dice = {name: _dice(truth, p) for name, p in probabilities.items()}
    shown = {"image": _displayable(image if in_colour else image[..., 0]), "truth": truth}
    shown |= {f"pred/{name.replace('/', '_')}": p.astype(np.float16) for name, p in probabilities.items()}
    if index is not None:
        # Axial slices read with the face up: first axis left to right, second from the back to the face.
        shown = {part: np.rot90(array) for part, array in shown.items()}
    return {"slice": index, "dice": dice}, shown


def _median_slice(truth: np.ndarray, probability: np.ndarray) -> int:
    filled = np.flatnonzero(truth.any(axis=(0, 1)))
    if not filled.size:
        return truth.shape[2] // 2
    dice = {int(z): _dice(truth[:, :, z], probability[:, :, z]) for z in filled}
    return sorted(dice, key=lambda z: (dice[z], z))[(len(dice) - 1) // 2]


def _dice(truth: np.ndarray, probability: np.ndarray) -> float:
    predicted = probability > scoring.THRESHOLD
    both = int(np.count_nonzero(truth & predicted))
    return round(float(ratios.dice(both, int(np.count_nonzero(predicted)), int(np.count_nonzero(truth)))), 4)


def _inside(image: np.ndarray, margin: int) -> np.ndarray:
    return image[(slice(margin, -margin or None),) * (image.ndim - 1)]


def _displayable(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, (0.5, 99.5))
    return np.clip((image - low) / max(high - low, 1e-6), 0, 1).astype(np.float16)
