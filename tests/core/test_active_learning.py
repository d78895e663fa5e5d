"""The loop of dynamics, uncertainty, labels and fits; tests/benchmarks/active_learning measures whether it pays."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from potscope.core.active_learning import MEASURES, PICKS, Exploration, History, active_learning, means
from potscope.core.dataset import Dataset
from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.models import GAP, SNAP, SVR
from potscope.core.progress import Cancelled

SOAP_OF_COPPER = SOAP(species=["Cu"], cutoff=4.0, n_max=3, l_max=2)
BRIEF = Exploration(temperature=1500.0, timestep=3.0, steps=20, every=5, trajectories=4)


@cache
def copper() -> Dataset:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(5):
        atoms = bulk("Cu", cubic=True, a=3.6 + rng.normal(0, 0.05))
        atoms.positions += rng.normal(0, 0.03, (4, 3))
        atoms.calc = EMT()
        copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        copy.info["REF_energy"], copy.arrays["REF_forces"] = atoms.get_potential_energy(), atoms.get_forces()
        copy.info["REF_stress"] = atoms.get_stress()
        made.append(copy)
    return Dataset.from_structures(made, name="copper")


def gap() -> GAP:
    return GAP(SOAP_OF_COPPER, n_sparse=20)


def learn(potential=None, **chosen) -> History:
    settings = {"rounds": 2, "picks": 2, "exploration": BRIEF, "seed": 1, **chosen}
    return active_learning(potential or gap(), copper(), copper(), EMT(), **settings)


@pytest.mark.parametrize("pick", PICKS)
def test_what_is_picked_is_labelled_and_learnt(pick) -> None:
    potential = gap()
    found = learn(potential, pick=pick, threshold=1e-3, test=copper())
    assert not potential.fitted
    assert found.potential.fitted
    assert [one.n_train for one in found.rounds] == [5, 7]
    assert len(found.train) == 9
    assert found.train.groups[-2:] == ("round 2", "round 2")
    for one in found.rounds:
        assert len(one.picked) == 2
        for atoms, energy, forces, stress in zip(
            one.picked.structures, one.picked.energies, one.picked.forces, one.picked.stresses, strict=True
        ):
            copy = atoms.copy()
            copy.calc = EMT()
            assert copy.get_potential_energy() == pytest.approx(energy)
            np.testing.assert_allclose(copy.get_forces(), forces, atol=1e-10)
            np.testing.assert_allclose(copy.get_stress(), stress, atol=1e-12)
        assert one.errors["energy_mae"] > 0
        assert len(one.stopped) == len(one.uncertainties) == BRIEF.trajectories
        if pick == "random":
            assert np.isnan(one.uncertainties).all()
            assert one.threshold == np.inf
    assert found.errors["force_count"] == 60


def test_trajectories_stop_where_the_potential_is_not_sure() -> None:
    nowhere = learn(threshold=1e9, rounds=1).rounds[0]
    assert set(nowhere.stopped) == {-1}
    at_once = learn(threshold=1e-9, rounds=1).rounds[0]
    assert set(at_once.stopped) == {0}
    between = learn(threshold=float(np.sort(nowhere.uncertainties)[1]) * 0.999, rounds=1).rounds[0]
    stopped = np.array(between.stopped)
    assert (stopped > -1).sum() == 3
    assert (between.uncertainties[stopped > -1] > between.threshold).all()
    assert (between.uncertainties[stopped == -1] <= between.threshold).all()
    default = learn(rounds=1).rounds[0]
    std = gap().fit(copper()).predict(copper()).energy_std
    assert default.threshold == pytest.approx(2 * (std / 4).max(), rel=1e-6)


def test_the_most_uncertain_and_the_most_different_are_picked() -> None:
    found = learn(threshold=1e-9, rounds=1, pick="uncertainty").rounds[0]
    assert len(found.picked) == 2
    std = gap().fit(copper()).predict(found.picked).energy_std / 4
    np.testing.assert_allclose(np.sort(std), np.sort(found.uncertainties)[-2:], rtol=1e-5)
    apart = learn(threshold=1e-9, rounds=1, picks=4).rounds[0]
    two = learn(threshold=1e-9, rounds=1, picks=2).rounds[0]
    mean_sf = means(apart.picked.structures, SOAP_OF_COPPER)
    distance_ss = np.linalg.norm(mean_sf[:, None] - mean_sf[None], axis=2)
    chosen = means(two.picked.structures, SOAP_OF_COPPER)
    assert np.linalg.norm(chosen[0] - chosen[1]) >= np.median(distance_ss[distance_ss > 0])


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_of_uncertainty(measure) -> None:
    potential = SNAP(SOAP_OF_COPPER)
    if not MEASURES[measure].known_to(potential):
        with pytest.raises(ValueError, match="`measure`"):
            learn(potential, measure=measure)
        return
    found = learn(potential, measure=measure, rounds=1)
    assert (found.rounds[0].uncertainties > 0).all()
    assert np.isfinite(found.rounds[0].threshold)


def test_it_repeats_with_the_seed() -> None:
    first, second, other = learn(), learn(), learn(seed=2)
    assert first.train.fingerprint == second.train.fingerprint
    assert first.train.fingerprint != other.train.fingerprint


def test_trajectories_that_break_up_still_give_a_frame() -> None:
    """A potential of five cold structures at 50,000 K; what has impossible forces is not labelled."""
    hot = Exploration(temperature=5e4, timestep=5.0, steps=50, every=5, trajectories=4)
    found = learn(exploration=hot, threshold=1e9, rounds=1, picks=4)
    assert len(found.train) <= 9
    for forces in found.train.forces:
        assert np.abs(forces).max() <= 50


def test_a_round_in_which_all_forces_are_impossible_adds_nothing(monkeypatch) -> None:
    monkeypatch.setattr("potscope.core.active_learning.LARGEST_FORCE", 1e-9)
    found = learn(rounds=1)
    assert found.rounds[0].picked is None
    assert found.train.fingerprint == copper().fingerprint


def test_features_of_structures_are_means_of_atoms() -> None:
    structures = copper().structures
    mean_sf = means(structures, SOAP_OF_COPPER)
    np.testing.assert_allclose(mean_sf[1], SOAP_OF_COPPER.compute(structures[1]).values.mean(axis=0))
    whole = AverageSOAP(species=["Cu"], cutoff=4.0, n_max=3, l_max=2)
    np.testing.assert_array_equal(means(structures, whole), whole.compute(structures).values)


def test_cancelling_stops_it_and_progress_rises() -> None:
    seen: list[float] = []
    learn(progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    potential = gap()
    with pytest.raises(Cancelled):
        learn(potential, progress=stop)
    assert not potential.fitted


def test_bad_arguments_are_refused() -> None:
    for chosen, message in (
        ({"rounds": 0}, "`rounds`"),
        ({"picks": 5}, "`picks`"),
        ({"measure": "feeling"}, "`measure`"),
        ({"pick": "best"}, "`pick`"),
        ({"threshold": 0.0}, "`threshold`"),
    ):
        with pytest.raises(ValueError, match=message):
            learn(**chosen)
    with pytest.raises(ValueError, match="`measure`"):
        learn(SVR(AverageSOAP(species=["Cu"], cutoff=4.0, n_max=3, l_max=2)))
    with pytest.raises(ValueError, match="`starts`"):
        active_learning(gap(), copper(), [], EMT())
    with pytest.raises(TypeError, match="`calculator`"):
        active_learning(gap(), copper(), copper(), "EMT")
    with pytest.raises(ValueError, match="`every`"):
        Exploration(steps=5, every=10)
