"""Networks, what they are trained with, and the potentials made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from potscope.core import Dataset, load
from potscope.core.descriptors import ACSF, LocalDescriptor
from potscope.core.models import NeuralNetwork, Weights, network_data
from potscope.core.models.feature_scaling import SCALINGS, FeatureScaling
from potscope.core.models.network import ACTIVATIONS, Layer, Network
from potscope.core.models.network_committee import NetworkCommittee, held_out
from potscope.core.models.network_data import BlockStore, Inputs, by_content, examples_of, principal_inputs
from potscope.core.models.network_training import Batch, Objective, mean_square
from potscope.core.pairs import Pairs
from potscope.core.progress import Cancelled, silent

from systems import SYSTEMS

SIC = ACSF(species=["C", "Si"], cutoff=4.5, g2=[(0.05, 0.0), (0.5, 2.0)], g4=[(0.01, 1.0, 1.0), (0.01, 2.0, -1.0)])
QUICK = {"hidden": (5, 4), "epochs": 20, "members": 1}


def carbides(count: int, seed: int = 0) -> list[Atoms]:
    """Distorted cells of four atoms, one of any element, with energies, forces and stresses that fit no potential."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(count):
        atoms = bulk("SiC", "zincblende", 4.36) * (1, 1, 2)
        atoms.numbers[rng.integers(4)] = rng.choice([6, 14])
        atoms.set_cell(atoms.cell[:] @ (np.eye(3) + rng.normal(0, 0.03, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.1, (4, 3))
        atoms.info.update(REF_energy=rng.normal(), REF_stress=rng.normal(0, 0.1, 6), group="ab"[k % 2])
        atoms.arrays["REF_forces"] = rng.normal(size=(4, 3))
        made.append(atoms)
    return made


def data(count: int = 8, seed: int = 0) -> Dataset:
    return Dataset.from_structures(carbides(count, seed))


def known(
    descriptor: LocalDescriptor = SIC, hidden: Sequence[int] = (5, 4), members: int = 1, factor: float = 1.0
) -> NeuralNetwork:
    """A potential of random weights, trained on nothing; the smaller the factor, the smoother."""
    rng = np.random.default_rng(0)
    n_species, n_features = len(descriptor.species), len(descriptor.names)
    networks = [[Network.drawn(n_features, hidden, "tanh", rng) for _ in range(n_species)] for _ in range(members)]
    low, high, mean, sigma, shift, scale = rng.uniform(0.5, 1.5, (6, n_species, n_features))
    scaling = FeatureScaling(low, high, mean, sigma, shift, factor * scale)
    return NeuralNetwork.from_networks(descriptor, networks, scaling, rng.normal(size=n_species))


def labelled(structures: list[Atoms], potential: NeuralNetwork) -> Dataset:
    """Structures with what a potential says of them."""
    prediction = potential.predict(structures)
    for s, atoms in enumerate(structures):
        atoms.info.update(REF_energy=prediction.energies[s], REF_stress=prediction.stresses[s])
        atoms.arrays["REF_forces"] = prediction.forces[s]
    return Dataset.from_structures(structures)


# -- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_activations(name: str) -> None:
    z = np.linspace(-3, 3, 13)
    h = 1e-5
    value, slope, curvature = ACTIVATIONS[name](z)
    assert value.shape == slope.shape == curvature.shape == z.shape
    np.testing.assert_allclose(slope, (ACTIVATIONS[name](z + h)[0] - ACTIVATIONS[name](z - h)[0]) / (2 * h), atol=1e-9)
    np.testing.assert_allclose(
        curvature, (ACTIVATIONS[name](z + h)[1] - ACTIVATIONS[name](z - h)[1]) / (2 * h), atol=1e-9
    )


def test_activations_are_finite_far_out() -> None:
    for function in ACTIVATIONS.values():
        assert all(np.isfinite(values).all() for values in function(np.array([-800.0, 800.0])))


def test_a_network_by_hand() -> None:
    """Two inputs, two hidden nodes: W from each input (rows) to each node (columns)."""
    hidden = Layer(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -0.5]), "tanh")
    output = Layer(np.array([[2.0], [-1.0]]), np.array([0.25]), "linear")
    network = Network((hidden, output))
    x = np.array([[0.1, 0.2]])
    first, second = np.tanh(0.1 + 0.6 + 0.5), np.tanh(0.2 + 0.8 - 0.5)
    energy_n, slope_nf = network.energies_and_slopes(x)
    assert energy_n[0] == pytest.approx(2 * first - second + 0.25)
    assert slope_nf[0] == pytest.approx(
        [2 * (1 - first**2) - 2 * (1 - second**2), 6 * (1 - first**2) - 4 * (1 - second**2)]
    )
    np.testing.assert_array_equal(network.parameters, [1, 2, 3, 4, 0.5, -0.5, 2, -1, 0.25])
    np.testing.assert_array_equal(network.is_weight, [1, 1, 1, 1, 0, 0, 1, 1, 0])
    assert network.with_parameters(network.parameters).energies(x) == energy_n


def test_networks_that_do_not_fit_are_refused() -> None:
    layer = Layer(np.zeros((3, 2)), np.zeros(2), "tanh")
    with pytest.raises(ValueError, match="`layers`: expected each to take"):
        Network((layer,))
    with pytest.raises(ValueError, match="`layers`: expected at least one"):
        Network(())
    with pytest.raises(ValueError, match="`activation`: expected one of tanh"):
        Layer(np.zeros((3, 1)), np.zeros(1), "step")
    with pytest.raises(ValueError, match="`bias_k`"):
        Layer(np.zeros((3, 2)), np.zeros(3), "tanh")


# -- the gradient of the loss -----------------------------------------------------------------------------------------


def partly_known() -> Dataset:
    """Some without energy, some without forces or stress, one with a force of one atom missing."""
    structures = carbides(6)
    del structures[0].info["REF_energy"]
    del structures[1].arrays["REF_forces"]
    del structures[2].info["REF_stress"]
    structures.append(Atoms("C", info={"REF_energy": 0.5}))
    return Dataset.from_structures(structures)


def trained_on(
    train: Dataset, whitening: float = 0.1, scaling: str = "standard"
) -> tuple[BlockStore, list, FeatureScaling]:
    """Examples with the blocks of their derivatives, offsets of 0.1 and 0.2 eV, and weights 3, 0.7 and 5."""
    values = [SIC.compute(atoms).values for atoms in train.structures]
    species_n = SIC.species_of(np.concatenate([atoms.numbers for atoms in train.structures]))
    measured = FeatureScaling.measured(np.concatenate(values), species_n, 2, scaling)
    inputs = principal_inputs(np.concatenate(values), species_n, measured, whitening)
    weights = [Weights(3.0, 0.7, 5.0)] * len(train)
    examples = examples_of(train, SIC, inputs, values, np.array([0.1, 0.2]), weights)
    store = BlockStore(SIC, inputs)
    store.fill(examples, silent)
    return store, examples, measured


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
def test_the_gradient_is_that_of_the_loss(activation: str, hidden: tuple[int, ...]) -> None:
    store, examples, _ = trained_on(partly_known())
    rng = np.random.default_rng(1)
    networks = [Network.drawn(store.inputs.size, hidden, activation, rng) for _ in range(2)]
    objective = Objective(networks, store, unit=0.6, penalty=1e-2, mean_square=2.0)
    batch = Batch(examples, 2)
    parameters = np.concatenate([network.parameters for network in networks])
    loss, gradient = objective.loss_and_gradient(parameters, batch)
    step = 1e-5 * np.eye(len(parameters))
    numerical = [
        (objective.loss_and_gradient(parameters + e, batch)[0] - objective.loss_and_gradient(parameters - e, batch)[0])
        / 2e-5
        for e in step
    ]
    np.testing.assert_allclose(gradient, numerical, atol=2e-8 * np.abs(gradient).max())
    weights = np.concatenate([network.is_weight for network in networks]) * parameters
    assert loss - objective.loss(parameters, batch) == pytest.approx(1e-2 * np.sum(weights**2))


def test_the_loss_is_what_the_docstring_says() -> None:
    """By the potential's own prediction: weighted differences of energies per atom, forces and stresses."""
    train = partly_known()
    store, examples, scaling = trained_on(train)
    networks = [Network.drawn(store.inputs.size, (4,), "tanh", np.random.default_rng(1)) for _ in range(2)]
    objective = Objective(networks, store, unit=0.6, penalty=0.0, mean_square=2.0)
    loss = objective.loss(np.concatenate([network.parameters for network in networks]), Batch(examples, 2))
    folded = store.inputs.folded(networks, 0.6, scaling)
    prediction = NeuralNetwork.from_networks(SIC, [folded], scaling, np.array([0.1, 0.2])).predict(train)
    left = [3.0 * (prediction.energies - train.energies) / train.n_atoms, 5.0 * (prediction.stresses - train.stresses)]
    left += [
        0.7 * (own - reference)
        for own, reference in zip(prediction.forces, train.forces, strict=True)
        if reference is not None
    ]
    flat = np.concatenate([values.ravel() for values in left])
    flat = flat[np.isfinite(flat)]
    assert sum(example.n_equations for example in examples) == len(flat)
    assert loss == pytest.approx(np.sum(flat**2) / (2.0 * len(flat)), rel=1e-10)


@pytest.mark.parametrize("name", SYSTEMS)
def test_forces_and_virial_by_blocks_are_those_by_the_adjoint(name: str) -> None:
    atoms = SYSTEMS[name]
    descriptor = ACSF(species=sorted(set(atoms.get_chemical_symbols())), cutoff=4.0)
    features = descriptor.compute(atoms)
    slope_nf = np.random.default_rng(0).normal(size=features.values.shape)
    expected = features.pull_back(slope_nf)
    blocks = network_data.blocks_of(features.pairs, features.jacobian())
    forces_nc, virial_v = np.zeros((len(atoms), 3)), np.zeros(6)
    network_data.forces_and_virial(*blocks, slope_nf, forces_nc, virial_v)
    np.testing.assert_allclose(forces_nc, expected.forces, atol=1e-10)
    xx, yy, zz, yz, xz, xy = virial_v
    symmetric = (expected.virials[0] + expected.virials[0].T) / 2
    np.testing.assert_allclose([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], symmetric, atol=1e-9)


def test_blocks_that_find_no_room_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = NeuralNetwork(SIC, **QUICK).fit(data())
    _, examples, _ = trained_on(data())
    assert all(example.kept is not None for example in examples)
    monkeypatch.setattr(network_data, "MOST_BYTES", int(2.5 * examples[0].kept.n_bytes))
    _, examples, _ = trained_on(data())
    assert [example.kept is not None for example in examples] == [True, True] + [False] * 6
    again = NeuralNetwork(SIC, **QUICK).fit(data())
    np.testing.assert_array_equal(again.predict(data()).energies, kept.predict(data()).energies)


# -- scaling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("none", [1.0, 2.0, 6.0]),
        ("centred", [-2.0, -1.0, 3.0]),
        ("range", [0.0, 0.2, 1.0]),
        ("centred range", [-0.4, -0.2, 0.6]),
        ("standard", np.array([-2.0, -1.0, 3.0]) / np.sqrt(14 / 3)),
    ],
)
def test_scalings_by_hand(scaling: str, expected: list[float]) -> None:
    values_nf = np.array([[1.0, 7.0], [2.0, 7.0], [6.0, 7.0], [100.0, 0.0]])
    species_n = np.array([1, 1, 1, 0])
    measured = FeatureScaling.measured(values_nf, species_n, 3, scaling)
    scaled = measured.scaled(values_nf, species_n)
    np.testing.assert_allclose(scaled[:3, 0], expected)
    np.testing.assert_array_equal(scaled[:, 1], 0.0)
    np.testing.assert_array_equal(measured.minimum_zf, [[100, 0], [1, 7], [0, 0]])
    np.testing.assert_array_equal(measured.maximum_zf, [[100, 0], [6, 7], [0, 0]])
    np.testing.assert_array_equal(measured.factor_zf[[0, 2]], 0.0)


def test_bad_scalings_are_refused() -> None:
    good = np.ones((1, 3))
    with pytest.raises(ValueError, match="`factor_zf`: expected shape"):
        FeatureScaling(good, good, good, good, good, np.ones((1, 2)))
    with pytest.raises(ValueError, match="`mean_zf`: expected finite numbers"):
        FeatureScaling(good, good, good * np.nan, good, good, good)
    with pytest.raises(ValueError, match="`scaling`"):
        FeatureScaling.measured(np.ones((2, 2)), np.zeros(2, int), 1, "sideways")


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("whitening", [1e-6, 1.0])
def test_what_was_trained_is_what_is_kept(scaling: str, whitening: float) -> None:
    """Folded into the first layer, the principal components give the energies and forces that the search has seen."""
    train = data(5)
    store, examples, measured = trained_on(train, whitening, scaling)
    networks = [Network.drawn(store.inputs.size, (4, 3), "softplus", np.random.default_rng(2)) for _ in range(2)]
    parameters = np.concatenate([network.parameters for network in networks])
    energy_s, forces = Objective(networks, store, 0.7, 0.0, 1.0).predicted(parameters, Batch(examples, 2))
    folded = store.inputs.folded(networks, 0.7, measured)
    prediction = NeuralNetwork.from_networks(SIC, [folded], measured, np.zeros(2)).predict(train)
    np.testing.assert_allclose(prediction.energies, energy_s, rtol=1e-8)
    np.testing.assert_allclose(np.concatenate(prediction.forces), np.concatenate(forces), atol=1e-7)


def test_inputs_are_principal_components() -> None:
    """Without correlation, of variance λ/(λ + w λ₁)."""
    store, examples, _ = trained_on(data(30), whitening=1e-2)
    for z in range(2):
        x_nk = np.concatenate([example.x_nk[example.species_n == z] for example in examples])
        covariance = x_nk.T @ x_nk / len(x_nk)
        variance_k = np.diag(covariance)
        np.testing.assert_allclose(covariance, np.diag(variance_k), atol=1e-9)
        assert variance_k[0] == pytest.approx(1 / 1.01)
        assert (np.diff(variance_k) <= 1e-12).all()
    assert isinstance(store.inputs, Inputs)


# -- range warnings ---------------------------------------------------------------------------------------------------


def test_nothing_is_outside_of_the_range_of_the_data() -> None:
    potential = NeuralNetwork(SIC, **QUICK).fit(data())
    outside = potential.out_of_range(data())
    assert len(outside) == 0
    assert outside.lines() == []
    assert [counts.tolist() for counts in outside.of_atoms(data().n_atoms)] == [[0, 0, 0, 0]] * 8


def test_range_warnings_say_which_atom_which_feature_and_how_far() -> None:
    potential = NeuralNetwork(SIC, **QUICK).fit(data())
    strange = [*data().structures[:2], Atoms("CSi", [[0, 0, 0], [1.2, 0, 0]])]
    outside = potential.out_of_range(strange)
    assert set(outside.structure_k) == {2}
    features = SIC.compute(strange[2]).values
    scaling = potential.scaling_
    expected = (features < scaling.minimum_zf) | (features > scaling.maximum_zf)
    assert [counts.tolist() for counts in outside.of_atoms(np.array([4, 4, 2]))][2] == expected.sum(axis=1).tolist()
    k = int(outside.excess_k.argmax())
    atom, feature = outside.atom_k[k], outside.feature_k[k]
    assert outside.value_k[k] == features[atom, feature]
    low, high = scaling.minimum_zf[atom, feature], scaling.maximum_zf[atom, feature]
    assert (outside.minimum_k[k], outside.maximum_k[k]) == (low, high)
    beyond = max(low - outside.value_k[k], outside.value_k[k] - high)
    assert outside.excess_k[k] == pytest.approx(beyond / (high - low))
    assert outside.lines()[0].startswith(f"structure 2, atom {atom}: {SIC.names[feature]} is ")


def test_range_warnings_count_structures_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    potential = NeuralNetwork(SIC, **QUICK).fit(data())
    strange = [Atoms("CSi", [[0, 0, 0], [1.2 + 0.1 * k, 0, 0]]) for k in range(4)]
    expected = potential.out_of_range(strange)
    monkeypatch.setattr("potscope.core.models.base.ATOMS_A_BATCH", 3)
    found = potential.out_of_range(strange)
    np.testing.assert_array_equal(found.structure_k, expected.structure_k)
    assert set(found.structure_k) == {0, 1, 2, 3}
    np.testing.assert_allclose(found.value_k, expected.value_k)


def test_a_feature_that_never_varied_is_infinitely_far_outside() -> None:
    """Carbon alone has been seen: what silicon does to it is outside by more than any range."""
    atoms = bulk("C") * (2, 1, 1)
    atoms.info["REF_energy"] = -1.0
    potential = NeuralNetwork(SIC, **QUICK).fit(Dataset.from_structures(atoms))
    assert np.isinf(potential.out_of_range(bulk("SiC", "zincblende", 4.36)).excess_k).any()


# -- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimiser", "settings", "limit"),
    [("L-BFGS", {"epochs": 200}, 0.1), ("Adam", {"epochs": 150, "learning_rate": 1e-2, "batch_size": 4}, 0.35)],
)
def test_a_known_potential_is_learnt_from_what_it_says(
    optimiser: str, settings: dict[str, float], limit: float
) -> None:
    teacher = known(factor=0.1)
    train, fresh = labelled(carbides(30), teacher), labelled(carbides(6, seed=9), teacher)
    weights = {"energy_weight": 1.0, "stress_weight": 1.0, "penalty": 1e-9, "whitening": 1e-3}
    student = NeuralNetwork(
        SIC, hidden=(6,), activation="tanh", optimiser=optimiser, members=1, **weights, **settings
    ).fit(train)
    prediction = student.predict(fresh)
    forces = np.concatenate(prediction.forces) - np.concatenate(fresh.forces)
    assert np.sqrt(np.mean(forces**2)) < limit * np.concatenate(fresh.forces).std()
    assert np.abs(prediction.stresses - fresh.stresses).mean() < limit * fresh.stresses.std()


def test_the_search_stops_when_what_is_held_out_gets_no_better() -> None:
    """Random references: nothing that is learnt helps with the rest."""
    potential = NeuralNetwork(SIC, hidden=(10,), members=1, patience=5, epochs=500, validation=0.25).fit(data(12))
    (history_eq,) = potential.histories_
    best = int(history_eq[:, 1].argmin())
    assert len(history_eq) == best + 1 + 5
    assert history_eq[-1, 0] < history_eq[best, 0]
    endless = NeuralNetwork(SIC, hidden=(10,), members=1, patience=0, epochs=40, validation=0.25).fit(data(12))
    assert len(endless.histories_[0]) == 40
    without = NeuralNetwork(SIC, hidden=(10,), members=1, patience=5, epochs=40, validation=0.0).fit(data(12))
    assert np.isnan(without.histories_[0][:, 1]).all()


def test_the_best_parameters_are_kept() -> None:
    """The loss of what is held out, by the potential that is kept, is the smallest of the history."""
    train = data(12)
    potential = NeuralNetwork(
        SIC, hidden=(10,), members=1, patience=20, epochs=100, validation=0.25, stress_weight=0.0, force_weight=0.0
    ).fit(train)
    ordered, digests = by_content(train)
    training, validation = held_out(digests, ordered.groups, 0.25, 0)
    assert sorted([*training, *validation]) == list(range(12))
    target = (ordered.energies - potential.predict(ordered).energies) / 4
    zero = NeuralNetwork.from_networks(SIC, potential.networks_, potential.scaling_, potential.offsets_)
    assert zero.predict(ordered).energies == pytest.approx(potential.predict(ordered).energies)
    counts = np.array([[(atoms.numbers == z).sum() for z in (6, 14)] for atoms in ordered.structures])
    reference = (ordered.energies - counts @ potential.offsets_) / 4
    relative = np.mean(target[validation] ** 2) / np.mean(reference[training] ** 2)
    assert potential.histories_[0][:, 1].min() == pytest.approx(relative, rel=1e-6)


def test_structures_are_held_out_of_every_group_where_it_can_be() -> None:
    names = [f"{k}" for k in range(20)]
    training, validation = held_out(names, ["a"] * 10 + ["b"] * 10, 0.2, 0)
    assert (validation < 10).sum() == (validation >= 10).sum() == 2
    assert len(training) == 16
    assert len(held_out(names, names, 0.2, 0)[1]) == 4
    assert len(held_out(names[:4], names[:4], 0.1, 0)[1]) == 0
    assert len(held_out(names[:1], names[:1], 0.5, 0)[1]) == 0


def test_the_best_of_several_restarts_is_kept() -> None:
    train = data(12)
    one, three = (
        NeuralNetwork(SIC, hidden=(5,), members=1, epochs=30, validation=0.25, restarts=restarts).fit(train)
        for restarts in (1, 3)
    )
    assert three.histories_[0][:, 1].min() <= one.histories_[0][:, 1].min()
    seeds = [
        NeuralNetwork(SIC, hidden=(5,), members=1, epochs=30, seed=seed).fit(train).predict(train).energies
        for seed in (0, 1)
    ]
    assert np.abs(seeds[0] - seeds[1]).max() > 1e-6


def test_weights_of_groups_decide_what_is_learnt() -> None:
    train = data(12)
    settings = {"hidden": (10, 10), "members": 1, "epochs": 60, "validation": 0.0, "penalty": 1e-9}
    heavy = {"a": Weights(1000.0, 0.0, 0.0), "b": Weights(0.0, 1.0, 0.0)}
    potential = NeuralNetwork(SIC, **settings).fit(train, groups=heavy)
    assert potential.groups_ == heavy
    errors = np.abs(potential.predict(train).energies - train.energies)
    in_a = np.array(train.groups) == "a"
    assert errors[in_a].mean() < 0.1 * errors[~in_a].mean()
    with pytest.raises(ValueError, match="`groups`: expected a reference with a weight"):
        NeuralNetwork(SIC, **settings).fit(train, groups={"a": Weights(0, 0, 0), "b": Weights(0, 0, 0)})


def test_every_epoch_is_told_and_any_can_be_the_last() -> None:
    seen: list[str] = []
    NeuralNetwork(SIC, **QUICK).fit(data(), progress=lambda fraction, message: seen.append(message))
    epochs = [message for message in seen if message.startswith("network 1: epoch")]
    assert len(epochs) == 20
    assert "epoch 20: relative error" in epochs[-1]
    for wanted in ("epoch 7", "derivatives of structure 3", "fitted"):
        potential = NeuralNetwork(SIC, **QUICK)

        def stop(fraction: float, message: str, wanted: str = wanted) -> None:
            if wanted in message:
                raise Cancelled

        with pytest.raises(Cancelled):
            potential.fit(data(), progress=stop)
        assert not potential.fitted


# -- committees and potentials that are known -------------------------------------------------------------------------


def test_a_committee_is_its_mean_and_its_spread() -> None:
    committee = known(members=4)
    alone = [
        NeuralNetwork.from_networks(SIC, [member], committee.scaling_, committee.offsets_)
        for member in committee.networks_
    ]
    structures = carbides(3)
    together = committee.predict(structures, atom_std=True)
    each = [potential.predict(structures) for potential in alone]
    energies = np.array([prediction.energies for prediction in each])
    np.testing.assert_allclose(together.energies, energies.mean(axis=0))
    np.testing.assert_allclose(together.energy_std, energies.std(axis=0, ddof=1))
    for s in range(3):
        forces = np.array([prediction.forces[s] for prediction in each])
        np.testing.assert_allclose(together.forces[s], forces.mean(axis=0), atol=1e-10)
        np.testing.assert_allclose(together.force_std[s], forces.std(axis=0, ddof=1), atol=1e-10)
        local = np.array([prediction.local_energies[s] for prediction in each])
        np.testing.assert_allclose(together.local_energy_std[s], local.std(axis=0, ddof=1))
    single = alone[0].predict(structures, atom_std=True)
    assert single.energy_std is single.local_energy_std is single.force_std is None


def test_energies_of_centres_are_those_of_the_prediction() -> None:
    potential, structures = known(members=2), carbides(3)
    local_n = potential.local_energies(Pairs.from_structures(structures, potential.reach))
    np.testing.assert_allclose(local_n, np.concatenate(potential.predict(structures).local_energies))


def test_networks_of_different_shapes_are_saved_as_they_are(tmp_path) -> None:
    potential = known()
    other = (Network.drawn(len(SIC.names), (3,), "logistic", np.random.default_rng(0)), potential.networks_[0][1])
    mixed = NeuralNetwork.from_networks(SIC, [potential.networks_[0], other], potential.scaling_, potential.offsets_)
    again = load(mixed.save(tmp_path / "mixed.potscope"))
    assert [[len(network.layers) for network in member] for member in again.networks_] == [[3, 3], [2, 3]]
    assert again.networks_[1][0].layers[0].activation == "logistic"
    np.testing.assert_array_equal(again.predict(carbides(2)).energies, mixed.predict(carbides(2)).energies)
    assert mixed.kept == "2 networks of 188 parameters"
    assert mixed.n_parameters == 188 + 94 + 43 + 2


def test_networks_that_do_not_fit_the_descriptor_are_refused() -> None:
    good = known()
    network, scaling, offsets = good.networks_[0][0], good.scaling_, good.offsets_
    small = Network.drawn(3, (2,), "tanh", np.random.default_rng(0))
    narrow = FeatureScaling(*(np.ones((2, 3)) for _ in range(6)))
    for networks, given, energies, message in [
        ([[network]], scaling, offsets, "`networks`: expected committees of 2 networks"),
        ([], scaling, offsets, "`networks`: expected committees of 2 networks"),
        ([[network, small]], scaling, offsets, "`networks`: expected 12 inputs, got 3"),
        ([[network, network]], narrow, offsets, "`scaling`: expected arrays of shape"),
        ([[network, network]], scaling, np.zeros(3), "`offsets`: expected shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            NeuralNetwork.from_networks(SIC, networks, given, energies)


def test_an_element_that_is_not_in_the_data_has_an_energy_of_nothing() -> None:
    atoms = bulk("Si") * (2, 1, 1)
    atoms.rattle(0.1, seed=0)
    atoms.info["REF_energy"] = -20.0
    potential = NeuralNetwork(SIC, **QUICK).fit(Dataset.from_structures(atoms))
    assert np.isfinite(potential.predict(bulk("C")).energies).all()
    assert potential.predict(atoms).energies[0] == pytest.approx(-20.0, abs=1e-3)


def test_bad_hyperparameters_are_refused() -> None:
    with pytest.raises(ValueError, match="`hidden`: expected whole numbers"):
        NeuralNetwork(SIC, hidden=(2.5,))
    with pytest.raises(ValueError, match="`validation`"):
        NeuralNetwork(SIC, validation=0.9)


def test_only_energies_are_enough() -> None:
    structures = carbides(6)
    for atoms in structures:
        del atoms.arrays["REF_forces"], atoms.info["REF_stress"]
    train = Dataset.from_structures(structures)
    potential = NeuralNetwork(SIC, hidden=(10,), members=1, epochs=200, validation=0.0, penalty=1e-9).fit(train)
    np.testing.assert_allclose(potential.predict(train).energies, train.energies, atol=0.05)


def test_a_committee_counts_its_species_and_leaves_out_what_says_nothing() -> None:
    store, examples, _ = trained_on(partly_known())
    for example in examples[:2]:
        example.energy_weight, example.force_weight_nc, example.virial_weight_v = 0.0, np.zeros((4, 3)), np.zeros(6)
    plan = NeuralNetwork(SIC, **QUICK)._plan()
    committee = NetworkCommittee(examples, [str(k) for k in range(7)], ["a"] * 7, store, plan)
    assert committee.n_species == 2
    assert len(committee.examples) == 5
    assert mean_square(examples[:2]) == 1.0
