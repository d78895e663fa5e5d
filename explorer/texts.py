"""Lists and tables of numbers as a person types them: ``0.5, 0.6``, and rows apart by ``;``."""

from __future__ import annotations

import re
from typing import Any

from potscope.core.hyperparameters import Hyperparameter, NumberList, NumberTable

BETWEEN_NUMBERS = re.compile(r"[\s,]+")
BETWEEN_ROWS = re.compile(r"[;\n]")


def is_typed(item: Hyperparameter) -> bool:
    """Whether a hyperparameter is many numbers, which are typed as a text."""
    return item.type in (NumberList, NumberTable)


def as_text(value: Any) -> str:
    """Numbers, or rows of numbers, as a text that `from_text` reads again.

    Examples
    --------
    >>> as_text((0.5, 1.0)), as_text(((1.0, 2.0), (3.0, 4.0)))
    ('0.5, 1', '1, 2; 3, 4')
    """
    if any(isinstance(row, tuple) for row in value):
        return "; ".join(as_text(row) for row in value)
    return ", ".join(_shortest(number) for number in value)


def from_text(text: str, item: Hyperparameter) -> Any:
    """What a text means, in the form that a hyperparameter is given in.

    Raises
    ------
    ValueError
        In the hyperparameter's own words, where the text is not allowed.

    Examples
    --------
    >>> from_text("0.5, 0.6", Hyperparameter("widths", NumberList, (), "Widths."))
    (0.5, 0.6)
    """
    rows = [row for row in BETWEEN_ROWS.split(text) if row.strip()]
    try:
        numbers = [tuple(float(word) for word in BETWEEN_NUMBERS.split(row.strip(" ,\t")) if word) for row in rows]
    except ValueError:
        return item.check(text)
    if item.type is NumberTable:
        return item.check(tuple(numbers))
    return item.check(numbers[0] if len(numbers) == 1 else text if numbers else ())


def _shortest(number: float) -> str:
    """The fewest digits that mean the same number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))
