"""Checks of arguments, with one way of saying what was expected and what came."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Protocol, runtime_checkable

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike

from potscope.core._types import Array


@runtime_checkable
class HasStructures(Protocol):
    """Anything that carries structures, a `Dataset` above all."""

    @property
    def structures(self) -> Sequence[Atoms]:
        """The structures."""
        ...


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
    given: object = structures  # whatever the annotation says
    if isinstance(given, Atoms):
        return [given]
    if isinstance(given, HasStructures):
        return list(given.structures)
    expected = f"`{name}`: expected an ase.Atoms or a sequence of them"
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"{expected}, got {shown(given)}")
    found = list(given)
    for index, atoms in enumerate(found):
        if not isinstance(atoms, Atoms):
            raise TypeError(f"{expected}, but item {index} is {shown(atoms)}")
    return found


@contextmanager
def named(names: Sequence[str]) -> Iterator[None]:
    """Errors of some structures out of many call them by these names, where they say ``structures[k]`` in backticks.

    Examples
    --------
    >>> with named(["`train`[40]", "`train`[41]", "`train`[42]"]):
    ...     raise ValueError("`structures`[2]: atoms 0 and 1 are at the same place")
    Traceback (most recent call last):
    ValueError: `train`[42]: atoms 0 and 1 are at the same place
    """
    try:
        yield
    except ValueError as error:
        words = re.sub(r"`structures`\[(\d+)\]", lambda found: names[int(found[1])], str(error))
        raise ValueError(words) from error


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


def check_array(name: str, value: ArrayLike, shape: tuple[int | None, ...]) -> Array:
    """Finite numbers as an array of a shape, of which None may be any length."""
    try:
        values = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}`: expected numbers, got {shown(value)}") from None
    if len(values.shape) != len(shape) or any(
        size not in (None, own) for own, size in zip(values.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"`{name}`: expected shape ({wanted}{',' * (len(shape) == 1)}), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"`{name}`: expected finite numbers, got {values[~np.isfinite(values)][0]}")
    return values


def check_geometry(atoms: Atoms, where: str) -> None:
    """See that a structure has atoms of known elements, finite positions and the cell vectors it needs.

    Raises
    ------
    ValueError
        Otherwise.
    """
    if len(atoms) == 0:
        raise ValueError(f"{where}: expected at least one atom, got none")
    unknown = np.flatnonzero((atoms.numbers < 1) | (atoms.numbers >= len(chemical_symbols)))
    if len(unknown):
        n = int(unknown[0])
        raise ValueError(f"{where}: atom {n} is of an unknown element, X or atomic number {atoms.numbers[n]}")
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        n = int(bad[0])
        raise ValueError(f"{where}: expected finite positions, got {atoms.positions[n].tolist()} for atom {n}")
    if not np.isfinite(atoms.cell[:]).all():
        raise ValueError(f"{where}: expected a finite cell, got NaN or infinity")
    missing = atoms.pbc & ~atoms.cell[:].any(axis=1)
    if missing.any():
        axes = ", ".join("abc"[k] for k in np.flatnonzero(missing))
        raise ValueError(f"{where}: periodic along {axes}, but no cell vector is given there")
    vectors = atoms.cell[:][atoms.pbc]
    if len(vectors) and np.linalg.matrix_rank(vectors) < len(vectors):
        raise ValueError(f"{where}: the periodic cell vectors are linearly dependent")
