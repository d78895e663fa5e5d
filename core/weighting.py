r"""Radial scaling: how much a neighbour at a distance counts, beside the cutoff.

With :math:`x = r/r_0`,

========  ============================================  ========================================
name      weight                                        source
========  ============================================  ========================================
``none``  1
``poly``  :math:`c\,(1 + 2x^3 - 3x^2)^m`, 0 at r₀       M. A. Caro, Phys. Rev. B 100, 024112
                                                        (2019). doi:10.1103/PhysRevB.100.024112
``pow``   :math:`c/(d + x^m)`                           M. J. Willatt, F. Musil, M. Ceriotti,
                                                        Phys. Chem. Chem. Phys. 20, 29661
                                                        (2018). doi:10.1039/C8CP05921G
``exp``   :math:`c/(d + e^{-x})`                        DScribe's
========  ============================================  ========================================
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array
from potscope.core.compiled import kernel

WEIGHTING_FUNCTIONS: tuple[str, ...] = ("none", "poly", "pow", "exp")
"""Names of the weighting functions."""

NONE, POLY, POW, EXP = range(len(WEIGHTING_FUNCTIONS))


def weighting_parameters(name: str, c: float, d: float, m: float, r0: float) -> Array:
    """What a kernel takes for a weighting function: the place of the name, c, d, m and r₀ (Å)."""
    return np.array([WEIGHTING_FUNCTIONS.index(name), c, d, m, r0])


@kernel
def weighting_function(parameters: Array, r: float) -> tuple[float, float]:
    """Value and derivative (1/Å) at a distance r, Å, of `weighting_parameters`."""
    if parameters[0] == NONE:
        return 1.0, 0.0
    kind, c, d, m, r0 = parameters[0], parameters[1], parameters[2], parameters[3], parameters[4]
    x = r / r0
    if kind == POLY:
        if x >= 1.0:
            return 0.0, 0.0
        base = 1.0 + x * x * (2.0 * x - 3.0)
        return c * base**m, c * m * base ** (m - 1.0) * 6.0 * x * (x - 1.0) / r0
    if kind == POW:
        below = d + x**m
        return c / below, -c * m * x ** (m - 1.0) / (r0 * below * below)
    decay = np.exp(-x)
    below = d + decay
    return c / below, c * decay / (r0 * below * below)
