"""What the workers of this folder share: structures and settings. Needs NumPy and ASE alone, as peers have them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from ase import Atoms
from ase.build import bulk, molecule
from ase.collections import g2

# the workers are called as the packages they measure, which must not be looked for among them
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(folder for folder in sys.path if Path(folder).resolve() != HERE)]

from timing import SIZES, microseconds_an_atom, rattled_silicon  # noqa: E402 - not to be found before

CUTOFF, N_MAX, L_MAX, SIGMA = 5.0, 8, 6, 0.5
N_MOLECULES = 1000


def silicon_carbide() -> Atoms:
    """Zincblende silicon carbide of 512 atoms with displacements of 0.1 Å."""
    atoms = bulk("SiC", "zincblende", 4.38, cubic=True) * (4, 4, 4)
    atoms.rattle(0.1, seed=1)
    return atoms


def molecules() -> list[Atoms]:
    """A thousand molecules of H, C, N and O, with displacements of 0.05 Å."""
    names = [name for name in g2.names if set(molecule(name).get_chemical_symbols()) <= set("HCNO")]
    names = [name for name in names if len(molecule(name)) > 1]
    found = [molecule(names[number % len(names)]) for number in range(N_MOLECULES)]
    for number, atoms in enumerate(found):
        atoms.rattle(0.05, seed=number)
    return found


def cases() -> dict[str, list[Atoms]]:
    """Structures by what is measured."""
    found = {f"silicon, {size}": [rattled_silicon(size)] for size in SIZES}
    found["silicon carbide, 512"] = [silicon_carbide()]
    found["1,000 molecules"] = molecules()
    return found


def elements(structures: list[Atoms]) -> list[str]:
    """Elements that occur."""
    return sorted({symbol for atoms in structures for symbol in atoms.get_chemical_symbols()})


def number_of_atoms(structures: list[Atoms]) -> int:
    """Of all structures."""
    return sum(len(atoms) for atoms in structures)


def has_jacobian(what: str) -> bool:
    """Where the Jacobian of all at once is small enough to be measured."""
    return what in ("silicon, 64", "silicon, 512")


def timed(function: Callable[[], object], structures: list[Atoms], threads: int = 1) -> float:
    """Microseconds an atom, by the clock on the wall where there are several threads."""
    clock = time.process_time if threads == 1 else time.perf_counter
    return microseconds_an_atom(function, number_of_atoms(structures), clock=clock)
