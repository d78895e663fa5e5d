"""What kernel machines on whole structures share: one row of features, one energy."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from potscope.core import descriptors
from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.descriptors import Descriptor
from potscope.core.descriptors.base import check_species
from potscope.core.hyperparameters import hyperparameter
from potscope.core.kernels import Kernel, Laplacian, SquaredExponential, feature_distance
from potscope.core.models.base import Potential, batches, learnt_from
from potscope.core.models.descriptor_files import plain_of
from potscope.core.models.offsets import compositions, least_squares_offsets
from potscope.core.models.training import with_energies
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent


@dataclass(frozen=True)
class Shape:
    """How a kernel falls off.

    Attributes
    ----------
    norm
        The distance it takes, as of `feature_distance`.
    profile
        Its values at distances in units of its length, which are overwritten.
    kernel
        The kernel of some length.
    """

    norm: str
    profile: Callable[[Array], Array]
    kernel: Callable[[float], Kernel]


def _gaussian(t: Array) -> Array:
    t *= t
    t *= -0.5
    return np.exp(t, out=t)


def _laplacian(t: Array) -> Array:
    return np.exp(np.negative(t, out=t), out=t)


SHAPES: dict[str, Shape] = {
    "Gaussian": Shape("L2", _gaussian, lambda length: SquaredExponential((length,))),
    "Laplacian": Shape("L1", _laplacian, Laplacian),
}


class Machine(NamedTuple):
    """A weight for each structure of the data, a constant, and the factor of the equations where there is one."""

    weights_s: Array
    constant: float = 0.0
    factor_ss: Array | None = None


class Solution(NamedTuple):
    """What is learnt: energies of the elements (eV), and the kernel machine on top of them; see `Machine`."""

    offsets_z: Array
    weights_s: Array
    constant: float
    factor_ss: Array | None


@dataclass(eq=False)
class StructureKernelPotential(Potential):
    r"""A kernel machine on a descriptor of whole structures.

    .. math::
        E = \sum_z N_z e_z + S \left[ b + \sum_m \alpha_m\, k(\mathbf x, \mathbf x_m) \right], \qquad
        \frac{\partial E}{\partial\mathbf x} =
            S \sum_m \alpha_m \frac{\partial k(\mathbf x, \mathbf x_m)}{\partial\mathbf x},

    with the features :math:`\mathbf x` of a structure, :math:`\mathbf x_m` of those of the data; the second, pulled
    back through the descriptor, makes forces and stresses. With `target` ``"per atom"`` S is the number of atoms,
    otherwise one; :math:`e_z` are least-squares energies of the elements, zero with ``"atomisation"``. It learns from
    energies alone.

    Nothing makes the energy a sum over atoms: there are no local energies, and the energy of two molecules far apart is
    not the sum of theirs. On features that do not depend on the choice of the cell, such as `AverageSOAP`, ``"per
    atom"`` gives a larger cell of a crystal as much more energy as it is larger.

    The length of the kernel is `length` times the median of the distances between structures of the data that differ,
    so that one number suits features of any unit.
    """

    descriptor_scope: ClassVar = "structure"
    extensive: ClassVar[bool] = False
    learns_forces: ClassVar[bool] = False

    descriptor: Descriptor
    kernel: str = hyperparameter(
        "Gaussian of the Euclidean distance, or exponential of the sum of absolute differences (Laplacian).",
        default="Gaussian",
        choices=tuple(SHAPES),
    )
    length: float = hyperparameter(
        "Length of the kernel, in median distances between the structures of the data.", default=4.0, bounds=(1e-4, 1e6)
    )
    target: str = hyperparameter(
        "What is learnt: the energy per atom or the total energy, less least-squares energies of the elements; "
        "or the energy as it is, for data of atomisation energies.",
        default="per atom",
        choices=("per atom", "total", "atomisation"),
    )

    groups_: dict[str, Any] = field(init=False, repr=False)
    species_: tuple[str, ...] = field(init=False, repr=False)
    offsets_: Array = field(init=False, repr=False)
    weights_: Array = field(init=False, repr=False)
    constant_: float = field(init=False, repr=False)
    length_: float = field(init=False, repr=False)
    n_structures_: int = field(init=False, repr=False)
    _points_mf: Array = field(init=False, repr=False)
    _factor_mm: Array | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        if not isinstance(self.descriptor, Descriptor) or self.descriptor.scope != "structure":
            raise TypeError(
                f"`descriptor`: expected one of whole structures such as CoulombMatrix, got {self.descriptor!r}"
            )

    @abstractmethod
    def _solve(self, kernel_ss: Array, target_s: Array) -> Machine:
        """What the kernel between the structures, which may be overwritten, and the targets say."""

    def _remembered(self, weights_s: Array) -> IntArray:
        """Which structures predictions need: those that have a weight."""
        return np.flatnonzero(weights_s)

    def _energy_std(self, kernel_sm: Array, scale_s: Array) -> Array | None:  # noqa: ARG002 - for those that have some
        """Standard deviations of energies, eV, from the kernel with the structures that are remembered."""
        return None

    def _force_std(self, structures: Sequence[Atoms], kernel_sm: Array, scale_s: Array) -> tuple[Array, ...] | None:  # noqa: ARG002
        """Standard deviations of forces, eV/Å."""
        return None

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "weights_")

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Learn from energies; forces and stresses are not looked at.

        Parameters
        ----------
        train
            Structures with energies; those without are left out.
        progress
            Called before every batch of structures; it may raise `Cancelled`, and then the potential is as before.
        groups
            None: the family has no settings of groups.

        Raises
        ------
        ValueError
            If there is no energy to fit to, a structure that the descriptor does not take, or no solution.
        """
        given = self.checked_groups(train, groups)
        progress(0.0, "compiling the kernels and describing the structures")
        known = with_energies(train)
        points_sf = self.describe(known, part(progress, 0.0, 0.5))
        progress(0.5, "kernel between the structures")
        distance_ss = self.distances(points_sf)
        length = self.length * median_distance(distance_ss)
        kernel_ss = self.kernel_of(distance_ss, length)
        del distance_ss  # as large as the kernel
        progress(0.7, "solving")
        solution = self.solve(kernel_ss, known, known.species)
        progress(0.95, "solved")
        used = self._remembered(solution.weights_s)
        self.groups_, self.species_, self.length_, self.n_structures_ = given, known.species, length, len(known)
        self.offsets_, self.constant_ = solution.offsets_z, solution.constant
        self.weights_, self._points_mf = solution.weights_s[used], points_sf[used]
        self._factor_mm = solution.factor_ss
        progress(1.0, "fitted")
        return self

    def describe(self, train: Dataset, progress: Progress = silent) -> Array:
        """Features of all structures, shape (structures, features)."""
        found: list[Array] = []
        done = 0
        for batch in batches(train.structures):
            progress(done / len(train), "describing the structures")
            with learnt_from(train.ids[done : done + len(batch)]):
                found.append(self.descriptor.compute(batch).values)
            done += len(batch)
        return np.concatenate(found)

    def distances(self, values_sf: Array) -> Array:
        """Distances between all structures, as the kernel takes them, in the features' unit."""
        return feature_distance(values_sf, norm=SHAPES[self.kernel].norm)

    def kernel_of(self, distance_st: Array, length: float) -> Array:
        """Kernel at these distances, of this length in the features' unit."""
        return SHAPES[self.kernel].profile(distance_st / length)

    def solve(self, kernel_ss: Array, known: Dataset, species: Sequence[str]) -> Solution:
        """What the energies of some structures and the kernel between them say."""
        atomised = self.target == "atomisation"
        offsets_z = np.zeros(len(species)) if atomised else least_squares_offsets(known, species)
        target_s = (known.energies - compositions(known.structures, species) @ offsets_z) / self.scale(known.structures)
        return Solution(offsets_z, *self._solve(kernel_ss, target_s))

    def scale(self, structures: Sequence[Atoms]) -> Array:
        """What the kernel machine's energy is multiplied with: the number of atoms, or one; shape (structures,)."""
        return np.array([len(atoms) if self.target == "per atom" else 1 for atoms in structures], dtype=float)

    def evaluate(self, structures: Sequence[Atoms], energy_std: bool = False, atom_std: bool = False) -> Prediction:
        """Predict for structures few enough to be held in memory at once; see `Potential.evaluate`."""
        check_species(type(self).__name__, self.species_, structures)
        features = self.descriptor.compute(structures)
        kernel, scale_s = SHAPES[self.kernel].kernel(self.length_), self.scale(structures)
        kernel_sm = kernel(features.values, self._points_mf)
        learnt_s = self.constant_ + kernel_sm @ self.weights_
        slope_sf = kernel.pull_back(features.values, self._points_mf, scale_s[:, None] * self.weights_)
        gradient = features.pull_back(slope_sf)
        volumes = np.array([atoms.get_volume() if atoms.cell.rank == 3 else np.nan for atoms in structures])
        return Prediction(
            energies=compositions(structures, self.species_) @ self.offsets_ + scale_s * learnt_s,
            local_energies=None,
            forces=tuple(np.split(gradient.forces, features.pairs.first_atom_s[1:-1])),
            stresses=full_3x3_to_voigt_6_stress(-gradient.virials / volumes[:, None, None]),
            energy_std=self._energy_std(kernel_sm, scale_s) if energy_std else None,
            force_std=self._force_std(structures, kernel_sm, scale_s) if atom_std else None,
        )

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""
        plain = {
            "hyperparameters": self.hyperparameters(),
            "descriptor": plain_of(self.descriptor),
            "species": list(self.species_),
            "n_structures": self.n_structures_,
        }
        arrays = {
            "offsets_z": self.offsets_,
            "weights_m": self.weights_,
            "points_mf": self._points_mf,
            "constant": np.array(self.constant_),
            "length": np.array(self.length_),
        }
        return plain, arrays

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        kind = descriptors.REGISTRY[plain["descriptor"]["class"]]
        potential = cls(kind(**plain["descriptor"]["hyperparameters"]), **plain["hyperparameters"])
        potential.species_, potential.n_structures_ = tuple(plain["species"]), int(plain["n_structures"])
        potential.offsets_, potential.weights_ = arrays["offsets_z"], arrays["weights_m"]
        potential._points_mf = arrays["points_mf"]
        potential.constant_, potential.length_ = float(arrays["constant"]), float(arrays["length"])
        return potential


def median_distance(distance_ss: Array) -> float:
    """Median over pairs of structures that differ; one where none do, and no length means anything."""
    distance_p = np.concatenate([distance_ss[s, :s] for s in range(len(distance_ss))])
    distance_p = distance_p[distance_p > 0]
    return float(np.median(distance_p, overwrite_input=True)) if len(distance_p) else 1.0
