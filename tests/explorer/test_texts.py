from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potscope.core.hyperparameters import Hyperparameter, NumberList, NumberTable
from potscope.explorer import texts
from potscope.explorer.texts import as_text, from_text, is_typed

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


SMALL = Hyperparameter("ridge", float, 1e-8, "Ridge.", bounds=(1e-15, 1e3))


@pytest.mark.parametrize("value", [1e-8, 0.002, 1000.0, 1.23456789e-12])
def test_a_number_of_any_size_is_typed(value) -> None:
    assert is_typed(SMALL)
    assert from_text(as_text(value), SMALL) == value


def test_a_number_of_one_size_has_a_field_with_buttons() -> None:
    assert not is_typed(Hyperparameter("cutoff", float, 5.0, "Cutoff.", bounds=(1.5, 15.0)))
    assert not is_typed(Hyperparameter("weight", float, 5.0, "Weight.", bounds=(0.0, 1e9)))


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("0.5, x", LIST),
        ("", SMALL),
        ("small", SMALL),
        ("1e-16", SMALL),
        ("nan", SMALL),
        ("0.5, 11", LIST),
        ("1; 2", LIST),
        ("nan", LIST),
        ("1, y; 2", TABLE),
    ],
)
def test_what_is_not_allowed_is_refused_in_the_hyperparameters_own_words(text, item) -> None:
    with pytest.raises(ValueError, match=re.escape(f"`{item.name}`: expected {item.expected()}, got")):
        from_text(text, item)
