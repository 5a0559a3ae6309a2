"""Cases, volumes and the errors that name them."""

import doctest
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmetricloss.datasets import Case, DataError, Volume, case
from kerasmetricloss.datasets.case import natural_key


def arrays(**changes):
    return {
        "image": np.zeros((3, 4, 2), np.float32),
        "truth": np.zeros((3, 4, 1), np.uint8),
        "mask": np.ones((3, 4), bool),
    } | changes


def with_value(array, value):
    array[1, 2, 0] = value
    return array


def test_the_examples_of_the_docstrings_run():
    assert doctest.testmod(case).failed == 0


def test_an_error_says_case_file_problem_and_mend_in_one_line():
    error = DataError("it is empty", case="7", file=Path("a b/ü.png"), mend="fetch it again")
    assert str(error) == "case 7: a b/ü.png: it is empty; fetch it again"


def test_an_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(DataError("it is empty", case="7", file=Path("x"), mend="go")))
    assert (str(error), error.case, error.file, error.mend) == ("case 7: x: it is empty; go", "7", Path("x"), "go")


def test_numbers_in_names_sort_by_value():
    assert sorted(["a10", "A2", "1", "10", "2", "01", "a", ""], key=natural_key) == [
        "",
        "01",
        "1",
        "2",
        "10",
        "a",
        "A2",
        "a10",
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="a1 2_Ü", max_size=6)))
def test_any_names_can_be_sorted(names):
    assert sorted(sorted(names, key=natural_key)) == sorted(names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": np.zeros((3, 4, 2))}, "image has dtype float64, expected float32"),
        ({"truth": np.zeros((3, 4, 1), bool)}, "truth has dtype bool, expected uint8"),
        ({"image": np.zeros((3, 4), np.float32)}, r"image has shape \(3, 4\)"),
        ({"image": np.zeros((3, 4, 0), np.float32)}, "none empty"),
        ({"truth": np.zeros((4, 3, 1), np.uint8)}, r"truth has shape \(4, 3, 1\), expected \(3, 4\) and labels"),
        ({"mask": np.ones((3, 5), bool)}, r"mask has shape \(3, 5\), expected \(3, 4\)"),
        ({"ignore": np.ones((4, 4), bool)}, r"ignore has shape \(4, 4\)"),
        ({"affine": np.eye(3)}, r"affine has shape \(3, 3\)"),
        ({"spacing_mm": (1.0, 0.0)}, "expected 2 positive numbers"),
        ({"spacing_mm": (1.0, 1.0, 1.0)}, "expected 2 positive numbers"),
        ({"image": with_value(np.zeros((3, 4, 2), np.float32), np.nan)}, "1 of 24 image values are NaN or infinite"),
        ({"truth": with_value(np.zeros((3, 4, 1), np.uint8), 3)}, "truth holds the value 3"),
    ],
)
def test_a_volume_refuses_what_does_not_fit(changes, message):
    with pytest.raises(DataError, match=message):
        Volume(**arrays(**changes))


def a_case(reader, channels=("a", "b")):
    files = (Path("image.png"), Path("mask.png"))
    return Case(dataset="po18", id="7", group="7", channels=channels, labels=("l",), files=files, reader=reader)


def test_reading_is_left_to_the_reader_of_the_case():
    volume = Volume(**arrays())
    assert a_case(lambda _: volume).read() is volume


def test_a_complaint_of_the_reader_gets_the_id_of_the_case():
    def broken(_):
        raise DataError("it is empty", file="mask.png")

    with pytest.raises(DataError, match=r"^case 7: mask.png: it is empty$"):
        a_case(broken).read()


def test_channels_that_do_not_come_are_an_error():
    with pytest.raises(DataError, match=r"case 7: .*\(2, 1\) channels and labels came, expected \(3, 1\)"):
        a_case(lambda _: Volume(**arrays()), channels=("a", "b", "c")).read()
