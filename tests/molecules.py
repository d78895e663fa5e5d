"""Many small molecules with energies, made in a moment: as large as a set of molecules can be, and as mixed."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import molecule

from potscope.core import Dataset

NAMES = ("CH3CH2OH", "CH3CONH2", "CH3COOH", "H2CO", "CH3NO2", "C2H6NH", "C3H8", "C6H6", "NH3")
ATOM_ENERGIES = {1: -13.6, 6: -1030.0, 7: -1480.0, 8: -2040.0}  # eV, about those of all-electron calculations
SPRING = 5.0  # eV/Å²


def molecules(n: int, forces: bool = False, seed: int = 0) -> Dataset:
    """Rattled molecules of H, C, N and O, whose energies are those of springs that hold the atoms.

    Parameters
    ----------
    n
        How many.
    forces
        Whether their forces are known as well.
    """
    rng = np.random.default_rng(seed)
    structures = [_rattled(NAMES[k % len(NAMES)], rng, forces) for k in range(n)]
    return Dataset.from_structures(structures, name="molecules")


def _rattled(name: str, rng: np.random.Generator, forces: bool) -> Atoms:
    atoms = molecule(name)
    shift_nc = rng.normal(size=(len(atoms), 3)) * 0.05
    atoms.positions += shift_nc
    atoms.info["group"] = atoms.get_chemical_formula()
    atoms.info["REF_energy"] = sum(ATOM_ENERGIES[int(z)] for z in atoms.numbers) + 0.5 * SPRING * (shift_nc**2).sum()
    if forces:
        atoms.arrays["REF_forces"] = -SPRING * shift_nc
    return atoms
