"""All pairs of 17 losses on 1,166 cases (the paper's PO18) at 10,000 resamples: a matrix product against a plain loop.

Run: python benchmarks/bench_bootstrap.py [--loop-pairs 3]

The loop resamples the differences of one pair at a time, as one would write it first; its time for all pairs is that of
a few pairs times their number. Both give the same p-values up to the noise of resampling, which is checked.
"""

import argparse
import os
import platform
import time

import numpy as np

from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.statistics import compare

CASES, LOSSES, RESAMPLES = 1166, 17, 10_000
NOISE = 0.02  # the standard error of a p-value of one half at 10,000 resamples is .005


def scores() -> np.ndarray:
    """Scores of shape (cases, losses) of losses that differ by little."""
    rng = np.random.default_rng(0)
    cases = rng.beta(4, 2, (CASES, 1))
    return np.clip(cases + np.linspace(0, 0.004, LOSSES) + rng.normal(0, 0.05, (CASES, LOSSES)), 0, 1)


def plain_loop(d: np.ndarray) -> float:
    """One-sided p of "greater" for one pair, a resample at a time."""
    rng, below = np.random.default_rng(1), 0
    for _ in range(RESAMPLES):
        below += d[rng.integers(len(d), size=len(d))].mean() <= 0
    return below / RESAMPLES


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loop-pairs", type=int, default=3, help="pairs to time the loop on")
    pairs = parser.parse_args().loop_pairs
    values = scores()
    names = [f"loss {k:02}" for k in range(LOSSES)]
    shared = {"dataset": "po18", "model": "m", "seed": 0, "fold": 0, "label": "polyp", "metric": "dice"}
    table = ScoreTable.from_rows(
        shared | {"loss": name, "case": str(case), "group": str(case), "value": values[case, k]}
        for k, name in enumerate(names)
        for case in range(CASES)
    )
    compare(table, dataset="po18", metric="dice", resamples=10)  # imports and first calls
    seconds = {}
    for method in ("bootstrap", "permutation"):
        start = time.perf_counter()
        found = compare(table, dataset="po18", metric="dice", method=method)
        seconds[method] = time.perf_counter() - start
        if method == "bootstrap":
            ours = found
    start = time.perf_counter()
    for other in range(1, pairs + 1):
        p = plain_loop(values[:, 0] - values[:, other])
        assert abs(p - ours.superior.loc[names[0], names[other]]) < NOISE
    all_pairs = LOSSES * (LOSSES - 1) // 2
    loop = (time.perf_counter() - start) / pairs * all_pairs
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"{all_pairs} pairs of {LOSSES} losses, {CASES:,} cases")
    print(f"compare, bootstrap, {RESAMPLES:,} resamples     {seconds['bootstrap']:8.2f} s   (means and intervals too)")
    print(f"compare, permutation, 100,000 sign flips {seconds['permutation']:8.2f} s")
    print(f"plain loop, bootstrap (from {pairs} pairs)      {loop:8.2f} s")
    print(f"ratio, loop to compare                   {loop / seconds['bootstrap']:8.1f}")


if __name__ == "__main__":
    main()
