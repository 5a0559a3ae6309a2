"""Metric-sensitive losses and exact segmentation scores for Keras 3.

    from kerasmetricloss import DiceScore, SoftDice

    model.compile(optimizer="adam", loss=SoftDice(), metrics=[DiceScore()])

Importing the package registers its losses, metrics and layers, so that `keras.saving.load_model` finds them. Where
Keras or its backend is missing, `scores`, `statistics`, `reports` and `theory` still work, and asking for a loss says
what is missing.
"""

import os
import sys
from pathlib import Path

from kerasmetricloss._version import __version__ as __version__


def _is_own_command() -> bool:
    program = Path(sys.argv[0]).name if getattr(sys, "argv", None) else ""
    if program == "-m":  # while Python looks for the module to run
        program = _module_to_run(sys.orig_argv[1:])
    return program == "kerasmetricloss"


def _module_to_run(arguments: list[str]) -> str:
    """Return what follows -m among the arguments of Python itself: apart, joined to it, or behind other letters."""
    words = iter(arguments)
    for word in words:
        if word == "--check-hash-based-pycs":
            next(words, "")
            continue
        letters = "" if word.startswith("--") else word[1:]
        for place, letter in enumerate(letters, start=1):
            # These three take the rest of the word, or else the next word.
            if letter in "mWX":
                value = word[place + 1 :] or next(words, "")
                if letter == "m":
                    return value
                break
    return ""


_missing: ImportError | None = None
# The command loads Keras when an experiment needs it, so that `--help` and `report` start at once; `__getattr__` serves
# a loss of the user's own that imports from here.
_on_demand = _is_own_command()
if not _on_demand:
    try:
        from kerasmetricloss import models as models
        from kerasmetricloss.losses import CrossEntropy as CrossEntropy
        from kerasmetricloss.losses import FocalTversky as FocalTversky
        from kerasmetricloss.losses import GeneralizedDice as GeneralizedDice
        from kerasmetricloss.losses import LovaszHinge as LovaszHinge
        from kerasmetricloss.losses import LovaszSigmoid as LovaszSigmoid
        from kerasmetricloss.losses import LovaszSoftmax as LovaszSoftmax
        from kerasmetricloss.losses import SoftDice as SoftDice
        from kerasmetricloss.losses import SoftJaccard as SoftJaccard
        from kerasmetricloss.losses import SoftTversky as SoftTversky
        from kerasmetricloss.losses import WeightedCrossEntropy as WeightedCrossEntropy
        from kerasmetricloss.losses import WeightedSum as WeightedSum
        from kerasmetricloss.metrics import AbsoluteVolumeDifference as AbsoluteVolumeDifference
        from kerasmetricloss.metrics import Accuracy as Accuracy
        from kerasmetricloss.metrics import DiceScore as DiceScore
        from kerasmetricloss.metrics import FBetaScore as FBetaScore
        from kerasmetricloss.metrics import HammingSimilarity as HammingSimilarity
        from kerasmetricloss.metrics import HausdorffDistance as HausdorffDistance
        from kerasmetricloss.metrics import JaccardIndex as JaccardIndex
        from kerasmetricloss.metrics import NormalizedSurfaceDistance as NormalizedSurfaceDistance
        from kerasmetricloss.metrics import ScoreAfterEpoch as ScoreAfterEpoch
        from kerasmetricloss.metrics import TverskyIndex as TverskyIndex
        from kerasmetricloss.metrics import WeightedHammingSimilarity as WeightedHammingSimilarity
    except ImportError as error:
        if (error.name or "").partition(".")[0] == __name__:
            raise
        _missing = error


def __getattr__(name: str) -> object:
    # Classes alone come from Keras; anything else may be a module that is not imported yet.
    if _on_demand and name[:1].isupper():
        from kerasmetricloss import losses, metrics

        for module in (losses, metrics):
            if hasattr(module, name):
                return getattr(module, name)
    if _missing is not None and name[:1].isupper():
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        install = "'.[tensorflow]', in a clone of this package" if backend == "tensorflow" else f"keras {backend}"
        raise ImportError(
            f"kerasmetricloss.{name} needs Keras 3 and a backend, and importing them failed: {_missing}. Install them "
            f"by pip install {install}; or set KERAS_BACKEND to a backend that is installed."
        ) from _missing
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
