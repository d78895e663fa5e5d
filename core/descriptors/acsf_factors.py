"""The factors of symmetry functions: envelopes of one distance, powers of the angle.

Axes as in `acsf_kernels`.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.cutoffs import COSINE, cutoff_function
from potscope.core.descriptors.surroundings import padded
from potscope.core.elementary import cosine_cutoffs, exponential


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
    order_q: IntArray,
    weight_p: Array,
    envelope_e4: Array,
    kind: int,
    fraction: float,
    r_q: Array,
    fc_q: Array,
    dfc_q: Array,
    A_eq: Array,
    dA_eq: Array,
) -> None:
    """All envelopes of the `n` neighbours of one atom, times their weights; zero for those that fill up."""
    size = padded(n)
    for e in range(len(envelope_e4)):
        cutoff = envelope_e4[e, 3]
        if e == 0 or cutoff != envelope_e4[e - 1, 3]:
            cutoff_values(kind, size, r_q, fraction * cutoff, cutoff, fc_q, dfc_q)
            for q in range(n):
                weight = weight_p[order_q[q]]
                fc_q[q] *= weight
                dfc_q[q] *= weight
        envelope(size, e, envelope_e4, r_q, fc_q, dfc_q, e, A_eq, dA_eq)


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
