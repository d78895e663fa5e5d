"""Fields of what was parsed, with errors that name the field, what was expected and what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from ase.data import atomic_numbers

from potscope.core._types import Array, IntArray
from potscope.core.validation import shown

T = TypeVar("T")


def fields(holder: object) -> dict[str, Any]:
    """Something that has named fields."""
    if not isinstance(holder, dict):
        raise ValueError(f"expected named fields, got {shown(holder)}")
    return holder


def required(holder: object, name: str, kind: type[T]) -> T:
    """A field that must be there and of a kind."""
    there = fields(holder)
    if name not in there:
        raise ValueError(f"expected the field `{name}`, found {', '.join(map(repr, there)) or 'none'}")
    value = there[name]
    if not isinstance(value, kind):
        raise ValueError(f"`{name}`: expected a {kind.__name__}, got {shown(value)}")
    return value


def numbers(holder: object, name: str, shape: tuple[int, ...]) -> Array:
    """A field of numbers of a shape."""
    value = required(holder, name, object)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}`: expected numbers of shape {shape}, got {shown(value)}") from None
    if array.shape != shape:
        raise ValueError(f"`{name}`: expected shape {shape}, got {array.shape}")
    return array


def elements(symbols: Sequence[object]) -> IntArray:
    """Atomic numbers of the symbols of elements."""
    unknown = [symbol for symbol in symbols if not isinstance(symbol, str) or atomic_numbers.get(symbol, 0) < 1]
    if unknown:
        raise ValueError(f"unknown element {unknown[0]!r}")
    return np.array([atomic_numbers[str(symbol)] for symbol in symbols], dtype=np.int64)
