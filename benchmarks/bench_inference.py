"""Sliding-window prediction of a volume: ours against MONAI's SlidingWindowInferer, the same network, one run.

    python benchmarks/bench_inference.py            # about 5 minutes on 2 cores; MONAI 1.6: pip install monai
    python benchmarks/bench_inference.py --quick    # a small volume: whether it runs, not how fast

Both run the same Keras networks on the PyTorch backend with the same overlap, batch and Gaussian blending, from a NumPy
volume to a NumPy volume of probabilities, in turn within each round. MONAI is given a contiguous copy of the volume in
its own order of axes, whose making is timed, as ours is. Three rows a network, each of ours against MONAI's best way to
the same end:

    same tiles       the same cubes for both. "network" is the time of the network's calls alone.
    least work       ours cuts as it does by default where a call may hold no more voxels than those cubes have
                     (`Tiling(largest_map=...)`); MONAI takes the cubes.
    in one piece     one call each, for a machine with memory for it.

With constant blending the same tiles are checked to predict the same (MONAI's Gaussian weights end at 1e-3, ours do
not). "voxels" is what the network is given, in volumes. Processor seconds are of all threads; they bear other load on
the machine better than the clock does.
"""

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch

from kerasmetricloss.pipelines.inference import Network, Tiling, predict_image

# Volume, tile, batch: 3 x 3 x 2 tiles at half overlap.
SIZES = {False: ((128, 128, 96), 64, 4), True: ((32, 32, 24), 16, 4)}
CHANNELS = 4


def linear() -> keras.Model:
    """One 1x1x1 convolution: next to nothing is computed, so that the tiling itself is timed."""
    image = keras.Input((None, None, None, CHANNELS))
    return keras.Model(image, keras.layers.Conv3D(1, 1, activation="sigmoid")(image))


def small() -> keras.Model:
    """Two convolutions of eight filters."""
    image = keras.Input((None, None, None, CHANNELS))
    x = keras.layers.Conv3D(8, 3, padding="same", activation="relu")(image)
    x = keras.layers.Conv3D(8, 3, padding="same", activation="relu")(x)
    return keras.Model(image, keras.layers.Conv3D(1, 1, activation="sigmoid")(x))


def unet() -> keras.Model:
    """A U-Net of three levels by 2, 8 to 32 filters."""
    x = image = keras.Input((None, None, None, CHANNELS))
    skips = []
    for filters in (8, 16):
        x = keras.layers.Conv3D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = keras.layers.MaxPooling3D(2)(x)
    x = keras.layers.Conv3D(32, 3, padding="same", activation="relu")(x)
    for skip in reversed(skips):
        x = keras.layers.Concatenate()([skip, keras.layers.UpSampling3D(2)(x)])
        x = keras.layers.Conv3D(skip.shape[-1], 3, padding="same", activation="relu")(x)
    return keras.Model(image, keras.layers.Conv3D(1, 1, activation="sigmoid")(x))


def ours(network: Network, **tiling) -> Callable[[np.ndarray], np.ndarray]:
    tiling = Tiling(overlap=0.5, **tiling)
    return lambda image: predict_image(image, network, tiling=tiling)[..., 0]


def monai(model: keras.Model, size: tuple, batch: int, mode: str) -> Callable[[np.ndarray], np.ndarray] | None:
    try:
        from monai.inferers import SlidingWindowInferer
    except ImportError:
        return None
    inferer = SlidingWindowInferer(roi_size=size, sw_batch_size=batch, overlap=0.5, mode=mode)

    def predictor(window: torch.Tensor) -> torch.Tensor:
        return model(window.movedim(1, -1), training=False).movedim(-1, 1)

    def predict(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return inferer(torch.from_numpy(image).movedim(-1, 0)[None].contiguous(), predictor)[0, 0].numpy()

    return predict


def bare(model: keras.Model, tile: int, batch: int, count: int) -> Callable[[np.ndarray], object]:
    """The network's calls alone, on one tile again and again."""

    def predict(image: np.ndarray) -> None:
        window = torch.from_numpy(np.ascontiguousarray(image[:tile, :tile, :tile]))
        for first in range(0, count, batch):
            with torch.inference_mode():
                model(window.expand(min(batch, count - first), *window.shape), training=False)

    return predict


def seconds(run: Callable, image: np.ndarray) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    run(image)
    return time.perf_counter() - clock, time.process_time() - processor


def voxels(network: Network, image: np.ndarray, **tiling) -> int:
    """Voxels that a network is given for an image."""
    given = []

    def run(images: np.ndarray, _: None) -> np.ndarray:
        given.append(images[..., 0].size)
        return images[..., :1]

    ours(replace(network, run=run), **tiling)(image)
    return sum(given)


def timed(ways: dict, image: np.ndarray, rounds: int) -> dict[str, list]:
    """Seconds of each way in each round, in turn."""
    for way in ways.values():
        way(image)  # first calls are not timed
    times = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 else reversed(ways):
            times[name].append(seconds(ways[name], image))
    return times


def measure(build: Callable, size: tuple, tile: int, batch: int, rounds: int) -> list[str]:
    """Time one network on one volume; its rows of the table."""
    keras.utils.set_random_seed(0)
    model = build()
    network = Network.of(model)
    image = np.random.default_rng(0).normal(size=(*size, CHANNELS)).astype("float32")
    cube = (tile,) * 3
    count = int(np.prod([2 * n // tile - 1 for n in size]))
    same, least = {"size": cube}, {"largest_map": int(tile**3 * batch * network.values)}
    if peer := monai(model, cube, batch, "constant"):
        difference = np.abs(peer(image) - ours(network, batch=batch, blending="constant", **same)(image))
        assert difference.max() < 1e-5, "they predict different things"
    ways = {
        "network": bare(model, tile, batch, count),
        "same tiles": ours(network, batch=batch, **same),
        "least work": ours(network, batch=batch, **least),
        "in one piece": ours(network, size=size),
        "MONAI": monai(model, cube, batch, "gaussian"),
        "MONAI, in one piece": monai(model, size, 1, "gaussian"),
    }
    times = timed({name: way for name, way in ways.items() if way}, image, rounds)
    given = {
        "same tiles": same | {"batch": batch},
        "least work": least | {"batch": batch},
        "in one piece": {"size": size},
    }
    rows = []
    for name, tiling in given.items():
        peer = "MONAI, in one piece" if name == "in one piece" else "MONAI"
        theirs = 1.0 if name == "in one piece" else count * tile**3 / np.prod(size)
        network_alone = times["network"] if name == "same tiles" else None
        cells = [build.__name__, "x".join(map(str, size)), name, str(1 if name == "in one piece" else batch)]
        cells += [f"{voxels(network, image, **tiling) / np.prod(size):.2f}", f"{theirs:.2f}"]
        rows.append("| " + " | ".join(cells + columns_of(network_alone, times[name], times.get(peer))) + " |")
    return rows


def columns_of(network: list | None, own: list, theirs: list | None) -> list[str]:
    """Medians by the clock and of the processor: the network's calls alone, ours, MONAI's, and MONAI's through ours."""
    cells = []
    for kind in (0, 1):
        cells += ["" if spent is None else f"{np.median(spent, axis=0)[kind]:.3f}" for spent in (network, own, theirs)]
        cells.append("" if theirs is None else f"{np.median(np.divide(theirs, own)[:, kind]):.2f}")
    return cells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small volume")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median is taken")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # MONAI deprecates its own arguments
    try:
        from monai import __version__ as version
    except ImportError:
        version = "not installed, so not in the table"
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; PyTorch {torch.__version__}")
    print(f"MONAI {version}; seconds a volume of {CHANNELS} channels, Gaussian blending, overlap 0.5\n")
    columns = ["network", "volume", "cut", "batch", "voxels of ours", "voxels of MONAI"]
    columns += ["network, s", "ours, s", "MONAI, s", "MONAI / ours"]
    columns += [f"{column} of processor" for column in columns[6:9]] + ["MONAI / ours"]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for build in (linear, small, unet):
        print("\n".join(measure(build, *SIZES[arguments.quick], arguments.rounds)), flush=True)


if __name__ == "__main__":
    main()
