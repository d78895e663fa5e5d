"""Dimer curves and torsions of molecules, PBE/def2-SVP, PySCF, as the ethanol set.

Run ``OMP_NUM_THREADS=1 python generate_molecules.py``; stop it at any time, and run it again to go on. The results
are left for ``generate.py --collect``. Needs the extra ``data`` of the project: PySCF and tblite.
"""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.constraints import FixInternals
from ase.optimize import LBFGS

from potscope.core.writing import write_whole
from potscope.sample_data import generation, molecular

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
RELAXED = WORK / "torsions.xyz"  # relaxed once, so that a run that is resumed goes on with the same
METHOD = molecular.METHOD
GROUPS = ("H-H", "O-H", "ethanol-hydroxyl", "ethanol-methyl")

DISTANCES = {  # Å
    "H-H": np.concatenate([np.arange(0.4, 1.2, 0.05), np.arange(1.2, 2.4, 0.1), np.arange(2.4, 6.01, 0.4)]),
    "O-H": np.concatenate([np.arange(0.6, 1.4, 0.05), np.arange(1.4, 2.6, 0.1), np.arange(2.6, 6.21, 0.4)]),
}
MOMENTS = {"H-H": (1, -1), "O-H": (2, -1)}  # unpaired electrons of the atoms that the solution starts from
FMAX = 0.01  # eV/Å
DECIMALS = 5  # of the positions, Å
TORSIONS = {  # atoms of the angle, those that are turned, the angles in degrees
    "ethanol-hydroxyl": ([0, 1, 2, 3], [3], np.arange(0, 360, 10)),
    "ethanol-methyl": ([2, 1, 0, 6], [6, 7, 8], np.arange(0, 121, 5)),
}


def torsion(group: str) -> list[Atoms]:
    """Ethanol with one dihedral angle turned and held, all else relaxed with GFN2-xTB."""
    indices, turned, angles = TORSIONS[group]
    relaxed = molecule("CH3CH2OH")
    relaxed.calc = molecular.xtb()
    LBFGS(relaxed, logfile=None).run(fmax=FMAX)
    scan = []
    for angle in angles:
        atoms = relaxed.copy()
        atoms.set_dihedral(*indices, angle, indices=turned)
        atoms.calc = molecular.xtb()
        atoms.set_constraint(FixInternals(dihedrals_deg=[[atoms.get_dihedral(*indices), indices]]))
        LBFGS(atoms, logfile=None).run(fmax=FMAX, steps=500)
        scan.append(Atoms(atoms.numbers, atoms.positions.round(DECIMALS), info={"angle": float(angle)}))
    return scan


def dimer(group: str) -> list[Atoms]:
    """Two atoms along z."""
    return [Atoms(group.split("-"), [[0, 0, 0], [0, 0, r]], info={"distance": r}) for r in DISTANCES[group].round(3)]


def relaxed_torsions() -> list[Atoms]:
    """What was relaxed, or is now."""
    if not RELAXED.exists():
        scans = {group: torsion(group) for group in TORSIONS}
        for group, scan in scans.items():
            for index, atoms in enumerate(scan):
                atoms.info |= {"id": f"{group}-{index:03d}", "group": group}
        RELAXED.parent.mkdir(exist_ok=True)
        write_whole(RELAXED, generation.to_extxyz([atoms for scan in scans.values() for atoms in scan]))
    return ase.io.read(RELAXED, ":")


def configurations() -> list[Atoms]:
    """All configurations, group by group."""
    dimers = []
    for group in DISTANCES:
        for index, atoms in enumerate(dimer(group)):
            atoms.info |= {"id": f"{group}-{index:03d}", "group": group}
            dimers.append(atoms)
    return dimers + relaxed_torsions()


def compute(atoms: Atoms, scratch: Path) -> Atoms:
    """The lowest unrestricted solution of a dimer, closed-shell ethanol."""
    group = str(atoms.info["group"])
    moments = MOMENTS.get(group)
    result = molecular.pbe(atoms, scratch) if moments is None else molecular.open_shell(atoms, moments)
    result.info["method"] = METHOD
    return result


if __name__ == "__main__":
    generation.run(configurations(), compute, WORK, workers=1)
