"""Sums of terms: pairs, triplets and environments against gap_fit, dense processes and finite differences."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from potscope.core import Dataset, load
from potscope.core.descriptors import FEW_BODY, SOAP, Bispectrum, ThreeBody, TwoBody
from potscope.core.kernels import PolynomialKernel, SquaredExponential
from potscope.core.models import (
    GAP,
    Sigmas,
    Term,
    configuration_sigmas,
    environment_kernel,
    gap_clusters,
    gap_process,
    gap_terms,
)
from potscope.core.models.environment_kernel import SparseKernel
from potscope.core.models.gap_equations import solved
from potscope.core.models.gap_process import SparseProcess
from potscope.core.pairs import Pairs
from potscope.core.progress import Cancelled, silent

from structures import emt_alloys
from systems import random_rotation, rotated

SPECIES = ["Cu", "Au"]
GAP_FIT = json.loads((Path(__file__).parent / "gap_reference" / "gap_fit_values.json").read_text())


def small_soap() -> SOAP:
    return SOAP(species=SPECIES, cutoff=4.0, n_max=3, l_max=2)


MADE = {
    "squared exponential": lambda: GAP(small_soap(), kernel="squared exponential", length=3.0, n_sparse=40),
    "bispectrum": lambda: GAP(
        Bispectrum(species=SPECIES, twojmax=2, rcutfac=2.0), kernel="squared exponential", length=4.0, n_sparse=40
    ),
    "pairs": lambda: GAP(TwoBody(species=SPECIES), kernel="squared exponential", n_sparse=36),
    "triplets": lambda: GAP(ThreeBody(species=SPECIES), kernel="squared exponential", n_sparse=90),
    "all": lambda: GAP(
        small_soap(),
        n_sparse=30,
        terms=[
            Term(TwoBody(species=SPECIES, cutoff=5.5), n_sparse=30),
            Term(ThreeBody(species=SPECIES, cutoff=3.8), delta=0.3, n_sparse=48, sparse_method="uniform"),
        ],
    ),
}
every_sum = pytest.mark.parametrize("name", MADE)


def alloys(count: int, seed: int = 0) -> list[Atoms]:
    return emt_alloys(count, seed, strain=0.02, groups="ab")


@cache
def data() -> Dataset:
    return Dataset.from_structures(alloys(10))


@cache
def fitted(name: str) -> GAP:
    return MADE[name]().fit(data())


# -- the same requirements for every sum ------------------------------------------------------------------------------


@every_sum
def test_forces_and_stress_are_derivatives_of_the_energy(name) -> None:
    atoms = alloys(1, seed=5)[0]
    atoms.calc = fitted(name).calculator()
    np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-3), atoms.get_forces(), atol=1e-4)
    np.testing.assert_allclose(calculate_numerical_stress(atoms, 1e-4), atoms.get_stress(), atol=1e-6)


@every_sum
def test_energies_are_invariant_and_extensive(name) -> None:
    potential, rng = fitted(name), np.random.default_rng(0)
    atoms = alloys(1, seed=6)[0]
    here = potential.predict(atoms, atom_std=True)
    order, rotation = rng.permutation(len(atoms)), random_rotation(rng)
    turned = potential.predict(rotated(atoms, rotation)[order], atom_std=True)
    assert turned.energies[0] == pytest.approx(here.energies[0], abs=1e-6)
    np.testing.assert_allclose(turned.forces[0], (here.forces[0] @ rotation.T)[order], atol=1e-5)
    np.testing.assert_allclose(turned.local_energy_std[0], here.local_energy_std[0][order], atol=1e-4)
    doubled = potential.predict(atoms * (1, 2, 1))
    assert doubled.energies[0] == pytest.approx(2 * here.energies[0], abs=1e-6)
    assert here.local_energies[0].sum() == pytest.approx(here.energies[0], rel=1e-12)


@every_sum
def test_the_order_of_the_data_does_not_matter(name) -> None:
    fresh = alloys(3, seed=8)
    backwards = MADE[name]().fit(data()[::-1]).predict(fresh).energies
    np.testing.assert_allclose(backwards, fitted(name).predict(fresh).energies, atol=1e-5)


@every_sum
def test_saved_and_loaded_it_is_the_same(name, tmp_path) -> None:
    potential, fresh = fitted(name), alloys(3, seed=9)
    again = load(potential.save(tmp_path / "sum.potscope"))
    assert again.terms == potential.terms
    assert again.log_likelihood_ == potential.log_likelihood_
    here, there = (one.predict(fresh, atom_std=True) for one in (potential, again))
    np.testing.assert_array_equal(here.energies, there.energies)
    np.testing.assert_array_equal(here.energy_std, there.energy_std)
    for a, b in zip(here.force_std, there.force_std, strict=True):
        np.testing.assert_array_equal(a, b)


@every_sum
def test_batches_parts_and_single_structures_give_the_same(name, monkeypatch) -> None:
    fresh = [*alloys(3, seed=10), Atoms("Cu"), Atoms("CuAu", [[0, 0, 0], [2.5, 0, 0]])]
    whole = fitted(name).predict(fresh, atom_std=True)
    monkeypatch.setattr(environment_kernel, "MOST_VALUES", 500)
    monkeypatch.setattr(gap_clusters, "MOST_ROWS", 200)
    for s, atoms in enumerate(fresh):
        alone = fitted(name).predict(atoms, atom_std=True)
        np.testing.assert_allclose(alone.energies[0], whole.energies[s], atol=1e-9)
        np.testing.assert_allclose(alone.forces[0], whole.forces[s], atol=1e-9)
        np.testing.assert_allclose(alone.energy_std[0], whole.energy_std[s], atol=1e-5)
        np.testing.assert_allclose(alone.local_energy_std[0], whole.local_energy_std[s], atol=1e-5)
        np.testing.assert_allclose(alone.force_std[0], whole.force_std[s], atol=1e-5)
    np.testing.assert_array_equal(whole.force_std[3], 0.0)


@every_sum
def test_a_fit_in_parts_is_the_same(name, monkeypatch) -> None:
    expected = fitted(name).predict(data()).energies
    monkeypatch.setattr(environment_kernel, "MOST_SLOPES", 2000)
    monkeypatch.setattr(gap_clusters, "MOST_ROWS", 300)
    np.testing.assert_allclose(MADE[name]().fit(data()).predict(data()).energies, expected, atol=1e-6)


def test_more_terms_fit_better() -> None:
    fresh = Dataset.from_structures(alloys(8, seed=99))
    error = {}
    for terms in ((), (Term(TwoBody(species=SPECIES)),)):
        made = GAP(small_soap(), n_sparse=40, terms=terms)
        prediction = made.fit(data()).predict(fresh)
        error[len(terms)] = np.abs(np.concatenate(prediction.forces) - np.concatenate(fresh.forces)).mean()
    assert error[1] < 0.7 * error[0]


# -- against gap_fit --------------------------------------------------------------------------------------------------


def test_pairs_and_triplets_are_those_of_gap_fit(monkeypatch) -> None:
    """With gap_fit's sparse points: its solution. Its sums run over every pair and triplet twice.

    Its kernel between sparse points has their cutoffs as well, which makes no difference but for the jitter.
    """
    monkeypatch.setattr(gap_process, "JITTER", 1e-15)
    symbols = tuple(GAP_FIT["offsets"])
    train = []
    for one in GAP_FIT["train"]:
        atoms = Atoms(one["numbers"], one["positions"], info={"REF_energy": one["energy"]})
        atoms.arrays["REF_forces"] = np.array(one["forces"])
        train.append(atoms)
    descriptors, kernels = [], []
    for kind, name in ((TwoBody, "distance_2b"), (ThreeBody, "angle_3b")):
        own = GAP_FIT["terms"][name]
        descriptor = kind(species=symbols, cutoff=own["cutoff"], width=own["width"])
        points, kinds = [], []
        for part in (part for part in GAP_FIT["sparse"] if part["name"] == name):
            z = {key: symbols.index({6: "C", 14: "Si"}[value]) for key, value in part["Z"].items()}
            pair = " ".join(symbols[k] for k in sorted((z["Z1"], z["Z2"])))
            label = pair if kind is TwoBody else f"{symbols[z['Z']]} {pair}"
            points.append(np.array(part["points"]) / own["theta"])
            kinds.append(np.full(len(part["points"]), descriptor.kinds.index(label)))
        order = np.argsort(np.concatenate(kinds), kind="stable")
        kernel = SquaredExponential((own["theta"],) * len(descriptor.names))
        points_mf, kind_m = np.concatenate(points)[order], np.concatenate(kinds)[order]
        descriptors.append(descriptor)
        kernels.append(SparseKernel(kernel, 2 * own["delta"], points_mf, kind_m))
    process = SparseProcess(tuple(descriptors), tuple(kernels))
    offsets = np.array(list(GAP_FIT["offsets"].values()))
    sigmas = Sigmas(GAP_FIT["sigmas"]["energy"], GAP_FIT["sigmas"]["force"], 1.0)
    found = solved(process, Dataset.from_structures(train), offsets, symbols, [sigmas] * len(train), silent)
    for one in GAP_FIT["fresh"]:
        pairs = Pairs.from_structures(Atoms(one["numbers"], one["positions"]), process.reach)
        local_n, gradient = process.gradient(pairs, found.weights_m)
        offset = sum(GAP_FIT["offsets"][{6: "C", 14: "Si"}[z]] for z in one["numbers"])
        assert local_n.sum() + offset == pytest.approx(one["energy"], abs=1e-5)
        np.testing.assert_allclose(gradient.forces, one["forces"], atol=1e-5)


# -- what a descriptor of pairs or triplets says ----------------------------------------------------------------------


def test_a_triangle_by_hand() -> None:
    atoms = Atoms("OH2", [[0, 0, 0], [1.0, 0, 0], [0, 1.2, 0]])
    pairs = Pairs.from_structures(atoms, 5.0)
    two = TwoBody(species=["O", "H"], cutoff=5.0).compute_pairs(pairs)
    kinds = TwoBody(species=["O", "H"]).kinds
    assert kinds == ("H H", "H O", "O O")
    found = sorted(
        (kinds[k], round(float(r), 6), float(w))
        for k, (r,), w in zip(two.kind_r, two.values_rf, two.weight_r, strict=True)
    )
    base = round(float(np.hypot(1.0, 1.2)), 6)
    assert found == [("H H", base, 0.5)] * 2 + [("H O", 1.0, 0.5)] * 2 + [("H O", 1.2, 0.5)] * 2
    three = ThreeBody(species=["O", "H"], cutoff=5.0)
    triplets = three.compute_pairs(pairs)
    rows = {
        three.kinds[k]: x for k, x in zip(triplets.kind_r, triplets.values_rf, strict=True) if "O H H" in three.kinds[k]
    }
    np.testing.assert_allclose(rows["O H H"], [2.2, 0.04, np.hypot(1.0, 1.2)])
    assert len(triplets.values_rf) == 3
    assert [three.kinds[k] for k in triplets.kind_r] == ["O H H", "H H O", "H H O"]


@pytest.mark.parametrize("kind", FEW_BODY.values(), ids=FEW_BODY)
def test_weights_fall_to_zero_at_the_cutoff(kind) -> None:
    descriptor = kind(species=["Si"], cutoff=3.0, width=0.5)
    structure = Atoms("Si3", [[0, 0, 0], [2.2, 0, 0], [0, 3.0 - 1e-9, 0]])
    groups = descriptor.compute_pairs(Pairs.from_structures(structure, 4.0))
    assert groups.weight_r.min() < 1e-12
    assert descriptor.reach == 3.0


@pytest.mark.parametrize("kind", FEW_BODY.values(), ids=FEW_BODY)
def test_bad_descriptors_are_refused(kind) -> None:
    with pytest.raises(ValueError, match="`width`"):
        kind(species=["Si"], cutoff=3.0, width=4.0)
    potential = GAP(kind(species=["Si"]), kernel="squared exponential")
    with pytest.raises(ValueError, match="has Cu"):
        potential.fit(data())
    with pytest.raises(ValueError, match="`kernel`: expected SquaredExponential"):
        GAP(kind(species=["Si"]))
    lonely = Atoms("Si", info={"REF_energy": 1.0})
    with pytest.raises(ValueError, match="found none"):
        potential.fit(Dataset.from_structures([lonely]))


# -- terms ------------------------------------------------------------------------------------------------------------


def test_bad_terms_are_refused() -> None:
    term = Term(TwoBody(species=SPECIES))
    with pytest.raises(TypeError, match="`terms`"):
        GAP(small_soap(), terms=term)
    with pytest.raises(TypeError, match="`terms`"):
        GAP(small_soap(), terms=[TwoBody(species=SPECIES)])
    with pytest.raises(TypeError, match="`descriptor`"):
        Term("SOAP")
    with pytest.raises(TypeError, match="`kernel`"):
        Term(small_soap(), kernel="polynomial")
    with pytest.raises(ValueError, match="`n_sparse`"):
        Term(small_soap(), n_sparse=-1)


@pytest.mark.parametrize(("n_kinds", "expected"), [(1, 100), (3, 33), (10, 20), (21, 20)])
def test_by_default_there_are_enough_points_of_each_kind_of_pairs(n_kinds, expected) -> None:
    sizes = np.full(n_kinds, 1000)
    assert set(gap_terms._shares(Term(TwoBody(species=SPECIES)), sizes).tolist()) == {expected}
    assert gap_terms._shares(Term(small_soap()), sizes).sum() == pytest.approx(100, abs=n_kinds)
    asked = Term(TwoBody(species=SPECIES), n_sparse=7 * n_kinds)
    assert set(gap_terms._shares(asked, sizes).tolist()) == {7}


def test_too_few_points_of_pairs_are_remarked_and_make_deviations_too_large(tmp_path) -> None:
    data, deviations, fresh = Dataset.from_structures(alloys(20)), [], alloys(6, seed=9)
    for n_sparse in (9, 0, 240):
        term = Term(TwoBody(species=SPECIES, cutoff=5.5), SquaredExponential((0.5,)), n_sparse=n_sparse)
        potential = GAP(small_soap(), n_sparse=20, terms=[term]).fit(data)
        kernel = potential._process.kernels[1]
        shape = lambda a_nf, b_mf: np.exp(-0.5 * (a_nf - b_mf.T) ** 2)  # noqa: E731
        left = []
        for _, own in kernel.columns:
            Q_mf = kernel.sparse_mf[own]
            rows = np.linspace(Q_mf.min(), Q_mf.max(), 200)[:, None]
            K_mm = shape(Q_mf, Q_mf) + 1e-8 * np.eye(len(Q_mf))
            left.append(1 - np.einsum("rm,mr->r", shape(rows, Q_mf), np.linalg.solve(K_mm, shape(Q_mf, rows))).min())
        assert gap_terms.unexplained(kernel) == pytest.approx(max(left), rel=1e-3, abs=1e-6)
        assert ("9 sparse points for 3 kinds of pairs" in potential.kept) == (n_sparse == 9)
        assert bool(potential.kept) == (n_sparse == 9)
        assert load(potential.save(tmp_path / "gap.potscope")).kept == potential.kept
        deviations.append(potential.predict(fresh).energy_std)
    few, default, many = deviations
    assert few.min() > 3 * many.max()
    np.testing.assert_allclose(default, many, rtol=0.1)


def test_lengths_follow_the_spread_of_each_feature() -> None:
    rng = np.random.default_rng(0)
    kind_r = rng.integers(2, size=4000)
    values_rf = rng.normal(size=(4000, 3)) * [1.0, 10.0, 0.0] + 50.0 * kind_r[:, None]
    term = Term(small_soap(), SquaredExponential((2.0,)))
    found = term.lengths(values_rf, kind_r)
    np.testing.assert_allclose(found[:2], 2 * np.sqrt(3) * np.array([1.0, 10.0]), rtol=0.05)
    assert 0 < found[2] < 1e-4
    absolute = replace(term, relative_lengths=False)
    np.testing.assert_array_equal(absolute.lengths(values_rf, kind_r), [2.0, 2.0, 2.0])
    assert len(replace(term, kernel=PolynomialKernel()).lengths(values_rf, kind_r)) == 0


def test_of_very_many_candidates_some_stand_for_all(monkeypatch) -> None:
    monkeypatch.setattr(gap_terms, "MOST_CANDIDATES", 1000)
    potential = MADE["all"]().fit(data())
    assert potential.n_sparse_ < fitted("all").n_sparse_
    error = np.abs(potential.predict(data()).energies - data().energies)
    assert error.mean() / 4 < 0.02


def test_a_file_from_before_there_were_terms_is_read() -> None:
    potential = GAP(small_soap(), n_sparse=20).fit(data())
    plain, arrays = potential.state()
    for name in ("kernel", "length"):
        del plain["hyperparameters"][name]
    del plain["terms"], arrays["log_likelihood"]
    again = GAP.from_state(plain, arrays)
    np.testing.assert_array_equal(again.predict(data()).energies, potential.predict(data()).energies)
    assert np.isnan(again.log_likelihood_)


# -- noise ------------------------------------------------------------------------------------------------------------


def test_sigmas_of_groups_and_of_structures_are_the_same_thing() -> None:
    special = Sigmas(0.05, 0.5, 0.5)
    plain = fitted("squared exponential").predict(data()).energies
    by_group = MADE["squared exponential"]().fit(data(), groups={"b": special})
    listed = [special if group == "b" else None for group in data().groups]
    by_structure = MADE["squared exponential"]().fit(data(), sigmas=listed)
    np.testing.assert_array_equal(by_group.predict(data()).energies, by_structure.predict(data()).energies)
    assert np.abs(by_group.predict(data()).energies - plain).max() > 1e-5
    assert by_group.groups_ == {"b": special}
    own_first = MADE["squared exponential"]().fit(
        data(), groups={"b": Sigmas(1.0, 1.0, 1.0)}, sigmas=[special] * len(data())
    )
    everywhere = replace(by_group, energy_sigma=0.05, force_sigma=0.5, virial_sigma=0.5).fit(data())
    np.testing.assert_array_equal(own_first.predict(data()).energies, everywhere.predict(data()).energies)


def test_sigmas_are_read_as_gap_fit_does() -> None:
    plain, own = Atoms("Si4"), Atoms("Si4", info={"energy_sigma": 0.2, "force_sigma": 0.5, "virial_sigma": 0.4})
    default = Sigmas(0.01, 0.1, 0.1)
    assert configuration_sigmas([plain, own], default) == [default, Sigmas(0.1, 0.5, 0.2)]
    with pytest.raises(ValueError, match=r"structures\[0\].info\['energy_sigma'\]"):
        configuration_sigmas([Atoms("Si", info={"energy_sigma": -1.0})], default)


def test_bad_sigmas_are_refused() -> None:
    potential = MADE["pairs"]()
    with pytest.raises(ValueError, match="`energy`"):
        Sigmas(0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="`sigmas`: expected one for each"):
        potential.fit(data(), sigmas=[None])
    with pytest.raises(TypeError, match=r"`sigmas`\[0\]"):
        potential.fit(data(), sigmas=[0.1] * len(data()))
    with pytest.raises(ValueError, match="`groups`"):
        potential.fit(data(), groups={"liquid": Sigmas(1.0, 1.0, 1.0)})
    assert not potential.fitted


def test_choosing_points_can_be_cancelled() -> None:
    def stop(fraction: float, message: str) -> None:
        if message == "choosing points":
            raise Cancelled

    potential = MADE["all"]()
    with pytest.raises(Cancelled):
        potential.fit(data(), progress=stop)
    assert not potential.fitted
