"""Potentials behind LAMMPS' Python interface: on arrays as LAMMPS gives them, and in a LAMMPS that has it."""

from __future__ import annotations

import os
import pickle
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from potscope.core.descriptors import ACSF
from potscope.core.exchange import ExchangeError, MliapModel, write_mliap
from potscope.core.models import GAP, REGISTRY, KernelRidge, NeuralNetwork, NotFitted, PairPotential
from potscope.core.models.base import LocalPotential

from exchanged import case, crystal, deviations, fitted_network, fitted_pairs, gap, snap, structures
from peers import peers_python, run_peer

HERE = Path(__file__).resolve().parent
SALT = ("Na", "Cl")
POTENTIALS = {
    "SNAP": lambda: snap("two elements"),
    "GAP": lambda: gap("everything"),
    "NeuralNetwork": fitted_network,
    "PairPotential": fitted_pairs,
}


class MLIAPData:
    """The attributes of LAMMPS' ``MLIAPDataPy`` for one process, with images of the atoms as ghosts."""

    def __init__(self, atoms: Atoms, elements: list[str], reach: float, order: np.ndarray) -> None:
        cell = atoms.cell[:]
        needed = np.ceil(reach * np.linalg.norm(np.linalg.inv(cell), axis=0)).astype(int) * atoms.pbc
        shifts = [np.array(s) for s in product(*(range(-n, n + 1) for n in needed)) if any(s)]
        self.positions = np.concatenate([atoms.positions, *(atoms.positions + shift @ cell for shift in shifts)])
        self.owner = np.tile(np.arange(len(atoms)), 1 + len(shifts))
        elems = np.array([elements.index(symbol) for symbol in atoms.get_chemical_symbols()], dtype=np.int32)
        self.ntotal, self.nlistatoms, self.eflag = len(self.positions), len(atoms), 1
        self.iatoms = order.astype(np.int32)
        self.ielems = elems[order]
        pair_i, pair_j = [], []
        for i in order:
            distance = np.linalg.norm(self.positions - self.positions[i], axis=1)
            near = np.flatnonzero((distance < reach) & (np.arange(self.ntotal) != i))
            pair_i += [i] * len(near)
            pair_j += near.tolist()
        self.npairs = len(pair_i)
        self.pair_i, self.jatoms = np.array(pair_i, dtype=np.int32), np.array(pair_j, dtype=np.int32)
        self.jelems = elems[self.owner[self.jatoms]] if pair_j else None
        self.rij = self.positions[self.jatoms] - self.positions[self.pair_i] if pair_j else None
        self.f = np.zeros((self.ntotal, 3))
        self.energy = np.nan
        self._eatoms = np.full(self.nlistatoms, np.nan)

    def _set_eatoms(self, values: np.ndarray) -> None:
        assert isinstance(values, np.ndarray)
        assert values.dtype == np.float64
        self._eatoms[:] = values

    eatoms = property(None, _set_eatoms)

    def results(self, volume: float | None) -> dict[str, object]:
        """As LAMMPS makes them of what it was given: forces of images added up, the virial from forces and places."""
        local = np.empty(self.nlistatoms)
        local[self.iatoms] = self._eatoms
        forces = np.stack([np.bincount(self.owner, self.f[:, c], self.nlistatoms) for c in range(3)], axis=1)
        found = {"energy": self.energy, "local_energies": local.tolist(), "forces": forces.tolist()}
        if volume is not None:
            virial = self.positions.T @ self.f
            stress = -(virial + virial.T) / 2 / volume
            found["stress"] = [stress[a, b] for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))]
        return found


@pytest.mark.parametrize("name", POTENTIALS)
def test_what_lammps_is_given(name) -> None:
    potential = POTENTIALS[name]()
    model = pickle.loads(pickle.dumps(MliapModel(potential, SALT)))  # noqa: S301 - our own
    assert model.rcutfac == potential.reach / 2
    for atoms, volume in zip(structures(SALT), (structures(SALT)[0].get_volume(), None), strict=True):
        data = MLIAPData(atoms, model.element_types, potential.reach, np.array([3, 1, 0, 4, 2]))
        data.f += 0.5
        model.compute_descriptors(data)
        model.compute_gradients(data)
        model.compute_forces(data)
        data.f -= 0.5
        found = deviations(potential.predict(atoms), [data.results(volume)])
        assert max(found.values()) < 1e-9, found


@pytest.mark.parametrize("name", POTENTIALS)
def test_elements_are_known(name) -> None:
    assert sorted(MliapModel(POTENTIALS[name]()).element_types) == ["Cl", "Na"]


def test_atoms_without_neighbours() -> None:
    potential = snap("two elements")
    model = MliapModel(potential)
    alone = Atoms("NaCl", [[5, 5, 5], [20, 20, 20]], cell=[30, 30, 30])
    data = MLIAPData(alone, ["Na", "Cl"], potential.reach, np.array([1, 0]))
    assert data.npairs == 0
    model.compute_gradients(data)
    model.compute_forces(data)
    found = deviations(potential.predict(alone), [data.results(None)])
    assert max(found.values()) < 1e-12, found


def test_every_family_of_neighbourhoods_is_tried() -> None:
    local = {name for name, cls in REGISTRY.items() if issubclass(cls, LocalPotential)}
    assert local - {"CompositionModel"} == set(POTENTIALS)


def test_the_files(tmp_path) -> None:
    files = write_mliap(snap("two elements"), tmp_path / "new", "salt", crystal(SALT))
    assert "pair_style mliap unified salt.pkl 0\npair_coeff * * Na Cl\n" in files.commands.read_text()
    assert "include salt.mliap" in files.input.read_text()
    assert (tmp_path / "new" / "salt.data").is_file()
    assert pickle.loads(files.model.read_bytes()).element_types == ["Na", "Cl"]  # noqa: S301 - our own


@pytest.fixture(scope="module")
def lammps_with_mliap() -> Path:
    """The Python of a LAMMPS that has ML-IAP with Python, and potscope."""
    python = peers_python("LAMMPS")
    probe = (
        "from lammps import lammps\n"
        "lmp = lammps(cmdargs=['-screen', 'none', '-log', 'none'])\n"
        "import lammps.mliap\n"
        "lammps.mliap.activate_mliappy(lmp)\n"
        "import potscope.core.exchange\n"
    )
    libraries = {**os.environ, "LD_LIBRARY_PATH": str(Path(python).absolute().parent.parent / "lib")}
    tried = subprocess.run([python, "-c", probe], env=libraries, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this LAMMPS has no ML-IAP with Python: {tried.stderr.strip().splitlines()[-1]}")
    return Path(python)


@pytest.mark.usefixtures("lammps_with_mliap")
def test_lammps_that_is_installed_agrees(tmp_path) -> None:
    atoms, cases, ours = structures(SALT, seed=9), [], []
    for name, make in POTENTIALS.items():
        potential, folder = make(), tmp_path / name
        commands = write_mliap(potential, folder, species=SALT).commands.read_text()
        cases += [case(one, species=SALT, folder=str(folder), commands=commands, mliap=True) for one in atoms]
        ours.append(potential.predict(atoms))
    values = run_peer(HERE / "run_lammps.py", "LAMMPS", cases, tmp_path)
    for place, name in enumerate(POTENTIALS):
        found = deviations(ours[place], values[2 * place : 2 * place + 2])
        assert max(found.values()) < 1e-6, (name, found)


def test_what_cannot_be(tmp_path) -> None:
    with pytest.raises(NotFitted):
        MliapModel(NeuralNetwork(ACSF(SALT)))
    with pytest.raises(ExchangeError, match="expected one that sees atoms by their neighbours, got KernelRidge"):
        write_mliap(KernelRidge.__new__(KernelRidge), tmp_path)
    with pytest.raises(ExchangeError, match="`species`: expected the elements"):
        MliapModel(snap("two elements"), ())
    assert issubclass(GAP, LocalPotential)
    assert issubclass(PairPotential, LocalPotential)
