r"""The loops of the bispectrum over momenta: the invariants of a density.

With :math:`C` the coupling coefficients, :math:`s = (j_1+j_2-j)/2`, and U as in `potscope.core.wigner`,

.. math::
    B_{j_1j_2j} = \sum_{m'_1m'_2} C_{m'_1m'_2} \sum_{m_1m_2} C_{m_1m_2}
        \operatorname{Re}\left[U^{j_1}_{m'_1m_1} U^{j_2}_{m'_2m_2} (U^{j}_{m'm})^*\right],
    \qquad m = m_1 + m_2 - s

Of the rows m' the lower half is the mirror image of the upper, so that :math:`m'_1 + m'_2 \le (j_1+j_2)/2` is enough,
with weight 2, or 1 where both are equal. The products of U are the same for all j. So they are summed over rows with
one and the same sum, once for each j,

.. math:: X^j_{m_1m_2} = \sum_{m'_1} C_{m'_1m'_2} U^{j_1}_{m'_1m_1} U^{j_2}_{m'_2m_2},

and only what is left, coupled along m.

Eight atoms go side by side as `Lanes`. Arrays of lanes are flat; an entry k takes `ENTRY` numbers, its real part and
its imaginary part. Axes: e elements, k entries of all rows of all j, t triples of momenta, g pairs of momenta, i
products with the same sum of rows, v anything flat.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.simd import LANES, fma, load, splat, store

ENTRY = 2 * LANES

FIRST_TRIPLE, N_J, LOWEST_J, J1, J2 = range(5)
"""Columns of a pair of momenta j₁ ≥ j₂: its triples are consecutive, with j ≥ j₁ in steps of 2."""


@kernel
def products(n: int, first: int, second: int, U_v: Array, target: int, W_v: Array) -> None:
    """The products of `n` consecutive entries with one other."""
    vr, vi = load(U_v, second), load(U_v, second + LANES)
    for m in range(n):
        ur, ui = load(U_v, first + m * ENTRY), load(U_v, first + m * ENTRY + LANES)
        store(W_v, target + m * ENTRY, ur * vr - ui * vi)
        store(W_v, target + m * ENTRY + LANES, ur * vi + ui * vr)


@kernel
def combine(n: int, row: int, rows: int, c: int, C_c: Array, W_v: Array, X_v: Array, target: int) -> None:
    """The sum of `rows` rows of `n` entries, rounded up to even, with coefficients from place `c` on."""
    for v in range(0, n * ENTRY, 2 * ENTRY):
        x0 = x1 = x2 = x3 = splat(0.0)
        for i in range(rows):
            w = i * row + v
            a = C_c[c + i]
            x0 = fma(a, load(W_v, w), x0)
            x1 = fma(a, load(W_v, w + LANES), x1)
            x2 = fma(a, load(W_v, w + 2 * LANES), x2)
            x3 = fma(a, load(W_v, w + 3 * LANES), x3)
        store(X_v, target + v, x0)
        store(X_v, target + v + LANES, x1)
        store(X_v, target + v + 2 * LANES, x2)
        store(X_v, target + v + 3 * LANES, x3)


@kernel
def combine_two(
    n: int, row: int, rows: int, c: int, d: int, C_c: Array, W_v: Array, X_v: Array, target: int, second_target: int
) -> None:
    """As `combine`, with two sets of coefficients at once, from the places `c` and `d` on."""
    for v in range(0, n * ENTRY, 2 * ENTRY):
        x0 = x1 = x2 = x3 = y0 = y1 = y2 = y3 = splat(0.0)
        for i in range(rows):
            w = i * row + v
            w0, w1, w2, w3 = load(W_v, w), load(W_v, w + LANES), load(W_v, w + 2 * LANES), load(W_v, w + 3 * LANES)
            a, b = C_c[c + i], C_c[d + i]
            x0, x1, x2, x3 = fma(a, w0, x0), fma(a, w1, x1), fma(a, w2, x2), fma(a, w3, x3)
            y0, y1, y2, y3 = fma(b, w0, y0), fma(b, w1, y1), fma(b, w2, y2), fma(b, w3, y3)
        store(X_v, target + v, x0)
        store(X_v, target + v + LANES, x1)
        store(X_v, target + v + 2 * LANES, x2)
        store(X_v, target + v + 3 * LANES, x3)
        store(X_v, second_target + v, y0)
        store(X_v, second_target + v + LANES, y1)
        store(X_v, second_target + v + 2 * LANES, y2)
        store(X_v, second_target + v + 3 * LANES, y3)


@kernel
def sum_rows(
    pair_x: IntArray,
    skipped: int,
    rows: int,
    low: int,
    high: int,
    row: int,
    first_c_t: IntArray,
    C_c: Array,
    W_v: Array,
    X_v: Array,
) -> None:
    """X of all j but those `skipped`, two at a time."""
    j1, t = pair_x[J1], pair_x[FIRST_TRIPLE]
    place = rows * (j1 + 1) + low
    i = skipped
    while i + 1 < pair_x[N_J]:
        c, d = first_c_t[t + i] + place, first_c_t[t + i + 1] + place
        combine_two(j1 + 1, row, high - low, c, d, C_c, W_v, X_v, i * row, (i + 1) * row)
        i += 2
    if i < pair_x[N_J]:
        combine(j1 + 1, row, high - low, first_c_t[t + i] + place, C_c, W_v, X_v, i * row)


@kernel
def project(low: int, high: int, step: int, c: int, C_c: Array, k: int, U_v: Array, x: int, X_v: Array) -> Any:
    """The real part of X times the conjugate of U, coupled along m₁, as lanes."""
    result = splat(0.0)
    for m in range(low, high):
        term = load(U_v, k + m * ENTRY) * load(X_v, x + m * ENTRY)
        term = fma(load(U_v, k + m * ENTRY + LANES), load(X_v, x + m * ENTRY + LANES), term)
        result = fma(C_c[c + m * step], term, result)
    return result


@kernel
def fill(n: int, stop: int, first_j: IntArray, first_half_j: IntArray, U_nexk: Array, U_v: Array) -> None:
    """Put the atoms from `n` on side by side, at most until `stop`, with all rows; the rest of the lanes is zero."""
    twojmax, n_entries = len(first_j) - 2, first_j[-1]
    U_v[:] = 0.0
    for l in range(min(LANES, stop - n)):
        for e in range(U_nexk.shape[1]):
            U_xk = U_nexk[n + l, e]
            for j in range(twojmax + 1):
                for row in range(j // 2 + 1):
                    for m in range(j + 1):
                        real = U_xk[0, first_half_j[j] + row * (j + 1) + m]
                        imaginary = U_xk[1, first_half_j[j] + row * (j + 1) + m]
                        v = (e * n_entries + first_j[j] + row * (j + 1) + m) * ENTRY + l
                        U_v[v] = real
                        U_v[v + LANES] = imaginary
                        if 2 * row < j:
                            v = (e * n_entries + first_j[j] + (j - row) * (j + 1) + j - m) * ENTRY + l
                            sign = 1.0 if (row + m) % 2 == 0 else -1.0
                            U_v[v] = sign * real
                            U_v[v + LANES] = -sign * imaginary


@kernel
def lanes_room(n_elements: int, first_j: IntArray) -> Array:
    """Room for the densities of eight atoms, and for reading beyond the last entry."""
    return np.zeros(n_elements * first_j[-1] * ENTRY + ENTRY)


@kernel
def sums_of_rows(pair_x: IntArray) -> tuple[int, int]:
    """The sums of rows m'₁ + m'₂ that count: from the first at which some j has a row to the middle."""
    both = pair_x[J1] + pair_x[J2]
    return (both - pair_x[LOWEST_J]) // 2 - pair_x[N_J] + 1, both // 2 + 1


@kernel
def without_row(pair_x: IntArray, rows: int) -> int:
    """How many of the j have no row at a sum of rows."""
    return int(max(0, (pair_x[J1] + pair_x[J2] - 2 * rows - pair_x[LOWEST_J]) // 2))


@kernel
def columns(j1: int, j: int, shift: int, m2: int) -> tuple[int, int]:
    """The m₁ that couple with m₂, from and below."""
    return max(0, shift - m2), min(j1, j + shift - m2) + 1


@kernel
def invariants(
    start: int,
    stop: int,
    pair_gx: IntArray,
    first_c_t: IntArray,
    C_c: Array,
    first_j: IntArray,
    first_half_j: IntArray,
    U_nexk: Array,
    B_nf: Array,
) -> None:
    """All triples of elements and of momenta, in that order; see the module."""
    n_elements, twojmax, n_triples = U_nexk.shape[1], len(first_j) - 2, len(first_c_t)
    row = (twojmax + 2) * ENTRY
    U_v, B_v = lanes_room(n_elements, first_j), np.empty(B_nf.shape[1] * LANES)
    W_v, X_v = np.empty((twojmax + 1) * row), np.empty((twojmax // 2 + 1) * row)
    for n in range(start, stop, LANES):
        fill(n, stop, first_j, first_half_j, U_nexk, U_v)
        B_v[:] = 0.0
        for g in range(len(pair_gx)):
            for e1 in range(n_elements):
                for e2 in range(n_elements):
                    f = (e1 * n_elements + e2) * n_elements * n_triples + pair_gx[g, FIRST_TRIPLE]
                    couple(pair_gx[g], first_c_t, C_c, first_j, e1, e2, n_elements, U_v, row, W_v, X_v, f, B_v)
        for l in range(min(LANES, stop - n)):
            for f in range(B_nf.shape[1]):
                B_nf[n + l, f] = B_v[f * LANES + l]


@kernel
def couple(
    pair_x: IntArray,
    first_c_t: IntArray,
    C_c: Array,
    first_j: IntArray,
    e1: int,
    e2: int,
    n_elements: int,
    U_v: Array,
    row: int,
    W_v: Array,
    X_v: Array,
    f: int,
    B_v: Array,
) -> None:
    """Add to the triples of one pair of momenta, for two given elements and each third."""
    j1, j2, n_entries = pair_x[J1], pair_x[J2], first_j[-1]
    begin, end = sums_of_rows(pair_x)
    for rows in range(begin, end):
        weight = splat(1.0 if 2 * rows == j1 + j2 else 2.0)
        low, high = max(0, rows - j2), min(j1, rows) + 1
        skipped = without_row(pair_x, rows)
        for m2 in range(j2 + 1):
            for r in range(low, high):
                first = (e1 * n_entries + first_j[j1] + r * (j1 + 1)) * ENTRY
                second = (e2 * n_entries + first_j[j2] + (rows - r) * (j2 + 1) + m2) * ENTRY
                products(j1 + 1 + (j1 + 1) % 2, first, second, U_v, (r - low) * row, W_v)
            sum_rows(pair_x, skipped, rows, low, high, row, first_c_t, C_c, W_v, X_v)
            for i in range(skipped, pair_x[N_J]):
                j = pair_x[LOWEST_J] + 2 * i
                shift = (j1 + j2 - j) // 2
                from_m1, to_m1 = columns(j1, j, shift, m2)
                c = first_c_t[pair_x[FIRST_TRIPLE] + i] + m2 * (j1 + 1)
                for e in range(n_elements):
                    k = (e * n_entries + first_j[j] + (rows - shift) * (j + 1) + m2 - shift) * ENTRY
                    b = (f + e * len(first_c_t) + i) * LANES
                    coupled = project(from_m1, to_m1, j1 + 2, c, C_c, k, U_v, i * row, X_v)
                    store(B_v, b, fma(weight, coupled, load(B_v, b)))
