"""Which cases a report shows, and what becomes of archives that are damaged."""

import numpy as np
import pandas as pd

from kerasmetricloss.reports.directory import read_study
from kerasmetricloss.scores import ScoreTable, ScoreTableError
from kerasmetricloss.studies import examples
from kerasmetricloss.studies.cells import Cell, CellStore
from kerasmetricloss.studies.errors import StudyError
from kerasmetricloss.studies.examples import _chosen
from kerasmetricloss.studies.work import PREDICTIONS, write_predictions

SMOOTH = np.linspace(0, 1, 22 * 30, dtype="float32").reshape(22, 30, 1)


def flipped(path, step=1):
    """Every damage of one byte to a file, one after the other; the file is whole again at the end."""
    whole = path.read_bytes()
    for position in range(0, len(whole), step):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 255]) + whole[position + 1 :])
        yield position
    path.write_bytes(whole)


def test_typical_cases_by_cross_entropy_then_the_worst_over_all_losses():
    # Under CE the order is a < b < c < d < e; averaged with sDice, e is the worst of all.
    dice = pd.DataFrame({"CE": [0.1, 0.2, 0.3, 0.4, 0.5], "sDice": [0.5, 0.6, 0.7, 0.8, 0.0]}, index=list("abcde"))
    assert _chosen(dice, "CE", typical=None) == {
        "c": "median Dice under CE",
        "b": "first quartile Dice under CE",
        "d": "third quartile Dice under CE",
        "e": "lowest Dice, averaged over all losses",  # mean .25
        "a": "second lowest Dice, averaged over all losses",  # mean .3; the third lowest, b, is shown already
    }
    assert _chosen(dice, "CE", typical=1) == {"c": "median Dice under CE"}


def test_no_case_is_shown_twice():
    dice = pd.DataFrame({"CE": [0.3, 0.6]}, index=["a", "b"])
    assert _chosen(dice, "CE", typical=None) == {
        "a": "median Dice under CE",
        "b": "second lowest Dice, averaged over all losses",
    }


def problem(read, *expected):
    """What a reader says of a file; None where it reads it."""
    try:
        read()
    except expected as error:
        return str(error)
    return None


def test_whichever_byte_of_the_predictions_is_damaged_the_cell_is_named(tmp_path):
    store, cell = CellStore(tmp_path), Cell("po18", "unet-small", "CE", 0, 0, "post", {})
    path = store.write(cell, lambda folder: write_predictions(folder / PREDICTIONS, {"7": SMOOTH})) / PREDICTIONS
    said = [problem(lambda: examples._prediction(store, cell, "7"), StudyError) for _ in flipped(path)]
    named = [text for text in said if text is not None]  # some bytes say nothing, such as the time of the file
    assert len(named) > 100
    assert all(text.startswith("po18, unet-small, fold 1, post-training, CE, seed 0: ") for text in named)
    assert all("is damaged" in text for text in named)


def test_whichever_byte_of_the_examples_is_damaged_the_file_is_named(tmp_path):
    row = {"dataset": "po18", "model": "m", "loss": "CE", "seed": 0, "fold": 0, "case": "7", "group": "7"}
    ScoreTable.from_rows([row | {"label": "polyp", "metric": "dice", "value": 0.5}]).write(tmp_path / "scores.parquet")
    told = {"dataset": "po18", "case": "7", "label": "polyp", "losses": ["CE"]}
    arrays = {"image": SMOOTH[..., 0], "truth": SMOOTH[..., 0] > 0.5, "pred/CE": SMOOTH[..., 0]}
    path = tmp_path / "examples.npz"
    path.write_bytes(examples.pack([(told, arrays)]))
    said = [
        (problem(lambda: read_study(tmp_path), ScoreTableError), problem(lambda: examples.kept(path, []), StudyError))
        for _ in flipped(path, step=23)
    ]
    for texts, named in zip(zip(*said, strict=True), ("cannot be read", "is damaged"), strict=True):
        found = [text for text in texts if text is not None]
        assert len(found) > 20
        assert all(f"examples.npz {named}" in text.replace(": ", " ") for text in found)
