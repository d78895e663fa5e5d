"""Metropolis Monte Carlo: displacements, swaps of elements, changes of the volume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms, units

from potscope.core.dynamics import Frame, Unstable
from potscope.core.local_updates import Configuration, Source, configuration
from potscope.core.validation import check_integer, check_not_negative, check_positive, check_real

MOVES = ("displacement", "swap", "volume")
AIM = 0.4  # the share of trials that is to be accepted
SWEEPS_TO_ADAPT = 5  # after how many the lengths of steps are looked at again
LARGEST = {
    "displacement": 5.0,
    "volume": 0.5,
}  # Å, and of ln V; where nothing is ever refused steps would grow for ever


@dataclass(frozen=True)
class MonteCarloFrame(Frame):
    r"""One moment of a walk, for all who look at frames of molecular dynamics too.

    There is no time: `step` and `time` both count sweeps, of as many trials as there are atoms. There are no momenta:
    `kinetic_energy` is the mean of the ensemble, :math:`\tfrac32 N k_B T`, and `temperature` the one asked for.

    Attributes
    ----------
    acceptance
        The share of the trials of each kind that was accepted: during equilibration since the steps were last
        adapted, afterwards since its end. Kinds that were not tried are left out.
    displacement, volume_step
        Largest displacement along an axis, Å, and largest change of ln V, as they are now.
    equilibrating
        Whether the lengths of steps are still adapted; such frames belong to no ensemble.
    """

    acceptance: Mapping[str, float]
    displacement: float
    volume_step: float
    equilibrating: bool

    @property
    def volume(self) -> float:
        """Of the cell, Å³."""
        return float(self.atoms.get_volume())


def run(
    atoms: Atoms,
    source: Source,
    *,
    temperature: float = 300.0,
    sweeps: int = 100,
    every: int = 1,
    equilibration: int = 0,
    displacement: float = 0.1,
    swaps: float = 0.0,
    pressure: float | None = None,
    volume_step: float = 0.02,
    seed: int = 0,
) -> Iterator[MonteCarloFrame]:
    r"""A walk through configurations that visits each in proportion to its Boltzmann weight.

    A trial is accepted with the probability :math:`\min(1, e^{-w})`. One atom moved, by a vector that is uniform in
    a cube, or two atoms of different elements exchanged:

    .. math:: w = \beta \Delta E, \qquad \beta = 1/k_B T ;

    the volume changed by a step uniform in :math:`\ln V`, the cell and all positions scaled alike:

    .. math:: w = \beta\left(\Delta E + P\,\Delta V\right) - (N + 1) \ln\frac{V'}{V} .

    A sweep is N trials; with a pressure, each is one of the volume with the probability 1/(N + 1). Of the others the
    share `swaps` are exchanges. Trials are symmetric, so that detailed balance holds for each kind. While
    steps are adapted it does not; that happens during `equilibration` alone.

    For potentials of local energies, only those that see a change are computed again; see `LocalConfiguration`. Others,
    and calculators, compute the whole structure at every trial.

    Parameters
    ----------
    atoms
        Where to start; it is copied.
    source
        A fitted potential, or an ASE calculator.
    temperature
        K.
    sweeps, every
        Number of sweeps after equilibration, and how many lie between two frames.
    equilibration
        Number of sweeps before those, in which the lengths of steps go where a share of 0.4 is accepted. Frames come
        of these too. The first frame is step 0.
    displacement
        Largest displacement along an axis, Å, to begin with.
    swaps
        Share of exchanges among the trials, from 0 to 1.
    pressure
        eV/Å³, for a volume that changes; None for a fixed one.
    volume_step
        Largest change of :math:`\ln V`, to begin with.
    seed
        Equal seeds give equal walks.

    Yields
    ------
    MonteCarloFrame

    Raises
    ------
    ValueError, TypeError
        At once, if an argument is not as expected: exchanges need two elements, a pressure three periodic directions.
    Unstable
        If an energy is no number.

    References
    ----------
    N. Metropolis et al., J. Chem. Phys. 21, 1087 (1953). doi:10.1063/1.1699114

    D. Frenkel, B. Smit, Understanding Molecular Simulation, 2nd ed., Academic Press (2002), sections 3.2 and 5.4.
    doi:10.1016/B978-0-12-267351-8.X5000-7
    """
    check_positive("temperature", temperature)
    check_integer("sweeps", sweeps, low=0)
    check_integer("every", every, low=1)
    check_integer("equilibration", equilibration, low=0)
    check_positive("displacement", displacement)
    check_positive("volume_step", volume_step)
    if not check_not_negative("swaps", swaps) <= 1:
        raise ValueError(f"`swaps`: expected a share from 0 to 1, got {swaps:g}")
    here = configuration(atoms, source)
    if swaps > 0 and len(set(atoms.numbers.tolist())) < 2:
        raise ValueError("`swaps`: expected 0 for a structure of one element")
    if pressure is not None:
        check_real("pressure", pressure)
        if not atoms.pbc.all():
            raise ValueError("`pressure`: expected None for a structure that is not periodic in three directions")
    rng = np.random.default_rng(seed)
    walk = _Walk(
        here, units.kB * temperature, swaps, pressure, rng, {"displacement": displacement, "volume": volume_step}
    )
    return _frames(walk, temperature, equilibration, sweeps, every)


def _frames(walk: _Walk, temperature: float, equilibration: int, sweeps: int, every: int) -> Iterator[MonteCarloFrame]:
    yield walk.frame(0, temperature, equilibration > 0)
    for sweep in range(1, equilibration + sweeps + 1):
        walk.sweep()
        equilibrating = sweep <= equilibration
        if sweep % every == 0:
            yield walk.frame(sweep, temperature, equilibrating)
        if equilibrating and (sweep % SWEEPS_TO_ADAPT == 0 or sweep == equilibration):
            walk.adapt()


@dataclass
class _Walk:
    """The state of a walk: where it is, how long its steps are, and how many trials were accepted."""

    here: Configuration
    kT: float
    swaps: float
    pressure: float | None
    rng: np.random.Generator
    steps: dict[str, float]
    tried: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOVES, 0))
    accepted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOVES, 0))

    def sweep(self) -> None:
        """As many trials as there are atoms."""
        n_atoms = len(self.here.atoms)
        for _ in range(n_atoms):
            if self.pressure is not None and self.rng.random() < 1 / (n_atoms + 1):
                self._judge("volume", self._volume(self.pressure))
            elif self.swaps and self.rng.random() < self.swaps:
                self._judge("swap", self._swap())
            else:
                self._judge("displacement", self._displacement())

    def _displacement(self) -> float:
        length = self.steps["displacement"]
        member = self.rng.integers(len(self.here.atoms), size=1)
        moved_mc = self.here.atoms.positions[member] + self.rng.uniform(-length, length, (1, 3))
        return self.here.try_atoms(member, moved_mc, self.here.atoms.numbers[member]) / self.kT

    def _swap(self) -> float:
        numbers_n = self.here.atoms.numbers
        first = self.rng.integers(len(numbers_n))
        second = self.rng.choice(np.flatnonzero(numbers_n != numbers_n[first]))
        members = np.array([first, second])
        return self.here.try_atoms(members, self.here.atoms.positions[members], numbers_n[members[::-1]]) / self.kT

    def _volume(self, pressure: float) -> float:
        change = self.rng.uniform(-self.steps["volume"], self.steps["volume"])  # of ln V
        growth = self.here.atoms.get_volume() * np.expm1(change)
        work = (self.here.try_scale(np.exp(change / 3)) + pressure * growth) / self.kT
        return float(work - (len(self.here.atoms) + 1) * change)

    def _judge(self, move: str, w: float) -> None:
        if np.isnan(w):
            raise Unstable(
                f"the energy after a trial {move} is no number; the potential has met what it knows nothing of"
            )
        self.tried[move] += 1
        if w <= 0 or self.rng.random() < np.exp(-w):
            self.here.accept()
            self.accepted[move] += 1

    def adapt(self) -> None:
        """Lengthen steps that are accepted too often, shorten others, and count afresh."""
        for move, share in self.acceptance().items():
            if move in self.steps:
                wanted = self.steps[move] * float(np.clip(share / AIM, 0.5, 2.0))
                self.steps[move] = min(wanted, LARGEST[move])
        self.tried, self.accepted = dict.fromkeys(MOVES, 0), dict.fromkeys(MOVES, 0)

    def acceptance(self) -> dict[str, float]:
        """Share of the trials of each kind that was accepted since the last count."""
        return {move: self.accepted[move] / tried for move, tried in self.tried.items() if tried}

    def frame(self, sweep: int, temperature: float, equilibrating: bool) -> MonteCarloFrame:
        """Where the walk is."""
        return MonteCarloFrame(
            step=sweep,
            time=float(sweep),
            atoms=self.here.atoms.copy(),
            potential_energy=self.here.energy,
            kinetic_energy=1.5 * len(self.here.atoms) * self.kT,
            temperature=temperature,
            forces=self.here.forces(),
            acceptance=self.acceptance(),
            displacement=self.steps["displacement"],
            volume_step=self.steps["volume"],
            equilibrating=equilibrating,
        )
