"""Writes what other codes compute of our potentials beside this file.

``PYTHONPATH=tests POTSCOPE_PEERS_PYTHON=… python tests/core/exchange/make_values.py``, with a Python that has LAMMPS
and quippy. ``lammps_values.json``: files of linear potentials, and LAMMPS' numbers for the two structures of
`exchanged.structures`. ``quippy_values.json``: QUIP's SOAP of the first of them, and its numbers for Gaussian processes
that were written for it. ``gap_fit/``: what gap_fit made of random references, and ``values.json``, QUIP's numbers of
that. Made with LAMMPS of 22 July 2025 and quippy-ase 0.10.3.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import ase.io
import numpy as np
from ase.data import atomic_numbers

from potscope.core.descriptors import QuipSOAP
from potscope.core.exchange import write_lammps_snap, write_quip_gap
from potscope.core.exchange.quip_arguments import soap_arguments

from exchanged import GAPS, SNAPS, SOAPS, case, crystal, gap, snap, structures
from peers import peers_python, run_peer

HERE = Path(__file__).resolve().parent
GAP_FITS = {
    "soap": "soap cutoff=4.0 cutoff_transition_width=1.0 n_max=2 l_max=2 atom_sigma=0.5 zeta=4 delta=0.5 "
    "covariance_type=dot_product n_sparse=6 sparse_method=cur_points",
    "sum": "distance_2b cutoff=4.0 cutoff_transition_width=1.0 delta=1.0 covariance_type=ard_se theta_uniform=1.0 "
    "n_sparse=6 sparse_method=uniform : angle_3b cutoff=3.0 delta=0.3 covariance_type=ard_se theta_fac=0.5 n_sparse=6 "
    "sparse_method=cur_points : soap cutoff=4.0 n_max=2 l_max=2 atom_sigma=0.5 central_weight=0.5 zeta=2 delta=0.5 "
    "covariance_type=dot_product n_sparse=6 sparse_method=cur_points",
}
SALT = ("Na", "Cl")


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


def plain_soap(soap: QuipSOAP, symbol: str) -> str:
    """Arguments of values that are not normalised."""
    return soap_arguments(soap, symbol).replace("normalise=T", "normalise=F")


def quippy() -> dict[str, object]:
    """SOAP of one structure for each central element, and Gaussian processes."""
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there)
        soaps = {}
        for name, settings in SOAPS.items():
            soap = QuipSOAP(**settings)
            cases = [
                case(
                    crystal(soap.species), descriptor=soap_arguments(soap, symbol).replace("normalise=T", "normalise=F")
                )
                for symbol in sorted(soap.species, key=atomic_numbers.__getitem__)
            ]
            soaps[name] = run_peer(HERE / "run_quippy.py", "quippy", cases, folder)
        gaps = {}
        for place, name in enumerate(GAPS):
            potential = gap(name)
            path = write_quip_gap(potential, folder / f"{place}.xml")[0]
            cases = [case(atoms, potential=str(path)) for atoms in structures(potential.descriptor.species)]
            gaps[name] = run_peer(HERE / "run_quippy.py", "quippy", cases, folder)
    return {"soap": soaps, "gap": gaps}


def gap_fits() -> None:
    """Let gap_fit learn something, and QUIP compute with it."""
    target = HERE / "gap_fit"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    rng = np.random.default_rng(0)
    found = [crystal(SALT, seed) for seed in range(12)]
    for atoms in found:
        atoms.info["energy_of_chance"] = float(rng.normal())
        atoms.arrays["force_of_chance"] = rng.normal(size=(len(atoms), 3))
    with tempfile.TemporaryDirectory() as there:
        ase.io.write(target / "train.xyz", found, format="extxyz")
        for name, arguments in GAP_FITS.items():
            command = [
                str(Path(peers_python("gap_fit")).parent / "gap_fit"),
                "at_file=train.xyz",
                f"gap={{{arguments}}}",
                "default_sigma={0.01 0.1 0 0}",
                "energy_parameter_name=energy_of_chance",
                "force_parameter_name=force_of_chance",
                "e0={Na:-1.0:Cl:-2.0}",
                "do_copy_at_file=F",
                f"gp_file={name}.xml",
            ]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            subprocess.run(command, cwd=target, env=environment, check=True, capture_output=True)
        values = {}
        for name in GAP_FITS:
            cases = [case(atoms, potential=str(target / f"{name}.xml")) for atoms in structures(SALT, seed=20)]
            values[name] = run_peer(HERE / "run_quippy.py", "quippy", cases, Path(there))
    for path in target.glob("train.xyz*"):
        path.unlink()
    (target / "values.json").write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    (HERE / "lammps_values.json").write_text(json.dumps({"snap": lammps_snap()}, indent=1) + "\n")
    (HERE / "quippy_values.json").write_text(json.dumps(quippy()) + "\n")
    gap_fits()
