"""SNAP against FitSNAP's tantalum, against potentials that are known, and its solvers against plain algebra."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from sklearn.linear_model import ARDRegression

from potscope.core import Dataset, batches, load
from potscope.core.descriptors import Bispectrum
from potscope.core.metrics import by_group, summary
from potscope.core.models import SNAP, PotentialFileError, Weights, extrapolation, snap
from potscope.core.models.extrapolation import ActiveSets, MaxVol
from potscope.core.models.least_squares import TriangularLeastSquares
from potscope.core.models.linear_solvers import Reduced, automatic_relevance, least_squares, ridge
from potscope.core.progress import Cancelled

SIC = Bispectrum(species=["Si", "C"], twojmax=3, rcutfac=3.2, radelem=[0.5, 0.45], wj=[1.0, 0.7], bzeroflag=False)


# -- tantalum ---------------------------------------------------------------------------------------------------------


def published_weights(folder: Path) -> dict[str, Weights]:
    lines = (folder / "Ta-example.in").read_text().split("[GROUPS]")[1].split("[EXTRAS]")[0].splitlines()
    words = [line.split() for line in lines if "=" in line]
    return {
        w[0]: Weights(float(w[4]), float(w[5]), float(w[6]) / units.bar)
        for w in words
        if len(w) == 7 and not w[0].startswith("group")
    }


def published_errors(folder: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Unweighted mean absolute and root mean square errors by group and quantity, as printed."""
    found = {}
    for line in (folder / "Ta_metrics.md").read_text().splitlines():
        if "'Unweighted'" in line:
            label, _, mae, rmse, _ = (part.strip() for part in line.strip("|").split("|"))
            group, _, quantity = (part.strip(" '()") for part in label.split(","))
            found[group, quantity.lower()] = float(mae), float(rmse)
    return found


def test_tantalum_as_published(reference_folder) -> None:
    folder = reference_folder / "fitsnap_ta" / "reference_fit"
    data = Dataset.read(reference_folder / "fitsnap_ta" / "JSON")
    descriptor = Bispectrum(species=["Ta"], twojmax=6, rcutfac=4.67637, rfac0=0.99363, bzeroflag=False)
    potential = SNAP(descriptor, solver="least squares", zbl_inner=4.0, zbl_outer=4.8)
    potential.fit(data, groups=published_weights(folder))
    lines = (folder / "Ta_pot.snapcoeff").read_text().splitlines()
    published = [float(line.split()[0]) for line in lines if "B[" in line]
    np.testing.assert_allclose(potential.coefficients_, [published], rtol=1e-6)

    prediction = potential.predict(data)
    errors = {"*ALL": summary(data, prediction), **by_group(data, prediction)}
    unit = {"energy": 1.0, "force": 1.0, "stress": units.bar}
    expected = published_errors(folder)
    assert len(expected) == 39
    for (group, quantity), (mae, rmse) in expected.items():
        ours = errors[group]
        # what is zero by symmetry is rounding in both
        assert ours[f"{quantity}_mae"] / unit[quantity] == pytest.approx(mae, rel=2e-5, abs=1e-12)
        assert ours[f"{quantity}_rmse"] / unit[quantity] == pytest.approx(rmse, rel=2e-5, abs=1e-12)


@pytest.mark.parametrize(
    ("element", "quadratic", "energy_mae", "force_mae"),
    [
        ("Si", False, 6.44e-3, 0.133),
        ("Mo", False, 5.48e-3, 0.207),
        ("Si", True, 3.81e-3, 0.116),
        ("Mo", True, 2.77e-3, 0.184),
    ],
)
def test_silicon_and_molybdenum_no_worse_than_published(
    reference_folder, element, quadratic, energy_mae, force_mae
) -> None:
    """Trained on the training set alone, with settings that are the same for both."""
    train, test = (
        Dataset.read(reference_folder / "mlearn" / f"{element}_{part}.xyz.gz") for part in ("training", "test")
    )
    if quadratic:
        descriptor = Bispectrum(species=[element], twojmax=6, rcutfac=4.7, quadraticflag=True)
        potential = SNAP(descriptor, energy_weight=300.0)
    else:
        potential = SNAP(Bispectrum(species=[element], twojmax=8, rcutfac=5.2))
    errors = summary(test, potential.fit(train).predict(test))
    assert errors["energy_mae"] < energy_mae
    assert errors["force_mae"] < force_mae


# -- potentials that are known ----------------------------------------------------------------------------------------


def carbides(count: int, seed: int = 0) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = bulk("SiC", "zincblende", 4.36) * (1, 1, 2)
        atoms.numbers[rng.integers(4)] = rng.choice([6, 14])
        atoms.set_cell(atoms.cell[:] @ (np.eye(3) + rng.normal(0, 0.05, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.15, (4, 3))
        made.append(atoms)
    return made


def known(descriptor: Bispectrum = SIC, **chosen: object) -> SNAP:
    """A potential of random coefficients."""
    potential = SNAP(descriptor, **chosen)
    shape = (len(descriptor.species), 1 + len(descriptor.names))
    potential.coefficients_ = np.random.default_rng(5).normal(size=shape)
    potential.groups_ = {}
    potential._spread_kk = np.zeros((potential.coefficients_.size,) * 2)
    return potential


def labelled(potential: SNAP, structures: list[Atoms], noise: float = 0.0, group: str = "known") -> list[Atoms]:
    prediction = potential.predict(structures)
    rng = np.random.default_rng(0)
    for s, atoms in enumerate(structures):
        atoms.info.update(REF_energy=prediction.energies[s] + rng.normal(0, noise), group=group)
        atoms.info["REF_stress"] = prediction.stresses[s] + rng.normal(0, noise, 6)
        atoms.arrays["REF_forces"] = prediction.forces[s] + rng.normal(0, noise, (len(atoms), 3))
    return structures


@pytest.mark.parametrize("zbl", [{}, {"zbl_inner": 1.2, "zbl_outer": 3.9}])
@pytest.mark.parametrize("left_out", ["nothing", "energy", "force", "stress"])
def test_a_linear_potential_is_found_again(zbl, left_out) -> None:
    truth = known(**zbl)
    weights = {name: 0.0 for name in [f"{left_out}_weight"] if left_out != "nothing"}
    potential = SNAP(SIC, solver="least squares", **weights, **zbl)
    potential.fit(Dataset.from_structures(labelled(truth, carbides(40))))
    found, expected = potential.coefficients_, truth.coefficients_
    if left_out == "energy":  # forces and stresses say nothing of the constants
        found, expected = found[:, 1:], expected[:, 1:]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_quadratic_potential_has_its_derivatives_and_is_found_again() -> None:
    descriptor = Bispectrum(species=["Si"], twojmax=2, rcutfac=3.6, quadraticflag=True)
    truth = known(descriptor)
    truth.coefficients_[:, 1:] /= 100
    atoms = carbides(1)[0]
    atoms.numbers[:] = 14
    atoms.calc = truth.calculator()
    np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-4), atoms.get_forces(), atol=1e-5)
    np.testing.assert_allclose(calculate_numerical_stress(atoms, 1e-5), atoms.get_stress(), atol=1e-5)
    structures = carbides(40)
    for structure in structures:
        structure.numbers[:] = 14
    potential = SNAP(descriptor, solver="least squares").fit(Dataset.from_structures(labelled(truth, structures)))
    fresh = carbides(5, seed=1)
    for structure in fresh:
        structure.numbers[:] = 14
    np.testing.assert_allclose(potential.predict(fresh).energies, truth.predict(fresh).energies, atol=1e-6)


def test_the_repulsion_is_there_where_the_descriptor_does_not_reach(tmp_path) -> None:
    """Far beyond the data two nuclei repel each other, also after saving and loading."""
    data = Dataset.from_structures(labelled(known(), carbides(20)))
    bare = SNAP(SIC).fit(data)
    potential = SNAP(SIC, zbl_inner=1.0, zbl_outer=5.0).fit(data)
    close = Atoms("SiC", [[0, 0, 0], [0.3, 0, 0]])
    again = load(potential.save(tmp_path / "core.potscope"))
    assert again.predict(close).energies[0] == potential.predict(close).energies[0]
    assert potential.predict(close).energies[0] > bare.predict(close).energies[0] + 500
    close.calc = again.calculator()
    np.testing.assert_allclose(calculate_numerical_forces(close, 1e-5), close.get_forces(), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("most", [1, 500, 2000])
def test_derivatives_held_in_parts_are_the_same(monkeypatch, most) -> None:
    data = Dataset.from_structures(labelled(known(), carbides(20), noise=0.1))
    expected = SNAP(SIC).fit(data).coefficients_
    monkeypatch.setattr(snap, "MOST_SLOPES", most * 3 * len(SIC.names) // 10)
    found = SNAP(SIC).fit(data).coefficients_
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("descriptor", "message"),
    [
        ({"class": "Bispectrum", "hyperparameters": {"species": ["Si", "C"], "twojmax": 5}}, "coefficients of shape"),
        ({"class": "CoulombMatrix", "hyperparameters": {}}, "stands on a local descriptor"),
    ],
)
def test_a_file_whose_descriptor_does_not_fit_is_refused(tmp_path, descriptor, message) -> None:
    path = known().save(tmp_path / "good.potscope")
    with zipfile.ZipFile(path) as archive:
        header, arrays = json.loads(archive.read("model.json")), archive.read("arrays.npz")
    with zipfile.ZipFile(tmp_path / "bad.potscope", "w") as archive:
        archive.writestr("model.json", json.dumps({**header, "descriptor": descriptor}))
        archive.writestr("arrays.npz", arrays)
    with pytest.raises(PotentialFileError, match=message):
        load(tmp_path / "bad.potscope")


# -- weights ----------------------------------------------------------------------------------------------------------


def test_a_group_of_weight_zero_does_not_count_and_others_have_the_default() -> None:
    good = labelled(known(), carbides(20), noise=0.1)
    bad = labelled(known(), carbides(5, seed=2), noise=5.0, group="bad")
    both, alone = Dataset.from_structures([*good, *bad]), Dataset.from_structures(good)
    potential = SNAP(SIC, solver="least squares")
    expected = potential.fit(alone).coefficients_
    silent = {"bad": Weights(0, 0, 0)}
    scale = np.abs(expected).max()
    # the zero of the energies, which the smallest of equal solutions is about, is that of all structures
    np.testing.assert_allclose(potential.fit(both, groups=silent).coefficients_, expected, atol=1e-6 * scale)
    assert np.abs(potential.fit(both).coefficients_ - expected).max() > 1e-3 * scale
    named = {"known": Weights(100, 1, 10), "bad": Weights(100, 1, 10)}
    np.testing.assert_array_equal(potential.fit(both, groups=named).coefficients_, potential.fit(both).coefficients_)


def test_bad_weights_are_refused() -> None:
    data = Dataset.from_structures(labelled(known(), carbides(3)))
    with pytest.raises(ValueError, match="`groups`: expected groups among known, got 'unknown'"):
        SNAP(SIC).fit(data, groups={"unknown": Weights(1, 1, 1)})
    with pytest.raises(TypeError, match=r"`groups`\['known'\]: expected Weights"):
        SNAP(SIC).fit(data, groups={"known": 1.0})
    with pytest.raises(ValueError, match="`force`: expected a number of zero or more"):
        Weights(1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="weight greater than zero, got none"):
        SNAP(SIC).fit(data, groups={"known": Weights(0, 0, 0)})


@pytest.mark.parametrize(("inner", "outer"), [(2.0, 0.0), (2.0, 2.0), (3.0, 2.0)])
def test_a_core_that_ends_before_it_begins_is_refused(inner, outer) -> None:
    with pytest.raises(ValueError, match="`zbl_inner`: expected less than `zbl_outer`"):
        SNAP(SIC, zbl_inner=inner, zbl_outer=outer)


# -- uncertainty ------------------------------------------------------------------------------------------------------


def test_standard_deviations_are_those_of_many_fits() -> None:
    """Of energies, forces and stresses with the noise that their weights say, drawn again and again.

    Those are what the coefficients do; the factors on top are for references that have the noise as well.
    """
    truth, structures, fresh = known(), carbides(30), carbides(5, seed=9)
    exact = truth.predict(structures)
    weights = {"energy_weight": 4.0, "force_weight": 10.0, "stress_weight": 50.0}
    rng = np.random.default_rng(1)
    found: dict[str, list[np.ndarray]] = {"energy": [], "local energy": [], "force": []}
    stds: dict[str, list[np.ndarray]] = {name: [] for name in found}
    for _ in range(60):
        for s, atoms in enumerate(structures):
            n = len(atoms)
            atoms.info["REF_energy"] = exact.energies[s] + rng.normal(0, n / 4)
            atoms.info["REF_stress"] = exact.stresses[s] + rng.normal(0, 1 / 50, 6)
            atoms.arrays["REF_forces"] = exact.forces[s] + rng.normal(0, 1 / 10, (n, 3))
        potential = SNAP(SIC, solver="least squares", **weights).fit(Dataset.from_structures(structures))
        prediction = potential.predict(fresh, atom_std=True)
        found["energy"].append(prediction.energies)
        found["local energy"].append(np.concatenate(prediction.local_energies))
        found["force"].append(np.concatenate(prediction.forces))
        factors = potential.recalibration_
        stds["energy"].append(prediction.energy_std / factors.energy)
        stds["local energy"].append(np.concatenate(prediction.local_energy_std) / factors.energy)
        stds["force"].append(np.concatenate(prediction.force_std) / factors.force)
    for name in found:
        np.testing.assert_allclose(np.mean(stds[name], axis=0), np.std(found[name], axis=0), rtol=0.35)


# -- extrapolation ----------------------------------------------------------------------------------------------------


def test_on_a_line_the_active_set_is_its_ends() -> None:
    """A species with one feature: the grade of x is that of the straight line through both ends."""
    x = np.array([0.3, -0.2, 1.7, 0.9, -0.6, 1.1])
    rows = np.column_stack([np.ones(6), x])
    search = MaxVol(np.sqrt((rows**2).mean(axis=0)))
    assert search.take(rows)
    assert not search.take(rows)
    assert sorted(search.rows_kk[:, 1]) == pytest.approx([-0.6, 1.7])
    active = ActiveSets(search.rows_kk[None])
    new = np.array([-0.6, 0.55, 1.7, 4.0])
    expected = np.maximum(np.abs(new + 0.6), np.abs(1.7 - new)) / 2.3
    np.testing.assert_allclose(active.grades(new[:, None], np.zeros(4, int)), expected, rtol=1e-9)


def test_the_volume_is_that_of_no_single_exchange_more_and_close_to_the_largest() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(12, 3)) * [1.0, 100.0, 0.01]
    search = MaxVol(np.sqrt((rows**2).mean(axis=0)))
    for start in (0, 4, 8, 0, 4, 8, 0, 4, 8):
        search.take(rows[start : start + 4])
    volume = abs(np.linalg.det(search.rows_kk))
    largest = max(abs(np.linalg.det(rows[list(three)])) for three in combinations(range(12), 3))
    assert any(volume == pytest.approx(abs(np.linalg.det(rows[list(t)]))) for t in combinations(range(12), 3))
    assert 0.5 * largest < volume <= largest * (1 + 1e-12)
    for row, place in product(rows, range(3)):
        exchanged = search.rows_kk.copy()
        exchanged[place] = row
        assert abs(np.linalg.det(exchanged)) <= volume * (1 + extrapolation.TOLERANCE) * (1 + 1e-12)


@pytest.mark.parametrize("quadratic", [False, True])
@pytest.mark.parametrize("most_bytes", [1e4, 1e8])
def test_environments_of_the_data_have_grades_up_to_one_and_strange_ones_more(
    monkeypatch, quadratic, most_bytes
) -> None:
    """However the data are cut into blocks, and also where features depend on each other, as quadratic ones do here."""
    monkeypatch.setattr(
        extrapolation, "features_in_batches", lambda *given: batches.features_in_batches(*given, most_bytes)
    )
    descriptor = dataclasses.replace(SIC, twojmax=2 if quadratic else 3, quadraticflag=quadratic)
    data = Dataset.from_structures(labelled(known(), carbides(60)))
    potential = SNAP(descriptor).fit(data)
    grades = np.concatenate(potential.predict(data, atom_std=True).extrapolation)
    assert 0.99 < grades.max() < 1 + extrapolation.TOLERANCE + 1e-6
    near = np.concatenate(potential.predict(carbides(20, seed=7), atom_std=True).extrapolation)
    assert np.median(near) < 1.5
    strange = [bulk("SiC", "rocksalt", 3.2), bulk("Si", "fcc", 2.9), bulk("C", "bcc", 2.1)]
    for grade_n in potential.predict(strange, atom_std=True).extrapolation:
        assert grade_n.max() > 5


def test_what_the_data_do_not_vary_in_and_species_they_do_not_have_are_far_outside() -> None:
    crystal = bulk("Si", a=5.43)
    data = Dataset.from_structures(labelled(known(), [crystal.copy() for _ in range(3)]))
    potential = SNAP(SIC).fit(data)
    assert potential.predict(crystal, atom_std=True).extrapolation[0] == pytest.approx(1.0, abs=1e-4)
    shaken = crystal.copy()
    shaken.rattle(0.05, seed=1)
    assert potential.predict(shaken, atom_std=True).extrapolation[0].min() > 1e3
    assert potential.predict(bulk("C"), atom_std=True).extrapolation[0].min() > 1e3


def test_a_potential_without_active_sets_has_no_grades(tmp_path) -> None:
    """As one from a file of before, or of coefficients alone."""
    potential = known()
    prediction = load(potential.save(tmp_path / "older.potscope")).predict(carbides(1), atom_std=True)
    assert prediction.extrapolation is None
    assert prediction.force_std is not None
    with pytest.raises(PropertyNotImplementedError, match="extrapolation"):
        potential.calculator().get_property("extrapolation", carbides(1)[0])


# -- solvers ----------------------------------------------------------------------------------------------------------


def problem(rows: int = 200, columns: int = 8, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray, Reduced]:
    rng = np.random.default_rng(3)
    A = rng.normal(size=(rows, columns)) * 10.0 ** rng.uniform(-2, 2, columns)
    w = np.where(np.arange(columns) % 2, 1.0, 0.0) / np.linalg.norm(A, axis=0)
    b = 20 * A @ w + rng.normal(0, noise, rows)
    solver = TriangularLeastSquares(columns)
    for start in range(0, rows, 7):
        solver.add(A[start : start + 7], b[start : start + 7])
    return A, b, solver.reduced()


def test_least_squares_and_its_spread() -> None:
    A, b, reduced = problem()
    solution = least_squares(reduced)
    expected, (squares,), *_ = np.linalg.lstsq(A, b, rcond=None)
    np.testing.assert_allclose(solution.w_k, expected, rtol=1e-10)
    assert reduced.rest == pytest.approx(squares)
    assert reduced.n_rows == 200
    covariance = squares / (200 - 8) * np.linalg.inv(A.T @ A)
    np.testing.assert_allclose(solution.spread_kk @ solution.spread_kk.T, covariance, rtol=1e-8, atol=1e-20)


def test_of_many_solutions_least_squares_gives_the_smallest() -> None:
    A, b, reduced = problem(rows=5)
    length = np.linalg.norm(A, axis=0)
    solution = least_squares(reduced)
    np.testing.assert_allclose(solution.w_k * length, np.linalg.pinv(A / length) @ b, rtol=1e-8)
    np.testing.assert_allclose(A @ solution.w_k, b, rtol=1e-8)


def test_a_column_of_zeros_has_no_weight() -> None:
    A, b, _ = problem()
    A[:, 2] = 0.0
    solver = TriangularLeastSquares(8)
    solver.add(A, b)
    for solution in (least_squares(solver.reduced()), ridge(solver.reduced(), 1e-8)):
        assert abs(solution.w_k[2]) < 1e-10
        assert np.isfinite(solution.spread_kk).all()


def test_ridge_is_the_solution_of_the_normal_equations() -> None:
    A, b, reduced = problem()
    D = np.diag((A**2).sum(axis=0))
    np.testing.assert_allclose(ridge(reduced, 0.3).w_k, np.linalg.solve(A.T @ A + 0.3 * D, A.T @ b), rtol=1e-9)
    np.testing.assert_allclose(ridge(reduced, 1e-15).w_k, least_squares(reduced).w_k, rtol=1e-9)


def test_automatic_relevance_as_in_scikit_learn_and_it_leaves_out_what_is_not_needed() -> None:
    A, b, reduced = problem()
    length = np.linalg.norm(A, axis=0)
    solution = automatic_relevance(reduced)
    theirs = ARDRegression(fit_intercept=False, max_iter=1000, tol=1e-8, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0)
    theirs.fit(A / length, b)
    w = solution.w_k * length
    np.testing.assert_allclose(w, theirs.coef_, rtol=1e-3, atol=2e-3)
    assert np.sort(np.abs(w[::2]))[-2] < 2e-3  # all but one of what is not needed
    noise = reduced.noise(solution.w_k, 4.0)
    assert noise == pytest.approx(1 / theirs.alpha_, rel=0.02)
    assert np.sqrt(noise) == pytest.approx(0.1, rel=0.1)


def test_automatic_relevance_in_a_potential_can_be_cancelled() -> None:
    data = Dataset.from_structures(labelled(known(), carbides(30), noise=0.05))
    potential = SNAP(SIC, solver="automatic relevance").fit(data)
    fresh = carbides(5, seed=3)
    np.testing.assert_allclose(potential.predict(fresh).energies, known().predict(fresh).energies, rtol=0.02)

    def stop(fraction: float, message: str) -> None:
        if "relevance" in message:
            raise Cancelled

    before = potential.coefficients_
    with pytest.raises(Cancelled):
        potential.fit(data, progress=stop)
    assert potential.coefficients_ is before
