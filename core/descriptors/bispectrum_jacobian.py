r"""Derivatives of every invariant by every neighbour, for fits.

The derivatives of each invariant by the density, `LANES` atoms at a time, meet the derivatives of the neighbours'
polynomials by their vectors, of which those of three j at most take part in one invariant,

.. math::
    \frac{\partial B_t}{\partial\mathbf D} = \sum_k Y^t_k\, N_k \left(w\, \frac{\partial P_k}{\partial\mathbf D}
        + P_k\, w'\, \hat{\mathbf u}\right) .

Axes as in `bispectrum_kernels` and `bispectrum_coupling`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.descriptors.bispectrum_adjoint import couple_back, unfill
from potscope.core.descriptors.bispectrum_coupling import FIRST_TRIPLE, J1, J2, LOWEST_J, N_J, fill, lanes_room
from potscope.core.descriptors.bispectrum_kernels import (
    A_REAL,
    ANGLE_SLOPE,
    COLUMNS,
    DISTANCE,
    SINE,
    WEIGHT,
    WEIGHT_SLOPE,
    X,
    Y,
    Z,
    at,
    gather,
    polynomials_of,
    widest,
)
from potscope.core.simd import LANES, fma, load, splat, store
from potscope.core.wigner import ENTRY


@kernel
def point_slopes(c: int, q: int, point_xq: Array) -> tuple[Any, Any, Any, Any]:
    """Derivatives of the real and imaginary parts of a and b by one component of the vectors to eight neighbours."""
    cosine, sine, turn = at(A_REAL, q, point_xq), at(SINE, q, point_xq), at(ANGLE_SLOPE, q, point_xq)
    u, across = at(X + c, q, point_xq), sine / at(DISTANCE, q, point_xq)
    # sine times the direction: along the vector with the angle, across it by turning
    shared = u * (cosine * turn - across)
    x, y, z = shared * at(X, q, point_xq), shared * at(Y, q, point_xq), shared * at(Z, q, point_xq)
    if c == 0:
        x = x + across
    elif c == 1:
        y = y + across
    else:
        z = z + across
    zero = splat(0.0)
    return zero - sine * turn * u, zero - z, y, zero - x


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
def gradients(q: int, point_xq: Array, first_j: IntArray, norm_k: Array, P_v: Array, dU_v: Array) -> None:
    """Derivatives of the weighted U by the vectors to eight neighbours, flat, one component after the other."""
    weight = at(WEIGHT, q, point_xq)
    for c in range(3):
        ar, ai, br, bi = point_slopes(c, q, point_xq)
        ar, ai, br, bi = weight * ar, weight * ai, weight * br, weight * bi
        slope = at(WEIGHT_SLOPE, q, point_xq) * at(X + c, q, point_xq)
        for j in range(len(first_j) - 1):
            for row in range(j // 2 + 1):
                for m in range(j + 1):
                    k = first_j[j] + row * (j + 1) + m
                    pr, pi = entry(P_v, source(j - 1, row, m, float(j - row), first_j))
                    qr, qi = entry(P_v, source(j - 1, row - 1, m - 1, float(row), first_j))
                    real = (qr + pr) * ar - (qi - pi) * ai
                    imaginary = (qi + pi) * ar + (qr - pr) * ai
                    pr, pi = entry(P_v, source(j - 1, row, m - 1, float(row - j), first_j))
                    qr, qi = entry(P_v, source(j - 1, row - 1, m, float(row), first_j))
                    real = real + (qr + pr) * br - (qi - pi) * bi
                    imaginary = imaginary + (qi + pi) * br + (qr - pr) * bi
                    norm, v = splat(norm_k[k]), (c * len(norm_k) + k) * ENTRY
                    store(dU_v, v, norm * fma(slope, load(P_v, k * ENTRY), real))
                    store(dU_v, v + LANES, norm * fma(slope, load(P_v, k * ENTRY + LANES), imaginary))


@kernel
def entry(P_v: Array, place: tuple[int, float, float]) -> tuple[Any, Any]:
    """Real and imaginary part of an entry with its factors, as `source` gives them."""
    k, real, imaginary = place
    return splat(real) * load(P_v, k * ENTRY), splat(imaginary) * load(P_v, k * ENTRY + LANES)


@kernel
def clear(e: int, j: int, first_j: IntArray, Y_v: Array) -> None:
    """No derivatives by the entries of one element and one j."""
    for v in range((e * first_j[-1] + first_j[j]) * ENTRY, (e * first_j[-1] + first_j[j + 1]) * ENTRY, LANES):
        store(Y_v, v, splat(0.0))


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
    """Derivatives of every invariant by the entries of U with its elements and momenta, for eight atoms from `n` on."""
    n_elements, n_triples = U_nexk.shape[1], len(first_c_t)
    U_v, Y_v = lanes_room(n_elements, first_j), lanes_room(n_elements, first_j)
    g_v, pair_x = np.zeros(len(Y_flexk) * LANES), np.empty_like(pair_gx[0])
    count = min(LANES, stop - n)
    fill(n, stop, first_j, first_half_j, U_nexk, U_v)
    for elements in range(n_elements**3):
        e1, e2, e3 = elements // n_elements**2, elements // n_elements % n_elements, elements % n_elements
        for g in range(len(pair_gx)):
            for i in range(pair_gx[g, N_J]):
                pair_x[:] = pair_gx[g]
                pair_x[N_J] = 1
                pair_x[FIRST_TRIPLE] += i
                pair_x[LOWEST_J] += 2 * i
                f = elements * n_triples + pair_x[FIRST_TRIPLE]
                j1, j2, j = pair_x[J1], pair_x[J2], pair_x[LOWEST_J]
                for e in (e1, e2, e3):
                    clear(e, j1, first_j, Y_v)
                    clear(e, j2, first_j, Y_v)
                    clear(e, j, first_j, Y_v)
                store(g_v, f * LANES, splat(1.0))
                couple_back(pair_x, first_c_t, C_c, first_j, e1, e2, n_elements, U_v, f - e3 * n_triples, g_v, Y_v)
                store(g_v, f * LANES, splat(0.0))
                for e in range(n_elements):
                    if e in (e1, e2, e3):
                        unfill(e, j1, count, first_j, first_half_j, Y_v, Y_flexk[f])
                        if j2 != j1:
                            unfill(e, j2, count, first_j, first_half_j, Y_v, Y_flexk[f])
                        if j != j1:
                            unfill(e, j, count, first_j, first_half_j, Y_v, Y_flexk[f])


@kernel
def contract(begin: int, stop: int, n_k: int, y_xk: Array, dU_v: Array, J_cv: Array) -> None:
    """Add the part of the entries from `begin` to `stop`."""
    xr = xi = yr = yi = zr = zi = splat(0.0)
    for k in range(begin, stop):
        real, imaginary, v = y_xk[0, k], y_xk[1, k], k * ENTRY
        xr, xi = fma(real, load(dU_v, v), xr), fma(imaginary, load(dU_v, v + LANES), xi)
        v += n_k * ENTRY
        yr, yi = fma(real, load(dU_v, v), yr), fma(imaginary, load(dU_v, v + LANES), yi)
        v += n_k * ENTRY
        zr, zi = fma(real, load(dU_v, v), zr), fma(imaginary, load(dU_v, v + LANES), zi)
    store(J_cv, 0, load(J_cv, 0) + xr + xi)
    store(J_cv, LANES, load(J_cv, LANES) + yr + yi)
    store(J_cv, 2 * LANES, load(J_cv, 2 * LANES) + zr + zi)


@kernel
def one_feature(j1: int, j2: int, j: int, first_j: IntArray, y_xk: Array, dU_v: Array, J_cv: Array) -> None:
    """The derivatives of one invariant by the vectors to eight neighbours."""
    J_cv[:] = 0.0
    contract(first_j[j1], first_j[j1 + 1], first_j[-1], y_xk, dU_v, J_cv)
    if j2 != j1:
        contract(first_j[j2], first_j[j2 + 1], first_j[-1], y_xk, dU_v, J_cv)
    if j != j1:
        contract(first_j[j], first_j[j + 1], first_j[-1], y_xk, dU_v, J_cv)


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
    n_elements, n_triples, n_k = U_nexk.shape[1], len(first_c_t), len(norm_k)
    most = widest(start, stop, first_n)
    pair_q, point_xq, J_cv = np.empty(most, np.int64), np.empty((COLUMNS, most)), np.empty((3, LANES))
    P_v, dU_v = np.empty(n_k * ENTRY), np.empty(3 * n_k * ENTRY)
    Y_flexk = np.empty((J_pcf.shape[2], LANES, n_elements, 2, n_k))
    J_pcf[first_n[start] : first_n[stop]] = 0.0
    for n in range(start, stop):
        lane = (n - start) % LANES
        if lane == 0:
            one_by_one(n, stop, pair_gx, first_c_t, C_c, first_j, first_half_j, U_nexk, Y_flexk)
        for e in range(n_elements):
            size = gather(first_n[n], first_n[n + 1], e, element_p, point_px, pair_q, point_xq)
            for q in range(0, size, LANES):
                polynomials_of(q, point_xq, first_half_j, P_v)
                gradients(q, point_xq, first_half_j, norm_k, P_v, dU_v)
                for f in range(J_pcf.shape[2]):
                    three, t = f // n_triples, f % n_triples
                    others, third = three // n_elements, three % n_elements
                    if e not in (others // n_elements, others % n_elements, third):
                        continue
                    one_feature(j_tx[t, 0], j_tx[t, 1], j_tx[t, 2], first_half_j, Y_flexk[f, lane, e], dU_v, J_cv)
                    for l in range(LANES):
                        if pair_q[q + l] >= 0:
                            for c in range(3):
                                J_pcf[pair_q[q + l], c, f] = J_cv[c, l]
