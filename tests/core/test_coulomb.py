"""Coulomb, sine and Ewald matrices against their peers, and their values and derivatives where symmetry has its say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.collections import g2

from potscope.core.descriptors import CoulombMatrix, EwaldMatrix, SineMatrix
from potscope.core.descriptors.ewald import lattice_points
from potscope.core.descriptors.matrices import lower_triangle

from systems import SYSTEMS, derivative, random_rotation, rotated

MOLECULES = {name: atoms for name, atoms in SYSTEMS.items() if not atoms.pbc.any()}
CRYSTALS = {name: atoms for name, atoms in SYSTEMS.items() if atoms.pbc.all()}
PERMUTATIONS = {"sorted": "sorted_l2", "eigenspectrum": "eigenspectrum", "full": "none"}
WORK = Atoms("OHCH", [[0.0, 0.1, 0.2], [0.9, -0.1, 0.4], [-0.3, 1.2, -0.6], [-1.1, 1.9, 0.1]])
every_matrix = pytest.mark.parametrize("cls", [CoulombMatrix, SineMatrix, EwaldMatrix])


def dscribe(name: str):
    peers = pytest.importorskip(
        "dscribe.descriptors", reason="DScribe is not installed (it comes with the extra `dev`)"
    )
    return getattr(peers, name)


def in_a_box(cls: type, atoms: Atoms) -> Atoms:
    if cls is CoulombMatrix:
        return atoms
    return Atoms(atoms.numbers, atoms.positions, cell=[[7, 0, 0], [1, 8, 0], [0, 2, 9]], pbc=True)


@pytest.mark.parametrize("permutation", PERMUTATIONS)
@pytest.mark.parametrize("name", MOLECULES)
def test_coulomb_matrix_is_that_of_dscribe(name, permutation) -> None:
    atoms = MOLECULES[name]
    theirs = dscribe("CoulombMatrix")(n_atoms_max=10, permutation=PERMUTATIONS[permutation]).create(atoms)
    ours = CoulombMatrix(n_atoms_max=10, permutation=permutation).compute(atoms).values[0]
    assert np.abs(ours - theirs).max() < 1e-11


@pytest.mark.parametrize("permutation", PERMUTATIONS)
@pytest.mark.parametrize("name", CRYSTALS)
def test_sine_matrix_is_that_of_dscribe(name, permutation, monkeypatch) -> None:
    atoms = CRYSTALS[name]
    dscribe("SineMatrix")
    from dscribe.core import System

    def copied(atoms: Atoms) -> System:
        return System(atoms.numbers, atoms.positions, cell=atoms.cell[:], pbc=atoms.pbc)

    monkeypatch.setattr(System, "from_atoms", copied)  # DScribe's own is not for the ASE of today
    peer = dscribe("SineMatrix")(n_atoms_max=10, permutation=PERMUTATIONS[permutation])
    theirs = peer.create(atoms)
    ours = SineMatrix(n_atoms_max=10, permutation=permutation).compute(atoms).values[0]
    assert np.abs(ours - theirs).max() < 1e-11 * np.abs(theirs).max()


@pytest.mark.parametrize("permutation", PERMUTATIONS)
@pytest.mark.parametrize("name", CRYSTALS)
def test_ewald_matrix_is_that_of_dscribe(name, permutation) -> None:
    atoms = CRYSTALS[name]
    peer = dscribe("EwaldSumMatrix")(n_atoms_max=10, permutation=PERMUTATIONS[permutation])
    theirs = peer.create(atoms, accuracy=1e-14)
    ours = EwaldMatrix(n_atoms_max=10, permutation=permutation).compute(atoms).values[0]
    assert np.abs(ours - theirs).max() < 1e-9 * np.abs(theirs).max()


# made by qmllib 1.2.0 of `WORK`, size 5: generate_coulomb_matrix with sorting="row-norm" and "unsorted", and
# generate_coulomb_matrix_eigenvalue, whose order is that of the values rather than of their magnitudes
QMLLIB = {
    "sorted": [
        *[73.51669471981022, 34.461991613651435, 36.85810519942594, 8.479983040050879, 2.952406987830737, 0.5],
        *[3.7881097904830274, 4.714045207910317, 0.351581276967315, 0.5, 0, 0, 0, 0, 0],
    ],
    "full": [
        *[73.51669471981022, 8.479983040050879, 0.5, 34.461991613651435, 2.952406987830737, 36.85810519942594],
        *[3.7881097904830274, 0.351581276967315, 4.714045207910317, 0.5, 0, 0, 0, 0, 0],
    ],
}
QMLLIB_EIGENVALUES = [95.37822773878582, 16.62332087932022, 0.0, -0.10197859800459338, -0.524770100865279]


@pytest.mark.parametrize("permutation", QMLLIB)
def test_lower_triangle_is_the_representation_of_qmllib(permutation) -> None:
    values = CoulombMatrix(n_atoms_max=5, permutation=permutation).compute(WORK).values
    np.testing.assert_allclose(lower_triangle(values)[0], QMLLIB[permutation], rtol=1e-13)
    with pytest.raises(ValueError, match="`values_sf`: expected a square number of features, got 24"):
        lower_triangle(values[:, 1:])


def test_eigenvalues_are_those_of_qmllib_in_our_order() -> None:
    values = CoulombMatrix(n_atoms_max=5).compute(WORK).values[0]
    np.testing.assert_allclose(np.sort(values)[::-1], QMLLIB_EIGENVALUES, rtol=1e-12, atol=1e-14)
    assert (np.diff(np.abs(values)) <= 0).all()


def test_ewald_matrix_does_not_depend_on_the_screening(monkeypatch) -> None:
    values = [EwaldMatrix(permutation="full").compute(CRYSTALS["zincblende"]).values]
    for width in (0.8, 2.5):
        monkeypatch.setattr("potscope.core.descriptors.ewald.WIDTH", width)
        values.append(EwaldMatrix(permutation="full").compute(CRYSTALS["zincblende"]).values)
    np.testing.assert_allclose(values[1], values[0], atol=1e-9)
    np.testing.assert_allclose(values[2], values[0], atol=1e-9)


def test_ewald_matrix_has_the_madelung_constant() -> None:
    """Of rock salt, from the matrix of equal charges: the background drops out of a neutral sum."""
    atoms = bulk("NaCl", "rocksalt", a=2.0, cubic=True)
    n = len(atoms)
    C = EwaldMatrix(n_atoms_max=n, permutation="full").compute(atoms).values.reshape(n, n)
    charge = np.where(atoms.symbols == "Na", 1.0, -1.0) / atoms.numbers
    energy = sum(C[i, j] * charge[i] * charge[j] for i in range(n) for j in range(i + 1))
    assert energy / (n / 2) == pytest.approx(-1.74756459463318, abs=1e-11)


def test_ewald_sums_end_where_their_accuracy_says() -> None:
    exact = EwaldMatrix(accuracy=1e-15).compute(CRYSTALS["diamond"]).values
    for accuracy in (1e-3, 1e-6, 1e-9):
        error = np.abs(EwaldMatrix(accuracy=accuracy).compute(CRYSTALS["diamond"]).values - exact).max()
        assert accuracy * 1e-3 < error / np.abs(exact).max() < 10 * accuracy


def test_lattice_points_are_all_within_reach() -> None:
    h_cc = CRYSTALS["skewed cell"].cell[:]
    k = np.stack(np.meshgrid(*[np.arange(-40, 41)] * 3), axis=-1).reshape(-1, 3) @ h_cc
    expected = k[np.linalg.norm(k, axis=1) <= 11.0]
    found = lattice_points(h_cc, 11.0)
    assert len(found) == len(expected)
    np.testing.assert_array_equal(found, -found[::-1])
    np.testing.assert_allclose(np.sort(np.linalg.norm(found, axis=1)), np.sort(np.linalg.norm(expected, axis=1)))


@pytest.mark.parametrize("cls", [SineMatrix, EwaldMatrix])
def test_an_atom_moved_by_a_cell_vector_changes_nothing(cls) -> None:
    for permutation in ("full", "eigenspectrum"):
        atoms = CRYSTALS["zincblende"]
        moved = atoms.copy()
        moved.positions[2] += atoms.cell[0] - 3 * atoms.cell[2]
        descriptor = cls(permutation=permutation)
        before, after = descriptor.compute(atoms), descriptor.compute(moved)
        np.testing.assert_allclose(after.values, before.values, atol=1e-8)
        weight = np.random.default_rng(0).normal(size=before.values.shape)
        one, two = before.pull_back(weight), after.pull_back(weight)
        np.testing.assert_allclose(two.forces, one.forces, atol=1e-7)
        np.testing.assert_allclose(two.virials, one.virials, atol=1e-7)
        onto = atoms.copy()
        onto.positions[2] = onto.positions[5] + atoms.cell[1]
        with pytest.raises(ValueError, match=r"`structures`\[0\]: atoms 2 and 5 are at the same place"):
            descriptor.compute(onto)


@every_matrix
def test_other_boundary_conditions_are_refused(cls) -> None:
    wrong = SYSTEMS["slab"] if cls is CoulombMatrix else SYSTEMS["water"]
    with pytest.raises(ValueError, match=r"`structures`\[1\]: expected one that is periodic in . directions for a "):
        cls().compute([in_a_box(cls, WORK), wrong])


@every_matrix
def test_random_sorting_is_sorting_where_there_is_no_noise(cls) -> None:
    atoms = in_a_box(cls, SYSTEMS["ethanol"])
    ordered = cls(permutation="sorted")
    quiet, loud = replace(ordered, permutation="random", sigma=0.0), replace(ordered, permutation="random", sigma=50.0)
    np.testing.assert_array_equal(quiet.compute(atoms).values, ordered.compute(atoms).values)
    samples = [replace(loud, seed=seed).compute(atoms).values for seed in range(6)]
    assert len({sample.tobytes() for sample in samples}) > 3
    for sample in samples:
        np.testing.assert_allclose(np.sort(sample), np.sort(ordered.compute(atoms).values), rtol=1e-14)
    np.testing.assert_array_equal(loud.compute(atoms).values, samples[0])


def test_noise_swaps_rows_as_often_as_it_should() -> None:
    """Two rows whose norms differ by δ come in the other order with the probability that noise of √2 σ exceeds δ."""
    atoms = Atoms("CH", [[0, 0, 0], [1.1, 0, 0]])
    ordered = CoulombMatrix(n_atoms_max=2, permutation="sorted").compute(atoms).values.reshape(2, 2)
    difference = -np.diff(np.linalg.norm(ordered, axis=1))[0]
    descriptor = CoulombMatrix(n_atoms_max=2, permutation="random", sigma=difference / np.sqrt(2))
    swapped = sum(replace(descriptor, seed=seed).compute(atoms).values[0, 0] < ordered[0, 0] for seed in range(1000))
    assert swapped == pytest.approx(158.7, abs=40)  # one standard deviation and more above zero; σ of the count 11.6


def test_symmetric_molecules_have_one_sorted_matrix() -> None:
    """Where rows of equal norm were left as they come, 38 of these 162 molecules would have more than one."""
    rng = np.random.default_rng(0)
    plain = [molecule(name) for name in g2.names]
    turned = [rotated(atoms[rng.permutation(len(atoms))], random_rotation(rng)) for atoms in plain]
    descriptor = CoulombMatrix(n_atoms_max=14, permutation="sorted")
    np.testing.assert_allclose(descriptor.compute(turned).values, descriptor.compute(plain).values, atol=1e-7)


def ring(symbol: str, count: int, radius: float, height: float = 0.0) -> Atoms:
    angle = 2 * np.pi * np.arange(count) / count
    positions = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(count, height)])
    return Atoms(f"{symbol}{count}", positions)


SYMMETRIC = {
    "methane": molecule("CH4"),
    "benzene": ring("C", 6, 1.39) + ring("H", 6, 2.48),
    "ammonia": Atoms("N") + ring("H", 3, 0.94, 0.38),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_equal_eigenvalues_have_the_mean_derivative(name) -> None:
    """Forces of any function of the spectrum keep the symmetry of the molecule, and do not depend on its attitude."""
    atoms = SYMMETRIC[name]
    descriptor = CoulombMatrix(n_atoms_max=12)
    features = descriptor.compute(atoms)
    spectrum = features.values[0]
    assert (np.abs(np.diff(spectrum[: len(atoms)])) < 1e-6).any()
    weight = np.random.default_rng(0).normal(size=features.values.shape)
    forces = features.pull_back(weight).forces
    outward = np.einsum("nc,nc->n", forces, atoms.positions)[atoms.numbers == 1]
    assert np.ptp(outward) < 1e-9 * np.abs(forces).max()
    rng = np.random.default_rng(1)
    rotation, order = random_rotation(rng), rng.permutation(len(atoms))
    turned = rotated(atoms, rotation)[order]
    again = descriptor.compute(turned).pull_back(weight).forces
    np.testing.assert_allclose(again, (forces @ rotation.T)[order], atol=1e-9 * np.abs(forces).max())


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_functions_of_equal_eigenvalues_have_exact_derivatives(name) -> None:
    atoms = SYMMETRIC[name]
    descriptor = CoulombMatrix(n_atoms_max=12)
    features = descriptor.compute(atoms)
    forces = features.pull_back(3 * features.values**2).forces
    for n, c in ((0, 0), (1, 2), (3, 1)):

        def cubes(step, n=n, c=c) -> float:
            moved = atoms.copy()
            moved.positions[n, c] += step
            return float((descriptor.compute(moved).values ** 3).sum())

        assert -derivative(cubes) == pytest.approx(forces[n, c], rel=1e-7, abs=1e-6 * np.abs(forces).max())


def test_thousands_of_molecules_at_once_are_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    structures = [molecule(g2.names[k % 162]) for k in range(1000)]
    for atoms in structures:
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
    for permutation in ("sorted", "eigenspectrum", "random", "full"):
        descriptor = CoulombMatrix(n_atoms_max=14, permutation=permutation)
        together = descriptor.compute(structures).values
        for k in range(0, 1000, 97):
            np.testing.assert_allclose(together[k], descriptor.compute(structures[k]).values[0], atol=1e-12)


def test_qm7_is_described_as_qmllib_does(reference_folder) -> None:
    """Sums that no order of equal rows can change, over molecules that the reference data has."""
    import gzip

    with gzip.open(reference_folder / "qm7" / "qm7_7101.xyz.gz", "rt") as file:
        structures = []
        for _ in range(200):
            count = int(file.readline())
            file.readline()
            rows = [file.readline().split() for _ in range(count)]
            structures.append(Atoms([row[0] for row in rows], [list(map(float, row[1:4])) for row in rows]))
    values = CoulombMatrix(n_atoms_max=23, permutation="sorted").compute(structures).values
    for atoms, row in zip(structures, values, strict=True):
        r = atoms.get_all_distances() + np.eye(len(atoms))
        C = np.where(np.eye(len(atoms)), 0.5 * atoms.numbers**2.4, np.outer(atoms.numbers, atoms.numbers) / r)
        norms = np.sort(np.linalg.norm(C, axis=1))[::-1]
        found = np.linalg.norm(row.reshape(23, 23), axis=1)[: len(atoms)]
        np.testing.assert_allclose(found, norms, rtol=1e-8)
        np.testing.assert_allclose(np.sort(row)[-(len(atoms) ** 2) :], np.sort(C.ravel()), rtol=1e-12)
