"""`predict`: whole images through a trained model, onto their own grid."""

import argparse
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.arguments import box
from kerasmetricloss.cli.errors import UsageError
from kerasmetricloss.cli.quiet import load_keras
from kerasmetricloss.cli.reader import add_reader_arguments, picture_size, reader_settings

_FORMS = ("unsqueeze", "shrink")  # settings that change the form of radiographs before the network sees them


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    predict = commands.add_parser(
        "predict",
        help="segment the images of a folder with a trained model",
        description="Segment every case of a folder with a model of a study (cells/*/model.keras) or with the authors' "
        "released weights (.hdf5), and score it where there is a truth. Scans need none; pictures without one are read "
        "with --dataset folder --images ... A model of yours (model.save) needs --dataset and what is said below. "
        "Labels of scans lie on their grid. Cases that cannot be read are told at the end. Stopped at any moment, the "
        "same command goes on where it was.",
    )
    predict.add_argument("--model", type=Path, required=True, metavar="FILE", help="a .keras model, or .hdf5 weights")
    predict.add_argument("--root", type=Path, required=True, metavar="DIR", help="folder of the data set")
    predict.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the predictions")
    predict.add_argument(
        "--dataset", metavar="NAME", help="layout of --root, or folder (default: that of the model's training)"
    )
    tiles = predict.add_argument_group("tiles")
    tiles.add_argument(
        "--tile",
        type=box,
        metavar="XxYxZ",
        help="voxels that one tile predicts, on the model's grid; one as large as the image does not cut it (default: "
        "the box of its study; of any other model the whole image where the largest map of the network holds at most "
        "2**28 values, 1 GiB, and else the tiles by which the network computes least)",
    )
    tiles.add_argument("--overlap", type=float, default=0.5, metavar="SHARE", help="of neighbours (default: 0.5)")
    tiles.add_argument("--blend", choices=("gaussian", "constant"), default="gaussian", help="(default: gaussian)")
    tiles.add_argument("--batch", type=int, default=1, metavar="N", help="tiles at a time (default: 1)")
    predict.add_argument(
        "--from-logits",
        action="store_true",
        help="the model gives logits: put a sigmoid behind it, with --exclusive a softmax (default: probabilities)",
    )
    _add_description(predict)
    add_reader_arguments(predict, default="as for the model's training, where its file says so")
    predict.set_defaults(handler=_predict)


def _add_description(predict: argparse.ArgumentParser) -> None:
    """Add the options that say of a bare model what one of a study says itself."""
    about = predict.add_argument_group(
        "a model whose file does not say how its images were prepared (with --dataset, --channels and --labels)"
    )
    about.add_argument(
        "--exclusive",
        action=argparse.BooleanOptionalAction,
        help="its outputs are exclusive classes: a voxel is of the class of its largest probability; the first is the "
        "background where --labels names one less (default: as the model ends in a softmax or not; a label of other "
        "outputs is where its own probability is above 0.5)",
    )
    own = "(default: their own)"
    about.add_argument("--spacing-mm", type=float, metavar="MM", help=f"isotropic voxels of its scans {own}")
    about.add_argument("--picture-size", type=picture_size, metavar="WxH", help=f"size of its pictures {own}")
    about.add_argument(
        "--shift",
        type=_reals,
        metavar="X,X",
        help="subtracted from each channel, one number a channel or one for all, as in --shift=-1,2 (default: each "
        "case's own mean, or 0 where the model normalises its input itself; --shift 0 --scale 1 leaves the values as "
        "they are)",
    )
    about.add_argument(
        "--scale",
        type=_reals,
        metavar="X,X",
        help="divides each channel (default: each case's own standard deviation, or 1 likewise)",
    )


def _predict(options: argparse.Namespace) -> None:
    if not options.model.is_file():  # before Keras is loaded, which takes seconds
        raise UsageError(f"{options.model}: no such file; name a .keras file, or .hdf5 weights.")
    load_keras()
    import keras

    from kerasmetricloss.cli.watch import watching
    from kerasmetricloss.pipelines import inference
    from kerasmetricloss.pipelines.inference.folder import SCORES

    tiling = inference.Tiling(size=options.tile, overlap=options.overlap, blending=options.blend, batch=options.batch)
    with watching() as observer:
        observer.stage("reading the model")
        model, trained_on = inference.load_model(options.model, otherwise=_description(options))
        if options.from_logits:
            if trained_on.seen or options.model.suffix.lower() in (".hdf5", ".h5"):
                raise UsageError(f"{options.model} gives probabilities: leave out --from-logits.")
            activation = keras.layers.Activation("softmax" if trained_on.exclusive else "sigmoid")
            model = keras.Model(model.inputs, activation(model.outputs[0]))
        _check_tile(options.tile, trained_on)
        problems: list[Any] = []
        cases = _cases(options, trained_on, problems, observer)
        ids = [case.id for case in cases]
        left_out = {problem.case: problem for problem in problems if problem.case not in {None, *ids}}
        _note([problem for problem in problems if problem.case not in left_out], observer)
        failed = list(left_out.values())
        with _tiles_are_noted(observer):
            try:
                inference.predict_folder(
                    cases,
                    inference.Network.of(model),
                    trained_on,
                    options.out,
                    model=inference.file_digest(options.model) + " logits" * options.from_logits,
                    tiling=tiling,
                    progress=lambda case, done, total: observer.stage("predicting", done, total),
                )
            except inference.CasesFailed as error:
                failed += error.failed
    scores = options.out / SCORES
    print(_summary(scores, ids))
    print(f"Labels are in {options.out}, their scores in {scores}")
    if failed:
        raise inference.CasesFailed(failed, len(cases) + len(left_out))


def _note(problems: Sequence[Any], observer: Any) -> None:
    """Tell the first of the complaints that leave no case out."""
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        observer.note(f"{problems[0]}{more}")


@contextmanager
def _tiles_are_noted(observer: Any) -> Iterator[None]:
    """Print one line, for the first image of which a tile says something else than the whole would."""
    from kerasmetricloss.pipelines.inference import TiledWarning

    said: list[str] = []
    show = warnings.showwarning

    def note(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, TiledWarning):
            show(message, category, *where, **more)
        elif not said:
            said.append(str(message))
            observer.note(f"{message} (--tile)")

    with warnings.catch_warnings():
        warnings.simplefilter("always", TiledWarning)
        warnings.showwarning = note
        yield


def _cases(options: argparse.Namespace, trained_on: Any, problems: list[Any], observer: Any) -> Any:
    """The cases of the root, with the model's channels and labels; those of a folder may lack a truth."""
    from kerasmetricloss import datasets

    name = (options.dataset or trained_on.dataset).casefold()
    if options.channels is None:
        _check_order(options.images or (), trained_on.channels)
    settings = {"channels": trained_on.channels, "labels": trained_on.labels or None} | reader_settings(options)
    known = set(datasets.settings_of(name))
    if name == "folder" and "images" in settings:
        settings.setdefault("truth", None)
    if len(settings.get("truth") or ()) != 1:  # numbers of labels are those of one file
        known.discard("values")
    reading = {key: tuple(value) if isinstance(value, list) else value for key, value in trained_on.reading.items()}
    if name != trained_on.dataset.casefold():
        if "mask" in known and "mask" not in settings:
            reading["mask"] = _mask_of_training(trained_on, settings["channels"])
        _note_what_is_lost({key: reading[key] for key in _FORMS if key in reading.keys() - known}, observer)
    reading = {key: value for key, value in reading.items() if key in known}
    return _opened(name, options.root, reading | settings, problems)


def _mask_of_training(trained_on: Any, channels: Sequence[str]) -> str:
    """The rule of the mask that the training had, its data set's own where none was typed."""
    from kerasmetricloss.datasets import CATALOG, masks

    entry = CATALOG.get(trained_on.dataset.casefold())
    own = f"{entry.mask.channel}>{entry.mask.above:g}" if entry is not None and entry.mask else masks.EVERYWHERE
    rule = trained_on.reading.get("mask") or own
    limit = masks.mask_rule(rule)
    if limit is not None and limit.channel not in channels:
        raise UsageError(
            f"the model was trained where {rule}, and {limit.channel} is none of the channels {', '.join(channels)}: "
            "say where a prediction counts (--mask CHANNEL>NUMBER, or --mask all)."
        )
    return rule


def _note_what_is_lost(forms: dict[str, Any], observer: Any) -> None:
    """Tell of settings that brought the pictures of the training to a form that those read by pattern do not get."""
    if forms:
        told = " ".join(
            f"--{key} {'x'.join(map(str, value)) if isinstance(value, tuple) else value}"
            for key, value in forms.items()
        )
        observer.note(
            f"the training read its pictures with {told}; here they are read as they are: bring them to that form"
        )


def _opened(name: str, root: Path, settings: dict[str, Any], problems: list[Any]) -> Any:
    """The cases of a layout; scans may lack their truth. Complaints about single cases are collected."""
    from kerasmetricloss import datasets

    try:
        return datasets.open_dataset(name, root, truth_needed=False, problems=problems, **settings)
    except datasets.DataError as error:
        entry = datasets.CATALOG.get(name.casefold())
        if entry is None or not root.is_dir() or (entry.spacing_mm and error.case):
            raise
        # The readers of pictures pair each with its truth; a folder of scans can have another layout than its owners'.
        mend = "images without a truth or in another layout are read with --dataset folder --images PATTERN ..."
        mend = f"{error.mend}; {mend}" if error.mend else mend
        raise datasets.DataError(error.problem, case=error.case, file=error.file, mend=mend) from error


def _description(options: argparse.Namespace) -> Any:
    """What turns a bare model into one that is described, or None where nothing is said."""
    from kerasmetricloss.pipelines import inference

    said = {name: getattr(options, name) for name in ("spacing_mm", "picture_size", "shift", "scale", "exclusive")}
    said = {name: value for name, value in said.items() if value is not None}
    knows = options.model.suffix != ".keras" or inference.read_trained_on(options.model) is not None
    if said and knows:
        option = min(said).replace("_", "-")
        raise UsageError(
            f"--{option} is for a model whose file does not say how its images were prepared; this one does."
        )
    if options.dataset is None or knows:
        return None
    settings = said | {"dataset": options.dataset, "channels": options.channels, "labels": options.labels or ()}
    return lambda model: inference.described(model, **settings)


def _check_order(patterns: Sequence[str], channels: Sequence[str]) -> None:
    """Refuse patterns that by their names stand in another order than the channels of the training."""
    from kerasmetricloss.datasets.patterns import name_of

    if len(patterns) != len(channels):
        return
    known = [channel.casefold() for channel in channels]
    for pattern, channel in zip(patterns, channels, strict=True):
        name = name_of(pattern).casefold()
        words = {name, *re.split(r"[._\-\s]+", name)}
        if channel.casefold() not in words and words & set(known):
            raise UsageError(
                f"--images {pattern} stands where the model takes {channel}: give the patterns in the order "
                f"{', '.join(channels)}; or, where only the names differ, add --channels {','.join(channels)}."
            )


def _summary(path: Path, ids: Sequence[str]) -> str:
    """Mean Dice and Jaccard of each label over these cases, where they have a truth and the model never saw them."""
    import pandas as pd

    numbers = {name: ["", "nan"] for name in ("dice", "jaccard", "truth_voxels")}  # a case may be called NA
    names = dict.fromkeys(("case", "group", "label", "seen"), str)
    table = pd.read_csv(path, dtype=names, keep_default_na=False, na_values=numbers)
    table = table[table["case"].isin(ids)]
    scored, seen = table["dice"].notna(), table["seen"] == "yes"
    table = table.assign(new=scored & ~seen)
    lines = []
    if scored.any():
        lines.append(f"{'label':<12}{'cases':>6}{'Dice':>8}{'Jaccard':>9}")
        for label, rows in table.groupby("label", sort=False):
            new = rows[rows["new"]]
            means = (f"{new[name].mean():.3f}" if len(new) else "–" for name in ("dice", "jaccard"))
            lines.append("{:<12}{:>6}{:>8}{:>9}".format(label, len(new), *means))
    for which, said in (
        (scored & seen, "left out of the means: the model was trained on them (seen in the table)"),
        (~scored, "without a truth, not scored"),
    ):
        if which.any():
            lines.append(f"{table['case'][which].nunique()} of {table['case'].nunique()} cases {said}")
    return "\n".join(lines)


def _check_tile(tile: tuple[int, ...] | None, trained_on: Any) -> None:
    axes = len(trained_on.preparation.output_size)
    if tile is not None and len(tile) != axes:
        raise UsageError(f"--tile has {len(tile)} axes, the model {axes}: write {'x'.join(['48'] * axes)}.")


def _reals(text: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers; write them as in 120,85.5") from None
