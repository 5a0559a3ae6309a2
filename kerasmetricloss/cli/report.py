"""`report`: every table and figure again, from the scores alone."""

import argparse
from pathlib import Path
from typing import Any

from kerasmetricloss.cli.arguments import level, names, natural, positive


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    report = commands.add_parser(
        "report",
        help="rebuild every table and figure from the scores (needs no Keras)",
        description="Rebuild report.html, report.md, the tables and the figures of a study from its scores. Scores of "
        "your own lie in its directory as scores.csv: a row a case and metric, with the columns dataset, model, loss, "
        "seed, fold, case, group, label, metric, value (an empty value where it is not defined).",
    )
    report.add_argument("directory", type=Path, help="directory of the study, or one with a scores.csv of yours")
    report.add_argument("--seed", type=natural, default=0, metavar="S", help="seed of the resampling (default: 0)")
    for better in ("lower", "higher"):
        report.add_argument(
            f"--{better}",
            type=names,
            default=(),
            metavar="A,B",
            help=f"metrics of which a {better} value is better (default: as their names tell, else higher)",
        )
    add_statistics_arguments(report)
    report.set_defaults(handler=_report)


def add_statistics_arguments(command: argparse.ArgumentParser) -> None:
    """Add what says how losses are compared, for `report` and for the report that ends a `run`."""
    statistics = command.add_argument_group("how losses are compared")
    statistics.add_argument(
        "--method",
        choices=("bootstrap", "permutation"),
        default="bootstrap",
        help="the paired test: resampled cases, as in the paper, or swapped pairs (default: bootstrap)",
    )
    statistics.add_argument(
        "--resamples",
        type=positive,
        metavar="N",
        help="resamples a test (default: 10,000 for the bootstrap, 100,000 for the permutation test)",
    )
    statistics.add_argument(
        "--by-group",
        action="store_true",
        help="resample whole groups (sequences, patients), not cases; without it the page shows what they would give",
    )
    statistics.add_argument(
        "--holm", action="store_true", help="correct for multiple comparisons (default: as the paper)"
    )
    statistics.add_argument(
        "--alpha", type=level, default=0.05, metavar="A", help="one-sided level of the marks (default: 0.05)"
    )


def statistics_settings(options: argparse.Namespace) -> dict[str, Any]:
    """What `add_statistics_arguments` read, as `statistics.compare` takes it."""
    return {
        "method": options.method,
        "resamples": options.resamples,
        "by_group": options.by_group,
        "correction": "holm" if options.holm else None,
        "alpha": options.alpha,
    }


def write_report(directory: Path, recipe: str | None = None, **settings: object) -> None:
    """Write the report of a study; print a table of it and where the page is.

    Args:
        directory: the study directory.
        recipe: whose table is printed; None for that of the last recipe.
        settings: how to test, as `statistics.compare` takes it.
    """
    from kerasmetricloss import reports

    page = reports.build_report(directory, **settings)
    print(reports.terminal_table(directory, recipe, **settings))
    print(f"\nThe report is {page}")


def _report(options: argparse.Namespace) -> None:
    directions = {"lower": options.lower, "higher": options.higher}
    write_report(options.directory, seed=options.seed, **directions, **statistics_settings(options))
