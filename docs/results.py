"""The results on real images: scores frozen in data/, and the README's tables and figures rebuilt from them.

python docs/results.py                    rebuilds README.md (between its marks) and docs/results/
python docs/results.py freeze STUDY       takes over the scores of table2 from a study directory, data set by data set
python docs/results.py freeze STUDY --suffix deeplab
                                          the same under names of their own (po18-deeplab), beside another network's

Frozen are the scores a case (data/scores/), the learning curves (data/curves/) and how they were made (data/studies/):
no images, no paths.
"""

import argparse
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from kerasmetricloss import reports
from kerasmetricloss.reports import directory, findings, results
from kerasmetricloss.reports.answers import verdict
from kerasmetricloss.reports.differences import difference
from kerasmetricloss.reports.style import count, dataset_title, loss_title
from kerasmetricloss.reports.tables import to_markdown
from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.statistics import FEW_UNITS, Comparison, compare

ROOT = Path(__file__).resolve().parents[1]
DATA, OUT, README = ROOT / "data", ROOT / "docs" / "results", ROOT / "README.md"
BEGIN, END = "<!-- results: made by `make results` -->\n", "<!-- end of results -->\n"
RECIPE = "table2"
ORDER = ("mo17", "po18-unet", "po18-deeplab", "po18-deeplab-96x72", "br18", "wm17", "wm17dm")
ABOUT = {
    "mo17": "the lower-left third molar on panoramic radiographs, a picture around each",
    "po18-unet": "polyps on colonoscopy frames (CVC-ClinicDB), a small U-Net",
    "po18-deeplab": "the same frames, DeepLab on VGG16 with ImageNet weights",
    "po18-deeplab-96x72": "the same network on pictures of 96×72 pixels, with all augmentation",
    "br18": "whole tumour on FLAIR and T1 (BRATS 2018)",
    "wm17": "white matter hyperintensities on FLAIR and T1, a small U-Net in patches",
    "wm17dm": "the same subjects, a small DeepMedic in patches",
}
MOVED = {"--root": "FOLDER", "--out": "STUDY", "--weights": "FILE"}  # paths of the machine that ran it


def freeze(study_directory: Path, suffix: str = "") -> list[str]:
    """Take over what a study says of its data sets; what was frozen under the same name is replaced."""
    study = directory.read_study(study_directory)
    chapter = study.chapter(RECIPE)
    names = {dataset: f"{dataset}-{suffix}" if suffix else dataset for dataset in chapter.datasets}
    for dataset, name in names.items():
        made = json.loads(
            json.dumps({key: value for key, value in chapter.made[dataset].items() if key not in ("files", "losses")})
        )
        root = made["data"].pop("root")
        made["data"]["notes"] = [note.removeprefix(f"{root}: ") for note in made["data"].get("notes", [])]
        entry = {"command": _without_paths(chapter.command), "losses": chapter.losses, "made": made}
        for folder in ("scores", "curves", "studies"):
            (DATA / folder).mkdir(exist_ok=True)
        scores = chapter.scores.select(dataset=dataset).frame.assign(dataset=name)
        ScoreTable(scores).write(DATA / "scores" / f"{name}.parquet")
        curves = study.curves[study.curves["dataset"] == dataset].assign(dataset=name)
        curves.to_parquet(DATA / "curves" / f"{name}.parquet", index=False)
        (DATA / "studies" / f"{name}.json").write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    return list(names.values())


def _without_paths(command: str) -> str:
    for option, name in MOVED.items():
        command = re.sub(rf"{option}[ =]\S+", f"{option} {name}", command)
    return command


def thaw(folder: Path) -> None:
    """Lay the frozen scores out as a study directory."""
    names = sorted((path.stem for path in (DATA / "scores").glob("*.parquet")), key=ORDER.index)
    entries = {name: json.loads((DATA / "studies" / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    recipe = {
        "title": "The losses on real images",
        "datasets": names,
        "losses": list(dict.fromkeys(loss for entry in entries.values() for loss in entry["losses"])),
        "command": "make results",
    }
    made = {name: {"command": entry["command"]} | entry["made"] for name, entry in entries.items()}
    study = {"recipes": {RECIPE: recipe}, "datasets": made}
    (folder / "study.json").write_text(json.dumps(study), encoding="utf-8")
    scores = [ScoreTable.read(DATA / "scores" / f"{name}.parquet").frame for name in names]
    ScoreTable(pd.concat(scores, ignore_index=True)).write(folder / "scores.parquet")
    curves = [pd.read_parquet(DATA / "curves" / f"{name}.parquet") for name in names]
    pd.concat(curves, ignore_index=True).to_parquet(folder / "curves.parquet")


def block(folder: Path) -> str:
    """What the README says: Table II's rows, a line for each data set, and how each was trained."""
    found = findings.find(directory.read_study(folder).chapter(RECIPE))
    table = results.means_table(found, found.main, caption=_caption(found))
    lines = [_line(found, place, comparison) for place, comparison in found.headline]
    trained = [f"| {dataset_title(name)} | {_trained(made)} |" for name, made in found.study.made.items()]
    head = ["| | cases | network and size | epochs, rates | minutes |", "|---|---|---|---|---|"]
    return "\n".join([to_markdown(table), *lines, "", *head, *trained, ""])


def _caption(found: findings.Findings) -> str:
    chosen = {made["selection"] for made in found.study.made.values()}
    caption = "Means over cases outside the training folds."
    if chosen == {"reported fold"}:
        caption += (
            " As we read the paper (Sec. III-C), each loss chose its epoch by its own validation loss on the same "
            "cases: all scores are too high, and those of losses made for a score the more so."
        )
    return caption


def _line(found: findings.Findings, place: findings.Place, comparison: Comparison) -> str:
    """One data set in a line: what it is, how many losses beat cross-entropy, by how much the best, how sure."""
    name = comparison.dataset
    told = f"- **{place.title}**: {ABOUT[name]}."
    rivals = findings.sensitive(comparison)
    if not comparison.decidable:
        return f"{told} {count(comparison.cases, 'case')}: too few to tell anything, so nothing is marked."
    together = found.grouped.get((place, comparison.metric))  # frames of a sequence are alike: sequences count
    if together is not None and not together.decidable:
        return f"{told} {count(together.groups, 'sequence')}: too few to tell more than of these sequences."
    trusted = together or comparison
    better, worse = verdict(trusted)
    best = comparison.means[rivals].idxmax()
    whole = "With whole sequences resampled, " if together else ""
    told += f" {whole}{len(better)} of {count(len(rivals), 'loss', 'losses')} made for overlap "
    told += f"{'beats' if len(better) == 1 else 'beat'} CE, {len(worse)} {'is' if len(worse) == 1 else 'are'} worse"
    told += f" ({_corrected(found, comparison, by_group=together is not None)}). "
    which = f"The best of them, {loss_title(best)}," if len(rivals) > 1 else loss_title(best)
    told += f"{which} minus CE: {difference(trusted, best, findings.CROSS_ENTROPY)}."
    return " ".join([told, *_doubts(comparison, together, rivals)])


def _corrected(found: findings.Findings, comparison: Comparison, *, by_group: bool) -> str:
    """How many differ from cross-entropy once p-values are corrected for all the comparisons of a row."""
    where = {"dataset": comparison.dataset, "metric": comparison.metric, "losses": comparison.losses}
    better, worse = verdict(compare(found.study.scores, **where, by_group=by_group, correction="holm"))
    return f"corrected by Holm over all pairs, {len(better)} and {len(worse)}"


def _doubts(comparison: Comparison, together: Comparison | None, rivals: list[str]) -> Iterator[str]:
    if together is not None:
        better, worse = verdict(comparison)
        yield f"Frame by frame, as marked: {len(better)} of {len(rivals)} beat CE, {len(worse)} worse."
    fewest, units = (comparison.fewest, "case") if together is None else (together.fewest, "sequence")
    if fewest < FEW_UNITS:
        yield f"With {count(fewest, units)} the bootstrap is too bold: doubt a p near 0.05."


def _trained(made: dict) -> str:
    data, training, preparation = made["data"], made["training"], made["preparation"]
    cases = count(data["cases"], "case")
    if data["groups"] < data["cases"]:
        cases += f", {count(data['groups'], 'sequence')}"
    box = "×".join(map(str, (made.get("patch") or preparation)["output_size"]))
    grid = f" voxels of {preparation['spacing_mm']:g} mm" if preparation["spacing_mm"] else " pixels"
    network = f"{made['network']['name']} ({made['parameters']:,} parameters), output {box}{grid}"
    epochs = f"up to {training['epochs']} of CE at {training['rate']:g}, then up to {training['post_epochs']} "
    epochs += f"at {training['post_rate']:g}"
    folds = count(made["folds"]["used"], "fold")
    if "only" in made["folds"]:
        only = made["folds"]["only"]
        folds = f"fold{'s' if len(only) > 1 else ''} {', '.join(map(str, only))} of {made['folds']['requested']} scored"
    return f"{cases}, {folds} | {network} | {epochs} | {made['minutes']:.0f}"


def rebuild() -> None:
    """Write docs/results/ and the README's part from the frozen scores."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        thaw(folder)
        reports.build_report(folder)
        said = block(folder)
        shutil.rmtree(OUT, ignore_errors=True)
        shutil.copytree(folder / "figures", OUT / "figures")
        shutil.copy(folder / "report.md", OUT / "README.md")
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(before + BEGIN + said + END + after, encoding="utf-8")


def main() -> None:
    """Freeze a study, or rebuild."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", nargs="?", choices=("rebuild", "freeze"), default="rebuild")
    parser.add_argument("studies", nargs="*", type=Path, metavar="STUDY")
    parser.add_argument("--suffix", default="", help="frozen names end in -SUFFIX")
    arguments = parser.parse_args()
    for study in arguments.studies:
        print(f"frozen from {study}: {', '.join(freeze(study, arguments.suffix))}")
    if arguments.action == "rebuild":
        rebuild()


if __name__ == "__main__":
    main()
