r"""Real spherical harmonics of many directions at once, with their gradients, and how three of them couple.

With unit vectors :math:`(x, y, z)`, and :math:`c_m + i s_m = (x + i y)^m`,

.. math::
    Y_{l m} = P_l^m(z)\, c_m, \qquad Y_{l,-m} = P_l^m(z)\, s_m, \qquad P_l^m = N_{l m} Q_l^m, \qquad
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

With the norms inside, the coefficients of `recurrence` are all that the kernels need:

.. math::
    P_l^m = A_{lm}\, z P_{l-1}^m + B_{lm} P_{l-2}^m, \qquad
    \partial_{x,y} P_l^m = D_{lm}\,(x, y)\, P_{l-1}^{m+1}, \qquad \partial_z P_l^m = E_{lm} P_{l-1}^m .

The kernels take eight directions at a time, the lanes of `simd`, in the innermost axis q of their arrays.

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
from potscope.core.simd import LANES, fma, load, root, splat, store


def recurrence(l_max: int) -> Array:
    r""":math:`A, B, D, E` at row :math:`t = l(l+1)/2 + m`, shape ((l_max + 1)(l_max + 2)/2, 4).

    At m = l, where nothing is below, A is :math:`P_l^l` itself, which is constant.
    """
    norms = [
        sqrt((2 * l + 1) / (4 * pi) * factorial(l - m) / factorial(l + m) * (1 if m == 0 else 2))
        for l in range(l_max + 1)
        for m in range(l + 1)
    ]
    table = np.zeros((len(norms), 4))
    double_factorial = 1.0
    for l in range(l_max + 1):
        t, below, below2 = l * (l + 1) // 2, l * (l - 1) // 2, (l - 1) * (l - 2) // 2
        double_factorial *= max(1, 2 * l - 1)
        table[t + l, 0] = norms[t + l] * double_factorial
        for m in range(l):
            table[t + m, 0] = (2 * l - 1) / (l - m) * norms[t + m] / norms[below + m]
            table[t + m, 3] = (l + m) * norms[t + m] / norms[below + m]
        for m in range(l - 1):
            table[t + m, 1] = -(l + m - 1) / (l - m) * norms[t + m] / norms[below2 + m]
            table[t + m, 2] = -norms[t + m] / norms[below + m + 1]
    return table


@kernel
def directions(first: int, count: int, D_pc: Array, u_cq: Array, r_q: Array) -> None:
    """Unit vectors and distances of `count` pairs from `first` on; the other lanes look along z."""
    for q in range(count):
        u_cq[0, q] = D_pc[first + q, 0]
        u_cq[1, q] = D_pc[first + q, 1]
        u_cq[2, q] = D_pc[first + q, 2]
    for q in range(count, LANES):
        u_cq[0, q] = 0.0
        u_cq[1, q] = 0.0
        u_cq[2, q] = 1.0
    x, y, z = load(u_cq, 0), load(u_cq, LANES), load(u_cq, 2 * LANES)
    r = root(x * x + y * y + z * z)
    store(r_q, 0, r)
    inverse = splat(1.0) / r
    store(u_cq, 0, x * inverse)
    store(u_cq, LANES, y * inverse)
    store(u_cq, 2 * LANES, z * inverse)


@kernel
def legendre(u_cq: Array, l_max: int, recurrence_t: Array, P_tq: Array) -> None:
    """:math:`P_l^m`, a row each."""
    z = load(u_cq, 2 * LANES)
    for l in range(l_max + 1):
        t, below, below2 = l * (l + 1) // 2, l * (l - 1) // 2, (l - 1) * (l - 2) // 2
        store(P_tq, (t + l) * LANES, splat(recurrence_t[t + l, 0]))
        for m in range(l):
            value = splat(recurrence_t[t + m, 0]) * z * load(P_tq, (below + m) * LANES)
            if m < l - 1:
                value = fma(recurrence_t[t + m, 1], load(P_tq, (below2 + m) * LANES), value)
            store(P_tq, (t + m) * LANES, value)


@kernel
def azimuthal(u_cq: Array, l_max: int, cos_mq: Array, sin_mq: Array) -> None:
    """:math:`c_m` and :math:`s_m`, a row each."""
    x, y = load(u_cq, 0), load(u_cq, LANES)
    c, s = splat(1.0), splat(0.0)
    for m in range(l_max + 1):
        store(cos_mq, m * LANES, c)
        store(sin_mq, m * LANES, s)
        c, s = x * c - y * s, x * s + y * c


@kernel
def harmonics(l_max: int, P_tq: Array, cos_mq: Array, sin_mq: Array, Y_kq: Array) -> None:
    """:math:`Y_{lm}` at row :math:`l(l+1) + m`."""
    for l in range(l_max + 1):
        t, k = l * (l + 1) // 2, l * (l + 1)
        store(Y_kq, k * LANES, load(P_tq, t * LANES))
        for m in range(1, l + 1):
            P = load(P_tq, (t + m) * LANES)
            store(Y_kq, (k + m) * LANES, P * load(cos_mq, m * LANES))
            store(Y_kq, (k - m) * LANES, P * load(sin_mq, m * LANES))


@kernel
def solid_gradients(
    u_cq: Array, l_max: int, recurrence_t: Array, P_tq: Array, cos_mq: Array, sin_mq: Array, dR_ckq: Array
) -> None:
    r""":math:`\nabla R_{lm}` at the unit vectors, rows as in `harmonics`."""
    x, y = load(u_cq, 0), load(u_cq, LANES)
    n_k = (l_max + 1) * (l_max + 1)
    for l in range(l_max + 1):
        t, below, k = l * (l + 1) // 2, l * (l - 1) // 2, l * (l + 1)
        for m in range(l + 1):
            c, s = load(cos_mq, m * LANES), load(sin_mq, m * LANES)
            slope, slope_z, turn_c, turn_s = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            if m < l - 1:
                slope = splat(recurrence_t[t + m, 2]) * load(P_tq, (below + m + 1) * LANES)
            if m < l:
                slope_z = splat(recurrence_t[t + m, 3]) * load(P_tq, (below + m) * LANES)
            if m > 0:
                P = splat(float(m)) * load(P_tq, (t + m) * LANES)
                turn_c, turn_s = P * load(cos_mq, (m - 1) * LANES), P * load(sin_mq, (m - 1) * LANES)
            store(dR_ckq, (k + m) * LANES, slope * x * c + turn_c)
            store(dR_ckq, (n_k + k + m) * LANES, slope * y * c - turn_s)
            store(dR_ckq, (2 * n_k + k + m) * LANES, slope_z * c)
            if m > 0:
                store(dR_ckq, (k - m) * LANES, slope * x * s + turn_s)
                store(dR_ckq, (n_k + k - m) * LANES, slope * y * s + turn_c)
                store(dR_ckq, (2 * n_k + k - m) * LANES, slope_z * s)


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
