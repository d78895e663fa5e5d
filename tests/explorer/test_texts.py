from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potscope.core.hyperparameters import Hyperparameter, NumberList, NumberTable
from potscope.explorer import texts
from potscope.explorer.texts import as_text, from_text

LIST = Hyperparameter("widths", NumberList, (0.5,), "Widths.", "Å", (0.0, 10.0))
TABLE = Hyperparameter("terms", NumberTable, ((1.0, 2.0),), "Terms.")

numbers = st.floats(allow_nan=False, allow_infinity=False)


def test_the_examples() -> None:
    assert doctest.testmod(texts).failed == 0


@given(st.lists(st.floats(0, 10), max_size=6).map(tuple))
def test_a_list_is_read_as_it_was_written(value) -> None:
    assert from_text(as_text(value), LIST) == value


@given(st.lists(st.lists(numbers, min_size=1, max_size=4).map(tuple), max_size=4).map(tuple))
def test_a_table_is_read_as_it_was_written(value) -> None:
    assert from_text(as_text(value), TABLE) == value


@pytest.mark.parametrize("text", ["0.5 0.6", "0.5,0.6", " 0.5 ,  0.6, ", "0.5\t0.6"])
def test_a_list_may_be_typed_in_several_ways(text) -> None:
    assert from_text(text, LIST) == (0.5, 0.6)


@pytest.mark.parametrize("text", ["1 2; 3", "1, 2\n3", "1 2;3;"])
def test_rows_may_be_typed_in_several_ways(text) -> None:
    assert from_text(text, TABLE) == ((1.0, 2.0), (3.0,))


@pytest.mark.parametrize(
    ("text", "item"), [("0.5, x", LIST), ("0.5, 11", LIST), ("1; 2", LIST), ("nan", LIST), ("1, y; 2", TABLE)]
)
def test_what_is_not_allowed_is_refused_in_the_hyperparameters_own_words(text, item) -> None:
    with pytest.raises(ValueError, match=re.escape(f"`{item.name}`: expected {item.expected()}, got")):
        from_text(text, item)
