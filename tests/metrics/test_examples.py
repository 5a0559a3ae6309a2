"""The examples in the docstrings run."""

import doctest
import importlib

import pytest

PACKAGE = "kerasmetricloss.metrics"


@pytest.mark.parametrize("name", ["overlap", "hamming", "volume", "surface", "distance", "callback"])
def test_examples_print_what_they_say(name):
    result = doctest.testmod(importlib.import_module(f"{PACKAGE}.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
