"""Committees of every family, and deviations that are scaled to errors that were left out."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces
from scipy.stats import norm, t

from potscope.core import Dataset, load
from potscope.core.calibration import Recalibration, calibration, errors_and_stds
from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.models import (
    GAP,
    REGISTRY,
    SNAP,
    CalculatorFailed,
    Calibrated,
    Committee,
    CompositionModel,
    FromCalculator,
    KernelRidge,
    NotFitted,
    PairPotential,
    Potential,
    Weights,
)
from potscope.core.models.committee import bootstrap, out_of_bag
from potscope.core.progress import Cancelled
from potscope.core.recipes import model_of, recipe_of

from structures import emt_alloys

SPECIES = ["Cu", "Au"]
SMALL = {
    "GAP": {"n_sparse": 20},
    "NeuralNetwork": {"hidden": (4,), "epochs": 8},
    "SVR": {"C": 1e4},
    "PairPotential": {"form": "Lennard-Jones"},
}
every_family = pytest.mark.parametrize("name", REGISTRY)


@cache
def alloys(count: int, seed: int = 0) -> Dataset:
    return Dataset.from_structures(emt_alloys(count, seed, groups="abcd"), name=f"alloys {seed}")


def family(name: str) -> Potential:
    """As small and quick as can be."""
    cls, chosen = REGISTRY[name], SMALL.get(name, {})
    if cls.descriptor_scope == "none":
        return cls(**chosen)
    kind = {"atom": SOAP, "structure": AverageSOAP}[cls.descriptor_scope]
    return cls(kind(species=SPECIES, cutoff=4.0, n_max=2, l_max=2), **chosen)


@cache
def committee(name: str) -> Committee:
    return Committee(family(name), n_members=3).fit(alloys(16))


@cache
def calibrated(name: str) -> Calibrated:
    return Calibrated(family(name), folds=2).fit(alloys(16))


WITH_DEVIATIONS = [name for name, cls in REGISTRY.items() if cls.has_energy_std and name != "NeuralNetwork"]
MADE = [(committee, name) for name in REGISTRY] + [(calibrated, name) for name in WITH_DEVIATIONS]
every_made = pytest.mark.parametrize(("make", "name"), MADE, ids=[f"{make.__name__} {name}" for make, name in MADE])


# -- what both are -----------------------------------------------------------------------------------------------------


@every_made
def test_it_is_a_potential_with_deviations(make, name, tmp_path) -> None:
    potential, cls, fresh = make(name), REGISTRY[name], alloys(4, seed=9)
    prediction = potential.predict(fresh, atom_std=True)
    assert prediction.energy_std.shape == (4,)
    assert (prediction.energy_std >= 0).all()
    assert (prediction.force_std is not None) == potential.has_atom_std
    assert (prediction.local_energies is not None) == potential.extensive == cls.extensive
    assert (prediction.local_energy_std is not None) == (cls.extensive and potential.has_atom_std)
    for local_n, energy in zip(prediction.local_energies or (), prediction.energies, strict=cls.extensive):
        assert local_n.sum() == pytest.approx(energy, rel=1e-12)
    assert potential.predict(fresh).force_std is None
    assert potential.n_parameters > 0
    atoms = fresh.structures[0].copy()
    atoms.calc = potential.calculator()
    np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-3), atoms.get_forces(), atol=1e-4)
    assert atoms.calc.get_property("energy_std", atoms) == pytest.approx(prediction.energy_std[0], rel=1e-6)
    again = load(potential.save(tmp_path / "made.potscope"))
    assert again.hyperparameters() == potential.hyperparameters()
    assert again.recalibration_ == potential.recalibration_
    there = again.predict(fresh, atom_std=True)
    for quantity in ("energies", "energy_std", "stresses"):
        np.testing.assert_allclose(getattr(there, quantity), getattr(prediction, quantity), rtol=1e-8, err_msg=quantity)
    np.testing.assert_array_equal(np.concatenate(there.forces), np.concatenate(prediction.forces))


@every_made
def test_another_fit_is_the_same_and_a_cancelled_one_changes_nothing(make, name) -> None:
    potential = make(name)
    before = potential.predict(alloys(4, seed=9))
    model = replace(potential)
    assert not model.fitted
    with pytest.raises(NotFitted):
        model.predict(alloys(4, seed=9))
    seen: list[float] = []
    model.fit(alloys(16), progress=lambda fraction, message: seen.append(fraction))
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert seen == sorted(seen)
    again = model.predict(alloys(4, seed=9))
    np.testing.assert_array_equal(again.energies, before.energies)
    np.testing.assert_array_equal(again.energy_std, before.energy_std)

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        model.fit(alloys(8, seed=3), progress=stop)
    np.testing.assert_array_equal(model.predict(alloys(4, seed=9)).energy_std, before.energy_std)


@pytest.mark.parametrize("kind", [Committee, Calibrated])
def test_settings_of_groups_go_to_the_model_and_into_the_file(kind, tmp_path) -> None:
    given = {"a": Weights(5.0, 1.0, 2.0)}
    model = kind(family("SNAP"))
    assert model.group_settings is Weights
    potential = model.fit(alloys(16), groups=given)
    assert potential.groups_ == given
    assert load(potential.save(tmp_path / "groups.potscope")).groups_ == given
    members = getattr(potential, "members_", None) or [potential.model_]
    assert all(member.groups_ == given for member in members)
    with pytest.raises(ValueError, match="`groups`"):
        kind(family("KernelRidge")).fit(alloys(16), groups=given)


@pytest.mark.parametrize("kind", [Committee, Calibrated])
def test_what_is_no_potential_is_refused_and_recipes_tell_how_to_make_one(kind) -> None:
    with pytest.raises(TypeError, match="`model`: expected a potential"):
        kind(EMT())
    with pytest.raises(ValueError, match="`seed`"):
        kind(family("SNAP"), seed=-1)
    model = kind(family("SNAP"), seed=3)
    made = model_of(recipe_of(model))
    assert type(made) is kind
    assert made.hyperparameters() == model.hyperparameters()
    assert made.model.descriptor == model.model.descriptor
    with pytest.raises(ValueError, match="`train`: expected at least one structure with a reference energy"):
        model.fit(replace(alloys(4), energies=np.full(4, np.nan)))


# -- committees --------------------------------------------------------------------------------------------------------


def test_equal_members_have_no_deviations() -> None:
    same = Dataset.from_structures(alloys(1).to_structures() * 6)
    for model in (CompositionModel(), family("SNAP"), family("SVR")):
        potential = Committee(model, n_members=3).fit(same)
        prediction = potential.predict(alloys(1), atom_std=True)
        np.testing.assert_allclose(prediction.energy_std, 0.0, atol=1e-10)
        np.testing.assert_allclose(prediction.force_std[0], 0.0, atol=1e-8)
        assert potential.recalibration_.energy > 0


@every_family
def test_it_says_the_mean_of_its_members_and_their_spread(name) -> None:
    potential, fresh = committee(name), alloys(4, seed=9)
    said = [member.predict(fresh) for member in potential.members_]
    prediction = potential.predict(fresh, atom_std=True)
    energy_es = np.array([one.energies for one in said])
    np.testing.assert_allclose(prediction.energies, energy_es.mean(axis=0))
    np.testing.assert_allclose(prediction.energy_std, potential.recalibration_.energy * energy_es.std(axis=0, ddof=1))
    forces_enc = np.array([one.forces[2] for one in said])
    np.testing.assert_allclose(prediction.forces[2], forces_enc.mean(axis=0), atol=1e-12)
    expected_nc = potential.recalibration_.force * forces_enc.std(axis=0, ddof=1)
    np.testing.assert_allclose(prediction.force_std[2], expected_nc, atol=1e-12)
    assert potential.kept == "3 members"
    assert potential.n_parameters == sum(member.n_parameters for member in potential.members_)


def test_deviations_are_larger_away_from_the_data_and_shrink_with_them() -> None:
    model = KernelRidge(AverageSOAP(species=SPECIES, cutoff=4.0, n_max=3, l_max=2), regularisation=1e-8)
    few, many = (Committee(model, n_members=6, calibrated=False).fit(alloys(count)) for count in (20, 80))
    near = few.predict(alloys(30, seed=5)).energy_std
    strange = [bulk("Cu", "sc", a=2.6) * (2, 2, 1), bulk("Au", "bcc", a=2.9) * (2, 2, 1)]
    assert few.predict(strange).energy_std.min() > np.quantile(near, 0.9)
    assert np.median(many.predict(alloys(30, seed=5)).energy_std) < 0.7 * np.median(near)


def test_deviations_tell_the_errors() -> None:
    model = KernelRidge(AverageSOAP(species=SPECIES, cutoff=4.0, n_max=3, l_max=2), regularisation=1e-8)
    potential, test = Committee(model, n_members=10).fit(alloys(80)), alloys(60, seed=5)
    prediction = potential.predict(test)
    raw = Recalibration(1 / potential.recalibration_.energy).apply(prediction)
    after, before = (calibration(test, one).miscalibration_area for one in (prediction, raw))
    assert after < 0.1
    assert after < before
    assert replace(potential, calibrated=False).fit(alloys(16)).recalibration_ == Recalibration()


def test_the_factors_by_hand() -> None:
    """Half of the errors over deviations are below the quartile of Student's t, of members that did not learn."""
    potential, train = committee("SNAP"), alloys(16)
    draws = [bootstrap(train, "structures", (0, k)) for k in range(3)]
    ratio = []
    for s in range(16):
        outside = [member for member, draw in zip(potential.members_, draws, strict=True) if s not in draw]
        if len(outside) > 1:
            said = np.array([member.predict(train[[s]]).energies[0] for member in outside])
            error = abs(said.mean() - train.energies[s]) / said.std(ddof=1)
            ratio.append(error / t.ppf(0.75, len(outside) - 1))
    assert len(ratio) > 3
    assert potential.recalibration_.energy == pytest.approx(np.median(ratio), rel=1e-6)
    assert potential.recalibration_ == out_of_bag(potential.members_, draws, train)
    everything = [np.arange(16)] * 3
    assert out_of_bag(potential.members_, everything, train) == Recalibration()


def test_draws_are_with_replacement_have_all_elements_and_do_not_depend_on_the_order() -> None:
    data = alloys(16)
    draws = [bootstrap(data, "structures", (0, k)) for k in range(200)]
    assert {len(draw) for draw in draws} == {16}
    assert np.mean([len(np.unique(draw)) for draw in draws]) == pytest.approx(16 * (1 - (15 / 16) ** 16), rel=0.05)
    turned = data[::-1]
    assert [turned.ids[k] for k in bootstrap(turned, "structures", (0, 1))][::-1] == [data.ids[k] for k in draws[1]]
    gold = next(s for s in range(16) if 79 in data.structures[s].numbers)
    copper = [s for s in range(16) if 79 not in data.structures[s].numbers]
    rare = data[[gold, *copper]]
    assert copper
    for k in range(20):
        assert 0 in bootstrap(rare, "structures", (0, k))
    for k in range(20):
        draw = bootstrap(data, "groups", (0, k))
        taken, counts = np.unique(draw, return_counts=True)
        for group in "abcd":
            assert len(set(counts[[data.groups[s] == group for s in taken]])) <= 1
        assert {len(draw)} == {16}


def test_what_cannot_be_drawn_is_refused() -> None:
    data = alloys(16)
    with pytest.raises(ValueError, match="`drawn`: expected two groups or more to draw from, got all"):
        Committee(family("SNAP"), drawn="groups").fit(replace(data, groups=("all",) * 16))
    pure = [
        bulk(symbol)
        for symbol in ["Cu", "Au", "Ag", "Ni", "Pd", "Pt", "Al", "Pb", "Rh", "Ir", "Ca", "Sr", "Fe", "Cr", "W", "Mo"]
    ]
    for atoms in pure:
        atoms.info["REF_energy"] = -1.0
    with pytest.raises(ValueError, match="`drawn`: of 1000 draws of structures none has all elements"):
        Committee(CompositionModel()).fit(Dataset.from_structures(pure))


def test_a_family_that_draws_has_a_seed_for_each_member() -> None:
    assert [member.seed for member in committee("GAP").members_] == [0, 1, 2]
    energies = [
        Committee(family("SVR"), n_members=2, seed=k).fit(alloys(16)).predict(alloys(2)).energies for k in (0, 1)
    ]
    assert np.abs(energies[0] - energies[1]).max() > 1e-6


def test_what_a_member_fails_with_is_said() -> None:
    class Failing(EMT):
        def calculate(self, *arguments, **others) -> None:  # noqa: ARG002 - it fails whatever they are
            raise RuntimeError("no electrons")

    with pytest.raises(CalculatorFailed, match="no electrons"):
        Committee(FromCalculator(Failing())).fit(alloys(4))


# -- scaled to what was left out ---------------------------------------------------------------------------------------


def test_half_of_the_errors_left_out_are_within_what_says_so() -> None:
    gap, held_out = GAP(SOAP(species=SPECIES, cutoff=4.0, n_max=2, l_max=2), n_sparse=20).fit(alloys(16)), alloys(30, 7)
    potential = Calibrated.of(gap, held_out)
    assert potential.model_ is gap
    prediction = potential.predict(held_out, atom_std=True)
    for quantity in ("energy", "force"):
        error_k, std_k, _ = errors_and_stds(held_out, prediction, quantity)
        assert np.mean(np.abs(error_k) <= norm.ppf(0.75) * std_k) == pytest.approx(0.5, abs=1 / 30)
    raw = gap.predict(held_out, atom_std=True)
    np.testing.assert_allclose(prediction.energy_std, potential.recalibration_.energy * raw.energy_std)
    np.testing.assert_allclose(prediction.force_std[0], potential.recalibration_.force * raw.force_std[0])
    local = potential.recalibration_.energy * raw.local_energy_std[0]
    np.testing.assert_allclose(prediction.local_energy_std[0], local)
    np.testing.assert_array_equal(prediction.energies, raw.energies)
    with pytest.raises(NotFitted):
        Calibrated.of(replace(gap), held_out)


def test_a_fit_leaves_parts_out_for_the_factors_and_nothing_for_the_energies() -> None:
    train, fresh = alloys(40), alloys(60, seed=7)
    gap = GAP(SOAP(species=SPECIES, cutoff=4.0, n_max=2, l_max=2), n_sparse=20)
    potential = Calibrated(gap, folds=4, by="whole groups").fit(train)
    assert not gap.fitted
    alone = gap.fit(train).predict(fresh, atom_std=True)
    np.testing.assert_array_equal(potential.predict(fresh).energies, alone.energies)
    before, after = (calibration(fresh, one, "force") for one in (alone, potential.predict(fresh, atom_std=True)))
    assert after.miscalibration_area < 0.1
    assert after.miscalibration_area < before.miscalibration_area
    assert after.spearman == pytest.approx(before.spearman)
    assert potential.kept == potential.model_.kept
    assert potential.n_parameters == potential.model_.n_parameters + 2
    grades = Calibrated(SNAP(SOAP(species=SPECIES, cutoff=4.0, n_max=2, l_max=2)), folds=2).fit(alloys(16))
    assert grades.has_extrapolation
    assert grades.predict(fresh[:2], atom_std=True).extrapolation is not None


def test_a_family_without_deviations_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"`model`: expected one with standard deviations, which a PairPotential has not"
    ):
        Calibrated(PairPotential())
    assert Calibrated(Committee(CompositionModel(), n_members=3), folds=2).fit(alloys(12)).fitted
    with pytest.raises(ValueError, match="`train`: expected two structures or more"):
        Calibrated(family("SNAP")).fit(alloys(1))
