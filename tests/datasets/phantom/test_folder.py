"""Phantom folders: the real layouts, the same bytes, all or nothing."""

import doctest
import json

import numpy as np
import pytest

from kerasmetricloss.datasets import (
    CATALOG,
    DataError,
    ensure_phantom,
    load_posterior,
    open_dataset,
    phantom_names,
    verify,
    write_phantom,
)
from kerasmetricloss.datasets.phantom import folder

SIZES = {
    "br18": (32, 40, 36),
    "is17": (32, 40, 9),
    "is18": (32, 36, 5),
    "mo17": (199, 113),
    "po18": (96, 72),
    "wm17": (40, 44, 12),
}
FILES = {"br18": 6, "is17": 9, "is18": 8, "mo17": 3, "po18": 3, "wm17": 4}


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module", params=sorted(SIZES))
def phantom(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("phantoms") / f"{request.param} ö"
    return request.param, write_phantom(request.param, root, cases=4, seed=3, size=SIZES[request.param])


def test_the_examples_of_the_docstrings_run():
    assert doctest.testmod(folder).failed == 0


def test_every_phantom_is_of_a_data_set_of_the_paper():
    assert set(phantom_names()) == set(SIZES) == set(CATALOG)


def test_the_reader_of_the_real_data_set_reads_its_phantom(phantom):
    name, root = phantom
    cases = open_dataset(name, root)
    assert len(cases) == 4
    assert cases[0].channels == CATALOG[name].channels
    assert cases[0].absent == ()
    verify(cases)


def test_the_truth_is_the_outline_that_was_drawn_and_the_posterior_its_expectation(phantom):
    name, root = phantom
    settings = {"br18": {"labels": ("WT", "TC", "ET")}, "mo17": {"roi": None}}.get(name, {})
    for case in open_dataset(name, root, **settings):
        known, truth = load_posterior(root, case.id), case.read().truth
        assert known.labels == case.labels
        np.testing.assert_array_equal(known.outlines[known.drawn], truth)
        expected = np.tensordot(known.probabilities, known.outlines, axes=1)
        np.testing.assert_allclose(known.posterior, expected, atol=1e-6)
        assert known.posterior.dtype == np.float32


def test_the_same_seed_gives_the_same_bytes_and_a_case_does_not_depend_on_how_many_there_are(phantom, tmp_path):
    name, root = phantom
    again = contents(write_phantom(name, tmp_path / "again", cases=2, seed=3, size=SIZES[name]))
    first = contents(root)
    shared = [path for path in again if path not in ("README.md", "phantom.json")]
    assert len(shared) == 2 * FILES[name]
    assert all(again[path] == first[path] for path in shared)


def test_another_seed_gives_other_images(phantom, tmp_path):
    name, root = phantom
    other = contents(write_phantom(name, tmp_path / "other", cases=1, seed=4, size=SIZES[name]))
    first = contents(root)
    assert all(first[path] != data for path, data in other.items())


def test_the_readme_says_what_the_folder_is(phantom):
    name, root = phantom
    text = (root / "README.md").read_text(encoding="utf-8")
    assert "Phantoms, not patients" in text
    assert f"phantom {name} --cases 4 --seed 3" in text


def test_spacing_and_affine_of_a_volume_are_in_the_file(tmp_path):
    root = write_phantom("br18", tmp_path / "b", cases=1, seed=0, size=(32, 40, 36))
    volume = open_dataset("br18", root)[0].read()
    assert volume.spacing_mm == (2, 2, 2)
    # The middle of the grid, voxel (15.5, 19.5, 17.5), is the origin.
    np.testing.assert_allclose(volume.affine @ [15.5, 19.5, 17.5, 1], [0, 0, 0, 1])


@pytest.fixture
def small(tmp_path):
    return write_phantom("po18", tmp_path / "small", cases=2, seed=0, size=(40, 32))


def test_a_folder_that_holds_something_is_not_written_over(small):
    before = contents(small)
    with pytest.raises(DataError, match="not written over what is there; name a new folder or empty it"):
        write_phantom("po18", small, cases=2, seed=0, size=(40, 32))
    file = small / "README.md"
    with pytest.raises(DataError, match="not written over"):
        write_phantom("po18", file, cases=2, seed=0, size=(40, 32))
    assert contents(small) == before


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "deep" / "empty").mkdir(parents=True)
    root = write_phantom("po18", tmp_path / "deep" / "empty", cases=1, seed=0, size=(40, 32))
    assert len(open_dataset("po18", root)) == 1


def test_ensuring_takes_the_identical_phantom_and_nothing_else(small):
    times = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    assert ensure_phantom("po18", small, cases=2, seed=0, size=(40, 32)) == small
    assert times == {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    with pytest.raises(DataError, match="another phantom is there: seed 0 instead of 1; name another folder"):
        ensure_phantom("po18", small, cases=2, seed=1, size=(40, 32))


def test_ensuring_writes_what_is_not_there(tmp_path):
    root = ensure_phantom("po18", tmp_path / "new", cases=1, seed=0, size=(40, 32))
    assert json.loads((root / "phantom.json").read_text())["cases"] == 1


@pytest.mark.parametrize("change", ["lost", "altered", "manifest"])
def test_ensuring_finds_what_was_changed_since(small, change):
    mask = small / "Ground Truth" / "2.png"
    if change == "lost":
        mask.unlink()
    elif change == "altered":
        mask.write_bytes(mask.read_bytes() + b"\0")
    else:
        (small / "phantom.json").write_text("{")
    with pytest.raises(DataError, match=r"phantom\.json: the list|2\.png: the phantom's file was changed or lost"):
        ensure_phantom("po18", small, cases=2, seed=0, size=(40, 32))


def test_an_interrupted_phantom_leaves_nothing(tmp_path):
    def stop(done, total, case_id):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantom("po18", tmp_path / "out", cases=3, seed=0, size=(40, 32), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_a_case_at_a_time(tmp_path):
    told = []
    write_phantom("po18", tmp_path / "o", cases=2, seed=0, size=(40, 32), progress=lambda *state: told.append(state))
    assert told == [(1, 2, "1"), (2, 2, "2")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "wm18"}, "there is no phantom named 'wm18'; there are br18, is17, is18, mo17, po18, wm17"),
        ({"cases": 0}, "0 cases were asked for"),
        ({"seed": -1}, "the seed is -1"),
        ({"size": (40,)}, "expected 2 numbers of at least 32, 32"),
        ({"size": (40, 8)}, "expected 2 numbers of at least 32, 32"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_written(tmp_path, changes, message):
    settings = {"name": "po18", "cases": 1, "seed": 0, "size": (40, 32)} | changes
    with pytest.raises(DataError, match=message):
        write_phantom(settings.pop("name"), tmp_path / "out", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_posterior_that_is_missing_broken_or_a_pickle_is_refused(small):
    with pytest.raises(DataError, match=r"case 9: .*9\.npz: no posterior can be read"):
        load_posterior(small, "9")
    for content in (b"", b"PK\x03\x04 cut", b"\x80\x04N."):
        (small / "posterior" / "1.npz").write_bytes(content)
        with pytest.raises(DataError, match="case 1: "):
            load_posterior(small, "1")
