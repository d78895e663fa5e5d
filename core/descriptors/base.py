"""What all descriptors share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from potscope.core._types import IntArray
from potscope.core.features import Features
from potscope.core.hyperparameters import Declared
from potscope.core.pairs import Pairs
from potscope.core.validation import as_structures

TRANSFORMATIONS = frozenset({"translation", "rotation", "order of atoms"})


class Descriptor(Declared, ABC):
    """A description of atomic structures: a frozen dataclass of hyperparameters, and `compute`.

    Two descriptors with equal hyperparameters are equal and have one hash; ``repr`` is text that makes another.
    """

    scope: ClassVar[Literal["atom", "structure"]]
    """Whether a row of the values stands for an atom or for a structure."""

    title: ClassVar[str]
    """The descriptor's name in the field."""

    periodic_directions: ClassVar[frozenset[int]]
    """In how many directions a structure may be periodic: 0 for a molecule, 3 for a crystal."""

    depends_on_the_choice_of_cell: ClassVar[bool] = False
    """Whether a larger cell of the same crystal has other values, as with matrices that have a row for each atom."""

    @classmethod
    def describes(cls, atoms: Atoms) -> bool:
        """Whether a structure has boundary conditions that this descriptor knows."""
        return int(atoms.pbc.sum()) in cls.periodic_directions

    @property
    def invariant_under(self) -> frozenset[str]:
        """Which of ``"translation"``, ``"rotation"`` and ``"order of atoms"`` leave the values as they are.

        Rows that stand for atoms follow the order of the atoms.
        """
        return TRANSFORMATIONS

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """What each feature is called."""

    @property
    def feature_unit(self) -> str:
        """Unit of the features; empty for pure numbers."""
        return ""

    @abstractmethod
    def compute(self, structures: Atoms | Sequence[Atoms]) -> Features:
        """Values for one structure or several, with derivatives on demand.

        Parameters
        ----------
        structures
            Any boundary conditions that the descriptor knows; they are not changed.
        """


class LocalDescriptor(Descriptor):
    """A descriptor of the neighbourhood of each atom, of the neighbours within `reach`."""

    scope = "atom"
    periodic_directions = frozenset({0, 1, 2, 3})
    species: tuple[str, ...]

    @property
    @abstractmethod
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""

    @property
    def neighbour_order(self) -> int | None:
        """How many neighbours act on a feature together: the degree of the values in the neighbours' weights.

        1 for sums over neighbours, 2 for sums over pairs of them as in a power spectrum, and so on; None where the
        values are no such sums. `potscope.core.explain` builds on it.
        """
        return None

    @abstractmethod
    def compute_pairs(self, pairs: Pairs) -> Features:
        """Values from a neighbour list that reaches at least to `reach`."""

    def compute(self, structures: Atoms | Sequence[Atoms]) -> Features:
        """Values for one structure or several, a row an atom; see `Features` for the derivatives."""
        found = as_structures(structures)
        self.check_species(found)
        return self.compute_pairs(Pairs.from_structures(found, self.reach))

    def check_species(self, structures: Sequence[Atoms]) -> None:
        """Raise a ValueError that names the elements that were not declared."""
        check_species(type(self).__name__, self.species, structures)

    def species_of(self, numbers_n: IntArray) -> IntArray:
        """Position in `species` of each atom."""
        return species_positions(self.species, numbers_n)


def check_species(owner: str, species: Sequence[str], structures: Sequence[Atoms]) -> None:
    """Raise a ValueError that names the elements that a descriptor, the `owner`, does not know."""
    known = {atomic_numbers[symbol] for symbol in species}
    for index, atoms in enumerate(structures):
        unknown = set(atoms.numbers.tolist()) - known
        if unknown:
            symbols = ", ".join(chemical_symbols[z] for z in sorted(unknown))
            raise ValueError(f"`structures`[{index}] has {symbols}; `species` of this {owner} is {', '.join(species)}")


def species_positions(species: Sequence[str], numbers_n: IntArray) -> IntArray:
    """Position in `species` of each atom; −1 for an element that is not among them."""
    lookup = np.full(len(chemical_symbols), -1, dtype=np.int64)
    lookup[[atomic_numbers[symbol] for symbol in species]] = np.arange(len(species))
    return lookup[numbers_n]
