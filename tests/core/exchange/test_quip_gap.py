"""QuipSOAP and Gaussian processes against QUIP: its values of ours, and our values of what gap_fit made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_numbers

from potscope.core import load
from potscope.core.descriptors import SOAP, QuipSOAP, TwoBody
from potscope.core.exchange import ExchangeError, read_quip_gap, write_quip_gap
from potscope.core.exchange.quip_arguments import few_body_of, soap_arguments, soap_of, split_arguments
from potscope.core.exchange.quip_xml import Coordinates, QuipXML, write_xml
from potscope.core.kernels import PolynomialKernel
from potscope.core.models import GAP, SNAP, NotFitted, Term

from exchanged import GAPS, SOAPS, case, crystal, deviations, gap, structures, unsure_of_nothing
from peers import peers_python, run_peer

HERE = Path(__file__).resolve().parent
STORED = json.loads((HERE / "quippy_values.json").read_text())
GAP_FIT = json.loads((HERE / "gap_fit" / "values.json").read_text())
SALT = ("Na", "Cl")


def by_elements(soap: QuipSOAP, atoms) -> list[np.ndarray]:
    """Values of the atoms of each element, lowest atomic number first, as QUIP gives them."""
    values_nf = soap.compute(atoms).values
    return [values_nf[atoms.numbers == z] for z in sorted(set(atoms.numbers.tolist()))]


def check_soap(soap: QuipSOAP, atoms, theirs: list[list[list[float]]]) -> None:
    for own_nf, other in zip(by_elements(soap, atoms), theirs, strict=True):
        expected = np.array(other)
        assert own_nf.shape == expected[:, :-1].shape
        assert np.abs(own_nf - expected[:, :-1]).max() < 1e-8 * np.abs(expected).max()
        np.testing.assert_array_equal(expected[:, -1], 0)


@pytest.mark.parametrize("name", SOAPS)
def test_soap_is_quips(name) -> None:
    soap = QuipSOAP(**SOAPS[name])
    check_soap(soap, crystal(soap.species), STORED["soap"][name])


@pytest.mark.parametrize("name", GAPS)
def test_what_quip_computed_of_the_files(name) -> None:
    potential = gap(name)
    found = deviations(potential.predict(structures(potential.descriptor.species)), STORED["gap"][name])
    assert max(found.values()) < 1e-6, found


@pytest.mark.parametrize("name", GAP_FIT)
def test_what_gap_fit_made(name) -> None:
    potential = read_quip_gap(HERE / "gap_fit" / f"{name}.xml")
    found = deviations(potential.predict(structures(SALT, seed=20)), GAP_FIT[name])
    assert max(found.values()) < 1e-6, found
    assert potential.offsets_.tolist() == [-1.0, -2.0]


@pytest.mark.parametrize("name", GAPS)
def test_read_again_it_is_the_same_potential(name, tmp_path) -> None:
    potential = gap(name)
    again = read_quip_gap(write_quip_gap(potential, tmp_path / "new" / "it.xml")[0])
    reloaded = load(again.save(tmp_path / "it.potscope"))
    atoms = structures(potential.descriptor.species, seed=7)
    ours = potential.predict(atoms)
    for other in (again, reloaded):
        theirs = other.predict(atoms)
        np.testing.assert_allclose(theirs.energies, ours.energies, rtol=0, atol=1e-10)
        np.testing.assert_allclose(theirs.forces[0], ours.forces[0], rtol=0, atol=1e-9)
        unsure_of_nothing(other, atoms[0])
    assert again.descriptor == potential.descriptor


def test_quip_that_is_installed_agrees(tmp_path) -> None:
    peers_python("quippy")
    cases, ours = [], []
    for place, name in enumerate(GAPS):
        potential = gap(name)
        atoms = structures(potential.descriptor.species, seed=40 + place)
        path = write_quip_gap(potential, tmp_path / f"{place}.xml")[0]
        cases += [case(one, potential=str(path)) for one in atoms]
        ours.append(potential.predict(atoms))
    for name in GAP_FIT:
        path = HERE / "gap_fit" / f"{name}.xml"
        cases += [case(one, potential=str(path)) for one in structures(SALT, seed=60)]
        ours.append(read_quip_gap(path).predict(structures(SALT, seed=60)))
    soaps = [QuipSOAP(**settings) for settings in SOAPS.values()]
    for soap in soaps:
        for symbol in sorted(soap.species, key=atomic_numbers.__getitem__):
            plain = soap_arguments(soap, symbol).replace("normalise=T", "normalise=F")
            cases.append(case(crystal(soap.species, seed=80), descriptor=plain))
    values = run_peer(HERE / "run_quippy.py", "quippy", cases, tmp_path)
    for place, prediction in enumerate(ours):
        found = deviations(prediction, values[2 * place : 2 * place + 2])
        assert max(found.values()) < 1e-6, (place, found)
    done = 2 * len(ours)
    for soap in soaps:
        check_soap(soap, crystal(soap.species, seed=80), values[done : done + len(soap.species)])
        done += len(soap.species)


def test_arguments_as_gap_fit_writes_them() -> None:
    kind, arguments = split_arguments(
        " soap cutoff=4.0 n_max=4 l_max=3 atom_sigma=0.5 zeta=4 n_species=2 Z=6 species_Z={{6 14 }} Z_map={} f0 = 0.0"
    )
    assert (kind, arguments["species_Z"], arguments["Z_map"], arguments["f0"]) == ("soap", "6 14", "", "0.0")
    soap = soap_of(arguments)
    assert soap == QuipSOAP(("C", "Si"), 4.0, 0.5, 4, 3)
    assert soap_of(split_arguments(soap_arguments(soap, "C"))[1]) == soap
    pair, elements = few_body_of("distance_2b", {"cutoff": "4.0d0", "Z1": "14", "Z2": "6"})
    assert (pair, elements) == (TwoBody(("C", "Si"), 4.0, 0.5), ("Si", "C"))


def test_different_variances_and_kinds_without_points(tmp_path) -> None:
    potential = gap("environments of two elements")
    path = write_quip_gap(potential, tmp_path / "it.xml")[0]
    text = path.read_text()
    first = text.index('signal_variance="3.0"')
    path.write_text(text[:first] + 'signal_variance="6.0"' + text[first + len('signal_variance="3.0"') :])
    atoms = crystal(SALT)
    species_n = potential.descriptor.species_of(atoms.numbers)
    ours = potential.predict(atoms).local_energies[0] - potential.offsets_[species_n]
    theirs = read_quip_gap(path).predict(atoms).local_energies[0] - potential.offsets_[species_n]
    np.testing.assert_allclose(theirs, np.where(species_n == 0, 4.0, 1.0) * ours, atol=1e-9)


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_other_descriptors_and_models_are_refused(tmp_path) -> None:
    with pytest.raises(NotFitted):
        write_quip_gap(GAP(QuipSOAP(SALT)), tmp_path / "it.xml")
    with pytest.raises(ExchangeError, match="expected a GAP, got SNAP"):
        write_quip_gap(SNAP(QuipSOAP(SALT)), tmp_path / "it.xml")
    soap = SOAP(("Si",), n_max=2, l_max=1)
    term = Term(soap, PolynomialKernel(2.0))
    potential = GAP.from_sparse_points([term], [{"Si": np.ones((1, len(soap.names)))}], [{"Si": [1.0]}])
    with pytest.raises(ExchangeError, match="not SOAP with PolynomialKernel"):
        write_quip_gap(potential, tmp_path / "it.xml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<GAP_data", "<GAP_data", "is not the file that"),
        ("GAP_params", "GAP_other", "expected one GAP_params, got 0"),
        ("</GAP_params>", "", "no XML"),
        ('do_core="F"', 'do_core="T"', "a core potential"),
        ('covariance_type="2"', 'covariance_type="3"', r"expected a covariance_type of 1 \(ard_se\)"),
        ('covariance_type="2"', 'covariance_type="1"', "not soap with ard_se"),
        ('signal_mean="0.0"', 'signal_mean="1.0"', "f0"),
        ('n_sparseX="', 'n_sparseX="1', "expected 1"),
        ('alpha="', 'alpha="x', "expected a number for `alpha`"),
        ('zeta="4.0"', 'zeta="0.5"', "`zeta`: expected"),
        ("soap n_max=3", "soap n_max=4", "expected sparse points of 145 numbers"),
        ("soap n_max=3", "soap", "`n_max`: expected a number, got none"),
        ("soap n_max", "soap_turbo n_max", "not soap_turbo with dot_product"),
        ("normalise=T", "normalise=F", "`normalise`: expected T"),
        ("normalise=T", "radial_basis=POLY", "`radial_basis`: expected EQUISPACED_GAUSS"),
        ("all_species=F", "all_species=T", "`central_reference_all_species`: expected F"),
        ("species_Z={11 17}", "", "`species_Z`: expected atomic numbers"),
        ("n_Z=1 Z=11", "n_Z=1 Z=14", "`Z`: expected one element of Na, Cl, got Si"),
        ("n_Z=1 Z=11", "n_Z=1 Z=17", "one gpCoordinates for each kind"),
        ("cutoff=4.2", "cutoff=far", "`cutoff`: expected a number, got 'far'"),
        ("cutoff=4.2", "cutoff=400", "soap: `cutoff`: expected"),
    ],
)
def test_damaged_files_are_refused(tmp_path, old, new, message) -> None:
    path, sparse, _ = write_quip_gap(gap("environments of two elements"), tmp_path / "it.xml")
    text = path.read_text()
    assert old in text
    if old == new:
        sparse.write_text(sparse.read_text().replace("1", "2"))
    path.write_text(text.replace(old, new))
    with pytest.raises(ExchangeError, match=message):
        read_quip_gap(path)


def test_missing_and_empty_files(tmp_path) -> None:
    path, sparse, _ = write_quip_gap(gap("environments of two elements"), tmp_path / "it.xml")
    sparse.unlink()
    with pytest.raises(FileNotFoundError, match="names the sparse points"):
        read_quip_gap(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_quip_gap(tmp_path / "no.xml")
    empty = write_xml(tmp_path / "empty.xml", QuipXML({"Si": 1.0}))[0]
    with pytest.raises(ExchangeError, match="at least one gpCoordinates with sparse points"):
        read_quip_gap(empty)


def test_a_soap_of_fewer_elements_than_the_potential_is_refused(tmp_path) -> None:
    silicon = gap("environments")
    path = write_quip_gap(silicon, tmp_path / "it.xml")[0]
    text = path.read_text()
    pair = Coordinates(
        "distance_2b cutoff=4.0 Z1=14 Z2=6", "ard_se", 1.0, np.ones((1, 1)), np.ones(1), {"theta": (1.0,)}
    )
    other = write_xml(tmp_path / "other.xml", QuipXML({}, [pair]))[0].read_text()
    block = other[other.index("<gpCoordinates") : other.index("</gpSparse>")]
    path.write_text(text.replace("</gpSparse>", block + "</gpSparse>"))
    with pytest.raises(ExchangeError, match="a soap of Si alone in a potential that knows C"):
        read_quip_gap(path)


def test_a_basis_too_dense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`n_max`: 16 Gaussians .* too alike"):
        QuipSOAP(("Si",), cutoff=2.0, n_max=16, atom_sigma=2.0, basis_error_exponent=0.0)
    with pytest.raises(ValueError, match="`cutoff_transition_width`: expected at most the cutoff"):
        QuipSOAP(("Si",), cutoff=2.0, cutoff_transition_width=3.0)
