r"""Derivatives of every invariant by every neighbour, for fits.

The derivatives of each invariant by the density, `LANES` atoms at a time, meet the derivatives of the neighbours'
polynomials by their vectors, of which those of three j at most take part in one invariant,

.. math::
    \frac{\partial B_t}{\partial\mathbf D} = \sum_k Y^t_k\, N_k \left(w\, \frac{\partial P_k}{\partial\mathbf D}
        + P_k\, w'\, \hat{\mathbf u}\right) .

Axes as in `bispectrum_kernels` and `bispectrum_coupling`.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.descriptors.bispectrum_adjoint import couple_back, unfill
from potscope.core.descriptors.bispectrum_coupling import FIRST_TRIPLE, LOWEST_J, N_J, fill, lanes_room
from potscope.core.descriptors.bispectrum_kernels import (
    A_IMAGINARY,
    A_REAL,
    ANGLE_SLOPE,
    B_IMAGINARY,
    B_REAL,
    COLUMNS,
    DISTANCE,
    SINE,
    WEIGHT,
    WEIGHT_SLOPE,
    X,
    first_polynomial,
    gather,
    widest,
)
from potscope.core.simd import LANES
from potscope.core.wigner import next_polynomials


@kernel
def point_slopes(n: int, point_xq: Array, slope_xcq: Array) -> None:
    """Derivatives of the real and imaginary parts of a and b by the vector to the neighbour."""
    for q in range(n):
        cosine, sine = point_xq[A_REAL, q], point_xq[SINE, q]
        turn, across = point_xq[ANGLE_SLOPE, q], sine / point_xq[DISTANCE, q]
        for c in range(3):
            u = point_xq[X + c, q]
            slope_xcq[A_REAL, c, q] = -sine * turn * u
            for x, axis, sign in ((A_IMAGINARY, 2, -1.0), (B_REAL, 1, 1.0), (B_IMAGINARY, 0, -1.0)):
                v = point_xq[X + axis, q]
                slope_xcq[x, c, q] = sign * (cosine * turn * u * v + across * ((1.0 if axis == c else 0.0) - u * v))


@kernel
def source(j: int, row: int, m: int, factor: float, first_j: IntArray) -> tuple[int, float, float]:
    """Where an entry of j is in the half rows, and factors of its real and imaginary part; none outside its rows."""
    if m < 0 or m > j or row < 0 or row > j:
        return 0, 0.0, 0.0
    if 2 * row <= j:
        return first_j[j] + row * (j + 1) + m, factor, factor
    sign = factor if (row + m) % 2 == 0 else -factor
    return first_j[j] + (j - row) * (j + 1) + j - m, sign, -sign


@kernel
def gradients(
    n: int,
    j: int,
    first_j: IntArray,
    norm_k: Array,
    point_xq: Array,
    slope_xcq: Array,
    Pr_kq: Array,
    Pi_kq: Array,
    dU_cxkq: Array,
) -> None:
    """Derivatives of the weighted U of one j by the vectors to the neighbours; polynomials as in `wigner`."""
    end = np.uint64(n)
    weight_q, weight_slope_q = point_xq[WEIGHT], point_xq[WEIGHT_SLOPE]
    for row in range(j // 2 + 1):
        for m in range(j + 1):
            k = first_j[j] + row * (j + 1) + m
            k1, r1, i1 = source(j - 1, row, m, float(j - row), first_j)
            k2, r2, i2 = source(j - 1, row, m - 1, float(row - j), first_j)
            k3, r3, i3 = source(j - 1, row - 1, m - 1, float(row), first_j)
            k4, r4, i4 = source(j - 1, row - 1, m, float(row), first_j)
            for c in range(3):
                ar_q, ai_q, br_q, bi_q = slope_xcq[0, c], slope_xcq[1, c], slope_xcq[2, c], slope_xcq[3, c]
                u_q, real_q, imaginary_q = point_xq[X + c], dU_cxkq[c, 0, k], dU_cxkq[c, 1, k]
                for q in range(end):
                    conjugate_r, conjugate_i = r1 * Pr_kq[k1, q], i1 * Pi_kq[k1, q]
                    plain_r, plain_i = r3 * Pr_kq[k3, q], i3 * Pi_kq[k3, q]
                    real = (plain_r + conjugate_r) * ar_q[q] - (plain_i - conjugate_i) * ai_q[q]
                    imaginary = (plain_i + conjugate_i) * ar_q[q] + (plain_r - conjugate_r) * ai_q[q]
                    conjugate_r, conjugate_i = r2 * Pr_kq[k2, q], i2 * Pi_kq[k2, q]
                    plain_r, plain_i = r4 * Pr_kq[k4, q], i4 * Pi_kq[k4, q]
                    real += (plain_r + conjugate_r) * br_q[q] - (plain_i - conjugate_i) * bi_q[q]
                    imaginary += (plain_i + conjugate_i) * br_q[q] + (plain_r - conjugate_r) * bi_q[q]
                    slope = weight_slope_q[q] * u_q[q]
                    real_q[q] = norm_k[k] * (weight_q[q] * real + slope * Pr_kq[k, q])
                    imaginary_q[q] = norm_k[k] * (weight_q[q] * imaginary + slope * Pi_kq[k, q])


@kernel
def one_by_one(
    n: int,
    stop: int,
    pair_gx: IntArray,
    first_c_t: IntArray,
    C_c: Array,
    first_j: IntArray,
    first_half_j: IntArray,
    U_nexk: Array,
    Y_flexk: Array,
) -> None:
    """Derivatives of every invariant by the densities of the `LANES` atoms from `n` on."""
    n_elements, n_triples = U_nexk.shape[1], len(first_c_t)
    U_v, Y_v = lanes_room(n_elements, first_j), lanes_room(n_elements, first_j)
    g_v, pair_x = np.zeros(len(Y_flexk) * LANES), np.empty_like(pair_gx[0])
    fill(n, stop, first_j, first_half_j, U_nexk, U_v)
    for elements in range(n_elements**3):
        e1, e2, e = elements // n_elements**2, elements // n_elements % n_elements, elements % n_elements
        for g in range(len(pair_gx)):
            for i in range(pair_gx[g, N_J]):
                pair_x[:] = pair_gx[g]
                pair_x[N_J] = 1
                pair_x[FIRST_TRIPLE] += i
                pair_x[LOWEST_J] += 2 * i
                f = elements * n_triples + pair_x[FIRST_TRIPLE]
                Y_v[:] = 0.0
                g_v[f * LANES : (f + 1) * LANES] = 1.0
                couple_back(pair_x, first_c_t, C_c, first_j, e1, e2, n_elements, U_v, f - e * n_triples, g_v, Y_v)
                g_v[f * LANES : (f + 1) * LANES] = 0.0
                unfill(min(LANES, stop - n), first_j, first_half_j, Y_v, Y_flexk[f])


@kernel
def contract(n: int, begin: int, stop: int, y_xk: Array, dU_cxkq: Array, J_cq: Array) -> None:
    """Add the entries from `begin` to `stop`."""
    end = np.uint64(n)
    for c in range(3):
        for k in range(begin, stop):
            real, imaginary = y_xk[0, k], y_xk[1, k]
            for q in range(end):
                J_cq[c, q] += real * dU_cxkq[c, 0, k, q] + imaginary * dU_cxkq[c, 1, k, q]


@kernel
def jacobian(
    start: int,
    stop: int,
    first_n: IntArray,
    element_p: IntArray,
    point_px: Array,
    norm_k: Array,
    pair_gx: IntArray,
    j_tx: IntArray,
    first_c_t: IntArray,
    C_c: Array,
    first_j: IntArray,
    first_half_j: IntArray,
    U_nexk: Array,
    J_pcf: Array,
) -> None:
    """All derivatives, see the module; a neighbour moves only the invariants of its element."""
    n_elements, twojmax, n_triples, n_k = U_nexk.shape[1], len(first_j) - 2, len(first_c_t), len(norm_k)
    most = widest(start, stop, first_n)
    pair_q, point_xq, slope_xcq = np.empty(most, np.int64), np.empty((COLUMNS, most)), np.empty((4, 3, most))
    Pr_kq, Pi_kq, dU_cxkq = np.empty((n_k, most)), np.empty((n_k, most)), np.empty((3, 2, n_k, most))
    Y_flexk = np.empty((J_pcf.shape[2], LANES, n_elements, 2, n_k))
    J_cq = np.empty((3, most))
    J_pcf[first_n[start] : first_n[stop]] = 0.0
    for n in range(start, stop):
        lane = (n - start) % LANES
        if lane == 0:
            one_by_one(n, stop, pair_gx, first_c_t, C_c, first_j, first_half_j, U_nexk, Y_flexk)
        for e in range(n_elements):
            size = gather(first_n[n], first_n[n + 1], e, element_p, point_px, pair_q, point_xq)
            if size == 0:
                continue
            point_slopes(size, point_xq, slope_xcq)
            first_polynomial(size, Pr_kq, Pi_kq)
            gradients(size, 0, first_half_j, norm_k, point_xq, slope_xcq, Pr_kq, Pi_kq, dU_cxkq)
            for j in range(1, twojmax + 1):
                old, new = first_half_j[j - 1], first_half_j[j]
                next_polynomials(
                    j,
                    size,
                    point_xq[A_REAL],
                    point_xq[A_IMAGINARY],
                    point_xq[B_REAL],
                    point_xq[B_IMAGINARY],
                    Pr_kq[old:],
                    Pi_kq[old:],
                    Pr_kq[new:],
                    Pi_kq[new:],
                )
                gradients(size, j, first_half_j, norm_k, point_xq, slope_xcq, Pr_kq, Pi_kq, dU_cxkq)
            for f in range(J_pcf.shape[2]):
                elements, t = f // n_triples, f % n_triples
                first, second, third = (
                    elements // n_elements**2,
                    elements // n_elements % n_elements,
                    elements % n_elements,
                )
                if e not in (first, second, third):
                    continue
                J_cq[:, :size] = 0.0
                j1, j2, j = j_tx[t, 0], j_tx[t, 1], j_tx[t, 2]
                y_xk = Y_flexk[f, lane, e]
                contract(size, first_half_j[j1], first_half_j[j1 + 1], y_xk, dU_cxkq, J_cq)
                if j2 != j1:
                    contract(size, first_half_j[j2], first_half_j[j2 + 1], y_xk, dU_cxkq, J_cq)
                if j != j1:
                    contract(size, first_half_j[j], first_half_j[j + 1], y_xk, dU_cxkq, J_cq)
                for q in range(size):
                    if pair_q[q] >= 0:
                        for c in range(3):
                            J_pcf[pair_q[q], c, f] = J_cq[c, q]
