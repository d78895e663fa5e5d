"""Configurations of ethanol from GFN2-xTB dynamics, computed with PBE: what the generators of the ethanol sets share.

Needs the extra ``data`` of the project: PySCF and tblite.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from scipy.optimize import minimize

from potscope.core._types import Array
from potscope.core.writing import write_whole
from potscope.sample_data import generation, molecular
from potscope.sample_data.molecular_checks import displaced_copies

TIME_STEP = 1.0  # fs
FRICTION = 0.02  # 1/fs
EQUILIBRATION = 2000  # steps
SPACING = 250  # steps between configurations, five times the correlation time of the momenta
DECIMALS = 5  # of the positions, Å
SEED = 20170511
FMAX = 0.005  # eV/Å, of what is relaxed for check.py
BONDS = {"C–C": [(0, 1)], "C–O": [(1, 2)], "O–H": [(2, 3)], "C–H": [(0, 6), (0, 7), (0, 8), (1, 4), (1, 5)]}
HYDROXYL = (0, 1, 2, 3)  # the dihedral C–C–O–H


@dataclass(frozen=True)
class Trajectory:
    """What is drawn from one trajectory.

    Attributes
    ----------
    name
        What the ids begin with.
    temperature
        Of the thermostat, K.
    count
        Number of configurations.
    stream
        Number of its random stream, different for every trajectory of every set.
    """

    name: str
    temperature: int
    count: int
    stream: int

    def draw(self) -> list[Atoms]:
        """Decorrelated configurations of Langevin dynamics with GFN2-xTB, from trans ethanol at rest."""
        rng = np.random.default_rng([SEED, self.stream])
        atoms = molecule("CH3CH2OH")
        atoms.calc = molecular.xtb()
        thermalize_momenta(atoms, temperature_K=self.temperature, rng=rng)
        dynamics = Langevin(
            atoms,
            TIME_STEP * units.fs,
            temperature_K=self.temperature,
            friction=FRICTION / units.fs,
            fixcm=False,
            rng=rng,
        )
        dynamics.run(EQUILIBRATION)
        drawn = []
        for index in range(self.count):
            dynamics.run(SPACING)
            positions_nc = atoms.positions - atoms.get_center_of_mass()
            info = {"id": f"{self.name}-{index:03d}", "group": f"{self.temperature} K"}
            drawn.append(Atoms(atoms.numbers, positions_nc.round(DECIMALS), info=info))
        return drawn


def drawn_once(trajectories: Sequence[Trajectory], work: Path) -> list[Atoms]:
    """What was drawn into a folder, or is now: dynamics are chaotic, and a resumed run goes on with the same."""
    file = work / "drawn.xyz"
    if not file.exists():
        work.mkdir(exist_ok=True)
        drawn = [atoms for trajectory in trajectories for atoms in trajectory.draw()]
        write_whole(file, generation.to_extxyz(drawn))
    return list(ase.io.iread(file))


def interleaved(everything: Sequence[Atoms]) -> list[Atoms]:
    """The same, all temperatures in turn, so that an unfinished set is still a fair one."""
    return sorted(everything, key=lambda atoms: int(str(atoms.info["id"]).rsplit("-", 1)[1]))


def trans() -> Atoms:
    """Trans ethanol, to be relaxed."""
    return Atoms(molecule("CH3CH2OH"), info={"id": "check-trans", "group": "check"})


def relaxed(atoms: Atoms, scratch: Path) -> Atoms:
    """The minimum of the energy of the reference itself."""
    moving = atoms.copy()

    def energy_and_slope(x: Array) -> tuple[float, Array]:
        moving.positions = x.reshape(-1, 3)
        result = molecular.pbe(moving, scratch)
        return result.info["REF_energy"], -result.arrays["REF_forces"].ravel()

    start = atoms.positions.ravel()
    found = minimize(energy_and_slope, start, jac=True, method="L-BFGS-B", options={"gtol": FMAX, "ftol": 0.0})
    moving.positions = found.x.reshape(-1, 3)
    return molecular.pbe(moving, scratch)


def command(description: str, trajectories: Sequence[Trajectory], data: Path, checked: Sequence[str]) -> None:
    """Command line of a generator of ethanol.

    Parameters
    ----------
    description
        For ``--help``.
    trajectories
        What the set is drawn from.
    data
        Where the set is written; the single results are in ``.work`` beside it.
    checked
        Ids of those whose displaced copies ``--check`` computes.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--collect", action="store_true", help="only gather what is there")
    parser.add_argument("--check", action="store_true", help="compute what check.py compares with")
    arguments = parser.parse_args()
    work = data.parent / ".work"
    if arguments.check:
        generation.run(displaced_copies(drawn_once(trajectories, work), checked), molecular.pbe, work, workers=1)
        generation.run([trans()], relaxed, work, workers=1)
        return
    if not arguments.collect:
        generation.run(interleaved(drawn_once(trajectories, work)), molecular.pbe, work, workers=1)
    found = generation.collect(work, [trajectory.name for trajectory in trajectories])
    for atoms in found:
        atoms.info["method"] = molecular.METHOD
    generation.store(found, data)
