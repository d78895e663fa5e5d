"""Variances of kernel ridge regression against scikit-learn's Gaussian processes and finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, PairwiseKernel, WhiteKernel

from potscope.core import Dataset, load
from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.core.descriptors import CoulombMatrix
from potscope.core.hyperparameters import Species, declared
from potscope.core.models import KernelRidge
from potscope.core.models.structure_kernel import SHAPES

OF_STRUCTURES = {name: cls for name, cls in DESCRIPTORS.items() if cls.scope == "structure"}
SPECTRUM = CoulombMatrix(n_atoms_max=8)
RIDGE = 1e-3

every_shape = pytest.mark.parametrize("shape", SHAPES)


def molecules(count: int, seed: int = 0, shaken: float = 0.1) -> list[Atoms]:
    """Distorted molecules with smooth energies."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = molecule(rng.choice(["H2O", "CH4", "C2H4", "CO2"]))
        atoms.positions += rng.normal(0, shaken, atoms.positions.shape)
        near = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
        atoms.info["REF_energy"] = float(-4 * len(atoms) - 3 * np.exp(-near).sum())
        made.append(atoms)
    return made


def data(count: int, seed: int = 0, shaken: float = 0.1) -> Dataset:
    return Dataset.from_structures(molecules(count, seed, shaken), name="molecules")


def fitted(shape: str = "Gaussian", target: str = "total", count: int = 25) -> KernelRidge:
    return KernelRidge(SPECTRUM, kernel=shape, length=1.0, regularisation=RIDGE, target=target).fit(data(count))


def process_of(potential: KernelRidge, noise: bool) -> GaussianProcessRegressor:
    """The same process, with the noise as a part of the kernel or beside it."""
    theta = potential.length_
    shape = RBF(theta) if potential.kernel == "Gaussian" else PairwiseKernel(1 / theta, metric="laplacian")
    square = potential.amplitude_**2
    if noise:
        return GaussianProcessRegressor(
            ConstantKernel(square) * (shape + WhiteKernel(RIDGE)), optimizer=None, alpha=0.0
        )
    return GaussianProcessRegressor(ConstantKernel(square) * shape, alpha=square * RIDGE, optimizer=None)


def targets(potential: KernelRidge, dataset: Dataset, energy_s: np.ndarray) -> np.ndarray:
    """What is learnt of these energies: without those of the elements."""
    numbers = [[list(atoms.symbols).count(symbol) for symbol in potential.species_] for atoms in dataset.structures]
    return (energy_s - np.array(numbers) @ potential.offsets_) / potential.scale(dataset.structures)


@every_shape
@pytest.mark.parametrize("target", ["per atom", "total", "atomisation"])
def test_energies_and_their_deviations_are_those_of_a_gaussian_process(shape, target) -> None:
    train, fresh = data(25), data(12, seed=1, shaken=0.3)
    potential = fitted(shape, target)
    process = process_of(potential, noise=False)
    process.fit(SPECTRUM.compute(train.structures).values, targets(potential, train, train.energies))
    mean_s, std_s = process.predict(SPECTRUM.compute(fresh.structures).values, return_std=True)
    prediction = potential.predict(fresh)
    np.testing.assert_allclose(targets(potential, fresh, prediction.energies), mean_s, atol=1e-8)
    expected = potential.scale(fresh.structures) * std_s
    np.testing.assert_allclose(prediction.energy_std, expected, rtol=1e-8, atol=1e-8 * potential.amplitude_)


@every_shape
def test_the_amplitude_is_the_most_likely(shape) -> None:
    train, potential = data(25), fitted(shape)
    process = process_of(potential, noise=True)
    process.fit(SPECTRUM.compute(train.structures).values, targets(potential, train, train.energies))
    names = [one.name for one in process.kernel_.hyperparameters]
    _, slope = process.log_marginal_likelihood(process.kernel_.theta, eval_gradient=True)
    assert slope[names.index("k1__constant_value")] == pytest.approx(0.0, abs=1e-6)


@every_shape
def test_near_the_data_deviations_are_small_and_far_away_those_of_the_prior(shape) -> None:
    train, potential = data(25), fitted(shape)
    near_s = potential.predict(train).energy_std
    assert near_s.max() < np.sqrt(RIDGE) * potential.amplitude_
    far = potential.predict(
        [molecule("CO2"), Atoms("C", [[0, 0, 0]]), Atoms("CO", [[0, 0, 0], [0, 0, 0.2]])]
    ).energy_std
    assert far[0] < far[2] < potential.amplitude_ * (1 + 1e-12)
    assert far[2] == pytest.approx(potential.amplitude_, rel=1e-3)
    longer = fitted(shape, count=50)
    more = replace(longer, length=potential.length_ / longer.length_).fit(data(50))
    assert more.length_ == pytest.approx(potential.length_)
    assert (more.predict(train).energy_std / more.amplitude_ < near_s / potential.amplitude_).all()


def covariance(potential: KernelRidge, ours: np.ndarray, theirs: np.ndarray) -> float:
    """What the data leave of the covariance of two rows of features, by the textbook, for an amplitude of one."""
    kernel = lambda a_nf, b_mf: np.exp(  # noqa: E731
        -((a_nf[:, None] - b_mf[None]) ** 2).sum(axis=2) / (2 * potential.length_**2)
    )
    x_mf = potential._points_mf
    K_mm = kernel(x_mf, x_mf) + potential.regularisation * np.eye(len(x_mf))
    explained = kernel(ours, x_mf) @ np.linalg.solve(K_mm, kernel(x_mf, theirs))
    return float((kernel(ours, theirs) - explained)[0, 0])


@pytest.mark.parametrize("kind", OF_STRUCTURES.values(), ids=OF_STRUCTURES.keys())
def test_variances_of_forces_are_those_of_differences_of_energies(kind) -> None:
    structures = molecules(13)
    if not kind.describes(structures[0]):
        for atoms in structures:
            atoms.set_cell(np.diag([6.0, 6.5, 7.0]))
            atoms.pbc = True
    items = declared(kind)
    chosen = {name: ["H", "C", "O"] for name, item in items.items() if item.type is Species}
    descriptor = kind(**chosen, **({"n_atoms_max": 8} if "n_atoms_max" in items else {}))
    potential = KernelRidge(descriptor, length=1.0, regularisation=1e-2).fit(Dataset.from_structures(structures[1:]))
    atoms, step = structures[0], 1e-3
    force_std_nc = potential.predict(atoms, atom_std=True).force_std[0]
    assert force_std_nc.max() > 1e-3 * potential.amplitude_
    for n, c in ((0, 0), (1, 2), (len(atoms) - 1, 1)):
        rows = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[n, c] += sign * step
            rows.append(descriptor.compute([moved]).values)
        variance = (
            sum((1 if a is b else -1) * covariance(potential, a, b) for a in rows for b in rows) / (2 * step) ** 2
        )
        expected = len(atoms) * potential.amplitude_ * np.sqrt(variance)
        assert force_std_nc[n, c] == pytest.approx(expected, rel=1e-3, abs=1e-4 * force_std_nc.max())


def test_a_kernel_with_a_cusp_has_no_deviations_of_forces() -> None:
    potential = fitted("Laplacian")
    assert not potential.has_atom_std
    prediction = potential.predict(data(2), atom_std=True)
    assert prediction.force_std is None
    assert prediction.energy_std is not None
    assert fitted("Gaussian").has_atom_std


def test_a_file_needs_no_factor_for_the_same_deviations(tmp_path) -> None:
    potential, fresh = fitted(), data(5, seed=3)
    again = load(potential.save(tmp_path / "ridge.potscope"))
    assert again.amplitude_ == pytest.approx(potential.amplitude_, rel=1e-10)
    np.testing.assert_allclose(again.predict(fresh).energy_std, potential.predict(fresh).energy_std, rtol=1e-7)
    atoms = fresh.structures[0]
    expected = potential.predict(fresh).energy_std[0]
    assert again.calculator().get_property("energy_std", atoms) == pytest.approx(expected, rel=1e-7)
