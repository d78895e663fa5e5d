"""Standard deviations and the marginal likelihood of GAP against processes written out in full."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from scipy.stats import multivariate_normal

from potscope.core import Dataset
from potscope.core.descriptors import SOAP, ThreeBody, TwoBody
from potscope.core.models import GAP, Sigmas, Term, gap_process, optimised
from potscope.core.models.gap_evidence import Evidence
from potscope.core.models.gap_sigmas import sigmas_of
from potscope.core.pairs import Pairs
from potscope.core.progress import Cancelled, silent

from structures import silicon_with_noise

SOAP_SI = SOAP(species=["Si"], cutoff=4.0, n_max=3, l_max=2)
SIGMAS = Sigmas(0.01, 0.2, 0.1)


MADE = {
    "polynomial": lambda: GAP(SOAP_SI, zeta=2.0, delta=0.7, n_sparse=500),
    "fractional power": lambda: GAP(SOAP_SI, zeta=2.5, delta=0.7, n_sparse=500),
    "squared exponential": lambda: GAP(SOAP_SI, kernel="squared exponential", delta=0.7, n_sparse=500),
    "pairs": lambda: GAP(TwoBody(species=["Si"], cutoff=3.2), kernel="squared exponential", delta=0.7, n_sparse=500),
    "triplets": lambda: GAP(
        ThreeBody(species=["Si"], cutoff=2.9), kernel="squared exponential", delta=0.7, n_sparse=500
    ),
}


def total_covariance(potential: GAP, first: list[Atoms], second: list[Atoms]) -> np.ndarray:
    """Prior covariance of total energies, every cluster with every other."""
    (kernel,), descriptor = potential._process.kernels, potential.descriptor

    def described(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(descriptor, SOAP):
            return descriptor.compute(atoms).values, np.ones(len(atoms))
        groups = descriptor.compute_pairs(Pairs.from_structures(atoms, descriptor.reach))
        return groups.values_rf, groups.weight_r

    a, b = [described(atoms) for atoms in first], [described(atoms) for atoms in second]
    return kernel.delta**2 * np.array([[w @ kernel.kernel(x, y) @ v for y, v in b] for x, w in a])


@pytest.mark.parametrize("name", MADE)
def test_with_all_clusters_as_sparse_points_deviations_are_those_of_the_dense_process(name, monkeypatch) -> None:
    """That of a force is that of the difference of two energies; that of an only atom's energy the total's."""
    monkeypatch.setattr(gap_process, "JITTER", 1e-13)
    train = silicon_with_noise(4, 0)
    potential = replace(MADE[name](), energy_sigma=0.3).fit(Dataset.from_structures(train))
    K = total_covariance(potential, train, train) + 2 * 0.3**2 * np.eye(4)

    def covariance(some: list[Atoms]) -> np.ndarray:
        k = total_covariance(potential, some, train)
        return total_covariance(potential, some, some) - k @ np.linalg.solve(K, k.T)

    atoms, step = silicon_with_noise(1, 1)[0], 1e-3
    prediction = potential.predict(atoms, atom_std=True)
    assert prediction.energy_std[0] == pytest.approx(np.sqrt(covariance([atoms])[0, 0]), rel=1e-3)
    for n in range(2):
        for c in range(3):
            plus, minus = atoms.copy(), atoms.copy()
            plus.positions[n, c] += step
            minus.positions[n, c] -= step
            C = covariance([plus, minus])
            expected = np.sqrt(C[0, 0] + C[1, 1] - 2 * C[0, 1]) / (2 * step)
            assert prediction.force_std[0][n, c] == pytest.approx(expected, rel=5e-3)
    one = bulk("Si", "sc", a=2.6)
    alone = potential.predict(one, atom_std=True)
    assert alone.local_energy_std[0][0] == pytest.approx(alone.energy_std[0], rel=1e-6)


def test_local_energies_of_alike_atoms_are_sure_together() -> None:
    """In a crystal of two equal atoms the total energy is twice a local one, and so is its deviation."""
    potential = MADE["polynomial"]().fit(Dataset.from_structures(silicon_with_noise(4, 0)))
    found = potential.predict(bulk("Si", a=5.6), atom_std=True)
    np.testing.assert_allclose(found.local_energy_std[0], found.energy_std[0] / 2, rtol=1e-4)


# -- the likelihood ---------------------------------------------------------------------------------------------------


@cache
def data() -> Dataset:
    return Dataset.from_structures(silicon_with_noise(5, 3, derivatives=True))


def summed() -> GAP:
    """Few sparse points, so that the process is truly sparse."""
    return GAP(
        SOAP_SI,
        n_sparse=6,
        zeta=2.0,
        energy_sigma=SIGMAS.energy,
        force_sigma=SIGMAS.force,
        virial_sigma=SIGMAS.virial,
        terms=[Term(TwoBody(species=["Si"], cutoff=4.0), delta=0.5, n_sparse=5)],
    )


def test_the_likelihood_is_that_of_a_normal_distribution() -> None:
    potential = summed().fit(data())
    process = potential._process
    L, y, noise = [], [], []
    for s, atoms in enumerate(data().structures):
        pairs = Pairs.from_structures(atoms, process.reach)
        forces_ncm, virials_vm = process.derivative_columns(pairs)
        L += [process.energy_columns(pairs), forces_ncm.reshape(6, -1), virials_vm]
        y += [[data().energies[s] - 2 * potential.offsets_[0]], data().forces[s].ravel()]
        y += [-data().stresses[s] * atoms.get_volume()]
        noise += [[SIGMAS.energy * np.sqrt(2)], np.full(6, SIGMAS.force), np.full(6, SIGMAS.virial * np.sqrt(2))]
    L, y, noise = np.concatenate(L), np.concatenate(y), np.concatenate(noise)
    U = process.prior()
    B = np.linalg.solve(U.T, L.T)
    expected = multivariate_normal(np.zeros(len(y)), np.diag(noise**2) + B.T @ B).logpdf(y)
    assert potential.log_likelihood_ == pytest.approx(expected, rel=1e-8)


def test_the_likelihood_of_triangles_is_that_of_the_fit_and_its_gradient_is_right() -> None:
    own = [Sigmas(0.05, 0.4, 0.4), None, None, None, None]
    potential = summed().fit(data(), sigmas=own)
    evidence = Evidence.of(
        potential._process,
        data(),
        potential.offsets_,
        ("Si",),
        sigmas_of(data(), potential.sigmas, {}, own),
        [one is not None for one in own],
        silent,
    )
    at_fit = np.array([potential.delta, 0.5, SIGMAS.energy, SIGMAS.force, SIGMAS.virial])
    assert evidence.value_and_gradient(at_fit)[0] == pytest.approx(potential.log_likelihood_, rel=1e-8)
    values = at_fit * [0.2, 3.0, 2.0, 1.5, 0.7]
    _, gradient = evidence.value_and_gradient(values)
    for k in range(5):
        step = 1e-4 * (np.arange(5) == k)
        ends = [evidence.value_and_gradient(values * np.exp(sign * step))[0] for sign in (1, -1)]
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-4, abs=1e-4)


def test_what_is_optimised_is_likelier_and_a_fit_like_any_other() -> None:
    before = summed().fit(data())
    best, table = optimised(summed(), data(), zeta=(1.0, 2.0), groups={"structures": SIGMAS})
    assert [row["zeta"] for row in table] == [1.0, 2.0]
    assert best.log_likelihood_ == max(row["log_likelihood"] for row in table) > before.log_likelihood_
    assert best.groups_ == {"structures": SIGMAS}
    assert best.energy_sigma == pytest.approx(SIGMAS.energy)
    again = replace(best).fit(data(), groups={"structures": SIGMAS})
    assert again.log_likelihood_ == pytest.approx(best.log_likelihood_, rel=1e-7)
    here, there = best.predict(data()), again.predict(data())
    np.testing.assert_allclose(here.energies, there.energies, atol=1e-5)
    np.testing.assert_allclose(here.energy_std, there.energy_std, rtol=1e-4)
    assert optimised(summed(), data(), zeta=(1.0, 2.0), groups={"structures": SIGMAS})[1] == table


def test_only_what_is_named_changes() -> None:
    best, ((row),) = optimised(summed(), data(), ["force_sigma"])
    assert (best.delta, best.energy_sigma, best.terms[0].delta) == (3.0, SIGMAS.energy, 0.5)
    assert best.force_sigma == row["force_sigma"] != SIGMAS.force


def test_noise_that_was_put_in_is_found() -> None:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(40):
        atoms = Atoms("Si2", [[0, 0, 0], [rng.uniform(2.0, 3.5), 0, 0]])
        r = atoms.get_distance(0, 1)
        force = -2 * (r - 2.6) + rng.normal(0, 0.05)
        atoms.info["REF_energy"] = (r - 2.6) ** 2 + rng.normal(0, 0.02)
        atoms.arrays["REF_forces"] = np.array([[-force, 0, 0], [force, 0, 0]])
        made.append(atoms)
    start = GAP(TwoBody(species=["Si"], cutoff=6.0), kernel="squared exponential", length=2.0, n_sparse=15)
    best, _ = optimised(start, Dataset.from_structures(made))
    assert best.energy_sigma == pytest.approx(0.02 / np.sqrt(2), rel=0.3)
    # the other four components are zero without any noise, and both atoms have the same
    assert best.force_sigma == pytest.approx(0.05 / np.sqrt(3), rel=0.3)


def test_bad_searches_are_refused_and_searches_can_be_cancelled() -> None:
    with pytest.raises(ValueError, match="`names`"):
        optimised(summed(), data(), ["zeta"])
    with pytest.raises(ValueError, match="`length`"):
        optimised(summed(), data(), length=(1.0,))
    with pytest.raises(ValueError, match="has Si"):
        optimised(GAP(SOAP(species=["C"])), data())

    def stop(fraction: float, message: str) -> None:
        if message.startswith("likelihood 3"):
            raise Cancelled

    potential = summed()
    with pytest.raises(Cancelled):
        optimised(potential, data(), progress=stop)
    assert not potential.fitted
