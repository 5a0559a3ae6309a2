"""`status` and `plan`: how far a study is, and what one will take."""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.arguments import names, positive, seconds
from kerasmetricloss.cli.quiet import load_keras

USUAL_EPOCHS = 200  # a guess at how long a training lasts before it stops early; the paper gives none


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    status = commands.add_parser(
        "status",
        help="how far a study is: done, running, failed, time left",
        description="Say which tables of a study stand, what runs or failed, and how long the rest takes.",
    )
    status.add_argument("directory", type=Path, help="directory of the study")
    status.set_defaults(handler=_status)

    plan = commands.add_parser(
        "plan",
        help="what a recipe will take: trainings, hours, disk",
        description="Count the trainings of a recipe and their cost, from a training step timed on this machine.",
    )
    plan.add_argument("recipe", help="a table or figure, such as table3")
    plan.add_argument("--dataset", help="data set, or several separated by commas (default: the recipe's)")
    plan.add_argument("--scale", choices=("small", "paper"), default="paper", help="(default: paper)")
    plan.add_argument(
        "--losses", type=names, metavar="A,B", help="losses, a module:Name of your own too (default: the recipe's)"
    )
    plan.add_argument("--folds", type=positive, default=5, help="folds (default: 5)")
    plan.add_argument("--cases", type=positive, help="cases (default: as many as the paper had)")
    plan.add_argument(
        "--epochs", type=positive, default=USUAL_EPOCHS, help=f"epochs a training (default: {USUAL_EPOCHS})"
    )
    plan.add_argument("--seeds", type=positive, default=1, help="trainings of each network (default: 1)")
    plan.add_argument("--gpus", type=positive, default=1, help="devices that train at once (default: 1)")
    plan.add_argument("--step-seconds", type=seconds, metavar="S", help="seconds of a step (default: timed here)")
    plan.set_defaults(handler=_plan)


def _status(options: argparse.Namespace) -> None:
    load_keras()
    from kerasmetricloss import studies

    found = studies.status(options.directory)
    if found.recipes:
        print(f"tables stand for: {', '.join(found.recipes)}; {found.finished} trainings are finished")
    for dataset, folds in found.folds.items():
        print(f"of {dataset} they hold fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))} only")
    if found.planned:
        state = "a run works here" if found.alive else "the run was stopped; the same command goes on"
        print(f"{found.done} of {found.planned} trainings done; {state}")
        if found.seconds_left is not None:
            minutes = found.seconds_left / 60
            print(f"about {minutes:.0f} min left on one device" if minutes >= 1 else "less than a minute left")
    for one in found.running:
        print(f"running: {one['title']}, epoch {one['epoch']} of at most {one['epochs']}")
    for one in found.begun:
        print(f"stopped: {one['title']}, goes on after epoch {one['epoch']}")
    for one in found.failed:
        print(f"failed: {one['problem']}")


def _plan(options: argparse.Namespace) -> None:
    load_keras()
    from kerasmetricloss import studies

    recipe = studies.recipe(options.recipe)
    if options.losses:
        sys.path.insert(0, str(Path.cwd()))  # a loss of the user's own is found where the command is typed
        recipe = dataclasses.replace(recipe, losses=options.losses)
    cells = hours = gigabytes = 0.0
    for dataset in (options.dataset or recipe.dataset).split(","):
        setup = studies.setup(dataset.strip(), options.scale, recipe)
        found = studies.forecast(
            recipe,
            setup,
            folds=options.folds,
            cases=options.cases,
            epochs=options.epochs,
            step_seconds=options.step_seconds,
            seeds=options.seeds,
        )
        print(
            f"{setup.dataset}: {found.cells} trainings, {found.steps:,} steps of {found.step_seconds:.3f} s "
            f"({found.measured}), {found.hours:,.1f} device hours, at most {found.gigabytes:.1f} GB on disk"
        )
        cells, hours, gigabytes = cells + found.cells, hours + found.hours, gigabytes + found.gigabytes
    print(
        f"in all: {cells:.0f} trainings, {hours:,.1f} device hours, "
        f"{_lasting(hours / options.gpus)} on {options.gpus} device{'s' * (options.gpus > 1)}, "
        f"at most {gigabytes:.1f} GB. Assumed: {options.epochs} epochs a training, or as many as the scale allows. "
        "The hours are those of training steps; validation comes on top."
    )
    if options.gpus > 1 and options.step_seconds is None:
        print("The step was timed on this machine. If the devices are others, time one there: --step-seconds.")


def _lasting(hours: float) -> str:
    return f"{hours:,.1f} hours" if hours < 24 else f"{hours / 24:,.1f} days"
