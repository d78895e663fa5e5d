"""The sets of molecules: what is cheap recomputes to what is stored, and the degenerate pairs are what they claim."""

from __future__ import annotations

import gzip
import importlib.util
import io
import sys
from importlib.resources import as_file, files
from pathlib import Path
from types import ModuleType

import ase.io
import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.distance import cdist

from potscope import sample_data
from potscope.core.dataset import Dataset
from potscope.core.descriptors import SOAP, CoulombMatrix
from potscope.sample_data import ethanol_dynamics, molecular, small_molecules

NAMES = {found.name for found in sample_data.list()}
HARTREE = 27.211386
PAIR_DIFFERENCE = 0.9649  # eV at 0.6 Å, as the README of the set says


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skip where a package of the extra ``data`` is missing."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed: the extra `data`")


def needs_set(name: str) -> pytest.MarkDecorator:
    """Skip where a set has not been computed."""
    return pytest.mark.skipif(name not in NAMES, reason=f"the set {name} has not been computed")


def script(name: str, monkeypatch: pytest.MonkeyPatch, stem: str = "generate") -> ModuleType:
    """A script of a set, as a module; it may import others beside it."""
    with as_file(files(sample_data) / name / f"{stem}.py") as path:
        monkeypatch.syspath_prepend(path.parent)
        spec = importlib.util.spec_from_file_location(f"{name.replace('-', '_')}_{stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    monkeypatch.delitem(sys.modules, "isospectral", raising=False)
    return module


def frames(name: str) -> list[Atoms]:
    """The frames of a set with all that they carry, which a `Dataset` does not keep."""
    (found,) = (one for one in sample_data.list() if one.name == name)
    packed = (files(sample_data) / name / found.file).read_bytes()
    text = gzip.decompress(packed) if found.file.endswith(".gz") else packed
    # unpacked first: ASE looks for each frame from the beginning of a packed file, minutes for thousands
    return ase.io.read(io.StringIO(text.decode()), ":", format="extxyz")


def stored(dataset: Dataset, identity: str) -> tuple[Atoms, float, np.ndarray | None]:
    s = dataset.ids.index(identity)
    return dataset.structures[s], float(dataset.energies[s]), dataset.forces[s]


def sorted_distances(atoms: Atoms) -> np.ndarray:
    return np.sort(atoms.get_all_distances()[np.triu_indices(len(atoms), 1)])


@needs("pyscf")
@pytest.mark.parametrize(("name", "identity"), [("ethanol", "500K-050"), ("ethanol-second", "second-1000K-100")])
def test_an_ethanol_is_what_pyscf_says(name: str, identity: str) -> None:
    atoms, energy, forces_nc = stored(sample_data.load(name), identity)
    result = molecular.pbe(Atoms(atoms.numbers, atoms.positions))
    assert abs(result.info["REF_energy"] - energy) < 1e-6
    np.testing.assert_allclose(result.arrays["REF_forces"], forces_nc, atol=2e-4)


def test_the_sets_of_ethanol_are_of_different_trajectories(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [sample_data.load(name) for name in ("ethanol", "ethanol-second")]
    assert not set(sets[0].ids) & set(sets[1].ids)
    distances = [np.array([sorted_distances(atoms) for atoms in one.structures]) for one in sets]
    assert cdist(*distances, "chebyshev").min() > 0.01
    streams = []
    for one, name in zip(sets, ("ethanol", "ethanol-second"), strict=True):
        trajectories = script(name, monkeypatch).TRAJECTORIES
        assert {f"{t.temperature} K": t.count for t in trajectories} == one.group_sizes
        assert {t.name for t in trajectories} == {identity.rsplit("-", 1)[0] for identity in one.ids}
        streams += [t.stream for t in trajectories]
    assert len(set(streams)) == len(streams)


@needs("tblite")
def test_ethanol_is_drawn_once_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ethanol_dynamics, "EQUILIBRATION", 3)
    monkeypatch.setattr(ethanol_dynamics, "SPACING", 2)
    trajectories = [ethanol_dynamics.Trajectory(f"{t}K", t, 2, stream=n) for n, t in enumerate((300, 1000))]
    drawn = ethanol_dynamics.drawn_once(trajectories, tmp_path)
    assert [atoms.info["id"] for atoms in ethanol_dynamics.interleaved(drawn)] == [
        "300K-000",
        "1000K-000",
        "300K-001",
        "1000K-001",
    ]
    np.testing.assert_allclose(trajectories[0].draw()[0].positions, drawn[0].positions, atol=1e-8)
    monkeypatch.setattr(ethanol_dynamics.Trajectory, "draw", lambda trajectory: pytest.fail("drawn again"))
    again = ethanol_dynamics.drawn_once(trajectories, tmp_path)
    np.testing.assert_array_equal([a.positions for a in again], [a.positions for a in drawn])


@needs("tblite")
def test_ethanol_is_relaxed(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_xtb(atoms: Atoms, scratch: object) -> Atoms:
        result = atoms.copy()
        atoms.calc = molecular.xtb()
        result.info["REF_energy"], result.arrays["REF_forces"] = atoms.get_potential_energy(), atoms.get_forces()
        return result

    monkeypatch.setattr(molecular, "pbe", by_xtb)
    found = ethanol_dynamics.relaxed(ethanol_dynamics.trans(), Path())
    assert np.abs(found.arrays["REF_forces"]).max() < ethanol_dynamics.FMAX
    assert abs(found.get_dihedral(*ethanol_dynamics.HYDROXYL) - 180) < 1


@needs("pyscf")
@needs_set("molecules")
@pytest.mark.parametrize("smiles", ["C", "C=O"])
def test_a_molecule_is_what_pyscf_says(smiles: str) -> None:
    frame = next(frame for frame in frames("molecules") if frame.info["smiles"] == smiles)
    result = molecular.pbe(Atoms(frame.numbers, frame.positions), with_forces=False)
    assert abs(result.info["REF_energy"] - frame.info["REF_energy"]) < 1e-5


@needs("pyscf")
def test_the_corrected_coarse_grid_gives_the_solution_of_the_fine_one() -> None:
    methanal = Atoms("COHH", [[0, 0, -0.53], [0, 0, 0.68], [0, 0.93, -1.11], [0, -0.95, -1.1]])
    plain, corrected = molecular.kohn_sham(methanal), molecular.kohn_sham(methanal)
    plain.conv_tol = 1e-12
    plain.kernel()
    molecular.solve(corrected)
    assert abs(plain.e_tot - corrected.e_tot) < 1e-9
    np.testing.assert_allclose(molecular.forces(corrected), molecular.forces(plain), atol=1e-4)
    np.testing.assert_allclose(molecular.forces(corrected).sum(axis=0), 0, atol=1e-8)


@needs("pyscf")
def test_hydrogen_dissociates_into_two_atoms() -> None:
    far = molecular.lowest(Atoms("HH", [[0, 0, 0], [0, 0, 8]]), (1, -1))
    near = molecular.lowest(Atoms("HH", [[0, 0, 0], [0, 0, 0.75]]), (1, -1))
    atom = molecular.lowest(Atoms("H"), (1,))
    assert abs(far.e_tot - 2 * atom.e_tot) < 1e-4
    assert abs(far.spin_square()[0] - 1) < 1e-3
    assert abs(near.spin_square()[0]) < 1e-6
    assert near.e_tot * HARTREE < far.e_tot * HARTREE - 4


@needs("tblite")
@needs_set("molecules-xtb")
def test_energies_are_what_tblite_says() -> None:
    dataset = sample_data.load("molecules-xtb")
    for s in np.linspace(0, len(dataset) - 1, 8).astype(int):
        atoms = dataset.structures[s].copy()
        atoms.calc = molecular.xtb()
        assert abs(atoms.get_potential_energy() - dataset.energies[s]) < 1e-5, dataset.ids[s]


@pytest.mark.parametrize("name", [name for name in ("molecules", "molecules-xtb") if name in NAMES])
def test_atomisation_energies_are_a_constant_of_each_element_away(name: str) -> None:
    dataset = sample_data.load(name)
    atomisation = np.array([frame.info["E_atomisation"] for frame in frames(name)])
    counts = np.array([[atoms.symbols.count(s) for s in "HCNO"] for atoms in dataset.structures], dtype=float)
    free, *_ = np.linalg.lstsq(counts, dataset.energies - atomisation)
    np.testing.assert_allclose(counts @ free, dataset.energies - atomisation, atol=1e-6)
    assert (atomisation < 0).all()


@needs("rdkit")
def test_molecules_are_enumerated() -> None:
    assert small_molecules.enumerate_smiles(1) == ["C"]
    assert set(small_molecules.enumerate_smiles(2)) == {"CC", "CN", "CO", "C=C", "C=N", "C=O", "C#C", "C#N"}
    three = small_molecules.enumerate_smiles(3)
    assert {"CCO", "COC", "C1CC1", "NC=O", "O=CO", "CC#N"} <= set(three)
    assert not {"COO", "C=C=C", "C1=CC1", "OCO", "O=C=O"} & set(three)
    assert len(small_molecules.enumerate_smiles(5)) == len(set(small_molecules.enumerate_smiles(5))) == 417


@needs("rdkit", "tblite")
def test_a_molecule_is_relaxed_and_still_the_same() -> None:
    methanol = small_molecules.relaxed("CO")
    assert methanol.get_chemical_formula() == "CH4O"
    assert small_molecules.bonded(methanol).sum() == 2 * 5
    np.testing.assert_array_equal(methanol.positions, methanol.positions.round(4))
    methanol.calc = molecular.xtb()
    assert np.abs(methanol.get_forces()).max() < 0.03


def test_the_pair_cannot_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    methane = script("degenerate-methane", monkeypatch).methane
    soap = SOAP(species=["H", "C"], cutoff=4.0, n_max=6, l_max=6, sigma=0.3)
    for height in (0.2, 0.6, 1.0):
        pair = methane(0, 0, height), methane(1, 1, height)
        np.testing.assert_allclose(sorted_distances(pair[0]), sorted_distances(pair[1]), atol=1e-12)
        first_f, second_f = (soap.compute(atoms).values[0] for atoms in pair)
        np.testing.assert_allclose(first_f, second_f, atol=1e-10 * np.abs(first_f).max())
        between_f = soap.compute(methane(0.5, 0.5, height)).values[0]
        assert np.abs(between_f - first_f).max() > 1e-3 * np.abs(first_f).max()


@needs_set("degenerate-methane")
def test_the_stored_pair_has_different_energies() -> None:
    dataset = sample_data.load("degenerate-methane")
    (first, energy_1, _), (second, energy_2, _) = (stored(dataset, f"{group}-020") for group in ("first", "second"))
    np.testing.assert_allclose(sorted_distances(first), sorted_distances(second), atol=1e-12)
    soap = SOAP(species=["H", "C"], cutoff=4.0, n_max=6, l_max=6, sigma=0.3)
    np.testing.assert_allclose(soap.compute(first).values[0], soap.compute(second).values[0], atol=1e-10)
    assert abs(energy_1 - energy_2 - PAIR_DIFFERENCE) < 1e-4


@needs("pyscf")
@needs_set("degenerate-methane")
def test_a_degenerate_methane_is_what_pyscf_says() -> None:
    atoms, energy, forces_nc = stored(sample_data.load("degenerate-methane"), "second-010")
    result = molecular.open_shell(Atoms(atoms.numbers, atoms.positions), (2, -0.5, -0.5, -0.5, -0.5))
    assert abs(result.info["REF_energy"] - energy) < 1e-5
    np.testing.assert_allclose(result.arrays["REF_forces"], forces_nc, atol=1e-3)
    (frame,) = (frame for frame in frames("degenerate-methane") if frame.info["id"] == "second-010")
    assert abs(result.info["spin_squared"] - frame.info["spin_squared"]) < 1e-3


def test_isomers_have_equal_coulomb_spectra(monkeypatch: pytest.MonkeyPatch) -> None:
    isospectral = script("degenerate-methane", monkeypatch, "isospectral")
    for first, second in isospectral.pairs():
        assert first.get_chemical_formula() == second.get_chemical_formula()
        eigenvalues = [np.linalg.eigvalsh(isospectral.coulomb_matrix(a.numbers, a.positions)) for a in (first, second)]
        np.testing.assert_allclose(*eigenvalues, atol=1e-10)
        assert np.abs(sorted_distances(first) - sorted_distances(second)).max() > 0.3


@needs_set("degenerate-methane")
def test_the_descriptor_takes_the_stored_isomers_for_one() -> None:
    dataset = sample_data.load("degenerate-methane")
    members = [s for s, group in enumerate(dataset.groups) if group == "spectrum"]
    for first, second in zip(members[::2], members[1::2], strict=True):
        pair = [dataset.structures[s] for s in (first, second)]
        spectra = CoulombMatrix(n_atoms_max=len(pair[0]), permutation="eigenspectrum").compute(pair).values
        np.testing.assert_allclose(spectra[0], spectra[1], atol=1e-10)
        assert np.abs(sorted_distances(pair[0]) - sorted_distances(pair[1])).max() > 0.3
        assert abs(dataset.energies[first] - dataset.energies[second]) > 0.1
