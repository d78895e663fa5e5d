"""What the workers of this folder share: molecules, settings. Needs NumPy and ASE alone, as peers have them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from ase import Atoms
from ase.build import molecule
from ase.collections import g2

# the workers are called as the packages they measure, which must not be looked for among them
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(folder for folder in sys.path if Path(folder).resolve() != HERE)]

SPECIES, CUTOFF, N_MAX, L_MAX, SIGMA = ("H", "C", "N", "O"), 4.0, 4, 3, 0.5
N_MOLECULES, ALPHA, THRESHOLD = 500, 0.1, 1e-6


def molecules() -> list[Atoms]:
    """Molecules of H, C, N and O, with displacements of 0.05 Å."""
    names = [name for name in g2.names if set(molecule(name).get_chemical_symbols()) <= set(SPECIES)]
    names = [name for name in names if len(molecule(name)) > 3]
    found = [molecule(names[number % len(names)]) for number in range(N_MOLECULES)]
    for number, atoms in enumerate(found):
        atoms.rattle(0.05, seed=number)
    return found


def microseconds_a_pair(function: Callable[[], object], calls: int) -> float:
    """The fastest of some calls, for each pair of structures of the matrix."""
    best = float("inf")
    for _ in range(calls):
        begin = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - begin)
    return best / N_MOLECULES**2 * 1e6
