"""Broken inputs that are handled as documented, and those that only another user meets."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from kerasmetricloss.datasets import open_dataset, verify
from kerasmetricloss.datasets.inspection import inspect
from kerasmetricloss.datasets.nifti import nifti_bytes

from .small_scans import AFFINE, C2, T2, TRUTH, VOXELS, is17, is18, with_value


def test_infinite_voxels_are_filled_where_that_is_asked_for(build):
    root = build("is17")
    (root / is17(T2, "MR_Tmax")).write_bytes(with_value(VOXELS, np.inf))
    case = open_dataset("is17", root, fill=0)[0]
    # The stored corner (0, 0, 0), turned from left to right and from back to front, is voxel (7, 8, 0).
    assert case.read().image[7, 8, 0, case.channels.index("Tmax")] == 0


def test_axes_of_one_are_dropped(build):
    root = build("is17")
    (root / is17(T2, "MR_ADC")).write_bytes(nifti_bytes(VOXELS[..., None, None], AFFINE, compressed=False))
    np.testing.assert_array_equal(open_dataset("is17", root)[0].read().image[..., 0], VOXELS[::-1, ::-1])


def test_upper_case_suffixes_and_hidden_files_do_not_matter(build):
    root = build("wm17")
    file = root / "Utrecht/2/pre/T1.nii.gz"
    file.rename(file.with_name("t1.NII.GZ"))
    (root / "Utrecht/2/pre/._FLAIR.nii.gz").write_bytes(b"\0\5\x16\7")
    (root / "Utrecht/.DS_Store").touch()
    verify(open_dataset("wm17", root))


def test_a_link_to_a_folder_above_does_not_double_the_cases(build):
    root = build("wm17")
    (root / "Utrecht" / "again").symlink_to(root, target_is_directory=True)
    assert [case.id for case in open_dataset("wm17", root)] == ["2", "100"]
    again = build("folder") / "a 2" / "again"
    again.symlink_to(again.parent.parent, target_is_directory=True)
    found = open_dataset("folder", again.parent.parent, images=("**/{id}/adc.nii",), truth=("**/{id}/msk.nii",))
    assert {"a 2", "ä10"} <= {case.id for case in found}


def test_an_empty_truth_is_read_and_noted(build):
    root = build("is18")
    (root / is18(C2, "OT")).write_bytes(nifti_bytes(0 * TRUTH, AFFINE, compressed=False))
    found = inspect("is18", root)
    assert not found.problems
    assert any(note.case == C2 and note.problem == "core is empty" for note in found.notes)


def test_inspection_reads_what_can_be_read_and_tells_the_rest(build):
    root = build("is17")
    shutil.rmtree((root / is17("training_10", "OT")).parent)
    found = inspect("is17", root)
    assert [case.id for case in found.cases] == [T2]
    assert [problem.case for problem in found.problems] == ["training_10"]


def test_skipping_says_which_cases_were_skipped(charts):
    with pytest.warns(UserWarning, match=r"1 of 2 cases are skipped, because they lack the label 38: 2"):
        cases = open_dataset("mo17", charts, label=38, absent="skip")
    assert [case.id for case in cases] == ["1"]
    problems = []
    assert len(open_dataset("mo17", charts, label=38, absent="skip", problems=problems)) == 1
    assert [problem.case for problem in problems] == ["2"]


# Another user: root reads whatever the permissions say, so a child process gives its rights up.


def inspect_as_nobody(root, name, *options):
    # What is imported later may lie where nobody may not read.
    code = (
        "import os, sys, rich.console, rich.progress\n"
        "import kerasmetricloss.datasets.inspection\n"
        "from kerasmetricloss.cli import main\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "inspect", "--dataset", name, "--root", str(root), *options]
    return subprocess.run(
        command, cwd="/", capture_output=True, text=True, env={**os.environ, "HOME": "/nonexistent"}, check=False
    )


@pytest.fixture
def open_to_all(build):
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("root alone can become another user")
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o755)
        yield lambda name: Path(shutil.copytree(build(name), Path(shared) / "data"))


def test_a_file_and_a_folder_that_another_user_may_not_read_are_problems_with_their_mend(open_to_all):
    root = open_to_all("wm17")
    (root / "Utrecht/2/pre/T1.nii.gz").chmod(0)
    done = inspect_as_nobody(root, "wm17")
    assert done.returncode == 0, done.stderr
    assert "1 cases" in done.stdout
    assert "case 2: " in done.stdout
    assert "T1.nii.gz: the file may not be read; change its permissions" in done.stdout
    (root / "Amsterdam").chmod(0)
    done = inspect_as_nobody(root, "wm17")
    assert done.returncode == 2
    assert "none of 1 cases can be read" in done.stderr
    assert "Traceback" not in done.stderr
