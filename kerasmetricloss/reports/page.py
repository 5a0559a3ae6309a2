"""Build the report of a study directory: one page, Markdown, plain tables and pictures, from its scores alone."""

from pathlib import Path

from kerasmetricloss.reports.canvas import page_width
from kerasmetricloss.reports.directory import StudyDirectory, read_study
from kerasmetricloss.reports.document import Block, Document, Facts, Fold, Items, Picture, Section, TableBlock, Text
from kerasmetricloss.reports.figures import box_plots, learning_curves, size_curves, table_picture
from kerasmetricloss.reports.findings import REFERENCE, Findings, Place, case_values, find, slug
from kerasmetricloss.reports.results import (
    evidence_table,
    groups_table,
    long_csv,
    means_table,
    pairs_csv,
    pairs_table,
    paper_table,
    volume_table,
)
from kerasmetricloss.reports.slices import example_slices
from kerasmetricloss.reports.style import METRIC_SHORT, count, dataset_title, loss_title, metric_title, number
from kerasmetricloss.reports.tables import Table, to_latex, to_text
from kerasmetricloss.reports.words import answers, lead, notes, ranking
from kerasmetricloss.scores import replace_file
from kerasmetricloss.statistics import size_curve


def build_report(directory: str | Path, **settings: object) -> Path:
    """Write the report of a study into its directory.

    Reads `scores.parquet` and, where they exist, `study.json`, `pretraining.parquet`, `curves.parquet` and
    `examples.npz`. Writes `report.html` (one file that needs no network), `report.md` with `figures/*.png`, and the plain
    tables `RECIPE.csv`, `RECIPE-pairs.csv` and `RECIPE.tex`. Each file is replaced whole. Equal input gives equal bytes.

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
    document = Document(
        _title(findings), lead(findings), tuple(part for part in _sections(findings, table) if part.blocks)
    )
    files = {f"figures/{picture.name}.png": picture.png for picture in document.pictures()}
    files["figures/table.png"] = table_picture(table)
    recipe = slug(study.settings.get("recipe", "report"))
    files |= {f"{recipe}.csv": long_csv(findings), f"{recipe}-pairs.csv": pairs_csv(findings)}
    texts = {f"{recipe}.tex": to_latex(table), "report.md": document.markdown(), "report.html": document.html()}
    for name, data in (files | {name: text.encode() for name, text in texts.items()}).items():
        replace_file(study.path / name, data)
    return study.path / "report.html"


def terminal_table(directory: str | Path, **settings: object) -> str:
    """The main table of a study and its answer, as plain text.

    Args:
        directory: the study directory.
        settings: as for `build_report`.
    """
    findings = find(read_study(directory), **settings)
    table = to_text(_main_table(findings))
    marks = (
        "* better than the other   - worse" if len(findings.study.losses) == 2 else "* top-ranked   - worse than all"
    )
    found = "\n".join(f"{one.head} {one.text}" for one in answers(findings))
    return f"{table}\n{marks} (one-sided p < {_alpha(findings):g}, paired on the same cases)\n\n{found}\n"


def _title(findings: Findings) -> str:
    names = ", ".join(map(dataset_title, findings.study.datasets))
    return str(findings.study.settings.get("title") or f"Losses compared on {names}")


def _alpha(findings: Findings) -> float:
    return float(next(iter(findings.comparisons.values())).settings["alpha"])


def _main_table(findings: Findings) -> Table:
    measures = ", ".join(METRIC_SHORT.get(metric, metric) for metric in findings.main)
    return means_table(findings, findings.main, caption=f"Mean over left-out cases: {measures}")


def _sections(findings: Findings, table: Table) -> list[Section]:
    study = findings.study
    return [
        Section("The answer", tuple(answers(findings))),
        Section("The table", _tables(findings, table)),
        Section("Before you believe it", (Items(notes(findings)),)),
        Section("Against cross-entropy", _evidence(findings)),
        Section("Single cases", tuple(_boxes(findings, place) for place in findings.places)),
        Section("Object size", _sizes(findings)),
        Section("Example slices", _examples(study)),
        Section("Volume", _volumes(findings)),
        Section("Groups", _groups(findings)),
        Section("All pairs", _pairs(findings)),
        Section("Before the losses parted", _pretraining(findings)),
        Section("Learning curves", _curves(study)),
        Section("How the tests work", _method(findings)),
        Section("How it was made", _provenance(study)),
    ]


def _tables(findings: Findings, table: Table) -> tuple[Block, ...]:
    blocks: list[Block] = [TableBlock(table)]
    paper = paper_table(findings, findings.main)
    if paper is not None:
        blocks.append(TableBlock(paper))
    else:
        blocks.append(Text("The paper prints no numbers for these data sets and losses."))
    if findings.further:
        blocks.append(TableBlock(means_table(findings, findings.further, caption="Further metrics")))
    return (*blocks, *map(Text, ranking(findings)))


def _evidence(findings: Findings) -> tuple[Block, ...]:
    tables = [evidence_table(c, place, resamples=findings.resamples) for _, place, c in findings.of(findings.main)]
    others = [evidence_table(c, place, resamples=findings.resamples) for _, place, c in findings.of(findings.further)]
    return (
        *map(TableBlock, tables),
        *([Fold("Further metrics, in the same way", tuple(map(TableBlock, others)))] if others else []),
    )


def _boxes(findings: Findings, place: Place) -> Picture:
    scores = {
        metric_title(metric): case_values(findings.study, place, metric)
        for metric, where, _ in findings.of(findings.main)
        if where == place
    }
    means = "; ".join(
        f"{title}: " + ", ".join(f"{loss_title(loss)} {number(mean)}" for loss, mean in frame.mean().items())
        for title, frame in scores.items()
    )
    return _picture(
        f"boxes-{place.slug}",
        box_plots(scores),
        alt=f"Box plots of the scores of every loss on {place.title}. Means: {means}.",
        caption=f"{place.title}: every case is a dot. Box: quartiles and median. Whiskers: up to 1.5 boxes beyond. Diamond "
        "and number: mean.",
    )


def _sizes(findings: Findings) -> tuple[Block, ...]:
    blocks = []
    for metric, place, comparison in findings.of(findings.main[:1]):
        scores = findings.study.scores.select(dataset=place.dataset)
        if place.label == "All" or "foreground_voxels" not in scores.metrics:
            continue
        sizes = case_values(findings.study, place, "foreground_voxels").mean(axis=1)
        curve = size_curve(sizes, case_values(findings.study, place, metric))
        ends = [
            f"{loss_title(loss)} {number(curve.means[loss].iloc[0])} and {number(curve.means[loss].iloc[-1])}"
            for loss in comparison.losses
        ]
        title = metric_title(metric)
        blocks.append(
            _picture(
                f"sizes-{place.slug}",
                size_curves(curve, metric=title, size="object size (foreground voxels)"),
                alt=f"{title} against object size on {place.title}. Smallest and largest tenth: {'; '.join(ends)}.",
                caption=f"{place.title}: {title} averaged within every tenth percentile of the object size (dashed borders, "
                f"{int(curve.counts.min())} to {count(int(curve.counts.max()), 'case')} each), as in the paper's Fig. 4.",
            )
        )
    return tuple(blocks)


def _examples(study: StudyDirectory) -> tuple[Block, ...]:
    blocks = []
    for index, example in enumerate(study.examples):
        meta = example.meta
        dice = {loss: float(value) for loss, value in (meta.get("dice") or {}).items() if value is not None}
        name = ", ".join(
            part
            for part in (
                dataset_title(str(meta.get("dataset", ""))),
                f"case {meta['case']}" if "case" in meta else "",
                str(meta.get("label") or ""),
                f"slice {meta['slice']}" if meta.get("slice") is not None else "",
            )
            if part
        )
        said = ", ".join(f"{loss_title(loss)} {value:.2f}" for loss, value in dice.items())
        rule = f" Chosen by: {meta['rule']}." if meta.get("rule") else ""
        blocks.append(
            _picture(
                f"example-{index + 1}",
                example_slices(example.image, example.truth, example.predictions, dice=dice),
                alt=f"{name}: the image with the true outline, and the outputs of each loss with true and predicted outlines."
                + (f" Dice: {said}." if said else ""),
                caption=f"{name}.{rule} Grey: output of the network, with its Dice score. Below: histogram of the outputs.",
            )
        )
    return tuple(blocks)


def _volumes(findings: Findings) -> tuple[Block, ...]:
    tables = [volume_table(findings, place) for place in findings.places]
    return tuple(TableBlock(table) for table in tables if table is not None)


def _groups(findings: Findings) -> tuple[Block, ...]:
    table = groups_table(findings)
    if table is None:
        return ()
    few = sorted({note for found in findings.grouped.values() for note in found.notes if note.startswith("Only")})
    why = (
        "Some cases share a group: frames of one sequence, slabs of one patient. They are alike, so they tell less than as "
        "many independent cases, and p-values over single cases flatter."
    )
    return (Text(why), TableBlock(table), *map(Text, few))


def _pairs(findings: Findings) -> tuple[Block, ...]:
    tables = [
        TableBlock(pairs_table(comparison, place, resamples=findings.resamples))
        for _, place, comparison in findings.of(findings.main)
        if len(comparison.losses) > 1
    ]
    return (Fold("p-values of every pair of losses", tuple(tables), open=len(tables) <= 2),) if tables else ()


def _pretraining(findings: Findings) -> tuple[Block, ...]:
    before = findings.study.pretraining
    if before is None or not len(before):
        return ()
    sentences = []
    for metric, place, comparison in findings.of(findings.main):
        if place.dataset not in before.datasets or metric not in before.select(dataset=place.dataset).metrics:
            continue
        means = before.values(dataset=place.dataset, metric=metric, label=place.label).mean()
        started = ", ".join(f"{loss_title(loss)} {number(mean)}" for loss, mean in means.items())
        after = (
            f"; after training on with CE: {number(comparison.means[REFERENCE])}"
            if REFERENCE in comparison.losses
            else ""
        )
        sentences.append(f"{place.title}, {metric_title(metric)}: {started} before{after}.")
    why = Text(
        "All losses started from the same networks, one a fold, trained with cross-entropy. Those networks scored:"
    )
    return (why, Items(tuple(sentences))) if sentences else ()


def _curves(study: StudyDirectory) -> tuple[Block, ...]:
    if study.curves is None or not len(study.curves):
        return ()
    return tuple(
        _picture(
            f"curves-{slug(str(dataset))}",
            learning_curves(part),
            alt=f"Learning curves on {dataset_title(str(dataset))}: loss against epoch for every phase and loss, by fold.",
            caption=f"{dataset_title(str(dataset))}: a line a fold; strong: validation on full images, faint: training. Each "
            "loss has its own scale.",
        )
        for dataset, part in study.curves.groupby("dataset")
    )


def _method(findings: Findings) -> tuple[Block, ...]:
    settings = next(iter(findings.comparisons.values())).settings
    test = {
        "bootstrap": "A paired bootstrap, as in the paper: {} times, as many cases as there are were drawn with replacement, "
        "and the mean difference of two losses was taken. Its one-sided p is the share of draws on the wrong side of zero.",
        "permutation": "A paired permutation test: in each case the scores of two losses were swapped by a fair coin, {} times "
        "(all ways with 20 cases or fewer). Its one-sided p is the share with a mean difference at least as large.",
    }[str(settings["method"])]
    return (
        Text(
            test.format(f"{settings['resamples']:,}")
            + f" Seed {settings['seed']}; the same scores give the same numbers."
        ),
        Text("A case that is not defined for one of two losses is left out of that pair only, and counted."),
    )


def _provenance(study: StudyDirectory) -> tuple[Block, ...]:
    if not study.settings:
        return (Text("The directory holds scores only; how they were made is not recorded."),)
    return (Facts(tuple(_flat(study.settings))),)


def _flat(settings: dict, prefix: str = "") -> list[tuple[str, str]]:
    facts = []
    for name, value in settings.items():
        if isinstance(value, dict):
            facts += _flat(value, f"{prefix}{name}: ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            facts.append(
                (f"{prefix}{name}".replace("_", " "), {"True": "yes", "False": "no", "None": "–"}.get(text, text))
            )
    return facts


def _picture(name: str, png: bytes, *, alt: str, caption: str) -> Picture:
    return Picture(name, png, alt=alt, caption=caption, width=page_width(png))
