"""Pair potentials: what can be had without looking at more than two atoms at a time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from scipy.optimize import OptimizeResult, least_squares

from potscope.core._types import Array
from potscope.core.cutoffs import CUTOFF_FUNCTIONS
from potscope.core.dataset import Dataset
from potscope.core.descriptors.base import check_species, species_positions
from potscope.core.features import Gradient
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.base import LocalPotential
from potscope.core.models.group_weights import Weights, settings_of
from potscope.core.models.local_energies import summed
from potscope.core.models.offsets import offsets_of
from potscope.core.models.pair_equations import PairEquations
from potscope.core.models.pair_forms import FORMS, CutPairEnergy, PairForm
from potscope.core.models.training import check_energies
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent

STARTS = ((1.0, 4.5), (1.1, 4.5), (0.92, 6.0), (1.2, 3.0))
"""Where the search begins: the minimum, in median shortest distances, and `PairForm.start`'s curvature there."""

SMALLEST_DEPTH = 1e-3  # eV; from a depth of zero nothing leads on
CONVERGED = 1e-12  # relative change, of the parameters or of the sum of squares, that ends a search
MOST_STEPS = 200
MOST_SHOWN = 3  # pairs of elements in a line of words


@dataclass(eq=False)
class PairPotential(LocalPotential):
    r"""A Lennard-Jones or Morse potential for each pair of elements, fitted to energies, forces and stresses.

    .. math::
        E = \sum_i e_{z_i} + \tfrac12 \sum_p u_{z_i z_j}(r_p)\, f_c(r_p), \qquad
        u_\text{Morse} = D \left[e^{-2\alpha(r - r_0)} - 2e^{-\alpha(r - r_0)}\right], \qquad
        u_\text{LJ} = 4\varepsilon\left[(\sigma/r)^{12} - (\sigma/r)^6\right]

    with the cutoff function :math:`f_c` of `potscope.core.cutoffs`. What is minimised is, as with `SNAP`,

    .. math::
        \sum_s \left[ w^E_s \frac{E_s - E^\text{ref}_s}{N_s} \right]^2
        + \sum_{s,i,c} \left[ w^F_s (F_{ic} - F^\text{ref}_{ic}) \right]^2
        + \sum_{s,ab} \left[ w^\sigma_s (\sigma_{s,ab} - \sigma^\text{ref}_{s,ab}) \right]^2 ,

    by `scipy.optimize.least_squares` in the logarithms of the parameters, with their derivatives, from several starts
    that follow from the shortest distances; the energies of the elements :math:`e_z`, which are linear, are solved for
    at every step. Two elements that the data never have within the cutoff of each other do not interact. A depth at its
    lower bound, `pair_forms.DEPTHS`, says that repulsion alone comes nearest. There are no standard
    deviations, as what two atoms cannot describe is far more than the parameters are uncertain by; a `Committee` has.

    Attributes
    ----------
    species_, offsets_
        The elements of the data, and their energies :math:`e_z`, eV.
    parameters_
        D (eV), α (1/Å) and :math:`r_0` (Å), or ε (eV) and σ (Å), of each two elements, shape (species, species,
        parameters); the same for z, z′ and z′, z.

    References
    ----------
    J. E. Jones, Proc. R. Soc. London A 106, 463 (1924). doi:10.1098/rspa.1924.0082

    P. M. Morse, Phys. Rev. 34, 57 (1929). doi:10.1103/PhysRev.34.57
    """

    title: ClassVar[str] = "Pair potential (Morse, Lennard-Jones)"
    descriptor_scope: ClassVar = "none"
    group_settings: ClassVar = Weights

    form: str = hyperparameter("Of the energy of a pair.", default="Morse", choices=tuple(FORMS))
    cutoff: float = hyperparameter("Distance to which neighbours count.", default=6.0, unit="Å", bounds=(1.0, 30.0))
    cutoff_function: str = hyperparameter(
        "How the energy of a pair falls to zero at the cutoff.", default="poly2", choices=CUTOFF_FUNCTIONS
    )
    inner_fraction: float = hyperparameter(
        "Part of the cutoff up to which it does nothing.", default=0.7, bounds=(0.0, 0.99)
    )
    energy_weight: float = hyperparameter("Weight of energies.", default=100.0, unit="atom/eV", bounds=(0.0, 1e9))
    force_weight: float = hyperparameter("Weight of forces.", default=1.0, unit="Å/eV", bounds=(0.0, 1e9))
    stress_weight: float = hyperparameter("Weight of stresses.", default=10.0, unit="Å³/eV", bounds=(0.0, 1e9))

    groups_: dict[str, Weights] = field(init=False, repr=False)
    species_: tuple[str, ...] = field(init=False, repr=False)
    offsets_: Array = field(init=False, repr=False)
    parameters_: Array = field(init=False, repr=False)

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "parameters_")

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        return self.cutoff

    @property
    def kept(self) -> str:
        """The parameters, where they are few."""
        form, words = FORMS[self.form], []
        for a, b in itertools.combinations_with_replacement(range(len(self.species_)), 2):
            if self.parameters_[a, b, 0] > 0:
                values = zip(form.names, self.parameters_[a, b], form.units, strict=True)
                numbers = ", ".join(f"{name} = {value:.4g} {unit}" for name, value, unit in values)
                words.append(f"{self.species_[a]}–{self.species_[b]}: {numbers}")
        return "; ".join(words) if len(words) <= MOST_SHOWN else f"{len(words)} pairs of elements"

    @property
    def n_parameters(self) -> int:
        """How many numbers a fit determines."""
        self.check_fitted()
        n_kinds = int((np.triu(self.parameters_[:, :, 0]) > 0).sum())
        return len(self.offsets_) + n_kinds * int(self.parameters_.shape[2])

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Weights] | None = None) -> Self:
        """Learn from energies, forces and stresses, as far as the data set has them.

        Parameters
        ----------
        train
            Structures with references.
        progress
            Called at every step of every search; it may raise `Cancelled`, and then the potential is as it was before.
        groups
            Weights of groups of the data set; others have `energy_weight`, `force_weight` and `stress_weight`.

        Raises
        ------
        TypeError
            If something else than `Weights` is given for a group.
        ValueError
            If there is no energy to fit to, a group that the data set does not have, or no energy with a weight.
        """
        check_energies(train)
        given = self.checked_groups(train, groups)
        default = Weights(self.energy_weight, self.force_weight, self.stress_weight)
        progress(0.0, "finding the pairs")
        equations = PairEquations(
            train, train.species, settings_of(train, default, given), self._energy(), part(progress, 0.0, 0.1)
        )
        if equations.n_energies == 0:
            raise ValueError(
                "`energy_weight`: expected one greater than zero for at least one structure with a reference energy, "
                "without which the energies of the elements are not known"
            )
        found_kq = self._searched(equations, part(progress, 0.1, 0.95))
        offsets_z, n_species = equations.offsets(found_kq), len(train.species)
        parameters_zzq = np.ones((n_species, n_species, found_kq.shape[1]))
        parameters_zzq[:, :, 0] = 0.0  # of elements that never meet
        for kind, found_q in zip(equations.kinds, found_kq, strict=True):
            a, b = divmod(kind, n_species)
            parameters_zzq[a, b] = parameters_zzq[b, a] = found_q
        progress(0.95, "solved")
        self.groups_, self.species_ = given, train.species
        self.offsets_, self.parameters_ = offsets_z, parameters_zzq
        progress(1.0, "fitted")
        return self

    def _energy(self) -> CutPairEnergy:
        start = self.inner_fraction * self.cutoff
        return CutPairEnergy(FORMS[self.form], self.cutoff_function, start, self.cutoff)

    def _searched(self, equations: PairEquations, progress: Progress) -> Array:
        """The best parameters of all searches, for each kind of pairs that there is."""
        form, nearest = FORMS[self.form], equations.nearest()
        if not nearest:
            return np.empty((0, len(form.names)))
        found = []
        for number, (factor, curvature) in enumerate(STARTS):
            own = part(progress, number / len(STARTS), (number + 1) / len(STARTS))
            own(0.0, f"search {number + 1} of {len(STARTS)}")
            start_kq = np.clip([form.start(factor * r, curvature) for r in nearest], *np.transpose(form.bounds))
            start_kq[:, 0] = np.clip(equations.depths(start_kq), SMALLEST_DEPTH, form.bounds[0][1])
            found.append(_search(equations, form, start_kq, own))
        best = min(found, key=lambda result: float(result.cost))
        return np.asarray(np.exp(best.x)).reshape(len(nearest), -1)

    def evaluate_pairs(
        self,
        structures: Sequence[Atoms],
        pairs: Pairs,
        energy_std: bool = False,  # noqa: ARG002 - has none
        atom_std: bool = False,  # noqa: ARG002 - has none
    ) -> Prediction:
        """Predict from a neighbour list of the structures that reaches at least to `reach`; see `evaluate`."""
        check_species(type(self).__name__, self.species_, structures)
        energy_p, slope_p = self._of_pairs(pairs)
        dE_dD_pc = (slope_p / (2 * pairs.r_p))[:, None] * pairs.D_pc
        gradient = Gradient(pairs.forces(dE_dD_pc), pairs.virials(dE_dD_pc))
        return summed(structures, pairs, self._local(pairs, energy_p), gradient)

    def local_energies(self, pairs: Pairs) -> Array:
        """Energies of the centres of a neighbour list that reaches at least to `reach`, eV, without derivatives."""
        return self._local(pairs, self._of_pairs(pairs)[0])

    def _of_pairs(self, pairs: Pairs) -> tuple[Array, Array]:
        species_n = species_positions(self.species_, pairs.numbers_n)
        parameters_pq = self.parameters_[species_n[pairs.i_p], species_n[pairs.j_p]]
        terms = self._energy().terms(pairs.r_p, parameters_pq)
        return terms.energy_p, terms.slope_p

    def _local(self, pairs: Pairs, energy_p: Array) -> Array:
        halves_n = np.bincount(pairs.i_p, energy_p / 2, pairs.n_atoms)
        return np.asarray(offsets_of(pairs.numbers_n, self.species_, self.offsets_) + halves_n)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""
        plain = {"hyperparameters": self.hyperparameters(), "species": list(self.species_)}
        return plain, {"offsets_z": self.offsets_, "parameters_zzq": self.parameters_}

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        potential = cls(**plain["hyperparameters"])
        potential.species_, potential.offsets_ = tuple(plain["species"]), arrays["offsets_z"]
        potential.parameters_ = arrays["parameters_zzq"]
        n = len(potential.species_)
        expected = (n, n, len(FORMS[potential.form].names))
        if potential.parameters_.shape != expected or potential.offsets_.shape != (n,):
            raise ValueError(f"expected parameters of shape {expected}, got {potential.parameters_.shape}")
        return potential


def _search(equations: PairEquations, form: PairForm, start_kq: Array, progress: Progress) -> OptimizeResult:
    """Local minimum of the sum of squares, in the logarithms of the parameters."""
    steps = itertools.count(1)

    def residuals(logarithms: Array) -> Array:
        step = next(steps)
        progress(step / (step + 10), f"step {step}")
        return equations.residuals(np.exp(logarithms).reshape(start_kq.shape))

    def jacobian(logarithms: Array) -> Array:
        return equations.jacobian(np.exp(logarithms).reshape(start_kq.shape))

    bounds = np.log(np.tile(form.bounds, (len(start_kq), 1))).T
    return least_squares(
        residuals,
        np.log(start_kq).ravel(),
        jacobian,
        bounds=(bounds[0], bounds[1]),
        ftol=CONVERGED,
        xtol=CONVERGED,
        gtol=CONVERGED,
        max_nfev=MOST_STEPS,
    )
