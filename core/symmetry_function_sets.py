r"""Sensible sets of parameters of symmetry functions, from a cutoff and a number.

Radial functions :math:`e^{-\eta (r - R_s)^2}` are either centred on the atom, :math:`R_s = 0`, with widths that
grow, or shifted to the points of a grid, as wide as the grid is fine. Of a grid :math:`r_1 \dots r_N`:

=======================  =========================================  ====================================
scheme                   :math:`\eta_m`                             :math:`R_{s,m}`
=======================  =========================================  ====================================
``gastegger centred``    :math:`1/(2 r_m^2)`                        0
``gastegger shifted``    :math:`1/(2 \Delta r^2)`                   :math:`r_m`, equally spaced
``imbalzano centred``    :math:`(n^{m/n}/r_c)^2`, m = 0 … n         0
``imbalzano shifted``    :math:`(R_{s,m-1} - R_{s,m})^{-2}`         :math:`r_c/N^{m/N}`, m = 1 … N
=======================  =========================================  ====================================

where n = N − 1. Those of Imbalzano are dense near the atom, those of Gastegger are even.

References
----------
M. Gastegger, L. Schwiedrzik, M. Bittermann, F. Berzsenyi, P. Marquetand, J. Chem. Phys. 148, 241709 (2018).
doi:10.1063/1.5019667

G. Imbalzano, A. Anelli, D. Giofré, S. Klees, J. Behler, M. Ceriotti, J. Chem. Phys. 148, 241730 (2018).
doi:10.1063/1.5024611
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from potscope.core.hyperparameters import Rows
from potscope.core.validation import check_positive

SCHEMES: tuple[str, ...] = ("gastegger centred", "gastegger shifted", "imbalzano centred", "imbalzano shifted")


def radial_set(
    cutoff: float, n: int, scheme: str = "gastegger shifted", first: float = 0.5, last: float | None = None
) -> Rows:
    r"""Rows of :math:`\eta` (1/Å²) and :math:`R_s` (Å); see the module's table.

    Parameters
    ----------
    cutoff
        :math:`r_c`, Å.
    n
        Number of rows N, at least two, three with ``imbalzano centred``.
    scheme
        One of `SCHEMES`.
    first, last
        Ends of the grid of ``gastegger``, Å; the last is by default half an ångström before the cutoff.

    Raises
    ------
    ValueError
        If the scheme is unknown, the number too small or the grid not within the cutoff.
    """
    check_positive("cutoff", cutoff)
    if scheme not in SCHEMES:
        raise ValueError(f"`scheme`: expected one of {', '.join(map(repr, SCHEMES))}, got {scheme!r}")
    fewest = 3 if scheme == "imbalzano centred" else 2  # whose two would be one and the same
    if n < fewest:
        raise ValueError(f"`n`: expected at least {fewest} with the scheme {scheme!r}, got {n}")
    if scheme.startswith("imbalzano"):
        eta_m, shift_m = _imbalzano(cutoff, n, shifted=scheme.endswith("shifted"))
    else:
        end = cutoff - 0.5 if last is None else last
        if not 0 < first < end <= cutoff:
            raise ValueError(
                f"`first`, `last`: expected 0 < first < last <= the cutoff, {cutoff:g} Å, got {first:g} and {end:g}"
            )
        grid = np.linspace(first, end, n)
        shifted = scheme.endswith("shifted")
        eta_m = np.full(n, 0.5 / (grid[1] - grid[0]) ** 2) if shifted else 0.5 / grid**2
        shift_m = grid if shifted else np.zeros(n)
    return tuple((_short(eta), _short(shift)) for eta, shift in zip(eta_m, shift_m, strict=True))


def _short(value: float) -> float:
    """The number to ten digits: it is to be read, and typed again."""
    return float(f"{value:.10g}")


def _imbalzano(cutoff: float, n: int, shifted: bool) -> tuple[np.ndarray, np.ndarray]:
    if not shifted:
        m = np.arange(n)
        return ((n - 1) ** (m / (n - 1)) / cutoff) ** 2, np.zeros(n)
    grid = cutoff / n ** (np.arange(n + 1) / n)
    return 1 / np.diff(grid)[::-1] ** 2, grid[:0:-1]


def angular_set(
    cutoff: float,
    n: int,
    zetas: Sequence[float] = (1.0, 4.0),
    lambdas: Sequence[float] = (-1.0, 1.0),
    scheme: str = "gastegger centred",
) -> Rows:
    r"""Rows of :math:`\eta` (1/Å²), ζ, λ, and with a shifted scheme :math:`R_s` (Å): all combinations.

    Parameters
    ----------
    cutoff, n, scheme
        Of the radial part, see `radial_set`; an `n` of 1 gives :math:`\eta = 1/(2 r_c^2)`, as wide as the cutoff.
    zetas
        Exponents ζ: the larger, the narrower in the angle.
    lambdas
        Signs λ: 1 has its maximum at 0°, −1 at 180°.
    """
    radial = ((_short(0.5 / cutoff**2), 0.0),) if n == 1 else radial_set(cutoff, n, scheme)
    return tuple(
        (eta, float(zeta), float(lambda_), *((shift,) if shift else ()))
        for eta, shift in radial
        for zeta in zetas
        for lambda_ in lambdas
    )
