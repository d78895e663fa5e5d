"""Neighbour pairs: the one form in which local descriptors see atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import vesin
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from potscope.core._types import Array, BoolArray, IntArray
from potscope.core.compiled import get_num_threads, kernel
from potscope.core.validation import as_structures, check_geometry, check_positive

COINCIDENT = 1e-8  # Å; atoms nearer than this are the same point for every purpose here
ATOMS_FOR_THREADS = 1000  # below this, threads cost more than they save
FEWEST_TOGETHER = 5  # molecules; fewer are searched one by one
LARGEST_TOGETHER = 100.0  # Å; a larger molecule is searched by itself, as all of a search share its grid
MARGIN = 1e-6  # Å; more than rounding can be where molecules lie in a row


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
        found = as_structures(structures)
        geometry = _Geometry.of(found)
        i_p, j_p, D_pc, S_pc, first_n = _search(geometry, float(cutoff))
        structure_n = np.repeat(np.arange(len(found)), np.diff(geometry.first_atom_s))
        pairs = cls(
            i_p=i_p,
            j_p=j_p,
            D_pc=D_pc,
            S_pc=S_pc,
            first_n=first_n,
            structure_n=structure_n,
            numbers_n=geometry.numbers_n,
            n_structures=len(found),
            cutoff=float(cutoff),
        )
        check_apart(pairs, np.einsum("pc,pc->p", D_pc, D_pc))
        return pairs

    def forces(self, dE_dD_pc: Array) -> Array:
        r"""Forces, eV/Å, shape (atoms, 3), from :math:`\partial E/\partial\mathbf D_p` (eV/Å, shape (pairs, 3)).

        More axes may follow, for the forces of many energies at once.
        """
        forces = np.zeros((self.n_atoms, *dE_dD_pc.shape[1:]))
        columns = int(np.prod(dE_dD_pc.shape[1:]))
        flat_pk = np.ascontiguousarray(dE_dD_pc, dtype=float).reshape(len(self.i_p), columns)
        scatter = _scatter_three if columns == 3 else _scatter
        scatter(self.i_p, self.j_p, flat_pk, forces.reshape(self.n_atoms, columns))
        return forces

    def virials(self, dE_dD_pc: Array) -> Array:
        r"""Virials :math:`-\sum_p\mathbf D_p\otimes\mathbf g_p`, eV, shape (structures, 3, 3).

        The stress is −virial/volume.
        """
        virials = np.zeros((self.n_structures, 3, 3))
        _sum_virials(self.i_p, self.structure_n, self.D_pc, np.ascontiguousarray(dE_dD_pc, dtype=float), virials)
        return virials


@kernel
def _scatter(i_p: IntArray, j_p: IntArray, g_pk: Array, total_nk: Array) -> None:
    """Add what each pair pulls its centre with, and subtract it from the neighbour."""
    for p in range(len(i_p)):
        i, j = np.uint64(i_p[p]), np.uint64(j_p[p])
        for k in range(g_pk.shape[1]):
            total_nk[i, k] += g_pk[p, k]
            total_nk[j, k] -= g_pk[p, k]


@kernel
def _scatter_three(i_p: IntArray, j_p: IntArray, g_pc: Array, total_nc: Array) -> None:
    """`_scatter` of one energy, whose three components need no loop."""
    for p in range(np.uint64(len(i_p))):
        i, j = np.uint64(i_p[p]), np.uint64(j_p[p])
        for c in range(3):
            total_nc[i, c] += g_pc[p, c]
            total_nc[j, c] -= g_pc[p, c]


@kernel
def _sum_virials(i_p: IntArray, structure_n: IntArray, D_pc: Array, g_pc: Array, virial_scc: Array) -> None:
    """Subtract the dyads of each pair from its structure's virial."""
    for p in range(np.uint64(len(i_p))):
        s = np.uint64(structure_n[np.uint64(i_p[p])])
        for a in range(3):
            for b in range(3):
                virial_scc[s, a, b] -= D_pc[p, a] * g_pc[p, b]


@dataclass(frozen=True)
class _Geometry:
    """Atoms of many structures in flat arrays."""

    positions_nc: Array
    numbers_n: IntArray
    first_atom_s: IntArray
    cells_sdc: Array
    periodic_sd: Array

    @classmethod
    def of(cls, structures: Sequence[Atoms]) -> _Geometry:
        positions = [atoms.arrays["positions"] for atoms in structures]
        first_atom_s = np.zeros(len(structures) + 1, np.int64)
        np.cumsum([len(part) for part in positions], out=first_atom_s[1:])
        geometry = cls(
            np.concatenate(positions, dtype=float) if positions else np.empty((0, 3)),
            np.concatenate([a.arrays["numbers"] for a in structures], dtype=np.int64) if positions else _NO_INTEGERS,
            first_atom_s,
            np.array([atoms.cell.array for atoms in structures]).reshape(-1, 3, 3),
            np.array([atoms.pbc for atoms in structures], dtype=bool).reshape(-1, 3),
        )
        if not geometry.plain():
            for index, atoms in enumerate(structures):
                if len(atoms):
                    check_geometry(atoms, f"`structures`[{index}]")
        return geometry

    def extents(self) -> Array:
        """Largest less smallest coordinate of each structure, Å, shape (structures, 3); zero without atoms."""
        sizes = np.diff(self.first_atom_s)
        extent_sc = np.zeros((len(sizes), 3))
        if len(self.positions_nc):
            first = self.first_atom_s[:-1][sizes > 0]
            highest, lowest = (f.reduceat(self.positions_nc, first) for f in (np.maximum, np.minimum))
            extent_sc[sizes > 0] = highest - lowest
        return extent_sc

    def plain(self) -> bool:
        """Whether nothing needs a closer look: all numbers finite, elements known, cells far from flat."""
        edges_sd = np.linalg.norm(self.cells_sdc, axis=2)
        box_s = edges_sd.prod(axis=1)
        crystals = self.periodic_sd.all(axis=1)
        return bool(
            np.isfinite(self.positions_nc).all()
            and np.isfinite(self.cells_sdc).all()
            and (self.numbers_n >= 1).all()
            and (self.numbers_n < len(chemical_symbols)).all()
            and (crystals | ~self.periodic_sd.any(axis=1)).all()
            and (np.abs(np.linalg.det(self.cells_sdc[crystals])) > 1e-6 * box_s[crystals]).all()
        )


_NO_INTEGERS = np.empty(0, np.int64)


def _search(geometry: _Geometry, cutoff: float) -> tuple[IntArray, IntArray, Array, IntArray, IntArray]:
    """Pairs of all structures by vesin, sorted by their centres, and where the pairs of each atom begin."""
    extent_sc = geometry.extents()
    together_s = ~geometry.periodic_sd.any(axis=1) & (extent_sc.max(axis=1, initial=0.0) < LARGEST_TOGETHER)
    together = np.flatnonzero(together_s)
    if len(together) < FEWEST_TOGETHER:
        together = _NO_INTEGERS
    found = [_of_molecules(geometry, together, extent_sc, cutoff)]
    # its own sorting of pairs costs more than the search
    finder, parallel = (
        vesin.NeighborList(cutoff=cutoff, full_list=True, sorted=False, n_threads=n) for n in (1, get_num_threads())
    )
    for s in np.setdiff1d(np.arange(len(together_s)), together).tolist():
        first, last = geometry.first_atom_s[s : s + 2]
        cell_cc, pbc = geometry.cells_sdc[s], geometry.periodic_sd[s]
        chosen = parallel if last - first >= ATOMS_FOR_THREADS and _images_apart(cell_cc, pbc, cutoff) else finder
        i, j, D, S = chosen.compute(geometry.positions_nc[first:last], cell_cc, pbc, "ijDS")
        found.append((i.astype(np.int64) + first, j.astype(np.int64) + first, D, S))
    i, j, D, S = (np.concatenate(column) for column in zip(*found, strict=True))
    first_n = np.zeros(len(geometry.numbers_n) + 1, np.int64)
    order_p = _by_centre_and_neighbour(i, j, first_n)
    size = len(order_p)
    pairs = (np.empty(size, np.int64), np.empty(size, np.int64), np.empty((size, 3)), np.empty((size, 3), np.int64))
    _in_order(order_p, i, j, D, S, *pairs)
    return *pairs, first_n


def _images_apart(cell_cc: Array, pbc: BoolArray, cutoff: float) -> bool:
    """Whether no atom can be near two images of another: then sorting leaves nothing to the order of threads."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell_cc), axis=0) if pbc.all() else np.zeros(3)
    return bool((heights > 2 * cutoff).all())


def _of_molecules(
    geometry: _Geometry, which: IntArray, extent_sc: Array, cutoff: float
) -> tuple[IntArray, IntArray, Array, NDArray[np.int32]]:
    """Pairs of structures without periodicity in one search: a call for each would cost more than what it finds."""
    if len(which) == 0:
        return _NO_INTEGERS, _NO_INTEGERS, np.empty((0, 3)), np.empty((0, 3), np.int32)
    size_s = np.diff(geometry.first_atom_s)[which]
    structure_m = np.repeat(which, size_s)
    atom_m = np.flatnonzero(np.isin(np.repeat(np.arange(len(extent_sc)), np.diff(geometry.first_atom_s)), which))
    position_mc = geometry.positions_nc[atom_m]
    # each in a row along x, out of reach of the next; rounding there decides nothing, as distances are taken afresh
    lowest_sc = np.minimum.reduceat(position_mc, np.concatenate([[0], np.cumsum(size_s[size_s > 0])[:-1]]))
    place_s = np.concatenate([[0.0], np.cumsum(extent_sc[which, 0] + 2 * cutoff)])
    shift_sc = np.zeros((len(extent_sc), 3))
    shift_sc[which[size_s > 0]] = -lowest_sc
    shift_sc[which, 0] += place_s[:-1]
    finder = vesin.NeighborList(cutoff=cutoff + MARGIN, full_list=True, sorted=False, n_threads=1)
    i, j = finder.compute(position_mc + shift_sc[structure_m], np.zeros((3, 3)), False, "ij")
    D = position_mc[j] - position_mc[i]
    near = np.einsum("pc,pc->p", D, D) < cutoff**2
    return atom_m[i[near]], atom_m[j[near]], D[near], np.zeros((int(near.sum()), 3), np.int32)


@kernel
def _by_centre_and_neighbour(i_q: IntArray, j_q: IntArray, first_n: IntArray) -> IntArray:
    """The order in which pairs are sorted by centre and neighbour, and in `first_n` where each centre's begin.

    Sorting by counting, first by neighbours, then by centres; images of one neighbour stay as they were.
    """
    size, n_atoms = len(i_q), len(first_n) - 1
    by_neighbour, order_p, next_n = np.empty(size, np.int64), np.empty(size, np.int64), np.zeros(n_atoms + 1, np.int64)
    for q in range(size):
        next_n[j_q[q] + 1] += 1
        first_n[i_q[q] + 1] += 1
    for n in range(n_atoms):
        next_n[n + 1] += next_n[n]
        first_n[n + 1] += first_n[n]
    for q in range(size):
        by_neighbour[next_n[j_q[q]]] = q
        next_n[j_q[q]] += 1
    next_n[:] = first_n
    for k in range(size):
        q = by_neighbour[k]
        order_p[next_n[i_q[q]]] = q
        next_n[i_q[q]] += 1
    return order_p


@kernel
def _in_order(
    order_p: IntArray,
    i_q: IntArray,
    j_q: IntArray,
    D_qc: Array,
    S_qc: NDArray[np.int32],
    i_p: IntArray,
    j_p: IntArray,
    D_pc: Array,
    S_pc: IntArray,
) -> None:
    for p in range(np.uint64(len(order_p))):
        q = np.uint64(order_p[p])
        i_p[p] = i_q[q]
        j_p[p] = j_q[q]
        for c in range(3):
            D_pc[p, c] = D_qc[q, c]
            S_pc[p, c] = S_qc[q, c]


def check_apart(pairs: Pairs, square_p: Array) -> None:
    """Raise a ValueError that names the first two atoms at the same place, by their squared distances, Å²."""
    if square_p.min(initial=np.inf) >= COINCIDENT**2:
        return
    p = int(square_p.argmin())
    s = int(pairs.structure_n[pairs.i_p[p]])
    i, j = (int(k - pairs.first_atom_s[s]) for k in (pairs.i_p[p], pairs.j_p[p]))
    raise ValueError(f"`structures`[{s}]: atoms {i} and {j} are at the same place")
