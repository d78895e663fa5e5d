"""Power spectrum and bispectrum of the neighbours projected on a sphere, in radial channels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import ClassVar

import numpy as np
from ase.data import atomic_numbers

from potscope.core._types import Array, IntArray
from potscope.core.angular import coupling, recurrence
from potscope.core.compiled import over_atoms
from potscope.core.descriptors import so3_kernels
from potscope.core.descriptors.base import LocalDescriptor
from potscope.core.descriptors.so3_kernels import Projection
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.radial import polynomial_orthonormalisation

RADIAL = ("polynomial", "gaussian")


class SphereDescriptor(LocalDescriptor):
    """What the two spectra on the sphere share: the coefficients of the projected density."""

    cutoff: float
    n_max: int
    l_max: int
    radial: str

    @property
    def reach(self) -> float:
        """The cutoff, Å."""
        return self.cutoff

    @abstractmethod
    def _spectrum(self, density: _Density) -> Features:
        """Values and derivatives from the coefficients."""

    def compute_pairs(self, pairs: Pairs) -> Features:
        """Values from a neighbour list that reaches at least to `reach`."""
        return self._spectrum(_Density(self, pairs))


@dataclass(frozen=True)
class PowerSpectrumSO3(SphereDescriptor):
    r"""Power spectrum of the neighbours projected on a sphere (SO(3)).

    Each radial channel weights the neighbours by their distance and leaves their directions:

    .. math::
        \rho^z_n(\hat{\mathbf r}) = \sum_{j \in z} g_n(r_{ij})\, \delta(\hat{\mathbf r} - \hat{\mathbf r}_{ij}),
        \qquad c^z_{nlm} = \sum_{j \in z} g_n(r_{ij})\, Y_{lm}(\hat{\mathbf r}_{ij}), \qquad
        p^{zz'}_{nl} = \sum_m c^z_{nlm} c^{z'}_{nlm}

    By the addition theorem it is a sum over pairs of neighbours,
    :math:`p_{nl} = \frac{2l+1}{4\pi} \sum_{jk} g_n(r_{ij}) g_n(r_{ik}) P_l(\cos\theta_{jik})`.

    The channels ``polynomial`` are combinations of Bartók's :math:`(r_c - r)^{n+3}`, :math:`n = 0, 1, \dots`,
    orthonormal in space, :math:`\int_0^{r_c} r^2 g_n g_{n'} dr = \delta_{nn'}`; ``gaussian`` are Gaussians in
    a row, :math:`g_n = e^{-(r - r_n)^2/2\Delta^2} f_c(r)` with :math:`r_n = (n + \tfrac12)\Delta`,
    :math:`\Delta = r_c/n_{max}` and the cosine cutoff function.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    cutoff, n_max, l_max, radial
        As declared; see ``declared(PowerSpectrumSO3)``.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013). doi:10.1103/PhysRevB.87.184115

    Examples
    --------
    >>> from ase.build import bulk
    >>> PowerSpectrumSO3(species=["Si"], n_max=4, l_max=6).compute(bulk("Si")).values.shape
    (2, 28)
    """

    title: ClassVar[str] = "Power spectrum on the sphere"

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter("Distance to which neighbours count.", default=5.0, unit="Å", bounds=(1.5, 15.0))
    n_max: int = hyperparameter("Number of radial channels.", default=4, bounds=(1, 8))
    l_max: int = hyperparameter("Highest angular momentum of the spherical harmonics.", default=6, bounds=(0, 12))
    radial: str = hyperparameter("The radial channels.", default="polynomial", choices=RADIAL)

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species."""
        super().__post_init__()
        object.__setattr__(self, "species", tuple(sorted(self.species, key=atomic_numbers.__getitem__)))

    @property
    def neighbour_order(self) -> int:
        """2: it is quadratic in the density."""
        return 2

    @property
    def feature_unit(self) -> str:
        """That of two orthonormal radial functions; Gaussian channels are pure numbers."""
        return "1/Å³" if self.radial == "polynomial" else ""

    @property
    def names(self) -> tuple[str, ...]:
        """``Si Si l0 n0``: species pair, l and channel."""
        return _power_names(self)

    def _spectrum(self, density: _Density) -> Features:
        n_atoms, c_nzka = density.pairs.n_atoms, density.c_nzka
        values_nf = np.empty((n_atoms, len(self.names)))
        over_atoms(so3_kernels.power_spectrum, n_atoms, c_nzka, values_nf)

        def adjoint(g_nf: Array) -> Array:
            h_nzka = np.empty_like(c_nzka)
            over_atoms(so3_kernels.power_gradient, n_atoms, c_nzka, g_nf, h_nzka)
            return density.pull_back(h_nzka)

        def jacobian() -> Array:
            J_pcf = np.empty((*density.pairs.D_pc.shape, values_nf.shape[1]))
            over_atoms(so3_kernels.power_jacobian, n_atoms, *density.arguments, c_nzka, J_pcf)
            return J_pcf

        pairs = density.pairs
        return Features(values_nf, self.names, pairs, pairs.i_p, pairs.structure_n, adjoint, jacobian)


@dataclass(frozen=True)
class BispectrumSO3(SphereDescriptor):
    r"""Bispectrum of the neighbours projected on a sphere (SO(3)).

    Of the coefficients of `PowerSpectrumSO3`, :math:`c^z_{nlm} = \sum_{j \in z} g_n(r_{ij}) Y_{lm}(\hat{\mathbf
    r}_{ij})` with complex harmonics,

    .. math::
        b^{z z_1 z_2}_{n l l_1 l_2} = \sum_{m m_1 m_2} c^{z*}_{nlm}\, \langle l_1 m_1\, l_2 m_2 | l m\rangle\,
        c^{z_1}_{n l_1 m_1} c^{z_2}_{n l_2 m_2} .

    Apart from a factor, the order of the three pairs (l, z) does not matter; each is here once, the largest first.
    Where :math:`l + l_1 + l_2` is odd, b is imaginary and changes its sign in a mirror. Those are left out unless
    `chiral` is set; then it is their imaginary part, and left-handed surroundings differ from right-handed ones.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    cutoff, n_max, l_max, radial, chiral
        As declared; see ``declared(BispectrumSO3)``.

    References
    ----------
    A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Phys. Rev. Lett. 104, 136403 (2010).
    doi:10.1103/PhysRevLett.104.136403

    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013). doi:10.1103/PhysRevB.87.184115

    Examples
    --------
    >>> from ase.build import bulk
    >>> BispectrumSO3(species=["Si"], n_max=3, l_max=2).names[:4]
    ('Si Si Si l0 0 0 n0', 'Si Si Si l0 0 0 n1', 'Si Si Si l0 0 0 n2', 'Si Si Si l1 1 0 n0')
    """

    title: ClassVar[str] = "Bispectrum on the sphere"

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter("Distance to which neighbours count.", default=5.0, unit="Å", bounds=(1.5, 15.0))
    n_max: int = hyperparameter("Number of radial channels.", default=4, bounds=(1, 8))
    l_max: int = hyperparameter("Highest angular momentum of the spherical harmonics.", default=4, bounds=(0, 8))
    radial: str = hyperparameter("The radial channels.", default="polynomial", choices=RADIAL)
    chiral: bool = hyperparameter("Whether what changes sign in a mirror is there too.", default=False)

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species."""
        super().__post_init__()
        object.__setattr__(self, "species", tuple(sorted(self.species, key=atomic_numbers.__getitem__)))

    @property
    def neighbour_order(self) -> int:
        """3: it is of the third degree in the density."""
        return 3

    @property
    def feature_unit(self) -> str:
        """That of three orthonormal radial functions; Gaussian channels are pure numbers."""
        return "1/Å^(9/2)" if self.radial == "polynomial" else ""

    @property
    def names(self) -> tuple[str, ...]:
        """``Si Si C l4 3 1 n0``: three species, their l, channel."""
        return _bispectrum_names(self)

    def _spectrum(self, density: _Density) -> Features:
        n_atoms, c_nzka = density.pairs.n_atoms, density.c_nzka
        products = _products(len(self.species), self.l_max, self.chiral)
        values_nf = np.empty((n_atoms, len(self.names)))
        over_atoms(so3_kernels.bispectrum, n_atoms, c_nzka, *products, values_nf)

        def adjoint(g_nf: Array) -> Array:
            h_nzka = np.empty_like(c_nzka)
            over_atoms(so3_kernels.bispectrum_gradient, n_atoms, c_nzka, *products, g_nf, h_nzka)
            return density.pull_back(h_nzka)

        def jacobian() -> Array:
            J_pcf = np.empty((*density.pairs.D_pc.shape, values_nf.shape[1]))
            over_atoms(so3_kernels.bispectrum_jacobian, n_atoms, *density.arguments, c_nzka, *products, J_pcf)
            return J_pcf

        pairs = density.pairs
        return Features(values_nf, self.names, pairs, pairs.i_p, pairs.structure_n, adjoint, jacobian)


class _Density:
    """Coefficients of the projected density about each atom, and the way back from them."""

    def __init__(self, descriptor: SphereDescriptor, pairs: Pairs) -> None:
        self.pairs = pairs
        self.arguments = (
            pairs.first_n,
            descriptor.species_of(pairs.numbers_n)[pairs.j_p],
            pairs.D_pc,
            _projection(descriptor),
        )
        n_k = (descriptor.l_max + 1) ** 2
        self.c_nzka = np.empty((pairs.n_atoms, len(descriptor.species), n_k, descriptor.n_max))
        over_atoms(so3_kernels.density, pairs.n_atoms, *self.arguments, self.c_nzka)

    def pull_back(self, h_nzka: Array) -> Array:
        dE_dD_pc = np.empty_like(self.pairs.D_pc)
        over_atoms(so3_kernels.adjoint, self.pairs.n_atoms, *self.arguments, h_nzka, dE_dD_pc)
        return dE_dD_pc


@lru_cache(maxsize=64)
def _projection(descriptor: SphereDescriptor) -> Projection:
    return Projection(
        kind=RADIAL.index(descriptor.radial),
        table_ab=radial_table(descriptor.radial, descriptor.n_max, descriptor.cutoff),
        cutoff=descriptor.cutoff,
        l_max=descriptor.l_max,
        recurrence_t=recurrence(descriptor.l_max),
        n_species=len(descriptor.species),
    )


@lru_cache(maxsize=64)
def radial_table(radial: str, n_max: int, cutoff: float) -> Array:
    r"""What the kernels need of the radial channels, a row a channel.

    For ``polynomial`` the coefficients of :math:`(r_c - r)^3, (r_c - r)^4, \dots` after Löwdin's orthonormalisation,
    :math:`\int_0^{r_c} r^2 g_n g_{n'} dr = \delta_{nn'}`; see `radial.polynomial_orthonormalisation`. For ``gaussian``
    the centre (Å) and :math:`1/(2\Delta^2)` (1/Å²).
    """
    if radial == "polynomial":
        return polynomial_orthonormalisation(n_max, cutoff)
    width = cutoff / n_max
    return np.stack([(np.arange(n_max) + 0.5) * width, np.full(n_max, 0.5 / width**2)], axis=1)


@lru_cache(maxsize=64)
def _triples(n_species: int, l_max: int, chiral: bool) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Three pairs (l, species) of each product, the largest first."""
    found = []
    channels = [(l, z) for l in range(l_max + 1) for z in range(n_species)]
    for third, second, first in combinations_with_replacement(channels, 3):
        l, l1, l2 = first[0], second[0], third[0]
        odd = (l + l1 + l2) % 2 == 1
        # what is odd changes sign when two sets of coefficients are exchanged: of two equal ones it is nothing
        if l <= l1 + l2 and not (odd and (not chiral or len({first, second, third}) < 3)):
            found.append((first, second, third))
    return tuple(sorted(found))


@lru_cache(maxsize=64)
def _products(n_species: int, l_max: int, chiral: bool) -> tuple[IntArray, IntArray, Array]:
    """Species, l and bounds of the terms of each product, and the terms."""
    bounds: dict[tuple[int, int, int], tuple[int, int]] = {}
    places, values, n_terms = [np.empty((0, 3), np.int64)], [np.empty(0)], 0
    products = []
    for (l, z), (l1, z1), (l2, z2) in _triples(n_species, l_max, chiral):
        if (l, l1, l2) not in bounds:
            k_i3, K_i = coupling(l, l1, l2)
            places.append(k_i3)
            values.append(K_i)
            bounds[l, l1, l2] = (n_terms, n_terms + len(K_i))
            n_terms += len(K_i)
        products.append((z, z1, z2, l, l1, l2, *bounds[l, l1, l2]))
    return np.array(products, dtype=np.int64), np.concatenate(places), np.concatenate(values)


@lru_cache(maxsize=64)
def _power_names(spectrum: PowerSpectrumSO3) -> tuple[str, ...]:
    return tuple(
        f"{first} {second} l{l} n{n}"
        for i, first in enumerate(spectrum.species)
        for second in spectrum.species[i:]
        for l in range(spectrum.l_max + 1)
        for n in range(spectrum.n_max)
    )


@lru_cache(maxsize=64)
def _bispectrum_names(spectrum: BispectrumSO3) -> tuple[str, ...]:
    symbols = spectrum.species
    return tuple(
        f"{symbols[z]} {symbols[z1]} {symbols[z2]} l{l} {l1} {l2} n{n}"
        for (l, z), (l1, z1), (l2, z2) in _triples(len(symbols), spectrum.l_max, spectrum.chiral)
        for n in range(spectrum.n_max)
    )
