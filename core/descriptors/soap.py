"""Smooth overlap of atomic positions: the power spectrum of the neighbour density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from math import log, pi, sqrt
from typing import ClassVar

import numpy as np
from ase.data import atomic_numbers

from potscope.core._types import Array
from potscope.core.angular import harmonic_norms
from potscope.core.compiled import over_atoms
from potscope.core.descriptors import soap_kernels
from potscope.core.descriptors.base import LocalDescriptor
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.radial import GTO_DECAY, RadialTable, gto_density


@dataclass(frozen=True)
class SOAP(LocalDescriptor):
    r"""Smooth overlap of atomic positions (SOAP), with Gaussian-type radial functions.

    Every neighbour, the atom itself included, is a Gaussian of width σ; the density of each species z is expanded in
    radial functions and spherical harmonics, and the power spectrum of the coefficients does not change under rotation:

    .. math::
        \rho^z(\mathbf x) = \sum_{j \in z} f_c(r_{ij})\, e^{-|\mathbf x - \mathbf r_{ij}|^2/2\sigma^2}
            = \sum_{nlm} c^z_{nlm}\, g_{nl}(x)\, Y_{lm}(\hat{\mathbf x}), \qquad
        p^{zz'}_{nn'l} = \pi \sqrt{\frac{8}{2l+1}} \sum_m c^z_{nlm} c^{z'}_{n'lm}

    ======================  =====================================================
    symbol                  here
    ======================  =====================================================
    :math:`g_{nl}`          `radial.gto_exponents`, `radial.gto_orthonormalisation`
    :math:`c^z_{nlm}`       `soap_kernels.density`, `radial.gto_density`
    :math:`Y_{lm}`          `angular.harmonics`
    :math:`f_c`             `radial.cosine_step`
    :math:`p^{zz'}_{nn'l}`  ``compute(...).values``
    ======================  =====================================================

    The values for ``smoothing="none"`` are those of DScribe's SOAP with ``rbf="gto"``, in its order: species pairs,
    then l, n, n'. That is no function for a potential, because its features jump by about 10⁻³ of a neighbour's weight
    where a neighbour leaves.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    cutoff, n_max, l_max, sigma, smoothing, smoothing_width
        As declared; see ``declared(SOAP)``.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013). doi:10.1103/PhysRevB.87.184115

    L. Himanen et al., Comput. Phys. Commun. 247, 106949 (2020). doi:10.1016/j.cpc.2019.106949

    Examples
    --------
    >>> from ase.build import bulk
    >>> soap = SOAP(species=["Si"], cutoff=5.0, n_max=8, l_max=6, sigma=0.5)
    >>> soap.compute(bulk("Si")).values.shape
    (2, 252)
    """

    title: ClassVar[str] = "SOAP"

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter("Distance to which neighbours count.", default=5.0, unit="Å", bounds=(1.5, 15.0))
    n_max: int = hyperparameter("Number of radial functions.", default=8, bounds=(1, 16))
    l_max: int = hyperparameter("Highest angular momentum of the spherical harmonics.", default=6, bounds=(0, 12))
    sigma: float = hyperparameter(
        "Width of the Gaussian that stands for an atom.", default=0.5, unit="Å", bounds=(0.1, 2.0)
    )
    smoothing: str = hyperparameter(
        "How the density ends: a cosine step down to the cutoff, or none at all, as DScribe has it.",
        default="cosine",
        choices=("cosine", "none"),
    )
    smoothing_width: float = hyperparameter(
        "Width of the cosine step below the cutoff.", default=1.0, unit="Å", bounds=(0.1, 15.0)
    )

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species."""
        super().__post_init__()
        object.__setattr__(self, "species", tuple(sorted(self.species, key=atomic_numbers.__getitem__)))
        if self.smoothing == "cosine" and self.smoothing_width > self.cutoff:
            raise ValueError(
                f"`smoothing_width`: expected at most the cutoff, {self.cutoff:g} Å, got {self.smoothing_width:g}"
            )
        _tables(self)

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å: without smoothing, the cutoff and the Gaussian's tail."""
        tail = self.sigma * sqrt(-2 * log(GTO_DECAY)) if self.smoothing == "none" else 0.0
        return self.cutoff + tail

    @property
    def neighbour_order(self) -> int:
        """2: the power spectrum is quadratic in the density."""
        return 2

    @property
    def names(self) -> tuple[str, ...]:
        """``Si Si l0 n0 n1``: species pair, l, n and n'."""
        return _names(self)

    def compute_pairs(self, pairs: Pairs) -> Features:
        """Values from a neighbour list that reaches at least to `reach`."""
        tables = _tables(self)
        species_n = self.species_of(pairs.numbers_n)
        species_p = species_n[pairs.j_p]
        smooth_from = self.cutoff - self.smoothing_width if self.smoothing == "cosine" else self.reach
        geometry = (pairs.first_n, species_p, pairs.D_pc)
        radial = (tables.radial.coefficients, tables.radial.step, smooth_from, self.reach, tables.norm_t, self.l_max)
        c_nzak = np.empty((pairs.n_atoms, len(self.species), self.n_max, (self.l_max + 1) ** 2))
        values_nf = np.empty((pairs.n_atoms, len(self.names)))
        over_atoms(
            soap_kernels.density,
            pairs.n_atoms,
            pairs.first_n,
            species_n,
            species_p,
            pairs.D_pc,
            *radial,
            tables.self_a,
            c_nzak,
        )
        over_atoms(soap_kernels.power_spectrum, pairs.n_atoms, c_nzak, tables.scale_l, values_nf)

        def adjoint(g_nf: Array) -> Array:
            dE_dD_pc = np.empty_like(pairs.D_pc)
            over_atoms(soap_kernels.adjoint, pairs.n_atoms, *geometry, *radial, c_nzak, tables.scale_l, g_nf, dE_dD_pc)
            return dE_dD_pc

        def jacobian() -> Array:
            J_pcf = np.empty((len(pairs.D_pc), 3, values_nf.shape[1]))
            over_atoms(soap_kernels.jacobian, pairs.n_atoms, *geometry, *radial, c_nzak, tables.scale_l, J_pcf)
            return J_pcf

        return Features(values_nf, self.names, pairs, pairs.i_p, pairs.structure_n, adjoint, jacobian)


@dataclass(frozen=True)
class _Tables:
    """What depends on the hyperparameters alone."""

    radial: RadialTable
    norm_t: Array
    scale_l: Array
    self_a: Array


@lru_cache(maxsize=64)
def _tables(soap: SOAP) -> _Tables:
    density = partial(gto_density, n_max=soap.n_max, l_max=soap.l_max, cutoff=soap.cutoff, sigma=soap.sigma)

    def flat(r_g: Array) -> tuple[Array, Array, Array]:
        value, first, second = density(r_g)
        return value.reshape(len(r_g), -1), first.reshape(len(r_g), -1), second.reshape(len(r_g), -1)

    norm_t = harmonic_norms(soap.l_max)
    value_gln, _, _ = density(np.zeros(1))
    return _Tables(
        radial=RadialTable.of(flat, soap.reach, step=soap.sigma / 10),
        norm_t=norm_t,
        scale_l=pi * np.sqrt(8 / (2 * np.arange(soap.l_max + 1) + 1)),
        self_a=value_gln[0, 0] * norm_t[0],
    )


@lru_cache(maxsize=64)
def _names(soap: SOAP) -> tuple[str, ...]:
    return tuple(
        f"{first} {second} l{l} n{n} n{m}"
        for i, first in enumerate(soap.species)
        for second in soap.species[i:]
        for l in range(soap.l_max + 1)
        for n in range(soap.n_max)
        for m in range(n if first == second else 0, soap.n_max)
    )
