"""Hyperparameters of a Gaussian approximation potential by its marginal likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from scipy.optimize import Bounds, minimize

from potscope.core._types import Array, BoolArray
from potscope.core.dataset import Dataset
from potscope.core.hyperparameters import declared
from potscope.core.models.gap import GAP
from potscope.core.models.gap_evidence import Evidence
from potscope.core.models.gap_process import SparseProcess
from potscope.core.models.gap_sigmas import Sigmas, sigmas_of
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
    evidence = Evidence.of(
        process, train, offsets_z, potential.descriptor.species, sigmas_s, has_own, part(progress, 0.2, 0.7)
    )
    deltas = [kernel.delta for kernel in process.kernels]
    start = np.array([*deltas, potential.energy_sigma, potential.force_sigma, potential.virial_sigma])
    free = np.array([*(["delta" in names] * len(deltas)), *(name in names for name in NAMES[1:])])
    bounds = np.array([_bounds("delta")] * len(deltas) + [_bounds(name) for name in NAMES[1:]])
    values, evaluations = maximised(evidence, start, free, bounds, part(progress, 0.7, 1.0))
    return _fitted(potential, process, evidence, values, offsets_z, given), evaluations


def maximised(
    evidence: Evidence, start: Array, free: BoolArray, bounds: Array, progress: Progress = silent
) -> tuple[Array, int]:
    """Prior deviations and sigmas of the greatest likelihood, and how many likelihoods it took.

    Parameters
    ----------
    evidence
        Of the data.
    start
        Prior deviation of each term, and sigmas of energies, forces and virials.
    free
        Which of these may change.
    bounds
        Smallest and largest value of each, shape (values, 2).
    progress
        Called before every likelihood.
    """
    # a likelihood is about as curved, by a logarithm, as there are numbers that speak of it
    scale = np.sqrt(np.maximum(1, evidence.counts()))[free]
    evaluations = 0

    def all_values(scaled: Array) -> Array:
        values = start.copy()
        values[free] = np.exp(scaled / scale)
        return values

    def objective(scaled: Array) -> tuple[float, Array]:
        nonlocal evaluations
        progress(min(1.0, evaluations / MOST_STEPS), f"likelihood {evaluations + 1}")
        evaluations += 1
        value, slope = evidence.value_and_gradient(all_values(scaled))
        return -value, -slope[free] / scale

    result = minimize(
        objective,
        np.log(start[free]) * scale,
        jac=True,
        bounds=Bounds(*(np.log(bounds[free]) * scale[:, None]).T),
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS},
    )
    return all_values(result.x), evaluations


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
