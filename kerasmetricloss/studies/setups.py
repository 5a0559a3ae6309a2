"""Network, grid and training of each data set, at the paper's scale and at one that fits two cores.

Numbers at `scale="paper"` are the paper's (Sec. III and the authors' released descriptions). Those at `scale="small"`
make the same procedure fit a few minutes; they were chosen for time and memory before any loss was compared, and all
losses share them.
"""

from dataclasses import replace
from typing import Any

from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.networks import named_network, small_network
from kerasmetricloss.studies.recipes import Recipe
from kerasmetricloss.studies.settings import Setup, Training

# Early stopping follows the paper's rule with shorter patience: small networks converge in tens of epochs.
_SMALL = Training(rate=5e-3, post_rate=1e-3, batch=4, epochs=28, post_epochs=8, rate_patience=4, stop_patience=8)
_SMALL_VOLUMES = replace(_SMALL, batch=2, epochs=20, post_epochs=6)
# Many losses, or many data sets, share the minutes of one recipe.
_SHORT_VIRTUAL = {"epochs": 10, "post_epochs": 4}
_SHORT_MULTI = {"epochs": 12, "post_epochs": 3}
_PAPER_3D = Training(rate=1e-3, post_rate=1e-4, batch=2)
_BOX = (136, 136, 82)
_UNET_3D = named_network("unet", 3)
_UNET_2D = named_network("unet", 2)
# IS18: half the filters, average pooling, no normalisation, no L2.
_UNET_HALF = _UNET_3D | {"filters": 10, "levels": 4, "pooling": "average", "normalisation": None, "l2": None}
_DEEPMEDIC = named_network("deepmedic", 3)
_DEEPMEDIC_SMALL = named_network("deepmedic-small", 3)
_DEEPLAB = named_network("deeplab", 2)


def _small_volumes(dataset: str, spacing_mm: float, **changes: Any) -> Setup:
    settings = {"network": small_network(3), "training": _SMALL_VOLUMES, **changes}
    return Setup(dataset, "small", spacing_mm=spacing_mm, **settings)


def _paper_volumes(dataset: str, network: dict[str, Any], training: Training = _PAPER_3D, **changes: Any) -> Setup:
    return Setup(dataset, "paper", network, spacing_mm=2.0, training=training, **changes)


def _patches(*output_size: int, volumes: int, repeats: int) -> dict[str, Any]:
    return {"output_size": list(output_size), "volumes": volumes, "repeats": repeats}


_SETUPS = (
    Setup("po18", "small", small_network(2), picture_size=(96, 72), training=_SMALL),
    Setup("mo17", "small", small_network(2), picture_size=(73, 73), training=_SMALL),
    _small_volumes("br18", 6.0),
    _small_volumes("is17", 6.0),
    _small_volumes("is18", 6.0),
    _small_volumes("wm17", 5.0, patch=_patches(28, 28, 19, volumes=2, repeats=1)),
    _small_volumes(
        "wm17dm",
        5.0,
        reader="wm17",
        network=_DEEPMEDIC_SMALL,
        patch=_patches(15, 15, 15, volumes=4, repeats=2),
        training=replace(_SMALL_VOLUMES, optimizer="sgd", rate=1e-1, post_rate=1e-2, batch=8),
    ),
    Setup(
        "po18",
        "paper",
        _DEEPLAB,
        picture_size=(384, 288),
        training=Training(rate=1e-4, post_rate=1e-4, batch=16),
    ),
    Setup("mo17", "paper", _UNET_2D, output_size=(217, 217), training=Training(rate=1e-3, post_rate=1e-3, batch=4)),
    _paper_volumes("br18", _UNET_3D, output_size=_BOX),
    _paper_volumes("is17", _UNET_3D, output_size=_BOX),
    _paper_volumes("is18", _UNET_HALF, replace(_PAPER_3D, batch=4), output_size=_BOX),
    _paper_volumes("wm17", _UNET_3D, patch=_patches(*_BOX, volumes=2, repeats=1)),
    _paper_volumes(
        "wm17dm",
        _DEEPMEDIC,
        Training(optimizer="sgd", rate=1e-1, post_rate=1e-4, batch=64),
        reader="wm17",
        patch=_patches(15, 15, 15, volumes=8, repeats=4),
    ),
)
SETUPS = {(one.dataset, one.scale): one for one in _SETUPS}


def setup(dataset: str, scale: str, recipe: Recipe | None = None) -> Setup:
    """Network, sizes and training for a data set at a scale, under a recipe.

    Args:
        dataset: Name of the data set.
        scale: `"small"` or `"paper"`.
        recipe: A recipe with labels of its own makes the data set `NAME-multi`.

    Raises:
        StudyError: There is no such setup; the message lists those that there are.
    """
    if (dataset, scale) not in SETUPS:
        known = ", ".join(f"{name} at --scale {size}" for name, size in SETUPS)
        raise StudyError(f"There are no settings for data set {dataset!r} at --scale {scale}; known are {known}.")
    found = SETUPS[dataset, scale]
    if recipe is None:
        return found
    if recipe.labels:
        if found.reader != "br18":
            raise StudyError(f"{recipe.name} compares the labels {', '.join(recipe.labels)}, which br18 has alone.")
        found = replace(found, dataset=f"{dataset}-multi", labels=recipe.labels)
    if recipe.ratios and found.network["dimension"] != 2:
        raise StudyError(f"{recipe.name} masks pictures with rectangles; {dataset} has volumes. Take po18 or mo17.")
    if scale != "small":
        return found
    # A table and its box plots share their trainings.
    return found.with_training(**(_SHORT_VIRTUAL if recipe.ratios else _SHORT_MULTI if recipe.labels else {}))


def folder_setup(dimension: int, scale: str, recipe: Recipe | None = None) -> Setup:
    """Settings for a folder of one's own: those of po18 (small) or mo17 (paper) for pictures, of br18 for volumes.

    Args:
        dimension: 2 for pictures, 3 for volumes.
        scale: `"small"` or `"paper"`.
        recipe: As for `setup`; labels are those of the folder.

    Example:
        >>> folder_setup(3, "small").spacing_mm
        6.0
    """
    like = {(2, "small"): "po18", (2, "paper"): "mo17"}.get((dimension, scale), "br18")
    plain = replace(recipe, labels=None) if recipe is not None else None
    return replace(setup(like, scale, plain), dataset="folder", reader="folder", output_size=None)
