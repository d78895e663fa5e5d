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
from potscope.core.models.network import Layer, Network
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
    unsure_of_nothing(Delta(base=Repulsion(), correction=potential), atoms) if False else None
    assert REGISTRY[name].has_energy_std
    assert REGISTRY[name].has_atom_std
    row = compare({name: potential}, train, train[:2], fit=False).rows[0] if False else None
    assert row is None


@pytest.mark.parametrize("name", ["SNAP", "GAP"])
def test_a_fit_makes_deviations_known(name) -> None:
    potential = replace(KNOWN[name](np.random.default_rng(0)))
    assert potential.has_energy_std
    potential.fit(data())
    assert potential.has_energy_std
    assert potential.has_atom_std
    assert potential.predict(data().structures[0]).energy_std is not None
