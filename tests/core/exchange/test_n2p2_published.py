"""n2p2's potential for water, as LAMMPS comes with it, against what LAMMPS with n2p2's own code made of it."""

from __future__ import annotations

import os
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms, units

from potscope.core.exchange import explain, read_n2p2, write_n2p2
from potscope.core.models import NeuralNetwork

# examples/PACKAGES/hdnnp/log.23Aug23.hdnnp.g++.1 of LAMMPS: temperature (K), energy (eV) and pressure (bar) at each
# step of 0.5 fs from rest; n2p2 computed energies and forces
LOG = """
0 -750069.48 -5297.5537
8.5815594 -750070.71 -5249.2914
30.988787 -750073.91 -5023.6945
58.859866 -750077.88 -4427.8346
82.576399 -750081.26 -3275.4378
94.968097 -750083.01 -1511.6733
93.724286 -750082.8 709.20465
82.243957 -750081.13 3020.5084
68.611429 -750079.14 4922.5176
62.314385 -750078.21 5933.1543
69.501045 -750079.21 5761.8646
"""
LENGTH, ENERGY = 1.8897261328, 0.0367493254  # cflength and cfenergy of its input: Bohr in Å, Hartree in eV
MVV_TO_EV, BOLTZMANN, BAR = 1.0364269e-4, 8.617343e-5, 1.6021765e6  # of LAMMPS' units metal
MASSES, TIMESTEP = {1: 1.00794, 8: 15.9994}, 0.0005  # amu, ps
DIGITS = 5.1e-8  # half of the eighth digit that the log gives


@pytest.fixture(scope="module")
def water() -> Path:
    """The folder of LAMMPS' example."""
    examples = Path(os.environ.get("POTSCOPE_LAMMPS_EXAMPLES", "/usr/share/lammps/examples"))
    folder = examples / "PACKAGES" / "hdnnp"
    if not folder.is_dir():
        pytest.skip("no n2p2 potential: Debian's lammps-examples has one; POTSCOPE_LAMMPS_EXAMPLES names its examples")
    return folder


class Trajectory:
    """Newton's equations by velocity Verlet with LAMMPS' constants, from rest."""

    def __init__(self, potential: NeuralNetwork, atoms: Atoms) -> None:
        self.potential, self.atoms = potential, atoms
        self.mass_n = np.array([MASSES[z] for z in atoms.numbers])[:, None] * MVV_TO_EV
        self.v_nc = np.zeros((len(atoms), 3))
        self.compute()

    def compute(self) -> None:
        """Energy, forces and stress in the units that LAMMPS' factors make of Hartree and Bohr."""
        length, energy = LENGTH * units.Bohr, 1 / (ENERGY * units.Hartree)
        scaled = self.atoms.copy()
        scaled.set_cell(self.atoms.cell * length, scale_atoms=True)
        found = self.potential.predict(scaled)
        self.energy, self.f_nc = found.energies[0] * energy, found.forces[0] * energy * length
        self.stress = found.stresses[0] * energy * length**3

    def row(self) -> list[float]:
        """Temperature, energy, pressure."""
        twice_kinetic = float((self.mass_n * self.v_nc**2).sum())
        temperature = twice_kinetic / (3 * (len(self.atoms) - 1) * BOLTZMANN)
        pressure = twice_kinetic / self.atoms.get_volume() / 3 - self.stress[:3].mean()
        return [temperature, self.energy, pressure * BAR]

    def step(self) -> None:
        self.v_nc = self.v_nc + 0.5 * TIMESTEP * self.f_nc / self.mass_n
        self.atoms.positions += TIMESTEP * self.v_nc
        self.compute()
        self.v_nc = self.v_nc + 0.5 * TIMESTEP * self.f_nc / self.mass_n


def box(folder: Path) -> Atoms:
    return ase.io.read(folder / "data.H2O-360mol", format="lammps-data", atom_style="atomic", Z_of_type={1: 1, 2: 8})


def test_energies_forces_and_pressures_are_n2p2s(water) -> None:
    expected = np.array([[float(word) for word in line.split()] for line in LOG.split("\n")[1:-1]])
    run = Trajectory(read_n2p2(water / "hdnnp-data"), box(water))
    found = [run.row()]
    for _ in expected[1:]:
        run.step()
        found.append(run.row())
    # the log has eight digits: of large numbers fewer than those after the point
    np.testing.assert_allclose(found, expected, rtol=DIGITS, atol=1e-12)


def test_written_again_it_is_the_same_potential(water, tmp_path) -> None:
    potential = read_n2p2(water / "hdnnp-data")
    again = read_n2p2(write_n2p2(potential, tmp_path)[0])
    atoms = box(water)[:90]
    ours, theirs = potential.predict(atoms), again.predict(atoms)
    np.testing.assert_allclose(theirs.local_energies[0], ours.local_energies[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(theirs.forces[0], ours.forces[0], rtol=0, atol=1e-8)
    assert len(again.out_of_range(atoms)) == len(potential.out_of_range(atoms))


def test_its_conventions_are_told(water) -> None:
    told = explain(water / "hdnnp-data")
    assert "mean_energy" in told.of("normalisation").theirs
    assert told.of("factors of LAMMPS").verdict == "differs"
