"""The examples in the docstrings run, in every module."""

import doctest
import importlib
import pkgutil

import pytest

import kerasmetricloss

MODULES = [
    module.name
    for module in pkgutil.walk_packages(kerasmetricloss.__path__, "kerasmetricloss.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_to_run():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) > 40
