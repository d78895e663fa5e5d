"""What the matrices of crystals share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.descriptors import matrix_kernels
from potscope.core.pairs import Pairs, check_apart


def nearest_images(structures: Sequence[Atoms], pairs: Pairs) -> Array:
    """The vectors of the pairs, each less the lattice vector that its components along the cell round to, Å."""
    h_scc = np.array([atoms.cell[:] for atoms in structures], dtype=float).reshape(-1, 3, 3)
    structure_p = pairs.structure_n[pairs.i_p]
    nearest_pc = np.empty_like(pairs.D_pc)
    matrix_kernels.nearest_images(pairs.D_pc, h_scc[structure_p], np.linalg.inv(h_scc)[structure_p], nearest_pc)
    return nearest_pc


def check_apart_in_crystals(structures: Sequence[Atoms], pairs: Pairs) -> None:
    """Raise a ValueError if an atom is where another one or one of its images is."""
    nearest_pc = nearest_images(structures, pairs)
    check_apart(pairs, np.einsum("pc,pc->p", nearest_pc, nearest_pc))


def virials_of(pairs: Pairs, g_p: Array, strain_pcc: Array) -> Array:
    """Minus the sum of `g_p` times the derivatives by strain over each structure's pairs, shape (structures, 3, 3)."""
    structure_p = pairs.structure_n[pairs.i_p]
    columns = (-g_p[:, None, None] * strain_pcc).reshape(-1, 9)
    summed = [np.bincount(structure_p, columns[:, k], pairs.n_structures) for k in range(9)]
    return np.asarray(np.stack(summed, axis=-1).reshape(pairs.n_structures, 3, 3), dtype=float)
