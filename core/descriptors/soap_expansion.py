"""What SOAP in all its forms shares: the hyperparameters of the density, and the steps from pairs to a spectrum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import log, pi, sqrt

import numpy as np
from ase.data import atomic_numbers

from potscope.core._types import Array, IntArray
from potscope.core.angular import recurrence
from potscope.core.compiled import over_atoms
from potscope.core.cutoffs import CUTOFF_FUNCTIONS
from potscope.core.descriptors import soap_kernels, soap_spectrum
from potscope.core.descriptors.soap_kernels import Expansion
from potscope.core.hyperparameters import Declared, hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.radial import GTO_DECAY, RadialTable, gto_density, polynomial_density
from potscope.core.simd import LANES, padded
from potscope.core.weighting import WEIGHTING_FUNCTIONS, weighting_parameters

DENSITIES: dict[str, Callable[..., tuple[Array, Array, Array]]] = {"gto": gto_density, "polynomial": polynomial_density}


@dataclass(frozen=True)
class DensityExpansion(Declared):
    """The hyperparameters of the neighbour density and of its power spectrum; see `SOAP`."""

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter("Distance to which neighbours count.", default=5.0, unit="Å", bounds=(1.5, 15.0))
    n_max: int = hyperparameter("Number of radial functions.", default=8, bounds=(1, 16))
    l_max: int = hyperparameter("Highest angular momentum of the spherical harmonics.", default=6, bounds=(0, 12))
    sigma: float = hyperparameter(
        "Width of the Gaussian that stands for an atom.", default=0.5, unit="Å", bounds=(0.1, 2.0)
    )
    smoothing: str = hyperparameter(
        "How the density ends: a smooth step down to the cutoff, or none at all, as DScribe has it.",
        default="cosine",
        choices=("cosine", "none", "tanh3", "poly2", "poly3"),
    )
    smoothing_width: float = hyperparameter(
        "Width of the smooth step below the cutoff.", default=1.0, unit="Å", bounds=(0.1, 15.0)
    )
    radial_basis: str = hyperparameter(
        "Gaussian-type functions, or polynomials that end at the cutoff.", default="gto", choices=tuple(DENSITIES)
    )
    compression: str = hyperparameter(
        "Every pair of species (off), each species with the sum of all (mu1nu1), that sum with itself (mu2), "
        "or each species with itself alone (crossover).",
        default="off",
        choices=("off", "mu1nu1", "mu2", "crossover"),
    )
    weighting: str = hyperparameter(
        "How neighbours count by their distance, beside the cutoff.", default="none", choices=WEIGHTING_FUNCTIONS
    )
    weighting_scale: float = hyperparameter("Numerator c of the weighting.", default=1.0, bounds=(0.0, 1000.0))
    weighting_offset: float = hyperparameter("Constant d of pow and exp.", default=1.0, bounds=(1e-3, 1000.0))
    weighting_power: float = hyperparameter("Exponent m of poly and pow.", default=2.0, bounds=(1.0, 20.0))
    weighting_radius: float = hyperparameter(
        "Distance r₀ of the weighting; where poly ends.", default=5.0, unit="Å", bounds=(0.1, 50.0)
    )
    central_weight: float = hyperparameter(
        "Weight of the atom itself in its own density; zero hides it.", default=1.0, bounds=(0.0, 1000.0)
    )

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species."""
        super().__post_init__()
        object.__setattr__(self, "species", tuple(sorted(self.species, key=atomic_numbers.__getitem__)))
        if self.smoothing != "none" and self.smoothing_width > self.cutoff:
            raise ValueError(
                f"`smoothing_width`: expected at most the cutoff, {self.cutoff:g} Å, got {self.smoothing_width:g}"
            )
        self.tables()

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å: without smoothing, the cutoff and the Gaussian's tail."""
        tail = self.sigma * sqrt(-2 * log(GTO_DECAY)) if self.smoothing == "none" else 0.0
        return self.cutoff + tail

    @property
    def feature_unit(self) -> str:
        """The square of that of a coefficient, Å^(3/2), as the radial functions are orthonormal in space."""
        return "Å³"

    @property
    def names(self) -> tuple[str, ...]:
        """``Si Si l0 n0 n1``: pair of species, l, n and n'; ``all`` is the sum of the species."""
        return _names(self.species, self.compression, self.n_max, self.l_max)

    def tables(self) -> Tables:
        """What depends on the hyperparameters alone."""
        return _tables(self)


@dataclass(frozen=True)
class Tables:
    """What depends on the hyperparameters alone: the expansion, pairs of channels, and the factor of each l."""

    expansion: Expansion
    blocks_iz: IntArray
    scale_l: Array

    @property
    def arguments(self) -> tuple[Expansion, IntArray, Array]:
        """As the kernels take them."""
        return self.expansion, self.blocks_iz, self.scale_l

    @property
    def row_size(self) -> int:
        """How many coefficients an atom has."""
        return self.expansion.n_channels * (self.expansion.l_max + 1) ** 2 * self.expansion.n_pad


def channel_pairs(n_species: int, compression: str) -> list[tuple[int, int]]:
    """The pairs of channels that a power spectrum has; the channel `n_species` is the sum of the others."""
    species = range(n_species)
    if compression == "off":
        return [(z, w) for z in species for w in species[z:]]
    if compression == "crossover":
        return [(z, z) for z in species]
    return [(n_species, n_species)] if compression == "mu2" else [(z, n_species) for z in species]


@lru_cache(maxsize=64)
def _names(species: tuple[str, ...], compression: str, n_max: int, l_max: int) -> tuple[str, ...]:
    labels = (*species, "all")
    return tuple(
        f"{labels[z]} {labels[w]} l{l} n{n} n{m}"
        for z, w in channel_pairs(len(species), compression)
        for l in range(l_max + 1)
        for n in range(n_max)
        for m in range(n if z == w else 0, n_max)
    )


@lru_cache(maxsize=64)
def _tables(settings: DensityExpansion) -> Tables:
    n_max, l_max, n_species, reach = settings.n_max, settings.l_max, len(settings.species), settings.reach
    density = partial(
        DENSITIES[settings.radial_basis], n_max=n_max, l_max=l_max, cutoff=settings.cutoff, sigma=settings.sigma
    )
    n_pad = padded(n_max)

    def rows(r_g: Array) -> tuple[Array, Array, Array]:
        room = [(0, 0), (0, 0), (0, n_pad - n_max)]
        value, first, second = (np.pad(part, room).reshape(len(r_g), -1) for part in density(r_g))
        return value, first, second

    radial = RadialTable.of(rows, reach, step=settings.sigma / 10)
    blocks = channel_pairs(n_species, settings.compression)
    expansion = Expansion(
        coefficients=radial.coefficients,
        step=radial.step,
        cutoff_kind=CUTOFF_FUNCTIONS.index(settings.smoothing),
        smooth_from=settings.cutoff - settings.smoothing_width,
        reach=reach,
        weighting=weighting_parameters(
            settings.weighting,
            settings.weighting_scale,
            settings.weighting_offset,
            settings.weighting_power,
            settings.weighting_radius,
        ),
        recurrence_t=recurrence(l_max),
        self_a=settings.central_weight * radial.coefficients[0, 0, :n_pad] / sqrt(4 * pi),
        l_max=l_max,
        n_max=n_max,
        n_pad=n_pad,
        n_species=n_species,
        n_channels=n_species + (blocks[-1][1] == n_species),
    )
    return Tables(expansion, np.array(blocks), pi * np.sqrt(8 / (2 * np.arange(l_max + 1) + 1)))


@dataclass(frozen=True)
class Density:
    """Density coefficients about the atoms of a list of pairs, and their power spectra.

    Attributes
    ----------
    tables
        Of the hyperparameters.
    pairs, species_p
        What was expanded, and the position of each neighbour's element among the species.
    c
        Coefficients, flat; see `soap_kernels`.
    values_nf
        Power spectrum of each atom.
    """

    tables: Tables
    pairs: Pairs
    species_p: IntArray
    c: Array
    values_nf: Array

    @classmethod
    def of(cls, tables: Tables, pairs: Pairs, species_n: IntArray, n_features: int) -> Density:
        """Expand the neighbours of every atom."""
        species_p = species_n[pairs.j_p]
        c, values_nf = room(tables, pairs.n_atoms), np.empty((pairs.n_atoms, n_features))
        over_atoms(
            soap_spectrum.values_of_atoms,
            pairs.n_atoms,
            pairs.first_n,
            species_n,
            species_p,
            pairs.D_pc,
            *tables.arguments,
            c,
            values_nf,
        )
        return cls(tables, pairs, species_p, c, values_nf)

    def pull_back(self, g_nf: Array) -> Array:
        r""":math:`\partial E/\partial\mathbf D_p` from the gradient by the atoms' power spectra."""
        return self._through_pairs(soap_spectrum.gradient_of_atoms, *self.tables.arguments, self.c, g_nf)

    def pull_back_coefficients(self, h: Array, owner_n: IntArray) -> Array:
        r""":math:`\partial E/\partial\mathbf D_p` from the gradient by the coefficients that atom n is part of."""
        return self._through_pairs(soap_kernels.pull_back, self.tables.expansion, h, owner_n=owner_n, extra=(0,))

    def _through_pairs(
        self,
        function: Callable[..., None],
        *arguments: object,
        owner_n: IntArray | None = None,
        extra: tuple[int, ...] = (),
    ) -> Array:
        dE_dD_pc = np.empty_like(self.pairs.D_pc)
        own_n = np.arange(self.pairs.n_atoms) if owner_n is None else owner_n
        over_atoms(
            function,
            self.pairs.n_atoms,
            self.pairs.first_n,
            own_n,
            *extra,
            self.species_p,
            self.pairs.D_pc,
            *arguments,
            dE_dD_pc,
        )
        return dE_dD_pc

    def jacobian(self, c: Array, owner_n: IntArray, scale_n: Array) -> Array:
        r""":math:`\partial p_r/\partial\mathbf D_p` of the spectrum of `c`, where atom n counts by `scale_n`."""
        J_pcf = np.empty((len(self.pairs.D_pc), 3, self.values_nf.shape[1]))
        over_atoms(
            soap_spectrum.jacobian,
            self.pairs.n_atoms,
            self.pairs.first_n,
            owner_n,
            scale_n,
            self.species_p,
            self.pairs.D_pc,
            *self.tables.arguments,
            c,
            J_pcf,
        )
        return J_pcf


def room(tables: Tables, n_rows: int) -> Array:
    """Room for the coefficients of some rows, with the slack that the kernels need."""
    return np.empty(n_rows * tables.row_size + LANES)
