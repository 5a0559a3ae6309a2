"""Ray on this machine: the same results as without it, and a process that dies in the middle costs no cell."""

import functools
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from kerasmetricloss import studies

pytest.importorskip("ray", reason="Ray is an extra")
PROC = Path("/proc")


class Killer(studies.Observer):
    """Kills the process of the first cell that is seen in work, once."""

    def __init__(self, out):
        self.out, self.killed = out, []
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def planned(self, cells, finished):
        self._thread.start()

    def _watch(self):
        deadline = time.monotonic() + 400
        while not self.killed and time.monotonic() < deadline:
            if list((self.out / "cells").glob(".running-*")):
                self.killed = [pid for pid in _descendants(os.getpid()) if _title(pid).startswith("ray::_cell")][:1]
                for pid in self.killed:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


def _descendants(parent):
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            pid, seen = int(entry.name), set()
            while pid > 1 and pid not in seen:
                seen.add(pid)
                fields = _read(pid, "stat").rpartition(")")[2].split()
                pid = int(fields[1]) if fields else 0
                if pid == parent:
                    yield int(entry.name)


def _title(pid):
    return _read(pid, "cmdline")


def _read(pid, name):
    try:
        return (PROC / str(pid) / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@pytest.mark.skipif(not PROC.is_dir(), reason="finds the processes of Ray in /proc")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*accelerator.*:FutureWarning")
def test_two_ray_workers_of_which_one_is_killed_give_the_tables_of_one_process(
    pictures, tmp_path, request_for, assert_same_tables
):
    alone = studies.run(request_for(pictures, tmp_path / "alone", folds=2))
    out = tmp_path / "ray"
    killer = Killer(out)
    studies.run(
        request_for(pictures, out, folds=2), observer=killer, engine=functools.partial(studies.run_ray, cpus_per_cell=1)
    )
    assert len(killer.killed) == 1
    assert len(list((out / "cells").glob("po18-*"))) == 6
    assert_same_tables(out, alone)


def test_what_ray_cannot_give_is_refused(pictures, tmp_path, request_for):
    with pytest.raises(studies.StudyError, match=r"asks for 64 GPU, but Ray has .* Lower --gpus-per-cell"):
        studies.run(
            request_for(pictures, tmp_path, folds=2), engine=functools.partial(studies.run_ray, gpus_per_cell=64)
        )
