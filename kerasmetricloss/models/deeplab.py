"""DeepLab on VGG16: ImageNet's features at an eighth of the resolution, then dilated convolutions."""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from kerasmetricloss.models.blocks import wide_dtype, with_probability
from kerasmetricloss.models.dilated import BilinearUpsampling, DilatedConv2D, ImageNetColours
from kerasmetricloss.models.sizes import check_counts, input_box

# Filters, number of convolutions, dilation, stride of the pooling behind them.
BLOCKS = ((64, 2, 1, 2), (128, 2, 1, 2), (256, 3, 1, 2), (512, 3, 1, 1), (512, 3, 2, 1))
DILATIONS = {"large_fov": (12,), "aspp": (6, 12, 18, 24)}
STRIDE = 8
_CONVOLUTION = re.compile(r"block\d+_conv\d+")


def deeplab_vgg16(
    *,
    outputs: int = 1,
    head: str = "large_fov",
    weights: str | Path | None = None,
    white: float | None = 255,
    width: float = 1.0,
    dropout: float = 0.5,
    input_size: int | Sequence[int | None] | None = None,
    mask: bool = True,
    name: str = "deeplab_vgg16",
) -> keras.Model:
    """Build DeepLab on VGG16 (PO18 in Table III): 20,484,929 parameters, 37,795,652 with the head "aspp".

        probability = sigmoid(enlarge(sum(branch_d(features(image)) for d in dilations))) * mask

    The features are VGG16's thirteen convolutions of 3x3. Pools 1 to 3 halve the size; pools 4 and 5 are 3x3 with
    stride 1, and block 5 is dilated by 2 instead. A branch is a convolution of 3x3 dilated by d, then two of 1x1; one
    branch, d = 12, in "large_fov", and d = 6, 12, 18 and 24 in "aspp". Logits are enlarged by 8, bilinearly, before the
    activation and thus before the loss.

    An image may have any size, and the output has the same. Where a size does not divide by 8, pooling takes the cells
    beyond the end as absent. One logit sees 412 pixels an axis (604 with "aspp"), and one output pixel, which lies
    between two logits, 420 (612).

    Args:
        outputs: Sigmoid channels.
        head: "large_fov" or "aspp".
        weights: "imagenet" (downloaded by `keras.applications`), the path of a file with the weights of
            `keras.applications.VGG16`, with its classes or without (`.h5` or `.weights.h5`), the path of a `.keras`
            model with layers of the same names, or None. Only the features come from there.
        white: Value of a full channel of the image: 255, 1, or None where ImageNet's mean colour was subtracted
            already. The model subtracts it otherwise; it adds no weights.
        width: Multiplies the filters of every convolution; 1 for the published network.
        dropout: Rate behind the first two convolutions of a branch.
        input_size: Height and width of the image, or one number for both; None leaves one, or both, open until the
            call.
        mask: Whether a binary output mask is the second input; without it the model takes the image alone.
        name: Name of the model.

    Returns:
        A functional model [image (batch, height, width, 3), mask (batch, height, width, 1)] ->
        probability (batch, height, width, outputs), float32. The image is red, green, blue. Inputs are named "image"
        and "mask", the output "probability".

    Raises:
        ValueError: For a setting or a file of weights that does not fit, or a mask of wrong size.

    Example:
        >>> import numpy as np
        >>> model = deeplab_vgg16(width=0.02, mask=False)
        >>> tuple(model(np.zeros((1, 21, 34, 3))).shape)
        (1, 21, 34, 1)

    Source: Chen et al., "Semantic image segmentation with deep convolutional nets and fully connected CRFs", ICLR
        2015, arXiv 1412.7062 (large field of view); Chen et al., "DeepLab", arXiv 1606.00915 (pyramid); Simonyan and
        Zisserman, arXiv 1409.1556 (VGG16).
    """
    _check_choices(head, white, width, dropout)
    check_counts(outputs=outputs)
    size = input_box(input_size, 2)
    image = keras.Input((*size, 3), name="image")
    x = _features(ImageNetColours(white=white, name="colours")(image), width)
    branches = [_branch(x, outputs, d, round(1024 * width) or 1, dropout) for d in DILATIONS[head]]
    logit = keras.layers.Add(name="sum")(branches) if len(branches) > 1 else branches[0]
    logit = BilinearUpsampling(factor=STRIDE, dtype=wide_dtype(), name="enlarge")([logit, image])
    model = with_probability(image, logit, mask_size=size if mask else None, name=name)
    if weights is not None:
        _load_features(model, weights)
    return model


def _features(x, width: float):
    """VGG16 without its last two halvings; names of layers are those of `keras.applications`."""
    for block, (filters, count, dilation, stride) in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            settings = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
            settings |= {"data_format": "channels_last", "name": f"block{block}_conv{number}"}
            convolve = DilatedConv2D if dilation > 1 else keras.layers.Conv2D
            settings |= {"dilation": dilation} if dilation > 1 else {}
            x = convolve(round(filters * width) or 1, 3, **settings)(x)
        pool = 2 if stride == 2 else 3
        # "same" keeps the last row of an odd size; on even sizes it is the "valid" of VGG16.
        settings = {"strides": stride, "padding": "same", "data_format": "channels_last"}
        x = keras.layers.MaxPooling2D(pool, **settings, name=f"block{block}_pool")(x)
    return x


def _branch(x, outputs: int, dilation: int, filters: int, dropout: float):
    """Context by a dilated convolution, then two of 1x1."""
    common = {"activation": "relu", "kernel_initializer": "he_normal", "data_format": "channels_last"}
    x = DilatedConv2D(filters, 3, dilation=dilation, name=f"context{dilation}_1", **common)(x)
    x = keras.layers.Dropout(dropout, name=f"context{dilation}_1_dropout")(x)
    x = keras.layers.Conv2D(filters, 1, name=f"context{dilation}_2", **common)(x)
    x = keras.layers.Dropout(dropout, name=f"context{dilation}_2_dropout")(x)
    small = keras.initializers.RandomNormal(stddev=0.01)
    last = {"kernel_initializer": small, "data_format": "channels_last", "name": f"context{dilation}_3"}
    return keras.layers.Conv2D(outputs, 1, **last)(x)


def _load_features(model: keras.Model, weights: str | Path) -> None:
    """Copy the thirteen convolutions, layer by layer, checking each."""
    if weights != "imagenet" and not Path(weights).is_file():
        raise ValueError(f"weights is {str(weights)!r}, which is no file; give 'imagenet', a file of VGG16, or None.")
    held = {layer.name: layer for layer in _source(weights).layers}
    taken = {layer.name: layer for layer in model.layers if layer.name.startswith("block") and layer.weights}
    others = sorted(name for name in held if _CONVOLUTION.fullmatch(name) and name not in taken)
    if others:
        raise ValueError(f"weights is {str(weights)!r}, which has a layer {others[0]}: that is no VGG16.")
    for name, layer in taken.items():
        ours = [tuple(w.shape) for w in layer.weights]
        theirs = [tuple(w.shape) for w in held[name].weights] if name in held else "none"
        if ours != theirs:
            raise ValueError(
                f"layer {name} has weights of shapes {ours}, but {weights} has {theirs}: "
                "give weights of VGG16 as keras.applications saves it, and width=1."
            )
        values = held[name].get_weights()
        if not all(np.isfinite(array).all() for array in values):
            raise ValueError(f"layer {name} of {weights} holds NaN or infinite numbers: fetch the file again.")
        layer.set_weights(values)


def _source(weights: str | Path) -> keras.Model:
    """Load the model that holds the features."""
    try:
        if Path(weights).suffix == ".keras":
            return keras.saving.load_model(weights, compile=False)
        if _has_classes(Path(weights)):
            return keras.applications.VGG16(weights=str(weights))
        shape = (None, None, 3) if keras.config.image_data_format() == "channels_last" else (3, None, None)
        return keras.applications.VGG16(include_top=False, weights=str(weights), input_shape=shape)
    except Exception as error:  # Keras and h5py raise almost any exception on a file that is none of theirs
        if weights == "imagenet":
            raise
        reason = " ".join(str(error).split())[:200]
        if Path(weights).suffix == ".keras" and not zipfile.is_zipfile(weights):
            reason = "it is no whole .keras file"
        raise ValueError(
            f"weights is {str(weights)!r}, which does not hold VGG16 ({reason}): give 'imagenet', or the weights of "
            "keras.applications.VGG16, saved by save_weights or save; .h5, .weights.h5 or .keras says by which."
        ) from error


def _has_classes(path: Path) -> bool:
    """Whether a file as Keras 2 wrote it has VGG16's own classes behind the features."""
    import h5py

    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        names = file.get("model_weights", file).attrs.get("layer_names", ())
        return any(name in (b"predictions", "predictions") for name in names)


def _check_choices(head: str, white: float | None, width: float, dropout: float) -> None:
    if head not in DILATIONS:
        raise ValueError(f"head is {head!r}; it can be {' or '.join(map(repr, DILATIONS))}.")
    if white is not None and not white > 0:
        raise ValueError(f"white is {white}; it is the value of a full channel, 255 or 1, or None.")
    if not width > 0:
        raise ValueError(f"width is {width}; it multiplies the filters, so it must be above 0.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}; it is a rate of at least 0 and below 1.")
