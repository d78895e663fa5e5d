"""The search for neighbours, against a plain sum over images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from potscope.core import compiled
from potscope.core.pairs import Pairs

from systems import SYSTEMS


def rounded(*columns: np.ndarray) -> list[tuple[float, ...]]:
    return sorted(map(tuple, np.column_stack(columns).round(7) + 0.0))


def by_images(atoms: Atoms, cutoff: float) -> list[tuple[float, ...]]:
    """Every image that can matter, one after the other."""
    cell = atoms.cell.complete()[:]
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    spread = np.ptp(np.linalg.solve(cell.T, atoms.positions.T), axis=1)
    reach = np.where(atoms.pbc, np.ceil(cutoff / heights + spread), 0).astype(int)
    rows = []
    for turns in itertools.product(*(range(-n, n + 1) for n in reach)):
        D = atoms.positions[None] + np.array(turns) @ cell - atoms.positions[:, None]
        near = np.linalg.norm(D, axis=-1) < cutoff
        if turns == (0, 0, 0):
            near &= ~np.eye(len(atoms), dtype=bool)
        i, j = np.nonzero(near)
        rows += [(*pair, *vector, *turns) for *pair, vector in zip(i, j, D[i, j], strict=True)]
    return rounded(np.array(rows).reshape(-1, 8))


def found(pairs: Pairs) -> list[tuple[float, ...]]:
    return rounded(pairs.i_p, pairs.j_p, pairs.D_pc, pairs.S_pc)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_atoms=st.integers(1, 6),
    pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    cutoff=st.floats(0.5, 6.0),
)
def test_pairs_are_those_of_a_sum_over_images(seed, n_atoms, pbc, cutoff) -> None:
    rng = np.random.default_rng(seed)
    cell = rng.uniform(-3, 3, (3, 3)) + 3 * np.eye(3)
    if abs(np.linalg.det(cell)) < 3:
        cell = np.diag([2.5, 3.0, 4.0])
    atoms = Atoms(f"Si{n_atoms}", rng.uniform(-9, 9, (n_atoms, 3)), cell=cell, pbc=pbc)
    assert found(Pairs.from_structures(atoms, cutoff)) == by_images(atoms, cutoff)


@pytest.mark.parametrize("name", SYSTEMS)
def test_vectors_lead_from_the_centre_to_the_image(name) -> None:
    atoms = SYSTEMS[name]
    pairs = Pairs.from_structures(atoms, 4.5)
    assert found(pairs) == by_images(atoms, 4.5)
    again = atoms.positions[pairs.j_p] + pairs.S_pc @ atoms.cell[:] - atoms.positions[pairs.i_p]
    np.testing.assert_allclose(again, pairs.D_pc, atol=1e-12)


def test_many_structures_are_laid_end_to_end() -> None:
    structures = [SYSTEMS["water"], Atoms(), SYSTEMS["diamond"], Atoms("Si", [[1e7, -1e7, 0]]), SYSTEMS["slab"]]
    together = Pairs.from_structures(structures, 4.0)
    assert together.n_structures == 5
    first = 0
    for index, atoms in enumerate(structures):
        alone = Pairs.from_structures(atoms, 4.0)
        own = slice(together.first_n[first], together.first_n[first + len(atoms)])
        np.testing.assert_array_equal(together.i_p[own] - first, alone.i_p)
        np.testing.assert_array_equal(together.j_p[own] - first, alone.j_p)
        np.testing.assert_array_equal(together.D_pc[own], alone.D_pc)
        np.testing.assert_array_equal(together.S_pc[own], alone.S_pc)
        assert (together.structure_n[first : first + len(atoms)] == index).all()
        first += len(atoms)
    np.testing.assert_array_equal(together.first_atom_s, [0, 3, 3, 11, 12, 12 + len(SYSTEMS["slab"])])
    np.testing.assert_array_equal(together.first_n, np.searchsorted(together.i_p, np.arange(first + 1)))


@pytest.mark.parametrize("n_empty", [0, 1, 7])
def test_molecules_searched_together_have_the_pairs_of_each_alone(n_empty) -> None:
    rng = np.random.default_rng(3)
    huge = Atoms("Si2", [[0, 0, 0], [0, 0, 300.0]])
    clouds = [Atoms(f"Si{n}", 6 * rng.normal(size=(n, 3)) + 50 * rng.normal(size=3)) for n in (1, 12, 3, 40, 2, 7)]
    structures = [Atoms()] * n_empty + [*clouds[:3], SYSTEMS["diamond"], huge, *clouds[3:], Atoms()]
    together = Pairs.from_structures(structures, 4.0)
    alone = [Pairs.from_structures(atoms, 4.0) for atoms in structures]
    first_s = together.first_atom_s[:-1]
    np.testing.assert_array_equal(
        together.i_p, np.concatenate([p.i_p + f for p, f in zip(alone, first_s, strict=True)])
    )
    np.testing.assert_array_equal(
        together.j_p, np.concatenate([p.j_p + f for p, f in zip(alone, first_s, strict=True)])
    )
    np.testing.assert_array_equal(together.D_pc, np.concatenate([p.D_pc for p in alone]))
    np.testing.assert_array_equal(together.S_pc, np.concatenate([p.S_pc for p in alone]))


def test_order_depends_on_nothing_but_the_structure() -> None:
    atoms = bulk("Si", cubic=True) * 6  # large enough to be searched by several threads
    atoms.rattle(0.1, seed=0)
    before = compiled.get_num_threads()
    lists = []
    for threads in (1, 2, 3):
        compiled.set_num_threads(threads)
        pairs = Pairs.from_structures([atoms, SYSTEMS["water"]], 5.0)
        lists.append((pairs.i_p, pairs.j_p, pairs.D_pc, pairs.S_pc))
    compiled.set_num_threads(before)
    for other in lists[1:]:
        for expected, array in zip(lists[0], other, strict=True):
            np.testing.assert_array_equal(array, expected)


def test_atoms_far_apart_or_far_away_cost_nothing_and_lose_nothing() -> None:
    lonely = Atoms("Si3", [[0, 0, 0], [1e9, 1e9, -1e9], [2.0, 0, 0]])
    np.testing.assert_array_equal(Pairs.from_structures(lonely, 5.0).j_p, [2, 0])
    moved = SYSTEMS["diamond"].copy()
    moved.positions += 1e5
    here, there = Pairs.from_structures(SYSTEMS["diamond"], 4.0), Pairs.from_structures(moved, 4.0)
    np.testing.assert_allclose(np.sort(there.r_p), np.sort(here.r_p), atol=1e-9)


def test_an_atom_at_the_cutoff_is_no_neighbour() -> None:
    pair = Atoms("Si2", [[0, 0, 0], [0, 3.0, 0]])
    assert len(Pairs.from_structures(pair, 3.0).i_p) == 0
    assert len(Pairs.from_structures(pair, np.nextafter(3.0, 4.0)).i_p) == 2


def test_coincident_atoms_are_named_with_their_structure() -> None:
    crystal = Atoms("Si2", scaled_positions=[[0, 0, 0], [1, 0, 0]], cell=[3, 3, 3], pbc=True)
    with pytest.raises(ValueError, match=r"`structures`\[1\]: atoms 0 and 1 are at the same place"):
        Pairs.from_structures([SYSTEMS["water"], crystal], 2.0)
    with pytest.raises(ValueError, match=r"`structures`\[0\]: atom 1 is of an unknown element"):
        Pairs.from_structures(Atoms("SiX", [[0, 0, 0], [1, 1, 1]]), 2.0)


def test_forces_and_virials_are_sums_over_pairs() -> None:
    pairs = Pairs.from_structures([SYSTEMS["diamond"], SYSTEMS["slab"]], 3.0)
    gradient_pc = np.random.default_rng(0).normal(size=pairs.D_pc.shape)
    forces, virials = np.zeros((pairs.n_atoms, 3)), np.zeros((2, 3, 3))
    for i, j, D, g in zip(pairs.i_p, pairs.j_p, pairs.D_pc, gradient_pc, strict=True):
        forces[i] += g
        forces[j] -= g
        virials[pairs.structure_n[i]] -= np.outer(D, g)
    np.testing.assert_allclose(pairs.forces(gradient_pc), forces, atol=1e-12)
    np.testing.assert_allclose(pairs.virials(gradient_pc), virials, atol=1e-12)
    doubled = pairs.forces(np.stack([gradient_pc, 2 * gradient_pc], axis=-1))
    np.testing.assert_allclose(doubled, np.stack([forces, 2 * forces], axis=-1), atol=1e-12)
