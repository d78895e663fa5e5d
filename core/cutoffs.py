r"""Cutoff functions: how the weight of a neighbour falls to nothing.

All are one up to an inner radius :math:`r_s` and zero from the cutoff :math:`r_c` on; between them, with
:math:`x = (r - r_s)/(r_c - r_s)`,

==========  =====================================================  ====================================
name        function                                               continuous derivatives
==========  =====================================================  ====================================
``cosine``  :math:`\tfrac12[1 + \cos(\pi x)]`                      1
``tanh3``   :math:`\tanh^3(1 - x)/\tanh^3(1)`                      2 at :math:`r_c`
``poly1``   :math:`1 - 3x^2 + 2x^3`                                1
``poly2``   :math:`1 - 10x^3 + 15x^4 - 6x^5`                       2
``poly3``   :math:`1 - 35x^4 + 84x^5 - 70x^6 + 20x^7`              3
``poly4``   :math:`1 - 126x^5 + 420x^6 - 540x^7 + 315x^8 - 70x^9`  4
``exp``     :math:`e^{1 - 1/(1 - x^2)}`                            1 at :math:`r_s`, all at :math:`r_c`
``none``    1                                                      none at :math:`r_c`
==========  =====================================================  ====================================

The hyperbolic tangent has a kink at :math:`r_s` wherever that is not the atom itself. Behler's own has no
denominator, :math:`\tanh^3(1 - r/r_c)`; it is called ``tanh3 unnormalised`` here.

References
----------
J. Behler, J. Chem. Phys. 134, 074106 (2011). doi:10.1063/1.3553717

A. Singraber, J. Behler, C. Dellago, J. Chem. Theory Comput. 15, 1827 (2019). doi:10.1021/acs.jctc.8b00770
"""

from __future__ import annotations

import numpy as np

from potscope.core.compiled import kernel

CUTOFF_FUNCTIONS: tuple[str, ...] = (
    "none",
    "cosine",
    "tanh3",
    "poly2",
    "poly3",
    "tanh3 unnormalised",
    "poly1",
    "poly4",
    "exp",
)
"""Names of the cutoff functions; a kernel takes the position of a name in this tuple."""

NONE, COSINE, TANH3, POLY2, POLY3, TANH3_UNNORMALISED, POLY1, POLY4, EXP = range(len(CUTOFF_FUNCTIONS))

TANH3_AT_START = float(np.tanh(1.0) ** 3)


@kernel
def cutoff_function(kind: int, r: float, start: float, cutoff: float) -> tuple[float, float]:
    """Value and derivative (1/Å) at a distance r, Å, of the cutoff function at a place of `CUTOFF_FUNCTIONS`."""
    if r >= cutoff:
        return 0.0, 0.0
    if kind == NONE or (r <= start and kind != TANH3_UNNORMALISED):
        return 1.0, 0.0
    width = cutoff - start
    x = (r - start) / width
    if kind == COSINE:
        return 0.5 * (1.0 + np.cos(np.pi * x)), -0.5 * np.pi / width * np.sin(np.pi * x)
    if kind == POLY2:
        return 1.0 + x * x * x * (-10.0 + x * (15.0 - 6.0 * x)), -30.0 * (x * (1.0 - x)) ** 2 / width
    if kind == POLY3:
        y = x * (1.0 - x)
        return 1.0 + x**4 * (-35.0 + x * (84.0 + x * (-70.0 + 20.0 * x))), -140.0 * y * y * y / width
    if kind == POLY1:
        return 1.0 + x * x * (2.0 * x - 3.0), -6.0 * x * (1.0 - x) / width
    if kind == POLY4:
        y = x * (1.0 - x)
        return 1.0 + x**5 * (-126.0 + x * (420.0 + x * (-540.0 + x * (315.0 - 70.0 * x)))), -630.0 * y**4 / width
    if kind == EXP:
        y = 1.0 - x * x
        if y < 1e-3:  # where the exponential is smaller than any number
            return 0.0, 0.0
        f = np.exp(1.0 - 1.0 / y)
        return f, -2.0 * x / (y * y) * f / width
    scale = 1.0 / TANH3_AT_START if kind == TANH3 else 1.0
    t = np.tanh(1.0 - x)
    return scale * t * t * t, -3.0 * scale * t * t * (1.0 - t * t) / width
