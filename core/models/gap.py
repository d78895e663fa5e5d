"""Gaussian approximation potentials: a sparse Gaussian process over the energies of atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from potscope.core import descriptors
from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.descriptors import LocalDescriptor
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.kernels import farthest_points, leverage_points, normalised
from potscope.core.models.base import LocalPotential, batches
from potscope.core.models.environment_kernel import EnvironmentKernel
from potscope.core.models.least_squares import TriangularLeastSquares
from potscope.core.models.local_energies import summed, virials_of
from potscope.core.models.offsets import least_squares_offsets, offsets_of
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent

JITTER = 1e-10  # of the prior variance, added to the kernel between sparse points as gap_fit does


@dataclass(eq=False)
class GAP(LocalPotential):
    r"""Gaussian approximation potential on one local descriptor.

    The energy is a sum of offsets and of local energies that are a Gaussian process with the kernel

    .. math:: E = \sum_i \left[ e_{z_i} + \varepsilon(\mathbf p_i) \right], \qquad
        \varepsilon(\mathbf p) = \sum_m w_m\, k(\mathbf p, \mathbf q_m), \qquad
        k(\mathbf p, \mathbf q) = \delta^2 \left(\hat{\mathbf p}\cdot\hat{\mathbf q}\right)^\zeta ,

    between environments whose central atoms are of the same element. The weights of the sparse points
    :math:`\mathbf q_m` are those that make

    .. math::
        \left|\boldsymbol\Lambda^{-1/2}(\mathbf y - \mathbf L\,\mathbf w)\right|^2
        + \mathbf w^{\mathsf T} \mathbf K_{mm} \mathbf w

    smallest, where the rows of :math:`\mathbf L` are the kernel's sums, and their derivatives, that belong to total
    energies, force components and virials, and :math:`\boldsymbol\Lambda` holds the squares of their noise. Solved by
    QR of

    .. math:: \begin{pmatrix} \boldsymbol\Lambda^{-1/2}\mathbf L \\ \mathbf U \end{pmatrix} \mathbf w =
        \begin{pmatrix} \boldsymbol\Lambda^{-1/2}\mathbf y \\ 0 \end{pmatrix}, \qquad
        \mathbf U^{\mathsf T}\mathbf U = \mathbf K_{mm},

    as gap_fit does. With
    :math:`\mathbf R^{\mathsf T}\mathbf R = \mathbf K_{mm} + \mathbf L^{\mathsf T}\boldsymbol\Lambda^{-1}\mathbf L`,
    the variance of a total energy with kernel sums :math:`\mathbf k` is

    .. math::
        \sigma_E^2 = \sum_{ij} k(\mathbf p_i, \mathbf p_j)
        - |\mathbf U^{-\mathsf T}\mathbf k|^2 + |\mathbf R^{-\mathsf T}\mathbf k|^2 .

    The noise of an energy or a virial grows with the square root of the number of atoms.

    Parameters
    ----------
    descriptor
        A local descriptor, such as `SOAP`.
    n_sparse, zeta, delta, energy_sigma, force_sigma, virial_sigma, sparse_method, seed
        As declared; see ``declared(GAP)``.

    Attributes
    ----------
    offsets_
        Energy of an atom of each species of the descriptor, eV, by least squares.
    weights_
        Weights :math:`w_m` of the sparse points, shape (sparse points,).

    References
    ----------
    A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Phys. Rev. Lett. 104, 136403 (2010).
    doi:10.1103/PhysRevLett.104.136403

    A. P. Bartók, G. Csányi, Int. J. Quantum Chem. 115, 1051 (2015). doi:10.1002/qua.24927

    L. Foster et al., J. Mach. Learn. Res. 10, 857 (2009), for the solution by QR.
    """

    title: ClassVar[str] = "Gaussian approximation potential (GAP)"
    has_energy_std: ClassVar[bool] = True

    descriptor: LocalDescriptor
    n_sparse: int = hyperparameter(
        "Sparse points: environments that the potential remembers.", default=500, bounds=(1, 20000)
    )
    zeta: float = hyperparameter("Power of the kernel; larger is more selective.", default=4.0, bounds=(1.0, 20.0))
    delta: float = hyperparameter(
        "Prior standard deviation of a local energy.", default=3.0, unit="eV", bounds=(1e-3, 1e3)
    )
    energy_sigma: float = hyperparameter(
        "Noise of the reference energies.", default=0.002, unit="eV/atom", bounds=(1e-6, 10.0)
    )
    force_sigma: float = hyperparameter(
        "Noise of the reference forces.", default=0.05, unit="eV/Å", bounds=(1e-6, 10.0)
    )
    virial_sigma: float = hyperparameter(
        "Noise of the reference virials.", default=0.05, unit="eV/atom", bounds=(1e-6, 10.0)
    )
    sparse_method: str = hyperparameter(
        "How sparse points are chosen among the environments of the data.",
        default="farthest points",
        choices=("farthest points", "CUR", "random"),
    )
    seed: int = hyperparameter("Seed of the choice by chance.", default=0, bounds=(0, 2**31 - 1))

    groups_: dict[str, Any] = field(init=False, repr=False)
    offsets_: Array = field(init=False, repr=False)
    weights_: Array = field(init=False, repr=False)
    _kernel: EnvironmentKernel = field(init=False, repr=False)
    _prior_mm: Array = field(init=False, repr=False)
    _posterior_mm: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        if not isinstance(self.descriptor, LocalDescriptor):
            raise TypeError(f"`descriptor`: expected a local descriptor such as SOAP, got {self.descriptor!r}")

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "weights_")

    @property
    def n_sparse_(self) -> int:
        """Sparse points in use; fewer than asked for where the data have no more distinct environments."""
        return len(self.weights_)

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Learn from energies, forces and stresses, as far as the data set has them.

        Parameters
        ----------
        train
            Structures with references; each known energy, force and stress is an equation.
        progress
            Called before every structure; it may raise `Cancelled`, and then the potential is as it was before.

        Raises
        ------
        ValueError
            If there is no energy to fit to, or an element the descriptor does not know.
        """
        if not np.isfinite(train.energies).any():
            raise ValueError("`train`: expected at least one structure with a reference energy, got none")
        self.descriptor.check_species(train.structures)
        given = self.checked_groups(train, groups)
        progress(0.0, "compiling the kernels and describing the environments")
        kernel = self._choose_sparse_points(train, part(progress, 0.0, 0.15))
        prior_mm = _upper_cholesky(kernel.between_sparse_points(), self.delta**2)
        offsets = least_squares_offsets(train, self.descriptor.species)
        equations = TriangularLeastSquares(kernel.size)
        equations.add(prior_mm, np.zeros(kernel.size))
        for index, atoms in enumerate(train.structures):
            progress(0.15 + 0.8 * index / len(train), f"structure {index + 1} of {len(train)}")
            A, b = self._equations(kernel, offsets, train, index, atoms)
            equations.add(A, b)
        progress(0.95, "solving")
        weights, posterior_mm = equations.solve()
        self.groups_, self.offsets_, self.weights_, self._kernel = given, offsets, weights, kernel
        self._prior_mm, self._posterior_mm = prior_mm, posterior_mm
        progress(1.0, "fitted")
        return self

    def _choose_sparse_points(self, train: Dataset, progress: Progress) -> EnvironmentKernel:
        units: list[Array] = []
        species: list[IntArray] = []
        for batch in batches(train.structures):
            progress(sum(len(unit) for unit in units) / max(1, int(train.n_atoms.sum())), "describing the environments")
            features = self.descriptor.compute(batch)
            units.append(normalised(features.values)[0])
            species.append(self.descriptor.species_of(features.pairs.numbers_n))
        unit_nf, species_n = np.concatenate(units), np.concatenate(species)
        chosen = self._select(unit_nf, species_n)
        return EnvironmentKernel(unit_nf[chosen], species_n[chosen], self.zeta, self.delta)

    def _select(self, unit_nf: Array, species_n: IntArray) -> IntArray:
        """Sparse points of each species, in proportion to its environments but at least one."""
        rng = np.random.default_rng(self.seed)
        chosen = []
        for z in np.unique(species_n):
            rows = np.flatnonzero(species_n == z)
            wanted = min(len(rows), max(1, round(self.n_sparse * len(rows) / len(unit_nf))))
            chosen.append(rows[self._select_rows(unit_nf[rows], wanted, rng)])
        return np.concatenate(chosen)

    def _select_rows(self, unit_nf: Array, wanted: int, rng: np.random.Generator) -> IntArray:
        if self.sparse_method == "farthest points":
            return farthest_points(unit_nf, wanted)
        picked = (
            leverage_points(unit_nf, wanted, rng)
            if self.sparse_method == "CUR"
            else np.sort(rng.permutation(len(unit_nf))[:wanted])
        )
        return picked[
            np.sort(farthest_points(unit_nf[picked], wanted))
        ]  # without the doubles, which would be one equation twice

    def _equations(
        self, kernel: EnvironmentKernel, offsets: Array, train: Dataset, index: int, atoms: Atoms
    ) -> tuple[Array, Array]:
        """What one structure says of the weights, each equation divided by its noise."""
        energy, forces, stress = train.energies[index], train.forces[index], train.stresses[index]
        features = self.descriptor.compute(atoms)
        species_n = self.descriptor.species_of(features.pairs.numbers_n)
        rows, targets = [np.empty((0, kernel.size))], [np.empty(0)]
        root_n = np.sqrt(len(atoms))
        if np.isfinite(energy):
            sums_m = kernel.values(features.values, species_n).sum(axis=0)
            target = energy - offsets_of(features.pairs.numbers_n, self.descriptor.species, offsets).sum()
            rows.append(sums_m[None, :] / (self.energy_sigma * root_n))
            targets.append(np.array([target / (self.energy_sigma * root_n)]))
        has_stress = bool(np.isfinite(stress).all())
        if forces is not None or has_stress:
            slope_pcm = kernel.pair_slopes(features, species_n)
            if forces is not None:
                known = np.isfinite(forces).ravel()
                rows.append(features.pairs.forces(slope_pcm).reshape(-1, kernel.size)[known] / self.force_sigma)
                targets.append(forces.ravel()[known] / self.force_sigma)
            if has_stress:
                scale = self.virial_sigma * root_n
                rows.append(virials_of(features.pairs, slope_pcm) / scale)
                targets.append(-stress * atoms.get_volume() / scale)
        return np.concatenate(rows), np.concatenate(targets)

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        return self.descriptor.reach

    def local_energies(self, pairs: Pairs) -> Array:
        """Energies of the centres of a neighbour list that reaches at least to `reach`, eV, without derivatives."""
        species_n = self.descriptor.species_of(pairs.numbers_n)
        values_nf = self.descriptor.compute_pairs(pairs).values
        local_n = self._kernel.energies(values_nf, species_n, self.weights_)[0]
        return local_n + offsets_of(pairs.numbers_n, self.descriptor.species, self.offsets_)

    def evaluate_pairs(
        self,
        structures: Sequence[Atoms],
        pairs: Pairs,
        energy_std: bool = False,
        atom_std: bool = False,  # noqa: ARG002 - has none
    ) -> Prediction:
        """Predict from a neighbour list of the structures that reaches at least to `reach`; see `evaluate`."""
        self.descriptor.check_species(structures)
        features = self.descriptor.compute_pairs(pairs)
        species_n = self.descriptor.species_of(pairs.numbers_n)
        local_n, slope_nf = self._kernel.energies(features.values, species_n, self.weights_)
        local_n += offsets_of(pairs.numbers_n, self.descriptor.species, self.offsets_)
        gradient = features.pull_back(slope_nf)
        energy_std_s = self._energy_std(features, species_n) if energy_std else None
        return summed(structures, pairs, local_n, gradient, energy_std_s)

    def _energy_std(self, features: Features, species_n: IntArray) -> Array:
        sums_sm = np.zeros((features.pairs.n_structures, self._kernel.size))
        np.add.at(sums_sm, features.structure_r, self._kernel.values(features.values, species_n))
        prior_s = self._kernel.self_sums(features, species_n)
        explained = solve_triangular(self._prior_mm, sums_sm.T, trans="T")
        left = solve_triangular(self._posterior_mm, sums_sm.T, trans="T")
        variance = prior_s - np.einsum("ms,ms->s", explained, explained) + np.einsum("ms,ms->s", left, left)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""
        plain = {
            "hyperparameters": self.hyperparameters(),
            "descriptor": {
                "class": type(self.descriptor).__name__,
                "hyperparameters": self.descriptor.hyperparameters(),
            },
        }
        arrays = {
            "offsets_z": self.offsets_,
            "weights_m": self.weights_,
            "sparse_mf": self._kernel.sparse_mf,
            "species_m": self._kernel.species_m.astype(float),
            "prior_mm": self._prior_mm,
            "posterior_mm": self._posterior_mm,
        }
        return plain, arrays

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        kind = descriptors.REGISTRY[plain["descriptor"]["class"]]
        descriptor = kind(**plain["descriptor"]["hyperparameters"])
        if not isinstance(descriptor, LocalDescriptor):
            raise ValueError(f"a {cls.__name__} stands on a local descriptor, not on {kind.__name__}")
        potential = cls(descriptor, **plain["hyperparameters"])
        potential.offsets_ = arrays["offsets_z"]
        potential.weights_ = arrays["weights_m"]
        species_m = arrays["species_m"].astype(np.int64)
        potential._kernel = EnvironmentKernel(arrays["sparse_mf"], species_m, potential.zeta, potential.delta)
        potential._prior_mm, potential._posterior_mm = arrays["prior_mm"], arrays["posterior_mm"]
        return potential


def _upper_cholesky(kernel_mm: Array, variance: float) -> Array:
    """U with UᵀU = K + jitter; more jitter only where rounding has made K indefinite."""
    jitter = JITTER * variance
    for _ in range(5):
        try:
            return np.asarray(cholesky(kernel_mm + jitter * np.eye(len(kernel_mm)), lower=False, check_finite=False))
        except LinAlgError:
            jitter *= 10
    raise ValueError("the kernel between sparse points is singular; choose fewer with `n_sparse` or a larger `zeta`")
