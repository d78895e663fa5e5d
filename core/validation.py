"""Checks of arguments, with one way of saying what was expected and what came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Protocol, runtime_checkable

import numpy as np
from ase import Atoms


@runtime_checkable
class HasStructures(Protocol):
    """Anything that carries structures, a `Dataset` above all."""

    @property
    def structures(self) -> Sequence[Atoms]:
        """The structures."""
        ...  # pragma: no cover


def shown(value: object, limit: int = 80) -> str:
    """A value and its type, short enough for an error message."""
    text = repr(value)
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return f"{text} ({type(value).__name__})"


def as_structures(structures: Atoms | HasStructures | Iterable[Atoms], name: str = "structures") -> list[Atoms]:
    """One structure or several, as a list; the objects themselves, not copies.

    Parameters
    ----------
    structures
        An `Atoms`, an iterable of them, or an object with `structures`, such as a `Dataset`.
    name
        What the argument is called in the message of an error.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if isinstance(structures, Atoms):
        return [structures]
    if isinstance(structures, HasStructures):
        return list(structures.structures)
    expected = f"`{name}`: expected an ase.Atoms or a sequence of them"
    if isinstance(structures, (str, bytes)) or not isinstance(structures, Iterable):
        raise TypeError(f"{expected}, got {shown(structures)}")
    found = list(structures)
    for index, atoms in enumerate(found):
        if not isinstance(atoms, Atoms):
            raise TypeError(f"{expected}, but item {index} is {shown(atoms)}")
    return found


def check_real(name: str, value: object) -> float:
    """A finite real number."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"`{name}`: expected a number, got {shown(value)}")
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"`{name}`: expected a finite number, got {number}")
    return number


def check_positive(name: str, value: object) -> float:
    """A finite number greater than zero."""
    number = check_real(name, value)
    if number <= 0:
        raise ValueError(f"`{name}`: expected a number greater than zero, got {number:g}")
    return number


def check_not_negative(name: str, value: object) -> float:
    """A finite number of zero or more."""
    number = check_real(name, value)
    if number < 0:
        raise ValueError(f"`{name}`: expected a number of zero or more, got {number:g}")
    return number


def check_integer(name: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """A whole number from `low` to `high`, both included."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(f"`{name}`: expected a whole number, got {shown(value)}")
    number = int(value)
    if low is not None and number < low:
        raise ValueError(f"`{name}`: expected a whole number of {low} or more, got {number}")
    if high is not None and number > high:
        raise ValueError(f"`{name}`: expected a whole number of {high} or less, got {number}")
    return number


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """One of some words."""
    allowed = tuple(choices)
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"`{name}`: expected one of {', '.join(map(repr, allowed))}, got {shown(value)}")
    return value
