"""Pairs, radial functions, spherical harmonics, kernels: each against a plain calculation of the same."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from scipy.integrate import quad

from potscope.core import compiled
from potscope.core.descriptors import SOAP, CoulombMatrix
from potscope.core.kernels import (
    average_kernel,
    farthest_points,
    kernel_distance,
    leverage_points,
    normalised_kernel,
    polynomial_kernel,
    power,
    self_kernel,
)
from potscope.core.maps import structure_map
from potscope.core.pairs import Pairs
from potscope.core.radial import (
    RadialTable,
    gto_density,
    gto_exponents,
    gto_orthonormalisation,
    table_derivative,
    table_value,
)

from systems import SYSTEMS, species_of


@pytest.mark.parametrize("cutoff", [2.5, 5.0])
def test_pairs_are_those_of_ase(cutoff) -> None:
    structures = list(SYSTEMS.values())
    pairs = Pairs.from_structures(structures, cutoff)
    first = 0
    for index, atoms in enumerate(structures):
        i, D = neighbor_list("iD", atoms, cutoff)
        own = slice(*pairs.first_n[[first, first + len(atoms)]])
        expected = sorted(map(tuple, np.column_stack([i, D]).round(8) + 0.0))
        found = sorted(map(tuple, np.column_stack([pairs.i_p[own] - first, pairs.D_pc[own]]).round(8) + 0.0))
        np.testing.assert_allclose(found, expected, atol=1e-7)
        assert (pairs.structure_n[first : first + len(atoms)] == index).all()
        cell = atoms.cell[:]
        j = pairs.j_p[own] - first
        again = atoms.positions[j] + pairs.S_pc[own] @ cell - atoms.positions[pairs.i_p[own] - first]
        np.testing.assert_allclose(again, pairs.D_pc[own], atol=1e-12)
        first += len(atoms)
    assert (np.diff(pairs.i_p) >= 0).all()


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms("Si", pbc=True), "periodic along a, b, c"),
        (Atoms("Si", cell=[[3, 0, 0], [6, 0, 0], [0, 0, 3]], pbc=True), "linearly dependent"),
        (Atoms("Si", cell=[3, np.inf, 3], pbc=True), "expected a finite cell"),
    ],
)
def test_impossible_cells_are_refused(atoms, message) -> None:
    with pytest.raises(ValueError, match=message):
        Pairs.from_structures(atoms, 3.0)
    with pytest.raises(ValueError, match="`cutoff`"):
        Pairs.from_structures(SYSTEMS["diamond"], -1.0)


def test_radial_functions_are_orthonormal() -> None:
    n_max, l_max, cutoff = 5, 3, 4.5
    alpha, beta = gto_exponents(n_max, l_max, cutoff), gto_orthonormalisation(gto_exponents(n_max, l_max, cutoff))

    def g(l, n, r):
        return (beta[l, n] * r**l * np.exp(-alpha[l] * r**2)).sum()

    for l in range(l_max + 1):
        for n in range(n_max):
            for m in range(n + 1):
                overlap = quad(lambda r, l=l, n=n, m=m: r**2 * g(l, n, r) * g(l, m, r), 0, 30, limit=200)[0]
                assert overlap == pytest.approx(float(n == m), abs=1e-7)


def test_density_integral_is_the_integral() -> None:
    n_max, l_max, cutoff, sigma, R = 3, 2, 4.0, 0.5, 1.7
    alpha = gto_exponents(n_max, l_max, cutoff)
    beta = gto_orthonormalisation(alpha)
    a = 1 / (2 * sigma**2)
    value = gto_density(np.array([R]), n_max, l_max, cutoff, sigma)[0][0]
    cosines, weights = np.polynomial.legendre.leggauss(60)
    for l in range(l_max + 1):
        P_l = np.polynomial.legendre.Legendre.basis(l)(cosines)
        for n in range(n_max):

            def integrand(r, l=l, n=n, P_l=P_l) -> float:
                shell = 2 * np.pi * (weights * P_l * np.exp(-a * (r**2 + R**2 - 2 * r * R * cosines))).sum()
                return float(r**2 * (beta[l, n] * r**l * np.exp(-alpha[l] * r**2)).sum() * shell)

            assert quad(integrand, 0, 12, limit=200)[0] == pytest.approx(value[l, n], rel=1e-7)


def test_table_gives_the_functions_and_their_derivative() -> None:
    def functions(r):
        r = r[:, None] * np.array([1.0, 2.0])
        return np.sin(r), np.cos(r) * [1.0, 2.0], -np.sin(r) * [1.0, 4.0]

    table = RadialTable.of(functions, r_max=3.0, step=0.05)
    value, slope = np.empty(2), np.empty(2)
    for r in (0.0, 0.05, 1.2345, 2.9999, 3.0):
        table_value(r, table.coefficients, table.step, value)
        table_derivative(r, table.coefficients, table.step, slope)
        np.testing.assert_allclose(value, [np.sin(r), np.sin(2 * r)], atol=1e-10)
        np.testing.assert_allclose(slope, [np.cos(r), 2 * np.cos(2 * r)], atol=1e-8)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 4.0, 7.0, 2.5])
def test_power_is_the_power(exponent) -> None:
    x = np.linspace(0.0, 1.0, 11)
    np.testing.assert_allclose(power(x, exponent), x**exponent, rtol=1e-14)


def test_average_kernel_is_the_average_over_pairs_of_atoms() -> None:
    structures = [SYSTEMS["water"], SYSTEMS["ethanol"], Atoms("O", [[0, 0, 0]])]
    soap = SOAP(species=species_of(*structures), n_max=3, l_max=2)
    features = soap.compute(structures)
    found = average_kernel(features, zeta=3)
    for a, first in enumerate(structures):
        for b, second in enumerate(structures):
            plain = polynomial_kernel(soap.compute(first).values, soap.compute(second).values, 3).mean()
            assert found[a, b] == pytest.approx(plain, rel=1e-12)
    np.testing.assert_allclose(self_kernel(features, 3), np.diag(found), rtol=1e-12)
    assert np.linalg.eigvalsh(found).min() > -1e-12
    unit = normalised_kernel(found)
    np.testing.assert_allclose(np.diag(unit), 1.0)
    distance = kernel_distance(unit)
    assert np.diag(distance) == pytest.approx(0.0, abs=1e-7)
    assert (distance <= distance[:, :1] + distance[:1] + 1e-12).all()


def test_farthest_points_are_far_apart_and_never_the_same() -> None:
    points = np.random.default_rng(0).normal(size=(200, 3))
    doubled = np.concatenate([points, points])
    chosen = farthest_points(doubled, 300)
    assert len(chosen) == 200
    assert len(np.unique(doubled[chosen], axis=0)) == 200
    few = points[farthest_points(points, 10)]
    drawn = points[:10]

    def nearest(p):
        return (np.linalg.norm(p[:, None] - p[None], axis=-1) + 1e9 * np.eye(len(p))).min()

    assert nearest(few) > nearest(drawn)


def test_leverage_prefers_rows_that_nothing_else_replaces() -> None:
    rows = np.concatenate([np.ones((50, 2)) * [1.0, 0.0], [[0.0, 1.0]]])
    # the lonely row has leverage 1, the 50 others 1/50 each: it is drawn first in half the draws, or else second
    hits = sum(50 in leverage_points(rows, 2, np.random.default_rng(seed)) for seed in range(200))
    assert 0.6 < hits / 200 < 0.9


@pytest.mark.parametrize("descriptor", [SOAP(species=["C", "H", "O"], n_max=3, l_max=2), CoulombMatrix(n_atoms_max=9)])
def test_map_keeps_distances_and_repeats_itself(descriptor) -> None:
    rng = np.random.default_rng(0)
    structures = []
    for _ in range(12):
        atoms = SYSTEMS["ethanol"].copy()
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        structures.append(atoms)
    x = structure_map(structures, descriptor, n_components=11)
    expected = kernel_distance(normalised_kernel(average_kernel(descriptor.compute(structures))))
    found = np.linalg.norm(x[:, None] - x[None], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(structure_map(structures[::-1], descriptor, n_components=2)[::-1], x[:, :2], atol=1e-7)


def test_map_of_many_is_placed_by_landmarks(monkeypatch) -> None:
    rng = np.random.default_rng(1)
    structures = []
    for _ in range(30):
        atoms = SYSTEMS["diamond"].copy()
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        structures.append(atoms)
    soap = SOAP(species=["Si"], n_max=3, l_max=2)
    whole = structure_map(structures, soap)
    monkeypatch.setattr("potscope.core.maps.MOST_LANDMARKS", 25)
    placed = structure_map(structures, soap)
    assert np.isfinite(placed).all()
    assert abs(np.corrcoef(whole[:, 0], placed[:, 0])[0, 1]) > 0.95


def test_map_of_one_structure_and_of_none() -> None:
    soap = SOAP(species=["Si"], n_max=2, l_max=1)
    assert structure_map([SYSTEMS["diamond"]], soap).shape == (1, 2)
    with pytest.raises(ValueError, match="`structures`"):
        structure_map([], soap)


def test_kernels_may_be_called_from_many_threads_at_once() -> None:
    """In a process of its own, because a threading layer that cannot do this ends the process."""
    script = """
import threading
import numpy as np
from ase.build import bulk
from potscope.core import compiled
from potscope.core.descriptors import SOAP
compiled.set_num_threads(4)
atoms = bulk("Si", cubic=True) * (4, 4, 4)
atoms.rattle(0.1, seed=1)
soap = SOAP(species=["Si"], n_max=4, l_max=3)
expected = soap.compute(atoms).values
same = []
def work():
    for _ in range(10):
        features = soap.compute(atoms)
        features.pull_back(np.ones_like(features.values))
        same.append(np.array_equal(features.values, expected))
threads = [threading.Thread(target=work) for _ in range(6)]
for t in threads: t.start()
for t in threads: t.join()
assert len(same) == 60 and all(same)
print("all equal")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "all equal" in done.stdout
    assert threading.active_count() < 50


def test_number_of_threads_is_checked() -> None:
    with pytest.raises(ValueError, match="`threads`"):
        compiled.set_num_threads(0)
