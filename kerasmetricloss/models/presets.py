"""The five published settings of the U-Net, and small networks for two cores."""

import keras

from kerasmetricloss.models.deeplab import deeplab_vgg16
from kerasmetricloss.models.deepmedic import deepmedic
from kerasmetricloss.models.unet import unet

_BR18 = {"dimension": 3, "input_channels": 4, "filters": 20, "levels": 4, "l2": 1e-5}
PRESETS: dict[str, dict] = {
    "br18": _BR18,
    "is17": {**_BR18, "input_channels": 6},
    "is18": {**_BR18, "input_channels": 5, "filters": 10, "pooling": "average", "normalisation": None, "l2": None},
    "wm17": {**_BR18, "input_channels": 2},
    "mo17": {**_BR18, "dimension": 2, "input_channels": 1},
}


def unet_br18(**changes) -> keras.Model:
    """Build the network of BR18 (FLAIR, T1, T1CE, T2): 3,875,501 parameters, 3,875,543 with `outputs=3`.

    One output voxel sees up to 268 voxels an axis (215 along the third), and the whole image through instance
    normalisation.

    Args:
        **changes: Settings of `unet` to change.

    Returns:
        The model, as `unet` describes it. Authors' sizes: image 162x162x108, mask and output 136x136x82.

    Source: Eelbode, Bertels et al., IEEE TMI 2020, arXiv 2010.13499, Sec. III-A, after Isensee et al., "No New-Net",
        arXiv 1809.10483.
    """
    return unet(**{**PRESETS["br18"], "name": "unet_br18", **changes})


def unet_is17(**changes) -> keras.Model:
    """Build the network of IS17 (ADC, Tmax, MTT, TTP, rCBF, rCBV): 3,875,861 parameters.

    One output voxel sees up to 268 voxels an axis (215 along the third), and the whole image through instance
    normalisation.

    Args:
        **changes: Settings of `unet` to change.

    Returns:
        The model, as `unet` describes it.

    Source: Eelbode, Bertels et al., IEEE TMI 2020, arXiv 2010.13499, Sec. III-A, after Isensee et al., "No New-Net",
        arXiv 1809.10483.
    """
    return unet(**{**PRESETS["is17"], "name": "unet_is17", **changes})


def unet_is18(**changes) -> keras.Model:
    """Build the network of IS18 (CT, Tmax, MTT, CBF, CBV): 969,441 parameters.

    Half the filters, average pooling, no normalisation, no L2. One output voxel sees up to 268 voxels an axis (215
    along the third), and no more.

    Args:
        **changes: Settings of `unet` to change.

    Returns:
        The model, as `unet` describes it.

    Source: Eelbode, Bertels et al., IEEE TMI 2020, arXiv 2010.13499, Sec. III-A, after Isensee et al., "No New-Net",
        arXiv 1809.10483; the differences are those of the authors' released weights (`released`).
    """
    return unet(**{**PRESETS["is18"], "name": "unet_is18", **changes})


def unet_wm17(**changes) -> keras.Model:
    """Build the network of WM17 (FLAIR, T1): 3,875,141 parameters.

    One output voxel sees up to 268 voxels an axis (215 along the third), and the whole image through instance
    normalisation.

    Args:
        **changes: Settings of `unet` to change.

    Returns:
        The model, as `unet` describes it.

    Source: Eelbode, Bertels et al., IEEE TMI 2020, arXiv 2010.13499, Sec. III-A, after Isensee et al., "No New-Net",
        arXiv 1809.10483.
    """
    return unet(**{**PRESETS["wm17"], "name": "unet_wm17", **changes})


def unet_mo17(**changes) -> keras.Model:
    """Build the two-dimensional network of MO17 (one radiograph channel): 1,441,361 parameters.

    One output pixel sees up to 268 pixels an axis, and the whole image through instance normalisation.

    Args:
        **changes: Settings of `unet` to change.

    Returns:
        The model, as `unet` describes it. Authors' sizes: image 243x243, mask and output 217x217.

    Source: Eelbode, Bertels et al., IEEE TMI 2020, arXiv 2010.13499, Sec. III-A, after Isensee et al., "No New-Net",
        arXiv 1809.10483.
    """
    return unet(**{**PRESETS["mo17"], "name": "unet_mo17", **changes})


def unet_small(*, dimension: int, input_channels: int, outputs: int = 1, **changes) -> keras.Model:
    """Build a small network of the same make, for phantoms and two cores: three levels, 8, 16 and 32 filters.

    One output voxel sees up to 88 voxels an axis (71 along the third of three), and the whole image through instance
    normalisation. A training step on four images of 81x63 takes about 20 ms on two cores (TensorFlow, without XLA).

    Args:
        dimension: 2 or 3 spatial axes.
        input_channels: Channels of the image.
        outputs: Sigmoid channels.
        **changes: Further settings of `unet` to change.

    Returns:
        The model, as `unet` describes it; an input of 9 k gives an output of 9 k - 8.

    Source: `unet`, narrowed here: Eelbode, Bertels et al., IEEE TMI 2020, arXiv 2010.13499.
    """
    small = {"filters": ((8, 8), (16, 16), (32, 32)), "name": "unet_small"}
    return unet(dimension=dimension, input_channels=input_channels, outputs=outputs, **{**small, **changes})


def deepmedic_small(*, dimension: int = 3, input_channels: int, outputs: int = 1, **changes) -> keras.Model:
    """Build DeepMedic with a quarter of the filters, for phantoms and two cores; sizes and receptive field stay.

    One output voxel sees 17 voxels an axis through the first pathway, and 17 blocks of 3 (51 voxels, 49 from the first
    that is read to the last) through the second.

    Args:
        dimension: 2 or 3 spatial axes.
        input_channels: Channels of the image.
        outputs: Sigmoid channels.
        **changes: Further settings of `deepmedic` to change.

    Returns:
        The model, as `deepmedic` describes it; an input of 3 k + 48 gives an output of 3 k.

    Source: `deepmedic`, narrowed here: Kamnitsas et al., Medical Image Analysis 36, 2017, arXiv 1603.05959.
    """
    small = {"filters": (8, 8, 10, 10, 10, 10, 12, 12), "head_filters": (36, 36), "name": "deepmedic_small"}
    return deepmedic(dimension=dimension, input_channels=input_channels, outputs=outputs, **{**small, **changes})


def deeplab_small(*, outputs: int = 1, **changes) -> keras.Model:
    """Build DeepLab with an eighth of the filters, for phantoms and two cores; it starts from random weights.

    One output pixel sees 420 pixels an axis (612 with `head="aspp"`).

    Args:
        outputs: Sigmoid channels.
        **changes: Further settings of `deeplab_vgg16` to change.

    Returns:
        The model, as `deeplab_vgg16` describes it.

    Source: `deeplab_vgg16`, narrowed here: Chen et al., ICLR 2015, arXiv 1412.7062.
    """
    return deeplab_vgg16(outputs=outputs, **{"width": 0.125, "name": "deeplab_small", **changes})
