r"""The loops of the bispectrum over momenta: the invariants of a density.

With :math:`C` the coupling coefficients and U as in `potscope.core.wigner`, both at sums :math:`S' = m'_1 + m'_2` and
:math:`S = m_1 + m_2` instead of at :math:`m'_2` and :math:`m_2`,

.. math::
    Z^j_{S'S} = \sum_{m_1} C^j_{Sm_1} \sum_{m'_1} C^j_{S'm'_1} U^{j_1}_{m'_1m_1} U^{j_2}_{S'-m'_1,S-m_1}, \qquad
    B_{j_1j_2j} = \sum_{S'S} \operatorname{Re}\left[Z^j_{S'S} (U^{j}_{S'-s,S-s})^*\right],
    \qquad s = \tfrac12 (j_1+j_2-j)

Of all rows and columns the first half is enough, to the middle :math:`S' = S = (j_1+j_2)/2`, with weight 2 for all but
the middle itself: the rest is its mirror image. The products of U are the same for all j, so two j go together.

Eight atoms go side by side as `Lanes`. Arrays of lanes are flat; an entry k takes `ENTRY` numbers, its real part and
its imaginary part. Axes: e elements, k entries of all rows of all j, t triples of momenta, g pairs of momenta, v
anything flat.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.simd import LANES, fma, load, splat, store
from potscope.core.wigner import ENTRY

FIRST_TRIPLE, N_J, LOWEST_J, J1, J2 = range(5)
"""Columns of a pair of momenta j₁ ≥ j₂: its triples are consecutive, with j ≥ j₁ in steps of 2."""


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
    """Room for the densities of eight atoms."""
    return np.zeros(n_elements * first_j[-1] * ENTRY)


@kernel
def bounds(sum_: int, j1: int, j2: int) -> tuple[int, int]:
    """The first m₁, and one more than the last, that have an m₂ with a given sum."""
    return max(0, sum_ - j2), min(j1, sum_) + 1


@kernel
def first_sum(pair_x: IntArray) -> int:
    """The first sum of rows, or of columns, that belongs to any j: of the highest."""
    return int((pair_x[J1] + pair_x[J2] - pair_x[LOWEST_J]) // 2 - pair_x[N_J] + 1)


@kernel
def without(pair_x: IntArray, rows: int, columns: int) -> int:
    """How many of the j, the lowest ones, do not have a row and a column at given sums."""
    both = pair_x[J1] + pair_x[J2]
    lowest = max(abs(both - 2 * rows), abs(both - 2 * columns))
    return int(max(0, (lowest - pair_x[LOWEST_J]) // 2))


@kernel
def weight_of(both: int, rows: int, columns: int) -> float:
    """1 for the middle row and column, 2 for what has a mirror image."""
    return 1.0 if 2 * rows == both and 2 * columns == both else 2.0


@kernel
def last_column(both: int, rows: int, first: int) -> int:
    """One more than the last sum of columns that counts: all of them, or the first half in the middle row."""
    return both // 2 + 1 if 2 * rows == both else both - first + 1


@kernel
def coupled(
    rows: int, columns: int, j1: int, j2: int, c: int, C_c: Array, first: int, second: int, U_v: Array
) -> tuple[Any, Any]:
    """Z of one j, its coefficients from place `c` on, of the densities that begin at `first` and `second`."""
    low, high = bounds(rows, j1, j2)
    from_m, to_m = bounds(columns, j1, j2)
    zr = zi = splat(0.0)
    for m in range(from_m, to_m):
        xr = xi = splat(0.0)
        for r in range(low, high):
            u = first + (r * (j1 + 1) + m) * ENTRY
            v = second + ((rows - r) * (j2 + 1) + columns - m) * ENTRY
            ur, ui, vr, vi = load(U_v, u), load(U_v, u + LANES), load(U_v, v), load(U_v, v + LANES)
            a = C_c[c + rows * (j1 + 1) + r]
            xr = fma(a, ur * vr - ui * vi, xr)
            xi = fma(a, ur * vi + ui * vr, xi)
        b = C_c[c + columns * (j1 + 1) + m]
        zr, zi = fma(b, xr, zr), fma(b, xi, zi)
    return zr, zi


@kernel
def coupled_two(
    rows: int, columns: int, j1: int, j2: int, c: int, d: int, C_c: Array, first: int, second: int, U_v: Array
) -> tuple[Any, Any, Any, Any]:
    """As `coupled`, of two j, their coefficients from the places `c` and `d` on."""
    low, high = bounds(rows, j1, j2)
    from_m, to_m = bounds(columns, j1, j2)
    zr = zi = yr = yi = splat(0.0)
    for m in range(from_m, to_m):
        xr = xi = tr = ti = splat(0.0)
        for r in range(low, high):
            u = first + (r * (j1 + 1) + m) * ENTRY
            v = second + ((rows - r) * (j2 + 1) + columns - m) * ENTRY
            ur, ui, vr, vi = load(U_v, u), load(U_v, u + LANES), load(U_v, v), load(U_v, v + LANES)
            real, imaginary = ur * vr - ui * vi, ur * vi + ui * vr
            place = rows * (j1 + 1) + r
            xr, xi = fma(C_c[c + place], real, xr), fma(C_c[c + place], imaginary, xi)
            tr, ti = fma(C_c[d + place], real, tr), fma(C_c[d + place], imaginary, ti)
        place = columns * (j1 + 1) + m
        zr, zi = fma(C_c[c + place], xr, zr), fma(C_c[c + place], xi, zi)
        yr, yi = fma(C_c[d + place], tr, yr), fma(C_c[d + place], ti, yi)
    return zr, zi, yr, yi


@kernel
def add_invariant(weight: float, zr: Any, zi: Any, k: int, U_v: Array, b: int, B_v: Array) -> None:
    """Add the real part of Z times the conjugate of an entry."""
    term = fma(zr, load(U_v, k), zi * load(U_v, k + LANES))
    store(B_v, b, fma(weight, term, load(B_v, b)))


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
    f: int,
    B_v: Array,
) -> None:
    """Add to the triples of one pair of momenta, for two given elements and each third."""
    j1, j2, n_entries, t0 = pair_x[J1], pair_x[J2], first_j[-1], pair_x[FIRST_TRIPLE]
    both, begin = j1 + j2, first_sum(pair_x)
    first, second = (e1 * n_entries + first_j[j1]) * ENTRY, (e2 * n_entries + first_j[j2]) * ENTRY
    for rows in range(begin, both // 2 + 1):
        for columns in range(begin, last_column(both, rows, begin)):
            weight = weight_of(both, rows, columns)
            i = without(pair_x, rows, columns)
            while i < pair_x[N_J]:
                j, c = pair_x[LOWEST_J] + 2 * i, first_c_t[t0 + i]
                shift = (both - j) // 2
                k = first_j[j] + (rows - shift) * (j + 1) + columns - shift
                b = (f + i) * LANES
                if i + 1 == pair_x[N_J]:
                    zr, zi = coupled(rows, columns, j1, j2, c, C_c, first, second, U_v)
                    for e in range(n_elements):
                        add_invariant(
                            weight, zr, zi, (e * n_entries + k) * ENTRY, U_v, b + e * len(first_c_t) * LANES, B_v
                        )
                else:
                    d = first_c_t[t0 + i + 1]
                    zr, zi, yr, yi = coupled_two(rows, columns, j1, j2, c, d, C_c, first, second, U_v)
                    h = first_j[j + 2] + (rows - shift + 1) * (j + 3) + columns - shift + 1
                    for e in range(n_elements):
                        place = b + e * len(first_c_t) * LANES
                        add_invariant(weight, zr, zi, (e * n_entries + k) * ENTRY, U_v, place, B_v)
                        add_invariant(weight, yr, yi, (e * n_entries + h) * ENTRY, U_v, place + LANES, B_v)
                i += 2


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
    n_elements, n_triples = U_nexk.shape[1], len(first_c_t)
    U_v, B_v = lanes_room(n_elements, first_j), np.empty(B_nf.shape[1] * LANES)
    for n in range(start, stop, LANES):
        fill(n, stop, first_j, first_half_j, U_nexk, U_v)
        B_v[:] = 0.0
        for g in range(len(pair_gx)):
            for e1 in range(n_elements):
                for e2 in range(n_elements):
                    f = (e1 * n_elements + e2) * n_elements * n_triples + pair_gx[g, FIRST_TRIPLE]
                    couple(pair_gx[g], first_c_t, C_c, first_j, e1, e2, n_elements, U_v, f, B_v)
        for l in range(min(LANES, stop - n)):
            for f in range(B_nf.shape[1]):
                B_nf[n + l, f] = B_v[f * LANES + l]
