"""A callback for metrics that a compiled step cannot compute."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from kerasmetricloss.similarities.checks import whole


class ScoreAfterEpoch(keras.callbacks.Callback):
    """Predict given data after an epoch, score it, and add the results to the epoch's logs.

    For surface distances, which need concrete arrays, while training stays compiled. The results are in `History`,
    and callbacks after this one in the list (`EarlyStopping`, `ModelCheckpoint`) can watch them, with mode="min" or
    mode="max": Keras finds the direction of compiled metrics alone.

    Args:
        x: Inputs of the model: arrays (or a list, tuple or dict of them) with the cases first; or batches
            (x, y) or (x, y, sample_weight) that can be iterated again each time: a dataset, a loader, a list.
        y: Truths, with the cases first; None where `x` holds batches.
        sample_weight: Weights as `update_state` takes them, with the cases first; None where `x` holds batches.
        metrics: One metric or several to score with. They are reset each time. Beside each result, `NAME_left_out` is
            logged for metrics that count the cases left out, and with `per_class` `NAME_CLASS_left_out` for each class.
        batch_size: Cases predicted at a time where `x` is arrays.
        prefix: Put before each name in the logs.
        every: Score after every so many epochs; the first to be scored is epoch `every`.
        per_case: Further arguments of `update_state`, one entry a case over all batches, such as
            `{"spacing_mm": [(1.0, 1.0, 3.0), ...]}`. Each goes to the metrics that take it.

    Raises:
        ValueError: If arrays come without truths, or of different numbers of cases; if `per_case` holds what no metric
            takes, or too few entries; if the model has several outputs, or a batch is none.

    Example:
        >>> import numpy as np
        >>> from kerasmetricloss.metrics import HausdorffDistance
        >>> model = keras.Sequential([keras.Input((4, 5, 1)), keras.layers.Activation("sigmoid")])
        >>> x, y = np.zeros((2, 4, 5, 1)), np.ones((2, 4, 5, 1))
        >>> scores = ScoreAfterEpoch(x, y, metrics=[HausdorffDistance(missed="diagonal")])
        >>> scores.set_model(model)
        >>> logs = {}
        >>> scores.on_epoch_end(0, logs)
        >>> {name: round(value, 3) for name, value in logs.items()}
        {'val_hausdorff_distance': 5.0, 'val_hausdorff_distance_left_out': 0.0}
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        metrics: Sequence[keras.metrics.Metric] | keras.metrics.Metric,
        batch_size: int = 1,
        prefix: str = "val_",
        every: int = 1,
        per_case: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        super().__init__()
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.scores = [metrics] if isinstance(metrics, keras.metrics.Metric) else list(metrics)
        self.batch_size = whole("batch_size", batch_size, "a whole number >= 1", lambda n: n >= 1)
        self.every = whole("every", every, "a whole number >= 1", lambda n: n >= 1)
        self.prefix, self.per_case = prefix, dict(per_case or {})
        self._check_data()
        for name in self.per_case:
            if not any(name in _taken(metric) for metric in self.scores):
                raise ValueError(f"per_case has {name!r}, which none of the metrics {self.scores} takes: remove it.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score, and put the results into `logs`."""
        if (epoch + 1) % self.every or logs is None:
            return
        for metric in self.scores:
            metric.reset_state()
        first = 0
        for x, y, sample_weight in self._batches():
            y_pred = _one_array(self.model.predict_on_batch(x), "the model predicts")
            for metric in self.scores:
                metric.update_state(y, y_pred, sample_weight, **self._arguments(metric, first, len(y_pred)))
            first += len(y_pred)
        for metric in self.scores:
            logs.update(self._logged(metric))

    def _batches(self) -> Iterator[tuple[Any, Any, Any]]:
        if self.y is None:
            batches = self.x
            if isinstance(batches, keras.utils.PyDataset):
                batches = (self.x[i] for i in range(self.x.num_batches))
            for batch in batches:
                if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                    raise ValueError(
                        f"x gives a batch of type {type(batch).__name__}"
                        f"{f' and length {len(batch)}' if hasattr(batch, '__len__') else ''}, expected (x, y) or "
                        "(x, y, sample_weight)."
                    )
                _one_array(batch[1], "a batch holds truths of")
                yield (*batch, None)[:3]
            return
        data = (self.x, self.y, self.sample_weight)
        for first in range(0, len(self.y), self.batch_size):
            batch = slice(first, first + self.batch_size)
            yield keras.tree.map_structure(lambda a, b=batch: None if a is None else a[b], data)

    def _check_data(self) -> None:
        """Refuse arrays that do not belong together."""
        if self.y is None:
            parts = (
                self.x.values() if isinstance(self.x, Mapping) else self.x if isinstance(self.x, tuple | list) else ()
            )
            if any(hasattr(leaf, "shape") for leaf in (self.x, *parts)):
                raise ValueError("x is arrays but y is None: give the truths, or batches (x, y) as x.")
            return
        _one_array(self.y, "y is")
        cases = {"y": len(self.y)}
        cases |= {f"x[{i}]": len(leaf) for i, leaf in enumerate(keras.tree.flatten(self.x))}
        cases |= {} if self.sample_weight is None else {"sample_weight": len(self.sample_weight)}
        cases |= {f"per_case[{name!r}]": len(values) for name, values in self.per_case.items()}
        if len(set(cases.values())) > 1:
            came = ", ".join(f"{name} has {number}" for name, number in cases.items())
            raise ValueError(f"the numbers of cases differ: {came}; expected one entry a case in each.")

    def _arguments(self, metric: keras.metrics.Metric, first: int, cases: int) -> dict[str, Any]:
        chosen = {name: values[first : first + cases] for name, values in self.per_case.items()}
        for name, values in chosen.items():
            if len(values) < cases:
                raise ValueError(
                    f"per_case[{name!r}] has {len(self.per_case[name])} entries, but case {first + cases} came: give "
                    "one a case, over all batches."
                )
        return {name: values for name, values in chosen.items() if name in _taken(metric)}

    def _logged(self, metric: keras.metrics.Metric) -> dict[str, float]:
        result = metric.result()
        results = result if isinstance(result, dict) else {metric.name: result}
        logged = {self.prefix + name: float(value) for name, value in results.items()}
        if hasattr(metric, "left_out"):
            # The first result is the mean, the others are those of the classes, if any.
            counts = zip(results, [metric.left_out, *metric.left_out_per_class], strict=False)
            logged |= {f"{self.prefix}{name}_left_out": float(count) for name, count in counts}
        return logged


def _taken(metric: keras.metrics.Metric) -> Mapping[str, Any]:
    return inspect.signature(metric.update_state).parameters


def _one_array(array: Any, what: str) -> Any:
    if not hasattr(array, "shape"):
        form = f"{type(array).__name__} of {len(array)}" if hasattr(array, "__len__") else type(array).__name__
        raise ValueError(
            f"{what} a {form}, expected one array: ScoreAfterEpoch scores models of one output. For several, predict "
            "and call update_state of the metrics in a callback of your own."
        )
    return array
