"""Ethanol, PBE/def2-SVP, PySCF: configurations from GFN2-xTB dynamics and how each is computed.

Run ``OMP_NUM_THREADS=1 python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only
gathers what is there into ``ethanol.xyz.gz``; ``--check`` computes the displaced copies that ``check.py`` needs.
Needs the extra ``data`` of the project: PySCF and tblite.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import LBFGS

from potscope.core.writing import write_whole
from potscope.sample_data import generation, molecular
from potscope.sample_data.molecular_checks import displaced_copies

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DATA = HERE / "ethanol.xyz.gz"
DRAWN = WORK / "drawn.xyz"  # dynamics are chaotic: drawn once, so that a run that is resumed goes on with the same

TEMPERATURES = {"300K": (300, 166), "500K": (500, 167), "1000K": (1000, 167)}  # K and configurations
TIME_STEP = 1.0  # fs
FRICTION = 0.02  # 1/fs
EQUILIBRATION = 2000  # steps
SPACING = 250  # steps between configurations, five times the correlation time of the momenta
DECIMALS = 5  # of the positions, Å
SEED = 20170511
FMAX = 0.005  # eV/Å, of what is relaxed for check.py
CHECKED = ("300K-001", "500K-050", "1000K-100")  # compared with finite differences


def trajectory(temperature: float, count: int, rng: np.random.Generator) -> list[Atoms]:
    """Decorrelated configurations of Langevin dynamics with GFN2-xTB, from trans ethanol at rest."""
    atoms = molecule("CH3CH2OH")
    atoms.calc = molecular.xtb()
    thermalize_momenta(atoms, temperature_K=temperature, rng=rng)
    dynamics = Langevin(
        atoms, TIME_STEP * units.fs, temperature_K=temperature, friction=FRICTION / units.fs, fixcm=False, rng=rng
    )
    dynamics.run(EQUILIBRATION)
    drawn = []
    for _ in range(count):
        dynamics.run(SPACING)
        positions_nc = atoms.positions - atoms.get_center_of_mass()
        drawn.append(Atoms(atoms.numbers, positions_nc.round(DECIMALS)))
    return drawn


def draw() -> list[Atoms]:
    """All configurations, temperature by temperature."""
    everything = []
    for number, (group, (temperature, count)) in enumerate(TEMPERATURES.items()):
        rng = np.random.default_rng([SEED, number])
        for index, atoms in enumerate(trajectory(temperature, count, rng)):
            atoms.info = {"id": f"{group}-{index:03d}", "group": f"{temperature} K"}
            everything.append(atoms)
    return everything


def configurations() -> list[Atoms]:
    """What was drawn, or is now."""
    if not DRAWN.exists():
        WORK.mkdir(exist_ok=True)
        write_whole(DRAWN, generation.to_extxyz(draw()))
    return ase.io.read(DRAWN, ":")


def interleaved(everything: list[Atoms]) -> list[Atoms]:
    """The same, all temperatures in turn, so that an unfinished set is still a fair one."""
    return sorted(everything, key=lambda atoms: int(str(atoms.info["id"]).rsplit("-", 1)[1]))


def trans() -> Atoms:
    """Trans ethanol, to be relaxed."""
    return Atoms(molecule("CH3CH2OH"), info={"id": "check-trans", "group": "check"})


def relaxed(atoms: Atoms, scratch: Path) -> Atoms:
    """The minimum of the energy of the reference itself."""
    moving = atoms.copy()
    moving.calc = PBE(scratch)
    LBFGS(moving, logfile=None).run(fmax=FMAX)
    return molecular.pbe(moving, scratch)


class PBE(Calculator):
    """The reference as an ASE calculator."""

    implemented_properties = ("energy", "forces")

    def __init__(self, scratch: Path) -> None:
        super().__init__()
        self.scratch = scratch

    def calculate(self, atoms: Atoms, properties: Sequence[str], system_changes: Sequence[str]) -> None:
        """Energy and forces at once."""
        super().calculate(atoms, properties, system_changes)
        result = molecular.pbe(atoms, self.scratch)
        self.results = {"energy": result.info["REF_energy"], "forces": result.arrays["REF_forces"]}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", action="store_true", help="only gather what is there")
    parser.add_argument("--check", action="store_true", help="compute the copies for finite differences")
    arguments = parser.parse_args()
    if arguments.check:
        generation.run(displaced_copies(configurations(), CHECKED), molecular.pbe, WORK, workers=1)
        generation.run([trans()], relaxed, WORK, workers=1)
        return
    if not arguments.collect:
        generation.run(interleaved(configurations()), molecular.pbe, WORK, workers=1)
    found = generation.collect(WORK, list(TEMPERATURES))
    for atoms in found:
        atoms.info["method"] = molecular.METHOD
    generation.store(found, DATA)
    print(f"{len(found)} configurations in {DATA.name}, {DATA.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
