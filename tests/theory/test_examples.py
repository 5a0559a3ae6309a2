"""The examples in the docstrings run."""

import doctest
import importlib

import pytest

PACKAGE = "kerasmetricloss.theory"


@pytest.mark.parametrize("name", ["bounds", "exhaustive", "posterior", "promises"])
def test_examples_print_what_they_say(name):
    result = doctest.testmod(importlib.import_module(f"{PACKAGE}.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
