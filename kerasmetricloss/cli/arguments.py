"""Numbers and boxes as they are typed on the command line, checked as they are read."""

import argparse
import math


def natural(text: str) -> int:
    """A whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def seconds(text: str) -> float:
    """A positive, finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number of seconds")
    return value


def fold_numbers(text: str) -> tuple[int, ...]:
    """Whole numbers from 1 on, separated by commas."""
    return tuple(dict.fromkeys(positive(number.strip()) for number in text.split(",")))


def seed_numbers(text: str) -> tuple[int, ...]:
    """Whole numbers from 0 on, separated by commas."""
    return tuple(dict.fromkeys(natural(number.strip()) for number in text.split(",")))


def level(text: str) -> float:
    """A number between 0 and 1, such as a level of significance."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 1; write it as in 0.05")
    return number


def box(text: str) -> tuple[int, ...]:
    """Whole numbers from 1 on, one an axis of the array, as in 136x136x82."""
    lengths = text.lower().split("x")
    if len(lengths) not in (2, 3) or not all(length.isdecimal() and int(length) for length in lengths):
        raise argparse.ArgumentTypeError(f"{text!r} is no box; write a whole number an axis, as in 136x136x82")
    return tuple(map(int, lengths))


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas, at least one."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing; write names as in CE,sDice")
    return found
