"""Positions as they are: what every other descriptor is better than."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.descriptors.all_pairs import AllPairs
from potscope.core.descriptors.base import Descriptor
from potscope.core.features import Features, Gradient
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs, check_apart
from potscope.core.validation import as_structures


@dataclass(frozen=True)
class CartesianCoordinates(Descriptor):
    r"""The positions of a molecule's atoms, as they come.

    .. math:: G = (x_1, y_1, z_1, x_2, \dots, z_N, 0, \dots)

    This changes when the molecule turns, moves, or has its atoms in another order, and it does not know the elements.
    It is here to show what invariance buys, by the same means as all that have it.

    The `pairs` of its features are the atoms with the origin: pair n has the vector :math:`\mathbf r_n`.

    Parameters
    ----------
    n_atoms_max
        As declared; see ``declared(CartesianCoordinates)``.

    References
    ----------
    J. Behler, J. Chem. Phys. 145, 170901 (2016), section II C. doi:10.1063/1.4966192

    Examples
    --------
    >>> from ase.build import molecule
    >>> CartesianCoordinates(n_atoms_max=3).compute(molecule("H2O")).values.shape
    (1, 9)
    """

    scope = "structure"
    title: ClassVar[str] = "Cartesian coordinates"
    periodic_directions = frozenset({0})

    n_atoms_max: int = hyperparameter("Atoms of the largest molecule.", default=30, bounds=(1, 500))

    @property
    def invariant_under(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    @property
    def feature_unit(self) -> str:
        """That of a position."""
        return "Å"

    @property
    def names(self) -> tuple[str, ...]:
        """``x 0``: direction and atom."""
        return _names(self.n_atoms_max)

    def compute(self, structures: Atoms | Sequence[Atoms]) -> Features:
        """Values for one molecule or several, a row a molecule.

        Raises
        ------
        ValueError
            If a structure is periodic or has more than `n_atoms_max` atoms, or two atoms coincide.
        """
        found = as_structures(structures)
        self._check(found)
        pairs = _from_origin(found)
        structure_n = pairs.structure_n
        local_n = np.arange(pairs.n_atoms) - pairs.first_atom_s[structure_n]
        values_sax = np.zeros((len(found), self.n_atoms_max, 3))
        values_sax[structure_n, local_n] = pairs.D_pc
        values_sf = values_sax.reshape(len(found), 3 * self.n_atoms_max)

        def adjoint(g_sf: Array) -> Array:
            return np.asarray(g_sf.reshape(values_sax.shape)[structure_n, local_n])

        def jacobian() -> Array:
            J_ncax = np.zeros((pairs.n_atoms, 3, self.n_atoms_max, 3))
            for c in range(3):
                J_ncax[np.arange(pairs.n_atoms), c, local_n, c] = 1.0
            return J_ncax.reshape(pairs.n_atoms, 3, -1)

        def gradient(g_sf: Array) -> Gradient:
            dE_dr_nc = adjoint(g_sf)
            return Gradient(-dE_dr_nc, pairs.virials(dE_dr_nc))

        rows = np.arange(len(found))
        return Features(values_sf, self.names, pairs, structure_n, rows, adjoint, jacobian, gradient)

    def _check(self, structures: Sequence[Atoms]) -> None:
        for index, atoms in enumerate(structures):
            if not self.describes(atoms):
                raise ValueError(
                    f"`structures`[{index}]: plain coordinates are for molecules, but this one is periodic"
                )
            if len(atoms) > self.n_atoms_max:
                raise ValueError(
                    f"`structures`[{index}] has {len(atoms)} atoms; "
                    f"`n_atoms_max` of this CartesianCoordinates is {self.n_atoms_max}"
                )


def _from_origin(structures: Sequence[Atoms]) -> Pairs:
    """Each atom as its own neighbour, at its position."""
    between = AllPairs(structures)
    check_apart(between, between.r_p**2)
    positions_nc, atoms_n = between.positions_nc, np.arange(between.n_atoms)
    return Pairs(
        i_p=atoms_n,
        j_p=atoms_n,
        D_pc=positions_nc,
        S_pc=np.zeros((len(atoms_n), 3), np.int64),
        first_n=np.arange(len(atoms_n) + 1),
        structure_n=between.structure_n,
        numbers_n=between.numbers_n,
        n_structures=between.n_structures,
        cutoff=1.0 + float(np.sqrt((positions_nc**2).sum(axis=1).max(initial=0.0))),
    )


@lru_cache(maxsize=64)
def _names(n: int) -> tuple[str, ...]:
    return tuple(f"{axis} {k}" for k in range(n) for axis in "xyz")
