"""Gather what ``generate_solids.py`` and ``generate_molecules.py`` left in ``.work`` into ``dimers-and-scans.xyz.gz``.

Every frame gets the ``group`` of the table here, an ``id`` that begins with it, and its place along the series as
``coordinate``, whatever the generator calls it.
"""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

from potscope.sample_data import generation

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DATA = HERE / "dimers-and-scans.xyz.gz"
GROUPS = {  # to how the ids of the generators begin
    "dimer Si-Si": "dimer-Si-Si",
    "dimer C-C": "dimer-C-C",
    "dimer Si-C": "dimer-Si-C",
    "dimer H-H": "H-H",
    "dimer O-H": "O-H",
    "torsion ethanol hydroxyl": "ethanol-hydroxyl",
    "torsion ethanol methyl": "ethanol-methyl",
    "eos diamond": "eos-diamond",
    "eos beta-tin": "eos-beta-tin",
    "eos fcc": "eos-fcc",
    "eos bcc": "eos-bcc",
    "eos sc": "eos-sc",
    "vacancy": "vacancy",
}
COORDINATES = ("coordinate", "distance", "angle")


def labelled(atoms: Atoms, group: str) -> Atoms:
    """With the names that all frames of this set share."""
    if "method" not in atoms.info:
        raise ValueError(f"`{atoms.info['id']}`: expected a method, got {sorted(atoms.info)}")
    number = str(atoms.info["id"]).rsplit("-", 1)[1]
    along = [atoms.info.pop(name) for name in COORDINATES if name in atoms.info]
    atoms.info |= {"id": f"{group.replace(' ', '-')}-{number}", "group": group}
    if along:
        atoms.info["coordinate"] = along[0]
    return atoms


def main() -> None:
    """Gather, and say of each group how much there is."""
    found = []
    for group, prefix in GROUPS.items():
        members = generation.collect(WORK, [prefix])
        print(f"{group}: {len(members)}")
        found += [labelled(atoms, group) for atoms in members]
    generation.store(found, DATA)


if __name__ == "__main__":
    main()
