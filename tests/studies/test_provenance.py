"""Where a study says it was made: commit, machine, seed and command."""

import json
import shutil
import subprocess

import pytest

from kerasmetricloss import reports, studies
from kerasmetricloss.studies import provenance

COMMAND = "kerasmetricloss run table2 --out somewhere"


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory, request_for):
    out = tmp_path_factory.mktemp("provenance") / "study"
    return studies.run(request_for(pictures, out, losses=("CE",), folds=2, seed=5, command=COMMAND))


def described(out):
    return json.loads((out / "study.json").read_text())


def change_results(out, pattern, **facts):
    """As if the cells had been trained elsewhere; None takes a fact away, as before it was kept."""
    for path in (out / "cells").glob(f"{pattern}/result.json"):
        result = json.loads(path.read_text()) | facts
        path.write_text(json.dumps({key: value for key, value in result.items() if value is not None}))


def test_a_study_tells_its_commit_machine_seed_and_command(finished):
    told = described(finished)
    assert told["recipes"]["table2"]["command"] == COMMAND
    made = told["datasets"]["po18"]
    assert (made["seed"], made["git"], made["devices"]) == (5, provenance.commit(), 1)
    assert made["machine"] == provenance.machine()
    assert made["machine"]["cores"] >= 1
    assert not [key for key in made if key.endswith("_of_cells")]
    for path in (finished / "cells").glob("*/result.json"):
        result = json.loads(path.read_text())
        assert (result["machine"], result["git"]) == (made["machine"], made["git"])


def test_a_later_run_that_trains_nothing_leaves_what_the_cells_were_made_with(
    finished, pictures, tmp_path, request_for
):
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    elsewhere = {"machine": {"processor": "Another", "cores": 64, "system": "Linux"}, "git": "0" * 40, "devices": 4}
    change_results(out, "*", **elsewhere)
    again = request_for(pictures, out, losses=("CE",), folds=2, seed=5)
    studies.run(again)
    made = described(out)["datasets"]["po18"]
    assert {key: made[key] for key in elsewhere} == elsewhere
    change_results(out, "*fold1*", machine=provenance.machine())
    studies.run(again)
    made = described(out)["datasets"]["po18"]
    assert sorted(one["cores"] for one in made["machine_of_cells"]) == sorted([provenance.machine()["cores"], 64])
    assert made["git"] == "0" * 40
    assert "0" * 40 in reports.build_report(out).read_text()


def test_a_repository_about_an_installed_package_is_not_that_of_the_package(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    source = tmp_path / ".venv" / "provenance.py"
    source.parent.mkdir()
    source.write_text("")
    assert provenance.commit(source) is None
    git("init", "-q")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "mine")
    provenance.commit.cache_clear()
    assert provenance.commit(source) is None
    git("add", "--force", ".venv/provenance.py")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "tracked")
    provenance.commit.cache_clear()
    assert len(provenance.commit(source)) == 40


def test_without_git_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit(tmp_path / "no.py") is None


def test_sources_that_were_copied_without_their_repository_are_told_their_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASMETRICLOSS_COMMIT", "a" * 40)
    assert provenance.commit.__wrapped__(tmp_path / "copied.py") == "a" * 40
    monkeypatch.delenv("KERASMETRICLOSS_COMMIT")
    assert provenance.commit.__wrapped__(tmp_path / "copied.py") is None


@pytest.mark.parametrize(
    ("script", "told"),
    [("echo 'NVIDIA H100'; echo 'NVIDIA H200'", "NVIDIA H100, NVIDIA H200"), ("echo no driver; exit 9", None)],
)
def test_the_machine_tells_its_gpus(monkeypatch, tmp_path, script, told):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    provenance._gpus.cache_clear()
    try:
        assert provenance.machine().get("gpu") == told
    finally:
        provenance._gpus.cache_clear()
