"""The command line, in this process: what it prints, what it refuses, what it leaves on disk."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss import studies
from kerasmetricloss.cli import main
from kerasmetricloss.datasets.nifti import write_nifti


@pytest.fixture
def frames(tmp_path):
    """Five 30x22 frames with a disc each."""
    root = tmp_path / "frames"
    rows, columns = np.mgrid[:22, :30]
    for folder in ("Original", "Ground Truth"):
        (root / folder).mkdir(parents=True)
    for case in range(1, 6):
        disc = np.hypot(rows - 10, columns - 8 - 2 * case) < 3 + case / 2
        image = np.repeat(90 + 60 * disc[..., None], 3, axis=2)
        Image.fromarray(image.astype("uint8")).save(root / "Original" / f"{case}.png")
        Image.fromarray(disc.astype("uint8") * 255).save(root / "Ground Truth" / f"{case}.png")
    return root


def refused(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def run_table2(root, out, *options):
    tiny = ("--picture-size", "28x19", "--filters", "2", "--pretrain-epochs", "2", "--epochs", "1", "--folds", "2")
    return ["run", "table2", "--dataset", "po18", "--root", str(root), "--out", str(out), *tiny, *options]


def test_run_goes_from_files_to_a_marked_table_and_report_rebuilds_it(frames, tmp_path, capsys):
    out = tmp_path / "study"
    main(run_table2(frames, out, "--losses", "CE,SoftDice", "--rate-patience", "7", "--stop-patience", "9"))
    printed = capsys.readouterr()
    assert f"The report is {out / 'report.html'}" in printed.out
    assert "sDice" in printed.out
    assert "6 trainings, 0 of them found finished" in printed.err
    assert json.loads((out / "study.json").read_text())["recipes"]["table2"]["losses"] == ["CE", "sDice"]
    training = json.loads((out / "study.json").read_text())["datasets"]["po18"]["training"]
    assert (training["rate_patience"], training["stop_patience"]) == (7, 9)
    page = (out / "report.html").read_bytes()
    shutil.rmtree(out / "cells")
    shutil.rmtree(out / "figures")
    (out / "report.html").unlink()
    main(["report", str(out)])
    assert (out / "report.html").read_bytes() == page
    assert list((out / "figures").glob("*.png"))


def test_run_fig5_draws_rectangles_on_pictures_alone(frames, tmp_path, capsys):
    out = tmp_path / "study"
    main(["run", "fig5", "--root", str(frames), "--out", str(out), "--picture-size", "28x19"])
    assert "fig5-1.png" in capsys.readouterr().out
    assert "<img" in (out / "report.html").read_text()
    assert not (out / "cells").exists()


def test_a_loss_of_the_users_own_takes_part_by_module_and_name(frames, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from kerasmetricloss import CrossEntropy, SoftDice\n\nBOTH = 0.5 * SoftDice() + 0.5 * CrossEntropy()\n"
    )
    command = Path(sys.executable).with_name("kerasmetricloss")
    done = subprocess.run(
        [command, *run_table2(frames, "study", "--losses", "CE,mine:BOTH")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "mine:BOTH" in done.stdout
    assert "node_def_util" not in done.stderr  # TensorFlow's own notes stay out


def test_report_needs_neither_keras_nor_a_backend(tmp_path):
    code = (
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'keras', 'tensorflow', 'jax', 'torch'}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
        "from kerasmetricloss.scores import ScoreTable\n"
        "rows = [dict(dataset='po18', model='m', loss=loss, seed=0, fold=0, case=str(i), group=str(i), label='polyp',\n"
        "             metric=metric, value=0.1 * i + 0.05 * (loss == 'sDice'))\n"
        "        for i in range(6) for loss in ('CE', 'sDice') for metric in ('dice', 'jaccard')]\n"
        "ScoreTable.from_rows(rows).write(sys.argv[1] + '/scores.parquet')\n"
        "from kerasmetricloss.cli import main\n"
        "main(['report', sys.argv[1]])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        (lambda root: shutil.rmtree(root), "frames"),
        (lambda root: [path.unlink() for path in root.rglob("*.png")], "frames"),
        (lambda root: (root / "Ground Truth" / "3.png").unlink(), "case 3"),
        (lambda root: Image.new("L", (9, 9)).save(root / "Ground Truth" / "4.png"), "4.png"),
        (lambda root: (root / "Original" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 50), "2.png"),
    ],
    ids=["no folder", "empty folder", "missing mask", "mask of another size", "truncated file"],
)
def test_bad_input_is_one_line_exit_status_2_and_nothing_written(frames, tmp_path, capsys, breakage, message):
    breakage(frames)
    assert refused(*run_table2(frames, tmp_path / "study")) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kerasmetricloss: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert ("(kerasmetricloss inspect shows all such cases)" in lines[0]) == ("case " in lines[0])
    assert not (tmp_path / "study").exists()


@pytest.fixture
def fake_runs(monkeypatch):
    """Runs that end as told, by data set, and a report that is noted."""
    from kerasmetricloss import studies

    ends, seen = {}, []

    def run(request, **_):
        seen.append(request.setup.dataset)
        if request.setup.dataset in ends:
            raise ends[request.setup.dataset]

    monkeypatch.setattr(studies, "run", run)
    monkeypatch.setattr("kerasmetricloss.cli.study.write_report", lambda out, recipe, **_: seen.append("report"))
    return ends, seen


def test_failed_trainings_of_one_data_set_do_not_stop_the_next(fake_runs, tmp_path, capsys):
    from kerasmetricloss.studies import StudyError

    ends, seen = fake_runs
    ends["po18"] = StudyError("2 of 9 trainings failed")
    run = ("run", "table2", "--dataset", "po18,mo17", "--out", tmp_path)
    assert refused(*run) == 2
    assert seen == ["po18", "mo17", "report"]
    assert "kerasmetricloss: 2 of 9 trainings failed\n" in capsys.readouterr().err
    ends["mo17"] = StudyError("1 of 9 trainings failed")
    assert refused(*run) == 2
    assert seen[3:] == ["po18", "mo17"]  # nothing new to report
    assert "kerasmetricloss: 2 of 9 trainings failed\n1 of 9 trainings failed\n" in capsys.readouterr().err


def test_sampling_and_augmentation_are_those_of_the_paper_unless_told(monkeypatch, tmp_path):
    from kerasmetricloss import studies

    setups = []
    monkeypatch.setattr(studies, "run", lambda request, **_: setups.append(request.setup))
    monkeypatch.setattr("kerasmetricloss.cli.study.write_report", lambda out, recipe, **_: None)
    run = ["run", "table2", "--dataset", "wm17", "--out", str(tmp_path)]
    main(run)
    main([*run, "--patch-foreground", "0.5", "--no-augmentation"])
    paper, changed = setups
    assert "foreground" not in paper.patch
    assert changed.patch == paper.patch | {"foreground": 0.5}
    assert [setup.training.phase("post")["augmentation"] for setup in setups] == [True, False]


def test_the_report_of_a_run_compares_as_the_run_was_told(fake_runs, monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr("kerasmetricloss.cli.study.write_report", lambda out, recipe, **settings: told.append(settings))
    main(["run", "table2", "--out", str(tmp_path), "--seed", "5"])
    choices = ["--method", "permutation", "--resamples", "99", "--by-group", "--holm"]
    main(["run", "table2", "--out", str(tmp_path), *choices])
    paper = {"method": "bootstrap", "resamples": None, "by_group": False, "correction": None, "alpha": 0.05}
    assert told == [
        paper,  # the seed of a run is that of its trainings
        paper | {"method": "permutation", "resamples": 99, "by_group": True, "correction": "holm"},
    ]


def test_a_full_disk_and_ctrl_c_stop_all_data_sets_at_once(fake_runs, tmp_path, capsys):
    from kerasmetricloss.studies import StudyStopped

    ends, seen = fake_runs
    for end, status, said in ((StudyStopped("no space"), 2, "no space"), (KeyboardInterrupt(), 130, "goes on from")):
        ends["po18"] = end
        assert refused("run", "table2", "--dataset", "po18,mo17", "--out", tmp_path) == status
        assert said in capsys.readouterr().err
    assert seen == ["po18", "po18"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--network", "unet-half"), "--filters is for unet-small"),
        (("--repeats", "2"), "--repeats is for patches"),
        (("--patch-foreground", "0.5"), "--patch-foreground is for patches"),
        (("--patch-size", "8x8", "--patch-foreground", "2"), "--patch-foreground is 2; it is a share"),
        (("--patch-size", "8x8x8"), "--patch-size 8x8x8 has 3 axes"),
        (("--folds", "1"), "two or more"),
        (("--only-folds", "1,9"), "--only-folds 9: there are"),
        (("--losses", "CE,sDice,SoftDice"), "named twice"),
        (("--losses", "hardDice"), "there is no loss 'hardDice'"),
        (("--spacing-mm", "2"), "use --picture-size"),
        (("--inner-validation", "1.5"), "fraction"),
        (("--batch", "0"), "batch is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_written(frames, tmp_path, capsys, options, message):
    assert refused(*run_table2(frames, tmp_path / "study", *options)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_an_unknown_recipe_or_data_set_lists_the_known(tmp_path, capsys):
    assert refused("run", "table99", "--out", tmp_path / "study") == 2
    assert "known are table1, table2" in capsys.readouterr().err
    assert refused("run", "table2", "--dataset", "po99", "--out", tmp_path / "study") == 2
    assert "po18 at --scale small" in capsys.readouterr().err


def test_an_output_below_a_file_is_one_line_and_exit_status_2(frames, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert refused(*run_table2(frames, tmp_path / "file" / "study")) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_report_of_a_folder_without_scores_says_what_is_missing(tmp_path, capsys):
    assert refused("report", tmp_path) == 2
    assert "scores.parquet" in capsys.readouterr().err


def test_phantoms_are_the_same_bytes_for_the_same_seed(tmp_path):
    for name in ("a", "b"):
        main(["phantom", "po18", "--out", str(tmp_path / name), "--cases", "2", "--seed", "3"])
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert {path.parts[0] for path in files} >= {"Original", "Ground Truth", "posterior"}
    for path in files:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes(), path


def test_bounds_are_a_sentence_and_two_numbers(capsys):
    main(["bounds", "--loss", "sDice", "--metric", "jaccard"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["absolute error: 0.171573", "relative error: 1"]  # 3 - 2 sqrt 2 = 0.171573
    assert refused("bounds", "--loss", "nothing", "--metric", "dice") == 2
    capsys.readouterr()
    for name in ("Lovasz", "Lovász", "Lovasz-bins1000"):
        main(["bounds", "--loss", name, "--metric", "jaccard"])
        assert capsys.readouterr().out.splitlines()[1:] == ["absolute error: 0", "relative error: 0"]


def test_every_loss_is_listed_by_its_paper_name(capsys):
    main(["losses"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("CE", "wCE", "sDice", "sJaccard", "Lovasz", "sTversky"))
    blocks = {block.split()[0]: block for block in printed.replace("\n    ", "|").splitlines()}
    assert "relative error of no bound" in blocks["CE"]
    assert "absolute error at most 0.172, relative error at most 1." in blocks["sJaccard"]  # 3 - 2 sqrt 2, Prop. II.1
    assert "sTversky-0.3/0.7 against Dice" in blocks["sTversky-A/B"]


@pytest.mark.parametrize("pattern", ["*/a.nii.gz", "*/a.nii*", "*/a*", "{id}/A.NII.[gG][zZ]"])
def test_a_folder_has_volumes_where_the_pattern_finds_scans(tmp_path, monkeypatch, pattern):
    for case in "123":
        for name in ("a", "seg"):
            write_nifti(tmp_path / "in" / case / f"{name}.nii.gz", np.ones((4, 5, 6), np.uint8), np.eye(4))
    asked = []

    def run(request, **_):
        asked.append(request.setup)
        raise studies.StudyError("enough")

    monkeypatch.setattr(studies, "run", run)
    patterns = ("--images", pattern, "--truth", "*/seg.nii.gz")
    command = ("run", "table2", "--dataset", "folder", "--root", tmp_path / "in", *patterns, "--spacing-mm", "6")
    assert refused(*command, "--out", tmp_path / "out") == 2
    assert [(setup.network["dimension"], setup.spacing_mm) for setup in asked] == [(3, 6.0)]


def test_a_pattern_that_finds_nothing_is_refused_before_anything_is_written(tmp_path, capsys):
    command = ("run", "table2", "--dataset", "folder", "--root", tmp_path, "--images", "*.png", "--truth", "*.gif")
    assert refused(*command, "--out", tmp_path / "out") == 2
    assert "no file matches '*.png'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
