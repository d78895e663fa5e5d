"""The factors of symmetry functions: envelopes of one distance, powers of the angle; and the neighbours they are of.

Axes as in `acsf_kernels`.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.cutoffs import cutoff_function
from potscope.core.elementary import cosine_cutoffs, exponential

COSINE = 1  # place in `CUTOFF_FUNCTIONS`
PADDING = 16  # numbers that a vector loop takes at once; what is left over would run one by one
FAR = 1e9  # Å; the distance of a neighbour that only fills up


@kernel
def padded(n: int) -> int:
    """The next multiple of `PADDING`."""
    return (n + PADDING - 1) // PADDING * PADDING


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
) -> int:
    """Vectors, unit vectors, distances and weights of the neighbours of one atom; gives their number, padded."""
    for q in range(n):
        p = order_q[q]
        x, y, z = D_pc[p, 0], D_pc[p, 1], D_pc[p, 2]
        r = np.sqrt(x * x + y * y + z * z)
        r_q[q] = r
        weight_q[q] = weight_p[p]
        D_cq[0, q], D_cq[1, q], D_cq[2, q] = x, y, z
        u_cq[0, q], u_cq[1, q], u_cq[2, q] = x / r, y / r, z / r
    for q in range(n, padded(n)):
        r_q[q] = FAR
        weight_q[q] = 0.0
    return padded(n)


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
    n: int, e: int, envelope_e4: Array, r_q: Array, fc_q: Array, dfc_q: Array, row: int, A_xq: Array, dA_xq: Array
) -> None:
    r""":math:`A = e^{-\eta(r - R_s)^2} \cos(\kappa r) f_c(r)` and its derivative, in a row of each output."""
    eta, shift, kappa = envelope_e4[e, 0], envelope_e4[e, 1], envelope_e4[e, 2]
    if eta == 0.0:
        for q in range(n):
            A_xq[row, q] = fc_q[q]
            dA_xq[row, q] = dfc_q[q]
    else:
        for q in range(n):
            d = r_q[q] - shift
            gauss = exponential(-eta * d * d)
            A_xq[row, q] = gauss * fc_q[q]
            dA_xq[row, q] = gauss * (dfc_q[q] - 2.0 * eta * d * fc_q[q])
    if kappa != 0.0:
        for q in range(n):
            cosine = np.cos(kappa * r_q[q])
            dA_xq[row, q] = dA_xq[row, q] * cosine - A_xq[row, q] * kappa * np.sin(kappa * r_q[q])
            A_xq[row, q] *= cosine


@kernel
def envelopes(
    n: int,
    envelope_e4: Array,
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
    for e in range(len(envelope_e4)):
        cutoff = envelope_e4[e, 3]
        if e == 0 or cutoff != envelope_e4[e - 1, 3]:
            cutoff_values(kind, n, r_q, fraction * cutoff, cutoff, fc_q, dfc_q)
            for q in range(n):
                fc_q[q] *= weight_q[q]
                dfc_q[q] *= weight_q[q]
        envelope(n, e, envelope_e4, r_q, fc_q, dfc_q, e, A_eq, dA_eq)


@kernel
def whole_power(n: int, cos_t: Array, coefficient: float, zeta: int, w: int, P_wt: Array, dP_wt: Array) -> None:
    """As `powers`, of one whole ζ up to 64: a product of some of six repeated squares."""
    bits = zeta - 1
    one, two, four = bits & 1 > 0, bits & 2 > 0, bits & 4 > 0
    eight, sixteen, thirtytwo = bits & 8 > 0, bits & 16 > 0, bits & 32 > 0
    for t in range(n):
        x = max(0.5 + 0.5 * coefficient * cos_t[t], 0.0)
        x2 = x * x
        x4 = x2 * x2
        x8 = x4 * x4
        x16 = x8 * x8
        low = (x if one else 1.0) * (x2 if two else 1.0) * (x4 if four else 1.0)
        y = low * (x8 if eight else 1.0) * (x16 if sixteen else 1.0) * (x16 * x16 if thirtytwo else 1.0)
        P_wt[w, t] = 2.0 * x * y
        dP_wt[w, t] = zeta * coefficient * y


@kernel
def powers(n: int, first: int, last: int, power_w2: Array, cos_t: Array, P_wt: Array, dP_wt: Array) -> None:
    r""":math:`2^{1-\zeta}(1 + \lambda\cos\theta)^\zeta` and its derivative by the cosine, of all powers of a group."""
    for w in range(last - first):
        coefficient, zeta = power_w2[first + w, 0], power_w2[first + w, 1]
        if zeta == np.floor(zeta) and zeta <= 64.0:
            whole_power(n, cos_t, coefficient, int(zeta), w, P_wt, dP_wt)
        else:
            for t in range(n):
                x = max(0.5 + 0.5 * coefficient * cos_t[t], 0.0)
                y = x ** (zeta - 1.0)
                P_wt[w, t] = 2.0 * x * y
                dP_wt[w, t] = zeta * coefficient * y
