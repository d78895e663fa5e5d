r"""The loops of SOAP between density coefficients and power spectrum, its gradient and its Jacobian.

Axes and the layout of the coefficients as in `soap_kernels`; f features, i blocks: pairs of channels, ordered. Of a
block of a channel with itself only :math:`n' \ge n` are features. Rows of features are written in whole lanes, beyond
their end, and what is beyond is overwritten by the next row: hence rows are built in a buffer with slack.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.angular import azimuthal, directions, harmonics, legendre, solid_gradients
from potscope.core.compiled import kernel
from potscope.core.descriptors.soap_kernels import (
    Expansion,
    angular_buffers,
    density,
    pull_back,
    radial_rows_and_slopes,
)
from potscope.core.simd import LANES, fma, load, splat, store

ATOMS_AT_A_TIME = 16  # coefficients of so many stay in the nearest caches


@kernel
def copy_features(source: Array, target_f: Array) -> None:
    """Take the features out of the buffer with slack."""
    for f in range(np.uint64(len(target_f))):
        target_f[f] = source[f]


@kernel
def power_spectrum(
    start: int, stop: int, c: Array, expansion: Expansion, blocks_iz: IntArray, scale_l: Array, values_rf: Array
) -> None:
    r"""Power spectrum, ordered by block, l, n, n'.

    .. math:: p^{zz'}_{nn'l} = s_l \sum_m c^z_{nlm} c^{z'}_{n'lm}
    """
    l_max, n_max, n_pad, n_channels = expansion.l_max, expansion.n_max, expansion.n_pad, expansion.n_channels
    size = (l_max + 1) ** 2 * n_pad
    buffer = np.empty(values_rf.shape[1] + LANES)
    for row in range(start, stop):
        f = 0
        for i in range(len(blocks_iz)):
            z, w = blocks_iz[i, 0], blocks_iz[i, 1]
            left, right = (row * n_channels + z) * size, (row * n_channels + w) * size
            for l in range(l_max + 1):
                for a in range(n_max):
                    for b in range(a if z == w else 0, n_max, LANES):
                        value = splat(0.0)
                        for k in range(l * l, (l + 1) * (l + 1)):
                            value = fma(c[left + k * n_pad + a], load(c, right + k * n_pad + b), value)
                        store(buffer, f + b - (a if z == w else 0), splat(scale_l[l]) * value)
                    f += n_max - (a if z == w else 0)
        copy_features(buffer, values_rf[row])


@kernel
def spread(same: bool, scale: float, n_max: int, g_f: Array, f: int, G_ab: Array, T_ab: Array) -> int:
    """Gradient by the features of one block and l as a matrix and its transpose; returns where the next begins."""
    for a in range(n_max):
        for b in range(a if same else 0, n_max):
            g = scale * g_f[f]
            f += 1
            if same and a == b:
                g *= 2.0
            G_ab[a, b] = g
            T_ab[b, a] = g
            if same:
                G_ab[b, a] = g
    return f


@kernel
def add_product(l: int, n_max: int, n_pad: int, c: Array, source: int, G_ab: Array, h: Array, target: int) -> None:
    r""":math:`h_{kb} \mathrel{+}= \sum_a c_{ka} G_{ab}` of one l."""
    for k in range(l * l, (l + 1) * (l + 1)):
        for b in range(0, n_pad, LANES):
            value = load(h, target + k * n_pad + b)
            for a in range(n_max):
                value = fma(c[source + k * n_pad + a], load(G_ab, a * n_pad + b), value)
            store(h, target + k * n_pad + b, value)


@kernel
def coefficient_gradient(
    start: int,
    stop: int,
    c: Array,
    expansion: Expansion,
    blocks_iz: IntArray,
    scale_l: Array,
    g_rf: Array,
    first_row: int,
    h: Array,
) -> None:
    r""":math:`h = \partial E/\partial c` from :math:`\partial E/\partial p`; `h` begins with the row `first_row`."""
    l_max, n_max, n_pad = expansion.l_max, expansion.n_max, expansion.n_pad
    n_species, n_channels = expansion.n_species, expansion.n_channels
    size = (l_max + 1) ** 2 * n_pad
    G_ab, T_ab = np.zeros((n_pad, n_pad)), np.zeros((n_pad, n_pad))
    for row in range(start, stop):
        begin = (row - first_row) * n_channels * size
        for i in range(begin, begin + n_channels * size, LANES):
            store(h, i, splat(0.0))
        f = 0
        for i in range(len(blocks_iz)):
            z, w = blocks_iz[i, 0], blocks_iz[i, 1]
            left, right = (row * n_channels + z) * size, (row * n_channels + w) * size
            for l in range(l_max + 1):
                f = spread(z == w, scale_l[l], n_max, g_rf[row], f, G_ab, T_ab)
                add_product(l, n_max, n_pad, c, left, G_ab, h, begin + w * size)
                if z != w:
                    add_product(l, n_max, n_pad, c, right, T_ab, h, begin + z * size)
        if n_channels > n_species:
            add_gradient_of_sum(begin, size, n_species, h)


@kernel
def add_gradient_of_sum(at: int, size: int, n_species: int, h: Array) -> None:
    """What acts on the sum of the species acts on each."""
    for z in range(n_species):
        for i in range(0, size, LANES):
            store(h, at + z * size + i, load(h, at + z * size + i) + load(h, at + n_species * size + i))


@kernel
def values_of_atoms(
    start: int,
    stop: int,
    first_n: IntArray,
    species_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    expansion: Expansion,
    blocks_iz: IntArray,
    scale_l: Array,
    c: Array,
    values_nf: Array,
) -> None:
    """Density and power spectrum of some atoms at a time, while the coefficients are in the cache."""
    for first in range(start, stop, ATOMS_AT_A_TIME):
        last = min(first + ATOMS_AT_A_TIME, stop)
        density(first, last, first_n, species_n, species_p, D_pc, expansion, c)
        power_spectrum(first, last, c, expansion, blocks_iz, scale_l, values_nf)


@kernel
def gradient_of_atoms(
    start: int,
    stop: int,
    first_n: IntArray,
    owner_n: IntArray,
    species_p: IntArray,
    D_pc: Array,
    expansion: Expansion,
    blocks_iz: IntArray,
    scale_l: Array,
    c: Array,
    g_nf: Array,
    dE_dD_pc: Array,
) -> None:
    """`coefficient_gradient` and `pull_back` of some atoms at a time; `owner_n` says that each owns its row."""
    size = expansion.n_channels * (expansion.l_max + 1) ** 2 * expansion.n_pad
    h = np.empty(ATOMS_AT_A_TIME * size)
    for first in range(start, stop, ATOMS_AT_A_TIME):
        last = min(first + ATOMS_AT_A_TIME, stop)
        coefficient_gradient(first, last, c, expansion, blocks_iz, scale_l, g_nf, first, h)
        pull_back(first, last, first_n, owner_n, first, species_p, D_pc, expansion, h, dE_dD_pc)


@kernel
def contract_directions(
    q: int, Y_kq: Array, dR_ckq: Array, l_max: int, n_pad: int, c: Array, at: int, A_r: Array, B_cr: Array, to: int
) -> None:
    r""":math:`A_{ln} = \sum_m Y_{lm} c_{nlm}` and :math:`\mathbf B_{ln} = \sum_m \nabla R_{lm} c_{nlm}`."""
    stride = B_cr.shape[1]
    for l in range(l_max + 1):
        for b in range(0, n_pad, LANES):
            A, B_x, B_y, B_z = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for k in range(l * l, (l + 1) * (l + 1)):
                c_a = load(c, at + k * n_pad + b)
                A = fma(Y_kq[k, q], c_a, A)
                B_x = fma(dR_ckq[0, k, q], c_a, B_x)
                B_y = fma(dR_ckq[1, k, q], c_a, B_y)
                B_z = fma(dR_ckq[2, k, q], c_a, B_z)
            row = to + l * n_pad + b
            store(A_r, row, A)
            store(B_cr, row, B_x)
            store(B_cr, stride + row, B_y)
            store(B_cr, 2 * stride + row, B_z)


@kernel
def radial_factors(
    q: int,
    u: float,
    inverse_r: float,
    scale: float,
    l_max: int,
    n_pad: int,
    f_qr: Array,
    df_qr: Array,
    P_r: Array,
    F_r: Array,
) -> None:
    r""":math:`u_c (f' - \tfrac{l}{r} f)` and :math:`f/r`."""
    for l in range(l_max + 1):
        for b in range(0, n_pad, LANES):
            row = l * n_pad + b
            f, df = load(f_qr, q * f_qr.shape[1] + row), load(df_qr, q * f_qr.shape[1] + row)
            store(P_r, row, splat(scale * u) * fma(-l * inverse_r, f, df))
            store(F_r, row, splat(scale * inverse_r) * f)


@kernel
def product_rule(
    own: int,
    n_species: int,
    l_max: int,
    n_max: int,
    n_pad: int,
    blocks_iz: IntArray,
    scale_l: Array,
    P_r: Array,
    F_r: Array,
    A_r: Array,
    B_cr: Array,
    component: int,
    buffer: Array,
) -> None:
    r"""Derivative of the power spectrum by one component of a neighbour of species `own`.

    .. math:: \partial_c p_{nn'l} = s_l \left(P_n A_{n'} + F_n B_{c n'} + A_n P_{n'} + B_{cn} F_{n'}\right)
    """
    n_rows = (l_max + 1) * n_pad
    shift = component * B_cr.shape[1]
    f = 0
    for i in range(len(blocks_iz)):
        z, w = blocks_iz[i, 0], blocks_iz[i, 1]
        left_moves = 1.0 if z in (own, n_species) else 0.0
        right_moves = 1.0 if w in (own, n_species) else 0.0
        for l in range(l_max + 1):
            row, left, right = l * n_pad, z * n_rows + l * n_pad, w * n_rows + l * n_pad
            for a in range(n_max):
                P_a, F_a = left_moves * scale_l[l] * P_r[row + a], left_moves * scale_l[l] * F_r[row + a]
                A_a = right_moves * scale_l[l] * A_r[left + a]
                B_a = right_moves * scale_l[l] * B_cr[component, left + a]
                begin = a if z == w else 0
                for b in range(begin, n_max, LANES):
                    value = splat(P_a) * load(A_r, right + b)
                    other = splat(A_a) * load(P_r, row + b)
                    value = fma(F_a, load(B_cr, shift + right + b), value)
                    other = fma(B_a, load(F_r, row + b), other)
                    store(buffer, f + b - begin, value + other)
                f += n_max - begin


@kernel
def jacobian(
    start: int,
    stop: int,
    first_n: IntArray,
    owner_n: IntArray,
    scale_n: Array,
    species_p: IntArray,
    D_pc: Array,
    expansion: Expansion,
    blocks_iz: IntArray,
    scale_l: Array,
    c: Array,
    J_pcf: Array,
) -> None:
    r""":math:`\partial p/\partial\mathbf D_p` times `scale_n`; a neighbour moves only the blocks that it is in."""
    l_max, n_max, n_pad = expansion.l_max, expansion.n_max, expansion.n_pad
    n_species, n_channels = expansion.n_species, expansion.n_channels
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
    A_r, B_cr = np.zeros(n_channels * n_rows + LANES), np.zeros((3, n_channels * n_rows + LANES))
    P_r, F_r = np.zeros(n_rows + LANES), np.zeros(n_rows + LANES)
    buffer = np.empty(J_pcf.shape[2] + LANES)
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
                for z in range(n_channels):
                    at = (owner_n[n] * n_channels + z) * n_k * n_pad
                    contract_directions(q, Y_kq, dR_ckq, l_max, n_pad, c, at, A_r, B_cr, z * n_rows)
                for x in range(3):
                    radial_factors(q, u_cq[x, q], 1.0 / r_q[q], scale_n[n], l_max, n_pad, f_qr, df_qr, P_r, F_r)
                    own = species_p[first + q]
                    product_rule(
                        own, n_species, l_max, n_max, n_pad, blocks_iz, scale_l, P_r, F_r, A_r, B_cr, x, buffer
                    )
                    copy_features(buffer, J_pcf[first + q, x])
