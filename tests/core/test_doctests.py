"""The examples in the docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import potscope.core

MODULES = sorted(found.name for found in pkgutil.walk_packages(potscope.core.__path__, "potscope.core."))


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_modules_to_look_at() -> None:
    assert "potscope.core.descriptors.soap" in MODULES
