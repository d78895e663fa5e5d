"""The loops of the power spectrum and the bispectrum on the sphere.

Axes: n atoms, p pairs, z species, k = l(l + 1) + m, a radial channels, f features, c Cartesian, t products of two or
three sets of coefficients, i their terms. Within one atom the neighbours run in the innermost, contiguous axis (q),
species after species. Bounds that come from arrays are unsigned, so that loops go in vector registers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.angular import azimuthal, harmonics, legendre, solid_gradients
from potscope.core.compiled import kernel
from potscope.core.descriptors.surroundings import (
    FAR,
    look_around,
    most_neighbours,
    room_for_neighbours,
)
from potscope.core.elementary import cosine_cutoffs, exponential
from potscope.core.simd import LANES, load, store

POLYNOMIAL, GAUSSIAN = 0, 1
SIDE_BY_SIDE = 8  # atoms whose products are taken at once


class Projection(NamedTuple):
    """What the kernels know of the projected density.

    Attributes
    ----------
    kind, table_ab, cutoff
        Of the radial channels, see `radial_channels`; the cutoff in Å.
    l_max, recurrence_t
        Highest angular momentum, and `angular.recurrence` up to it.
    n_species
        Number of species.
    """

    kind: int
    table_ab: Array
    cutoff: float
    l_max: int
    recurrence_t: Array
    n_species: int


class Room(NamedTuple):
    """What there is of each neighbour of one atom.

    Attributes
    ----------
    order_q, first_b, D_cq, u_cq, r_q
        See `look_around`.
    fc_q, dfc_q, g_aq, dg_aq
        Cutoff function and radial channels, and their derivatives by the distance.
    Y_kq, dR_ckq
        Harmonics, and gradients of the solid harmonics at the unit vector.
    u_c8, P_t8, cos_m8, sin_m8, Y_k8, dR_ck8
        Of eight neighbours at a time, see `angular`.
    """

    order_q: IntArray
    first_b: IntArray
    D_cq: Array
    u_cq: Array
    r_q: Array
    fc_q: Array
    dfc_q: Array
    g_aq: Array
    dg_aq: Array
    Y_kq: Array
    dR_ckq: Array
    u_c8: Array
    P_t8: Array
    cos_m8: Array
    sin_m8: Array
    Y_k8: Array
    dR_ck8: Array


@kernel
def radial_channels(n: int, projection: Projection, room: Room) -> None:
    r"""Radial channels of the first `n` neighbours, and their derivatives by the distance.

    Rows of the table are, for polynomials, the coefficients of :math:`(r_c - r)^3, (r_c - r)^4, \dots`; for Gaussians
    the centre and :math:`1/(2\Delta^2)`.
    """
    kind, table_ab, cutoff, r_q = projection.kind, projection.table_ab, projection.cutoff, room.r_q
    fc_q, dfc_q, g_aq, dg_aq = room.fc_q, room.dfc_q, room.g_aq, room.dg_aq
    n_max, n_powers = table_ab.shape
    if kind == GAUSSIAN:
        cosine_cutoffs(n, r_q, 0.0, cutoff, fc_q, dfc_q)
        for a in range(n_max):
            centre, eta = table_ab[a, 0], table_ab[a, 1]
            for q in range(n):
                d = r_q[q] - centre
                gauss = exponential(-eta * d * d)
                g_aq[a, q] = gauss * fc_q[q]
                dg_aq[a, q] = gauss * (dfc_q[q] - 2.0 * eta * d * fc_q[q])
        return
    for a in range(n_max):
        for q in range(n):
            g_aq[a, q] = 0.0
            dg_aq[a, q] = 0.0
        for b in range(n_powers - 1, -1, -1):
            coefficient = table_ab[a, b]
            for q in range(n):
                x = max(cutoff - r_q[q], 0.0)
                g_aq[a, q] = g_aq[a, q] * x + coefficient
                dg_aq[a, q] = dg_aq[a, q] * x + (b + 3) * coefficient
        for q in range(n):
            x = max(cutoff - r_q[q], 0.0)
            g_aq[a, q] *= x * x * x
            dg_aq[a, q] *= -x * x


@kernel
def room_for(start: int, stop: int, first_n: IntArray, projection: Projection) -> Room:
    """Room for the neighbours of any of a range of atoms."""
    most, n_max, l_max = most_neighbours(start, stop, first_n), len(projection.table_ab), projection.l_max
    order_q, first_b, D_cq, u_cq, r_q = room_for_neighbours(most, projection.n_species)
    n_k = (l_max + 1) ** 2
    return Room(
        order_q,
        first_b,
        D_cq,
        u_cq,
        r_q,
        fc_q=np.empty(most),
        dfc_q=np.empty(most),
        g_aq=np.empty((n_max, most)),
        dg_aq=np.empty((n_max, most)),
        Y_kq=np.empty((n_k, most)),
        dR_ckq=np.empty((3, n_k, most)),
        u_c8=np.empty((3, LANES)),
        P_t8=np.empty(((l_max + 1) * (l_max + 2) // 2, LANES)),
        cos_m8=np.empty((l_max + 1, LANES)),
        sin_m8=np.empty((l_max + 1, LANES)),
        Y_k8=np.empty((n_k, LANES)),
        dR_ck8=np.empty((3, n_k, LANES)),
    )


@kernel
def copy_lanes(rows: int, source: Array, target: Array, width: int, q: int) -> None:
    """Put rows of eight into the columns of longer rows from q on."""
    for row in range(rows):
        store(target, row * width + q, load(source, row * LANES))


@kernel
def project(
    start: int, stop: int, species_p: IntArray, D_pc: Array, projection: Projection, gradients: bool, room: Room
) -> None:
    """Radial channels and harmonics of the neighbours of one atom, and gradients where they are asked for."""
    l_max, n_k, recurrence_t = projection.l_max, (projection.l_max + 1) ** 2, projection.recurrence_t
    order_q, first_b, D_cq, u_cq, r_q = room.order_q, room.first_b, room.D_cq, room.u_cq, room.r_q
    u_c8, P_t8, cos_m8, sin_m8, Y_k8, dR_ck8 = room.u_c8, room.P_t8, room.cos_m8, room.sin_m8, room.Y_k8, room.dR_ck8
    Y_kq, dR_ckq, width = room.Y_kq, room.dR_ckq, len(r_q)
    size = look_around(start, stop, species_p, D_pc, FAR, projection.n_species, order_q, first_b, D_cq, u_cq, r_q)
    for q in range(0, size, LANES):
        for c in range(3):
            store(u_c8, c * LANES, load(u_cq, c * width + q))
        legendre(u_c8, l_max, recurrence_t, P_t8)
        azimuthal(u_c8, l_max, cos_m8, sin_m8)
        harmonics(l_max, P_t8, cos_m8, sin_m8, Y_k8)
        copy_lanes(n_k, Y_k8, Y_kq, width, q)
        if gradients:
            solid_gradients(u_c8, l_max, recurrence_t, P_t8, cos_m8, sin_m8, dR_ck8)
            copy_lanes(3 * n_k, dR_ck8, dR_ckq, width, q)
    radial_channels(size, projection, room)


@kernel
def density(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    projection: Projection,
    c_nzka: Array,
) -> None:
    r"""Coefficients :math:`c^z_{nlm} = \sum_{j \in z} g_n(r_{ij}) Y_{lm}(\hat{\mathbf r}_{ij})` of a range of atoms."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    room = room_for(start, stop, first_n, projection)
    first_b, Y_kq, g_aq = room.first_b, room.Y_kq, room.g_aq
    for n in range(start, stop):
        project(first_n[n], first_n[n + 1], species_p, D_pc, projection, False, room)
        for z in range(n_species):
            begin, end = np.uint64(first_b[2 * z]), np.uint64(first_b[2 * z + 2])
            for k in range(n_k):
                for a in range(n_max):
                    total = 0.0
                    for q in range(begin, end):
                        total += Y_kq[k, q] * g_aq[a, q]
                    c_nzka[n, z, k, a] = total


@kernel
def power_spectrum(start: int, stop: int, c_nzka: Array, values_nf: Array) -> None:
    r"""Power spectrum by species pair, l and channel: :math:`p = \sum_m c^z_{nlm} c^{z'}_{nlm}`."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    l_max = int(np.sqrt(n_k)) - 1
    for n in range(start, stop):
        f = 0
        for z in range(n_species):
            for w in range(z, n_species):
                for l in range(l_max + 1):
                    for a in range(n_max):
                        total = 0.0
                        for k in range(l * l, (l + 1) * (l + 1)):
                            total += c_nzka[n, z, k, a] * c_nzka[n, w, k, a]
                        values_nf[n, f] = total
                        f += 1


@kernel
def power_gradient(start: int, stop: int, c_nzka: Array, dE_nf: Array, h_nzka: Array) -> None:
    r""":math:`\partial E/\partial c` from :math:`\partial E/\partial p`."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    l_max = int(np.sqrt(n_k)) - 1
    for n in range(start, stop):
        h_nzka[n] = 0.0
        f = 0
        for z in range(n_species):
            for w in range(z, n_species):
                for l in range(l_max + 1):
                    for k in range(l * l, (l + 1) * (l + 1)):
                        for a in range(n_max):
                            h_nzka[n, z, k, a] += dE_nf[n, f + a] * c_nzka[n, w, k, a]
                            h_nzka[n, w, k, a] += dE_nf[n, f + a] * c_nzka[n, z, k, a]
                    f += n_max


@kernel
def take_side_by_side(first: int, stop: int, x_nzka: Array, x_zkb: Array) -> None:
    """Coefficients of `SIDE_BY_SIDE` atoms, innermost the atom and then the channel; zero where there is no atom."""
    n_species, n_k, n_max = x_nzka.shape[1], x_nzka.shape[2], x_nzka.shape[3]
    for z in range(n_species):
        for k in range(n_k):
            for a in range(n_max):
                for lane in range(SIDE_BY_SIDE):
                    n = first + lane
                    x_zkb[z, k, a * SIDE_BY_SIDE + lane] = x_nzka[n, z, k, a] if n < stop else 0.0


@kernel
def bispectrum(
    start: int, stop: int, c_nzka: Array, product_t8: IntArray, k_i3: IntArray, K_i: Array, values_nf: Array
) -> None:
    """Sums of triple products; a product is three species, three l and the bounds of its terms."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    width = n_max * SIDE_BY_SIDE
    c_zkb, sum_b = np.empty((n_species, n_k, width)), np.empty(width)
    for first in range(start, stop, SIDE_BY_SIDE):
        take_side_by_side(first, stop, c_nzka, c_zkb)
        for t in range(len(product_t8)):
            z, z1, z2 = product_t8[t, 0], product_t8[t, 1], product_t8[t, 2]
            for b in range(width):
                sum_b[b] = 0.0
            for i in range(product_t8[t, 6], product_t8[t, 7]):
                k, k1, k2, K = k_i3[i, 0], k_i3[i, 1], k_i3[i, 2], K_i[i]
                for b in range(width):
                    sum_b[b] += K * c_zkb[z, k, b] * c_zkb[z1, k1, b] * c_zkb[z2, k2, b]
            for n in range(first, min(first + SIDE_BY_SIDE, stop)):
                for a in range(n_max):
                    values_nf[n, t * n_max + a] = sum_b[a * SIDE_BY_SIDE + n - first]


@kernel
def bispectrum_gradient(
    start: int,
    stop: int,
    c_nzka: Array,
    product_t8: IntArray,
    k_i3: IntArray,
    K_i: Array,
    dE_nf: Array,
    h_nzka: Array,
) -> None:
    r""":math:`\partial E/\partial c` from :math:`\partial E/\partial b`."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    width = n_max * SIDE_BY_SIDE
    c_zkb, h_zkb, dE_b = np.empty((n_species, n_k, width)), np.empty((n_species, n_k, width)), np.empty(width)
    for first in range(start, stop, SIDE_BY_SIDE):
        take_side_by_side(first, stop, c_nzka, c_zkb)
        h_zkb[:] = 0.0
        for t in range(len(product_t8)):
            z, z1, z2 = product_t8[t, 0], product_t8[t, 1], product_t8[t, 2]
            for b in range(width):
                n = first + b % SIDE_BY_SIDE
                dE_b[b] = dE_nf[n, t * n_max + b // SIDE_BY_SIDE] if n < stop else 0.0
            for i in range(product_t8[t, 6], product_t8[t, 7]):
                k, k1, k2, K = k_i3[i, 0], k_i3[i, 1], k_i3[i, 2], K_i[i]
                # one after the other, as any two of the three may be the same
                for b in range(width):
                    h_zkb[z, k, b] += K * dE_b[b] * c_zkb[z1, k1, b] * c_zkb[z2, k2, b]
                for b in range(width):
                    h_zkb[z1, k1, b] += K * dE_b[b] * c_zkb[z, k, b] * c_zkb[z2, k2, b]
                for b in range(width):
                    h_zkb[z2, k2, b] += K * dE_b[b] * c_zkb[z, k, b] * c_zkb[z1, k1, b]
        for n in range(first, min(first + SIDE_BY_SIDE, stop)):
            for z in range(n_species):
                for k in range(n_k):
                    for a in range(n_max):
                        h_nzka[n, z, k, a] = h_zkb[z, k, a * SIDE_BY_SIDE + n - first]


@kernel
def adjoint(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    projection: Projection,
    h_nzka: Array,
    dE_dD_pc: Array,
) -> None:
    r""":math:`\partial E/\partial\mathbf D_p` from :math:`h = \partial E/\partial c`.

    With :math:`T_k = \sum_n g_n h_{nk}` and :math:`T'_k` the same with the radial derivative,

    .. math::
        \frac{\partial E}{\partial\mathbf D} = \hat{\mathbf u} \sum_k \left(T'_k - \tfrac{l}{r} T_k\right) Y_k
        + \frac1r \sum_k T_k \nabla R_k(\hat{\mathbf u})
    """
    n_species, n_max = h_nzka.shape[1], h_nzka.shape[3]
    room = room_for(start, stop, first_n, projection)
    order_q, first_b, u_cq, r_q = room.order_q, room.first_b, room.u_cq, room.r_q
    Y_kq, dR_ckq, g_aq, dg_aq = room.Y_kq, room.dR_ckq, room.g_aq, room.dg_aq
    most = len(r_q)
    T_q, dT_q, along_q, across_cq = np.empty(most), np.empty(most), np.empty(most), np.empty((3, most))
    for n in range(start, stop):
        project(first_n[n], first_n[n + 1], species_p, D_pc, projection, True, room)
        along_q[:] = 0.0
        across_cq[:] = 0.0
        for z in range(n_species):
            begin, end = np.uint64(first_b[2 * z]), np.uint64(first_b[2 * z + 2])
            if begin == end:
                continue
            for l in range(projection.l_max + 1):
                for k in range(l * l, (l + 1) * (l + 1)):
                    for q in range(begin, end):
                        T_q[q] = 0.0
                        dT_q[q] = 0.0
                    for a in range(n_max):
                        h = h_nzka[n, z, k, a]
                        for q in range(begin, end):
                            T_q[q] += h * g_aq[a, q]
                            dT_q[q] += h * dg_aq[a, q]
                    for q in range(begin, end):
                        along_q[q] += Y_kq[k, q] * (dT_q[q] - l * T_q[q] / r_q[q])
                        across_cq[0, q] += T_q[q] * dR_ckq[0, k, q]
                        across_cq[1, q] += T_q[q] * dR_ckq[1, k, q]
                        across_cq[2, q] += T_q[q] * dR_ckq[2, k, q]
        for q in range(first_n[n + 1] - first_n[n]):
            for c in range(3):
                dE_dD_pc[order_q[q], c] = u_cq[c, q] * along_q[q] + across_cq[c, q] / r_q[q]


@kernel
def density_jacobian(
    start: int, stop: int, species_p: IntArray, D_pc: Array, projection: Projection, room: Room, dc_pcka: Array
) -> None:
    r""":math:`\partial c^z_{nlm}/\partial\mathbf D_p` of one atom, z the species of the pair; row 0 is pair `start`."""
    project(start, stop, species_p, D_pc, projection, True, room)
    order_q, u_cq, r_q = room.order_q, room.u_cq, room.r_q
    Y_kq, dR_ckq, g_aq, dg_aq = room.Y_kq, room.dR_ckq, room.g_aq, room.dg_aq
    for q in range(stop - start):
        row = order_q[q] - start
        for c in range(3):
            for l in range(projection.l_max + 1):
                for k in range(l * l, (l + 1) * (l + 1)):
                    dY = (dR_ckq[c, k, q] - l * Y_kq[k, q] * u_cq[c, q]) / r_q[q]
                    for a in range(len(g_aq)):
                        dc_pcka[row, c, k, a] = dg_aq[a, q] * u_cq[c, q] * Y_kq[k, q] + g_aq[a, q] * dY


@kernel
def power_jacobian(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    projection: Projection,
    c_nzka: Array,
    J_pcf: Array,
) -> None:
    r""":math:`\partial p_i/\partial\mathbf D_p`; a neighbour moves only what has its species in it."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    room = room_for(start, stop, first_n, projection)
    dc_pcka = np.empty((len(room.order_q), 3, n_k, n_max))
    for n in range(start, stop):
        offset = first_n[n]
        density_jacobian(first_n[n], first_n[n + 1], species_p, D_pc, projection, room, dc_pcka)
        for p in range(first_n[n], first_n[n + 1]):
            own = species_p[p]
            for c in range(3):
                f = 0
                for z in range(n_species):
                    for w in range(z, n_species):
                        factor = (2.0 if z == w else 1.0) if own in (z, w) else 0.0
                        other = w if z == own else z
                        for l in range(projection.l_max + 1):
                            for a in range(n_max):
                                total = 0.0
                                for k in range(l * l, (l + 1) * (l + 1)):
                                    total += dc_pcka[p - offset, c, k, a] * c_nzka[n, other, k, a]
                                J_pcf[p, c, f + a] = factor * total
                            f += n_max


@kernel
def product_gradient(
    n: int, own: int, t: int, c_nzka: Array, product_t8: IntArray, k_i3: IntArray, K_i: Array, M_ka: Array
) -> None:
    """Derivative of one product of one atom by the coefficients of species `own`."""
    n_max = c_nzka.shape[3]
    z, z1, z2 = product_t8[t, 0], product_t8[t, 1], product_t8[t, 2]
    here, here1, here2 = 1.0 * (z == own), 1.0 * (z1 == own), 1.0 * (z2 == own)
    for x in range(3, 6):
        l = product_t8[t, x]
        M_ka[l * l : (l + 1) * (l + 1)] = 0.0
    for i in range(product_t8[t, 6], product_t8[t, 7]):
        k, k1, k2, K = k_i3[i, 0], k_i3[i, 1], k_i3[i, 2], K_i[i]
        for a in range(n_max):
            b, b1, b2 = c_nzka[n, z, k, a], c_nzka[n, z1, k1, a], c_nzka[n, z2, k2, a]
            M_ka[k, a] += here * K * b1 * b2
            M_ka[k1, a] += here1 * K * b * b2
            M_ka[k2, a] += here2 * K * b * b1


@kernel
def add_block(l: int, p: int, M_ka: Array, dc_pcka: Array, row: int, t: int, J_pcf: Array) -> None:
    """Add what the coefficients of one l do to a product by moving one neighbour."""
    n_max = M_ka.shape[1]
    for c in range(3):
        for k in range(l * l, (l + 1) * (l + 1)):
            for a in range(n_max):
                J_pcf[p, c, t * n_max + a] += M_ka[k, a] * dc_pcka[row, c, k, a]


@kernel
def bispectrum_jacobian(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    projection: Projection,
    c_nzka: Array,
    product_t8: IntArray,
    k_i3: IntArray,
    K_i: Array,
    J_pcf: Array,
) -> None:
    r""":math:`\partial b_i/\partial\mathbf D_p`; a neighbour moves only what has its species in it."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    room = room_for(start, stop, first_n, projection)
    dc_pcka, M_ka = np.empty((len(room.order_q), 3, n_k, n_max)), np.empty((n_k, n_max))
    for n in range(start, stop):
        offset = first_n[n]
        density_jacobian(first_n[n], first_n[n + 1], species_p, D_pc, projection, room, dc_pcka)
        J_pcf[first_n[n] : first_n[n + 1]] = 0.0
        for own in range(n_species):
            for t in range(len(product_t8)):
                if own not in (product_t8[t, 0], product_t8[t, 1], product_t8[t, 2]):
                    continue
                product_gradient(n, own, t, c_nzka, product_t8, k_i3, K_i, M_ka)
                l, l1, l2 = product_t8[t, 3], product_t8[t, 4], product_t8[t, 5]
                for p in range(first_n[n], first_n[n + 1]):
                    if species_p[p] == own:
                        add_block(l, p, M_ka, dc_pcka, p - offset, t, J_pcf)
                        if l1 != l:
                            add_block(l1, p, M_ka, dc_pcka, p - offset, t, J_pcf)
                        if l2 != l1:
                            add_block(l2, p, M_ka, dc_pcka, p - offset, t, J_pcf)
