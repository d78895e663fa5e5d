"""Energies of pairs in closed form, with their derivatives by distance and by the logarithms of their parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from potscope.core._types import Array
from potscope.core.compiled import kernel
from potscope.core.cutoffs import CUTOFF_FUNCTIONS, cutoff_function


class PairTerms(NamedTuple):
    r"""A pair energy and its derivatives.

    Attributes
    ----------
    energy_p, slope_p
        u, eV, and u′, eV/Å, shape (pairs,).
    energy_pq, slope_pq
        :math:`\partial u/\partial\ln\theta_q` and :math:`\partial u'/\partial\ln\theta_q`, shape (pairs, parameters).
    """

    energy_p: Array
    slope_p: Array
    energy_pq: Array
    slope_pq: Array


def lennard_jones(r_p: Array, parameters_pq: Array) -> PairTerms:
    r"""Lennard-Jones: the depth ε at :math:`2^{1/6}\sigma`.

    .. math:: u = 4\varepsilon (s^2 - s), \qquad s = (\sigma/r)^6, \qquad u' = \frac{24\varepsilon}{r} (s - 2s^2)

    .. math:: \frac{\partial u}{\partial\ln\sigma} = 24\varepsilon (2s^2 - s), \qquad
              \frac{\partial u'}{\partial\ln\sigma} = \frac{144\varepsilon}{r} (s - 4s^2)

    Parameters
    ----------
    r_p
        Distances, Å, shape (pairs,).
    parameters_pq
        ε (eV) and σ (Å), shape (pairs, 2) or (2,).

    References
    ----------
    J. E. Jones, Proc. R. Soc. London A 106, 463 (1924). doi:10.1098/rspa.1924.0082
    """
    epsilon, sigma = np.moveaxis(parameters_pq, -1, 0)
    s_p = (sigma / r_p) ** 6
    energy_p = 4 * epsilon * (s_p**2 - s_p)
    slope_p = 24 * epsilon / r_p * (s_p - 2 * s_p**2)
    by_sigma_p = 24 * epsilon * (2 * s_p**2 - s_p)
    slope_by_sigma_p = 144 * epsilon / r_p * (s_p - 4 * s_p**2)
    return PairTerms(
        energy_p, slope_p, np.stack([energy_p, by_sigma_p], axis=-1), np.stack([slope_p, slope_by_sigma_p], axis=-1)
    )


def morse(r_p: Array, parameters_pq: Array) -> PairTerms:
    r"""Morse: the depth D at :math:`r_0`.

    .. math:: u = D (x^2 - 2x), \qquad x = e^{-t}, \qquad t = \alpha (r - r_0), \qquad u' = 2\alpha D (x - x^2)

    .. math:: \frac{\partial u}{\partial\ln\alpha} = 2Dt (x - x^2), \qquad
              \frac{\partial u}{\partial\ln r_0} = -2D\alpha r_0 (x - x^2)

    .. math:: \frac{\partial u'}{\partial\ln\alpha} = u' - 2\alpha D t (x - 2x^2), \qquad
              \frac{\partial u'}{\partial\ln r_0} = 2\alpha^2 r_0 D (x - 2x^2)

    Parameters
    ----------
    r_p
        Distances, Å, shape (pairs,).
    parameters_pq
        D (eV), α (1/Å) and :math:`r_0` (Å), shape (pairs, 3) or (3,).

    References
    ----------
    P. M. Morse, Phys. Rev. 34, 57 (1929). doi:10.1103/PhysRev.34.57
    """
    D, alpha, r0 = np.moveaxis(parameters_pq, -1, 0)
    t_p = alpha * (r_p - r0)
    x_p = np.exp(-t_p)
    energy_p = D * (x_p**2 - 2 * x_p)
    slope_p = 2 * alpha * D * (x_p - x_p**2)
    steep_p = 2 * alpha * D * (x_p - 2 * x_p**2)
    by_alpha_p, by_r0_p = t_p * slope_p / alpha, -r0 * slope_p
    return PairTerms(
        energy_p,
        slope_p,
        np.stack([energy_p, by_alpha_p, by_r0_p], axis=-1),
        np.stack([slope_p, slope_p - t_p * steep_p, alpha * r0 * steep_p], axis=-1),
    )


@dataclass(frozen=True)
class PairForm:
    r"""A pair energy and what a fit has to know of it; the first parameter is the depth, which the energy is linear in.

    Attributes
    ----------
    terms
        Energy and derivatives.
    names, units
        Of the parameters.
    bounds
        Smallest and largest value of each parameter that a fit looks at.
    start
        The parameters that give a depth of 1 eV at a distance (Å) with a curvature (no unit) there,
        :math:`\sqrt{r^2 u''/2}`.
    """

    terms: Callable[[Array, Array], PairTerms]
    names: tuple[str, ...]
    units: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]
    start: Callable[[float, float], tuple[float, ...]]


DEPTHS = (1e-8, 1e3)
LENGTHS = (0.3, 12.0)

FORMS: dict[str, PairForm] = {
    "Morse": PairForm(
        morse,
        ("D", "α", "r₀"),
        ("eV", "1/Å", "Å"),
        (DEPTHS, (0.1, 10.0), LENGTHS),
        lambda r, curvature: (1.0, curvature / r, r),
    ),
    "Lennard-Jones": PairForm(
        lennard_jones,
        ("ε", "σ"),
        ("eV", "Å"),
        (DEPTHS, LENGTHS),
        lambda r, _: (1.0, r / 2 ** (1 / 6)),
    ),
}


@kernel
def _cutoffs(kind: int, r_p: Array, start: float, cutoff: float, f_p: Array, df_p: Array) -> None:
    for p in range(len(r_p)):
        f_p[p], df_p[p] = cutoff_function(kind, r_p[p], start, cutoff)


@dataclass(frozen=True)
class CutPairEnergy:
    r"""A pair energy that a cutoff function ends.

    .. math:: \phi(r) = u(r)\, f_c(r)

    Attributes
    ----------
    form
        Of u.
    function
        One of `CUTOFF_FUNCTIONS`.
    start, cutoff
        Where it begins to fall, and where nothing is left, Å.
    """

    form: PairForm
    function: str
    start: float
    cutoff: float

    def terms(self, r_p: Array, parameters_pq: Array) -> PairTerms:
        """Energy φ, slope φ′ and their derivatives by the logarithms of the parameters; see `PairTerms`."""
        f_p, df_p = np.empty_like(r_p), np.empty_like(r_p)
        _cutoffs(CUTOFF_FUNCTIONS.index(self.function), r_p, self.start, self.cutoff, f_p, df_p)
        u = self.form.terms(r_p, parameters_pq)
        return PairTerms(
            u.energy_p * f_p,
            u.slope_p * f_p + u.energy_p * df_p,
            u.energy_pq * f_p[:, None],
            u.slope_pq * f_p[:, None] + u.energy_pq * df_p[:, None],
        )
