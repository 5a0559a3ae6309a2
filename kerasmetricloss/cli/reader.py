"""The options that reach the reader of a data set: which channels, labels, masks and cases, and how they are read."""

import argparse
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.arguments import names
from kerasmetricloss.cli.errors import UsageError

_WHOLE = "none"


def add_reader_arguments(
    parser: argparse.ArgumentParser, *, default: str = "as the data set's owners distribute it"
) -> None:
    """Add the options of the readers to a command, in a group of their own.

    Args:
        parser: of the command.
        default: how images are read where no option says it.
    """
    reader = parser.add_argument_group(f"reading (default: {default})")
    reader.add_argument("--channels", type=names, metavar="A,B", help="image channels (default: those all cases have)")
    reader.add_argument("--labels", type=names, metavar="A,B", help="labels (default: the paper's binary task)")
    reader.add_argument("--groups", type=Path, metavar="CSV", help="table with columns case and group")
    reader.add_argument(
        "--mask", metavar="RULE", help="where a prediction counts, as in 'T1>25', or all (scans; default: the paper's)"
    )
    reader.add_argument("--fill", type=float, metavar="X", help="what replaces NaN and infinite voxels (scans)")
    pictures = parser.add_argument_group("reading radiographs (mo17)")
    pictures.add_argument("--roi", type=_roi, metavar="WxH", help="box around the object, or none (default: 217x217)")
    pictures.add_argument("--label", type=int, metavar="N", help="number of the object in charts of numbers, as 38")
    pictures.add_argument(
        "--unsqueeze", type=picture_size, metavar="WxH", help="bring pictures saved in another shape to this size"
    )
    pictures.add_argument(
        "--shrink", type=int, metavar="N", help="times lower resolution before the box is cut (default: 1; paper: 2)"
    )
    pictures.add_argument(
        "--absent", choices=("error", "skip"), help="what becomes of pictures without the object (default: error)"
    )
    folder = parser.add_argument_group("reading any folder (folder)")
    folder.add_argument(
        "--images",
        action="append",
        metavar="PATTERN",
        help="images below the root, as '*/pre/FLAIR.nii.gz' or 'frames/{id}.jpg'; once per channel",
    )
    folder.add_argument(
        "--truth", action="append", metavar="PATTERN", help="truths below the root; once, or once a label"
    )
    folder.add_argument(
        "--values",
        action="append",
        type=_numbers,
        metavar="LABEL=N,N",
        help="the numbers of a label in the truth; once a label, ignore=N for what is left out",
    )


def reader_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments of `datasets.open_dataset` that were typed; plain values, so that JSON holds them.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> add_reader_arguments(parser)
        >>> reader_settings(parser.parse_args(["--label", "38", "--roi", "none", "--unsqueeze", "995x563"]))
        {'label': 38, 'unsqueeze': (995, 563), 'roi': None}
    """
    plain = ("channels", "labels", "mask", "fill", "label", "unsqueeze", "shrink", "absent")
    settings = {name: getattr(options, name) for name in plain if getattr(options, name) is not None}
    if options.groups is not None:
        settings["groups"] = str(options.groups)
    if options.roi is not None:
        settings["roi"] = None if options.roi == _WHOLE else options.roi
    for name in ("images", "truth"):
        if getattr(options, name):
            settings[name] = tuple(getattr(options, name))
    if options.values:
        labels = [label for label, _ in options.values]
        if len(set(labels)) < len(labels):
            raise UsageError(
                f"--values {labels[0]}=...: a label is there twice; write all its numbers in one, as A=1,4."
            )
        settings["values"] = dict(options.values)
    return settings


def picture_size(text: str) -> tuple[int, int]:
    """Read a width and a height, as in 96x72."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write width and height as in 96x72")
    return int(width), int(height)


def _roi(text: str) -> tuple[int, int] | str:
    return _WHOLE if text.casefold() == _WHOLE else picture_size(text)


def _numbers(text: str) -> tuple[str, tuple[int, ...]]:
    label, _, numbers = text.partition("=")
    parts = [part.strip() for part in numbers.split(",")]
    if not label.strip() or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no label with its numbers; write them as in WT=1,2,4")
    return label.strip(), tuple(int(part) for part in parts)
