"""All losses on one data set and metric, compared pair by pair on the same cases (Sec. III-C of the paper)."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

from kerasmetricloss.scores import ScoreTable, ScoreTableError
from kerasmetricloss.statistics.marking import direction, mark, supported
from kerasmetricloss.statistics.notes import describe, fewest
from kerasmetricloss.statistics.pairs import column_statistics, holm

GUESSED = "is no metric known here"
RESAMPLES = {"bootstrap": 10_000, "permutation": 100_000}


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. Frames over pairs have losses as rows and columns; row a, column b speaks of a - b.

    Attributes:
        dataset, metric, label: what was compared.
        losses: the losses, in the order of the tables.
        cases: number of cases that the table has for this metric.
        groups: number of groups these cases come from.
        lower: True where a lower score is better.
        means: mean score a loss, over the cases where it is defined.
        interval: columns `low`, `high`: bootstrap interval of the means at level 1 - alpha.
        n: cases in each mean.
        dropped: cases left out of each mean, since the score is missing or undefined.
        difference, difference_low, difference_high: mean paired difference a - b and its bootstrap interval.
        pairs: cases in each paired difference.
        units: what is resampled of them, cases or whole groups; below two there is no p-value.
        signs: how many of these units differ between the two losses.
        superior: one-sided p of "a is better than b", in the metric's direction (corrected where asked for).
        supported: `superior` as the marks rest on it: no p-value is smaller than that of an exact test whose signs all
            agree, 2**-signs, and pairs of so few units that this is never significant have none.
        raised: whether that bound alone, before any correction, is above the p-value of the pair.
        two_sided: two-sided p of "a and b differ" (corrected where asked for).
        supported_two_sided: `two_sided` likewise, no smaller than that of the exact test, 2 * 2**-signs.
        marks: "grey", "italic" or "" a loss; none rests on a pair that no exact test could decide.
        settings: method, resamples, seed, by_group, alpha, correction.
        notes: what a reader must know before believing the numbers.
    """

    dataset: str
    metric: str
    label: str | None
    losses: list[str]
    cases: int
    groups: int
    lower: bool
    means: pd.Series
    interval: pd.DataFrame
    n: pd.Series
    dropped: pd.Series
    difference: pd.DataFrame
    difference_low: pd.DataFrame
    difference_high: pd.DataFrame
    pairs: pd.DataFrame
    units: pd.DataFrame
    signs: pd.DataFrame
    superior: pd.DataFrame
    supported: pd.DataFrame
    raised: pd.DataFrame
    two_sided: pd.DataFrame
    supported_two_sided: pd.DataFrame
    marks: pd.Series
    settings: dict[str, object]
    notes: tuple[str, ...]

    def resolution(self, *, two_sided: bool = False) -> float:
        """The smallest p-value that so many resamples can show; a p-value of 0 means below this.

        1 / resamples one-sided and 2 / resamples two-sided; with Holm's correction times the number of hypotheses. At
        most 1.

        Args:
            two_sided: for `two_sided` in place of `superior`.

        Example:
            >>> row = dict(dataset="po18", model="unet", seed=0, fold=0, group="a", label="polyp", metric="dice")
            >>> rows = [row | dict(loss=loss, case=str(k), value=value)
            ...         for k in range(40) for loss, value in [("CE", 0.5), ("sDice", 0.75), ("Lovasz", 0.7)]]
            >>> found = compare(ScoreTable.from_rows(rows), dataset="po18", metric="dice", correction="holm")
            >>> found.resolution()  # six ordered pairs
            0.0006
        """
        tested = int(self.superior.notna().to_numpy().sum())  # a pair is two one-sided hypotheses, or one two-sided
        sides = 2 if two_sided else 1
        hypotheses = tested // sides if self.settings["correction"] else 1
        return min(1.0, sides * hypotheses / int(self.settings["resamples"]))

    @property
    def fewest(self) -> int:
        """The smallest number of cases, or of whole groups, that a p-value rests on; of all of them where none does."""
        found = fewest(self.units)
        return found[0] if found else self.groups if self.settings["by_group"] else self.cases

    @property
    def decidable(self) -> bool:
        """Whether there is a pair with cases enough for a significant difference."""
        return bool(self.supported.notna().any(axis=None))

    def against(self, reference: str) -> pd.DataFrame:
        """Every other loss against one: what its table says of the pair, a row a loss.

        Args:
            reference: the loss that is subtracted.

        Returns:
            Columns `difference`, `low`, `high`, `pairs`, `superior` (one-sided p of "better than the reference") and
            `two_sided`.

        Raises:
            ScoreTableError: the loss was not compared.

        Example:
            >>> row = dict(dataset="po18", model="unet", seed=0, fold=0, group="a", label="polyp", metric="dice")
            >>> rows = [row | dict(loss=loss, case=str(k), value=value)
            ...         for k in range(40) for loss, value in [("CE", 0.5), ("sDice", 0.75)]]
            >>> found = compare(ScoreTable.from_rows(rows), dataset="po18", metric="dice").against("CE")
            >>> found.loc["sDice", ["difference", "low", "high"]].tolist()
            [0.25, 0.25, 0.25]
        """
        if reference not in self.losses:
            raise ScoreTableError(f"{reference!r} was not compared; expected one of {self.losses}.")
        columns = {
            "difference": self.difference,
            "low": self.difference_low,
            "high": self.difference_high,
            "pairs": self.pairs.astype("Int64"),
            "superior": self.superior,
            "two_sided": self.two_sided,
        }
        return pd.DataFrame({name: frame[reference] for name, frame in columns.items()}).drop(reference)


def compare(  # noqa: PLR0913  (one entry to every choice; all but the table are keyword-only)
    table: ScoreTable,
    *,
    dataset: str,
    metric: str,
    label: str | None = None,
    losses: Sequence[str] | None = None,
    method: str = "bootstrap",
    resamples: int | None = None,
    seed: int = 0,
    by_group: bool = False,
    alpha: float = 0.05,
    correction: str | None = None,
    lower: bool | None = None,
) -> Comparison:
    """Compare losses in pairs on the same cases.

    A case whose score is missing or undefined for one of two losses is left out of that pair only. Seeded: equal
    input gives equal output, and the result of a pair does not depend on which other losses take part.

    Args:
        table: the scores; those of several seeds are averaged first.
        dataset: name of the data set.
        metric: name of the metric.
        label: name of the label; may be left out where there is one, "All" averages a case over its labels.
        losses: which losses, in which order; all of them in the paper's order if None.
        method: "bootstrap" (resampled cases, the paper's) or "permutation" (swapped pairs). Intervals are always those
            of the bootstrap.
        resamples: number of resamples; None takes 10,000 for the bootstrap and 100,000 for the permutation test.
        seed: seed of the resampling.
        by_group: resample whole groups (sequences, patients) in place of cases.
        alpha: one-sided significance level of the marks; intervals cover 1 - alpha.
        correction: None as in the paper, or "holm": step-down over all one-sided comparisons of this table, and over
            all pairs for the two-sided p-values.
        lower: True where a smaller value is better; None takes it from the metric's name (`direction`), and a
            name that tells nothing counts as higher is better, with a note.

    Raises:
        ScoreTableError: no such scores, or a loss that the table does not have.
        ValueError: an unknown method or correction, a setting out of its range, or a loss named twice.

    Example:
        >>> row = dict(dataset="po18", model="unet", seed=0, fold=0, group="a", label="polyp", metric="dice")
        >>> rows = [row | dict(loss=loss, case=str(k), value=k / 50 + gain) for k in range(40)
        ...         for loss, gain in [("CE", 0.0), ("sDice", 0.01)]]
        >>> found = compare(ScoreTable.from_rows(rows), dataset="po18", metric="dice")
        >>> found.marks.to_dict(), float(found.superior.loc["sDice", "CE"])
        ({'CE': 'italic', 'sDice': 'grey'}, 0.0)
    """
    settings = _settings(method, resamples, seed, by_group, alpha, correction)
    values = _values(table, dataset, metric, label, losses)
    groups = table.groups(dataset).loc[values.index]
    guessed = direction(metric) is None and lower is None
    lower = direction(metric) == "lower" if lower is None else lower
    tables = _tables(values, groups.to_numpy() if by_group else None, settings, lower)
    notes = describe(values, groups.nunique(), tables, settings)
    if guessed:
        told = f"a higher value was taken as the better one. If a lower one is, say so (`report --lower {metric}`)"
        notes = (*notes, f"{metric} {GUESSED}: {told}.")
    return Comparison(
        dataset=dataset,
        metric=metric,
        label=label,
        losses=list(values.columns),
        cases=len(values),
        groups=groups.nunique(),
        lower=lower,
        marks=mark(tables["means"], tables["supported"], alpha=alpha, lower=lower),
        settings=settings,
        notes=notes,
        **tables,
    )


def _settings(
    method: str, resamples: int | None, seed: int, by_group: bool, alpha: float, correction: str | None
) -> dict[str, object]:
    if method not in RESAMPLES:
        raise ValueError(f"method={method!r}; expected one of {', '.join(RESAMPLES)}.")
    if correction not in (None, "holm"):
        raise ValueError(f"correction={correction!r}; expected None or 'holm'.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r}; expected a level between 0 and 1, such as 0.05.")
    resamples = RESAMPLES[method] if resamples is None else resamples
    if not isinstance(resamples, Integral) or resamples < 1:
        raise ValueError(f"resamples={resamples!r}; expected a whole number from 1 on, such as {RESAMPLES[method]}.")
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed={seed!r}; expected a whole number from 0 on.")
    return {
        "method": method,
        "resamples": resamples,
        "seed": seed,
        "by_group": by_group,
        "alpha": alpha,
        "correction": correction,
    }


def _values(
    table: ScoreTable, dataset: str, metric: str, label: str | None, losses: Sequence[str] | None
) -> pd.DataFrame:
    values = table.values(dataset=dataset, metric=metric, label=label)
    if isinstance(losses, str):
        raise ValueError(f"losses={losses!r}; expected several names, such as ['CE', {losses!r}].")
    losses = list(values.columns) if losses is None else list(losses)
    if not losses or len(set(losses)) < len(losses):
        raise ValueError(f"losses={losses}; expected at least one name, and each once.")
    absent = [loss for loss in losses if loss not in values]
    if absent:
        raise ScoreTableError(f"{dataset} has no {metric!r} of {absent}; expected some of {list(values.columns)}.")
    return values[losses]


def _tables(values: pd.DataFrame, groups: np.ndarray | None, settings: dict, lower: bool) -> dict:
    """Everything that is one number a loss or a pair of losses, under the names of `Comparison`."""
    losses, scores = list(values.columns), values.to_numpy()
    first, second = np.triu_indices(len(losses), k=1)
    columns = np.hstack([scores, scores[:, first] - scores[:, second]])
    found = column_statistics(columns, groups, settings)
    single, paired = found.iloc[: len(losses)].set_axis(losses), found.iloc[len(losses) :]

    def square(above: str, below: str, sign: int = 1) -> pd.DataFrame:
        matrix = np.full((len(losses), len(losses)), np.nan)
        matrix[first, second], matrix[second, first] = paired[above], sign * paired[below]
        return pd.DataFrame(matrix, index=losses, columns=losses)

    superior = square("less", "greater") if lower else square("greater", "less")
    units, signs, two_sided = (square(name, name) for name in ("units", "signs", "two_sided"))
    correct = settings["correction"] == "holm"
    borne = supported(superior, units, signs, alpha=settings["alpha"], correct=correct)
    raised, borne_two_sided = superior < 0.5**signs, two_sided.clip(lower=(2 * 0.5**signs).clip(upper=1))
    if correct:
        superior = holm(superior)
        two_sided, borne_two_sided = holm(two_sided, symmetric=True), holm(borne_two_sided, symmetric=True)
    return {
        "means": single["mean"].rename(None),
        "interval": single[["low", "high"]],
        "n": single["n"].astype(int).rename(None),
        "dropped": (len(values) - single["n"]).astype(int).rename(None),
        "difference": square("mean", "mean", -1),
        "difference_low": square("low", "high", -1),
        "difference_high": square("high", "low", -1),
        "pairs": square("n", "n"),
        "units": units,
        "signs": signs,
        "superior": superior,
        "supported": borne,
        "raised": raised,
        "two_sided": two_sided,
        "supported_two_sided": borne_two_sided,
    }
