"""The loops of symmetry functions: values, adjoint and Jacobian.

Axes: n atoms, p pairs, e envelopes, w powers of the angle, f functions, c Cartesian. Within one atom the neighbours run
in the innermost, contiguous axis (q), species after species, those within reach of the angular functions first. Pairs
of neighbours are laid end to end (t) in tiles that stay in the processor's nearest memory: every long loop is one over
a tile. Bounds that come from arrays are unsigned, so that loops go in vector registers.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.descriptors.acsf_factors import cutoff_values, envelope, envelopes, powers
from potscope.core.descriptors.acsf_plan import Plan
from potscope.core.descriptors.surroundings import FAR, look_around, most_neighbours, padded, room_for_neighbours

TILE = 256


@kernel
def lay_pairs(n_pairs: int, first: int, last: int, member_g: IntArray, first_b: IntArray, segment_s5: IntArray) -> int:
    """Cut the pairs of near neighbours of some groups into segments of one j and consecutive k, none across tiles.

    A segment is j, its first k, its first place in its tile, its length, and its group; at place 0 a tile begins.
    Pairs of species are counted 00, 10, 11, 20, ...
    """
    s, t = 0, 0
    for member in range(first, last):
        g = member_g[member]
        pair, w = g % n_pairs, 0
        while (w + 1) * (w + 2) // 2 <= pair:
            w += 1
        z = pair - w * (w + 1) // 2
        for j in range(first_b[2 * w], first_b[2 * w + 1]):
            k = first_b[2 * z]
            end_k = j if w == z else first_b[2 * z + 1]
            while k < end_k:
                length = min(end_k - k, TILE - t)
                segment_s5[s, 0], segment_s5[s, 1], segment_s5[s, 2], segment_s5[s, 3] = j, k, t, length
                segment_s5[s, 4] = g
                s += 1
                k += length
                t = (t + length) % TILE
    return s


@kernel
def parts_of_groups(begin: int, end: int, segment_s5: IntArray, part_r5: IntArray) -> int:
    """Group, bounds of the segments, and bounds of the places of each part of a tile that is of one group."""
    n_parts, s = 0, begin
    while s < end:
        first = s
        while s < end and segment_s5[s, 4] == segment_s5[first, 4]:
            s += 1
        part_r5[n_parts, 0], part_r5[n_parts, 1], part_r5[n_parts, 2] = segment_s5[first, 4], first, s
        part_r5[n_parts, 3], part_r5[n_parts, 4] = segment_s5[first, 2], segment_s5[s - 1, 2] + segment_s5[s - 1, 3]
        n_parts += 1
    return n_parts


@kernel
def end_of_tile(s: int, n_segments: int, segment_s5: IntArray) -> int:
    """The segment after the last of the tile that begins with segment s."""
    s += 1
    while s < n_segments and segment_s5[s, 2] != 0:
        s += 1
    return s


@kernel
def triangles(segment_s5: IntArray, begin: int, end: int, u_cq: Array, D_cq: Array, cos_t: Array, r_t: Array) -> int:
    r""":math:`\cos\theta_{jik}` and :math:`r_{jk}` of a tile; gives its size, padded."""
    for s in range(begin, end):
        j, k = np.uint64(segment_s5[s, 0]), np.uint64(segment_s5[s, 1])
        t, length = np.uint64(segment_s5[s, 2]), np.uint64(segment_s5[s, 3])
        ux, uy, uz = u_cq[0, j], u_cq[1, j], u_cq[2, j]
        Dx, Dy, Dz = D_cq[0, j], D_cq[1, j], D_cq[2, j]
        for i in range(length):
            cos_t[t + i] = ux * u_cq[0, k + i] + uy * u_cq[1, k + i] + uz * u_cq[2, k + i]
            x, y, z = D_cq[0, k + i] - Dx, D_cq[1, k + i] - Dy, D_cq[2, k + i] - Dz
            r_t[t + i] = np.sqrt(x * x + y * y + z * z)
    size = segment_s5[end - 1, 2] + segment_s5[end - 1, 3]
    for i in range(size, padded(size)):
        cos_t[i] = 0.0
        r_t[i] = FAR
    return padded(size)


@kernel
def closing_envelope(
    n: int,
    e: int,
    closed: int,
    previous: float,
    envelope_e4: Array,
    kind: int,
    fraction: float,
    r_t: Array,
    fc_t: Array,
    dfc_t: Array,
    B_xt: Array,
    dB_xt: Array,
) -> float:
    """The envelope of the distance between the neighbours, one where a factor has none; gives the cutoff in `fc_t`."""
    if closed == 0:
        for t in range(n):
            B_xt[0, t] = 1.0 if r_t[t] < FAR else 0.0
            dB_xt[0, t] = 0.0
        return previous
    cutoff = float(envelope_e4[e, 3])
    if cutoff != previous:
        cutoff_values(kind, n, r_t, fraction * cutoff, cutoff, fc_t, dfc_t)
    envelope(n, e, envelope_e4, r_t, fc_t, dfc_t, 0, B_xt, dB_xt)
    return cutoff


@kernel
def times_envelopes(segment_s5: IntArray, begin: int, end: int, e: int, A_eq: Array, B_xt: Array) -> None:
    r"""Multiply by :math:`A(r_{ij}) A(r_{ik})`."""
    for s in range(begin, end):
        j, k = np.uint64(segment_s5[s, 0]), np.uint64(segment_s5[s, 1])
        t, length = np.uint64(segment_s5[s, 2]), np.uint64(segment_s5[s, 3])
        A_j = A_eq[e, j]
        for i in range(length):
            B_xt[0, t + i] *= A_j * A_eq[e, k + i]


@kernel
def sum_of_products(begin: int, end: int, B_xt: Array, w: int, P_wt: Array) -> float:
    """Over the terms of a part of a tile."""
    total = 0.0
    for t in range(np.uint64(begin), np.uint64(end)):
        total += B_xt[0, t] * P_wt[w, t]
    return total


@kernel
def values(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    weight_p: Array,
    centre_n: IntArray,
    D_pc: Array,
    plan: Plan,
    kind: int,
    fraction: float,
    values_nf: Array,
) -> None:
    """Symmetry functions of a range of atoms."""
    n_species, _, _, near, envelope_e4, first_radial, radial_f2 = plan[:7]
    first_factor_g, factor_x2, first_function_x, function_f2, first_power_g, power_w2 = plan[7:13]
    first_family, first_member, member_g = plan[13:]
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q = room_for_neighbours(most, n_species)
    fc_q, dfc_q, A_eq, dA_eq = envelope_buffers(most, plan)
    segment_s5, cos_t, r_t, fc_t, dfc_t, P_wt, dP_wt, B_xt, dB_xt, _ = tile_buffers(most, plan)
    n_pairs = n_species * (n_species + 1) // 2
    part_r5 = np.empty((n_pairs, 5), np.int64)
    for n in range(start, stop):
        values_nf[n] = 0.0
        begin_p, end_p = first_n[n], first_n[n + 1]
        look_around(begin_p, end_p, species_p, D_pc, near, n_species, order_q, first_b, D_cq, u_cq, r_q)
        envelopes(end_p - begin_p, order_q, weight_p, envelope_e4, kind, fraction, r_q, fc_q, dfc_q, A_eq, dA_eq)
        for z in range(n_species):
            row = centre_n[n] * n_species + z
            begin, end = np.uint64(first_b[2 * z]), np.uint64(first_b[2 * z + 2])
            for f in range(first_radial[row], first_radial[row + 1]):
                e = radial_f2[f, 0]
                total = 0.0
                for q in range(begin, end):
                    total += A_eq[e, q]
                values_nf[n, radial_f2[f, 1]] = total
        for family in range(first_family[centre_n[n]], first_family[centre_n[n] + 1]):
            g = member_g[first_member[family]]
            n_segments = lay_pairs(
                n_pairs, first_member[family], first_member[family + 1], member_g, first_b, segment_s5
            )
            s = 0
            while s < n_segments:
                stop_s = end_of_tile(s, n_segments, segment_s5)
                T = triangles(segment_s5, s, stop_s, u_cq, D_cq, cos_t, r_t)
                n_parts = parts_of_groups(s, stop_s, segment_s5, part_r5)
                powers(T, first_power_g[g], first_power_g[g + 1], power_w2, cos_t, P_wt, dP_wt)
                cutoff = -1.0
                for x in range(first_factor_g[g], first_factor_g[g + 1]):
                    e, closed = factor_x2[x, 0], factor_x2[x, 1]
                    cutoff = closing_envelope(
                        T, e, closed, cutoff, envelope_e4, kind, fraction, r_t, fc_t, dfc_t, B_xt, dB_xt
                    )
                    times_envelopes(segment_s5, s, stop_s, e, A_eq, B_xt)
                    for r in range(n_parts):
                        own = first_factor_g[part_r5[r, 0]] + x - first_factor_g[g]
                        begin_t, end_t = part_r5[r, 3], part_r5[r, 4]
                        for f in range(first_function_x[own], first_function_x[own + 1]):
                            w, column = function_f2[f, 0], function_f2[f, 1]
                            values_nf[n, column] += sum_of_products(begin_t, end_t, B_xt, w, P_wt)
                s = stop_s


@kernel
def envelope_buffers(most: int, plan: Plan) -> tuple[Array, Array, Array, Array]:
    """Room for cutoff functions and envelopes of at most so many neighbours, and their slopes."""
    n_e = len(plan.envelope_e4)
    return np.empty(most), np.empty(most), np.empty((n_e, most)), np.empty((n_e, most))


@kernel
def tile_buffers(
    most: int, plan: Plan
) -> tuple[IntArray, Array, Array, Array, Array, Array, Array, Array, Array, Array]:
    """Room for segments, cosines, distances, cutoff functions, powers, closing envelopes, and slopes."""
    n_segments = most * plan.n_species + most * most // TILE + 1
    return (
        np.empty((n_segments, 5), np.int64),
        np.empty(TILE),
        np.empty(TILE),
        np.empty(TILE),
        np.empty(TILE),
        np.empty((plan.most_powers, TILE)),
        np.empty((plan.most_powers, TILE)),
        np.empty((1, TILE)),
        np.empty((1, TILE)),
        np.empty((4, TILE)),
    )


@kernel
def tile_slopes(
    segment_s5: IntArray,
    begin: int,
    end: int,
    e: int,
    A_eq: Array,
    dA_eq: Array,
    w: int,
    S_wt: Array,
    dS_wt: Array,
    B_xt: Array,
    dB_xt: Array,
    slope_xt: Array,
) -> None:
    r"""Add derivatives of :math:`\sum_t S(\cos\theta) A(r_{ij}) A(r_{ik}) B(r_{jk})` by its four arguments.

    Rows of `slope_xt`: :math:`\cos\theta`, :math:`r_{ij}`, :math:`r_{ik}`, :math:`r_{jk}`.
    """
    for s in range(begin, end):
        j, k = np.uint64(segment_s5[s, 0]), np.uint64(segment_s5[s, 1])
        t, length = np.uint64(segment_s5[s, 2]), np.uint64(segment_s5[s, 3])
        A_j, dA_j = A_eq[e, j], dA_eq[e, j]
        for i in range(length):
            A_k, SB = A_eq[e, k + i], S_wt[w, t + i] * B_xt[0, t + i]
            slope_xt[0, t + i] += dS_wt[w, t + i] * B_xt[0, t + i] * A_j * A_k
            slope_xt[1, t + i] += SB * dA_j * A_k
            slope_xt[2, t + i] += SB * A_j * dA_eq[e, k + i]
            slope_xt[3, t + i] += S_wt[w, t + i] * dB_xt[0, t + i] * A_j * A_k


@kernel
def scatter(
    segment_s5: IntArray,
    begin: int,
    end: int,
    slope_xt: Array,
    u_cq: Array,
    r_q: Array,
    cos_t: Array,
    r_t: Array,
    f: int,
    gradient_fxq: Array,
) -> None:
    r"""Add to the neighbours what the derivatives of a tile are in terms of their vectors.

    A neighbour's gradient is row 0 times its own unit vector plus the vector of rows 1 to 3; with
    :math:`a = \partial E/\partial\cos\theta` and :math:`b = \partial E/\partial r_{jk} / r_{jk}`,

    .. math::
        \frac{\partial E}{\partial\mathbf D_k} = \left(\frac{\partial E}{\partial r_{ik}}
        - \frac{a \cos\theta}{r_{ik}} + b\,r_{ik}\right)\hat{\mathbf u}_k
        + \left(\frac{a}{r_{ik}} - b\,r_{ij}\right)\hat{\mathbf u}_j .
    """
    for s in range(begin, end):
        j, k = np.uint64(segment_s5[s, 0]), np.uint64(segment_s5[s, 1])
        t, length = np.uint64(segment_s5[s, 2]), np.uint64(segment_s5[s, 3])
        ux, uy, uz, r_j = u_cq[0, j], u_cq[1, j], u_cq[2, j], r_q[j]
        along, gx, gy, gz = 0.0, 0.0, 0.0, 0.0
        for i in range(length):
            r_k, a, b = r_q[k + i], slope_xt[0, t + i], slope_xt[3, t + i] / r_t[t + i]
            across = a * cos_t[t + i]
            along += slope_xt[1, t + i] - across / r_j + b * r_j
            onto_j = a / r_j - b * r_k
            onto_k = a / r_k - b * r_j
            gx += onto_j * u_cq[0, k + i]
            gy += onto_j * u_cq[1, k + i]
            gz += onto_j * u_cq[2, k + i]
            gradient_fxq[f, 0, k + i] += slope_xt[2, t + i] - across / r_k + b * r_k
            gradient_fxq[f, 1, k + i] += onto_k * ux
            gradient_fxq[f, 2, k + i] += onto_k * uy
            gradient_fxq[f, 3, k + i] += onto_k * uz
        gradient_fxq[f, 0, j] += along
        gradient_fxq[f, 1, j] += gx
        gradient_fxq[f, 2, j] += gy
        gradient_fxq[f, 3, j] += gz


@kernel
def clear(n: int, rows: int, X_xt: Array) -> None:
    """Set the first `n` numbers of some rows to zero."""
    for x in range(rows):
        for t in range(n):
            X_xt[x, t] = 0.0


@kernel
def weighted_powers(
    begin: int,
    end: int,
    first: int,
    last: int,
    function_f2: IntArray,
    dE_nf: Array,
    atom: int,
    P_wt: Array,
    dP_wt: Array,
    S_xt: Array,
    dS_xt: Array,
) -> None:
    """The powers of some functions, times the derivatives of the energy, in one sum for a part of a tile."""
    for t in range(np.uint64(begin), np.uint64(end)):
        S_xt[0, t] = 0.0
        dS_xt[0, t] = 0.0
    for f in range(first, last):
        w, dE = function_f2[f, 0], dE_nf[atom, function_f2[f, 1]]
        for t in range(np.uint64(begin), np.uint64(end)):
            S_xt[0, t] += dE * P_wt[w, t]
            dS_xt[0, t] += dE * dP_wt[w, t]


@kernel
def adjoint(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    weight_p: Array,
    centre_n: IntArray,
    D_pc: Array,
    plan: Plan,
    kind: int,
    fraction: float,
    dE_nf: Array,
    dE_dD_pc: Array,
) -> None:
    r""":math:`\partial E/\partial\mathbf D_p` from :math:`\partial E/\partial G`, without building a Jacobian."""
    n_species, _, _, near, envelope_e4, first_radial, radial_f2 = plan[:7]
    first_factor_g, factor_x2, first_function_x, function_f2, first_power_g, power_w2 = plan[7:13]
    first_family, first_member, member_g = plan[13:]
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q = room_for_neighbours(most, n_species)
    fc_q, dfc_q, A_eq, dA_eq = envelope_buffers(most, plan)
    segment_s5, cos_t, r_t, fc_t, dfc_t, P_wt, dP_wt, B_xt, dB_xt, slope_xt = tile_buffers(most, plan)
    S_xt, dS_xt, gradient_fxq = np.empty((1, TILE)), np.empty((1, TILE)), np.empty((1, 4, most))
    n_pairs = n_species * (n_species + 1) // 2
    part_r5 = np.empty((n_pairs, 5), np.int64)
    for n in range(start, stop):
        begin_p, end_p = first_n[n], first_n[n + 1]
        size = look_around(begin_p, end_p, species_p, D_pc, near, n_species, order_q, first_b, D_cq, u_cq, r_q)
        envelopes(end_p - begin_p, order_q, weight_p, envelope_e4, kind, fraction, r_q, fc_q, dfc_q, A_eq, dA_eq)
        clear(size, 4, gradient_fxq[0])
        for z in range(n_species):
            row = centre_n[n] * n_species + z
            begin, end = np.uint64(first_b[2 * z]), np.uint64(first_b[2 * z + 2])
            for f in range(first_radial[row], first_radial[row + 1]):
                e, dE = radial_f2[f, 0], dE_nf[n, radial_f2[f, 1]]
                for q in range(begin, end):
                    gradient_fxq[0, 0, q] += dE * dA_eq[e, q]
        for family in range(first_family[centre_n[n]], first_family[centre_n[n] + 1]):
            g = member_g[first_member[family]]
            n_segments = lay_pairs(
                n_pairs, first_member[family], first_member[family + 1], member_g, first_b, segment_s5
            )
            s = 0
            while s < n_segments:
                stop_s = end_of_tile(s, n_segments, segment_s5)
                T = triangles(segment_s5, s, stop_s, u_cq, D_cq, cos_t, r_t)
                n_parts = parts_of_groups(s, stop_s, segment_s5, part_r5)
                powers(T, first_power_g[g], first_power_g[g + 1], power_w2, cos_t, P_wt, dP_wt)
                clear(T, 4, slope_xt)
                cutoff = -1.0
                for x in range(first_factor_g[g], first_factor_g[g + 1]):
                    e, closed = factor_x2[x, 0], factor_x2[x, 1]
                    cutoff = closing_envelope(
                        T, e, closed, cutoff, envelope_e4, kind, fraction, r_t, fc_t, dfc_t, B_xt, dB_xt
                    )
                    for r in range(n_parts):
                        own = first_factor_g[part_r5[r, 0]] + x - first_factor_g[g]
                        begin_f, end_f = first_function_x[own], first_function_x[own + 1]
                        begin_t, end_t = part_r5[r, 3], part_r5[r, 4]
                        weighted_powers(begin_t, end_t, begin_f, end_f, function_f2, dE_nf, n, P_wt, dP_wt, S_xt, dS_xt)
                    tile_slopes(segment_s5, s, stop_s, e, A_eq, dA_eq, 0, S_xt, dS_xt, B_xt, dB_xt, slope_xt)
                scatter(segment_s5, s, stop_s, slope_xt, u_cq, r_q, cos_t, r_t, 0, gradient_fxq)
                s = stop_s
        for q in range(end_p - begin_p):
            for c in range(3):
                dE_dD_pc[order_q[q], c] = gradient_fxq[0, 0, q] * u_cq[c, q] + gradient_fxq[0, c + 1, q]


@kernel
def jacobian(
    start: int,
    stop: int,
    first_n: IntArray,
    species_p: IntArray,
    weight_p: Array,
    centre_n: IntArray,
    D_pc: Array,
    plan: Plan,
    kind: int,
    fraction: float,
    J_pcf: Array,
) -> None:
    r""":math:`\partial G_i/\partial\mathbf D_p` of a range of atoms."""
    n_species, n_functions, _, near, envelope_e4, first_radial, radial_f2 = plan[:7]
    first_factor_g, factor_x2, first_function_x, function_f2, first_power_g, power_w2 = plan[7:13]
    first_family, first_member, member_g = plan[13:]
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q = room_for_neighbours(most, n_species)
    fc_q, dfc_q, A_eq, dA_eq = envelope_buffers(most, plan)
    segment_s5, cos_t, r_t, fc_t, dfc_t, P_wt, dP_wt, B_xt, dB_xt, slope_xt = tile_buffers(most, plan)
    gradient_fxq = np.empty((n_functions, 4, most))
    n_pairs = n_species * (n_species + 1) // 2
    part_r5 = np.empty((n_pairs, 5), np.int64)
    for n in range(start, stop):
        begin_p, end_p = first_n[n], first_n[n + 1]
        look_around(begin_p, end_p, species_p, D_pc, near, n_species, order_q, first_b, D_cq, u_cq, r_q)
        envelopes(end_p - begin_p, order_q, weight_p, envelope_e4, kind, fraction, r_q, fc_q, dfc_q, A_eq, dA_eq)
        gradient_fxq[:] = 0.0
        for z in range(n_species):
            row = centre_n[n] * n_species + z
            begin, end = np.uint64(first_b[2 * z]), np.uint64(first_b[2 * z + 2])
            for f in range(first_radial[row], first_radial[row + 1]):
                e, column = radial_f2[f, 0], radial_f2[f, 1]
                for q in range(begin, end):
                    gradient_fxq[column, 0, q] = dA_eq[e, q]
        for family in range(first_family[centre_n[n]], first_family[centre_n[n] + 1]):
            g = member_g[first_member[family]]
            n_segments = lay_pairs(
                n_pairs, first_member[family], first_member[family + 1], member_g, first_b, segment_s5
            )
            s = 0
            while s < n_segments:
                stop_s = end_of_tile(s, n_segments, segment_s5)
                T = triangles(segment_s5, s, stop_s, u_cq, D_cq, cos_t, r_t)
                n_parts = parts_of_groups(s, stop_s, segment_s5, part_r5)
                powers(T, first_power_g[g], first_power_g[g + 1], power_w2, cos_t, P_wt, dP_wt)
                cutoff = -1.0
                for x in range(first_factor_g[g], first_factor_g[g + 1]):
                    e, closed = factor_x2[x, 0], factor_x2[x, 1]
                    cutoff = closing_envelope(
                        T, e, closed, cutoff, envelope_e4, kind, fraction, r_t, fc_t, dfc_t, B_xt, dB_xt
                    )
                    for r in range(n_parts):
                        own = first_factor_g[part_r5[r, 0]] + x - first_factor_g[g]
                        begin_s, end_s = part_r5[r, 1], part_r5[r, 2]
                        for f in range(first_function_x[own], first_function_x[own + 1]):
                            w, column = function_f2[f, 0], function_f2[f, 1]
                            clear(T, 4, slope_xt)
                            tile_slopes(
                                segment_s5, begin_s, end_s, e, A_eq, dA_eq, w, P_wt, dP_wt, B_xt, dB_xt, slope_xt
                            )
                            scatter(segment_s5, begin_s, end_s, slope_xt, u_cq, r_q, cos_t, r_t, column, gradient_fxq)
                s = stop_s
        for q in range(end_p - begin_p):
            for c in range(3):
                for f in range(n_functions):
                    J_pcf[order_q[q], c, f] = gradient_fxq[f, 0, q] * u_cq[c, q] + gradient_fxq[f, c + 1, q]
