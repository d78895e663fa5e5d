"""What is said of other codes' conventions, held against numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units

from potscope.core.descriptors import SOAP, AverageSOAP, Bispectrum
from potscope.core.exchange import ExchangeError, explain, read_lammps_snap, write_lammps_snap
from potscope.core.exchange.findings import Finding

from exchanged import snap

HERE = Path(__file__).resolve().parent
COMMAND = (
    'gap_fit at_file=train.xyz gap="soap cutoff=4.0 n_max=4 l_max=3 atom_sigma=0.5 zeta=4 delta=0.5 n_sparse=15 '
    "sparse_method=cur_points covariance_type=dot_product : distance_2b cutoff=4.0 delta=1.0 covariance_type=ard_se "
    'theta_uniform=1.0 n_sparse=8 : angle_3b cutoff=3.0 theta_fac=0.5" default_sigma={0.01 0.1 0.05 0} '
    "config_type_sigma=a:1:1:1:1 e0={Na:-1.0:Cl:-2.0} gp_file=gap.xml"
)
INPUT_NN = """elements O H
cutoff_type 2
symfunction_short H 2 O 0.01 0.5 12.0
symfunction_short H 2 H 0.001 0.0 12.0
symfunction_short O 3 H H 0.07 1.0 1.0 12.0
global_hidden_layers_short 1
global_nodes_short 25
global_activation_short t l
scale_symmetry_functions
center_symmetry_functions
scale_min_short -1.0
atom_energy H -0.5
conv_energy 2.0
normalize_nodes
"""


def numbers(text: str) -> list[float]:
    found = []
    for word in text.replace(",", " ").replace(":", " ").split():
        try:
            found.append(float(word))
        except ValueError:
            continue
    return found


def test_snap_files(tmp_path) -> None:
    potential = snap("two elements")
    files = write_lammps_snap(potential, tmp_path)
    said = explain(files.commands)
    assert numbers(said.of("cutoff").theirs.split(": ", 1)[1]) == pytest.approx([4.1 * 1.04, 4.1 * 0.99, 4.1 * 0.94])
    assert f"{len(potential.descriptor.names)} components" in said.of("momenta").theirs
    lone = potential.predict([Atoms("Na"), Atoms("Cl")]).energies
    assert numbers(said.of("offsets").ours) == pytest.approx(lone.tolist(), rel=1e-6)
    assert said.of("rmin0").verdict == said.of("repulsion").verdict == "same"
    assert said.of("stress").verdict == "converted"
    assert 1 / units.bar == pytest.approx(numbers(said.of("stress").ours)[-1])
    assert explain(files.coefficients).of("cutoff") == explain(files.parameters).of("cutoff") == said.of("cutoff")
    files.coefficients.unlink()
    alone = explain(str(files.parameters))
    assert "the radii are in the .snapcoeff" in alone.of("cutoff").theirs
    assert str(alone).startswith(str(files.parameters))


def test_forces_of_unequal_coefficients_are_told(tmp_path) -> None:
    files = write_lammps_snap(snap("elements"), tmp_path)
    assert explain(files.commands).of("coefficients").verdict == "same"
    lines = files.coefficients.read_text().splitlines()
    place = next(k for k, line in enumerate(lines) if line.endswith("# Na Cl Na 0 0 0"))
    lines[place] = "3.0 # Na Cl Na 0 0 0"
    files.coefficients.write_text("\n".join(lines))
    assert explain(files.commands).of("coefficients").verdict == "differs"
    read_lammps_snap(files.commands)


def test_fitsnap(reference_folder) -> None:
    said = explain(reference_folder / "fitsnap_ta" / "reference_fit" / "Ta-example.in")
    descriptor = eval(said.of("descriptor").ours, {"Bispectrum": Bispectrum})  # noqa: S307 - our own text
    assert (descriptor.rcutfac, descriptor.twojmax, descriptor.bzeroflag) == (4.67637, 6, False)
    assert said.of("repulsion").ours.startswith("zbl_inner=4.0, zbl_outer=4.8")
    assert said.of("solver").ours == "solver='least squares'"
    assert 1 / units.bar == pytest.approx(numbers(said.of("weights").ours)[-1])


def test_fitsnap_that_is_not_ours(tmp_path) -> None:
    path = tmp_path / "other.in"
    text = "[BISPECTRUM]\ntwojmax = 4 4\nrcutfac = 4\ntype = Na Cl\nbzeroflag = 1\n[SOLVER]\nsolver = ANL\n"
    path.write_text(text + "[ESHIFT]\nNa = -1.5\n[REFERENCE]\npair_style = coul/cut 5\n[GROUPS]\nsmartweights = 1\n")
    said = explain(path)
    assert {"offsets", "solver", "repulsion", "smart weights"} <= {finding.topic for finding in said.differing}
    assert "Na -1.5 eV" in said.of("offsets").theirs
    assert "no constants are fitted" in said.of("offsets").theirs
    path.write_text("[BISPECTRUM]\nrcutfac = 4\ntype = Na\n")
    with pytest.raises(ExchangeError, match="expected `twojmax`"):
        explain(path)
    path.write_text("[BISPECTRUM]\ntwojmax = 4\nrcutfac = far\ntype = Na\n")
    with pytest.raises(ExchangeError, match=r"other\.in, \[BISPECTRUM\]"):
        explain(path)
    path.write_text("[BISPECTRUM\ntwojmax")
    with pytest.raises(ExchangeError, match="pair_style"):
        explain(path)


def test_networks(tmp_path) -> None:
    (tmp_path / "input.nn").write_text(INPUT_NN)
    said = explain(tmp_path)
    assert numbers(said.of("cutoff").ours) == pytest.approx([12 * units.Bohr], rel=1e-5)
    assert numbers(said.of("eta").ours)[0] == pytest.approx(0.001 / units.Bohr**2, rel=1e-5)
    assert numbers(said.of("units").ours)[:2] == pytest.approx([units.Hartree, units.Hartree / units.Bohr])
    assert np.tanh(1.0) ** 3 == pytest.approx(numbers(said.of("cutoff function").ours.replace(";", " "))[1], abs=1e-3)
    assert said.of("order").verdict == "converted"
    assert said.of("scaling").theirs == "S₋ + (S₊ − S₋)(G − mean)/(max − min) with S from -1.0 to 1.0"
    assert said.of("centred and scaled").verdict == "differs"
    assert {"normalisation", "normalize_nodes"} <= {finding.topic for finding in said}
    angstrom = explain(tmp_path / "input.nn", unit="Å")
    assert angstrom.of("cutoff") == Finding("cutoff", "12 Å", "12 Å", "same")
    (tmp_path / "input.nn").write_text(INPUT_NN.replace("t l", "c l") + "use_electrostatics\n")
    topics = {finding.topic for finding in explain(tmp_path).differing}
    assert topics == {"activation", "use_electrostatics", "centred and scaled", "factors of LAMMPS"}


def test_quip() -> None:
    said = explain(HERE / "gap_fit" / "sum.xml")
    assert said.of("offsets").theirs == "e0: Na -1 eV, Cl -2 eV, added for each atom"
    assert said.of("cutoff").theirs == "weights fall by a cosine from 3.5 to 4 Å"
    assert said.of("count of triplets").verdict == said.of("delta").verdict == "converted"
    command = explain(COMMAND)
    assert command.of("cutoff") == said.of("cutoff")
    assert command.of("default_sigma").ours.startswith("energy_sigma=0.01, force_sigma=0.1, virial_sigma=0.05")
    assert command.of("delta of distance_2b").ours == "delta=2.0"
    assert command.of("theta of distance_2b").verdict == "same"
    assert command.of("theta of angle_3b").verdict == "differs"
    assert command.of("offsets").theirs == "e0 Na:-1.0:Cl:-2.0"
    alone = explain("soap cutoff=4.0 n_max=4 l_max=3 atom_sigma=0.5 species_Z={6 14}")
    assert alone.of("atom_sigma") == command.of("atom_sigma")
    with pytest.raises(ExchangeError, match="`radial_basis`: expected EQUISPACED_GAUSS"):
        explain("soap cutoff=4.0 n_max=4 l_max=3 atom_sigma=0.5 radial_basis=POLY")
    with pytest.raises(ExchangeError, match="expected soap, distance_2b or angle_3b, got 'soap_turbo'"):
        explain("soap_turbo cutoff=4.0")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, SOAP(("Si",), 5.0, 3, 2, 1.0, "none")),
        ({"sigma": 0.4, "rbf": "polynomial"}, SOAP(("Si",), 5.0, 3, 2, 0.4, "none", radial_basis="polynomial")),
        (
            {"weighting": {"function": "pow", "c": 2, "d": 0.5, "m": 3, "r0": 4, "w0": 0.5}},
            SOAP(
                ("Si",),
                5.0,
                3,
                2,
                1.0,
                "none",
                weighting="pow",
                weighting_scale=2.0,
                weighting_offset=0.5,
                weighting_power=3.0,
                weighting_radius=4.0,
                central_weight=0.5,
            ),
        ),
        ({"compression": {"mode": "mu2"}}, SOAP(("Si",), 5.0, 3, 2, 1.0, "none", compression="mu2")),
        ({"average": "inner"}, AverageSOAP(("Si",), 5.0, 3, 2, 1.0, "none", average="inner")),
    ],
)
def test_dscribe(more, expected) -> None:
    said = explain({"species": ["Si"], "r_cut": 5.0, "n_max": 3, "l_max": 2, "periodic": True, **more})
    ours = said.of("descriptor").ours.split(" has the same")[0]
    assert eval(ours, {"SOAP": SOAP, "AverageSOAP": AverageSOAP}) == expected  # noqa: S307 - our own text
    assert said.of("cutoff").verdict == said.of("periodicity").verdict == "differs"


def test_dscribe_itself() -> None:
    """What is said of it, against the package."""
    dscribe = pytest.importorskip("dscribe.descriptors", reason="needs the package dscribe, an extra of developers")
    from ase.build import bulk

    given = {"species": ["Si"], "r_cut": 4.0, "n_max": 3, "l_max": 2, "sigma": 0.6, "periodic": True}
    ours = explain(given).of("descriptor").ours.split(" has the same")[0]
    atoms = bulk("Si")
    theirs = dscribe.SOAP(**given).create(atoms)
    found = eval(ours, {"SOAP": SOAP}).compute(atoms).values  # noqa: S307 - our own text
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-8 * np.abs(theirs).max())


def test_how_it_is_shown() -> None:
    said = explain({"species": ["Si"], "r_cut": 5.0, "n_max": 3, "l_max": 2})
    lines = str(said).splitlines()
    assert lines[0] == "SOAP of DScribe"
    assert len(lines) == 1 + 3 * len(said)
    assert str(said.of("sigma")).splitlines()[0] == "sigma: same"
    with pytest.raises(KeyError, match="no finding of 'colour'; there are descriptor, cutoff"):
        said.of("colour")
    assert all(finding.verdict in ("same", "converted", "differs") for finding in said)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("no.xml", FileNotFoundError, r"there is no file no\.xml; known are"),
        ({"r_cut": 5.0}, ExchangeError, "expected `species`"),
        ({"cutoff": 5.0}, ExchangeError, "expected arguments of DScribe's SOAP"),
        ({"species": ["Si"], "r_cut": 5.0, "n_max": 3, "l_max": 99}, ExchangeError, "SOAP: `l_max`"),
    ],
)
def test_what_is_not_known(source, error, message) -> None:
    with pytest.raises(error, match=message):
        explain(source)


def test_other_files(tmp_path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing")
    with pytest.raises(ExchangeError, match=r"expected a \.snapparam, .* got notes\.txt"):
        explain(path)
    stored = json.loads((HERE / "lammps_values.json").read_text())["snap"]["two elements"]["files"]
    for name, text in stored.items():
        (tmp_path / name).write_text(text)
    assert explain(tmp_path / "potential.snap").of("repulsion").verdict == "same"
