"""SOAP by itself: its bases, options and averages against plain calculations, and its registers' borders."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from potscope.core import compiled
from potscope.core.descriptors import SOAP, AverageSOAP
from potscope.core.radial import polynomial_density, polynomial_orthonormalisation
from potscope.core.weighting import WEIGHTING_FUNCTIONS, weighting_function, weighting_parameters

from systems import SYSTEMS, derivative, species_of

ETHANOL = SYSTEMS["ethanol"]
SMALL = {"species": species_of(ETHANOL), "cutoff": 4.0, "n_max": 3, "l_max": 2}


def blocks(values_nf: np.ndarray, n_max: int, l_max: int) -> np.ndarray:
    """The blocks of one l and all n, n' of a vector that has no symmetric ones."""
    return values_nf.reshape(len(values_nf), -1, l_max + 1, n_max, n_max)


@pytest.mark.parametrize("n_max", [1, 4, 9, 16])
def test_polynomials_are_orthonormal(n_max) -> None:
    cutoff = 4.5
    beta = polynomial_orthonormalisation(n_max, cutoff)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    r, w = 0.5 * cutoff * (nodes + 1), 0.5 * cutoff * weights
    g = beta @ (cutoff - r) ** np.arange(3, n_max + 3)[:, None]
    overlap = (g * w * r**2) @ g.T
    # sums of large terms of both signs: digits go with every function
    np.testing.assert_allclose(overlap, np.eye(n_max), atol=10.0 ** (n_max / 1.3 - 13))


def test_polynomial_density_is_the_integral_with_its_derivatives() -> None:
    n_max, l_max, cutoff, sigma, R = 3, 2, 4.0, 0.5, 1.7
    a = 1 / (2 * sigma**2)
    arguments = {"n_max": n_max, "l_max": l_max, "cutoff": cutoff, "sigma": sigma}
    value = polynomial_density(np.array([R]), **arguments)[0][0]
    beta = polynomial_orthonormalisation(n_max, cutoff)
    cosines, weights = np.polynomial.legendre.leggauss(60)
    for l in range(l_max + 1):
        P_l = np.polynomial.legendre.Legendre.basis(l)(cosines)
        for n in range(n_max):

            def integrand(r, l=l, n=n, P_l=P_l) -> float:
                shell = 2 * np.pi * (weights * P_l * np.exp(-a * (r**2 + R**2 - 2 * r * R * cosines))).sum()
                return float(r**2 * (beta[n] * (cutoff - r) ** np.arange(3, n_max + 3)).sum() * shell)

            assert quad(integrand, 0, cutoff, limit=200)[0] == pytest.approx(value[l, n], rel=1e-7)

    for r in (1e-3, R, 3.9):

        def at(step, order, r=r) -> np.ndarray:
            return polynomial_density(np.array([r + step]), **arguments)[order][0]

        for order in (0, 1):
            np.testing.assert_allclose(derivative(lambda h, o=order: at(h, o)), at(0.0, order + 1), atol=1e-8)


@pytest.mark.parametrize("name", WEIGHTING_FUNCTIONS)
def test_weightings_have_their_derivatives(name) -> None:
    parameters = weighting_parameters(name, 1.3, 0.7, 2.5, 3.0)
    for r in (0.2, 1.4, 2.9, 3.7):
        value, slope = weighting_function(parameters, r)
        assert slope == pytest.approx(derivative(lambda h, r=r: weighting_function(parameters, r + h)[0]), abs=1e-8)
        assert value >= 0.0


def test_compressions_are_sums_over_the_species() -> None:
    """Of all pairs of species written out, by a density in which a species counts alone."""
    n_max, l_max = SMALL["n_max"], SMALL["l_max"]
    sums = blocks(SOAP(**SMALL, compression="mu1nu1").compute(ETHANOL).values, n_max, l_max).sum(axis=1)
    upper = np.triu_indices(n_max)
    both = SOAP(**SMALL, compression="mu2").compute(ETHANOL).values.reshape(len(ETHANOL), l_max + 1, -1)
    np.testing.assert_allclose(sums[:, :, upper[0], upper[1]], both, rtol=1e-12, atol=1e-12)
    every = SOAP(**SMALL)
    chosen = [k for k, name in enumerate(every.names) if name.split()[0] == name.split()[1]]
    alone = SOAP(**SMALL, compression="crossover")
    np.testing.assert_array_equal(alone.compute(ETHANOL).values, every.compute(ETHANOL).values[:, chosen])
    assert alone.names == tuple(every.names[k] for k in chosen)


def test_averages_are_averages() -> None:
    structures = [ETHANOL, SYSTEMS["water"]]
    rows = SOAP(**SMALL).compute(structures).values
    outer = AverageSOAP(**SMALL).compute(structures).values
    np.testing.assert_allclose(outer, [rows[:9].mean(axis=0), rows[9:].mean(axis=0)], rtol=1e-12)
    one = SYSTEMS["one-atom cell"]
    soap = SOAP(species=["Si"]).compute(one).values
    inner = AverageSOAP(species=["Si"], average="inner").compute(one).values
    np.testing.assert_allclose(inner, soap, rtol=1e-12, atol=1e-12)
    turned = ETHANOL.copy()
    turned.rotate(70, (1, 2, 3))
    apart = turned.copy()
    apart.positions += 50.0
    # two molecules turned against each other: the outer average does not see it, the inner does
    together, against = ETHANOL.copy(), ETHANOL.copy()
    shifted = ETHANOL.copy()
    shifted.positions += 50.0
    together += shifted
    against += apart
    for average, seen in (("outer", False), ("inner", True)):
        descriptor = AverageSOAP(**SMALL, average=average)
        change = np.abs(descriptor.compute(together).values - descriptor.compute(against).values).max()
        assert (change > 1e-3) == seen


@pytest.mark.parametrize("average", ["outer", "inner"])
def test_a_structure_without_atoms_averages_to_zero(average) -> None:
    features = AverageSOAP(**SMALL, average=average).compute([ETHANOL, ETHANOL[:0], ETHANOL])
    np.testing.assert_array_equal(features.values[1], 0.0)
    np.testing.assert_allclose(features.values[2], features.values[0], rtol=1e-12)
    assert np.isfinite(features.pull_back(np.ones_like(features.values)).forces).all()


@pytest.mark.parametrize("n_max", [1, 7, 8, 9, 11])
@pytest.mark.parametrize("compression", ["off", "mu1nu1"])
def test_no_number_of_radial_functions_is_special(n_max, compression) -> None:
    """Registers hold eight; values, pull-back and Jacobian agree with more and with fewer."""
    atoms = SYSTEMS["zincblende"]
    soap = SOAP(species=["Si", "C"], cutoff=6.0, n_max=n_max, l_max=3, compression=compression)
    features = soap.compute(atoms)
    assert np.isfinite(features.values).all()
    weight = np.random.default_rng(0).normal(size=features.values.shape)
    by_jacobian = np.einsum("pcf,pf->pc", features.jacobian(), weight[features.row_p])
    np.testing.assert_allclose(by_jacobian, features.pair_gradient(weight), atol=1e-10 * np.abs(by_jacobian).max())

    def energy(step: float) -> float:
        moved = atoms.copy()
        moved.positions[3, 1] += step
        return float((soap.compute(moved).values * weight).sum())

    force = features.pull_back(weight).forces[3, 1]
    assert -derivative(energy) == pytest.approx(force, abs=1e-6 * (1 + abs(force)))


def test_changing_a_hyperparameter_compiles_nothing() -> None:
    SOAP(species=["Si"]).compute(SYSTEMS["diamond"])
    heard: list[str] = []
    with compiled.announced(heard.append):
        for chosen in (
            {"n_max": 3},
            {"l_max": 2},
            {"cutoff": 4.0},
            {"species": ["C", "Si"]},
            {"radial_basis": "polynomial"},
            {"compression": "mu2"},
            {"weighting": "pow"},
            {"smoothing": "poly3"},
        ):
            SOAP(**{"species": ["Si"], **chosen}).compute(SYSTEMS["diamond"])
    assert heard == []


def test_settings_written_before_the_options_were_there_still_mean_the_same() -> None:
    old = {
        "species": ("Si",),
        "cutoff": 5.0,
        "n_max": 8,
        "l_max": 6,
        "sigma": 0.5,
        "smoothing": "cosine",
        "smoothing_width": 1.0,
    }
    assert SOAP(**old) == SOAP(species=["Si"])
