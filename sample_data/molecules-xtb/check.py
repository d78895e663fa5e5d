"""Small organic molecules, semi-empirical: is the set sane? Prints the figures that the README gives."""

from __future__ import annotations

import ase.io
import numpy as np
from ase.units import kcal, mol

import potscope.sample_data
from potscope.core.dataset import Dataset
from potscope.sample_data import molecular_checks, small_molecules

from generate import HERE  # isort: skip - the script beside this one


def compared(data: Dataset, other: Dataset) -> None:
    """Print how the atomisation energies of the molecules that both sets have differ, as they are and fitted."""
    by_smiles = {atoms.info["smiles"]: atoms for atoms in other.structures}
    both = [atoms for atoms in data.structures if atoms.info["smiles"] in by_smiles]
    mine = np.array([atoms.info["E_atomisation"] for atoms in both])
    theirs = np.array([by_smiles[atoms.info["smiles"]].info["E_atomisation"] for atoms in both])
    counts = np.array([[atoms.symbols.count(s) for s in small_molecules.UNPAIRED] for atoms in both], dtype=float)
    left = (mine - theirs) - counts @ np.linalg.lstsq(counts, mine - theirs)[0]
    print(
        f"{len(both)} molecules are in the set by PBE too: atomisation energies are {np.mean(mine / theirs):.3f} times "
        f"PBE's; but for a constant of each element they differ by {np.abs(left).mean() / (kcal / mol):.1f} kcal/mol "
        f"on average"
    )


def main() -> None:
    """Print everything."""
    data = potscope.sample_data.load("molecules-xtb")
    molecular_checks.overview_of_molecules(data)
    for symbol in small_molecules.UNPAIRED:
        energy = next(ase.io.iread(HERE / ".work" / f"free-{symbol}.xyz")).info["REF_energy"]
        print(f"free {symbol}: {energy:.5f} eV")
    if "molecules" in {found.name for found in potscope.sample_data.list()}:
        compared(data, potscope.sample_data.load("molecules"))


if __name__ == "__main__":
    main()
