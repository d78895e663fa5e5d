"""SNAP in LAMMPS' files: what LAMMPS makes of ours, and what we make of LAMMPS'."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from potscope.core import load
from potscope.core.descriptors import SOAP, Bispectrum
from potscope.core.exchange import ExchangeError, read_lammps_snap, write_lammps_snap
from potscope.core.exchange.lammps_snap import equal_for_equal
from potscope.core.models import GAP, SNAP, NotFitted
from potscope.core.zbl import ZBL

from exchanged import SNAPS, case, crystal, deviations, snap, structures, unsure_of_nothing
from peers import peers_python, run_peer

HERE = Path(__file__).resolve().parent
SALT = ("Na", "Cl")
STORED = json.loads((HERE / "lammps_values.json").read_text())["snap"]
PUBLISHED = (
    "Ta06A",
    "InP_JCPA2020",
    "WBe_Wood_PRB2019",
    "Mo_Chen_PRM2017",
    "Si_Zuo_JPCA2020.quadratic",
    "W_2940_2017_2",
)


def files_of(potential: SNAP, folder: Path) -> dict[str, str]:
    write_lammps_snap(potential, folder)
    return {file.name: file.read_text() for file in folder.iterdir()}


@pytest.mark.parametrize("name", SNAPS)
def test_what_lammps_computed_of_the_files(name, tmp_path) -> None:
    potential = snap(name)
    assert files_of(potential, tmp_path) == STORED[name]["files"]
    found = deviations(potential.predict(structures(potential.descriptor.species)), STORED[name]["values"])
    assert max(found.values()) < 1e-8, found


@pytest.mark.parametrize("name", SNAPS)
def test_read_again_it_is_the_same_potential(name, tmp_path) -> None:
    potential = snap(name)
    files = write_lammps_snap(potential, tmp_path / "new" / "folder", name="it")
    again = read_lammps_snap(files.commands)
    if not potential.descriptor.chemflag:
        np.testing.assert_array_equal(again.coefficients_, potential.coefficients_)
    assert again.repulsion == potential.repulsion
    atoms = crystal(potential.descriptor.species)
    ours, theirs = potential.predict(atoms), again.predict(atoms)
    np.testing.assert_allclose(theirs.local_energies[0], ours.local_energies[0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(theirs.forces[0], ours.forces[0], rtol=0, atol=1e-11)
    equal = equal_for_equal(again.descriptor, again.coefficients_)
    np.testing.assert_allclose(equal, again.coefficients_, rtol=1e-13)
    alone = read_lammps_snap(files.coefficients, zbl=potential.repulsion)
    assert (alone.descriptor, alone.repulsion) == (again.descriptor, again.repulsion)


def test_what_the_files_do_not_tell_is_not_made_up(tmp_path) -> None:
    again = read_lammps_snap(write_lammps_snap(snap("two elements"), tmp_path).commands)
    reloaded = load(again.save(tmp_path / "it.potscope"))
    np.testing.assert_array_equal(reloaded.coefficients_, again.coefficients_)
    for potential in (again, reloaded):
        unsure_of_nothing(potential, crystal(SALT))


def test_lammps_that_is_installed_agrees(tmp_path) -> None:
    peers_python("LAMMPS")
    cases, ours = [], []
    for place, name in enumerate(SNAPS):
        potential, folder = snap(name), tmp_path / str(place)
        files = write_lammps_snap(potential, folder)
        atoms = structures(potential.descriptor.species, seed=17 + place)
        more = {"species": potential.descriptor.species, "folder": str(folder), "commands": files.commands.read_text()}
        cases += [case(one, **more) for one in atoms]
        ours.append(potential.predict(atoms))
    values = run_peer(HERE / "run_lammps.py", "LAMMPS", cases, tmp_path)
    for place, name in enumerate(SNAPS):
        found = deviations(ours[place], values[2 * place : 2 * place + 2])
        assert max(found.values()) < 1e-8, (name, found)


def test_the_input_runs_as_it_stands(tmp_path) -> None:
    python = Path(peers_python("LAMMPS"))
    potential = snap("two elements")
    atoms = crystal(("Na", "Cl"))
    atoms.rotate(40, (1, 2, 3), rotate_cell=True)  # LAMMPS wants it along its axes
    atoms.pbc = (True, True, False)
    files = write_lammps_snap(potential, tmp_path, name="salt", structure=atoms)
    libraries = {**os.environ, "LD_LIBRARY_PATH": str(python.absolute().parent.parent / "lib")}
    command = [str(python.parent / "lmp"), "-in", files.input.name, "-log", "none"]
    out = subprocess.run(command, cwd=tmp_path, env=libraries, capture_output=True, text=True, check=True).stdout
    words = out[out.index("Step") :].splitlines()[1].split()
    prediction = potential.predict(atoms)
    assert float(words[2]) == pytest.approx(prediction.energies[0], abs=1e-8)
    dump = ase.io.read(tmp_path / "salt.dump", format="lammps-dump-text")
    lengths = np.linalg.norm(prediction.forces[0], axis=1)
    np.testing.assert_allclose(np.linalg.norm(dump.get_forces(), axis=1), lengths, atol=1e-8)


def potentials_of_lammps() -> Path:
    python = Path(peers_python("LAMMPS")).absolute()
    found = list(python.parent.parent.glob("lib/python*/site-packages/lammps/share/lammps/potentials"))
    if not found:
        pytest.skip("this LAMMPS comes without its published potentials")
    return found[0]


def test_published_potentials(tmp_path) -> None:
    folder = potentials_of_lammps()
    cases, ours = [], []
    for name in PUBLISHED:
        potential = read_lammps_snap(folder / f"{name}.snap")
        species = potential.descriptor.species
        atoms = structures(species)
        commands = (folder / f"{name}.snap").read_text()
        cases += [case(one, species=species, folder=str(folder), commands=commands) for one in atoms]
        ours.append(potential.predict(atoms))
    values = run_peer(HERE / "run_lammps.py", "LAMMPS", cases, tmp_path)
    for place, name in enumerate(PUBLISHED):
        found = deviations(ours[place], values[2 * place : 2 * place + 2])
        assert max(found.values()) < 1e-7, (name, found)


def test_the_potential_that_fitsnap_wrote(reference_folder) -> None:
    folder = reference_folder / "fitsnap_ta" / "reference_fit"
    potential = read_lammps_snap(folder / "Ta_pot.snapcoeff", zbl=ZBL(4.0, 4.8))
    expected = Bispectrum(species=["Ta"], twojmax=6, rcutfac=4.67637, bzeroflag=False, radelem=[0.5], wj=[1.0])
    assert potential.descriptor == expected
    atoms = ase.io.read(reference_folder / "fitsnap_ta" / "Ta_363.xyz", ":10")
    prediction = potential.predict(atoms)
    errors = [e - a.info["REF_energy"] for e, a in zip(prediction.energies, atoms, strict=True)]
    assert np.abs(errors).max() / len(atoms[0]) < 0.5


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_other_descriptors_and_models_are_refused(tmp_path) -> None:
    with pytest.raises(NotFitted):
        write_lammps_snap(SNAP(Bispectrum(species=["Si"])), tmp_path)
    soap = SOAP(species=["Si"], n_max=2, l_max=1)
    other = SNAP.from_coefficients(soap, np.zeros((1, 1 + len(soap.names))))
    with pytest.raises(ExchangeError, match="Bispectrum alone, this one on SOAP"):
        write_lammps_snap(other, tmp_path)
    with pytest.raises(ExchangeError, match="expected a SNAP, got GAP"):
        write_lammps_snap(GAP(SOAP(species=["Si"])), tmp_path)
    with pytest.raises(ExchangeError, match="`structure`: expected elements of Ta, got Cu"):
        write_lammps_snap(snap("one element"), tmp_path, structure=Atoms("Cu"))
    assert not list(tmp_path.glob("*.data"))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("snapcoeff", "2 21", "2 22", "expected 46 lines for 2 elements of 22 coefficients, got 44"),
        ("snapcoeff", "2 21", "words", "expected the numbers of elements and coefficients first"),
        ("snapcoeff", "Cl 0.47 0.83", "Xx 0.47 0.83", "line 25: expected an element, its radius and its weight"),
        ("snapcoeff", "Cl 0.47 0.83", "Cl 0.47 nan", "line 25: expected a finite number"),
        ("snapcoeff", "Cl 0.47", "K 0.47", "expected coefficients of Na, Cl, got Na, K"),
        ("snapparam", "twojmax 5", "twojmax 6", "got 21"),
        ("snapparam", "twojmax 5", "", "expected the parameter `twojmax`"),
        ("snapparam", "rcutfac 4.1", "rcutfac much", "line 3: expected a number"),
        ("snapparam", "rcutfac 4.1", "rcutfac -1", "`rcutfac`"),
        ("snapparam", "switchflag 1", "switchflag 2", "line 6: expected 0 or 1"),
        ("snapparam", "switchflag 1", "gamma 1", "line 6: expected a parameter of twojmax"),
        ("snapparam", "switchflag 1", "diagonalstyle 1", "line 6: expected diagonalstyle 3"),
        ("snapparam", "switchflag 1", "sinner 1 2 3", "expected 2 numbers of `sinner`, got 3"),
        ("snap", "Na Cl", "Na NULL", "more than a SNAP holds"),
        ("snap", "zbl 11 17", "zbl 11 18", "expected the nuclear charges of Na and Cl for types 1 and 2"),
        ("snap", "overlay zbl", "overlay table spline 100 zbl", "a SNAP holds `snap` and `zbl`, not '100', "),
        ("snap", "pair_style", "no_style", "expected one `pair_style`, got 0"),
        ("snap", "* * snap", "* * other", "expected one `pair_coeff"),
        ("snap", "zbl 1.5", "zbl ${inner}", "expected variables that the file defines"),
        ("snap", "zbl 1.5", "zbl 1.5x", "expected two distances after `zbl`"),
    ],
)
def test_damaged_files_are_refused(tmp_path, file, old, new, message) -> None:
    files = write_lammps_snap(snap("two elements"), tmp_path)
    path = tmp_path / f"potential.{file}"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ExchangeError, match=message):
        read_lammps_snap(files.commands)


def test_with_elements_apart_their_order_is_the_files(tmp_path) -> None:
    files = write_lammps_snap(snap("elements"), tmp_path)
    files.commands.write_text(files.commands.read_text().replace("Na Cl", "Cl Na").replace("zbl 11 11", "zbl 17 17"))
    files.commands.write_text(files.commands.read_text().replace("2 2 zbl 17 17", "2 2 zbl 11 11"))
    with pytest.raises(ExchangeError, match="in the file's order of elements, Na Cl"):
        read_lammps_snap(files.commands)


def test_missing_files(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_lammps_snap(tmp_path / "no.snap")
    files = write_lammps_snap(snap("one element"), tmp_path)
    with pytest.raises(ExchangeError, match=r"`parameters` and `zbl` go with a \.snapcoeff"):
        read_lammps_snap(files.commands, files.parameters)
    files.parameters.unlink()
    with pytest.raises(FileNotFoundError, match="snapparam"):
        read_lammps_snap(files.commands)
