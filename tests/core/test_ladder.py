"""The ladder of body orders: what each rung sees, and what it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from potscope.core.descriptors import SOAP, CartesianCoordinates, CoulombMatrix, SortedDistances

from systems import SYSTEMS, derivative, random_rotation, rotated

ETHANOL = SYSTEMS["ethanol"]


def hydrogens_around_a_carbon(steps: tuple[int, ...]) -> Atoms:
    """Hydrogens at some of eight azimuths about a carbon; two such choices have the same distances."""
    angle = np.pi / 4 * np.array(steps)
    positions = np.column_stack([1.4 * np.cos(angle), 1.4 * np.sin(angle), np.full(len(steps), 0.6)])
    return Atoms("C" + "H" * len(steps), np.concatenate([[[0, 0, 0]], positions]))


def test_distances_are_all_there_is_and_sorted() -> None:
    descriptor = SortedDistances(species=["O", "C", "H"], n_atoms_max=9)
    features = descriptor.compute(ETHANOL)
    assert descriptor.species == ("H", "C", "O")
    by_name = dict(zip(features.names, features.values[0], strict=True))
    D = ETHANOL.get_all_distances()
    symbols = np.array(ETHANOL.get_chemical_symbols())
    for a, b in (("H", "H"), ("H", "C"), ("H", "O"), ("C", "C"), ("C", "O")):
        rows, columns = np.flatnonzero(symbols == a), np.flatnonzero(symbols == b)
        expected = sorted(D[i, j] for i in rows for j in columns if a != b or i < j)
        found = [value for name, value in by_name.items() if name.startswith(f"{a} {b} ")]
        np.testing.assert_allclose(found[: len(expected)], expected, rtol=1e-14)
        assert found[len(expected) :] == [0.0] * (len(found) - len(expected))
    assert sum(value > 0 for value in by_name.values()) == 36


def test_room_for_every_molecule_of_that_many_atoms() -> None:
    descriptor = SortedDistances(species=["H", "O"], n_atoms_max=5)
    rng = np.random.default_rng(0)
    for formula in ("H5", "H4O", "H3O2", "H2O3", "HO4", "O5"):
        atoms = Atoms(formula, rng.normal(size=(5, 3)))
        values = descriptor.compute(atoms).values[0]
        np.testing.assert_allclose(
            np.sort(values[values > 0]), np.sort(atoms.get_all_distances()[np.triu_indices(5, 1)])
        )


def test_equal_distances_have_the_mean_derivative() -> None:
    """Forces of any function of methane's distances keep its symmetry; of a symmetric function they are exact."""
    methane = molecule("CH4")
    descriptor = SortedDistances(species=["C", "H"], n_atoms_max=5)
    features = descriptor.compute(methane)
    weight = np.random.default_rng(0).normal(size=features.values.shape)
    forces = features.pull_back(weight).forces
    np.testing.assert_allclose(forces[0], 0.0, atol=1e-12)
    lengths = np.linalg.norm(forces[1:], axis=1)
    assert np.ptp(lengths) < 1e-12
    again = descriptor.compute(rotated(methane, random_rotation(np.random.default_rng(2)))).pull_back(weight).forces
    np.testing.assert_allclose(np.linalg.norm(again[1:], axis=1), lengths, rtol=1e-12)
    by_squares = features.pull_back(2 * features.values).forces

    def squares(step) -> float:
        moved = methane.copy()
        moved.positions[2, 1] += step
        return float((descriptor.compute(moved).values ** 2).sum())

    assert -derivative(squares) == pytest.approx(by_squares[2, 1], abs=1e-8)


def test_equal_distances_of_other_elements_are_not_mixed() -> None:
    """The block of O–H is full and ends with a distance that O–O begins with."""
    atoms = Atoms("HHOO", [[0, 0, 0], [0.1, 1.0, 0], [2.0, 0, 0], [2.0, 2.0, 0]])
    descriptor = SortedDistances(species=["H", "O"], n_atoms_max=4)
    features = descriptor.compute(atoms)
    full = [name for name, value in zip(features.names, features.values[0], strict=True) if value > 0]
    last, first = full.index("H O 3"), full.index("O O 0")
    assert first == last + 1
    weight = np.zeros_like(features.values)
    weight[0, features.names.index("O O 0")] = 1.0
    forces = features.pull_back(weight).forces
    np.testing.assert_allclose(forces, [[0, 0, 0], [0, 0, 0], [0, 1, 0], [0, -1, 0]], atol=1e-14)


def test_each_rung_sees_more() -> None:
    """Two molecules with the same distances: one for body order two and for SOAP's carbon, but not for all of SOAP."""
    one, other = hydrogens_around_a_carbon((0, 1, 3, 4)), hydrogens_around_a_carbon((0, 1, 2, 5))
    distances = SortedDistances(species=["C", "H"], n_atoms_max=5)
    a, b = distances.compute(one).values, distances.compute(other).values
    np.testing.assert_allclose(a, b, atol=1e-12)
    soap = SOAP(species=["C", "H"], cutoff=4.0, n_max=4, l_max=4)
    p, q = soap.compute(one).values, soap.compute(other).values
    np.testing.assert_allclose(p[0], q[0], atol=1e-6 * np.abs(p[0]).max())
    assert np.abs(np.sort(p[1:], axis=0) - np.sort(q[1:], axis=0)).max() > 1e-2 * np.abs(p).max()
    spectra = [CoulombMatrix(n_atoms_max=5).compute(atoms).values for atoms in (one, other)]
    assert np.abs(spectra[0] - spectra[1]).max() > 1e-3


def test_coordinates_are_the_positions() -> None:
    features = CartesianCoordinates(n_atoms_max=10).compute([ETHANOL, SYSTEMS["water"]])
    np.testing.assert_array_equal(features.values[0, :27], ETHANOL.positions.ravel())
    np.testing.assert_array_equal(features.values[1, 9:], 0.0)
    assert features.names[:4] == ("x 0", "y 0", "z 0", "x 1")
    weight = np.random.default_rng(0).normal(size=features.values.shape)
    np.testing.assert_array_equal(features.pull_back(weight).forces[:9], -weight[0, :27].reshape(9, 3))
    assert not CartesianCoordinates().invariant_under


@pytest.mark.parametrize("descriptor", [SortedDistances(species=["H", "O"], n_atoms_max=2), CartesianCoordinates(2)])
def test_what_they_cannot_describe_is_refused(descriptor) -> None:
    with pytest.raises(ValueError, match=r"`structures`\[0\].*are for molecules, but this one is periodic"):
        descriptor.compute(Atoms("H", cell=[2, 2, 2], pbc=True))
    with pytest.raises(ValueError, match=r"`structures`\[1\] has 3 atoms; `n_atoms_max` of this .* is 2"):
        descriptor.compute([Atoms("H"), SYSTEMS["water"]])


def test_sorted_distances_name_elements_that_were_not_declared() -> None:
    with pytest.raises(ValueError, match=r"`structures`\[0\] has O; `species` of this SortedDistances is H"):
        SortedDistances(species=["H"]).compute(SYSTEMS["water"])
