"""What the workers of this folder share: structures and hyperparameters. Needs NumPy and ASE alone, as peers do."""

from __future__ import annotations

import sys
from pathlib import Path

from ase import Atoms
from ase.build import bulk

# the workers are called as the packages they measure, which must not be looked for among them
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(folder for folder in sys.path if Path(folder).resolve() != HERE)]

TANTALUM = {"species": ["Ta"], "rcutfac": 4.67637, "rfac0": 0.99363, "rmin0": 0.0, "radelem": [0.5], "wj": [1.0]}
SALT = {
    "species": ["Na", "Cl"],
    "rcutfac": 5.0,
    "rfac0": 0.99363,
    "rmin0": 0.0,
    "radelem": [0.5, 0.5],
    "wj": [1.0, 0.9],
}


def tantalum(repeats: int) -> Atoms:
    """Body-centred cubic tantalum, compressed to 26 neighbours within the cutoff, with displacements of 0.05 Å."""
    atoms = bulk("Ta", "bcc", a=3.2, cubic=True) * (repeats, repeats, repeats)
    atoms.rattle(0.05, seed=1)
    return atoms


def salt() -> Atoms:
    """Rock salt of 512 atoms with displacements of 0.1 Å."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (4, 4, 4)
    atoms.rattle(0.1, seed=1)
    return atoms


def cases() -> dict[str, tuple[Atoms, dict[str, object]]]:
    """Structures and hyperparameters by what is measured."""
    found: dict[str, tuple[Atoms, dict[str, object]]] = {}
    for twojmax in (6, 8):
        for repeats in (4, 6, 12):
            found[f"2J {twojmax}, {2 * repeats**3}"] = (tantalum(repeats), {**TANTALUM, "twojmax": twojmax})
    found["NaCl, 2J 6, 512"] = (salt(), {**SALT, "twojmax": 6})
    found["NaCl, elements apart, 2J 4, 512"] = (salt(), {**SALT, "twojmax": 4, "chemflag": True, "bnormflag": True})
    return found


def n_features(hyper: dict[str, object]) -> int:
    """How many values an atom has."""
    twojmax = int(hyper["twojmax"])
    triples = sum(
        len(range(j1 + j2 % 2, min(twojmax, j1 + j2) + 1, 2)) for j1 in range(twojmax + 1) for j2 in range(j1 + 1)
    )
    return triples * (len(hyper["species"]) ** 3 if hyper.get("chemflag") else 1)
