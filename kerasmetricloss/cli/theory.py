"""`losses` and `bounds`: which losses there are, and what each can promise."""

import argparse
import math
from typing import Any

from kerasmetricloss.cli.errors import UsageError
from kerasmetricloss.cli.quiet import load_keras


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    losses = commands.add_parser("losses", help="every loss by name, with its formula and when to use it")
    losses.set_defaults(handler=_losses)

    bounds = commands.add_parser("bounds", help="what a choice of loss can promise for a choice of metric")
    bounds.add_argument("--loss", required=True, help="by the paper's or the class name, such as sDice or CrossEntropy")
    bounds.add_argument("--metric", required=True, help="such as dice, jaccard or F2.0")
    bounds.set_defaults(handler=_bounds)


def _losses(options: argparse.Namespace) -> None:
    load_keras()
    from kerasmetricloss import losses

    for entry in losses.catalog():
        print(f"{entry.name or '-':<14} {entry.loss.__name__}\n    {entry.formula}\n    {entry.use}")
        print(f"    {_bounds_to_dice(entry.name or entry.loss.__name__)}")


def _bounds_to_dice(name: str) -> str:
    from kerasmetricloss import theory

    example = name.replace("A/B", "0.3/0.7")
    found = theory.promise(example, "dice")
    relative = "of no bound" if math.isinf(found.relative) else f"at most {found.relative:.3g}"
    of = f"{example} against Dice" if example != name else "Against Dice"
    return f"{of}: absolute error at most {found.absolute:.3g}, relative error {relative}."


def _bounds(options: argparse.Namespace) -> None:
    from kerasmetricloss import theory

    try:
        promise = theory.promise(options.loss, options.metric)
    except ValueError as error:
        raise UsageError(str(error)) from error
    print(promise.sentence)
    print(f"absolute error: {promise.absolute:g}")
    print(f"relative error: {promise.relative:g}")
