"""Descriptors and kernels in the files of potentials, by class and hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from potscope.core import descriptors
from potscope.core.descriptors import LocalDescriptor
from potscope.core.hyperparameters import Declared


def plain_of(declared: Declared) -> dict[str, Any]:
    """Class and hyperparameters, for JSON."""
    return {"class": type(declared).__name__, "hyperparameters": declared.hyperparameters()}


def local_descriptor_from(plain: Mapping[str, Any], owner: type) -> LocalDescriptor:
    """The descriptor that `plain_of` came from; a ValueError if it is none of atoms, on which the owner stands."""
    kind = descriptors.REGISTRY[plain["class"]]
    descriptor = kind(**plain["hyperparameters"])
    if not isinstance(descriptor, LocalDescriptor):
        raise ValueError(f"a {owner.__name__} stands on a local descriptor, not on {kind.__name__}")
    return descriptor
