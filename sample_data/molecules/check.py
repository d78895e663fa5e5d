"""Small organic molecules: is the set sane? Prints the figures that the README gives."""

from __future__ import annotations

import ase.io
import numpy as np
from ase.units import kcal, mol

import potscope.sample_data
from potscope.core.dataset import Dataset
from potscope.sample_data import molecular_checks, small_molecules

from generate import DATA, HERE  # isort: skip - the script beside this one

EXPERIMENT = {  # atomisation energies without zero-point energy, kcal/mol
    "C": ("methane", 419.3),
    "CC": ("ethane", 712.8),
    "C=C": ("ethene", 562.6),
    "C#C": ("ethyne", 405.4),
    "C#N": ("hydrogen cyanide", 311.9),
    "C=O": ("formaldehyde", 373.7),
    "CO": ("methanol", 512.8),
}


def bond_lengths(data: Dataset) -> None:
    """Print the mean and the range of the bonds to hydrogen, the outliers that a wrong structure would have."""
    lengths: dict[str, list[float]] = {"C–H": [], "N–H": [], "O–H": []}
    for atoms in data.structures:
        bonded_nn = small_molecules.bonded(atoms)
        for h in np.flatnonzero(atoms.numbers == 1):
            (heavy,) = np.flatnonzero(bonded_nn[h])
            lengths[f"{atoms.symbols[heavy]}–H"].append(atoms.get_distance(h, heavy))
    for bond, found in lengths.items():
        print(
            f"{bond}: {len(found)} bonds, {np.min(found):.3f} to {np.max(found):.3f} Å, {np.mean(found):.3f} on average"
        )


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("molecules")
    frames = ase.io.read(DATA, ":")
    molecular_checks.overview_of_molecules(data, np.array([frame.info["E_atomisation"] for frame in frames]))
    bond_lengths(data)
    for symbol in small_molecules.UNPAIRED:
        energy = next(ase.io.iread(HERE / ".work" / f"free-{symbol}.xyz")).info["REF_energy"]
        print(f"free {symbol}: {energy:.5f} eV")
    for smiles, (name, known) in EXPERIMENT.items():
        found = next((atoms for atoms in frames if atoms.info["smiles"] == smiles), None)
        if found is not None:
            energy = -found.info["E_atomisation"] / (kcal / mol)
            print(f"{name}: atomisation energy {energy:.1f} kcal/mol, experiment {known:.1f}")


if __name__ == "__main__":
    main()
