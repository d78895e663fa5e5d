"""Monte Carlo: known distributions, and local updates against energies of whole structures."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.calculators.emt import EMT
from scipy import stats

from potscope.core.dataset import Dataset
from potscope.core.descriptors import REGISTRY as DESCRIPTORS
from potscope.core.descriptors import SOAP, AverageSOAP, LocalDescriptor
from potscope.core.dynamics import Frame, Unstable
from potscope.core.hyperparameters import declared
from potscope.core.local_updates import LocalConfiguration, LocalEnergies, Whole, configuration
from potscope.core.models import REGISTRY, SNAP, Potential
from potscope.core.models.base import LocalPotential
from potscope.core.monte_carlo import AIM, MonteCarloFrame, run
from potscope.core.pairs import Pairs

from systems import SYSTEMS

every_model = pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())


class EnergyOnly(Calculator):
    """An energy without derivatives, without ASE's memory of what it was asked last."""

    implemented_properties = ("energy",)

    def get_property(self, name, atoms=None, *_) -> float:
        if name != "energy":
            raise PropertyNotImplementedError(name)
        return self.energy_of(atoms)


class Wells(EnergyOnly):
    """Every atom on a spring to a place of its own, E = k/2 Σ |r − r₀|², or anywhere for k = 0."""

    def __init__(self, k: float, places_nc: np.ndarray) -> None:
        super().__init__()
        self.k, self.places_nc = k, places_nc

    def energy_of(self, atoms: Atoms) -> float:
        return float(self.k / 2 * ((atoms.positions - self.places_nc) ** 2).sum()) if self.k else 0.0


class Sites(EnergyOnly):
    """Gold is `energy` higher on the first site than elsewhere."""

    def __init__(self, energy: float) -> None:
        super().__init__()
        self.energy = energy

    def energy_of(self, atoms: Atoms) -> float:
        return self.energy if atoms.numbers[0] == 79 else 0.0


def alloys(count: int, seed: int = 0) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True, a=3.8)
        atoms.numbers[rng.random(4) < 0.4] = 79
        atoms.positions += rng.normal(0, 0.1, (4, 3))
        atoms.calc = EMT()
        copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        copy.info["REF_energy"], copy.arrays["REF_forces"] = atoms.get_potential_energy(), atoms.get_forces()
        made.append(copy)
    return made


@cache
def fitted(cls: type[Potential]) -> Potential:
    data = Dataset.from_structures(alloys(8))
    if cls.descriptor_scope == "none":
        return cls().fit(data)
    kind = {"atom": SOAP, "structure": AverageSOAP}[cls.descriptor_scope]
    short = {"epochs": 20} if "epochs" in declared(cls) else {}
    return cls(kind(species=["Cu", "Au"], cutoff=4.0, n_max=3, l_max=2), **short).fit(data)


def test_a_harmonic_well_has_the_variance_kt_over_k() -> None:
    k, temperature = 2.0, 500.0
    places_nc = np.random.default_rng(1).uniform(0, 9, (3, 3))
    frames = run(
        Atoms("Cu3", places_nc), Wells(k, places_nc), temperature=temperature, equilibration=100, sweeps=4000, every=5
    )
    kept = [frame for frame in frames if not frame.equilibrating]
    moved = np.array([frame.atoms.positions - places_nc for frame in kept])
    expected = units.kB * temperature / k
    assert moved.var() == pytest.approx(expected, rel=0.05)
    assert abs(moved.mean()) < 0.05 * np.sqrt(expected)
    assert stats.kstest((moved[::10] / np.sqrt(expected)).ravel(), "norm").pvalue > 0.01
    energy = np.mean([frame.potential_energy for frame in kept])
    assert energy == pytest.approx(1.5 * 3 * units.kB * temperature, rel=0.05)


def test_an_ideal_gas_has_the_volumes_of_a_gamma_distribution_and_positions_anywhere() -> None:
    """p(V) ∝ V^N exp(−PV/kT)."""
    n_atoms, temperature = 4, 400.0
    kT = units.kB * temperature
    pressure = kT / 40.0
    gas = Atoms(f"Ar{n_atoms}", np.random.default_rng(0).uniform(0, 6, (n_atoms, 3)), cell=[6, 7, 8], pbc=True)
    frames = run(
        gas, Wells(0.0, gas.positions), temperature=temperature, pressure=pressure, equilibration=100, sweeps=4000,
        every=20, displacement=3.0, volume_step=0.5, seed=1,
    )  # fmt: skip
    kept = [frame for frame in frames if not frame.equilibrating]
    volumes = np.array([frame.volume for frame in kept])
    assert volumes.mean() == pytest.approx((n_atoms + 1) * 40.0, rel=0.05)
    assert volumes.std() == pytest.approx(np.sqrt(n_atoms + 1) * 40.0, rel=0.15)
    assert stats.kstest(volumes, stats.gamma(n_atoms + 1, scale=40.0).cdf).pvalue > 0.01
    places = np.concatenate([frame.atoms.get_scaled_positions() for frame in kept[::2]]).ravel()
    assert stats.kstest(places, "uniform").pvalue > 0.01
    edges = kept[-1].atoms.cell.lengths()
    np.testing.assert_allclose(edges / edges[0], [1, 7 / 6, 8 / 6])


def test_exchanges_visit_two_sites_by_their_boltzmann_weights() -> None:
    kT = units.kB * 600.0
    atoms = Atoms("AuCu3", 3.0 * np.arange(12).reshape(4, 3))
    frames = list(run(atoms, Sites(0.8 * kT), temperature=600.0, swaps=1.0, sweeps=2000, every=4, seed=5))
    first = np.mean([frame.atoms.numbers[0] == 79 for frame in frames])
    assert first == pytest.approx(np.exp(-0.8) / (3 + np.exp(-0.8)), abs=0.02)
    assert all(sorted(frame.atoms.numbers) == sorted(atoms.numbers) for frame in frames[::50])
    np.testing.assert_array_equal(frames[-1].atoms.positions, atoms.positions)


@every_model
def test_energies_of_a_walk_are_those_of_whole_structures(cls) -> None:
    """Moves, exchanges, volumes: after each accepted one the energy is what `predict` says."""
    potential = fitted(cls)
    atoms = alloys(1, seed=3)[0] * (2, 1, 1)
    frames = list(run(atoms, potential, temperature=900, swaps=0.2, pressure=0.0, sweeps=8, equilibration=2, seed=4))
    assert {"displacement", "swap", "volume"} <= set().union(*(frame.acceptance for frame in frames))
    assert frames[-1].volume != pytest.approx(frames[0].volume)
    prediction = potential.predict([frame.atoms for frame in frames])
    np.testing.assert_allclose([frame.potential_energy for frame in frames], prediction.energies, rtol=0, atol=1e-10)
    np.testing.assert_allclose(frames[-1].forces, prediction.forces[-1], rtol=0, atol=1e-10)
    kind = LocalConfiguration if isinstance(potential, LocalEnergies) else Whole
    assert isinstance(configuration(atoms, potential), kind)


LOCAL_FAMILIES = [cls for cls in REGISTRY.values() if issubclass(cls, LocalPotential)]


@pytest.mark.parametrize("cls", LOCAL_FAMILIES, ids=lambda cls: cls.__name__)
def test_local_updates_walk_as_whole_energies_do(cls) -> None:
    potential, atoms = fitted(cls), alloys(1, seed=6)[0]
    pairs = Pairs.from_structures([atoms, *alloys(1, seed=9)], potential.reach)
    np.testing.assert_allclose(
        potential.local_energies(pairs), LocalPotential.local_energies(potential, pairs), atol=1e-10
    )
    settings = {"temperature": 600.0, "swaps": 0.3, "sweeps": 5, "seed": 7}
    local = list(run(atoms, potential, **settings))
    whole = list(run(atoms, potential.calculator(), **settings))
    np.testing.assert_allclose(local[-1].atoms.positions, whole[-1].atoms.positions, atol=1e-12)
    np.testing.assert_array_equal(local[-1].atoms.numbers, whole[-1].atoms.numbers)
    assert local[-1].potential_energy == pytest.approx(whole[-1].potential_energy, abs=1e-10)


LOCAL = {name: cls for name, cls in DESCRIPTORS.items() if issubclass(cls, LocalDescriptor)}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("kind", LOCAL.values(), ids=LOCAL.keys())
def test_centres_that_see_a_change_are_all_that_change(kind, name) -> None:
    """Any boundary condition, any descriptor: the energies kept and those computed again are the new ones."""
    atoms = SYSTEMS[name].copy()
    descriptor = kind(species=["H", "C", "O", "Si"])
    potential = _Sum(descriptor)
    here = LocalConfiguration(atoms, potential)
    rng = np.random.default_rng(0)
    member = rng.integers(len(atoms), size=1)
    change = here.try_atoms(member, atoms.positions[member] + [[0.3, -0.2, 0.4]], np.array([6]))
    before = here.energy
    here.accept()
    expected_n = potential.local_energies(Pairs.from_structures(here.atoms, descriptor.reach))
    np.testing.assert_allclose(here.energy_n, expected_n, rtol=1e-12, atol=1e-10)
    assert here.energy - before == pytest.approx(change, abs=1e-9)
    assert np.isnan(here.forces()).all()


def test_in_a_wide_cell_only_what_is_near_is_looked_at() -> None:
    """Where neighbours are looked for within twice the reach; through the faces of the cell too."""
    atoms = SYSTEMS["diamond"] * (3, 3, 3)
    potential = _Sum(SOAP(species=["Si", "C"], cutoff=2.8, n_max=3, l_max=2))
    here = LocalConfiguration(atoms, potential)
    for members, shift in (([0], 0.4), ([215], -17.0), ([3, 100], 0.7)):
        numbers = atoms.numbers[members] - 8
        here.try_atoms(np.array(members), here.atoms.positions[members] + shift, numbers)
        here.accept()
        expected_n = potential.local_energies(Pairs.from_structures(here.atoms, potential.reach))
        np.testing.assert_allclose(here.energy_n, expected_n, rtol=0, atol=1e-10)


class _Sum:
    """The sum of the features of an atom as its energy."""

    def __init__(self, descriptor: LocalDescriptor) -> None:
        self.descriptor, self.reach = descriptor, descriptor.reach

    def local_energies(self, pairs: Pairs) -> np.ndarray:
        return np.tanh(self.descriptor.compute_pairs(pairs).values).sum(axis=1)


def test_what_is_not_accepted_has_not_happened() -> None:
    here = configuration(alloys(1)[0], fitted(SNAP))
    before, energy = here.atoms.copy(), here.energy
    assert here.try_atoms(np.array([1]), before.positions[[1]] + 0.2, np.array([29])) != 0
    assert here.try_scale(1.1) != 0
    assert here.energy == energy
    assert here.atoms == before
    here.accept()
    assert here.atoms.get_volume() == pytest.approx(1.331 * before.get_volume())


def test_steps_find_their_length_in_equilibration_and_keep_it() -> None:
    places_nc = np.zeros((1, 3))
    frames = list(
        run(Atoms("Cu"), Wells(5.0, places_nc), temperature=300, displacement=3.0, equilibration=400, sweeps=400)
    )
    assert [frame.step for frame in frames] == list(range(801))
    assert [frame.equilibrating for frame in frames] == [k <= 400 for k in range(801)]
    kept = frames[401:]
    assert len({frame.displacement for frame in kept}) == 1
    assert kept[-1].acceptance["displacement"] == pytest.approx(AIM, abs=0.2)
    assert all(later.step > earlier.step for earlier, later in itertools.pairwise(frames))


def test_walks_repeat_with_the_seed_and_leave_the_start_alone() -> None:
    potential, atoms = fitted(SNAP), alloys(1, seed=8)[0]
    before = atoms.copy()
    first, second, other = (list(run(atoms, potential, sweeps=4, every=2, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[-1].atoms.positions, second[-1].atoms.positions)
    assert not np.array_equal(first[-1].atoms.positions, other[-1].atoms.positions)
    assert [frame.step for frame in first] == [0, 2, 4]
    assert isinstance(first[0], Frame)
    assert isinstance(first[0], MonteCarloFrame)
    assert first[0].total_energy == first[0].potential_energy + 1.5 * 4 * units.kB * 300
    assert atoms == before


def test_an_energy_that_is_no_number_ends_the_walk() -> None:
    atoms = Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]])
    nowhere = Wells(1.0, np.full((2, 3), np.nan))
    with pytest.raises(Unstable, match="no number"):
        list(run(atoms, nowhere, sweeps=2))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("temperature", 0.0), ("sweeps", -1), ("every", 0), ("equilibration", -1), ("displacement", 0.0),
        ("swaps", 1.5), ("swaps", 0.5), ("pressure", np.inf), ("volume_step", 0.0),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_at_once(argument, value) -> None:
    with pytest.raises(ValueError, match=f"`{argument}`"):
        run(bulk("Cu"), EMT(), **{argument: value})


def test_bad_structures_and_sources_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="`pressure`"):
        run(Atoms("Cu"), EMT(), pressure=0.0)
    with pytest.raises(ValueError, match="`atoms`"):
        run(Atoms(), EMT())
    with pytest.raises(ValueError, match="Si"):
        run(bulk("Si"), fitted(SNAP))
    with pytest.raises(TypeError, match="`source`"):
        run(bulk("Cu"), "EMT")
