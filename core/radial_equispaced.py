r"""The radial basis of QUIP: Gaussians at equal spacings, interpolated at their centres and made orthonormal.

With :math:`a = 1/2\sigma^2` the functions are :math:`\phi_q(x) = e^{-a (x - x_q)^2}` at

.. math:: x_q = q\, \frac{r_c + \sigma\sqrt{2 \epsilon \ln 10}}{n_\text{max}}, \qquad q = 0 \ldots n_\text{max} - 1 .

A density :math:`\rho_l(x)` is the combination of them that equals it at the centres, and its coefficients are those of
the orthonormal combinations, by Cholesky's decomposition of the overlaps:

.. math::
    \mathbf c_l = \mathbf L^{\mathsf T} \mathbf C^{-1} \boldsymbol\rho_l, \qquad
    C_{qq'} = \phi_q(x_{q'}), \qquad \mathbf L \mathbf L^{\mathsf T} = \mathbf S, \qquad
    S_{qq'} = \int_0^\infty x^2 \phi_q(x) \phi_{q'}(x)\, dx .

It is an interpolation, not a projection: it is near the density where Gaussians are as dense as they are wide.

References
----------
A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013), section III. doi:10.1103/PhysRevB.87.184115
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cholesky
from scipy.special import erf

from potscope.core._types import Array
from potscope.core.radial import overlaps

SINGULAR = 1e-13  # of the largest eigenvalue, where an interpolation has no correct digit left


def centres(n_max: int, cutoff: float, sigma: float, error_exponent: float) -> Array:
    """Where the Gaussians are, Å, shape (n_max,)."""
    return np.asarray(np.arange(n_max) * (cutoff + sigma * np.sqrt(2 * error_exponent * np.log(10))) / n_max)


def gaussian_products(x_q: Array, sigma: float) -> Array:
    r""":math:`S_{qq'}`, Å³, shape (n, n); with :math:`s = x_q + x_{q'}` and :math:`d = x_q - x_{q'}`

    .. math:: S = \frac{1}{8 a} \left[ s\, e^{-a (x_q^2 + x_{q'}^2)} + \sqrt{\frac{\pi}{2 a}}\, (1 + a s^2)\,
        e^{-a d^2/2} \left(1 + \operatorname{erf}\left(s \sqrt{a/2}\right)\right) \right] .
    """
    a = 1 / (2 * sigma**2)
    s_qq, d_qq = x_q[:, None] + x_q, x_q[:, None] - x_q
    ends = s_qq * np.exp(-a * (x_q[:, None] ** 2 + x_q**2))
    middle = np.sqrt(np.pi / (2 * a)) * (1 + a * s_qq**2) * np.exp(-a * d_qq**2 / 2) * (1 + erf(s_qq * np.sqrt(a / 2)))
    return np.asarray((ends + middle) / (8 * a))


def transformation(x_q: Array, sigma: float) -> Array:
    r""":math:`\mathbf C^{-1} \mathbf L`: from values at the centres to coefficients, shape (nodes, functions).

    Raises
    ------
    ValueError
        If the Gaussians are so near to each other that they cannot be told apart in double precision.
    """
    C_qq = np.exp(-((x_q[:, None] - x_q) ** 2) / (2 * sigma**2))
    eigenvalues = np.linalg.eigvalsh(C_qq)
    try:
        L_qn = cholesky(gaussian_products(x_q, sigma), lower=True)
    except LinAlgError:
        eigenvalues[0] = 0.0
    if eigenvalues[0] < SINGULAR * eigenvalues[-1]:
        raise ValueError(
            f"`n_max`: {len(x_q)} Gaussians {x_q[1]:.3g} Å apart, each {sigma:g} Å wide, are too alike to be told "
            "apart; use fewer, or a smaller `atom_sigma`"
        )
    return np.asarray(np.linalg.solve(C_qq, L_qn))


def equispaced_density(
    r_g: Array, n_max: int, l_max: int, cutoff: float, sigma: float, error_exponent: float
) -> tuple[Array, Array, Array]:
    r"""Radial part of the density coefficients of a Gaussian at distance r, less a factor 4π, in QUIP's basis.

    Parameters
    ----------
    r_g
        Distances, Å, shape (points,).
    n_max, l_max, cutoff, sigma, error_exponent
        The basis; see the top of this file.

    Returns
    -------
    I_gln, dI_gln, ddI_gln
        Value, first and second derivative by r, each of shape (points, l_max + 1, n_max).
    """
    x_q = centres(n_max, cutoff, sigma, error_exponent)
    return overlaps(r_g, x_q, transformation(x_q, sigma).T, l_max, sigma)
