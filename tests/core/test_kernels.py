"""Every registered kernel against the same requirements, and each against a plain calculation of the same."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import replace
from math import lcm

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from potscope.core import compiled, kernels
from potscope.core.descriptors import SOAP, CoulombMatrix
from potscope.core.hyperparameters import declared
from potscope.core.kernels import (
    REGISTRY,
    SELECTIONS,
    STRUCTURE_REGISTRY,
    AverageKernel,
    BestMatchKernel,
    Kernel,
    Laplacian,
    PolynomialKernel,
    REMatchKernel,
    SquaredExponential,
    StructureKernel,
    SumKernel,
    average_kernel,
    cur_points,
    farthest_points,
    feature_distance,
    kernel_distance,
    leading_points,
    manhattan_distances,
    normalised_kernel,
    self_kernel,
    uniform_points,
)
from potscope.core.kernels import select as choose
from potscope.core.maps import structure_map
from potscope.core.progress import Cancelled

from systems import SYSTEMS, derivative, species_of

KERNELS: list[Kernel] = [
    *(cls() for cls in REGISTRY.values()),
    PolynomialKernel(1.0),
    PolynomialKernel(2.5),
    SquaredExponential((0.5, 1.0, 2.0, 1.5, 0.7)),
    SquaredExponential(3.0),
    Laplacian(2.0),
]
every_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=repr)
STRUCTURE_KERNELS = [*(cls() for cls in STRUCTURE_REGISTRY.values()), REMatchKernel(alpha=1.0)]
every_structure_kernel = pytest.mark.parametrize("kernel", STRUCTURE_KERNELS, ids=repr)
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(13, 5)), rng.normal(size=(9, 5))


def molecules(count: int, seed: int = 0) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    found = []
    for k in range(count):
        atoms = SYSTEMS[("water", "ethanol")[k % 2]].copy()
        if k % 3 == 2:
            del atoms[-1]
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        found.append(atoms)
    return found


@pytest.fixture(scope="module")
def features():
    structures = molecules(11)
    return SOAP(species=species_of(*structures), n_max=3, l_max=2).compute(structures)


def subclasses(cls: type) -> set[type]:
    return {cls, *(found for child in cls.__subclasses__() for found in subclasses(child))}


def test_nothing_is_missing_from_the_registries() -> None:
    assert {cls for cls in subclasses(Kernel) if not inspect.isabstract(cls)} == set(REGISTRY.values())
    found = {cls for cls in subclasses(StructureKernel) if not inspect.isabstract(cls)}
    assert found == set(STRUCTURE_REGISTRY.values())


@pytest.mark.parametrize("kernel", [*KERNELS, *STRUCTURE_KERNELS], ids=repr)
def test_declared_with_all_there_is_to_know(kernel) -> None:
    assert eval(repr(kernel), vars(kernels)) == kernel  # noqa: S307 - the text is our own
    assert hash(kernel) == hash(type(kernel)(**kernel.hyperparameters()))
    assert kernel.title
    for name, hyper in declared(kernel).items():
        assert hyper.doc.endswith(".")
        assert hyper.bounds is not None
        with pytest.raises(ValueError, match=f"`{name}`: expected"):
            replace(kernel, **{name: hyper.bounds[1] * 2})


@every_kernel
def test_symmetric_and_positive_semidefinite(kernel) -> None:
    rows = X if kernel != PolynomialKernel(2.5) else np.abs(X)  # a fractional power knows no negative cosine
    K = kernel(rows, rows)
    np.testing.assert_allclose(K, K.T, rtol=1e-14)
    np.testing.assert_allclose(kernel(rows, rows.copy()), K, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(np.diag(K), kernel.diagonal(rows), rtol=1e-12)
    np.testing.assert_allclose(kernel(Y, rows), kernel(rows, Y).T, rtol=1e-12, atol=1e-14)
    assert np.linalg.eigvalsh(K).min() > -1e-12


@every_kernel
def test_derivatives_are_those_of_the_values(kernel) -> None:
    weight = np.random.default_rng(1).normal(size=(len(X), len(Y)))
    found = kernel.pull_back(X, Y, weight)
    np.testing.assert_allclose(np.einsum("nm,nmf->nf", weight, kernel.slopes(X, Y)), found, rtol=1e-10, atol=1e-14)
    for n, f in ((0, 0), (7, 3), (12, 4)):

        def energy(step, n=n, f=f) -> float:
            moved = X.copy()
            moved[n, f] += step
            return float((weight * kernel(moved, Y)).sum())

        assert derivative(energy) == pytest.approx(found[n, f], abs=1e-9, rel=1e-8)


@every_kernel
def test_equal_rows_and_rows_of_zeros_have_finite_derivatives(kernel) -> None:
    rows = np.concatenate([X[:2], X[:1], np.zeros((1, 5))])
    assert np.isfinite(kernel(rows, rows)).all()
    assert np.isfinite(kernel.pull_back(rows, rows, np.ones((4, 4)))).all()
    assert kernel(rows[:0], rows).shape == (0, 4)
    assert kernel(rows, rows[:0]).shape == (4, 0)
    assert kernel.pull_back(rows, rows[:0], np.ones((4, 0))).tolist() == np.zeros((4, 5)).tolist()


def test_values_of_the_kernels_by_hand() -> None:
    np.testing.assert_allclose(Laplacian(2.0)(X, Y), np.exp(-cdist(X, Y, "cityblock") / 2), rtol=1e-13)
    np.testing.assert_allclose(SquaredExponential(2.0)(X, Y), np.exp(-cdist(X, Y, "sqeuclidean") / 8), rtol=1e-12)
    lengths = np.array([0.5, 1.0, 2.0, 1.5, 0.7])
    expected = np.exp(-cdist(X / lengths, Y / lengths, "sqeuclidean") / 2)
    np.testing.assert_allclose(SquaredExponential(tuple(lengths))(X, Y), expected, rtol=1e-12)
    np.testing.assert_allclose(PolynomialKernel(3.0)(X, Y), (1 - cdist(X, Y, "cosine")) ** 3, rtol=1e-10)
    with pytest.raises(ValueError, match="`length`: expected one number or one for each of 5"):
        SquaredExponential((1.0, 2.0))(X, Y)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 17])
def test_sums_of_absolute_differences(count) -> None:
    rows = np.random.default_rng(count).normal(size=(count, 7))
    np.testing.assert_allclose(manhattan_distances(rows, rows), cdist(rows, rows, "cityblock"), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(manhattan_distances(rows, rows[::-1]), cdist(rows, rows[::-1], "cityblock"), rtol=1e-13)


def test_the_number_of_threads_changes_no_kernel(features) -> None:
    before = compiled.get_num_threads()
    rows = np.random.default_rng(3).normal(size=(901, 6))
    found = []
    for threads in (1, 3):
        compiled.set_num_threads(threads)
        found.append((manhattan_distances(rows, rows), REMatchKernel().matrix(features)))
    compiled.set_num_threads(before)
    for one, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, three)


def blocks(features, zeta: float) -> list[list[np.ndarray]]:
    rows = np.split(features.values / np.linalg.norm(features.values, axis=1)[:, None], features.first_row_s[1:-1])
    return [[(a @ b.T) ** zeta for b in rows] for a in rows]


def matched(k: np.ndarray) -> float:
    """The best assignment of the repeated structures, written out."""
    common = lcm(*k.shape)
    repeated = np.repeat(np.repeat(k, common // k.shape[0], axis=0), common // k.shape[1], axis=1)
    return float(repeated[linear_sum_assignment(-repeated)].mean())


@pytest.mark.parametrize(
    ("kernel", "plain"),
    [(SumKernel(), np.sum), (AverageKernel(), np.mean), (BestMatchKernel(), matched)],
    ids=["sum", "average", "best match"],
)
def test_kernels_between_structures_by_hand(kernel, plain, features) -> None:
    expected = [[plain(k) for k in row] for row in blocks(features, 3)]
    np.testing.assert_allclose(kernel.matrix(features, None, PolynomialKernel(3.0)), expected, rtol=1e-11)
    np.testing.assert_allclose(kernel.matrix(features, features, PolynomialKernel(3.0)), expected, rtol=1e-11)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 4), (6, 4), (9, 7), (12, 10)])
def test_best_match_with_ties_and_any_sizes(size) -> None:
    rng = np.random.default_rng(sum(size))
    for digits in (1, 16):
        for _ in range(20):
            k = rng.random(size).round(digits)
            assert kernels.structures.matching.best_match(k) == pytest.approx(matched(k), abs=1e-14)


@every_structure_kernel
def test_tiles_diagonal_and_symmetry(kernel, features, monkeypatch) -> None:
    whole = kernel.matrix(features)
    np.testing.assert_array_equal(whole, whole.T)
    np.testing.assert_allclose(kernel.diagonal(features), np.diag(whole), rtol=1e-12)
    called: list[float] = []
    monkeypatch.setattr("potscope.core.kernels.structures.ROWS_AT_ONCE", 10)
    tiled = kernel.matrix(features, progress=lambda fraction, _: called.append(fraction))
    np.testing.assert_allclose(tiled, whole, rtol=1e-12)
    assert len(called) > 10
    assert called == sorted(called)
    assert max(called) < 1
    both = kernel.matrix(features, features)
    # REMatch stops before it is quite symmetric
    np.testing.assert_allclose(both, whole, atol=2e-3 if isinstance(kernel, REMatchKernel) else 1e-12, rtol=1e-12)


@every_structure_kernel
def test_structures_without_atoms_and_no_structures(kernel) -> None:
    soap = SOAP(species=["H", "O"], n_max=2, l_max=1)
    some = soap.compute([SYSTEMS["water"], Atoms()])
    K = kernel.matrix(some)
    assert K[0, 0] > 0
    assert K[0, 1] == K[1, 0] == K[1, 1] == 0
    assert kernel.matrix(soap.compute([])).shape == (0, 0)
    assert kernel.matrix(soap.compute([]), some).shape == (0, 2)
    with pytest.raises(ValueError, match="`others`: expected"):
        kernel.matrix(some, SOAP(species=["H"], n_max=1, l_max=0).compute(Atoms("H")))


def test_rematch_lies_between_the_best_match_and_the_average(features) -> None:
    best, average = BestMatchKernel().matrix(features), AverageKernel().matrix(features)
    sharp = REMatchKernel(alpha=0.05, threshold=1e-14).matrix(features)
    flat = REMatchKernel(alpha=1e3).matrix(features)
    assert (best - sharp < 0.05 * np.log(9) + 1e-5).all()
    np.testing.assert_allclose(flat, average, atol=1e-3)
    K = REMatchKernel(threshold=1e-14).matrix(features)
    assert (best >= K - 1e-6).all()
    assert (average - 1e-6 <= K).all()
    two = SOAP(species=["H", "O"], n_max=2, l_max=1).compute([SYSTEMS["water"], Atoms("H")])
    with pytest.raises(ValueError, match=r"`alpha`: 0\.001 is too small"):
        REMatchKernel(alpha=1e-3).matrix(two, None, Laplacian(1e-9))


@pytest.mark.parametrize(("alpha", "threshold"), [(1.0, 1e-6), (0.1, 1e-6), (0.01, 1e-6), (1.0, 1e-10), (0.1, 1e-10)])
def test_rematch_and_average_are_those_of_dscribe(alpha, threshold, features) -> None:
    peer = pytest.importorskip("dscribe.kernels", reason="DScribe is not installed (it comes with the extra `dev`)")
    rows = np.split(features.values / np.linalg.norm(features.values, axis=1)[:, None], features.first_row_s[1:-1])
    ours = normalised_kernel(REMatchKernel(alpha, threshold).matrix(features, None, PolynomialKernel(1.0)))
    assert np.abs(ours - peer.REMatchKernel(alpha, threshold, metric="linear").create(rows)).max() < 1e-12
    gaussian = SquaredExponential((0.3,))
    ours = normalised_kernel(
        REMatchKernel(alpha, threshold).matrix(replace(features, values=np.concatenate(rows)), None, gaussian)
    )
    theirs = peer.REMatchKernel(alpha, threshold, metric="rbf", gamma=1 / (2 * 0.3**2)).create(rows)
    assert np.abs(ours - theirs).max() < 1e-8
    ours = normalised_kernel(AverageKernel().matrix(features, None, PolynomialKernel(1.0)))
    assert np.abs(ours - peer.AverageKernel(metric="linear").create(rows)).max() < 1e-12


@every_kernel
def test_rows_of_another_length_are_refused(kernel) -> None:
    with pytest.raises(ValueError, match=r"`(others_mf|length)`: expected"):
        kernel(X, Y[:, :4])


@every_structure_kernel
def test_values_that_are_not_finite_are_refused(kernel, features) -> None:
    values = features.values.copy()
    values[3, 1] = np.nan
    bad = replace(features, values=values)
    with pytest.raises(ValueError, match="`features`: expected finite values, got NaN or infinity in row 3"):
        kernel.matrix(bad)
    with pytest.raises(ValueError, match="`others`: expected finite values"):
        kernel.matrix(features, bad)
    with pytest.raises(ValueError, match="`features`: expected finite values"):
        kernel.diagonal(bad)


def test_functions_of_old_are_the_average_of_powers(features) -> None:
    K = average_kernel(features, zeta=4)
    np.testing.assert_allclose(K, AverageKernel().matrix(features, None, PolynomialKernel(4.0)), rtol=1e-14)
    np.testing.assert_allclose(self_kernel(features, 4), np.diag(K), rtol=1e-13)


def test_cancelling_stops_a_kernel(features) -> None:
    def stop(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        AverageKernel().matrix(features, progress=stop)


def test_distances_between_rows_and_by_kernels() -> None:
    np.testing.assert_allclose(feature_distance(X, Y), cdist(X, Y), rtol=1e-12)
    np.testing.assert_allclose(feature_distance(X, norm="L1"), cdist(X, X, "cityblock"), rtol=1e-12, atol=1e-13)
    assert (np.diag(feature_distance(X)) == 0).all()
    with pytest.raises(ValueError, match="`norm`: expected one of 'L1', 'L2'"):
        feature_distance(X, norm="L3")
    K = X @ X.T
    np.testing.assert_allclose(kernel_distance(K), cdist(X, X), atol=1e-7)
    spectra = CoulombMatrix(n_atoms_max=9).compute(molecules(6)).values
    np.testing.assert_allclose(feature_distance(spectra), cdist(spectra, spectra), atol=1e-5)


# made by scikit-matter 0.4.1: sample_selection.CUR(n_to_select=12, k=k) and FPS(n_to_select=12, initialize=first)
# of the rows of `rows_for_selection`
CUR_ONE = [75, 49, 97, 86, 81, 2, 6, 115, 110, 101, 88, 119]
CUR_THREE = [75, 49, 81, 6, 78, 89, 88, 21, 68, 115, 101, 62]
FARTHEST = [75, 97, 81, 2, 90, 32, 86, 84, 18, 107, 74, 116]


def rows_for_selection() -> np.ndarray:
    rng = np.random.default_rng(11)
    return rng.normal(size=(120, 4)) @ rng.normal(size=(4, 30)) + 0.3 * rng.normal(size=(120, 30)) + 1.0


def test_choices_are_those_of_scikit_matter() -> None:
    rows = rows_for_selection()
    assert cur_points(rows, 12).tolist() == CUR_ONE
    assert cur_points(rows, 12, n_vectors=3).tolist() == CUR_THREE
    assert farthest_points(rows, 12).tolist() == FARTHEST


def test_cur_stops_where_nothing_is_left() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 20))
    assert len(cur_points(rows, 10)) == 3
    assert len(cur_points(np.zeros((4, 3)), 2)) == 0
    assert len(cur_points(np.empty((0, 3)), 2)) == 0
    assert sorted(cur_points(np.eye(4), 10).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("method", SELECTIONS)
def test_every_choice_is_of_distinct_rows_and_repeats_itself(method) -> None:
    rows = rows_for_selection()
    chosen = choose(rows, 10, method, seed=3)
    assert len(set(chosen.tolist())) == len(chosen) == 10
    assert chosen.tolist() == choose(rows, 10, method, seed=3).tolist()
    assert len(choose(rows[:4], 10, method)) <= 4
    with pytest.raises(ValueError, match="`n_points`"):
        choose(rows, 0, method)


def test_short_forms_leave_the_farthest_points_as_they_are() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 90)) + 0.05 * rng.normal(size=(300, 90))
    chosen = farthest_points(rows, 40)
    nearest = np.full(300, np.inf)
    for before, after in itertools.pairwise(chosen):
        nearest = np.minimum(nearest, ((rows - rows[before]) ** 2).sum(axis=1))
        assert nearest.argmax() == after


def test_rows_of_the_largest_leverage_come_first_and_no_row_twice() -> None:
    rows = np.concatenate([np.tile([1.0, 0.0], (50, 1)), [[0.0, 3.0]]])
    assert leading_points(rows, 5).tolist() == [50, 0]
    Q = np.linalg.qr(rows_for_selection())[0]
    expected = np.argsort(-(Q**2).sum(axis=1))[:12]
    assert leading_points(rows_for_selection(), 30)[:12].tolist() == expected.tolist()
    assert len(leading_points(np.empty((0, 3)), 2)) == 0


def test_uniform_points_are_spread_over_the_range() -> None:
    crowded = np.concatenate([np.linspace(0, 0.01, 500), np.linspace(0, 1, 201)])[:, None]
    chosen = np.sort(crowded[uniform_points(crowded, 10)].ravel())
    np.testing.assert_allclose(chosen, np.linspace(0.05, 0.95, 10), atol=0.003)
    assert len(uniform_points(np.zeros((5, 2)), 3)) == 1
    assert len(uniform_points(np.empty((0, 2)), 3)) == 0


@pytest.mark.parametrize("method", ["farthest points", "CUR", "leading leverage"])
def test_long_choices_can_be_cancelled(method) -> None:
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        choose(rows_for_selection(), 10, method, progress=stop)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="`method`: expected one of 'farthest points', 'CUR'"):
        choose(X, 3, "best")


@pytest.mark.parametrize("kernel", STRUCTURE_REGISTRY)
def test_maps_by_any_kernel_between_structures(kernel, monkeypatch) -> None:
    rng = np.random.default_rng(5)
    structures = []
    for _ in range(12):
        atoms = bulk("Si", cubic=True)
        atoms.positions += rng.normal(0, 0.15, atoms.positions.shape)
        structures.append(atoms)
    soap = SOAP(species=["Si"], n_max=3, l_max=2)
    x = structure_map(structures, soap, kernel=kernel)
    assert np.isfinite(x).all()
    assert np.ptp(x[:, 0]) > 1e-4
    np.testing.assert_allclose(structure_map(structures, soap, kernel=STRUCTURE_REGISTRY[kernel]()), x)
    monkeypatch.setattr("potscope.core.maps.MOST_LANDMARKS", 11)
    assert np.isfinite(structure_map(structures, soap, kernel=kernel)).all()


def test_maps_refuse_unknown_kernels() -> None:
    with pytest.raises(ValueError, match="`kernel`: expected one of 'average'"):
        structure_map([bulk("Si")], SOAP(species=["Si"], n_max=2, l_max=1), kernel="worst match")
    with pytest.raises(ValueError, match="`n_components`: expected"):
        structure_map([bulk("Si")], SOAP(species=["Si"], n_max=2, l_max=1), n_components=0)
