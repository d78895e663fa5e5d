"""What the workers of this folder share: structures and functions. Needs NumPy and ASE alone, as peers have them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ase import Atoms
from ase.build import bulk, molecule
from ase.collections import g2

# the workers are called as the packages they measure, which must not be looked for among them
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(folder for folder in sys.path if Path(folder).resolve() != HERE)]

from timing import microseconds_an_atom, rattled_silicon  # noqa: E402 - not to be found before

CUTOFF = 6.0
RADIAL = [(4.0, 0.5 + 0.7 * n) for n in range(8)]
ANGULAR = [(0.014, zeta, sign) for zeta in (1, 2, 4, 16) for sign in (1, -1)]
N_MOLECULES = 1000


def silicon_carbide() -> Atoms:
    """Zincblende silicon carbide of 512 atoms with displacements of 0.1 Å."""
    atoms = bulk("SiC", "zincblende", 4.38, cubic=True) * (4, 4, 4)
    atoms.rattle(0.1, seed=1)
    return atoms


def molecules() -> list[Atoms]:
    """A thousand molecules of H, C, N and O, with displacements of 0.05 Å."""
    names = [name for name in g2.names if set(molecule(name).get_chemical_symbols()) <= set("HCNO")]
    found = [molecule(names[number % len(names)]) for number in range(N_MOLECULES)]
    for number, atoms in enumerate(found):
        atoms.rattle(0.05, seed=number)
    return [atoms for atoms in found if len(atoms) > 1]


def cases() -> dict[str, tuple[list[Atoms], list[tuple[float, ...]], list[tuple[float, ...]]]]:
    """Structures, and the parameters of G4 and G5, by what is measured."""
    found = {f"8 G2 and 8 G4, {size}": ([rattled_silicon(size)], ANGULAR, []) for size in (64, 512, 4096)}
    found["8 G2 and 8 G5, 512"] = ([rattled_silicon(512)], [], ANGULAR)
    found["8 G2, 4 G4 and 4 G5, 512"] = ([rattled_silicon(512)], ANGULAR[:4], ANGULAR[4:])
    found["SiC, 8 G2 and 8 G4, 512"] = ([silicon_carbide()], ANGULAR, [])
    found["1000 molecules, 8 G2 and 8 G4"] = (molecules(), ANGULAR, [])
    return found


def elements(structures: list[Atoms]) -> list[str]:
    """Elements that occur."""
    return sorted({symbol for atoms in structures for symbol in atoms.get_chemical_symbols()})


def timed(function: Callable[[], object], structures: list[Atoms]) -> float:
    """Microseconds an atom."""
    return microseconds_an_atom(function, sum(len(atoms) for atoms in structures))
