"""The ZBL repulsion against LAMMPS, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from potscope.core.pairs import Pairs
from potscope.core.zbl import ZBL

LAMMPS = [  # ``pair_style zbl`` of two atoms: charges, inner, outer, distance, energy, force on the second
    (73, 73, 4.0, 4.8, 0.3, 26682.614009512672, 235407.25112482024),
    (73, 73, 4.0, 4.8, 1.5, 59.26895728473948, 209.03871814118554),
    (73, 73, 4.0, 4.8, 3.0, 0.6976053986708199, 1.902315170656697),
    (73, 73, 4.0, 4.8, 3.999, 0.036613666707872236, 0.13540481552672226),
    (73, 73, 4.0, 4.8, 4.3, 0.009227756635685964, 0.053736483764535325),
    (73, 73, 4.0, 4.8, 4.7, 8.07329116189609e-05, 0.002401198764552692),
    (14, 6, 1.0, 2.0, 0.2, 1891.2919705119211, 18065.994493828162),
    (14, 6, 1.0, 2.0, 0.9, 36.0795595544426, 151.8290518675278),
    (14, 6, 1.0, 2.0, 1.4, 3.7572432093557975, 20.48304876852736),
    (14, 6, 1.0, 2.0, 1.9, 0.015621362280939799, 0.46929216645171135),
]


@pytest.mark.parametrize(("first", "second", "inner", "outer", "r", "energy", "force"), LAMMPS)
def test_two_atoms_as_in_lammps(first, second, inner, outer, r, energy, force) -> None:
    zbl = ZBL(inner, outer)
    pairs = Pairs.from_structures(Atoms([first, second], [[0, 0, 0], [r, 0, 0]]), outer)
    energy_n, dE_dD_pc = zbl.energies(pairs)
    np.testing.assert_allclose(energy_n, energy / 2, rtol=1e-12)
    np.testing.assert_allclose(pairs.forces(dE_dD_pc)[:, 0], [-force, force], rtol=1e-12)


def test_forces_and_virials_are_derivatives() -> None:
    atoms = bulk("SiC", "zincblende", 4.36) * (2, 1, 1)
    atoms.rattle(0.1, seed=1)
    zbl = ZBL(1.0, 3.2)

    def energy(structure: Atoms) -> float:
        return zbl.energies(Pairs.from_structures(structure, 4.0))[0].sum()

    pairs = Pairs.from_structures(atoms, 4.0)
    slopes = zbl.energies(pairs)[1]
    step = 1e-4
    for c in range(3):
        moved = [atoms.copy(), atoms.copy()]
        strained = [atoms.copy(), atoms.copy()]
        for copy, other, sign in zip(moved, strained, (1, -1), strict=True):
            copy.positions[1, c] += sign * step
            deformation = np.eye(3)
            deformation[c, 0] += sign * step
            other.set_cell(atoms.cell[:] @ deformation, scale_atoms=True)
        assert -(energy(moved[0]) - energy(moved[1])) / (2 * step) == pytest.approx(
            pairs.forces(slopes)[1, c], rel=1e-5, abs=1e-6
        )
        assert -(energy(strained[0]) - energy(strained[1])) / (2 * step) == pytest.approx(
            pairs.virials(slopes)[0, c, 0], rel=1e-5, abs=1e-6
        )


def test_nothing_is_left_at_the_outer_distance_and_curvature_has_no_step() -> None:
    zbl, z = ZBL(1.5, 2.5), np.array([14])
    value, slope = zbl.pair(np.array([2.5]), z, z)
    assert abs(value[0]) < 1e-12
    assert abs(slope[0]) < 1e-12
    near = np.array([2.5 - 1e-5])
    assert abs(zbl.pair(near, z, z)[1][0]) < 1e-7
    around = 1.5 + np.array([-2e-5, -1e-5, 1e-5, 2e-5])
    slopes = zbl.pair(around, np.full(4, 14), np.full(4, 14))[1]
    assert slopes[1] - slopes[0] == pytest.approx(slopes[3] - slopes[2], rel=1e-3)


def test_far_atoms_do_not_meet() -> None:
    pairs = Pairs.from_structures(Atoms("Si2", [[0, 0, 0], [3, 0, 0]]), 4.0)
    energy_n, dE_dD_pc = ZBL(1.0, 2.0).energies(pairs)
    assert not energy_n.any()
    assert not dE_dD_pc.any()


@pytest.mark.parametrize(
    ("inner", "outer", "message"),
    [(2.0, 2.0, "`inner`: expected less than `outer`"), (-1.0, 2.0, "`inner`"), (0.0, 0.0, "`outer`")],
)
def test_bad_distances_are_refused(inner, outer, message) -> None:
    with pytest.raises(ValueError, match=message):
        ZBL(inner, outer)
