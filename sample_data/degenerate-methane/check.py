"""Degenerate methane: is the set sane, and are the pairs pairs? Prints the figures that the README gives.

The finite differences need what ``generate.py --check`` computes; without it that part is left out.
"""

from __future__ import annotations

import ase.io
import numpy as np
from ase import Atoms

import potscope.sample_data
from potscope.sample_data import checks, molecular_checks

from generate import CHECKED, DATA, WORK  # isort: skip - the scripts beside this one
from isospectral import coulomb_matrix  # isort: skip


def sorted_distances(atoms: Atoms) -> np.ndarray:
    """Of all pairs of atoms, ascending, the pairs of elements apart; Å."""
    i, j = np.triu_indices(len(atoms), 1)
    distances = atoms.get_all_distances()[i, j]
    return distances[np.lexsort([distances, atoms.numbers[i] * atoms.numbers[j]])]


def eigenvalues(atoms: Atoms) -> np.ndarray:
    """Of the Coulomb matrix with distances in Å."""
    return np.linalg.eigvalsh(coulomb_matrix(atoms.numbers, atoms.positions))


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("degenerate-methane")
    frames = ase.io.read(DATA, ":")
    checks.overview(data)
    ends = {group: [s for s, name in enumerate(data.groups) if name == group] for group in ("first", "second")}
    worst = 0.0
    for first, second in zip(ends["first"], ends["second"], strict=True):
        a, b = data.structures[first], data.structures[second]
        worst = max(worst, float(np.abs(sorted_distances(a) - sorted_distances(b)).max()))
        if (index := int(data.ids[first][-3:])) % 5 == 0:
            spins = ", ".join(f"{abs(frames[s].info['spin_squared']):.2f}" for s in (first, second))
            difference = data.energies[first] - data.energies[second]
            print(f"h = {0.2 + 0.02 * index:.2f} Å: first − second {difference:+.4f} eV, ⟨S²⟩ {spins}")
    print(f"sorted distances of the pairs differ by up to {worst:.1e} Å")
    members = [s for s, name in enumerate(data.groups) if name == "spectrum"]
    for first, second in zip(members[::2], members[1::2], strict=True):
        a, b = data.structures[first], data.structures[second]
        print(
            f"{data.ids[first]}, {data.ids[second]} ({a.get_chemical_formula()}): "
            f"eigenvalues differ by up to {np.abs(eigenvalues(a) - eigenvalues(b)).max():.1e}, "
            f"sorted distances by up to {np.abs(sorted_distances(a) - sorted_distances(b)).max():.2f} Å, "
            f"energies by {data.energies[first] - data.energies[second]:+.3f} eV"
        )
    molecular_checks.finite_differences(data, CHECKED, WORK)


if __name__ == "__main__":
    main()
