"""A catalogue of named structures, each with a boundary condition or a shape that has broken a code somewhere."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk, diamond111, molecule


def _rattled(atoms: Atoms, amplitude: float = 0.08) -> Atoms:
    atoms.rattle(amplitude, seed=7)
    return atoms


def _slab() -> Atoms:
    slab = diamond111("Si", (1, 1, 4), 5.47, vacuum=6.0)
    return _rattled(Atoms(slab.numbers, slab.positions, cell=slab.cell, pbc=(True, True, False)))


def _wire() -> Atoms:
    return Atoms(
        "Si3C", [[0, 0, 0.1], [0.4, 1.9, 0.9], [0.1, -1.7, 1.4], [1.6, 0.2, 2.0]], cell=[0, 0, 3.1], pbc=(0, 0, 1)
    )


def _skewed() -> Atoms:
    cell = [[3.9, 0, 0], [9.1, 2.7, 0], [-6.2, 4.8, 3.1]]
    return _rattled(Atoms("SiC", scaled_positions=[[0, 0, 0], [0.4, 0.3, 0.5]], cell=cell, pbc=True))


SYSTEMS: dict[str, Atoms] = {
    "diamond": _rattled(bulk("Si", cubic=True)),
    "one-atom cell": bulk("Si", "sc", a=2.55),
    "zincblende": _rattled(bulk("SiC", "zincblende", 4.38, cubic=True)),
    "slab": _slab(),
    "wire": _wire(),
    "skewed cell": _skewed(),
    "ethanol": _rattled(molecule("CH3CH2OH")),
    "water": _rattled(molecule("H2O")),
    "dimer": Atoms("SiC", [[0.1, 0.2, 0.3], [1.0, 1.1, 1.4]]),
    "isolated atom": Atoms("Si", [[1.0, 2.0, 3.0]]),
}


def species_of(*structures: Atoms) -> list[str]:
    """Elements that occur."""
    return sorted({symbol for atoms in structures for symbol in atoms.get_chemical_symbols()})


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A rotation matrix, uniformly distributed."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def rotated(atoms: Atoms, rotation: np.ndarray) -> Atoms:
    """Positions and cell turned together."""
    copy = atoms.copy()
    copy.set_cell(atoms.cell[:] @ rotation.T, scale_atoms=False)
    copy.positions = atoms.positions @ rotation.T
    return copy


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """Positions and cell deformed together."""
    copy = atoms.copy()
    copy.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=False)
    copy.positions = atoms.positions @ (np.eye(3) + strain)
    return copy


STEP = 1e-4  # Å; smaller than would be best for smooth functions, as a cosine cutoff has a kinked slope


def derivative(function, step: float = STEP):
    """Central difference of fourth order of a function of one number at zero."""
    f = [function(k * step) for k in (-2, -1, 1, 2)]
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step)
