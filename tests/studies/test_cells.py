import json
import os
import stat

import pytest

from kerasmetricloss.studies.cells import Cell, CellStore, digest


def _cell(**configuration):
    return Cell("po18", "unet-small", "sTversky-0.3/0.7", 0, 2, "post", configuration)


def test_a_cell_is_its_full_configuration():
    assert _cell(a=1, b=[2]).identity == _cell(b=[2], a=1).identity
    assert _cell(a=1).identity != _cell(a=2).identity


def test_the_directory_name_is_safe_in_a_path():
    name = _cell(a=1).directory_name
    assert name == f"po18-unet_small-seed0-fold3-post-sTversky_0.3_0.7-{digest({'a': 1})}"


def test_a_cell_is_there_whole_with_its_configuration(tmp_path):
    store, cell = CellStore(tmp_path), _cell(a=1)
    path = store.write(cell, lambda folder: (folder / "x").write_text("y"))
    assert store.has(cell)
    assert (path / "x").read_text() == "y"
    assert json.loads((path / "configuration.json").read_text()) == {"a": 1}


def test_nothing_stays_of_a_cell_whose_writing_fails(tmp_path):
    store, cell = CellStore(tmp_path), _cell(a=1)

    def fail(folder):
        (folder / "x").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        store.write(cell, fail)
    assert not store.has(cell)
    assert list(store.root.iterdir()) == []


def test_the_first_of_two_writers_of_a_cell_stays(tmp_path):
    store, cell = CellStore(tmp_path), _cell(a=1)

    def fill(folder):
        store.write(cell, lambda other: (other / "x").write_text("first"))
        (folder / "x").write_text("second")

    assert (store.write(cell, fill) / "x").read_text() == "first"
    assert [path.name for path in store.root.iterdir()] == [cell.directory_name]


def test_what_a_killed_run_left_is_swept_and_finished_cells_are_kept(tmp_path):
    store, cell = CellStore(tmp_path), _cell(a=1)
    store.write(cell, lambda folder: None)
    (store.root / ".partial-abc").mkdir()
    (store.root / ".partial-abc" / "x").write_text("half")
    store.sweep()
    assert [path.name for path in store.root.iterdir()] == [cell.directory_name]


def test_the_rules_of_the_directory_say_who_may_read_a_cell(tmp_path):
    before = os.umask(0o027)
    try:
        path = CellStore(tmp_path).write(_cell(a=1), lambda folder: None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
