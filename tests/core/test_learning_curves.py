"""Learning curves of a model whose errors are known, and of potentials."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from potscope.core import Dataset, Prediction
from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.learning_curves import MEASURES, LearningCurve, PowerLaw, learning_curve
from potscope.core.models import GAP, SNAP, KernelRidge, Weights
from potscope.core.progress import Cancelled
from potscope.core.splits import nested_order


class Known:
    """Its energies are too high by 3 N^(−½) an atom, with N structures learnt from; it notes which these are."""

    def __init__(self, notes: list[tuple[str, ...]]) -> None:
        self.notes = notes

    def __deepcopy__(self, memo: object) -> Known:
        return Known(self.notes)

    def fit(self, train: Dataset) -> None:
        self.error = 3 * len(train) ** -0.5
        self.notes.append(train.ids)

    def predict(self, structures: Dataset) -> Prediction:
        energies = structures.energies + structures.n_atoms * self.error
        forces = tuple(np.zeros((len(atoms), 3)) for atoms in structures.structures)
        return Prediction(energies, None, forces, np.full((len(energies), 6), np.nan))


def few_waters(n: int) -> Dataset:
    """Pairs of hydrogen, and one water among ten."""
    structures = []
    for k in range(n):
        symbols = "H2O" if k % 10 == 7 else "H2"
        atoms = Atoms(symbols, np.arange(3.0 * len(Atoms(symbols))).reshape(-1, 3), info={"REF_energy": float(k)})
        structures.append(atoms)
    return Dataset.from_structures(structures)


def test_a_power_law_is_found() -> None:
    notes: list[tuple[str, ...]] = []
    train = few_waters(64)
    found = learning_curve(Known(notes), train, few_waters(5), sizes=[4, 16, 64], repeats=2, seed=1)
    for measure in ("energy_mae", "energy_rmse"):
        np.testing.assert_allclose(
            found.errors[measure], 3 * np.array([[4.0], [16.0], [64.0]]) ** -0.5 * np.ones((1, 2))
        )
        law = found.power_law(measure)
        assert law.prefactor == pytest.approx(3)
        assert law.exponent == pytest.approx(0.5)
        assert law.exponent_error == pytest.approx(0, abs=1e-6)
        np.testing.assert_allclose(law(np.array([9])), [1])
    np.testing.assert_allclose(found.mean(), found.errors["energy_mae"][:, 0])
    np.testing.assert_allclose(found.spread(), 0, atol=1e-15)
    assert np.isnan(found.errors["force_mae"]).all()
    assert set(found.errors) == set(MEASURES)
    assert found.fit_seconds.shape == (3, 2)
    for draw in (notes[:3], notes[3:]):
        assert [len(ids) for ids in draw] == [4, 16, 64]
        assert set(draw[0]) < set(draw[1]) < set(draw[2]) == set(train.ids)
    assert notes[0] != notes[3]


def test_every_part_has_all_elements_and_the_order_of_the_data_does_not_matter() -> None:
    train = few_waters(30)
    elements = [frozenset(atoms.numbers.tolist()) for atoms in train.structures]
    for seed in range(20):
        order = nested_order(train.ids, elements, seed)
        assert sorted(order) == list(range(30))
        assert frozenset().union(*(elements[index] for index in order[:2])) == {1, 8}
        back = nested_order(train.ids[::-1], elements[::-1], seed)
        np.testing.assert_array_equal(29 - back, order)


def test_the_law_goes_through_the_mean_of_the_logarithms() -> None:
    errors = {"energy_mae": np.array([[1.0, 4.0], [0.5, 0.5]])}
    curve = LearningCurve(np.array([10, 40]), errors, np.zeros((2, 2)), 0)
    law = curve.power_law()
    assert law.exponent == pytest.approx(1.0)
    assert law.prefactor == pytest.approx(20.0)
    assert math.isnan(law.exponent_error)
    np.testing.assert_allclose(curve.spread(), [3 / 2**0.5, 0])
    assert isinstance(law, PowerLaw)
    with pytest.raises(ValueError, match="`measure`: expected one of 'energy_mae', got 'force_mae'"):
        curve.mean("force_mae")
    with pytest.raises(ValueError, match="`sizes`: expected two sizes"):
        LearningCurve(np.array([10]), {"energy_mae": np.ones((1, 1))}, np.zeros((1, 1)), 0).power_law()
    with pytest.raises(ValueError, match="`measure`: expected errors greater than zero"):
        LearningCurve(np.array([1, 2]), {"energy_mae": np.zeros((2, 1))}, np.zeros((2, 1)), 0).power_law()


def copper(n: int, seed: int = 0) -> Dataset:
    """Rattled crystals and their energies in effective medium theory."""
    rng = np.random.default_rng(seed)
    structures = []
    for k in range(n):
        atoms = bulk("Cu", cubic=True)
        atoms.positions += rng.normal(size=(4, 3)) * 0.1
        atoms.calc = EMT()
        atoms.info.update(REF_energy=atoms.get_potential_energy(), group=f"group {k % 3}")
        atoms.arrays["REF_forces"] = atoms.get_forces()
        atoms.calc = None
        structures.append(atoms)
    return Dataset.from_structures(structures)


FAMILIES = {
    "KernelRidge": KernelRidge(AverageSOAP(species=["Cu"], cutoff=4.0, n_max=4, l_max=3), regularisation=1e-8),
    "SNAP": SNAP(SOAP(species=["Cu"], cutoff=4.0, n_max=3, l_max=2)),
    "GAP": GAP(SOAP(species=["Cu"], cutoff=4.0, n_max=4, l_max=3), n_sparse=60),
}


@pytest.mark.parametrize("model", FAMILIES.values(), ids=FAMILIES.keys())
def test_potentials_learn_more_from_more_and_are_left_as_they_were(model) -> None:
    train, test = copper(40), copper(12, seed=1)
    seen: list[float] = []
    progress = lambda fraction, message: seen.append(fraction)  # noqa: E731
    found = learning_curve(model, train, test, sizes=[5, 40], repeats=1, progress=progress)
    assert found.mean("energy_mae")[1] < found.mean("energy_mae")[0]
    if model.learns_forces:
        assert found.mean("force_rmse")[1] < found.mean("force_rmse")[0]
    assert not model.fitted
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert seen == sorted(seen)


def test_settings_of_groups_are_those_of_the_part() -> None:
    """A group that a part does not have is no error there."""
    train = copper(18)
    groups = {group: Weights(1.0, 0.0, 0.0) for group in train.group_sizes}
    one, other = (
        learning_curve(FAMILIES["SNAP"], train, train, sizes=[2], repeats=1, groups=given) for given in (groups, None)
    )
    assert one.mean("force_mae")[0] != other.mean("force_mae")[0]


def test_cancelled_and_wrong() -> None:
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    train = few_waters(20)
    notes: list[tuple[str, ...]] = []
    with pytest.raises(Cancelled):
        learning_curve(Known(notes), train, train, progress=stop)
    assert 0 < len(notes) < 15
    assert learning_curve(Known([]), train, train, repeats=1).sizes.tolist() == [1, 2, 5, 10, 20]
    for wrong in ([], [3, 2], [2, 2]):
        with pytest.raises(ValueError, match="`sizes`: expected rising"):
            learning_curve(Known([]), train, train, sizes=wrong)
    with pytest.raises(ValueError, match=r"`sizes\[1\]`: expected a whole number of 20 or less, got 21"):
        learning_curve(Known([]), train, train, sizes=[2, 21])
    with pytest.raises(ValueError, match="`repeats`"):
        learning_curve(Known([]), train, train, repeats=0)
