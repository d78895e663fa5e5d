"""The Coulomb matrix of a molecule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.descriptors import matrix_kernels
from potscope.core.descriptors.all_pairs import AllPairs
from potscope.core.descriptors.matrices import Entries, Layout, MatrixDescriptor, charge_products, free_atom_energies
from potscope.core.pairs import COINCIDENT, check_apart


@dataclass(frozen=True)
class CoulombMatrix(MatrixDescriptor):
    r"""The Coulomb matrix of a molecule.

    .. math::
        C_{ii} = \tfrac12 Z_i^{2.4}, \qquad C_{ij} = \frac{Z_i Z_j}{|\mathbf r_i - \mathbf r_j|}

    See `MatrixDescriptor` for the ways of forgetting the order of the atoms and for the derivatives. Distances are in
    Å, so that the values are in e²/Å, those of DScribe's ``CoulombMatrix`` value by value; `lower_triangle` makes
    qmllib's of them.

    Parameters
    ----------
    n_atoms_max, permutation, sigma, seed
        As declared; see ``declared(CoulombMatrix)``.

    References
    ----------
    M. Rupp, A. Tkatchenko, K.-R. Müller, O. A. von Lilienfeld, Phys. Rev. Lett. 108, 058301 (2012).
    doi:10.1103/PhysRevLett.108.058301

    G. Montavon et al., New J. Phys. 15, 095003 (2013), for random sorting. doi:10.1088/1367-2630/15/9/095003

    Examples
    --------
    >>> from ase.build import molecule
    >>> CoulombMatrix(n_atoms_max=5).compute(molecule("H2O")).values.shape
    (1, 5)
    """

    title: ClassVar[str] = "Coulomb matrix"
    periodic_directions = frozenset({0})

    def entries(self, structures: Sequence[Atoms], pairs: AllPairs) -> Entries:  # noqa: ARG002 - all is in the pairs
        """The entries of the matrices of checked molecules."""
        return _Coulomb(pairs)


class _Coulomb(Entries):
    def __init__(self, pairs: AllPairs) -> None:
        self._pairs, layout = pairs, Layout(pairs)
        self.C_e = np.empty(int(layout.first_entry_s[-1]))
        shortest = matrix_kernels.coulomb(
            pairs.first_atom_s,
            layout.first_entry_s,
            pairs.positions_nc,
            pairs.numbers_n.astype(float),
            free_atom_energies(pairs),
            self.C_e,
        )
        if shortest < COINCIDENT**2:
            check_apart(pairs, pairs.r_p**2)

    @cached_property
    def slope_pc(self) -> Array:
        pairs = self._pairs
        return np.asarray(-(charge_products(pairs) / pairs.r_p**3)[:, None] * pairs.D_pc)

    def virials(self, g_p: Array, g_n: Array) -> Array:  # noqa: ARG002 - the diagonal is the same in every geometry
        return self._pairs.virials(self.slope_pc * g_p[:, None])
