from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from kerasmetricloss.datasets import DataError
from kerasmetricloss.pipelines import Preparation, prepare, prepare_all
from kerasmetricloss.pipelines.cache import cache_key

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


@pytest.mark.parametrize("damage", ["cut short", "missing", "another shape", "a pickle"])
def test_a_damaged_entry_is_made_anew(make_case, volume, tmp_path, damage):
    case = make_case(volume)
    (expected,) = prepare_all([case], BOX, cache_dir=tmp_path / "cache")
    path = tmp_path / "cache" / cache_key(case, BOX) / "truth.npy"
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:-5])
    elif damage == "missing":
        path.unlink()
    elif damage == "another shape":
        np.save(path, np.zeros((4, 4, 3, 1), "uint8"))
    else:
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    (mended,) = prepare_all([case], BOX, cache_dir=tmp_path / "cache")
    assert_equal(mended, prepare(case, BOX))
    assert mended.truth.shape == expected.truth.shape == (4, 4, 4, 1)


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


def test_progress_counts_the_cases(make_case, volume):
    seen = []
    prepare_all([make_case(volume, name) for name in "ab"], BOX, progress=lambda *counts: seen.append(counts))
    assert seen == [(0, 2), (1, 2), (2, 2)]
