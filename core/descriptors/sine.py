"""The sine matrix of a crystal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.descriptors.all_pairs import AllPairs
from potscope.core.descriptors.matrices import Entries, Layout, MatrixDescriptor, charge_products, free_atom_energies
from potscope.core.descriptors.periodic import check_apart_in_crystals, virials_of


@dataclass(frozen=True)
class SineMatrix(MatrixDescriptor):
    r"""The sine matrix of a crystal: a Coulomb matrix with a periodic stand-in for the distance.

    .. math::
        C_{ii} = \tfrac12 Z_i^{2.4}, \qquad C_{ij} = \frac{Z_i Z_j}{|\boldsymbol\phi_{ij}|}, \qquad
        \boldsymbol\phi = \sum_{k=1}^3 \sin^2(\pi s_k)\, \mathbf h_k, \qquad
        \mathbf r_j - \mathbf r_i = \sum_k s_k \mathbf h_k

    with the cell vectors :math:`\mathbf h_k`. It does not change when an atom moves by a cell vector; it is another one
    in another cell of the same crystal. Under a strain the :math:`s_k` stay and :math:`\boldsymbol\phi` deforms as a
    vector, so that :math:`\partial C_{ij}/\partial\boldsymbol\varepsilon = -Z_i Z_j\,\boldsymbol\phi \otimes
    \boldsymbol\phi/|\boldsymbol\phi|^3`. See `MatrixDescriptor` for the ways of forgetting the order of the atoms. The
    values are in e²/Å, those of DScribe's ``SineMatrix``.

    Parameters
    ----------
    n_atoms_max, permutation, sigma, seed
        As declared; see ``declared(SineMatrix)``.

    References
    ----------
    F. Faber, A. Lindmaa, O. A. von Lilienfeld, R. Armiento, Int. J. Quantum Chem. 115, 1094 (2015), eq. 24.
    doi:10.1002/qua.24917

    Examples
    --------
    >>> from ase.build import bulk
    >>> SineMatrix(n_atoms_max=4).compute(bulk("Si")).values.shape
    (1, 4)
    """

    title: ClassVar[str] = "Sine matrix"
    periodic_directions = frozenset({3})
    depends_on_the_choice_of_cell = True

    def entries(self, structures: Sequence[Atoms], pairs: AllPairs) -> Entries:
        """The entries of the matrices of checked crystals."""
        check_apart_in_crystals(structures, pairs)
        return _Sine(structures, pairs)


class _Sine(Entries):
    def __init__(self, structures: Sequence[Atoms], pairs: AllPairs) -> None:
        self._pairs = pairs
        h_scc = np.array([atoms.cell[:] for atoms in structures], dtype=float).reshape(-1, 3, 3)
        structure_p = pairs.structure_n[pairs.i_p]
        self._h_pkc = h_scc[structure_p]
        self._inverse_pck = np.linalg.inv(h_scc)[structure_p]
        self._angle_pk = np.pi * np.einsum("pc,pck->pk", pairs.D_pc, self._inverse_pck)
        self._phi_pc = np.einsum("pk,pkc->pc", np.sin(self._angle_pk) ** 2, self._h_pkc)
        self._length_p = np.sqrt(np.einsum("pc,pc->p", self._phi_pc, self._phi_pc))
        self._value_p = charge_products(pairs) / self._length_p
        self.C_e = Layout(pairs).entries_of(self._value_p, free_atom_energies(pairs))

    @cached_property
    def _by_phi_pc(self) -> Array:
        return np.asarray(-(self._value_p / self._length_p**2)[:, None] * self._phi_pc)

    @cached_property
    def slope_pc(self) -> Array:
        r"""With :math:`\partial\boldsymbol\phi/\partial s_k = \pi\sin(2\pi s_k)\,\mathbf h_k`, e²/Å²."""
        by_s_pk = np.pi * np.sin(2 * self._angle_pk) * np.einsum("pkc,pc->pk", self._h_pkc, self._by_phi_pc)
        return np.asarray(np.einsum("pck,pk->pc", self._inverse_pck, by_s_pk))

    def virials(self, g_p: Array, g_n: Array) -> Array:  # noqa: ARG002 - the diagonal is the same in every geometry
        strain_pcc = self._phi_pc[:, :, None] * self._by_phi_pc[:, None, :]
        return virials_of(self._pairs, g_p, strain_pcc)
