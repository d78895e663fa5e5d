"""SOAP against DScribe's, value by value, in every option that both have."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from potscope.core.descriptors import SOAP, AverageSOAP

from systems import SYSTEMS, species_of

dscribe = pytest.importorskip("dscribe.descriptors", reason="DScribe is not installed (it comes with the extra `dev`)")

# DScribe refuses cells without a volume, so the wire is not for it
KNOWN_TO_BOTH = [name for name, atoms in SYSTEMS.items() if not atoms.pbc.any() or atoms.cell.rank == 3]
BASIS = {"cutoff": 4.0, "n_max": 5, "l_max": 4, "sigma": 0.4}
WEIGHTINGS = {
    "poly": {"c": 1.3, "m": 2.5, "r0": 4.5},
    "pow": {"c": 1.2, "d": 0.8, "m": 3.0, "r0": 2.5},
    "exp": {"c": 0.7, "d": 0.4, "r0": 2.0},
}
OURS = {"c": "weighting_scale", "d": "weighting_offset", "m": "weighting_power", "r0": "weighting_radius"}


def theirs(atoms: Atoms, species: list[str], basis: dict[str, float], **options: object) -> np.ndarray:
    peer = dscribe.SOAP(
        species=species,
        r_cut=basis["cutoff"],
        n_max=basis["n_max"],
        l_max=basis["l_max"],
        sigma=basis["sigma"],
        periodic=bool(atoms.pbc.any()),
        **{"rbf": "gto", **options},
    )
    return peer.create(atoms, centers=list(range(len(atoms))))


def largest_deviation(ours: np.ndarray, peer: np.ndarray) -> float:
    assert ours.size == peer.size
    return float(np.abs(ours - peer.reshape(ours.shape)).max() / np.abs(peer).max())


@pytest.mark.parametrize("name", KNOWN_TO_BOTH)
@pytest.mark.parametrize(("cutoff", "n_max", "l_max", "sigma"), [(5.0, 8, 6, 0.5), (3.5, 4, 9, 0.3), (6.0, 3, 2, 1.0)])
def test_values_are_those_of_dscribe(name, cutoff, n_max, l_max, sigma) -> None:
    atoms = SYSTEMS[name]
    basis = {"cutoff": cutoff, "n_max": n_max, "l_max": l_max, "sigma": sigma}
    ours = SOAP(species=species_of(atoms), **basis, smoothing="none").compute(atoms).values
    assert largest_deviation(ours, theirs(atoms, species_of(atoms), basis)) < 1e-9


@pytest.mark.parametrize("name", ["zincblende", "ethanol", "isolated atom"])
@pytest.mark.parametrize("mode", ["mu1nu1", "mu2", "crossover"])
def test_compressions_are_those_of_dscribe(name, mode) -> None:
    atoms = SYSTEMS[name]
    species = species_of(atoms)
    ours = SOAP(species=species, **BASIS, smoothing="none", compression=mode).compute(atoms).values
    assert largest_deviation(ours, theirs(atoms, species, BASIS, compression={"mode": mode})) < 1e-9


@pytest.mark.parametrize("name", ["zincblende", "ethanol"])
@pytest.mark.parametrize("function", WEIGHTINGS)
@pytest.mark.parametrize("w0", [1.0, 0.0, 2.3])
def test_weightings_are_those_of_dscribe(name, function, w0) -> None:
    atoms, parameters = SYSTEMS[name], WEIGHTINGS[function]
    chosen = {OURS[key]: value for key, value in parameters.items()}
    ours = SOAP(
        species=species_of(atoms), **BASIS, smoothing="none", weighting=function, central_weight=w0, **chosen
    ).compute(atoms)
    peer = theirs(atoms, species_of(atoms), BASIS, weighting={"function": function, "w0": w0, **parameters})
    assert largest_deviation(ours.values, peer) < 1e-9


@pytest.mark.parametrize("name", ["zincblende", "ethanol", "slab"])
@pytest.mark.parametrize("average", ["inner", "outer"])
@pytest.mark.parametrize("mode", ["off", "mu2"])
def test_averages_are_those_of_dscribe(name, average, mode) -> None:
    atoms = SYSTEMS[name]
    species = species_of(atoms)
    options = {"smoothing": "none", "average": average, "compression": mode}
    ours = AverageSOAP(species=species, **BASIS, **options).compute(atoms).values
    assert largest_deviation(ours, theirs(atoms, species, BASIS, average=average, compression={"mode": mode})) < 1e-9


# DScribe orthonormalises polynomials in double precision, which loses digits with every further function
@pytest.mark.parametrize(("n_max", "tolerance"), [(1, 1e-10), (3, 1e-9), (5, 1e-8), (8, 1e-4)])
@pytest.mark.parametrize("name", ["zincblende", "ethanol"])
def test_polynomial_basis_is_that_of_dscribe_as_far_as_its_digits_go(name, n_max, tolerance) -> None:
    atoms = SYSTEMS[name]
    basis = {**BASIS, "n_max": n_max, "sigma": 0.5}
    ours = SOAP(species=species_of(atoms), **basis, smoothing="none", radial_basis="polynomial").compute(atoms).values
    assert largest_deviation(ours, theirs(atoms, species_of(atoms), basis, rbf="polynomial")) < tolerance
