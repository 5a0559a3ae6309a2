"""The paper's experiments as settings: which losses, on which data set, with which network, how long.

Numbers at `scale="paper"` are the paper's (Sec. III and the authors' released descriptions). Those at `scale="small"`
make the same procedure fit two cores and a few minutes; they were chosen for time and memory before any loss was
compared, and all losses share them.
"""

from dataclasses import dataclass, replace
from typing import Any

from kerasmetricloss.studies import networks
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.settings import Setup, Training


@dataclass(frozen=True)
class Recipe:
    """One experiment of the paper.

    Attributes:
        name: Name on the command line.
        title: Title of the report.
        losses: The losses that are post-trained and compared, by the paper's names.
        dataset: Default data set.
    """

    name: str
    title: str
    losses: tuple[str, ...]
    dataset: str = "po18"


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="table2",
            title="Cross-entropy against metric-sensitive losses (Table II)",
            losses=("CE", "wCE", "sDice", "sJaccard", "Lovasz"),
        ),
    )
}

# Early stopping follows the paper's rule with shorter patience: small networks converge in tens of epochs.
_SMALL = Training(rate=5e-3, post_rate=1e-3, batch=4, epochs=28, post_epochs=10, rate_patience=4, stop_patience=8)
_SMALL_VOLUMES = replace(_SMALL, batch=2, epochs=30, post_epochs=12)
_SMALL_2D, _SMALL_3D = networks.small_network(2), networks.small_network(3)
_UNET_3D: dict[str, Any] = {"name": "unet", "dimension": 3}
_UNET_2D: dict[str, Any] = {"name": "unet", "dimension": 2}

SETUPS = {
    ("po18", "small"): Setup("po18", "small", _SMALL_2D, picture_size=(96, 72), training=_SMALL),
    ("mo17", "small"): Setup("mo17", "small", _SMALL_2D, picture_size=(73, 73), training=_SMALL),
    ("br18", "small"): Setup("br18", "small", _SMALL_3D, spacing_mm=6.0, training=_SMALL_VOLUMES),
    ("mo17", "paper"): Setup(
        "mo17", "paper", _UNET_2D, output_size=(217, 217), training=Training(rate=1e-3, post_rate=1e-3, batch=4)
    ),
    ("br18", "paper"): Setup(
        "br18",
        "paper",
        _UNET_3D,
        spacing_mm=2.0,
        output_size=(136, 136, 82),
        training=Training(rate=1e-3, post_rate=1e-4, batch=2),
    ),
}


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        StudyError: There is none; the message lists those that there are.
    """
    if name not in RECIPES:
        raise StudyError(f"Recipe {name!r} is unknown; known are {', '.join(RECIPES)}.")
    return RECIPES[name]


def setup(dataset: str, scale: str) -> Setup:
    """Network, sizes and training for a data set at a scale.

    Raises:
        StudyError: There is no such setup; the message lists those that there are.
    """
    if (dataset, scale) not in SETUPS:
        known = ", ".join(f"{name} at --scale {size}" for name, size in SETUPS)
        raise StudyError(f"There are no settings for data set {dataset!r} at --scale {scale}; known are {known}.")
    return SETUPS[dataset, scale]
