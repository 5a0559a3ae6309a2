"""`phantom`: images in the layout of a data set, without the data set."""

import argparse
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.arguments import box


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    phantom = commands.add_parser(
        "phantom",
        help="write phantoms in the on-disk layout of a data set",
        description="Write phantoms in the layout of a data set, with the posterior they were drawn from below "
        "DIR/posterior. The same seed gives the same bytes.",
    )
    phantom.add_argument("dataset", help="br18, is17, is18, mo17, po18 or wm17")
    phantom.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write, new or empty")
    phantom.add_argument("--cases", type=int, default=20, metavar="N", help="number of cases (default: 20)")
    phantom.add_argument("--seed", type=int, default=0, metavar="S", help="seed (default: 0)")
    phantom.add_argument(
        "--size", type=box, metavar="WxH", help="pixels, or voxels as XxYxZ (default: the layout's own)"
    )
    phantom.set_defaults(handler=_phantom)


def _phantom(options: argparse.Namespace) -> None:
    from kerasmetricloss import datasets

    datasets.write_phantom(options.dataset, options.out, cases=options.cases, seed=options.seed, size=options.size)
    print(
        f"{options.cases} {options.dataset} phantoms are in {options.out}, "
        f"their posteriors in {options.out / 'posterior'}"
    )
