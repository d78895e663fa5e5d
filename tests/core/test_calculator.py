"""Every registered potential in ASE's tools, and the neighbours that calculators keep."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.md.melchionna import MelchionnaNPT
from ase.md.velocitydistribution import thermalize_momenta
from ase.mep import NEB
from ase.optimize import BFGS
from ase.phonons import Phonons

from potscope.core import load
from potscope.core.calculator import OF_ATOMS
from potscope.core.models import REGISTRY, Potential
from potscope.core.models.base import LocalPotential
from potscope.core.pairs import Pairs
from potscope.core.verlet import VerletList

from systems import SYSTEMS, random_rotation

every_model = pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
GOLDEN = Path(__file__).parent / "golden"


@cache
def potential_of(cls: type[Potential]) -> Potential:
    """A small one of copper and gold that needs no fit here."""
    return load(GOLDEN / f"{cls.__name__}.potscope")


def alloy(repeat: int | tuple[int, int, int] = 1, seed: int = 0) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", cubic=True, a=3.75) * repeat
    atoms.numbers[rng.random(len(atoms)) < 0.3] = 79
    atoms.rattle(0.03, rng=rng)
    return atoms


def same_as_without_skin(atoms: Atoms) -> None:
    """What the calculator says after all that it has been through is what the potential says."""
    expected = atoms.calc.potential.predict(atoms)
    assert atoms.get_potential_energy() == pytest.approx(expected.energies[0], abs=1e-10)
    np.testing.assert_allclose(atoms.get_forces(), expected.forces[0], atol=1e-10)
    if np.isfinite(expected.stresses).all():
        np.testing.assert_allclose(atoms.get_stress(), expected.stresses[0], atol=1e-10)
    if expected.local_energies is not None:
        np.testing.assert_allclose(atoms.get_potential_energies(), expected.local_energies[0], atol=1e-10)


# -- properties -------------------------------------------------------------------------------------------------------


@every_model
def test_all_that_a_potential_says_is_a_property(cls, tmp_path) -> None:
    atoms = alloy()
    calculator = atoms.calc = potential_of(cls).calculator()
    prediction = calculator.potential.predict(atoms, atom_std=True)
    energy = atoms.get_potential_energy()
    assert calculator.get_property("free_energy", atoms) == energy == atoms.get_potential_energy(force_consistent=True)
    values = {
        "energies": prediction.local_energies,
        "energy_std": prediction.energy_std,
        **{name: getattr(prediction, name) for name in OF_ATOMS},
    }
    for name, expected in values.items():
        if expected is None:
            with pytest.raises(PropertyNotImplementedError):
                calculator.get_property(name, atoms)
        else:
            np.testing.assert_allclose(calculator.get_property(name, atoms), expected[0], rtol=1e-7, atol=1e-10)
    known = {name for name, expected in values.items() if expected is not None}
    assert known <= set(calculator.results)  # what has been asked for stays until the atoms change
    assert atoms.get_properties(["energy", "forces"])["energy"] == energy
    write(tmp_path / "atoms.xyz", atoms)
    np.testing.assert_allclose(read(tmp_path / "atoms.xyz").get_forces(), atoms.get_forces(), atol=1e-7)
    atoms.positions[0, 0] += 0.01
    assert atoms.get_potential_energy() != energy or not cls.feels_positions
    assert not known & {"energy_std", *OF_ATOMS} & set(calculator.results)


@every_model
def test_everything_may_change_between_calls(cls) -> None:
    atoms = alloy(2, seed=1)
    atoms.calc = potential_of(cls).calculator()
    rng = np.random.default_rng(0)
    same_as_without_skin(atoms)
    for change in (
        lambda: atoms.positions.__iadd__(rng.normal(0, 0.05, atoms.positions.shape)),
        lambda: atoms.set_cell(atoms.cell[:] @ (np.eye(3) + rng.normal(0, 0.01, (3, 3))), scale_atoms=True),
        lambda: atoms.set_cell(atoms.cell[:] * 1.01),
        lambda: atoms.numbers.__setitem__(3, 79 if atoms.numbers[3] == 29 else 29),
        lambda: atoms.set_pbc([True, True, False]),
        lambda: atoms.pop(5),
        atoms.wrap,
        lambda: atoms.set_pbc(False),
        lambda: atoms.set_pbc(True),
        lambda: atoms.set_cell(atoms.cell[:] * 0.8, scale_atoms=True),
    ):
        change()
        same_as_without_skin(atoms)
    with pytest.raises(ValueError, match="Si"):
        atoms.calc.get_potential_energy(bulk("Si"))
    same_as_without_skin(atoms)


def test_bad_skins_are_refused() -> None:
    potential = potential_of(REGISTRY["SNAP"])
    with pytest.raises(ValueError, match=r"`skin`: expected a number of zero or more, got -0\.1"):
        potential.calculator(skin=-0.1)
    with pytest.raises(TypeError, match="`skin`"):
        potential.calculator(skin="thick")


# -- tools ------------------------------------------------------------------------------------------------------------


@every_model
def test_cell_and_atoms_relax_together(cls) -> None:
    atoms = alloy(seed=2)
    atoms.calc = potential_of(cls).calculator()
    before = atoms.get_potential_energy()
    with BFGS(FrechetCellFilter(atoms), logfile=None) as optimiser:
        optimiser.run(fmax=0.02, steps=40)
    assert atoms.get_potential_energy() < before or not cls.feels_positions
    assert np.abs(atoms.get_forces()).max() < 0.02
    assert np.abs(atoms.get_stress()).max() * atoms.get_volume() < 0.1
    same_as_without_skin(atoms)


@every_model
def test_npt_dynamics(cls) -> None:
    atoms = alloy((2, 2, 1), seed=3)
    atoms.set_cell(atoms.cell[:] @ np.array([[1.0, 0.0, 0.0], [0.02, 1.0, 0.0], [0.01, 0.0, 1.0]]), scale_atoms=True)
    atoms.calc = potential_of(cls).calculator()
    thermalize_momenta(atoms, temperature_K=300, rng=np.random.default_rng(1))
    before = atoms.cell[:].copy()
    dynamics = MelchionnaNPT(
        atoms, 2 * units.fs, temperature_K=300, externalstress=0.0, ttime=25 * units.fs, pfactor=20.0
    )
    dynamics.run(15)
    assert np.abs(atoms.cell[:] - before).max() > 1e-4
    assert np.abs(atoms.cell[:] - before).max() < 1.0
    same_as_without_skin(atoms)


@every_model
def test_a_vacancy_hops_by_nudged_elastic_bands(cls) -> None:
    """Both ends are one vacancy in a crystal of copper, so that the barrier is the same from both sides."""
    crystal = bulk("Cu", cubic=True, a=3.7) * (2, 2, 1)
    first, last = crystal.copy(), crystal.copy()
    del first[0]
    del last[1]
    last.positions[0] = crystal.positions[0]  # the neighbour has gone where the vacancy was
    images = [first, *(first.copy() for _ in range(3)), last]
    calculator = potential_of(cls).calculator()
    for image in images:
        image.calc = calculator
    band = NEB(images, k=1.0, method="improvedtangent", allow_shared_calculator=True)
    band.interpolate(mic=True)
    highest = max(image.get_potential_energy() for image in images)
    with BFGS(band, logfile=None) as optimiser:
        optimiser.run(fmax=0.05, steps=4)
    energies = [image.get_potential_energy() for image in images]
    assert energies[0] == pytest.approx(energies[-1], abs=1e-8)
    assert energies[1] == pytest.approx(energies[3], abs=1e-4)
    assert max(energies) < highest + 1e-6
    assert (np.ptp(energies) > 0.05) == cls.feels_positions
    for image in images:
        same_as_without_skin(image)


@every_model
def test_phonons_and_the_acoustic_sum_rule(cls, tmp_path) -> None:
    atoms = bulk("CuAu", "cesiumchloride", a=3.02)
    phonons = Phonons(atoms, potential_of(cls).calculator(), supercell=(2, 2, 2), delta=1e-3, name=tmp_path / "phonons")
    phonons.run()
    phonons.read(acoustic=False)
    constants = phonons.get_force_constant()
    total = constants.sum(axis=0).reshape(2, 3, 2, 3).sum(axis=2)
    assert np.abs(total).max() <= 1e-5 * np.abs(constants).max()
    (at_gamma,) = phonons.band_structure([[0, 0, 0]], verbose=False)
    (at_the_edge,) = phonons.band_structure([[0.5, 0.5, 0.5]], verbose=False)
    assert np.sort(np.abs(at_gamma))[:3].max() < 2e-4
    assert (np.abs(at_the_edge).max() > 5e-3) == cls.feels_positions


# -- neighbours -------------------------------------------------------------------------------------------------------


def sorted_pairs(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    keys = np.column_stack([pairs.i_p, pairs.j_p, pairs.S_pc])
    order = np.lexsort(keys.T[::-1])
    return keys[order], pairs.D_pc[order]


def agree(kept: Pairs, found: Pairs) -> None:
    for one in (kept, found):
        assert (np.diff(one.i_p) >= 0).all()
        np.testing.assert_array_equal(one.first_n, np.searchsorted(one.i_p, np.arange(one.n_atoms + 1)))
    for ours, theirs in zip(sorted_pairs(kept), sorted_pairs(found), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert kept.cutoff == found.cutoff
    np.testing.assert_array_equal(kept.numbers_n, found.numbers_n)


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_pair_is_missing_and_none_too_many_on_any_way(name) -> None:
    """Atoms that move, cells that are strained and turned, with everything else, alone or together."""
    rng = np.random.default_rng(4)
    atoms = SYSTEMS[name].copy()
    kept = VerletList(4.0, 0.6)
    for _ in range(60):
        strain = rng.normal(0, 0.01, (3, 3)) * rng.integers(2)
        atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=bool(rng.integers(2)))
        atoms.positions += rng.normal(0, 0.04, atoms.positions.shape) * rng.integers(2)
        agree(kept.pairs(atoms), Pairs.from_structures(atoms, 4.0))
    assert kept.searches < 60
    turned, searches = random_rotation(rng), kept.searches
    atoms.set_cell(atoms.cell[:] @ turned.T)
    atoms.positions = atoms.positions @ turned.T
    agree(kept.pairs(atoms), Pairs.from_structures(atoms, 4.0))
    if atoms.pbc.all():
        assert kept.searches == searches  # a rotation of everything brings nothing nearer


def test_two_atoms_that_come_from_afar_are_seen_as_soon_as_they_are_near() -> None:
    atoms = Atoms("Cu2", [[0, 0, 0], [9, 0, 0]])
    kept = VerletList(4.0, 0.5)
    for distance in (9.0, 4.6, 4.4, 4.1, 4.0, 3.99, 4.01, 3.0, 9.0, 3.5):
        atoms.positions[1, 0] = distance
        assert len(kept.pairs(atoms).i_p) == 2 * (distance < 4.0)
    one_by_one = VerletList(4.0, 0.5)
    assert one_by_one.searches == 0
    for distance in (4.7, 4.5, 4.3, 4.21):  # by less than the skin together
        atoms.positions[1, 0] = distance
        one_by_one.pairs(atoms)
    assert one_by_one.searches == 1
    atoms.positions[1, 0] = 4.19
    one_by_one.pairs(atoms)
    assert one_by_one.searches == 2


def test_a_cell_alone_brings_images_near() -> None:
    atoms = Atoms("Cu", cell=[4.4, 9.0, 9.0], pbc=True)
    kept = VerletList(4.0, 0.5)
    for edge in (4.4, 4.1, 3.99, 3.9, 2.0, 1.9, 6.0, 3.99):
        atoms.set_cell([edge, 9.0, 9.0])
        agree(kept.pairs(atoms), Pairs.from_structures(atoms, 4.0))
    sheared = [[4.4, 0, 0], [4.4, 9.0, 0], [0, 0, 9.0]]  # the same lattice by other vectors
    atoms.set_cell(sheared)
    agree(kept.pairs(atoms), Pairs.from_structures(atoms, 4.0))


def test_atoms_that_meet_or_are_lost_are_refused_with_a_list_that_is_kept() -> None:
    atoms = alloy()
    kept = VerletList(4.0, 8.0)
    kept.pairs(atoms)
    atoms.positions[1] = atoms.positions[2]
    with pytest.raises(ValueError, match="atoms 1 and 2 are at the same place"):
        kept.pairs(atoms)
    assert kept.searches == 1
    atoms.positions[1, 2] = np.nan
    with pytest.raises(ValueError, match="expected finite positions"):
        kept.pairs(atoms)
    with pytest.raises(ValueError, match="`cutoff`"):
        VerletList(0.0, 1.0)


@every_model
def test_neighbours_are_searched_now_and_then(cls) -> None:
    atoms = alloy((2, 2, 1), seed=5)
    calculator = atoms.calc = potential_of(cls).calculator()
    rng = np.random.default_rng(6)
    for _ in range(30):
        atoms.positions += rng.normal(0, 0.005, atoms.positions.shape)
        same_as_without_skin(atoms)
    neighbours = calculator._neighbours
    assert isinstance(calculator.potential, LocalPotential) == (neighbours is not None)
    assert neighbours is None or neighbours.searches < 5
