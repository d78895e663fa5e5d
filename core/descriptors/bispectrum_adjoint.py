r"""The way back of `bispectrum_coupling`: what an energy's derivatives by the invariants are by the density.

For :math:`E = \sum_t g_t B_t`, with X and the weights of the rows as there,

.. math::
    Y^{j}_{m'm} = \frac{\partial E}{\partial U^{j}_{m'm}} \mathrel{+}= g_t \sum_{m_1} C_{m_1m_2} X^j_{m_1m_2}, \qquad
    K_{m_1m_2} = \sum_j C_{m'_1m'_2}\, C_{m_1m_2}\, g_t U^{j}_{m'm}, \qquad
    Y^{j_1}_{m'_1m_1} \mathrel{+}= \sum_{m_2} K_{m_1m_2} (U^{j_2}_{m'_2m_2})^*, \quad
    Y^{j_2}_{m'_2m_2} \mathrel{+}= \sum_{m_1} K_{m_1m_2} (U^{j_1}_{m'_1m_1})^*

K is summed over all j before it meets the densities, so that the cost does not grow with the number of invariants as
that of their derivatives one by one. Real and imaginary part of Y are the derivatives by those of U.

References
----------
R. Gayatri et al., Rapid exploration of optimization strategies on advanced architectures using TestSNAP and LAMMPS
(2020), for the adjoint. arXiv:2011.12875
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.descriptors.bispectrum_coupling import (
    FIRST_TRIPLE,
    J1,
    J2,
    LANES,
    LOWEST_J,
    N_J,
    columns,
    combine,
    load,
    products,
    store,
    sums_of_rows,
)


@kernel
def weighted_row(n: int, k: int, weight: float, g_l: Array, U_xkl: Array, H_w: Array) -> None:
    """Add `n` entries of U times the derivatives by an invariant, flat."""
    half = n * LANES
    for m in range(n):
        for l in range(LANES):
            g = weight * g_l[l]
            H_w[m * LANES + l] += g * U_xkl[0, k + m, l]
            H_w[half + m * LANES + l] += g * U_xkl[1, k + m, l]


@kernel
def add_row(n: int, k: int, weight: float, g_l: Array, Z_w: Array, Y_xkl: Array) -> None:
    """Add flat entries times the derivatives by an invariant to those by U."""
    half = n * LANES
    for m in range(n):
        for l in range(LANES):
            g = weight * g_l[l]
            Y_xkl[0, k + m, l] += g * Z_w[m * LANES + l]
            Y_xkl[1, k + m, l] += g * Z_w[half + m * LANES + l]


@kernel
def add_coupled(low: int, high: int, j1: int, j: int, first: int, C_m: Array, X_w: Array, Z_w: Array) -> None:
    """Add X, coupled along m₁, to flat entries of a row of j, from entry `first` on."""
    for m in range(low, high):
        c = C_m[m * (j1 + 2)]
        for l in range(LANES):
            Z_w[(first + m) * LANES + l] += c * X_w[m * LANES + l]
            Z_w[(j + 1 + first + m) * LANES + l] += c * X_w[(j1 + 1 + m) * LANES + l]


@kernel
def spread(low: int, high: int, j1: int, j: int, first: int, C_m: Array, H_w: Array, K_w: Array) -> None:
    """The way back of `add_coupled`; zero where nothing couples."""
    K_w[: 2 * (j1 + 1) * LANES] = 0.0
    for m in range(low, high):
        c = C_m[m * (j1 + 2)]
        for l in range(LANES):
            K_w[m * LANES + l] = c * H_w[(first + m) * LANES + l]
            K_w[(j1 + 1 + m) * LANES + l] = c * H_w[(j + 1 + first + m) * LANES + l]


@kernel
def divide(
    n: int, k1: int, k2: int, K_w: Array, U_xkl: Array, V_xkl: Array, YU_xkl: Array, YV_xkl: Array, total_xl: Array
) -> None:
    """The way back of `products`."""
    half = n * LANES
    total_xl[:] = 0.0
    for m in range(n):
        for l in range(LANES):
            kr, ki = K_w[m * LANES + l], K_w[half + m * LANES + l]
            ur, ui, vr, vi = U_xkl[0, k1 + m, l], U_xkl[1, k1 + m, l], V_xkl[0, k2, l], V_xkl[1, k2, l]
            YU_xkl[0, k1 + m, l] += kr * vr + ki * vi
            YU_xkl[1, k1 + m, l] += ki * vr - kr * vi
            total_xl[0, l] += kr * ur + ki * ui
            total_xl[1, l] += ki * ur - kr * ui
    for l in range(LANES):
        YV_xkl[0, k2, l] += total_xl[0, l]
        YV_xkl[1, k2, l] += total_xl[1, l]


@kernel
def buffers(twojmax: int) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Room for products, X of all j, the same after coupling, K, and coefficients of all j."""
    size = 2 * (twojmax + 1) * LANES
    n_j = twojmax // 2 + 1
    return (
        np.empty((twojmax + 1, size)),
        np.empty((n_j, size)),
        np.empty((n_j, size)),
        np.empty((n_j, size)),
        np.empty(size),
        np.empty(n_j),
    )


@kernel
def couple_back(
    pair_x: IntArray,
    first_c_t: IntArray,
    C_c: Array,
    first_j: IntArray,
    e1: int,
    e2: int,
    U_exkl: Array,
    g_fl: Array,
    Y_exkl: Array,
    W_iw: Array,
    X_jw: Array,
    H_jw: Array,
    Z_jw: Array,
    K_w: Array,
    c_j: Array,
) -> None:
    """Add what the triples of one pair of momenta, two given elements and each third give; see the module."""
    j1, j2, lowest, n_triples = pair_x[J1], pair_x[J2], pair_x[LOWEST_J], len(first_c_t)
    n_j, t0 = pair_x[N_J], pair_x[FIRST_TRIPLE]
    size = 2 * (j1 + 1) * LANES
    begin, end = sums_of_rows(j1, j2, lowest + 2 * (n_j - 1))
    for rows in range(begin, end):
        weight = 1.0 if 2 * rows == j1 + j2 else 2.0
        low, high = max(0, rows - j2), min(j1, rows) + 1
        skipped = max(0, (j1 + j2 - 2 * rows - lowest) // 2)
        for i in range(skipped, n_j):
            j = lowest + 2 * i
            k = first_j[j] + (rows - (j1 + j2 - j) // 2) * (j + 1)
            H_jw[i] = 0.0
            Z_jw[i] = 0.0
            for e in range(U_exkl.shape[0]):
                weighted_row(j + 1, k, weight, g_fl[e * n_triples + i], U_exkl[e], H_jw[i])
        for m2 in range(j2 + 1):
            for row in range(low, high):
                k2 = first_j[j2] + (rows - row) * (j2 + 1) + m2
                products(j1 + 1, first_j[j1] + row * (j1 + 1), k2, U_exkl[e1], U_exkl[e2], W_iw[row - low])
            for i in range(skipped, n_j):
                j = lowest + 2 * i
                shift = (j1 + j2 - j) // 2
                C_m = C_c[first_c_t[t0 + i] :]
                first, last = columns(j1, j, shift, m2)
                combine(high - low, size, C_m[rows * (j1 + 1) + low :], W_iw, K_w)
                add_coupled(first, last, j1, j, m2 - shift, C_m[m2 * (j1 + 1) :], K_w, Z_jw[i])
                spread(first, last, j1, j, m2 - shift, C_m[m2 * (j1 + 1) :], H_jw[i], X_jw[i])
            for row in range(low, high):
                for i in range(skipped, n_j):
                    c_j[i] = C_c[first_c_t[t0 + i] + rows * (j1 + 1) + row]
                combine(n_j - skipped, size, c_j[skipped:], X_jw[skipped:], K_w)
                k1, k2 = first_j[j1] + row * (j1 + 1), first_j[j2] + (rows - row) * (j2 + 1) + m2
                divide(j1 + 1, k1, k2, K_w, U_exkl[e1], U_exkl[e2], Y_exkl[e1], Y_exkl[e2], W_iw[:2])
        for i in range(skipped, n_j):
            j = lowest + 2 * i
            k = first_j[j] + (rows - (j1 + j2 - j) // 2) * (j + 1)
            for e in range(U_exkl.shape[0]):
                add_row(j + 1, k, weight, g_fl[e * n_triples + i], Z_jw[i], Y_exkl[e])


@kernel
def density_gradient(
    start: int,
    stop: int,
    pair_gx: IntArray,
    first_c_t: IntArray,
    C_c: Array,
    first_j: IntArray,
    first_half_j: IntArray,
    U_nexk: Array,
    g_nf: Array,
    Y_nexk: Array,
) -> None:
    """:math:`Y` of the half rows from the derivatives by all triples of elements and of momenta."""
    n_elements, n_triples = U_nexk.shape[1], len(first_c_t)
    U_exkl = np.empty((n_elements, 2, first_j[-1], LANES))
    Y_exkl = np.empty((n_elements, 2, first_j[-1], LANES))
    g_fl = np.empty((g_nf.shape[1], LANES))
    W_iw, X_jw, H_jw, Z_jw, K_w, c_j = buffers(len(first_j) - 2)
    for n in range(start, stop, LANES):
        load(n, stop, first_j, first_half_j, U_nexk, U_exkl)
        for l in range(LANES):
            for f in range(len(g_fl)):
                g_fl[f, l] = g_nf[n + l, f] if n + l < stop else 0.0
        Y_exkl[:] = 0.0
        for g in range(len(pair_gx)):
            for e1 in range(n_elements):
                for e2 in range(n_elements):
                    f = (e1 * n_elements + e2) * n_elements * n_triples + pair_gx[g, FIRST_TRIPLE]
                    couple_back(
                        pair_gx[g],
                        first_c_t,
                        C_c,
                        first_j,
                        e1,
                        e2,
                        U_exkl,
                        g_fl[f:],
                        Y_exkl,
                        W_iw,
                        X_jw,
                        H_jw,
                        Z_jw,
                        K_w,
                        c_j,
                    )
        store(n, stop, first_j, first_half_j, Y_exkl, Y_nexk)
