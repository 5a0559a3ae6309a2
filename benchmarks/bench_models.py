"""Size, work, memory and time of the networks against DeepVoxNet2's and MONAI's nearest: one table, from one run.

    pip install monai==1.6.1
    pip install --no-deps --ignore-requires-python deepvoxnet2==2.20.5
    python benchmarks/bench_models.py            # about 11 minutes on 2 cores
    python benchmarks/bench_models.py --quick    # small images: whether it runs, not how fast

DeepVoxNet2 asks for another Python and TensorFlow with CUDA; its networks need Keras 3 and NumPy alone, and run here on
PyTorch like ours. They are built with the settings of the paper: its U-Net has a scale and an offset in each
normalisation that ours has not, its DeepMedic takes the two resolutions as two inputs where ours cuts both from one.
Every network trains on the PyTorch backend, in a process of its own. A step is forward, backward and an update by SGD;
the time is the median of the steps after the first. Multiply-adds are those of the convolutions, forward. Peak memory
is what a process holds at most beyond what it held before the first step; that is another process, in which malloc
gives back at once what is freed (glibc's MALLOC_MMAP_THRESHOLD_) and of which the time is not taken. The size of the
image is the network's own nearest to a common one, so compare the columns per voxel (or pixel) of the output; a network
that pads predicts at the border what ours do not predict at all.
"""

import argparse
import contextlib
import io
import json
import math
import os
import platform
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

# Network: image without batch and channels, at full size and at quick; batch.
SIZES = {
    "unet_br18": ((81, 54, 54), (27, 27, 27), 1),
    "unet_is17": ((81, 54, 54), (27, 27, 27), 1),
    "unet_is18": ((81, 54, 54), (27, 27, 27), 1),
    "unet_wm17": ((81, 54, 54), (27, 27, 27), 1),
    "unet_wm17, checkpointed": ((81, 54, 54), (27, 27, 27), 1),
    "DeepVoxNet2 UNet": ((81, 54, 54), (27, 27, 27), 1),
    "unet_small": ((81, 54, 54), (27, 27, 27), 1),
    "MONAI UNet": ((80, 48, 48), (32, 32, 32), 1),
    "MONAI BasicUNet": ((80, 48, 48), (32, 32, 32), 1),
    "MONAI DynUNet": ((80, 48, 48), (32, 32, 32), 1),
    "deepmedic": ((63, 63, 63), (51, 51, 51), 4),
    "DeepVoxNet2 DeepMedic": ((63, 63, 63), (51, 51, 51), 4),
    "deepmedic_small": ((63, 63, 63), (51, 51, 51), 4),
    "MONAI HighResNet": ((24, 24, 24), (16, 16, 16), 1),
    "unet_mo17": ((243, 243), (54, 54), 2),
    "unet_mo17, checkpointed": ((243, 243), (54, 54), 2),
    "DeepVoxNet2 UNet, 2-D": ((243, 243), (54, 54), 2),
    "MONAI UNet, 2-D": ((240, 240), (64, 64), 2),
    "deeplab_vgg16": ((144, 192), (24, 32), 1),
    "deeplab_vgg16, checkpointed": ((144, 192), (24, 32), 1),
    "deeplab_vgg16, aspp": ((144, 192), (24, 32), 1),
    "deeplab_small": ((144, 192), (24, 32), 1),
    "MONAI FlexibleUNet, ResNet-50": ((160, 192), (64, 64), 1),
}


def ours(name: str, size: tuple[int, ...]) -> object:
    """A network of this package, of known size."""
    from kerasmetricloss import models

    settings = {"input_size": size, "mask": False}
    if name == "unet_small" or name == "deepmedic_small":
        return getattr(models, name)(dimension=3, input_channels=2, **settings)
    if name.endswith("aspp"):
        return models.deeplab_vgg16(head="aspp", **settings)
    model = getattr(models, name.split(",")[0])(**settings)
    return models.checkpointed(model) if name.endswith("checkpointed") else model


def monai(name: str) -> object:
    """A network of MONAI as its documentation builds it; its widths where it has no default."""
    from monai.networks import nets

    channels = {"in_channels": 2, "out_channels": 1, "spatial_dims": 3}
    widths = {"channels": (16, 32, 64, 128, 256), "strides": (2, 2, 2, 2), "num_res_units": 2}
    if name == "MONAI UNet":
        return nets.UNet(**channels, **widths)
    if name == "MONAI UNet, 2-D":
        return nets.UNet(**{**channels, "in_channels": 1, "spatial_dims": 2}, **widths)
    if name == "MONAI BasicUNet":
        return nets.BasicUNet(**channels)
    if name == "MONAI DynUNet":
        return nets.DynUNet(**channels, kernel_size=[3] * 4, strides=[1, 2, 2, 2], upsample_kernel_size=[2] * 3)
    if name == "MONAI HighResNet":
        return nets.HighResNet(**channels)
    return nets.FlexibleUNet(in_channels=3, out_channels=1, backbone="resnet50", spatial_dims=2)


def deepvoxnet2(name: str, size: tuple[int, ...]) -> object:
    """A network of DeepVoxNet2 with the settings of `unet_wm17`, `unet_mo17` or `deepmedic`."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints every size that would fit
        if name.endswith("DeepMedic"):
            from deepvoxnet2.keras.models.deepmedic_generalized import create_generalized_deepmedic_model

            return create_generalized_deepmedic_model(
                number_input_features_per_pathway=(2, 2),
                kernel_sizes_per_pathway=(((3, 3, 3),) * 8,) * 2,
                number_features_per_pathway=((30, 30, 40, 40, 40, 40, 50, 50),) * 2,
                output_size=tuple(n - 48 for n in size),
                batch_normalization=True,
                verbose=False,
            )
        from deepvoxnet2.keras.models.unet_generalized_v4 import UnetGeneralized

        depth = 1 if len(size) == 2 else 3  # a picture is a volume of one slice
        first, second = ((3, 3, 1), (3, 3, depth))
        widths = ((20, 40), (40, 80), (80, 160))
        return UnetGeneralized.create_model(
            number_input_features=1 if depth == 1 else 2,
            subsample_factors_per_pathway=tuple((3**i, 3**i, depth**i) for i in range(4)),
            kernel_sizes_per_pathway=(*((((first, second), (second, first)),) * 3), ((second, second), ())),
            number_features_per_pathway=(*(((a, b), (b, a)) for a, b in widths), ((160, 160), ())),
            output_size=tuple(n - 26 for n in size) if depth == 3 else (*(n - 26 for n in size), 1),
            padding="same",
            upsampling="linear",
        )


def multiply_adds_of_keras(model: object) -> int:
    layers = [layer for layer in _flat(model) if hasattr(layer, "kernel")]
    return sum(math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape) for layer in layers)


def _flat(model: object) -> list:
    inner = [layer.network.layers if hasattr(layer, "network") else [layer] for layer in model.layers]
    return [layer for layers in inner for layer in layers]


def count_multiply_adds(module: object, run: Callable[[], object]) -> int:
    """Multiply-adds of the convolutions of a PyTorch module, by hooks during one run."""
    import torch

    counted = []

    def hook(layer: object, given: tuple, result: object) -> None:
        places = given[0] if layer.transposed else result
        counted.append(math.prod(places.shape[2:]) * layer.weight.numel())

    handles = [
        layer.register_forward_hook(hook)
        for layer in module.modules()
        if isinstance(layer, torch.nn.modules.conv._ConvNd)
    ]
    run()
    for handle in handles:
        handle.remove()
    return sum(counted)


def measure(name: str, quick: bool, steps: int) -> dict:
    """Train one network for some steps; this runs in a process of its own."""
    import torch

    warnings.simplefilter("ignore")
    size, batch = SIZES[name][quick], SIZES[name][2]
    images = [size]
    if name.startswith("MONAI"):
        model = monai(name).train()
        image = torch.rand(batch, channels_of(model), *size)
        with torch.no_grad():
            multiply_adds = count_multiply_adds(model, lambda: model(image[:1]))
        parameters, forward = list(model.parameters()), lambda: torch.sigmoid(model(image))
    else:
        model = deepvoxnet2(name, size) if name.startswith("DeepVoxNet2") else ours(name, size)
        multiply_adds = multiply_adds_of_keras(model)
        given = [torch.rand(batch, *tensor.shape[1:]) for tensor in model.inputs]
        images = [tensor.shape[1:-1] for tensor in given]
        image = given if len(given) > 1 else given[0]
        parameters, forward = [v.value for v in model.trainable_variables], lambda: model(image, training=True)
    optimizer = torch.optim.SGD(parameters, lr=1e-3)
    before, times = peak_bytes(), []
    for _ in range(steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        prediction = forward()
        torch.nn.functional.binary_cross_entropy(prediction, torch.zeros_like(prediction)).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return {
        "image": f"{batch}x" + " and ".join("x".join(map(str, one)) for one in images),
        "parameters": sum(p.numel() for p in parameters),
        "multiply_adds": multiply_adds,
        "places": prediction.numel(),
        "batch": batch,
        "memory": peak_bytes() - before,
        "seconds": float(np.median(times[1:])),
    }


def channels_of(module: object) -> int:
    import torch

    return next(m for m in module.modules() if isinstance(m, torch.nn.modules.conv._ConvNd)).in_channels


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def machine() -> str:
    model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}"


def line(name: str, row: dict) -> str:
    cells = [name, row["image"], f"{row['parameters']:,}", f"{row['multiply_adds'] / 1e9:.2f}"]
    cells += [f"{row['multiply_adds'] * row['batch'] / row['places'] / 1e3:.0f}", f"{row['memory'] / 2**20:.0f}"]
    cells += [f"{row['memory'] / row['places'] / 1024:.1f}", f"{1000 * row['seconds']:.0f}"]
    return "| " + " | ".join([*cells, f"{1e6 * row['seconds'] / row['places']:.1f}"]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small images")
    parser.add_argument("--steps", type=int, default=4, help="steps, of which the first is not timed")
    parser.add_argument("--networks", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--only", choices=list(SIZES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only, arguments.quick, arguments.steps)))
        return
    print(f"One training step on the PyTorch backend. {machine()}\n")
    columns = ["network", "batch x image", "trained parameters", "GMAC an image", "kMAC an output voxel", "peak MiB"]
    columns += ["KiB an output voxel", "step, ms", "us an output voxel"]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)
    for name in arguments.networks:
        try:
            row = in_a_process(name, arguments.quick, arguments.steps)
            row["memory"] = in_a_process(name, arguments.quick, 2, MALLOC_MMAP_THRESHOLD_="65536")["memory"]
        except RuntimeError as error:
            print(f"| {name} | failed: {error} |", flush=True)
        else:
            print(line(name, row), flush=True)


def in_a_process(name: str, quick: bool, steps: int, **environment: str) -> dict:
    command = [sys.executable, __file__, "--only", name, "--steps", str(steps), *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
