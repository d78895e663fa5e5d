"""What every potential should be looked at on, the part of Quantum ESPRESSO: dimers, volumes of phases, the vacancy.

Run ``python generate_solids.py``; stop it at any time, and run it again to go on. What is there is gathered by
``collect.py``; ``--check`` computes what ``check.py`` takes finite differences of. Needs Debian's
``quantum-espresso`` and ``quantum-espresso-data`` and the extra ``data`` of the project.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from potscope.sample_data import configurations, espresso, generation
from potscope.sample_data.configurations import at_volume

WORK = Path(__file__).resolve().parent / ".work"
SILICON_BOX = (10.0, 10.0, 15.0)  # Å
CARBIDE_BOX = (8.0, 8.0, 11.0)
LATTICE_CONSTANT = 5.47  # Å, diamond
RELAXED = "vacancy-008"
MIDDLE = 5  # number of the configuration in each series that finite differences are taken at


@dataclass(frozen=True)
class Series:
    """Configurations along one coordinate.

    Attributes
    ----------
    at
        The configuration at one value.
    values
        Of the coordinate.
    step
        For finite differences.
    """

    at: Callable[[float], Atoms]
    values: Sequence[float]
    step: float = 0.01


def dimer(symbols: str, box: tuple[float, float, float]) -> Callable[[float], Atoms]:
    """Two atoms along z in a box, k = 0; the coordinate is their distance, Å."""

    def at(distance: float) -> Atoms:
        atoms = Atoms(symbols, [[0, 0, 0], [0, 0, distance]], cell=box, pbc=True)
        atoms.center()
        atoms.info = {"coordinate": distance, "k_grid": "1 1 1"}
        return atoms

    return at


def volumes(cell: Atoms) -> Series:
    """11 volumes of 0.85 to 1.15 times that of `cell`, which are the coordinate.

    All have the k-points of `cell`: with another number of them the energy would make a step.
    """
    grid = " ".join(map(str, espresso.SILICON.k_grid(cell)))

    def at(ratio: float) -> Atoms:
        atoms = at_volume(cell, ratio)
        atoms.info = {"coordinate": ratio, "k_grid": grid}
        return atoms

    return Series(at, [round(0.85 + 0.03 * n, 2) for n in range(11)], step=0.005)


def beta_tin() -> Atoms:
    """The primitive cell of two atoms; c/a stays at 0.551."""
    a, c = 4.81, 2.65
    cell = [[-a / 2, a / 2, c / 2], [a / 2, -a / 2, c / 2], [a / 2, a / 2, -c / 2]]
    return Atoms("Si2", [[0, 0, 0], [0, a / 2, c / 4]], cell=cell, pbc=True)


def perfect() -> Atoms:
    """16 atoms, twice the primitive vectors: the images of a vacancy are 7.7 Å apart."""
    atoms = bulk("Si", "diamond", LATTICE_CONSTANT) * (2, 2, 2)
    atoms.info = {"k_grid": " ".join(map(str, espresso.SILICON.k_grid(atoms)))}
    return atoms


def vacancy(inwards: float) -> Atoms:
    """One atom of 16 missing; the coordinate is how far its four neighbours moved to where it was, Å."""
    atoms = perfect()
    vectors = atoms.get_distances(0, range(16), mic=True, vector=True)
    lengths = np.linalg.norm(vectors, axis=1)
    near = (lengths > 0) & (lengths < 2.6)
    atoms.positions[near] -= inwards * vectors[near] / lengths[near][:, None]
    atoms.info["coordinate"] = inwards
    del atoms[0]
    return atoms


SILICON_DISTANCES = (1.7, 1.8, 1.9, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.8, 3.0, 3.3, 3.6, 4.0, 4.5, 5.0)
CARBON_DISTANCES = (1.0, 1.1, 1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.25, 2.5, 3.0, 3.5)
CARBIDE_DISTANCES = (1.3, 1.4, 1.5, 1.6, 1.7, 1.75, 1.8, 1.9, 2.0, 2.2, 2.4, 2.7, 3.0, 3.5, 4.0)

SERIES = {
    "dimer Si-Si": Series(dimer("Si2", SILICON_BOX), SILICON_DISTANCES),
    "dimer C-C": Series(dimer("C2", CARBIDE_BOX), CARBON_DISTANCES),
    "dimer Si-C": Series(dimer("SiC", CARBIDE_BOX), CARBIDE_DISTANCES),
    "eos diamond": volumes(bulk("Si", "diamond", LATTICE_CONSTANT)),
    "eos beta-tin": volumes(beta_tin()),
    "eos fcc": volumes(bulk("Si", "fcc", 3.87)),
    "eos bcc": volumes(bulk("Si", "bcc", 3.09)),
    "eos sc": volumes(bulk("Si", "sc", 2.53)),
    "vacancy": Series(vacancy, (-0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
}


def everything() -> list[Atoms]:
    """All configurations, group by group; none is drawn by chance.

    The vacancy has two more than its series: the cell without one first, and last the one that is to be relaxed.
    """
    groups = {group: [series.at(value) for value in series.values] for group, series in SERIES.items()}
    to_relax = vacancy(0.0)
    del to_relax.info["coordinate"]
    groups["vacancy"] = [perfect(), *groups["vacancy"], to_relax]
    return configurations.named({group: lambda _, made=made: made for group, made in groups.items()}, seed=0)


def difference_copies() -> list[Atoms]:
    """For each series one configuration on either side of a middle one."""
    copies = []
    for group, series in SERIES.items():
        for sign in (-1, 1):
            atoms = series.at(series.values[MIDDLE] + sign * series.step)
            atoms.info = {**atoms.info, "id": f"check-{group.replace(' ', '-')}{sign:+d}", "group": group}
            copies.append(atoms)
    return copies


def compute(atoms: Atoms, scratch: Path) -> Atoms:
    """With silicon's settings where there is silicon alone, else with silicon carbide's."""
    settings = espresso.SILICON if set(atoms.symbols) == {"Si"} else espresso.SILICON_CARBIDE
    if atoms.info["group"].startswith("dimer"):
        settings = replace(settings, mixing_beta=0.3)
    result = espresso.compute(atoms, scratch, settings, "relax" if atoms.info["id"] == RELAXED else "scf")
    result.info["method"] = settings.method
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="serial pw.x to run at once")
    parser.add_argument("--check", action="store_true", help="compute the copies for finite differences")
    arguments = parser.parse_args()
    todo = difference_copies() if arguments.check else configurations.interleaved(everything())
    generation.run(todo, compute, WORK, arguments.workers)


if __name__ == "__main__":
    main()
