r"""The loops of the bispectrum over momenta: the invariants of a density, and their adjoint.

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

Eight atoms (`LANES`) go side by side in the innermost axis (l), so that every loop is one of vector instructions
however short the sums over momenta are. Other axes: e elements, k entries of all rows of all j, t triples of momenta, g
pairs of momenta, i products with the same sum of rows; what is ``flat`` has real parts of all m, then imaginary parts.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel

LANES = 8


FIRST_TRIPLE, N_J, LOWEST_J, J1, J2 = range(5)
"""Columns of a pair of momenta j₁ ≥ j₂: its triples are consecutive, with j ≥ j₁ in steps of 2."""

PAIR_COLUMNS = 5


@kernel
def products(n: int, k1: int, k2: int, U_xkl: Array, V_xkl: Array, W_w: Array) -> None:
    """Flat products of `n` consecutive entries of U, from `k1` on, with one of V."""
    half = n * LANES
    for m in range(n):
        for l in range(LANES):
            ur, ui, vr, vi = U_xkl[0, k1 + m, l], U_xkl[1, k1 + m, l], V_xkl[0, k2, l], V_xkl[1, k2, l]
            W_w[m * LANES + l] = ur * vr - ui * vi
            W_w[half + m * LANES + l] = ur * vi + ui * vr


@kernel
def combine(n: int, size: int, c_i: Array, W_iw: Array, X_w: Array) -> None:
    """The sum of the first `n` rows of W with coefficients, two rows at a time."""
    end = np.uint64(size)
    if n % 2:
        c = c_i[0]
        for w in range(end):
            X_w[w] = c * W_iw[0, w]
    else:
        c, d = c_i[0], c_i[1]
        for w in range(end):
            X_w[w] = c * W_iw[0, w] + d * W_iw[1, w]
    for i in range(2 - n % 2, n, 2):
        c, d = c_i[i], c_i[i + 1]
        for w in range(end):
            X_w[w] += c * W_iw[i, w] + d * W_iw[i + 1, w]


@kernel
def project(
    low: int, high: int, j1: int, weight: float, C_m: Array, k: int, U_xkl: Array, X_w: Array, total_l: Array
) -> None:
    """Add the real part of X times the conjugate of U, from entry `k` on, coupled along m₁."""
    half = (j1 + 1) * LANES
    for m in range(low, high):
        c = weight * C_m[m * (j1 + 2)]
        for l in range(LANES):
            total_l[l] += c * (U_xkl[0, k + m, l] * X_w[m * LANES + l] + U_xkl[1, k + m, l] * X_w[half + m * LANES + l])


@kernel
def load(n: int, stop: int, first_j: IntArray, first_half_j: IntArray, U_nexk: Array, U_exkl: Array) -> None:
    """Put the atoms from `n` on side by side, at most until `stop`, with all rows; the rest of the lanes is zero."""
    twojmax = len(first_j) - 2
    for l in range(LANES):
        for e in range(U_exkl.shape[0]):
            if n + l >= stop:
                U_exkl[e, :, :, l] = 0.0
                continue
            U_xk = U_nexk[n + l, e]
            for j in range(twojmax + 1):
                for row in range(j // 2 + 1):
                    for m in range(j + 1):
                        real = U_xk[0, first_half_j[j] + row * (j + 1) + m]
                        imaginary = U_xk[1, first_half_j[j] + row * (j + 1) + m]
                        k = first_j[j] + row * (j + 1) + m
                        U_exkl[e, 0, k, l] = real
                        U_exkl[e, 1, k, l] = imaginary
                        if 2 * row < j:
                            mirrored = first_j[j] + (j - row) * (j + 1) + j - m
                            sign = 1.0 if (row + m) % 2 == 0 else -1.0
                            U_exkl[e, 0, mirrored, l] = sign * real
                            U_exkl[e, 1, mirrored, l] = -sign * imaginary


@kernel
def store(n: int, stop: int, first_j: IntArray, first_half_j: IntArray, Y_exkl: Array, Y_nexk: Array) -> None:
    """The way back of `load`: derivatives by the half rows."""
    twojmax = len(first_j) - 2
    for l in range(min(LANES, stop - n)):
        for e in range(Y_exkl.shape[0]):
            Y_xk = Y_nexk[n + l, e]
            for j in range(twojmax + 1):
                for row in range(j // 2 + 1):
                    for m in range(j + 1):
                        k = first_j[j] + row * (j + 1) + m
                        real, imaginary = Y_exkl[e, 0, k, l], Y_exkl[e, 1, k, l]
                        if 2 * row < j:
                            mirrored = first_j[j] + (j - row) * (j + 1) + j - m
                            sign = 1.0 if (row + m) % 2 == 0 else -1.0
                            real += sign * Y_exkl[e, 0, mirrored, l]
                            imaginary -= sign * Y_exkl[e, 1, mirrored, l]
                        Y_xk[0, first_half_j[j] + row * (j + 1) + m] = real
                        Y_xk[1, first_half_j[j] + row * (j + 1) + m] = imaginary


@kernel
def sums_of_rows(j1: int, j2: int, highest: int) -> tuple[int, int]:
    """The sums of rows m'₁ + m'₂ that count: from the first at which some j has a row to the middle."""
    return (j1 + j2 - highest) // 2, (j1 + j2) // 2 + 1


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
    U_exkl = np.empty((n_elements, 2, first_j[-1], LANES))
    B_fl = np.empty((B_nf.shape[1], LANES))
    W_iw = np.empty((twojmax + 1, 2 * (twojmax + 1) * LANES))
    X_w = np.empty(W_iw.shape[1])
    for n in range(start, stop, LANES):
        load(n, stop, first_j, first_half_j, U_nexk, U_exkl)
        B_fl[:] = 0.0
        for g in range(len(pair_gx)):
            for e1 in range(n_elements):
                for e2 in range(n_elements):
                    f = (e1 * n_elements + e2) * n_elements * n_triples + pair_gx[g, FIRST_TRIPLE]
                    couple(pair_gx[g], first_c_t, C_c, first_j, U_exkl[e1], U_exkl[e2], U_exkl, W_iw, X_w, B_fl[f:])
        for l in range(min(LANES, stop - n)):
            for f in range(B_nf.shape[1]):
                B_nf[n + l, f] = B_fl[f, l]


@kernel
def couple(
    pair_x: IntArray,
    first_c_t: IntArray,
    C_c: Array,
    first_j: IntArray,
    U_xkl: Array,
    V_xkl: Array,
    U_exkl: Array,
    W_iw: Array,
    X_w: Array,
    B_fl: Array,
) -> None:
    """The triples of one pair of momenta, for two given elements and each third."""
    j1, j2, lowest, n_triples = pair_x[J1], pair_x[J2], pair_x[LOWEST_J], len(first_c_t)
    size = 2 * (j1 + 1) * LANES
    begin, end = sums_of_rows(j1, j2, lowest + 2 * (pair_x[N_J] - 1))
    for rows in range(begin, end):
        weight = 1.0 if 2 * rows == j1 + j2 else 2.0
        low, high = max(0, rows - j2), min(j1, rows) + 1
        for m2 in range(j2 + 1):
            for row in range(low, high):
                k2 = first_j[j2] + (rows - row) * (j2 + 1) + m2
                products(j1 + 1, first_j[j1] + row * (j1 + 1), k2, U_xkl, V_xkl, W_iw[row - low])
            for i in range(pair_x[N_J]):
                j = lowest + 2 * i
                shift = (j1 + j2 - j) // 2
                if rows < shift:
                    continue
                C_m = C_c[first_c_t[pair_x[FIRST_TRIPLE] + i] :]
                combine(high - low, size, C_m[rows * (j1 + 1) + low :], W_iw, X_w)
                first, last = columns(j1, j, shift, m2)
                k = first_j[j] + (rows - shift) * (j + 1) + m2 - shift
                for e in range(U_exkl.shape[0]):
                    project(first, last, j1, weight, C_m[m2 * (j1 + 1) :], k, U_exkl[e], X_w, B_fl[e * n_triples + i])
