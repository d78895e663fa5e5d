"""Regularised linear least squares of rows that come in blocks, without ever holding them all."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr, solve_triangular

from potscope.core._types import Array
from potscope.core.models.linear_solvers import Reduced


class TriangularLeastSquares:
    r"""Minimises :math:`|\mathbf A \mathbf w - \mathbf b|^2` by a QR decomposition that is updated block by block.

    With each block of rows the triangle :math:`\mathbf R` of what has come so far is replaced by that of

    .. math::
        \begin{pmatrix} \mathbf R & \mathbf Q^{\mathsf T}\mathbf b \\
        \mathbf A_\text{new} & \mathbf b_\text{new} \end{pmatrix} ,

    which never squares the condition number as the normal equations do, and needs memory for one block alone.

    Parameters
    ----------
    n_columns
        Number of unknowns.
    """

    def __init__(self, n_columns: int) -> None:
        self._n_columns = n_columns
        self._waiting: list[Array] = []
        self._n_waiting = 0
        self._n_rows = 0
        self._triangle = np.empty((0, n_columns + 1))

    def add(self, A: Array, b: Array) -> None:
        """Take some equations, shape (rows, n_columns) and (rows,), already divided by their standard deviations."""
        self._waiting.append(np.column_stack([A, b]))
        self._n_waiting += len(b)
        self._n_rows += len(b)
        if self._n_waiting >= 2 * self._n_columns:
            self._fold()

    def _fold(self) -> None:
        rows = np.concatenate([self._triangle, *self._waiting])
        (self._triangle,) = qr(rows, mode="r", overwrite_a=True, check_finite=False)
        self._triangle = self._triangle[: self._n_columns + 1]
        self._waiting, self._n_waiting = [], 0

    def reduced(self) -> Reduced:
        """All that the equations say, in as many as there are unknowns; rows of zeros where there were fewer."""
        if self._waiting:
            self._fold()
        n = self._n_columns
        square = np.zeros((n, n + 1))
        square[: len(self._triangle)] = self._triangle[:n]
        rest = float(np.sum(self._triangle[n:, n] ** 2))
        return Reduced(square[:, :n].copy(), square[:, n].copy(), rest, self._n_rows)

    def solve(self) -> tuple[Array, Array]:
        r"""The solution, shape (n_columns,), and the triangle.

        .. math:: \mathbf R^{\mathsf T}\mathbf R = \mathbf A^{\mathsf T}\mathbf A

        Raises
        ------
        ValueError
            If the equations do not determine the unknowns.
        """
        if self._waiting:
            self._fold()
        n = self._n_columns
        R = self._triangle[:n, :n]
        diagonal = np.abs(np.diag(R))
        if len(R) < n or diagonal.min() <= np.finfo(float).eps * diagonal.max():
            raise ValueError("the equations do not determine all weights; use fewer sparse points or more data")
        return solve_triangular(R, self._triangle[:n, n], check_finite=False), np.array(R)
