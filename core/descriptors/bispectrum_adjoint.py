r"""The way back of `bispectrum_coupling`: what an energy's derivatives by the invariants are by the density.

For :math:`E = \sum_t g_t B_t`, with Z, the sums :math:`S'` and :math:`S` and their weights as there, every term gives

.. math::
    Y^{j}_{S'-s,S-s} = \frac{\partial E}{\partial U^{j}_{S'-s,S-s}} \mathrel{+}= g_t Z^j_{S'S}, \qquad
    K_{m'_1m_1} = \sum_j C^j_{S'm'_1}\, C^j_{Sm_1}\, g_t U^{j}_{S'-s,S-s},

.. math::
    Y^{j_1}_{m'_1m_1} \mathrel{+}= K_{m'_1m_1} (U^{j_2}_{S'-m'_1,S-m_1})^*, \qquad
    Y^{j_2}_{S'-m'_1,S-m_1} \mathrel{+}= K_{m'_1m_1} (U^{j_1}_{m'_1m_1})^*

so that the cost does not grow with the number of invariants as that of their derivatives one by one. Real and imaginary
part of Y are the derivatives by those of U.

References
----------
R. Gayatri et al., Rapid exploration of optimization strategies on advanced architectures using TestSNAP and LAMMPS
(2020), for the adjoint. arXiv:2011.12875
"""

from __future__ import annotations

from typing import Any

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.descriptors.bispectrum_coupling import (
    FIRST_TRIPLE,
    J1,
    J2,
    LOWEST_J,
    N_J,
    bounds,
    fill,
    first_sum,
    lanes_room,
    last_column,
    weight_of,
    without,
)
from potscope.core.simd import LANES, fma, load, splat, store
from potscope.core.wigner import ENTRY


@kernel
def add(k: int, real: Any, imaginary: Any, Y_v: Array) -> None:
    """Add to an entry."""
    store(Y_v, k, load(Y_v, k) + real)
    store(Y_v, k + LANES, load(Y_v, k + LANES) + imaginary)


@kernel
def back(
    rows: int,
    columns: int,
    j1: int,
    j2: int,
    c: int,
    C_c: Array,
    hr: Any,
    hi: Any,
    first: int,
    second: int,
    U_v: Array,
    Y_v: Array,
) -> tuple[Any, Any]:
    """The way back of `coupled` where the derivatives by Z are h; Z itself, which is found on the way."""
    low, high = bounds(rows, j1, j2)
    from_m, to_m = bounds(columns, j1, j2)
    zr = zi = splat(0.0)
    for m in range(from_m, to_m):
        b = splat(C_c[c + columns * (j1 + 1) + m])
        pr, pi, xr, xi = b * hr, b * hi, splat(0.0), splat(0.0)
        for r in range(low, high):
            u = first + (r * (j1 + 1) + m) * ENTRY
            v = second + ((rows - r) * (j2 + 1) + columns - m) * ENTRY
            ur, ui, vr, vi = load(U_v, u), load(U_v, u + LANES), load(U_v, v), load(U_v, v + LANES)
            a = splat(C_c[c + rows * (j1 + 1) + r])
            kr, ki = a * pr, a * pi
            xr = fma(a, ur * vr - ui * vi, xr)
            xi = fma(a, ur * vi + ui * vr, xi)
            add(u, kr * vr + ki * vi, ki * vr - kr * vi, Y_v)
            add(v, kr * ur + ki * ui, ki * ur - kr * ui, Y_v)
        zr, zi = fma(b, xr, zr), fma(b, xi, zi)
    return zr, zi


@kernel
def back_two(
    rows: int,
    columns: int,
    j1: int,
    j2: int,
    c: int,
    d: int,
    C_c: Array,
    hr: Any,
    hi: Any,
    lr: Any,
    li: Any,
    first: int,
    second: int,
    U_v: Array,
    Y_v: Array,
) -> tuple[Any, Any, Any, Any]:
    """As `back`, of two j, their coefficients from the places `c` and `d` on, where the derivatives are h and l."""
    low, high = bounds(rows, j1, j2)
    from_m, to_m = bounds(columns, j1, j2)
    zr = zi = yr = yi = splat(0.0)
    for m in range(from_m, to_m):
        place = columns * (j1 + 1) + m
        b, e = splat(C_c[c + place]), splat(C_c[d + place])
        pr, pi, qr, qi = b * hr, b * hi, e * lr, e * li
        xr = xi = tr = ti = splat(0.0)
        for r in range(low, high):
            u = first + (r * (j1 + 1) + m) * ENTRY
            v = second + ((rows - r) * (j2 + 1) + columns - m) * ENTRY
            ur, ui, vr, vi = load(U_v, u), load(U_v, u + LANES), load(U_v, v), load(U_v, v + LANES)
            real, imaginary = ur * vr - ui * vi, ur * vi + ui * vr
            place = rows * (j1 + 1) + r
            a, f = splat(C_c[c + place]), splat(C_c[d + place])
            kr, ki = fma(a, pr, f * qr), fma(a, pi, f * qi)
            xr, xi, tr, ti = fma(a, real, xr), fma(a, imaginary, xi), fma(f, real, tr), fma(f, imaginary, ti)
            add(u, kr * vr + ki * vi, ki * vr - kr * vi, Y_v)
            add(v, kr * ur + ki * ui, ki * ur - kr * ui, Y_v)
        zr, zi, yr, yi = fma(b, xr, zr), fma(b, xi, zi), fma(e, tr, yr), fma(e, ti, yi)
    return zr, zi, yr, yi


@kernel
def derivative_by_z(
    weight: float, n_elements: int, step: int, g: int, g_v: Array, n_entries: int, k: int, U_v: Array
) -> tuple[Any, Any]:
    """The entry of each third element times the derivatives by the invariant with it."""
    hr = hi = splat(0.0)
    for e in range(n_elements):
        factor = splat(weight) * load(g_v, (g + e * step) * LANES)
        hr = fma(factor, load(U_v, (e * n_entries + k) * ENTRY), hr)
        hi = fma(factor, load(U_v, (e * n_entries + k) * ENTRY + LANES), hi)
    return hr, hi


@kernel
def add_z(
    weight: float,
    n_elements: int,
    step: int,
    g: int,
    g_v: Array,
    n_entries: int,
    k: int,
    zr: Any,
    zi: Any,
    Y_v: Array,
) -> None:
    """Add Z times the derivatives by the invariants to those by the entry of each third element."""
    for e in range(n_elements):
        factor = splat(weight) * load(g_v, (g + e * step) * LANES)
        add((e * n_entries + k) * ENTRY, factor * zr, factor * zi, Y_v)


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
) -> None:
    """Add what the triples of one pair of momenta, two given elements and each third give; see the module."""
    j1, j2, n_entries, t0, step = pair_x[J1], pair_x[J2], first_j[-1], pair_x[FIRST_TRIPLE], len(first_c_t)
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
                hr, hi = derivative_by_z(weight, n_elements, step, f + i, g_v, n_entries, k, U_v)
                if i + 1 == pair_x[N_J]:
                    zr, zi = back(rows, columns, j1, j2, c, C_c, hr, hi, first, second, U_v, Y_v)
                else:
                    d = first_c_t[t0 + i + 1]
                    h = first_j[j + 2] + (rows - shift + 1) * (j + 3) + columns - shift + 1
                    lr, li = derivative_by_z(weight, n_elements, step, f + i + 1, g_v, n_entries, h, U_v)
                    zr, zi, yr, yi = back_two(rows, columns, j1, j2, c, d, C_c, hr, hi, lr, li, first, second, U_v, Y_v)
                    add_z(weight, n_elements, step, f + i + 1, g_v, n_entries, h, yr, yi, Y_v)
                add_z(weight, n_elements, step, f + i, g_v, n_entries, k, zr, zi, Y_v)
                i += 2


@kernel
def unfill(e: int, j: int, count: int, first_j: IntArray, first_half_j: IntArray, Y_v: Array, Y_nexk: Array) -> None:
    """The way back of `fill`, for `count` atoms, one element and one j: derivatives by the half rows."""
    for row in range(j // 2 + 1):
        for m in range(j + 1):
            v = (e * first_j[-1] + first_j[j] + row * (j + 1) + m) * ENTRY
            mirrored = (e * first_j[-1] + first_j[j] + (j - row) * (j + 1) + j - m) * ENTRY
            sign = 0.0 if 2 * row == j else (1.0 if (row + m) % 2 == 0 else -1.0)
            k = first_half_j[j] + row * (j + 1) + m
            for l in range(count):
                Y_nexk[l, e, 0, k] = Y_v[v + l] + sign * Y_v[mirrored + l]
                Y_nexk[l, e, 1, k] = Y_v[v + LANES + l] - sign * Y_v[mirrored + LANES + l]


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
                    couple_back(pair_gx[g], first_c_t, C_c, first_j, e1, e2, n_elements, U_v, f, g_v, Y_v)
        for e in range(n_elements):
            for j in range(len(first_j) - 1):
                unfill(e, j, count, first_j, first_half_j, Y_v, Y_nexk[n:])
