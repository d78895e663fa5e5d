"""Data sets: what is read, what is copied, what is written."""

from __future__ import annotations

import gzip
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from hypothesis import given, settings

from potscope.core.dataset import Dataset

from structures import labelled_structures, random_structure, with_keys, with_results

FORMATS = ["data.xyz", "data.extxyz", "data.xyz.gz", "data.db", "data.json", "data.traj"]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def labelled(rng: np.random.Generator) -> list[Atoms]:
    return [with_results(random_structure(rng, n), rng) for n in (1, 4, 3)]


def assert_same_data(dataset: Dataset, structures: list[Atoms], tolerance: float) -> None:
    assert len(dataset) == len(structures)
    for s, atoms in enumerate(structures):
        expected = atoms.calc.results
        np.testing.assert_array_equal(dataset.structures[s].numbers, atoms.numbers)
        np.testing.assert_allclose(dataset.structures[s].positions, atoms.positions, atol=tolerance)
        np.testing.assert_allclose(dataset.structures[s].cell[:], atoms.cell[:], atol=tolerance)
        np.testing.assert_array_equal(dataset.structures[s].pbc, atoms.pbc)
        np.testing.assert_allclose(dataset.energies[s], expected["energy"], atol=tolerance)
        np.testing.assert_allclose(dataset.forces[s], expected["forces"], atol=tolerance)
        np.testing.assert_allclose(dataset.stresses[s], expected["stress"], atol=tolerance)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_ase(tmp_path: Path, labelled: list[Atoms], name: str) -> None:
    ase.io.write(tmp_path / name, labelled)
    dataset = Dataset.read(tmp_path / name)
    assert_same_data(dataset, labelled, 2e-8)
    assert (dataset.keys.energy, dataset.keys.forces, dataset.keys.stress) == ("energy", "forces", "stress")
    assert dataset.groups == ("data",) * 3
    assert dataset.ids == ("data:0", "data:1", "data:2")
    assert dataset.name == "data"


def test_several_files(tmp_path: Path, labelled: list[Atoms]) -> None:
    ase.io.write(tmp_path / "first.xyz", labelled[:2])
    ase.io.write(tmp_path / "second.traj", labelled[2:])
    dataset = Dataset.read(tmp_path / "first.xyz", str(tmp_path / "second.traj"))
    assert_same_data(dataset, labelled, 2e-8)
    assert dataset.ids == ("first:0", "first:1", "second:0")
    assert dataset.groups == ("first", "first", "second")
    assert dataset.name == "first + second"


def test_files_with_different_keys_say_so(tmp_path: Path, rng: np.random.Generator) -> None:
    for name, prefix in (("a.xyz", "REF_"), ("b.xyz", "dft_")):
        ase.io.write(tmp_path / name, with_keys(random_structure(rng), rng, prefix))
    dataset = Dataset.read(tmp_path / "a.xyz", tmp_path / "b.xyz")
    assert dataset.keys.energy == "REF_energy + dft_energy"
    assert "energy: the files use different keys, `REF_energy`, `dft_energy`" in dataset.notes
    assert np.isfinite(dataset.energies).all()


def test_same_file_twice_has_different_ids(tmp_path: Path, labelled: list[Atoms]) -> None:
    ase.io.write(tmp_path / "a.xyz", labelled)
    dataset = Dataset.read(tmp_path / "a.xyz", tmp_path / "a.xyz")
    assert dataset.ids == ("a:0", "a:1", "a:2", "a:0#2", "a:1#2", "a:2#2")
    assert any("added to 3 that occurred before" in note for note in dataset.notes)


def test_database_key_value_pairs_and_data(tmp_path: Path, rng: np.random.Generator) -> None:
    atoms = random_structure(rng)
    forces_nc = rng.normal(size=(4, 3))
    with ase.db.connect(tmp_path / "set.db") as database:
        database.write(atoms, key_value_pairs={"dft_energy": -3.5, "group": "bulk"}, data={"dft_forces": forces_nc})
    dataset = Dataset.read(tmp_path / "set.db")
    assert dataset.energies.tolist() == [-3.5]
    np.testing.assert_array_equal(dataset.forces[0], forces_nc)
    assert dataset.groups == ("bulk",)


def test_database_is_only_read(tmp_path: Path, labelled: list[Atoms]) -> None:
    ase.io.write(tmp_path / "set.db", labelled)
    before = (tmp_path / "set.db").read_bytes()
    Dataset.read(tmp_path / "set.db")
    assert (tmp_path / "set.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["set.db"]


def test_blank_lines_between_frames_are_passed_over(tmp_path: Path) -> None:
    frame = "1\nProperties=species:S:1:pos:R:3 energy={}\nH 0 0 0\n"
    text = "\n" + frame.format(1) + "\n\n" + frame.format(2) + "\n"
    (tmp_path / "a.xyz").write_text(text)
    (tmp_path / "b.xyz.gz").write_bytes(gzip.compress(text.encode()))
    assert Dataset.read(tmp_path / "a.xyz").energies.tolist() == [1, 2]
    assert Dataset.read(tmp_path / "b.xyz.gz").energies.tolist() == [1, 2]


@settings(deadline=None)
@given(structures=labelled_structures())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, structures: list[Atoms]) -> None:
    path = tmp_path_factory.mktemp("round") / "set.xyz"
    first = Dataset.from_structures(structures)
    first.write(path)
    second = Dataset.read(path)
    assert second.ids == first.ids
    assert second.groups == first.groups
    assert second.species == first.species
    np.testing.assert_array_equal(second.energies, first.energies)
    np.testing.assert_array_equal(second.stresses, first.stresses)
    for s, atoms in enumerate(first.structures):
        np.testing.assert_allclose(second.structures[s].positions, atoms.positions, rtol=0, atol=1e-8)
        np.testing.assert_allclose(second.structures[s].cell[:], atoms.cell[:], rtol=0, atol=1e-8)
        np.testing.assert_array_equal(second.structures[s].pbc, atoms.pbc)
        assert (second.forces[s] is None) == (first.forces[s] is None)
        if first.forces[s] is not None:
            np.testing.assert_allclose(second.forces[s], first.forces[s], rtol=0, atol=1e-8)


def test_write_compressed_and_refuse_other_names(tmp_path: Path, labelled: list[Atoms]) -> None:
    dataset = Dataset.from_structures(labelled)
    dataset.write(tmp_path / "a.xyz.gz")
    assert Dataset.read(tmp_path / "a.xyz.gz").ids == ("0", "1", "2")
    with pytest.raises(ValueError, match=r"`file`: expected a name that ends in \.xyz.*got 'a\.db'"):
        dataset.write(tmp_path / "a.db")


def test_structures_are_clean_copies(labelled: list[Atoms]) -> None:
    original = labelled[1]
    original.info["REF_energy"] = 1.0
    original.set_constraint(FixAtoms([0]))
    positions_nc = original.positions.copy()
    dataset = Dataset.from_structures(labelled)
    kept = dataset.structures[1]
    assert kept is not original
    assert kept.calc is None
    assert kept.info == {}
    assert set(kept.arrays) == {"numbers", "positions"}
    assert not kept.constraints
    original.positions += 1
    original.cell[0] *= 2
    np.testing.assert_array_equal(kept.positions, positions_nc)
    np.testing.assert_array_equal(dataset.forces[1], original.calc.results["forces"])
    original.calc.results["forces"] += 1
    assert not np.array_equal(dataset.forces[1], original.calc.results["forces"])


def test_nothing_can_be_changed(labelled: list[Atoms]) -> None:
    dataset = Dataset.from_structures(labelled)
    atoms = dataset.structures[0]
    arrays = (dataset.energies, dataset.stresses, dataset.forces[0], dataset.n_atoms)
    for array in (*arrays, atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    moved = atoms.copy()
    moved.positions += 1
    moved.cell *= 2
    moved.pbc = False
    assert not np.array_equal(moved.positions, atoms.positions)


def test_live_calculator_is_read_and_stale_results_are_not() -> None:
    fresh = Atoms("Cu2", [[0, 0, 0], [2.3, 0, 0]], calculator=EMT())
    energy = fresh.get_potential_energy()
    stale = Atoms("Cu2", [[0, 0, 0], [2.4, 0, 0]], calculator=EMT())
    stale.get_potential_energy()
    stale.positions[1, 0] = 2.6
    dataset = Dataset.from_structures([fresh, stale])
    assert dataset.energies[0] == energy
    assert np.isnan(dataset.energies[1])
    assert any("1 of 2 calculators hold results for other positions" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        ([2, 0], [2, 0]),
        (np.array([1]), [1]),
        (slice(1, None), [1, 2]),
        (np.array([True, False, True]), [0, 2]),
        ([False, True, False], [1]),
        (-1, [2]),
        (np.int64(1), [1]),
        ([], []),
        (range(2), [0, 1]),
    ],
)
def test_choosing(labelled: list[Atoms], indices: object, expected: list[int]) -> None:
    dataset = Dataset.from_structures(labelled, name="three")
    chosen = dataset[indices]  # type: ignore[index]
    assert chosen.ids == tuple(dataset.ids[s] for s in expected)
    assert chosen.structures == tuple(dataset.structures[s] for s in expected)
    np.testing.assert_array_equal(chosen.energies, dataset.energies[expected])
    np.testing.assert_array_equal(chosen.stresses, dataset.stresses[expected])
    np.testing.assert_array_equal(chosen.n_atoms, dataset.n_atoms[expected])
    for chosen_nc, s in zip(chosen.forces, expected, strict=True):
        np.testing.assert_array_equal(chosen_nc, dataset.forces[s])
    assert (chosen.name, chosen.keys) == (dataset.name, dataset.keys)


def test_choosing_one_twice_keeps_ids_different(labelled: list[Atoms]) -> None:
    assert Dataset.from_structures(labelled)[[0, 0, 1]].ids == ("0", "0#2", "1")


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([0, 3], IndexError, "`indices`: expected indices below 3, got 3"),
        (-4, IndexError, "`indices`: expected indices below 3, got -4"),
        ([True], IndexError, "`indices`: expected a mask of length 3, got 1"),
        ([0.5], TypeError, "`indices`: expected whole numbers, a slice or a mask"),
        ("a", TypeError, "`indices`: expected whole numbers, a slice or a mask, got 'a'"),
        ([[0, 1]], TypeError, "`indices`: expected whole numbers"),
    ],
)
def test_choosing_wrongly(labelled: list[Atoms], indices: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        Dataset.from_structures(labelled)[indices]  # type: ignore[index]
    assert message in str(caught.value)


def test_iteration_ends(labelled: list[Atoms]) -> None:
    assert [len(one) for one in Dataset.from_structures(labelled)] == [1, 1, 1]


def test_species_sizes_and_groups(rng: np.random.Generator) -> None:
    structures = [Atoms("OSiH", rng.uniform(0, 3, (3, 3)), info={"energy": 1.0, "group": g}) for g in ("b", "a", "b")]
    dataset = Dataset.from_structures(structures)
    assert dataset.species == ("H", "O", "Si")
    assert dataset.n_atoms.tolist() == [3, 3, 3]
    assert dict(dataset.group_sizes) == {"b": 2, "a": 1}


def test_summary_and_repr_tell_what_was_found(labelled: list[Atoms]) -> None:
    labelled[0].calc.results.pop("forces")
    dataset = Dataset.from_structures(labelled, name="mixed")
    text = dataset.summary()
    assert "mixed: 3 structures, 8 atoms" in text
    assert "energies: 3 of 3 from `energy`" in text
    assert "forces: 2 of 3 from `forces`" in text
    assert "groups: mixed 3" in text
    assert "note: forces: unknown for 1 of 3 structures" in text
    assert "Dataset('mixed': 3 structures" in repr(dataset)
    assert "3 energies, 2 with forces, 3 stresses, 1 group)" in repr(dataset)


def test_fingerprint_is_of_the_data_alone(labelled: list[Atoms]) -> None:
    dataset = Dataset.from_structures(labelled)
    again = Dataset.from_structures(labelled, name="another name")
    assert dataset.fingerprint == again.fingerprint
    assert len(dataset.fingerprint) == 64
    assert dataset[[1, 0, 2]].fingerprint != dataset.fingerprint
    assert dataset[:2].fingerprint != dataset.fingerprint


@pytest.mark.parametrize("changed", ["positions", "cell", "pbc", "numbers", "energy", "forces", "no forces", "stress"])
def test_fingerprint_sees_every_change(labelled: list[Atoms], changed: str) -> None:
    before = Dataset.from_structures(labelled).fingerprint
    atoms = labelled[1]
    results = atoms.calc.results
    if changed == "positions":
        atoms.positions[0, 0] += 1e-12
    elif changed == "cell":
        atoms.cell[0, 0] += 1e-12
    elif changed == "pbc":
        atoms.pbc = (True, True, False)
    elif changed == "numbers":
        atoms.numbers[0] = 79
    elif changed == "energy":
        results["energy"] += 1e-12
    elif changed == "forces":
        results["forces"][2, 1] += 1e-12
    elif changed == "no forces":
        del results["forces"]
    else:
        results["stress"][5] += 1e-12
    # the calculator must count as fresh, so that it is the change itself that is seen
    atoms.calc.atoms = atoms.copy()
    assert Dataset.from_structures(labelled).fingerprint != before


def test_fingerprint_knows_no_negative_zero(labelled: list[Atoms]) -> None:
    labelled[0].calc.results["forces"][:] = 0.0
    plus = Dataset.from_structures(labelled).fingerprint
    labelled[0].calc.results["forces"][:] = -0.0
    assert Dataset.from_structures(labelled).fingerprint == plus


@pytest.mark.parametrize(
    ("file", "n", "species", "n_groups"),
    [
        ("mlearn/Si_training.xyz.gz", 214, ("Si",), 4),
        ("mlearn/Mo_test.xyz.gz", 23, ("Mo",), 4),
        ("fitsnap_ta/Ta_363.xyz", 363, ("Ta",), 12),
    ],
)
def test_published_sets(reference_folder: Path, file: str, n: int, species: tuple[str, ...], n_groups: int) -> None:
    dataset = Dataset.read(reference_folder / file)
    assert (len(dataset), dataset.n_energies, dataset.n_forces, dataset.n_stresses) == (n, n, n, n)
    assert dataset.species == species
    assert len(dataset.group_sizes) == n_groups
    assert dataset.keys.group == "config_type"
    assert dataset.notes == ()
    raw = ase.io.read(reference_folder / file, index=3)
    assert dataset.energies[3] == raw.info["REF_energy"]
    np.testing.assert_array_equal(dataset.forces[3], raw.arrays["REF_forces"])
    np.testing.assert_array_equal(dataset.stresses[3], raw.info["REF_stress"])


def test_published_molecules(reference_folder: Path) -> None:
    dataset = Dataset.read(reference_folder / "qm7" / "qm7_7101.xyz.gz")
    assert len(dataset) == dataset.n_energies == 7101
    assert dataset.keys.energy == "REF_atomisation_energy"
    assert "REF_atomisation_energy_PBE0_kcal" in dataset.keys.choices.energy
    assert dataset.species == ("H", "C", "N", "O", "S")
    assert -100 < dataset.energies.min() < dataset.energies.max() < 0
