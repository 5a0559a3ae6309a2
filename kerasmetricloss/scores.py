"""The score table: one row a case and metric, the only thing that passes from studies to statistics and reports.

A row says which network (`dataset`, `model`, `loss`, `seed`, `fold`) scored what (`value` of `metric` for `label`) on
which left-out image (`case`, a member of `group`: a sequence or a patient). All columns but `value` form the key, which
is unique. A NaN value means that the metric is not defined for that case, such as the Hausdorff distance of an empty
prediction. Nothing here needs Keras.
"""

import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kerasmetricloss.files import replace_file, uneven_row

KEY = ("dataset", "model", "loss", "seed", "fold", "case", "group", "label", "metric")
COLUMNS = (*KEY, "value")
INTEGERS = ("seed", "fold")
UNDEFINED = ("", "nan", "na", "n/a", "none", "null")
LOSS_ORDER = ("CE", "wCE", "sDice", "sDice-L1", "sDice-L2", "sJaccard", "Lovasz")


class ScoreTableError(ValueError):
    """A score table is broken; the message names the file, the row, what was expected and how to mend it."""


class ScoreTable:
    """Scores in long format, checked and in a fixed row order.

    Args:
        frame: data frame with exactly the columns of `COLUMNS`, in any order.
        source: where the rows come from, for error messages.

    Raises:
        ScoreTableError: a column is missing or unknown, a key is empty or repeated, or a value is no finite number or
            NaN.

    Example:
        >>> row = dict(dataset="po18", model="unet", loss="CE", seed=0, fold=0, case="1", group="a", label="polyp")
        >>> table = ScoreTable.from_rows([row | {"metric": "dice", "value": 0.5}])
        >>> table.losses, len(table)
        (['CE'], 1)
    """

    def __init__(self, frame: pd.DataFrame, *, source: str = "score table") -> None:
        self.frame = _checked(frame, source)

    def __repr__(self) -> str:
        return f"ScoreTable({len(self)} rows, datasets={self.datasets}, losses={self.losses}, metrics={self.metrics})"

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]], *, source: str = "score table") -> "ScoreTable":
        """Build a table from mappings with one entry a column.

        Args:
            rows: mappings from column name to value; none at all gives an empty table.
            source: as for the class.
        """
        frame = pd.DataFrame(list(rows))
        return cls(frame if len(frame) else pd.DataFrame(columns=list(COLUMNS)), source=source)

    @classmethod
    def concat(cls, tables: Iterable["ScoreTable"]) -> "ScoreTable":
        """Join tables into one; a key that occurs in two of them is an error."""
        frames = [table.frame for table in tables if len(table)] or [pd.DataFrame(columns=list(COLUMNS))]
        return cls(pd.concat(frames, ignore_index=True), source="joined tables")

    @classmethod
    def read(cls, path: str | os.PathLike) -> "ScoreTable":
        """Read a table from a `.parquet` or `.csv` file.

        Raises:
            ScoreTableError: the file is missing, is no table, or its rows are broken.
        """
        path, suffix = Path(path), _suffix(Path(path))
        try:
            if suffix == ".csv":
                frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
            else:
                frame = pd.read_parquet(path)
        except FileNotFoundError:
            raise ScoreTableError(f"{path}: no such file; expected a study's scores. Run the study first.") from None
        except (OSError, ValueError) as error:
            expected = f"expected a score table with the columns {', '.join(COLUMNS)}"
            mend = "Write it again with ScoreTable.write."
            raise ScoreTableError(f"{path}: cannot be read as {suffix[1:]} ({error}); {expected}. {mend}") from error
        if len(frame.columns) == 1 and ";" in frame.columns[0]:
            raise ScoreTableError(f"{path}: its fields are separated by ';'; expected ',' and decimal points.")
        if suffix == ".csv" and (uneven := uneven_row(path)):  # pandas would shift columns, or call a value undefined
            raise ScoreTableError(f"{path}: {uneven}. Write decimal points, and an empty field for an undefined value.")
        return cls(frame, source=str(path))

    def write(self, path: str | os.PathLike) -> Path:
        """Write the table to a `.parquet` or `.csv` file, whole or not at all.

        Equal tables give equal bytes. In CSV an undefined value is an empty field.
        """
        path = Path(path)
        if _suffix(path) == ".csv":
            data = self.frame.to_csv(index=False, lineterminator="\n").encode()
        else:
            buffer = io.BytesIO()
            self.frame.to_parquet(buffer, index=False, compression="zstd")
            data = buffer.getvalue()
        return replace_file(path, data)

    def select(self, **columns: object) -> "ScoreTable":
        """Keep rows whose columns equal a value or one of a list: `select(metric="dice", loss=["CE", "sDice"])`."""
        keep = np.ones(len(self), bool)
        for name, wanted in columns.items():
            if name not in KEY:
                raise ScoreTableError(f"select got the column {name!r}; expected one of {', '.join(KEY)}.")
            wanted = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Iterable) else list(wanted)
            keep &= self.frame[name].isin(wanted).to_numpy()
        return self._checked_before(self.frame[keep].reset_index(drop=True))

    @classmethod
    def _checked_before(cls, frame: pd.DataFrame) -> "ScoreTable":
        table = cls.__new__(cls)
        table.frame = frame  # rows of a checked table, in its order, need no second check
        return table

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets, sorted."""
        return sorted(self.frame["dataset"].unique())

    @property
    def losses(self) -> list[str]:
        """Names of the losses: cross-entropy first, as in the paper's tables, unknown ones last."""
        return order_losses(self.frame["loss"].unique())

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, sorted."""
        return sorted(self.frame["metric"].unique())

    @property
    def labels(self) -> list[str]:
        """Names of the labels, sorted."""
        return sorted(self.frame["label"].unique())

    def values(self, *, dataset: str, metric: str, label: str | None = None, model: str | None = None) -> pd.DataFrame:
        """One score a case and loss: index `case`, columns the losses, mean over seeds.

        Args:
            dataset: name of the data set.
            metric: name of the metric.
            label: name of the label; may be left out where there is one. "All" averages a case over its labels.
            model: name of the network; may be left out where there is one.

        Returns:
            Float frame of shape (cases, losses), cases in natural order. NaN: not scored, or not defined for one of
            the seeds or labels.

        Raises:
            ScoreTableError: no such rows, an ambiguous label or model, a case that was left out in two folds, or
                losses that do not have the same seeds.
        """
        table = self.select(dataset=dataset, metric=metric)
        if not len(table):
            found = sorted(self.frame[["dataset", "metric"]].drop_duplicates().itertuples(index=False, name=None))
            raise ScoreTableError(f"no scores for {metric!r} on {dataset!r}; the table has {found}.")
        pooled = label == "All" and "All" not in table.labels
        table = table if pooled else table.select(label=_only("label", label, table.labels))
        models = sorted(table.frame["model"].unique())
        apart = f", or name the data set apart for each network, as {dataset}-{models[0]}"
        frame = table.select(model=_only("model", model, models, apart)).frame
        folds = frame.groupby(["loss", "seed", "case"], sort=False)["fold"].nunique()
        if (folds > 1).any():
            loss, seed, case = folds.index[int(np.argmax(folds.to_numpy() > 1))]
            raise ScoreTableError(
                f"case {case!r} of {dataset!r} was left out in {folds.max()} folds (loss {loss!r}, seed {seed}); "
                "expected one fold a case and seed. Give the repetitions different seeds, or the cases different ids."
            )
        _refuse_other_seeds(frame, dataset)
        # One undefined or missing seed or label leaves the case undefined, to be counted; the usual mean would skip it.
        grouped = frame.groupby(["case", "loss"], sort=False)["value"]
        scores_each = frame["seed"].nunique() * frame["label"].nunique()
        wide = grouped.mean().where(grouped.count() == scores_each).unstack("loss")
        return wide.loc[sorted(wide.index, key=natural_key), order_losses(wide.columns)].astype(float)

    def groups(self, dataset: str) -> pd.Series:
        """The group of every case of a data set, index `case`.

        Raises:
            ScoreTableError: a case stands in two groups.
        """
        pairs = self.select(dataset=dataset).frame[["case", "group"]].drop_duplicates()
        twice = pairs["case"][pairs["case"].duplicated()]
        if len(twice):
            found = sorted(pairs["group"][pairs["case"] == twice.iloc[0]])
            raise ScoreTableError(
                f"case {twice.iloc[0]!r} of {dataset!r} stands in the groups {found}; expected one. Name cases apart."
            )
        return pairs.set_index("case")["group"]


def _refuse_other_seeds(frame: pd.DataFrame, dataset: str) -> None:
    seeds = {loss: sorted(rows.unique()) for loss, rows in frame.groupby("loss", sort=False)["seed"]}
    first, *others = order_losses(seeds)
    other = next((loss for loss in others if seeds[loss] != seeds[first]), None)
    if other is not None:
        told = ", ".join(f"{name} the seeds {', '.join(map(str, seeds[name]))}" for name in (first, other))
        raise ScoreTableError(f"on {dataset!r} {told}: give every loss the same seeds, or select those that all have.")


def natural_key(name: str) -> tuple:
    """Sort key under which "case 2" comes before "case 10"."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name))


def order_losses(names: Iterable[str]) -> list[str]:
    """Sort losses by the paper's order: CE, wCE, sDice, sJaccard, Lovasz, soft Tversky, then any other by name."""

    def key(name: str) -> tuple:
        if name in LOSS_ORDER:
            return (0, LOSS_ORDER.index(name), 0.0, name)
        found = re.fullmatch(r"sTversky-(\d*\.?\d+)/(\d*\.?\d+)", name)
        if found is None:
            return (2, 0, 0.0, name)
        # the paper prints the weightings that sum to one first, by alpha
        alpha, beta = float(found[1]), float(found[2])
        return (1, int(round(alpha + beta, 6) != 1), alpha, name)

    return sorted(names, key=key)


def _suffix(path: Path) -> str:
    if path.suffix not in (".csv", ".parquet"):
        raise ScoreTableError(f"{path}: expected a file name that ends in .parquet or .csv.")
    return path.suffix


def _only(what: str, wanted: str | None, found: Sequence[str], mend: str = "") -> str:
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted not in found:
        raise ScoreTableError(
            f"{what}={wanted!r} does not name one {what} of {list(found)}; pick one, as with select({what}=...){mend}."
        )
    return wanted


def _checked(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return a copy with the right columns, types and row order, or raise naming the first broken row."""
    missing = [name for name in COLUMNS if name not in frame]
    unknown = [name for name in frame.columns if name not in COLUMNS]
    if missing or unknown:
        raise ScoreTableError(
            f"{source}: the columns {missing} are missing and {unknown} are unknown; expected exactly {list(COLUMNS)}. "
            "Rename or drop columns."
        )
    frame = frame.loc[:, list(COLUMNS)].reset_index(drop=True)
    for name in KEY:
        column = frame[name]
        _reject(column.isna() | (column.astype(str) == ""), frame, source, name, "a name or number; fill the field")
        frame[name] = _whole(frame, name, source) if name in INTEGERS else column.astype(str).astype("str")
        if name not in (*INTEGERS, "case", "group"):  # cases and groups may have the names of any files
            blanks = frame[name] != frame[name].str.strip()
            _reject(blanks, frame, source, name, "a name without blanks around it; delete them")
    value = pd.to_numeric(frame["value"].astype(object), errors="coerce").astype(float)
    undefined = frame["value"].isna() | frame["value"].astype(str).str.lower().isin(UNDEFINED)
    wrong = ~undefined & ~np.isfinite(value)
    _reject(wrong, frame, source, "value", "a finite number, or NaN where the metric is undefined")
    frame["value"] = value
    frame = frame.sort_values(list(KEY), kind="stable")
    same = frame.duplicated(list(KEY))
    if same.any():
        row = frame.index[int(np.argmax(same.to_numpy()))]
        raise ScoreTableError(
            f"{source}: row {row} repeats the key {_key_of(frame.loc[row])}; expected one row a key. "
            "Drop one of the rows, or give repetitions different seeds."
        )
    return frame.reset_index(drop=True)


def _whole(frame: pd.DataFrame, name: str, source: str) -> pd.Series:
    number = pd.to_numeric(frame[name].astype(object), errors="coerce").astype(float)
    _reject(~np.isfinite(number) | (number != np.floor(number)), frame, source, name, "a whole number; mend the field")
    return number.astype("int64")


def _reject(broken: pd.Series, frame: pd.DataFrame, source: str, name: str, expected: str) -> None:
    """Raise for the first broken row; rows are counted from 0, without the header."""
    if broken.any():
        row = int(np.argmax(broken.to_numpy()))
        found = f"row {row} has {name}={frame[name].iloc[row]!r} ({_key_of(frame.iloc[row])})"
        raise ScoreTableError(f"{source}: {found}; expected {expected}.")


def _key_of(row: pd.Series) -> str:
    return " ".join(f"{name}={row[name]}" for name in KEY)
