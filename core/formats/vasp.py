"""VASP's `OUTCAR` and `vasprun.xml`, every ionic step, through ASE.

The forces and the stress are derivatives of the free energy F = E − TS of the smeared electrons, not of the energy
extrapolated to σ → 0; so it is the free energy that belongs to them.

References
----------
G. Kresse, J. Furthmüller, Comput. Mater. Sci. 6, 15 (1996), section 3.2. doi:10.1016/0927-0256(96)00008-0
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ase.io
from ase import Atoms

from potscope.core.formats.base import Format

EXTRAPOLATED = "energy_sigma_0"


def _read_outcar(path: Path) -> Iterator[Atoms]:
    for atoms in ase.io.iread(path, index=":", format="vasp-out"):
        yield _with_free_energy(atoms)


def _read_vasprun(path: Path) -> Iterator[Atoms]:
    for atoms in ase.io.iread(path, index=":", format="vasp-xml"):
        yield _with_free_energy(atoms)


def _with_free_energy(atoms: Atoms) -> Atoms:
    results = {} if atoms.calc is None else atoms.calc.results
    plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    for name, key in (("free_energy", "energy"), ("energy", EXTRAPOLATED)):
        if results.get(name) is not None:
            plain.info[key] = float(results[name])
    if results.get("stress") is not None:
        plain.info["stress"] = results["stress"]
    if results.get("forces") is not None:
        plain.arrays["forces"] = results["forces"]
    return plain


NOTES = (
    "VASP: `energy` is the free energy, to which forces and stress belong; "
    f"`{EXTRAPOLATED}` is the energy extrapolated to σ → 0",
    "stress: from kB by ASE, its sign turned to be positive under tension",
)
OUTCAR = Format("OUTCAR of VASP", _read_outcar, beginning=rb"\s*vasp\.\d", notes=NOTES)
VASPRUN = Format(
    "vasprun.xml of VASP", _read_vasprun, beginning=rb'.*<modeling>.*name="program"[^>]*>\s*vasp', notes=NOTES
)
