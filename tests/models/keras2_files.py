"""Files as Keras 2 wrote them: the authors' networks with weights drawn at random."""

import functools
import json
import pickle

import h5py
import numpy as np

FLAT, FULL = (3, 3, 1), (3, 3, 3)


def shapes(*, channels=2, filters=2, outputs=1, dimension=3):
    """Kernels of the published four levels, written out: kernel, channels in, channels out."""
    f = filters
    kernels = [FLAT, FULL] * 3 + [FULL, FULL] + [FULL, FLAT] * 3 + [(1, 1, 1)]
    widths = [f, 2 * f, 2 * f, 4 * f, 4 * f, 8 * f, 8 * f, 8 * f, 8 * f, 4 * f, 4 * f, 2 * f, 2 * f, f, outputs]
    sources = [channels, f, 2 * f, 2 * f, 4 * f, 4 * f, 8 * f, 8 * f, 16 * f, 8 * f, 8 * f, 4 * f, 4 * f, 2 * f, f]
    found = list(zip(kernels, sources, widths, strict=True))
    return [((*kernel[:dimension], source), width) for kernel, source, width in found]


def layer_names(*, pooling="max", norm=True, first=1, convolution="conv3d"):
    """Names as Keras 2 counts them up, by the order in which the authors' code makes the layers."""
    counts = dict.fromkeys((f"{pooling}_pooling3d", "average_pooling3d", "lambda", "leaky_re_lu"), first - 1)
    counts |= dict.fromkeys((convolution, "cropping3d", "concatenate", "up_sampling3d"), first - 1)

    def name(kind):
        counts[kind] += 1
        return f"{kind}_{counts[kind]}"

    before = [*(["lambda"] if norm else []), "leaky_re_lu", convolution]
    names = ["input_1", name(f"{pooling}_pooling3d"), name(convolution), *map(name, before)]
    for _ in range(3):
        names += map(name, [f"{pooling}_pooling3d", *before, *before])
    for _ in range(3):
        names += map(name, ["up_sampling3d", "average_pooling3d", "cropping3d", "concatenate", *before, *before])
    return [*names, *map(name, before), "input_2", "multiply_1", "main"]


def arrays_of(found, seed=0):
    random = np.random.default_rng(seed)
    pairs = []
    for kernel, width in found:
        scale = (2 / np.prod(kernel)) ** 0.5
        pairs.append((random.normal(0, scale, (*kernel, width)), random.normal(0, 0.1, width)))
    return [(kernel.astype("float32"), bias.astype("float32")) for kernel, bias in pairs]


def write(path, arrays, names, *, whole=False, chunks=1):
    """Write what `save_weights` of Keras 2.2 writes, or `save` with a config and a pickled, hostile Lambda."""
    pairs = iter(arrays)
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        if whole:
            code = [pickle.dumps(print).decode("latin1"), None, None]
            layers = [{"class_name": "Lambda", "name": "lambda_1", "config": {"function": code}}]
            file.attrs["model_config"] = json.dumps({"class_name": "Model", "config": {"layers": layers}}).encode()
        encoded = [name.encode() for name in names]
        if chunks == 1:
            root.attrs["layer_names"] = encoded
        else:
            for number, part in enumerate(np.array_split(np.array(encoded), chunks)):
                root.attrs[f"layer_names{number}"] = part
        for name in names:
            group = root.create_group(name)
            if not name.startswith("conv"):
                group.attrs["weight_names"] = []
                continue
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            for key, array in zip(("kernel:0", "bias:0"), next(pairs), strict=True):
                group.create_dataset(f"{name}/{key}", data=array)
    return path


@functools.cache
def small():
    return arrays_of(shapes())
