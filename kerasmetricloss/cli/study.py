"""`demo` and `run`: from files to the marked table."""

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.arguments import natural, positive
from kerasmetricloss.cli.errors import UsageError
from kerasmetricloss.cli.quiet import load_keras
from kerasmetricloss.cli.reader import reader_settings
from kerasmetricloss.cli.report import statistics_settings, write_report
from kerasmetricloss.cli.run_arguments import add_run_arguments

DEMO_CASES = 60
FOLDS = 5
# With these TensorFlow and JAX take of a GPU's memory what they need, not most of it at once.
GPU_MEMORY = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
PHANTOMS = {2: 40, 3: 20}  # by dimension: what a recipe at small scale gets through in its minutes


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    demo = commands.add_parser(
        "demo",
        help="phantoms, five folds, five losses, one marked table (about 5 minutes on 2 cores)",
        description="Make phantom polyps, compare five losses on them in five folds, and write OUT/report.html.",
    )
    demo.add_argument("--out", type=Path, default=Path("demo"), help="directory of the study (default: ./demo)")
    demo.add_argument("--cases", type=positive, default=DEMO_CASES, help=f"phantoms to make (default: {DEMO_CASES})")
    demo.add_argument(
        "--seed", type=natural, default=0, help="seed of phantoms, folds, weights and augmentation (default: 0)"
    )
    demo.set_defaults(handler=_demo)

    run = commands.add_parser(
        "run",
        help="one experiment of the paper, on a folder of images",
        description="Run an experiment of the paper. Stopped at any moment, the same command goes on where it was.",
    )
    add_run_arguments(run)
    run.set_defaults(handler=_run)


def _demo(options: argparse.Namespace) -> None:
    arguments = ["run", "table2", "--dataset", "po18", "--scale", "small", "--out", str(options.out)]
    arguments += ["--cases", str(options.cases), "--seed", str(options.seed)]
    from kerasmetricloss.cli import parser

    _run(parser().parse_args(arguments, argparse.Namespace(command=options.command)))


def _run(options: argparse.Namespace) -> None:
    _refuse_idle(options)
    if options.engine == "ray":
        # This process looks at the GPUs too, and must leave their memory to those that train.
        for name, value in GPU_MEMORY.items():
            os.environ.setdefault(name, value)
    load_keras()
    from kerasmetricloss import studies
    from kerasmetricloss.cli.watch import watching

    # A loss of the user's own is found where the command is typed.
    sys.path.insert(0, str(Path.cwd()))

    recipe = studies.recipe(options.recipe)
    if recipe.kind == "theory" and options.root is not None:
        raise UsageError(f"{options.recipe} is drawn from formulas, not from images: leave out --root.")
    names = [name.strip() for name in (options.dataset or recipe.dataset).split(",")]
    if len(names) > 1 and options.root is not None:
        raise UsageError(
            f"--root is the folder of one data set, and --dataset names {len(names)}: run one after the other, with "
            "the same --out."
        )
    requests = [_request(recipe, _changed(_setup(recipe, name, options), options), options) for name in names]
    with watching() as observer:
        failed = _run_each(requests, observer, _engine(options))
        if len(failed) < len(requests):
            observer.stage("writing the report")
    if len(failed) < len(requests):
        write_report(options.out, recipe.name, **statistics_settings(options))
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise studies.StudyError("\n".join(map(str, failed)))


def _run_each(requests: Sequence[Any], observer: Any, engine: Any) -> list[Exception]:
    """Run one data set after the other; what went wrong with one does not stop the next, unless nothing could go on."""
    from kerasmetricloss import datasets, studies

    failed = []
    for request in requests:
        try:
            studies.run(request, observer=observer, engine=engine)
        except studies.StudyStopped:
            raise
        except (studies.StudyError, datasets.DataError) as error:
            failed.append(error)
    return failed


def _refuse_idle(options: argparse.Namespace) -> None:
    """Refuse options that would change nothing."""
    ray = {name: getattr(options, name) for name in ("address", "cpus_per_cell", "gpus_per_cell")}
    for these, where in (
        (ray if options.engine != "ray" else {}, "for --engine ray: add that, or leave it out"),
        (
            {"cases": options.cases} if options.root is not None else {},
            "for phantoms, and --root names a folder: leave one out",
        ),
        (
            {"folds": options.folds, "folds_by": options.folds_by} if options.splits is not None else {},
            "for folds that are made, and --splits names a file of folds: leave one out",
        ),
    ):
        for name, value in these.items():
            if value is not None:
                raise UsageError(f"--{name.replace('_', '-')} is {where}.")


def _request(recipe: Any, setup: Any, options: argparse.Namespace) -> Any:
    from kerasmetricloss import studies

    cases = options.cases or PHANTOMS[setup.network["dimension"]]
    return studies.Request(
        recipe=recipe,
        setup=setup,
        root=options.root or options.out / "phantoms" / setup.reader,
        out=options.out,
        losses=tuple(dict.fromkeys([*(options.losses or recipe.losses), *options.loss])),
        folds=FOLDS if options.folds is None else options.folds,
        only_folds=options.only_folds,
        inner_validation=options.inner_validation,
        splits=options.splits,
        seed=options.seed,
        seeds=options.seeds,
        phantoms=0 if options.root else cases,
        command=options.command,
        tensorboard=options.tensorboard,
        devices=options.devices,
    )


def _setup(recipe: Any, dataset: str, options: argparse.Namespace) -> Any:
    from kerasmetricloss import datasets, studies

    if dataset != "folder":
        return studies.setup(dataset, options.scale, recipe)
    if options.root is None or not options.images:
        raise UsageError("--dataset folder reads a folder of your own: give --root, --images and --truth.")
    volumes = datasets.holds_scans(options.root, options.images[0])
    return studies.folder_setup(3 if volumes else 2, options.scale, recipe)


def _engine(options: argparse.Namespace) -> Any:
    from kerasmetricloss import studies

    if options.engine == "local":
        return studies.run_local
    return functools.partial(
        studies.run_ray,
        address=options.address,
        cpus_per_cell=1 if options.cpus_per_cell is None else options.cpus_per_cell,
        gpus_per_cell=options.gpus_per_cell or 0,
    )


def _changed(setup: Any, options: argparse.Namespace) -> Any:
    import dataclasses

    changes: dict[str, Any] = {}
    if options.picture_size or isinstance(options.roi, tuple):
        changes["picture_size"] = options.picture_size  # None: the box around the object, in its own pixels
    if options.spacing_mm is not None:
        changes["spacing_mm"] = options.spacing_mm
    if options.folds_by:
        changes["folds_by"] = options.folds_by
    changes["authors_constants"] = options.normalisation == "authors"
    network = _network(setup, options)
    reading = reader_settings(options)
    for name in ("channels", "labels"):
        if name in reading:
            changes[name] = reading.pop(name)
    changes["reading"] = reading
    changed = dataclasses.replace(setup, network=network, **changes)
    patched = changed.with_patches(options.patch_size, repeats=options.repeats, foreground=options.patch_foreground)
    return patched.with_training(
        batch=options.batch,
        epochs=options.pretrain_epochs,
        post_epochs=options.epochs,
        optimizer=options.optimizer,
        rate=options.rate,
        post_rate=options.post_rate,
        rate_patience=options.rate_patience,
        stop_patience=options.stop_patience,
        augmentation=options.augmentation,
    )


def _network(setup: Any, options: argparse.Namespace) -> dict[str, Any]:
    from kerasmetricloss import studies

    network, dimension = setup.network, setup.network["dimension"]
    if options.network is not None:
        network = studies.named_network(options.network, dimension)
    if options.filters is not None:
        if network["name"] != "unet-small":
            raise UsageError(f"--filters is for unet-small; {network['name']} is as published.")
        network = studies.small_network(dimension, options.filters)
    if options.weights is not None:
        if "weights" not in network:
            raise UsageError(f"--weights is for DeepLab on VGG16; this study trains {network['name']}.")
        network = network | {"weights": _weights(options.weights)}
    return network


def _weights(given: str) -> str | None:
    if given in ("imagenet", "none"):
        return given if given == "imagenet" else None
    return str(Path(given).resolve())  # workers of Ray may stand in another folder
