"""Augmented volumes and patches a second against MONAI, TorchIO and batchgeneratorsv2, and how long a training waits.

    make bench-pipeline                                           # about 5 minutes on 2 cores
    python benchmarks/bench_pipeline.py --peers PYTHON [--quick]  # PYTHON: an interpreter that has the peers

Every library runs in a process of its own, bound to one core where the system can: loaders add workers, and N cores
give at most N times as much. It starts from arrays in memory and ends with the tensors that a network takes.

Volumes: rotation about the axial axis, shift, flip and Gaussian noise of four channels and a truth. Patches: centres
uniform inside a mask, two channels and a truth. Rounds alternate between the libraries, so that whatever else the
machine does falls on all alike; times are medians over rounds. CPU hardly depends on what else runs, unlike the wall
time. Peak is the memory that the work took beyond library and data.
"""

import argparse
import itertools
import json
import math
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIZE = {False: (136, 136, 82), True: (72, 70, 66)}
PATCHES = 64
OURS = {"tensorflow": "ours, TensorFlow", "jax": "ours, JAX", "torch": "ours, PyTorch"}
PEERS = {"monai": "MONAI", "torchio": "TorchIO", "batchgeneratorsv2": "batchgeneratorsv2"}
NO_PATCHES = ("batchgeneratorsv2",)  # it cuts none; nnU-Net's loader does
TASKS = {
    "volume": "rigid about the axial axis + flip + noise, one volume of {size}x4",
    "volume, 3 axes": "rigid about three axes + flip + noise, one volume of {size}x4",
    "15": "64 patches of 15x15x15x2 from one volume of {size}x2",
    "63": "64 patches of 63x63x63x2, truth 15x15x15 (peers: 63x63x63), from one volume of {size}x2",
}


def arrays(size: tuple[int, ...], channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, truth and mask, channels last."""
    rng = np.random.default_rng(0)
    image = rng.normal(100, 20, (*size, channels)).astype(np.float32)
    grid = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in size)]
    radius = sum(g**2 for g in grid)
    return image, (radius < 0.2).astype(np.uint8)[..., None], (radius < 0.8).astype(np.uint8)[..., None]


def ours(task: str, size: tuple[int, ...]) -> Callable[[int], object]:
    """A function of the step that makes one volume, or 64 patches."""
    import keras

    from kerasmetricloss import pipelines
    from kerasmetricloss.pipelines import memory
    from kerasmetricloss.pipelines.batches import Stream
    from kerasmetricloss.pipelines.patch_stream import PatchStream

    augmentation = None
    if task.startswith("volume"):
        angle = math.pi / 12 if task == "volume" else (math.pi / 12,) * 3
        augmentation = pipelines.Augmentation(rotation_std=angle, intensity_shift_std=0.0, intensity_scale_std=0.0)
    image, truth, mask = arrays(size, 4 if augmentation else 2)
    cases = [pipelines.Prepared("1", image, truth, mask, None)]
    channels = image.shape[-1]
    common = {"shift": np.full(channels, 100.0), "scale": np.full(channels, 20.0), "seed": 0}
    if augmentation:
        stream = Stream(prepared=cases, **common, batch=1, augmentation=augmentation)
    else:
        patches = pipelines.Patches(output_size=(15, 15, 15), margin=(int(task) - 15) // 2)
        stream = PatchStream(prepared=cases, **common, patches=patches, batch=PATCHES)
    if keras.backend.backend() != "tensorflow":
        batches = memory.TrainingBatches(stream)
        return lambda step: batches[step]
    import tensorflow as tf

    from kerasmetricloss.pipelines import tfdata

    # The data set of `tfdata`, without prefetching, its own and TensorFlow's, which would move work out of the round.
    def steps():
        return (stream.raw(step) for step in itertools.count())

    augment = tfdata._traced(augmentation, stream.slack)
    batches = tfdata._dataset(stream, steps, augment, tf.data.INFINITE_CARDINALITY, None, ahead=0)
    options = tf.data.Options()
    options.autotune.enabled = options.experimental_optimization.inject_prefetch = False
    batches = iter(batches.with_options(options))
    return lambda step: [np.asarray(array) for array in tf.nest.flatten(next(batches))]


def monai(task: str, size: tuple[int, ...]) -> Callable[[int], object]:
    import torch
    from monai import transforms

    image, truth, mask = (torch.tensor(x).movedim(-1, 0).contiguous() for x in arrays(size, channels_of(task)))
    if not task.startswith("volume"):
        ready = transforms.FgBgToIndicesd("mask")({"image": image, "truth": truth, "mask": mask})
        crop = transforms.RandCropByPosNegLabeld(
            ["image", "truth", "mask"], "mask", (int(task),) * 3, pos=1, neg=0, num_samples=PATCHES,
            fg_indices_key="mask_fg_indices", bg_indices_key="mask_bg_indices",
        )  # fmt: skip
        return lambda step: [torch.stack([p[k] for p in crop(ready)]) for k in ("image", "truth", "mask")]
    angles = (0, 0, math.pi / 12) if task == "volume" else (math.pi / 12,) * 3
    motion = {"rotate_range": angles, "translate_range": (6, 6, 4), "padding_mode": "zeros"}
    augment = transforms.Compose(
        [
            transforms.RandFlipd(["image", "truth"], prob=0.5, spatial_axis=0),
            transforms.RandAffined(["image", "truth"], prob=1, mode=["bilinear", "nearest"], **motion),
            transforms.RandGaussianNoised(["image"], prob=1, std=0.05),
        ],
        lazy=True,
    )
    truth = truth.float()
    return lambda step: augment({"image": image, "truth": truth})


def torchio(task: str, size: tuple[int, ...]) -> Callable[[int], object]:
    import SimpleITK
    import torch
    import torchio as tio

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(torch.get_num_threads())
    image, truth, mask = (torch.tensor(x).movedim(-1, 0).contiguous() for x in arrays(size, channels_of(task)))
    images = {"image": tio.ScalarImage(tensor=image), "truth": tio.LabelMap(tensor=truth)}
    if not task.startswith("volume"):
        subject = tio.Subject(**images, mask=tio.LabelMap(tensor=mask))
        sampler = tio.LabelSampler(int(task), label_name="mask")

        def patches(step: int) -> list:
            found = list(sampler(subject, PATCHES))
            return [torch.stack([p[k].data for p in found]) for k in ("image", "truth", "mask")]

        return patches
    degrees = (0, 0, 0, 0, -15, 15) if task == "volume" else 15
    augment = tio.Compose(
        [
            tio.RandomAffine(scales=0, degrees=degrees, translation=(6, 6, 4), default_pad_value=0),
            tio.RandomFlip(axes=(0,), flip_probability=0.5),
            tio.RandomNoise(std=(0.05, 0.05)),
        ]
    )
    subject = tio.Subject(**images)
    return lambda step: augment(subject)


def batchgeneratorsv2(task: str, size: tuple[int, ...]) -> Callable[[int], object]:
    import torch
    from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
    from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
    from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

    image, truth, _ = (torch.tensor(x).movedim(-1, 0).contiguous() for x in arrays(size, channels_of(task)))
    truth = truth.to(torch.int16)
    spatial = SpatialTransform(
        size, patch_center_dist_from_border=[n // 2 - 6 for n in size], random_crop=True, p_rotation=1,
        rotation=(-math.pi / 12, math.pi / 12), bg_style_seg_sampling=False, mode_seg="nearest",
    )  # fmt: skip
    noise = GaussianNoiseTransform(noise_variance=(0.0025, 0.0025), p_per_channel=1, synchronize_channels=True)
    augment = ComposeTransforms([spatial, MirrorTransform((0,)), noise])
    return lambda step: augment(image=image.clone(), segmentation=truth)


def channels_of(task: str) -> int:
    return 4 if task.startswith("volume") else 2


def work(name: str, task: str, size: tuple[int, ...], repeats: int, cores: int) -> None:
    """In a process of its own: run the work each time a line comes in, answer with a line of numbers."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    if name in PEERS or os.environ.get("KERAS_BACKEND") == "torch":
        import torch

        torch.set_num_threads(cores)
    if name in PEERS:
        run = {"monai": monai, "torchio": torchio, "batchgeneratorsv2": batchgeneratorsv2}[name](task, size)
    else:
        run = ours(task, size)
    before = peak()
    run(0)
    print(json.dumps("ready"), flush=True)
    for number, _ in enumerate(sys.stdin):
        wall, cpu = time.perf_counter(), time.process_time()
        for repeat in range(repeats):
            run(1 + number * repeats + repeat)
        spent = (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats
        print(json.dumps([*spent, (peak() - before) / 1e6]), flush=True)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def compare(task: str, arguments: argparse.Namespace) -> None:
    """Start every library, let them take turns, print the table."""
    names = {**OURS, **({} if arguments.peers is None else PEERS)}
    if not task.startswith("volume"):
        names = {key: name for key, name in names.items() if key not in NO_PATCHES}
    started = {key: start(key, task, arguments) for key in names}
    rounds: dict[str, list[list[float]]] = {key: [] for key in names}
    try:
        for key, process in started.items():
            if not process.stdout.readline():
                _ended(names[key], process)
        for _ in range(arguments.rounds):
            for key, process in started.items():
                process.stdin.write("go\n")
                process.stdin.flush()
                rounds[key].append(json.loads(process.stdout.readline() or _ended(names[key], process)))
    finally:
        for process in started.values():
            process.kill()
    medians = {key: np.median(found, axis=0) for key, found in rounds.items()}
    size = "x".join(map(str, SIZE[arguments.quick]))
    print(f"\n{TASKS[task].format(size=size)}\n")
    unit = "volumes" if task.startswith("volume") else "patches"
    count = 1 if task.startswith("volume") else PATCHES
    print(f"| library | ms | CPU ms | {unit} / s | peak MB | x fastest peer | x its CPU |\n" + "|---" * 7 + "|")
    fastest = [min((medians[key][i] for key in names if key in PEERS), default=math.nan) for i in (0, 1)]
    for key, (wall, cpu, memory) in medians.items():
        cells = [f"{1000 * wall:.0f}", f"{1000 * cpu:.0f}", f"{count / wall:.1f}", f"{memory:.0f}"]
        cells += [f"{best / spent:.2f}" for best, spent in zip(fastest, (wall, cpu), strict=True)]
        print("| " + " | ".join([names[key], *cells]) + " |", flush=True)


def _ended(name: str, process: subprocess.Popen) -> None:
    sys.exit(f"{name} ended too early. See why: {' '.join(map(str, process.args))}")


def start(key: str, task: str, arguments: argparse.Namespace) -> subprocess.Popen:
    interpreter = arguments.peers if key in PEERS else sys.executable
    command = [interpreter, __file__, "--work", key, "--task", task, *(["--quick"] if arguments.quick else [])]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    if key in OURS:
        environment["KERAS_BACKEND"] = key
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    command += ["--repeats", str(arguments.repeats), "--cores", str(arguments.cores)]
    return subprocess.Popen(command, env=environment, text=True, **pipes)


def waiting(size: tuple[int, ...], steps: int) -> None:
    """Train a small network on augmented volumes and print how long each step waits for its batch."""
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    from kerasmetricloss import losses, models, pipelines
    from kerasmetricloss.pipelines import tfdata

    inputs = models.unet_input_size(size, levels=3)
    output = models.unet_output_size(inputs, levels=3)
    margin = (inputs[0] - output[0]) // 2
    image, _, _ = arrays(inputs, 4)
    _, truth, mask = arrays(output, 4)
    cases = [pipelines.Prepared(str(i), image, truth, mask, None) for i in range(4)]
    common = {"shift": np.full(4, 100.0), "scale": np.full(4, 20.0), "batch": 2, "seed": 0}
    batches = iter(tfdata.training_batches(cases, augmentation=pipelines.Augmentation(), **common))
    network = models.unet_small(dimension=3, input_channels=4, filters=((8, 8), (16, 16), (32, 32)))
    network.compile("adam", losses.SoftDice(), jit_compile=False)
    waited, trained = [], []
    for _ in range(steps + 1):
        began = time.perf_counter()
        batch_inputs, batch_truth = next(batches)
        came = time.perf_counter()
        network.train_on_batch(batch_inputs, batch_truth)
        waited.append(came - began)
        trained.append(time.perf_counter() - came)
    share = sum(waited[1:]) / (sum(waited[1:]) + sum(trained[1:]))
    print(
        f"\nTraining, 3-D U-Net of 8, 16 and 32 filters, batch 2 of {'x'.join(map(str, inputs))}x4 (margin {margin}), "
        f"{steps} steps after the first:\n{1000 * np.mean(trained[1:]):.0f} ms a step, "
        f"{1000 * np.mean(waited[1:]):.1f} ms of waiting for its batch: {share:.2%} of the time (aim: below 2 %)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="interpreter that has the peers; none: ours alone")
    parser.add_argument("--quick", action="store_true", help="small volumes: whether it runs, not how fast")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of which the median is taken")
    parser.add_argument("--cores", type=int, default=1, help="cores of each library (default: 1)")
    parser.add_argument("--repeats", type=int, default=2, help="repeats of the work in a round")
    parser.add_argument("--tasks", nargs="*", default=[*TASKS, "training"], choices=[*TASKS, "training"])
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = SIZE[arguments.quick]
    if arguments.work:
        return work(arguments.work, arguments.task, size, arguments.repeats, arguments.cores)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, of which each library gets {arguments.cores}"
    print(f"{machine}; load {os.getloadavg()[0]:.1f}")
    for task in arguments.tasks:
        if task == "training":
            waiting(size, steps=2 if arguments.quick else 5)
        else:
            compare(task, arguments)
    return None


if __name__ == "__main__":
    main()
