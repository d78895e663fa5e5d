"""Potentials made of what is known of them: coefficients, sparse points, networks; and what they cannot tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from potscope.core import Dataset, load
from potscope.core.active_learning import MEASURES
from potscope.core.comparison import compare
from potscope.core.descriptors import ACSF, SOAP, Bispectrum, ThreeBody, TwoBody
from potscope.core.kernels import PolynomialKernel, SquaredExponential
from potscope.core.models import GAP, REGISTRY, SNAP, Delta, NeuralNetwork, Repulsion, Term
from potscope.core.models.feature_scaling import FeatureScaling
from potscope.core.models.network import Network
from potscope.core.pairs import Pairs
from potscope.core.zbl import ZBL

from exchanged import structures, unsure_of_nothing

SALT = ("Na", "Cl")
BISPECTRUM = Bispectrum(SALT, twojmax=2, rcutfac=4.0)
PAIRS = Term(TwoBody(SALT, cutoff=4.0), SquaredExponential((0.8,)), relative_lengths=False, delta=0.5)
WIDTH = len(BISPECTRUM.names)
FUNCTIONS = ACSF.generated(SALT, cutoff=4.0, n_radial=2, zetas=())


def data() -> Dataset:
    rng = np.random.default_rng(4)
    found = [atoms for seed in range(3) for atoms in structures(SALT, seed)]
    for atoms in found:
        atoms.info["REF_energy"] = float(rng.normal())
        atoms.arrays["REF_forces"] = rng.normal(size=(len(atoms), 3))
    return Dataset.from_structures(found)


def networks(rng: np.random.Generator, members: int = 1) -> list[list[Network]]:
    n = len(FUNCTIONS.names)
    return [
        [Network.from_weights([rng.normal(size=(n, 3)), rng.normal(size=(3, 1))], [np.ones(3), [0.2]], "tanh")] * 2
        for _ in range(members)
    ]


def scaling() -> FeatureScaling:
    return FeatureScaling.given(np.zeros((2, len(FUNCTIONS.names))), np.full((2, len(FUNCTIONS.names)), 2.0))


KNOWN = {
    "SNAP": lambda rng: SNAP.from_coefficients(BISPECTRUM, rng.normal(size=(2, 1 + WIDTH)), [1.0, 2.0], ZBL(1.0, 2.0)),
    "GAP": lambda rng: GAP.from_sparse_points(
        [PAIRS], [{"Na Cl": rng.uniform(2, 4, (3, 1))}], [{"Na Cl": rng.normal(size=3)}], [1.0, 2.0]
    ),
    "NeuralNetwork": lambda rng: NeuralNetwork.from_networks(FUNCTIONS, networks(rng), scaling(), [1.0, 2.0]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_not_known_is_said_everywhere(name, tmp_path) -> None:
    potential, train = KNOWN[name](np.random.default_rng(0)), data()
    atoms = train.structures[0]
    again = load(potential.save(tmp_path / "it.potscope"))
    for one in (potential, again):
        assert one.fitted
        unsure_of_nothing(one, atoms)
        assert not any(measure.known_to(one) for measure in MEASURES.values())
        np.testing.assert_allclose(one.predict(atoms).energies, potential.predict(atoms).energies, rtol=0, atol=1e-12)
    assert REGISTRY[name].has_energy_std
    (row,) = compare({name: again}, train, train[:2], as_they_are=[name]).rows
    assert row.error == ""
    assert row.calibrations == {}


@pytest.mark.parametrize("name", ["SNAP", "GAP"])
def test_a_fit_makes_deviations_known(name) -> None:
    potential = replace(KNOWN[name](np.random.default_rng(0)))
    if name == "GAP":
        potential = replace(potential, n_sparse=4)
    potential.fit(data())
    assert potential.has_energy_std
    assert potential.has_atom_std
    assert potential.predict(data().structures[0]).energy_std is not None


def test_one_network_has_no_deviation_and_a_correction_none_that_its_own_has_not() -> None:
    small = NeuralNetwork(FUNCTIONS, hidden=(2,), members=1, epochs=1)
    difference = Delta(base=Repulsion(), correction=small).fit(data())
    for one in (difference.correction_, difference):
        assert not one.has_energy_std
        assert not one.has_atom_std
    several = replace(small, members=2).fit(data())
    assert several.has_energy_std
    assert several.predict(data().structures[0]).energy_std is not None


# -- the numbers -------------------------------------------------------------------------------------------------------


def test_coefficients_are_those_of_a_snapcoeff_file() -> None:
    potential = KNOWN["SNAP"](np.random.default_rng(0))
    plain = np.random.default_rng(0).normal(size=(2, 1 + WIDTH))
    np.testing.assert_array_equal(potential.coefficients_, plain + np.pad([[1.0], [2.0]], ((0, 0), (0, WIDTH))))
    assert potential.repulsion == ZBL(1.0, 2.0)
    atoms = structures(SALT)[1]
    values_nf, species_n = BISPECTRUM.compute(atoms).values, BISPECTRUM.species_of(atoms.numbers)
    expected_n = potential.coefficients_[species_n, 0] + (potential.coefficients_[species_n, 1:] * values_nf).sum(
        axis=1
    )
    unrepelled = SNAP.from_coefficients(BISPECTRUM, plain, [1.0, 2.0]).predict(atoms)
    np.testing.assert_allclose(unrepelled.local_energies[0], expected_n, rtol=1e-12)


def test_energies_of_sparse_points_are_sums_of_kernels() -> None:
    points, weights = {"Na Cl": [[2.5], [3.0]], "Cl Cl": [[3.3]]}, {"Na Cl": [1.5, -0.5], "Cl Cl": [2.0]}
    potential = GAP.from_sparse_points([PAIRS], [points], [weights], [1.0, 2.0])
    atoms = structures(SALT)[1]
    groups = PAIRS.descriptor.compute_pairs(Pairs.from_structures(atoms, PAIRS.descriptor.reach))
    expected = 3 * 1.0 + 2 * 2.0
    for x, weight, kind in zip(groups.values_rf[:, 0], groups.weight_r, groups.kind_r, strict=True):
        name = PAIRS.descriptor.kinds[kind]
        for (q,), c in zip(points.get(name, ()), weights.get(name, ()), strict=True):
            expected += 0.25 * weight * c * np.exp(-0.5 * ((x - q) / 0.8) ** 2)
    assert potential.predict(atoms).energies[0] == pytest.approx(expected, rel=1e-12)


def test_sparse_terms_are_what_makes_it_again() -> None:
    terms = [Term(TwoBody(SALT, 4.0), delta=0.3, n_sparse=5), Term(ThreeBody(SALT, 3.4), n_sparse=6)]
    fitted = GAP(SOAP(SALT, cutoff=4.0, n_max=2, l_max=1), n_sparse=6, terms=terms).fit(data())
    known, points, weights = zip(*fitted.sparse_terms, strict=True)
    again = GAP.from_sparse_points(known, points, weights, fitted.offsets_)
    for atoms in structures(SALT, 7):
        ours, theirs = fitted.predict(atoms), again.predict(atoms)
        np.testing.assert_allclose(theirs.energies, ours.energies, rtol=0, atol=1e-9)
        np.testing.assert_allclose(theirs.forces[0], ours.forces[0], rtol=0, atol=1e-9)
    assert [term.descriptor for term in again.all_terms] == [term.descriptor for term in fitted.all_terms]


def test_networks_say_their_shape() -> None:
    potential = KNOWN["NeuralNetwork"](np.random.default_rng(0))
    assert (potential.hidden, potential.activation, potential.members) == ((3.0,), "tanh", 1)
    atoms = structures(SALT)[0]
    assert len(potential.out_of_range(atoms)) == 0
    x_nf = 2 * FUNCTIONS.compute(atoms).values
    species_n = FUNCTIONS.species_of(atoms.numbers)
    network = potential.networks_[0][0]
    expected_n = network.energies(x_nf) + np.array([1.0, 2.0])[species_n]
    np.testing.assert_allclose(potential.predict(atoms).local_energies[0], expected_n, rtol=1e-12)


def test_a_range_that_is_known_on_one_side() -> None:
    shape = (2, len(FUNCTIONS.names))
    half = FeatureScaling.given(np.zeros(shape), np.ones(shape), minimum=1e6)
    rng = np.random.default_rng(0)
    atoms = structures(SALT)[1]
    found = NeuralNetwork.from_networks(FUNCTIONS, networks(rng), half, [0.0, 0.0]).out_of_range(atoms)
    assert len(found) == len(atoms) * shape[1]
    assert np.isinf(found.maximum_k).all()
    assert len(found.lines()) == len(found)


# -- what cannot be ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((BISPECTRUM, np.zeros((2, WIDTH))), ValueError, r"`coefficients`: expected shape \(2, 6\), got \(2, 5\)"),
        ((BISPECTRUM, np.full((2, 1 + WIDTH), np.nan)), ValueError, "`coefficients`: expected finite numbers, got nan"),
        ((BISPECTRUM, "many"), TypeError, "`coefficients`: expected numbers, got 'many'"),
        ((BISPECTRUM, np.zeros((2, 1 + WIDTH)), [1.0]), ValueError, r"`offsets`: expected shape \(2,\), got \(1,\)"),
        ((BISPECTRUM, np.zeros((2, 1 + WIDTH)), None, 4.0), TypeError, "`repulsion`: expected a ZBL or None, got 4.0"),
        (("Si", [[0.0]]), TypeError, "`descriptor`: expected a local descriptor"),
    ],
)
def test_coefficients_that_fit_nothing(arguments, kind, message) -> None:
    with pytest.raises(kind, match=message):
        SNAP.from_coefficients(*arguments)


SPREAD = replace(PAIRS, relative_lengths=True)
POINTS, WEIGHTS = [{"Na Cl": [[2.0]]}], [{"Na Cl": [1.0]}]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((PAIRS, POINTS, WEIGHTS), TypeError, "`terms`: expected some Term, got Term"),
        (([], [], []), ValueError, "expected one of each for every term, got 0 terms, 0 and 0"),
        (([PAIRS], POINTS, []), ValueError, "got 1 terms, 1 and 0"),
        (([SPREAD], POINTS, WEIGHTS), ValueError, r"`terms`\[0\]: expected relative_lengths=False"),
        (
            ([PAIRS], [{"Cl Na": [[2.0]]}], WEIGHTS),
            ValueError,
            r"`points`\[0\]: expected arrays by kinds among Na Na, Na",
        ),
        (([PAIRS], [[[2.0]]], WEIGHTS), ValueError, r"`points`\[0\]: expected arrays by kinds"),
        (([PAIRS], [{}], [{}]), ValueError, "got none"),
        (([PAIRS], POINTS, [{"Na Na": [1.0]}]), ValueError, r"`weights`\[0\]: expected those of the kinds Na Cl"),
        (([PAIRS], [{"Na Cl": [[2.0, 3.0]]}], WEIGHTS), ValueError, r"expected shape \(any, 1\), got \(1, 2\)"),
        (([PAIRS], POINTS, [{"Na Cl": [1.0, 2.0]}]), ValueError, r"expected shape \(1,\), got \(2,\)"),
        (([PAIRS], [{"Na Cl": np.empty((0, 1))}], [{"Na Cl": []}]), ValueError, "expected at least one, got none"),
        (([PAIRS], POINTS, WEIGHTS, [1.0]), ValueError, r"`offsets`: expected shape \(2,\)"),
    ],
)
def test_sparse_points_that_fit_nothing(arguments, kind, message) -> None:
    with pytest.raises(kind, match=message):
        GAP.from_sparse_points(*arguments)


def test_points_of_a_power_count_by_their_direction() -> None:
    soap = SOAP(SALT, cutoff=4.0, n_max=2, l_max=1)
    term, atoms = Term(soap, PolynomialKernel(2.0), delta=0.5), structures(SALT)[0]
    direction = np.random.default_rng(1).normal(size=(1, len(soap.names)))
    energies = [
        GAP.from_sparse_points([term], [{"Na": factor * direction}], [{"Na": [1.0]}]).predict(atoms).energies[0]
        for factor in (1.0, 3.0)
    ]
    assert energies[0] == pytest.approx(energies[1], rel=1e-12) != 0.0


def test_networks_that_fit_nothing() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match="`networks`: expected a Network for each species"):
        NeuralNetwork.from_networks(FUNCTIONS, [[1.0, 2.0]], scaling(), [0.0, 0.0])
    with pytest.raises(TypeError, match="`scaling`: expected a FeatureScaling"):
        NeuralNetwork.from_networks(FUNCTIONS, networks(rng), None, [0.0, 0.0])
    with pytest.raises(ValueError, match="expected committees of 2 networks, one a species, got \\[\\]"):
        NeuralNetwork.from_networks(FUNCTIONS, [], scaling(), [0.0, 0.0])
    with pytest.raises(ValueError, match="`offsets`: expected finite numbers, got inf"):
        NeuralNetwork.from_networks(FUNCTIONS, networks(rng), scaling(), [0.0, np.inf])
    with pytest.raises(ValueError, match=r"`biases`: expected as many as `weights` and `activations`, 2 and 2, got 1"):
        Network.from_weights([np.ones((1, 2)), np.ones((2, 1))], [[0.0, 0.0]], "tanh")
    with pytest.raises(ValueError, match=r"`biases\[0\]`: expected shape \(2,\), got \(1,\)"):
        Network.from_weights([np.ones((1, 2))], [[0.0]], ["linear"])
    with pytest.raises(ValueError, match="`minimum_zf`: expected finite numbers, got nan"):
        FeatureScaling.given([[0.0]], [[1.0]], minimum=np.nan)


@pytest.mark.parametrize(("name", "arrays"), [("SNAP", ["spread_kk"]), ("GAP", ["prior_mm", "posterior_mm"])])
def test_files_that_said_by_nan_that_nothing_is_known(name, arrays) -> None:
    potential = KNOWN[name](np.random.default_rng(0))
    plain, stored = potential.state()
    assert not set(arrays) & set(stored)
    older = {**stored, **dict.fromkeys(arrays, np.full((3, 3), np.nan))}
    unsure_of_nothing(REGISTRY[name].from_state(plain, older), structures(SALT)[0])
