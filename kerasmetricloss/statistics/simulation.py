"""How often a test at level alpha finds a difference that is not there, by number of cases.

20,000 simulated studies a cell, normal differences, 1,000 resamples, one-sided at .05 (standard error .002):

    cases            6    12    20    30    43    60    94   150   285
    bootstrap     .099  .072  .062  .056  .056  .054  .051  .052  .051
    permutation   .047  .052  .051  .048  .051  .050  .047  .050  .050

The bootstrap is too bold by a known amount. The spread of its means is s sqrt((n - 1) / n) / sqrt(n), nearly normal,
so it rejects where Student's t exceeds 1.645 sqrt((n - 1) / n): with probability .097 at 6 cases and .072 at 12.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from kerasmetricloss.statistics.bootstrap import bootstrap_means, bootstrap_test
from kerasmetricloss.statistics.permutation import permutation_test

BATCH = 50  # simulated studies that share one set of resamples


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
    """
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


def _greater(method: str, d: np.ndarray, *, resamples: int, seed: int) -> np.ndarray:
    if method == "bootstrap":
        return bootstrap_test(d, bootstrap_means(d, resamples=resamples, seed=seed)).greater
    if method == "permutation":
        return permutation_test(d, resamples=resamples, seed=seed).greater
    raise ValueError(f"method={method!r}; expected 'bootstrap' or 'permutation'.")
