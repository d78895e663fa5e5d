"""What structures say of the weights of a sparse Gaussian process, and the solution by QR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.models.gap_process import SparseProcess
from potscope.core.models.gap_sigmas import Sigmas
from potscope.core.models.least_squares import TriangularLeastSquares
from potscope.core.models.linear_solvers import Reduced
from potscope.core.models.offsets import offsets_of
from potscope.core.pairs import Pairs
from potscope.core.progress import Progress


@dataclass(frozen=True)
class Rows:
    r"""Equations :math:`\mathbf L\mathbf w = \mathbf y` of one structure, by what they are of; none where unknown.

    Energies and virials, and what stands for them, are divided by the root of the number of atoms.

    Attributes
    ----------
    energy, forces, virial
        L and y, shape (rows, sparse points) and (rows,).
    """

    energy: tuple[Array, Array]
    forces: tuple[Array, Array]
    virial: tuple[Array, Array]

    def parts(self) -> tuple[tuple[Array, Array], tuple[Array, Array], tuple[Array, Array]]:
        """Those of the energy, the forces and the virial."""
        return self.energy, self.forces, self.virial

    def scaled(self, sigmas: Sigmas) -> tuple[Array, Array]:
        """All, divided by their noise."""
        noise = (sigmas.energy, sigmas.force, sigmas.virial)
        parts = list(zip(self.parts(), noise, strict=True))
        return np.concatenate([L / s for (L, _), s in parts]), np.concatenate([y / s for (_, y), s in parts])

    def log_noise(self, sigmas: Sigmas) -> float:
        """Sum of the logarithms of the sigmas of all equations."""
        return float(np.dot([len(y) for _, y in self.parts()], np.log([sigmas.energy, sigmas.force, sigmas.virial])))

    def log_size(self, n_atoms: int) -> float:
        """What the number of atoms adds to that for equations that have not been divided by its root."""
        return 0.5 * float(np.log(n_atoms)) * (len(self.energy[1]) + len(self.virial[1]))


def rows_of(process: SparseProcess, train: Dataset, index: int, offsets_z: Array, species: Sequence[str]) -> Rows:
    """The equations of one structure of a data set."""
    atoms, energy, forces = train.structures[index], train.energies[index], train.forces[index]
    stress, root_n = train.stresses[index], np.sqrt(len(atoms))
    nothing = (np.empty((0, process.size)), np.empty(0))
    rows = {"energy": nothing, "forces": nothing, "virial": nothing}
    pairs = Pairs.from_structures([atoms], process.reach)
    if np.isfinite(energy):
        target = energy - offsets_of(pairs.numbers_n, species, offsets_z).sum()
        rows["energy"] = (process.energy_columns(pairs) / root_n, np.array([target / root_n]))
    has_stress = bool(np.isfinite(stress).all())
    if forces is not None or has_stress:
        forces_ncm, virials_vm = process.derivative_columns(pairs)
        if forces is not None:
            known = np.isfinite(forces).ravel()
            rows["forces"] = (forces_ncm.reshape(-1, process.size)[known], forces.ravel()[known])
        if has_stress:
            rows["virial"] = (virials_vm / root_n, -stress * atoms.get_volume() / root_n)
    return Rows(**rows)


@dataclass(frozen=True)
class Solved:
    r"""The weights, and what the data say of the hyperparameters.

    Attributes
    ----------
    weights_m
        Shape (sparse points,).
    prior_mm, posterior_mm
        Triangles :math:`\mathbf U` and :math:`\mathbf R`; see `GAP`.
    log_likelihood
        Logarithm of the marginal likelihood; see `GAP`.
    """

    weights_m: Array
    prior_mm: Array
    posterior_mm: Array
    log_likelihood: float


def solved(
    process: SparseProcess,
    train: Dataset,
    offsets_z: Array,
    species: Sequence[str],
    sigmas: Sequence[Sigmas],
    progress: Progress,
) -> Solved:
    """Fold the equations of all structures into a triangle, and solve."""
    prior_mm = process.prior()
    equations = TriangularLeastSquares(process.size)
    equations.add(prior_mm, np.zeros(process.size))
    log_noise = 0.0
    for index in range(len(train)):
        progress(0.95 * index / len(train), f"structure {index + 1} of {len(train)}")
        rows = rows_of(process, train, index, offsets_z, species)
        equations.add(*rows.scaled(sigmas[index]))
        log_noise += rows.log_noise(sigmas[index]) + rows.log_size(len(train.structures[index]))
    progress(0.95, "solving")
    weights_m, posterior_mm = equations.solve()
    return Solved(weights_m, prior_mm, posterior_mm, log_likelihood(equations.reduced(), prior_mm, log_noise))


def log_likelihood(equations: Reduced, prior_mm: Array, log_noise: float) -> float:
    r"""Logarithm of the marginal likelihood of the sparse process; see `GAP`.

    Parameters
    ----------
    equations
        Those of the data and of the prior, each divided by its noise.
    prior_mm
        The triangle :math:`\mathbf U`.
    log_noise
        :math:`\tfrac12 \log|\boldsymbol\Lambda|`.
    """
    n_data = equations.n_rows - len(prior_mm)
    log_R = np.log(np.abs(np.diag(equations.R_kk))).sum()
    log_U = np.log(np.abs(np.diag(prior_mm))).sum()
    return float(-0.5 * equations.rest - log_noise - log_R + log_U - 0.5 * n_data * np.log(2 * np.pi))
