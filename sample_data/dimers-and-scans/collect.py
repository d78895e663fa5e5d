"""Gather what ``generate_solids.py`` and ``generate_molecules.py`` left in ``.work`` into ``dimers-and-scans.xyz.gz``.

A configuration's ``id`` begins with its ``group``, hyphens for spaces, and ends in a number of three digits; it names
its ``method``, and its ``coordinate`` where it is one of a series.
"""

from __future__ import annotations

from pathlib import Path

from potscope.sample_data import generation

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DATA = HERE / "dimers-and-scans.xyz.gz"
GROUPS = (
    "dimer Si-Si",
    "dimer C-C",
    "dimer Si-C",
    "dimer H-H",
    "dimer O-H",
    "torsion ethanol",
    "eos diamond",
    "eos beta-tin",
    "eos fcc",
    "eos bcc",
    "eos sc",
    "vacancy",
)


def main() -> None:
    """Gather, and say of each group how much there is."""
    found = generation.collect(WORK, [group.replace(" ", "-") for group in GROUPS])
    for atoms in found:
        if "method" not in atoms.info or atoms.info["group"] not in GROUPS:
            raise ValueError(f"`{atoms.info['id']}`: expected a method and a group of {GROUPS}, got {atoms.info}")
    generation.store(found, DATA)
    for group in GROUPS:
        print(f"{group}: {sum(atoms.info['group'] == group for atoms in found)}")


if __name__ == "__main__":
    main()
