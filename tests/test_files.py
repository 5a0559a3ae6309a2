"""Files that are there whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import filelock
import pytest

from kerasmetricloss.files import is_locked, lock, replace_file, sweep

KILLED = """
import os, sys
from kerasmetricloss.files import replace_file
os.fsync = lambda file: os.kill(os.getpid(), 9)
replace_file(sys.argv[1], b"half")
"""


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path):
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_a_file_is_replaced_and_its_folder_made(tmp_path):
    path = tmp_path / "a" / "b" / "scores.csv"
    assert replace_file(path, b"old") == path
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_who_may_read_it_is_what_the_process_says_of_all_its_files(tmp_path, umask):
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda i: replace_file(tmp_path / f"{i}", b"x"), range(200)))
    assert {mode(path) for path in written} == {oct(0o640)}


def test_the_longest_name_of_the_file_system_will_do(tmp_path):
    path = tmp_path / ("n" * os.pathconf(tmp_path, "PC_NAME_MAX"))
    assert replace_file(path, b"x").read_bytes() == b"x"


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        replace_file(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path):
    path = tmp_path / "scores.csv"
    replace_file(path, b"old")
    (tmp_path / ".hidden").write_bytes(b"mine")
    assert subprocess.run([sys.executable, "-c", KILLED, path]).returncode == -9
    assert len(list(tmp_path.iterdir())) == 3
    sweep(tmp_path, older_s=3600)
    assert len(list(tmp_path.iterdir())) == 3
    (left,) = set(tmp_path.iterdir()) - {path, tmp_path / ".hidden"}
    os.utime(left, (time.time() - 7200,) * 2)
    sweep(tmp_path, older_s=3600)
    assert {one.name for one in tmp_path.iterdir()} == {"scores.csv", ".hidden"}
    assert path.read_bytes() == b"old"


def test_a_run_waits_for_whoever_asks_for_the_status(tmp_path):
    asking = filelock.FileLock(tmp_path / ".lock", thread_local=False)
    asking.acquire()
    threading.Timer(0.2, asking.release).start()
    with lock(tmp_path, ValueError):
        assert not asking.is_locked


def test_a_second_run_is_refused_while_the_first_lives_and_takes_over_when_it_was_killed(tmp_path):
    code = (
        "import sys, time; from kerasmetricloss.files import lock\n"
        "with lock(sys.argv[1], ValueError):\n    print('held', flush=True)\n    time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert is_locked(tmp_path)
        with (
            pytest.raises(ValueError, match=f"another run works here \\(process {holder.pid}\\)"),
            lock(tmp_path, ValueError),
        ):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    assert not is_locked(tmp_path)
    with lock(tmp_path, ValueError):
        assert (tmp_path / ".lock-holder").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize(("process", "alive"), [("own", True), (2**22 + 1, False), ("?", False)])
def test_a_lock_that_may_not_be_asked_is_told_by_its_holder(tmp_path, monkeypatch, process, alive):
    (tmp_path / ".lock").touch()
    (tmp_path / ".lock-holder").write_text(f"{os.getpid() if process == 'own' else process}\n")

    def refused(self, *arguments, **options):
        raise PermissionError("not yours")

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    assert is_locked(tmp_path) is alive


def test_a_folder_without_a_lock_is_not_held(tmp_path):
    assert not is_locked(tmp_path / "absent")
