"""Physical checks, each on a potential whose answer is known."""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path

import ase.phonons
import numpy as np
import pytest
from ase import Atoms, eos, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from potscope import sample_data
from potscope.core.dataset import Dataset
from potscope.core.models import GAP, Potential, load
from potscope.core.physics import (
    at_volumes,
    common,
    cut,
    cutoff_jump,
    degenerate_pairs,
    dimer_curve,
    elastic_constants,
    energy_conservation,
    equation_of_state,
    phases,
    phonons,
    scan,
    smoothness,
    surface_energy,
    surfaces_of,
    vacancy_formation,
    vacancy_of,
)
from potscope.core.physics.common import Unrelaxed, relaxed
from potscope.core.physics.elasticity import CUBIC, VOIGT, strained
from potscope.core.physics.smoothness import _roomiest
from potscope.core.physics.vibrations import TERAHERTZ

from pairwise import Pairwise, morse, springs, square_well

A = 3.6  # Å, of fcc crystals
GOLDEN = Path(__file__).parent / "golden"


def test_a_morse_dimer_has_its_length_and_depth() -> None:
    curve = dimer_curve(morse(1.5, 2.0, 2.3, 20.0), ("Cu", "Cu"), np.linspace(1.0, 8.0, 701))
    length, depth, short, attracts = curve.quantities()
    assert length.value == pytest.approx(2.3, abs=1e-4)
    assert depth.value == pytest.approx(1.5, abs=1e-3)
    assert short.value == pytest.approx(curve.energies_d[0])
    assert np.isnan(attracts.value)
    np.testing.assert_allclose(curve.forces_d[1:-1], -np.gradient(curve.energies_d, 0.01)[1:-1], rtol=1e-3, atol=2e-3)


def test_a_hole_at_short_range_is_found() -> None:
    hole = Pairwise(lambda r: 40 * np.exp(-2 * r) - 2 / r**4, lambda r: -80 * np.exp(-2 * r) + 8 / r**5, 20.0)
    curve = dimer_curve(hole, ("Cu", "Cu"))
    r = np.linspace(0.5, curve.short, 10000)
    true = r[hole.slope(r) > 0].max()
    assert true - 0.15 < curve.attracts_at <= true
    assert len(dimer_curve(hole, ("H", "O")).distances_d) == 60


def test_dimers_beside_their_reference() -> None:
    data = sample_data.load("dimers-and-scans")
    own = data[[s for s, group in enumerate(data.groups) if group == "dimer Si-Si"]]
    curve = dimer_curve(morse(4.1, 1.5, 2.24, 20.0), ("Si", "Si"), reference=own)
    length, depth, _, _, error = curve.quantities()
    assert length.reference == pytest.approx(2.233, abs=1e-3)
    assert depth.reference == pytest.approx(4.124, abs=1e-3)
    assert error.value == pytest.approx(np.sqrt(np.mean((curve.energies_d - curve.reference_d) ** 2)))
    with pytest.raises(ValueError, match="`reference`"):
        dimer_curve(EMT(), ("Si", "C"), reference=own)
    with pytest.raises(ValueError, match="`distances`"):
        dimer_curve(EMT(), ("Si", "Si"), [2.0, 2.1, 2.2], reference=own)
    with pytest.raises(ValueError, match="`distances`"):
        dimer_curve(EMT(), ("Cu", "Cu"), [2.0, -2.1, 2.2])


def test_equation_of_state_is_that_of_ase() -> None:
    structures = at_volumes(bulk("Cu", a=A), np.linspace(0.92, 1.08, 7))
    found = equation_of_state(EMT(), structures, "fcc")
    energies = []
    for atoms in structures:
        atoms.calc = EMT()
        energies.append(atoms.get_potential_energy())
    v0, e0, modulus = eos.EquationOfState([a.get_volume() for a in structures], energies, eos="birchmurnaghan").fit()
    assert (found.volume, found.energy) == pytest.approx((v0, e0))
    assert found.bulk_modulus == pytest.approx(modulus / units.GPa)
    assert [q.unit for q in found.quantities()] == ["Å³/atom", "GPa"]


def test_phases_beside_their_references() -> None:
    """A reference that the calculator itself has computed is met."""
    found = {"fcc": bulk("Cu", a=A), "bcc": bulk("Cu", "bcc", a=2.87), "wide": bulk("Cu", a=6.0)}
    labelled = []
    for phase, crystal in found.items():
        for atoms in at_volumes(crystal):
            atoms.calc = EMT()
            atoms.get_potential_energy()
            atoms.info["group"] = f"eos {phase}"
            labelled.append(atoms)
    both = phases(EMT(), Dataset.from_structures(labelled))
    assert both.lowest.phase == "fcc"
    numbers = {q.name: q for q in both.quantities()}
    above = numbers["bcc: above fcc"]
    assert 0 < above.value < 100
    assert all(q.value == pytest.approx(q.reference, abs=1e-6, nan_ok=True) for q in numbers.values())
    assert np.isnan(numbers["wide: volume"].value)
    alone = phases(EMT(), {"fcc": at_volumes(found["fcc"])})
    assert alone.lowest.volume == pytest.approx(both.lowest.volume)
    with pytest.raises(ValueError, match="no phase has a minimum"):
        _ = phases(EMT(), {"wide": at_volumes(found["wide"])}).lowest
    with pytest.raises(ValueError, match="at least five"):
        equation_of_state(EMT(), at_volumes(bulk("Cu"), [0.9, 1.0, 1.1]))
    for nothing in ({}, Dataset.from_structures([labelled[0]])):
        nothing = nothing or {}
        with pytest.raises(ValueError, match=r"`structures`"):
            phases(EMT(), nothing)


def test_elastic_constants_of_springs_are_the_sums_over_neighbours() -> None:
    """C_ijkl = 1/2V Σ k x_i x_j x_k x_l / r², without forces at rest."""
    k, r0 = 4.0, A / np.sqrt(2)
    bond_pc = np.array([v for v in itertools.product((-1, 0, 1), repeat=3) if np.abs(v).sum() == 2]) * A / 2
    expected = np.einsum("pa,pb,pc,pd->abcd", *[bond_pc] * 4) * k / r0**2 / 2 / (A**3 / 4) / units.GPa
    found = elastic_constants(springs((k, r0)), bulk("Cu", a=A * 1.01), reference={"C11": 1.0})
    expected_vv = [[expected[a + b] for b in VOIGT] for a in VOIGT]
    np.testing.assert_allclose(found.C_vv, expected_vv, atol=0.02)
    np.testing.assert_allclose(found.clamped_vv, found.C_vv, atol=1e-3)
    assert found.volume == pytest.approx(A**3 / 4, rel=1e-6)
    assert found.not_cubic < 2e-2
    assert found.stable
    assert found.cubic("C12") == pytest.approx(found.cubic("C44"), abs=2e-2)
    numbers = {q.name: q for q in found.quantities()}
    assert list(numbers)[:3] == list(CUBIC)
    assert numbers["bulk modulus, all strained alike"].value == pytest.approx(
        (found.cubic("C11") + 2 * found.cubic("C12")) / 3
    )
    assert numbers["C11"].reference == 1.0
    with pytest.raises(ValueError, match="`reference`"):
        elastic_constants(springs((k, r0)), bulk("Cu", a=A), reference={"C66": 1.0})


def test_elastic_constants_of_diamond_are_those_of_atoms_that_relax() -> None:
    """C = C⁰ − Λᵀ K⁺ Λ / V, with the force constants K and what strain does to forces, Λ."""
    a = 5.4
    calculator = springs((10.0, np.sqrt(3) / 4 * a), (2.0, a / np.sqrt(2)))
    crystal = bulk("Si", a=a)
    found = elastic_constants(calculator, crystal)

    def forces(atoms: Atoms) -> np.ndarray:
        return calculator.get_property("forces", atoms).ravel()

    K, Lambda, h = np.empty((6, 6)), np.empty((6, 6)), 1e-4
    for k in range(6):
        moved = [crystal.copy() for _ in range(2)]
        for atoms, sign in zip(moved, (1, -1), strict=True):
            atoms.positions[k // 3, k % 3] += sign * h
        K[:, k] = -(forces(moved[0]) - forces(moved[1])) / (2 * h)
        pulled = [strained(crystal, sign * h * np.eye(6)[k]) for sign in (1, -1)]
        Lambda[:, k] = (forces(pulled[0]) - forces(pulled[1])) / (2 * h)
    softer = Lambda.T @ np.linalg.pinv(K, rcond=1e-6) @ Lambda / crystal.get_volume() / units.GPa
    assert found.cubic("C44", clamped=True) - found.cubic("C44") > 5
    np.testing.assert_allclose(found.C_vv, found.clamped_vv - softer, atol=0.02)


def test_elastic_constants_of_stillinger_weber_silicon_are_the_published_ones() -> None:
    """C11, C12 and C44: E. R. Cowley, Phys. Rev. Lett. 60, 2379 (1988). doi:10.1103/PhysRevLett.60.2379"""
    manybody = pytest.importorskip("matscipy.calculators.manybody", exc_type=ImportError)
    from matscipy.calculators.manybody.explicit_forms import StillingerWeber
    from matscipy.calculators.manybody.explicit_forms.stillinger_weber import Stillinger_Weber_PRB_31_5262_Si

    silicon = manybody.Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))
    found = elastic_constants(silicon, bulk("Si", a=5.43), largest_force=1e-3)
    for name, published in (("C11", 151.4), ("C12", 76.4), ("C44", 56.4)):
        assert found.cubic(name) == pytest.approx(published, rel=0.01)
    sheared = [strained(bulk("Si", a=5.431), shear * np.eye(6)[3]) for shear in (-1e-3, 0, 1e-3)]
    energies = [silicon.get_property("energy", atoms) for atoms in sheared]
    clamped = np.diff(energies, n=2)[0] / 1e-3**2 / sheared[1].get_volume() / units.GPa
    assert found.cubic("C44", clamped=True) == pytest.approx(clamped, rel=1e-3)


def test_a_vacancy_and_a_surface_count_the_bonds_that_they_break() -> None:
    """Of 12 bonds of depth ε an atom of fcc has half: 6 ε for a vacancy; 4 are cut for an atom of a (100) surface."""
    well, crystal = square_well(0.3, 0.9 * A), bulk("Cu", cubic=True, a=A)
    found = vacancy_formation(well, crystal * 2, reference=2.0)
    assert (found.energy, found.unrelaxed) == pytest.approx((1.8, 1.8))
    assert found.quantities()[0].reference == 2.0
    slab = cut(crystal, (1, 0, 0))
    surface = surface_energy(well, slab, crystal, "(100)")
    assert surface.energy == pytest.approx(4 * 0.3 / A**2 / (units.J / units.m**2))
    assert np.ptp(slab.positions[:, 2]) > 10
    with pytest.raises(ValueError, match="`perfect`"):
        vacancy_formation(well, bulk("NaCl", "rocksalt", a=5.6))
    with pytest.raises(ValueError, match="`remove`"):
        vacancy_formation(well, crystal, remove=4)
    with pytest.raises(ValueError, match="`slab`"):
        surface_energy(well, slab, bulk("Ni"))


def test_surfaces_of_a_data_set_have_its_energies() -> None:
    data, per_atom = sample_data.load("silicon"), -107.0877
    found = surfaces_of(data, {"(100)": "slab-000"}, per_atom)
    slab, energy = found["(100)"]
    s = data.ids.index("slab-000")
    area = slab.cell[0, 0] * slab.cell[1, 1]
    assert energy * units.J / units.m**2 == pytest.approx((data.energies[s] - 8 * per_atom) / (2 * area))
    assert 1 < energy < 3
    with pytest.raises(ValueError, match="`ids`"):
        surfaces_of(data, {"(100)": "slab-100"}, per_atom)


def test_a_vacancy_relaxes_and_its_reference_comes_from_the_data() -> None:
    found = vacancy_formation(EMT(), bulk("Cu", cubic=True, a=A) * 2)
    assert found.energy < found.unrelaxed
    data = sample_data.load("dimers-and-scans")
    group = data[[s for s, name in enumerate(data.groups) if name == "vacancy"]]
    perfect, energy = vacancy_of(group)
    assert (len(perfect), energy) == (16, pytest.approx(3.025, abs=1e-3))
    with pytest.raises(ValueError, match="with and without"):
        vacancy_of(data)


def test_phonons_of_a_chain_are_the_sines() -> None:
    """ω = 2 √(k/m) |sin(qa/2)| along the chain, nothing across."""
    k, a = 3.0, 2.5
    chain = Atoms("Cu", cell=[0, 0, a], pbc=(False, False, True))
    points = {"0": [0, 0, 0], "1/8": [0, 0, 0.125], "1/4": [0, 0, 0.25], "1/2": [0, 0, 0.5]}
    found = phonons(springs((k, a)), chain, points, repeats=8, displacement=1e-3, reference={"0": [0, 0, 0]})
    mass = chain.get_masses()[0]
    for q, frequencies in zip((0, 0.125, 0.25, 0.5), found.frequencies.values(), strict=True):
        expected = 2 * np.sqrt(k / mass) * np.sin(np.pi * q) * TERAHERTZ
        np.testing.assert_allclose(frequencies, [0, 0, expected], atol=2e-3)
    assert found.quantities()[0].reference == 0
    assert found.lowest == pytest.approx(0, abs=2e-3)
    with pytest.raises(ValueError, match="`reference`"):
        phonons(springs((k, a)), chain, points, repeats=8, reference={"2": [0, 0, 0]})
    with pytest.raises(ValueError, match="`crystal`"):
        phonons(EMT(), Atoms("Cu"))


def test_phonons_of_an_fcc_crystal_are_those_of_its_springs() -> None:
    """m ω² e = k Σ (1 − cos q·R) R̂ (R̂·e); the special points are there without being named."""
    k, crystal = 4.0, bulk("Cu", a=A)
    found = phonons(springs((k, A / np.sqrt(2))), crystal, repeats=4, displacement=1e-3)
    assert {"G", "X", "L"} <= set(found.frequencies)
    bond_pc = np.array([v for v in itertools.product((-1, 0, 1), repeat=3) if np.abs(v).sum() == 2]) * A / 2
    for point in ("G", "X", "L"):
        q_c = crystal.cell.bandpath(npoints=0).special_points[point] @ crystal.cell.reciprocal().array * 2 * np.pi
        D = np.einsum("p,pa,pb->ab", k * (1 - np.cos(bond_pc @ q_c)), bond_pc, bond_pc) / (A**2 / 2)
        expected = np.sqrt(np.maximum(np.linalg.eigvalsh(D), 0) / crystal.get_masses()[0]) * TERAHERTZ
        np.testing.assert_allclose(found.frequencies[point], expected, atol=5e-3)


def broken_sum_rule(potential: Potential, delta: float) -> float:
    """The largest sum of force constants, which are as symmetric as ASE makes them, as a share of the largest."""
    with tempfile.TemporaryDirectory() as folder:
        crystal = bulk("CuAu", "cesiumchloride", a=3.0)
        made = ase.phonons.Phonons(crystal, potential.calculator(), (2, 2, 2), delta=delta, name=f"{folder}/phonon")
        made.run()
        made.read(acoustic=False)
    constants = made.get_force_constant()
    total = constants.sum(axis=0).reshape(2, 3, 2, 3).sum(axis=2)
    return float(np.abs(total).max() / np.abs(constants).max())


@pytest.mark.parametrize(("smoothing", "order"), [("cosine", 1), ("poly2", 2), ("poly3", 2)])
def test_force_constants_err_as_the_cutoff_function_is_smooth(smoothing, order) -> None:
    """Neighbours are 3 Å apart, where a cutoff of 4 Å begins to act and two intervals of the radial table meet.

    The second derivative of the cosine jumps there, that of the polynomials and of the table does not.
    """
    plain, arrays = load(GOLDEN / "GAP.potscope").state()
    known = json.dumps(plain)
    assert '"cutoff": 4.0' in known
    assert '"smoothing": "cosine", "smoothing_width": 1.0' in known
    potential = GAP.from_state(json.loads(known.replace('"cosine"', f'"{smoothing}"')), arrays)
    large, small = (broken_sum_rule(potential, delta) for delta in (1e-2, 1e-3))
    assert large / small == pytest.approx(10**order, rel=0.2)
    kink = cutoff_jump(potential, ("Cu", "Au"), 3.0).stiffness
    assert kink > 0.1 if smoothing == "cosine" else kink < 1e-3
    assert cutoff_jump(potential, ("Cu", "Au"), 2.95).stiffness < 1e-3


def test_energy_is_kept_by_forces_that_are_derivatives_and_by_no_others() -> None:
    atoms = bulk("Cu", cubic=True, a=A) * (2, 1, 1)
    kept = energy_conservation(EMT(), atoms, temperature=300, steps=200, timestep=2.0)
    assert abs(kept.drift) < 1.0
    assert kept.fluctuation < 1.0
    assert kept.time == 400
    assert 0.005 < kept.displacement < 0.1
    hot = energy_conservation(EMT(), atoms, temperature=8000, steps=200, timestep=2.0)
    assert hot.displacement > 0.12

    class Wrong(EMT):
        """Forces that a part is added to which turns in circles."""

        def calculate(self, *args, **kwargs) -> None:
            super().calculate(*args, **kwargs)
            turn = self.atoms.get_velocities() if self.atoms.has("momenta") else 0.0
            self.results["forces"] = self.results["forces"] + 0.3 * turn

    assert energy_conservation(Wrong(), atoms, temperature=300, steps=200, timestep=2.0).drift > 10
    with pytest.raises(ValueError, match="`steps`"):
        energy_conservation(EMT(), atoms, steps=5)


def test_jumps_are_as_large_as_they_are() -> None:
    """A Morse potential cut off without care: the energy jumps by φ(r_c), the force by φ'(r_c)."""
    rough = morse(1.0, 1.0, 2.3, 4.0)
    energy, force = (float(np.abs(f(np.array([4.0])))[0]) for f in (rough.phi, rough.slope))
    crossing = cutoff_jump(rough, ("Cu", "Cu"), 4.0, bulk("Cu", a=A))
    assert crossing.energy == pytest.approx(energy, rel=1e-5)
    assert 0.5 * force < crossing.force <= force * (1 + 1e-6)
    pair = Atoms("Cu2", [[0, 0, 0], [4.1, 0, 0]])
    scanned = smoothness(rough, pair, lines=6, length=3.0, points=61)
    assert scanned.energy_mismatch == pytest.approx(energy, rel=0.1)
    assert 0.3 * force < scanned.jump <= force * (1 + 1e-3)
    assert scanned.second_difference > 0.3 * force


def test_smooth_potentials_have_no_jumps() -> None:
    smooth = LennardJones(sigma=2.3, epsilon=0.4, rc=5.0, ro=4.0, smooth=True)
    crossing = cutoff_jump(smooth, ("Cu", "Cu"), 5.0)
    assert max(crossing.energy, crossing.force) < 1e-8
    scanned = smoothness(smooth, bulk("Cu", cubic=True, a=A), lines=1, length=0.6, points=31)
    assert scanned.jump < 1e-4
    assert scanned.energy_mismatch < 1e-5
    shifted = LennardJones(sigma=2.3, epsilon=0.4, rc=5.0)
    jump = cutoff_jump(shifted, ("Cu", "Cu"), 5.0)
    slope = 24 * 0.4 * (-2 * (2.3 / 5) ** 12 + (2.3 / 5) ** 6) / 5
    assert jump.energy < 1e-9
    assert 0.5 * slope < jump.force <= slope * (1 + 1e-6)
    with pytest.raises(ValueError, match="`surroundings`"):
        cutoff_jump(smooth, ("Ni", "Cu"), 5.0, bulk("Cu"))


def test_kinks_of_forces_are_as_large_as_they_are() -> None:
    """Half a parabola from 2.6 Å on: energy and force are continuous, the derivative of the force jumps by k."""
    k, onset = 2.0, 2.6
    kinked = Pairwise(lambda r: k / 2 * np.maximum(r - onset, 0) ** 2, lambda r: k * np.maximum(r - onset, 0), 20.0)
    crossing = cutoff_jump(kinked, ("Cu", "Cu"), onset, Atoms("Cu"))
    assert max(crossing.energy, crossing.force) < 1e-8
    along = np.abs(_roomiest(Atoms("Cu"), onset)).max()
    assert crossing.stiffness == pytest.approx(k * along, rel=1e-4)
    pair = Atoms("Cu2", [[0, 0, 0], [onset + 0.013, 0, 0]])
    scanned = smoothness(kinked, pair, lines=4, length=1.5, points=61)
    assert 0.3 * k < scanned.kink <= k * (1 + 1e-3)
    assert scanned.jump < 1e-4
    assert smoothness(morse(1.0, 1.0, 2.3, 20.0), pair, lines=4, length=1.5, points=61).kink < 0.02


def test_pair_potentials_do_not_tell_degenerate_structures_apart() -> None:
    data = sample_data.load("degenerate-methane")
    found = degenerate_pairs(morse(2.0, 1.0, 1.4, 20.0), data)
    assert np.abs(found.differences_p).max() < 1e-6
    assert len(found.reference_p) == 41
    size, _, central, error = found.quantities()
    assert np.isnan(central.value)
    assert size.reference == pytest.approx(error.value, rel=1e-5)
    assert size.reference > 0.1
    with pytest.raises(ValueError, match="`groups`"):
        degenerate_pairs(EMT(), data, ("first", "path"))


def test_a_path_is_compared_from_its_own_lowest() -> None:
    data = sample_data.load("dimers-and-scans")
    found = scan(morse(2.0, 1.0, 1.4, 20.0), data, "torsion ethanol hydroxyl")
    assert found.reference_s.min() == found.energies_s.min() == 0
    height, _, _ = found.quantities()
    assert height.reference == pytest.approx(0.067, abs=1e-3)
    with pytest.raises(ValueError, match="`reference`"):
        scan(EMT(), data, "torsion of nothing")


def test_what_does_not_relax_says_so(monkeypatch) -> None:
    monkeypatch.setattr(common, "MOST_STEPS", 2)
    with pytest.raises(Unrelaxed, match="after 2 steps"):
        relaxed(Atoms("Cu2", [[0, 0, 0], [2, 0, 0]]), morse(1.0, 2.0, 2.3, 10.0))
    with pytest.raises(ValueError, match="`crystal`"):
        elastic_constants(EMT(), Atoms("Cu"))
    with pytest.raises(TypeError, match="`source`"):
        relaxed(bulk("Cu"), "EMT")
