"""What a check can ask of a potential: descriptors of whole structures do not take every structure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from potscope.core.descriptors.base import Descriptor
from potscope.core.local_updates import Source

PARTS = ("correction_", "model_", "members_")  # what potentials made of others call what they were fitted to


class Meaningless(ValueError):
    """A check has no meaning for a potential, whose message says why."""


def descriptor_of(source: Source) -> Descriptor | None:
    """What a potential describes structures by; of one made of others that of the part that is learnt. None without."""
    owner: object = source
    while (inner := next((getattr(owner, name) for name in PARTS if hasattr(owner, name)), None)) is not None:
        owner = inner[0] if isinstance(inner, tuple) else inner
    descriptor = getattr(owner, "descriptor", None)
    return descriptor if isinstance(descriptor, Descriptor) else None


def check_describes(source: Source, structures: Sequence[Atoms]) -> None:
    """Ask whether a potential's descriptor is one of such structures.

    Raises
    ------
    Meaningless
        If one is periodic in other directions than the descriptor knows, or has more atoms than fit in it.
    """
    descriptor = descriptor_of(source)
    if descriptor is None:
        return
    name, most = type(descriptor).__name__, getattr(descriptor, "n_atoms_max", np.inf)
    for atoms in structures:
        if not descriptor.describes(atoms):
            known = " or ".join(map(str, sorted(descriptor.periodic_directions)))
            raise Meaningless(f"{name} is for structures periodic in {known} directions, not in {int(atoms.pbc.sum())}")
        if len(atoms) > most:
            raise Meaningless(f"{name} has room for {most} atoms, and {len(atoms)} are needed")


def sizes_compare(source: Source) -> bool:
    """Whether energies of different cells compare: not where a descriptor depends on which cell of a crystal it is."""
    descriptor = descriptor_of(source)
    return descriptor is None or not descriptor.depends_on_the_choice_of_cell


def check_sizes_compare(source: Source) -> None:
    """Ask whether energies of cells of different sizes can be compared.

    Raises
    ------
    Meaningless
        If the descriptor depends on which cell of a crystal is chosen.
    """
    if not sizes_compare(source):
        name = type(descriptor_of(source)).__name__
        raise Meaningless(f"{name} depends on the choice of the cell: energies of different cells do not compare")
