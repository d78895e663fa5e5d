"""Kernel machines on whole structures against what they are by definition, and against published errors."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces

from potscope.core import Dataset
from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.core.descriptors import AverageSOAP, CoulombMatrix, SortedDistances
from potscope.core.hyperparameters import Species, declared
from potscope.core.kernels import feature_distance
from potscope.core.leaks import LeakWarning
from potscope.core.models import REGISTRY, SVR, KernelRidge, cross_validated
from potscope.core.models.structure_kernel import SHAPES, StructureKernelPotential
from potscope.core.progress import Cancelled
from potscope.core.splits import folds_of

MACHINES = {name: cls for name, cls in REGISTRY.items() if issubclass(cls, StructureKernelPotential)}
OF_STRUCTURES = {name: cls for name, cls in DESCRIPTORS.items() if cls.scope == "structure"}
KCAL_MOL = 23.060548  # in an electronvolt

every_machine = pytest.mark.parametrize("cls", MACHINES.values(), ids=MACHINES.keys())
every_shape = pytest.mark.parametrize("shape", SHAPES)
SPECTRUM = CoulombMatrix(n_atoms_max=8)


def molecules(count: int, seed: int = 0) -> list[Atoms]:
    """Distorted molecules with smooth energies that grow with the distortion."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = molecule(rng.choice(["H2O", "CH4", "C2H4", "CO2", "C2H6"]))
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        near = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
        atoms.info["REF_energy"] = float(-4 * len(atoms) - 3 * np.exp(-near).sum())
        made.append(atoms)
    return made


def data(count: int, seed: int = 0) -> Dataset:
    return Dataset.from_structures(molecules(count, seed), name="molecules")


def describe_by(kind: type) -> object:
    items = declared(kind)
    chosen = {name: ["H", "C", "O"] for name, item in items.items() if item.type is Species}
    return kind(**chosen, **({"n_atoms_max": 8} if "n_atoms_max" in items else {}))


# -- what the machines are --------------------------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("target", ["per atom", "total", "atomisation"])
def test_kernel_ridge_is_the_solution_of_its_equations(shape, target) -> None:
    train, fresh = data(30), data(10, seed=1)
    potential = KernelRidge(SPECTRUM, kernel=shape, length=2.0, target=target, regularisation=1e-4).fit(train)
    x, y = SPECTRUM.compute(train.structures).values, SPECTRUM.compute(fresh.structures).values
    norm = {"Gaussian": "L2", "Laplacian": "L1"}[shape]
    D, d = feature_distance(x, norm=norm), feature_distance(y, x, norm)
    assert potential.length_ == pytest.approx(2 * np.median(D[np.triu_indices(30, 1)]))
    K, k = ({"L2": np.exp(-0.5 * (r / potential.length_) ** 2), "L1": np.exp(-r / potential.length_)}[norm]
            for r in (D, d))  # fmt: skip
    counts, fresh_counts = (
        np.array([[(atoms.symbols == z).sum() for z in ("H", "C", "O")] for atoms in one.structures])
        for one in (train, fresh)
    )
    offsets = np.linalg.lstsq(counts / train.n_atoms[:, None], train.energies / train.n_atoms, rcond=None)[0]
    offsets *= target != "atomisation"
    scale, fresh_scale = (one.n_atoms if target == "per atom" else 1.0 for one in (train, fresh))
    alpha = np.linalg.solve(K + 1e-4 * np.eye(30), (train.energies - counts @ offsets) / scale)
    expected = fresh_counts @ offsets + fresh_scale * (k @ alpha)
    np.testing.assert_allclose(potential.predict(fresh).energies, expected, atol=1e-9)


@every_shape
def test_support_vectors_meet_the_conditions_of_the_optimum(shape) -> None:
    train, C, epsilon = data(40), 50.0, 0.02
    potential = SVR(SPECTRUM, kernel=shape, length=0.5, target="total", C=C, epsilon=epsilon).fit(train)
    x_sf = SPECTRUM.compute(train.structures).values
    support = [int(np.flatnonzero((x_sf == x_f).all(axis=1))[0]) for x_f in potential._points_mf]
    alpha_s = np.zeros(40)
    alpha_s[support] = potential.weights_
    error_s = train.energies - potential.predict(train).energies
    within, inside = alpha_s == 0, (alpha_s != 0) & (np.abs(alpha_s) < C)
    assert 0 < within.sum() == 40 - potential.n_support_
    assert inside.sum() > 3
    assert np.abs(error_s[within]).max() <= epsilon * 1.01
    np.testing.assert_allclose(error_s[inside], epsilon * np.sign(alpha_s[inside]), rtol=0.01)
    assert (error_s[np.abs(alpha_s) == C] * np.sign(alpha_s[np.abs(alpha_s) == C]) >= epsilon * 0.99).all()
    assert alpha_s.sum() == pytest.approx(0.0, abs=1e-6)
    assert f"{potential.n_support_} support vectors of 40 structures" in repr(potential)


def test_where_everything_is_within_epsilon_the_offsets_are_the_potential() -> None:
    potential = SVR(SPECTRUM, epsilon=10.0).fit(data(10))
    assert potential.n_support_ == 0
    prediction = potential.predict(data(3, seed=1))
    np.testing.assert_array_equal(np.concatenate(prediction.forces), 0.0)
    assert np.isfinite(prediction.energies).all()


def test_before_the_fit_the_text_form_makes_an_equal_one_and_there_are_no_support_vectors() -> None:
    potential = SVR(SPECTRUM, C=3.0)
    again = eval(repr(potential), {"SVR": SVR, "CoulombMatrix": CoulombMatrix})  # noqa: S307 - what is tested
    assert (again.descriptor, again.hyperparameters()) == (potential.descriptor, potential.hyperparameters())
    with pytest.raises(RuntimeError, match="fit"):
        _ = potential.n_support_


@every_machine
@every_shape
@pytest.mark.parametrize("kind", OF_STRUCTURES.values(), ids=OF_STRUCTURES.keys())
def test_forces_are_derivatives_on_every_descriptor(cls, shape, kind) -> None:
    structures, atoms = molecules(12), molecules(1, seed=5)[0]
    if not kind.describes(atoms):
        for one in [*structures, atoms]:
            one.set_cell(np.diag([6.0, 6.5, 7.0]))
            one.pbc = True
    potential = cls(describe_by(kind), kernel=shape, length=1.0).fit(Dataset.from_structures(structures))
    atoms.calc = potential.calculator()
    forces = atoms.get_forces()
    assert np.abs(forces).max() > 1e-3
    step = {"Gaussian": 1e-4, "Laplacian": 1e-6}[shape]  # too short to meet a cusp of the second
    np.testing.assert_allclose(calculate_numerical_forces(atoms, step), forces, atol=2e-5 * np.abs(forces).max())


@every_machine
def test_per_atom_on_averages_a_larger_cell_of_a_crystal_has_so_much_more_energy(cls) -> None:
    rng = np.random.default_rng(0)
    structures = []
    for _ in range(10):
        atoms = bulk("Cu", cubic=True, a=rng.uniform(3.4, 3.9))
        atoms.rattle(0.05, rng=rng)
        atoms.calc = EMT()
        atoms.info["REF_energy"] = atoms.get_potential_energy()
        structures.append(atoms)
    potential = cls(AverageSOAP(species=["Cu"], n_max=3, l_max=2)).fit(Dataset.from_structures(structures))
    one, four = potential.predict([structures[0], structures[0] * (2, 2, 1)]).energies
    assert four == pytest.approx(4 * one, rel=1e-9)


# -- data that are no good --------------------------------------------------------------------------------------------


@every_machine
def test_structures_that_are_all_the_same_are_learnt(cls) -> None:
    same = molecules(1) * 5
    prediction = cls(SPECTRUM).fit(Dataset.from_structures(same)).predict(same[0])
    assert prediction.energies[0] == pytest.approx(same[0].info["REF_energy"], abs=5e-3)


def test_a_singular_kernel_is_refused_in_words() -> None:
    twice = Dataset.from_structures(molecules(20) * 2)
    with pytest.raises(ValueError, match=r"`regularisation`: 1e-15 is too small.*same features"):
        KernelRidge(SPECTRUM, regularisation=1e-15).fit(twice)
    with pytest.raises(ValueError, match=r"`regularisation`: 1e-15 is too small.*`length` is much larger"):
        KernelRidge(SPECTRUM, length=1e5, regularisation=1e-15).fit(data(20))
    assert KernelRidge(SPECTRUM, regularisation=1e-8).fit(twice).fitted


@every_machine
def test_what_the_descriptor_refuses_is_said_of_the_data(cls) -> None:
    with pytest.raises(ValueError, match="`train`, '0' has 8 atoms; `n_atoms_max` of this CoulombMatrix is 2"):
        cls(CoulombMatrix(n_atoms_max=2)).fit(data(5))
    crystal = bulk("Si")
    crystal.info["REF_energy"] = -1.0
    with pytest.raises(ValueError, match=r"`train`.*periodic"):
        cls(SPECTRUM).fit(Dataset.from_structures(crystal))
    with pytest.raises(ValueError, match="Si"):
        cls(SPECTRUM).fit(data(5)).predict(Atoms("SiH"))


# -- cross-validation -------------------------------------------------------------------------------------------------

GRIDS = {"KernelRidge": {"length": [1.0, 8.0], "regularisation": [1e-6, 1e-2]}, "SVR": {"C": [1.0, 100.0]}}


@every_machine
def test_cross_validation_leaves_out_what_it_predicts(cls) -> None:
    train = data(24)
    best, table = cross_validated(cls(SPECTRUM), train, GRIDS[cls.__name__], folds=4, seed=2)
    assert len(table) == np.prod([len(values) for values in GRIDS[cls.__name__].values()])
    chosen = min(table, key=lambda row: row["mae"])
    assert best.hyperparameters().items() >= {name: chosen[name] for name in GRIDS[cls.__name__]}.items()
    expected = cls(SPECTRUM, **best.hyperparameters()).fit(train).predict(train).energies
    np.testing.assert_array_equal(best.predict(train).energies, expected)
    fold_s = folds_of(train.ids, 4, 2)
    assert sorted(np.bincount(fold_s)) == [6, 6, 6, 6]
    errors = []
    for fold in range(4):
        kept, left_out = train[fold_s != fold], train[fold_s == fold]
        part = cls(SPECTRUM, **best.hyperparameters())
        part.length *= best.length_ / part.fit(kept).length_  # the median is that of all structures
        errors.append(part.fit(kept).predict(left_out).energies - left_out.energies)
    assert chosen["mae"] == pytest.approx(np.abs(np.concatenate(errors)).mean(), rel=1e-3)
    assert chosen["rmse"] == pytest.approx(np.sqrt((np.concatenate(errors) ** 2).mean()), rel=1e-3)


def test_cross_validation_does_not_depend_on_the_order_and_can_be_cancelled() -> None:
    train = data(20)
    grid = {"kernel": ["Gaussian", "Laplacian"], "length": [1.0, 4.0]}
    there, back = (cross_validated(KernelRidge(SPECTRUM), one, grid)[1] for one in (train, train[::-1]))
    assert [row["mae"] for row in back] == pytest.approx([row["mae"] for row in there])
    seen: list[float] = []
    cross_validated(KernelRidge(SPECTRUM), train, grid, progress=lambda fraction, message: seen.append(fraction))
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert seen == sorted(seen)

    def stop(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        cross_validated(KernelRidge(SPECTRUM), train, grid, progress=stop)


def test_combinations_without_a_solution_lose() -> None:
    twice = Dataset.from_structures(molecules(10) * 2)
    with pytest.warns(LeakWarning, match="of 20 structures held out are as good as known"):
        best, table = cross_validated(KernelRidge(SPECTRUM), twice, {"regularisation": [1e-15, 1e-3]})
    assert best.regularisation == 1e-3
    assert table[0]["mae"] == np.inf
    with pytest.raises(ValueError, match="`grid`: no combination has a solution"), pytest.warns(LeakWarning):
        cross_validated(KernelRidge(SPECTRUM), twice, {"regularisation": [1e-15]})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": {}}, "`grid`: expected at least one"),
        ({"grid": {"length": []}}, "`grid`: expected at least one"),
        ({"grid": {"zeta": [1.0]}}, "`grid`: expected hyperparameters among kernel, length"),
        ({"grid": {"length": [-1.0]}}, "`length`: expected"),
        ({"grid": {"length": [1.0]}, "folds": 1}, "`folds`"),
        ({"grid": {"length": [1.0]}, "folds": 11}, "`folds`"),
    ],
)
def test_cross_validation_refuses_what_makes_no_sense(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        cross_validated(KernelRidge(SPECTRUM), data(10), **arguments)


# -- published errors -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def qm7(reference_folder) -> tuple[Dataset, Dataset]:
    """1,000 molecules to learn from and 1,000 others."""
    everything = Dataset.read(reference_folder / "qm7" / "qm7_7101.xyz.gz", energy_key="REF_atomisation_energy")
    rest, test = everything.split(1000, by="random", seed=0)
    return rest.split(1000, by="random", seed=1)[1], test


@pytest.mark.parametrize(
    ("permutation", "shape", "lengths", "published"),
    [("eigenspectrum", "Gaussian", [2.0, 8.0], 12.01), ("sorted", "Laplacian", [2.0, 8.0], 8.07)],
)
def test_atomisation_energies_of_qm7(qm7, permutation, shape, lengths, published) -> None:
    """Within what the draw of the molecules makes of the published errors, 1,000 molecules, kcal/mol."""
    train, test = qm7
    machine = KernelRidge(CoulombMatrix(n_atoms_max=23, permutation=permutation), kernel=shape, target="total")
    best, _ = cross_validated(machine, train, {"length": lengths, "regularisation": [1e-6, 1e-4, 1e-3]}, folds=3)
    error = KCAL_MOL * np.abs(best.predict(test).energies - test.energies).mean()
    assert error < 1.05 * published


def test_every_machine_is_tried() -> None:
    assert set(MACHINES) == {"KernelRidge", "SVR"} == set(GRIDS)
    assert not any(inspect.isabstract(cls) for cls in MACHINES.values())
    assert SortedDistances in OF_STRUCTURES.values()
