"""Tables of scores made by hand, and how they compare."""

import numpy as np

from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.statistics import compare


def scores(by_loss, *, metric="dice", groups=None, labels=("polyp",)):
    """Rows from {loss: values}; the case is the position."""
    rows = []
    for loss, values in by_loss.items():
        for case, value in enumerate(values):
            group = str(case) if groups is None else groups[case]
            for label in labels:
                rows.append(
                    {"dataset": "po18", "model": "unet", "loss": loss, "seed": 0, "fold": 0, "case": f"c{case}"}
                    | {"group": group, "label": label, "metric": metric, "value": value}
                )
    return ScoreTable.from_rows(rows)


def found(by_loss, *, groups=None, metric="dice", **settings):
    return compare(scores(by_loss, metric=metric, groups=groups), dataset="po18", metric=metric, **settings)


rng = np.random.default_rng(0)
CE = rng.uniform(0.3, 0.8, 45)
BETTER = CE + 0.05 + rng.normal(0, 0.03, 45)
SAME = CE + rng.normal(0, 0.03, 45)
