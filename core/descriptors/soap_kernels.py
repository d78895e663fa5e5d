"""The loops of SOAP between pairs and density coefficients: the expansion, and the way back.

Axes: n atoms, p pairs, q neighbours in the lanes, z channels (a species each, and perhaps their sum), k = l(l + 1) + m,
t the Legendre functions, c Cartesian; r rows of l and radial function a, those of one l side by side and padded to
whole lanes. Coefficients are flat, (owner, channel, k, a), with `LANES` numbers of slack at their end. Neighbours are
taken eight at a time for what depends on their direction; radial functions lie in the lanes for all else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.angular import azimuthal, directions, harmonics, legendre, solid_gradients
from potscope.core.compiled import kernel
from potscope.core.cutoffs import cutoff_function
from potscope.core.radial import interval
from potscope.core.simd import LANES, fma, load, splat, store, total
from potscope.core.weighting import weighting_function


class Expansion(NamedTuple):
    """What the kernels know of a density expansion.

    Attributes
    ----------
    coefficients, step
        Of the `RadialTable` of all rows.
    cutoff_kind, smooth_from, reach
        Arguments of `cutoff_function`.
    weighting
        Kind, c, d, m and r₀ of `weighting_function`.
    recurrence_t
        See `angular.recurrence`.
    self_a
        What an atom adds to its own density.
    l_max, n_max, n_pad
        Angular momenta, radial functions, and these padded to whole lanes.
    n_species, n_channels
        Species, and channels: one more where their sum counts.
    """

    coefficients: Array
    step: float
    cutoff_kind: int
    smooth_from: float
    reach: float
    weighting: Array
    recurrence_t: Array
    self_a: Array
    l_max: int
    n_max: int
    n_pad: int
    n_species: int
    n_channels: int


@kernel
def neighbour_weight(r: float, kind: int, smooth_from: float, reach: float, weighting: Array) -> tuple[float, float]:
    """Cutoff times weighting function, and the derivative by the distance."""
    fc, dfc = cutoff_function(kind, r, smooth_from, reach)
    w, dw = weighting_function(weighting, r)
    return fc * w, dfc * w + fc * dw


@kernel
def radial_rows(
    count: int,
    r_q: Array,
    kind: int,
    smooth_from: float,
    reach: float,
    weighting: Array,
    coefficients: Array,
    step: float,
    f_qr: Array,
) -> None:
    """Radial functions of each neighbour times its weight; zero in the lanes without one."""
    n_rows = f_qr.shape[1]
    for q in range(LANES):
        weight = neighbour_weight(r_q[q], kind, smooth_from, reach, weighting)[0] if q < count else 0.0
        if weight == 0.0:
            for i in range(0, n_rows, LANES):
                store(f_qr, q * n_rows + i, splat(0.0))
            continue
        g, x = interval(r_q[q], step)
        for i in range(0, n_rows, LANES):
            at = g * 6 * n_rows + i
            value = load(coefficients, at + 5 * n_rows)
            for k in range(4, -1, -1):
                value = fma(x, value, load(coefficients, at + k * n_rows))
            store(f_qr, q * n_rows + i, splat(weight) * value)


@kernel
def radial_rows_and_slopes(
    count: int,
    r_q: Array,
    kind: int,
    smooth_from: float,
    reach: float,
    weighting: Array,
    coefficients: Array,
    step: float,
    f_qr: Array,
    df_qr: Array,
) -> None:
    """As `radial_rows`, with the derivatives by the distance; nothing is written to lanes without a neighbour."""
    n_rows = f_qr.shape[1]
    for q in range(count):
        weight, slope = neighbour_weight(r_q[q], kind, smooth_from, reach, weighting)
        if weight == 0.0 and slope == 0.0:
            for i in range(0, n_rows, LANES):
                store(f_qr, q * n_rows + i, splat(0.0))
                store(df_qr, q * n_rows + i, splat(0.0))
            continue
        g, x = interval(r_q[q], step)
        for i in range(0, n_rows, LANES):
            at = g * 6 * n_rows + i
            value = load(coefficients, at + 5 * n_rows)
            derivative = splat(0.0)
            for k in range(4, -1, -1):
                derivative = fma(x, derivative, value)
                value = fma(x, value, load(coefficients, at + k * n_rows))
            store(f_qr, q * n_rows + i, splat(weight) * value)
            store(df_qr, q * n_rows + i, fma(weight, derivative, splat(slope) * value))


@kernel
def add_eight(Y_kq: Array, f_qr: Array, l_max: int, n_pad: int, c: Array, at: int) -> None:
    """Add eight neighbours of one species to its coefficients, which begin at `at`."""
    n_rows = f_qr.shape[1]
    for l in range(l_max + 1):
        for b in range(0, n_pad, LANES):
            i = l * n_pad + b
            f0, f1, f2, f3 = (
                load(f_qr, i),
                load(f_qr, i + n_rows),
                load(f_qr, i + 2 * n_rows),
                load(f_qr, i + 3 * n_rows),
            )
            i += 4 * n_rows
            f4, f5, f6, f7 = (
                load(f_qr, i),
                load(f_qr, i + n_rows),
                load(f_qr, i + 2 * n_rows),
                load(f_qr, i + 3 * n_rows),
            )
            for k in range(l * l, (l + 1) * (l + 1)):
                even = fma(Y_kq[k, 0], f0, load(c, at + k * n_pad + b))
                odd = splat(Y_kq[k, 1]) * f1
                even, odd = fma(Y_kq[k, 2], f2, even), fma(Y_kq[k, 3], f3, odd)
                even, odd = fma(Y_kq[k, 4], f4, even), fma(Y_kq[k, 5], f5, odd)
                even, odd = fma(Y_kq[k, 6], f6, even), fma(Y_kq[k, 7], f7, odd)
                store(c, at + k * n_pad + b, even + odd)


@kernel
def add_one(q: int, Y_kq: Array, f_qr: Array, l_max: int, n_pad: int, c: Array, at: int) -> None:
    """Add one neighbour to the coefficients of its species."""
    for l in range(l_max + 1):
        for b in range(0, n_pad, LANES):
            f = load(f_qr, q * f_qr.shape[1] + l * n_pad + b)
            for k in range(l * l, (l + 1) * (l + 1)):
                place = at + k * n_pad + b
                store(c, place, fma(Y_kq[k, q], f, load(c, place)))


@kernel
def add_neighbours(
    first: int,
    count: int,
    species_p: IntArray,
    Y_kq: Array,
    f_qr: Array,
    l_max: int,
    n_pad: int,
    c: Array,
    at: int,
) -> None:
    """Add the neighbours of the lanes to the coefficients of their species."""
    size = (l_max + 1) ** 2 * n_pad
    alike = True
    for q in range(1, count):
        alike &= species_p[first + q] == species_p[first]
    if alike and count > 2:
        add_eight(Y_kq, f_qr, l_max, n_pad, c, at + species_p[first] * size)
        return
    for q in range(count):
        add_one(q, Y_kq, f_qr, l_max, n_pad, c, at + species_p[first + q] * size)


@kernel
def add_sum_of_species(size: int, n_species: int, c: Array, at: int) -> None:
    """The channel after those of the species is their sum."""
    for i in range(0, size, LANES):
        value = splat(0.0)
        for z in range(n_species):
            value = value + load(c, at + z * size + i)
        store(c, at + n_species * size + i, value)


@kernel
def angular_buffers(l_max: int) -> tuple[Array, Array, Array, Array, Array]:
    """Room for unit vectors, distances, Legendre functions, and cosines and sines of multiples of the azimuth."""
    n_t = (l_max + 1) * (l_max + 2) // 2
    return (
        np.empty((3, LANES)),
        np.empty(LANES),
        np.empty((n_t, LANES)),
        np.empty((l_max + 1, LANES)),
        np.empty((l_max + 1, LANES)),
    )


@kernel
def density(
    start: int,
    stop: int,
    first_n: IntArray,
    species_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    expansion: Expansion,
    c: Array,
) -> None:
    r"""Coefficients of the density of each species, the atom itself included.

    .. math:: c^z_{nlm} = \sum_{j \in z} w(r_{ij})\, f_c(r_{ij})\, I_{ln}(r_{ij})\, Y_{lm}(\hat{\mathbf r}_{ij})
    """
    l_max, n_pad, n_channels = expansion.l_max, expansion.n_pad, expansion.n_channels
    kind, smooth_from, reach, weighting = (
        expansion.cutoff_kind,
        expansion.smooth_from,
        expansion.reach,
        expansion.weighting,
    )
    coefficients, step, recurrence_t = expansion.coefficients, expansion.step, expansion.recurrence_t
    n_k, n_rows = (l_max + 1) ** 2, (l_max + 1) * n_pad
    u_cq, r_q, P_tq, cos_mq, sin_mq = angular_buffers(l_max)
    Y_kq, f_qr = np.empty((n_k, LANES)), np.empty((LANES, n_rows))
    own = n_channels * n_k * n_pad
    self_a, n_species = expansion.self_a, expansion.n_species
    for n in range(start, stop):
        for i in range(n * own, (n + 1) * own, LANES):
            store(c, i, splat(0.0))
        for first in range(first_n[n], first_n[n + 1], LANES):
            count = min(LANES, first_n[n + 1] - first)
            directions(first, count, D_pc, u_cq, r_q)
            legendre(u_cq, l_max, recurrence_t, P_tq)
            azimuthal(u_cq, l_max, cos_mq, sin_mq)
            harmonics(l_max, P_tq, cos_mq, sin_mq, Y_kq)
            radial_rows(count, r_q, kind, smooth_from, reach, weighting, coefficients, step, f_qr)
            add_neighbours(first, count, species_p, Y_kq, f_qr, l_max, n_pad, c, n * own)
        for a in range(n_pad):
            c[n * own + species_n[n] * n_k * n_pad + a] += self_a[a]
        if n_channels > n_species:
            add_sum_of_species(n_k * n_pad, n_species, c, n * own)


@kernel
def pull_back(
    start: int,
    stop: int,
    first_n: IntArray,
    owner_n: IntArray,
    first_owner: int,
    species_p: IntArray,
    D_pc: Array,
    expansion: Expansion,
    h: Array,
    dE_dD_pc: Array,
) -> None:
    r""":math:`\partial E/\partial\mathbf D_p` from :math:`h = \partial E/\partial c`, without building a Jacobian.

    `h` begins with the row `first_owner`. With :math:`W_{ln} = \sum_m Y_{lm} h_{nlm}` and
    :math:`\mathbf V_{ln} = \sum_m \nabla R_{lm} h_{nlm}`,

    .. math::
        \frac{\partial E}{\partial\mathbf D}
        = \hat{\mathbf u} \sum_{ln} \left(f'_{ln} - \tfrac{l}{r} f_{ln}\right) W_{ln}
        + \frac1r \sum_{ln} f_{ln} \mathbf V_{ln}
    """
    l_max, n_pad, n_channels = expansion.l_max, expansion.n_pad, expansion.n_channels
    kind, smooth_from, reach, weighting = (
        expansion.cutoff_kind,
        expansion.smooth_from,
        expansion.reach,
        expansion.weighting,
    )
    coefficients, step, recurrence_t = expansion.coefficients, expansion.step, expansion.recurrence_t
    n_k, n_rows = (l_max + 1) ** 2, (l_max + 1) * n_pad
    u_cq, r_q, P_tq, cos_mq, sin_mq = angular_buffers(l_max)
    Y_kq, dR_ckq = np.empty((n_k, LANES)), np.empty((3, n_k, LANES))
    f_qr, df_qr = np.empty((LANES, n_rows)), np.empty((LANES, n_rows))
    for n in range(start, stop):
        for first in range(first_n[n], first_n[n + 1], LANES):
            count = min(LANES, first_n[n + 1] - first)
            directions(first, count, D_pc, u_cq, r_q)
            legendre(u_cq, l_max, recurrence_t, P_tq)
            azimuthal(u_cq, l_max, cos_mq, sin_mq)
            harmonics(l_max, P_tq, cos_mq, sin_mq, Y_kq)
            solid_gradients(u_cq, l_max, recurrence_t, P_tq, cos_mq, sin_mq, dR_ckq)
            radial_rows_and_slopes(count, r_q, kind, smooth_from, reach, weighting, coefficients, step, f_qr, df_qr)
            for q in range(count):
                at = ((owner_n[n] - first_owner) * n_channels + species_p[first + q]) * n_k * n_pad
                along, x, y, z = pulled(q, Y_kq, dR_ckq, f_qr, df_qr, 1.0 / r_q[q], l_max, n_pad, h, at)
                dE_dD_pc[first + q, 0] = u_cq[0, q] * along + x / r_q[q]
                dE_dD_pc[first + q, 1] = u_cq[1, q] * along + y / r_q[q]
                dE_dD_pc[first + q, 2] = u_cq[2, q] * along + z / r_q[q]


@kernel
def pulled(
    q: int,
    Y_kq: Array,
    dR_ckq: Array,
    f_qr: Array,
    df_qr: Array,
    inverse_r: float,
    l_max: int,
    n_pad: int,
    h: Array,
    at: int,
) -> tuple[float, float, float, float]:
    """The two sums of `pull_back` of one neighbour, the second with its three components."""
    along, x, y, z = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for l in range(l_max + 1):
        for b in range(0, n_pad, LANES):
            W, V_x, V_y, V_z = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for k in range(l * l, (l + 1) * (l + 1)):
                h_a = load(h, at + k * n_pad + b)
                W = fma(Y_kq[k, q], h_a, W)
                V_x = fma(dR_ckq[0, k, q], h_a, V_x)
                V_y = fma(dR_ckq[1, k, q], h_a, V_y)
                V_z = fma(dR_ckq[2, k, q], h_a, V_z)
            row = q * f_qr.shape[1] + l * n_pad + b
            f = load(f_qr, row)
            along = fma(W, fma(-l * inverse_r, f, load(df_qr, row)), along)
            x, y, z = fma(V_x, f, x), fma(V_y, f, y), fma(V_z, f, z)
    return total(along), total(x), total(y), total(z)
