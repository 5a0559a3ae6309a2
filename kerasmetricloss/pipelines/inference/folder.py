"""A folder of predictions: one file a case and label, a table of scores, and what made them."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from kerasmetricloss.datasets import Case, DataError
from kerasmetricloss.files import lock, replace_file, sweep
from kerasmetricloss.pipelines.cache import case_key
from kerasmetricloss.pipelines.inference.cases import case_scores, predict_case
from kerasmetricloss.pipelines.inference.errors import CasesFailed, PredictionError
from kerasmetricloss.pipelines.inference.loading import file_digest
from kerasmetricloss.pipelines.inference.native import save_label, suffix
from kerasmetricloss.pipelines.inference.reach import Network
from kerasmetricloss.pipelines.inference.tiles import Tiling
from kerasmetricloss.pipelines.inference.trained_on import TrainedOn

SCORES, ABOUT = "scores.csv", "predictions.json"
COLUMNS = ("case", "group", "label", "dice", "jaccard", "truth_voxels", "predicted_voxels", "file", "made_from", "seen")
_DIGITS = 16
_DAY_S = 24 * 3600


def predict_folder(
    cases: Sequence[Case],
    network: Network,
    trained_on: TrainedOn,
    out: Path | str,
    *,
    model: str,
    tiling: Tiling | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Predict every case that is not finished, and write labels and scores.

        OUT/<case>_<label>.nii.gz or .png   the label on the native grid, thresholded at 0.5, or its class the largest
        OUT/scores.csv                      one line a case and label: dice, jaccard, voxels, file, made_from, seen
        OUT/predictions.json                model, preparation and tiling

    A case is finished when its files are there and its lines stand in the table, `made_from` what it is now: a hash of
    the case's files, truth included, its reader and the reader's settings. The lines are written last. Each file is
    written in one step, so that a stopped run goes on where it was. `seen` says whether the model was trained on
    the case's image ("yes" or "no"; empty where the model does not tell).

    Args:
        cases: The cases, with the channels of the training.
        network: What predicts.
        trained_on: How images were prepared.
        out: The folder; made where absent.
        model: What identifies the model, such as a hash of its file.
        tiling: As for `predict_case`.
        progress: Called with the id of a case, the cases done and all cases, before each case and at the end.

    Returns:
        The table of scores.

    Raises:
        PredictionError: The folder holds predictions of something else, two cases would have one file, or the network
            does not fit the labels: another number, or the names of its training in another order.
        CasesFailed: Cases cannot be read or do not fit; all others were predicted first.
    """
    out, tiling = Path(out), tiling or Tiling()
    labels = cases[0].labels
    background = (0, 1) if trained_on.exclusive else (0,)
    if network.outputs - len(labels) not in background or len(trained_on.labels) not in (0, len(labels)):
        but = ", or all but the first, the background" if trained_on.exclusive else ""
        raise PredictionError(
            f"the model has {network.outputs} outputs ({', '.join(trained_on.labels) or 'not named'}), but the data "
            f"have the labels {', '.join(labels)}: name one label an output, in their order{but} (--labels A,B)."
        )
    _refuse_another_order(trained_on.labels, labels)
    _refuse_one_file(cases)
    about = {key: value for key, value in asdict(trained_on).items() if key != "seen"}
    with lock(out, PredictionError):
        _claim(out, {"model": model, "trained_on": about, "labels": labels, "tiling": _told(tiling, trained_on)})
        rows, failed = _read(out / SCORES), list[DataError]()
        for done, case in enumerate(cases):
            if progress is not None:
                progress(case.id, done, len(cases))
            try:
                changed = _update(rows, case, network, trained_on, out, tiling)
            except DataError as error:
                failed.append(error.named(case.id))
                changed = True
                rows.pop(case.id, None)
            if changed:
                replace_file(out / SCORES, _table(rows, cases))
    if progress is not None:
        progress("", len(cases), len(cases))
    if failed:
        raise CasesFailed(failed, len(cases)) from failed[0]
    return out / SCORES


def _told(tiling: Tiling, trained_on: TrainedOn) -> dict:
    """What of a tiling the predictions depend on: the batch only where it decides the tiles."""
    told = asdict(tiling)
    if tiling.size is not None or trained_on.boxed:
        del told["batch"]
    return told


def _update(
    rows: dict[str, list[dict]], case: Case, network: Network, trained_on: TrainedOn, out: Path, tiling: Tiling
) -> bool:
    """Bring the lines of a case up to date, and say whether any changed."""
    made_from = case_key(case)[:_DIGITS]
    same = [row for row in rows.get(case.id, ()) if row["made_from"] == made_from]
    if {row["label"] for row in same if (out / row["file"]).is_file()} != set(case.labels):
        rows[case.id] = _predict(case, network, trained_on, out, tiling, made_from)
        return True
    moved = [row for row in same if row["group"] != case.group]
    for row in moved:
        row["group"] = case.group
    return bool(moved)


def _predict(
    case: Case, network: Network, trained_on: TrainedOn, out: Path, tiling: Tiling, made_from: str
) -> list[dict]:
    prediction = predict_case(case, network, trained_on, tiling=tiling)
    rows = []
    for index, row in enumerate(case_scores(prediction, case.labels)):
        name = _stem(case.id, str(row["label"])) + suffix(prediction.volume)
        save_label(out / name, prediction.labels[..., index], case, prediction.volume)
        made = {"file": name, "made_from": made_from, "seen": _seen(case, trained_on)}
        rows.append({"case": case.id, "group": case.group, **row, **made})
    return rows


def _seen(case: Case, trained_on: TrainedOn) -> str:
    if not trained_on.seen:
        return ""
    return "yes" if file_digest(case.files[0]) in trained_on.seen else "no"


def _claim(out: Path, about: dict) -> None:
    """Write what the predictions are made with, or compare with what stands there where a case was predicted."""
    sweep(out, older_s=_DAY_S)
    about = json.loads(json.dumps(about))
    path = out / ABOUT
    if not path.is_file() or not (out / SCORES).is_file():
        replace_file(path, (json.dumps(about, indent=1) + "\n").encode())
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = [key for key in about if before.get(key) != about[key]]
    except (OSError, ValueError, AttributeError) as error:
        raise PredictionError(f"{path} cannot be read ({error}); delete it, or choose another folder.") from error
    if changed:
        raise PredictionError(
            f"{out} holds predictions made otherwise: {changed[0]} was {json.dumps(before.get(changed[0]))} and is now "
            f"{json.dumps(about[changed[0]])}. Choose another folder, or delete it."
        )


def _read(path: Path) -> dict[str, list[dict]]:
    if not path.is_file():
        return {}
    found: dict[str, list[dict]] = {}
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        columns = tuple(reader.fieldnames or ())
        if columns != COLUMNS:
            raise PredictionError(f"{path} has columns {reader.fieldnames}; expected {', '.join(COLUMNS)}. Delete it.")
        for row in reader:
            found.setdefault(row["case"], []).append(row)
    return found


def _table(rows: dict[str, list[dict]], cases: Sequence[Case]) -> bytes:
    """The table in the order of the cases; those that are no longer among them come last."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    order = dict.fromkeys([*(case.id for case in cases), *rows])
    writer.writerows(row for case in order for row in rows.get(case, ()))
    return text.getvalue().encode()


def _refuse_another_order(trained: Sequence[str], labels: Sequence[str]) -> None:
    """Labels may have other names than in the training, but none may have the name of another output."""
    for label, output in zip(labels, trained, strict=False):
        if label != output and label in trained:
            raise PredictionError(
                f"the label {label} stands where the model predicts {output}: give the labels in the order of the "
                f"model's outputs, {', '.join(trained)} (--labels {','.join(trained)})."
            )


def _refuse_one_file(cases: Sequence[Case]) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for case in cases:
        for label in case.labels:
            other, its_label = seen.setdefault(_stem(case.id, label).casefold(), (case.id, label))
            if (other, its_label) != (case.id, label):
                which = f"cases {other} and {case.id}" if other != case.id else f"labels {its_label} and {label}"
                raise PredictionError(f"{which} would have one file; rename one of them.")


def _stem(case: str, label: str) -> str:
    return f"{_safe(case)}_{_safe(label)}"


def _safe(name: str) -> str:
    return "".join(character if character.isalnum() or character in "._-" else "_" for character in name)
