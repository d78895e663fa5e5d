"""Every atom with every other: the pairs of descriptors that know no cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from potscope.core._types import Array, BoolArray, IntArray
from potscope.core.descriptors import matrix_kernels
from potscope.core.pairs import Pairs
from potscope.core.validation import check_geometry


class AllPairs(Pairs):
    """Every atom with every other one of its structure, by the vector between their positions, whatever the cell.

    The pairs are made when they are first looked at, as values need no more than the positions. Beside what all `Pairs`
    have there are `positions_nc`, `pbc_sc` and `size_s`, the number of atoms of each structure.

    Raises
    ------
    ValueError
        If an atom is of no element, or a position or a periodic cell is not finite.
    """

    positions_nc: Array
    pbc_sc: BoolArray
    size_s: IntArray

    def __init__(self, structures: Sequence[Atoms]) -> None:
        positions = [atoms.arrays["positions"] for atoms in structures]
        size_s = np.fromiter(map(len, positions), dtype=np.int64, count=len(positions))
        numbers = [atoms.arrays["numbers"] for atoms in structures]
        given = {
            "positions_nc": np.concatenate(positions or [np.empty((0, 3))]).astype(float, copy=False),
            "numbers_n": np.concatenate(numbers or [np.empty(0)]).astype(np.int64, copy=False),
            "pbc_sc": np.array([atoms.pbc for atoms in structures], dtype=bool).reshape(-1, 3),
            "size_s": size_s,
            "structure_n": np.repeat(np.arange(len(size_s)), size_s),
            "first_atom_s": np.concatenate([[0], np.cumsum(size_s)]).astype(np.int64),
            "n_structures": len(size_s),
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)
        known = bool(((self.numbers_n > 0) & (self.numbers_n < len(chemical_symbols))).all())
        if not known or self.pbc_sc.any() or not np.isfinite(self.positions_nc).all():
            for index, atoms in enumerate(structures):
                if len(atoms):
                    check_geometry(atoms, f"`structures`[{index}]")

    @cached_property
    def _made(self) -> tuple[IntArray, IntArray, Array]:
        n_pairs = int((self.size_s * (self.size_s - 1)).sum())
        i_p, j_p, D_pc = np.empty(n_pairs, np.int64), np.empty(n_pairs, np.int64), np.empty((n_pairs, 3))
        matrix_kernels.all_pairs(self.first_atom_s, self.positions_nc, i_p, j_p, D_pc)
        return i_p, j_p, D_pc

    @property
    def i_p(self) -> IntArray:
        """Centre of each pair."""
        return self._made[0]

    @property
    def j_p(self) -> IntArray:
        """The other atom of each pair."""
        return self._made[1]

    @property
    def D_pc(self) -> Array:
        """Vectors from the one to the other, Å."""
        return self._made[2]

    @cached_property
    def S_pc(self) -> IntArray:
        """No cell shifts."""
        return np.zeros(self.D_pc.shape, np.int64)

    @cached_property
    def first_n(self) -> IntArray:
        """The pairs of atom n are ``first_n[n]:first_n[n + 1]``."""
        return np.concatenate([[0], np.cumsum(np.repeat(self.size_s - 1, self.size_s))]).astype(np.int64)

    @cached_property
    def cutoff(self) -> float:
        """A distance that no two atoms exceed, Å."""
        return 1.0 + float(self.r_p.max(initial=0.0))
