"""Ethanol: is the set sane? Prints the figures that the README gives.

Some need what ``generate.py --check`` computes; without it that part is left out.
"""

from __future__ import annotations

import ase.io
import numpy as np

import potscope.sample_data
from potscope.core.dataset import Dataset
from potscope.sample_data import checks, molecular_checks

from generate import CHECKED, WORK  # isort: skip - the script beside this one

BONDS = {"C–C": [(0, 1)], "C–O": [(1, 2)], "O–H": [(2, 3)], "C–H": [(0, 6), (0, 7), (0, 8), (1, 4), (1, 5)]}
BOLTZMANN = 8.617333262e-5  # eV/K


def thermal(data: Dataset, lowest: float) -> None:
    """Print what temperature does to bonds, conformers and the energy."""
    for group in data.group_sizes:
        members = [s for s, name in enumerate(data.groups) if name == group]
        dihedrals = np.array([data.structures[s].get_dihedral(0, 1, 2, 3) for s in members])
        trans = np.mean(np.abs(dihedrals - 180) < 60)
        lengths = {
            bond: np.mean([data.structures[s].get_distance(*pair) for s in members for pair in pairs])
            for bond, pairs in BONDS.items()
        }
        mean = np.mean(data.energies[members]) - lowest
        harmonic = 21 / 2 * BOLTZMANN * float(group.split()[0])
        print(
            f"{group}: mean energy {mean:.3f} eV above the minimum (21/2 kT is {harmonic:.3f}), {trans:.0%} trans, "
            f"mean bonds {', '.join(f'{bond} {length:.3f}' for bond, length in lengths.items())} Å"
        )


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("ethanol")
    checks.overview(data)
    trans = next((frame for file in WORK.glob("check-trans.xyz") for frame in ase.io.iread(file)), None)
    if trans is not None:
        lengths = ", ".join(f"{bond} {trans.get_distance(*pairs[0]):.3f}" for bond, pairs in BONDS.items())
        print(f"relaxed trans ethanol: {trans.info['REF_energy']:.4f} eV, {lengths} Å")
        thermal(data, trans.info["REF_energy"])
    molecular_checks.finite_differences(data, CHECKED, WORK)


if __name__ == "__main__":
    main()
