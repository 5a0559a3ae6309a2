"""Losses by name: the paper's names, the class names, and a user's own ``package.module:Name``."""

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import keras

from kerasmetricloss.losses.cross_entropy import CrossEntropy, WeightedCrossEntropy
from kerasmetricloss.losses.lovasz import LovaszHinge, LovaszSigmoid, LovaszSoftmax
from kerasmetricloss.losses.overlap import FocalTversky, GeneralizedDice, SoftDice, SoftJaccard, SoftTversky

_TVERSKY = re.compile(r"sTversky-(\d*\.?\d+)/(\d*\.?\d+)", re.IGNORECASE)
_BINNED = re.compile(r"Lov[aá]sz-bins(\d+)", re.IGNORECASE)


class Entry(NamedTuple):
    """One row of the catalog.

    Args:
        name: the paper's name; empty where the paper does not have the loss.
        loss: the class.
        formula: the loss of one image and class.
        use: when to take it.
    """

    name: str
    loss: type[keras.losses.Loss]
    formula: str
    use: str


_CATALOG = (
    Entry("CE", CrossEntropy, "-mean(y log p + (1-y) log(1-p))", "Start from scratch; scored by accuracy."),
    Entry(
        "wCE",
        WeightedCrossEntropy,
        "-mean(w1 y log p + w0 (1-y) log(1-p))",
        "Scored by weighted accuracy; does not stand in for Dice.",
    ),
    Entry("sDice", SoftDice, "1 - 2<y,p> / (|y| + |p|)", "Scored by Dice or Jaccard: the first choice."),
    Entry(
        "sDice-L2",
        SoftDice,
        "1 - 2<y,p> / (<y,y> + <p,p>)",
        "As sDice, with sums of squares below (Eq. 12): SoftDice(norm=2).",
    ),
    Entry("sJaccard", SoftJaccard, "1 - <y,p> / (|y| + |p| - <y,p>)", "Scored by Dice or Jaccard."),
    Entry(
        "Lovasz",
        LovaszSigmoid,
        "Lovász extension of the Jaccard loss, errors |y - p|",
        "Scored by Dice or Jaccard; after cross-entropy, not from scratch. Lovasz-bins1000: without the sort.",
    ),
    Entry(
        "sTversky-A/B",
        SoftTversky,
        "1 - <y,p> / (<y,p> + A <1-y,p> + B <y,1-p>)",
        "False positives (A) and false negatives (B) cost differently.",
    ),
    Entry("", FocalTversky, "(1 - T) ** gamma, T the Tversky index", "Small structures that soft Tversky gives up on."),
    Entry(
        "",
        GeneralizedDice,
        "1 - 2 sum_c w_c <y,p> / sum_c w_c (|y| + |p|), w_c = 1 / |y_c|^2",
        "Several classes of very different size, as one number.",
    ),
    Entry("", LovaszSoftmax, "Lovász extension of the Jaccard loss, a softmax", "Exclusive classes scored by Jaccard."),
    Entry("", LovaszHinge, "Lovász extension of the Jaccard loss, hinge errors of logits", "As Lovasz, on logits."),
)


def catalog() -> tuple[Entry, ...]:
    """Return every loss: paper name, class, formula, when to use it.

    Example:
        >>> [entry.name for entry in catalog()][:3]
        ['CE', 'wCE', 'sDice']
    """
    return _CATALOG


def from_name(name: str, *, prior: float | Sequence[float] | None = None, **settings: Any) -> keras.losses.Loss:
    """Build a loss from its name.

    Args:
        name: "CE", "wCE", "sDice" (or "sDice-L1"), "sDice-L2", "sJaccard", "Lovasz" (or "Lovász"), "Lovasz-bins1000"
            (a histogram of that many bins for the sort), "sTversky-A/B" where A weighs false positives and B false
            negatives; a class name such as "SoftDice"; in upper or lower case. Or "package.module:Name", as it is
            spelled, for a loss of your own, a class or an object.
        prior: share of the foreground; weighted cross-entropy needs it, the others do not look at it.
        **settings: further arguments of the class.

    Returns:
        The loss.

    Raises:
        ValueError: an unknown name, a module that cannot be imported, whatever it raises, or weighted cross-entropy
            without a prior.
        TypeError: "package.module:Name" is not a loss.

    Example:
        >>> from_name("sTversky-0.3/0.7")
        SoftTversky(alpha=0.3, beta=0.7)
        >>> from_name("wCE", prior=0.1)
        WeightedCrossEntropy(prior=0.1)
    """
    if is_own(name):
        return _own(name, settings)
    if match := _TVERSKY.fullmatch(name):
        return SoftTversky(alpha=float(match[1]), beta=float(match[2]), **settings)
    if match := _BINNED.fullmatch(name):
        return LovaszSigmoid(bins=int(match[1]), **settings)
    word = name.lower()
    if word == "sdice-l2":
        return SoftDice(norm=2, **settings)
    loss = _classes().get({"sdice-l1": "sdice", "lovász": "lovasz"}.get(word, word))
    if loss is None:
        known = ", ".join(entry.name or entry.loss.__name__ for entry in catalog())
        raise ValueError(f"there is no loss {name!r}: expected one of {known}, a class name, or package.module:Name.")
    if issubclass(loss, WeightedCrossEntropy):
        if prior is None and not {"foreground", "prior"} & set(settings):
            raise ValueError(f"{name} needs the share of the foreground: pass prior=.")
        settings |= {"prior": prior} if prior is not None else {}
    return loss(**settings)


def is_own(name: str) -> bool:
    """Return whether this names a loss of the user's own, package.module:Name.

    Example:
        >>> is_own("my.module:MyLoss"), is_own("sDice")
        (True, False)
    """
    return ":" in name


def paper_name(loss: str | keras.losses.Loss) -> str:
    """Return the name under which the paper's tables show a loss; the inverse of :func:`from_name`.

    Args:
        loss: a loss, or any name that :func:`from_name` takes.

    Returns:
        The paper's name; the class name for a loss that the paper does not have; "package.module:Name" as it is.

    Example:
        >>> paper_name(SoftDice()), paper_name("SoftJaccard"), paper_name("Lovász")
        ('sDice', 'sJaccard', 'Lovasz')
    """
    if isinstance(loss, str):
        if is_own(loss):
            return loss
        loss = from_name(loss, prior=0.5)
    if type(loss) is SoftTversky:
        return f"sTversky-{loss.alpha}/{loss.beta}"
    if type(loss) is SoftDice and loss.overlap.norm != 1:
        return f"sDice-L{loss.overlap.norm:g}"
    if type(loss) is LovaszSigmoid and loss.bins is not None:
        return f"Lovasz-bins{loss.bins}"
    # The first name of a class is the one without further settings.
    names = [entry.name for entry in catalog() if entry.loss is type(loss) and entry.name]
    return names[0] if names else type(loss).__name__


def _classes() -> dict[str, type[keras.losses.Loss]]:
    """Return the classes by both names in lower case."""
    by_name = {entry.name.lower(): entry.loss for entry in catalog() if entry.name}
    return by_name | {entry.loss.__name__.lower(): entry.loss for entry in catalog()}


def _own(name: str, settings: dict[str, Any]) -> keras.losses.Loss:
    module, _, attribute = name.partition(":")
    try:
        imported = import_module(module)
    except (Exception, SystemExit) as error:
        # The module is the user's: importing it can raise anything.
        raise ValueError(
            f"{name!r} cannot be imported ({type(error).__name__}: {error}): expected package.module:Name, with a "
            "module that Python finds and runs."
        ) from error
    if not hasattr(imported, attribute):
        raise ValueError(f"{name!r} cannot be found: module {module} has no {attribute!r}.")
    found = getattr(imported, attribute)
    try:
        loss = found if isinstance(found, keras.losses.Loss) else found(**settings) if callable(found) else found
    except TypeError as error:
        raise TypeError(
            f"{name!r} cannot be called with {', '.join(settings) or 'no arguments'} ({error}): expected a "
            "keras.losses.Loss, a class of one, or a function that returns one; a function of (y_true, y_pred) goes "
            "into the call of such a class."
        ) from error
    if not isinstance(loss, keras.losses.Loss):
        raise TypeError(f"{name!r} gives {type(loss).__name__}, expected a keras.losses.Loss or a class of one.")
    return loss
