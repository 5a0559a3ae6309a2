"""What `run` takes on the command line."""

import argparse
from pathlib import Path

from kerasmetricloss.cli.arguments import box, fold_numbers, names, natural, positive, seed_numbers
from kerasmetricloss.cli.reader import add_reader_arguments, picture_size
from kerasmetricloss.cli.report import add_statistics_arguments


def add_run_arguments(run: argparse.ArgumentParser) -> None:
    """Add every argument of `run`, in the order of its help."""
    _add_study_arguments(run)
    _add_fold_arguments(run)
    run.add_argument(
        "--cases",
        type=positive,
        help="phantoms to make where there is no --root (default: 40 pictures, 20 volumes)",
    )
    _add_size_arguments(run)
    _add_training_arguments(run)
    add_reader_arguments(run)
    _add_engine_arguments(run)
    add_statistics_arguments(run)


def _add_study_arguments(run: argparse.ArgumentParser) -> None:
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
        type=names,
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


def _add_fold_arguments(run: argparse.ArgumentParser) -> None:
    run.add_argument("--folds", type=int, help="folds asked for (default: 5)")
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
        help="select weights on this share of the training groups (sequences, patients), not on the reported fold "
        "(default: 0, as the paper)",
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


def _add_size_arguments(run: argparse.ArgumentParser) -> None:
    sizes = run.add_argument_group("network and sizes (default: those of the scale)")
    sizes.add_argument(
        "--picture-size", type=picture_size, metavar="WxH", help="resize pictures, or what --roi cuts from them"
    )
    sizes.add_argument("--spacing-mm", type=float, metavar="MM", help="resample volumes to this isotropic voxel size")
    sizes.add_argument(
        "--network",
        metavar="NAME",
        help="unet-small, unet-half (the paper's with half its filters), unet, deepmedic-small, deepmedic, "
        "deeplab-small or deeplab",
    )
    sizes.add_argument("--filters", type=positive, help="filters of the first level of the small network")
    sizes.add_argument(
        "--patch-size",
        type=box,
        metavar="AxBxC",
        help="train in patches of which the network outputs this box, or the next larger that it can",
    )
    sizes.add_argument(
        "--repeats", type=positive, help="batches of patches an epoch from each few volumes that are in memory"
    )
    sizes.add_argument(
        "--patch-foreground",
        type=float,
        metavar="SHARE",
        help="share of the patches that are centred on foreground, the others on background "
        "(default: all anywhere inside the mask, as the paper)",
    )
    sizes.add_argument(
        "--weights",
        metavar="FILE",
        help="where DeepLab starts from: a file of VGG16's weights, imagenet or none (default: imagenet)",
    )


def _add_training_arguments(run: argparse.ArgumentParser) -> None:
    training = run.add_argument_group("training (default: that of the scale)")
    training.add_argument("--batch", type=int, help="images a step")
    training.add_argument("--pretrain-epochs", type=int, help="epochs of cross-entropy pre-training at most")
    training.add_argument("--epochs", type=int, help="epochs of each loss under study at most")
    training.add_argument("--optimizer", choices=("adam", "sgd"), help="of both trainings; sgd without momentum")
    training.add_argument("--rate", type=float, help="first learning rate of the pre-training")
    training.add_argument("--post-rate", type=float, help="first learning rate of each loss under study")
    training.add_argument(
        "--rate-patience", type=int, help="epochs without a better validation before the rate is divided by five"
    )
    training.add_argument(
        "--stop-patience", type=int, help="epochs without a better validation before a training stops"
    )
    training.add_argument(
        "--normalisation",
        choices=("data", "authors"),
        default="data",
        help="of each channel: mean and deviation of the training cases, or the authors' constants for their full data "
        "set (br18, is17, is18, wm17) (default: data)",
    )
    training.add_argument(
        "--no-augmentation",
        dest="augmentation",
        action="store_false",
        default=None,
        help="train on the images as they are, without noise, flips and rigid motion",
    )


def _add_engine_arguments(run: argparse.ArgumentParser) -> None:
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
    engine.add_argument("--cpus-per-cell", type=float, metavar="N", help="for Ray (default: 1)")
    engine.add_argument("--gpus-per-cell", type=float, metavar="N", help="for Ray, 0.5 too (default: 0)")
