"""The loops of symmetry functions: values, adjoint and Jacobian.

Axes: n atoms, p pairs, e envelopes, w powers of the angle, f functions, c Cartesian. Within one atom the neighbours run
in the innermost, contiguous axis (q), species after species, those within reach of the angular functions first. Pairs
of neighbours are laid end to end (t) in tiles that stay in the processor's nearest memory: every long loop is one over
a tile. Bounds that come from arrays are unsigned, see `soap_kernels`.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.cutoffs import cutoff_function
from potscope.core.descriptors.acsf_plan import Plan
from potscope.core.elementary import cosine_cutoffs, exponentials

TILE = 256
COSINE = 1  # place in `CUTOFF_FUNCTIONS`
LARGEST_WHOLE_POWER = 4096.0


@kernel
def arrange(
    start: int,
    stop: int,
    species_p: IntArray,
    D_pc: Array,
    near: float,
    n_species: int,
    order_q: IntArray,
    first_b: IntArray,
) -> None:
    """Order the pairs of one atom by species, near ones first; ``first_b`` bounds near and far of each species."""
    n_bins = 2 * n_species
    for b in range(n_bins + 1):
        first_b[b] = 0
    for p in range(start, stop):
        far = D_pc[p, 0] ** 2 + D_pc[p, 1] ** 2 + D_pc[p, 2] ** 2 >= near * near
        first_b[2 * species_p[p] + far + 1] += 1
    for b in range(n_bins):
        first_b[b + 1] += first_b[b]
    for p in range(start, stop):
        far = D_pc[p, 0] ** 2 + D_pc[p, 1] ** 2 + D_pc[p, 2] ** 2 >= near * near
        b = 2 * species_p[p] + far
        order_q[first_b[b]] = p
        first_b[b] += 1
    for b in range(n_bins, 0, -1):
        first_b[b] = first_b[b - 1]
    first_b[0] = 0


@kernel
def neighbours(
    n: int, order_q: IntArray, D_pc: Array, weight_p: Array, D_cq: Array, u_cq: Array, r_q: Array, weight_q: Array
) -> None:
    """Vectors, unit vectors, distances and weights of the neighbours of one atom."""
    for q in range(n):
        p = order_q[q]
        x, y, z = D_pc[p, 0], D_pc[p, 1], D_pc[p, 2]
        r = np.sqrt(x * x + y * y + z * z)
        r_q[q] = r
        weight_q[q] = weight_p[p]
        D_cq[0, q], D_cq[1, q], D_cq[2, q] = x, y, z
        u_cq[0, q], u_cq[1, q], u_cq[2, q] = x / r, y / r, z / r


@kernel
def cutoff_values(kind: int, n: int, r_q: Array, start: float, cutoff: float, f_q: Array, df_q: Array) -> None:
    """Cutoff function and derivative of the first `n` distances."""
    if kind == COSINE:
        cosine_cutoffs(n, r_q, start, cutoff, f_q, df_q)
    else:
        for q in range(n):
            f_q[q], df_q[q] = cutoff_function(kind, r_q[q], start, cutoff)


@kernel
def envelope(
    n: int, r_q: Array, eta: float, shift: float, kappa: float, fc_q: Array, dfc_q: Array, A_q: Array, dA_q: Array
) -> None:
    r""":math:`A = e^{-\eta(r - R_s)^2} \cos(\kappa r) f_c(r)` and its derivative."""
    if eta == 0.0:
        for q in range(n):
            A_q[q] = fc_q[q]
            dA_q[q] = dfc_q[q]
    else:
        for q in range(n):
            d = r_q[q] - shift
            A_q[q] = -eta * d * d
        exponentials(n, A_q, A_q)
        for q in range(n):
            e = A_q[q]
            A_q[q] = e * fc_q[q]
            dA_q[q] = e * (dfc_q[q] - 2.0 * eta * (r_q[q] - shift) * fc_q[q])
    if kappa != 0.0:
        for q in range(n):
            cosine = np.cos(kappa * r_q[q])
            dA_q[q] = dA_q[q] * cosine - A_q[q] * kappa * np.sin(kappa * r_q[q])
            A_q[q] *= cosine


@kernel
def envelopes(
    n: int,
    plan: Plan,
    kind: int,
    fraction: float,
    r_q: Array,
    weight_q: Array,
    fc_q: Array,
    dfc_q: Array,
    A_eq: Array,
    dA_eq: Array,
) -> None:
    """All envelopes of the neighbours of one atom, times their weights."""
    for e in range(len(plan.eta_e)):
        if e == 0 or plan.cutoff_e[e] != plan.cutoff_e[e - 1]:
            cutoff_values(kind, n, r_q, fraction * plan.cutoff_e[e], plan.cutoff_e[e], fc_q, dfc_q)
        A_q, dA_q = A_eq[e], dA_eq[e]
        envelope(n, r_q, plan.eta_e[e], plan.shift_e[e], plan.kappa_e[e], fc_q, dfc_q, A_q, dA_q)
        for q in range(n):
            A_q[q] *= weight_q[q]
            dA_q[q] *= weight_q[q]


@kernel
def lay_pairs(first_j: int, end_j: int, first_k: int, end_k: int, same: bool, segment_s4: IntArray) -> int:
    """Cut the pairs of neighbours of two species into segments of one j and consecutive k, none across tiles.

    A segment is j, its first k, its first place in its tile, its length; at place 0 a tile begins.
    """
    s, t = 0, 0
    for j in range(first_j, end_j):
        k = first_k
        last = j if same else end_k
        while k < last:
            length = min(last - k, TILE - t)
            segment_s4[s, 0], segment_s4[s, 1], segment_s4[s, 2], segment_s4[s, 3] = j, k, t, length
            s += 1
            k += length
            t = (t + length) % TILE
    return s


@kernel
def end_of_tile(s: int, n_segments: int, segment_s4: IntArray) -> int:
    """The segment after the last of the tile that begins with segment s."""
    s += 1
    while s < n_segments and segment_s4[s, 2] != 0:
        s += 1
    return s


@kernel
def triangles(segment_s4: IntArray, u_cq: Array, D_cq: Array, cos_t: Array, r_t: Array) -> int:
    r""":math:`\cos\theta_{jik}` and :math:`r_{jk}` of a tile; gives its size."""
    size = 0
    for s in range(len(segment_s4)):
        j, k = np.uint64(segment_s4[s, 0]), np.uint64(segment_s4[s, 1])
        t, length = np.uint64(segment_s4[s, 2]), np.uint64(segment_s4[s, 3])
        ux, uy, uz = u_cq[0, j], u_cq[1, j], u_cq[2, j]
        Dx, Dy, Dz = D_cq[0, j], D_cq[1, j], D_cq[2, j]
        for i in range(length):
            cos_t[t + i] = ux * u_cq[0, k + i] + uy * u_cq[1, k + i] + uz * u_cq[2, k + i]
            x, y, z = D_cq[0, k + i] - Dx, D_cq[1, k + i] - Dy, D_cq[2, k + i] - Dz
            r_t[t + i] = np.sqrt(x * x + y * y + z * z)
        size += segment_s4[s, 3]
    return size


@kernel
def whole_power(n: int, x_t: Array, power: int, square_t: Array, y_t: Array) -> None:
    """Powers of the first `n` numbers by repeated squaring."""
    for t in range(n):
        square_t[t] = x_t[t]
        y_t[t] = 1.0
    while power > 0:
        if power & 1:
            for t in range(n):
                y_t[t] *= square_t[t]
        power >>= 1
        if power > 0:
            for t in range(n):
                square_t[t] *= square_t[t]


@kernel
def powers(n: int, plan: Plan, g: int, cos_t: Array, base_t: Array, square_t: Array, P_wt: Array, dP_wt: Array) -> None:
    r""":math:`2^{1-\zeta}(1 + \lambda\cos\theta)^\zeta` and its derivative by the cosine, of all powers of a group."""
    for w in range(plan.first_power_g[g + 1] - plan.first_power_g[g]):
        coefficient = plan.power_lambda[plan.first_power_g[g] + w]
        zeta = plan.power_zeta[plan.first_power_g[g] + w]
        P_t, dP_t = P_wt[w], dP_wt[w]
        for t in range(n):
            base_t[t] = max(0.5 + 0.5 * coefficient * cos_t[t], 0.0)
        if zeta == np.floor(zeta) and zeta <= LARGEST_WHOLE_POWER:
            whole_power(n, base_t, int(zeta) - 1, square_t, dP_t)
        else:
            for t in range(n):
                dP_t[t] = base_t[t] ** (zeta - 1.0)
        for t in range(n):
            P_t[t] = 2.0 * base_t[t] * dP_t[t]
            dP_t[t] *= zeta * coefficient


@kernel
def closing_envelope(
    n: int,
    plan: Plan,
    factor: int,
    previous: float,
    kind: int,
    fraction: float,
    r_t: Array,
    fc_t: Array,
    dfc_t: Array,
    B_t: Array,
    dB_t: Array,
) -> float:
    """The envelope of the distance between the neighbours, one where a factor has none; gives the cutoff in `fc_t`."""
    if plan.factor_closed[factor] == 0:
        for t in range(n):
            B_t[t] = 1.0
            dB_t[t] = 0.0
        return previous
    e = plan.factor_envelope[factor]
    if plan.cutoff_e[e] != previous:
        cutoff_values(kind, n, r_t, fraction * plan.cutoff_e[e], plan.cutoff_e[e], fc_t, dfc_t)
    envelope(n, r_t, plan.eta_e[e], plan.shift_e[e], plan.kappa_e[e], fc_t, dfc_t, B_t, dB_t)
    return plan.cutoff_e[e]


@kernel
def times_envelopes(segment_s4: IntArray, A_q: Array, B_t: Array) -> None:
    r"""Multiply by :math:`A(r_{ij}) A(r_{ik})`."""
    for s in range(len(segment_s4)):
        j, k = np.uint64(segment_s4[s, 0]), np.uint64(segment_s4[s, 1])
        t, length = np.uint64(segment_s4[s, 2]), np.uint64(segment_s4[s, 3])
        A_j = A_q[j]
        for i in range(length):
            B_t[t + i] *= A_j * A_q[k + i]


@kernel
def add_tile(
    n: int,
    plan: Plan,
    g: int,
    kind: int,
    fraction: float,
    segment_s4: IntArray,
    A_eq: Array,
    r_t: Array,
    P_wt: Array,
    work_xt: Array,
    values_f: Array,
) -> None:
    """Add a tile's terms to the functions of a group."""
    cutoff = -1.0
    B_t = work_xt[2]
    for factor in range(plan.first_factor_g[g], plan.first_factor_g[g + 1]):
        cutoff = closing_envelope(n, plan, factor, cutoff, kind, fraction, r_t, work_xt[0], work_xt[1], B_t, work_xt[3])
        times_envelopes(segment_s4, A_eq[plan.factor_envelope[factor]], B_t)
        for f in range(plan.first_function[factor], plan.first_function[factor + 1]):
            P_t = P_wt[plan.function_power[f]]
            total = 0.0
            for t in range(n):
                total += B_t[t] * P_t[t]
            values_f[plan.function_column[f]] += total


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
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q, weight_q, fc_q, dfc_q, A_eq, dA_eq = neighbour_buffers(most, plan)
    segment_s4, cos_t, r_t, P_wt, dP_wt, work_xt = tile_buffers(most, plan)
    n_pairs = plan.n_species * (plan.n_species + 1) // 2
    for n in range(start, stop):
        size = first_n[n + 1] - first_n[n]
        values_nf[n] = 0.0
        arrange(first_n[n], first_n[n + 1], species_p, D_pc, plan.angular_cutoff, plan.n_species, order_q, first_b)
        neighbours(size, order_q, D_pc, weight_p, D_cq, u_cq, r_q, weight_q)
        envelopes(size, plan, kind, fraction, r_q, weight_q, fc_q, dfc_q, A_eq, dA_eq)
        for z in range(plan.n_species):
            row = centre_n[n] * plan.n_species + z
            begin, end = np.uint64(first_b[2 * z]), np.uint64(first_b[2 * z + 2])
            for f in range(plan.first_radial[row], plan.first_radial[row + 1]):
                A_q = A_eq[plan.radial_envelope[f]]
                total = 0.0
                for q in range(begin, end):
                    total += A_q[q]
                values_nf[n, plan.radial_column[f]] = total
        for w in range(plan.n_species):
            for z in range(w + 1):
                g = centre_n[n] * n_pairs + w * (w + 1) // 2 + z
                if plan.first_factor_g[g] == plan.first_factor_g[g + 1]:
                    continue
                n_segments = lay_pairs(
                    first_b[2 * w], first_b[2 * w + 1], first_b[2 * z], first_b[2 * z + 1], w == z, segment_s4
                )
                s = 0
                while s < n_segments:
                    tile_s4 = segment_s4[s : end_of_tile(s, n_segments, segment_s4)]
                    s += len(tile_s4)
                    T = triangles(tile_s4, u_cq, D_cq, cos_t, r_t)
                    powers(T, plan, g, cos_t, work_xt[0], work_xt[1], P_wt, dP_wt)
                    add_tile(T, plan, g, kind, fraction, tile_s4, A_eq, r_t, P_wt, work_xt, values_nf[n])


@kernel
def most_neighbours(start: int, stop: int, first_n: IntArray) -> int:
    """The largest number of neighbours of an atom of the range, at least one."""
    most = 1
    for n in range(start, stop):
        most = max(most, first_n[n + 1] - first_n[n])
    return most


@kernel
def neighbour_buffers(
    most: int, plan: Plan
) -> tuple[IntArray, IntArray, Array, Array, Array, Array, Array, Array, Array, Array]:
    """Room for what `arrange`, `neighbours` and `envelopes` fill."""
    n_e = len(plan.eta_e)
    return (
        np.empty(most, np.int64),
        np.empty(2 * plan.n_species + 1, np.int64),
        np.empty((3, most)),
        np.empty((3, most)),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty((n_e, most)),
        np.empty((n_e, most)),
    )


@kernel
def tile_buffers(most: int, plan: Plan) -> tuple[IntArray, Array, Array, Array, Array, Array]:
    """Room for segments, cosines, distances, powers and their derivatives, and for work on a tile."""
    n_segments = most + most * most // TILE + 1
    return (
        np.empty((n_segments, 4), np.int64),
        np.empty(TILE),
        np.empty(TILE),
        np.empty((plan.most_powers, TILE)),
        np.empty((plan.most_powers, TILE)),
        np.empty((10, TILE)),
    )


@kernel
def tile_slopes(
    segment_s4: IntArray,
    A_q: Array,
    dA_q: Array,
    S_t: Array,
    dS_t: Array,
    B_t: Array,
    dB_t: Array,
    slope_xt: Array,
) -> None:
    r"""Add derivatives of :math:`\sum_t S(\cos\theta) A(r_{ij}) A(r_{ik}) B(r_{jk})` by its four arguments.

    Rows of `slope_xt`: :math:`\cos\theta`, :math:`r_{ij}`, :math:`r_{ik}`, :math:`r_{jk}`.
    """
    for s in range(len(segment_s4)):
        j, k = np.uint64(segment_s4[s, 0]), np.uint64(segment_s4[s, 1])
        t, length = np.uint64(segment_s4[s, 2]), np.uint64(segment_s4[s, 3])
        A_j, dA_j = A_q[j], dA_q[j]
        for i in range(length):
            A_k, SB = A_q[k + i], S_t[t + i] * B_t[t + i]
            slope_xt[0, t + i] += dS_t[t + i] * B_t[t + i] * A_j * A_k
            slope_xt[1, t + i] += SB * dA_j * A_k
            slope_xt[2, t + i] += SB * A_j * dA_q[k + i]
            slope_xt[3, t + i] += S_t[t + i] * dB_t[t + i] * A_j * A_k


@kernel
def scatter(
    segment_s4: IntArray,
    slope_xt: Array,
    u_cq: Array,
    r_q: Array,
    cos_t: Array,
    r_t: Array,
    along_q: Array,
    g_cq: Array,
) -> None:
    r"""Add to the neighbours what the derivatives of a tile are in terms of their vectors.

    A neighbour's gradient is ``along_q`` times its own unit vector plus ``g_cq``; with :math:`a = \partial E/\partial
    \cos\theta` and :math:`b = \partial E/\partial r_{jk} / r_{jk}`,

    .. math::
        \frac{\partial E}{\partial\mathbf D_k} = \left(\frac{\partial E}{\partial r_{ik}} - \frac{a \cos\theta}{r_{ik}}
        + b\,r_{ik}\right)\hat{\mathbf u}_k + \left(\frac{a}{r_{ik}} - b\,r_{ij}\right)\hat{\mathbf u}_j .
    """
    for s in range(len(segment_s4)):
        j, k = np.uint64(segment_s4[s, 0]), np.uint64(segment_s4[s, 1])
        t, length = np.uint64(segment_s4[s, 2]), np.uint64(segment_s4[s, 3])
        ux, uy, uz, r_j = u_cq[0, j], u_cq[1, j], u_cq[2, j], r_q[j]
        along, gx, gy, gz = 0.0, 0.0, 0.0, 0.0
        for i in range(length):
            r_k, a, b = r_q[k + i], slope_xt[0, t + i], slope_xt[3, t + i] / r_t[t + i]
            across = a * cos_t[t + i]
            along += slope_xt[1, t + i] - across / r_j + b * r_j
            along_q[k + i] += slope_xt[2, t + i] - across / r_k + b * r_k
            onto_j = a / r_j - b * r_k
            onto_k = a / r_k - b * r_j
            gx += onto_j * u_cq[0, k + i]
            gy += onto_j * u_cq[1, k + i]
            gz += onto_j * u_cq[2, k + i]
            g_cq[0, k + i] += onto_k * ux
            g_cq[1, k + i] += onto_k * uy
            g_cq[2, k + i] += onto_k * uz
        along_q[j] += along
        g_cq[0, j] += gx
        g_cq[1, j] += gy
        g_cq[2, j] += gz


@kernel
def pull_tile(
    n: int,
    plan: Plan,
    g: int,
    kind: int,
    fraction: float,
    segment_s4: IntArray,
    A_eq: Array,
    dA_eq: Array,
    r_t: Array,
    P_wt: Array,
    dP_wt: Array,
    work_xt: Array,
    dE_f: Array,
    slope_xt: Array,
) -> None:
    """Derivatives of an energy by the arguments of a tile's terms."""
    cutoff = -1.0
    B_t, dB_t, S_t, dS_t = work_xt[2], work_xt[3], work_xt[4], work_xt[5]
    for x in range(4):
        for t in range(n):
            slope_xt[x, t] = 0.0
    for factor in range(plan.first_factor_g[g], plan.first_factor_g[g + 1]):
        e = plan.factor_envelope[factor]
        cutoff = closing_envelope(n, plan, factor, cutoff, kind, fraction, r_t, work_xt[0], work_xt[1], B_t, dB_t)
        for t in range(n):
            S_t[t] = 0.0
            dS_t[t] = 0.0
        for f in range(plan.first_function[factor], plan.first_function[factor + 1]):
            P_t, dP_t, dE = P_wt[plan.function_power[f]], dP_wt[plan.function_power[f]], dE_f[plan.function_column[f]]
            for t in range(n):
                S_t[t] += dE * P_t[t]
                dS_t[t] += dE * dP_t[t]
        tile_slopes(segment_s4, A_eq[e], dA_eq[e], S_t, dS_t, B_t, dB_t, slope_xt)


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
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q, weight_q, fc_q, dfc_q, A_eq, dA_eq = neighbour_buffers(most, plan)
    segment_s4, cos_t, r_t, P_wt, dP_wt, work_xt = tile_buffers(most, plan)
    slope_xt = work_xt[6:10]
    along_q, g_cq = np.empty(most), np.empty((3, most))
    n_pairs = plan.n_species * (plan.n_species + 1) // 2
    for n in range(start, stop):
        size = first_n[n + 1] - first_n[n]
        arrange(first_n[n], first_n[n + 1], species_p, D_pc, plan.angular_cutoff, plan.n_species, order_q, first_b)
        neighbours(size, order_q, D_pc, weight_p, D_cq, u_cq, r_q, weight_q)
        envelopes(size, plan, kind, fraction, r_q, weight_q, fc_q, dfc_q, A_eq, dA_eq)
        along_q[:] = 0.0
        g_cq[:] = 0.0
        for z in range(plan.n_species):
            row = centre_n[n] * plan.n_species + z
            begin, end = np.uint64(first_b[2 * z]), np.uint64(first_b[2 * z + 2])
            for f in range(plan.first_radial[row], plan.first_radial[row + 1]):
                dA_q, dE = dA_eq[plan.radial_envelope[f]], dE_nf[n, plan.radial_column[f]]
                for q in range(begin, end):
                    along_q[q] += dE * dA_q[q]
        for w in range(plan.n_species):
            for z in range(w + 1):
                g = centre_n[n] * n_pairs + w * (w + 1) // 2 + z
                if plan.first_factor_g[g] == plan.first_factor_g[g + 1]:
                    continue
                n_segments = lay_pairs(
                    first_b[2 * w], first_b[2 * w + 1], first_b[2 * z], first_b[2 * z + 1], w == z, segment_s4
                )
                s = 0
                while s < n_segments:
                    tile_s4 = segment_s4[s : end_of_tile(s, n_segments, segment_s4)]
                    s += len(tile_s4)
                    T = triangles(tile_s4, u_cq, D_cq, cos_t, r_t)
                    powers(T, plan, g, cos_t, work_xt[0], work_xt[1], P_wt, dP_wt)
                    pull_tile(
                        T, plan, g, kind, fraction, tile_s4, A_eq, dA_eq, r_t, P_wt, dP_wt, work_xt, dE_nf[n], slope_xt
                    )
                    scatter(tile_s4, slope_xt, u_cq, r_q, cos_t, r_t, along_q, g_cq)
        for q in range(size):
            for c in range(3):
                dE_dD_pc[order_q[q], c] = along_q[q] * u_cq[c, q] + g_cq[c, q]


@kernel
def differentiate_tile(
    n: int,
    plan: Plan,
    g: int,
    kind: int,
    fraction: float,
    segment_s4: IntArray,
    A_eq: Array,
    dA_eq: Array,
    u_cq: Array,
    r_q: Array,
    cos_t: Array,
    r_t: Array,
    P_wt: Array,
    dP_wt: Array,
    work_xt: Array,
    slope_xt: Array,
    along_fq: Array,
    g_fcq: Array,
) -> None:
    """Add a tile's share of the derivatives of each function of a group."""
    cutoff = -1.0
    B_t, dB_t = work_xt[2], work_xt[3]
    for factor in range(plan.first_factor_g[g], plan.first_factor_g[g + 1]):
        e = plan.factor_envelope[factor]
        cutoff = closing_envelope(n, plan, factor, cutoff, kind, fraction, r_t, work_xt[0], work_xt[1], B_t, dB_t)
        for f in range(plan.first_function[factor], plan.first_function[factor + 1]):
            P_t, dP_t, column = P_wt[plan.function_power[f]], dP_wt[plan.function_power[f]], plan.function_column[f]
            for x in range(4):
                for t in range(n):
                    slope_xt[x, t] = 0.0
            tile_slopes(segment_s4, A_eq[e], dA_eq[e], P_t, dP_t, B_t, dB_t, slope_xt)
            scatter(segment_s4, slope_xt, u_cq, r_q, cos_t, r_t, along_fq[column], g_fcq[column])


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
    most = most_neighbours(start, stop, first_n)
    order_q, first_b, D_cq, u_cq, r_q, weight_q, fc_q, dfc_q, A_eq, dA_eq = neighbour_buffers(most, plan)
    segment_s4, cos_t, r_t, P_wt, dP_wt, work_xt = tile_buffers(most, plan)
    slope_xt = work_xt[6:10]
    along_fq, g_fcq = np.empty((plan.n_functions, most)), np.empty((plan.n_functions, 3, most))
    n_pairs = plan.n_species * (plan.n_species + 1) // 2
    for n in range(start, stop):
        size = first_n[n + 1] - first_n[n]
        arrange(first_n[n], first_n[n + 1], species_p, D_pc, plan.angular_cutoff, plan.n_species, order_q, first_b)
        neighbours(size, order_q, D_pc, weight_p, D_cq, u_cq, r_q, weight_q)
        envelopes(size, plan, kind, fraction, r_q, weight_q, fc_q, dfc_q, A_eq, dA_eq)
        along_fq[:] = 0.0
        g_fcq[:] = 0.0
        for z in range(plan.n_species):
            row = centre_n[n] * plan.n_species + z
            for f in range(plan.first_radial[row], plan.first_radial[row + 1]):
                dA_q, along_q = dA_eq[plan.radial_envelope[f]], along_fq[plan.radial_column[f]]
                for q in range(first_b[2 * z], first_b[2 * z + 2]):
                    along_q[q] = dA_q[q]
        for w in range(plan.n_species):
            for z in range(w + 1):
                g = centre_n[n] * n_pairs + w * (w + 1) // 2 + z
                if plan.first_factor_g[g] == plan.first_factor_g[g + 1]:
                    continue
                n_segments = lay_pairs(
                    first_b[2 * w], first_b[2 * w + 1], first_b[2 * z], first_b[2 * z + 1], w == z, segment_s4
                )
                s = 0
                while s < n_segments:
                    tile_s4 = segment_s4[s : end_of_tile(s, n_segments, segment_s4)]
                    s += len(tile_s4)
                    T = triangles(tile_s4, u_cq, D_cq, cos_t, r_t)
                    powers(T, plan, g, cos_t, work_xt[0], work_xt[1], P_wt, dP_wt)
                    differentiate_tile(
                        T,
                        plan,
                        g,
                        kind,
                        fraction,
                        tile_s4,
                        A_eq,
                        dA_eq,
                        u_cq,
                        r_q,
                        cos_t,
                        r_t,
                        P_wt,
                        dP_wt,
                        work_xt,
                        slope_xt,
                        along_fq,
                        g_fcq,
                    )
        for q in range(size):
            for c in range(3):
                for f in range(plan.n_functions):
                    J_pcf[order_q[q], c, f] = along_fq[f, q] * u_cq[c, q] + g_fcq[f, c, q]
