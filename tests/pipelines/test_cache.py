import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from kerasmetricloss import datasets
from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines import Preparation, prepare, prepare_all, prune
from kerasmetricloss.pipelines.cache import cache_key, case_key

BOX = Preparation(output_size=(4, 4, 4), margin=1)


class Counting:
    """A reader that counts how often it reads."""

    def __init__(self, volume):
        self.volume, self.reads = volume, 0

    def __call__(self, case):
        self.reads += 1
        return self.volume


def read(case, *, volume, label):
    return volume


def assert_equal(first, second):
    assert (first.case_id, first.voxel_mm) == (second.case_id, second.voxel_mm)
    for name in ("image", "truth", "mask"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_second_run_reads_no_case_and_gives_the_same_arrays(make_case, volume, tmp_path):
    reader = Counting(volume)
    cases = [make_case(volume, name, reader) for name in ("1", "2")]
    first = prepare_all(cases, BOX, cache_dir=tmp_path / "cache")
    again = prepare_all(cases, BOX, cache_dir=tmp_path / "cache")
    assert reader.reads == 2
    for one, two, case in zip(first, again, cases, strict=True):
        assert_equal(one, two)
        assert_equal(one, prepare(case, BOX))
    assert isinstance(again[0].image, np.memmap)


def test_a_changed_file_setting_or_reader_makes_another_entry(make_case, volume):
    case = make_case(volume, reader=partial(read, volume=None, label=1))
    key = cache_key(case, BOX)
    assert cache_key(make_case(volume, reader=partial(read, volume=None, label=1)), BOX) == key
    assert cache_key(case, replace(BOX, margin=2)) != key
    assert cache_key(replace(case, reader=partial(read, volume=None, label=2)), BOX) != key
    assert cache_key(replace(case, channels=("c1", "c0")), BOX) != key
    case.files[0].write_bytes(b"other")
    assert cache_key(case, BOX) != key


def local_reader(volume):
    return lambda _: volume


class Holding:
    def __init__(self, volume):
        self.volume = volume

    def read(self, _):
        return self.volume


@pytest.mark.parametrize("reading", [local_reader, lambda volume: Holding(volume).read], ids=["closure", "method"])
def test_readers_of_one_name_that_hold_other_arrays_have_other_entries(make_case, volume, tmp_path, reading):
    for value in (1.0, 2.0):
        one = replace(volume, image=np.full_like(volume.image, value))
        reader = reading(one)
        (prepared,) = prepare_all([make_case(volume, reader=reader)], BOX, cache_dir=tmp_path / "cache")
        assert (np.asarray(prepared.image) == value).any()
        assert not (np.asarray(prepared.image) == 3 - value).any()
        assert case_key(make_case(volume, reader=reader)) == case_key(make_case(volume, reader=reader))


def test_the_key_of_a_case_knows_its_files_and_reader_and_no_preparation(make_case, volume):
    case = make_case(volume, reader=partial(read, volume=None, label=1))
    key = case_key(case)
    assert len(key) == 32
    assert key == case_key(make_case(volume, reader=partial(read, volume=None, label=1))) != cache_key(case, BOX)
    assert case_key(replace(case, reader=partial(read, volume=None, label=2))) != key
    case.files[0].write_bytes(b"other")
    assert case_key(case) != key


@pytest.mark.parametrize(
    "numbers",
    [
        "3",
        "[1.0, 1.0, 2.0]",
        '{"voxel_mm": [1.0], "unknown": 0}',
        '{"voxel_mm": ["1", "1", "2"], "unknown": 0}',
        '{"voxel_mm": [1.0, 1.0, 2.0]}',
        '{"voxel_mm": [1.0, 1.0, 2.0], "unknown": "0"}',
        "{",
        "",
    ],
)
def test_an_entry_whose_voxels_have_no_size_or_count_is_made_anew(make_case, volume, tmp_path, numbers):
    case = make_case(volume)
    prepare_all([case], BOX, cache_dir=tmp_path / "cache")
    path = tmp_path / "cache" / cache_key(case, BOX) / "numbers.json"
    path.write_text(numbers)
    assert_equal(prepare_all([case], BOX, cache_dir=tmp_path / "cache")[0], prepare(case, BOX))
    assert json.loads(path.read_text()) == {"voxel_mm": [1.0, 1.0, 2.0], "unknown": 0}


def test_the_count_of_unknown_voxels_is_found_again(make_case, volume, tmp_path):
    ignore = np.zeros(volume.space, bool)
    ignore[:2] = True
    case = make_case(replace(volume, ignore=ignore))
    made, found = (prepare_all([case], BOX, cache_dir=tmp_path)[0] for _ in range(2))
    assert made.unknown == found.unknown == prepare(case, BOX).unknown > 0


@pytest.mark.parametrize(
    "damage", ["cut short", "empty", "missing", "another shape", "more labels", "another type", "a pickle"]
)
def test_a_damaged_entry_is_made_anew(make_case, volume, tmp_path, damage):
    case = make_case(volume)
    (expected,) = prepare_all([case], BOX, cache_dir=tmp_path / "cache")
    path = tmp_path / "cache" / cache_key(case, BOX) / "truth.npy"
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:-5])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "missing":
        path.unlink()
    elif damage == "another shape":
        np.save(path, np.zeros((4, 4, 3, 1), "uint8"))
    elif damage == "more labels":
        np.save(path, np.zeros((4, 4, 4, 2), "uint8"))
    elif damage == "another type":
        np.save(path, np.full((4, 4, 4, 1), 7.5))
    else:
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    (mended,) = prepare_all([case], BOX, cache_dir=tmp_path / "cache")
    assert_equal(mended, prepare(case, BOX))
    assert mended.truth.shape == expected.truth.shape == (4, 4, 4, 1)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_an_entry_may_be_read_by_whom_the_umask_lets(make_case, volume, tmp_path):
    before = os.umask(0o027)
    try:
        prepare_all([case := make_case(volume)], BOX, cache_dir=tmp_path / "cache")
    finally:
        os.umask(before)
    entry = tmp_path / "cache" / cache_key(case, BOX)
    assert entry.stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in entry.iterdir()} == {0o640}


def test_nothing_but_whole_entries_is_left(make_case, volume, tmp_path, monkeypatch):
    case = make_case(volume)
    save = np.save

    def full(path, array, **options):
        if path.name == "mask.npy":
            raise OSError(28, "No space left on device")
        save(path, array, **options)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(DataError, match=r"case 1: .*cache: the cache cannot be written \(No space left"):
        prepare_all([case], BOX, cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_file_is_named(make_case, volume, tmp_path):
    case = make_case(volume, "9")
    case.files[0].unlink()
    with pytest.raises(DataError, match=r"case 9: .*9\.bin: cannot be read \(No such file"):
        prepare_all([case], BOX, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("spacing_mm", [1e-3, 1e-320])
def test_a_grid_that_no_memory_holds_is_refused_with_its_numbers(make_case, volume, spacing_mm):
    with pytest.raises(DataError, match=r"case 9: 6 x 5 x 4 voxels of 1 x 1 x 2 mm would be .* more than 2\*\*31"):
        prepare_all([make_case(volume, "9")], replace(BOX, spacing_mm=spacing_mm))


def test_progress_counts_the_cases(make_case, volume):
    seen = []
    prepare_all([make_case(volume, name) for name in "ab"], BOX, progress=lambda *counts: seen.append(counts))
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_pruning_leaves_what_is_in_use_and_what_is_no_entry(make_case, volume, tmp_path):
    cache, case = tmp_path / "cache", make_case(volume)
    prepare_all([case], replace(BOX, margin=2), cache_dir=cache)
    kept = prepare_all([case], BOX, cache_dir=cache)
    (cache / "notes.txt").write_text("mine")
    (cache / "mine").mkdir()
    stale = cache / f".{'a' * 32}-x"
    fresh = cache / f".{'b' * 32}-x"
    for path in (stale, fresh):
        path.mkdir()
    os.utime(stale, (0, 0))
    # image 8x8x8x2 of 4 bytes, truth and mask 4x4x4 of 1; each with a header of 128.
    numbers = '{"voxel_mm": [1.0, 1.0, 2.0], "unknown": 0}'
    entries, size = prune(cache, kept)
    assert entries == 1
    assert size == 8**3 * 2 * 4 + 2 * 4**3 + 3 * 128 + len(numbers)
    names = {path.name for path in cache.iterdir()}
    assert names == {cache_key(case, BOX), "notes.txt", "mine", fresh.name}
    assert_equal(prepare_all([case], BOX, cache_dir=cache)[0], prepare(case, BOX))


def test_an_absent_cache_has_nothing_to_prune(tmp_path):
    assert prune(tmp_path / "none", []) == (0, 0)


PROCESS = """
import sys, time
from pathlib import Path
from kerasmetricloss import datasets
from kerasmetricloss.pipelines import Preparation, prepare_all
root, cache = map(Path, sys.argv[1:3])
cases = datasets.open_dataset("po18", root)
print("ready", flush=True)
sys.stdin.readline()
for margin in range(6):
    prepared = prepare_all(cases, Preparation(output_size=(20, 28), margin=margin), cache_dir=cache)
    print(margin, *(float(case.image.sum(dtype="float64")) for case in prepared), flush=True)
"""


def test_two_processes_that_make_the_same_entries_at_once_end_with_the_same_whole_ones(tmp_path):
    pytest.importorskip("PIL")
    datasets.write_phantom("po18", tmp_path / "po18", cases=3, seed=0, size=(40, 36))
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "po18"), str(tmp_path / "cache")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    try:
        for process in both:
            assert process.stdout.readline() == "ready\n"
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        printed = [process.communicate(timeout=100) for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], printed
    assert printed[0][0] == printed[1][0] != ""
    entries = list((tmp_path / "cache").iterdir())
    assert len(entries) == 3 * 6
    assert not [path for path in entries if path.name.startswith(".")]


def test_a_reader_of_ones_own_that_was_edited_makes_another_entry(make_case, volume):
    keys = []
    for number in (1, 1, 2):
        scope = {"__name__": "mine"}
        exec(f"def mine(case):\n    return {number}", scope)
        keys.append(cache_key(make_case(volume, reader=scope["mine"]), BOX))
    assert keys[0] == keys[1] != keys[2]


def test_other_processes_map_the_files_of_a_cache_as_well(make_case, volume, tmp_path):
    (case,) = prepare_all([make_case(volume, reader=Counting(volume))], BOX, cache_dir=tmp_path / "cache")
    sent = pickle.dumps(case)
    assert len(sent) < 1000
    got = pickle.loads(sent)
    assert_equal(got, case)
    assert isinstance(got.image, np.memmap)
    changed = replace(case, truth=case.truth[:2])  # a part of a file is no file
    assert_equal(pickle.loads(pickle.dumps(changed)), changed)
