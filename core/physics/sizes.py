"""Whether the energy grows with the size."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms

from potscope.core.local_updates import Source
from potscope.core.physics.common import Found, Quantity, energies_of
from potscope.core.validation import check_geometry

APART = 100.0  # Å, between two copies of what is not periodic


@dataclass(frozen=True)
class SizeConsistency(Found):
    """Whether twice as much has twice the energy.

    Attributes
    ----------
    excess
        The energy of two copies less twice that of one, meV for each atom of the two.
    """

    excess: float

    def quantities(self) -> tuple[Quantity, ...]:
        """The excess."""
        return (Quantity("two copies less twice one", self.excess, "meV/atom", 0.0),)


def size_consistency(source: Source, atoms: Atoms) -> SizeConsistency:
    r"""Put two copies of a structure side by side.

    .. math:: \frac{E(2) - 2 E(1)}{2 N}

    A periodic structure is repeated along its first periodic vector; copies of another are 100 Å apart.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    atoms
        A structure.

    Raises
    ------
    Meaningless
        If the potential does not take as many atoms.
    """
    check_geometry(atoms, "`atoms`")
    if atoms.pbc.any():
        repeats = [1, 1, 1]
        repeats[int(atoms.pbc.argmax())] = 2
        two = atoms * tuple(repeats)
    else:
        other = atoms.copy()
        other.positions[:, 0] += APART
        two = atoms + other
    one_energy, two_energy = energies_of(source, [atoms, two])
    return SizeConsistency(float(1000 * (two_energy - 2 * one_energy) / len(two)))
