"""Features: what a descriptor makes of structures, and the way back to forces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.pairs import Pairs


@dataclass(frozen=True)
class Gradient:
    """What an energy pulled back through features gives.

    Attributes
    ----------
    forces
        eV/Å, shape (atoms, 3).
    virials
        eV, shape (structures, 3, 3); the stress is −virial/volume.
    """

    forces: Array
    virials: Array


@dataclass(frozen=True)
class Features:
    r"""The values of a descriptor, with exact derivatives when they are asked for.

    Every feature depends on the positions through the pair vectors alone. A row :math:`G_r` of the values (an atom's,
    or a whole structure's) has pairs of its own, so that the two ways back are

    .. math::
        \mathbf J_p = \frac{\partial G_{r(p)}}{\partial \mathbf D_p}, \qquad
        \frac{\partial E}{\partial \mathbf D_p} = \sum_f \frac{\partial E}{\partial G_{r(p) f}} \mathbf J_{pf},

    the second without building the first. What depends on the cell by more than its pair vectors, such as an Ewald sum,
    brings forces and virials of its own; `jacobian` and `pair_gradient` are then those at a fixed cell.

    Attributes
    ----------
    values
        Shape (atoms, features), or (structures, features) for a global descriptor.
    names
        One for each feature.
    pairs
        The pairs that the values were made of.
    row_p
        Which row of the values each pair belongs to, shape (pairs,).
    structure_r
        Which structure each row belongs to, shape (rows,).
    """

    values: Array
    names: tuple[str, ...]
    pairs: Pairs
    row_p: IntArray
    structure_r: IntArray
    _adjoint: Callable[[Array], Array]
    _jacobian: Callable[[], Array]
    _gradient: Callable[[Array], Gradient] | None = None

    @cached_property
    def first_row_s(self) -> IntArray:
        """The rows of structure s are ``first_row_s[s]:first_row_s[s + 1]``."""
        return np.searchsorted(self.structure_r, np.arange(self.pairs.n_structures + 1))

    def pair_gradient(self, dE_dvalues: Array) -> Array:
        r""":math:`\partial E/\partial \mathbf D_p`, shape (pairs, 3), from :math:`\partial E/\partial G`."""
        return self._adjoint(self._checked(dE_dvalues))

    def _checked(self, dE_dvalues: Array) -> Array:
        if np.shape(dE_dvalues) != self.values.shape:
            raise ValueError(f"`dE_dvalues`: expected shape {self.values.shape}, got {np.shape(dE_dvalues)}")
        return np.ascontiguousarray(dE_dvalues, dtype=float)

    def pull_back(self, dE_dvalues: Array) -> Gradient:
        r"""Forces and virials of an energy whose derivative by the values is given, by the adjoint.

        Parameters
        ----------
        dE_dvalues
            :math:`\partial E/\partial G`, eV per unit of the feature, of the shape of `values`.
        """
        if self._gradient is not None:
            return self._gradient(self._checked(dE_dvalues))
        dE_dD_pc = self.pair_gradient(dE_dvalues)
        return Gradient(self.pairs.forces(dE_dD_pc), self.pairs.virials(dE_dD_pc))

    def jacobian(self) -> Array:
        r""":math:`\mathbf J_p`, shape (pairs, 3, features). Large: meant for one structure at a time."""
        return self._jacobian()
