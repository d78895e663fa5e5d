"""What the ``check.py`` of every set of reference data prints: are forces, stresses and structures sane?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import ase.io
import numpy as np
import numpy.typing as npt
from ase import Atoms, units
from ase.eos import EquationOfState

from potscope.core.dataset import Dataset
from potscope.sample_data.configurations import SHEAR, STEP, finite_difference_copies, shortest_distance

Array = npt.NDArray[np.float64]
EnergyOf = Callable[[Atoms], float | None]


def chosen(data: Dataset, names: Collection[str]) -> list[int]:
    """Where the structures of these ids are."""
    return [data.ids.index(name) for name in names]


def equation_of_state(data: Dataset, members: Sequence[int]) -> tuple[float, float, float]:
    """Volume (Å³) and energy (eV) per atom of the minimum, and bulk modulus (GPa), by Birch–Murnaghan."""
    counts = np.array([len(data.structures[s]) for s in members])
    volumes = np.array([data.structures[s].get_volume() for s in members]) / counts
    energies = data.energies[list(members)] / counts
    v0, e0, bulk_modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    return float(v0), float(e0), float(bulk_modulus / units.GPa)


def duplicates(data: Dataset) -> int:
    """How many have the formula and, to 10⁻⁶ eV, the energy of an earlier one."""
    seen = {
        (atoms.get_chemical_formula(), round(float(energy), 6))
        for atoms, energy in zip(data.structures, data.energies, strict=True)
    }
    return len(data) - len(seen)


def largest_forces(data: Dataset) -> Array:
    """Of each structure, eV/Å; NaN where there are none."""
    return np.array([np.nan if forces is None else np.linalg.norm(forces, axis=1).max() for forces in data.forces])


def outliers(data: Dataset, limit: float = 10.0) -> list[str]:
    """Those whose largest force is more than `limit` times the median of their group, which leaves out crystals."""
    largest = largest_forces(data)
    groups = np.array(data.groups)
    found = []
    for group in data.group_sizes:
        members = np.flatnonzero((groups == group) & (largest > 1e-3))
        typical = np.median(largest[members]) if len(members) else np.inf
        found += [data.ids[s] for s in members[largest[members] > limit * typical]]
    return found


def overview(data: Dataset) -> None:
    """Print what is there, the net forces, and of each group the ranges of energy, force and distance."""
    print(data.summary())
    net = max(float(np.abs(forces.sum(axis=0)).max()) for forces in data.forces if forces is not None)
    print(f"largest net force: {net:.1e} eV/Å")
    print(f"structures that are there twice: {duplicates(data)}")
    print(f"largest force over 10 times the median of the group's: {', '.join(outliers(data)) or 'none'}")
    largest = largest_forces(data)
    for group in data.group_sizes:
        members = [s for s, name in enumerate(data.groups) if name == group]
        energies = [data.energies[s] / len(data.structures[s]) for s in members]
        distance = min(shortest_distance(data.structures[s]) for s in members)
        print(
            f"  {group}: {min(energies):.3f} to {max(energies):.3f} eV/atom, "
            f"forces up to {largest[members].max():.1f} eV/Å, atoms no closer than {distance:.2f} Å"
        )


def finite_differences(data: Dataset, checked: Collection[str], energy_of: EnergyOf) -> None:
    """Print forces and stresses by difference of two energies beside those that are stored.

    Parameters
    ----------
    data
        The set.
    checked
        Ids of the structures to compare.
    energy_of
        Energy of one of `finite_difference_copies`, eV; None where it was not computed.
    """
    originals = []
    for s in chosen(data, checked):
        original = data.structures[s].copy()
        original.info = {"id": data.ids[s], "group": data.groups[s]}
        originals.append(original)
    energies = {str(copy.info["id"]): energy_of(copy) for copy in finite_difference_copies(originals, checked)}
    print("finite differences of the energy")
    for name, s in zip(checked, chosen(data, checked), strict=True):
        forces_nc = data.forces[s]
        for what, component in (("y3", -1), ("xx", 0), ("xy", 5)):
            plus, minus = (energies[f"check-{name}-{what}{sign:+d}"] for sign in (1, -1))
            if plus is None or minus is None or forces_nc is None:
                print(f"  {name}: {what} was not computed: run generate.py --check")
            elif what == "y3":
                slope = -(plus - minus) / (2 * STEP)
                print(f"  {name}: force y of atom 3, eV/Å: {slope:+.4f} by difference, {forces_nc[3, 1]:+.4f} stored")
            else:
                slope = (plus - minus) / (2 * SHEAR) / data.structures[s].get_volume() / units.GPa
                stored = data.stresses[s, component] / units.GPa
                print(f"  {name}: stress {what}, GPa: {slope:+.4f} by difference, {stored:+.4f} stored")


def stored_energy(work: Path) -> EnergyOf:
    """Energies that ``generate.py --check`` left in a folder."""

    def energy_of(atoms: Atoms) -> float | None:
        file = work / f"{atoms.info['id']}.xyz"
        return float(next(ase.io.iread(file)).info["REF_energy"]) if file.exists() else None

    return energy_of
