"""The authors' released weights, read into the U-Net of this package.

The files are HDF5 as Keras 2 wrote them, weights alone or a whole model. Only names and numbers are read: a stored
model holds Lambda layers with Python code, which is never looked at.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasmetricloss.models.presets import PRESETS
from kerasmetricloss.models.unet import unet

_LEVELS_MEND = (
    "the released networks have 15 convolutions: two a level down, two at the bottom, two a level up, one last"
)


class ReleasedWeightsError(ValueError):
    """A file does not hold the weights of one of the authors' networks; the message names the first layer at fault."""


@dataclass(frozen=True)
class _Convolution:
    """A stored convolution; its arrays are read when their shapes have been checked."""

    name: str
    kernel: Any
    bias: Any


def load(path: Path | str) -> keras.Model:
    """Build the network of a weights file of github.com/JeroenBertels/optimizingdice and fill it.

    Which network it is follows from the file. The first kernel gives the dimension, the channels and the filters, the
    last the outputs, their number the levels. A published network of those channels and filters says how it pools and
    whether it normalises; names of layers that say otherwise are refused. For any other, the names tell max from
    average pooling, and instance normalisation (a name with "lambda" or "norm") from none. A network in two dimensions
    can be stored with kernels of depth 1.
    Every kernel and bias is then checked, shape by shape, in the order in which Keras 2 listed the layers (not in the
    order of their names, where conv3d_10 comes before conv3d_2).

    Args:
        path: A `.hdf5` file, of `save_weights` or of `save`.

    Returns:
        The model of `models.unet`: [image (batch, *input, channels), mask (batch, *output, 1)] -> probability. It takes
        any size that fits; the authors' is 162x162x108 to 136x136x82. Images are normalised with the authors' constants
        (`datasets.CATALOG`).

    Raises:
        ReleasedWeightsError: The file is missing, no HDF5, or does not hold this network; the message names the first
            layer that does not fit, what it has and what was expected.
        ImportError: h5py is not installed.

    Example:
        >>> model = load("ISLES_2018/CE-SD_Round_0_Fold_0.hdf5")  # doctest: +SKIP
        >>> model.count_params()  # doctest: +SKIP
        969441

    Source: Eelbode, Bertels et al., IEEE TMI 2020, arXiv 2010.13499, and the repository named above.
    """
    path = Path(path)
    with _opened(path) as file:
        return _filled(file, path)


def _opened(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"{path}: reading released weights needs h5py, which Keras brings; pip install h5py", name="h5py"
        ) from error
    if path.is_dir():
        raise ReleasedWeightsError(f"{path} is a folder; name one of the .hdf5 files in it.")
    if not path.is_file():
        raise ReleasedWeightsError(f"{path}: no such file; name one of the authors' .hdf5 files.")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ReleasedWeightsError(f"{path}: this is no HDF5 file, or it was cut short; fetch it again.") from error


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Turn what comes out of damaged bytes into the error of this module."""
    try:
        yield
    except ReleasedWeightsError:
        raise
    except Exception as error:  # h5py, NumPy and the decoding of names raise almost any exception
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ReleasedWeightsError(f"{where}: the file is damaged ({reason}); fetch it again.") from error


def _filled(file: Mapping, path: Path) -> keras.Model:
    with _reading(f"{path}"):
        root = file.get("model_weights", file)
        names = _names(root.attrs, "layer_names")
        version = str(file.attrs.get("keras_version", root.attrs.get("keras_version", "")))
    if version.startswith("3"):
        raise ReleasedWeightsError(
            f"{path}: Keras {version} wrote it, so it is none of the authors' files: load it with "
            "keras.saving.load_model, and save it as .keras."
        )
    if not names:
        raise ReleasedWeightsError(
            f"{path}: the file lists no layers (no attribute layer_names), so Keras 2 did not write it; "
            "a .keras file is loaded with keras.saving.load_model."
        )
    layers = [_convolutions(root, layer, path) for layer in names]
    stored = _flattened([found for layer in layers for found in layer], path)
    model = unet(**_settings(stored, names, path, nested=any(len(layer) > 1 for layer in layers)))
    wanted = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv3D)]
    _check(stored, wanted, path)
    for convolution, layer in zip(stored, wanted, strict=True):
        with _reading(f"{path}: layer {convolution.name}"):
            values = [np.asarray(array, np.float32) for array in (convolution.kernel, convolution.bias)]
        if not all(np.isfinite(value).all() for value in values):
            raise ReleasedWeightsError(f"{path}: layer {convolution.name} holds NaN or infinity; fetch the file again.")
        layer.set_weights(values)
    return model


def _names(attributes: Mapping, key: str) -> list[str]:
    """Return a list of names; Keras 2 splits one too long for an attribute over key0, key1, ..."""
    if key in attributes:
        parts = [attributes[key]]
    else:
        parts = []
        while f"{key}{len(parts)}" in attributes:
            parts.append(attributes[f"{key}{len(parts)}"])
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]


def _convolutions(root: Mapping, layer: str, path: Path) -> list[_Convolution]:
    """Return kernel and bias of each convolution of a layer in their order; a nested model is one layer with many."""
    found = []
    with _reading(f"{path}: layer {layer}"):
        group = root[layer]
        weights = _names(group.attrs, "weight_names")
        for place in range(0, len(weights), 2):
            pair = weights[place : place + 2]
            # A nested model lists the weights of all its layers; their own names stand before the last stroke.
            name = pair[0].rpartition("/")[0] or layer
            found.append(_convolution(name, [group[weight] for weight in pair], path))
    return found


def _convolution(name: str, arrays: Sequence[Any], path: Path) -> _Convolution:
    """Check what can be without reading a number: kinds, shapes, and that the file has room for them."""
    if not all(hasattr(array, "shape") for array in arrays):
        raise ReleasedWeightsError(f"{path}: layer {name} holds a group in place of numbers; fetch the file again.")
    shapes = [tuple(array.shape) for array in arrays]
    if len(arrays) < 2 or len(shapes[0]) not in (4, 5) or shapes[1] != shapes[0][-1:]:
        raise ReleasedWeightsError(
            f"{path}: layer {name} has weights of shape {' and '.join(map(str, shapes))}, expected a kernel of "
            "2 or 3 spatial axes and its bias; the released networks learn in convolutions alone."
        )
    if 0 in shapes[0]:
        raise ReleasedWeightsError(f"{path}: layer {name} has an empty kernel {shapes[0]}; fetch the file again.")
    if any(array.dtype.kind != "f" for array in arrays):
        raise ReleasedWeightsError(f"{path}: layer {name} does not hold real numbers; fetch the file again.")
    if math.prod(shapes[0]) > path.stat().st_size:
        raise ReleasedWeightsError(
            f"{path}: layer {name} has a kernel {shapes[0]} larger than the file; fetch it again."
        )
    return _Convolution(name, *arrays)


def _settings(stored: Sequence[_Convolution], names: Sequence[str], path: Path, *, nested: bool) -> dict[str, Any]:
    """Return the settings of `unet` that the file asks for."""
    if len(stored) < 3:
        raise ReleasedWeightsError(f"{path}: the file has {len(stored)} convolutions; {_LEVELS_MEND}.")
    *kernel, channels, filters = stored[0].kernel.shape
    network = {
        "dimension": len(kernel),
        "input_channels": channels,
        "filters": filters,
        "levels": round((len(stored) + 1) / 4),
    }
    _check_extent(stored, network, path)
    published = [name for name, preset in PRESETS.items() if all(preset[key] == network[key] for key in network)]
    said = _said(stored, names)
    if published:
        preset = PRESETS[published[0]]
        kinds = {"pooling": preset.get("pooling", "max"), "normalisation": preset.get("normalisation", "instance")}
        if not nested:  # beside a nested model stand the slices of a batch for several GPUs, which are Lambdas too
            _check_names(said, kinds, published[0], path)
    elif "pooling" in said:
        kinds = {setting: kind for setting, (kind, _) in said.items()}
    else:
        raise ReleasedWeightsError(
            f"{path}: layer {stored[0].name} has {channels} channels and {filters} filters, which no published network "
            "has, and no layer's name tells how it pools; expected names such as max_pooling3d_1."
        )
    return {
        **network,
        "outputs": stored[-1].kernel.shape[-1],
        **kinds,
        "l2": 1e-5 if kinds["normalisation"] else None,
        "name": f"unet_{published[0]}" if published else "unet",
    }


def _said(stored: Sequence[_Convolution], names: Sequence[str]) -> dict[str, tuple[str | None, str]]:
    """Return what the names of the layers say, and the layer that says it; nothing where they are silent."""
    kinds = [(re.sub(r"[\d_]+", "", name.lower()), name) for name in names]
    pools = [name for kind, name in kinds if "pooling" in kind]
    # Linear upsampling has average pools too.
    largest = [name for kind, name in kinds if "maxpooling" in kind]
    norms = [name for kind, name in kinds if "lambda" in kind or "norm" in kind]
    said: dict[str, tuple[str | None, str]] = {}
    if pools:
        said["pooling"] = ("max", largest[0]) if largest else ("average", pools[0])
    if pools or norms:
        said["normalisation"] = ("instance", norms[0]) if norms else (None, stored[1].name)
    return said


def _check_names(said: Mapping, kinds: Mapping, published: str, path: Path) -> None:
    """Raise where a name contradicts the published network that the kernels are those of."""
    for setting, (kind, layer) in said.items():
        if kind != kinds[setting]:
            came = f"shows that its {setting} is {kind}" if kind else "has no layer named lambda or norm before it"
            raise ReleasedWeightsError(
                f"{path}: layer {layer} does not fit: it {came}, but the kernels are those of {published.upper()}, "
                f"whose {setting} is {kinds[setting]}; fetch the file again, or fill models.unet by hand."
            )


def _flattened(stored: Sequence[_Convolution], path: Path) -> Sequence[_Convolution]:
    """Take out the third axis where no kernel has more than one voxel along it: the network has two dimensions."""
    if not all(len(found.kernel.shape) == 5 and found.kernel.shape[2] == 1 for found in stored):
        return stored
    flat = []
    for found in stored:
        with _reading(f"{path}: layer {found.name}"):
            flat.append(_Convolution(found.name, np.asarray(found.kernel)[:, :, 0], found.bias))
    return flat


def _check_extent(stored: Sequence[_Convolution], network: Mapping[str, int], path: Path) -> None:
    """Raise where the network asked for could not be in the file, before memory is asked for it."""
    bottom = network["filters"] * 2 ** (network["levels"] - 1)
    if bottom**2 > sum(math.prod(convolution.kernel.shape) for convolution in stored):
        raise ReleasedWeightsError(
            f"{path}: layer {stored[0].name} does not fit: {network['filters']} filters and {len(stored)} convolutions "
            f"ask for {bottom} filters at the bottom, and the file holds fewer weights than that layer has."
        )


def _check(stored: Sequence[_Convolution], wanted: Sequence[keras.Layer], path: Path) -> None:
    """Raise where a stored kernel has not the shape of the layer in its place, naming the first."""
    for number, (convolution, layer) in enumerate(zip(stored, wanted, strict=False), start=1):
        came, expected = tuple(convolution.kernel.shape), tuple(layer.kernel.shape)
        if came != expected:
            raise ReleasedWeightsError(
                f"{path}: layer {convolution.name} does not fit: it is convolution {number}, with a kernel of shape "
                f"{came}, but {layer.name} of the U-Net has {expected}."
            )
    if len(stored) != len(wanted):
        extra = stored[len(wanted) :] or wanted[len(stored) :]
        what = "is one too many" if len(stored) > len(wanted) else "is missing"
        raise ReleasedWeightsError(
            f"{path}: layer {extra[0].name} {what}: the file has {len(stored)} convolutions, the U-Net {len(wanted)}."
        )
