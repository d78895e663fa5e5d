"""Many structures in batches of bounded memory, one after the other or spread over a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

import numpy as np
from ase import Atoms

from potscope.core.descriptors import Descriptor, LocalDescriptor
from potscope.core.features import Features
from potscope.core.validation import HasStructures, as_structures, check_positive

MOST_BYTES = 100e6
"""What the features and pairs of one batch may take, about, where nothing else is asked for."""

BYTES_A_PAIR = 250  # indices, vector and shift, twice while they are sorted, and the gradient that comes back
COPIES = 2  # of the values: a descriptor keeps as much again for its derivatives
BATCHES_AT_A_TIME = 64  # handed to a cluster before the first result is waited for

Result = TypeVar("Result")


class Client(Protocol):
    """What is used of a ``dask.distributed.Client``."""

    def map(self, function: Callable[..., Any], *iterables: Iterable[Any]) -> Any:
        """Futures of the function applied to each element."""
        ...

    def gather(self, futures: Any) -> Any:
        """Results of futures, in their order."""
        ...


def bytes_of(atoms: Atoms, descriptor: Descriptor) -> float:
    """An estimate of the memory that the features of one structure take.

    The number of pairs is that of a uniform density; a molecule's is at most that of all its pairs.
    """
    rows = len(atoms) if descriptor.scope == "atom" else 1
    pairs = len(atoms) * max(0, len(atoms) - 1)
    reach = descriptor.reach if isinstance(descriptor, LocalDescriptor) else getattr(descriptor, "reach", 0.0)
    if atoms.pbc.any() and atoms.cell.rank == 3:
        pairs = int(len(atoms) ** 2 / max(atoms.get_volume(), 1e-6) * 4 / 3 * np.pi * reach**3)
    return COPIES * 8 * rows * len(descriptor.names) + BYTES_A_PAIR * pairs


def batches(
    structures: Atoms | HasStructures | Iterable[Atoms], descriptor: Descriptor, most_bytes: float = MOST_BYTES
) -> Iterator[tuple[slice, list[Atoms]]]:
    """Consecutive structures whose features fit in some memory together.

    Parameters
    ----------
    structures
        Any number; an iterator is read as the batches are asked for, and never held as a whole.
    descriptor
        What will be computed of them.
    most_bytes
        Memory that a batch may take, about; a structure that needs more is a batch of its own.

    Yields
    ------
    places, batch
        Which structures they are, counted from zero, and the structures.

    Raises
    ------
    ValueError
        If `most_bytes` is not positive.
    TypeError
        If something among the structures is none.
    """
    check_positive("most_bytes", most_bytes)
    first = 0
    given = structures if isinstance(structures, Iterator) else as_structures(structures)
    for batch in packed(_checked(given), lambda atoms: bytes_of(atoms, descriptor), most_bytes):
        yield slice(first, first + len(batch)), batch
        first += len(batch)


def packed(structures: Iterable[Atoms], size_of: Callable[[Atoms], float], most: float) -> Iterator[list[Atoms]]:
    """Consecutive structures whose sizes add up to `most` or less; one that is larger is a batch of its own."""
    batch: list[Atoms] = []
    taken = 0.0
    for atoms in structures:
        size = size_of(atoms)
        if batch and taken + size > most:
            yield batch
            batch, taken = [], 0.0
        batch.append(atoms)
        taken += size
    if batch:
        yield batch


def _checked(structures: Iterable[Atoms]) -> Iterator[Atoms]:
    for index, atoms in enumerate(structures):
        if not isinstance(atoms, Atoms):
            raise TypeError(f"`structures`: expected ase.Atoms, but item {index} is {atoms!r}")
        yield atoms


def features_in_batches(
    structures: Atoms | HasStructures | Iterable[Atoms], descriptor: Descriptor, most_bytes: float = MOST_BYTES
) -> Iterator[tuple[slice, Features]]:
    """Features of any number of structures, in memory that does not grow with their number.

    Parameters and errors are those of `batches`.

    Yields
    ------
    places, features
        Which structures they are, counted from zero, and their features.
    """
    for places, batch in batches(structures, descriptor, most_bytes):
        yield places, descriptor.compute(batch)


def map_features(
    function: Callable[[Features], Result],
    structures: Atoms | HasStructures | Iterable[Atoms],
    descriptor: Descriptor,
    client: Client | None = None,
    most_bytes: float = MOST_BYTES,
) -> Iterator[tuple[slice, Result]]:
    """What a function makes of the features of each batch, here or on a cluster.

    Parameters
    ----------
    function
        Takes the features of one batch; on a cluster, it and its result travel between processes.
    structures, descriptor, most_bytes
        As in `batches`.
    client
        A ``dask.distributed.Client``, or anything with its ``map`` and ``gather``. Without one, batches are computed
        here, one after the other.

    Yields
    ------
    places, result
        In the order of the structures.
    """
    if client is None:
        for places, features in features_in_batches(structures, descriptor, most_bytes):
            yield places, function(features)
        return
    work = _Work(function, descriptor)
    all_batches = batches(structures, descriptor, most_bytes)
    while some := list(islice(all_batches, BATCHES_AT_A_TIME)):
        results = client.gather(client.map(work, [batch for _, batch in some]))
        yield from zip((places for places, _ in some), results, strict=True)


class _Work:
    """A function of features as one of structures, which can be sent to another process."""

    def __init__(self, function: Callable[[Features], Any], descriptor: Descriptor) -> None:
        self.function, self.descriptor = function, descriptor

    def __call__(self, batch: list[Atoms]) -> Any:
        return self.function(self.descriptor.compute(batch))
