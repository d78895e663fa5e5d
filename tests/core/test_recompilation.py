"""Kernels are compiled once: no hyperparameter is part of what the compiler sees."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import potscope.core
from potscope.core.descriptors import REGISTRY, Descriptor, LocalDescriptor
from potscope.core.hyperparameters import Hyperparameter, declared

from systems import SYSTEMS, species_of


def compiled_signatures() -> dict[str, int]:
    """For each kernel of the core, how many versions of it have been compiled."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(potscope.core.__path__, "potscope.core.")
        if not found.name.endswith("_types")
    ]
    kernels = {
        f"{value.py_func.__module__}.{value.py_func.__qualname__}": value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    return {name: len(kernel.signatures) for name, kernel in kernels.items()}


def other_values(item: Hyperparameter) -> Iterator[object]:
    """Some that differ from the default, as a slider or a menu would give them."""
    if item.choices is not None:
        yield from (choice for choice in item.choices if choice != item.default)
    elif item.type is int and item.bounds is not None and isinstance(item.default, int):
        yield from {max(int(item.bounds[0]), item.default - 1), min(int(item.bounds[1]), item.default + 1)}
    elif item.type is float and isinstance(item.default, float):
        low, high = item.bounds or (-np.inf, np.inf)
        yield from (min(max(factor * item.default, low), high) for factor in (0.97, 1.03))
    elif item.type is bool:
        yield not item.default


def use(descriptor: Descriptor, name: str) -> None:
    """Everything that can be asked of a descriptor."""
    features = descriptor.compute(SYSTEMS[name])
    features.pull_back(np.ones_like(features.values))
    features.jacobian()


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
def test_a_slider_never_recompiles(cls: type[Descriptor]) -> None:
    name = next(name for name, atoms in SYSTEMS.items() if cls.describes(atoms))
    fixed = {"species": species_of(SYSTEMS[name])} if "species" in declared(cls) else {}
    more_species = {"species": sorted({*fixed.get("species", ()), "C", "O"})} if fixed else {}
    choices = [item.name for item in declared(cls).values() if item.choices is not None or item.type is bool]
    settings = [{key: value} for key, item in declared(cls).items() for value in other_values(item)]
    # another choice may be another kernel; a number of another size may not
    for chosen in [{}, *({key: value} for entry in settings for key, value in entry.items() if key in choices)]:
        use(cls(**fixed, **chosen), name)
    before = compiled_signatures()
    for chosen in settings:
        use(cls(**fixed, **chosen), name)
    use(cls(**{**fixed, **more_species}), name)
    after = compiled_signatures()
    assert {kernel: after[kernel] for kernel in after if after[kernel] != before.get(kernel, 0)} == {}
    assert any(after.values()) or not issubclass(cls, LocalDescriptor)
