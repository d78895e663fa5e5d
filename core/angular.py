r"""Real spherical harmonics of many directions at once, with their gradients.

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

from math import factorial, pi, sqrt

import numpy as np

from potscope.core._types import Array
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
