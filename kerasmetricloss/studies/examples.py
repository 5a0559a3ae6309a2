"""Example slices by the paper's rule (Fig. 3), kept as arrays so that reports need neither Keras nor the scans.

The case is the one of median Dice under cross-entropy, the slice the one of median Dice within that case among the
slices with at least one foreground voxel. The quartiles are shown beside the median. Where cross-entropy is not among
the losses, the first loss takes its place, and the rule in the file says so.
"""

import json
from collections.abc import Sequence
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np

from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.similarities import ratios
from kerasmetricloss.studies import scoring
from kerasmetricloss.studies.cells import Cell, CellStore
from kerasmetricloss.studies.data import StudyData
from kerasmetricloss.studies.plan import Task
from kerasmetricloss.studies.work import PREDICTIONS, read_prediction

QUANTILES = ((0.5, "median"), (0.25, "first quartile"), (0.75, "third quartile"))


def write(file: BinaryIO, scores: ScoreTable, data: StudyData, store: CellStore, tasks: Sequence[Task]) -> None:
    """Write the example slices of every label as an `.npz` file.

    Args:
        file: File to write to.
        scores: Scores of the post-trained networks.
        data: The prepared cases.
        store: The finished cells.
        tasks: The tasks of the study, each with its cell and its fold.
    """
    by_loss = {(task.cell.loss, task.fold.index): task.cell for task in tasks if task.cell.phase == "post"}
    names = list(dict.fromkeys(loss for loss, _ in by_loss))
    reference = "CE" if "CE" in names else names[0]
    fold_of = {position: task.fold.index for task in tasks for position in task.fold.test}
    arrays: dict[str, np.ndarray] = {}
    meta = []
    for channel, label in enumerate(data.labels):
        dice = scores.values(dataset=data.dataset, metric="dice", label=label)[reference]
        chosen: set[str] = set()
        for quantile, word in QUANTILES:
            case_id = _at_quantile(dice.to_dict(), quantile)
            if case_id in chosen:
                continue
            chosen.add(case_id)
            position = next(i for i, case in enumerate(data.cases) if case.id == case_id)
            probabilities = {
                name: _prediction(store, by_loss[name, fold_of[position]], case_id)[..., channel] for name in names
            }
            entry, shown = _example(data, position, channel, probabilities, reference)
            key = str(len(meta))
            arrays |= {f"{key}/{part}": array for part, array in shown.items()}
            rule = f"{word} Dice under {reference}"
            meta.append(
                {"dataset": data.dataset, "case": case_id, "label": label, "rule": rule, "losses": names, **entry}
            )
    np.savez_compressed(file, meta=np.array(json.dumps(meta, ensure_ascii=False)), **arrays)


def _at_quantile(dice: dict[str, float], quantile: float) -> str:
    # The lower of the two cases in the middle, as a case is shown and not a mean of two.
    ranked = sorted(dice, key=lambda case: (dice[case], case))
    return ranked[int(quantile * (len(ranked) - 1))]


def _prediction(store: CellStore, cell: Cell, case_id: str) -> np.ndarray:
    try:
        return read_prediction(store.path(cell) / PREDICTIONS, case_id)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
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
