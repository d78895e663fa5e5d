"""Neighbour pairs of a structure that moves, found now and then."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from potscope.core._types import Array, BoolArray, IntArray
from potscope.core.compiled import kernel
from potscope.core.pairs import COINCIDENT, Pairs, check_apart
from potscope.core.validation import check_not_negative, check_positive


@dataclass(frozen=True)
class _Found:
    """Pairs within the cutoff and the skin, and where the atoms were then."""

    pairs: Pairs
    positions_nc: Array
    numbers_n: IntArray
    cell_cc: Array
    pbc: BoolArray


class VerletList:
    r"""Pairs within a cutoff of one structure after another, with a skin for those that may come.

    Pairs within :math:`r_c + \delta` are found once. Later the periodic cell vectors are
    :math:`\mathbf h = \mathbf h_0 \mathbf F`, and the atoms have moved by :math:`\mathbf w_i` beyond that,
    :math:`\mathbf r_i = \mathbf r_{0,i} \mathbf F + \mathbf w_i`. As :math:`\mathbf D = \mathbf D_0 \mathbf F +
    \mathbf w_j - \mathbf w_i`, whatever is within the cutoff now was within

    .. math:: |\mathbf D_0| < \frac{r_c + w_1 + w_2}{\sigma_\text{min}(\mathbf F)}

    then, with the two largest lengths w and the smallest singular value of F. While this is at most
    :math:`r_c + \delta`, no pair is missing, and those that are known get their new vectors. A new search is made
    otherwise, and where the number of atoms, the elements or the periodicity are others.

    Parameters
    ----------
    cutoff
        :math:`r_c`, Å.
    skin
        :math:`\delta`, Å. Zero for a search whenever an atom has moved.

    References
    ----------
    L. Verlet, Phys. Rev. 159, 98 (1967). doi:10.1103/PhysRev.159.98
    """

    def __init__(self, cutoff: float, skin: float) -> None:
        self.cutoff = check_positive("cutoff", cutoff)
        self.skin = check_not_negative("skin", skin)
        self.searches = 0
        self._found: _Found | None = None

    def pairs(self, atoms: Atoms) -> Pairs:
        """The pairs within the cutoff; errors are those of `Pairs.from_structures`."""
        if self._found is None or not self._covers(self._found, atoms):
            self._found = self._search(atoms)
        return _with_vectors(self._found.pairs, atoms, self.cutoff)

    def _search(self, atoms: Atoms) -> _Found:
        pairs = Pairs.from_structures(atoms, self.cutoff + self.skin)
        self.searches += 1
        return _Found(pairs, atoms.get_positions(), atoms.numbers.copy(), atoms.cell.array.copy(), atoms.pbc.copy())

    def _covers(self, found: _Found, atoms: Atoms) -> bool:
        if not (np.array_equal(found.numbers_n, atoms.numbers) and np.array_equal(found.pbc, atoms.pbc)):
            return False
        if np.array_equal(found.cell_cc, atoms.cell.array):
            moved_nc, smallest = atoms.positions - found.positions_nc, 1.0
        else:
            F_cc = _deformation(found.cell_cc[found.pbc], atoms.cell.array[atoms.pbc])
            if not np.isfinite(F_cc).all():
                return False
            moved_nc = atoms.positions - found.positions_nc @ F_cc
            smallest = float(np.linalg.svd(F_cc, compute_uv=False)[-1])
        square_n = np.einsum("nc,nc->n", moved_nc, moved_nc)
        first, second = np.sqrt(np.partition(square_n, -2)[-2:]) if len(square_n) > 1 else (0.0, 0.0)
        # not a number where a position is none: then the search says so
        return bool(self.cutoff + first + second <= smallest * (self.cutoff + self.skin))


def _deformation(before_dc: Array, after_dc: Array) -> Array:
    """F with which the periodic cell vectors have become what they are, the identity across them."""
    inverse_cd = np.linalg.pinv(before_dc)
    return np.asarray(inverse_cd @ after_dc + np.eye(3) - inverse_cd @ before_dc)


def _with_vectors(found: Pairs, atoms: Atoms, cutoff: float) -> Pairs:
    """The pairs that are within the cutoff at the atoms' present places."""
    i_p, j_p, S_pc = np.empty_like(found.i_p), np.empty_like(found.j_p), np.empty_like(found.S_pc)
    D_pc, first_n = np.empty((len(i_p), 3)), np.zeros_like(found.first_n)
    positions_nc, cell_cc = np.ascontiguousarray(atoms.positions), np.ascontiguousarray(atoms.cell.array)
    nearest = _within(
        found.first_n, found.j_p, found.S_pc, positions_nc, cell_cc, cutoff**2, i_p, j_p, S_pc, D_pc, first_n
    )
    last = first_n[-1]
    pairs = replace(
        found, i_p=i_p[:last], j_p=j_p[:last], S_pc=S_pc[:last], D_pc=D_pc[:last], first_n=first_n, cutoff=cutoff
    )
    if nearest < COINCIDENT**2:
        check_apart(pairs, np.einsum("pc,pc->p", pairs.D_pc, pairs.D_pc))
    return pairs


@kernel
def _within(
    first_known_n: IntArray,
    j_q: IntArray,
    S_qc: IntArray,
    positions_nc: Array,
    cell_cc: Array,
    most: float,
    i_p: IntArray,
    j_p: IntArray,
    S_pc: IntArray,
    D_pc: Array,
    first_n: IntArray,
) -> float:
    """Fill the arrays of pairs with those of a squared length below `most`; the smallest of all squared lengths."""
    p, nearest = 0, np.inf
    D_c = np.empty(3)
    for i in range(len(positions_nc)):
        for q in range(first_known_n[i], first_known_n[i + 1]):
            j, square = j_q[q], 0.0
            for c in range(3):
                shift = S_qc[q, 0] * cell_cc[0, c] + S_qc[q, 1] * cell_cc[1, c] + S_qc[q, 2] * cell_cc[2, c]
                D_c[c] = positions_nc[j, c] + shift - positions_nc[i, c]
                square += D_c[c] * D_c[c]
            nearest = min(nearest, square)
            if square < most:
                i_p[p], j_p[p] = i, j
                for c in range(3):
                    S_pc[p, c], D_pc[p, c] = S_qc[q, c], D_c[c]
                p += 1
        first_n[i + 1] = p
    return nearest
