"""Neighbour pairs: the one form in which local descriptors see atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import vesin
from ase import Atoms

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.validation import as_structures, check_geometry, check_positive

COINCIDENT = 1e-8  # Å; atoms nearer than this are the same point for every purpose here


@dataclass(frozen=True)
class Pairs:
    r"""A full neighbour list of one structure, or of many laid end to end, sorted by centre.

    A pair :math:`p` goes from atom :math:`i` to a periodic image of atom :math:`j` within the cutoff:

    .. math:: \mathbf D_p = \mathbf r_{j} + \mathbf S_p \cdot \mathbf h - \mathbf r_{i},
              \qquad |\mathbf D_p| < r_c

    Everything local depends on the positions through :math:`\mathbf D_p` alone. So a derivative
    :math:`\mathbf g_p = \partial E/\partial \mathbf D_p` gives forces, :math:`\mathbf F_i = \sum_{p: i_p=i} \mathbf g_p
    - \sum_{p: j_p=i} \mathbf g_p`, and the virial, :math:`-\sum_p \mathbf D_p \otimes \mathbf
    g_p`, whatever the boundary conditions.

    Attributes
    ----------
    i_p, j_p
        Centre and neighbour, indices into all atoms, shape (pairs,). `i_p` never decreases.
    D_pc
        Vectors from i to j, Å, shape (pairs, 3).
    S_pc
        Cell shifts, shape (pairs, 3).
    first_n
        The pairs of atom n are ``first_n[n]:first_n[n + 1]``; shape (atoms + 1,).
    structure_n
        Which structure each atom is of, shape (atoms,).
    numbers_n
        Atomic numbers, shape (atoms,).
    n_structures
        How many structures, those without atoms among them.
    cutoff
        Å.
    """

    i_p: IntArray
    j_p: IntArray
    D_pc: Array
    S_pc: IntArray
    first_n: IntArray
    structure_n: IntArray
    numbers_n: IntArray
    n_structures: int
    cutoff: float

    @property
    def n_atoms(self) -> int:
        """Number of atoms of all structures."""
        return len(self.numbers_n)

    @cached_property
    def r_p(self) -> Array:
        """Distances, Å, shape (pairs,)."""
        return np.asarray(np.sqrt(np.einsum("pc,pc->p", self.D_pc, self.D_pc)))

    @cached_property
    def first_atom_s(self) -> IntArray:
        """The atoms of structure s are ``first_atom_s[s]:first_atom_s[s + 1]``."""
        return np.searchsorted(self.structure_n, np.arange(self.n_structures + 1))

    @classmethod
    def from_structures(cls, structures: Atoms | Sequence[Atoms], cutoff: float) -> Pairs:
        """Find the neighbours with vesin.

        Parameters
        ----------
        structures
            One structure or several; each with its own cell and periodicity.
        cutoff
            Å.

        Raises
        ------
        ValueError
            If positions or a periodic cell are not finite, a periodic direction has no cell vector, or two atoms
            coincide.
        """
        check_positive("cutoff", cutoff)
        parts = [_pairs_of_one(atoms, index, float(cutoff)) for index, atoms in enumerate(as_structures(structures))]
        sizes = np.array([len(atoms) for atoms, *_ in parts], dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        n_atoms = int(offsets[-1])
        shifted = [(i + o, j + o, D, S) for (_, i, j, D, S), o in zip(parts, offsets[:-1], strict=True)]
        i_p = np.concatenate([p[0] for p in shifted] or [np.empty(0, np.int64)])
        return cls(
            i_p=i_p,
            j_p=np.concatenate([p[1] for p in shifted] or [np.empty(0, np.int64)]),
            D_pc=np.concatenate([p[2] for p in shifted] or [np.empty((0, 3))]),
            S_pc=np.concatenate([p[3] for p in shifted] or [np.empty((0, 3), np.int64)]),
            first_n=np.searchsorted(i_p, np.arange(n_atoms + 1)).astype(np.int64),
            structure_n=np.repeat(np.arange(len(parts)), sizes),
            numbers_n=np.concatenate([a.numbers for a, *_ in parts] or [np.empty(0, np.int64)]).astype(np.int64),
            n_structures=len(parts),
            cutoff=float(cutoff),
        )

    def forces(self, dE_dD_pc: Array) -> Array:
        r"""Forces, eV/Å, shape (atoms, 3), from :math:`\partial E/\partial\mathbf D_p` (eV/Å, shape (pairs, 3)).

        More axes may follow, for the forces of many energies at once.
        """
        forces = np.zeros((self.n_atoms, *dE_dD_pc.shape[1:]))
        columns = int(np.prod(dE_dD_pc.shape[1:]))
        flat_pk = np.ascontiguousarray(dE_dD_pc, dtype=float).reshape(len(self.i_p), columns)
        _scatter(self.i_p, self.j_p, flat_pk, forces.reshape(self.n_atoms, columns))
        return forces

    def virials(self, dE_dD_pc: Array) -> Array:
        r"""Virials :math:`-\sum_p\mathbf D_p\otimes\mathbf g_p`, eV, shape (structures, 3, 3).

        The stress is −virial/volume.
        """
        structure_p = self.structure_n[self.i_p]
        virial_pcc = -self.D_pc[:, :, None] * dE_dD_pc[:, None, :]
        columns = virial_pcc.reshape(-1, 9)
        summed = [np.bincount(structure_p, columns[:, k], self.n_structures) for k in range(9)]
        return np.asarray(np.stack(summed, axis=-1).reshape(self.n_structures, 3, 3), dtype=float)


@kernel
def _scatter(i_p: IntArray, j_p: IntArray, g_pk: Array, total_nk: Array) -> None:
    """Add what each pair pulls its centre with, and subtract it from the neighbour."""
    for p in range(len(i_p)):
        i, j = np.uint64(i_p[p]), np.uint64(j_p[p])
        for k in range(g_pk.shape[1]):
            total_nk[i, k] += g_pk[p, k]
            total_nk[j, k] -= g_pk[p, k]


def _pairs_of_one(atoms: Atoms, index: int, cutoff: float) -> tuple[Atoms, IntArray, IntArray, Array, IntArray]:
    if len(atoms) == 0:
        return atoms, np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3)), np.empty((0, 3), np.int64)
    check_geometry(atoms, f"`structures`[{index}]")
    finder = vesin.NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    positions = np.ascontiguousarray(atoms.positions, dtype=float)
    i, j, D, S = finder.compute(positions, np.ascontiguousarray(atoms.cell[:]), atoms.pbc, "ijDS")
    r2 = np.einsum("pc,pc->p", D, D)
    if len(r2) and r2.min() < COINCIDENT**2:
        p = int(r2.argmin())
        raise ValueError(f"`structures`[{index}]: atoms {i[p]} and {j[p]} are at the same place")
    return atoms, i.astype(np.int64), j.astype(np.int64), D, S.astype(np.int64)
