"""The Coulomb matrix of a molecule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from ase import Atoms

from potscope.core._types import Array, IntArray
from potscope.core.descriptors.base import Descriptor
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.validation import as_structures


@dataclass(frozen=True)
class CoulombMatrix(Descriptor):
    r"""The Coulomb matrix of a molecule, made invariant to the order of its atoms.

    .. math::
        C_{ii} = \tfrac12 Z_i^{2.4}, \qquad C_{ij} = \frac{Z_i Z_j}{|\mathbf r_i - \mathbf r_j|}

    ``eigenspectrum``: the eigenvalues in decreasing order of their magnitude. ``sorted``: rows and columns in
    decreasing order of the rows' norms, then the whole matrix row by row. Molecules with fewer than `n_atoms_max`
    atoms are filled up with zeros. Distances are in Å, as in DScribe; the values are in e²/Å.

    Derivatives are exact where they exist. The eigenvalues are differentiated by Hellmann–Feynman,
    :math:`\partial\lambda_k = \mathbf v_k^{\mathsf T}\,\partial C\,\mathbf v_k`; for equal eigenvalues, or for rows of
    equal norm, only sums that treat the equal ones alike are differentiable, and those come out right with the
    eigenvectors or the order at hand.

    Parameters
    ----------
    n_atoms_max, permutation
        As declared; see ``declared(CoulombMatrix)``.

    References
    ----------
    M. Rupp, A. Tkatchenko, K.-R. Müller, O. A. von Lilienfeld, Phys. Rev. Lett. 108, 058301 (2012).
    doi:10.1103/PhysRevLett.108.058301

    Examples
    --------
    >>> from ase.build import molecule
    >>> CoulombMatrix(n_atoms_max=5).compute(molecule("H2O")).values.shape
    (1, 5)
    """

    scope = "structure"
    title: ClassVar[str] = "Coulomb matrix"
    periodic_directions = frozenset({0})

    n_atoms_max: int = hyperparameter("Atoms of the largest molecule.", default=30, bounds=(1, 500))
    permutation: str = hyperparameter(
        "How the matrix forgets the order of the atoms.", default="eigenspectrum", choices=("eigenspectrum", "sorted")
    )

    @property
    def names(self) -> tuple[str, ...]:
        """``eigenvalue 0`` or ``row 0 column 1``."""
        return _names(self)

    def compute(self, structures: Atoms | Sequence[Atoms]) -> Features:
        """Values for one molecule or several, a row a molecule.

        Raises
        ------
        ValueError
            If a structure is periodic or has more than `n_atoms_max` atoms, or two atoms coincide.
        """
        found = as_structures(structures)
        self._check(found)
        pairs = Pairs.from_structures(found, _diameter(found))
        matrices = _matrices(pairs)
        forms = [self._form(C) for C in matrices]
        values = np.zeros((len(found), len(self.names)))
        for row, form in zip(values, forms, strict=True):
            form.fill(row)
        structure_p = pairs.structure_n[pairs.i_p]
        local_i, local_j = (k - pairs.first_atom_s[structure_p] for k in (pairs.i_p, pairs.j_p))
        # each pair comes twice, from both its ends: each end carries half of C_ij
        slope_pc = -0.5 * (_charge_products(pairs) / pairs.r_p**3)[:, None] * pairs.D_pc

        def adjoint(g_sf: Array) -> Array:
            g_p = np.zeros(len(pairs.i_p))
            for s, form in enumerate(forms):
                own = slice(*np.searchsorted(structure_p, [s, s + 1]))
                g_ij = form.pull_back(g_sf[s])
                g_p[own] = (g_ij + g_ij.T)[local_i[own], local_j[own]]
            return slope_pc * g_p[:, None]

        def jacobian() -> Array:
            J_pcf = np.zeros((len(pairs.i_p), 3, values.shape[1]))
            for f in range(values.shape[1]):
                unit = np.zeros_like(values)
                unit[:, f] = 1.0
                J_pcf[:, :, f] = adjoint(unit)
            return J_pcf

        return Features(values, self.names, pairs, structure_p, np.arange(len(found)), adjoint, jacobian)

    def _check(self, structures: Sequence[Atoms]) -> None:
        for index, atoms in enumerate(structures):
            if atoms.pbc.any():
                raise ValueError(
                    f"`structures`[{index}]: the Coulomb matrix is for molecules, but this one is periodic"
                )
            if len(atoms) > self.n_atoms_max:
                raise ValueError(
                    f"`structures`[{index}] has {len(atoms)} atoms; "
                    f"`n_atoms_max` of this CoulombMatrix is {self.n_atoms_max}"
                )

    def _form(self, C: Array) -> _Eigenspectrum | _Sorted:
        return _Eigenspectrum.of(C) if self.permutation == "eigenspectrum" else _Sorted.of(C, self.n_atoms_max)


@dataclass(frozen=True)
class _Eigenspectrum:
    """Eigenvalues in decreasing order of their magnitude, with their eigenvectors in columns."""

    values_k: Array
    vectors_ik: Array

    @classmethod
    def of(cls, C: Array) -> _Eigenspectrum:
        values, vectors = np.linalg.eigh(C)
        order = np.argsort(-np.abs(values), kind="stable")
        return cls(values[order], vectors[:, order])

    def fill(self, row: Array) -> None:
        row[: len(self.values_k)] = self.values_k

    def pull_back(self, g_f: Array) -> Array:
        return (self.vectors_ik * g_f[: len(self.values_k)]) @ self.vectors_ik.T


@dataclass(frozen=True)
class _Sorted:
    """The matrix with rows and columns in decreasing order of the rows' norms, in a larger one of zeros."""

    C: Array
    order: IntArray
    size: int

    @classmethod
    def of(cls, C: Array, size: int) -> _Sorted:
        return cls(C, np.argsort(-np.linalg.norm(C, axis=1), kind="stable"), size)

    def fill(self, row: Array) -> None:
        n = len(self.C)
        row.reshape(self.size, self.size)[:n, :n] = self.C[np.ix_(self.order, self.order)]

    def pull_back(self, g_f: Array) -> Array:
        n = len(self.C)
        g_ij = np.empty((n, n))
        g_ij[np.ix_(self.order, self.order)] = g_f.reshape(self.size, self.size)[:n, :n]
        return g_ij


def _diameter(structures: Sequence[Atoms]) -> float:
    """A distance, Å, that no two atoms of one structure exceed."""
    return 1.0 + max(
        (float(np.linalg.norm(np.ptp(atoms.positions, axis=0))) for atoms in structures if len(atoms)), default=0.0
    )


def _charge_products(pairs: Pairs) -> Array:
    charge_n = pairs.numbers_n.astype(float)
    return np.asarray(charge_n[pairs.i_p] * charge_n[pairs.j_p])


def _matrices(pairs: Pairs) -> list[Array]:
    product_p = _charge_products(pairs) / pairs.r_p
    charge_n = pairs.numbers_n.astype(float)
    matrices = []
    for first, last in zip(pairs.first_atom_s[:-1], pairs.first_atom_s[1:], strict=True):
        own = slice(pairs.first_n[first], pairs.first_n[last])
        C = np.diag(0.5 * charge_n[first:last] ** 2.4)
        C[pairs.i_p[own] - first, pairs.j_p[own] - first] = product_p[own]
        matrices.append(C)
    return matrices


@lru_cache(maxsize=64)
def _names(descriptor: CoulombMatrix) -> tuple[str, ...]:
    n = descriptor.n_atoms_max
    if descriptor.permutation == "eigenspectrum":
        return tuple(f"eigenvalue {k}" for k in range(n))
    return tuple(f"row {i} column {j}" for i in range(n) for j in range(n))
