"""Hyperparameters, declared once: default, bounds, unit and meaning beside the name.

Descriptors and models are dataclasses. Their hyperparameters are fields made with `hyperparameter`; from the same
declaration come the check of the values, the text form, equality, the saved file and the controls in the workbench.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_type_hints

from ase.data import atomic_numbers

Numbers = tuple[float, ...]
Rows = tuple[tuple[float, ...], ...]
Value = bool | int | float | str | tuple[str, ...] | Numbers | Rows


class Species:
    """The `Hyperparameter.type` of a field ``tuple[str, ...]``: one or more distinct chemical symbols."""


class NumberList:
    """The `Hyperparameter.type` of a field ``tuple[float, ...]``; a single number counts as a list of one."""


class NumberTable:
    """The `Hyperparameter.type` of a field ``tuple[tuple[float, ...], ...]``: rows of numbers."""


_TUPLES: dict[object, type] = {tuple[str, ...]: Species, Numbers: NumberList, Rows: NumberTable}


@dataclass(frozen=True)
class Hyperparameter:
    """What there is to know of one hyperparameter.

    Attributes
    ----------
    name, default
        As in the dataclass; `default` is None where there is none.
    type
        ``bool``, ``int``, ``float`` or ``str``, or for tuples `Species`, `NumberList` or `NumberTable`.
    doc
        One sentence.
    unit
        Empty for a pure number.
    bounds
        Smallest and largest value allowed, of each number where there are many.
    choices
        The values allowed, where they are few.
    """

    name: str
    type: type
    default: Value | None
    doc: str
    unit: str = ""
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] | None = None

    def expected(self) -> str:
        """The allowed values in words."""
        if self.choices is not None:
            return "one of " + ", ".join(map(repr, self.choices))
        kind = _IN_WORDS[self.type]
        limits = f" from {self.bounds[0]:g} to {self.bounds[1]:g}" if self.bounds else ""
        return kind + limits + (f" ({self.unit})" if self.unit else "")

    def check(self, value: object) -> Value:
        """The value in its declared type.

        Raises
        ------
        ValueError
            If it is not allowed; names the hyperparameter, what was expected and what came.
        """
        converted = _convert(value, self.type)
        outside = self.bounds is not None and any(
            not self.bounds[0] <= number <= self.bounds[1] for number in _numbers_in(converted)
        )
        if converted is None or outside or (self.choices is not None and converted not in self.choices):
            raise ValueError(f"`{self.name}`: expected {self.expected()}, got {value!r}")
        return converted


_IN_WORDS: dict[type, str] = {
    int: "an integer",
    float: "a number",
    bool: "True or False",
    str: "a text",
    Species: "one or more distinct chemical symbols",
    NumberList: "numbers",
    NumberTable: "rows of numbers",
}


def _numbers_in(value: Value | None) -> Iterable[float]:
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers_in(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def _convert(value: object, kind: type) -> Value | None:
    if kind is bool:
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if kind is int:
        return int(value) if isinstance(value, numbers.Integral) else None
    if kind is float:
        return float(value) if isinstance(value, numbers.Real) and math.isfinite(value) else None
    if kind is str:
        return value if isinstance(value, str) else None
    if kind is Species:
        return _symbols(value)
    return _number_list(value) if kind is NumberList else _number_table(value)


def _number_list(value: object) -> Numbers | None:
    if isinstance(value, numbers.Real):
        value = (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        return None
    found = [_convert(item, float) for item in value]
    return tuple(item for item in found if isinstance(item, float)) if None not in found else None


def _number_table(value: object) -> Rows | None:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return None
    rows = [_number_list(row) for row in value]
    return tuple(row for row in rows if row is not None) if None not in rows else None


def _symbols(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, Iterable):
        return None
    symbols = (value,) if isinstance(value, str) else tuple(value)
    known = all(isinstance(symbol, str) and atomic_numbers.get(symbol, 0) > 0 for symbol in symbols)
    return symbols if symbols and known and len(set(symbols)) == len(symbols) else None


def hyperparameter(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    unit: str = "",
    bounds: tuple[float, float] | None = None,
    choices: Sequence[str] | None = None,
) -> Any:
    """A dataclass field that declares a hyperparameter; see `Hyperparameter`."""
    declaration = {"doc": doc, "unit": unit, "bounds": bounds, "choices": tuple(choices) if choices else None}
    return field(default=default, metadata={"hyperparameter": declaration})


def declared(owner: object) -> dict[str, Hyperparameter]:
    """The hyperparameters of a descriptor or a model, a class or an instance, by name and in their order."""
    cls = owner if isinstance(owner, type) else type(owner)
    hints = get_type_hints(cls)
    found = {}
    for declared_field in dataclasses.fields(cls):
        declaration = declared_field.metadata.get("hyperparameter")
        if declaration is None:
            continue
        kind = hints[declared_field.name]
        default = None if declared_field.default is dataclasses.MISSING else declared_field.default
        kind = _TUPLES.get(kind, kind)
        found[declared_field.name] = Hyperparameter(declared_field.name, kind, default, **declaration)
    return found


class Declared:
    """Base of dataclasses with declared hyperparameters: checks them, and gives them back as plain values."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __post_init__(self) -> None:
        """Check every hyperparameter and store it in its declared type."""
        for name, declaration in declared(self).items():
            object.__setattr__(self, name, declaration.check(getattr(self, name)))

    def hyperparameters(self) -> dict[str, Value]:
        """Names and values, such that ``type(self)(**values)`` is equal to this."""
        return {name: getattr(self, name) for name in declared(self)}
