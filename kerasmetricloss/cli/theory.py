"""`losses` and `bounds`: which losses there are, and what each can promise."""

import argparse
from typing import Any


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    losses = commands.add_parser("losses", help="every loss by name, with its formula and when to use it")
    losses.set_defaults(handler=_losses)

    bounds = commands.add_parser("bounds", help="what a choice of loss can promise for a choice of metric")
    bounds.add_argument("--loss", required=True, help="by the paper's or the class name, such as sDice or CrossEntropy")
    bounds.add_argument("--metric", required=True, help="such as dice, jaccard or F2.0")
    bounds.set_defaults(handler=_bounds)


def _losses(options: argparse.Namespace) -> None:
    from kerasmetricloss import losses

    for row in losses.catalog():
        print(f"{row.paper_name:<14} {row.class_name}\n    {row.formula}\n    {row.when}")


def _bounds(options: argparse.Namespace) -> None:
    from kerasmetricloss import theory

    promise = theory.promise(options.loss, options.metric)
    print(promise.sentence)
    print(f"absolute error: {promise.absolute:g}")
    print(f"relative error: {promise.relative:g}")
