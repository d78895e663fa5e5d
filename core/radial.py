"""Radial bases, and their fast, smooth tabulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np
from scipy.linalg import eigh
from scipy.special import gammaln, ive

from potscope.core._types import Array
from potscope.core.compiled import kernel

GTO_DECAY = 1e-3  # each Gaussian-type function has decayed to this at its own radius
FIRST_RADIUS = 1.0  # Å, where the first of them has


def gto_exponents(n_max: int, l_max: int, cutoff: float) -> Array:
    r"""Exponents :math:`\alpha_{ln}` of the Gaussian-type basis, 1/Å², shape (l_max + 1, n_max).

    The n-th function :math:`r^l e^{-\alpha_{ln} r^2}` falls to 10⁻³ at its own radius :math:`a_n`; the radii are
    equally spaced from 1 Å to the cutoff:

    .. math:: \alpha_{ln} = -\ln(10^{-3} / a_n^l) / a_n^2
    """
    radii = np.linspace(FIRST_RADIUS, cutoff, n_max)
    l = np.arange(l_max + 1)[:, None]
    return np.asarray(-(np.log(GTO_DECAY) - l * np.log(radii)) / radii**2)


def gto_orthonormalisation(alpha_ln: Array) -> Array:
    r"""Löwdin's :math:`\beta_l = S_l^{-1/2}`, shape (l_max + 1, n_max, n_max), with the overlaps below.

    .. math:: S_{l,nn'} = \int_0^\infty r^{2l+2} e^{-(\alpha_{ln}+\alpha_{ln'}) r^2} dr
              = \tfrac12\,\Gamma(l + \tfrac32)\,(\alpha_{ln}+\alpha_{ln'})^{-(l+3/2)} .

    Raises
    ------
    ValueError
        If the functions are so alike that the overlaps cannot be inverted in double precision.
    """
    betas = []
    for l, alpha_n in enumerate(alpha_ln):
        log_overlap = np.log(0.5) + gammaln(l + 1.5) - (l + 1.5) * np.log(alpha_n[:, None] + alpha_n[None, :])
        eigenvalues, vectors = eigh(np.exp(log_overlap))
        if eigenvalues[0] < 1e-14 * eigenvalues[-1]:
            raise ValueError(
                f"`n_max`: the {len(alpha_n)} radial functions of l = {l} are too alike to be told apart; "
                "use fewer, or a larger `cutoff`"
            )
        betas.append((vectors / np.sqrt(eigenvalues)) @ vectors.T)
    return np.array(betas)


def gto_density(r_g: Array, n_max: int, l_max: int, cutoff: float, sigma: float) -> tuple[Array, Array, Array]:
    r"""Overlap of a Gaussian at distance r with the Gaussian-type basis: the radial part of the density coefficients.

    .. math::
        I_{ln}(r) = \sum_{n'} \beta_{l,nn'} \left(\frac{\pi}{a+\alpha_{ln'}}\right)^{3/2}
        \left(\frac{a}{a+\alpha_{ln'}}\right)^{l} r^l e^{-b_{ln'} r^2}, \qquad
        a = \frac{1}{2\sigma^2}, \quad b_{ln'} = \frac{a\,\alpha_{ln'}}{a+\alpha_{ln'}}

    so that :math:`\int g_{ln}(|\mathbf x|) Y_{lm}(\hat{\mathbf x})\, e^{-a|\mathbf x - \mathbf r|^2} d\mathbf x
    = I_{ln}(r) Y_{lm}(\hat{\mathbf r})`.

    Parameters
    ----------
    r_g
        Distances, Å, shape (points,).
    n_max, l_max, cutoff
        The basis; see `gto_exponents`.
    sigma
        Width of the Gaussian, Å.

    Returns
    -------
    I_gln, dI_gln, ddI_gln
        Value, first and second derivative by r, each of shape (points, l_max + 1, n_max).

    References
    ----------
    L. Himanen et al., Comput. Phys. Commun. 247, 106949 (2020), eqs. 19–24. doi:10.1016/j.cpc.2019.106949
    """
    alpha_ln = gto_exponents(n_max, l_max, cutoff)
    beta_lnn = gto_orthonormalisation(alpha_ln)
    a = 1 / (2 * sigma**2)
    b_ln = a * alpha_ln / (a + alpha_ln)
    l = np.arange(l_max + 1)[:, None]
    prefactor_ln = (np.pi / (a + alpha_ln)) ** 1.5 * (a / (a + alpha_ln)) ** l
    r = np.asarray(r_g, dtype=float)[:, None, None]
    gauss = prefactor_ln * np.exp(-b_ln * r**2)
    power = r**l
    power_1 = l * r ** np.maximum(l - 1, 0)
    power_2 = l * (l - 1) * r ** np.maximum(l - 2, 0)
    value = power * gauss
    first = (power_1 - 2 * b_ln * r * power) * gauss
    second = (power_2 - 4 * b_ln * r * power_1 + (4 * b_ln**2 * r**2 - 2 * b_ln) * power) * gauss
    orthonormal = [np.einsum("gln,lnm->glm", part, beta_lnn) for part in (value, first, second)]
    return orthonormal[0], orthonormal[1], orthonormal[2]


def polynomial_orthonormalisation(n_max: int, cutoff: float) -> Array:
    r"""Löwdin's :math:`\beta = S^{-1/2}` of the polynomial basis, shape (n_max, n_max), with the overlaps below.

    .. math:: S_{nn'} = \int_0^{r_c} r^2 (r_c - r)^{n+n'+4} dr
              = \frac{2\, r_c^{7+n+n'}}{(5+n+n')(6+n+n')(7+n+n')}, \qquad n, n' = 1 \ldots n_\text{max}

    The overlaps are so alike that double precision would leave no correct digit of a dozen functions; so the root is
    found by the iteration of Denman and Beavers in decimal numbers of 120 digits.
    """
    with localcontext() as context:
        context.prec = 120
        rc = Decimal(cutoff)
        numbers = range(1, n_max + 1)
        overlap = [
            [2 * rc ** (7 + i + j) / ((5 + i + j) * (6 + i + j) * (7 + i + j)) for j in numbers] for i in numbers
        ]
        root = overlap
        inverse_root = [[Decimal(int(i == j)) for j in numbers] for i in numbers]
        for _ in range(200):
            other = _decimal_inverse(inverse_root)
            inverse_root = _decimal_mean(inverse_root, _decimal_inverse(root))
            following = _decimal_mean(root, other)
            change = max(
                abs(x - y) / abs(x)
                for new, old in zip(following, root, strict=True)
                for x, y in zip(new, old, strict=True)
            )
            root = following
            if change < Decimal("1e-40"):
                break
        return np.array(inverse_root, dtype=float)


def _decimal_mean(a: list[list[Decimal]], b: list[list[Decimal]]) -> list[list[Decimal]]:
    return [[(x + y) / 2 for x, y in zip(row, other, strict=True)] for row, other in zip(a, b, strict=True)]


def _decimal_inverse(matrix: list[list[Decimal]]) -> list[list[Decimal]]:
    """By Gauss and Jordan; the matrices here are positive definite and need no pivoting."""
    size = len(matrix)
    rows = [[*row, *(Decimal(int(i == j)) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        pivot = rows[i][i]
        rows[i] = [x / pivot for x in rows[i]]
        for k in range(size):
            if k != i and rows[k][i] != 0:
                factor = rows[k][i]
                rows[k] = [x - factor * y for x, y in zip(rows[k], rows[i], strict=True)]
    return [row[size:] for row in rows]


def polynomial_density(r_g: Array, n_max: int, l_max: int, cutoff: float, sigma: float) -> tuple[Array, Array, Array]:
    r"""Overlap of a Gaussian at distance r with a polynomial basis that ends at the cutoff.

    .. math::
        I_{ln}(r) = 4\pi \int_0^{r_c} x^2 g_n(x)\, e^{-a(x^2 + r^2)}\, i_l(2 a x r)\, dx, \qquad
        g_n(x) = \sum_{n'} \beta_{nn'} (r_c - x)^{n'+2}, \quad a = \frac{1}{2\sigma^2}

    with the modified spherical Bessel functions :math:`i_l`, by Gauss–Legendre quadrature in as many points as the
    width of the Gaussian needs. Parameters and returns are those of `gto_density`.

    References
    ----------
    L. Himanen et al., Comput. Phys. Commun. 247, 106949 (2020), eqs. 14–18. doi:10.1016/j.cpc.2019.106949
    """
    nodes, weights = np.polynomial.legendre.leggauss(max(100, int(np.ceil(10 * cutoff / sigma))))
    x_q, weight_q = 0.5 * cutoff * (nodes + 1), 0.5 * cutoff * weights
    powers_nq = (cutoff - x_q) ** np.arange(3, n_max + 3)[:, None]
    g_nq = polynomial_orthonormalisation(n_max, cutoff) @ powers_nq * (4 * np.pi * weight_q * x_q**2)
    return overlaps(r_g, x_q, g_nq, l_max, sigma)


def overlaps(r_g: Array, x_q: Array, weight_nq: Array, l_max: int, sigma: float) -> tuple[Array, Array, Array]:
    r"""Sums over nodes of the radial parts of a Gaussian at a distance r.

    .. math:: I_{ln}(r) = \sum_q w_{nq}\, e^{-a(x_q^2 + r^2)}\, i_l(2 a x_q r), \qquad a = \frac{1}{2\sigma^2}

    Parameters
    ----------
    r_g
        Distances, Å, shape (points,).
    x_q, weight_nq
        Nodes, Å, and the weights of each function.
    l_max, sigma
        Highest angular momentum, and width of the Gaussian, Å.

    Returns
    -------
    I_gln, dI_gln, ddI_gln
        Value, first and second derivative by r, each of shape (points, l_max + 1, n).
    """
    a = 1 / (2 * sigma**2)
    r = np.asarray(r_g, dtype=float)[:, None]
    z_gq = 2 * a * x_q * r
    gauss_gq = np.exp(-a * (x_q - r) ** 2)
    bessel = [_scaled_bessel(l, z_gq) for l in range(l_max + 3)]
    first = [_bessel_slope(bessel, l) for l in range(l_max + 2)]
    found: list[list[Array]] = [[], [], []]
    for l in range(l_max + 1):
        second = _bessel_slope(first, l)
        i, di, ddi = bessel[l], 2 * a * x_q * first[l], (2 * a * x_q) ** 2 * second
        parts = (i, di - 2 * a * r * i, ddi - 4 * a * r * di + (4 * a**2 * r**2 - 2 * a) * i)
        for target, part in zip(found, parts, strict=True):
            target.append((gauss_gq * part) @ weight_nq.T)
    value, slope, curve = (np.stack(parts, axis=1) for parts in found)
    return value, slope, curve


def _scaled_bessel(l: int, z: Array) -> Array:
    r""":math:`e^{-z} i_l(z)`."""
    safe = np.where(z > 0, z, 1.0)
    return np.asarray(np.where(z > 0, np.sqrt(np.pi / (2 * safe)) * ive(l + 0.5, safe), float(l == 0)))


def _bessel_slope(functions: list[Array], l: int) -> Array:
    r""":math:`i_l' = [l\, i_{l-1} + (l+1)\, i_{l+1}]/(2l+1)`, of the functions or of their derivatives."""
    below = functions[l - 1] if l > 0 else 0.0
    return np.asarray((l * below + (l + 1) * functions[l + 1]) / (2 * l + 1))


@dataclass(frozen=True)
class RadialTable:
    """Many functions of one distance as quintic Hermite splines, twice continuously differentiable.

    Attributes
    ----------
    coefficients
        Of the powers of (r − start of the interval), shape (intervals, 6, functions).
    step
        Width of an interval, Å.
    """

    coefficients: Array
    step: float

    @classmethod
    def of(cls, functions: Callable[[Array], tuple[Array, Array, Array]], r_max: float, step: float) -> RadialTable:
        """Tabulate from zero to `r_max`.

        Parameters
        ----------
        functions
            Gives value, first and second derivative at some distances, each of shape (points, functions).
        r_max
            Å.
        step
            Wanted width of an interval, Å; the interpolation error falls with its sixth power.
        """
        n_intervals = int(np.ceil(r_max / step))
        h = r_max / n_intervals
        # one interval more, so that r_max itself needs no special case
        f, df, ddf = functions(np.arange(n_intervals + 2, dtype=float) * h)
        f0, d0, s0 = f[:-1], df[:-1] * h, ddf[:-1] * h**2
        f1, d1, s1 = f[1:], df[1:] * h, ddf[1:] * h**2
        jump, slope = f1 - f0 - d0 - s0 / 2, d1 - d0 - s0
        curve = s1 - s0
        powers = [
            f0,
            d0 / h,
            s0 / 2 / h**2,
            (10 * jump - 4 * slope + curve / 2) / h**3,
            (-15 * jump + 7 * slope - curve) / h**4,
            (6 * jump - 3 * slope + curve / 2) / h**5,
        ]
        return cls(np.ascontiguousarray(np.stack(powers, axis=1)), h)


@kernel
def interval(r: float, step: float) -> tuple[int, float]:
    """Which interval of a `RadialTable` a distance is in, and how far from its start."""
    g = int(r / step)
    return g, r - g * step


@kernel
def table_value(r: float, coefficients: Array, step: float, f_a: Array) -> None:
    """Values of all functions at r."""
    g, x = interval(r, step)
    c = coefficients[g]
    for a in range(np.uint64(len(f_a))):
        f_a[a] = c[0, a] + x * (c[1, a] + x * (c[2, a] + x * (c[3, a] + x * (c[4, a] + x * c[5, a]))))


@kernel
def table_derivative(r: float, coefficients: Array, step: float, df_a: Array) -> None:
    """Derivatives of all functions at r."""
    g, x = interval(r, step)
    c = coefficients[g]
    for a in range(np.uint64(len(df_a))):
        df_a[a] = c[1, a] + x * (2 * c[2, a] + x * (3 * c[3, a] + x * (4 * c[4, a] + x * 5 * c[5, a])))
