"""Potentials in a LAMMPS that runs in the same Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from potscope.core.descriptors import Bispectrum
from potscope.core.exchange import ExchangeError, attach_to_lammps
from potscope.core.models import SNAP, NotFitted

from exchanged import TWO, case, deviations, fitted_network, fitted_pairs, gap, snap, structures
from peers import peers_python

HERE = Path(__file__).resolve().parent
SALT = ("Na", "Cl")


class Lammps:
    """As much of LAMMPS' Python module as is used here."""

    def __init__(self, units: str = "metal", processes: int = 1, atoms=None) -> None:
        self.units, self.settings, self.commands, self.atoms = units, {"world_size": processes, "ntypes": 2}, [], atoms
        self.numpy = self

    def extract_global(self, _name: str) -> str:
        return self.units

    def extract_setting(self, name: str) -> int:
        return self.settings[name]

    def command(self, text: str) -> None:
        self.commands.append(text)

    def set_fix_external_callback(self, _fix: str, callback, _caller) -> None:
        self.callback = callback

    def extract_box(self):
        cell, periodic = self.atoms.cell[:], self.atoms.pbc.astype(int).tolist()
        return [0.0] * 3, np.diag(cell).tolist(), cell[1, 0], cell[2, 1], cell[2, 0], periodic, 0

    def extract_atom(self, _name: str) -> np.ndarray:
        return np.array([SALT.index(symbol) + 1 for symbol in self.atoms.get_chemical_symbols()] + [1, 1])

    def fix_external_set_energy_global(self, _fix: str, energy: float) -> None:
        self.energy = energy

    def fix_external_set_virial_global(self, _fix: str, virial: list[float]) -> None:
        self.virial = virial


@pytest.mark.parametrize("make", [lambda: snap("two elements"), fitted_pairs])
def test_what_lammps_is_told(make) -> None:
    potential = make()
    for atoms in structures(SALT):
        lmp = Lammps(atoms=atoms)
        attach_to_lammps(lmp, potential, SALT, fix="energy_of_ours")
        assert lmp.commands[0] == "fix energy_of_ours all external pf/callback 1 1"
        x_nc, f_nc = np.concatenate([atoms.positions, np.zeros((2, 3))]), np.full((len(atoms) + 2, 3), 7.0)
        lmp.callback(None, 0, len(atoms), np.arange(len(atoms)), x_nc, f_nc)
        prediction = potential.predict(atoms)
        np.testing.assert_allclose(f_nc[:-2], prediction.forces[0], rtol=0, atol=1e-10)
        np.testing.assert_array_equal(f_nc[-2:], 7.0)
        assert lmp.energy == pytest.approx(prediction.energies[0], abs=1e-10)
        expected = -prediction.stresses[0][[0, 1, 2, 5, 4, 3]] * atoms.get_volume()
        np.testing.assert_allclose(lmp.virial, expected, rtol=0, atol=1e-9)


def test_lammps_that_is_installed_moves_atoms(tmp_path) -> None:
    python = Path(peers_python("LAMMPS")).absolute()
    packages = next((python.parent.parent / "lib").glob("python*/site-packages"))
    potentials = {"SNAP": snap("two elements"), "GAP": gap("everything"), "network": fitted_network()}
    cases, ours = [], []
    for name, potential in potentials.items():
        path = str(potential.save(tmp_path / f"{name}.potscope"))
        cases += [case(atoms, species=SALT, potential=path) for atoms in structures(SALT)]
        ours.append(potential.predict(structures(SALT)))
    environment = {**os.environ, "LD_LIBRARY_PATH": str(python.parent.parent / "lib"), "OMP_NUM_THREADS": "1"}
    given, found = tmp_path / "cases.json", tmp_path / "values.json"
    command = [sys.executable, str(HERE / "run_callback.py"), str(packages), str(given), str(found)]
    given.write_text(json.dumps(cases))
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    values = json.loads(found.read_text())
    for place, (name, prediction) in enumerate(zip(potentials, ours, strict=True)):
        own = values[2 * place : 2 * place + 2]
        worst = deviations(prediction, own)
        assert max(worst.values()) < 1e-6, (name, worst)
        for value in own:
            assert value["kinetic"] > 1e-6
            assert np.ptp(value["totals"]) < 0.01 * value["kinetic"] + 1e-9, (name, value["totals"], value["kinetic"])


def test_what_cannot_be() -> None:
    with pytest.raises(NotFitted):
        attach_to_lammps(Lammps(), SNAP(Bispectrum(**TWO)), SALT)
    with pytest.raises(ExchangeError, match="`lmp`: expected units metal, got 'real'"):
        attach_to_lammps(Lammps(units="real"), snap("two elements"), SALT)
    with pytest.raises(ExchangeError, match="`lmp`: expected one process, got 4"):
        attach_to_lammps(Lammps(processes=4), snap("two elements"), SALT)
    with pytest.raises(ExchangeError, match="`species`: expected an element for each of 2 types, got Na"):
        attach_to_lammps(Lammps(), snap("two elements"), ("Na",))
