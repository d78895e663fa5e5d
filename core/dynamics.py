"""Short molecular dynamics, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin
from ase.md.md import MolecularDynamics
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from potscope.core._types import Array
from potscope.core.validation import check_choice, check_integer, check_not_negative, check_positive

ENSEMBLES = ("nve", "langevin")


@dataclass(frozen=True)
class Frame:
    """One moment of a trajectory.

    Attributes
    ----------
    step
        Number of time steps since the start.
    time
        fs.
    atoms
        A copy, without a calculator, with velocities.
    potential_energy, kinetic_energy
        eV, of all atoms.
    temperature
        K, from the kinetic energy.
    forces
        eV/Å, shape (atoms, 3).
    """

    step: int
    time: float
    atoms: Atoms
    potential_energy: float
    kinetic_energy: float
    temperature: float
    forces: Array

    @property
    def total_energy(self) -> float:
        """Potential and kinetic energy, eV; constant in exact NVE dynamics."""
        return self.potential_energy + self.kinetic_energy


class Unstable(RuntimeError):
    """A trajectory went where no atoms can be."""


def run(
    atoms: Atoms,
    calculator: Calculator,
    *,
    ensemble: str = "nve",
    temperature: float = 300.0,
    timestep: float = 1.0,
    steps: int = 1000,
    every: int = 10,
    friction: float = 0.01,
    seed: int = 0,
) -> Iterator[Frame]:
    r"""Molecular dynamics from a structure at rest, its frames as they come.

    ``nve`` integrates Newton's equations by velocity Verlet; ``langevin`` adds friction :math:`\gamma` and the noise
    that belongs to it,

    .. math:: m \ddot{\mathbf r} = \mathbf F - m\gamma\dot{\mathbf r} + \sqrt{2 m \gamma k_B T}\,\boldsymbol\eta(t) .

    Velocities are drawn from the Maxwell–Boltzmann distribution; the centre of mass is at rest at the start.

    Parameters
    ----------
    atoms
        Where to start; it is copied.
    calculator
        Any ASE calculator, such as ``potential.calculator()``.
    ensemble
        "nve" or "langevin".
    temperature
        Of the first velocities and of the thermostat, K.
    timestep
        fs.
    steps, every
        Number of steps, and how many lie between two frames. The first frame is step 0.
    friction
        :math:`\gamma` of ``langevin``, 1/fs.
    seed
        Of velocities and noise: equal seeds give equal trajectories.

    Yields
    ------
    Frame

    Raises
    ------
    Unstable
        If positions stop being numbers, or an atom has more kinetic energy than atoms in a solid or a liquid have.
    """
    check_choice("ensemble", ensemble, ENSEMBLES)
    check_not_negative("temperature", temperature)
    check_positive("timestep", timestep)
    check_integer("steps", steps, low=0)
    check_integer("every", every, low=1)
    check_positive("friction", friction)
    if len(atoms) == 0:
        raise ValueError("`atoms`: expected at least one atom, got none")
    moving = atoms.copy()
    moving.calc = calculator
    rng = np.random.default_rng(seed)
    thermalize_momenta(moving, temperature_K=temperature, rng=rng)
    Stationary(moving)
    return _frames(moving, _integrator(moving, ensemble, temperature, timestep, friction, rng), timestep, steps, every)


def _integrator(
    atoms: Atoms, ensemble: str, temperature: float, timestep: float, friction: float, rng: np.random.Generator
) -> MolecularDynamics:
    if ensemble == "nve":
        return VelocityVerlet(atoms, timestep * units.fs)
    return Langevin(
        atoms, timestep * units.fs, temperature_K=temperature, friction=friction / units.fs, fixcm=False, rng=rng
    )


def _frames(atoms: Atoms, integrator: MolecularDynamics, timestep: float, steps: int, every: int) -> Iterator[Frame]:
    yield _frame(atoms, 0, timestep)
    for step in range(every, steps + 1, every):
        integrator.run(every)
        _check_sane(atoms, step, timestep)
        yield _frame(atoms, step, timestep)


def _frame(atoms: Atoms, step: int, timestep: float) -> Frame:
    copy = atoms.copy()
    return Frame(
        step=step,
        time=step * timestep,
        atoms=copy,
        potential_energy=float(atoms.get_potential_energy()),
        kinetic_energy=float(atoms.get_kinetic_energy()),
        temperature=float(atoms.get_temperature()),
        forces=atoms.get_forces().copy(),
    )


MOST_KINETIC_ENERGY = 10.0  # eV; a mean kinetic energy of that would be 77,000 K


def _check_sane(atoms: Atoms, step: int, timestep: float) -> None:
    kinetic_n = 0.5 * np.einsum("nc,nc->n", atoms.get_momenta(), atoms.get_velocities())
    if not np.isfinite(atoms.positions).all() or not kinetic_n.max() <= MOST_KINETIC_ENERGY:
        raise Unstable(
            f"the trajectory broke up before step {step} ({step * timestep:g} fs): "
            f"an atom has more than {MOST_KINETIC_ENERGY:g} eV of kinetic energy; "
            "the potential has met structures it knows nothing of, or `timestep` or `temperature` is too large"
        )


def energy_drift(frames: list[Frame]) -> float:
    """Slope of the total energy per atom, meV/atom/ps, by a straight line through all frames.

    Raises
    ------
    ValueError
        If there are fewer than two frames.
    """
    if len(frames) < 2:
        raise ValueError(f"`frames`: expected at least two, got {len(frames)}")
    picoseconds = np.array([frame.time for frame in frames]) / 1000
    milli_ev = np.array([frame.total_energy for frame in frames]) / len(frames[0].atoms) * 1000
    return float(np.polyfit(picoseconds, milli_ev - milli_ev[0], 1)[0])
