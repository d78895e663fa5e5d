"""Comparisons: the numbers in them, what fails in them, and the files that make them again."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from potscope.core import Dataset, Prediction, metrics
from potscope.core.calibration import calibration
from potscope.core.comparison import HEADINGS, Comparison, Row, compare, step_microseconds
from potscope.core.comparison_files import ComparisonFileError, rerun
from potscope.core.descriptors import SOAP, AverageSOAP, TwoBody
from potscope.core.hyperparameters import Declared
from potscope.core.kernels import PolynomialKernel, SquaredExponential
from potscope.core.models import (
    COMPOSED,
    GAP,
    REGISTRY,
    SNAP,
    Calibrated,
    Committee,
    Delta,
    FromCalculator,
    KernelRidge,
    Potential,
    Repulsion,
    Term,
    Weights,
)
from potscope.core.progress import Cancelled
from potscope.core.recipes import NoRecipe, _below, _known, groups_of, model_of, recipe_of

SPECIES = ["Cu", "Au"]


def alloys(n: int, seed: int = 0) -> Dataset:
    """Rattled crystals of two elements in effective medium theory, in two groups."""
    rng = np.random.default_rng(seed)
    structures = []
    for k in range(n):
        atoms = bulk("Cu", cubic=True, a=3.8)
        atoms.numbers[: k % 3] = 79
        atoms.positions += rng.normal(size=(4, 3)) * 0.1
        atoms.calc = EMT()
        atoms.info.update(REF_energy=atoms.get_potential_energy(), group=("odd", "even")[k % 2])
        atoms.arrays["REF_forces"] = atoms.get_forces()
        atoms.calc = None
        structures.append(atoms)
    return Dataset.from_structures(structures, name="alloys")


class Mean:
    """A model of one's own: the mean energy of an atom."""

    def fit(self, train: Dataset) -> None:
        self.energy = float((train.energies / train.n_atoms).mean())

    def predict(self, structures: Dataset | list[Atoms]) -> Prediction:
        found = structures.structures if isinstance(structures, Dataset) else structures
        energies = np.array([self.energy * len(atoms) for atoms in found])
        forces = tuple(np.zeros((len(atoms), 3)) for atoms in found)
        return Prediction(energies, None, forces, np.full((len(found), 6), np.nan))


class Broken(Mean):
    def fit(self, train: Dataset) -> None:
        raise ArithmeticError(f"it cannot learn from {len(train)}")


SOAP_ = SOAP(species=SPECIES, cutoff=4.0, n_max=3, l_max=2)
MODELS = {
    "mine": Mean(),
    "gap": GAP(SOAP_, n_sparse=30),
    "snap": SNAP(SOAP_, force_weight=2.0),
    "broken": Broken(),
    "krr": KernelRidge(AverageSOAP(species=SPECIES, cutoff=4.0, n_max=3, l_max=2), kernel="Laplacian"),
}
GROUPS = {"snap": {"odd": Weights(10.0, 0.5, 0.0)}}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return alloys(34)


@pytest.fixture(scope="module")
def found(data) -> Comparison:
    return compare(MODELS, data[:24], data[24:], groups=GROUPS, sizes=[6, 24], repeats=1, seed=3)


def test_rows_hold_what_the_models_say_alone(data, found) -> None:
    test = data[24:]
    alone = SNAP(SOAP_, force_weight=2.0).fit(data[:24], groups=GROUPS["snap"])
    prediction = alone.predict(test, atom_std=alone.has_atom_std)
    row = found["snap"]
    assert row.family == "SNAP"
    expected = metrics.summary(test, prediction) | metrics.total_energies(test, prediction)
    assert row.errors == pytest.approx(expected, nan_ok=True)
    assert set(row.group_errors) == {"odd", "even"}
    assert row.group_errors["odd"] == pytest.approx(metrics.by_group(test, prediction)["odd"], nan_ok=True)
    assert row.element_errors["Au"] == pytest.approx(metrics.by_element(test, prediction)["Au"], nan_ok=True)
    assert row.vector_errors == pytest.approx(metrics.force_vectors(test, prediction))
    assert row.n_parameters == alone.coefficients_.size == alone.n_parameters
    assert row.calibrations["energy"].z_rms == pytest.approx(calibration(test, prediction).z_rms)
    assert row.fit_seconds > 0
    assert row.step_microseconds > 0
    assert row.learning_curve is not None
    assert row.learning_curve.errors["energy_mae"][-1, 0] == pytest.approx(row.errors["energy_mae"])
    assert row.error == ""
    assert not MODELS["snap"].fitted


def test_models_of_ones_own_and_those_that_fail(found) -> None:
    assert [row.model for row in found.rows] == list(MODELS)
    assert found["broken"].error == "ArithmeticError: it cannot learn from 24"
    assert not found["broken"].errors
    assert found["mine"].n_parameters is None
    assert found["mine"].calibrations == {}
    assert found["mine"].errors["energy_count"] == 10
    assert found["mine"].recalibrations == {}
    for name, known in (("gap", {"energy", "force"}), ("krr", {"energy"})):
        assert set(found[name].calibrations) == set(found[name].recalibrations) == known
    with pytest.raises(KeyError, match="`model`: expected one of 'mine'"):
        found["yours"]


def test_table(found) -> None:
    table = found.table()
    assert len({tuple(row) for row in table}) == 1
    assert set(HEADINGS) <= set(table[0])
    assert table[1]["energy_mae"] == found["gap"].errors["energy_mae"]
    assert table[1]["force_angle_mean"] == found["gap"].vector_errors["angle_mean"]
    assert table[1]["energy_miscalibration_area"] == found["gap"].calibrations["energy"].miscalibration_area
    assert table[1]["force_recalibrated_area"] == found["gap"].recalibrations["force"].miscalibration_area
    assert math.isnan(table[0]["energy_spearman"])
    text = found.markdown()
    lines = text.splitlines()
    assert len(lines) == 2 + len(MODELS)
    assert len({line.count("|") for line in lines}) == 1
    assert "ArithmeticError: it cannot learn from 24" in text
    assert f"{1000 * found['gap'].errors['force_rmse']:.3g}" in text
    assert "stress" not in lines[0]
    assert found.markdown(["model", "n_parameters"]).splitlines()[-1].startswith("| krr | ")
    with pytest.raises(ValueError, match="`columns`: expected one of 'model'"):
        found.markdown(["price"])


def rows(*points: tuple[str, float, float]) -> Comparison:
    made = [Row(m, "", {}, errors={"force_rmse": error}, step_microseconds=cost) for m, cost, error in points]
    return Comparison((*made, Row("failed", "", {}, error="why")), {}, {}, {}, {})


def test_front() -> None:
    points = [("dear", 9.0, 1.0), ("cheap", 1.0, 5.0), ("beaten", 5.0, 5.0), ("middle", 3.0, 2.0), ("nan", 0.1, np.nan)]
    assert rows(*points).front() == ("cheap", "middle", "dear")
    assert rows(*reversed(points)).front() == ("cheap", "middle", "dear")
    assert rows().front("force_rmse", "fit_seconds") == ()
    assert rows(("twin", 1.0, 1.0), ("same", 1.0, 1.0)).front() == ("same",)
    with pytest.raises(ValueError, match="`cost`: expected one of 'step_microseconds'"):
        rows(*points).front(cost="price")
    with pytest.raises(ValueError, match="`error`: expected one of 'energy_mae'"):
        rows(*points).front(error="charge")


def test_a_file_makes_the_same_errors_again(data, found, tmp_path) -> None:
    path = found.save(tmp_path / "alloys.json")
    assert [file.name for file in tmp_path.iterdir()] == ["alloys.json"]
    content = json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert content["made_with"]["potscope"]
    assert content["train"]["fingerprint"] == data[:24].fingerprint
    read = Comparison.load(path)
    assert read.markdown() == found.markdown()
    np.testing.assert_equal(read.table(), found.table())
    assert read["snap"].recipe == found["snap"].recipe
    np.testing.assert_array_equal(
        read["gap"].calibrations["energy"].observed, found["gap"].calibrations["energy"].observed
    )
    np.testing.assert_array_equal(read["gap"].learning_curve.sizes, [6, 24])
    assert read.save(tmp_path / "again.json").read_text() == path.read_text()
    own = {"mine": Mean(), "broken": Broken()}
    with pytest.raises(ValueError, match="`models`: expected a model 'mine', as nothing tells how to make"):
        rerun(path, data)
    again = rerun(path, data[::-1], models=own)
    assert again.settings == found.settings
    assert again.train == {**found.train, "name": "alloys"}
    for row, other in zip(found.rows, again.rows, strict=True):
        np.testing.assert_equal(other.errors, row.errors)
        np.testing.assert_equal(other.group_errors, row.group_errors)
        assert other.n_parameters == row.n_parameters
        assert other.recipe == row.recipe or row.model in own
    np.testing.assert_equal(again["gap"].learning_curve.errors, found["gap"].learning_curve.errors)
    with pytest.raises(ValueError, match="`data`: expected structure 10 of the train set 'alloys', which is not in it"):
        rerun(path, data[:10], models=own)


def test_what_is_fitted_is_tested_as_it_is(data, tmp_path) -> None:
    train, test = data[:12], data[24:]
    mine = SNAP(SOAP(SPECIES, cutoff=3.5, n_max=2, l_max=1)).fit(test)
    models = {"mine": mine, "fresh": SNAP(SOAP(SPECIES, cutoff=3.5, n_max=2, l_max=1))}
    found = compare(models, train, test, repeats=1, sizes=[3], as_they_are=["mine"])
    assert found["mine"].error == ""
    assert found["mine"].errors["energy_rmse"] == metrics.summary(test, mine.predict(test))["energy_rmse"]
    assert found["mine"].errors["energy_rmse"] < found["fresh"].errors["energy_rmse"]
    assert math.isnan(found["mine"].fit_seconds)
    assert found["mine"].step_microseconds > 0
    assert found["mine"].learning_curve is None
    assert found["fresh"].learning_curve is not None
    path = found.save(tmp_path / "comparison.json")
    with pytest.raises(ValueError, match="`models`: expected a model 'mine'"):
        rerun(path, data)
    again = rerun(path, data, {"mine": mine})
    assert again["mine"].errors == found["mine"].errors
    with pytest.raises(ValueError, match="`as_they_are`: expected names among 'mine', 'fresh', got 'other'"):
        compare(models, train, test, as_they_are=["other"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello", "is not a potscope comparison, or damaged"),
        ("{}", "is not a potscope comparison"),
        ('{"format": "potscope comparison", "version": 9}', "format version 9"),
        ('{"format": "potscope comparison", "version": 1, "rows": [{}]}', "damaged or incomplete"),
    ],
)
def test_files_that_are_no_comparisons(tmp_path, content, message) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(ComparisonFileError, match=message):
        Comparison.load(path)
    with pytest.raises(FileNotFoundError, match="`path`"):
        Comparison.load(tmp_path / "missing.json")


def test_cancelled_and_wrong(data) -> None:
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.6:
            raise Cancelled

    seen: list[float] = []
    with pytest.raises(Cancelled):
        compare({"a": Mean(), "gap": MODELS["gap"]}, data[:8], data[8:], progress=stop)
    compare({"a": Mean(), "krr": MODELS["krr"]}, data[:8], data[8:], progress=lambda f, message: seen.append(f))
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert seen == sorted(seen)
    for models, error in (({}, ValueError), ([Mean()], TypeError)):
        with pytest.raises(error, match="`models`"):
            compare(models, data, data)
    with pytest.raises(ValueError, match="`test`: expected at least one structure"):
        compare({"a": Mean()}, data, data[:0])
    with pytest.raises(ValueError, match="`groups`: expected names among 'a', got 'b'"):
        compare({"a": Mean()}, data, data, groups={"b": {}})
    with pytest.raises(ValueError, match="`probe`"):
        compare({"a": Mean()}, data, data, probe=len(data))


def test_a_step_is_timed_where_the_model_was_fitted(data) -> None:
    model = Mean()
    model.fit(data)
    atoms = data.structures[0].copy()
    assert step_microseconds(model, atoms) > 0
    assert atoms == data.structures[0]


# -- recipes ----------------------------------------------------------------------------------------------------------


def every_kind() -> dict[str, Potential]:
    found: dict[str, Potential] = {}
    for name, cls in REGISTRY.items():
        scope = {"atom": (SOAP_,), "structure": (MODELS["krr"].descriptor,), "none": ()}[cls.descriptor_scope]
        found[name] = cls(*scope)
    pairs = TwoBody(species=SPECIES, cutoff=4.0)
    terms = [Term(pairs, SquaredExponential((0.5,)), delta=2.0), Term(SOAP_, PolynomialKernel(3.0))]
    found["GAP of terms"] = GAP(SOAP_, force_sigma=0.1, terms=terms)
    found["FromCalculator"] = FromCalculator(EMT(), fit_offsets=False)
    found["Repulsion"] = Repulsion()
    found["Delta"] = Delta(found["PairPotential"], found["GAP of terms"])
    found["Committee"] = Committee(found["SVR"], n_members=3, drawn="groups")
    found["Calibrated"] = Calibrated(found["GAP of terms"], folds=3)
    return found


@pytest.mark.parametrize("model", every_kind().values(), ids=every_kind().keys())
def test_recipes_make_the_same_model(model) -> None:
    recipe = json.loads(json.dumps(recipe_of(model)))
    made = model_of(recipe)
    assert type(made) is type(model)
    assert made.hyperparameters() == model.hyperparameters()
    for name in ("descriptor", "terms"):
        assert getattr(made, name, None) == getattr(model, name, None)
    assert "not told" not in json.dumps(recipe)
    assert recipe_of(made) == recipe
    assert groups_of(recipe) == {}


def test_no_kind_of_potential_is_left_out() -> None:
    assert {type(model) for model in every_kind().values()} == {*REGISTRY.values(), *COMPOSED.values()}


def test_recipes_hold_settings_of_groups_and_nothing_that_is_learnt(data) -> None:
    assert groups_of(json.loads(json.dumps(recipe_of(MODELS["snap"], GROUPS["snap"])))) == GROUPS["snap"]
    fitted = SNAP(SOAP_).fit(data)
    assert recipe_of(fitted) == recipe_of(SNAP(SOAP_))
    assert not model_of(recipe_of(fitted)).fitted
    with pytest.raises(NoRecipe, match="nothing tells how to make fitted SNAP"):
        model_of(recipe_of(Delta(fitted, SNAP(SOAP_))))
    with pytest.raises(NoRecipe, match="nothing tells how to make"):
        model_of(recipe_of(FromCalculator(SinglePointCalculator(bulk("Cu")))))


def test_names_of_classes_are_unique() -> None:
    names = [kind.__name__ for kind in set(_below(Declared))]
    assert len(names) == len(set(names))
    assert set(REGISTRY) <= set(_known())


def test_nothing_foreign_is_made() -> None:
    for value in ({"class": "Popen", "fields": {}}, {"not told": "x"}, {"calculator": "Vasp", "parameters": {}}):
        with pytest.raises(NoRecipe):
            model_of({"model": value, "groups": {}})
