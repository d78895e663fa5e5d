r"""Spherical harmonics of eight neighbours at a time, the lanes being the neighbours.

As in `potscope.core.angular`, with the norms inside the recurrence: with :math:`P_l^m = N_{lm} Q_l^m`,

.. math::
    P_l^m = A_{lm}\, z P_{l-1}^m + B_{lm} P_{l-2}^m, \qquad
    \partial_{x,y} P_l^m = D_{lm}\,(x, y)\, P_{l-1}^{m+1}, \qquad \partial_z P_l^m = E_{lm} P_{l-1}^m .
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array
from potscope.core.angular import harmonic_norms
from potscope.core.compiled import kernel
from potscope.core.simd import LANES, fma, load, root, splat, store


def recurrence(l_max: int) -> Array:
    r""":math:`A, B, D, E` at row :math:`l(l+1)/2 + m`, shape (rows, 4).

    At m = l, where nothing is below, A is :math:`P_l^l` itself, which is constant.
    """
    norms = harmonic_norms(l_max)
    table = np.zeros((len(norms), 4))
    double_factorial = 1.0
    for l in range(l_max + 1):
        t, below = l * (l + 1) // 2, l * (l - 1) // 2
        double_factorial *= max(1, 2 * l - 1)
        table[t + l, 0] = norms[t + l] * double_factorial
        for m in range(l):
            table[t + m, 0] = (2 * l - 1) / (l - m) * norms[t + m] / norms[below + m]
            table[t + m, 3] = (l + m) * norms[t + m] / norms[below + m]
        for m in range(l - 1):
            below2 = (l - 1) * (l - 2) // 2
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
    """Real and imaginary parts of :math:`(x + iy)^m`."""
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
