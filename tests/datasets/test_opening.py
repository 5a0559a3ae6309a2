"""Opening a data set by its name."""

import doctest

import pytest

from kerasmetricloss.datasets import DataError, names, open_dataset, opening, verify


def test_the_examples_of_the_docstrings_run():
    assert doctest.testmod(opening).failed == 0


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(
        DataError, match="unknown data set 'mnist'; known are br18, folder, is17, is18, mo17, po18, wm17"
    ):
        open_dataset("mnist", tmp_path)


def test_a_network_s_name_is_sent_to_the_data_set_that_it_reads(tmp_path):
    with pytest.raises(DataError, match="unknown data set 'WM17dm'; its folder is that of wm17: name that"):
        open_dataset("WM17dm", tmp_path)


def test_names_are_read_in_any_case(cvc):
    assert "po18" in names()
    assert len(open_dataset("PO18", str(cvc))) == 3


@pytest.mark.parametrize("name", names())
def test_a_root_that_is_missing_a_file_or_empty_is_refused(tmp_path, name):
    file, empty = tmp_path / "file", tmp_path / "empty"
    file.touch()
    empty.mkdir()
    for root, message in [(tmp_path / "none", "does not exist"), (file, "is a file"), (empty, "is empty")]:
        with pytest.raises(DataError, match=message) as error:
            open_dataset(name, root)
        assert error.value.file == root
        assert error.value.mend


@pytest.mark.parametrize("name", names())
def test_a_folder_of_another_layout_is_refused(tmp_path, name):
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"here|has no layout of its own; give a pattern"):
        open_dataset(name, tmp_path)


def test_the_folder_one_level_below_is_suggested(cvc, brats):
    for name, root in (("po18", cvc), ("br18", brats)):
        with pytest.raises(DataError) as error:
            open_dataset(name, root.parent)
        assert error.value.mend == f"name {root} instead"


def test_verifying_decodes_every_case_and_tells_how_far_it_is(cvc):
    told = []
    verify(open_dataset("po18", cvc), progress=lambda *state: told.append(state))
    assert told == [(1, 3, "1"), (2, 3, "2"), (3, 3, "10")]


def test_verifying_stops_at_the_first_broken_case(cvc):
    (cvc / "Original" / "2.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"^case 2: .*2\.png: .*cannot be decoded"):
        verify(open_dataset("po18", cvc))
