"""Frames of dynamics, divided by chance and by trajectory; cross-validation of any potential."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.md.verlet import VelocityVerlet

from potscope.core import Dataset, metrics
from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.leaks import Leaks, LeakWarning, leaks, trajectories, warn_of_leaks
from potscope.core.models import GAP, SNAP, KernelRidge, Weights, cross_validated
from potscope.core.models.cross_validation import divided, left_out
from potscope.core.progress import Cancelled
from potscope.core.refitting import refitted

FRAMES = 24
SOAP_ = SOAP(species=["Cu"], cutoff=4.0, n_max=4, l_max=3)


def labelled(atoms: Atoms, group: str) -> Atoms:
    copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    copy.calc = EMT()
    copy.info.update(REF_energy=copy.get_potential_energy(), group=group)
    copy.arrays["REF_forces"] = copy.get_forces()
    copy.calc = None
    return copy


def trajectory(number: int, every: int = 1) -> list[Atoms]:
    """Frames of hot copper, 5 fs apart."""
    rng = np.random.default_rng(number)
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.positions += rng.normal(size=(8, 3)) * 0.15
    atoms.set_momenta(rng.normal(size=(8, 3)) * np.sqrt(atoms.get_masses()[:, None] * units.kB * 600))
    atoms.calc = EMT()
    dynamics = VelocityVerlet(atoms, 5 * units.fs)
    dynamics.run(20)
    frames = []
    for _ in range(FRAMES):
        dynamics.run(every)
        frames.append(labelled(atoms, f"run {number}"))
    return frames


@pytest.fixture(scope="module")
def dynamics() -> Dataset:
    return Dataset.from_structures([frame for number in range(4) for frame in trajectory(number)])


def independent(n: int, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    structures = []
    for k in range(n):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.positions += rng.normal(size=(8, 3)) * 0.15
        structures.append(labelled(atoms, f"group {k % 4}"))
    return Dataset.from_structures(structures)


def test_trajectories_are_found(dynamics) -> None:
    found = trajectories(dynamics)
    np.testing.assert_array_equal(found, np.repeat(np.arange(4), FRAMES))
    np.testing.assert_array_equal(trajectories(dynamics, AverageSOAP(species=["Cu"], cutoff=5.0, n_max=8)) >= 0, True)


def test_independent_structures_are_no_trajectory() -> None:
    found = trajectories(independent(80))
    assert len(set(found)) >= 0.95 * 80
    assert trajectories(independent(8)).tolist() == list(range(8))
    assert trajectories([]).tolist() == []


def test_a_random_division_leaks_and_one_by_trajectory_does_not(dynamics) -> None:
    by_chance = leaks(dynamics, divided(dynamics, 4, "random"))
    assert by_chance.fraction > 0.95
    assert by_chance.same_trajectory.all()
    assert by_chance.n_tested == len(dynamics)
    fold_s = divided(dynamics, 4, "random")
    assert (fold_s[by_chance.test] != fold_s[by_chance.train]).all()
    assert (by_chance.test // FRAMES == by_chance.train // FRAMES).all()
    assert np.median(np.abs(by_chance.test - by_chance.train)) == 1
    assert "as good as known" in str(by_chance)
    for by in ("trajectories", "whole groups"):
        whole = leaks(dynamics, divided(dynamics, 4, by))
        assert len(whole) == 0
        assert whole.fraction == 0
        assert str(whole).startswith("none of 96 structures")


def test_what_leaks_makes_errors_too_small(dynamics) -> None:
    """Errors of the division by chance against those of frames of dynamics that nothing is known of."""
    model = GAP(SOAP_, n_sparse=60, force_sigma=0.02)
    errors = {
        by: metrics.summary(dynamics, left_out(model, dynamics, divided(dynamics, 4, by)))["force_rmse"]
        for by in ("random", "trajectories")
    }
    new = Dataset.from_structures(trajectory(17))
    true = metrics.summary(new, refitted(model, dynamics).predict(new))["force_rmse"]
    assert errors["random"] < 0.7 * errors["trajectories"]
    assert errors["random"] < 0.7 * true
    assert not model.fitted


def test_near_duplicates_are_found_in_any_order_and_in_larger_cells() -> None:
    data = independent(30)
    doubles = [data.structures[4].copy(), data.structures[9] * (1, 2, 1), data.structures[11].copy()]
    doubles[0].positions += 1e-5
    doubles[2] = doubles[2][::-1]
    together = Dataset.from_structures([*data.to_structures(), *(labelled(atoms, "double") for atoms in doubles)])
    fold_s = np.full(len(together), -1)
    fold_s[30:] = 0
    found = leaks(together, fold_s)
    assert found.test.tolist() == [30, 31, 32]
    assert found.train.tolist() == [4, 9, 11]
    assert found.relative.max() < 1e-3
    assert not found.same_trajectory.any()
    assert (found.n_tested, found.fraction) == (3, 1.0)
    assert len(leaks(together[:30], fold_s[:30])) == 0
    assert leaks(together[:30], fold_s[:30]).fraction == 0
    assert len(leaks(together, fold_s, closeness=1e3)) == 3


def test_the_warning(dynamics) -> None:
    with pytest.warns(LeakWarning, match=r"of 96 structures held out are as good as known: \d+ are frames") as caught:
        found = warn_of_leaks(dynamics, divided(dynamics, 4, "random"))
    assert isinstance(found, Leaks)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_leaks(dynamics, divided(dynamics, 4, "trajectories"))
    with pytest.raises(ValueError, match="`fold_s`: expected a fold for each of 96 structures"):
        leaks(dynamics, np.zeros(3))
    with pytest.raises(ValueError, match="`dataset`: expected at least one structure"):
        leaks(dynamics[:0], np.zeros(0))
    with pytest.raises(ValueError, match="`closeness`"):
        leaks(dynamics, np.zeros(96), closeness=-1.0)


# -- cross-validation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "grid"),
    [
        (GAP(SOAP_, n_sparse=30), {"zeta": [2.0, 4.0]}),
        (SNAP(SOAP_), {"ridge": [1e-8, 1e-2]}),
        (KernelRidge(AverageSOAP(species=["Cu"], cutoff=4.0, n_max=3, l_max=2)), {"length": [2.0, 8.0]}),
    ],
    ids=["GAP", "SNAP", "KernelRidge"],
)
def test_every_family_is_cross_validated(dynamics, model, grid) -> None:
    seen: list[float] = []
    progress = lambda fraction, message: seen.append(fraction)  # noqa: E731
    data = dynamics[::2]
    best, table = cross_validated(model, data, grid, folds=4, by="whole groups", progress=progress)
    name, values = next(iter(grid.items()))
    assert [row[name] for row in table] == values
    assert getattr(best, name) == min(table, key=lambda row: row["mae"])[name]
    assert best.fitted
    assert not model.fitted
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert seen == sorted(seen)
    expected = left_out(best, data, divided(data, 4, "whole groups"))
    row = next(row for row in table if row[name] == getattr(best, name))
    if model.learns_forces:
        measures = metrics.summary(data, expected)
        assert row["force_rmse"] == pytest.approx(measures["force_rmse"])
        assert row["mae"] == pytest.approx(8 * measures["energy_mae"])
    assert ("force_rmse" in row) == model.learns_forces


def test_by_chance_it_warns_and_by_forces_it_chooses(dynamics) -> None:
    with pytest.warns(LeakWarning) as caught:
        best, table = cross_validated(SNAP(SOAP_), dynamics, {"force_weight": [0.0, 1.0]}, score="force_rmse", folds=3)
    assert caught[0].filename == __file__
    assert best.force_weight == 1.0
    assert table[1]["force_rmse"] < table[0]["force_rmse"]


def test_settings_of_groups_are_passed_on(dynamics) -> None:
    exact = {"run 0": Weights(1e4, 1e2, 0.0)}
    data, fold_s = dynamics[::4], np.arange(24) % 3
    here, there = (left_out(SNAP(SOAP_), data, fold_s, groups=groups) for groups in (exact, None))
    assert np.abs(here.energies - there.energies).max() > 1e-6


def test_what_makes_no_sense_is_refused(dynamics) -> None:
    model, grid = SNAP(SOAP_), {"ridge": [1e-8]}
    with pytest.raises(ValueError, match="`folds`: expected at most 4, the number of parts to keep together, got 5"):
        cross_validated(model, dynamics, grid, by="whole groups")
    with pytest.raises(ValueError, match="`by`: expected one of 'random', 'whole groups', 'trajectories'"):
        cross_validated(model, dynamics, grid, by="group")
    with pytest.raises(ValueError, match="`score`: expected one of"):
        cross_validated(model, dynamics, grid, by="whole groups", folds=4, score="r2")
    machine = KernelRidge(AverageSOAP(species=["Cu"], cutoff=4.0, n_max=3, l_max=2))
    with pytest.raises(ValueError, match="`score`: expected 'mae' or 'rmse'"):
        cross_validated(machine, dynamics, {"length": [1.0]}, score="force_mae")
    for wrong in (np.zeros(96), np.zeros(3)):
        with pytest.raises(ValueError, match="`fold_s`"):
            left_out(model, dynamics, wrong)

    def stop(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        left_out(model, dynamics, divided(dynamics, 4), stop)
