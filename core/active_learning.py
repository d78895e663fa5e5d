"""Active learning: dynamics finds what a potential is not sure of, a calculator says what it is, and it learns that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.descriptors import Descriptor
from potscope.core.dynamics import Unstable, run
from potscope.core.kernels import select
from potscope.core.metrics import summary
from potscope.core.models.base import Potential
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import as_structures, check_choice, check_integer, check_positive, shown

PICKS = ("farthest points", "uncertainty", "random")
LARGEST_FORCE = 50.0  # eV/Å; what has larger ones belongs to no dynamics, and would outweigh all that does
TWICE = 2.0  # the largest uncertainty of the training data, where no threshold is given


def _energy(potential: Potential, frames: Sequence[Atoms]) -> Array:
    std_s = potential.predict(frames).energy_std
    return np.full(len(frames), np.nan) if std_s is None else std_s / [len(atoms) for atoms in frames]


def _force(potential: Potential, frames: Sequence[Atoms]) -> Array:
    of_atoms = potential.predict(frames, atom_std=True).force_std
    return np.array([np.linalg.norm(std_nc, axis=1).max() for std_nc in of_atoms or ()])


def _extrapolation(potential: Potential, frames: Sequence[Atoms]) -> Array:
    of_atoms = potential.predict(frames, atom_std=True).extrapolation
    return np.array([grade_n.max() for grade_n in of_atoms or ()])


@dataclass(frozen=True)
class Measure:
    """How unsure a potential is of a structure.

    Attributes
    ----------
    of
        Of some structures, shape (structures,).
    known_to
        Whether a potential has it.
    unit
        Empty for a pure number.
    """

    of: Callable[[Potential, Sequence[Atoms]], Array]
    known_to: Callable[[Potential], bool]
    unit: str


MEASURES: dict[str, Measure] = {
    "energy": Measure(_energy, lambda potential: potential.has_energy_std, "eV/atom"),
    "force": Measure(_force, lambda potential: potential.has_atom_std, "eV/Å"),
    "extrapolation": Measure(_extrapolation, lambda potential: potential.has_extrapolation, ""),
}
"""The standard deviation of the energy per atom; the largest of an atom's force; the largest grade of an atom."""


@dataclass(frozen=True, eq=False)
class Round:
    """One round of active learning.

    Attributes
    ----------
    n_train
        How many structures the potential of this round was fitted to.
    threshold
        Uncertainty at which trajectories stopped, in the unit of the measure; infinite where they did not look.
    stopped
        The step at which each trajectory stopped; −1 for those that came to their end.
    uncertainties
        Of the frame that each trajectory gave, NaN where nobody looked.
    picked
        The structures that were labelled and added, with their references; None where all had impossible forces.
    errors
        Of the potential of this round on the test set, as of `potscope.core.metrics.summary`; empty without one.
    """

    n_train: int
    threshold: float
    stopped: tuple[int, ...]
    uncertainties: Array
    picked: Dataset | None
    errors: dict[str, float]


@dataclass(frozen=True, eq=False)
class History:
    """What came of it.

    Attributes
    ----------
    potential
        Fitted to all of `train`; the one that was given is as it was.
    train
        The data that were given, and those that were added.
    rounds
        In their order.
    errors
        Of `potential` on the test set; empty without one.
    """

    potential: Potential
    train: Dataset
    rounds: tuple[Round, ...]
    errors: dict[str, float]


@dataclass(frozen=True)
class Exploration:
    """How trajectories look for structures.

    Attributes
    ----------
    temperature, timestep, steps, every, friction
        Of Langevin dynamics, as of `potscope.core.dynamics.run`; the uncertainty is looked at every so many steps.
    trajectories
        How many there are in a round.
    """

    temperature: float = 600.0
    timestep: float = 2.0
    steps: int = 500
    every: int = 10
    friction: float = 0.02
    trajectories: int = 10

    def __post_init__(self) -> None:
        check_positive("temperature", self.temperature)
        check_positive("timestep", self.timestep)
        check_positive("friction", self.friction)
        check_integer("steps", self.steps, low=1)
        check_integer("every", self.every, low=1, high=self.steps)
        check_integer("trajectories", self.trajectories, low=1)


def active_learning(
    potential: Potential,
    train: Dataset,
    starts: Sequence[Atoms] | Dataset,
    calculator: Calculator,
    *,
    rounds: int = 5,
    picks: int = 5,
    measure: str = "energy",
    threshold: float | None = None,
    pick: str = "farthest points",
    exploration: Exploration | None = None,
    descriptor: Descriptor | None = None,
    test: Dataset | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> History:
    r"""Let dynamics find structures that a potential is unsure of, label them, and fit again; several times.

    In each round a fresh copy of the potential is fitted to what is known. Trajectories start from some of the
    structures and stop where the uncertainty exceeds the threshold; each gives one frame, that of its largest
    uncertainty, or the last one before it broke up. Of these frames `picks` are labelled by the calculator and added.
    With ``"farthest points"`` they are those whose mean features are farthest from each other, of the frames beyond
    the threshold; where these are fewer, of as many of the most uncertain as are picked.

    Parameters
    ----------
    potential
        Hyperparameters alone count; it is not changed.
    train
        What is known at first.
    starts
        Structures where trajectories begin, drawn with equal probability.
    calculator
        The reference, any ASE calculator with energies and forces.
    rounds, picks
        How many rounds, and how many structures are added in each.
    measure
        Of the uncertainty: ``"energy"`` (standard deviation, eV/atom), ``"force"`` (the largest standard deviation of
        an atom's force, eV/Å) or ``"extrapolation"`` (the largest grade). The family must have it.
    threshold
        In the unit of the measure; by default twice the largest uncertainty of the training data in each round.
    pick
        ``"farthest points"``; ``"uncertainty"``, the most uncertain; ``"random"``, frames by chance, where nobody looks
        at uncertainties: what the others have to beat.
    exploration
        How trajectories run.
    descriptor
        Whose features make structures near or far; by default the potential's.
    test
        Structures to measure errors on before each round and at the end.
    seed
        Of starts, velocities and choices by chance.
    progress
        Called often; it may raise `Cancelled`.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If the family does not have the uncertainty, there is nothing to start from, or an argument is not as expected.
    TypeError
        If the calculator is none, or there is no descriptor to choose by.

    Notes
    -----
    Frames whose reference has a force beyond 50 eV/Å are left out, so that a round may add fewer than `picks`.

    References
    ----------
    J. Behler, J. Phys.: Condens. Matter 26, 183001 (2014), section 4. doi:10.1088/0953-8984/26/18/183001

    E. V. Podryabinkin, A. V. Shapeev, Comput. Mater. Sci. 140, 171 (2017). doi:10.1016/j.commatsci.2017.08.031
    """
    check_integer("rounds", rounds, low=1)
    check_integer("picks", picks, low=1)
    check_choice("measure", measure, MEASURES)
    check_choice("pick", pick, PICKS)
    if threshold is not None:
        check_positive("threshold", threshold)
    if pick != "random" and not MEASURES[measure].known_to(potential):
        known = ", ".join(name for name, one in MEASURES.items() if one.known_to(potential)) or "none"
        raise ValueError(f"`measure`: expected one that a {type(potential).__name__} has ({known}), got {measure!r}")
    if not isinstance(calculator, Calculator):
        raise TypeError(f"`calculator`: expected an ASE calculator, got {shown(calculator)}")
    found_starts = as_structures(starts, "starts")
    if not found_starts:
        raise ValueError("`starts`: expected at least one structure, got none")
    chosen = exploration or Exploration()
    if picks > chosen.trajectories:
        raise ValueError(f"`picks`: expected no more than the {chosen.trajectories} trajectories, got {picks}")
    features = descriptor if descriptor is not None else getattr(potential, "descriptor", None)
    if pick == "farthest points" and not isinstance(features, Descriptor):
        raise TypeError(f"`descriptor`: expected one, as a {type(potential).__name__} has none, got {shown(features)}")
    loop = _Loop(found_starts, calculator, picks, MEASURES[measure], threshold, pick, chosen, features)
    return loop.run(potential, train, test, rounds, np.random.default_rng(seed), progress)


@dataclass(frozen=True)
class _Candidate:
    """What one trajectory gives."""

    atoms: Atoms
    uncertainty: float
    stopped: int


@dataclass(frozen=True)
class _Loop:
    starts: Sequence[Atoms]
    calculator: Calculator
    picks: int
    measure: Measure
    threshold: float | None
    pick: str
    exploration: Exploration
    descriptor: Descriptor | None

    def run(
        self,
        potential: Potential,
        train: Dataset,
        test: Dataset | None,
        rounds: int,
        rng: np.random.Generator,
        progress: Progress,
    ) -> History:
        done: list[Round] = []
        for number in range(rounds):
            here = part(progress, number / (rounds + 1), (number + 1) / (rounds + 1))
            fitted = replace(potential).fit(train, part(here, 0.0, 0.3))
            threshold = self._threshold(fitted, train)
            candidates = list(self._explore(fitted, threshold, rng, part(here, 0.3, 0.9)))
            picked = [candidates[k].atoms for k in self._choose(candidates, rng)]
            new = self._labelled(picked, number + 1)
            errors = {} if test is None else summary(test, fitted.predict(test))
            done.append(
                Round(
                    len(train),
                    threshold,
                    tuple(candidate.stopped for candidate in candidates),
                    np.array([candidate.uncertainty for candidate in candidates]),
                    new,
                    errors,
                )
            )
            if new is not None:
                train = Dataset.from_structures([*train.to_structures(), *new.to_structures()], name=train.name)
        last = part(progress, rounds / (rounds + 1), 1.0)
        fitted = replace(potential).fit(train, last)
        return History(fitted, train, tuple(done), {} if test is None else summary(test, fitted.predict(test)))

    def _threshold(self, fitted: Potential, train: Dataset) -> float:
        if self.pick == "random":
            return float("inf")
        if self.threshold is not None:
            return self.threshold
        return TWICE * float(self.measure.of(fitted, train.structures).max())

    def _explore(
        self, fitted: Potential, threshold: float, rng: np.random.Generator, progress: Progress
    ) -> Iterator[_Candidate]:
        for k in range(self.exploration.trajectories):
            progress(k / self.exploration.trajectories, f"trajectory {k + 1} of {self.exploration.trajectories}")
            start = self.starts[int(rng.integers(len(self.starts)))]
            yield self._trajectory(fitted, start, threshold, rng)

    def _trajectory(self, fitted: Potential, start: Atoms, threshold: float, rng: np.random.Generator) -> _Candidate:
        """Run until the uncertainty is too large; the frame of the largest, or any frame where none is looked at."""
        how = self.exploration
        frames = run(
            start, fitted.calculator(), ensemble="langevin", temperature=how.temperature, timestep=how.timestep,
            steps=how.steps, every=how.every, friction=how.friction, seed=int(rng.integers(2**31)),
        )  # fmt: skip
        wanted = int(rng.integers(1, how.steps // how.every + 1))
        best = _Candidate(start, -np.inf, -1)
        try:
            for number, frame in enumerate(frames):
                if self.pick == "random":
                    if number == wanted:
                        return _Candidate(frame.atoms, float("nan"), -1)
                    best = _Candidate(frame.atoms, float("nan"), -1)
                    continue
                uncertainty = float(self.measure.of(fitted, [frame.atoms])[0])
                if uncertainty > best.uncertainty:
                    best = _Candidate(frame.atoms, uncertainty, -1)
                if uncertainty > threshold:
                    return replace(best, stopped=frame.step)
        except Unstable:
            return best
        return best

    def _choose(self, candidates: Sequence[_Candidate], rng: np.random.Generator) -> IntArray:
        if self.pick == "random":
            return rng.permutation(len(candidates))[: self.picks]
        order = np.argsort([-candidate.uncertainty for candidate in candidates], kind="stable")
        if self.pick == "uncertainty" or self.descriptor is None:
            return order[: self.picks]
        beyond = sum(candidate.stopped >= 0 for candidate in candidates)
        unsure = order[: max(self.picks, beyond)]
        mean_sf = means([candidates[k].atoms for k in unsure], self.descriptor)
        return unsure[select(mean_sf, self.picks, "farthest points")]

    def _labelled(self, picked: Sequence[Atoms], number: int) -> Dataset | None:
        """What the calculator says of the structures, without those that have impossible forces."""
        found = []
        for k, atoms in enumerate(picked):
            copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
            forces_nc = np.array(self.calculator.get_property("forces", copy), dtype=float)
            if not np.abs(forces_nc).max() <= LARGEST_FORCE:
                continue
            copy.info["REF_energy"] = float(self.calculator.get_property("energy", copy))
            if copy.cell.rank == 3 and "stress" in self.calculator.implemented_properties:
                copy.info["REF_stress"] = np.array(self.calculator.get_property("stress", copy), dtype=float)
            copy.arrays["REF_forces"] = forces_nc
            copy.info.update(id=f"round-{number}-{k}", group=f"round {number}")
            found.append(copy)
        return Dataset.from_structures(found, name=f"round {number}") if found else None


def means(structures: Sequence[Atoms], descriptor: Descriptor) -> Array:
    """Features of structures, those of atoms averaged, shape (structures, features)."""
    features = descriptor.compute(structures)
    first_s = features.first_row_s
    counts_s = np.diff(first_s)
    sums_sf = np.zeros((len(counts_s), features.values.shape[1]))
    np.add.at(sums_sf, features.structure_r, features.values)
    return np.asarray(sums_sf / counts_s[:, None])
