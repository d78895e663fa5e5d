"""`input.data` of n2p2 and RuNNer: both unit systems, how they are told apart, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st

from potscope.core.dataset import Dataset

from structures import random_structure, with_results
from writers import write_input_data

INPUT_UNITS = {"ev-angstrom": (1.0, 1.0), "hartree-bohr": (units.Hartree, units.Bohr)}


@st.composite
def results_of_atoms(draw: st.DrawFn) -> list[Atoms]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    periodic = draw(st.booleans())
    structures = [random_structure(rng, draw(st.integers(1, 5)), periodic) for _ in range(draw(st.integers(1, 4)))]
    if not periodic:
        structures = [Atoms(atoms.numbers, atoms.positions) for atoms in structures]
    return [with_results(atoms, rng) for atoms in structures]


@settings(deadline=None, max_examples=60)
@given(structures=results_of_atoms(), unit=st.sampled_from(sorted(INPUT_UNITS)))
def test_input_data_round_trip(tmp_path_factory: pytest.TempPathFactory, structures: list[Atoms], unit: str) -> None:
    path = tmp_path_factory.mktemp("round") / "input.data"
    write_input_data(path, structures, *INPUT_UNITS[unit])
    dataset = Dataset.read(path, units=unit)
    assert len(dataset) == len(structures)
    for s, atoms in enumerate(structures):
        np.testing.assert_array_equal(dataset.structures[s].numbers, atoms.numbers)
        np.testing.assert_array_equal(dataset.structures[s].pbc, atoms.pbc)
        np.testing.assert_allclose(dataset.structures[s].positions, atoms.positions, rtol=1e-14)
        np.testing.assert_allclose(dataset.structures[s].cell[:], atoms.cell[:], rtol=1e-14)
        np.testing.assert_allclose(dataset.energies[s], atoms.calc.results["energy"], rtol=1e-14)
        np.testing.assert_allclose(dataset.forces[s], atoms.calc.results["forces"], rtol=1e-13)


def crystals_and_molecules() -> list[Atoms]:
    """Bonds of all kinds: covalent, metallic, ionic, molecular."""
    crystals = [bulk("Si"), bulk("C"), bulk("Cu"), bulk("Na"), bulk("Cs"), bulk("NaCl", "rocksalt", a=5.64), bulk("Ta")]
    crystals += [bulk("LiF", "rocksalt", a=4.03), bulk("MgO", "rocksalt", a=4.21), bulk("W"), bulk("Pb")]
    return crystals + [molecule(name) for name in ("H2O", "CH3CH2OH", "C6H6", "CO2", "NH3", "H2")]


def formula(atoms: Atoms) -> str:
    return str(atoms.symbols)


@pytest.mark.parametrize("unit", sorted(INPUT_UNITS))
@pytest.mark.parametrize("atoms", crystals_and_molecules(), ids=formula)
def test_input_data_units_are_told_by_distances(tmp_path: Path, atoms: Atoms, unit: str) -> None:
    atoms.calc = SinglePointCalculator(atoms, energy=-1.5, forces=np.full((len(atoms), 3), 0.25))
    write_input_data(tmp_path / "input.data", [atoms], *INPUT_UNITS[unit])
    dataset = Dataset.read(tmp_path / "input.data")
    np.testing.assert_allclose(dataset.structures[0].positions, atoms.positions, atol=1e-12)
    np.testing.assert_allclose(dataset.energies, -1.5)
    np.testing.assert_allclose(dataset.forces[0], 0.25)
    (note,) = dataset.notes
    assert note.startswith(f"units: taken to be {unit}, since nearest neighbours are then ")
    assert "choose with `units`" in note


@pytest.mark.parametrize(
    ("atoms", "reason"),
    [
        (Atoms("Si"), "without neighbouring atoms they can't be told"),
        (Atoms("Si2", [[0, 0, 0], [0, 0, 3.08]]), r"nearest neighbours are 1\.39 times"),
    ],
)
def test_input_data_units_that_cannot_be_told(tmp_path: Path, atoms: Atoms, reason: str) -> None:
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, forces=np.ones((len(atoms), 3)))
    write_input_data(tmp_path / "input.data", [atoms])
    with pytest.raises(ValueError, match=rf"`files`: input\.data: `units`: expected 'ev-angstrom' or .*{reason}"):
        Dataset.read(tmp_path / "input.data")
    assert Dataset.read(tmp_path / "input.data", units="eV-Angstrom").energies.tolist() == [1.0]


def test_input_data_of_zero_forces(tmp_path: Path) -> None:
    atoms = bulk("Si")
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, forces=np.zeros((2, 3)))
    write_input_data(tmp_path / "input.data", [atoms])
    dataset = Dataset.read(tmp_path / "input.data", units="ev-angstrom")
    assert dataset.notes == (
        "forces: all are zero; if they are just unknown, leave them out with an empty `forces_key`",
    )
    assert Dataset.read(tmp_path / "input.data", units="ev-angstrom", forces_key="").n_forces == 0


GOOD_BLOCK = "begin\ncomment x\natom 0 0 0 H 0 0 0 0 1\natom 0 0 0.74 H 0 0 0 0 -1\nenergy -1\ncharge 0\nend\n"


@pytest.mark.parametrize(
    ("text", "frame", "message"),
    [
        (GOOD_BLOCK + "begin\natom 0 0 0 H 0 0 0 0\nend\n", 1, "line 9: expected 6 numbers, got 5"),
        (GOOD_BLOCK + "begin\natom 0 0 zero H 0 0 0 0 0\nend\n", 1, "line 9: expected numbers, got '0 0 zero 0 0 0'"),
        (GOOD_BLOCK + "begin\natom 0 0 0 Qq 0 0 0 0 0\nend\n", 1, "unknown element 'Qq'"),
        (GOOD_BLOCK + "begin\nlattice 1 0 0\natom 0 0 0 H 0 0 0 0 0\nend\n", 1, "line 9: expected three lines"),
        (GOOD_BLOCK + "begin\ncolour red\nend\n", 1, "line 9: expected `atom`, .* got 'colour'"),
        (GOOD_BLOCK + "energy 1\n", 1, "line 8: expected `begin`, got 'energy 1'"),
        (GOOD_BLOCK + "begin\nbegin\n", 1, "line 9: expected `end`, got 'begin'"),
        (GOOD_BLOCK + "begin\nenergy 1\n", 1, "line 9: expected `end`, the file ends"),
        ("begin x y z\n" + GOOD_BLOCK, 0, "line 1: expected `begin` alone, got named columns"),
    ],
)
def test_input_data_errors(tmp_path: Path, text: str, frame: int, message: str) -> None:
    (tmp_path / "input.data").write_text(text)
    with pytest.raises(ValueError, match=rf"`files`: input\.data, frame {frame}: could not be read .*: {message}"):
        Dataset.read(tmp_path / "input.data", units="ev-angstrom")


def test_input_data_of_the_published_tantalum(tmp_path: Path, reference_folder: Path) -> None:
    """Written in Hartree and Bohr from the published set and read again, its units found by the distances."""
    other = Dataset.read(reference_folder / "fitsnap_ta" / "Ta_363.xyz")
    structures = []
    for s, atoms in enumerate(other.structures):
        copy = atoms.copy()
        copy.calc = SinglePointCalculator(copy, energy=other.energies[s], forces=other.forces[s])
        structures.append(copy)
    write_input_data(tmp_path / "input.data", structures, *INPUT_UNITS["hartree-bohr"])
    dataset = Dataset.read(tmp_path / "input.data")
    assert "taken to be hartree-bohr" in dataset.notes[0]
    np.testing.assert_allclose(dataset.energies, other.energies, rtol=1e-13)
    for found_nc, expected_nc in zip(dataset.forces, other.forces, strict=True):
        np.testing.assert_allclose(found_nc, expected_nc, rtol=0, atol=1e-12)
