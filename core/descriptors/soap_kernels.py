"""The loops of SOAP: density coefficients, power spectrum, its adjoint and its Jacobian.

Axes: n atoms, p pairs, z species, k = l(l + 1) + m, l, a radial functions, f features, c Cartesian. Within one atom the
neighbours run in the innermost, contiguous axis (q), species after species: every loop is one over neighbours. Their
bounds are unsigned: with signed ones the compiler has to provide for negative indices and gives up vector instructions.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.angular import azimuthal, harmonics, legendre, solid_gradients
from potscope.core.compiled import kernel
from potscope.core.radial import cosine_step, table_derivative, table_value


@kernel
def sort_by_species(
    start: int, stop: int, species_p: IntArray, n_species: int, order_q: IntArray, first_z: IntArray
) -> None:
    """Order the pairs of one atom by the neighbour's species; ``first_z`` bounds each species."""
    for z in range(n_species + 1):
        first_z[z] = 0
    for p in range(start, stop):
        first_z[species_p[p] + 1] += 1
    for z in range(n_species):
        first_z[z + 1] += first_z[z]
    for p in range(start, stop):
        z = species_p[p]
        order_q[first_z[z]] = p
        first_z[z] += 1
    for z in range(n_species, 0, -1):
        first_z[z] = first_z[z - 1]
    first_z[0] = 0


@kernel
def directions(n: int, order_q: IntArray, D_pc: Array, u_cq: Array, r_q: Array) -> None:
    """Unit vectors and distances of the neighbours of one atom."""
    for q in range(n):
        p = order_q[q]
        x, y, z = D_pc[p, 0], D_pc[p, 1], D_pc[p, 2]
        r = np.sqrt(x * x + y * y + z * z)
        r_q[q] = r
        u_cq[0, q] = x / r
        u_cq[1, q] = y / r
        u_cq[2, q] = z / r


@kernel
def most_neighbours(start: int, stop: int, first_n: IntArray) -> int:
    """The largest number of neighbours of an atom of the range, at least one."""
    most = 1
    for n in range(start, stop):
        most = max(most, first_n[n + 1] - first_n[n])
    return most


@kernel
def neighbour_buffers(most: int, n_species: int) -> tuple[IntArray, IntArray, Array, Array]:
    """Room for the order of the neighbours, the bounds of the species, unit vectors and distances."""
    return np.empty(most, np.int64), np.empty(n_species + 1, np.int64), np.empty((3, most)), np.empty(most)


@kernel
def angular_buffers(most: int, l_max: int) -> tuple[Array, Array, Array]:
    """Room for Legendre functions, and for cosines and sines of multiples of the azimuth."""
    n_t = (l_max + 1) * (l_max + 2) // 2
    return np.empty((n_t, most)), np.empty((l_max + 1, most)), np.empty((l_max + 1, most))


@kernel
def angular_values(
    n: int, u_cq: Array, l_max: int, norm_t: Array, Q_tq: Array, cos_mq: Array, sin_mq: Array, Y_kq: Array
) -> None:
    """Spherical harmonics of the neighbours of one atom, with what they are made of."""
    legendre(n, u_cq[2], l_max, Q_tq)
    azimuthal(n, u_cq[0], u_cq[1], l_max, cos_mq, sin_mq)
    harmonics(n, l_max, norm_t, Q_tq, cos_mq, sin_mq, Y_kq)


@kernel
def radial_values(
    n: int, r_q: Array, coefficients: Array, step: float, start: float, cutoff: float, row_a: Array, f_aq: Array
) -> None:
    """Radial functions times the cutoff function, zero beyond the cutoff."""
    for q in range(n):
        fc, _ = cosine_step(r_q[q], start, cutoff)
        if fc == 0.0:
            for a in range(len(row_a)):
                f_aq[a, q] = 0.0
            continue
        table_value(r_q[q], coefficients, step, row_a)
        for a in range(len(row_a)):
            f_aq[a, q] = fc * row_a[a]


@kernel
def radial_derivatives(
    n: int,
    r_q: Array,
    coefficients: Array,
    step: float,
    start: float,
    cutoff: float,
    row_a: Array,
    drow_a: Array,
    f_aq: Array,
    df_aq: Array,
) -> None:
    """As `radial_values`, with the derivatives by the distance."""
    for q in range(n):
        fc, dfc = cosine_step(r_q[q], start, cutoff)
        if fc == 0.0:
            for a in range(len(row_a)):
                f_aq[a, q] = 0.0
                df_aq[a, q] = 0.0
            continue
        table_value(r_q[q], coefficients, step, row_a)
        table_derivative(r_q[q], coefficients, step, drow_a)
        for a in range(len(row_a)):
            f_aq[a, q] = fc * row_a[a]
            df_aq[a, q] = fc * drow_a[a] + dfc * row_a[a]


@kernel
def sum_over_neighbours(begin: np.uint64, end: np.uint64, Y_kq: Array, f_aq: Array, l_max: int, c_ak: Array) -> None:
    """Coefficients of one species about one atom."""
    n_max = c_ak.shape[0]
    for l in range(l_max + 1):
        for k in range(l * l, (l + 1) * (l + 1)):
            for a in range(n_max):
                total = 0.0
                for q in range(begin, end):
                    total += Y_kq[k, q] * f_aq[l * n_max + a, q]
                c_ak[a, k] = total


@kernel
def density(
    start: int,
    stop: int,
    first_n: IntArray,
    species_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    coefficients: Array,
    step: float,
    smooth_from: float,
    reach: float,
    norm_t: Array,
    l_max: int,
    self_a: Array,
    c_nzak: Array,
) -> None:
    r"""Coefficients of the density of each species, the atom itself included.

    .. math:: c^z_{nlm} = \sum_{j \in z} I_{ln}(r_{ij})\, f_c(r_{ij})\, Y_{lm}(\hat{\mathbf r}_{ij})
    """
    n_species, n_max, n_k = c_nzak.shape[1], c_nzak.shape[2], c_nzak.shape[3]
    most = most_neighbours(start, stop, first_n)
    order_q, first_z, u_cq, r_q = neighbour_buffers(most, n_species)
    Q_tq, cos_mq, sin_mq = angular_buffers(most, l_max)
    Y_kq, f_aq, row_a = np.empty((n_k, most)), np.empty(((l_max + 1) * n_max, most)), np.empty((l_max + 1) * n_max)
    for n in range(start, stop):
        size = first_n[n + 1] - first_n[n]
        sort_by_species(first_n[n], first_n[n + 1], species_p, n_species, order_q, first_z)
        directions(size, order_q, D_pc, u_cq, r_q)
        angular_values(size, u_cq, l_max, norm_t, Q_tq, cos_mq, sin_mq, Y_kq)
        radial_values(size, r_q, coefficients, step, smooth_from, reach, row_a, f_aq)
        for z in range(n_species):
            begin, end = np.uint64(first_z[z]), np.uint64(first_z[z + 1])
            sum_over_neighbours(begin, end, Y_kq, f_aq, l_max, c_nzak[n, z])
        for a in range(n_max):
            c_nzak[n, species_n[n], a, 0] += self_a[a]


@kernel
def power_spectrum(start: int, stop: int, c_nzak: Array, scale_l: Array, values_nf: Array) -> None:
    r"""Power spectrum, ordered by species pair, l, n, n'; only :math:`n' \ge n` where :math:`z = z'`.

    .. math:: p^{zz'}_{nn'l} = s_l \sum_m c^z_{nlm} c^{z'}_{n'lm}
    """
    n_species, n_max = c_nzak.shape[1], c_nzak.shape[2]
    for n in range(start, stop):
        f = 0
        for z in range(n_species):
            for w in range(z, n_species):
                for l in range(len(scale_l)):
                    for a in range(n_max):
                        for b in range(a if z == w else 0, n_max):
                            total = 0.0
                            for k in range(l * l, (l + 1) * (l + 1)):
                                total += c_nzak[n, z, a, k] * c_nzak[n, w, b, k]
                            values_nf[n, f] = scale_l[l] * total
                            f += 1


@kernel
def coefficient_gradient(c_zak: Array, scale_l: Array, g_f: Array, h_zak: Array) -> None:
    r""":math:`\partial E/\partial c` of one atom from :math:`\partial E/\partial p`."""
    n_species, n_max = c_zak.shape[0], c_zak.shape[1]
    h_zak[:] = 0.0
    f = 0
    for z in range(n_species):
        for w in range(z, n_species):
            for l in range(len(scale_l)):
                for a in range(n_max):
                    for b in range(a if z == w else 0, n_max):
                        g = scale_l[l] * g_f[f]
                        f += 1
                        if g == 0.0:
                            continue
                        for k in range(l * l, (l + 1) * (l + 1)):
                            h_zak[z, a, k] += g * c_zak[w, b, k]
                            h_zak[w, b, k] += g * c_zak[z, a, k]


@kernel
def adjoint(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    coefficients: Array,
    step: float,
    smooth_from: float,
    reach: float,
    norm_t: Array,
    l_max: int,
    c_nzak: Array,
    scale_l: Array,
    g_nf: Array,
    dE_dD_pc: Array,
) -> None:
    r""":math:`\partial E/\partial\mathbf D_p` from :math:`\partial E/\partial p`, without building a Jacobian.

    With :math:`h = \partial E/\partial c`, :math:`T_k = \sum_n I_{ln} h_{nk}` and :math:`T'_k` the same with the
    radial derivative,

    .. math::
        \frac{\partial E}{\partial\mathbf D} = \hat{\mathbf u} \sum_k \left(T'_k - \tfrac{l}{r} T_k\right) Y_k
        + \frac1r \sum_k T_k \nabla R_k(\hat{\mathbf u})
    """
    n_species, n_max, n_k = c_nzak.shape[1], c_nzak.shape[2], c_nzak.shape[3]
    most = most_neighbours(start, stop, first_n)
    order_q, first_z, u_cq, r_q = neighbour_buffers(most, n_species)
    Q_tq, cos_mq, sin_mq = angular_buffers(most, l_max)
    Y_kq, dR_ckq = np.empty((n_k, most)), np.empty((3, n_k, most))
    n_rows = (l_max + 1) * n_max
    f_aq, df_aq, row_a, drow_a = np.empty((n_rows, most)), np.empty((n_rows, most)), np.empty(n_rows), np.empty(n_rows)
    h_zak = np.empty((n_species, n_max, n_k))
    T_q, dT_q, along_q, g_cq = np.empty(most), np.empty(most), np.empty(most), np.empty((3, most))
    for n in range(start, stop):
        size = first_n[n + 1] - first_n[n]
        coefficient_gradient(c_nzak[n], scale_l, g_nf[n], h_zak)
        sort_by_species(first_n[n], first_n[n + 1], species_p, n_species, order_q, first_z)
        directions(size, order_q, D_pc, u_cq, r_q)
        angular_values(size, u_cq, l_max, norm_t, Q_tq, cos_mq, sin_mq, Y_kq)
        solid_gradients(size, u_cq[0], u_cq[1], l_max, norm_t, Q_tq, cos_mq, sin_mq, dR_ckq)
        radial_derivatives(size, r_q, coefficients, step, smooth_from, reach, row_a, drow_a, f_aq, df_aq)
        for q in range(size):
            along_q[q] = 0.0
            g_cq[0, q] = 0.0
            g_cq[1, q] = 0.0
            g_cq[2, q] = 0.0
        for z in range(n_species):
            begin, end = np.uint64(first_z[z]), np.uint64(first_z[z + 1])
            if begin == end:
                continue
            for l in range(l_max + 1):
                for k in range(l * l, (l + 1) * (l + 1)):
                    for q in range(begin, end):
                        T_q[q] = 0.0
                        dT_q[q] = 0.0
                    for a in range(n_max):
                        h = h_zak[z, a, k]
                        for q in range(begin, end):
                            T_q[q] += h * f_aq[l * n_max + a, q]
                            dT_q[q] += h * df_aq[l * n_max + a, q]
                    for q in range(begin, end):
                        along_q[q] += Y_kq[k, q] * (dT_q[q] - l * T_q[q] / r_q[q])
                        g_cq[0, q] += T_q[q] * dR_ckq[0, k, q]
                        g_cq[1, q] += T_q[q] * dR_ckq[1, k, q]
                        g_cq[2, q] += T_q[q] * dR_ckq[2, k, q]
        for q in range(size):
            p = order_q[q]
            for c in range(3):
                dE_dD_pc[p, c] = u_cq[c, q] * along_q[q] + g_cq[c, q] / r_q[q]


@kernel
def jacobian(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    coefficients: Array,
    step: float,
    smooth_from: float,
    reach: float,
    norm_t: Array,
    l_max: int,
    c_nzak: Array,
    scale_l: Array,
    J_pcf: Array,
) -> None:
    r""":math:`\partial p_{i}/\partial\mathbf D_p`; a neighbour of species w moves only the blocks with w in them."""
    n_species, n_max, n_k = c_nzak.shape[1], c_nzak.shape[2], c_nzak.shape[3]
    most = most_neighbours(start, stop, first_n)
    order_q, first_z, u_cq, r_q = neighbour_buffers(most, n_species)
    Q_tq, cos_mq, sin_mq = angular_buffers(most, l_max)
    Y_kq, dR_ckq = np.empty((n_k, most)), np.empty((3, n_k, most))
    n_rows = (l_max + 1) * n_max
    f_aq, df_aq, row_a, drow_a = np.empty((n_rows, most)), np.empty((n_rows, most)), np.empty(n_rows), np.empty(n_rows)
    dY_k = np.empty(n_k)
    dc_ka, sum_ab = np.empty((n_k, n_max)), np.empty((n_max, n_max))
    c_zka = np.empty((n_species, n_k, n_max))
    for n in range(start, stop):
        size = first_n[n + 1] - first_n[n]
        sort_by_species(first_n[n], first_n[n + 1], species_p, n_species, order_q, first_z)
        directions(size, order_q, D_pc, u_cq, r_q)
        angular_values(size, u_cq, l_max, norm_t, Q_tq, cos_mq, sin_mq, Y_kq)
        solid_gradients(size, u_cq[0], u_cq[1], l_max, norm_t, Q_tq, cos_mq, sin_mq, dR_ckq)
        radial_derivatives(size, r_q, coefficients, step, smooth_from, reach, row_a, drow_a, f_aq, df_aq)
        for z in range(n_species):
            for a in range(n_max):
                for k in range(n_k):
                    c_zka[z, k, a] = c_nzak[n, z, a, k]
        for q in range(size):
            p = order_q[q]
            own = species_p[p]
            for c in range(3):
                for l in range(l_max + 1):
                    for k in range(l * l, (l + 1) * (l + 1)):
                        dY_k[k] = (dR_ckq[c, k, q] - l * Y_kq[k, q] * u_cq[c, q]) / r_q[q]
                        for a in range(n_max):
                            dc_ka[k, a] = (
                                df_aq[l * n_max + a, q] * u_cq[c, q] * Y_kq[k, q] + f_aq[l * n_max + a, q] * dY_k[k]
                            )
                product_rule(c_zka, dc_ka, own, scale_l, sum_ab, J_pcf[p, c])


@kernel
def product_rule(c_zka: Array, dc_ka: Array, own: int, scale_l: Array, sum_ab: Array, J_f: Array) -> None:
    """Derivative of the power spectrum when only the coefficients of species `own` change, by `dc_ak`."""
    n_species, n_max = c_zka.shape[0], c_zka.shape[2]
    f = 0
    for z in range(n_species):
        for w in range(z, n_species):
            other = w if z == own else z
            for l in range(len(scale_l)):
                if z != own and w != own:
                    size = n_max * n_max if z != w else n_max * (n_max + 1) // 2
                    for b in range(size):
                        J_f[f + b] = 0.0
                    f += size
                    continue
                sum_ab[:] = 0.0
                for k in range(l * l, (l + 1) * (l + 1)):
                    for a in range(n_max):
                        for b in range(n_max):
                            sum_ab[a, b] += dc_ka[k, a] * c_zka[other, k, b]
                for a in range(n_max):
                    for b in range(a if z == w else 0, n_max):
                        if z == w:
                            J_f[f] = scale_l[l] * (sum_ab[a, b] + sum_ab[b, a])
                        elif z == own:
                            J_f[f] = scale_l[l] * sum_ab[a, b]
                        else:
                            J_f[f] = scale_l[l] * sum_ab[b, a]
                        f += 1
