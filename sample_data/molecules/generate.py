"""Small organic molecules, PBE/def2-SVP, PySCF: which, and how each is computed.

Run ``OMP_NUM_THREADS=1 python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only
gathers what is there into ``molecules.xyz.gz``. Needs the extra ``data`` of the project: RDKit, tblite and PySCF.
"""

from __future__ import annotations

from pathlib import Path

from ase import Atoms, units

from potscope.sample_data import molecular, small_molecules

HERE = Path(__file__).resolve().parent
DATA = HERE / "molecules.xyz.gz"
SIZES = {1: None, 2: None, 3: None, 4: None, 5: None, 6: 500}  # heavy atoms, and how many of them
SEED = 20121


def compute(atoms: Atoms, scratch: Path) -> Atoms:
    """Relaxed with GFN2-xTB, the energy by PBE; a free atom as it is, unrestricted."""
    if "unpaired" in atoms.info:
        result = atoms.copy()
        result.info["REF_energy"] = molecular.lowest(atoms, [atoms.info["unpaired"]]).e_tot * units.Hartree
        return result
    relaxed = small_molecules.relaxed(atoms.info["smiles"])
    relaxed.info = dict(atoms.info)
    return molecular.pbe(relaxed, scratch, with_forces=False)


if __name__ == "__main__":
    chosen = small_molecules.choose(SIZES, SEED, HERE / ".work")
    small_molecules.command(__doc__, chosen, compute, DATA, molecular.METHOD)
