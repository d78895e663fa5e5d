"""Exponentials and cosine cutoffs that loops can evaluate in vector registers.

The compiler has no vector form of the mathematical library's functions; these are polynomials it can lay out itself.
Both are exact to a few units in the last place.
"""

from __future__ import annotations

from math import factorial, pi

import numpy as np

from potscope.core._types import Array
from potscope.core.compiled import kernel

SMALLEST_EXPONENT = -700.0
LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453
# added to a whole number, this leaves that number plus the bias of the exponent in the lowest bits of the mantissa
EXPONENT_OF = 1.5 * 2.0**52 + 1023.0

E2, E3, E4, E5, E6, E7, E8, E9, E10, E11, E12, E13 = (1 / factorial(n) for n in range(2, 14))
S1, S3, S5, S7, S9, S11, S13, S15, S17, S19 = ((-1) ** k / factorial(2 * k + 1) for k in range(10))
C2, C4, C6, C8, C10, C12, C14, C16, C18, C20 = ((-1) ** k / factorial(2 * k) for k in range(1, 11))


@kernel
def exponential(x: float) -> float:
    r""":math:`e^x` of a number not above 700; below −700 it is :math:`e^{-700}`.

    .. math:: e^x = 2^k e^{x - k \ln 2}, \qquad k = \lfloor x / \ln 2 + \tfrac12 \rfloor
    """
    clipped = max(x, SMALLEST_EXPONENT)
    k = np.floor(clipped * LOG2_E + 0.5)
    r = clipped - k * LN_2
    high = E7 + r * (E8 + r * (E9 + r * (E10 + r * (E11 + r * (E12 + r * E13)))))
    p = 1.0 + r * (1.0 + r * (E2 + r * (E3 + r * (E4 + r * (E5 + r * (E6 + r * high))))))
    bits = np.float64(k + EXPONENT_OF).view(np.int64) << 52
    return float(p * np.int64(bits).view(np.float64))


@kernel
def cosine_cutoffs(n: int, r_q: Array, start: float, cutoff: float, f_q: Array, df_q: Array) -> None:
    r"""The cosine cutoff function of the first `n` distances, and its derivative.

    .. math:: f_c = \tfrac12 (1 - \sin y), \quad f_c' = -\frac{\pi}{2 (r_c - r_s)} \cos y, \qquad
              y = \pi \left(\frac{r - r_s}{r_c - r_s} - \tfrac12\right)
    """
    scale = pi / (cutoff - start)
    for q in range(n):
        r = min(max(r_q[q], start), cutoff)
        y = (r - start) * scale - 0.5 * pi
        s = y * y
        sine = y * (
            S1 + s * (S3 + s * (S5 + s * (S7 + s * (S9 + s * (S11 + s * (S13 + s * (S15 + s * (S17 + s * S19))))))))
        )
        low = C2 + s * (C4 + s * (C6 + s * (C8 + s * (C10 + s * (C12 + s * (C14 + s * (C16 + s * (C18 + s * C20))))))))
        inside = r_q[q] < cutoff
        f_q[q] = 0.5 * (1.0 - sine) if inside else 0.0
        df_q[q] = -0.5 * scale * (1.0 + s * low) if inside and r_q[q] > start else 0.0
