r"""The loops of the bispectrum over neighbours: where they are on the sphere, their density, and the way back.

Axes: n atoms, p pairs, e elements (one, if they are not told apart), k entries of the half rows of all j, c Cartesian,
v anything flat. Within one atom the neighbours of an element run in the innermost, contiguous axis (q), with weightless
ones added up to a multiple of `LANES`: they are taken eight at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.simd import LANES, fma, load, splat, store, total
from potscope.core.wigner import ENTRY, polynomials

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
    while n % LANES:
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
    return (most // LANES + 1) * LANES


@kernel
def at(column: int, q: int, point_xq: Array) -> Any:
    """One column of the eight neighbours from `q` on."""
    return load(point_xq, column * point_xq.shape[1] + q)


@kernel
def polynomials_of(q: int, point_xq: Array, first_j: IntArray, P_v: Array) -> None:
    """The polynomials of the eight neighbours from `q` on."""
    ar, ai, br, bi = (
        at(A_REAL, q, point_xq),
        at(A_IMAGINARY, q, point_xq),
        at(B_REAL, q, point_xq),
        at(B_IMAGINARY, q, point_xq),
    )
    polynomials(first_j, ar, ai, br, bi, P_v)


@kernel
def density(
    start: int,
    stop: int,
    first_n: IntArray,
    element_n: IntArray,
    element_p: IntArray,
    point_px: Array,
    first_j: IntArray,
    norm_k: Array,
    wselfall: bool,
    U_nexk: Array,
) -> None:
    r"""Coefficients of the density of each element, half rows, real and imaginary parts (x).

    .. math:: U^{e,j}_{m'm} = w_0\,\delta_{m'm} + \sum_{q \in e} w_q\, U^j_{m'm}(a_q, b_q)

    The atom itself counts for its own element, or with `wselfall` for every one.
    """
    most = widest(start, stop, first_n)
    pair_q, point_xq = np.empty(most, np.int64), np.empty((COLUMNS, most))
    P_v, sum_v = np.empty(len(norm_k) * ENTRY), np.empty(len(norm_k) * ENTRY)
    for n in range(start, stop):
        for e in range(U_nexk.shape[1]):
            U_xk = U_nexk[n, e]
            sum_v[:] = 0.0
            for q in range(0, gather(first_n[n], first_n[n + 1], e, element_p, point_px, pair_q, point_xq), LANES):
                polynomials_of(q, point_xq, first_j, P_v)
                weight = at(WEIGHT, q, point_xq)
                for v in range(0, len(sum_v), LANES):
                    store(sum_v, v, fma(weight, load(P_v, v), load(sum_v, v)))
            for k in range(len(norm_k)):
                U_xk[0, k] = norm_k[k] * total(load(sum_v, k * ENTRY))
                U_xk[1, k] = norm_k[k] * total(load(sum_v, k * ENTRY + LANES))
            if wselfall or e == element_n[n]:
                for j in range(len(first_j) - 1):
                    for row in range(j // 2 + 1):
                        U_xk[0, first_j[j] + row * (j + 2)] += 1.0


@kernel
def slopes(first_j: IntArray, y_xk: Array, c_kx: Array) -> None:
    r"""The function :math:`\operatorname{Re} \sum_k y_k^* P_k` and its differential, as coefficients.

    .. math::
        d = \operatorname{Re}\left(G_a\, da^* + G_b\, db^*\right), \qquad
        G_a = \sum_k \left(A_k P_k + A'_k P_k^*\right), \quad G_b = \sum_k \left(B_k P_k + B'_k P_k^*\right)

    where, by the derivatives of the polynomials (see `wigner`),

    .. math::
        A^{j-1}_{m'm} = (j - m')\, y^{j*}_{m'm}, \quad A'^{j-1}_{m'm} = (m'+1)\, y^j_{m'+1,m+1}, \quad
        B^{j-1}_{m'm} = -(j - m')\, y^{j*}_{m',m+1}, \quad B'^{j-1}_{m'm} = (m'+1)\, y^j_{m'+1,m},

    and, for even j, the middle row of y acts a second time, on the mirror image of :math:`m' = j/2 - 1`. Written are,
    for each entry, factors of the real and of the imaginary part of P in the function itself, in the real and the
    imaginary part of G_a, and in those of G_b.
    """
    for j in range(len(first_j) - 1):
        for row in range(j // 2 + 1):
            for m in range(j + 1):
                k = first_j[j] + row * (j + 1) + m
                c_kx[k, 0], c_kx[k, 1] = y_xk[0, k], y_xk[1, k]
                if j + 2 == len(first_j):
                    continue
                above = first_j[j + 1] + row * (j + 2) + m
                factor = float(j + 1 - row)
                ar, ai = factor * y_xk[0, above], -factor * y_xk[1, above]
                br, bi = -factor * y_xk[0, above + 1], factor * y_xk[1, above + 1]
                cr = ci = dr = di = 0.0
                if 2 * (row + 1) <= j + 1:
                    above += j + 3
                    factor = float(row + 1)
                    cr, ci = factor * y_xk[0, above], factor * y_xk[1, above]
                    dr, di = factor * y_xk[0, above - 1], factor * y_xk[1, above - 1]
                if 2 * (row + 1) == j + 1:
                    middle = first_j[j + 1] + (row + 1) * (j + 2) + j - m
                    factor = float(row + 1) if (row + 1 + j - m) % 2 == 0 else -float(row + 1)
                    cr, ci = cr + factor * y_xk[0, middle], ci - factor * y_xk[1, middle]
                    dr, di = dr - factor * y_xk[0, middle + 1], di + factor * y_xk[1, middle + 1]
                c_kx[k, 2], c_kx[k, 3], c_kx[k, 4], c_kx[k, 5] = ar + cr, ci - ai, ai + ci, ar - cr
                c_kx[k, 6], c_kx[k, 7], c_kx[k, 8], c_kx[k, 9] = br + dr, di - bi, bi + di, br - dr


@kernel
def adjoint(
    start: int,
    stop: int,
    first_n: IntArray,
    element_p: IntArray,
    point_px: Array,
    first_j: IntArray,
    norm_k: Array,
    Y_nexk: Array,
    dE_dD_pc: Array,
) -> None:
    r""":math:`\partial E/\partial\mathbf D_p` from :math:`Y = \partial E/\partial U`, real and imaginary parts.

    With :math:`V = \sum_k Y_k \cdot U_k` of one neighbour and its derivatives :math:`G_a`, :math:`G_b` by
    :math:`a^*` and :math:`b^*`, :math:`\mathbf t = (-\operatorname{Im} G_b, \operatorname{Re} G_b, -\operatorname{Im}
    G_a)`, :math:`C = \operatorname{Re} a` and :math:`S = |\sin\theta|`,

    .. math::
        \frac{\partial E}{\partial\mathbf D} = \hat{\mathbf u} \left[w' V + w\,\theta' \left(C\,\mathbf t \cdot
        \hat{\mathbf u} - S \operatorname{Re} G_a\right)\right] + w \frac Sr \left[\mathbf t - \hat{\mathbf u}\,
        (\mathbf t \cdot \hat{\mathbf u})\right]
    """
    most = widest(start, stop, first_n)
    pair_q, point_xq, gradient_cv = np.empty(most, np.int64), np.empty((COLUMNS, most)), np.empty((3, LANES))
    P_v, y_xk, c_kx = np.empty(len(norm_k) * ENTRY), np.empty((2, len(norm_k))), np.empty((len(norm_k), 10))
    for p in range(first_n[start], first_n[stop]):
        dE_dD_pc[p] = 0.0
    for n in range(start, stop):
        for e in range(Y_nexk.shape[1]):
            size = gather(first_n[n], first_n[n + 1], e, element_p, point_px, pair_q, point_xq)
            if size == 0:
                continue
            for x in range(2):
                for k in range(len(norm_k)):
                    y_xk[x, k] = norm_k[k] * Y_nexk[n, e, x, k]
            slopes(first_j, y_xk, c_kx)
            for q in range(0, size, LANES):
                polynomials_of(q, point_xq, first_j, P_v)
                chain_rule(q, point_xq, first_j, c_kx, P_v, gradient_cv)
                for l in range(LANES):
                    if pair_q[q + l] >= 0:
                        for c in range(3):
                            dE_dD_pc[pair_q[q + l], c] = gradient_cv[c, l]


@kernel
def chain_rule(q: int, point_xq: Array, first_j: IntArray, c_kx: Array, P_v: Array, gradient_cv: Array) -> None:
    """Derivatives by the vectors to eight neighbours; see `adjoint`."""
    V = W = ar = ai = br = bi = sr = si = tr = ti = splat(0.0)
    for k in range(first_j[-2]):
        real, imaginary = load(P_v, k * ENTRY), load(P_v, k * ENTRY + LANES)
        V, W = fma(c_kx[k, 0], real, V), fma(c_kx[k, 1], imaginary, W)
        ar, sr = fma(c_kx[k, 2], real, ar), fma(c_kx[k, 3], imaginary, sr)
        ai, si = fma(c_kx[k, 4], real, ai), fma(c_kx[k, 5], imaginary, si)
        br, tr = fma(c_kx[k, 6], real, br), fma(c_kx[k, 7], imaginary, tr)
        bi, ti = fma(c_kx[k, 8], real, bi), fma(c_kx[k, 9], imaginary, ti)
    for k in range(first_j[-2], first_j[-1]):
        V = fma(c_kx[k, 0], load(P_v, k * ENTRY), V)
        W = fma(c_kx[k, 1], load(P_v, k * ENTRY + LANES), W)
    x, y, z = at(X, q, point_xq), at(Y, q, point_xq), at(Z, q, point_xq)
    tx, ty, tz = splat(0.0) - bi - ti, br + tr, splat(0.0) - ai - si
    along = tx * x + ty * y + tz * z
    cosine, sine, weight = at(A_REAL, q, point_xq), at(SINE, q, point_xq), at(WEIGHT, q, point_xq)
    radial = weight * at(ANGLE_SLOPE, q, point_xq) * (cosine * along - sine * (ar + sr))
    radial = radial + at(WEIGHT_SLOPE, q, point_xq) * (V + W)
    across = weight * sine / at(DISTANCE, q, point_xq)
    store(gradient_cv, 0, x * radial + across * (tx - x * along))
    store(gradient_cv, LANES, y * radial + across * (ty - y * along))
    store(gradient_cv, 2 * LANES, z * radial + across * (tz - z * along))
