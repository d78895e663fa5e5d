"""Dimers and scans: are they sane? Prints the figures that the README gives.

The finite differences need what ``--check`` of the two generators computes.
"""

from __future__ import annotations

import ase.io
import numpy as np
from ase import Atoms, units

import potscope.sample_data
from potscope.core.dataset import Dataset
from potscope.sample_data import checks, espresso

from collect import WORK  # isort: skip - the scripts beside this one
from generate_solids import MIDDLE, RELAXED, SERIES  # isort: skip


def dimers(data: Dataset) -> None:
    """Distance, depth and curvature at the minimum of each curve, by a polynomial through the lowest five."""
    for group in (name for name in data.group_sizes if name.startswith("dimer")):
        members = [s for s, name in enumerate(data.groups) if name == group]
        r = np.array([data.structures[s].get_distance(0, 1) for s in members])
        energies = data.energies[members]
        near = np.sort(np.argsort(energies)[:5])
        curve = np.polynomial.Polynomial.fit(r[near], energies[near], 4)
        slopes = [x.real for x in curve.deriv().roots() if abs(x.imag) < 1e-9 and r[near][0] <= x.real <= r[near][-1]]
        minimum = min(slopes, key=curve)
        depth, mass = energies[-1] - curve(minimum), data.structures[members[0]].get_masses()
        reduced = mass[0] * mass[1] / mass.sum()
        frequency = np.sqrt(curve.deriv(2)(minimum) / reduced) / units.invcm * units._hbar * units.J * units.s
        print(f"{group}: {minimum:.3f} Å, {depth:.2f} eV below {r[-1]:.1f} Å, {frequency:.0f} cm⁻¹")


def phases(data: Dataset) -> None:
    """Volume, energy above diamond and bulk modulus of the phases of silicon."""
    lowest = None
    for group in (name for name in data.group_sizes if name.startswith("eos")):
        members = [s for s, name in enumerate(data.groups) if name == group]
        volume, energy, modulus = checks.equation_of_state(data, members)
        lowest = energy if lowest is None else lowest
        print(f"{group}: {volume:.2f} Å³/atom, {1000 * (energy - lowest):.0f} meV/atom above, {modulus:.0f} GPa")


def torsions(data: Dataset) -> None:
    """Lowest and highest energy of each turn of ethanol, and where they are."""
    for group in (name for name in data.group_sizes if name.startswith("torsion")):
        indices = {"hydroxyl": (0, 1, 2, 3), "methyl": (2, 1, 0, 6)}[group.split()[-1]]
        members = [s for s, name in enumerate(data.groups) if name == group]
        low, high = (members[pick(data.energies[members])] for pick in (np.argmin, np.argmax))
        angles = [data.structures[s].get_dihedral(*indices) for s in (low, high)]
        barrier = 1000 * (data.energies[high] - data.energies[low])
        print(f"{group}: lowest at {angles[0]:.0f}°, highest at {angles[1]:.0f}°, {barrier:.0f} meV above")


def vacancy(data: Dataset) -> None:
    """Energies of formation, from the 16-atom cell without one."""
    members = [s for s, name in enumerate(data.groups) if name == "vacancy"]
    formation = data.energies[members] - 15 / 16 * data.energies[members[0]]
    for s, energy in zip(members[1:], formation[1:], strict=True):
        print(f"{data.ids[s]}{' (relaxed)' if data.ids[s] == RELAXED else ''}: formation {energy:.3f} eV")


def slope(atoms: Atoms, forces_nc: np.ndarray, stress: np.ndarray, plus: Atoms, minus: Atoms) -> float:
    """Difference of energy between two copies as forces and stress have it, to second order."""
    if not np.allclose(plus.cell, minus.cell):
        return atoms.get_volume() * stress[:3].mean() * np.log(plus.get_volume() / minus.get_volume())
    return -float(np.sum(forces_nc * (plus.positions - minus.positions)))


def finite_differences(data: Dataset) -> None:
    """Of each series, between two copies on either side of a middle one."""
    print("difference of energy between two copies on either side, eV")
    for group in SERIES:
        members = [s for s, name in enumerate(data.groups) if name == group]
        s = members[MIDDLE + (1 if group == "vacancy" else 0)]
        files = [WORK / f"check-{group.replace(' ', '-')}{sign:+d}.xyz" for sign in (1, -1)]
        if not all(file.exists() for file in files):
            print(f"  {data.ids[s]}: not computed: run generate_solids.py --check")
            continue
        plus, minus = (next(ase.io.iread(file)) for file in files)
        difference = plus.info["REF_energy"] - minus.info["REF_energy"]
        expected = slope(data.structures[s], data.forces[s], data.stresses[s], plus, minus)
        print(f"  {data.ids[s]}: {difference:+.5f} computed, {expected:+.5f} from stored forces or stress")


def integrated(data: Dataset) -> None:
    """Of the curves of PySCF, the energy over six steps by Simpson's rule from the forces."""
    print("difference of energy over six steps of 0.05 Å, eV")
    for group in ("dimer H-H", "dimer O-H"):
        members = [s for s, name in enumerate(data.groups) if name == group][4:11]
        r = np.array([data.structures[s].get_distance(0, 1) for s in members])
        forces = np.array([data.forces[s][1, 2] for s in members])
        expected = -float(np.array([1, 4, 2, 4, 2, 4, 1]) @ forces) * (r[1] - r[0]) / 3
        difference = data.energies[members[-1]] - data.energies[members[0]]
        print(f"  {group}, {r[0]:.2f} to {r[-1]:.2f} Å: {difference:+.4f} computed, {expected:+.4f} from stored forces")


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("dimers-and-scans")
    checks.overview(data)
    dimers(data)
    torsions(data)
    phases(data)
    vacancy(data)
    finite_differences(data)
    integrated(data)
    print(f"pw.x: {espresso.cpu_minutes(WORK / 'scratch'):.0f} CPU-minutes")


if __name__ == "__main__":
    main()
