"""`kerasmetricloss inspect`: what it prints, what it writes, and when it fails; and the options of the readers."""

import argparse
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kerasmetricloss.cli import main
from kerasmetricloss.cli.reader import add_reader_arguments, reader_settings
from kerasmetricloss.datasets import open_dataset, phantom_names, settings_of, write_phantom

SIZES = {
    "br18": (32, 40, 36),
    "is17": (32, 40, 9),
    "is18": (32, 36, 5),
    "mo17": (199, 113),
    "po18": (96, 72),
    "wm17": (40, 44, 12),
}


def status(*arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


@pytest.mark.parametrize("name", phantom_names())
def test_every_data_set_is_inspected(tmp_path, capsys, name):
    root = write_phantom(name, tmp_path / "p ä", cases=3, seed=0, size=SIZES[name])
    before = sorted(path for path in tmp_path.rglob("*"))
    main(["inspect", "--dataset", name, "--root", str(root)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 cases"
    titles = [line.partition(":")[0] for line in lines[1:]]
    for title in ("channels", "labels", "shapes", "spacings", "mask"):
        assert title in titles
    assert any("foreground ratio inside the mask" in line for line in lines)
    assert any("size deciles in " in line and len(line.split(": ")[-1].split()) == 11 for line in lines)
    assert "problems: none" in lines
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_the_contact_sheet_is_written_whole_where_it_was_asked_for(tmp_path, capsys):
    root = write_phantom("po18", tmp_path / "p", cases=2, seed=0, size=(48, 40))
    out = tmp_path / "sheet.png"
    main(["inspect", "--dataset", "PO18", "--root", str(root), "--out", str(out)])
    assert f"The contact sheet is {out}" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "sheet.png"]


def test_problems_are_printed_and_exit_status_is_0_while_any_case_reads(tmp_path, capsys):
    root = write_phantom("po18", tmp_path / "p", cases=3, seed=0, size=(48, 40))
    (root / "Original" / "1.png").write_bytes(b"")
    (root / "Ground Truth" / "2.png").unlink()
    main(["inspect", "--dataset", "po18", "--root", str(root)])
    printed = capsys.readouterr().out
    assert printed.startswith("1 cases\n")
    assert "problems: 2\n" in printed
    assert "case 1: " in printed
    assert "fetch it again" in printed
    assert "the image 2.png has no mask; add the mask" in printed


def test_no_case_at_all_is_one_line_and_exit_status_2(tmp_path, capsys):
    root = write_phantom("po18", tmp_path / "p", cases=1, seed=0, size=(48, 40))
    (root / "Original" / "1.png").write_bytes(b"")
    assert status("inspect", "--dataset", "po18", "--root", root, "--out", tmp_path / "s.png") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert status("inspect", "--dataset", "mnist", "--root", root) == 2
    assert "known are br18, folder" in capsys.readouterr().err
    assert status("inspect", "--dataset", "po18", "--root", tmp_path / "none") == 2
    assert status("inspect", "--dataset", "po18", "--root", root, "--out", tmp_path / "s.pdf") == 2
    assert status("inspect", "--dataset", "po18", "--root", root, "--out", tmp_path / "none" / "s.png") == 2
    assert "its folder does not exist" in capsys.readouterr().err
    assert status("inspect", "--dataset", "po18", "--root", root, "--roi", "3x3") == 2
    assert "the reader of po18 has no setting 'roi'" in capsys.readouterr().err
    assert not list(tmp_path.glob("s.*"))


@pytest.mark.parametrize("table", ["frame,sequence\n1,4\n", "bad\n"])
def test_a_table_of_sequences_that_is_not_whole_is_a_problem_here_and_an_error_in_prepare(tmp_path, capsys, table):
    root = write_phantom("po18", tmp_path / "p", cases=2, seed=0, size=(48, 40))
    (root / "sequences.csv").write_text(table)
    main(["inspect", "--dataset", "po18", "--root", str(root)])
    printed = capsys.readouterr().out
    assert printed.startswith("2 cases\n")
    assert "problems: 1\n" in printed
    assert "sequences.csv: the list of sequences" in printed
    assert status("prepare", "--dataset", "po18", "--root", root, "--cache", tmp_path / "c") == 2
    assert "sequences.csv: the list of sequences" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="pipes end otherwise elsewhere")
def test_an_output_that_nobody_reads_ends_the_command_without_a_word(tmp_path):
    root = write_phantom("po18", tmp_path / "p", cases=1, seed=0, size=(48, 40))
    # argparse swallows the error of a long text itself.
    for expected, arguments in (((141,), ["--dataset", "po18", "--root", str(root)]), ((0, 141), ["--help"])):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "kerasmetricloss", "inspect", *arguments]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
        os.close(writing)
        assert done.returncode in expected
        assert done.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_names_in_another_encoding_are_spelt_out(tmp_path, capfd):
    root = write_phantom("po18", tmp_path / "p", cases=2, seed=0, size=(48, 40))
    for folder in ("Original", "Ground Truth"):
        (root / folder / "1.png").rename(root / folder / os.fsdecode(b"caf\xe9 $1.png"))
    (root / "Original" / "2.png").write_bytes(b"")
    (root / "Original" / os.fsdecode(b"\xff.png")).touch()
    main(["inspect", "--dataset", "po18", "--root", str(root), "--out", str(tmp_path / "s.png")])
    assert r"\udcff.png has no mask" in capfd.readouterr().out


def test_groups_ignored_voxels_and_absent_channels_are_told(tmp_path, capsys):
    root = write_phantom("wm17", tmp_path / "p", cases=2, seed=0, size=SIZES["wm17"])
    (tmp_path / "g.csv").write_text("case,group\n0,a\n50,a\n")
    (root / "Utrecht/0/pre/FLAIR.nii.gz").unlink()
    main(["inspect", "--dataset", "wm17", "--root", str(root), "--groups", str(tmp_path / "g.csv")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["2 cases in 1 groups", "channels: T1; left out, because some case lacks them: FLAIR"]
    assert "ignored voxels: in 1 cases (50)" in lines
    assert any(line.startswith("  case 0: ") and "the modality FLAIR is missing" in line for line in lines)


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_reader_arguments(parser)
    return reader_settings(parser.parse_args([str(argument) for argument in arguments]))


def test_options_become_settings_that_json_holds():
    assert parsed() == {}
    settings = parsed(
        *("--images", "*/a.nii", "--images", "*/b.nii", "--truth", "*/t.nii", "--channels", "a,b", "--mask", "a>3"),
        *("--values", "WT=1,2,4", "--values", "ignore=3", "--labels", "WT", "--fill", "0", "--groups", "g.csv"),
        *("--label", "38", "--roi", "21x17", "--unsqueeze", "995x563", "--absent", "skip"),
    )
    assert settings == {
        "images": ("*/a.nii", "*/b.nii"),
        "truth": ("*/t.nii",),
        "channels": ("a", "b"),
        "labels": ("WT",),
        "values": {"WT": (1, 2, 4), "ignore": (3,)},
        "mask": "a>3",
        "fill": 0.0,
        "groups": "g.csv",
        "label": 38,
        "roi": (21, 17),
        "unsqueeze": (995, 563),
        "absent": "skip",
    }
    assert json.loads(json.dumps(settings))["roi"] == [21, 17]
    assert parsed("--roi", "none") == {"roi": None}


def test_every_setting_of_every_reader_has_an_option():
    parser = argparse.ArgumentParser()
    add_reader_arguments(parser)
    options = set(vars(parser.parse_args([])))
    for name in ("br18", "folder", "is17", "is18", "mo17", "po18", "wm17"):
        assert {"channels", "labels", "groups", *settings_of(name)} <= options


@pytest.mark.parametrize(
    "arguments",
    [
        ("--roi", "3"),
        ("--unsqueeze", "0x5"),
        ("--values", "WT"),
        ("--values", "WT=a"),
        ("--channels", ","),
        ("--absent", "x"),
    ],
)
def test_options_that_cannot_be_read_are_refused(capsys, arguments):
    with pytest.raises(SystemExit):
        parsed(*arguments)
    assert arguments[0] in capsys.readouterr().err


def test_settings_read_back_from_json_open_the_same_cases(tmp_path):
    root = write_phantom("mo17", tmp_path / "p", cases=1, seed=0, size=(199, 113))
    settings = {"roi": (31, 21), "unsqueeze": (160, 113)}
    one = open_dataset("mo17", root, **settings)[0].read()
    two = open_dataset("mo17", root, **json.loads(json.dumps(settings)))[0].read()
    np.testing.assert_array_equal(one.image, two.image)
