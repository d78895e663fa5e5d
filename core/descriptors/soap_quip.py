"""Smooth overlap of atomic positions as QUIP has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from math import pi, sqrt
from typing import ClassVar

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.angular import recurrence
from potscope.core.cutoffs import CUTOFF_FUNCTIONS
from potscope.core.descriptors.base import LocalDescriptor
from potscope.core.descriptors.soap_expansion import Density, Tables, channel_pairs
from potscope.core.descriptors.soap_kernels import Expansion
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.radial import RadialTable
from potscope.core.radial_equispaced import equispaced_density
from potscope.core.simd import padded
from potscope.core.weighting import weighting_parameters

STEPS_A_SIGMA = 16  # intervals of the radial table to a width of the Gaussians


@dataclass(frozen=True)
class QuipSOAP(LocalDescriptor):
    r"""Smooth overlap of atomic positions (SOAP) as QUIP's ``soap``, which is what gap_fit's potentials stand on.

    The density is that of `SOAP` with a cosine at its end; the radial basis, the order and the factors are QUIP's:

    .. math::
        c^z_{nlm} = \sum_{j \in z} f_c(r_{ij}) \sum_q T_{qn}\, e^{-a (x_q^2 + r_{ij}^2)}\, i_l(2 a x_q r_{ij})\,
            Y_{lm}(\hat{\mathbf r}_{ij}), \qquad a = \frac{1}{2\sigma^2},

    .. math::
        p_{(zn)(z'n')l} = \frac{\sqrt{2 - \delta_{zz'}\delta_{nn'}}}{\sqrt{2l+1}} \sum_m c^z_{nlm} c^{z'}_{n'lm}, \qquad
        (z'n') \le (zn)

    with :math:`\mathbf T = \mathbf C^{-1}\mathbf L` of `radial_equispaced`. Every combination of species and radial
    function counts once, with the root of 2 that makes the product of two spectra that of the whole matrices. The
    order is z, n, z', n', l, the last fastest, species as in `species`. These are QUIP's values for ``normalise=F``,
    less the last, which holds ``covariance_sigma0``. A `GAP` normalises them as QUIP does by default.

    ===============================  ==============================================
    symbol                           here
    ===============================  ==============================================
    :math:`T`                        `radial_equispaced.transformation`
    :math:`i_l`                      `radial.overlaps`
    :math:`c^z_{nlm}`                `soap_kernels.density`
    :math:`p`                        ``compute(...).values``
    ===============================  ==============================================

    Parameters
    ----------
    species
        Elements that may occur, in the order of ``species_Z``.
    cutoff, cutoff_transition_width, n_max, l_max, atom_sigma, central_weight, basis_error_exponent
        As declared, with QUIP's names; see ``declared(QuipSOAP)``.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013). doi:10.1103/PhysRevB.87.184115

    S. Klawohn et al., J. Chem. Phys. 159, 174108 (2023). doi:10.1063/5.0160898

    Examples
    --------
    >>> from ase.build import bulk
    >>> soap = QuipSOAP(species=["Si"], cutoff=5.0, n_max=8, l_max=6, atom_sigma=0.5)
    >>> soap.compute(bulk("Si")).values.shape
    (2, 252)
    """

    title: ClassVar[str] = "SOAP (QUIP's)"

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter("Distance to which neighbours count.", default=5.0, unit="Å", bounds=(1.5, 15.0))
    cutoff_transition_width: float = hyperparameter(
        "Width of the cosine step below the cutoff.", default=0.5, unit="Å", bounds=(0.01, 15.0)
    )
    n_max: int = hyperparameter("Number of radial functions.", default=8, bounds=(1, 16))
    l_max: int = hyperparameter("Highest angular momentum of the spherical harmonics.", default=6, bounds=(0, 12))
    atom_sigma: float = hyperparameter(
        "Width of the Gaussian that stands for an atom.", default=0.5, unit="Å", bounds=(0.1, 2.0)
    )
    central_weight: float = hyperparameter(
        "Weight of the atom itself in its own density; zero hides it.", default=1.0, bounds=(0.0, 1000.0)
    )
    basis_error_exponent: float = hyperparameter(
        "How far the Gaussians reach beyond the cutoff: to where one at the cutoff is 10 to minus this.",
        default=10.0,
        bounds=(0.0, 30.0),
    )

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        if self.cutoff_transition_width > self.cutoff:
            raise ValueError(
                f"`cutoff_transition_width`: expected at most the cutoff, {self.cutoff:g} Å, "
                f"got {self.cutoff_transition_width:g}"
            )
        _tables(self)

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å: the cutoff."""
        return self.cutoff

    @property
    def neighbour_order(self) -> int:
        """2: the power spectrum is quadratic in the density."""
        return 2

    @property
    def feature_unit(self) -> str:
        """The square of that of a coefficient, Å^(3/2), as the radial functions are orthonormal in space."""
        return "Å³"

    @property
    def names(self) -> tuple[str, ...]:
        """``C n1 Si n0 l2``: species and radial function of each of the two, and l."""
        return _names(self.species, self.n_max, self.l_max)

    def compute_pairs(self, pairs: Pairs) -> Features:
        """Values from a neighbour list that reaches at least to `reach`."""
        place_f, factor_f = _order(len(self.species), self.n_max, self.l_max)
        density = Density.of(_tables(self), pairs, self.species_of(pairs.numbers_n), len(place_f))
        back_f = np.argsort(place_f)

        def adjoint(g_nf: Array) -> Array:
            return density.pull_back(np.ascontiguousarray((g_nf * factor_f)[:, back_f]))

        def jacobian() -> Array:
            J_pcf = density.jacobian(density.c, np.arange(pairs.n_atoms), np.ones(pairs.n_atoms))
            return np.asarray(J_pcf[:, :, place_f] * factor_f)

        values_nf = density.values_nf[:, place_f] * factor_f
        return Features(values_nf, self.names, pairs, pairs.i_p, pairs.structure_n, adjoint, jacobian)


@lru_cache(maxsize=64)
def _names(species: tuple[str, ...], n_max: int, l_max: int) -> tuple[str, ...]:
    channels = [f"{symbol} n{n}" for symbol in species for n in range(n_max)]
    return tuple(
        f"{first} {second} l{l}"
        for place, first in enumerate(channels)
        for second in channels[: place + 1]
        for l in range(l_max + 1)
    )


@lru_cache(maxsize=64)
def _order(n_species: int, n_max: int, l_max: int) -> tuple[IntArray, Array]:
    """Where each feature is in the order of the kernels (pairs of species, l, n, n'), and its factor."""
    place: dict[tuple[int, int, int, int, int], int] = {}
    for z, w in channel_pairs(n_species, "off"):
        for l in range(l_max + 1):
            for n in range(n_max):
                for m in range(n if z == w else 0, n_max):
                    place[z, w, l, n, m] = len(place)
    channels = [(z, n) for z in range(n_species) for n in range(n_max)]
    found = [
        (place[z, w, l, n, m], 1.0 if first == second else sqrt(2))
        for second, (w, m) in enumerate(channels)
        for first, (z, n) in enumerate(channels[: second + 1])
        for l in range(l_max + 1)
    ]
    return np.array([at for at, _ in found]), np.array([factor for _, factor in found])


@lru_cache(maxsize=64)
def _tables(settings: QuipSOAP) -> Tables:
    n_max, l_max, n_species = settings.n_max, settings.l_max, len(settings.species)
    density = partial(
        equispaced_density,
        n_max=n_max,
        l_max=l_max,
        cutoff=settings.cutoff,
        sigma=settings.atom_sigma,
        error_exponent=settings.basis_error_exponent,
    )
    n_pad = padded(n_max)

    def rows(r_g: Array) -> tuple[Array, Array, Array]:
        room = [(0, 0), (0, 0), (0, n_pad - n_max)]
        value, first, second = (np.pad(part, room).reshape(len(r_g), -1) for part in density(r_g))
        return value, first, second

    radial = RadialTable.of(rows, settings.cutoff, step=settings.atom_sigma / STEPS_A_SIGMA)
    expansion = Expansion(
        coefficients=radial.coefficients,
        step=radial.step,
        cutoff_kind=CUTOFF_FUNCTIONS.index("cosine"),
        smooth_from=settings.cutoff - settings.cutoff_transition_width,
        reach=settings.cutoff,
        weighting=weighting_parameters("none", 1.0, 1.0, 2.0, 1.0),
        recurrence_t=recurrence(l_max),
        self_a=settings.central_weight * radial.coefficients[0, 0, :n_pad] / sqrt(4 * pi),
        l_max=l_max,
        n_max=n_max,
        n_pad=n_pad,
        n_species=n_species,
        n_channels=n_species,
    )
    return Tables(expansion, np.array(channel_pairs(n_species, "off")), 1 / np.sqrt(2 * np.arange(l_max + 1) + 1))
