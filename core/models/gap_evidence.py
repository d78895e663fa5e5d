"""The data of a sparse Gaussian process reduced to what its marginal likelihood needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve_triangular

from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.models.gap_equations import Solved, log_likelihood, rows_of
from potscope.core.models.gap_process import SparseProcess
from potscope.core.models.gap_sigmas import Sigmas
from potscope.core.models.least_squares import TriangularLeastSquares
from potscope.core.models.linear_solvers import Reduced
from potscope.core.progress import Progress


@dataclass(frozen=True)
class Evidence:
    """The data reduced to triangles, from which the likelihood follows for any noise and any prior deviations.

    Attributes
    ----------
    parts
        Equations of energies, forces and virials, without noise, and those of structures with a noise of their own.
    log_noise
        Of those structures, and what is due to the numbers of atoms.
    prior_mm
        The triangle U for the prior deviations `delta_t`.
    delta_t
        eV, shape (terms,).
    term_m
        Which term each sparse point is of.
    """

    parts: tuple[Reduced, Reduced, Reduced, Reduced]
    log_noise: float
    prior_mm: Array
    delta_t: Array
    term_m: IntArray

    @classmethod
    def of(
        cls,
        process: SparseProcess,
        train: Dataset,
        offsets_z: Array,
        species: Sequence[str],
        sigmas: Sequence[Sigmas],
        has_own: Sequence[bool],
        progress: Progress,
    ) -> Evidence:
        """Reduce the equations of a data set, structure by structure."""
        energy, forces, virial, own = (TriangularLeastSquares(process.size) for _ in range(4))
        log_noise = 0.0
        for index in range(len(train)):
            progress(index / len(train), f"structure {index + 1} of {len(train)}")
            rows = rows_of(process, train, index, offsets_z, species)
            log_noise += rows.log_size(len(train.structures[index]))
            if has_own[index]:
                own.add(*rows.scaled(sigmas[index]))
                log_noise += rows.log_noise(sigmas[index])
            else:
                for equations, (L, y) in zip((energy, forces, virial), rows.parts(), strict=True):
                    equations.add(L, y)
        return cls(
            (energy.reduced(), forces.reduced(), virial.reduced(), own.reduced()),
            log_noise,
            process.prior(),
            np.array([kernel.delta for kernel in process.kernels]),
            np.repeat(np.arange(len(process.kernels)), [kernel.size for kernel in process.kernels]),
        )

    def counts(self) -> IntArray:
        """Sparse points of each term, and how many energies, forces and virials there are."""
        return np.array([*np.bincount(self.term_m), *(p.n_rows for p in self.parts[:3])])

    def _scaled(self, values: Array) -> tuple[Array, list[tuple[Array, Array]], Array]:
        """Ratios of the prior deviations to those of `delta_t`, and the equations for weights times these."""
        n = len(self.delta_t)
        ratio_m = (values[:n] / self.delta_t)[self.term_m]
        sigma_x = np.append(values[n:], 1.0)
        equations = [(p.R_kk * (ratio_m / s), p.z_k / s) for p, s in zip(self.parts, sigma_x, strict=True)]
        return ratio_m, equations, sigma_x

    def _triangle(self, equations: Sequence[tuple[Array, Array]]) -> Array:
        m = len(self.prior_mm)
        filled = [np.column_stack([A, z]) for A, z in equations if A.any() or z.any()]
        rows = np.concatenate([*filled, np.column_stack([self.prior_mm, np.zeros(m)])])
        (triangle,) = qr(rows, mode="r", overwrite_a=True, check_finite=False)
        return np.asarray(triangle[: m + 1])

    def value_and_gradient(self, values: Array) -> tuple[float, Array]:
        """Log likelihood, and its derivatives by the logarithms of the prior deviations and the three sigmas."""
        m, n = len(self.prior_mm), len(self.delta_t)
        _, equations, sigma_x = self._scaled(values)
        triangle = self._triangle(equations)
        R_mm = triangle[:m, :m]
        c_m = solve_triangular(R_mm, triangle[:m, m], check_finite=False)
        residuals = [z - A @ c_m for A, z in equations]
        slope = np.zeros(n + 3)
        for x in range(3):
            T = solve_triangular(R_mm, equations[x][0].T, trans="T", check_finite=False)
            slope[n + x] = (residuals[x] ** 2).sum() + self.parts[x].rest / sigma_x[x] ** 2
            slope[n + x] += (T**2).sum() - self.parts[x].n_rows
        V = solve_triangular(R_mm, self.prior_mm.T, trans="T", check_finite=False)
        share_m = np.einsum("mk,mk->m", solve_triangular(R_mm, V, check_finite=False), self.prior_mm.T)
        for t in range(n):
            own = self.term_m == t
            along = sum(float(r @ (A[:, own] @ c_m[own])) for r, (A, _) in zip(residuals, equations, strict=True))
            slope[t] = along - own.sum() + share_m[own].sum()
        return self._log_likelihood(triangle, sigma_x), slope

    def _log_likelihood(self, triangle: Array, sigma_x: Array) -> float:
        m = len(self.prior_mm)
        sizes = np.array([p.n_rows for p in self.parts])
        rest = float(
            (triangle[m:, m] ** 2).sum() + sum(p.rest / s**2 for p, s in zip(self.parts, sigma_x, strict=True))
        )
        log_noise = self.log_noise + float(sizes @ np.log(sigma_x))
        R = Reduced(triangle[:m, :m], triangle[:m, m], rest, int(sizes.sum()) + m)
        return log_likelihood(R, self.prior_mm, log_noise)

    def solved(self, values: Array) -> Solved:
        """The weights and triangles that a fit has with these prior deviations and sigmas."""
        m = len(self.prior_mm)
        ratio_m, equations, sigma_x = self._scaled(values)
        triangle = self._triangle(equations)
        weights_m = solve_triangular(triangle[:m, :m], triangle[:m, m], check_finite=False) / ratio_m
        return Solved(
            weights_m, self.prior_mm * ratio_m, triangle[:m, :m] * ratio_m, self._log_likelihood(triangle, sigma_x)
        )
