"""Silicon carbide, PBE, Quantum ESPRESSO: the configurations and how each is computed.

Run ``python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only gathers what is there
into ``silicon-carbide.xyz.gz``; ``--check`` computes the displaced and strained copies that ``check.py`` needs.
Needs Debian's ``quantum-espresso`` and ``quantum-espresso-data`` and the extra ``data`` of the project.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from potscope.sample_data import configurations, espresso, generation
from potscope.sample_data.configurations import at_volume, displaced, random_strain, strain

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DATA = HERE / "silicon-carbide.xyz.gz"

LATTICE_CONSTANT = 4.38  # Å
SEED = 19550806
CHECKED = ("antisite-020", "vacancy-013")  # compared with finite differences


def cubic() -> Atoms:
    """The zincblende cell of eight atoms: four silicon, four carbon."""
    return bulk("SiC", "zincblende", LATTICE_CONSTANT, cubic=True)


def strained(rng: np.random.Generator) -> list[Atoms]:
    """11 volumes from 0.85 to 1.15 of the equilibrium one, then 39 random strains up to 8 %, atoms displaced too.

    Two atoms, with the k-points of the cubic cell: with as dense a grid of their own they would be 5 meV/atom lower.
    """
    primitive = bulk("SiC", "zincblende", LATTICE_CONSTANT)
    volumes = [at_volume(primitive, ratio) for ratio in np.linspace(0.85, 1.15, 11)]
    amplitudes = np.repeat([0.02, 0.05, 0.08], 13)
    made = volumes + [displaced(strain(primitive, random_strain(rng, e)), rng, 0.6 * e) for e in amplitudes]
    for atoms in made:
        atoms.info = {"k_grid": "3 3 3", "k_supercell": [-1, 1, 1, 1, -1, 1, 1, 1, -1]}
    return made


def rattled(rng: np.random.Generator) -> list[Atoms]:
    """Cubic cells, displacements of 0.02 to 0.14 Å, cells strained by up to 3 %."""
    amplitudes = np.repeat([0.02, 0.04, 0.07, 0.1, 0.14], 15)
    return [displaced(strain(cubic(), random_strain(rng, 0.03)), rng, s) for s in amplitudes]


def antisite(rng: np.random.Generator) -> list[Atoms]:
    """A silicon in place of a carbon, a carbon in place of a silicon, and the two neighbours exchanged, in turn.

    The neighbours of a wrong atom move out, or in, by part of the difference of the bond lengths (Si–Si 2.35 Å,
    Si–C 1.90 Å, C–C 1.55 Å), as they would if they relaxed.
    """
    made = []
    for number in range(45):
        atoms = cubic()
        silicon, carbon = (int(rng.choice(np.flatnonzero(atoms.symbols == symbol))) for symbol in ("Si", "C"))
        if number % 3 == 2:
            distances = atoms.get_distances(silicon, range(8), mic=True)
            carbon = int(rng.choice(np.flatnonzero((distances > 0.1) & (distances < 2.0))))
        wrong = {0: {carbon: "Si"}, 1: {silicon: "C"}, 2: {carbon: "Si", silicon: "C"}}[number % 3]
        shift_nc = np.zeros((8, 3))
        for index, symbol in wrong.items():
            vectors = atoms.get_distances(index, range(8), mic=True, vector=True)
            lengths = np.linalg.norm(vectors, axis=1)
            near = (lengths > 0.1) & (lengths < 2.0)
            away = rng.uniform(0.02, 0.16) if symbol == "Si" else -rng.uniform(0.0, 0.1)
            shift_nc[near] += away * vectors[near]
        atoms.positions += shift_nc
        for index, symbol in wrong.items():
            atoms.symbols[index] = symbol
        expansion = {0: 0.03, 1: -0.03, 2: 0.01}[number % 3] * np.eye(3)
        made.append(
            displaced(strain(atoms, expansion + random_strain(rng, 0.03)), rng, [0.02, 0.05, 0.09][number // 15])
        )
    return made


def vacancy(rng: np.random.Generator) -> list[Atoms]:
    """One atom of eight missing, silicon and carbon in turn; its four neighbours moved in or out, all displaced."""
    made = []
    for number in range(30):
        atoms = cubic()
        removed = int(rng.choice(np.flatnonzero(atoms.symbols == ("Si", "C")[number % 2])))
        vectors = atoms.get_distances(removed, range(8), mic=True, vector=True)
        lengths = np.linalg.norm(vectors, axis=1)
        near = (lengths > 0.1) & (lengths < 2.0)
        atoms.positions[near] += vectors[near] * rng.uniform(-0.12, 0.1)
        del atoms[removed]
        made.append(displaced(strain(atoms, random_strain(rng, 0.02)), rng, [0.02, 0.05, 0.09][number // 10]))
    return made


GROUPS = {"strained": strained, "rattled": rattled, "antisite": antisite, "vacancy": vacancy}


def everything() -> list[Atoms]:
    """All configurations, group by group, the same at every call."""
    return configurations.named(GROUPS, SEED)


if __name__ == "__main__":
    generation.main(
        __doc__,
        everything=everything(),
        method=partial(espresso.compute, settings=espresso.SILICON_CARBIDE),
        work=WORK,
        file=DATA,
        checked=CHECKED,
        described=espresso.SILICON_CARBIDE.method,
    )
