"""The paper's U-Net in two and three dimensions, and the sizes that it takes and gives."""

from collections.abc import Sequence
from numbers import Integral

import keras

from kerasmetricloss.models.blocks import (
    CentreCrop,
    InstanceNormalization,
    LinearUpsampling,
    with_probability,
)
from kerasmetricloss.models.sizes import CheckSize, check_counts, check_multiples, input_box, per_axis

Size = Sequence[int]
KERNELS = {2: ((3, 3), (3, 3)), 3: ((3, 3, 1), (3, 3, 3))}


def unet(  # noqa: PLR0913 -- every choice of the architecture has its name here, once
    *,
    dimension: int,
    input_channels: int,
    outputs: int = 1,
    filters: int | Sequence[Sequence[int]] = 20,
    levels: int | None = None,
    kernels: Sequence[Size] | None = None,
    factor: int | Size = 3,
    pooling: str = "max",
    normalisation: str | None = "instance",
    activation: str = "leaky_relu",
    l2: float | None = 1e-5,
    input_size: int | Sequence[int | None] | None = None,
    mask: bool = True,
    name: str = "unet",
) -> keras.Model:
    """Build the paper's U-Net (Sec. III-A): same-padded convolutions, pooling by 3, skips cropped about the centre.

        probability = sigmoid(network(image)) * mask

    Each convolution but the first follows normalisation, then activation. With s = factor ** (levels - 1), an input of
    s * k voxels an axis gives an output of s * k - (s - 1): 27 k to 27 k - 26 at four levels. The voxels that are lost
    lie half on each side. One output voxel sees up to 268 voxels an axis at four levels (215 along the third axis), 88
    (71) at three; instance normalisation besides sees the whole image.

    Args:
        dimension: 2 or 3 spatial axes.
        input_channels: Channels of the image.
        outputs: Sigmoid channels; labels may overlap (whole tumour, tumour core, enhancing tumour).
        filters: Filters of the first convolution; level i then has (filters * 2**i, filters * 2**(i + 1)), the bottom
            twice filters * 2**(levels - 1). Or one sequence a level, the bottom last; the decoder mirrors it.
        levels: Number of resolutions, the bottom included; 4 where neither `levels` nor a sequence of filters is given.
        kernels: Kernel sizes in the order of a level's convolutions (the last repeats, and serves the bottom; the
            decoder mirrors them): (3, 3, 1) then (3, 3, 3) in three dimensions, (3, 3) in two.
        factor: Pooling and upsampling between levels, odd so that skips crop evenly; a number an axis for thick slices.
        pooling: "max" or "average".
        normalisation: "instance" (without scale or offset) or None.
        activation: "leaky_relu" (slope 0.01), or the name of any Keras activation.
        l2: Weight of the squared kernels in the loss; None for none.
        input_size: Voxels an axis of the image, or one number for all; None leaves an axis, or all, open until the
            call.
        mask: Whether a binary output mask is the second input; without it the model takes the image alone.
        name: Name of the model.

    Returns:
        A functional model [image (batch, *input, input_channels), mask (batch, *output, 1)] ->
        probability (batch, *output, outputs), float32. Inputs are named "image" and "mask", the output "probability".

    Raises:
        ValueError: For a setting that does not fit, and, also on a later call, for an image or a mask of wrong size.

    Example:
        >>> import numpy as np
        >>> model = unet(dimension=2, input_channels=1, filters=2, levels=3)
        >>> image, mask = np.zeros((1, 18, 27, 1)), np.ones((1, 10, 19, 1))
        >>> tuple(model([image, mask]).shape)
        (1, 10, 19, 1)

    Source: Eelbode, Bertels et al., IEEE TMI 2020, arXiv 2010.13499, after Isensee et al., "No New-Net", arXiv
        1809.10483, and Ronneberger et al., "U-Net", arXiv 1505.04597.
    """
    _check_choices(dimension, pooling, normalisation)
    check_counts(input_channels=input_channels, outputs=outputs)
    kernels = _kernels_of_a_level(kernels, dimension)
    filters = _filters_by_level(filters, levels)
    factors = _odd_factors(factor, dimension)
    multiples = _multiples(factor, len(filters), dimension)
    size = input_box(input_size, dimension)
    output_size = unet_output_size(size, len(filters), factor=factor)
    build = _Parts(dimension, kernels, factors, pooling, normalisation, activation, l2)

    image = keras.Input((*size, input_channels), name="image")
    x = CheckSize(multiple=multiples, name="check_size")(image)
    logit = build.convolution(build.network(x, filters), outputs, (1,) * dimension, "logit")
    return with_probability(image, logit, mask_size=output_size if mask else None, name=name)


def unet_output_size(
    input_size: int | Sequence[int | None], levels: int = 4, *, factor: int | Size = 3
) -> int | tuple[int | None, ...]:
    """Return the output box of an input box: s * k gives s * k - (s - 1), with s = factor ** (levels - 1).

    Args:
        input_size: Voxels an axis, None for one left open; or a number, for one axis alone.
        levels: Number of resolutions.
        factor: Pooling between levels; or one number an axis.

    Returns:
        Voxels an axis of the output and of the mask; a number for a number.

    Raises:
        ValueError: Where the input does not fit, naming the two nearest sizes that do.

    Example:
        >>> unet_output_size((162, 162, 108)), unet_output_size(162)
        ((136, 136, 82), 136)
    """
    if isinstance(input_size, Integral):
        return unet_output_size((input_size,), levels, factor=factor)[0]
    multiples = _multiples(factor, levels, len(input_size))
    check_multiples(tuple(input_size), multiples)
    return tuple(None if n is None else n - (s - 1) for n, s in zip(input_size, multiples, strict=True))


def unet_input_size(output_size: int | Size, levels: int = 4, *, factor: int | Size = 3) -> int | tuple[int, ...]:
    """Return the smallest input box whose output covers a wanted box.

    Args:
        output_size: Voxels an axis that the output must cover; or a number, for one axis alone.
        levels: Number of resolutions.
        factor: Pooling between levels; or one number an axis.

    Returns:
        Voxels an axis of the input; a number for a number.

    Raises:
        ValueError: Where a wanted size is below 1.

    Example:
        >>> unet_input_size((136, 136, 82)), unet_input_size((217, 200))
        ((162, 162, 108), (243, 243))
    """
    if isinstance(output_size, Integral):
        return unet_input_size((output_size,), levels, factor=factor)[0]
    if min(output_size) < 1:
        raise ValueError(f"output_size is {tuple(output_size)}, but every axis needs at least 1 voxel.")
    multiples = _multiples(factor, levels, len(output_size))
    return tuple(-(-(n + s - 1) // s) * s for n, s in zip(output_size, multiples, strict=True))


class _Parts:
    """The repeated parts of one network; what they share is said once."""

    def __init__(self, dimension, kernels, factors, pooling, normalisation, activation, l2):
        self.kernels, self.factors = kernels, factors
        self.normalisation, self.activation = normalisation, activation
        self.regularizer = None if l2 is None else keras.regularizers.L2(l2)
        self.conv = {2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[dimension]
        pools = {("max", 2): "MaxPooling2D", ("max", 3): "MaxPooling3D"}
        pools |= {("average", 2): "AveragePooling2D", ("average", 3): "AveragePooling3D"}
        self.pool = getattr(keras.layers, pools[pooling, dimension])
        # Averages over volumes of 16-bit numbers are beyond TensorFlow and PyTorch on the CPU.
        half = pooling == "average" and "float16" in keras.config.dtype_policy().compute_dtype
        self.precision = {"dtype": "float32"} if half else {}

    def network(self, x, filters):
        """Encode, pass the bottom, decode; the skips cross over."""
        *sides, bottom = filters
        skips = []
        for level, widths in enumerate(sides):
            x = self.level(x, widths, self._kernels(len(widths)), f"encode{level}", first=level == 0)
            skips.append(x)
            settings = {"strides": self.factors, "padding": "valid", "data_format": "channels_last"}
            x = self.pool(self.factors, **settings, **self.precision, name=f"pool{level}")(x)
        x = self.level(x, bottom, self.kernels[-1:] * len(bottom), "bottom", first=not sides)
        for level, widths in reversed(list(enumerate(sides))):
            x = LinearUpsampling(factor=self.factors, name=f"upsample{level}")(x)
            margin = tuple((f ** (len(sides) - level) - 1) // 2 for f in self.factors)
            skip = CentreCrop(margin=margin, name=f"crop{level}")(skips[level])
            x = keras.layers.Concatenate(name=f"join{level}")([skip, x])
            x = self.level(x, widths[::-1], self._kernels(len(widths))[::-1], f"decode{level}")
        return x

    def level(self, x, widths, kernels, name, *, first=False):
        """Convolve once a width."""
        for number, (width, kernel) in enumerate(zip(widths, kernels, strict=True)):
            x = self.convolution(x, width, kernel, f"{name}_{number}", bare=first and number == 0)
        return x

    def convolution(self, x, width, kernel, name, *, bare=False):
        """Normalise, activate (neither where bare), convolve."""
        if not bare:
            if self.normalisation:
                x = InstanceNormalization(name=f"{name}_norm")(x)
            leaky = self.activation == "leaky_relu"
            activate = keras.layers.LeakyReLU(0.01, name=f"{name}_activation") if leaky else None
            x = (activate or keras.layers.Activation(self.activation, name=f"{name}_activation"))(x)
        convolve = self.conv(
            width,
            kernel,
            padding="same",
            data_format="channels_last",
            kernel_initializer="he_normal",
            kernel_regularizer=self.regularizer,
            name=name,
        )
        return convolve(x)

    def _kernels(self, count: int) -> list:
        return [self.kernels[min(i, len(self.kernels) - 1)] for i in range(count)]


def _check_choices(dimension: int, pooling: str, normalisation: str | None) -> None:
    choices = {"dimension": (dimension, (2, 3)), "pooling": (pooling, ("max", "average"))}
    choices["normalisation"] = (normalisation, ("instance", None))
    for setting, (given, known) in choices.items():
        if given not in known:
            raise ValueError(f"{setting} is {given!r}; it can be {' or '.join(map(repr, known))}.")


def _kernels_of_a_level(kernels: Sequence[Size] | None, dimension: int) -> list[tuple[int, ...]]:
    """Return the kernel of each convolution of a level."""
    if kernels is None:
        kernels = KERNELS[dimension]
    if not isinstance(kernels, Sequence) or isinstance(kernels, str) or not kernels:
        raise ValueError(f"kernels is {kernels!r}; give the convolutions of a level one each, as {KERNELS[dimension]}.")
    if not all(isinstance(kernel, Sequence) for kernel in kernels):
        one = tuple(kernels) if len(kernels) == dimension else (3,) * dimension
        raise ValueError(
            f"kernels is {kernels!r}, whose bare numbers could be sizes of one kernel or of several: give each kernel "
            f"of a level as a tuple, as {(one,)} for one that all convolutions have, or {KERNELS[dimension]}."
        )
    return [per_axis(kernel, dimension, "a kernel") for kernel in kernels]


def _filters_by_level(filters: int | Sequence[Sequence[int]], levels: int | None) -> list[tuple[int, ...]]:
    """Return the filters of each level, the bottom last."""
    nested = isinstance(filters, Sequence) and all(isinstance(level, Sequence) for level in filters)
    if not (nested or isinstance(filters, Integral)) or not isinstance(levels, Integral | None):
        raise ValueError(
            f"filters is {filters!r} and levels {levels!r}; filters is a whole number or one sequence a level, as "
            "((8, 8), (16, 16), (32, 32)), and levels a whole number."
        )
    if isinstance(filters, Integral):
        levels = 4 if levels is None else levels
        if levels < 1 or filters < 1:
            raise ValueError(f"levels is {levels} and filters {filters}; both must be at least 1.")
        filters, levels = int(filters), int(levels)
        sides = [(filters * 2**i, filters * 2 ** (i + 1)) for i in range(levels - 1)]
        return [*sides, (filters * 2 ** (levels - 1),) * 2]
    by_level = [tuple(level) for level in filters]
    whole = all(isinstance(width, Integral) and width >= 1 for level in by_level for width in level)
    if levels not in (None, len(by_level)) or not by_level or not all(by_level) or not whole:
        raise ValueError(
            f"filters {filters} has {len(by_level)} levels; levels is {levels}; give one filled sequence each, of "
            "whole numbers of at least 1."
        )
    return [tuple(map(int, level)) for level in by_level]


def _multiples(factor: int | Size, levels: int, dimension: int) -> tuple[int, ...]:
    """Return what the voxels of each axis are a multiple of."""
    check_counts(levels=levels)
    return tuple(f ** (levels - 1) for f in _odd_factors(factor, dimension))


def _odd_factors(factor: int | Size, dimension: int) -> tuple[int, ...]:
    factors = per_axis(factor, dimension, "factor")
    if any(f < 1 or f % 2 == 0 for f in factors):
        raise ValueError(
            f"factor is {factor}, but skips crop evenly at odd factors only: 3, or 1 for an axis not pooled."
        )
    return factors
