import os
from pathlib import Path

import pytest

from kerasmetricloss.datasets import Case, DataError, match_splits, read_splits

TEXT = "Fold 0:\n['training_13', 'training_2']\nFold 1:\n['training_11']\n"


def write(tmp_path, text):
    path = tmp_path / "validation_splits.txt"
    path.write_text(text)
    return path


def cases(*ids):
    return [Case(dataset="d", id=i, group=i, channels=("c",), labels=("l",), files=(), reader=None) for i in ids]


def test_folds_keep_the_order_of_the_file(tmp_path):
    assert read_splits(write(tmp_path, TEXT)) == (("training_13", "training_2"), ("training_11",))


@pytest.mark.parametrize(
    "text",
    [
        "\nFOLD 0\n[13,\n 'b']\n\nfold 1 : ['c']\r\n",  # blank lines, a list over two lines, or beside its heading
        "\ufeffFold 0:\n(13, 'b')\nFold 1:\n['c']",
    ],
)
def test_forms_that_mean_the_same_are_read(tmp_path, text):
    assert read_splits(write(tmp_path, text)) == (("13", "b"), ("c",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 fold"),
        ("Fold 0:\n['a']\n", "has 1 fold, cross-validation needs two"),
        ("['a']\nFold 0:\n['b']\n", "line 1 stands before the first fold"),
        ("Fold 0:\n['a']\nFold 2:\n['b']\n", "line 3 is fold 2, expected fold 1"),
        ("Fold 0:\n['a'\nFold 1:\n['b']\n", "fold 0 is no list of ids"),
        ("Fold 0:\n['a']\nFold 1:\nprint('b')\n", "fold 1 is no list of ids"),
        ("Fold 0:\n['a']\nFold 1:\n[['b']]\n", "fold 1 is no list of ids"),
        ("Fold 0:\n['a']\nFold 1:\n[]\n", "fold 1 has no case"),
        ("Fold 0:\n['a', 'b']\nFold 1:\n['b']\n", "case b.*in fold 0 and in fold 1"),
    ],
)
def test_a_file_of_another_form_says_where_it_breaks(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_splits(write(tmp_path, text))


def test_a_file_that_is_missing_or_no_text_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_splits(tmp_path / "none.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="it is no text"):
        read_splits(tmp_path / "binary.txt")


def test_cases_are_found_by_their_ids():
    assert match_splits((("c", "a"), ("b",)), cases("a", "b", "c")) == [(0, 2), (1,)]


def test_a_case_in_no_fold_is_named_and_an_id_without_a_case_unless_a_part_is_allowed():
    splits = (("c", "a"), ("b",))
    with pytest.raises(DataError, match=r"case d: the case stands in no fold; .* such as c"):
        match_splits(splits, cases("a", "b", "c", "d"))
    with pytest.raises(DataError, match=r"case c: fold 0 asks for this case, .*\(2 such\)"):
        match_splits(splits, cases("b"))
    assert match_splits(splits, cases("b"), partial=True) == [(), (0,)]


@pytest.mark.parametrize(
    ("name", "count"), [("BRATS_2018", 285), ("ISLES_2017", 43), ("ISLES_2018", 94), ("WMH_2017", 60)]
)
def test_the_authors_files_hold_every_case_once(name, count):
    root = Path(os.environ.get("KML_DATA", "/nonexistent")) / "optimizingdice"
    if not root.is_dir():
        pytest.skip("KML_DATA names no folder with optimizingdice")
    splits = read_splits(root / name / "validation_splits.txt")
    assert len(splits) == 5
    assert sum(map(len, splits)) == count


def test_ids_are_composed_letters(tmp_path):
    path = tmp_path / "splits.txt"
    path.write_text("Fold 0:\n['e\u0301']\nFold 1:\n['b']\n", encoding="utf-8")
    assert read_splits(path) == (("\u00e9",), ("b",))
