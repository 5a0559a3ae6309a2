"""`prepare`: cases brought to one grid and one box, once, for trainings to open."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.arguments import box, natural
from kerasmetricloss.cli.errors import UsageError
from kerasmetricloss.cli.quiet import load_keras
from kerasmetricloss.cli.reader import add_reader_arguments, picture_size, reader_settings


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    prepare = commands.add_parser(
        "prepare",
        help="resample, crop or fill every case once, into a cache",
        description="Bring every case of a folder to one grid and one box, and keep the arrays in a cache, where "
        "kerasmetricloss.pipelines.prepare_all finds them by the content of the files and the settings. Cases that "
        "are there already are not made again.",
    )
    prepare.add_argument("--dataset", required=True, metavar="D", help="br18, is17, is18, wm17, mo17, po18 or folder")
    prepare.add_argument("--root", type=Path, required=True, metavar="DIR", help="folder of the data set")
    prepare.add_argument("--cache", type=Path, required=True, metavar="DIR", help="folder of the cache")
    prepare.add_argument(
        "--prune", action="store_true", help="then delete every entry of the cache that is not one of these"
    )
    sizes = prepare.add_argument_group("grid and box (default: the paper's)")
    sizes.add_argument("--spacing-mm", type=float, metavar="MM", help="isotropic voxels of volumes; 0 keeps the grid")
    sizes.add_argument("--picture-size", type=picture_size, metavar="WxH", help="resize pictures to this size first")
    sizes.add_argument("--output-size", type=box, metavar="AxBxC", help="box of truth and mask, an axis of the array")
    sizes.add_argument("--margin", type=natural, default=0, metavar="N", help="voxels more of the image a side")
    add_reader_arguments(prepare)
    prepare.set_defaults(handler=_prepare)


def _prepare(options: argparse.Namespace) -> None:
    load_keras()
    from kerasmetricloss import datasets, pipelines
    from kerasmetricloss.cli.watch import watching

    cases = datasets.open_dataset(options.dataset, options.root, **reader_settings(options))
    preparation = _preparation(options)
    before = _entries(options.cache)
    with watching() as observer:
        prepared = pipelines.prepare_all(
            cases,
            preparation,
            cache_dir=options.cache,
            progress=lambda done, total: observer.stage("preparing", done, total),
        )
    made = len(_entries(options.cache) - before)
    size = "x".join(map(str, preparation.output_size))
    print(f"{len(prepared)} cases of {size} voxels in {options.cache}: {made} made, {len(prepared) - made} found there")
    for line in datasets.left_out(cases) if options.channels is None else ():
        print(line)
    for line in _statistics(options.dataset, cases[0], prepared):
        print(line)
    if options.prune:
        entries, freed = pipelines.prune(options.cache, prepared)
        print(f"{entries} other entries deleted, {freed / 1e6:.1f} MB")


def _preparation(options: argparse.Namespace) -> Any:
    from kerasmetricloss import datasets, pipelines

    known = datasets.CATALOG.get(options.dataset.casefold())
    output_size = options.output_size or (known.output_size if known else None)
    if output_size is None:
        raise UsageError(f"The data set {options.dataset} has no box of its own: add --output-size, as 136x136x82.")
    spacing = options.spacing_mm if options.spacing_mm is not None else (known.spacing_mm if known else None)
    picture = options.picture_size
    if picture is None and known is not None and known.name == "po18":
        picture = output_size[::-1]
    try:
        return pipelines.Preparation(
            output_size=output_size, margin=options.margin, spacing_mm=spacing or None, picture_size=picture
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _statistics(dataset: str, case: Any, prepared: list) -> Iterator[str]:
    """What trainings need beside the arrays; the authors' constants stand beside where the channels are theirs."""
    from kerasmetricloss import datasets, pipelines

    shift, scale = pipelines.channel_statistics(prepared)
    known = datasets.CATALOG.get(dataset.casefold())
    theirs = known.constants if known is not None else {}
    for name, mean, deviation in zip(case.channels, shift, scale, strict=True):
        published = f" (the authors': {theirs[name][0]}, {theirs[name][1]})" if name in theirs else ""
        yield f"{name}: mean {mean:.6g}, standard deviation {deviation:.6g} inside the masks{published}"
    for label, prior in zip(case.labels, pipelines.foreground_prior(prepared), strict=True):
        yield f"{label}: {prior:.4g} of the voxels inside the masks"


def _entries(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if not path.name.startswith(".")} if cache.is_dir() else set()
