"""DScribe's times of Coulomb and Ewald matrices; its sine matrix copies structures in a way that ASE has given up."""

from __future__ import annotations

from importlib.metadata import version

from cases import CRYSTAL_ACCURACY, SIZE, crystal, molecules, timed
from dscribe.core import System
from dscribe.descriptors import CoulombMatrix, EwaldSumMatrix, SineMatrix
from timing import report

System.from_atoms = lambda atoms: System(atoms.numbers, atoms.positions, cell=atoms.cell[:], pbc=atoms.pbc)
structures, times = molecules(), {}
n = len(structures)
for name, permutation in {"sorted": "sorted_l2", "eigenspectrum": "eigenspectrum", "full": "none"}.items():
    descriptor = CoulombMatrix(n_atoms_max=SIZE, permutation=permutation)
    times[f"Coulomb matrix {name}, {n} molecules"] = timed(lambda: descriptor.create(structures), n)
atoms = crystal()
sine = SineMatrix(n_atoms_max=len(atoms), permutation="eigenspectrum")
ewald = EwaldSumMatrix(n_atoms_max=len(atoms), permutation="eigenspectrum")
times[f"sine eigenspectrum, {len(atoms)} atoms"] = timed(lambda: sine.create(atoms), 1)
times[f"Ewald eigenspectrum, {len(atoms)} atoms"] = timed(lambda: ewald.create(atoms, accuracy=CRYSTAL_ACCURACY), 1)
report(f"DScribe {version('dscribe')}", times)
