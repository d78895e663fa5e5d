"""Molecules: what ``generate.py --check`` computes, and what ``check.py`` prints: overviews, finite differences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.sample_data import checks
from potscope.sample_data.configurations import shortest_distance

Bonds = Mapping[str, Sequence[tuple[int, int]]]

STEP = 0.002  # Å
ATOM = 1  # the one that is moved, along y
BOLTZMANN = 8.617333262e-5  # eV/K


def displaced_copies(everything: Sequence[Atoms], checked: Collection[str]) -> list[Atoms]:
    """Copies of some configurations with one atom moved both ways."""
    copies = []
    for original in everything:
        for sign in (-1, 1) if original.info["id"] in checked else ():
            moved = original.copy()
            moved.positions[ATOM, 1] += sign * STEP
            moved.info = {"id": f"check-{original.info['id']}{sign:+d}", "group": "check"}
            copies.append(moved)
    return copies


def finite_differences(data: Dataset, checked: Sequence[str], work: Path) -> None:
    """Print forces by difference of the energies of `displaced_copies` beside those that are stored."""
    print("finite differences of the energy")
    for name in checked:
        files = [work / f"check-{name}{sign:+d}.xyz" for sign in (1, -1)]
        if not all(file.exists() for file in files):
            print(f"  {name}: was not computed: run generate.py --check")
            continue
        plus, minus = (float(next(ase.io.iread(file)).info["REF_energy"]) for file in files)
        forces_nc = data.forces[data.ids.index(name)]
        stored = float("nan") if forces_nc is None else forces_nc[ATOM, 1]
        slope = -(plus - minus) / (2 * STEP)
        print(f"  {name}: force y of atom {ATOM}, eV/Å: {slope:+.5f} by difference, {stored:+.5f} stored")


def overview_of_molecules(data: Dataset, atomisation_s: Array) -> None:
    """Print what is there, and of each group the ranges of energy and distance."""
    print(data.summary())
    print(f"structures that are there twice: {checks.duplicates(data)}")
    bound = atomisation_s / [len(atoms) for atoms in data.structures]
    for group in data.group_sizes:
        members = [s for s, name in enumerate(data.groups) if name == group]
        distance = min(shortest_distance(data.structures[s]) for s in members)
        heavy = np.mean([np.count_nonzero(data.structures[s].numbers > 1) for s in members])
        print(
            f"  {group}: {heavy:.1f} heavy atoms on average, atomisation {bound[members].min():.3f} to "
            f"{bound[members].max():.3f} eV/atom, atoms no closer than {distance:.2f} Å"
        )


def thermal(data: Dataset, lowest: float, bonds: Bonds, dihedral: tuple[int, int, int, int]) -> None:
    """Print what temperature does to one molecule in groups called ``"300 K"`` and the like.

    Parameters
    ----------
    data
        The set.
    lowest
        Energy of the minimum, eV.
    bonds
        Pairs of atoms by what their bonds are called.
    dihedral
        The atoms whose conformers, trans or not, are counted.
    """
    modes = 3 * len(data.structures[0]) - 6
    for group in data.group_sizes:
        members = [s for s, name in enumerate(data.groups) if name == group]
        trans = np.mean([abs(data.structures[s].get_dihedral(*dihedral) - 180) < 60 for s in members])
        lengths = {
            bond: np.mean([data.structures[s].get_distance(*pair) for s in members for pair in pairs])
            for bond, pairs in bonds.items()
        }
        mean = np.mean(data.energies[members]) - lowest
        harmonic = modes / 2 * BOLTZMANN * float(group.split()[0])
        print(
            f"{group}: mean energy {mean:.3f} eV above the minimum ({modes}/2 kT is {harmonic:.3f}), "
            f"{trans:.0%} trans, mean bonds {', '.join(f'{bond} {length:.3f}' for bond, length in lengths.items())} Å"
        )


def at_rest(data: Dataset, file: Path, what: str, bonds: Bonds, dihedral: tuple[int, int, int, int]) -> None:
    """Print a relaxed molecule that ``--check`` computed, and the set beside it; nothing where it was not computed."""
    if not file.exists():
        return
    relaxed = next(ase.io.iread(file))
    lengths = ", ".join(f"{bond} {relaxed.get_distance(*pairs[0]):.3f}" for bond, pairs in bonds.items())
    print(f"relaxed {what}: {relaxed.info['REF_energy']:.4f} eV, {lengths} Å")
    thermal(data, relaxed.info["REF_energy"], bonds, dihedral)
