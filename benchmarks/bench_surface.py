"""The Hausdorff distance of whole volumes: ours against MONAI and against distance maps, on real masks or made ones.

Run: python benchmarks/bench_surface.py [--brats FOLDER] [--repeats 5]

FOLDER holds BRATS cases (`*/*_seg.nii.gz`), by default $KML_DATA/brats2018/HGG; without it, ellipsoids of tumour size
in a volume of 240 x 240 x 155 stand in. Each mask is compared with two predictions: itself with a rough border, and
itself moved by a few voxels. MONAI is timed where it is installed. All values are checked to be the same.
"""

import argparse
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scipy
from scipy import ndimage

from kerasmetricloss.metrics.surface import hausdorff_distance

SHAPE = (240, 240, 155)


def real_masks(folder: Path) -> Iterator[np.ndarray]:
    import nibabel

    for path in sorted(folder.glob("*/*_seg.nii.gz")):
        yield np.ascontiguousarray(np.asarray(nibabel.load(path).dataobj) > 0)


def made_masks() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(1)
    for radius in (14, 20, 27, 33):
        centre = rng.uniform(60, 90, 3)
        squeeze = rng.uniform(0.7, 1.3, 3)
        grid = np.ogrid[tuple(slice(n) for n in SHAPE)]
        distance = sum(((g - c) / (radius * s)) ** 2 for g, c, s in zip(grid, centre, squeeze, strict=True))
        yield rough(distance < 1, rng)


def rough(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mask with bumps of a few voxels on its border, and nothing far from it."""
    noise = ndimage.gaussian_filter(rng.standard_normal(mask.shape), 3)
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 2)
    return soft + 0.15 * noise / noise.std() * (soft > 0.02) > 0.5


def by_distance_maps(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """The textbook way: the distance map of each surface, on the box of the union."""
    box = ndimage.find_objects((y_true | y_pred).astype(np.uint8))[0]
    masks = [np.pad(mask[box], 1) for mask in (y_true, y_pred)]
    surfaces = [mask ^ ndimage.binary_erosion(mask) for mask in masks]
    maps = [ndimage.distance_transform_edt(~surface) for surface in surfaces]
    return float(max(maps[1][surfaces[0]].max(), maps[0][surfaces[1]].max()))


def by_monai() -> Callable[[np.ndarray, np.ndarray], float] | None:
    try:
        import torch
        from monai.metrics import compute_hausdorff_distance
    except ImportError:
        return None

    def measure(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        y_true, y_pred = (torch.from_numpy(mask[None, None]) for mask in (y_true, y_pred))
        return compute_hausdorff_distance(y_pred, y_true, include_background=True).item()

    return measure


def milliseconds(measure: Callable, masks: tuple[np.ndarray, np.ndarray], repeats: int) -> tuple[float, float]:
    """The fastest of the repeats, and the value."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = measure(*masks)
        times.append(1000 * (time.perf_counter() - start))
    return min(times), value


def main() -> None:
    """Print a line a pair of masks, the means and the ratios to ours."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brats", type=Path, default=Path(os.environ.get("KML_DATA", ".")) / "brats2018" / "HGG")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # MONAI deprecates its own arguments
    rng = np.random.default_rng(0)
    found = list(real_masks(arguments.brats))
    kind = "BRATS masks" if found else "made masks"
    print(f"{kind}; {platform.machine()}, {os.cpu_count()} CPUs, SciPy {scipy.__version__}")
    ways = {"ours": hausdorff_distance, "MONAI": by_monai(), "distance maps": by_distance_maps}
    ways = {name: measure for name, measure in ways.items() if measure is not None}
    print(f"{'prediction':14}{'voxels':>9}{'mm':>8}" + "".join(f"{name + ', ms':>20}" for name in ways))
    times: dict[str, list[float]] = {name: [] for name in ways}
    for truth in found or made_masks():
        for kind, prediction in (("rough border", rough(truth, rng)), ("moved", np.roll(truth, (3, -2, 1), (0, 1, 2)))):
            results = {name: milliseconds(way, (truth, prediction), arguments.repeats) for name, way in ways.items()}
            values = [value for _, value in results.values()]
            assert np.ptp(values) < 1e-4, values
            for name, (spent, _) in results.items():
                times[name].append(spent)
            line = "".join(f"{times[name][-1]:20.1f}" for name in ways)
            print(f"{kind:14}{truth.sum():9d}{values[0]:8.2f}{line}")
    means = {name: statistics.mean(spent) for name, spent in times.items()}
    print(f"{'mean':31}" + "".join(f"{mean:20.1f}" for mean in means.values()))
    print(f"{'ratio to ours':31}" + "".join(f"{mean / means['ours']:20.2f}" for mean in means.values()))


if __name__ == "__main__":
    main()
