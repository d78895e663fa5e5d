"""Silicon: is the set sane? Prints the figures that the README gives.

The finite differences need the copies that ``generate.py --check`` computes; without them that part is left out.
"""

from __future__ import annotations

import ase.io
import numpy as np
from ase import Atoms, units
from ase.eos import EquationOfState

import potscope.sample_data
from potscope.core.dataset import Dataset

from generate import CHECKED, SHEAR, STEP, WORK  # isort: skip - the script beside this one


def equation_of_state(data: Dataset) -> tuple[float, float]:
    """Lattice constant of diamond, Å, and bulk modulus, GPa, by Birch–Murnaghan over the isotropic strains."""
    chosen = [s for s, name in enumerate(data.ids) if name.startswith("strained-0") and int(name[-3:]) < 15]
    volumes = [data.structures[s].get_volume() for s in chosen]
    v0, _, bulk_modulus = EquationOfState(volumes, data.energies[chosen], eos="birchmurnaghan").fit()
    return float((4 * v0) ** (1 / 3)), float(bulk_modulus / units.GPa)


def shortest_distance(atoms: Atoms) -> float:
    """Å, periodic images included."""
    distances = (atoms * (2, 2, 2)).get_all_distances(mic=True)
    return float(distances[distances > 1e-6].min())


def finite_differences(data: Dataset) -> list[tuple[str, str, float, float]]:
    """For each displaced or strained pair of copies: what, from the energies, and from the stored forces or stress."""
    rows = []
    for name in CHECKED:
        s = data.ids.index(name)
        for what in ("y3", "xx", "xy"):
            files = [WORK / f"check-{name}-{what}{sign:+d}.xyz" for sign in (1, -1)]
            if not all(file.exists() for file in files):
                continue
            plus, minus = (next(ase.io.iread(file)).info["REF_energy"] for file in files)
            if what == "y3":
                rows.append((name, "force y of atom 3, eV/Å", -(plus - minus) / (2 * STEP), data.forces[s][3, 1]))
            else:
                volume = data.structures[s].get_volume()
                stored = data.stresses[s][{"xx": 0, "xy": 5}[what]]
                slope = (plus - minus) / (2 * SHEAR) / volume
                rows.append((name, f"stress {what}, GPa", slope / units.GPa, stored / units.GPa))
    return rows


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("silicon")
    print(data.summary())
    constant, modulus = equation_of_state(data)
    print(f"diamond: lattice constant {constant:.3f} Å, bulk modulus {modulus:.1f} GPa")
    net = max(float(np.abs(forces.sum(axis=0)).max()) for forces in data.forces)
    print(f"largest net force on a cell: {net:.1e} eV/Å")
    print(f"shortest distance: {min(map(shortest_distance, data.structures)):.2f} Å")
    largest = max(float(np.linalg.norm(forces, axis=1).max()) for forces in data.forces)
    print(f"largest force: {largest:.1f} eV/Å")
    print(f"structures that are there twice: {len(data) - len(set(data.energies.round(8)))}")
    rows = finite_differences(data)
    print("finite differences of the energy" if rows else "no copies for finite differences: run generate.py --check")
    for name, what, difference, stored in rows:
        print(f"  {name}: {what}: {difference:+.4f} by difference, {stored:+.4f} stored")


if __name__ == "__main__":
    main()
