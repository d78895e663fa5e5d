"""The bispectrum of the neighbour density on the sphere in four dimensions, as LAMMPS has it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import over_atoms
from potscope.core.descriptors import (
    bispectrum_adjoint,
    bispectrum_coupling,
    bispectrum_jacobian,
    bispectrum_kernels,
)
from potscope.core.descriptors.base import LocalDescriptor
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.wigner import clebsch_gordan, first_of_all_rows, first_of_half_rows, norms

RADIUS, WEIGHT, INNER_MIDDLE, INNER_WIDTH = 0.5, 1.0, 1.0, 0.2
"""What each element has where `radelem`, `wj`, `sinner` and `dinner` are empty."""


@dataclass(frozen=True)
class Bispectrum(LocalDescriptor):
    r"""Bispectrum of the neighbour density on the sphere in four dimensions (SO(4)), as LAMMPS defines it.

    A neighbour at :math:`\mathbf r = (x, y, z)` is put on the sphere, its distance as the third angle, and the density
    there is expanded in Wigner's functions U. What three of the coefficients couple to does not change under rotation:

    .. math::
        \theta_0 = \pi\, r_\text{fac0} \frac{r - r_\text{min0}}{r_c - r_\text{min0}}, \qquad
        a = \cos\theta_0 - \frac{i z}{r} \sin\theta_0, \qquad b = \frac{y - i x}{r} \sin\theta_0, \qquad
        r_c = r_\text{cutfac} (R_i + R_j),

    .. math::
        U^j_{m'm} = \delta_{m'm} + \sum_{r < r_c} w\, f_c(r)\, U^j_{m'm}(a, b), \qquad
        f_c = \tfrac12 \left[1 + \cos \pi \frac{r - r_\text{min0}}{r_c - r_\text{min0}}\right],

    .. math::
        Z^j_{m'm} = \sum_{m'_1m'_2} C^{jm'}_{j_1m'_1j_2m'_2} \sum_{m_1m_2} C^{jm}_{j_1m_1j_2m_2}
            U^{j_1}_{m'_1m_1} U^{j_2}_{m'_2m_2}, \qquad
        B_{j_1j_2j} = \sum_{m'm} (U^j_{m'm})^* Z^j_{m'm} - B^0_{j}, \qquad B^0_j = j + 1,

    with all momenta doubled and :math:`j_2 \le j_1 \le j \le` `twojmax`, in the order of j₁, j₂, j. Near a distance of
    zero, :math:`r < r_\text{min0}`, a and b have the other sign, as in LAMMPS: there the values jump.

    ==========================  ===================================================================
    symbol                      here
    ==========================  ===================================================================
    :math:`a, b, f_c`           `bispectrum_kernels.to_sphere`; times the inner switching, if chosen
    :math:`U(a, b)`             `wigner.polynomials`
    :math:`U`                   `bispectrum_kernels.density`
    :math:`C`                   `wigner.clebsch_gordan`
    :math:`B + B^0`             `bispectrum_coupling.invariants`
    :math:`B`                   ``compute(...).values``
    ==========================  ===================================================================

    The values are those of ``compute sna/atom``, and pulling one of them back for the atoms of one element gives a
    column of ``snad/atom`` and ``snav/atom``. The flags, all as there: `chemflag` gives each element a density of its
    own, so that the three U are of three elements, in the order of `species`, the third fastest and all before the
    momenta;
    `wselfallflag` counts the atom itself in the density of every element, not of its own alone; `bnormflag` divides by
    j + 1; `quadraticflag` adds :math:`\tfrac12 B_f^2` and :math:`B_f B_g` with g > f for each f; `switchinnerflag`
    multiplies :math:`f_c` by a sine step from 0 to 1 over ``sinner`` ± ``dinner``, means of those of the two elements.

    Parameters
    ----------
    species
        Elements that may occur, in the order of LAMMPS' types: that of all the lists.
    twojmax, rcutfac, rfac0, rmin0, radelem, wj, switchflag, bzeroflag, bnormflag, chemflag, quadraticflag, \
    switchinnerflag, sinner, dinner, wselfallflag
        As declared; see ``declared(Bispectrum)``.

    References
    ----------
    A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Phys. Rev. Lett. 104, 136403 (2010).
    doi:10.1103/PhysRevLett.104.136403

    A. P. Thompson, L. P. Swiler, C. R. Trott, S. M. Foiles, G. J. Tucker, J. Comput. Phys. 285, 316 (2015).
    doi:10.1016/j.jcp.2014.12.018

    M. A. Cusentino, M. A. Wood, A. P. Thompson, J. Phys. Chem. A 124, 5456 (2020), for `chemflag`.
    doi:10.1021/acs.jpca.0c02450

    Examples
    --------
    >>> from ase.build import bulk
    >>> bispectrum = Bispectrum(species=["Na", "Cl"], twojmax=6, rcutfac=4.1, radelem=[0.5, 0.5], wj=[1.0, 0.9])
    >>> bispectrum.compute(bulk("NaCl", "rocksalt", a=5.64)).values.shape
    (2, 30)
    """

    title: ClassVar[str] = "Bispectrum"

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    twojmax: int = hyperparameter("Highest momentum, doubled.", default=6, bounds=(0, 14))
    rcutfac: float = hyperparameter(
        "Factor of the cutoffs: neighbours count to rcutfac times the sum of the two radii.",
        default=5.0,
        bounds=(0.1, 30.0),
    )
    rfac0: float = hyperparameter(
        "How far round the sphere the cutoff is: 1 for the opposite pole.", default=0.99363, bounds=(0.01, 1.0)
    )
    rmin0: float = hyperparameter("Distance at the pole of the sphere.", default=0.0, unit="Å", bounds=(0.0, 10.0))
    radelem: tuple[float, ...] = hyperparameter(
        "Radius of each element; 0.5 each if none is given.", default=(), unit="Å", bounds=(0.01, 10.0)
    )
    wj: tuple[float, ...] = hyperparameter(
        "Weight of each element as a neighbour; 1 each if none is given.", default=(), bounds=(-100.0, 100.0)
    )
    switchflag: bool = hyperparameter("Whether weights fall to zero at the cutoff.", default=True)
    bzeroflag: bool = hyperparameter("Whether the values of an isolated atom are subtracted.", default=True)
    bnormflag: bool = hyperparameter("Whether values are divided by j + 1.", default=False)
    chemflag: bool = hyperparameter("Whether elements have densities of their own.", default=False)
    quadraticflag: bool = hyperparameter("Whether products of two values are features too.", default=False)
    switchinnerflag: bool = hyperparameter("Whether weights fall to zero towards the atom.", default=False)
    sinner: tuple[float, ...] = hyperparameter(
        "Middle of the inner switching, of each element; 1 each if none is given.",
        default=(),
        unit="Å",
        bounds=(0.0, 10.0),
    )
    dinner: tuple[float, ...] = hyperparameter(
        "Half the width of the inner switching, of each element; 0.2 each if none is given.",
        default=(),
        unit="Å",
        bounds=(0.001, 10.0),
    )
    wselfallflag: bool = hyperparameter("Whether an atom counts in the density of every element.", default=False)

    def __post_init__(self) -> None:
        """Check the hyperparameters, and that lists have an entry for each element."""
        super().__post_init__()
        for name in ("radelem", "wj", "sinner", "dinner"):
            found = getattr(self, name)
            if len(found) not in (0, len(self.species)):
                raise ValueError(
                    f"`{name}`: expected a number for each of {', '.join(self.species)}, or none, got {found}"
                )
        smallest = 2 * self.rcutfac * min(self._of_each("radelem", RADIUS))
        if self.rmin0 >= smallest:
            raise ValueError(f"`rmin0`: expected less than the smallest cutoff, {smallest:g} Å, got {self.rmin0:g}")

    def _of_each(self, name: str, default: float) -> Array:
        return np.array(getattr(self, name) or [default] * len(self.species))

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å: the largest cutoff."""
        return float(2 * self.rcutfac * max(self._of_each("radelem", RADIUS)))

    @property
    def neighbour_order(self) -> int:
        """3: the bispectrum is cubic in the density; 6 with products of two."""
        return 6 if self.quadraticflag else 3

    @property
    def names(self) -> tuple[str, ...]:
        """Doubled momenta ``2 1 1``: j₁, j₂ and j, after the three elements if these are told apart."""
        return _names(self)

    def compute_pairs(self, pairs: Pairs) -> Features:
        """Values from a neighbour list that reaches at least to `reach`."""
        density = _Density(self, pairs)
        B_nf = density.invariants()
        n_blocks = B_nf.shape[1] // len(density.tables.j_tx)
        isolated_t = (density.tables.j_tx[:, 2] + 1).astype(float)
        scale_f = np.tile(1 / isolated_t, n_blocks) if self.bnormflag else np.ones(B_nf.shape[1])
        if self.bzeroflag:
            self._subtract_isolated(B_nf, density.element_n, isolated_t)
        linear_nf = B_nf * scale_f
        values_nf = with_products(linear_nf) if self.quadraticflag else linear_nf

        def adjoint(g_nf: Array) -> Array:
            g_nf = products_back(linear_nf, g_nf) if self.quadraticflag else g_nf
            return density.pull_back(g_nf * scale_f)

        def jacobian() -> Array:
            J_pcf = density.jacobian()
            if self.bnormflag:
                J_pcf *= scale_f
            return products_forward(linear_nf[pairs.i_p], J_pcf) if self.quadraticflag else J_pcf

        return Features(values_nf, self.names, pairs, pairs.i_p, pairs.structure_n, adjoint, jacobian)

    def on_sphere(self, pairs: Pairs, species_n: IntArray) -> Array:
        """Where each neighbour is on the sphere, and with what weight; see `bispectrum_kernels`."""
        point_px = np.empty((len(pairs.D_pc), bispectrum_kernels.COLUMNS))
        over_atoms(
            bispectrum_kernels.to_sphere,
            pairs.n_atoms,
            pairs.first_n,
            species_n,
            species_n[pairs.j_p],
            pairs.D_pc,
            self.rcutfac * self._of_each("radelem", RADIUS),
            self._of_each("wj", WEIGHT),
            self._of_each("sinner", INNER_MIDDLE),
            self._of_each("dinner", INNER_WIDTH),
            self.rfac0,
            self.rmin0,
            self.switchflag,
            self.switchinnerflag,
            point_px,
        )
        return point_px

    def _subtract_isolated(self, B_nf: Array, element_n: IntArray, isolated_t: Array) -> None:
        """Subtract what an atom alone has: j + 1, of its own element three times, or with `wselfallflag` of all."""
        n_triples = len(isolated_t)
        if self.wselfallflag or not self.chemflag:
            B_nf -= np.tile(isolated_t, B_nf.shape[1] // n_triples)
            return
        for e in range(len(self.species)):
            first = (e * len(self.species) + e) * len(self.species) + e
            B_nf[element_n == e, first * n_triples : (first + 1) * n_triples] -= isolated_t


class _Density:
    """Coefficients of the neighbour density of each atom on the 3-sphere, their invariants, and the ways back."""

    def __init__(self, descriptor: Bispectrum, pairs: Pairs) -> None:
        self.pairs, self.tables = pairs, _tables(descriptor.twojmax)
        species_n = descriptor.species_of(pairs.numbers_n)
        self.element_n = species_n if descriptor.chemflag else np.zeros_like(species_n)
        self.n_elements = len(descriptor.species) if descriptor.chemflag else 1
        tables, n = self.tables, pairs.n_atoms
        self.element_p, self.point_px = self.element_n[pairs.j_p], descriptor.on_sphere(pairs, species_n)
        self.neighbours = (self.element_p, self.point_px, tables.first_half_j, tables.norm_k)
        self.momenta = (tables.pair_gx, tables.first_c_t, tables.C_c, tables.first_j, tables.first_half_j)
        self.U_nexk = np.empty((n, self.n_elements, 2, len(tables.norm_k)))
        arguments = (pairs.first_n, self.element_n, *self.neighbours, descriptor.wselfallflag, self.U_nexk)
        over_atoms(bispectrum_kernels.density, n, *arguments)

    def invariants(self) -> Array:
        B_nf = np.empty((self.pairs.n_atoms, self.n_elements**3 * len(self.tables.first_c_t)))
        over_atoms(bispectrum_coupling.invariants, self.pairs.n_atoms, *self.momenta, self.U_nexk, B_nf)
        return B_nf

    def pull_back(self, g_nf: Array) -> Array:
        Y_nexk, dE_dD_pc = np.empty_like(self.U_nexk), np.empty_like(self.pairs.D_pc)
        n, first_n = self.pairs.n_atoms, self.pairs.first_n
        over_atoms(bispectrum_adjoint.density_gradient, n, *self.momenta, self.U_nexk, g_nf, Y_nexk)
        over_atoms(bispectrum_kernels.adjoint, n, first_n, *self.neighbours, Y_nexk, dE_dD_pc)
        return dE_dD_pc

    def jacobian(self) -> Array:
        tables, pairs = self.tables, self.pairs
        J_pcf = np.empty((len(pairs.D_pc), 3, self.n_elements**3 * len(tables.first_c_t)))
        over_atoms(
            bispectrum_jacobian.jacobian,
            pairs.n_atoms,
            pairs.first_n,
            self.element_p,
            self.point_px,
            tables.norm_k,
            tables.pair_gx,
            tables.j_tx,
            *self.momenta[1:],
            self.U_nexk,
            J_pcf,
        )
        return J_pcf


def with_products(values_nf: Array) -> Array:
    r"""The values, then :math:`\tfrac12 B_f^2` and :math:`B_f B_g`, g > f, for each f."""
    first, second, factor = _products(values_nf.shape[1])
    return np.concatenate([values_nf, factor * values_nf[:, first] * values_nf[:, second]], axis=1)


def products_back(values_nf: Array, g_nf: Array) -> Array:
    """Derivatives by the values from those by `with_products` of them."""
    n_features = values_nf.shape[1]
    first, second, factor = _products(n_features)
    g_nff = np.zeros((len(values_nf), n_features, n_features))
    g_nff[:, first, second] = factor * g_nf[:, n_features:]
    crossed = np.einsum("nfg,ng->nf", g_nff, values_nf) + np.einsum("nfg,nf->ng", g_nff, values_nf)
    return np.asarray(g_nf[:, :n_features] + crossed)


def products_forward(values_pf: Array, J_pcf: Array) -> Array:
    """Derivatives of `with_products` of values from those of the values."""
    first, second, factor = _products(values_pf.shape[1])
    crossed = values_pf[:, None, first] * J_pcf[:, :, second] + values_pf[:, None, second] * J_pcf[:, :, first]
    return np.concatenate([J_pcf, factor * crossed], axis=2)


def _products(n_features: int) -> tuple[IntArray, IntArray, Array]:
    first, second = np.triu_indices(n_features)
    return first, second, np.where(first == second, 0.5, 1.0)


@dataclass(frozen=True)
class _Tables:
    """What depends on the highest momentum alone: momenta, coupling coefficients and where entries begin."""

    pair_gx: IntArray
    first_c_t: IntArray
    C_c: Array
    j_tx: IntArray
    first_j: IntArray
    first_half_j: IntArray
    norm_k: Array


@lru_cache(maxsize=16)
def _tables(twojmax: int) -> _Tables:
    pairs: list[tuple[int, int, int, int, int]] = []
    triples: list[tuple[int, int, int]] = []
    blocks: list[Array] = []
    for j1 in range(twojmax + 1):
        for j2 in range(j1 + 1):
            js = range(j1 + j2 % 2, min(twojmax, j1 + j2) + 1, 2)
            if len(js):
                pairs.append((len(triples), len(js), js[0], j1, j2))
            for j in js:
                triples.append((j1, j2, j))
                blocks.append(_by_sum(clebsch_gordan(j1, j2, j)))
    sizes = [len(block) for block in blocks]
    return _Tables(
        pair_gx=np.array(pairs, dtype=np.int64),
        first_c_t=np.concatenate([[0], np.cumsum(sizes[:-1])]).astype(np.int64),
        C_c=np.concatenate(blocks),
        j_tx=np.array(triples, dtype=np.int64),
        first_j=first_of_all_rows(twojmax),
        first_half_j=first_of_half_rows(twojmax),
        norm_k=norms(twojmax),
    )


def _by_sum(C_mm: Array) -> Array:
    """Coefficients at m₁ + m₂ and m₁ instead of m₁ and m₂, flat."""
    n1, n2 = C_mm.shape
    shifted = np.zeros((n1 + n2 - 1, n1))
    for m1 in range(n1):
        shifted[m1 : m1 + n2, m1] = C_mm[m1]
    return shifted.ravel()


@lru_cache(maxsize=16)
def _names(descriptor: Bispectrum) -> tuple[str, ...]:
    momenta = [" ".join(map(str, triple)) for triple in _tables(descriptor.twojmax).j_tx.tolist()]
    elements = [""]
    if descriptor.chemflag:
        elements = [" ".join(three) + " " for three in itertools.product(descriptor.species, repeat=3)]
    linear = [element + momentum for element in elements for momentum in momenta]
    if not descriptor.quadraticflag:
        return tuple(linear)
    return (*linear, *(f"{first} × {second}" for first, second in itertools.combinations_with_replacement(linear, 2)))
