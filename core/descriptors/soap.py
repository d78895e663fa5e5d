"""Smooth overlap of atomic positions: the power spectrum of the neighbour density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from potscope.core._types import Array
from potscope.core.descriptors.base import LocalDescriptor
from potscope.core.descriptors.soap_expansion import Density, DensityExpansion
from potscope.core.features import Features
from potscope.core.pairs import Pairs


@dataclass(frozen=True)
class SOAP(DensityExpansion, LocalDescriptor):
    r"""Smooth overlap of atomic positions (SOAP).

    Every neighbour, the atom itself included, is a Gaussian of width σ; the density of each species z is expanded in
    radial functions and spherical harmonics, and the power spectrum of the coefficients does not change under rotation:

    .. math::
        \rho^z(\mathbf x) = \sum_{j \in z} w(r_{ij})\, f_c(r_{ij})\, e^{-|\mathbf x - \mathbf r_{ij}|^2/2\sigma^2}
            = \sum_{nlm} c^z_{nlm}\, g_{nl}(x)\, Y_{lm}(\hat{\mathbf x}), \qquad
        p^{zz'}_{nn'l} = \pi \sqrt{\frac{8}{2l+1}} \sum_m c^z_{nlm} c^{z'}_{n'lm}

    ======================  =====================================================
    symbol                  here
    ======================  =====================================================
    :math:`g_{nl}`          `radial.gto_density`, `radial.polynomial_density`
    :math:`c^z_{nlm}`       `soap_kernels.density`
    :math:`Y_{lm}`          `soap_angular.harmonics`
    :math:`f_c`             `cutoffs.cutoff_function`
    :math:`w`               `weighting.weighting_function`
    :math:`p^{zz'}_{nn'l}`  ``compute(...).values``
    ======================  =====================================================

    `compression` leaves out or sums pairs of species; with :math:`c^\Sigma = \sum_z c^z`, ``mu1nu1`` has
    :math:`p^{z\Sigma}` for all n and n', ``mu2`` has :math:`p^{\Sigma\Sigma}`, ``crossover`` has :math:`p^{zz}`.

    The values for ``smoothing="none"`` are those of DScribe's SOAP, in its order: pairs of species, then l, n, n'.
    That is no function for a potential, because its features jump by about 10⁻³ of a neighbour's weight where a
    neighbour leaves. `central_weight` is DScribe's ``w0``; where that is left out, DScribe weights the atom itself by
    the weighting function at zero.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    cutoff, n_max, l_max, sigma, smoothing, smoothing_width, radial_basis, compression, weighting, weighting_scale,
    weighting_offset, weighting_power, weighting_radius, central_weight
        As declared; see ``declared(SOAP)``.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013). doi:10.1103/PhysRevB.87.184115

    J. P. Darby, J. R. Kermode, G. Csányi, npj Comput. Mater. 8, 166 (2022), for the compressions.
    doi:10.1038/s41524-022-00847-y

    L. Himanen et al., Comput. Phys. Commun. 247, 106949 (2020). doi:10.1016/j.cpc.2019.106949

    Examples
    --------
    >>> from ase.build import bulk
    >>> soap = SOAP(species=["Si"], cutoff=5.0, n_max=8, l_max=6, sigma=0.5)
    >>> soap.compute(bulk("Si")).values.shape
    (2, 252)
    """

    title: ClassVar[str] = "SOAP"

    @property
    def neighbour_order(self) -> int:
        """2: the power spectrum is quadratic in the density."""
        return 2

    def compute_pairs(self, pairs: Pairs) -> Features:
        """Values from a neighbour list that reaches at least to `reach`."""
        names = self.names
        density = Density.of(self.tables(), pairs, self.species_of(pairs.numbers_n), len(names))

        def jacobian() -> Array:
            return density.jacobian(density.c, np.arange(pairs.n_atoms), np.ones(pairs.n_atoms))

        return Features(density.values_nf, names, pairs, pairs.i_p, pairs.structure_n, density.pull_back, jacobian)
