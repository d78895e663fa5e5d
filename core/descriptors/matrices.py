r"""Descriptors that are a matrix with a row and a column for each atom of a structure.

Each of them is the entries :math:`C_{ij}`, which differ between molecules and crystals, and one way of forgetting the
order of the atoms, which is the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
from ase import Atoms

from potscope.core._types import Array, IntArray
from potscope.core.descriptors import matrix_kernels
from potscope.core.descriptors.all_pairs import AllPairs
from potscope.core.descriptors.base import Descriptor
from potscope.core.features import Features, Gradient
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.validation import as_structures


class Entries(ABC):
    r"""The entries of the matrices of some structures, and how they change.

    Attributes
    ----------
    C_e
        :math:`C_{ij}` of all structures, one matrix after the other, each row by row, e²/Å.
    """

    C_e: Array

    @property
    @abstractmethod
    def slope_pc(self) -> Array:
        r""":math:`\partial C_{ij}/\partial\mathbf D_p` at a fixed cell, e²/Å², shape (pairs, 3)."""

    @abstractmethod
    def virials(self, g_p: Array, g_n: Array) -> Array:
        r"""Minus the derivative by strain of :math:`\sum_p g_p C_p + \sum_n g_n C_{nn}`, shape (structures, 3, 3)."""


class Arrangement(Protocol):
    """A way from the entries to the values and back."""

    def values(self) -> Array:
        """Shape (structures, features)."""
        ...

    def to_entries(self, g_sf: Array) -> tuple[Array, Array]:
        """Derivatives by the entries, of the pairs and of the diagonal, from those by the values."""
        ...

    def weights_pf(self) -> Array:
        """Derivative of each value by the entry of each pair."""
        ...


@dataclass(frozen=True)
class MatrixDescriptor(Descriptor):
    r"""What the matrices have in common: their size, and how they forget the order of the atoms.

    ``eigenspectrum``
        The eigenvalues in decreasing order of their magnitude.
    ``sorted``
        Rows and columns in decreasing order of the rows' norms, the whole matrix row by row. Rows of equal norm, as
        symmetry makes them, go in decreasing order of their entries towards the rows before them.
    ``random``
        As sorted, after noise of standard deviation `sigma` is added to the norms. Noise is drawn from `seed` and the
        elements of a structure, for the rows in their sorted order. So structures of one composition share it, the
        values do not depend on the order of the atoms or on what else is computed, and the order of the rows does not
        change with every step of an atom. Another seed gives another sample.
    ``full``
        As the atoms come. This is not invariant to their order.

    Structures of fewer than `n_atoms_max` atoms are filled up with zeros.

    Derivatives are exact where there are any. Eigenvalues are differentiated by Hellmann–Feynman,
    :math:`\partial\lambda_k = \mathbf v_k^{\mathsf T}\,\partial C\,\mathbf v_k`. Equal eigenvalues are not
    differentiable one by one, only their symmetric functions are; each of m equal ones is given their mean,
    :math:`\tfrac1m \operatorname{tr} P\,\partial C` with the projector P on their space. That does not depend on
    the choice of eigenvectors, keeps the symmetry of the structure, is exact for whatever treats equal eigenvalues
    alike, and is the centre of Clarke's subdifferential of each. Where two rows of different entries have equal norm,
    a sorted matrix jumps; the derivative is that of the order at hand.
    """

    n_atoms_max: int = hyperparameter("Atoms of the largest structure.", default=30, bounds=(1, 500))
    permutation: str = hyperparameter(
        "How the matrix forgets the order of the atoms.",
        default="eigenspectrum",
        choices=("eigenspectrum", "sorted", "random", "full"),
    )
    sigma: float = hyperparameter(
        "Standard deviation of the noise on the rows' norms, where they are sorted randomly.",
        default=1.0,
        unit="e²/Å",
        bounds=(0.0, 100.0),
    )
    seed: int = hyperparameter("Seed of that noise.", default=0, bounds=(0, 2**31 - 1))

    scope = "structure"

    @property
    def feature_unit(self) -> str:
        """That of a product of charges over a distance; so are eigenvalues."""
        return "e²/Å"

    @property
    def names(self) -> tuple[str, ...]:
        """``eigenvalue 0`` or ``row 0 column 1``."""
        return _names(self.n_atoms_max, self.permutation == "eigenspectrum")

    @property
    def invariant_under(self) -> frozenset[str]:
        """All but the order of the atoms where the matrix is left as they come."""
        return super().invariant_under - ({"order of atoms"} if self.permutation == "full" else set())

    @abstractmethod
    def entries(self, structures: Sequence[Atoms], pairs: AllPairs) -> Entries:
        """The entries of the matrices of checked structures.

        Parameters
        ----------
        structures
            Those that `pairs` were made of.
        pairs
            Every atom with every other one of its structure.
        """

    def compute(self, structures: Atoms | Sequence[Atoms]) -> Features:
        """Values for one structure or several, a row a structure.

        Raises
        ------
        ValueError
            If a structure has other boundary conditions or more than `n_atoms_max` atoms, or two atoms coincide.
        """
        found = as_structures(structures)
        pairs = AllPairs(found)
        self._check(found, pairs)
        entries = self.entries(found, pairs)
        layout = Layout(pairs)
        arranged: Arrangement = (
            _Eigenspectrum(layout, entries.C_e, self.n_atoms_max)
            if self.permutation == "eigenspectrum"
            else _Ordered(layout, entries.C_e, self.n_atoms_max, self._ranks(layout, entries.C_e))
        )

        def adjoint(g_sf: Array) -> Array:
            g_p, _ = arranged.to_entries(g_sf)
            return entries.slope_pc * g_p[:, None]

        def jacobian() -> Array:
            return entries.slope_pc[:, :, None] * arranged.weights_pf()[:, None, :]

        def gradient(g_sf: Array) -> Gradient:
            g_p, g_n = arranged.to_entries(g_sf)
            return Gradient(pairs.forces(entries.slope_pc * g_p[:, None]), entries.virials(g_p, g_n))

        rows = np.arange(len(found))
        return Features(arranged.values(), self.names, pairs, layout.structure_p, rows, adjoint, jacobian, gradient)

    def _check(self, structures: Sequence[Atoms], pairs: AllPairs) -> None:
        directions_s = pairs.pbc_sc.sum(axis=1)
        unknown_s = ~np.isin(directions_s, list(self.periodic_directions))
        large_s = pairs.size_s > self.n_atoms_max
        if unknown_s.any():
            index = int(unknown_s.argmax())
            allowed = " or ".join(map(str, sorted(self.periodic_directions)))
            raise ValueError(
                f"`structures`[{index}]: expected one that is periodic in {allowed} directions for a "
                f"{type(self).__name__}, but this one is periodic in {int(directions_s[index])}"
            )
        if large_s.any():
            index = int(large_s.argmax())
            raise ValueError(
                f"`structures`[{index}] has {len(structures[index])} atoms; "
                f"`n_atoms_max` of this {type(self).__name__} is {self.n_atoms_max}"
            )

    def _ranks(self, layout: Layout, C_e: Array) -> IntArray:
        pairs = layout.pairs
        if self.permutation == "full":
            return layout.local_n
        noise_n = np.zeros(pairs.n_atoms)
        if self.permutation == "random":
            noise_n = self.sigma * _noise(self.seed, pairs)
        rank_n = np.empty(pairs.n_atoms, dtype=np.int64)
        matrix_kernels.ranks(pairs.first_atom_s, layout.first_entry_s, C_e, noise_n, rank_n)
        return rank_n


@dataclass(frozen=True)
class Layout:
    """The matrices of all structures, one after the other in one array, and where each entry is in it."""

    pairs: AllPairs

    @cached_property
    def structure_p(self) -> IntArray:
        """Structure of each pair."""
        size_s = self.pairs.size_s
        return np.repeat(np.arange(len(size_s)), size_s * (size_s - 1))

    @cached_property
    def first_entry_s(self) -> IntArray:
        """The entries of structure s are ``first_entry_s[s]:first_entry_s[s + 1]``."""
        return np.concatenate([[0], np.cumsum(self.pairs.size_s**2)]).astype(np.int64)

    @cached_property
    def local_n(self) -> IntArray:
        """Place of each atom in its structure."""
        return np.arange(self.pairs.n_atoms) - self.pairs.first_atom_s[self.pairs.structure_n]

    @cached_property
    def entry_p(self) -> IntArray:
        """Entry of each pair: those of the pairs before it, and of the diagonals."""
        i_p, j_p = self.pairs.i_p, self.pairs.j_p
        return np.arange(len(i_p)) + i_p + (j_p > i_p)

    @cached_property
    def entry_n(self) -> IntArray:
        """Entry on the diagonal of each atom."""
        s = self.pairs.structure_n
        return self.first_entry_s[s] + self.local_n * (self.pairs.size_s[s] + 1)

    def entries_of(self, value_p: Array, diagonal_n: Array) -> Array:
        """All entries from those of the pairs and those on the diagonal."""
        C_e = np.empty(int(self.first_entry_s[-1]))
        C_e[self.entry_p] = value_p
        C_e[self.entry_n] = diagonal_n
        return C_e


@dataclass(frozen=True)
class _Ordered:
    """The matrix with its rows and columns in some order, in a larger one of zeros."""

    layout: Layout
    C_e: Array
    size: int
    rank_n: IntArray

    @cached_property
    def _feature_p(self) -> IntArray:
        pairs = self.layout.pairs
        return self.rank_n[pairs.i_p] * self.size + self.rank_n[pairs.j_p]

    def values(self) -> Array:
        pairs = self.layout.pairs
        values_sf = np.zeros((pairs.n_structures, self.size**2))
        matrix_kernels.place(pairs.first_atom_s, self.layout.first_entry_s, self.C_e, self.rank_n, values_sf)
        return values_sf

    def to_entries(self, g_sf: Array) -> tuple[Array, Array]:
        structure_n = self.layout.pairs.structure_n
        return g_sf[self.layout.structure_p, self._feature_p], g_sf[structure_n, self.rank_n * (self.size + 1)]

    def weights_pf(self) -> Array:
        weights_pf = np.zeros((len(self._feature_p), self.size**2))
        weights_pf[np.arange(len(weights_pf)), self._feature_p] = 1.0
        return weights_pf


@dataclass(frozen=True)
class _EqualSizes:
    """The matrices of all structures of one size, their eigenvalues and eigenvectors."""

    structure_g: IntArray
    entry_ge: IntArray
    C_gij: Array

    @cached_property
    def values_gk(self) -> Array:
        return np.asarray(np.linalg.eigvalsh(self.C_gij), dtype=float)

    @cached_property
    def order_gk(self) -> IntArray:
        return np.argsort(-np.abs(self.values_gk), axis=1, kind="stable")

    @cached_property
    def vectors_gik(self) -> Array:
        return np.linalg.eigh(self.C_gij)[1]

    @cached_property
    def mean_gkk(self) -> Array:
        """What replaces each number of equal eigenvalues by their mean."""
        values_gk = self.values_gk
        gap = np.diff(values_gk, axis=1) > matrix_kernels.TIE * np.abs(values_gk).max(axis=1, initial=0)[:, None]
        run_gk = np.concatenate([np.zeros((len(gap), 1)), np.cumsum(gap, axis=1)], axis=1)
        equal_gkk = (run_gk[:, :, None] == run_gk[:, None, :]).astype(float)
        return np.asarray(equal_gkk / equal_gkk.sum(axis=2, keepdims=True))


@dataclass(frozen=True)
class _Eigenspectrum:
    """Eigenvalues in decreasing order of their magnitude."""

    layout: Layout
    C_e: Array
    size: int

    @cached_property
    def _groups(self) -> list[_EqualSizes]:
        layout, size_s, groups = self.layout, self.layout.pairs.size_s, []
        for n in np.unique(size_s[size_s > 0]):
            structure_g = np.flatnonzero(size_s == n)
            entry_ge = layout.first_entry_s[structure_g][:, None] + np.arange(n * n)
            groups.append(_EqualSizes(structure_g, entry_ge, self.C_e[entry_ge].reshape(-1, n, n)))
        return groups

    def values(self) -> Array:
        values_sf = np.zeros((self.layout.pairs.n_structures, self.size))
        for group in self._groups:
            n = group.C_gij.shape[1]
            values_sf[group.structure_g, :n] = np.take_along_axis(group.values_gk, group.order_gk, axis=1)
        return values_sf

    def to_entries(self, g_sf: Array) -> tuple[Array, Array]:
        g_e = np.zeros(len(self.C_e))
        for group in self._groups:
            g_gk = np.empty_like(group.values_gk)
            np.put_along_axis(g_gk, group.order_gk, g_sf[group.structure_g, : g_gk.shape[1]], axis=1)
            V_gik = group.vectors_gik
            g_gik = V_gik * (g_gk[:, None, :] @ group.mean_gkk)
            g_e[group.entry_ge] = (g_gik @ V_gik.transpose(0, 2, 1)).reshape(group.entry_ge.shape)
        return g_e[self.layout.entry_p], g_e[self.layout.entry_n]

    def weights_pf(self) -> Array:
        weights_ef = np.zeros((len(self.C_e), self.size))
        for group in self._groups:
            V_gik, n = group.vectors_gik, group.C_gij.shape[1]
            product_gek = (V_gik[:, :, None, :] * V_gik[:, None, :, :]).reshape(len(V_gik), n * n, n)
            mean_gek = product_gek @ group.mean_gkk
            weights_ef[group.entry_ge, :n] = np.take_along_axis(mean_gek, group.order_gk[:, None, :], axis=2)
        return weights_ef[self.layout.entry_p]


def charge_products(pairs: Pairs) -> Array:
    """:math:`Z_i Z_j` of each pair."""
    charge_n = pairs.numbers_n.astype(float)
    return np.asarray(charge_n[pairs.i_p] * charge_n[pairs.j_p])


def free_atom_energies(pairs: Pairs) -> Array:
    r""":math:`\tfrac12 Z^{2.4}`, a fit to the total energies of free atoms, which the diagonal holds."""
    return np.asarray(0.5 * pairs.numbers_n.astype(float) ** 2.4)


def lower_triangle(values_sf: Array) -> Array:
    r"""The lower triangle, with the diagonal, of matrices that are given row by row.

    Each off-diagonal entry is then there once instead of twice; the order is that of qmllib's representations.

    Parameters
    ----------
    values_sf
        Values of a ``sorted``, ``random`` or ``full`` matrix, shape (structures, n²).

    Returns
    -------
    Shape (structures, n (n + 1)/2).

    Raises
    ------
    ValueError
        If the number of features is no square.
    """
    n = round(float(np.sqrt(values_sf.shape[1])))
    if n * n != values_sf.shape[1]:
        raise ValueError(f"`values_sf`: expected a square number of features, got {values_sf.shape[1]}")
    row, column = np.tril_indices(n)
    return np.ascontiguousarray(values_sf[:, row * n + column])


def _noise(seed: int, pairs: Pairs) -> Array:
    """Standard normal numbers by seed and composition, one for each place in the sorted order of a structure."""
    known: dict[bytes, Array] = {}
    noise_n = np.empty(pairs.n_atoms)
    for first, last in zip(pairs.first_atom_s[:-1], pairs.first_atom_s[1:], strict=True):
        numbers = np.sort(pairs.numbers_n[first:last])
        key = numbers.tobytes()
        if key not in known:
            known[key] = np.random.default_rng([seed, *numbers.tolist()]).normal(size=len(numbers))
        noise_n[first:last] = known[key]
    return noise_n


@lru_cache(maxsize=64)
def _names(n: int, eigenvalues: bool) -> tuple[str, ...]:
    if eigenvalues:
        return tuple(f"eigenvalue {k}" for k in range(n))
    return tuple(f"row {i} column {j}" for i in range(n) for j in range(n))
