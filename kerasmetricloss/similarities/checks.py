"""Settings checked by type and range: errors name the argument, what came and what was expected. No Keras here."""

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import numpy as np


def _anything(_: float) -> bool:
    return True


def choose(name: str, value: object, choices: tuple) -> None:
    """Raise ValueError where ``value`` is none of the ``choices``."""
    if not isinstance(value, str | None) or value not in choices:
        raise ValueError(f"{name}={value!r}, expected one of {', '.join(map(repr, choices))}.")


def is_number(value: Any) -> bool:
    """Tell whether ``value`` is one number, as :func:`number` takes it."""
    return _plain(value) is not None


def flag(name: str, value: Any) -> bool:
    """Return True or False, and refuse what merely counts as one of them, such as "no".

    Raises:
        ValueError: another value.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}={value!r}, expected True or False.")
    return bool(value)


def number(name: str, value: Any, expected: str, allowed: Callable[[float], bool] = _anything) -> float:
    """Return a number that is ``allowed``: as it came if it is Python's own, else as a float.

    Args:
        name: the argument, for the error.
        value: what came. Text and booleans are no numbers; arrays and tensors without an axis are.
        expected: what should have come, such as "a number > 0".
        allowed: tells whether the number is in range. NaN compares false with everything.

    Raises:
        ValueError: no number, or one that is not allowed.

    Example:
        >>> number("alpha", 0.3, "a number > 0", lambda x: x > 0)
        0.3
        >>> number("alpha", "a", "a number > 0")
        Traceback (most recent call last):
        ValueError: alpha='a', expected a number > 0.
    """
    plain = _plain(value)
    if plain is None or not allowed(plain):
        raise ValueError(f"{name}={value!r}, expected {expected}.")
    return plain


def whole(name: str, value: Any, expected: str, allowed: Callable[[float], bool] = _anything) -> int:
    """Return a whole number as an int; the arguments are those of :func:`number`.

    Raises:
        ValueError: no whole number, or one that is not allowed.

    Example:
        >>> whole("bins", 1000.0, "a whole number >= 2", lambda x: x >= 2)
        1000
    """
    return int(number(name, value, expected, lambda x: float(x).is_integer() and allowed(x)))


def text(name: str, value: Any, expected: str) -> str:
    """Return a text.

    Raises:
        ValueError: anything else.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name}={value!r}, expected {expected}.")
    return value


def several(name: str, value: Any, expected: str, check: Callable[..., Any], *arguments: Any) -> tuple:
    """Return a tuple of the entries of a sequence, each through ``check(name, entry, expected, *arguments)``.

    The error shows the whole sequence.

    Args:
        name: the argument, for the error.
        value: what came. Text, mappings, sets and single numbers are no sequences.
        expected: what should have come, such as "class indices, such as [1, 2]".
        check: :func:`number`, :func:`whole` or :func:`text`.
        *arguments: further ones of it.

    Raises:
        ValueError: no sequence, one without entries, or an entry that is refused.

    Example:
        >>> several("include", [1, 2], "class indices", whole)
        (1, 2)
        >>> several("include", 1, "class indices, such as [1, 2]", whole)
        Traceback (most recent call last):
        ValueError: include=1, expected class indices, such as [1, 2].
    """
    single = not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping | Set) or is_number(value)
    entries = () if single else tuple(value)
    if not entries:
        raise ValueError(f"{name}={value!r}, expected {expected}.")
    try:
        return tuple(check(name, entry, expected, *arguments) for entry in entries)
    except ValueError as error:
        raise ValueError(f"{name}={value!r}, expected {expected}.") from error


def _plain(value: Any) -> float | None:
    """Return an int or a float; None for what is no single number."""
    if type(value) in (int, float):
        return value
    if isinstance(value, str | bytes | bool | np.bool_) or getattr(value, "ndim", 0):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
