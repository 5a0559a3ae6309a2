"""DeepMedic: pathways at several resolutions that are cut from one patch, and the sizes that it takes and gives."""

import math
from collections.abc import Sequence
from numbers import Integral

import keras

from kerasmetricloss.models.blocks import CentreCrop, with_probability
from kerasmetricloss.models.pathways import AddResidual, Subsample
from kerasmetricloss.models.sizes import CheckSize, check_counts, check_multiples, input_box

Size = Sequence[int]
FACTORS = (1, 3)
FILTERS = (30, 30, 40, 40, 40, 40, 50, 50)
RESIDUAL_LAYERS = (4, 6, 8)
REASON = "DeepMedic's lattice of low-resolution voxels"


def deepmedic(  # noqa: PLR0913 -- every choice of the architecture has its name here, once
    *,
    dimension: int = 3,
    input_channels: int = 2,
    outputs: int = 1,
    filters: Sequence[int] = FILTERS,
    head_filters: Sequence[int] = (150, 150),
    factors: Sequence[int] = FACTORS,
    residual: bool = False,
    subsampling: str = "centre",
    dropout: float = 0.5,
    input_size: int | Sequence[int | None] | None = None,
    mask: bool = True,
    name: str = "deepmedic",
) -> keras.Model:
    """Build DeepMedic (WM17DM in Table III): 660,251 trainable parameters as it stands.

        probability = sigmoid(head(concatenate(pathway_f(image) for f in factors))) * mask

    Each pathway is eight valid convolutions of 3 voxels an axis on the image subsampled by its factor f, whose result
    is repeated f times. The head is three convolutions of 1 voxel. Batch normalisation, then PReLU, stand before each
    convolution but the first of a pathway; dropout before the last two. All pathways are cut from the one image around
    the same centre: an output of 15 voxels an axis sees 31 voxels at full and 21 at a third of the resolution, so the
    image has 63.

    With m = 8 * max(factors) and s the least common multiple of the factors, an image of s * k + 2 m voxels an axis
    gives an output of s * k, m voxels fewer on each side: 3 k + 48 to 3 k, or 15 k + 80 to 15 k with a third pathway.
    Inference on a whole volume equals that on patches whose origins are multiples of s, since the blocks are the same.
    One output voxel sees 17 voxels an axis through the first pathway, and 17 blocks of 3 (51 voxels, of which
    "centre" reads every third: 49 from first to last) through the second; of 5 (85, or 81) through a third.

    In training, batch normalisation takes the statistics of the batch, afterwards their running average: train on
    batches of patches from several cases, or the network meets other statistics in use than it learned with.

    Args:
        dimension: 2 or 3 spatial axes.
        input_channels: Channels of the image.
        outputs: Sigmoid channels.
        filters: Filters of each convolution of a pathway.
        head_filters: Filters of the convolutions of 1 voxel, but for the last.
        factors: Subsampling of each pathway, odd, the first 1; (1, 3, 5) is the third pathway of the later default.
        residual: Whether the outputs of layers 4, 6 and 8 of each pathway get the input of the layer before added, and
            the second convolution of the head that of the first: as in the later default. Costs no parameters.
        subsampling: "centre" or "mean"; what stands for a block of voxels.
        dropout: Rate on the inputs of the last two convolutions.
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
        >>> model = deepmedic(dimension=2, filters=(2, 2), head_filters=(3,), mask=False)
        >>> tuple(model(np.zeros((1, 18, 21, 2))).shape)
        (1, 6, 9, 1)

    Source: Kamnitsas et al., "Efficient multi-scale 3D CNN with fully connected CRF for accurate brain lesion
        segmentation", Medical Image Analysis 36, 2017, arXiv 1603.05959.
    """
    _check_choices(dimension, factors, subsampling, dropout)
    _check_filters(input_channels, outputs, filters, head_filters)
    step, margin = math.lcm(*factors), len(filters) * max(factors)
    size = input_box(input_size, dimension)
    output_size = deepmedic_output_size(size, layers=len(filters), factors=factors)
    image = keras.Input((*size, input_channels), name="image")
    x = CheckSize(multiple=step, offset=2 * margin, reason=REASON, name="check_size")(image)
    build = _Parts(dimension, residual)
    pathways = []
    for factor in factors:
        path, beyond = x, margin - len(filters) * factor
        if beyond:
            path = CentreCrop(margin=beyond, name=f"crop_x{factor}")(path)
        if factor > 1:
            path = Subsample(factor=factor, keep=subsampling, name=f"subsample_x{factor}")(path)
        path = build.pathway(path, filters, f"x{factor}")
        repeated = {"data_format": "channels_last", "name": f"repeat_x{factor}"}
        pathways.append(build.repeat(factor, **repeated)(path) if factor > 1 else path)
    x = keras.layers.Concatenate(name="join")(pathways) if len(pathways) > 1 else pathways[0]
    logit = build.head(x, head_filters, outputs, dropout)
    return with_probability(image, logit, mask_size=output_size if mask else None, name=name)


def deepmedic_output_size(
    input_size: int | Sequence[int | None], *, layers: int = 8, factors: Sequence[int] = FACTORS
) -> int | tuple[int | None, ...]:
    """Return the output box of an image: `layers` times the largest factor less on each side.

    Args:
        input_size: Voxels an axis, None for one left open; or a number, for one axis alone.
        layers: Convolutions of a pathway.
        factors: Subsampling of each pathway.

    Returns:
        Voxels an axis of the output and of the mask; a number for a number.

    Raises:
        ValueError: Where the image does not fit, naming the two nearest sizes that do.

    Example:
        >>> deepmedic_output_size((63, 63, 66))
        (15, 15, 18)
    """
    if isinstance(input_size, Integral):
        return deepmedic_output_size((input_size,), layers=layers, factors=factors)[0]
    lost = 2 * layers * max(factors)
    each = len(input_size)
    check_multiples(tuple(input_size), (math.lcm(*factors),) * each, (lost,) * each, reason=REASON)
    return tuple(None if n is None else n - lost for n in input_size)


def deepmedic_input_size(
    output_size: int | Size, *, layers: int = 8, factors: Sequence[int] = FACTORS
) -> int | tuple[int, ...]:
    """Return the smallest image whose output covers a wanted box.

    Args:
        output_size: Voxels an axis that the output must cover; or a number, for one axis alone.
        layers, factors: As for `deepmedic_output_size`.

    Returns:
        Voxels an axis of the image; a number for a number.

    Raises:
        ValueError: Where a wanted size is below 1.

    Example:
        >>> deepmedic_input_size((15, 15, 16))
        (63, 63, 66)
    """
    if isinstance(output_size, Integral):
        return deepmedic_input_size((output_size,), layers=layers, factors=factors)[0]
    if min(output_size) < 1:
        raise ValueError(f"output_size is {tuple(output_size)}, but every axis needs at least 1 voxel.")
    step = math.lcm(*factors)
    return tuple(-(-n // step) * step + 2 * layers * max(factors) for n in output_size)


class _Parts:
    """The repeated parts of one network."""

    def __init__(self, dimension: int, residual: bool):
        self.dimension, self.residual = dimension, residual
        self.conv = {2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[dimension]
        self.repeat = {2: keras.layers.UpSampling2D, 3: keras.layers.UpSampling3D}[dimension]

    def pathway(self, x, filters, name):
        """Convolve once a width, without padding."""
        inputs = []
        for number, width in enumerate(filters, start=1):
            inputs.append(x)
            x = self.convolution(x, width, 3, f"{name}_{number}", bare=number == 1)
            if self.residual and number in RESIDUAL_LAYERS:
                x = AddResidual(margin=2, name=f"{name}_{number}_residual")([x, inputs[-2]])
        return x

    def head(self, x, filters, outputs, dropout):
        """Convolve voxel by voxel; the last gives the logit."""
        inputs = []
        for number, width in enumerate((*filters, outputs), start=1):
            inputs.append(x)
            last = number == len(filters) + 1
            x = self.convolution(x, width, 1, "logit" if last else f"head_{number}", dropout=dropout * (number > 1))
            if self.residual and number == 2 and not last:
                x = AddResidual(margin=0, name=f"head_{number}_residual")([x, inputs[-2]])
        return x

    def convolution(self, x, width, kernel, name, *, bare=False, dropout=0.0):
        """Normalise and activate (neither where bare), drop, convolve."""
        if not bare:
            # DeepMedic's rolling statistics cover 60 batches.
            x = keras.layers.BatchNormalization(momentum=1 - 1 / 60, name=f"{name}_norm")(x)
            shared = tuple(range(1, self.dimension + 1))
            x = keras.layers.PReLU(shared_axes=shared, name=f"{name}_activation")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
        settings = {"padding": "valid", "data_format": "channels_last", "kernel_initializer": "he_normal"}
        return self.conv(width, kernel, **settings, name=name)(x)


def _check_choices(dimension: int, factors: Sequence[int], subsampling: str, dropout: float) -> None:
    for setting, given, known in (("dimension", dimension, (2, 3)), ("subsampling", subsampling, ("centre", "mean"))):
        if given not in known:
            raise ValueError(f"{setting} is {given!r}; it can be {' or '.join(map(repr, known))}.")
    several = isinstance(factors, Sequence) and len(factors)
    odd = several and all(isinstance(factor, int) and factor > 0 and factor % 2 for factor in factors)
    if not odd or factors[0] != 1 or len(set(factors)) < len(factors):
        raise ValueError(f"factors is {factors!r}; give different odd numbers, the first 1: (1, 3) or (1, 3, 5).")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}; it is a rate of at least 0 and below 1.")


def _check_filters(input_channels: int, outputs: int, filters: Sequence[int], head_filters: Sequence[int]) -> None:
    check_counts(input_channels=input_channels, outputs=outputs)
    for setting, given, least in (("filters", filters, 1), ("head_filters", head_filters, 0)):
        whole = isinstance(given, Sequence) and all(isinstance(width, Integral) and width > 0 for width in given)
        if not whole or len(given) < least:
            mend = "give one whole number of at least 1 for each convolution, as (30, 30, 40)."
            raise ValueError(f"{setting} is {given!r}; {mend}")
