"""Every registered potential against the same requirements."""

from __future__ import annotations

import inspect
import json
import tracemalloc
import zipfile
from dataclasses import fields, replace
from functools import cache, partial

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.optimize import BFGS

from potscope.core import Dataset, batches, load
from potscope.core.calculator import PotentialCalculator
from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.dynamics import ENSEMBLES, Frame, Unstable, energy_drift, run
from potscope.core.hyperparameters import declared
from potscope.core.models import COMPOSED, REGISTRY, NotFitted, Potential, PotentialFileError, extrapolation
from potscope.core.progress import Cancelled

from structures import emt_alloys
from systems import random_rotation, rotated

every_model = pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
SPECIES = ["Cu", "Au"]


def alloys(count: int, seed: int = 0) -> list[Atoms]:
    return emt_alloys(count, seed, strain=0.02, rattle=0.08)


CLEAN = {
    "KernelRidge": {"regularisation": 1e-8},
    "SVR": {"C": 1e4},
    "NeuralNetwork": {"hidden": (10, 10), "epochs": 150, "whitening": 0.01, "penalty": 1e-3, "validation": 0.0},
}
"""What the references without noise ask for, where the defaults expect some, and what so few data do."""


def make(cls: type[Potential], **chosen: object) -> Potential:
    arguments = {**CLEAN.get(cls.__name__, {}), **chosen}
    if cls.descriptor_scope == "none":
        return cls(**arguments)
    kind = {"atom": SOAP, "structure": AverageSOAP}[cls.descriptor_scope]
    return cls(kind(species=SPECIES, cutoff=4.0, n_max=4, l_max=3), **arguments)


@cache
def data_of(cls: type[Potential]) -> Dataset:
    """As many structures as it takes: an energy says less than an energy and its derivatives."""
    return Dataset.from_structures(alloys(25 if cls.learns_forces else 75), name="alloys")


@pytest.fixture(scope="module")
def fitted() -> dict[str, Potential]:
    return {name: make(cls).fit(data_of(cls)) for name, cls in REGISTRY.items()}


def subclasses(cls: type) -> set[type]:
    return {cls, *(found for child in cls.__subclasses__() for found in subclasses(child))}


def test_nothing_is_missing_from_the_registry() -> None:
    assert {cls for cls in subclasses(Potential) if not inspect.isabstract(cls)} == {
        *REGISTRY.values(),
        *COMPOSED.values(),
    }


@every_model
def test_it_learns(cls, fitted) -> None:
    fresh = Dataset.from_structures(alloys(10, seed=99))
    prediction = fitted[cls.__name__].predict(fresh)
    error = np.abs(prediction.energies - fresh.energies) / fresh.n_atoms
    spread = np.abs(fresh.energies - fresh.energies.mean()) / fresh.n_atoms
    assert (prediction.local_energies is not None) == cls.extensive
    for local, energy in zip(prediction.local_energies or (), prediction.energies, strict=cls.extensive):
        assert local.sum() == pytest.approx(energy, rel=1e-12)
    if not cls.feels_positions:
        assert error.mean() < spread.mean()
        assert not np.concatenate(prediction.forces).any()
        assert not prediction.stresses.any()
        return
    assert error.mean() < 0.1 * spread.mean()
    forces = np.concatenate(prediction.forces) - np.concatenate(fresh.forces)
    assert np.sqrt((forces**2).mean()) < 0.25 * np.concatenate(fresh.forces).std()
    assert np.abs(prediction.stresses - fresh.stresses).mean() < 0.25 * fresh.stresses.std()


@every_model
def test_forces_and_stress_are_derivatives_of_the_energy(cls, fitted) -> None:
    atoms = alloys(1, seed=5)[0]
    atoms.calc = fitted[cls.__name__].calculator()
    np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-3), atoms.get_forces(), atol=1e-4)
    np.testing.assert_allclose(calculate_numerical_stress(atoms, 1e-4), atoms.get_stress(), atol=1e-5)


@every_model
def test_energy_is_invariant_and_extensive_where_it_says_so(cls, fitted) -> None:
    potential = fitted[cls.__name__]
    rng = np.random.default_rng(0)
    atoms = alloys(1, seed=6)[0]
    here = potential.predict(atoms)
    order = rng.permutation(len(atoms))
    rotation = random_rotation(rng)
    turned = potential.predict(rotated(atoms, rotation)[order])
    assert turned.energies[0] == pytest.approx(here.energies[0], abs=1e-6)
    np.testing.assert_allclose(turned.forces[0], (here.forces[0] @ rotation.T)[order], atol=1e-5)
    assert np.abs(here.forces[0].sum(axis=0)).max() < 1e-9
    apart = Atoms("Cu2Au2", [[0, 0, 0], [2.5, 0, 0], [50, 0, 0], [52.7, 0, 0]])
    halves = potential.predict([apart[:2], apart[2:]]).energies
    together = potential.predict(apart).energies[0]
    if not cls.extensive:
        assert together != pytest.approx(halves.sum(), abs=1e-6)
        return
    assert together == pytest.approx(halves.sum(), abs=1e-6)
    doubled = potential.predict(atoms * (2, 1, 1))
    assert doubled.energies[0] == pytest.approx(2 * here.energies[0], abs=1e-6)
    np.testing.assert_allclose(doubled.stresses, here.stresses, atol=1e-7)


@every_model
def test_fitting_again_gives_the_same_potential_and_the_order_of_the_data_does_not_matter(cls, fitted) -> None:
    fresh, data = alloys(4, seed=8), data_of(cls)
    expected = fitted[cls.__name__].predict(fresh).energies
    np.testing.assert_array_equal(make(cls).fit(data).predict(fresh).energies, expected)
    np.testing.assert_allclose(make(cls).fit(data[::-1]).predict(fresh).energies, expected, atol=1e-5)


@every_model
def test_one_structure_is_reproduced_when_the_noise_is_small(cls) -> None:
    one = Dataset.from_structures(alloys(1, seed=3))
    quiet = {name: 1e-4 for name in declared(cls) if name.endswith("_sigma")}
    prediction = make(cls, **quiet).fit(one).predict(one)
    assert prediction.energies[0] == pytest.approx(one.energies[0], abs=2e-3)


EXACT_ENERGIES = {
    "energy_sigma": 1e-5, "force_sigma": 1.0, "virial_sigma": 1.0,
    "energy_weight": 1e6, "regularisation": 1e-12, "C": 1e7, "epsilon": 1e-6,
}  # fmt: skip
"""Hyperparameters with which energies count for everything, where a family has them."""


@every_model
def test_energies_that_count_for_everything_are_reproduced(cls) -> None:
    """Two structures of one composition: no energies of the elements can do that."""
    two = Dataset.from_structures([atoms for atoms in alloys(20, seed=3) if (atoms.numbers == 79).sum() == 1][:2])
    assert len(two) == 2
    chosen = {name: value for name, value in EXACT_ENERGIES.items() if name in declared(cls)}
    error = make(cls, **chosen).fit(two).predict(two).energies - two.energies
    if cls.feels_positions:
        np.testing.assert_allclose(error, 0.0, atol=1e-3)
    else:
        assert error.sum() == pytest.approx(0.0, abs=1e-10)
        assert np.abs(error).max() > 1e-2


@every_model
@pytest.mark.parametrize("derivatives", [True, False], ids=["with derivatives", "energies alone"])
def test_structures_that_are_all_the_same_are_learnt(cls, derivatives) -> None:
    same = Dataset.from_structures(alloys(1, seed=3) * 6)
    if not derivatives:
        same = replace(same, forces=(None,) * 6, stresses=np.full((6, 6), np.nan))
    prediction = make(cls).fit(same).predict(same)
    np.testing.assert_allclose(prediction.energies, same.energies, atol=1e-2)
    assert np.isfinite(np.concatenate(prediction.forces)).all()


@every_model
def test_standard_deviations_grow_away_from_the_data(cls, fitted) -> None:
    data = data_of(cls)
    if not cls.has_energy_std:
        assert fitted[cls.__name__].predict(data).energy_std is None
        return
    near = fitted[cls.__name__].predict(data).energy_std
    strange = [bulk("Cu", "sc", a=2.6) * (2, 2, 1), bulk("Au", "bcc", a=2.9) * (2, 2, 1)]
    far = fitted[cls.__name__].predict(strange).energy_std
    assert near is not None
    assert far is not None
    assert (near >= 0).all()
    assert far.min() > near.max()


@every_model
def test_an_isolated_atom_has_an_energy_and_no_force(cls, fitted) -> None:
    prediction = fitted[cls.__name__].predict(Atoms("Cu"))
    assert np.isfinite(prediction.energies[0])
    np.testing.assert_array_equal(prediction.forces[0], 0.0)
    assert np.isnan(prediction.stresses).all()


@every_model
def test_data_without_forces_or_stresses_will_do(cls) -> None:
    structures = alloys(8)
    for atoms in structures[:6]:
        del atoms.info["REF_stress"]
    for atoms in structures[:3]:
        del atoms.arrays["REF_forces"]
    del structures[7].info["REF_energy"]
    data = Dataset.from_structures(structures)
    potential = make(cls).fit(data)
    assert np.isfinite(potential.predict(structures).energies).all()
    partly = data.forces[4].copy()
    partly[2, 1] = np.nan
    partly_known = replace(data, forces=(*data.forces[:4], partly, *data.forces[5:]))
    assert np.isfinite(make(cls).fit(partly_known).predict(structures).energies).all()


@pytest.mark.parametrize("name", ["GAP", "SNAP"])
def test_equations_are_never_held_all_at_once(monkeypatch, name) -> None:
    """Twice the data may take more memory for what is kept of each environment, but not for its derivatives."""
    monkeypatch.setattr("potscope.core.models.base.ATOMS_A_BATCH", 20)
    monkeypatch.setattr(extrapolation, "features_in_batches", partial(batches.features_in_batches, most_bytes=1e4))
    descriptor = SOAP(species=SPECIES, cutoff=4.0, n_max=3, l_max=2)
    potential = REGISTRY[name](descriptor, **({"n_sparse": 60} if name == "GAP" else {}))
    few, many = (Dataset.from_structures(alloys(count)) for count in (45, 105))
    potential.fit(few)
    peaks = []
    for data in (few, many):
        tracemalloc.start()
        potential.fit(data)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    columns = {"GAP": 60, "SNAP": 2 * (1 + len(descriptor.names))}[name]
    equations = 8 * columns * sum(1 + 3 * n + 6 for n in many.n_atoms[len(few) :])
    assert peaks[1] - peaks[0] < 0.5 * equations


@every_model
def test_energies_alone_will_do(cls) -> None:
    data = data_of(cls)
    bare = replace(data, forces=(None,) * len(data), stresses=np.full((len(data), 6), np.nan))
    error = make(cls).fit(bare).predict(bare).energies - bare.energies
    if cls.feels_positions:
        assert np.abs(error).max() < 0.1 * np.ptp(bare.energies)


@every_model
def test_bad_data_are_refused(cls, fitted) -> None:
    potential = make(cls)
    with pytest.raises(NotFitted, match="fit"):
        potential.predict(alloys(1))
    with pytest.raises(NotFitted):
        potential.calculator()
    forces_only = alloys(2)
    for atoms in forces_only:
        del atoms.info["REF_energy"]
    with pytest.raises(ValueError, match="`train`: expected at least one structure with a reference energy"):
        potential.fit(Dataset.from_structures(forces_only))
    with pytest.raises(ValueError, match="Si"):
        fitted[cls.__name__].predict(bulk("Si"))
    if cls.descriptor_scope == "none":
        return
    with pytest.raises(ValueError, match="Si"):
        potential.fit(Dataset.from_structures(_with_energy(bulk("Si"))))
    for wrong in ("SOAP", AverageSOAP(species=SPECIES) if cls.descriptor_scope == "atom" else SOAP(species=SPECIES)):
        with pytest.raises(TypeError, match="`descriptor`"):
            cls(wrong)


@every_model
def test_the_structure_that_is_at_fault_is_named(cls, fitted, monkeypatch) -> None:
    monkeypatch.setattr("potscope.core.models.base.ATOMS_A_BATCH", 8)
    potential = fitted[cls.__name__]
    structures = alloys(6)
    unknown = [*structures[:5], bulk("Si")]
    with pytest.raises(ValueError, match=r"`structures`\[5\] has Si"):
        potential.predict(unknown)
    structures[3].positions[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"`structures`\[3\]: expected finite positions"):
        potential.predict(structures)
    if cls.feels_positions:
        structures[3].positions[1] = structures[3].positions[2]
        data = replace(Dataset.from_structures(structures), ids=("a", "b", "c", "d", "e", "f"))
        with pytest.raises(ValueError, match="`train`, 'd': atoms 1 and 2 are at the same place"):
            make(cls).fit(data)
        with pytest.raises(ValueError, match=r"`structures`\[3\]: atoms 1 and 2 are at the same place"):
            potential.predict(structures)


@every_model
def test_settings_of_groups_are_checked_and_kept(cls, fitted, tmp_path) -> None:
    assert fitted[cls.__name__].groups_ == {}
    data, settings = data_of(cls)[:6], cls.group_settings
    if settings is None:
        with pytest.raises(ValueError, match=f"`groups`: expected none, as a {cls.__name__} has no settings"):
            make(cls).fit(data, groups={"EMT": 1.0})
        return
    other = {"EMT": settings(**{field.name: 2.0 for field in fields(settings)})}
    with pytest.raises(TypeError, match=rf"`groups`\['EMT'\]: expected {settings.__name__}, got 1.0"):
        make(cls).fit(data, groups={"EMT": 1.0})
    with pytest.raises(ValueError, match="`groups`: expected groups among EMT, got 'DFT'"):
        make(cls).fit(data, groups={"DFT": other["EMT"]})
    potential = make(cls).fit(data, groups=other)
    assert potential.groups_ == other
    assert np.abs(potential.predict(data).energies - make(cls).fit(data).predict(data).energies).max() > 1e-7
    path = potential.save(tmp_path / "groups.potscope")
    assert load(path).groups_ == other
    with zipfile.ZipFile(path) as archive:
        header, arrays = json.loads(archive.read("model.json")), archive.read("arrays.npz")
    del header["groups"]
    with zipfile.ZipFile(tmp_path / "older.potscope", "w") as archive:
        archive.writestr("model.json", json.dumps(header))
        archive.writestr("arrays.npz", arrays)
    assert load(tmp_path / "older.potscope").groups_ == {}


def _with_energy(atoms: Atoms) -> Atoms:
    atoms.info["REF_energy"] = -1.0
    return atoms


@every_model
def test_progress_rises_and_cancelling_leaves_everything_as_it_was(cls) -> None:
    data = data_of(cls)
    seen: list[float] = []
    make(cls).fit(data, progress=lambda fraction, message: seen.append(fraction))
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(seen)
    potential = make(cls).fit(data)
    before = potential.predict(data).energies

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        potential.fit(data[:12], progress=stop)
    np.testing.assert_array_equal(potential.predict(data).energies, before)


@every_model
def test_a_copy_by_replace_is_unfitted(cls, fitted) -> None:
    potential = fitted[cls.__name__]
    copy = replace(potential)
    assert not copy.fitted
    assert copy.hyperparameters() == potential.hyperparameters()
    assert potential.fitted


@every_model
def test_what_is_said_of_atoms_is_there_when_it_is_asked_for(cls, fitted) -> None:
    potential, structures = fitted[cls.__name__], alloys(3, seed=21)
    plain, asked = potential.predict(structures), potential.predict(structures, atom_std=True)
    assert plain.local_energy_std is plain.force_std is plain.extrapolation is None
    assert (asked.local_energy_std is not None) == (cls.has_atom_std and cls.extensive)
    assert (asked.force_std is not None) == cls.has_atom_std
    assert (asked.extrapolation is not None) == cls.has_extrapolation
    for values in (asked.local_energy_std, asked.force_std, asked.extrapolation):
        for of_atoms in values or ():
            assert np.isfinite(of_atoms).all()
            assert (of_atoms >= 0).all()
    np.testing.assert_array_equal(asked.energies, plain.energies)
    np.testing.assert_array_equal(np.concatenate(asked.forces), np.concatenate(plain.forces))


@every_model
def test_saved_and_loaded_it_is_the_same(cls, fitted, tmp_path) -> None:
    potential, data = fitted[cls.__name__], data_of(cls)
    path = potential.save(tmp_path / "alloy.potscope")
    again = load(path)
    assert type(again) is cls
    assert again.hyperparameters() == potential.hyperparameters()
    here, there = potential.predict(data), again.predict(data)
    np.testing.assert_array_equal(here.energies, there.energies)
    np.testing.assert_array_equal(np.concatenate(here.forces), np.concatenate(there.forces))
    if here.energy_std is not None:
        np.testing.assert_array_equal(here.energy_std, there.energy_std)
    here, there = (one.predict(data[:3], atom_std=True) for one in (potential, again))
    for name in ("local_energy_std", "force_std", "extrapolation"):
        for ours, theirs in zip(getattr(here, name) or (), getattr(there, name) or (), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert [p.name for p in tmp_path.iterdir()] == ["alloy.potscope"]


@every_model
def test_files_that_are_no_potentials_are_refused(cls, fitted, tmp_path) -> None:
    path = fitted[cls.__name__].save(tmp_path / "good.potscope")
    content = path.read_bytes()
    for name, bytes_, message in [
        ("text", b"hello", "is not a potscope potential"),
        ("empty", b"", "is not a potscope potential"),
        ("short", content[: len(content) // 2], "damaged"),
    ]:
        bad = tmp_path / name
        bad.write_bytes(bytes_)
        with pytest.raises(PotentialFileError, match=message):
            load(bad)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    (tmp_path / "flipped").write_bytes(flipped)
    with pytest.raises(PotentialFileError):
        load(tmp_path / "flipped")
    with pytest.raises(FileNotFoundError, match="`path`"):
        load(tmp_path / "missing")


@every_model
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "format version 99"),
        ({"class": "Oracle"}, "holds a 'Oracle'"),
        ({"format": "something else"}, "is not a potscope potential"),
        ({"arrays_sha256": "0" * 64}, "damaged"),
        ({"hyperparameters": {"n_sparse": -1}}, "damaged"),
        ({"groups": {"EMT": {"colour": 1.0}}}, "damaged"),
    ],
)
def test_headers_that_do_not_fit_are_refused(cls, fitted, tmp_path, change, message) -> None:
    path = fitted[cls.__name__].save(tmp_path / "good.potscope")
    with zipfile.ZipFile(path) as archive:
        header, arrays = json.loads(archive.read("model.json")), archive.read("arrays.npz")
    with zipfile.ZipFile(tmp_path / "bad.potscope", "w") as archive:
        archive.writestr("model.json", json.dumps({**header, **change}))
        archive.writestr("arrays.npz", arrays)
    with pytest.raises(PotentialFileError, match=message):
        load(tmp_path / "bad.potscope")


@every_model
def test_a_file_holds_no_pickle(cls, fitted, tmp_path) -> None:
    path = fitted[cls.__name__].save(tmp_path / "good.potscope")
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["arrays.npz", "model.json"]
        with archive.open("arrays.npz") as file:
            for array in np.load(file, allow_pickle=False).values():
                assert array.dtype == np.float64


@every_model
def test_calculator_in_ase(cls, fitted) -> None:
    atoms = alloys(1, seed=11)[0]
    calculator = fitted[cls.__name__].calculator()
    assert isinstance(calculator, PotentialCalculator)
    atoms.calc = calculator
    energy = atoms.get_potential_energy()
    if cls.extensive:
        assert atoms.get_potential_energies().sum() == pytest.approx(energy)
    else:
        with pytest.raises(PropertyNotImplementedError):
            atoms.get_potential_energies()
    assert calculator.get_property("free_energy", atoms) == energy
    if cls.has_energy_std:
        assert calculator.get_property("energy_std", atoms) == pytest.approx(
            fitted[cls.__name__].predict(atoms).energy_std[0]
        )
    atoms.set_cell(atoms.cell * 1.02, scale_atoms=True)
    assert (atoms.get_potential_energy() != energy) == cls.feels_positions
    BFGS(atoms, logfile=None).run(fmax=0.05, steps=60)
    assert np.abs(atoms.get_forces()).max() < 0.06
    free = Atoms("Cu2", [[0, 0, 0], [2.4, 0, 0]], calculator=calculator)
    assert free.get_forces()[0, 0] == pytest.approx(-free.get_forces()[1, 0])
    with pytest.raises(PropertyNotImplementedError):
        free.get_stress()


@every_model
def test_nve_keeps_the_energy(cls, fitted) -> None:
    atoms = alloys(1, seed=12)[0] * (2, 2, 1)
    frames = list(run(atoms, fitted[cls.__name__].calculator(), temperature=300, timestep=2.0, steps=250, every=5))
    energies = np.array([frame.total_energy for frame in frames]) / len(atoms)
    assert (np.ptp([frame.kinetic_energy for frame in frames]) / len(atoms) > 0.005) == cls.feels_positions
    assert np.ptp(energies) < 1e-3
    assert abs(energy_drift(frames)) < 1.0


def test_frames_come_as_they_are_made_and_repeat_with_the_seed(fitted) -> None:
    potential = next(iter(fitted.values()))
    atoms = alloys(1, seed=13)[0]
    before = atoms.copy()
    stream = run(atoms, potential.calculator(), ensemble="langevin", temperature=500, steps=20, every=10, seed=3)
    first = next(stream)
    assert isinstance(first, Frame)
    assert first.step == 0
    rest = list(stream)
    assert [frame.step for frame in rest] == [10, 20]
    assert rest[-1].time == pytest.approx(20.0)
    again = list(run(atoms, potential.calculator(), ensemble="langevin", temperature=500, steps=20, every=10, seed=3))
    np.testing.assert_array_equal(again[-1].atoms.positions, rest[-1].atoms.positions)
    assert atoms == before


def test_langevin_reaches_its_temperature() -> None:
    """Free from any potential's mistakes: EMT copper, the mean over 3 ps within a few standard errors."""
    atoms = bulk("Cu", cubic=True) * (2, 2, 2)
    frames = list(
        run(atoms, EMT(), ensemble="langevin", temperature=400, timestep=4, friction=0.02, steps=1200, every=10)
    )
    mean = np.mean([frame.temperature for frame in frames[40:]])
    assert mean == pytest.approx(400, rel=0.1)


def test_a_trajectory_that_breaks_up_says_so() -> None:
    atoms = Atoms("Cu2", [[0, 0, 0], [0.3, 0, 0]])
    with pytest.raises(Unstable, match="broke up before step"):
        list(run(atoms, EMT(), temperature=10, timestep=5.0, steps=50, every=1))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("ensemble", "npt"), ("temperature", -1.0), ("timestep", 0.0), ("steps", -1), ("every", 0), ("friction", 0.0)],
)
def test_dynamics_refuses_bad_arguments_at_once(argument, value) -> None:
    with pytest.raises(ValueError, match=f"`{argument}`"):
        run(bulk("Cu"), EMT(), **{argument: value})
    with pytest.raises(ValueError, match="`atoms`"):
        run(Atoms(), EMT())
    assert "nve" in ENSEMBLES
