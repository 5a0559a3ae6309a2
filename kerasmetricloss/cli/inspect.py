"""`inspect`: what a folder holds, before anything is trained on it."""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.errors import UsageError
from kerasmetricloss.cli.reader import add_reader_arguments, reader_settings
from kerasmetricloss.files import replace_file

_MOST_KINDS = 6


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    inspect = commands.add_parser(
        "inspect",
        help="cases, sizes, ratios and every problem of a folder",
        description="Read every case of a folder once: how many there are, shapes, spacings, foreground ratio, sizes, "
        "and every problem with its mend. Exit status 0 where any case can be read.",
    )
    inspect.add_argument("--dataset", required=True, metavar="D", help="br18, is17, is18, wm17, mo17, po18 or folder")
    inspect.add_argument("--root", type=Path, required=True, metavar="DIR", help="folder of the data set")
    inspect.add_argument("--out", type=Path, metavar="FILE.png", help="write a contact sheet, truths outlined")
    add_reader_arguments(inspect)
    inspect.set_defaults(handler=_inspect)


def _inspect(options: argparse.Namespace) -> None:
    from kerasmetricloss.datasets import inspection

    if options.out is not None and options.out.suffix.casefold() != ".png":
        raise UsageError(f"--out {options.out}: the contact sheet is a picture; name a file that ends in .png.")
    if options.out is not None and not options.out.absolute().parent.is_dir():
        raise UsageError(f"--out {options.out}: its folder does not exist; make it, or name another.")
    settings = reader_settings(options)
    with _progress("reading") as progress:
        found = inspection.inspect(options.dataset, options.root, progress=progress, **settings)
    for line in _lines(found):
        print(_printable(line))
    if options.out is not None:
        from kerasmetricloss.datasets.contact_sheet import contact_sheet

        replace_file(options.out, contact_sheet(found))
        print(f"The contact sheet is {options.out}")


def _printable(line: str) -> str:
    """Return a line with what the terminal cannot show spelt out, such as a file name in another encoding."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _lines(found: Any) -> Iterator[str]:
    first = found.cases[0]
    groups = {case.group for case in found.cases}
    yield f"{len(found.cases)} cases" + (f" in {len(groups)} groups" if len(groups) < len(found.cases) else "")
    absent = f"; left out, because some case lacks them: {', '.join(first.absent)}" if first.absent else ""
    yield f"channels: {', '.join(first.channels)}{absent}"
    yield f"labels: {', '.join(first.labels)}"
    yield f"shapes: {_kinds([_shape(one.shape) for one in found.summaries])}"
    yield f"spacings: {_kinds([_spacing(one.spacing_mm) for one in found.summaries])}"
    shares = [one.inside / math.prod(one.shape) for one in found.summaries]
    yield f"mask: {min(shares):.1%} to {max(shares):.1%} of the grid"
    ignored = [one.id for one in found.summaries if one.ignored]
    if ignored:
        yield f"ignored voxels: in {len(ignored)} cases ({_some(ignored)})"
    for index, label in enumerate(first.labels):
        yield from _label_lines(found, index, label)
    yield from _complaints("problems", found.problems)
    yield from _complaints("worth a look", found.notes)


def _label_lines(found: Any, index: int, label: str) -> Iterator[str]:
    ratios = found.ratios(index)
    if ratios.size:
        yield (
            f"{label}: foreground ratio inside the mask {ratios.mean():.3g} "
            f"(foreground over background, mean of the cases; {ratios.min():.3g} to {ratios.max():.3g})"
        )
    deciles, unit = found.size_deciles(index)
    yield f"{label}: size deciles in {unit}: {' '.join(map(_size, deciles))}"


def _complaints(title: str, complaints: Sequence[Exception]) -> Iterator[str]:
    if not complaints:
        yield f"{title}: none"
        return
    yield f"{title}: {len(complaints)}"
    for complaint in complaints:
        yield f"  {complaint}"


def _kinds(texts: list[str]) -> str:
    """Return each kind with how often it is there, the commonest first."""
    counts = Counter(texts).most_common()
    shown = [f"{text} ({count})" for text, count in counts[:_MOST_KINDS]]
    rest = sum(count for _, count in counts[_MOST_KINDS:])
    return ", ".join(shown) + (f", {len(counts) - _MOST_KINDS} others ({rest})" if rest else "")


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MOST_KINDS]) + (", ..." if len(names) > _MOST_KINDS else "")


def _shape(shape: tuple[int, ...]) -> str:
    # Pictures are named by width and height, as everywhere outside arrays.
    return "x".join(map(str, shape[::-1] if len(shape) == 2 else shape))


def _spacing(spacing_mm: tuple[float, ...] | None) -> str:
    return "unknown" if spacing_mm is None else " x ".join(f"{length:.4g}" for length in spacing_mm) + " mm"


def _size(size: float) -> str:
    return f"{size:.0f}" if size >= 1000 else f"{size:.4g}"


@contextmanager
def _progress(title: str) -> Iterator[Any]:
    """Yield a function of (done, total, case) that moves a bar on a terminal and says nothing in a log."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total, _: progress.update(task, completed=done, total=total)
