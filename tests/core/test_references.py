"""Where references are found, and which is taken when there are several."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from potscope.core.dataset import Dataset
from potscope.core.references import automatic_names, full_to_voigt

from structures import random_structure, with_keys, with_results

ENERGY_NAMES = [
    "REF_energy",
    "ref_energy",
    "dft_energy",
    "DFT_energy",
    "energy",
    "Energy",
    "free_energy",
    "E",
    "TotEnergy",
    "total_energy",
    "energy_ref",
    "REF_atomisation_energy",
]


def molecule(**info: object) -> Atoms:
    return Atoms("H2", [[0, 0, 0], [0, 0, 0.74]], info=info)


def crystal(**info: object) -> Atoms:
    return Atoms("Si2", [[0, 0, 0], [1.3, 1.3, 1.3]], cell=[2.0, 4.0, 5.0], pbc=True, info={"energy": 1.0, **info})


@pytest.mark.parametrize("name", ENERGY_NAMES)
def test_energy_is_found(name: str) -> None:
    dataset = Dataset.from_structures(molecule(**{name: -31.5}))
    assert dataset.energies.tolist() == [-31.5]
    assert dataset.keys.energy == name
    assert dataset.keys.forces is None
    assert dataset.notes == ()


@pytest.mark.parametrize("name", ["REF_forces", "dft_forces", "forces", "force", "Forces", "ref_force", "forces_dft"])
def test_forces_are_found(name: str) -> None:
    atoms = molecule()
    atoms.arrays[name] = np.arange(6.0).reshape(2, 3)
    dataset = Dataset.from_structures(atoms)
    assert dataset.keys.forces == name
    np.testing.assert_array_equal(dataset.forces[0], np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("name", ["REF_stress", "stress", "dft_stress"])
@pytest.mark.parametrize("shape", [(6,), (9,), (3, 3)])
def test_stress_is_found_in_every_shape(name: str, shape: tuple[int, ...]) -> None:
    voigt = np.array([1.0, 2, 3, 4, 5, 6]) / 100
    full = np.array([[1.0, 6, 5], [6, 2, 4], [5, 4, 3]]) / 100
    dataset = Dataset.from_structures(crystal(**{name: voigt if shape == (6,) else full.reshape(shape)}))
    assert dataset.keys.stress == name
    np.testing.assert_allclose(dataset.stresses[0], voigt, rtol=1e-15)


@pytest.mark.parametrize("name", ["virial", "virials", "REF_virial", "dft_virials"])
def test_virial_is_minus_stress_times_volume(name: str) -> None:
    voigt = np.array([1.0, 2, 3, 4, 5, 6])
    dataset = Dataset.from_structures(crystal(**{name: voigt}))
    np.testing.assert_allclose(dataset.stresses[0], -voigt / 40, rtol=1e-15)
    assert f"stress: −`{name}`/volume" in dataset.notes


def test_virial_without_volume_gives_no_stress() -> None:
    dataset = Dataset.from_structures([molecule(energy=1.0, virial=np.eye(3)), crystal(virial=np.eye(3))])
    assert np.isnan(dataset.stresses[0]).all()
    assert np.isfinite(dataset.stresses[1]).all()
    assert "stress: unknown for 1 of 2 structures" in dataset.notes


def test_full_tensor_is_made_symmetric() -> None:
    np.testing.assert_array_equal(full_to_voigt(np.arange(9.0).reshape(3, 3)), [0, 4, 8, 6, 4, 2])


def test_references_come_before_plain_names() -> None:
    dataset = Dataset.from_structures(molecule(energy=1.0, REF_energy=2.0, dft_energy=3.0))
    assert dataset.keys.energy == "REF_energy"
    assert dataset.energies.tolist() == [2.0]
    assert dataset.notes == ("energy: `REF_energy` is used; there is also `dft_energy`, `energy`",)


def test_named_reference_comes_before_a_calculator(rng: np.random.Generator) -> None:
    atoms = with_results(random_structure(rng), rng)
    atoms.info["REF_energy"] = 7.0
    dataset = Dataset.from_structures(atoms)
    assert dataset.energies.tolist() == [7.0]
    assert dataset.keys.forces == "forces"
    assert "energy is from `REF_energy` but forces from `forces`: make sure that they belong together" in dataset.notes


def test_calculator_comes_before_the_same_name_elsewhere(rng: np.random.Generator) -> None:
    atoms = with_results(random_structure(rng), rng)
    atoms.info["energy"] = 1e3
    assert Dataset.from_structures(atoms).energies[0] == atoms.calc.results["energy"]


def test_equal_energies_under_two_names_need_no_note() -> None:
    assert Dataset.from_structures(molecule(energy=1.0, free_energy=1.0)).notes == ()
    assert Dataset.from_structures(molecule(energy=1.0, free_energy=1.1)).notes != ()


def test_energy_and_forces_belong_together(rng: np.random.Generator) -> None:
    atoms = with_keys(with_keys(random_structure(rng), rng, "REF_"), rng, "dft_")
    dataset = Dataset.from_structures(atoms, energy_key="dft_energy")
    assert (dataset.keys.energy, dataset.keys.forces, dataset.keys.stress) == ("dft_energy", "dft_forces", "dft_stress")
    np.testing.assert_array_equal(dataset.forces[0], atoms.arrays["dft_forces"])


def test_keys_can_be_set(rng: np.random.Generator) -> None:
    atoms = random_structure(rng)
    atoms.info = {"energy": 1.0, "my_energy": 2.0, "my_stress": np.arange(6) / 100, "kind": "bulk"}
    atoms.arrays["f_pbe"] = np.ones((4, 3))
    dataset = Dataset.from_structures(
        atoms, energy_key="my_energy", forces_key="f_pbe", stress_key="my_stress", group_key="kind"
    )
    assert dataset.energies.tolist() == [2.0]
    np.testing.assert_array_equal(dataset.forces[0], np.ones((4, 3)))
    np.testing.assert_array_equal(dataset.stresses[0], np.arange(6) / 100)
    assert dataset.groups == ("bulk",)
    assert dataset.keys.energy == "my_energy"
    assert dataset.keys.choices.energy == ("energy", "my_energy")
    assert dataset.keys.choices.forces == ("f_pbe",)
    assert dataset.keys.choices.stress == ("my_stress",)
    assert dataset.keys.choices.group == ("kind",)
    assert "energy from `my_energy`, forces from `f_pbe`" in str(dataset.keys)


def test_empty_key_reads_nothing(rng: np.random.Generator) -> None:
    atoms = with_keys(random_structure(rng), rng)
    atoms.info["group"] = "bulk"
    dataset = Dataset.from_structures(atoms, forces_key="", stress_key="", group_key="", name="mine")
    assert dataset.forces == (None,)
    assert np.isnan(dataset.stresses).all()
    assert dataset.groups == ("mine",)
    assert (dataset.keys.forces, dataset.keys.stress, dataset.keys.group) == (None, None, None)
    assert dataset.notes == ()


def test_one_key_for_all_structures() -> None:
    dataset = Dataset.from_structures([molecule(energy=1.0), molecule(REF_energy=2.0), molecule(REF_energy=3.0)])
    np.testing.assert_array_equal(dataset.energies, [np.nan, 2.0, 3.0])
    assert "energy: unknown for 1 of 3 structures" in dataset.notes
    assert "energy: `REF_energy` is used; there is also `energy`" in dataset.notes


def test_a_field_called_e_is_not_an_energy() -> None:
    dataset = Dataset.from_structures(molecule(E=np.array([0.0, 0.0, 1.0]), forces=np.zeros((2, 3))))
    assert dataset.keys.energy is None
    assert dataset.n_forces == 1


def test_forces_alone_are_enough() -> None:
    atoms = molecule()
    atoms.arrays["forces"] = np.zeros((2, 3))
    dataset = Dataset.from_structures(atoms)
    assert np.isnan(dataset.energies).all()
    assert dataset.n_forces == 1


def test_stress_in_another_unit_is_noticed() -> None:
    dataset = Dataset.from_structures([crystal(stress=np.full(6, 12.0)), crystal(stress=np.full(6, 9.0))])
    assert "stress: `stress` is typically 10.5, which is much for eV/Å³: check its unit" in dataset.notes


@pytest.mark.parametrize("name", ["group", "config_type", "Group", "label"])
def test_groups_are_found(name: str) -> None:
    structures = [molecule(energy=1.0, **{name: label}) for label in ("gas", "gas", "ice")]
    dataset = Dataset.from_structures(structures)
    assert dataset.groups == ("gas", "gas", "ice")
    assert dataset.keys.group == name


def test_groups_come_in_order_and_numbers_are_labels() -> None:
    dataset = Dataset.from_structures([molecule(energy=1.0, config_type="a", group=3), molecule(energy=1.0, group=4)])
    assert dataset.groups == ("3", "4")


def test_structure_without_group_is_noted() -> None:
    dataset = Dataset.from_structures([molecule(energy=1.0, group="gas"), molecule(energy=1.0)], name="rest")
    assert dataset.groups == ("gas", "rest")
    assert "group: 1 of 2 have no `group` and are in 'rest'" in dataset.notes


def test_labels_that_all_differ_are_no_groups() -> None:
    dataset = Dataset.from_structures([molecule(energy=1.0, label=f"m{i}") for i in range(3)], name="all")
    assert dataset.groups == ("all",) * 3


def test_ids() -> None:
    assert Dataset.from_structures([molecule(energy=1.0, id=i) for i in "ba"]).ids == ("b", "a")
    assert Dataset.from_structures([molecule(energy=1.0, name=i) for i in "ba"]).ids == ("b", "a")
    assert Dataset.from_structures([molecule(energy=1.0, name="H2") for _ in "ba"]).ids == ("0", "1")
    assert Dataset.from_structures([molecule(energy=1.0, id="b"), molecule(energy=1.0)]).ids == ("0", "1")


def test_repeated_ids_are_made_different() -> None:
    dataset = Dataset.from_structures([molecule(energy=1.0, id=i) for i in ("a", "a", "a#2", "a")])
    assert dataset.ids == ("a", "a#3", "a#2", "a#4")
    assert "ids: # and a number added to 2 that occurred before" in dataset.notes


def test_every_automatic_name_is_tried_once() -> None:
    for quantity in ("energy", "forces", "stress"):
        names = automatic_names(quantity)
        assert len(names) == len(set(names))
        assert all(name == name.lower() for name in names)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)
