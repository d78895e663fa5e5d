"""GAP against the Gaussian process that it approximates, written out in full."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from scipy.linalg import block_diag

from potscope.core import Dataset
from potscope.core.descriptors import SOAP
from potscope.core.kernels import polynomial_kernel
from potscope.core.models import GAP, gap_process
from potscope.core.models.least_squares import TriangularLeastSquares

from structures import silicon_with_noise

SOAP_SI = SOAP(species=["Si"], cutoff=4.0, n_max=4, l_max=3)
ENERGY_SIGMA, FORCE_SIGMA, VIRIAL_SIGMA, DELTA, ZETA = 0.01, 0.2, 0.1, 0.7, 2.0


def make(**chosen) -> GAP:
    settings = {
        "n_sparse": 500,
        "zeta": ZETA,
        "delta": DELTA,
        "energy_sigma": ENERGY_SIGMA,
        "force_sigma": FORCE_SIGMA,
        "virial_sigma": VIRIAL_SIGMA,
    }
    return GAP(SOAP_SI, **{**settings, **chosen})


def sparse_points(potential: GAP) -> np.ndarray:
    (kernel,) = potential._process.kernels
    return kernel.sparse_mf


def total_kernel(first, second) -> np.ndarray:
    a, b = SOAP_SI.compute(first).values, SOAP_SI.compute(second).values
    return np.array(
        [
            [
                DELTA**2 * polynomial_kernel(a[2 * s : 2 * s + 2], b[2 * t : 2 * t + 2], ZETA).sum()
                for t in range(len(second))
            ]
            for s in range(len(first))
        ]
    )


def test_with_all_environments_as_sparse_points_it_is_the_dense_process(monkeypatch) -> None:
    monkeypatch.setattr(gap_process, "JITTER", 1e-13)
    train, fresh = silicon_with_noise(6, 0), silicon_with_noise(4, 1)
    data = Dataset.from_structures(train)
    potential = make().fit(data)
    assert potential.n_sparse_ == 6  # the two atoms of a cell of two are each other's mirror images
    offset = 2 * potential.offsets_[0]
    assert offset / 2 == pytest.approx((data.energies / 2).mean())
    noise = 2 * ENERGY_SIGMA**2 * np.eye(6)
    K, k, kk = total_kernel(train, train) + noise, total_kernel(fresh, train), total_kernel(fresh, fresh)
    mean = k @ np.linalg.solve(K, data.energies - offset) + offset
    variance = np.diag(kk - k @ np.linalg.solve(K, k.T))
    prediction = potential.predict(fresh)
    np.testing.assert_allclose(prediction.energies, mean, atol=1e-6)
    np.testing.assert_allclose(prediction.energy_std, np.sqrt(variance), atol=1e-5)


def test_forces_and_stresses_count_as_derivatives_of_the_same_process() -> None:
    """The weights against the normal equations of rows made by finite differences of the kernel sums."""
    train = silicon_with_noise(3, 2, derivatives=True)
    data = Dataset.from_structures(train)
    potential = make(n_sparse=6, zeta=1.0).fit(data)
    Q = sparse_points(potential)

    def sums(atoms) -> np.ndarray:
        return DELTA**2 * polynomial_kernel(SOAP_SI.compute(atoms).values, Q, 1.0).sum(axis=0)

    rows, targets, sigmas = [], [], []
    step = 1e-4
    for index, atoms in enumerate(train):
        rows.append(sums(atoms))
        targets.append(data.energies[index] - 2 * potential.offsets_[0])
        sigmas.append(ENERGY_SIGMA * np.sqrt(2))
        for n in range(2):
            for c in range(3):
                plus, minus = atoms.copy(), atoms.copy()
                plus.positions[n, c] += step
                minus.positions[n, c] -= step
                rows.append(-(sums(plus) - sums(minus)) / (2 * step))
                targets.append(data.forces[index][n, c])
                sigmas.append(FORCE_SIGMA)
        for voigt, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
            strain = np.zeros((3, 3))
            strain[a, b] += step / 2
            strain[b, a] += step / 2
            both = []
            for sign in (1, -1):
                copy = atoms.copy()
                copy.set_cell(atoms.cell[:] @ (np.eye(3) + sign * strain), scale_atoms=True)
                both.append(sums(copy))
            rows.append(-(both[0] - both[1]) / (2 * step))
            targets.append(-data.stresses[index][voigt] * atoms.get_volume())
            sigmas.append(VIRIAL_SIGMA * np.sqrt(2))
    L, y, sigma = np.array(rows), np.array(targets), np.array(sigmas)
    K = DELTA**2 * polynomial_kernel(Q, Q, 1.0) + gap_process.JITTER * DELTA**2 * np.eye(len(Q))
    A = np.concatenate([L / sigma[:, None], np.linalg.cholesky(K).T])
    expected = np.linalg.lstsq(A, np.concatenate([y / sigma, np.zeros(len(Q))]), rcond=None)[0]
    np.testing.assert_allclose(L @ potential.weights_, L @ expected, atol=1e-4 * np.abs(y).max())


@pytest.mark.parametrize("method", ["farthest points", "CUR", "uniform", "random"])
def test_sparse_points_are_distinct_environments_of_the_data(method) -> None:
    train = silicon_with_noise(10, 3) * 2
    potential = make(sparse_method=method, n_sparse=12).fit(Dataset.from_structures(train))
    assert 4 <= potential.n_sparse_ <= 12
    Q = sparse_points(potential)
    assert len(np.unique(Q.round(10), axis=0)) == len(Q)
    everything = SOAP_SI.compute(train).values
    unit = everything / np.linalg.norm(everything, axis=1)[:, None]
    assert np.abs(unit[None] - Q[:, None]).max(axis=2).min(axis=1).max() < 1e-12


def test_elements_are_learnt_apart() -> None:
    """Each species has sparse points of its own, and no kernel joins two central atoms of different elements."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(5):
        atoms = bulk("SiC", "zincblende", 4.36)
        atoms.positions += rng.normal(0, 0.1, (2, 3))
        atoms.info["REF_energy"] = rng.normal()
        made.append(atoms)
    potential = GAP(SOAP(species=["Si", "C"], cutoff=4.0, n_max=3, l_max=2), n_sparse=8).fit(
        Dataset.from_structures(made)
    )
    (kernel,) = potential._process.kernels
    assert sorted(set(kernel.kind_m.tolist())) == [0, 1]
    K = kernel.between_sparse_points()
    split = [K[np.ix_(kernel.kind_m == z, kernel.kind_m == z)] for z in (0, 1)]
    order = np.argsort(kernel.kind_m, kind="stable")
    np.testing.assert_array_equal(K[np.ix_(order, order)], block_diag(*split))


def test_blocks_of_rows_give_the_solution_of_all_rows() -> None:
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(300, 7)), rng.normal(size=300)
    solver = TriangularLeastSquares(7)
    for start in range(0, 300, 11):
        solver.add(A[start : start + 11], b[start : start + 11])
    w, R = solver.solve()
    np.testing.assert_allclose(w, np.linalg.lstsq(A, b, rcond=None)[0], rtol=1e-10)
    np.testing.assert_allclose(R.T @ R, A.T @ A, rtol=1e-10, atol=1e-10)


def test_too_few_rows_are_refused() -> None:
    solver = TriangularLeastSquares(3)
    solver.add(np.ones((5, 3)), np.ones(5))
    with pytest.raises(ValueError, match="do not determine"):
        solver.solve()
