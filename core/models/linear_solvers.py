r"""Solutions of linear equations that have been reduced to a triangle: least squares, ridge, automatic relevance.

All begin with columns divided by their lengths, so that no choice of units counts, and end with weights and a spread:
a matrix :math:`\mathbf S` such that the variance of :math:`\mathbf x\cdot\mathbf w` is
:math:`|\mathbf S^{\mathsf T}\mathbf x|^2`, the noise of an equation of unit weight being estimated by the residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve_triangular, svd

from potscope.core._types import Array
from potscope.core.progress import Progress, silent

SMALLEST = 1e-13  # of the largest singular value; smaller ones are rounding
IRRELEVANT = 1e8  # a column whose relative precision has grown beyond it is left out
MOST_ROUNDS, CHANGE = 200, 1e-4  # of automatic relevance determination, and the change of the weights that ends it


@dataclass(frozen=True)
class Reduced:
    r"""Equations :math:`\mathbf A\mathbf w = \mathbf b` reduced by :math:`\mathbf A = \mathbf Q\mathbf R`.

    Attributes
    ----------
    R_kk
        The triangle, shape (columns, columns).
    z_k
        :math:`\mathbf Q^{\mathsf T}\mathbf b`, shape (columns,).
    rest
        Sum of the squares of what no weights can explain.
    n_rows
        How many equations there were.
    """

    R_kk: Array
    z_k: Array
    rest: float
    n_rows: int

    def lengths(self) -> Array:
        """Lengths of the columns; 1 for a column of zeros."""
        length_k = np.linalg.norm(self.R_kk, axis=0)
        return np.where(length_k > 0, length_k, 1.0)

    def noise(self, w_k: Array, n_effective: float) -> float:
        """Variance of an equation of unit weight, from the residuals and the number of weights in use."""
        squares = self.rest + float(np.sum((self.R_kk @ w_k - self.z_k) ** 2))
        return squares / max(1.0, self.n_rows - n_effective)


@dataclass(frozen=True)
class Solution:
    """Weights, shape (columns,), their spread, shape (columns, columns), and the noise; see the top of the module."""

    w_k: Array
    spread_kk: Array
    noise: float


def least_squares(equations: Reduced) -> Solution:
    """The smallest weights among those that fit best, by singular values; what rounding has made is left out.

    In directions that the equations do not determine the weights are zero, and their spread is as large as rounding
    allows.
    """
    length_k = equations.lengths()
    U, s_k, Vt = svd(equations.R_kk / length_k, check_finite=False)
    floor = SMALLEST * s_k[0]
    kept = s_k > floor
    w_k = Vt[kept].T @ (U[:, kept].T @ equations.z_k / s_k[kept]) / length_k
    noise = equations.noise(w_k, float(kept.sum()))
    safe_k = np.maximum(s_k, floor) if floor > 0 else np.ones_like(s_k)
    return Solution(w_k, np.sqrt(noise) * Vt.T / safe_k / length_k[:, None], noise)


def ridge(equations: Reduced, strength: float) -> Solution:
    r"""The weights that make the expression below smallest, :math:`a_k` being the length of column k.

    .. math:: |\mathbf A\mathbf w - \mathbf b|^2 + \alpha \sum_k a_k^2 w_k^2
    """
    length_k = equations.lengths()
    w_k, inverse_kk = _penalised(equations.R_kk / length_k, equations.z_k, np.full(len(length_k), strength))
    used = len(w_k) - strength * float(np.sum(inverse_kk**2))
    noise = equations.noise(w_k / length_k, used)
    return Solution(w_k / length_k, np.sqrt(noise) * inverse_kk / length_k[:, None], noise)


def automatic_relevance(equations: Reduced, progress: Progress = silent) -> Solution:
    r"""Ridge with a strength for each column, found by the evidence; columns that do not help are left out.

    With :math:`\mathbf C = (\mathbf R^{\mathsf T}\mathbf R + \operatorname{diag}\boldsymbol\alpha)^{-1}`, repeated:

    .. math::
        \gamma_k = 1 - \alpha_k C_{kk}, \qquad \sigma^2 = \frac{|\mathbf A\mathbf w - \mathbf b|^2}{N - \sum_k\gamma_k},
        \qquad \alpha_k \leftarrow \frac{\gamma_k\,\sigma^2}{w_k^2} .

    References
    ----------
    D. J. C. MacKay, Neural Comput. 4, 415 (1992). doi:10.1162/neco.1992.4.3.415
    """
    length_k = equations.lengths()
    R_kk = equations.R_kk / length_k
    strength_k = np.full(len(length_k), 1e-8)
    w_k, spread_kk, noise = np.zeros(len(length_k)), np.zeros_like(R_kk), 0.0
    for rounds in range(MOST_ROUNDS):
        progress(rounds / MOST_ROUNDS, f"automatic relevance, round {rounds + 1}")
        kept = np.flatnonzero(strength_k < IRRELEVANT)
        before_k, w_k, spread_kk = w_k, np.zeros(len(length_k)), np.zeros_like(R_kk)
        w_k[kept], inverse = _penalised(R_kk[:, kept], equations.z_k, strength_k[kept])
        used = np.clip(1 - strength_k[kept] * np.sum(inverse**2, axis=1), 0.0, 1.0)
        noise = equations.noise(w_k / length_k, float(used.sum()))
        spread_kk[np.ix_(kept, kept)] = np.sqrt(noise) * inverse
        strength_k[kept] = used * noise / np.maximum(w_k[kept] ** 2, np.finfo(float).tiny)
        if np.abs(w_k - before_k).max() <= CHANGE * np.abs(w_k).max():
            break
    return Solution(w_k / length_k, spread_kk / length_k[:, None], noise)


def _penalised(R_kk: Array, z_k: Array, strength_k: Array) -> tuple[Array, Array]:
    r"""Minimum of :math:`|\mathbf R\mathbf w - \mathbf z|^2 + \sum_k \alpha_k w_k^2`, and an inverse root of it."""
    n = len(strength_k)
    rows = np.zeros((len(R_kk) + n, n + 1))
    rows[: len(R_kk)] = np.column_stack([R_kk, z_k])
    rows[len(R_kk) :, :n] = np.diag(np.sqrt(strength_k))
    (triangle,) = qr(rows, mode="r", overwrite_a=True, check_finite=False)
    T = triangle[:n, :n]
    return (
        solve_triangular(T, triangle[:n, n], check_finite=False),
        solve_triangular(T, np.eye(n), check_finite=False),
    )
