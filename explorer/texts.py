"""Numbers as a person types them: lists ``0.5, 0.6``, tables with ``;`` between rows, small ones as ``1e-8``."""

from __future__ import annotations

import re
from typing import Any

from potscope.core.hyperparameters import Hyperparameter, NumberList, NumberTable

BETWEEN_NUMBERS = re.compile(r"[\s,]+")
BETWEEN_ROWS = re.compile(r"[;\n]")

SMALL = 1e-5
"""What may be this small is set by its power of ten, for which the buttons of a number's field are of no use."""


def is_typed(item: Hyperparameter) -> bool:
    """Whether a hyperparameter is typed as a text: many numbers, or one that may be of many sizes."""
    return item.type in (NumberList, NumberTable) or is_of_many_sizes(item)


def is_of_many_sizes(item: Hyperparameter) -> bool:
    """Whether a hyperparameter is one positive number that may be very small."""
    return item.type is float and item.bounds is not None and 0 < item.bounds[0] <= SMALL


def as_text(value: Any) -> str:
    """A number, numbers, or rows of numbers, as a text that `from_text` reads again.

    Examples
    --------
    >>> as_text((0.5, 1.0)), as_text(((1.0, 2.0), (3.0, 4.0)))
    ('0.5, 1', '1, 2; 3, 4')
    """
    if isinstance(value, (int, float)):
        return _shortest(value)
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
    >>> from_text("2e-9", Hyperparameter("ridge", float, 1e-8, "Ridge.", bounds=(1e-15, 1.0)))
    2e-09
    """
    if is_of_many_sizes(item):
        return item.check(_number(text))
    rows = [row for row in BETWEEN_ROWS.split(text) if row.strip()]
    try:
        numbers = [tuple(float(word) for word in BETWEEN_NUMBERS.split(row.strip(" ,\t")) if word) for row in rows]
    except ValueError:
        return item.check(text)
    if item.type is NumberTable:
        return item.check(tuple(numbers))
    return item.check(numbers[0] if len(numbers) == 1 else text if numbers else ())


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _shortest(number: float) -> str:
    """The fewest digits that mean the same number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))
