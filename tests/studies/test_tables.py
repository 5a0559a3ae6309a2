"""Whatever byte of a finished training is damaged, the cell is named, and never a traceback shown."""

import json
from types import SimpleNamespace

import pytest

from kerasmetricloss.scores import ScoreTable
from kerasmetricloss.studies import tables
from kerasmetricloss.studies.cells import Cell, CellStore
from kerasmetricloss.studies.errors import StudyError

CELL = Cell("po18", "unet-small", "CE", 0, 0, "post", {})
ROW = {"dataset": "po18", "model": "m", "loss": "CE", "seed": 0, "fold": 0, "case": "7", "group": "7", "label": "polyp"}
RESULT = {"parameters": 3, "seconds": 2.0, "peak_memory_mb": 4, "versions": {"keras": "3"}, "git": None}
READ = {
    "scores.parquet": lambda store: tables._scores(store, CELL, "CE"),
    "history.json": lambda store: tables._curve(store, CELL, "CE"),
    "result.json": lambda store: tables._facts(store, [SimpleNamespace(cell=CELL)]),
}


@pytest.fixture
def store(tmp_path):
    def fill(folder):
        ScoreTable.from_rows([ROW | {"metric": "dice", "value": 0.5}]).write(folder / "scores.parquet")
        (folder / "history.json").write_text(json.dumps([{"epoch": 1, "loss": 0.5, "val_loss": 0.4}]))
        (folder / "result.json").write_text(json.dumps(RESULT))

    store = CellStore(tmp_path)
    store.write(CELL, fill)
    return store


@pytest.mark.parametrize(("name", "step"), [("scores.parquet", 29), ("history.json", 1), ("result.json", 1)])
def test_a_damaged_byte_is_read_over_or_the_cell_is_named(store, name, step):
    path = store.path(CELL) / name
    whole, said = path.read_bytes(), []
    for position in range(0, len(whole), step):
        for bits in (1, 16, 255):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ bits]) + whole[position + 1 :])
            try:
                READ[name](store)
            except StudyError as error:
                said.append(str(error))
    assert len(said) > 20
    assert all(
        text.startswith(CELL.title) and "is damaged" in text and "Delete that directory" in text for text in said
    )


def test_a_damaged_table_of_curves_is_named(tmp_path):
    (tmp_path / "curves.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(StudyError, match=r"curves\.parquet is damaged .* Delete it"):
        tables._kept(tmp_path / "curves.parquet", {})
