"""Time of the losses, forward and backward, against their peers: one table, from one run.

    python benchmarks/bench_losses.py            # every backend that is installed, about 10 minutes on 2 cores
    python benchmarks/bench_losses.py --quick    # small arrays, one minute: whether it runs, not how fast

Each round times every loss once, in turn, and the ratios are medians over rounds: what else the machine does falls on
all alike. "x floor" is the time divided by that of the bytes which no loss can avoid (read truth and prediction, write
the gradient) at the bandwidth of a NumPy copy; JAX also tells the bytes that its compiled program moves.
"""

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

SHAPES = {False: [(2, 136, 136, 82, 1), (16, 384, 288, 1)], True: [(2, 17, 16, 12, 1), (4, 24, 18, 1)]}
MODES = {"tensorflow": ("eager", "graph", "xla"), "jax": ("eager", "xla"), "torch": ("eager",)}
MODULES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
LIMITS = {
    "SoftDice": ("Dice", 1.0),
    "SoftJaccard": ("Dice", 1.0),
    "SoftDice, norm=2": ("Dice", 1.0),
    "SoftTversky": ("Dice", 1.0),
    "FocalTversky": ("Dice", 1.0),
    "GeneralizedDice": ("Dice", 1.0),
    "LovaszSigmoid": ("sort", 1.0),
    "LovaszSigmoid, bins=1000": ("sort", 0.06),
}


def losses(shape: tuple[int, ...]) -> dict[str, Callable]:
    """Ours and the peers, by name; each maps (truth, prediction) to a number."""
    import keras

    from kerasmetricloss import losses as ours

    peers = {
        "Dice": keras.losses.Dice(axis=tuple(range(1, len(shape)))),
        "BinaryCrossentropy": keras.losses.BinaryCrossentropy(),
        "sort": sort_per_image,
    }
    if keras.backend.backend() == "torch" and importlib.util.find_spec("monai"):
        from monai.losses import DiceLoss

        monai = DiceLoss()
        peers["MONAI DiceLoss"] = lambda y, p: monai(p.moveaxis(-1, 1), y.moveaxis(-1, 1))
    return peers | {
        "SoftDice": ours.SoftDice(),
        "SoftDice, norm=2": ours.SoftDice(norm=2),
        "SoftJaccard": ours.SoftJaccard(),
        "SoftTversky": ours.SoftTversky(alpha=0.3, beta=0.7),
        "FocalTversky": ours.FocalTversky(alpha=0.3, beta=0.7),
        "GeneralizedDice": ours.GeneralizedDice(),
        "CrossEntropy": ours.CrossEntropy(),
        "WeightedCrossEntropy": ours.WeightedCrossEntropy(prior=0.1),
        "LovaszSigmoid": ours.LovaszSigmoid(),
        "LovaszSigmoid, bins=1000": ours.LovaszSigmoid(bins=1000),
    }


def sort_per_image(y_true: object, y_pred: object) -> object:
    """The usual formulation of Lovász: top_k inside map_fn, and differences of the Jaccard loss."""
    from keras import ops

    voxels = int(np.prod(y_true.shape[1:]))

    def one(pair: tuple) -> object:
        errors, order = ops.top_k(ops.abs(pair[0] - pair[1]), voxels)
        truth = ops.take(pair[0], order)
        intersection = ops.sum(truth) - ops.cumsum(truth)
        union = ops.sum(truth) + ops.cumsum(1 - truth)
        jaccard = 1 - intersection / union
        steps = ops.concatenate([jaccard[:1], jaccard[1:] - jaccard[:-1]])
        return ops.sum(errors * ops.stop_gradient(steps))

    rows = [ops.reshape(x, (y_true.shape[0], voxels)) for x in (y_true, y_pred)]
    return ops.mean(ops.map(one, tuple(rows)))


def runner(loss: Callable, y_true: np.ndarray, y_pred: np.ndarray, mode: str) -> Callable[[], object]:
    """A function that computes the loss and its gradient once and waits for both."""
    backend = os.environ["KERAS_BACKEND"]
    if backend == "tensorflow":
        import tensorflow as tf

        def value_and_gradient(y: tf.Tensor, p: tf.Tensor) -> tuple:
            with tf.GradientTape() as tape:
                tape.watch(p)
                value = loss(y, p)
            return value, tape.gradient(value, p)

        compute = value_and_gradient if mode == "eager" else tf.function(value_and_gradient, jit_compile=mode == "xla")
        y, p = tf.constant(y_true), tf.constant(y_pred)
        return lambda: [float(x) if x.shape == () else tf.reshape(x, (-1,))[0].numpy() for x in compute(y, p)]
    if backend == "jax":
        import jax

        y, p = jax.numpy.asarray(y_true), jax.numpy.asarray(y_pred)
        compute = jax.value_and_grad(lambda p, y: loss(y, p))
        if mode == "xla":
            compute = jax.jit(compute).lower(p, y).compile()
            runner.bytes_moved = (compute.cost_analysis() or {}).get("bytes accessed")
        return lambda: jax.block_until_ready(compute(p, y))
    import torch

    y, p = torch.tensor(y_true), torch.tensor(y_pred, requires_grad=True)

    def backward() -> None:
        p.grad = None
        loss(y, p).backward()

    return backward


def measure(shape: tuple[int, ...], mode: str, rounds: int) -> list[dict]:
    """Time every loss in ``rounds`` rounds; the rows of the table."""
    rng = np.random.default_rng(0)
    y_pred = rng.random(shape, dtype=np.float32)
    y_true = (rng.random(shape) < 0.05).astype(np.float32)
    moved, runs = {}, {}
    for name, loss in losses(shape).items():
        runner.bytes_moved = None
        runs[name] = runner(loss, y_true, y_pred, mode)
        runs[name]()
        moved[name] = runner.bytes_moved
    times = {name: [] for name in runs}
    copies = []
    for _ in range(rounds):
        copies.append(seconds(y_pred.copy))
        for name, run in runs.items():
            times[name].append(seconds(run))
    # A copy reads and writes: two passes. The floor is three.
    floor = 1.5 * np.median(copies)
    return [row(name, times, floor, moved[name], y_pred.nbytes) for name in runs]


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def row(name: str, times: dict[str, list[float]], floor: float, moved: float | None, size: int) -> dict:
    def ratio(peer: str) -> float:
        return float(np.median(np.divide(times[name], times[peer])))

    bound = LIMITS.get(name)
    return {
        "loss": name,
        "ms": 1000 * float(np.median(times[name])),
        "floor": float(np.median(times[name])) / floor,
        "moved": moved / (3 * size) if moved else None,
        "dice": ratio("Dice"),
        "bce": ratio("BinaryCrossentropy"),
        "monai": ratio("MONAI DiceLoss") if "MONAI DiceLoss" in times else None,
        "sort": ratio("sort"),
        "aim": f"{bound[1]:g} of {bound[0]}" if bound else "",
        "holds": ("yes" if ratio(bound[0]) <= bound[1] else "no") if bound else "",
    }


def machine() -> str:
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):  # noqa: PTH110
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}"


def table(backend: str, arguments: argparse.Namespace) -> None:
    """Print the rows of one backend; this runs in a process of its own."""
    for shape in SHAPES[arguments.quick]:
        for mode in MODES[backend]:
            for line in measure(shape, mode, arguments.rounds):
                cells = [backend, mode, "x".join(map(str, shape)), line["loss"], f"{line['ms']:.1f}"]
                ratios = [line[key] for key in ("floor", "moved", "dice", "bce", "monai", "sort")]
                cells += ["" if x is None else f"{x:.2f}" for x in ratios]
                print("| " + " | ".join([*cells, line["aim"], line["holds"]]) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small arrays")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of which the median is taken")
    parser.add_argument("--backends", nargs="+", default=list(MODES), choices=list(MODES))
    parser.add_argument("--only", choices=list(MODES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        return table(arguments.only, arguments)
    print(f"Forward and backward. {machine()}\n")
    installed = [name for name in arguments.backends if importlib.util.find_spec(MODULES[name])]
    missing = [name for name in [*arguments.backends, "monai"] if not importlib.util.find_spec(name)]
    if missing:
        print(f"Not installed, so not in the table: {', '.join(missing)}.\n")
    columns = ["backend", "mode", "shape", "loss", "ms", "x floor", "bytes / floor", "x Dice", "x BCE", "x MONAI"]
    print(
        "| " + " | ".join([*columns, "x sort", "aim", "holds"]) + " |\n" + "|---" * (len(columns) + 3) + "|", flush=True
    )
    passed_on = [*(["--quick"] if arguments.quick else []), "--rounds", str(arguments.rounds)]
    for backend in installed:
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, __file__, "--only", backend, *passed_on]
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"\n{backend} failed: {done.stderr.strip().splitlines()[-1]}\n")
    return None


if __name__ == "__main__":
    main()
