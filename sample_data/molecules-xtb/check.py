"""Small organic molecules, semi-empirical: is the set sane? Prints the figures that the README gives."""

from __future__ import annotations

from collections.abc import Sequence

import ase.io
import numpy as np
from ase import Atoms
from ase.units import kcal, mol

import potscope.sample_data
from potscope.sample_data import molecular_checks, small_molecules

from generate import DATA, HERE  # isort: skip - the script beside this one


def compared(frames: Sequence[Atoms], other: Sequence[Atoms]) -> None:
    """Print how the atomisation energies of the molecules that both sets have differ, as they are and fitted."""
    by_smiles = {atoms.info["smiles"]: atoms for atoms in other}
    both = [atoms for atoms in frames if atoms.info["smiles"] in by_smiles]
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
    frames = ase.io.read(DATA, ":")
    molecular_checks.overview_of_molecules(data, np.array([frame.info["E_atomisation"] for frame in frames]))
    for symbol in small_molecules.UNPAIRED:
        energy = next(ase.io.iread(HERE / ".work" / f"free-{symbol}.xyz")).info["REF_energy"]
        print(f"free {symbol}: {energy:.5f} eV")
    by_pbe = HERE.parent / "molecules" / "molecules.xyz.gz"
    if by_pbe.exists():
        compared(frames, ase.io.read(by_pbe, ":"))


if __name__ == "__main__":
    main()
