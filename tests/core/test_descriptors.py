"""Every registered descriptor, in every variant it declares, against the same requirements."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from potscope.core import compiled
from potscope.core.descriptors import REGISTRY, SOAP, CoulombMatrix, Descriptor, LocalDescriptor
from potscope.core.descriptors.base import TRANSFORMATIONS
from potscope.core.hyperparameters import NumberList, Species, declared

from systems import SYSTEMS, derivative, random_rotation, rotated, species_of, strained


def variants(cls: type[Descriptor]) -> list[dict[str, object]]:
    """The defaults, each other choice of each hyperparameter that is a choice, and each flag the other way."""
    found: list[dict[str, object]] = [{}]
    for name, hyper in declared(cls).items():
        found += [{name: choice} for choice in hyper.choices or () if choice != hyper.default]
        if hyper.type is bool:
            found.append({name: not hyper.default})
    return found


VARIANTS = [
    pytest.param(cls, settings_, id=" ".join([name, *(f"{key}={value}" for key, value in settings_.items())]))
    for name, cls in REGISTRY.items()
    for settings_ in variants(cls)
]
every_variant = pytest.mark.parametrize(("cls", "chosen"), VARIANTS)
PERIODIC_VARIANTS = [variant for variant in VARIANTS if max(variant.values[0].periodic_directions) > 0]
every_periodic_variant = pytest.mark.parametrize(("cls", "chosen"), PERIODIC_VARIANTS)
every_class = pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
LOCAL = [cls for cls in REGISTRY.values() if issubclass(cls, LocalDescriptor)]
every_local_class = pytest.mark.parametrize("cls", LOCAL, ids=lambda cls: cls.__name__)


def make(cls: type[Descriptor], chosen: dict[str, object], *structures: Atoms) -> Descriptor:
    needed = {"species": species_of(*structures)} if "species" in declared(cls) else {}
    return cls(**{**needed, **chosen})


def suitable(cls: type[Descriptor]) -> dict[str, Atoms]:
    return {name: atoms for name, atoms in SYSTEMS.items() if cls.describes(atoms)}


def at_home(cls: type[Descriptor], atoms: Atoms) -> Atoms:
    """The same atoms, in a cell where the descriptor knows nothing else."""
    if cls.describes(atoms):
        return atoms
    boxed = atoms.copy()
    boxed.set_cell([9.0, 10.0, 11.0])
    boxed.pbc = True
    return boxed


def subclasses(cls: type) -> set[type]:
    return {cls, *(found for child in cls.__subclasses__() for found in subclasses(child))}


def test_nothing_is_missing_from_the_registry() -> None:
    concrete = {cls for cls in subclasses(Descriptor) if not inspect.isabstract(cls)}
    assert concrete == set(REGISTRY.values())
    assert all(name == cls.__name__ for name, cls in REGISTRY.items())


@every_variant
def test_forces_are_minus_the_derivative(cls, chosen) -> None:
    rng = np.random.default_rng(1)
    for name, atoms in suitable(cls).items():
        descriptor = make(cls, chosen, atoms)
        features = descriptor.compute(atoms)
        weight = rng.normal(size=features.values.shape)
        forces = features.pull_back(weight).forces
        n, c = int(rng.integers(len(atoms))), int(rng.integers(3))

        def energy(step, n=n, c=c, atoms=atoms, descriptor=descriptor, weight=weight) -> float:
            moved = atoms.copy()
            moved.positions[n, c] += step
            return float((descriptor.compute(moved).values * weight).sum())

        scale = max(1.0, np.abs(forces).max())
        assert -derivative(energy) == pytest.approx(forces[n, c], abs=1e-7 * scale), name


@every_variant
def test_virials_are_minus_the_derivative_by_strain(cls, chosen) -> None:
    rng = np.random.default_rng(2)
    for name, atoms in suitable(cls).items():
        descriptor = make(cls, chosen, atoms)
        features = descriptor.compute(atoms)
        weight = rng.normal(size=features.values.shape)
        virial = features.pull_back(weight).virials[0]
        direction = rng.normal(size=(3, 3))
        direction = (direction + direction.T) / 2

        def energy(step, atoms=atoms, direction=direction, descriptor=descriptor, weight=weight) -> float:
            return float((descriptor.compute(strained(atoms, step * direction)).values * weight).sum())

        scale = max(1.0, np.abs(virial).max())
        assert -derivative(energy, 2e-5) == pytest.approx((virial * direction).sum(), abs=1e-6 * scale), name


@every_variant
def test_jacobian_is_what_pull_back_is_the_adjoint_of(cls, chosen) -> None:
    rng = np.random.default_rng(3)
    for name, atoms in suitable(cls).items():
        features = make(cls, chosen, atoms).compute(atoms)
        weight = rng.normal(size=features.values.shape)
        by_jacobian = np.einsum("pcf,pf->pc", features.jacobian(), weight[features.row_p])
        np.testing.assert_allclose(
            by_jacobian,
            features.pair_gradient(weight),
            atol=1e-10 * (1 + np.abs(by_jacobian).max(initial=0)),
            err_msg=name,
        )


def transformed(atoms: Atoms, transformation: str, rng: np.random.Generator) -> tuple[Atoms, np.ndarray]:
    """Atoms turned, moved or put in another order, and that order."""
    order = np.arange(len(atoms))
    moved = atoms.copy()
    if transformation == "rotation":
        moved = rotated(atoms, random_rotation(rng))
    elif transformation == "translation":
        moved.translate(rng.normal(size=3) * 5)
    else:
        order = rng.permutation(len(atoms))
        moved = moved[order]
    return moved, order


@pytest.mark.parametrize("transformation", sorted(TRANSFORMATIONS))
@every_variant
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_it_is_said_to_be_invariant_under_changes_nothing(cls, chosen, transformation, seed) -> None:
    rng = np.random.default_rng(seed)
    for name, atoms in suitable(cls).items():
        descriptor = make(cls, chosen, atoms)
        if transformation not in descriptor.invariant_under:
            continue
        moved, order = transformed(atoms, transformation, rng)
        values, changed = descriptor.compute(atoms).values, descriptor.compute(moved).values
        expected = values[order] if cls.scope == "atom" else values
        np.testing.assert_allclose(
            changed, expected, atol=1e-8 * (1 + np.abs(values).max()), err_msg=f"{name}, {seed=}"
        )


@pytest.mark.parametrize("transformation", sorted(TRANSFORMATIONS))
@every_variant
def test_what_it_is_not_said_to_be_invariant_under_changes_something(cls, chosen, transformation) -> None:
    rng = np.random.default_rng(9)
    changes = []
    for atoms in suitable(cls).values():
        descriptor = make(cls, chosen, atoms)
        if transformation in descriptor.invariant_under:
            return
        moved, _ = transformed(atoms, transformation, rng)
        changes.append(np.abs(descriptor.compute(moved).values - descriptor.compute(atoms).values).max())
    assert max(changes) > 1e-3


@every_periodic_variant
def test_a_supercell_repeats_its_cell(cls, chosen) -> None:
    if cls.depends_on_the_choice_of_cell:
        atoms = at_home(cls, SYSTEMS["diamond"])
        descriptor = make(cls, chosen, atoms)
        larger = descriptor.compute(atoms.repeat((2, 1, 1))).values
        assert np.abs(larger - descriptor.compute(atoms).values).max() > 1e-3
        return
    for name, atoms in suitable(cls).items():
        if not atoms.pbc.any():
            continue
        repeats = np.where(atoms.pbc, 2, 1)
        descriptor = make(cls, chosen, atoms)
        values = descriptor.compute(atoms).values
        larger = descriptor.compute(atoms.repeat(repeats)).values
        expected = np.tile(values, (int(repeats.prod()), 1)) if cls.scope == "atom" else values
        np.testing.assert_allclose(larger, expected, atol=1e-8 * (1 + np.abs(values).max()), err_msg=name)


@every_variant
def test_many_at_once_are_as_one_by_one(cls, chosen) -> None:
    structures = list(suitable(cls).values())
    descriptor = make(cls, chosen, *structures)
    together = descriptor.compute(structures)
    weight = np.random.default_rng(4).normal(size=together.values.shape)
    gradient = together.pull_back(weight)
    row = atom = 0
    for index, atoms in enumerate(structures):
        alone = descriptor.compute(atoms)
        rows = slice(row, row + len(alone.values))
        np.testing.assert_allclose(together.values[rows], alone.values, rtol=1e-12, atol=1e-12)
        own = alone.pull_back(weight[rows])
        np.testing.assert_allclose(gradient.forces[atom : atom + len(atoms)], own.forces, atol=1e-9)
        np.testing.assert_allclose(gradient.virials[index], own.virials[0], atol=1e-8)
        row, atom = rows.stop, atom + len(atoms)


@every_local_class
def test_nothing_jumps_when_an_atom_crosses_the_cutoff(cls) -> None:
    pair = Atoms("Si2", [[0, 0, 0], [1.2, 0, 0]])
    descriptor = make(cls, {}, pair)
    probe = Atoms("Si3", [[0, 0, 0], [1.2, 0.3, 0], [0, 0, 0]])
    weight = np.random.default_rng(5).normal(size=(3, len(descriptor.names)))

    def at(distance: float) -> tuple[np.ndarray, np.ndarray]:
        probe.positions[2] = np.array([0.48, 0.6, 0.64]) * distance
        features = descriptor.compute(probe)
        return features.values, features.pull_back(weight).forces

    for edge in (descriptor.reach, descriptor.reach - 1.0):
        (inside, force_in), (outside, force_out) = at(edge - 1e-6), at(edge + 1e-6)
        np.testing.assert_allclose(inside, outside, atol=1e-5 * max(1.0, np.abs(inside).max()))
        np.testing.assert_allclose(force_in, force_out, atol=1e-3 * max(1.0, np.abs(force_in).max()))
    beyond = at(descriptor.reach + 3.0)[1]
    np.testing.assert_array_equal(beyond[2], 0.0)


@every_class
def test_the_number_of_threads_changes_nothing(cls) -> None:
    atoms = (
        SYSTEMS["diamond"].repeat((4, 4, 2)) if issubclass(cls, LocalDescriptor) else at_home(cls, SYSTEMS["ethanol"])
    )
    descriptor = make(cls, {}, atoms)
    before = compiled.get_num_threads()
    found = []
    for threads in (1, 2, 3):
        compiled.set_num_threads(threads)
        features = descriptor.compute(atoms)
        found.append((features.values, features.pull_back(np.ones_like(features.values)).forces))
    compiled.set_num_threads(before)
    for values, forces in found[1:]:
        np.testing.assert_array_equal(values, found[0][0])
        np.testing.assert_array_equal(forces, found[0][1])


@every_variant
def test_names_belong_to_features_and_differ(cls, chosen) -> None:
    atoms = at_home(cls, SYSTEMS["ethanol"])
    descriptor = make(cls, chosen, atoms)
    features = descriptor.compute(atoms)
    assert len(features.names) == features.values.shape[1] == len(set(features.names))
    assert features.names == descriptor.names
    assert descriptor.feature_unit in ("", "Å", "Å³", "1/Å³", "1/Å^(9/2)", "e²/Å")


@every_variant
def test_equal_settings_make_equal_descriptors_and_the_text_makes_another(cls, chosen) -> None:
    descriptor = make(cls, chosen, SYSTEMS["zincblende"])
    twin = make(cls, chosen, SYSTEMS["zincblende"])
    assert descriptor == twin
    assert hash(descriptor) == hash(twin)
    assert eval(repr(descriptor), dict(REGISTRY)) == descriptor  # noqa: S307 - the text is our own
    assert cls(**descriptor.hyperparameters()) == descriptor


@every_class
def test_hyperparameters_are_declared_with_all_there_is_to_know(cls) -> None:
    for name, hyper in declared(cls).items():
        assert hyper.doc.endswith("."), name
        assert hyper.type is not Species or name == "species"
        if hyper.type in (int, float, NumberList):
            assert hyper.bounds is not None, name
            for number in np.ravel(() if hyper.default is None else hyper.default):
                assert hyper.bounds[0] <= number <= hyper.bounds[1], name


@every_class
def test_values_outside_their_bounds_are_refused_by_name(cls) -> None:
    for name, hyper in declared(cls).items():
        wrong: list[object] = [None, object()]
        if hyper.bounds:
            wrong += [hyper.bounds[0] - 1, hyper.bounds[1] + 1, float("nan")]
        if hyper.type is int:
            wrong.append(2.5)
        for value in wrong:
            with pytest.raises(ValueError, match=f"`{name}`: expected"):
                make(cls, {name: value}, SYSTEMS["diamond"])


@every_class
def test_no_structures_give_no_rows(cls) -> None:
    features = make(cls, {}, SYSTEMS["water"]).compute([])
    assert features.values.shape == (0, len(features.names))
    assert features.pull_back(features.values).forces.shape == (0, 3)


@every_class
def test_what_comes_in_is_not_changed(cls) -> None:
    atoms = at_home(cls, Atoms("HOH", [[0, 0, 1], [0, 0, 0], [1, 0, 0]]))
    atoms.arrays["positions"].flags.writeable = False
    before = atoms.copy()
    make(cls, {}, atoms).compute(atoms)
    assert atoms == before


@every_local_class
def test_an_atom_at_the_reach_is_as_one_beyond(cls) -> None:
    near = Atoms("Si2", [[0, 0, 0], [1.2, 0, 0]])
    descriptor = make(cls, {}, near)
    there = Atoms("Si3", [[0, 0, 0], [1.2, 0, 0], [0, descriptor.reach, 0]])
    beyond = Atoms("Si3", [[0, 0, 0], [1.2, 0, 0], [0, 2 * descriptor.reach + 1, 0]])
    # the other atom is farther than the reach from both
    np.testing.assert_allclose(descriptor.compute(there).values, descriptor.compute(beyond).values, atol=1e-12)


@every_local_class
def test_a_cell_much_smaller_than_the_reach_is_its_crystal(cls) -> None:
    small = Atoms("Si", cell=[[1.7, 0, 0], [0.3, 1.8, 0], [-0.2, 0.4, 1.9]], pbc=True)
    descriptor = make(cls, {}, small)
    large = small.repeat((4, 3, 3))
    values = descriptor.compute(small).values
    larger = descriptor.compute(large).values
    np.testing.assert_allclose(larger, np.tile(values, (36, 1)), atol=1e-9 * np.abs(values).max())
    weight = np.ones_like(larger)
    np.testing.assert_allclose(
        descriptor.compute(large).pull_back(weight).forces, 0.0, atol=1e-7 * (1 + np.abs(values).max())
    )


@every_local_class
def test_another_choice_of_the_same_lattice_changes_nothing(cls) -> None:
    atoms = SYSTEMS["zincblende"]
    skewed = atoms.copy()
    skewed.set_cell(np.array([[1, 0, 0], [3, 1, 0], [-2, 4, 1]]) @ atoms.cell[:], scale_atoms=False)
    descriptor = make(cls, {}, atoms)
    values = descriptor.compute(atoms).values
    np.testing.assert_allclose(descriptor.compute(skewed).values, values, atol=1e-9 * (1 + np.abs(values).max()))


@every_local_class
def test_a_periodic_direction_beyond_the_reach_is_none(cls) -> None:
    for name, axes in (("slab", [2]), ("wire", [0, 1]), ("ethanol", [0, 1, 2])):
        atoms = SYSTEMS[name]
        descriptor = make(cls, {}, atoms)
        boxed = atoms.copy()
        cell = atoms.cell[:].copy()
        for axis in axes:
            cell[axis] = 0.0
            cell[axis, axis] = 60.0
        boxed.set_cell(cell)
        boxed.pbc = True
        values = descriptor.compute(atoms).values
        np.testing.assert_allclose(
            descriptor.compute(boxed).values, values, atol=1e-9 * (1 + np.abs(values).max()), err_msg=name
        )


@every_class
def test_integer_positions_are_numbers_too(cls) -> None:
    atoms = at_home(cls, Atoms("HOH", [[0, 0, 1], [0, 0, 0], [1, 0, 0]]))
    whole = atoms.copy()
    whole.arrays["positions"] = atoms.positions.astype(int)
    descriptor = make(cls, {}, atoms)
    np.testing.assert_array_equal(descriptor.compute(whole).values, descriptor.compute(atoms).values)


@every_local_class
def test_far_from_the_origin_nothing_is_lost_but_digits_of_the_positions(cls) -> None:
    for name in ("ethanol", "diamond", "wire"):
        atoms = SYSTEMS[name]
        far = atoms.copy()
        far.positions += [1e6, -2e6, 3e6]
        descriptor = make(cls, {}, atoms)
        values = descriptor.compute(atoms).values
        np.testing.assert_allclose(
            descriptor.compute(far).values, values, atol=1e-6 * (1 + np.abs(values).max()), err_msg=name
        )


@every_local_class
def test_a_structure_without_atoms_has_no_rows_and_does_not_disturb(cls) -> None:
    descriptor = make(cls, {}, SYSTEMS["water"])
    features = descriptor.compute([SYSTEMS["water"], Atoms(), SYSTEMS["water"]])
    alone = descriptor.compute(SYSTEMS["water"]).values
    np.testing.assert_allclose(features.values, np.concatenate([alone, alone]), rtol=1e-12, atol=1e-12)
    assert features.pull_back(features.values).virials.shape == (3, 3, 3)


@every_class
def test_bad_structures_are_refused_with_their_place(cls) -> None:
    good = at_home(cls, Atoms("Si2", [[0, 0, 0], [2.3, 0, 0]]))
    descriptor = make(cls, {}, good)
    twice = at_home(cls, Atoms("Si2", [[0, 0, 0], [0, 0, 0]]))
    nowhere = at_home(cls, Atoms("Si2", [[0, 0, 0], [np.nan, 0, 0]]))
    with pytest.raises(ValueError, match=r"`structures`\[1\]: atoms 0 and 1 are at the same place"):
        descriptor.compute([good, twice])
    with pytest.raises(ValueError, match=r"`structures`\[1\]: expected finite positions"):
        descriptor.compute([good, nowhere])
    with pytest.raises(TypeError, match="`structures`"):
        descriptor.compute("Si2")
    with pytest.raises(ValueError, match="`dE_dvalues`: expected shape"):
        descriptor.compute(good).pull_back(np.zeros((1, 1)))


@every_local_class
def test_elements_that_were_not_declared_are_named(cls) -> None:
    with pytest.raises(ValueError, match=r"`structures`\[0\] has H, O; `species`"):
        make(cls, {}, SYSTEMS["diamond"]).compute(SYSTEMS["water"])


def test_a_crystal_has_no_coulomb_matrix() -> None:
    with pytest.raises(ValueError, match="periodic"):
        CoulombMatrix().compute(SYSTEMS["diamond"])
    with pytest.raises(ValueError, match="`n_atoms_max`"):
        CoulombMatrix(n_atoms_max=2).compute(SYSTEMS["water"])


def test_coulomb_matrix_of_water_by_hand() -> None:
    water = Atoms("OHH", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    r = np.linalg.norm(water.positions[:, None] - water.positions[None], axis=-1)
    Z = water.numbers
    C = np.where(np.eye(3, dtype=bool), 0.5 * Z**2.4, np.outer(Z, Z) / np.where(r > 0, r, 1))
    eigenvalues = np.linalg.eigvalsh(C)
    spectrum = CoulombMatrix(n_atoms_max=4).compute(water).values[0]
    np.testing.assert_allclose(spectrum, [*sorted(eigenvalues, key=abs, reverse=True), 0], atol=1e-12)
    matrix = CoulombMatrix(n_atoms_max=4, permutation="sorted").compute(water).values.reshape(4, 4)
    assert sorted(matrix.ravel())[-9:] == pytest.approx(sorted(C.ravel()))
    norms = np.linalg.norm(matrix, axis=1)
    assert (np.diff(norms) <= 0).all()


def test_radial_functions_too_alike_are_refused() -> None:
    with pytest.raises(ValueError, match="`n_max`"):
        SOAP(species=["Si"], cutoff=1.6, n_max=16)
    with pytest.raises(ValueError, match="`smoothing_width`"):
        SOAP(species=["Si"], cutoff=4.0, smoothing_width=4.5)
