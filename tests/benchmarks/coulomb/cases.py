"""What the workers of this folder share: molecules, a crystal. Needs NumPy and ASE alone, as peers have them."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.collections import g2

# the workers are called as the packages they measure, which must not be looked for among them
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(folder for folder in sys.path if Path(folder).resolve() != HERE)]

from timing import microseconds_an_atom  # noqa: E402 - not to be found before

N_MOLECULES, SIZE, LENGTH = 7101, 23, 1000.0
CRYSTAL_ACCURACY = 1e-5  # DScribe's default


def molecules() -> list[Atoms]:
    """QM7 where the folder POTSCOPE_REFERENCE has it, or as many rattled molecules of ASE's G2."""
    file = Path(os.environ.get("POTSCOPE_REFERENCE", "")) / "qm7" / "qm7_7101.xyz.gz"
    if file.is_file():
        return _read(file)
    found = [molecule(g2.names[number % len(g2.names)]) for number in range(N_MOLECULES)]
    for number, atoms in enumerate(found):
        atoms.rattle(0.05, seed=number)
    return found


def _read(file: Path) -> list[Atoms]:
    """Elements and positions alone, several hundred times as fast as with all that extended XYZ may hold."""
    found = []
    with gzip.open(file, "rt") as lines:
        while line := lines.readline():
            lines.readline()
            rows = [lines.readline().split() for _ in range(int(line))]
            found.append(Atoms([row[0] for row in rows], np.array([row[1:4] for row in rows], dtype=float)))
    return found


def crystal() -> Atoms:
    """Zincblende silicon carbide of 64 atoms with displacements of 0.1 Å."""
    atoms = bulk("SiC", "zincblende", 4.38, cubic=True) * (2, 2, 2)
    atoms.rattle(0.1, seed=1)
    return atoms


def timed(function: Callable[[], object], count: int) -> float:
    """Microseconds a structure."""
    return microseconds_an_atom(function, count)
