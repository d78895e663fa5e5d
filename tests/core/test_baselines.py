"""Baselines: composition, pair potentials, ASE calculators, and potentials fitted to what these leave over."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.calculators.lj import LennardJones
from ase.calculators.morse import MorsePotential

from potscope.core import Dataset, Prediction, load, metrics
from potscope.core.cutoffs import CUTOFF_FUNCTIONS
from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.dynamics import run
from potscope.core.models import (
    GAP,
    REGISTRY,
    SNAP,
    CalculatorFailed,
    CompositionModel,
    Delta,
    FromCalculator,
    NotFitted,
    PairPotential,
    Repulsion,
    Weights,
)
from potscope.core.models.from_calculator import NAMED
from potscope.core.models.pair_equations import PairEquations
from potscope.core.models.pair_forms import FORMS, CutPairEnergy
from potscope.core.pairs import Pairs
from potscope.core.progress import Cancelled
from potscope.core.zbl import ZBL

SOAP_CUAU = SOAP(species=["Cu", "Au"], cutoff=4.0, n_max=4, l_max=3)


def labelled(atoms: Atoms, calculator: Calculator, offset: float = 0.0) -> Atoms:
    """References of a calculator, with an energy of each atom added."""
    atoms = atoms.copy()
    atoms.calc = calculator
    copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    copy.info["REF_energy"] = atoms.get_potential_energy() + offset * len(atoms)
    copy.arrays["REF_forces"] = atoms.get_forces()
    if atoms.cell.rank == 3:
        copy.info["REF_stress"] = atoms.get_stress()
    return copy


def crystals(count: int, seed: int = 0, a: float = 3.8, gold: float = 0.4) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True, a=a)
        atoms.numbers[rng.random(4) < gold] = 79
        atoms.set_cell(atoms.cell[:] @ (np.eye(3) + rng.normal(0, 0.02, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.08, (4, 3))
        made.append(atoms)
    return made


@cache
def alloys(count: int, seed: int = 0) -> Dataset:
    return Dataset.from_structures([labelled(atoms, EMT()) for atoms in crystals(count, seed)], name="alloys")


def assert_same(first: Prediction, second: Prediction, atol: float = 1e-10) -> None:
    np.testing.assert_allclose(first.energies, second.energies, atol=atol, rtol=0)
    np.testing.assert_allclose(np.concatenate(first.forces), np.concatenate(second.forces), atol=atol, rtol=0)
    np.testing.assert_allclose(first.stresses, second.stresses, atol=atol, rtol=0)


# -- composition ------------------------------------------------------------------------------------------------------


def test_energies_by_composition_are_those_of_least_squares():
    data = alloys(20)
    model = CompositionModel().fit(data)
    n_gold = np.array([(atoms.numbers == 79).sum() for atoms in data.structures]) / data.n_atoms
    slope, copper = np.polyfit(n_gold, data.energies / data.n_atoms, 1)
    np.testing.assert_allclose(model.offsets_, [copper, copper + slope], atol=1e-10)
    assert model.species_ == ("Cu", "Au")
    assert model.n_parameters == 2


# -- pair potentials --------------------------------------------------------------------------------------------------


def test_lennard_jones_parameters_of_ase_are_found_again():
    """Argon in clusters: ASE's energy of a pair is shifted to zero at its cutoff, here by 4e-9 eV."""
    rng = np.random.default_rng(1)
    epsilon, sigma, offset = 0.0103, 3.4, -5.0
    structures = []
    for _ in range(6):
        sites = 3.9 * np.array(list(np.ndindex(2, 2, 2)), dtype=float)
        atoms = Atoms("Ar8", sites + rng.normal(0, 0.25, sites.shape))
        structures.append(labelled(atoms, LennardJones(epsilon=epsilon, sigma=sigma, rc=50.0), offset))
    data = Dataset.from_structures(structures)
    model = PairPotential(form="Lennard-Jones", cutoff=20.0, inner_fraction=0.9).fit(data)
    np.testing.assert_allclose(model.parameters_[0, 0], [epsilon, sigma], rtol=1e-6)
    np.testing.assert_allclose(model.offsets_, offset, atol=1e-7)
    assert model.kept == "Ar–Ar: ε = 0.0103 eV, σ = 3.4 Å"
    assert model.n_parameters == 3


@pytest.mark.parametrize("missing", ["nothing", "forces", "stresses"])
def test_morse_parameters_of_ase_are_found_again(missing):
    """ASE ends it with the polynomial that is called poly2 here."""
    epsilon, rho, r0 = 0.35, 4.2, 2.6
    calculator = MorsePotential(epsilon=epsilon, rho0=rho, r0=r0, rcut1=1.9, rcut2=2.7)
    structures = [labelled(atoms, calculator, 1.5) for atoms in crystals(8, gold=0.0)]
    for atoms in structures:
        if missing == "forces":
            del atoms.arrays["REF_forces"]
        if missing == "stresses":
            del atoms.info["REF_stress"]
    model = PairPotential(cutoff=2.7 * r0, inner_fraction=1.9 / 2.7).fit(Dataset.from_structures(structures))
    np.testing.assert_allclose(model.parameters_[0, 0], [epsilon, rho / r0, r0], rtol=1e-5)
    np.testing.assert_allclose(model.offsets_, 1.5, atol=1e-5)
    fresh = Dataset.from_structures([labelled(atoms, calculator, 1.5) for atoms in crystals(3, seed=9, gold=0.0)])
    errors = metrics.summary(fresh, model.predict(fresh))
    assert max(errors["energy_max"], errors["force_max"], errors["stress_max"]) < 1e-5


@pytest.mark.parametrize("form", FORMS)
def test_two_elements_have_three_pairs_of_them(form):
    known = PairPotential(form=form).fit(alloys(6))
    depths = {"Morse": [0.3, 1.6, 2.7], "Lennard-Jones": [0.3, 2.4]}[form]
    known.offsets_ = np.array([-1.0, -2.0])
    known.parameters_[0, 0], known.parameters_[1, 1] = depths, 1.1 * np.array(depths)
    known.parameters_[0, 1] = known.parameters_[1, 0] = 0.97 * np.array(depths)
    structures = []
    for atoms in crystals(15, seed=4):
        structures.append(labelled(atoms, known.calculator()))
    model = PairPotential(form=form).fit(Dataset.from_structures(structures))
    np.testing.assert_allclose(model.parameters_, known.parameters_, rtol=1e-5)
    np.testing.assert_allclose(model.offsets_, known.offsets_, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_the_derivatives_by_parameters_are_exact(form):
    data = alloys(3)
    energy = CutPairEnergy(FORMS[form], "poly2", 3.0, 5.0)
    weights = [Weights(100.0, 1.0, 10.0), Weights(50.0, 2.0, 0.0), Weights(0.0, 0.0, 3.0)]
    equations = PairEquations(data, data.species, weights, energy, lambda fraction, message: None)
    rng = np.random.default_rng(0)
    theta_kq = np.array([FORMS[form].start(2.6, 4.0) for _ in equations.kinds])
    theta_kq *= rng.uniform(0.9, 1.1, theta_kq.shape)
    jacobian = equations.jacobian(theta_kq)
    for column, index in enumerate(np.ndindex(theta_kq.shape)):
        change_kq = np.zeros_like(theta_kq)
        change_kq[index] = 1e-5
        up, down = (equations.residuals(theta_kq * np.exp(sign * change_kq)) for sign in (1, -1))
        scale = np.abs(jacobian[:, column]).max()
        np.testing.assert_allclose((up - down) / 2e-5, jacobian[:, column], atol=1e-7 * scale)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("function", [name for name in CUTOFF_FUNCTIONS if name != "none"])
def test_forces_of_every_form_and_cutoff_are_derivatives(form, function):
    model = PairPotential(form=form, cutoff_function=function, cutoff=5.0, inner_fraction=0.4)
    model.groups_, model.species_, model.offsets_ = {}, ("Cu", "Au"), np.array([1.0, 2.0])
    model.parameters_ = np.full((2, 2, len(FORMS[form].names)), FORMS[form].start(2.7, 4.0))
    atoms = crystals(1, seed=5)[0]
    atoms.calc = model.calculator()
    np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-4), atoms.get_forces(), atol=1e-5)
    np.testing.assert_allclose(calculate_numerical_stress(atoms, 1e-5), atoms.get_stress(), atol=1e-6)


def test_elements_that_never_meet_do_not_interact():
    far = [Atoms("Cu2Au", [[0, 0, 0], [0, 0, 2.3 + 0.1 * k], [30, 0, 0]]) for k in range(4)]
    model = PairPotential().fit(Dataset.from_structures([labelled(atoms, EMT()) for atoms in far]))
    assert model.parameters_[0, 0, 0] > 0
    assert (model.parameters_[1, :, 0] == 0).all()
    dimer = model.predict([Atoms("CuAu", [[0, 0, 0], [0, 0, 2.4]]), Atoms("CuAu", [[0, 0, 0], [0, 0, 9.0]])])
    assert dimer.energies[0] == pytest.approx(dimer.energies[1], abs=1e-12)
    alone = PairPotential().fit(Dataset.from_structures(labelled(Atoms("Cu"), EMT())))
    assert alone.predict(Atoms("Cu")).energies[0] == pytest.approx(labelled(Atoms("Cu"), EMT()).info["REF_energy"])


def test_many_pairs_of_elements_are_told_by_their_number():
    structures = [labelled(atoms, EMT()) for atoms in crystals(3)]
    for atoms in structures:
        atoms.numbers[0] = 28
    assert PairPotential(form="Lennard-Jones").fit(Dataset.from_structures(structures)).kept == "6 pairs of elements"


def test_a_pair_potential_needs_an_energy_with_a_weight():
    with pytest.raises(ValueError, match="`energy_weight`: expected one greater than zero"):
        PairPotential(energy_weight=0.0).fit(alloys(3))
    data = alloys(3)
    model = PairPotential(energy_weight=0.0)
    with pytest.raises(ValueError, match="`energy_weight`"):
        model.fit(data, groups={data.groups[0]: Weights(0.0, 1.0, 1.0)})
    assert not model.fitted


# -- ASE calculators --------------------------------------------------------------------------------------------------


class Strange(Calculator):
    """Energies of atoms that do not add up, no free energy, no stress; fails for gold, and is infinite for silver."""

    implemented_properties = ["energy", "energies", "forces"]  # noqa: RUF012 - ASE's

    def calculate(self, atoms=None, properties=(), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        if 79 in atoms.numbers:
            raise KeyError("gold is unheard of")
        energy = np.inf if 47 in atoms.numbers else 3.0 * len(atoms)
        self.results = {"energy": energy, "energies": np.ones(len(atoms)), "forces": np.zeros((len(atoms), 3))}


def test_a_calculator_says_what_it_says():
    data = alloys(6)
    prediction = FromCalculator(EMT(), fit_offsets=False).predict(data)
    errors = metrics.summary(data, prediction)
    assert max(errors["energy_max"], errors["force_max"], errors["stress_max"]) < 1e-12
    for local_n, energy in zip(prediction.local_energies, prediction.energies, strict=True):
        assert local_n.sum() == pytest.approx(energy)
    assert np.isnan(FromCalculator(EMT(), fit_offsets=False).predict(molecule("CO")).stresses).all()


def test_a_fit_brings_the_zeros_together():
    data = alloys(12)
    n_gold = np.array([(atoms.numbers == 79).sum() for atoms in data.structures])
    shifted = replace(data, energies=data.energies - 2.0 * data.n_atoms - 5.0 * n_gold)
    model = FromCalculator(EMT())
    with pytest.raises(NotFitted, match="FromCalculator"):
        model.predict(data)
    seen: list[float] = []
    model.fit(shifted, progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    np.testing.assert_allclose(model.offsets_, [-2.0, -7.0], atol=1e-9)
    assert metrics.summary(shifted, model.predict(shifted))["energy_max"] < 1e-9
    assert not replace(model).fitted
    with pytest.raises(ValueError, match="Si"):
        model.predict(bulk("Si"))
    with pytest.raises(ValueError, match="`train`: expected at least one structure with a reference energy"):
        model.fit(replace(data, energies=np.full(len(data), np.nan)))


def test_a_calculator_may_have_less():
    model = FromCalculator(Strange(), fit_offsets=False)
    prediction = model.predict([bulk("Cu"), bulk("Cu", cubic=True)])
    np.testing.assert_array_equal(prediction.energies, [3.0, 12.0])
    assert prediction.local_energies is None
    assert np.isnan(prediction.stresses).all()


def test_a_calculator_that_fails_names_the_structure():
    model = FromCalculator(Strange(), fit_offsets=False)
    with pytest.raises(
        CalculatorFailed, match=r"`structures`\[1\], Au: Strange failed with KeyError: 'gold is unheard"
    ):
        model.predict([bulk("Cu"), bulk("Au")])
    with pytest.raises(CalculatorFailed, match=r"`structures`\[1\], Ag: Strange gave a energy that is not finite"):
        model.evaluate([bulk("Cu"), bulk("Ag")])
    with pytest.raises(CalculatorFailed, match="Si2: EMT failed with NotImplementedError"):
        FromCalculator(EMT(), fit_offsets=False).predict(bulk("Si"))


@pytest.mark.parametrize("wrong", [EMT, "EMT", None])
def test_what_is_no_calculator_is_refused(wrong):
    with pytest.raises(TypeError, match="`ase_calculator`: expected an ASE calculator"):
        FromCalculator(wrong)


@pytest.mark.parametrize("name", NAMED)
def test_calculators_that_can_be_named_are_saved(name, tmp_path):
    chosen = {"EMT": {}, "LennardJones": {"sigma": 2.3, "epsilon": 0.2, "smooth": True}, "MorsePotential": {"r0": 2.6}}
    data = alloys(4)
    model = FromCalculator(NAMED[name](**chosen[name])).fit(data)
    again = load(model.save(tmp_path / "calculator.potscope"))
    assert repr(again) == repr(model) == f"FromCalculator({name}, fit_offsets=True)"
    assert_same(model.predict(data), again.predict(data), atol=0)


def test_calculators_made_of_code_are_not_saved(tmp_path):
    class EMT2(EMT):
        pass

    for calculator in (Strange(), EMT2(), GAP(SOAP_CUAU, n_sparse=5).fit(alloys(2)).calculator()):
        with pytest.raises(ValueError, match="`ase_calculator`: expected one of EMT, LennardJones, MorsePotential"):
            FromCalculator(calculator, fit_offsets=False).save(tmp_path / "no.potscope")
    assert not list(tmp_path.iterdir())


def test_molecular_dynamics_is_that_of_the_calculator():
    atoms = crystals(1, seed=2)[0]
    frames, expected = (
        list(run(atoms, calculator, temperature=300, timestep=2.0, steps=10, every=10))
        for calculator in (FromCalculator(EMT(), fit_offsets=False).calculator(), EMT())
    )
    np.testing.assert_allclose(frames[-1].atoms.positions, expected[-1].atoms.positions, atol=1e-10)


# -- Δ-learning -------------------------------------------------------------------------------------------------------

CLEAN = {
    "KernelRidge": {"regularisation": 1e-8},
    "SVR": {"C": 1e4},
    "NeuralNetwork": {
        "hidden": (6,),
        "epochs": 80,
        "members": 2,
        "penalty": 1e-3,
        "whitening": 0.01,
        "validation": 0.0,
    },
}
"""What the references without noise ask for, where the defaults expect some, and what so few data do."""


def correction(name: str):
    cls = REGISTRY[name]
    if cls.descriptor_scope == "none":
        return cls()
    kind = {"atom": SOAP, "structure": AverageSOAP}[cls.descriptor_scope]
    return cls(kind(species=["Cu", "Au"], cutoff=4.0, n_max=3, l_max=2), **CLEAN.get(name, {}))


@cache
def beyond_emt(count: int, seed: int = 0) -> Dataset:
    """Copper and gold by EMT, with a short-range attraction and energies of the atoms that EMT knows nothing of."""
    data = alloys(count, seed)
    extra = Dataset.from_structures(
        [
            labelled(a, MorsePotential(epsilon=0.05, rho0=5.0, r0=2.7, rcut1=1.2, rcut2=1.6), -3.0)
            for a in crystals(count, seed)
        ]
    )
    return replace(
        data,
        energies=data.energies + extra.energies,
        forces=tuple(f + g for f, g in zip(data.forces, extra.forces, strict=True)),
        stresses=data.stresses + extra.stresses,
    )


@pytest.mark.parametrize("name", REGISTRY)
def test_any_family_corrects_a_calculator(name, tmp_path):
    cls = REGISTRY[name]
    train, fresh = beyond_emt(15 if cls.learns_forces else 25), beyond_emt(8, seed=3)
    model = Delta(FromCalculator(EMT()), correction(name)).fit(train)
    prediction = model.predict(fresh)
    base = metrics.summary(fresh, FromCalculator(EMT()).fit(train).predict(fresh))
    alone = metrics.summary(fresh, correction(name).fit(train).predict(fresh))
    together = metrics.summary(fresh, prediction)
    if cls.feels_positions:
        assert together["energy_rmse"] < 0.6 * base["energy_rmse"]
        assert together["force_rmse"] < 0.6 * base["force_rmse"]
    for quantity in ("energy_rmse", "force_rmse", "stress_rmse"):
        assert together[quantity] < 0.25 * alone[quantity]
    assert (prediction.energy_std is not None) == cls.has_energy_std
    assert (prediction.local_energies is not None) == cls.extensive
    atoms = fresh.structures[0].copy()
    atoms.calc = model.calculator()
    np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-3), atoms.get_forces(), atol=1e-4)
    again = load(model.save(tmp_path / "delta.potscope"))
    assert_same(again.predict(fresh), prediction, atol=0)
    assert type(again.correction_) is cls


def test_on_a_pair_potential_four_structures_are_enough_where_alone_they_are_not():
    train, fresh = alloys(4), alloys(30, seed=7)
    gap = GAP(SOAP_CUAU, n_sparse=40)
    alone = metrics.summary(fresh, replace(gap).fit(train).predict(fresh))
    together = metrics.summary(fresh, Delta(PairPotential(), gap).fit(train).predict(fresh))
    assert together["energy_rmse"] < 0.1 * alone["energy_rmse"]
    assert together["force_rmse"] < 0.3 * alone["force_rmse"]


def test_a_base_that_is_fitted_is_taken_as_it_is_and_another_fitted_along():
    data = alloys(8)
    base = PairPotential().fit(data[:4])
    before = base.predict(data)
    model = Delta(base, CompositionModel()).fit(data)
    assert model.base_ is base
    assert_same(base.predict(data), before, atol=0)
    assert model.n_parameters == 2
    unfitted, gap = PairPotential(form="Lennard-Jones"), GAP(SOAP_CUAU, n_sparse=20)
    other = Delta(unfitted, gap).fit(data)
    assert not unfitted.fitted
    assert not gap.fitted
    assert not replace(other).fitted
    assert other.n_parameters == other.base_.n_parameters + other.correction_.n_parameters
    assert_same(Delta(unfitted, gap).fit(data).predict(data), other.predict(data), atol=0)
    assert other.kept == other.correction_.kept


def test_the_correction_is_asked_for_everything():
    data = alloys(8)
    group = data.groups[0]
    model = Delta(FromCalculator(EMT(), fit_offsets=False), SNAP(SOAP_CUAU))
    with pytest.raises(ValueError, match="`groups`"):
        Delta(PairPotential(), CompositionModel()).fit(data, groups={group: 1.0})
    model.fit(data, groups={group: Weights(1.0, 1.0, 1.0)})
    assert model.groups_ == model.correction_.groups_ == {group: Weights(1.0, 1.0, 1.0)}
    assert model.calculator().get_property("energy_std", data.structures[0]) is not None
    twice = Delta(model, CompositionModel()).fit(data)
    assert_same(twice.predict(data), model.predict(data), atol=1e-6)


def test_a_core_keeps_apart_what_the_data_never_had_so_near(tmp_path):
    data = alloys(6)
    core = Repulsion(inner=1.2, outer=2.0)
    model = Delta(core, SNAP(SOAP_CUAU)).fit(data)
    assert model.base_ is core
    dimers = [Atoms("CuAu", [[0, 0, 0], [0, 0, r]]) for r in (0.3, 0.6, 1.9, 2.5)]
    pairs = Pairs.from_structures(dimers, 2.0)
    expected_s = np.bincount(pairs.structure_n, ZBL(1.2, 2.0).energies(pairs)[0], 4)
    np.testing.assert_allclose(core.predict(dimers).energies, expected_s)
    np.testing.assert_allclose(core.local_energies(pairs), ZBL(1.2, 2.0).energies(pairs)[0])
    rest_s = model.correction_.predict(dimers).energies
    np.testing.assert_allclose(model.predict(dimers).energies, rest_s + expected_s)
    assert expected_s[0] > expected_s[1] + 1000
    dimers[2].calc = core.calculator()
    np.testing.assert_allclose(calculate_numerical_forces(dimers[2], 1e-4), dimers[2].get_forces(), atol=1e-6)
    assert_same(load(model.save(tmp_path / "core.potscope")).predict(data), model.predict(data), atol=0)
    with pytest.raises(ValueError, match="`inner`: expected less than `outer`"):
        Repulsion(inner=2.0, outer=2.0)
    with pytest.raises(ValueError, match="`groups`: expected none"):
        core.fit(data, groups={"alloys": 1.0})


def test_groups_of_a_correction_are_in_the_file(tmp_path):
    data = alloys(4)
    given = {data.groups[0]: Weights(2.0, 1.0, 0.5)}
    model = Delta(FromCalculator(EMT()), PairPotential()).fit(data, groups=given)
    again = load(model.save(tmp_path / "delta.potscope"))
    assert again.groups_ == again.correction_.groups_ == given


def test_what_makes_no_sum_is_refused_and_a_cancelled_fit_changes_nothing(tmp_path):
    with pytest.raises(TypeError, match="`base`: expected a potential"):
        Delta(EMT(), PairPotential())
    with pytest.raises(TypeError, match="`correction`: expected a potential"):
        Delta(PairPotential(), SOAP_CUAU)
    model = Delta(PairPotential(form="Lennard-Jones"), CompositionModel())
    with pytest.raises(NotFitted):
        model.predict(bulk("Cu"))
    data = alloys(6)
    before = model.fit(data).predict(data)

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        model.fit(data[:3], progress=stop)
    assert_same(model.predict(data), before, atol=0)
    seen: list[float] = []
    model.fit(data, progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    unsaved = Delta(FromCalculator(Strange(), fit_offsets=False), CompositionModel())
    unsaved.fit(Dataset.from_structures([labelled(bulk("Cu"), EMT())]))
    with pytest.raises(ValueError, match="`ase_calculator`"):
        unsaved.save(tmp_path / "no.potscope")
