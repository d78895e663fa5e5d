"""Errors against numbers worked out by hand, and what must hold of any."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given
from hypothesis import strategies as st

from potscope.core import metrics
from potscope.core.dataset import Dataset
from potscope.core.prediction import Prediction

COUNTS = ("count", "unknown")


def example() -> tuple[Dataset, Prediction]:
    """Three structures; the last has no forces, the second no stress, the first is of group a."""
    sizes = (1, 2, 4)
    structures = []
    for n, energy, group in zip(sizes, (-1.0, -4.0, -12.0), "abb", strict=True):
        results = {"energy": energy, "forces": np.zeros((n, 3)), "stress": np.arange(6) / 100}
        if n == 4:
            del results["forces"]
        if n == 2:
            del results["stress"]
        atoms = Atoms(f"Si{n}", np.arange(3 * n).reshape(n, 3), cell=[9, 9, 9], pbc=True, info={"group": group})
        atoms.calc = SinglePointCalculator(atoms, **results)
        structures.append(atoms)
    forces = tuple(np.zeros((n, 3)) for n in sizes)
    forces[0][0] = [3.0, 0.0, 4.0]
    forces[1][1] = [0.0, -1.0, 0.0]
    forces[2][:] = 100.0
    prediction = Prediction(
        energies=np.array([-1.5, -4.0, -8.0]),
        local_energies=tuple(np.zeros(n) for n in sizes),
        forces=forces,
        stresses=np.tile(np.arange(6) / 100, (3, 1)) + np.array([[0.0], [7.0], [0.02]]),
        energy_std=np.array([0.1, 0.2, 0.3]),
        local_energy_std=tuple(np.full(n, 0.01 * n) for n in sizes),
        force_std=tuple(np.full((n, 3), 0.1 * n) for n in sizes),
        extrapolation=tuple(np.full(n, float(n)) for n in sizes),
    )
    return Dataset.from_structures(structures), prediction


def test_summary_by_hand() -> None:
    found = metrics.summary(*example())
    energy_differences = [-0.5, 0.0, 1.0]
    assert found["energy_mae"] == pytest.approx(0.5)
    assert found["energy_rmse"] == pytest.approx(math.sqrt(1.25 / 3))
    assert found["energy_max"] == 1.0
    references = np.array([-1.0, -2.0, -3.0])
    assert found["energy_r2"] == pytest.approx(1 - np.sum(np.square(energy_differences)) / references.var() / 3)
    assert (found["energy_count"], found["energy_unknown"]) == (3, 0)
    assert found["force_mae"] == pytest.approx(8 / 9)
    assert found["force_rmse"] == pytest.approx(math.sqrt(26 / 9))
    assert found["force_max"] == 4.0
    assert math.isnan(found["force_r2"])
    assert (found["force_count"], found["force_unknown"]) == (9, 1)
    assert found["stress_mae"] == pytest.approx(0.01)
    assert found["stress_rmse"] == pytest.approx(math.sqrt(0.02**2 / 2))
    assert found["stress_r2"] == pytest.approx(1 - 6 * 0.02**2 / (12 * (np.arange(6) / 100).var()))
    assert (found["stress_count"], found["stress_unknown"]) == (12, 1)


def test_total_energies_by_hand() -> None:
    found = metrics.total_energies(*example())
    assert found == {
        "total_energy_mae": pytest.approx(4.5 / 3),
        "total_energy_rmse": pytest.approx(math.sqrt(16.25 / 3)),
    }


def test_by_group_by_hand() -> None:
    found = metrics.by_group(*example())
    assert list(found) == ["a", "b"]
    assert found["a"]["energy_mae"] == 0.5
    assert found["b"]["energy_mae"] == 0.5
    assert found["b"]["energy_max"] == 1.0
    assert found["a"]["force_rmse"] == pytest.approx(5 / math.sqrt(3))
    assert (found["b"]["force_count"], found["b"]["force_unknown"]) == (6, 1)
    assert set(found["a"]) == set(metrics.summary(*example()))


def two_elements() -> tuple[Dataset, Prediction]:
    """SiC, C and Si2; the last without forces."""
    structures = []
    for symbols, energy in (("SiC", -2.0), ("C", -1.0), ("Si2", -8.0)):
        atoms = Atoms(symbols, np.arange(3 * len(Atoms(symbols))).reshape(-1, 3), info={"energy": energy})
        if symbols != "Si2":
            atoms.arrays["forces"] = np.array([[0.0, 3.0, 4.0], [0.01, 0.0, 0.0]])[: len(atoms)]
        structures.append(atoms)
    forces = (np.array([[0.0, 4.0, 3.0], [0.0, 0.02, 0.0]]), np.array([[0.0, 0.0, 0.0]]), np.zeros((2, 3)))
    energies = np.array([-1.0, -1.0, -4.0])
    return Dataset.from_structures(structures), Prediction(energies, None, forces, np.full((3, 6), np.nan))


def test_by_element_by_hand() -> None:
    found = metrics.by_element(*two_elements())
    assert list(found) == ["C", "Si"]
    assert found["C"]["energy_mae"] == pytest.approx(0.25)
    assert found["Si"]["energy_mae"] == pytest.approx((0.5 + 2) / 2)
    assert found["C"]["force_mae"] == pytest.approx((0.01 + 0.02 + 3 + 4) / 6)
    assert found["Si"]["force_rmse"] == pytest.approx(math.sqrt(2 / 3))
    assert (found["Si"]["force_count"], found["Si"]["force_unknown"]) == (3, 1)
    assert found["C"]["stress_unknown"] == 2
    assert set(found["C"]) == set(metrics.summary(*two_elements()))


def test_one_element_is_the_whole() -> None:
    assert metrics.by_element(*example())["Si"] == pytest.approx(metrics.summary(*example()), nan_ok=True)


def test_lengths_and_directions_by_hand() -> None:
    """Forces of length 5, 0.01 and 5; turned by acos(24/25) and 90°, and lost."""
    found = metrics.force_vectors(*two_elements())
    turned = math.degrees(math.acos(24 / 25))
    assert found["magnitude_mae"] == pytest.approx((0 + 0.01 + 5) / 3)
    assert found["magnitude_rmse"] == pytest.approx(math.sqrt((0.01**2 + 25) / 3))
    assert found["magnitude_bias"] == pytest.approx((0.01 - 5) / 3)
    assert found["magnitude_relative"] == pytest.approx(5.01 / 10.01)
    assert found["vector_relative"] == pytest.approx((2**0.5 + 5e-4**0.5 + 5) / 10.01)
    assert found["angle_mean"] == pytest.approx((turned + 90) / 2)
    assert found["angle_weighted"] == pytest.approx((5 * turned + 0.01 * 90 + 5 * 90) / 10.01)
    assert (found["angle_count"], found["count"]) == (2, 3)
    assert metrics.force_vectors(*two_elements(), threshold=0.0)["angle_count"] == 3
    angles = metrics.force_angles(*two_elements())
    np.testing.assert_allclose(angles[0], [turned, 90])
    assert np.isnan(angles[2]).all()
    assert np.isnan(metrics.force_angles(*example())[0]).all()
    with pytest.raises(ValueError, match="`threshold`"):
        metrics.force_vectors(*two_elements(), threshold=-1.0)


def test_no_forces_have_no_direction() -> None:
    dataset = Dataset.from_structures(Atoms("H2", [[0, 0, 0], [0, 0, 1]], info={"energy": 1.0}))
    nothing = Prediction(np.ones(1), (np.zeros(2),), (np.zeros((2, 3)),), np.full((1, 6), np.nan))
    found = metrics.force_vectors(dataset, nothing)
    assert (found.pop("count"), found.pop("angle_count")) == (0, 0)
    assert all(math.isnan(value) for value in found.values())
    assert metrics.by_element(dataset, nothing)["H"]["force_count"] == 0


@given(st.floats(0.01, 100))
def test_longer_forces_of_the_same_direction(factor: float) -> None:
    dataset, _ = two_elements()
    forces = tuple(factor * forces_nc if forces_nc is not None else np.zeros((2, 3)) for forces_nc in dataset.forces)
    prediction = Prediction(np.zeros(3), None, forces, np.full((3, 6), np.nan))
    found = metrics.force_vectors(dataset, prediction)
    assert found["angle_mean"] == pytest.approx(0, abs=1e-5)
    assert found["magnitude_relative"] == pytest.approx(abs(factor - 1))
    assert found["vector_relative"] == pytest.approx(abs(factor - 1))


def test_each_structure_by_hand() -> None:
    dataset, prediction = example()
    np.testing.assert_allclose(metrics.energy_errors(dataset, prediction), [-0.5, 0, 1])
    norms = metrics.force_error_norms(dataset, prediction)
    np.testing.assert_allclose(norms[0], [5])
    np.testing.assert_allclose(norms[1], [0, 1])
    assert norms[2].shape == (4,)
    assert np.isnan(norms[2]).all()
    np.testing.assert_allclose(metrics.force_rmses(dataset, prediction), [5 / 3**0.5, (1 / 6) ** 0.5, np.nan])
    np.testing.assert_allclose(metrics.stress_errors(dataset, prediction), [0, np.nan, 0.02], atol=1e-15)


@pytest.mark.parametrize(("quantity", "expected"), [("energy", [2, 0, 1]), ("force", [0, 1, 2]), ("stress", [2, 0, 1])])
def test_worst_first_unknown_last(quantity: str, expected: list[int]) -> None:
    assert metrics.worst_first(*example(), quantity).tolist() == expected


def test_compared_numbers_are_those_of_the_summary() -> None:
    dataset, prediction = example()
    for quantity in metrics.QUANTITIES:
        reference_k, predicted_k, n_unknown = metrics.compared(dataset, prediction, quantity)
        found = metrics.summary(dataset, prediction)
        assert reference_k.shape == predicted_k.shape == (found[f"{quantity}_count"],)
        assert np.abs(reference_k - predicted_k).mean() == pytest.approx(found[f"{quantity}_mae"])
        assert n_unknown == found[f"{quantity}_unknown"]


def test_nothing_to_compare() -> None:
    dataset = Dataset.from_structures(Atoms("H2", [[0, 0, 0], [0, 0, 1]], info={"energy": 1.0}))
    nothing = Prediction(np.ones(1), (np.zeros(2),), (np.zeros((2, 3)),), np.full((1, 6), np.nan))
    found = metrics.summary(dataset, nothing)
    assert found["energy_mae"] == 0
    for name in ("force", "stress"):
        assert all(math.isnan(found[f"{name}_{what}"]) for what in ("mae", "rmse", "max", "r2"))
        assert (found[f"{name}_count"], found[f"{name}_unknown"]) == (0, 1)


def test_predictions_that_are_not_known_are_left_out() -> None:
    dataset, prediction = example()
    prediction.stresses[0] = np.nan
    found = metrics.summary(dataset, prediction)
    assert found["stress_mae"] == pytest.approx(0.02)
    assert (found["stress_count"], found["stress_unknown"]) == (6, 2)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=20))
def test_measures_are_in_order(pairs: list[tuple[float, float]]) -> None:
    reference_k, predicted_k = np.array(pairs).T
    found = metrics.error_measures(reference_k, predicted_k)
    assert 0 <= found["mae"] <= found["rmse"] * (1 + 1e-12) + 1e-100
    assert found["rmse"] <= found["max"] * (1 + 1e-12)
    assert found["count"] == len(pairs)
    assert math.isnan(found["r2"]) or found["r2"] <= 1
    perfect = metrics.error_measures(reference_k, reference_k)
    assert perfect["max"] == 0


def test_mean_as_prediction_has_no_r2() -> None:
    reference_k = np.array([1.0, 2.0, 6.0])
    assert metrics.error_measures(reference_k, np.full(3, 3.0))["r2"] == pytest.approx(0)


@pytest.mark.parametrize(
    "function", [metrics.summary, metrics.by_group, metrics.energy_errors, metrics.force_error_norms]
)
def test_prediction_of_something_else(function: object) -> None:
    dataset, prediction = example()
    with pytest.raises(ValueError, match="`prediction`: expected 2 structures as in `dataset`, got 3"):
        function(dataset[:2], prediction)  # type: ignore[operator]
    with pytest.raises(ValueError, match="`prediction`: expected 4 atoms in structure 0, got 1"):
        function(dataset[[2, 1, 0]], prediction)  # type: ignore[operator]


def test_unknown_quantity() -> None:
    with pytest.raises(ValueError, match="`quantity`: expected one of 'energy', 'force', 'stress', got 'charge'"):
        metrics.compared(*example(), "charge")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("energies", np.zeros((3, 1)), r"`energies`: expected shape \(3,\), got \(3, 1\)"),
        ("stresses", np.zeros((3, 3)), r"`stresses`: expected shape \(3, 6\), got \(3, 3\)"),
        ("energy_std", np.zeros(2), r"`energy_std`: expected shape \(3,\), got \(2,\)"),
        ("forces", (), r"`forces`: expected one for each of 3 structures, got 0"),
        ("extrapolation", (np.zeros(1),) * 2, r"`extrapolation`: expected one for each of 3 structures, got 2"),
        ("local_energy_std", (np.zeros(1),) * 3, r"`local_energy_std`\[1\]: expected shape \(2,\), got \(1,\)"),
        ("force_std", (np.zeros((1, 3)),) * 3, r"`force_std`\[1\]: expected shape \(2, 3\), got \(1, 3\)"),
        ("local_energies", (np.zeros(1),) * 3, r"`forces`\[1\]: expected shape \(1, 3\), got \(2, 3\)"),
    ],
)
def test_prediction_of_wrong_shapes(field: str, value: object, message: str) -> None:
    _, good = example()
    with pytest.raises(ValueError, match=message):
        Prediction(**{**vars(good), field: value})


def test_taken() -> None:
    _, prediction = example()
    part = metrics.taken(prediction, np.array([2, 0]))
    assert part.energies.tolist() == [-8.0, -1.5]
    assert [len(forces_nc) for forces_nc in part.forces] == [4, 1]
    assert part.energy_std is not None
    assert part.energy_std.tolist() == [0.3, 0.1]
    for name in ("local_energy_std", "force_std", "extrapolation"):
        assert [len(of_atoms) for of_atoms in getattr(part, name)] == [4, 1]
    assert "2 structures, 5 atoms, with standard deviations" in repr(part)


def test_energies_of_atoms_may_be_unknown() -> None:
    dataset, prediction = example()
    without = replace(prediction, local_energies=None)
    assert metrics.taken(without, np.array([0])).local_energies is None
    assert metrics.summary(dataset, without) == metrics.summary(dataset, prediction)
