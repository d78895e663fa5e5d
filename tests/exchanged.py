"""Potentials of known coefficients and structures, to be written for other codes and compared with them."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from potscope.core.descriptors import Bispectrum
from potscope.core.models import SNAP

NAMES = ("energy", "local_energies", "forces", "stress")
TWO = {"species": ["Na", "Cl"], "rcutfac": 4.1, "radelem": [0.52, 0.47], "wj": [1.0, 0.83]}
CORE = {"zbl_inner": 1.5, "zbl_outer": 3.6}
INNER = {"switchinnerflag": True, "sinner": [2.6, 2.1], "dinner": [0.7, 0.4]}

SNAPS: dict[str, tuple[dict[str, object], dict[str, float]]] = {
    "one element": ({"species": ["Ta"], "twojmax": 6, "rcutfac": 4.67637}, {"zbl_inner": 4.0, "zbl_outer": 4.8}),
    "one element, quadratic": ({"species": ["Si"], "twojmax": 4, "rcutfac": 4.2, "quadraticflag": True}, {}),
    "two elements": ({**TWO, "twojmax": 5, "rfac0": 0.9, "rmin0": 0.4, "bzeroflag": False}, CORE),
    "core from zero": ({**TWO, "twojmax": 2}, {"zbl_outer": 3.0}),
    "not switched": ({**TWO, "twojmax": 3, "switchflag": False}, {}),
    "inner switching": ({**TWO, "twojmax": 4, **INNER}, {}),
    "elements": ({**TWO, "twojmax": 4, "chemflag": True, "bnormflag": True}, CORE),
    "elements, quadratic": (
        {**TWO, "twojmax": 1, "chemflag": True, "quadraticflag": True, "wselfallflag": True, **INNER},
        CORE,
    ),
}


def snap(name: str) -> SNAP:
    """A linear potential with coefficients by chance."""
    hyper, core = SNAPS[name]
    potential = SNAP(Bispectrum(**hyper), **core)
    rng = np.random.default_rng(5)
    shape = (len(potential.descriptor.species), 1 + len(potential.descriptor.names))
    potential.coefficients_ = rng.normal(size=shape) / (1 + np.arange(shape[1]))
    potential.groups_ = {}
    potential._spread_kk = np.full((shape[0] * shape[1],) * 2, np.nan)
    return potential


def crystal(species: tuple[str, ...], seed: int = 4) -> Atoms:
    """A small triclinic cell that LAMMPS takes as it is."""
    rng = np.random.default_rng(seed)
    cell = np.array([[5.1, 0, 0], [0.9, 4.8, 0], [-0.7, 1.1, 5.4]]) + np.tril(rng.uniform(-0.1, 0.1, (3, 3)))
    sites = np.array([[0, 0, 0], [0.5, 0.5, 0.1], [0.5, 0.1, 0.5], [0.1, 0.5, 0.5], [0.45, 0.4, 0.55]])
    positions = (sites + rng.uniform(-0.05, 0.05, sites.shape)) @ cell
    return Atoms([species[k % len(species)] for k in range(len(sites))], positions, cell=cell, pbc=True)


def cluster(species: tuple[str, ...], seed: int = 4) -> Atoms:
    """The same atoms without neighbouring cells."""
    atoms = crystal(species, seed)
    atoms.pbc = False
    atoms.positions += 10
    atoms.cell[:] = np.diag([30.0, 30.0, 30.0])
    return atoms


def structures(species: tuple[str, ...], seed: int = 4) -> list[Atoms]:
    """Periodic and not."""
    return [crystal(species, seed), cluster(species, seed)]


def case(atoms: Atoms, **more: object) -> dict[str, object]:
    """As the scripts of other codes take it."""
    return {
        "symbols": atoms.get_chemical_symbols(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell[:].tolist(),
        "pbc": atoms.pbc.tolist(),
        **more,
    }


def deviations(prediction: object, values: list[dict[str, object]]) -> dict[str, float]:
    """The largest differences: energies of atoms in eV, forces in eV/Å, stresses in eV/Å³."""
    found = dict.fromkeys(NAMES, 0.0)
    for s, value in enumerate(values):
        ours = {
            "energy": prediction.energies[s],
            "local_energies": prediction.local_energies[s],
            "forces": prediction.forces[s],
            "stress": prediction.stresses[s],
        }
        for name in NAMES:
            if value.get(name) is not None:
                found[name] = max(found[name], float(np.abs(ours[name] - np.array(value[name])).max()))
    return found
