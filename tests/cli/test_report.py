"""The command `report`: every choice reaches the page, mistakes are one line."""

import json
import subprocess
import sys

import pytest

from kerasmetricloss.cli import main
from kerasmetricloss.scores import ScoreTable


@pytest.fixture
def study(tmp_path):
    rows = [
        {"dataset": "po18", "model": "m", "loss": loss, "seed": 0, "fold": case % 3, "case": str(case)}
        | {"group": str(case // 2), "label": "polyp", "metric": metric, "value": 0.02 * case + gain}
        for case in range(14)
        for loss, gain in (("CE", 0.0), ("sDice", 0.02 if case % 3 else -0.01))
        for metric in ("dice", "jaccard")
    ]
    ScoreTable.from_rows(rows).write(tmp_path / "scores.parquet")
    return tmp_path


def test_every_choice_of_test_reaches_the_page(study, capsys):
    options = ["--method", "permutation", "--resamples", "300", "--seed", "3", "--by-group", "--holm", "--alpha", "0.1"]
    main(["report", str(study), *options])
    text = (study / "report.html").read_text(encoding="utf-8")
    assert "A paired permutation test: 300 times" in text
    assert "in each of the whole groups of cases" in text
    assert "Seed 3" in text
    assert "(Holm)" in text
    assert "one-sided p &lt; 0.1" in text
    printed = capsys.readouterr().out
    assert "One-sided p < 0.1." in printed
    assert f"The report is {study / 'report.html'}" in printed


def test_scores_of_ones_own_are_a_study(study, capsys):
    main(["report", str(study)])
    before = (study / "report.md").read_bytes()
    ScoreTable.read(study / "scores.parquet").write(study / "scores.csv")
    (study / "scores.parquet").unlink()
    main(["report", str(study)])
    assert (study / "report.md").read_bytes() == before
    (study / "scores.csv").unlink()
    with pytest.raises(SystemExit):
        main(["report", str(study)])
    assert "put scores of your own there as scores.csv, with the columns dataset,model,loss" in capsys.readouterr().err


def test_the_default_is_the_papers_test(study):
    main(["report", str(study)])
    text = (study / "report.html").read_text(encoding="utf-8")
    assert "A paired bootstrap, as in the paper: 10,000 times, cases were drawn with replacement" in text
    assert "not corrected for multiple comparisons, as in the paper" in text


def test_a_figure_of_theory_is_said_and_named(tmp_path, capsys):
    recipe = {"title": "Loss surfaces (Fig. 2)", "datasets": [], "losses": [], "labels": None, "command": "run fig2"}
    (tmp_path / "study.json").write_text(json.dumps({"recipes": {"fig2": recipe}, "datasets": {}}))
    main(["report", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Loss surfaces (Fig. 2)" in printed
    assert str(tmp_path / "figures" / "fig2.png") in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--alpha", "2"], "'2' is no number between 0 and 1"),
        (["--alpha", "x"], "'x' is no number between 0 and 1"),
        (["--resamples", "0"], "'0' is no whole number from 1 on"),
        (["--seed", "-1"], "'-1' is no whole number from 0 on"),
        (["--method", "t-test"], "invalid choice: 't-test'"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(study, capsys, options, message):
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(study), *options])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not (study / "report.html").exists()


def test_report_of_a_whole_study_needs_neither_keras_nor_a_backend(tmp_path):
    recipes = {
        name: {"title": name, "datasets": ["br18"] * bool(losses), "losses": losses, "labels": None, "command": ""}
        for name, losses in {"fig1": [], "fig2": [], "table4": ["CE", "sDice"], "figB1": ["CE", "sDice"]}.items()
    }
    (tmp_path / "study.json").write_text(json.dumps({"recipes": recipes, "datasets": {}}))
    rows = [
        {"dataset": "br18", "model": "m", "loss": loss, "seed": 0, "fold": 0, "case": str(case), "group": str(case)}
        | {"label": "tumour", "metric": metric, "value": 0.1 * case}
        for case in range(6)
        for loss in ("CE", "sDice")
        for metric in ("dice", "accuracy", "hausdorff_mm", "avd_ml")
    ]
    ScoreTable.from_rows(rows).write(tmp_path / "scores.parquet")
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'keras', 'tensorflow', 'jax', 'torch', 'nibabel', 'skimage'}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from kerasmetricloss.cli import main\n"
        "main(['report', sys.argv[1], '--resamples', '50', '--holm'])\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").is_file()
