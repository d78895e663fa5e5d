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
    ENTRY,
    FIRST_TRIPLE,
    J1,
    J2,
    LOWEST_J,
    N_J,
    columns,
    fill,
    lanes_room,
    products,
    sum_rows,
    sums_of_rows,
    without_row,
)
from potscope.core.simd import LANES, fma, load, splat, store


@kernel
def add_scaled(
    n: int, weight: float, g: int, g_v: Array, source: int, source_v: Array, target: int, target_v: Array
) -> None:
    """Add `n` entries times a weight and the derivatives by an invariant."""
    factor = splat(weight) * load(g_v, g)
    for v in range(0, n * ENTRY, LANES):
        store(target_v, target + v, fma(factor, load(source_v, source + v), load(target_v, target + v)))


@kernel
def add_coupled(low: int, high: int, step: int, c: int, C_c: Array, x: int, X_v: Array, z: int, Z_v: Array) -> None:
    """Add X, coupled along m₁, to a row of j."""
    for m in range(low, high):
        a = C_c[c + m * step]
        for v in range(m * ENTRY, (m + 1) * ENTRY, LANES):
            store(Z_v, z + v, fma(a, load(X_v, x + v), load(Z_v, z + v)))


@kernel
def spread(n: int, low: int, high: int, step: int, c: int, C_c: Array, h: int, H_v: Array, k: int, K_v: Array) -> None:
    """The way back of `add_coupled`; zero where nothing couples."""
    K_v[k : k + n * ENTRY] = 0.0
    for m in range(low, high):
        a = splat(C_c[c + m * step])
        for v in range(m * ENTRY, (m + 1) * ENTRY, LANES):
            store(K_v, k + v, a * load(H_v, h + v))


@kernel
def divide(n: int, row: int, n_j: int, c_j: Array, K_v: Array, first: int, second: int, U_v: Array, Y_v: Array) -> None:
    """The way back of `products` and of the sums over rows, for one product and all j."""
    vr, vi = load(U_v, second), load(U_v, second + LANES)
    tr = ti = splat(0.0)
    for v in range(0, n * ENTRY, ENTRY):
        kr = ki = splat(0.0)
        for i in range(n_j):
            kr = fma(c_j[i], load(K_v, i * row + v), kr)
            ki = fma(c_j[i], load(K_v, i * row + v + LANES), ki)
        ur, ui = load(U_v, first + v), load(U_v, first + v + LANES)
        tr = fma(kr, ur, fma(ki, ui, tr))
        ti = ti + ki * ur - kr * ui
        store(Y_v, first + v, load(Y_v, first + v) + kr * vr + ki * vi)
        store(Y_v, first + v + LANES, load(Y_v, first + v + LANES) + ki * vr - kr * vi)
    # only now: the entry may be one of those above
    store(Y_v, second, load(Y_v, second) + tr)
    store(Y_v, second + LANES, load(Y_v, second + LANES) + ti)


@kernel
def unfill(count: int, first_j: IntArray, first_half_j: IntArray, Y_v: Array, Y_nexk: Array) -> None:
    """The way back of `fill`, for `count` atoms: derivatives by the half rows."""
    twojmax, n_entries = len(first_j) - 2, first_j[-1]
    for l in range(count):
        for e in range(Y_nexk.shape[1]):
            Y_xk = Y_nexk[l, e]
            for j in range(twojmax + 1):
                for row in range(j // 2 + 1):
                    for m in range(j + 1):
                        v = (e * n_entries + first_j[j] + row * (j + 1) + m) * ENTRY + l
                        real, imaginary = Y_v[v], Y_v[v + LANES]
                        if 2 * row < j:
                            v = (e * n_entries + first_j[j] + (j - row) * (j + 1) + j - m) * ENTRY + l
                            sign = 1.0 if (row + m) % 2 == 0 else -1.0
                            real += sign * Y_v[v]
                            imaginary -= sign * Y_v[v + LANES]
                        Y_xk[0, first_half_j[j] + row * (j + 1) + m] = real
                        Y_xk[1, first_half_j[j] + row * (j + 1) + m] = imaginary


@kernel
def couple_back(
    pair_x: IntArray,
    first_c_t: IntArray,
    C_c: Array,
    first_j: IntArray,
    e1: int,
    e2: int,
    n_elements: int,
    U_v: Array,
    f: int,
    g_v: Array,
    Y_v: Array,
    buffer_bv: Array,
) -> None:
    """Add what the triples of one pair of momenta, two given elements and each third give; see the module."""
    W_v, X_v, H_v, Z_v, K_v, c_j = buffer_bv[0], buffer_bv[1], buffer_bv[2], buffer_bv[3], buffer_bv[4], buffer_bv[5]
    j1, j2, n_j, n_entries = pair_x[J1], pair_x[J2], pair_x[N_J], first_j[-1]
    row = len(first_j) * ENTRY
    begin, end = sums_of_rows(pair_x)
    for rows in range(begin, end):
        weight = 1.0 if 2 * rows == j1 + j2 else 2.0
        low, high = max(0, rows - j2), min(j1, rows) + 1
        skipped = without_row(pair_x, rows)
        H_v[skipped * row : n_j * row] = 0.0
        Z_v[skipped * row : n_j * row] = 0.0
        for i in range(skipped, n_j):
            j = pair_x[LOWEST_J] + 2 * i
            for e in range(n_elements):
                k = (e * n_entries + first_j[j] + (rows - (j1 + j2 - j) // 2) * (j + 1)) * ENTRY
                g = (f + e * len(first_c_t) + i) * LANES
                add_scaled(j + 1, weight, g, g_v, k, U_v, i * row, H_v)
        for m2 in range(j2 + 1):
            for r in range(low, high):
                first = (e1 * n_entries + first_j[j1] + r * (j1 + 1)) * ENTRY
                second = (e2 * n_entries + first_j[j2] + (rows - r) * (j2 + 1) + m2) * ENTRY
                products(j1 + 1 + (j1 + 1) % 2, first, second, U_v, (r - low) * row, W_v)
            sum_rows(pair_x, skipped, rows, low, high, row, first_c_t, C_c, W_v, X_v)
            for i in range(skipped, n_j):
                j = pair_x[LOWEST_J] + 2 * i
                shift = (j1 + j2 - j) // 2
                from_m1, to_m1 = columns(j1, j, shift, m2)
                c = first_c_t[pair_x[FIRST_TRIPLE] + i] + m2 * (j1 + 1)
                place = i * row + (m2 - shift) * ENTRY
                add_coupled(from_m1, to_m1, j1 + 2, c, C_c, i * row, X_v, place, Z_v)
                spread(j1 + 1, from_m1, to_m1, j1 + 2, c, C_c, place, H_v, (i - skipped) * row, K_v)
            for r in range(low, high):
                for i in range(skipped, n_j):
                    c_j[i - skipped] = C_c[first_c_t[pair_x[FIRST_TRIPLE] + i] + rows * (j1 + 1) + r]
                first = (e1 * n_entries + first_j[j1] + r * (j1 + 1)) * ENTRY
                second = (e2 * n_entries + first_j[j2] + (rows - r) * (j2 + 1) + m2) * ENTRY
                divide(j1 + 1, row, n_j - skipped, c_j, K_v, first, second, U_v, Y_v)
        for i in range(skipped, n_j):
            j = pair_x[LOWEST_J] + 2 * i
            for e in range(n_elements):
                k = (e * n_entries + first_j[j] + (rows - (j1 + j2 - j) // 2) * (j + 1)) * ENTRY
                g = (f + e * len(first_c_t) + i) * LANES
                add_scaled(j + 1, weight, g, g_v, i * row, Z_v, k, Y_v)


@kernel
def buffers(first_j: IntArray) -> Array:
    """Room for products, X, gU, Z and K of all j, and for coefficients."""
    return np.empty((6, len(first_j) * (len(first_j) - 1) * ENTRY))


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
    U_v, Y_v = lanes_room(n_elements, first_j), lanes_room(n_elements, first_j)
    g_v = np.zeros(g_nf.shape[1] * LANES)
    buffer_bv = buffers(first_j)
    for n in range(start, stop, LANES):
        fill(n, stop, first_j, first_half_j, U_nexk, U_v)
        count = min(LANES, stop - n)
        for l in range(count):
            for f in range(g_nf.shape[1]):
                g_v[f * LANES + l] = g_nf[n + l, f]
        Y_v[:] = 0.0
        for g in range(len(pair_gx)):
            for e1 in range(n_elements):
                for e2 in range(n_elements):
                    f = (e1 * n_elements + e2) * n_elements * n_triples + pair_gx[g, FIRST_TRIPLE]
                    couple_back(pair_gx[g], first_c_t, C_c, first_j, e1, e2, n_elements, U_v, f, g_v, Y_v, buffer_bv)
        unfill(count, first_j, first_half_j, Y_v, Y_nexk[n:])
