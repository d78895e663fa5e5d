r"""The loops of the bispectrum over neighbours: where they are on the sphere, their density, and the way back.

Axes: n atoms, p pairs, e elements (one, if they are not told apart), k entries of the half rows of all j, f features, c
Cartesian. Within one atom the neighbours of an element run in the innermost, contiguous axis (q), with weightless ones
added up to a multiple of `WIDTH`, so that loops over them have no remainder.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.wigner import next_polynomials

WIDTH = 8

A_REAL, A_IMAGINARY, B_REAL, B_IMAGINARY, SINE, WEIGHT, WEIGHT_SLOPE, ANGLE_SLOPE, DISTANCE, X, Y, Z = range(12)
"""Columns of what there is to know of a neighbour: point on the sphere, weight and slopes, distance and direction."""

COLUMNS = 12


@kernel
def switching(r: float, cutoff: float, rmin0: float, switch: bool) -> tuple[float, float]:
    """The weight of a neighbour by its distance, one up to `rmin0`, and its derivative."""
    if not switch or r <= rmin0:
        return 1.0, 0.0
    x = np.pi * (r - rmin0) / (cutoff - rmin0)
    return 0.5 * (1.0 + np.cos(x)), -0.5 * np.pi / (cutoff - rmin0) * np.sin(x)


@kernel
def inner_switching(r: float, middle: float, width: float) -> tuple[float, float]:
    """The factor that takes near neighbours out, zero below `middle` − `width`, and its derivative."""
    if r >= middle + width:
        return 1.0, 0.0
    if r <= middle - width:
        return 0.0, 0.0
    x = 0.5 * np.pi * (r - middle) / width
    return 0.5 * (1.0 + np.sin(x)), 0.25 * np.pi / width * np.cos(x)


@kernel
def to_sphere(
    start: int,
    stop: int,
    first_n: IntArray,
    species_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    radius_z: Array,
    weight_z: Array,
    middle_z: Array,
    width_z: Array,
    rfac0: float,
    rmin0: float,
    switch: bool,
    inner: bool,
    point_px: Array,
) -> None:
    r"""Where each neighbour is on the sphere, with what weight; all zero for a pair that is beyond its cutoff.

    .. math::
        \theta = \pi\, r_\text{fac0} \frac{r - r_\text{min0}}{r_c - r_\text{min0}}, \qquad
        a = \sigma \cos\theta - i\,|\sin\theta|\,\frac zr, \qquad b = |\sin\theta|\,\frac{y - i x}{r},
        \qquad \sigma = \operatorname{sign}(\sin\theta)
    """
    for n in range(start, stop):
        own = species_n[n]
        for p in range(first_n[n], first_n[n + 1]):
            other = species_p[p]
            x, y, z = D_pc[p, 0], D_pc[p, 1], D_pc[p, 2]
            r = np.sqrt(x * x + y * y + z * z)
            cutoff = radius_z[own] + radius_z[other]
            if r >= cutoff:
                point_px[p] = 0.0
                continue
            weight, slope = switching(r, cutoff, rmin0, switch)
            if inner:
                middle, width = 0.5 * (middle_z[own] + middle_z[other]), 0.5 * (width_z[own] + width_z[other])
                factor, factor_slope = inner_switching(r, middle, width)
                weight, slope = weight * factor, slope * factor + weight * factor_slope
            angle_slope = np.pi * rfac0 / (cutoff - rmin0)
            angle = angle_slope * (r - rmin0)
            sign = -1.0 if np.sin(angle) < 0.0 else 1.0
            cosine, sine = sign * np.cos(angle), sign * np.sin(angle)
            point_px[p, A_REAL] = cosine
            point_px[p, A_IMAGINARY] = -sine * z / r
            point_px[p, B_REAL] = sine * y / r
            point_px[p, B_IMAGINARY] = -sine * x / r
            point_px[p, SINE] = sine
            point_px[p, WEIGHT] = weight_z[other] * weight
            point_px[p, WEIGHT_SLOPE] = weight_z[other] * slope
            point_px[p, ANGLE_SLOPE] = angle_slope
            point_px[p, DISTANCE] = r
            point_px[p, X] = x / r
            point_px[p, Y] = y / r
            point_px[p, Z] = z / r


@kernel
def gather(
    start: int, stop: int, element: int, element_p: IntArray, point_px: Array, pair_q: IntArray, point_xq: Array
) -> int:
    """The neighbours of one element within their cutoffs, filled up with weightless ones; how many there are then."""
    n = 0
    for p in range(start, stop):
        if element_p[p] == element and (point_px[p, WEIGHT] != 0.0 or point_px[p, WEIGHT_SLOPE] != 0.0):
            pair_q[n] = p
            for x in range(COLUMNS):
                point_xq[x, n] = point_px[p, x]
            n += 1
    while n % WIDTH:
        pair_q[n] = -1
        for x in range(COLUMNS):
            point_xq[x, n] = 0.0
        point_xq[A_REAL, n] = 1.0
        point_xq[DISTANCE, n] = 1.0
        n += 1
    return n


@kernel
def widest(start: int, stop: int, first_n: IntArray) -> int:
    """Room for the neighbours of any atom of the range, filled up."""
    most = 0
    for n in range(start, stop):
        most = max(most, first_n[n + 1] - first_n[n])
    return (most // WIDTH + 1) * WIDTH


@kernel
def room(first_n: IntArray, start: int, stop: int, twojmax: int) -> tuple[IntArray, Array, Array, Array]:
    """Buffers for the neighbours of an atom and the polynomials, real and imaginary, of two consecutive j."""
    most = widest(start, stop, first_n)
    level = (twojmax // 2 + 1) * (twojmax + 1)
    return np.empty(most, np.int64), np.empty((COLUMNS, most)), np.empty((2, level, most)), np.empty((2, level, most))


@kernel
def first_polynomial(n: int, Pr_kq: Array, Pi_kq: Array) -> None:
    """:math:`P^0 = 1`."""
    for q in range(n):
        Pr_kq[0, q] = 1.0
        Pi_kq[0, q] = 0.0


@kernel
def weighted_sums(n: int, rows: int, weight_q: Array, P_kq: Array, sum_k: Array) -> None:
    """Sums over the neighbours of one level."""
    end = np.uint64(n)
    for k in range(rows):
        total = 0.0
        for q in range(end):
            total += weight_q[q] * P_kq[k, q]
        sum_k[k] = total


@kernel
def density(
    start: int,
    stop: int,
    first_n: IntArray,
    element_n: IntArray,
    element_p: IntArray,
    point_px: Array,
    twojmax: int,
    first_j: IntArray,
    norm_k: Array,
    wselfall: bool,
    U_nexk: Array,
) -> None:
    r"""Coefficients of the density of each element, half rows, real and imaginary parts (x).

    .. math:: U^{e,j}_{m'm} = w_0\,\delta_{m'm} + \sum_{q \in e} w_q\, U^j_{m'm}(a_q, b_q)

    The atom itself counts for its own element, or with `wselfall` for every one.
    """
    n_elements = U_nexk.shape[1]
    pair_q, point_xq, Pr_jkq, Pi_jkq = room(first_n, start, stop, twojmax)
    for n in range(start, stop):
        for e in range(n_elements):
            U_xk = U_nexk[n, e]
            size = gather(first_n[n], first_n[n + 1], e, element_p, point_px, pair_q, point_xq)
            first_polynomial(size, Pr_jkq[0], Pi_jkq[0])
            for j in range(twojmax + 1):
                new, old = j % 2, 1 - j % 2
                if j > 0:
                    next_polynomials(
                        j,
                        size,
                        point_xq[A_REAL],
                        point_xq[A_IMAGINARY],
                        point_xq[B_REAL],
                        point_xq[B_IMAGINARY],
                        Pr_jkq[old],
                        Pi_jkq[old],
                        Pr_jkq[new],
                        Pi_jkq[new],
                    )
                rows = first_j[j + 1] - first_j[j]
                weighted_sums(size, rows, point_xq[WEIGHT], Pr_jkq[new], U_xk[0, first_j[j] :])
                weighted_sums(size, rows, point_xq[WEIGHT], Pi_jkq[new], U_xk[1, first_j[j] :])
            for k in range(len(norm_k)):
                U_xk[0, k] *= norm_k[k]
                U_xk[1, k] *= norm_k[k]
            if wselfall or e == element_n[n]:
                for j in range(twojmax + 1):
                    for row in range(j // 2 + 1):
                        U_xk[0, first_j[j] + row * (j + 2)] += 1.0


@kernel
def add_mirrored(j: int, row: int, m: int, cr: float, ci: float, first_j: IntArray, c_yk: Array) -> None:
    r"""Add a coefficient of :math:`P^j_{m'm}`, which in the lower rows is ± the conjugate of one in the upper."""
    if 2 * row <= j:
        k = first_j[j] + row * (j + 1) + m
        c_yk[0, k] += cr
        c_yk[1, k] += ci
        return
    k = first_j[j] + (j - row) * (j + 1) + j - m
    sign = 1.0 if (row + m) % 2 == 0 else -1.0
    c_yk[2, k] += sign * cr
    c_yk[3, k] += sign * ci


@kernel
def slopes(twojmax: int, first_j: IntArray, y_xk: Array, A_yk: Array, B_yk: Array) -> None:
    r"""The function :math:`\operatorname{Re} \sum_k y_k^* P_k` differentiated, as coefficients of the next lower j.

    .. math::
        d = \operatorname{Re}\left(G_a\, da^* + G_b\, db^*\right), \qquad
        G_a = \sum_k \left(A_k P_k + A'_k P_k^*\right), \quad G_b = \sum_k \left(B_k P_k + B'_k P_k^*\right)

    with real and imaginary parts of A and A' in the first axis; then, for the use in real loops, as sums with
    the real and the imaginary part of P.
    """
    A_yk[:] = 0.0
    B_yk[:] = 0.0
    for j in range(1, twojmax + 1):
        for row in range(j // 2 + 1):
            for m in range(j + 1):
                k = first_j[j] + row * (j + 1) + m
                yr, yi = y_xk[0, k], y_xk[1, k]
                if m < j:
                    add_mirrored(j - 1, row, m, (j - row) * yr, -(j - row) * yi, first_j, A_yk)
                if m > 0:
                    add_mirrored(j - 1, row, m - 1, -(j - row) * yr, (j - row) * yi, first_j, B_yk)
                if row > 0:
                    below = first_j[j - 1] + (row - 1) * j + m
                    if m > 0:
                        A_yk[2, below - 1] += row * yr
                        A_yk[3, below - 1] += row * yi
                    if m < j:
                        B_yk[2, below] += row * yr
                        B_yk[3, below] += row * yi
    for k in range(first_j[twojmax]):
        for G_yk in (A_yk, B_yk):
            cr, ci, dr, di = G_yk[0, k], G_yk[1, k], G_yk[2, k], G_yk[3, k]
            G_yk[0, k], G_yk[1, k] = cr + dr, ci + di
            G_yk[2, k], G_yk[3, k] = di - ci, cr - dr


@kernel
def add_products(n: int, rows: int, c_k: Array, d_k: Array, Pr_kq: Array, Pi_kq: Array, total_q: Array) -> None:
    r"""Add :math:`\sum_k (c_k \operatorname{Re} P_k + d_k \operatorname{Im} P_k)`."""
    end = np.uint64(n)
    for k in range(rows):
        c, d = c_k[k], d_k[k]
        for q in range(end):
            total_q[q] += c * Pr_kq[k, q] + d * Pi_kq[k, q]


@kernel
def adjoint(
    start: int,
    stop: int,
    first_n: IntArray,
    element_p: IntArray,
    point_px: Array,
    twojmax: int,
    first_j: IntArray,
    norm_k: Array,
    Y_nexk: Array,
    dE_dD_pc: Array,
) -> None:
    r""":math:`\partial E/\partial\mathbf D_p` from :math:`Y = \partial E/\partial U`, real and imaginary parts.

    With :math:`V = \sum_k Y_k \cdot U_k` of one neighbour and its derivatives :math:`G_a`, :math:`G_b` by
    :math:`a^*` and :math:`b^*`, :math:`\mathbf t = (-\operatorname{Im} G_b, \operatorname{Re} G_b, -\operatorname{Im}
    G_a)`, :math:`C = \operatorname{Re} a` and :math:`S = \sqrt{1 - C^2}`,

    .. math::
        \frac{\partial E}{\partial\mathbf D} = \hat{\mathbf u} \left[w' V + w\,\theta' \left(C\,\mathbf t \cdot
        \hat{\mathbf u} - S \operatorname{Re} G_a\right)\right] + w \frac Sr \left[\mathbf t - \hat{\mathbf u}\,
        (\mathbf t \cdot \hat{\mathbf u})\right]
    """
    n_elements, n_k = Y_nexk.shape[1], Y_nexk.shape[3]
    pair_q, point_xq, Pr_jkq, Pi_jkq = room(first_n, start, stop, twojmax)
    y_xk, A_yk, B_yk = np.empty((2, n_k)), np.empty((4, n_k)), np.empty((4, n_k))
    total_gq = np.empty((5, point_xq.shape[1]))
    for p in range(first_n[start], first_n[stop]):
        dE_dD_pc[p] = 0.0
    for n in range(start, stop):
        for e in range(n_elements):
            size = gather(first_n[n], first_n[n + 1], e, element_p, point_px, pair_q, point_xq)
            if size == 0:
                continue
            for x in range(2):
                for k in range(n_k):
                    y_xk[x, k] = norm_k[k] * Y_nexk[n, e, x, k]
            slopes(twojmax, first_j, y_xk, A_yk, B_yk)
            total_gq[:, :size] = 0.0
            first_polynomial(size, Pr_jkq[0], Pi_jkq[0])
            for j in range(twojmax + 1):
                new, old = j % 2, 1 - j % 2
                if j > 0:
                    next_polynomials(
                        j,
                        size,
                        point_xq[A_REAL],
                        point_xq[A_IMAGINARY],
                        point_xq[B_REAL],
                        point_xq[B_IMAGINARY],
                        Pr_jkq[old],
                        Pi_jkq[old],
                        Pr_jkq[new],
                        Pi_jkq[new],
                    )
                k, rows = first_j[j], first_j[j + 1] - first_j[j]
                add_products(size, rows, y_xk[0, k:], y_xk[1, k:], Pr_jkq[new], Pi_jkq[new], total_gq[0])
                if j < twojmax:
                    add_products(size, rows, A_yk[0, k:], A_yk[2, k:], Pr_jkq[new], Pi_jkq[new], total_gq[1])
                    add_products(size, rows, A_yk[1, k:], A_yk[3, k:], Pr_jkq[new], Pi_jkq[new], total_gq[2])
                    add_products(size, rows, B_yk[0, k:], B_yk[2, k:], Pr_jkq[new], Pi_jkq[new], total_gq[3])
                    add_products(size, rows, B_yk[1, k:], B_yk[3, k:], Pr_jkq[new], Pi_jkq[new], total_gq[4])
            chain_rule(size, pair_q, point_xq, total_gq, dE_dD_pc)


@kernel
def chain_rule(n: int, pair_q: IntArray, point_xq: Array, total_gq: Array, dE_dD_pc: Array) -> None:
    """From the derivatives by the point on the sphere to those by the vector; see `adjoint`."""
    for q in range(n):
        p = pair_q[q]
        if p < 0:
            continue
        x, y, z = point_xq[X, q], point_xq[Y, q], point_xq[Z, q]
        tx, ty, tz = -total_gq[4, q], total_gq[3, q], -total_gq[2, q]
        along = tx * x + ty * y + tz * z
        cosine, sine, weight = point_xq[A_REAL, q], point_xq[SINE, q], point_xq[WEIGHT, q]
        radial = point_xq[WEIGHT_SLOPE, q] * total_gq[0, q]
        radial += weight * point_xq[ANGLE_SLOPE, q] * (cosine * along - sine * total_gq[1, q])
        across = weight * sine / point_xq[DISTANCE, q]
        dE_dD_pc[p, 0] = x * radial + across * (tx - x * along)
        dE_dD_pc[p, 1] = y * radial + across * (ty - y * along)
        dE_dD_pc[p, 2] = z * radial + across * (tz - z * along)
