"""The loops of the power spectrum and the bispectrum on the sphere.

Axes: n atoms, p pairs, z species, k = l(l + 1) + m, a radial channels, f features, c Cartesian, t products of two or
three sets of coefficients, i their terms. Within one atom the neighbours run in the innermost, contiguous axis (q),
species after species. Bounds that come from arrays are unsigned, so that loops go in vector registers.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.angular import azimuthal, harmonics, legendre, solid_gradients
from potscope.core.compiled import kernel
from potscope.core.descriptors.acsf_factors import FAR, arrange, neighbours, padded
from potscope.core.elementary import cosine_cutoffs, exponential

POLYNOMIAL, GAUSSIAN = 0, 1
SIDE_BY_SIDE = 8  # atoms whose products are taken at once


@kernel
def radial_channels(
    n: int, r_q: Array, kind: int, table_ab: Array, cutoff: float, fc_q: Array, dfc_q: Array, g_aq: Array, dg_aq: Array
) -> None:
    r"""Radial channels of the first `n` distances, and their derivatives.

    Rows of the table are, for polynomials, the coefficients of :math:`(r_c - r)^3, (r_c - r)^4, \dots`; for Gaussians
    the centre and :math:`1/(2\Delta^2)`.
    """
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
def most_neighbours(start: int, stop: int, first_n: IntArray) -> int:
    """The largest number of neighbours of an atom of the range, padded; one lot at least."""
    most = 1
    for n in range(start, stop):
        most = max(most, first_n[n + 1] - first_n[n])
    return padded(most)


@kernel
def neighbour_buffers(
    most: int, n_species: int, n_max: int
) -> tuple[IntArray, IntArray, Array, Array, Array, Array, Array, Array, Array, Array]:
    """Room for the order of the neighbours, bounds, vectors, distances, weights, cutoffs and radial channels."""
    return (
        np.empty(most, np.int64),
        np.empty(2 * n_species + 1, np.int64),
        np.empty((3, most)),
        np.empty((3, most)),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty((n_max, most)),
        np.empty((n_max, most)),
    )


@kernel
def angular_buffers(most: int, l_max: int) -> tuple[Array, Array, Array, Array, Array]:
    """Room for Legendre functions, cosines and sines of the azimuth, harmonics and their gradients."""
    n_t, n_k = (l_max + 1) * (l_max + 2) // 2, (l_max + 1) ** 2
    return (
        np.empty((n_t, most)),
        np.empty((l_max + 1, most)),
        np.empty((l_max + 1, most)),
        np.empty((n_k, most)),
        np.empty((3, n_k, most)),
    )


@kernel
def look_around(
    start: int,
    stop: int,
    species_p: IntArray,
    weight_p: Array,
    D_pc: Array,
    n_species: int,
    order_q: IntArray,
    first_b: IntArray,
    D_cq: Array,
    u_cq: Array,
    r_q: Array,
    weight_q: Array,
) -> int:
    """Neighbours of one atom by species; gives their number, padded with some that are too far to count."""
    arrange(start, stop, species_p, D_pc, FAR, n_species, order_q, first_b)
    size = neighbours(stop - start, order_q, D_pc, weight_p, D_cq, u_cq, r_q, weight_q)
    for q in range(stop - start, size):
        u_cq[0, q], u_cq[1, q], u_cq[2, q] = 0.0, 0.0, 1.0
    return size


@kernel
def density(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    weight_p: Array,
    D_pc: Array,
    kind: int,
    table_ab: Array,
    cutoff: float,
    l_max: int,
    norm_t: Array,
    c_nzka: Array,
) -> None:
    r"""Coefficients :math:`c^z_{nlm} = \sum_{j \in z} g_n(r_{ij}) Y_{lm}(\hat{\mathbf r}_{ij})` of a range of atoms."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q, weight_q, fc_q, dfc_q, g_aq, dg_aq = neighbour_buffers(most, n_species, n_max)
    Q_tq, cos_mq, sin_mq, Y_kq, _ = angular_buffers(most, l_max)
    for n in range(start, stop):
        size = look_around(
            first_n[n],
            first_n[n + 1],
            species_p,
            weight_p,
            D_pc,
            n_species,
            order_q,
            first_b,
            D_cq,
            u_cq,
            r_q,
            weight_q,
        )
        legendre(size, u_cq[2], l_max, Q_tq)
        azimuthal(size, u_cq[0], u_cq[1], l_max, cos_mq, sin_mq)
        harmonics(size, l_max, norm_t, Q_tq, cos_mq, sin_mq, Y_kq)
        radial_channels(size, r_q, kind, table_ab, cutoff, fc_q, dfc_q, g_aq, dg_aq)
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
    weight_p: Array,
    D_pc: Array,
    kind: int,
    table_ab: Array,
    cutoff: float,
    l_max: int,
    norm_t: Array,
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
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q, weight_q, fc_q, dfc_q, g_aq, dg_aq = neighbour_buffers(most, n_species, n_max)
    Q_tq, cos_mq, sin_mq, Y_kq, dR_ckq = angular_buffers(most, l_max)
    T_q, dT_q, along_q, across_cq = np.empty(most), np.empty(most), np.empty(most), np.empty((3, most))
    for n in range(start, stop):
        size = look_around(
            first_n[n],
            first_n[n + 1],
            species_p,
            weight_p,
            D_pc,
            n_species,
            order_q,
            first_b,
            D_cq,
            u_cq,
            r_q,
            weight_q,
        )
        legendre(size, u_cq[2], l_max, Q_tq)
        azimuthal(size, u_cq[0], u_cq[1], l_max, cos_mq, sin_mq)
        harmonics(size, l_max, norm_t, Q_tq, cos_mq, sin_mq, Y_kq)
        solid_gradients(size, u_cq[0], u_cq[1], l_max, norm_t, Q_tq, cos_mq, sin_mq, dR_ckq)
        radial_channels(size, r_q, kind, table_ab, cutoff, fc_q, dfc_q, g_aq, dg_aq)
        along_q[:] = 0.0
        across_cq[:] = 0.0
        for z in range(n_species):
            begin, end = np.uint64(first_b[2 * z]), np.uint64(first_b[2 * z + 2])
            if begin == end:
                continue
            for l in range(l_max + 1):
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
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    weight_p: Array,
    D_pc: Array,
    kind: int,
    table_ab: Array,
    cutoff: float,
    l_max: int,
    norm_t: Array,
    n_species: int,
    offset: int,
    dc_pcka: Array,
) -> None:
    r""":math:`\partial c^z_{nlm}/\partial\mathbf D_p` for the species z of the pair; row 0 is the pair `offset`."""
    n_max = table_ab.shape[0]
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q, weight_q, fc_q, dfc_q, g_aq, dg_aq = neighbour_buffers(most, n_species, n_max)
    Q_tq, cos_mq, sin_mq, Y_kq, dR_ckq = angular_buffers(most, l_max)
    for n in range(start, stop):
        size = look_around(
            first_n[n],
            first_n[n + 1],
            species_p,
            weight_p,
            D_pc,
            n_species,
            order_q,
            first_b,
            D_cq,
            u_cq,
            r_q,
            weight_q,
        )
        legendre(size, u_cq[2], l_max, Q_tq)
        azimuthal(size, u_cq[0], u_cq[1], l_max, cos_mq, sin_mq)
        harmonics(size, l_max, norm_t, Q_tq, cos_mq, sin_mq, Y_kq)
        solid_gradients(size, u_cq[0], u_cq[1], l_max, norm_t, Q_tq, cos_mq, sin_mq, dR_ckq)
        radial_channels(size, r_q, kind, table_ab, cutoff, fc_q, dfc_q, g_aq, dg_aq)
        for q in range(first_n[n + 1] - first_n[n]):
            p = order_q[q] - offset
            for c in range(3):
                for l in range(l_max + 1):
                    for k in range(l * l, (l + 1) * (l + 1)):
                        dY = (dR_ckq[c, k, q] - l * Y_kq[k, q] * u_cq[c, q]) / r_q[q]
                        for a in range(n_max):
                            dc_pcka[p, c, k, a] = dg_aq[a, q] * u_cq[c, q] * Y_kq[k, q] + g_aq[a, q] * dY


@kernel
def power_jacobian(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    weight_p: Array,
    D_pc: Array,
    kind: int,
    table_ab: Array,
    cutoff: float,
    l_max: int,
    norm_t: Array,
    c_nzka: Array,
    J_pcf: Array,
) -> None:
    r""":math:`\partial p_i/\partial\mathbf D_p`; a neighbour moves only what has its species in it."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    most = most_neighbours(start, stop, first_n)
    dc_pcka = np.empty((most, 3, n_k, n_max))
    for n in range(start, stop):
        offset = first_n[n]
        density_jacobian(
            n,
            n + 1,
            first_n,
            species_p,
            weight_p,
            D_pc,
            kind,
            table_ab,
            cutoff,
            l_max,
            norm_t,
            n_species,
            offset,
            dc_pcka,
        )
        for p in range(first_n[n], first_n[n + 1]):
            own = species_p[p]
            for c in range(3):
                f = 0
                for z in range(n_species):
                    for w in range(z, n_species):
                        factor = (2.0 if z == w else 1.0) if own in (z, w) else 0.0
                        other = w if z == own else z
                        for l in range(l_max + 1):
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
    weight_p: Array,
    D_pc: Array,
    kind: int,
    table_ab: Array,
    cutoff: float,
    l_max: int,
    norm_t: Array,
    c_nzka: Array,
    product_t8: IntArray,
    k_i3: IntArray,
    K_i: Array,
    J_pcf: Array,
) -> None:
    r""":math:`\partial b_i/\partial\mathbf D_p`; a neighbour moves only what has its species in it."""
    n_species, n_k, n_max = c_nzka.shape[1], c_nzka.shape[2], c_nzka.shape[3]
    most = most_neighbours(start, stop, first_n)
    dc_pcka, M_ka = np.empty((most, 3, n_k, n_max)), np.empty((n_k, n_max))
    for n in range(start, stop):
        offset = first_n[n]
        density_jacobian(
            n,
            n + 1,
            first_n,
            species_p,
            weight_p,
            D_pc,
            kind,
            table_ab,
            cutoff,
            l_max,
            norm_t,
            n_species,
            offset,
            dc_pcka,
        )
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
