"""`demo` and `run`: from files to the marked table."""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.arguments import fold_numbers, natural, positive, seed_numbers
from kerasmetricloss.cli.errors import UsageError
from kerasmetricloss.cli.quiet import load_keras
from kerasmetricloss.cli.reader import add_reader_arguments, picture_size, reader_settings
from kerasmetricloss.cli.report import write_report

DEMO_CASES = 60
PHANTOMS = {2: 40, 3: 20}  # by dimension: what a recipe at small scale gets through in its minutes


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    demo = commands.add_parser(
        "demo",
        help="phantoms, five folds, five losses, one marked table (about 6 minutes on 2 cores)",
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
    _add_run_arguments(run)
    run.set_defaults(handler=_run)


def _add_run_arguments(run: argparse.ArgumentParser) -> None:
    run.add_argument("recipe", help="a table or figure: table1 to table7, tableB1, fig1 to fig5, figB1 to figB8")
    run.add_argument(
        "--dataset",
        help="po18, mo17, br18, is17, is18, wm17, wm17dm or folder (default: the recipe's); on phantoms several, "
        "separated by commas; with --root one after the other into the same --out",
    )
    run.add_argument("--root", type=Path, help="folder of the data set (default: phantoms, made below OUT)")
    run.add_argument("--out", type=Path, required=True, help="directory of the study")
    run.add_argument(
        "--scale",
        choices=("small", "paper"),
        default="small",
        help="small: minutes on 2 cores; paper: its network and sizes (default: small)",
    )
    run.add_argument(
        "--losses",
        type=_names,
        default=(),
        metavar="A,B",
        help="losses by the paper's or the class names (default: the recipe's)",
    )
    run.add_argument(
        "--loss",
        action="append",
        default=[],
        metavar="NAME",
        help="one more loss, such as your own package.module:Name; may be given several times",
    )
    run.add_argument("--folds", type=int, default=5, help="folds asked for (default: 5)")
    run.add_argument(
        "--only-folds",
        type=fold_numbers,
        default=(),
        metavar="N,N",
        help="train these of the folds only, counted from 1: a first look that the whole study then goes on from",
    )
    run.add_argument(
        "--folds-by",
        choices=("group", "case"),
        help="keep groups (sequences, patients) together, or not (default: group)",
    )
    run.add_argument(
        "--splits", type=Path, metavar="FILE", help="published folds, as the authors' validation_splits.txt"
    )
    run.add_argument(
        "--inner-validation",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="select weights on this share of the training cases, not on the reported fold (default: 0, as the paper)",
    )
    run.add_argument(
        "--seed", type=natural, default=0, help="seed of folds, weights, order and augmentation (default: 0)"
    )
    run.add_argument(
        "--seeds",
        type=seed_numbers,
        default=(),
        metavar="S,S",
        help="train each network once with each of these seeds and take the mean of a case's scores (default: --seed)",
    )
    run.add_argument(
        "--cases",
        type=positive,
        help="phantoms to make where there is no --root (default: 40 pictures, 20 volumes)",
    )
    sizes = run.add_argument_group("network and sizes (default: those of the scale)")
    sizes.add_argument("--picture-size", type=picture_size, metavar="WxH", help="resize pictures to this size")
    sizes.add_argument("--spacing-mm", type=float, metavar="MM", help="resample volumes to this isotropic voxel size")
    sizes.add_argument(
        "--network",
        metavar="NAME",
        help="unet-small, unet-half (the paper's with half its filters), unet, deepmedic-small, deepmedic, "
        "deeplab-small or deeplab",
    )
    sizes.add_argument("--filters", type=positive, help="filters of the first level of the small network")
    sizes.add_argument(
        "--repeats", type=positive, help="batches of patches an epoch from each few volumes that are in memory"
    )
    sizes.add_argument(
        "--weights",
        metavar="FILE",
        help="where DeepLab starts from: a file of VGG16's weights, imagenet or none (default: imagenet)",
    )
    _add_training_arguments(run)
    add_reader_arguments(run)
    engine = run.add_argument_group("where it runs")
    engine.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="local: one training after the other in this process; ray: as many at a time as Ray has room for",
    )
    engine.add_argument(
        "--devices", type=positive, default=1, metavar="N", help="devices of one training, on JAX (default: 1)"
    )
    engine.add_argument("--tensorboard", action="store_true", help="write curves for TensorBoard, OUT/tensorboard")
    engine.add_argument("--address", help="Ray cluster (default: the one that runs here, or one for this run)")
    engine.add_argument("--cpus-per-cell", type=float, default=1, metavar="N", help="for Ray (default: 1)")
    engine.add_argument("--gpus-per-cell", type=float, default=0, metavar="N", help="for Ray, 0.5 too (default: 0)")


def _add_training_arguments(run: argparse.ArgumentParser) -> None:
    training = run.add_argument_group("training (default: that of the scale)")
    training.add_argument("--batch", type=int, help="images a step")
    training.add_argument("--pretrain-epochs", type=int, help="epochs of cross-entropy pre-training at most")
    training.add_argument("--epochs", type=int, help="epochs of each loss under study at most")
    training.add_argument("--rate", type=float, help="first learning rate of the pre-training")
    training.add_argument("--post-rate", type=float, help="first learning rate of each loss under study")
    training.add_argument(
        "--rate-patience", type=int, help="epochs without a better validation before the rate is divided by five"
    )
    training.add_argument(
        "--stop-patience", type=int, help="epochs without a better validation before a training stops"
    )


def _demo(options: argparse.Namespace) -> None:
    arguments = ["run", "table2", "--dataset", "po18", "--scale", "small", "--out", str(options.out)]
    arguments += ["--cases", str(options.cases), "--seed", str(options.seed)]
    from kerasmetricloss.cli import parser

    _run(parser().parse_args(arguments, argparse.Namespace(command=options.command)))


def _run(options: argparse.Namespace) -> None:
    load_keras()
    from kerasmetricloss import studies
    from kerasmetricloss.cli.watch import watching

    # A loss of the user's own is found where the command is typed.
    sys.path.insert(0, str(Path.cwd()))

    recipe = studies.recipe(options.recipe)
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
        write_report(options.out, recipe.name)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise studies.StudyError("\n".join(map(str, failed)))


def _run_each(requests: Sequence[Any], observer: Any, engine: Any) -> list[Exception]:
    """Run one data set after the other; what went wrong with one does not stop the next, unless nothing could go on."""
    from kerasmetricloss import studies

    failed = []
    for request in requests:
        try:
            studies.run(request, observer=observer, engine=engine)
        except studies.StudyStopped:
            raise
        except studies.StudyError as error:
            failed.append(error)
    return failed


def _request(recipe: Any, setup: Any, options: argparse.Namespace) -> Any:
    from kerasmetricloss import studies

    cases = options.cases or PHANTOMS[setup.network["dimension"]]
    return studies.Request(
        recipe=recipe,
        setup=setup,
        root=options.root or options.out / "phantoms" / setup.reader,
        out=options.out,
        losses=tuple(dict.fromkeys([*(options.losses or recipe.losses), *options.loss])),
        folds=options.folds,
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
    from kerasmetricloss import studies

    if dataset != "folder":
        return studies.setup(dataset, options.scale, recipe)
    if options.root is None or not options.images:
        raise UsageError("--dataset folder reads a folder of your own: give --root, --images and --truth.")
    volumes = options.images[0].lower().endswith((".nii", ".nii.gz"))
    return studies.folder_setup(3 if volumes else 2, options.scale, recipe)


def _engine(options: argparse.Namespace) -> Any:
    from kerasmetricloss import studies

    if options.engine == "local":
        return studies.run_local
    return functools.partial(
        studies.run_ray,
        address=options.address,
        cpus_per_cell=options.cpus_per_cell,
        gpus_per_cell=options.gpus_per_cell,
    )


def _changed(setup: Any, options: argparse.Namespace) -> Any:
    import dataclasses

    changes: dict[str, Any] = {}
    if options.picture_size:
        changes["picture_size"] = options.picture_size
    if options.spacing_mm is not None:
        changes["spacing_mm"] = options.spacing_mm
    if options.folds_by:
        changes["folds_by"] = options.folds_by
    if options.repeats is not None:
        if setup.patch is None:
            raise UsageError(f"--repeats is for patches; {setup.dataset} trains on whole images.")
        changes["patch"] = setup.patch | {"repeats": options.repeats}
    network = _network(setup, options)
    reading = reader_settings(options)
    for name in ("channels", "labels"):
        if name in reading:
            changes[name] = reading.pop(name)
    changes["reading"] = reading
    return dataclasses.replace(setup, network=network, **changes).with_training(
        batch=options.batch,
        epochs=options.pretrain_epochs,
        post_epochs=options.epochs,
        rate=options.rate,
        post_rate=options.post_rate,
        rate_patience=options.rate_patience,
        stop_patience=options.stop_patience,
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
        network = network | {"weights": None if options.weights == "none" else options.weights}
    return network


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
