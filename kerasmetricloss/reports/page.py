"""Build the report of a study directory: one page, Markdown, plain tables and pictures, from its scores alone."""

from pathlib import Path
from textwrap import fill

from kerasmetricloss.reports.directory import read_study
from kerasmetricloss.reports.document import Document
from kerasmetricloss.reports.figures import table_picture
from kerasmetricloss.reports.findings import Findings, find, slug
from kerasmetricloss.reports.results import long_csv, means_table, pairs_csv
from kerasmetricloss.reports.sections import sections
from kerasmetricloss.reports.style import METRIC_SHORT, dataset_title
from kerasmetricloss.reports.tables import Table, to_latex, to_text, transposed
from kerasmetricloss.reports.words import answers, lead
from kerasmetricloss.scores import replace_file

TERMINAL = 100  # columns


def build_report(directory: str | Path, **settings: object) -> Path:
    """Write the report of a study into its directory.

    Reads `scores.parquet` and, where they exist, `study.json`, `pretraining.parquet`, `curves.parquet` and
    `examples.npz`. Writes `report.html`, one file that needs no network; `report.md` with `figures/*.png`; and the
    plain tables `RECIPE.csv`, `RECIPE-pairs.csv` and `RECIPE.tex`. Each file is replaced whole. Equal input gives equal
    bytes.

    Args:
        directory: the study directory.
        settings: how to test, as `statistics.compare` takes it: method, resamples, seed, by_group, alpha, correction.

    Returns:
        Path of `report.html`.

    Raises:
        ScoreTableError: there are no scores, or a file is damaged; nothing is written then.
    """
    findings = find(read_study(directory), **settings)
    study, table = findings.study, _main_table(findings)
    parts = tuple(part for part in sections(findings, table) if part.blocks)
    document = Document(_title(findings), lead(findings), parts)
    files = {f"figures/{picture.name}.png": picture.png for picture in document.pictures()}
    files["figures/table.png"] = table_picture(table, key=_key(findings))
    recipe = slug(study.settings.get("recipe", "report"))
    files |= {f"{recipe}.csv": long_csv(findings), f"{recipe}-pairs.csv": pairs_csv(findings)}
    texts = {f"{recipe}.tex": to_latex(table), "report.md": document.markdown(), "report.html": document.html()}
    for name, data in (files | {name: text.encode() for name, text in texts.items()}).items():
        replace_file(study.path / name, data)
    return study.path / "report.html"


def terminal_table(directory: str | Path, recipe: str | None = None, **settings: object) -> str:
    """The main table of a study and its answer, as plain text.

    Args:
        directory: the study directory.
        recipe: whose table; None for that of the last recipe.
        settings: as for `build_report`.
    """
    findings = find(read_study(directory), **settings)
    table = _main_table(findings)
    text = to_text(table)
    if max(map(len, text.splitlines())) > TERMINAL:
        text = to_text(transposed(table))
    found = "\n\n".join(fill(f"{one.head} {one.text}", TERMINAL) for one in answers(findings))
    key = _key(findings).replace("Grey", "*").replace("Italic", "-")
    return f"{text}\n{key}\n\n{found}\n"


def _title(findings: Findings) -> str:
    names = ", ".join(map(dataset_title, findings.study.datasets))
    return str(findings.study.settings.get("title") or f"Losses compared on {names}")


def _main_table(findings: Findings) -> Table:
    measures = ", ".join(METRIC_SHORT.get(metric, metric) for metric in findings.main)
    return means_table(findings, findings.main, caption=f"Mean over left-out cases: {measures}")


def _key(findings: Findings) -> str:
    """What the marks mean, in a line."""
    alpha = next(iter(findings.comparisons.values())).settings["alpha"]
    two = len(findings.study.losses) == 2
    marks = "Grey: better than the other. Italic: worse." if two else "Grey: top-ranked. Italic: worse than all others."
    return f"{marks} One-sided p < {alpha:g}."
