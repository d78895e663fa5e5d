"""What a linear model says of equations that are left out of its fit, and how large its deviations have to be then."""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array
from potscope.core.calibration import Recalibration, median_factor
from potscope.core.models.linear_solvers import Solution

ROWS_A_STRUCTURE = 3
MOST_NUMBERS = 10_000_000  # that are kept of equations of a kind: 80 MB
DETERMINED = 1e-6  # less than this of an equation is left to the others where it is left out


class Sample:
    """Some of the equations of one kind: up to three of each structure, of every second one where these are many."""

    def __init__(self) -> None:
        self._found: list[tuple[Array, Array]] = []
        self._stride, self._offered = 1, 0

    def add(self, A: Array, b: Array) -> None:
        """Offer the equations of a structure, shape (rows, columns) and (rows,), weighted as they are solved."""
        if len(b) == 0:
            return
        if self._offered % self._stride == 0:
            chosen = np.unique(np.linspace(0, len(b) - 1, ROWS_A_STRUCTURE).round().astype(int))
            self._found.append((A[chosen], b[chosen]))
        self._offered += 1
        while len(self._found) > 1 and sum(A.size for A, _ in self._found) > MOST_NUMBERS:
            self._found, self._stride = self._found[::2], 2 * self._stride

    def factor(self, solution: Solution) -> float | None:
        r"""What makes the deviations of a solution those of equations that are left out; None where nothing tells.

        With the residual :math:`r_k` of an equation, and its deviation by leverage :math:`\sigma_k = s\sqrt{h_k}`, a
        solution without it has in closed form

        .. math::
            d_k = \frac{r_k}{1 - h_k}, \qquad \sigma_{(k)} = s\sqrt{\frac{h_k}{1 - h_k}}, \qquad
            z_k = \frac{d_k}{\sigma_{(k)}} = \frac{r_k}{s\sqrt{h_k(1 - h_k)}} ,

        at the same ridge and noise s, and the factor is `median_factor` of z.

        References
        ----------
        D. M. Allen, Technometrics 16, 125 (1974), for what is left out. doi:10.1080/00401706.1974.10489157
        """
        if not self._found or solution.noise <= 0:
            return None
        A, b = (np.concatenate(parts) for parts in zip(*self._found, strict=True))
        leverage_k = np.sum((A @ solution.spread_kk) ** 2, axis=1) / solution.noise
        told_k = (leverage_k > np.finfo(float).tiny) & (leverage_k < 1 - DETERMINED)
        residual_k, h_k = (b - A @ solution.w_k)[told_k], leverage_k[told_k]
        if not len(h_k):
            return None
        factor = median_factor(residual_k / np.sqrt(solution.noise * h_k * (1 - h_k)))
        return factor if factor > 0 and np.isfinite(factor) else None


def recalibration_of(energies: Sample, forces: Sample, solution: Solution) -> Recalibration:
    """The factors for energies and forces; one stands in for the other where nothing tells it, and 1 for both."""
    energy, force = energies.factor(solution), forces.factor(solution)
    return Recalibration(energy or force or 1.0, force or energy or 1.0)
