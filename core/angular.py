r"""Real spherical harmonics of many directions at once, with their gradients, and how three of them couple.

With unit vectors :math:`(x, y, z)`, and :math:`c_m + i s_m = (x + i y)^m`,

.. math::
    Y_{l m} = N_{l m} Q_l^m(z)\, c_m, \qquad Y_{l,-m} = N_{l m} Q_l^m(z)\, s_m, \qquad
    N_{l m} = \sqrt{\frac{2l+1}{4\pi}\frac{(l-m)!}{(l+m)!}}\,(\sqrt2\ \text{for}\ m>0),

where :math:`Q_l^m` are associated Legendre functions divided by :math:`(x^2+y^2)^{m/2}`, without the
Condon–Shortley phase:

.. math::
    Q_m^m = (2m-1)!!, \quad Q_{m+1}^m = (2m+1) z Q_m^m, \quad
    (l-m) Q_l^m = (2l-1) z Q_{l-1}^m - (l+m-1) Q_{l-2}^m .

Read as homogeneous polynomials (solid harmonics :math:`R_{lm} = r^l Y_{lm}`), they have the gradients

.. math::
    \partial_x Q_l^m = -x Q_{l-1}^{m+1}, \quad \partial_y Q_l^m = -y Q_{l-1}^{m+1}, \quad
    \partial_z Q_l^m = (l+m) Q_{l-1}^m .

References
----------
F. Bigi, G. Fraux, N. J. Browning, M. Ceriotti, J. Chem. Phys. 159, 064802 (2023). doi:10.1063/5.0156307
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel


def harmonic_norms(l_max: int) -> Array:
    r""":math:`N_{lm}` at index :math:`l(l+1)/2 + m`, shape ((l_max + 1)(l_max + 2)/2,)."""
    return np.array(
        [
            sqrt((2 * l + 1) / (4 * pi) * factorial(l - m) / factorial(l + m) * (1 if m == 0 else 2))
            for l in range(l_max + 1)
            for m in range(l + 1)
        ]
    )


@kernel
def legendre(n: int, z_p: Array, l_max: int, Q_tp: Array) -> None:
    r""":math:`Q_l^m` of the first `n` directions at row :math:`t = l(l+1)/2 + m`."""
    for p in range(n):
        Q_tp[0, p] = 1.0
    for l in range(1, l_max + 1):
        t = l * (l + 1) // 2
        below = t - l  # (l - 1, 0)
        below2 = below - l + 1  # (l - 2, 0)
        for m in range(l - 1):
            a = (2 * l - 1) / (l - m)
            b = (l + m - 1) / (l - m)
            for p in range(n):
                Q_tp[t + m, p] = a * z_p[p] * Q_tp[below + m, p] - b * Q_tp[below2 + m, p]
        for p in range(n):
            Q_tp[t + l - 1, p] = (2 * l - 1) * z_p[p] * Q_tp[below + l - 1, p]
            Q_tp[t + l, p] = (2 * l - 1) * Q_tp[below + l - 1, p]


@kernel
def azimuthal(n: int, x_p: Array, y_p: Array, l_max: int, c_mp: Array, s_mp: Array) -> None:
    r""":math:`c_m` and :math:`s_m` of the first `n` directions."""
    for p in range(n):
        c_mp[0, p] = 1.0
        s_mp[0, p] = 0.0
    for m in range(1, l_max + 1):
        for p in range(n):
            c_mp[m, p] = x_p[p] * c_mp[m - 1, p] - y_p[p] * s_mp[m - 1, p]
            s_mp[m, p] = x_p[p] * s_mp[m - 1, p] + y_p[p] * c_mp[m - 1, p]


@kernel
def harmonics(n: int, l_max: int, norm_t: Array, Q_tp: Array, c_mp: Array, s_mp: Array, Y_kp: Array) -> None:
    r""":math:`Y_{lm}` of the first `n` directions at row :math:`k = l(l+1) + m`."""
    for l in range(l_max + 1):
        t = l * (l + 1) // 2
        k = l * (l + 1)
        for p in range(n):
            Y_kp[k, p] = norm_t[t] * Q_tp[t, p]
        for m in range(1, l + 1):
            for p in range(n):
                NQ = norm_t[t + m] * Q_tp[t + m, p]
                Y_kp[k + m, p] = NQ * c_mp[m, p]
                Y_kp[k - m, p] = NQ * s_mp[m, p]


@kernel
def solid_gradients(
    n: int,
    x_p: Array,
    y_p: Array,
    l_max: int,
    norm_t: Array,
    Q_tp: Array,
    c_mp: Array,
    s_mp: Array,
    dR_ckp: Array,
) -> None:
    r""":math:`\nabla R_{lm}` at the first `n` unit vectors, rows as in `harmonics`."""
    for p in range(n):
        dR_ckp[0, 0, p] = 0.0
        dR_ckp[1, 0, p] = 0.0
        dR_ckp[2, 0, p] = 0.0
    for l in range(1, l_max + 1):
        t = l * (l + 1) // 2
        below = t - l
        k = l * (l + 1)
        for m in range(l + 1):
            N = norm_t[t + m]
            for p in range(n):
                NQ = N * Q_tp[t + m, p]
                Nq = -N * Q_tp[below + m + 1, p] if m + 1 < l else 0.0
                Nz = N * (l + m) * Q_tp[below + m, p] if m < l else 0.0
                c, s = c_mp[m, p], s_mp[m, p]
                c1, s1 = (m * c_mp[m - 1, p], m * s_mp[m - 1, p]) if m > 0 else (0.0, 0.0)
                dR_ckp[0, k + m, p] = Nq * x_p[p] * c + NQ * c1
                dR_ckp[1, k + m, p] = Nq * y_p[p] * c - NQ * s1
                dR_ckp[2, k + m, p] = Nz * c
                if m > 0:
                    dR_ckp[0, k - m, p] = Nq * x_p[p] * s + NQ * s1
                    dR_ckp[1, k - m, p] = Nq * y_p[p] * s + NQ * c1
                    dR_ckp[2, k - m, p] = Nz * s


@cache
def clebsch_gordan(l1: int, m1: int, l2: int, m2: int, l: int, m: int) -> float:
    r"""Clebsch–Gordan coefficient :math:`\langle l_1 m_1\, l_2 m_2 | l m\rangle` for whole angular momenta.

    Racah's formula, in whole numbers up to the last square root:

    .. math::
        \delta_{m, m_1 + m_2} \sqrt{(2l+1)\, \Delta\; (l \pm m)!\, (l_1 \pm m_1)!\, (l_2 \pm m_2)!}\;
        \sum_k \frac{(-1)^k}{k!\, (l_1+l_2-l-k)!\, (l_1-m_1-k)!\, (l_2+m_2-k)!\, (l-l_2+m_1+k)!\, (l-l_1-m_2+k)!},

    where :math:`\Delta = (l_1+l_2-l)!\,(l_1-l_2+l)!\,(-l_1+l_2+l)!\,/\,(l_1+l_2+l+1)!` and ± stands for the product
    of both factorials.

    References
    ----------
    D. A. Varshalovich, A. N. Moskalev, V. K. Khersonskii, Quantum Theory of Angular Momentum (1988), section 8.2.
    doi:10.1142/0270
    """
    outside = abs(m1) > l1 or abs(m2) > l2 or abs(m) > l
    if outside or m != m1 + m2 or not abs(l1 - l2) <= l <= l1 + l2:
        return 0.0
    f = factorial
    squared = Fraction((2 * l + 1) * f(l1 + l2 - l) * f(l1 - l2 + l) * f(-l1 + l2 + l), f(l1 + l2 + l + 1))
    squared *= f(l + m) * f(l - m) * f(l1 + m1) * f(l1 - m1) * f(l2 + m2) * f(l2 - m2)
    total = Fraction(0)
    for k in range(max(0, l2 - l - m1, l1 - l + m2), min(l1 + l2 - l, l1 - m1, l2 + m2) + 1):
        below = f(k) * f(l1 + l2 - l - k) * f(l1 - m1 - k) * f(l2 + m2 - k) * f(l - l2 + m1 + k) * f(l - l1 - m2 + k)
        total += Fraction((-1) ** k, below)
    return (1 if total > 0 else -1) * sqrt(squared * total * total)


def to_complex(l: int) -> NDArray[np.complex128]:
    r"""Unitary :math:`U` with :math:`Y^{complex}_{lm} = \sum_\mu U_{m\mu} Y_{l\mu}`, shape (2l + 1, 2l + 1).

    The complex harmonics have the Condon–Shortley phase:
    :math:`Y^{complex}_{l,\pm m} = (\mp 1)^m (Y_{l m} \pm i\, Y_{l,-m})/\sqrt2` for m > 0.
    """
    U = np.zeros((2 * l + 1, 2 * l + 1), dtype=complex)
    U[l, l] = 1.0
    for m in range(1, l + 1):
        U[l + m, l + m], U[l + m, l - m] = (-1) ** m / sqrt(2), (-1) ** m * 1j / sqrt(2)
        U[l - m, l + m], U[l - m, l - m] = 1 / sqrt(2), -1j / sqrt(2)
    return U


@cache
def coupling(l: int, l1: int, l2: int) -> tuple[IntArray, Array]:
    r"""How three sets of coefficients of real harmonics make a number that no rotation changes.

    Of the coefficients of complex harmonics it is

    .. math:: b = \sum_{m m_1 m_2} c_{lm}^*\, \langle l_1 m_1\, l_2 m_2 | l m\rangle\, c_{l_1 m_1} c_{l_2 m_2}
        = \sum_{\mu \mu_1 \mu_2} K_{\mu \mu_1 \mu_2}\, c_{l\mu} c_{l_1\mu_1} c_{l_2\mu_2},

    which is real where :math:`l + l_1 + l_2` is even, and imaginary where it is odd; then K is without the i, and b
    changes sign with a reflection.

    Returns
    -------
    k_i3, K_i
        Places :math:`l(l+1) + \mu` of the three coefficients, shape (terms, 3), and K of those terms that are not zero.
    """
    C = np.array(
        [
            [[clebsch_gordan(l1, m1, l2, m2, l, m) for m2 in range(-l2, l2 + 1)] for m1 in range(-l1, l1 + 1)]
            for m in range(-l, l + 1)
        ]
    )
    K = np.einsum("abc,ax,by,cz->xyz", C, to_complex(l).conj(), to_complex(l1), to_complex(l2))
    K_real = K.imag if (l + l1 + l2) % 2 else K.real
    mu_i3 = np.argwhere(np.abs(K_real) > 1e-12)
    return mu_i3 + np.array([l * l, l1 * l1, l2 * l2]), K_real[tuple(mu_i3.T)]
