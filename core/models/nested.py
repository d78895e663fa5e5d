"""Potentials within potentials, as files hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from potscope.core._types import Array
from potscope.core.models.base import Potential
from potscope.core.models.files import described, restored
from potscope.core.validation import shown


def packed(parts: Mapping[str, Potential]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Fitted potentials by name in plain values, and their arrays, which have the name before theirs."""
    plain: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for name, potential in parts.items():
        plain[name], own = described(potential)
        arrays |= {f"{name}.{key}": values for key, values in own.items()}
    return plain, arrays


def unpacked(name: str, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Potential:
    """The potential that `packed` was given by this name."""
    return restored(
        plain[name], {key.partition(".")[2]: arrays[key] for key in arrays if key.partition(".")[0] == name}
    )


def check_potential(name: str, value: object) -> None:
    """Raise a TypeError that names the argument where it is no potential."""
    if not isinstance(value, Potential):
        raise TypeError(f"`{name}`: expected a potential, got {shown(value)}")
