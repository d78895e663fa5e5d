"""What people bring: every format is recognised, read to the same data, and says what it assumed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units

from potscope.core.dataset import Dataset
from potscope.core.formats import FORMATS

from writers import WRITERS, silicon_carbon, write_fitsnap, write_npz

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
    """Three structures of the same four atoms, with results."""
    return silicon_carbon()


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
