"""Small organic molecules, GFN2-xTB (semi-empirical), tblite: which, and how each is computed.

Run ``OMP_NUM_THREADS=1 python generate.py``; stop it at any time, and run it again to go on. ``--collect`` only
gathers what is there into ``molecules-xtb.xyz.gz``. Needs the extra ``data`` of the project: RDKit and tblite.
"""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

from potscope.sample_data import molecular, small_molecules

HERE = Path(__file__).resolve().parent
DATA = HERE / "molecules-xtb.xyz.gz"
SIZES = {1: None, 2: None, 3: None, 4: None, 5: None, 6: None, 7: 4300}  # heavy atoms, and how many of them
SEED = 20122
METHOD = "GFN2-xTB (semi-empirical), tblite, CC0"


def compute(atoms: Atoms, scratch: Path) -> Atoms:  # noqa: ARG001 - of generation.run
    """Relaxed with GFN2-xTB, and the energy there, at the rounded positions; a free atom with its spin."""
    unpaired = atoms.info.get("unpaired", 0)
    result = atoms.copy() if unpaired else small_molecules.relaxed(atoms.info["smiles"])
    result.calc = molecular.xtb(unpaired)
    energy = float(result.get_potential_energy())
    result.calc = None
    result.info = {**atoms.info, "REF_energy": energy}
    return result


if __name__ == "__main__":
    chosen = small_molecules.choose(SIZES, SEED, HERE / ".work")
    small_molecules.command(__doc__, chosen, compute, DATA, METHOD)
