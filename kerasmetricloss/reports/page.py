"""Build the report of a study directory: one page, Markdown, plain tables and pictures, from its scores alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import fill

from kerasmetricloss.files import replace_file
from kerasmetricloss.reports.answers import answers
from kerasmetricloss.reports.directory import Chapter, StudyDirectory, read_study
from kerasmetricloss.reports.document import Answer, Document, Part
from kerasmetricloss.reports.exports import long_csv, pairs_csv
from kerasmetricloss.reports.figure_sections import figure_sections
from kerasmetricloss.reports.figures import table_picture
from kerasmetricloss.reports.findings import Findings, find, slug
from kerasmetricloss.reports.layouts import in_paper_order, layout_of
from kerasmetricloss.reports.plain_sections import plain_lead, plain_sections
from kerasmetricloss.reports.provenance import provenance, provenance_part
from kerasmetricloss.reports.results import KEY, marks_legend, means_table, paper_table
from kerasmetricloss.reports.sections import curves_section, table_sections, tests_section
from kerasmetricloss.reports.style import METRIC_SHORT, dataset_title
from kerasmetricloss.reports.tables import Table, to_latex, to_text, transposed
from kerasmetricloss.reports.words import few_cases, lead
from kerasmetricloss.scores import ScoreTableError

TERMINAL = 100  # columns
LONGEST_GIST = 180  # signs that the contents hold of a chapter's answer


@dataclass(frozen=True)
class Written:
    """A chapter with its findings, and the files beside the page that belong to it: name -> bytes."""

    part: Part
    findings: Findings | None = None
    files: dict[str, bytes] = field(default_factory=dict)


def build_report(directory: str | Path, **settings: object) -> Path:
    """Write the report of a study into its directory: a chapter for every recipe that ran there.

    Reads `study.json` and what its recipes need of `scores.parquet`, `pretraining.parquet`, `curves.parquet`,
    `examples.npz` and `rectangles.npz`; scores alone are enough. Writes `report.html`, one file that needs no network;
    `report.md` with `figures/*.png`; and for each table RECIPE the picture `figures/RECIPE.png` and the plain files
    `RECIPE.csv`, `RECIPE-pairs.csv` and `RECIPE.tex`. Each file is replaced whole. Equal input gives equal bytes.

    Args:
        directory: the study directory.
        settings: how to test, as `statistics.compare` takes it: method, resamples, seed, by_group, alpha, correction;
            lower and higher: names of metrics of which a smaller or a larger value is better, where the name of the
            metric does not tell.

    Returns:
        Path of `report.html`.

    Raises:
        ScoreTableError: there are no scores, a file is damaged, or `lower` or `higher` names a metric that is not
            scored; nothing is written then.
    """
    study = read_study(directory)
    _check_directions(study, **settings)
    chapters = [study.chapter(recipe) for recipe in in_paper_order(list(study.recipes))]
    written = [_write(chapter, settings) for chapter in chapters]
    parts = _parts(study, chapters, written)
    title, said = (parts[0].title, parts[0].lead) if len(parts) == 1 else _about_all(chapters)
    document = Document(title, said, parts)
    files = {name: data for one in written for name, data in one.files.items()}
    files |= {f"figures/{picture.name}.png": picture.png for part in parts for picture in part.pictures()}
    files |= {"report.md": document.markdown().encode(), "report.html": document.html().encode()}
    for name, data in files.items():
        replace_file(study.path / name, data)
    return study.path / "report.html"


def terminal_table(directory: str | Path, recipe: str | None = None, **settings: object) -> str:
    """The main table of a recipe and its answer as plain text; of a figure, what it shows and where it is.

    Args:
        directory: the study directory.
        recipe: whose table; None for that of the recipe that ran last.
        settings: as for `build_report`.

    Raises:
        ScoreTableError: as `build_report`, or the study has no such recipe.
    """
    study = read_study(directory)
    chapter = study.chapter(recipe or study.last)
    layout = layout_of(chapter.recipe)
    if not layout.is_table:
        return _terminal_figure(study, chapter, settings)
    findings = find(chapter, **settings)
    table = _main_table(findings)
    text = to_text(table)
    if max(map(len, text.splitlines())) > TERMINAL:
        text = to_text(transposed(table))
    found = "\n\n".join(fill(f"{one.head} {one.text}", TERMINAL) for one in answers(findings))
    key = _key(findings).replace("Grey", "*").replace("Italic", "-")
    few = "".join(f"\n{fill(note, TERMINAL)}\n" for note in few_cases(findings))
    return f"{text}\n{key}\n\n{found}\n{few}"


def _check_directions(
    study: StudyDirectory, lower: Sequence[str] = (), higher: Sequence[str] = (), **_: object
) -> None:
    scored = study.scores.metrics
    if unknown := [metric for metric in (*lower, *higher) if metric not in scored]:
        raise ScoreTableError(f"{study.path}: holds no scores of {', '.join(unknown)}; it has {', '.join(scored)}.")
    if both := sorted({*lower} & {*higher}):
        raise ScoreTableError(f"{', '.join(both)}: said to be better low and better high; say one of the two.")


def _terminal_figure(study: StudyDirectory, chapter: Chapter, settings: dict) -> str:
    layout, name = layout_of(chapter.recipe), slug(chapter.recipe)
    if layout.has_scores:
        first = figure_sections(find(chapter, **settings))[0]
        said = [fill(f"{one.head} {one.text}", TERMINAL) for one in first.blocks if isinstance(one, Answer)]
    else:
        said = [fill(plain_lead(layout.shows), TERMINAL)]
    figures = study.path / "figures"
    paths = sorted([*figures.glob(f"{name}.png"), *figures.glob(f"{name}-*.png")])
    return "\n\n".join([_title(chapter), *said, "\n".join(map(str, paths))]).rstrip() + "\n"


def _parts(study: StudyDirectory, chapters: list[Chapter], written: list[Written]) -> tuple[Part, ...]:
    """The chapters, and what holds for all of them: within the only chapter, or at the end of several."""
    tests = tests_section([one.findings for one in written if one.findings is not None])
    if len(written) > 1:
        shared = (tests, curves_section(study.curves, "curves"))
        return (*(one.part for one in written), provenance_part(study, chapters, shared))
    part, chapter = written[0].part, chapters[0]
    curves = curves_section(chapter.curves, f"{part.key}-curves")
    return (replace(part, sections=(*part.sections, curves, tests, provenance(chapter))),)


def _write(chapter: Chapter, settings: dict) -> Written:
    """Compose a chapter and its files."""
    layout, key, title = layout_of(chapter.recipe), slug(chapter.recipe), _title(chapter)
    name = layout.number or chapter.recipe
    if not layout.has_scores:
        sections = plain_sections(chapter, layout.shows)
        return Written(Part(key, name, title, plain_lead(layout.shows), sections, title))
    findings = find(chapter, **settings)
    files = {f"{key}.csv": long_csv(findings), f"{key}-pairs.csv": pairs_csv(findings)}
    if not layout.is_table:
        sections = figure_sections(findings)
    else:
        table, paper = _main_table(findings), paper_table(findings, findings.main)
        sections = table_sections(findings, table)
        files[f"figures/{key}.png"] = table_picture(table, key=_key(findings))
        files[f"{key}.tex"] = "\n".join(to_latex(one) for one in (table, paper) if one is not None).encode()
    gist = next((block.head for block in sections[0].blocks if isinstance(block, Answer)), title)
    gist = gist if len(gist) <= LONGEST_GIST else title
    return Written(Part(key, name, title, lead(findings), sections, gist), findings, files)


def _about_all(chapters: list[Chapter]) -> tuple[str, str]:
    """Title and lead of a report of several chapters."""
    datasets = list(dict.fromkeys(dataset_title(name) for chapter in chapters for name in chapter.datasets))
    tables = sum(layout_of(chapter.recipe).is_table for chapter in chapters)
    figures = len(chapters) - tables
    counted = [f"{n} {what}{'s' * (n > 1)}" for n, what in ((tables, "table"), (figures, "figure")) if n]
    said = f"{' and '.join(counted)} of the paper, in its order"
    return "Metric-sensitive losses, measured", said + (f", on {', '.join(datasets)}." if datasets else ".")


def _title(chapter: Chapter) -> str:
    names = ", ".join(map(dataset_title, chapter.datasets))
    return chapter.title or f"Losses compared on {names}"


def _main_table(findings: Findings) -> Table:
    measures = ", ".join(METRIC_SHORT.get(metric, metric) for metric in findings.main)
    return means_table(findings, findings.main, caption=f"Mean over left-out cases: {measures}")


def _key(findings: Findings) -> str:
    """What the marks mean, in a line."""
    if not findings.tested:
        return ""
    marks = marks_legend(findings, findings.main, words=KEY)
    return f"{marks} One-sided p < {findings.settings['alpha']:g}."
