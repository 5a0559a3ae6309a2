"""What a study left on disk, read and checked: settings, scores, curves, example slices."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kerasmetricloss.scores import ScoreTable, ScoreTableError

CURVE_COLUMNS = ("dataset", "loss", "fold", "phase", "epoch", "metric", "value")


@dataclass(frozen=True)
class Example:
    """One slice of Fig. 3.

    Attributes:
        image: (height, width) or (height, width, 3), in [0, 1].
        truth: bool (height, width).
        predictions: loss -> probabilities (height, width).
        meta: dataset, case, label, slice, rule, and dice by loss, as far as known.
    """

    image: np.ndarray
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    meta: dict


@dataclass(frozen=True)
class StudyDirectory:
    """A study directory. Only the scores are needed; the rest is shown where it exists.

    Attributes:
        path: the directory.
        settings: `study.json`, or {}.
        scores: `scores.parquet`: scores after training with each loss.
        pretraining: `pretraining.parquet`: scores of the networks all losses started from.
        curves: `curves.parquet`, long format with the columns of `CURVE_COLUMNS`.
        examples: `examples.npz`.
    """

    path: Path
    settings: dict
    scores: ScoreTable
    pretraining: ScoreTable | None = None
    curves: pd.DataFrame | None = None
    examples: list[Example] = field(default_factory=list)

    @property
    def losses(self) -> list[str]:
        """Losses with scores: in the order of the settings, then any others in the paper's order."""
        known = [loss for loss in self.settings.get("losses", []) if loss in self.scores.losses]
        return known + [loss for loss in self.scores.losses if loss not in known]

    @property
    def datasets(self) -> list[str]:
        """Data sets with scores: in the order of the settings, then any others by name."""
        known = [name for name in self.settings.get("datasets", []) if name in self.scores.datasets]
        return known + [name for name in self.scores.datasets if name not in known]

    def labels(self, dataset: str) -> list[str | None]:
        """Labels to report for a data set: [None] where there is one, else "All" and each of them."""
        found = self.scores.select(dataset=dataset).labels
        if len(found) == 1:
            return [None]
        order = [label for label in self.settings.get("data", {}).get("labels", []) if label in found]
        return ["All", *order, *(label for label in found if label not in (*order, "All"))]


def read_study(path: str | Path) -> StudyDirectory:
    """Read a study directory.

    Raises:
        ScoreTableError: there are no scores, or a file is damaged.
    """
    path = Path(path)
    scores = ScoreTable.read(path / "scores.parquet")
    if not len(scores):
        raise ScoreTableError(
            f"{path / 'scores.parquet'}: holds no scores; expected at least one. Run the study first."
        )
    before = path / "pretraining.parquet"
    return StudyDirectory(
        path=path,
        settings=_read_settings(path / "study.json"),
        scores=scores,
        pretraining=ScoreTable.read(before) if before.exists() else None,
        curves=_read_curves(path / "curves.parquet"),
        examples=_read_examples(path / "examples.npz"),
    )


def _read_settings(path: Path) -> dict:
    if not path.exists():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ScoreTableError(
            f"{path}: is not JSON ({error}). Restore it, or delete it to report without it."
        ) from error
    if not isinstance(settings, dict):
        raise ScoreTableError(f"{path}: holds a {type(settings).__name__}; expected an object. Restore or delete it.")
    return settings


def _read_curves(path: Path) -> pd.DataFrame | None:
    if not path.exists():
        return None
    try:
        curves = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ScoreTableError(f"{path}: cannot be read ({error}). Delete it to report without it.") from error
    missing = [name for name in CURVE_COLUMNS if name not in curves]
    if missing:
        raise ScoreTableError(f"{path}: the columns {missing} are missing; expected {list(CURVE_COLUMNS)}.")
    return curves.sort_values(list(CURVE_COLUMNS[:-1]), kind="stable", ignore_index=True)


def _read_examples(path: Path) -> list[Example]:
    if not path.exists():
        return []
    try:
        # opened here: NumPy leaves the file of a broken archive open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            metas = json.loads(str(arrays["meta"]))
            return [_example(arrays, index, meta) for index, meta in enumerate(metas)]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ScoreTableError(
            f"{path}: cannot be read as example slices ({error}); expected arrays k/image, k/truth, k/pred/LOSS and "
            "a JSON list meta. Delete it to report without it."
        ) from error


def _example(arrays: np.lib.npyio.NpzFile, index: int, meta: dict) -> Example:
    return Example(
        image=np.asarray(arrays[f"{index}/image"], float),
        truth=np.asarray(arrays[f"{index}/truth"], bool),
        predictions={
            loss: np.asarray(arrays[f"{index}/pred/{loss.replace('/', '_')}"], float) for loss in meta.get("losses", [])
        },
        meta=meta,
    )
