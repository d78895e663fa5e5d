"""Arrays in npz and mat files, and XYZ with a file of energies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

from potscope.core.dataset import Dataset

from writers import KCAL, silicon_carbon, write_md17, write_npz, write_qm7


@pytest.fixture
def same_atoms() -> list[Atoms]:
    """Three structures of the same four atoms, with results."""
    return silicon_carbon()


# -- npz and mat ------------------------------------------------------------------------------------------------------


def test_md17_names(tmp_path: Path, same_atoms: list[Atoms]) -> None:
    write_md17(tmp_path / "md17_ethanol.npz", same_atoms)
    dataset = Dataset.read(tmp_path / "md17_ethanol.npz")
    for s, atoms in enumerate(same_atoms):
        np.testing.assert_allclose(dataset.energies[s], atoms.calc.results["energy"], rtol=1e-14)
        np.testing.assert_allclose(dataset.forces[s], atoms.calc.results["forces"], rtol=1e-14)
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
    assert [str(atoms.symbols) for atoms in dataset.structures] == [str(atoms.symbols) for atoms in molecules]


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


def test_plain_comment_is_kept(tmp_path: Path) -> None:
    """Neither taken for a key nor an error, whatever stands in it."""
    (tmp_path / "a.xyz").write_text("1\nit's \"odd {here\nH 0 0 0\n")
    (tmp_path / "e.txt").write_text("1\n")
    dataset = Dataset.read(tmp_path / "a.xyz", energies=tmp_path / "e.txt", group_key="comment")
    assert dataset.groups == ("it's \"odd {here",)
