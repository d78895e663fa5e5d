"""What people bring: every format is recognised, read to the same data, and says what it assumed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st

from potscope.core.dataset import Dataset
from potscope.core.formats import FORMATS

from structures import random_structure, with_results
from writers import KCAL, WRITERS, write_fitsnap, write_input_data, write_md17, write_npz, write_qm7

NAMES = [found.name for found in FORMATS]
HAVE_STRESS = set(NAMES) - {"input.data of n2p2 or RuNNer", "npz of MD17", "mat of QM7"}
HAVE_FORCES = set(NAMES) - {"mat of QM7"}
NOT_PERIODIC = {"npz of MD17", "mat of QM7"}
KNOWN_BY_NAME = {"XYZ", "ASE database"}
COMPRESSED = set(NAMES) - {"ASE database"}
WITHOUT_ASSUMPTIONS = {"XYZ", "ASE database", "a format of ASE"}
UNITS = {"input.data of n2p2 or RuNNer": "ev-angstrom"}


@pytest.fixture
def same_atoms() -> list[Atoms]:
    """Three structures of the same four atoms, apart from each other as atoms are, with results."""
    rng = np.random.default_rng(3)
    first = bulk("Si", cubic=True)[[0, 1, 2, 3]]
    first.numbers[1:3] = [14, 6]
    found = []
    for _ in range(3):
        atoms = first.copy()
        atoms.rattle(0.05, rng=rng)
        found.append(with_results(atoms, rng))
    return found


def read_options(name: str) -> dict[str, str]:
    return {"units": UNITS[name]} if name in UNITS else {}


def assert_same(dataset: Dataset, structures: list[Atoms], name: str, tolerance: float = 1e-6) -> None:
    assert len(dataset) == len(structures)
    for s, atoms in enumerate(structures):
        results = atoms.calc.results
        np.testing.assert_array_equal(dataset.structures[s].numbers, atoms.numbers)
        np.testing.assert_allclose(dataset.structures[s].positions, atoms.positions, rtol=0, atol=tolerance)
        np.testing.assert_allclose(dataset.energies[s], results["energy"], rtol=0, atol=tolerance)
        if name in NOT_PERIODIC:
            assert not dataset.structures[s].pbc.any()
        else:
            np.testing.assert_allclose(dataset.structures[s].cell[:], atoms.cell[:], rtol=0, atol=tolerance)
            assert dataset.structures[s].pbc.all()
        if name in HAVE_FORCES:
            np.testing.assert_allclose(dataset.forces[s], results["forces"], rtol=0, atol=tolerance)
        else:
            assert dataset.forces[s] is None
        if name in HAVE_STRESS:
            np.testing.assert_allclose(dataset.stresses[s], results["stress"], rtol=0, atol=tolerance)
        else:
            assert np.isnan(dataset.stresses[s]).all()


# -- every format -----------------------------------------------------------------------------------------------------


def test_every_format_is_written_here() -> None:
    assert list(WRITERS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_read(tmp_path: Path, same_atoms: list[Atoms], name: str) -> None:
    file, write = WRITERS[name]
    write(tmp_path / file, same_atoms)
    dataset = Dataset.read(tmp_path / file, **read_options(name))
    assert_same(dataset, same_atoms, name)
    assert bool(dataset.notes) != (name in WITHOUT_ASSUMPTIONS | UNITS.keys())


@pytest.mark.parametrize("name", sorted(set(NAMES) - KNOWN_BY_NAME))
def test_recognised_by_what_is_in_it(tmp_path: Path, same_atoms: list[Atoms], name: str) -> None:
    write = WRITERS[name][1]
    write(tmp_path / "anything", same_atoms)
    assert_same(Dataset.read(tmp_path / "anything", **read_options(name)), same_atoms, name)


@pytest.mark.parametrize("name", sorted(COMPRESSED))
def test_compressed(tmp_path: Path, same_atoms: list[Atoms], name: str) -> None:
    file, write = WRITERS[name]
    write(tmp_path / file, same_atoms)
    (tmp_path / f"{file}.gz").write_bytes(gzip.compress((tmp_path / file).read_bytes()))
    assert_same(Dataset.read(tmp_path / f"{file}.gz", **read_options(name)), same_atoms, name)


@pytest.mark.parametrize("name", NAMES)
def test_half_a_file(tmp_path: Path, same_atoms: list[Atoms], name: str) -> None:
    """It is refused by name, or, where steps are written as they come, read up to the last whole one."""
    file, write = WRITERS[name]
    write(tmp_path / file, same_atoms)
    content = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(content[: len(content) // 2])
    if name in ("OUTCAR of VASP", "vasprun.xml of VASP"):
        assert_same(Dataset.read(tmp_path / file), same_atoms[:1], name)
    else:
        with pytest.raises(ValueError, match=f"`files`: {file}, frame [0-3]: could not be read as a structure: .+"):
            Dataset.read(tmp_path / file, **read_options(name))


@pytest.mark.parametrize("found", FORMATS, ids=NAMES)
def test_units_are_refused_where_they_are_known(tmp_path: Path, same_atoms: list[Atoms], found: object) -> None:
    file, write = WRITERS[found.name]
    write(tmp_path / file, same_atoms)
    wrong = next(unit for unit in ("hartree-bohr", "kcal/mol") if unit not in found.units)
    with pytest.raises(ValueError, match=f"`units`: {file} is read as {found.name}; expected .*, got '{wrong}'"):
        Dataset.read(tmp_path / file, units=wrong)


def test_unheard_of_units(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    write_npz(tmp_path / "a.npz", same_atoms)
    with pytest.raises(ValueError, match=r"`units`: expected one of 'ev-angstrom', .*, got 'furlong'"):
        Dataset.read(tmp_path / "a.npz", units="furlong")


# -- FitSNAP ----------------------------------------------------------------------------------------------------------


def test_fitsnap_published(reference_folder: Path) -> None:
    dataset = Dataset.read(reference_folder / "fitsnap_ta" / "JSON")
    other = Dataset.read(reference_folder / "fitsnap_ta" / "Ta_363.xyz")
    assert dict(dataset.group_sizes) == dict(other.group_sizes)
    assert_matching(dataset, other, 1e-6)
    assert dataset.name == "JSON"
    assert "Displaced_A15/A15_1" in dataset.ids
    assert any("bar" in note and "sign is turned" in note for note in dataset.notes)
    assert len(dataset.notes) == 2


def assert_matching(dataset: Dataset, other: Dataset, tolerance: float) -> None:
    """Two sets hold the same, in whatever order."""
    assert len(dataset) == len(other)
    left = set(range(len(other)))
    for a, group in enumerate(dataset.groups):
        away_s = np.abs(other.energies - dataset.energies[a]) + np.abs(other.stresses - dataset.stresses[a]).sum(axis=1)
        b = min((s for s in left if other.groups[s] == group), key=away_s.__getitem__)
        left.remove(b)
        np.testing.assert_allclose(dataset.energies[a], other.energies[b], rtol=0, atol=tolerance)
        np.testing.assert_allclose(dataset.stresses[a], other.stresses[b], rtol=0, atol=tolerance)
        np.testing.assert_allclose(dataset.forces[a], other.forces[b], rtol=0, atol=tolerance)
        np.testing.assert_allclose(dataset.structures[a].positions, other.structures[b].positions, atol=tolerance)
        np.testing.assert_allclose(dataset.structures[a].cell[:], other.structures[b].cell[:], atol=tolerance)


def test_fitsnap_folder_has_groups_and_natural_order(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    for group in ("solid", "melt"):
        (tmp_path / "JSON" / group).mkdir(parents=True)
        for index, atoms in zip((1, 2, 10), same_atoms, strict=True):
            write_fitsnap(tmp_path / "JSON" / group / f"run_{index}.json", [atoms])
    dataset = Dataset.read(tmp_path / "JSON")
    assert dataset.groups == ("melt",) * 3 + ("solid",) * 3
    assert dataset.ids[:3] == ("melt/run_1", "melt/run_2", "melt/run_10")
    assert_same(dataset[:3], same_atoms, "FitSNAP JSON")
    assert dataset.notes == Dataset.read(tmp_path / "JSON" / "melt" / "run_1.json").notes


def test_notes_of_many_files_are_said_once(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    for index, atoms in enumerate(same_atoms):
        write_fitsnap(tmp_path / f"{index}.json", [atoms])
    dataset = Dataset.read(*sorted(tmp_path.iterdir()))
    assert len(dataset.notes) == 2
    assert dataset.groups == (tmp_path.name,) * 3


def test_notes_on_some_files_name_them(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    for name in ("a", "b", "c", "d"):
        write_npz(tmp_path / f"{name}.npz", same_atoms)
    WRITERS["XYZ"][1](tmp_path / "plain.xyz", same_atoms)
    dataset = Dataset.read(*sorted(tmp_path.iterdir()))
    assert dataset.notes[0].startswith("a, b, c and 1 more: units: energies taken to be in kcal/mol")
    assert dataset.n_stresses == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Energy": "low"}, "`Energy`: expected numbers of shape ()"),
        ({"Forces": [[0, 0, 0]]}, "`Forces`: expected shape (4, 3), got (1, 3)"),
        ({"Stress": [0, 0, 0]}, "`Stress`: expected shape (3, 3), got (3,)"),
        ({"AtomTypes": ["Si", "Si", "C", "Qq"]}, "unknown element 'Qq'"),
        ({"AtomTypes": "Si"}, "`AtomTypes`: expected a list, got 'Si'"),
        ({"Lattice": None}, "`Lattice`: expected"),
    ],
)
def test_fitsnap_errors(tmp_path: Path, same_atoms: list[Atoms], changes: dict[str, object], message: str) -> None:
    path = tmp_path / "JSON" / "bad" / "one.json"
    path.parent.mkdir(parents=True)
    write_fitsnap(path, same_atoms)
    content = json.loads(path.read_text().split("\n", 1)[1])
    content["Dataset"]["Data"][1].update(changes)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError) as caught:
        Dataset.read(tmp_path / "JSON")
    assert str(caught.value).startswith("`files`: JSON/bad/one.json, frame 1: could not be read as a structure: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(("style", "factor"), [("kbar", 1000 * units.bar), ("gigapascal", units.GPa)])
def test_fitsnap_names_its_units(tmp_path: Path, same_atoms: list[Atoms], style: str, factor: float) -> None:
    write_fitsnap(tmp_path / "a.json", same_atoms)
    text = (tmp_path / "a.json").read_text().replace('"bar"', f'"{style}"')
    (tmp_path / "a.json").write_text(text)
    expected_sv = np.array([atoms.calc.results["stress"] for atoms in same_atoms]) / units.bar * factor
    np.testing.assert_allclose(Dataset.read(tmp_path / "a.json").stresses, expected_sv, rtol=1e-12)
    (tmp_path / "a.json").write_text(text.replace(f'"{style}"', '"psi"'))
    with pytest.raises(ValueError, match=r"`StressStyle`: expected one of 'bar', .* got 'psi'"):
        Dataset.read(tmp_path / "a.json")


def test_unknown_references_are_left_out(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    write_fitsnap(tmp_path / "a.json", same_atoms)
    content = json.loads((tmp_path / "a.json").read_text().split("\n", 1)[1])
    for name in ("Energy", "Forces", "Stress"):
        del content["Dataset"]["Data"][1][name]
    (tmp_path / "a.json").write_text(json.dumps(content))
    dataset = Dataset.read(tmp_path / "a.json")
    assert (dataset.n_energies, dataset.n_forces, dataset.n_stresses) == (2, 2, 2)


# -- mlearn -----------------------------------------------------------------------------------------------------------


def test_mlearn_published(reference_folder: Path) -> None:
    dataset = Dataset.read(reference_folder / "mlearn" / "Si_test.json")
    other = Dataset.read(reference_folder / "mlearn" / "Si_test.xyz.gz")
    assert dict(dataset.group_sizes) == {"Vacancy": 7, "Surface": 2, "AIMD-NVT": 10, "Elastic": 6}
    assert_matching(dataset, other, 1e-6)
    assert any("kbar" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"energy": 1}, "expected the field `structure`, found 'energy'"),
        ({"structure": {"sites": []}, "outputs": {}}, "expected the field `lattice`, found 'sites'"),
        (
            {
                "structure": {
                    "lattice": {"matrix": np.eye(3).tolist()},
                    "sites": [{"species": [{"element": "Si", "occu": 0.5}], "abc": [0, 0, 0]}],
                },
                "outputs": {},
            },
            "`species`: expected one element that fills the site",
        ),
    ],
)
def test_mlearn_errors(tmp_path: Path, entry: dict[str, object], message: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    with pytest.raises(ValueError, match=rf"`files`: a\.json, frame 0: could not be read as a structure: {message}"):
        Dataset.read(tmp_path / "a.json")


def test_mlearn_fractional_positions(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    WRITERS["mlearn JSON"][1](tmp_path / "a.json", same_atoms)
    entries = json.loads((tmp_path / "a.json").read_text())
    for entry in entries:
        for site in entry["structure"]["sites"]:
            del site["xyz"]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    assert_same(Dataset.read(tmp_path / "a.json"), same_atoms, "mlearn JSON")


# -- input.data -------------------------------------------------------------------------------------------------------

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


# -- npz and mat ------------------------------------------------------------------------------------------------------


def test_md17_names(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    write_md17(tmp_path / "md17_ethanol.npz", same_atoms)
    dataset = Dataset.read(tmp_path / "md17_ethanol.npz")
    assert_same(dataset, same_atoms, "npz of MD17")
    assert "energies taken to be in kcal/mol" in dataset.notes[0]


@pytest.mark.parametrize(("said", "factor"), [("eV", 1.0), ("kcal/mol", KCAL), ("Hartree", units.Hartree)])
def test_npz_that_names_its_units(tmp_path: Path, same_atoms: list[Atoms], said: str, factor: float) -> None:
    write_md17(tmp_path / "a.npz", same_atoms, e_unit=said, r_unit="Ang")
    dataset = Dataset.read(tmp_path / "a.npz")
    np.testing.assert_allclose(dataset.energies[0], same_atoms[0].calc.results["energy"] / KCAL * factor)
    np.testing.assert_allclose(dataset.forces[0], same_atoms[0].calc.results["forces"] / KCAL * factor)
    assert dataset.notes == (f"units: energies in {said.lower()}, positions in Ang",)


def test_npz_in_bohr(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    write_md17(tmp_path / "a.npz", same_atoms, e_unit="Hartree", r_unit="bohr")
    dataset = Dataset.read(tmp_path / "a.npz")
    np.testing.assert_allclose(dataset.structures[0].positions, same_atoms[0].positions * units.Bohr)
    expected_nc = same_atoms[0].calc.results["forces"] / KCAL * units.Hartree / units.Bohr
    np.testing.assert_allclose(dataset.forces[0], expected_nc)


@pytest.mark.parametrize("words", [{"e_unit": "furlong"}, {"r_unit": "furlong"}])
def test_npz_in_unheard_of_units(tmp_path: Path, same_atoms: list[Atoms], words: dict[str, str]) -> None:
    write_md17(tmp_path / "a.npz", same_atoms, **words)
    with pytest.raises(ValueError, match=r"`files`: a\.npz: `(units|r_unit)`: expected .*'furlong'"):
        Dataset.read(tmp_path / "a.npz")


def test_npz_units_asked_for(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    write_npz(tmp_path / "a.npz", same_atoms)
    dataset = Dataset.read(tmp_path / "a.npz", units="eV")
    np.testing.assert_allclose(dataset.energies[0], same_atoms[0].calc.results["energy"] / KCAL)
    assert dataset.notes == ("units: energies in ev, positions in Å",)


def test_npz_without_some_references(tmp_path: Path) -> None:
    R_snc = np.random.default_rng(0).normal(size=(3, 2, 3))
    np.savez(tmp_path / "a.npz", z=[1, 1], R=R_snc, E=[1.0, np.nan, 3.0])
    dataset = Dataset.read(tmp_path / "a.npz")
    np.testing.assert_allclose(dataset.energies, np.array([1, np.nan, 3]) * KCAL)
    assert dataset.forces == (None, None, None)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1]}, r"expected the arrays `nuclear_charges`, .* or `z`, `R`, `E`, `F`, found 'a'"),
        ({"z": [1, 1], "R": np.zeros((2, 3, 3)), "E": [1, 2]}, r"`R`: expected shape \(structures, 2, 3\), got"),
        ({"z": [1, 1], "R": np.zeros((2, 2, 3)), "E": [1]}, "`E`: expected 2 numbers, got 1"),
        ({"z": [1, 1], "R": np.zeros((2, 2, 3)), "F": [1]}, r"`F`: expected shape \(2, 2, 3\), got \(1,\)"),
        ({"z": [1.5, 1], "R": np.zeros((2, 2, 3)), "E": [1, 2]}, "`z`: expected atomic numbers"),
        ({"z": [1, 1], "R": np.zeros((2, 2, 3)), "E": ["a", "b"]}, "`E`: expected numbers, got <U1"),
    ],
)
def test_npz_errors(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=rf"`files`: a\.npz, frame 0: could not be read as a structure: {message}"):
        Dataset.read(tmp_path / "a.npz")


def test_npz_never_runs_what_is_in_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", z=np.array([object()], dtype=object), R=np.zeros((1, 1, 3)))
    with pytest.raises(ValueError, match=r"allow_pickle"):
        Dataset.read(tmp_path / "a.npz")


def test_qm7_of_the_published_molecules(tmp_path: Path, reference_folder: Path) -> None:
    """QM7's own file, written from the published molecules."""
    other = Dataset.read(reference_folder / "qm7" / "qm7_7101.xyz.gz")[:200]
    structures = []
    for s, atoms in enumerate(other.structures):
        copy = atoms.copy()
        copy.calc = SinglePointCalculator(copy, energy=other.energies[s])
        structures.append(copy)
    write_qm7(tmp_path / "qm7.mat", structures)
    dataset = Dataset.read(tmp_path / "qm7.mat")
    np.testing.assert_allclose(dataset.energies, other.energies, rtol=1e-12)
    for found, expected in zip(dataset.structures, other.structures, strict=True):
        np.testing.assert_array_equal(found.numbers, expected.numbers)
        np.testing.assert_allclose(found.positions, expected.positions, rtol=0, atol=1e-12)


def test_qm7_folds_are_groups_for_who_asks(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    write_qm7(tmp_path / "qm7.mat", same_atoms)
    assert Dataset.read(tmp_path / "qm7.mat", group_key="fold").groups == ("0", "1", "2")


# -- VASP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["OUTCAR of VASP", "vasprun.xml of VASP"])
def test_vasp_energy_is_the_one_that_forces_belong_to(tmp_path: Path, same_atoms: list[Atoms], name: str) -> None:
    file, write = WRITERS[name]
    write(tmp_path / file, same_atoms)
    free = Dataset.read(tmp_path / file)
    extrapolated = Dataset.read(tmp_path / file, energy_key="energy_sigma_0")
    np.testing.assert_allclose(extrapolated.energies - free.energies, 0.01, atol=2e-8)
    assert any("free energy" in note for note in free.notes)


@pytest.fixture
def vasp_folder() -> Path:
    """VASP's output that comes with ASE."""
    folder = Path(pytest.importorskip("ase.test").__file__).parent / "testdata" / "vasp"
    if not folder.is_dir():
        pytest.skip("this ASE comes without the files of its tests")
    return folder


def test_outcar_of_vasp(vasp_folder: Path) -> None:
    dataset = Dataset.read(vasp_folder / "OUTCAR_example_1")
    assert dataset.energies.tolist() == [-68.22868532]
    # as it stands there: in kB -4.29429 -4.58894 -4.50342 0.50047 -0.94049 0.36481, order xx yy zz xy yz zx
    expected_v = np.array([4.29429, 4.58894, 4.50342, 0.94049, -0.36481, -0.50047]) * 0.1 * units.GPa
    np.testing.assert_allclose(dataset.stresses[0], expected_v, rtol=1e-12)
    np.testing.assert_allclose(dataset.forces[0][0], [0.030415, -0.114705, -0.460114])


def test_vasprun_of_vasp(vasp_folder: Path) -> None:
    dataset = Dataset.read(vasp_folder / "vasprun_dfpt.xml")
    np.testing.assert_allclose(dataset.energies, [-6.74587304])
    np.testing.assert_allclose(dataset.stresses[0, :3], -0.02252503, atol=1e-8)


# -- energies beside --------------------------------------------------------------------------------------------------


def write_plain(path: Path, structures: list[Atoms], comments: list[str]) -> None:
    lines = []
    for atoms, comment in zip(structures, comments, strict=True):
        rows = [
            f"{symbol} {x:.8f} {y:.8f} {z:.8f}"
            for symbol, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)
        ]
        lines += [str(len(atoms)), comment, *rows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def molecules(tmp_path: Path) -> list[Atoms]:
    """Three molecules in one XYZ file, and each in a file in a folder."""
    found = [molecule(name) for name in ("CH4", "H2O", "NH3")]
    write_plain(tmp_path / "molecules.xyz", found, ["0001 tetrahedral", "0002", "0003"])
    (tmp_path / "xyz").mkdir()
    for index, atoms in enumerate(found, start=1):
        write_plain(tmp_path / "xyz" / f"{index:04}.xyz", [atoms], ["charge 0"])
    return found


def test_energies_in_order(tmp_path: Path, molecules: list[Atoms]) -> None:
    (tmp_path / "energies.txt").write_text("# kcal/mol\n-417.0\n-220.5\n\nnan\n")
    dataset = Dataset.read(tmp_path / "molecules.xyz", energies=tmp_path / "energies.txt", units="kcal/mol")
    np.testing.assert_allclose(dataset.energies, np.array([-417.0, -220.5, np.nan]) * KCAL)
    assert dataset.keys.energy == "energies.txt"
    assert dataset.notes == (
        "energies: from energies.txt, in the order of the structures",
        "units: energies of energies.txt in kcal/mol",
        "energy: unknown for 1 of 3 structures",
    )


@pytest.mark.parametrize("source", ["molecules.xyz", "xyz"])
def test_energies_by_name(tmp_path: Path, molecules: list[Atoms], source: str) -> None:
    (tmp_path / "hof.txt").write_text("0003.xyz -297.1 -1\n0001.xyz -417.0 -2\n0002.xyz -220.5 -3\n0009.xyz 1 1\n")
    dataset = Dataset.read(tmp_path / source, energies=str(tmp_path / "hof.txt"), units="kcal/mol")
    np.testing.assert_allclose(dataset.energies, np.array([-417.0, -220.5, -297.1]) * KCAL)
    assert "energies: hof.txt has 3 columns, the second is used" in dataset.notes
    assert "energies: 1 in hof.txt belong to no structure" in dataset.notes


def test_folder_of_xyz_names_structures_after_files(tmp_path: Path, molecules: list[Atoms]) -> None:
    (tmp_path / "e").write_text("1\n2\n3\n")
    dataset = Dataset.read(tmp_path / "xyz", energies=tmp_path / "e")
    assert dataset.ids == ("0001", "0002", "0003")
    assert dataset.groups == ("xyz",) * 3
    assert [formula(atoms) for atoms in dataset.structures] == [formula(atoms) for atoms in molecules]


def test_energies_without_units_are_electronvolts_and_say_so(tmp_path: Path, molecules: list[Atoms]) -> None:
    (tmp_path / "e.txt").write_text("-18.1\n-9.6\n-12.9\n")
    dataset = Dataset.read(tmp_path / "molecules.xyz", energies=tmp_path / "e.txt")
    assert dataset.energies.tolist() == [-18.1, -9.6, -12.9]
    assert "units: energies of e.txt taken to be in eV; choose with `units`" in dataset.notes
    (tmp_path / "e.txt").write_text("-417\n-220\n-297\n")
    dataset = Dataset.read(tmp_path / "molecules.xyz", energies=tmp_path / "e.txt")
    assert any("although they are typically 74.2 an atom" in note for note in dataset.notes)


def test_energies_come_before_those_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("1\nProperties=species:S:1:pos:R:3 REF_energy=5\nH 0 0 0\n")
    (tmp_path / "e.txt").write_text("7\n")
    both = {"energies": tmp_path / "e.txt"}
    assert Dataset.read(tmp_path / "a.xyz", **both).energies.tolist() == [7]
    assert Dataset.read(tmp_path / "a.xyz", **both, energy_key="REF_energy").energies.tolist() == [5]


def test_energies_of_the_published_molecules(tmp_path: Path, reference_folder: Path) -> None:
    published = Dataset.read(reference_folder / "qm7" / "qm7_7101.xyz.gz")
    write_plain(tmp_path / "qm7.xyz", list(published.structures), list(published.ids))
    lines = [f"{name}.xyz {energy / KCAL:.8f}" for name, energy in zip(published.ids, published.energies, strict=True)]
    (tmp_path / "hof_qm7.txt").write_text("\n".join(reversed(lines)))
    dataset = Dataset.read(tmp_path / "qm7.xyz", energies=tmp_path / "hof_qm7.txt", units="kcal/mol")
    np.testing.assert_allclose(dataset.energies, published.energies, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\n", r"`energies`: expected one for each of 3 structures, got 2 in e\.txt"),
        ("1\ntwo\n3\n", r"`energies`: e\.txt, line 2: expected a number, got 'two'"),
        ("0001 1\n0002 2\n", r"`energies`: e\.txt has no line for '0003' and 0 other structures of 3"),
        ("0001 1\n0001 2\n0002 3\n", r"`energies`: e\.txt, line 2: '0001' has an energy already"),
        ("0001 1\n0002\n", r"`energies`: e\.txt, line 2: expected a name and a number, got '0002'"),
        ("0001 one\n", r"`energies`: e\.txt, line 1: expected a number, got 'one'"),
        ("# nothing\n", r"`energies`: e\.txt holds no numbers"),
        ("", r"`energies`: e\.txt is empty"),
    ],
)
def test_energies_errors(tmp_path: Path, molecules: list[Atoms], text: str, message: str) -> None:
    (tmp_path / "e.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        Dataset.read(tmp_path / "molecules.xyz", energies=tmp_path / "e.txt")


def test_energies_arguments(tmp_path: Path, molecules: list[Atoms]) -> None:
    file = tmp_path / "molecules.xyz"
    (tmp_path / "e.txt").write_text("1\n2\n3\n")
    with pytest.raises(FileNotFoundError, match=r"`energies`: no such file: .*none\.txt"):
        Dataset.read(file, energies=tmp_path / "none.txt")
    with pytest.raises(ValueError, match="`energies`: expected one file or folder in `files`, got 2"):
        Dataset.read(file, file, energies=tmp_path / "e.txt")
    with pytest.raises(TypeError, match="`energies`: expected the name of a file, got 3"):
        Dataset.read(file, energies=3)
    with pytest.raises(ValueError, match="`units`: expected one of 'ev', 'kcal/mol', 'hartree', got 'hartree-bohr'"):
        Dataset.read(file, energies=tmp_path / "e.txt", units="hartree-bohr")


# -- folders ----------------------------------------------------------------------------------------------------------


def test_folder_of_runs(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    for group in ("cold", "hot"):
        (tmp_path / "runs" / group / "1").mkdir(parents=True)
        WRITERS["OUTCAR of VASP"][1](tmp_path / "runs" / group / "1" / "OUTCAR", same_atoms)
        (tmp_path / "runs" / group / "1" / "KPOINTS").write_text("not for us")
    dataset = Dataset.read(tmp_path / "runs")
    assert dataset.groups == ("cold",) * 3 + ("hot",) * 3
    assert dataset.ids[:2] == ("cold/1/OUTCAR:0", "cold/1/OUTCAR:1")
    assert len(dataset.notes) == 2


def test_folder_of_several_kinds(tmp_path: Path) -> None:
    for name in ("a.xyz", "b.xyz", "OUTCAR"):
        (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match=r"`files`: expected a folder of files of one kind, .* has 2 XYZ, 1 OUTCAR"):
        Dataset.read(tmp_path)


def test_plain_comment_is_kept(tmp_path: Path) -> None:
    """Neither taken for a key nor an error, whatever stands in it."""
    (tmp_path / "a.xyz").write_text("1\nit's \"odd {here\nH 0 0 0\n")
    (tmp_path / "e.txt").write_text("1\n")
    dataset = Dataset.read(tmp_path / "a.xyz", energies=tmp_path / "e.txt", group_key="comment")
    assert dataset.groups == ("it's \"odd {here",)
