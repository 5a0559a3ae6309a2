"""Sliding-window prediction of a volume: ours against MONAI's SlidingWindowInferer, the same network, one run.

    python benchmarks/bench_inference.py            # about 4 minutes on 2 cores; MONAI 1.6: pip install monai
    python benchmarks/bench_inference.py --quick    # a small volume: whether it runs, not how fast

Both run the same Keras networks on the PyTorch backend over the same tiles, with the same overlap, batch and Gaussian
blending, from a NumPy volume to a NumPy volume of probabilities, in turn within each round. With constant blending both
are checked to predict the same (MONAI's Gaussian weights end at 1e-3, ours do not). "network" is the time of the
network's calls alone, what no way of tiling can save. "ours, whole" is what `predict_image` does unless told to cut:
the volume in one piece, each voxel once instead of three times, where memory has room for one call of that size.
Processor seconds are of all threads; they bear other load on the machine better than the clock does.
"""

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable

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


def ours(model: keras.Model, tile: int, batch: int, mode: str) -> Callable[[np.ndarray], np.ndarray]:
    network, tiling = Network.of(model), Tiling(size=(tile,) * 3, overlap=0.5, batch=batch, blending=mode)
    return lambda image: predict_image(image, network, tiling=tiling)[..., 0]


def whole(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Prediction as it is by default: in one piece."""
    network = Network.of(model)
    return lambda image: predict_image(image, network)[..., 0]


def monai(model: keras.Model, tile: int, batch: int, mode: str) -> Callable[[np.ndarray], np.ndarray] | None:
    try:
        from monai.inferers import SlidingWindowInferer
    except ImportError:
        return None
    inferer = SlidingWindowInferer(roi_size=(tile,) * 3, sw_batch_size=batch, overlap=0.5, mode=mode)

    def predictor(window: torch.Tensor) -> torch.Tensor:
        return model(window.movedim(1, -1), training=False).movedim(-1, 1)

    def predict(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return inferer(torch.from_numpy(image).movedim(-1, 0)[None], predictor)[0, 0].numpy()

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


def measure(build: Callable, size: tuple, tile: int, batch: int, rounds: int) -> str:
    """Time one network on one volume; a row of the table."""
    keras.utils.set_random_seed(0)
    model = build()
    image = np.random.default_rng(0).normal(size=(*size, CHANNELS)).astype("float32")
    count = int(np.prod([2 * n // tile - 1 for n in size]))
    makers = {"ours": ours, "MONAI": monai}
    equal = [way(image) for make in makers.values() if (way := make(model, tile, batch, "constant"))]
    assert all(np.abs(found - equal[0]).max() < 1e-5 for found in equal), "they predict different things"
    ways = {name: make(model, tile, batch, "gaussian") for name, make in makers.items()}
    ways = {name: way for name, way in ways.items() if way} | {
        "network": bare(model, tile, batch, count),
        "whole": whole(model),
    }
    for way in ways.values():
        way(image)  # first calls are not timed
    times = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 else reversed(ways):
            times[name].append(seconds(ways[name], image))
    middle = {name: np.median(spent, axis=0) for name, spent in times.items()}
    cells = [build.__name__, "x".join(map(str, size)), f"{tile}", f"{batch}", f"{count}"]
    for kind in (0, 1):
        cells += [f"{middle[name][kind]:.3f}" if name in middle else "" for name in ("network", "ours", "MONAI")]
        ratio = np.divide(times["MONAI"], times["ours"])[:, kind] if "MONAI" in times else []
        cells.append(f"{np.median(ratio):.2f}" if len(ratio) else "")
    cells.append(f"{middle['whole'][0]:.3f}")
    cells.append(f"{np.median(np.divide(times['MONAI'], times['whole'])[:, 0]):.2f}" if "MONAI" in times else "")
    return "| " + " | ".join(cells) + " |"


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
    columns = ["network", "volume", "tile", "batch", "tiles", "network, s", "ours, s", "MONAI, s", "MONAI / ours"]
    columns += [f"{column} of processor" for column in columns[5:8]] + ["MONAI / ours"]
    columns += ["ours, whole, s", "MONAI / ours, whole"]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for build in (linear, small, unet):
        print(measure(build, *SIZES[arguments.quick], arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
