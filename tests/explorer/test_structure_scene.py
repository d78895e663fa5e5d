"""Structures turned into what the browser draws; no browser."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.spatial.transform import Rotation

from potscope.explorer.structure_scene import (
    MAX_ATOMS,
    as_trajectory,
    effective_repeat,
    first_orientation,
    make_scene,
    pdb_topology,
)


@pytest.mark.parametrize("symbol", ["H", "C", "Si", "Cl", "Ca", "Na", "Hg"])
def test_pdb_names_the_element_in_its_columns(symbol):
    line = pdb_topology([symbol]).splitlines()[0]
    assert len(line) == 78
    assert line[76:78].strip().capitalize() == symbol
    assert line[12:16].strip() == "X"  # no atom name from which a reader could guess another element


def test_pdb_columns_hold_up_to_the_largest_structure():
    lines = pdb_topology(["Si"] * MAX_ATOMS).splitlines()
    assert lines[-2][6:11] == str(MAX_ATOMS)
    assert {len(line) for line in lines[:-1]} == {78}


def test_scene_keeps_exact_positions_in_any_orientation():
    atoms = bulk("Cu")
    atoms.rotate(33, (1, 2, 3), rotate_cell=True)
    scene = make_scene([atoms])
    np.testing.assert_array_equal(scene["positions"], atoms.positions.astype(np.float32).ravel())
    np.testing.assert_array_equal(scene["cells"], atoms.cell.array.astype(np.float32).ravel())


def test_scene_names_each_species_once():
    scene = make_scene([molecule("CH3CH2OH")])
    symbols = [scene["species"][k]["symbol"] for k in scene["species_of_atom"]]
    assert symbols == molecule("CH3CH2OH").get_chemical_symbols()
    assert [species["symbol"] for species in scene["species"]] == ["H", "C", "O"]


@pytest.mark.parametrize("number", [*range(119)])
def test_every_element_has_a_colour_and_finite_radii(number):
    (species,) = make_scene([Atoms([number])])["species"]
    assert len(species["colour"]) == 7
    assert 0 < species["covalent_radius"] < 4
    assert 0 < species["vdw_radius"] < 5


def test_repeat_multiplies_the_topology_and_not_the_positions():
    scene = make_scene([bulk("Si")], (2, 3, 1))
    assert scene["pdb"].count("HETATM") == 12
    assert scene["n_atoms"] == 2
    assert scene["positions"].size == 6
    assert scene["repeat"] == [2, 3, 1]


def test_repeat_follows_periodic_directions_alone():
    slab = bulk("Si", cubic=True)
    slab.pbc = (True, True, False)
    assert effective_repeat([slab], (2, 2, 2)) == (2, 2, 1)
    assert effective_repeat([molecule("H2O")], (3, 3, 3)) == (1, 1, 1)
    assert effective_repeat([Atoms("H", cell=[3, 0, 0], pbc=True)], (3, 3, 3)) == (3, 1, 1)


def test_one_cell_serves_all_frames_unless_it_changes():
    still, strained = bulk("Si"), bulk("Si", a=5.6)
    assert make_scene([still, still])["cells"].size == 9
    assert make_scene([still, strained])["cells"].size == 18
    assert make_scene([molecule("H2O")])["cells"] is None


@pytest.mark.parametrize("frames", [(), (Atoms(),)])
def test_nothing_to_draw_is_no_problem(frames):
    scene = make_scene(frames)
    assert scene["problem"] == ""
    assert "pdb" not in scene


def test_too_many_atoms_are_named_as_the_problem():
    scene = make_scene([bulk("Si")], (100, 100, 10))
    assert "200,000 atoms are too many" in scene["problem"]
    assert "pdb" not in scene


@pytest.mark.parametrize("atoms", [bulk("Si"), molecule("CO2"), molecule("H2O"), Atoms("H")], ids=str)
def test_first_orientation_is_a_rotation(atoms):
    assert np.linalg.norm(first_orientation(atoms)) == pytest.approx(1)


def test_a_linear_molecule_runs_across_the_screen():
    atoms = molecule("CO2")
    seen_nc = Rotation.from_quat(first_orientation(atoms)).apply(atoms.positions)
    assert np.ptp(seen_nc[:, 0]) > 0.9 * np.ptp(atoms.positions[:, 2])


def test_a_cell_stands_upright():
    a, b, c = Rotation.from_quat(first_orientation(bulk("Si", cubic=True))).apply(np.eye(3))
    assert a[0] > 0.9
    assert c[1] > 0.9
    assert b[2] < -0.8  # b runs away from the viewer


def test_scene_ids_grow():
    assert make_scene([])["id"] < make_scene([])["id"]


def with_nan() -> Atoms:
    atoms = bulk("Si")
    atoms.positions[1, 2] = np.nan
    return atoms


@pytest.mark.parametrize(
    ("structures", "error", "message"),
    [
        ("Si", TypeError, "`object` must be ase.Atoms, .* not str"),
        ([bulk("Si"), 3], TypeError, "`object` .* not list of Atoms, int"),
        ([bulk("Si"), bulk("Ge")], ValueError, "`object` .* frame 0 is Si2, frame 1 is Ge2"),
        (with_nan(), ValueError, "`object` must have finite positions"),
    ],
)
def test_bad_structures_are_refused(structures, error, message):
    with pytest.raises(error, match=message):
        as_trajectory(structures)
