"""Descriptors, energies, forces and stresses as QUIP computes them.

``python run_quippy.py CASES VALUES`` reads a JSON list of cases and writes a JSON list of values. Needs the package
``quippy-ase`` and nothing of potscope. A case has ``symbols``, ``positions``, ``cell``, ``pbc`` and either
``descriptor``, what QUIP takes for one, or ``potential``, the path of an XML. A value is a matrix, or has ``energy``
(eV), ``local_energies``, ``forces`` (eV/Å) and, for a periodic structure, ``stress`` (eV/Å³, ASE's sign and order).
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path

from ase import Atoms


@lru_cache(maxsize=4)
def potential(path: str):
    """A potential of an XML."""
    from quippy.potential import Potential

    return Potential("", param_filename=path)


def values_of(case: dict[str, object]) -> object:
    """Let QUIP compute."""
    atoms = Atoms(case["symbols"], case["positions"], cell=case["cell"], pbc=case["pbc"])
    if "descriptor" in case:
        from quippy.descriptors import Descriptor

        return Descriptor(case["descriptor"]).calc_descriptor(atoms).tolist()
    atoms.calc = potential(case["potential"])
    found = {"energy": float(atoms.get_potential_energy()), "forces": atoms.get_forces().tolist()}
    found["local_energies"] = atoms.get_potential_energies().tolist()
    if all(case["pbc"]):
        found["stress"] = atoms.get_stress().tolist()
    return found


def main(cases_file: Path, values_file: Path) -> None:
    """Compute the values of the cases in a file."""
    values_file.write_text(json.dumps([values_of(case) for case in json.loads(cases_file.read_text())]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
