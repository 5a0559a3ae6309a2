"""How often a test at level alpha finds a difference that is not there, by number of cases.

`SIMULATED_RATES` holds 20,000 simulated studies a cell: normal differences, 1,000 resamples, one-sided at .05, standard
error .002. `false_positive_rates` makes such tables.

The bootstrap is too bold by a known amount. The spread of its means is s sqrt((n - 1) / n) / sqrt(n), nearly normal,
so it rejects where Student's t exceeds 1.645 sqrt((n - 1) / n): with probability .097 at 6 cases and .072 at 12.
`expected_false_positive_rate` computes that for any number of cases.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from kerasmetricloss.statistics.bootstrap import bootstrap_means, bootstrap_test
from kerasmetricloss.statistics.permutation import permutation_test

BATCH = 50  # simulated studies that share one set of resamples
SIMULATED_RATES = {  # number of cases -> (bootstrap, permutation)
    6: (0.099, 0.047),
    12: (0.072, 0.052),
    20: (0.062, 0.051),
    30: (0.056, 0.048),
    43: (0.056, 0.051),
    60: (0.054, 0.050),
    94: (0.051, 0.047),
    150: (0.052, 0.050),
    285: (0.051, 0.050),
}


def false_positive_rates(
    cases: Sequence[int] = (6, 12, 43, 94, 150),
    *,
    methods: Sequence[str] = ("bootstrap", "permutation"),
    studies: int = 2000,
    resamples: int = 2000,
    alpha: float = 0.05,
    seed: int = 0,
    draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray] | None = None,
) -> pd.DataFrame:
    """Simulate studies of two equally good losses and count how often one is called superior (one-sided).

    An honest test gives `alpha`. The bootstrap is too bold for few cases: its rate is about .10 at 6 cases.

    Args:
        cases: numbers of cases to try.
        methods: "bootstrap", "permutation" or both.
        studies: number of simulated studies a cell; the standard error of a rate near .05 is .22 / sqrt(studies).
        resamples: resamples a study.
        alpha: significance level.
        seed: seed of data and resamples.
        draw: `draw(rng, (cases, studies))` gives the paired differences, of mean 0; standard normal if None.

    Returns:
        Rates, index number of cases, columns methods.

    Raises:
        ValueError: fewer than 2 cases.
    """
    if min(cases, default=2) < 2:
        raise ValueError(f"cases={tuple(cases)}; expected at least 2 each, since one case cannot be resampled.")
    draw = draw or (lambda rng, shape: rng.standard_normal(shape))
    rates = pd.DataFrame(index=pd.Index(cases, name="cases"), columns=list(methods), dtype=float)
    for count in cases:
        rng = np.random.default_rng([seed, count])
        found = dict.fromkeys(methods, 0)
        for start in range(0, studies, BATCH):
            d = draw(rng, (count, min(BATCH, studies - start)))
            for method in methods:
                p = _greater(method, d, resamples=resamples, seed=int(rng.integers(2**31)))
                found[method] += int(np.sum(p < alpha))
        rates.loc[count] = [found[method] / studies for method in methods]
    return rates


def expected_false_positive_rate(cases: int, *, alpha: float = 0.05) -> float:
    """How often the paired bootstrap calls one of two equally good losses superior, one-sided, by theory.

    Resampled means spread by s sqrt((n - 1) / n) / sqrt(n), so the bootstrap rejects where Student's t with n - 1
    degrees of freedom exceeds z sqrt((n - 1) / n), where z leaves `alpha` of a normal distribution above it. This holds
    for nearly normal differences; the permutation test keeps `alpha`.

    Args:
        cases: number of cases, at least 2.
        alpha: significance level that is promised.

    Raises:
        ValueError: fewer than 2 cases, or a level that is none.

    Example:
        >>> [round(expected_false_positive_rate(cases), 3) for cases in (6, 12, 40, 1000)]
        [0.097, 0.072, 0.056, 0.05]
    """
    if cases < 2:
        raise ValueError(f"cases={cases!r}; expected at least 2, since one case cannot be resampled.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r}; expected a level between 0 and 1, such as 0.05.")
    from scipy import stats  # slow to import, and only this function needs it

    return float(stats.t.sf(stats.norm.isf(alpha) * np.sqrt((cases - 1) / cases), cases - 1))


def _greater(method: str, d: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    if method == "bootstrap":
        return bootstrap_test(d, bootstrap_means(d, resamples=resamples, seed=seed)).greater
    if method == "permutation":
        return permutation_test(d, resamples=resamples, seed=seed).greater
    raise ValueError(f"method={method!r}; expected 'bootstrap' or 'permutation'.")
