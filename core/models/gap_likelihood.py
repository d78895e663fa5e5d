"""Hyperparameters of a Gaussian approximation potential by its marginal likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.optimize import minimize

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.hyperparameters import declared
from potscope.core.models.gap import GAP
from potscope.core.models.gap_equations import Solved, log_likelihood, rows_of
from potscope.core.models.gap_process import SparseProcess
from potscope.core.models.gap_sigmas import Sigmas, sigmas_of
from potscope.core.models.least_squares import TriangularLeastSquares
from potscope.core.models.linear_solvers import Reduced
from potscope.core.models.offsets import least_squares_offsets
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import shown

NAMES = ("delta", "energy_sigma", "force_sigma", "virial_sigma")
MOST_STEPS = 100


def optimised(
    potential: GAP,
    train: Dataset,
    names: Sequence[str] = NAMES,
    *,
    zeta: Sequence[float] = (),
    length: Sequence[float] = (),
    groups: Mapping[str, Sigmas] | None = None,
    sigmas: Sequence[Sigmas | None] | None = None,
    progress: Progress = silent,
) -> tuple[GAP, list[dict[str, float]]]:
    r"""A fitted potential with the hyperparameters that make the data most likely; the given one is not changed.

    The likelihood is that of `GAP`. For given sparse points and kernel the data are reduced to one triangle for
    energies, one for forces and one for virials, after which a likelihood costs no more than a QR decomposition of
    these; its gradient by the logarithms of the noise and of :math:`\delta` is

    .. math::
        \frac{\partial\log p}{\partial\log\sigma_X} = |\mathbf r_X|^2 + |\mathbf A_X\mathbf R^{-1}|_F^2 - N_X, \qquad
        \frac{\partial\log p}{\partial\log\delta_t} = \mathbf r\cdot\mathbf A_t\mathbf c_t - M_t
        + \operatorname{tr}_t\!\left[(\mathbf R^{\mathsf T}\mathbf R)^{-1}\mathbf K_{mm}\right] ,

    where X is energies, forces or virials, :math:`\mathbf A = \boldsymbol\Lambda^{-1/2}\mathbf L` and :math:`\mathbf r`
    the residuals divided by their noise. Of the kernels each candidate is tried, as each has equations of its own.

    Parameters
    ----------
    potential
        Where the search begins.
    train
        The data.
    names
        Which of ``"delta"`` (of all terms), ``"energy_sigma"``, ``"force_sigma"`` and ``"virial_sigma"`` are optimised.
    zeta, length
        Candidates for the polynomial and for the squared exponential kernel of the first term; that of the potential
        where there are none.
    groups, sigmas
        As in `GAP.fit`. Structures that have sigmas of their own keep these.
    progress
        Called often; it may raise `Cancelled`.

    Returns
    -------
    best, table
        The potential, and for each candidate the hyperparameters at its maximum, with ``log_likelihood`` and
        ``evaluations``.

    Raises
    ------
    ValueError
        If a name or a candidate is not as it should be, and as `GAP.fit`.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (MIT Press, 2006), section 5.4.1.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        raise ValueError(f"`names`: expected some of {', '.join(NAMES)}, got {shown(names)}")
    candidates = _candidates(potential, zeta, length)
    best: GAP | None = None
    table = []
    for index, candidate in enumerate(candidates):
        own = part(progress, index / len(candidates), (index + 1) / len(candidates))
        candidate.check_data(train)
        found, evaluations = _at_its_best(candidate, train, names, groups, sigmas, own)
        table.append(_row(found, evaluations))
        if best is None or found.log_likelihood_ > best.log_likelihood_:
            best = found
    assert best is not None  # noqa: S101 - there is a candidate at least
    return best, table


def _candidates(potential: GAP, zeta: Sequence[float], length: Sequence[float]) -> list[GAP]:
    for name, values, kernel in (("zeta", zeta, "polynomial"), ("length", length, "squared exponential")):
        if len(values) and potential.kernel != kernel:
            raise ValueError(f"`{name}`: expected no candidates for a kernel that is {potential.kernel}, got {values}")
    grid = product(zeta or (potential.zeta,), length or (potential.length,))
    return [replace(potential, zeta=float(z), length=float(theta)) for z, theta in grid]


def _row(found: GAP, evaluations: int) -> dict[str, float]:
    kernel = {"zeta": found.zeta} if found.kernel == "polynomial" else {"length": found.length}
    deltas = {f"delta of term {t + 2}": term.delta for t, term in enumerate(found.terms)}
    own = {name: float(getattr(found, name)) for name in NAMES}
    return {**kernel, **own, **deltas, "log_likelihood": found.log_likelihood_, "evaluations": evaluations}


def _at_its_best(
    potential: GAP,
    train: Dataset,
    names: Sequence[str],
    groups: Mapping[str, Sigmas] | None,
    sigmas: Sequence[Sigmas | None] | None,
    progress: Progress,
) -> tuple[GAP, int]:
    given = potential.checked_groups(train, groups)
    sigmas_s = sigmas_of(train, potential.sigmas, given, sigmas)
    has_own = [group in given for group in train.groups]
    if sigmas is not None:
        has_own = [own or one is not None for own, one in zip(has_own, sigmas, strict=True)]
    process = potential.sparse_process(train, part(progress, 0.0, 0.2))
    offsets_z = least_squares_offsets(train, potential.descriptor.species)
    evidence = Evidence.of(potential, process, train, offsets_z, sigmas_s, has_own, part(progress, 0.2, 0.7))
    deltas = [kernel.delta for kernel in process.kernels]
    start = np.log([*deltas, potential.energy_sigma, potential.force_sigma, potential.virial_sigma])
    free = np.array([*(["delta" in names] * len(deltas)), *(name in names for name in NAMES[1:])])
    bounds = np.log([_bounds("delta")] * len(deltas) + [_bounds(name) for name in NAMES[1:]])
    evaluations = 0

    def objective(logs_free: Array) -> tuple[float, Array]:
        nonlocal evaluations
        progress(0.7 + 0.3 * min(1.0, evaluations / MOST_STEPS), f"likelihood {evaluations + 1}")
        evaluations += 1
        logs = start.copy()
        logs[free] = logs_free
        value, slope = evidence.value_and_gradient(np.exp(logs))
        return -value, -slope[free]

    result = minimize(
        objective, start[free], jac=True, bounds=bounds[free], method="L-BFGS-B", options={"maxiter": MOST_STEPS}
    )
    logs = start.copy()
    logs[free] = result.x
    return _fitted(potential, process, evidence, np.exp(logs), offsets_z, given), evaluations


def _bounds(name: str) -> tuple[float, float]:
    bounds = declared(GAP)[name].bounds
    assert bounds is not None  # noqa: S101 - all four are declared with bounds
    return bounds


def _fitted(
    potential: GAP,
    process: SparseProcess,
    evidence: Evidence,
    values: Array,
    offsets_z: Array,
    groups: Mapping[str, Sigmas],
) -> GAP:
    n = len(process.kernels)
    deltas, (energy_sigma, force_sigma, virial_sigma) = values[:n].tolist(), values[n:].tolist()
    terms = [replace(term, delta=delta) for term, delta in zip(potential.terms, deltas[1:], strict=True)]
    best = replace(
        potential,
        delta=deltas[0],
        energy_sigma=energy_sigma,
        force_sigma=force_sigma,
        virial_sigma=virial_sigma,
        terms=terms,
    )
    kernels = tuple(replace(kernel, delta=delta) for kernel, delta in zip(process.kernels, deltas, strict=True))
    best.keep(SparseProcess(process.descriptors, kernels), evidence.solved(values), offsets_z, groups)
    return best


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
    term_m: Array

    @classmethod
    def of(
        cls,
        potential: GAP,
        process: SparseProcess,
        train: Dataset,
        offsets_z: Array,
        sigmas: Sequence[Sigmas],
        has_own: Sequence[bool],
        progress: Progress,
    ) -> Evidence:
        """Reduce the equations of a data set, structure by structure."""
        energy, forces, virial, own = (TriangularLeastSquares(process.size) for _ in range(4))
        log_noise = 0.0
        for index in range(len(train)):
            progress(index / len(train), f"structure {index + 1} of {len(train)}")
            rows = rows_of(process, train, index, offsets_z, potential.descriptor.species)
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
