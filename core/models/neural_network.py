"""Neural-network potentials: one network for each element, on a local descriptor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset
from potscope.core.descriptors import LocalDescriptor
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.base import LocalPotential, batches, learnt_from
from potscope.core.models.descriptor_files import local_descriptor_from, plain_of
from potscope.core.models.feature_scaling import SCALINGS, FeatureScaling, OutOfRange
from potscope.core.models.group_weights import Weights, settings_of
from potscope.core.models.local_energies import summed
from potscope.core.models.network import ACTIVATIONS, Layer, Network
from potscope.core.models.network_committee import NetworkCommittee, Plan
from potscope.core.models.network_data import BlockStore, by_content, examples_of, principal_inputs
from potscope.core.models.network_optimisers import OPTIMISERS, Search
from potscope.core.models.offsets import least_squares_offsets, offsets_of
from potscope.core.models.training import check_energies
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import as_structures, check_array, shown


@dataclass(eq=False)
class NeuralNetwork(LocalPotential):
    r"""Neural-network potential of Behler and Parrinello: for each element a network from an environment to its energy.

    .. math:: E = \sum_i \left[ e_{z_i} + \varepsilon_{z_i}(\mathbf x_i) \right], \qquad
        x_{if} = (G_{if} - s_{z_i f})\, c_{z_i f}, \qquad
        \mathbf F_j = -\sum_i \frac{\partial\varepsilon_{z_i}}{\partial\mathbf G_i}\cdot
        \frac{\partial\mathbf G_i}{\partial\mathbf r_j}

    with symmetry functions or any other local descriptor :math:`\mathbf G`, scaled as `FeatureScaling` says, and fully
    connected networks :math:`\varepsilon_z`; those of a committee are averaged. They are those that make

    .. math::
        \sum_s \left[ w^E_s \frac{E_s - E^\text{ref}_s}{N_s} \right]^2
        + \sum_{s,i,c} \left[ w^F_s (F_{ic} - F^\text{ref}_{ic}) \right]^2
        + \sum_{s,v} \left[ w^\sigma_s (\sigma_{s,v} - \sigma^\text{ref}_{s,v}) \right]^2

    small, with a penalty on the squares of the weights, see `network_training`. The gradient, that of the forces with
    it, is analytic: one more pass forward and one backward, see `network`. What depends on the descriptor is computed
    once, and kept as far as it fits in `network_data.MOST_BYTES`.

    For the search the scaled features are turned to their principal components, each divided by the root of its
    variance plus a small part of the largest variance; afterwards that is folded into the first layer.

    Each network of a committee starts from weights of its own and holds out structures of its own, on which its error
    is watched: the search ends when it has not fallen for `patience` epochs, and the best is kept. With several
    `restarts` the best of them is kept. Where there is more than one network, the standard deviation among them is that
    of energies, local energies and forces.

    Results depend neither on the order of the data nor, with one `seed`, on chance.

    Parameters
    ----------
    descriptor
        A local descriptor, such as `ACSF`.
    hidden, activation, scaling, energy_weight, force_weight, stress_weight, optimiser, epochs, patience, validation, \
penalty, whitening, members, restarts, learning_rate, batch_size, seed
        As declared; see ``declared(NeuralNetwork)``.

    Attributes
    ----------
    networks_
        For each network of the committee, for each species of the descriptor a `Network`: its layers hold the weights,
        shape (nodes before, nodes), and the biases, and take the scaled features to an energy in eV. They need not all
        be of one shape.
    scaling_
        The `FeatureScaling`: smallest, largest, mean value and standard deviation of each feature, shift and factor.
    offsets_
        Energy :math:`e_z` of an atom of each species, eV, by least squares.
    histories_
        For each network the relative error, as squares, on the structures it learns from and on those it holds out, at
        each epoch, shape (epochs, 2).

    References
    ----------
    J. Behler, M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007). doi:10.1103/PhysRevLett.98.146401

    A. Singraber, T. Morawietz, J. Behler, C. Dellago, J. Chem. Theory Comput. 15, 3075 (2019), for scalings and
    extrapolation warnings. doi:10.1021/acs.jctc.8b01092
    """

    title: ClassVar[str] = "Neural network (Behler–Parrinello)"
    has_energy_std: ClassVar[bool] = True
    has_atom_std: ClassVar[bool] = True
    group_settings: ClassVar[type | None] = Weights

    descriptor: LocalDescriptor
    hidden: tuple[float, ...] = hyperparameter("Nodes of each hidden layer.", default=(20, 20), bounds=(1, 500))
    activation: str = hyperparameter("Function of the hidden nodes.", default="softplus", choices=tuple(ACTIVATIONS))
    scaling: str = hyperparameter("How features are scaled.", default="standard", choices=SCALINGS)
    energy_weight: float = hyperparameter("Weight of energies.", default=100.0, unit="atom/eV", bounds=(0.0, 1e9))
    force_weight: float = hyperparameter("Weight of forces.", default=1.0, unit="Å/eV", bounds=(0.0, 1e9))
    stress_weight: float = hyperparameter("Weight of stresses.", default=100.0, unit="Å³/eV", bounds=(0.0, 1e9))
    optimiser: str = hyperparameter(
        "Quasi-Newton on all structures at once (L-BFGS), or batch by batch (Adam).",
        default="L-BFGS",
        choices=tuple(OPTIMISERS),
    )
    epochs: int = hyperparameter("Most epochs.", default=400, bounds=(1, 1_000_000))
    patience: int = hyperparameter(
        "Epochs without a smaller error of the held-out structures after which to stop; 0 for never.",
        default=100,
        bounds=(0, 1_000_000),
    )
    validation: float = hyperparameter(
        "Part of the structures that each network holds out to know when to stop.", default=0.1, bounds=(0.0, 0.5)
    )
    penalty: float = hyperparameter("Strength of the penalty on weights.", default=1e-6, bounds=(0.0, 1e3))
    whitening: float = hyperparameter(
        "Part of the largest variance that is added to all before principal components are divided by its root.",
        default=1e-3,
        bounds=(1e-12, 1e6),
    )
    members: int = hyperparameter("Networks in the committee.", default=4, bounds=(1, 100))
    restarts: int = hyperparameter("Searches for each network, of which the best counts.", default=1, bounds=(1, 100))
    learning_rate: float = hyperparameter("First rate of Adam.", default=3e-3, bounds=(1e-8, 10.0))
    batch_size: int = hyperparameter("Structures in a batch of Adam.", default=8, bounds=(1, 1_000_000))
    seed: int = hyperparameter("Seed of first weights and of what is held out.", default=0, bounds=(0, 2**31 - 1))

    groups_: dict[str, Weights] = field(init=False, repr=False)
    offsets_: Array = field(init=False, repr=False)
    scaling_: FeatureScaling = field(init=False, repr=False)
    networks_: tuple[tuple[Network, ...], ...] = field(init=False, repr=False)
    histories_: tuple[Array, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        if not isinstance(self.descriptor, LocalDescriptor):
            raise TypeError(f"`descriptor`: expected a local descriptor such as ACSF, got {self.descriptor!r}")
        if any(nodes != int(nodes) for nodes in self.hidden):
            raise ValueError(f"`hidden`: expected whole numbers, got {self.hidden!r}")

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "networks_")

    @property
    def kept(self) -> str:
        """How many networks there are, and of how many parameters."""
        if not self.fitted:
            return ""
        count = sum(len(network.parameters) for network in self.networks_[0])
        several = f"{len(self.networks_)} networks of " if len(self.networks_) > 1 else ""
        return f"{several}{count} parameters"

    @property
    def n_parameters(self) -> int:
        """Weights and biases of all networks, and an energy for each element."""
        self.check_fitted()
        counts = [len(network.parameters) for member in self.networks_ for network in member]
        return sum(counts) + len(self.offsets_)

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        return self.descriptor.reach

    @classmethod
    def from_networks(
        cls,
        descriptor: LocalDescriptor,
        networks: Sequence[Sequence[Network]],
        scaling: FeatureScaling,
        offsets: ArrayLike,
        **hyperparameters: Any,
    ) -> Self:
        """A potential of networks that are known, such as those of another code.

        Parameters
        ----------
        descriptor
            What the networks stand on.
        networks
            For each network of the committee one for each species of the descriptor, as of `networks_`; see
            `Network.from_weights`.
        scaling
            Of the features, as of `scaling_`; see `FeatureScaling.given`.
        offsets
            Energy of an atom of each species, eV, shape (species,).
        **hyperparameters
            Of a fit; nothing that is known depends on them. Nodes, their function and how many members there are follow
            from the networks.

        Raises
        ------
        TypeError
            If something is of another kind.
        ValueError
            If there is not a network for each species, or a number of features is not the descriptor's.

        Examples
        --------
        >>> from potscope.core.descriptors import ACSF
        >>> acsf = ACSF.generated(["Si"], cutoff=5.0, n_radial=2, zetas=())
        >>> weights, biases = [[[0.3], [0.2], [-0.1]], [[1.5]]], [[0.1], [0.02]]
        >>> network = Network.from_weights(weights, biases, "tanh")
        >>> scaling = FeatureScaling.given(shift=[[0.5, 0.4, 0.1]], factor=[[2.0, 3.0, 1.0]])
        >>> NeuralNetwork.from_networks(acsf, [[network]], scaling, offsets=[-163.2]).kept
        '6 parameters'
        """
        known = [tuple(member) for member in networks]
        if any(not isinstance(network, Network) for member in known for network in member):
            raise TypeError(f"`networks`: expected a Network for each species, got {shown(networks)}")
        if not isinstance(scaling, FeatureScaling):
            raise TypeError(f"`scaling`: expected a FeatureScaling, got {shown(scaling)}")
        if known and known[0]:
            hidden = known[0][0].layers[:-1]
            shape = {"hidden": tuple(float(len(layer.bias_k)) for layer in hidden)} if hidden else {}
            first = {"activation": known[0][0].layers[0].activation, "members": len(known)}
            hyperparameters = {**shape, **first, **hyperparameters}
        potential = cls(descriptor, **hyperparameters)
        potential._keep(known, scaling, offsets, (np.empty((0, 2)),) * len(known), {})
        return potential

    def _keep(
        self,
        networks: Sequence[Sequence[Network]],
        scaling: FeatureScaling,
        offsets: ArrayLike,
        histories: Sequence[Array],
        groups: dict[str, Weights],
    ) -> None:
        """Take what has been learnt; deviations are those among several networks."""
        n_species, n_features = len(self.descriptor.species), len(self.descriptor.names)
        if not networks or any(len(member) != n_species for member in networks):
            sizes = [len(member) for member in networks]
            raise ValueError(f"`networks`: expected committees of {n_species} networks, one a species, got {sizes}")
        for member in networks:
            for network in member:
                if network.n_features != n_features:
                    raise ValueError(f"`networks`: expected {n_features} inputs, got {network.n_features}")
        if scaling.shift_zf.shape != (n_species, n_features):
            expected = (n_species, n_features)
            raise ValueError(f"`scaling`: expected arrays of shape {expected}, got {scaling.shift_zf.shape}")
        self.offsets_ = check_array("offsets", offsets, (n_species,))
        self.groups_, self.scaling_, self.histories_ = groups, scaling, tuple(histories)
        self.networks_ = tuple(tuple(member) for member in networks)
        several = len(networks) > 1
        self._tells(has_energy_std=several, has_atom_std=several)

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Weights] | None = None) -> Self:
        """Learn from energies, forces and stresses, as far as the data set has them.

        Parameters
        ----------
        train
            Structures with references.
        progress
            Called before every structure and after every epoch; it may raise `Cancelled`, and then the potential is as
            it was before.
        groups
            Weights of groups of the data set; others have `energy_weight`, `force_weight` and `stress_weight`.

        Raises
        ------
        TypeError
            If something else than `Weights` is given for a group.
        ValueError
            If there is no energy to fit to, an element the descriptor does not know, a group that the data set does
            not have, or nothing with a weight.
        """
        check_energies(train)
        self.descriptor.check_species(train.structures)
        given = self.checked_groups(train, groups)
        progress(0.0, "compiling the kernels and describing the environments")
        ordered, digests = by_content(train)
        weights = settings_of(ordered, Weights(self.energy_weight, self.force_weight, self.stress_weight), given)
        offsets_z = least_squares_offsets(ordered, self.descriptor.species)
        values, species_n = self._described(ordered, part(progress, 0.0, 0.05))
        values_nf = np.concatenate(values)
        scaling = FeatureScaling.measured(values_nf, species_n, len(self.descriptor.species), self.scaling)
        inputs = principal_inputs(values_nf, species_n, scaling, self.whitening)
        examples = examples_of(ordered, self.descriptor, inputs, values, offsets_z, weights)
        if not any(example.n_equations for example in examples):
            raise ValueError("`groups`: expected a reference with a weight greater than zero, got none")
        store = BlockStore(self.descriptor, inputs)
        store.fill(examples, part(progress, 0.05, 0.15))
        committee = NetworkCommittee(examples, digests, ordered.groups, store, self._plan())
        found = committee.trained(part(progress, 0.15, 0.99))
        networks = [inputs.folded(member.networks, member.unit, scaling) for member in found]
        progress(1.0, "fitted")
        self._keep(networks, scaling, offsets_z, [member.history_eq for member in found], given)
        return self

    def _plan(self) -> Plan:
        search = Search(self.epochs, self.patience, self.learning_rate, self.batch_size)
        return Plan(
            hidden=tuple(int(nodes) for nodes in self.hidden),
            activation=self.activation,
            optimiser=self.optimiser,
            search=search,
            validation=self.validation,
            penalty=self.penalty,
            members=self.members,
            restarts=self.restarts,
            seed=self.seed,
        )

    def _described(self, train: Dataset, progress: Progress) -> tuple[list[Array], IntArray]:
        """Features of the atoms of each structure, and the species of all atoms."""
        values: list[Array] = []
        for batch in batches(train.structures):
            progress(len(values) / len(train), "describing the environments")
            with learnt_from(train.ids[len(values) : len(values) + len(batch)]):
                features = self.descriptor.compute(batch)
            values += np.split(features.values, features.first_row_s[1:-1])
        numbers_n = np.concatenate([atoms.numbers for atoms in train.structures])
        return values, self.descriptor.species_of(numbers_n)

    def local_energies(self, pairs: Pairs) -> Array:
        """Energies of the centres of a neighbour list that reaches at least to `reach`, eV, without derivatives."""
        species_n = self.descriptor.species_of(pairs.numbers_n)
        x_nf = self.scaling_.scaled(self.descriptor.compute_pairs(pairs).values, species_n)
        mean_n = np.mean([self._outputs(member, x_nf, species_n) for member in self.networks_], axis=0)
        return np.asarray(mean_n + offsets_of(pairs.numbers_n, self.descriptor.species, self.offsets_))

    @staticmethod
    def _outputs(member: Sequence[Network], x_nf: Array, species_n: IntArray) -> Array:
        energy_n = np.zeros(len(x_nf))
        for z in np.unique(species_n):
            rows = species_n == z
            energy_n[rows] = member[z].energies(x_nf[rows])
        return energy_n

    def _member_energies(self, features: Features, species_n: IntArray) -> tuple[Array, Array]:
        """Energies of atoms by each network, less offsets, and their derivatives by the features."""
        x_nf = self.scaling_.scaled(features.values, species_n)
        energy_en, slope_enf = np.zeros((len(self.networks_), len(x_nf))), np.zeros((len(self.networks_), *x_nf.shape))
        for z in np.unique(species_n):
            rows = np.flatnonzero(species_n == z)
            for e, member in enumerate(self.networks_):
                energy_en[e, rows], slope_nf = member[z].energies_and_slopes(x_nf[rows])
                slope_enf[e, rows] = slope_nf * self.scaling_.factor_zf[z]
        return energy_en, slope_enf

    def evaluate_pairs(
        self, structures: Sequence[Atoms], pairs: Pairs, energy_std: bool = False, atom_std: bool = False
    ) -> Prediction:
        """Predict from a neighbour list of the structures that reaches at least to `reach`; see `evaluate`."""
        self.descriptor.check_species(structures)
        features = self.descriptor.compute_pairs(pairs)
        energy_en, slope_enf = self._member_energies(features, self.descriptor.species_of(pairs.numbers_n))
        local_n = energy_en.mean(axis=0) + offsets_of(pairs.numbers_n, self.descriptor.species, self.offsets_)
        several = len(self.networks_) > 1
        total_es = [np.bincount(pairs.structure_n, energy_n, pairs.n_structures) for energy_n in energy_en]
        of_atoms: dict[str, Array] = {}
        if atom_std and several:
            forces_enc = np.array([features.pull_back(slope_nf).forces for slope_nf in slope_enf])
            of_atoms = {"local_energy_std": energy_en.std(axis=0, ddof=1), "force_std": forces_enc.std(axis=0, ddof=1)}
        return summed(
            structures,
            pairs,
            local_n,
            features.pull_back(slope_enf.mean(axis=0)),
            np.std(total_es, axis=0, ddof=1) if energy_std and several else None,
            **of_atoms,
        )

    def out_of_range(self, structures: Dataset | Atoms | Sequence[Atoms]) -> OutOfRange:
        """Features of atoms that are outside of their range in the data that the networks were trained on.

        Parameters
        ----------
        structures
            A data set, one structure or several.

        Returns
        -------
        OutOfRange
            Which atom, which feature, how far outside, for each; its ``len`` is their number.

        Raises
        ------
        NotFitted
            Before ``fit``.
        ValueError
            If a structure has elements the potential does not know.
        """
        self.check_fitted()
        found, done = [], 0
        for batch in batches(as_structures(structures)):
            features = self.descriptor.compute(batch)
            found.append(self.scaling_.outside(features, self.descriptor.species_of(features.pairs.numbers_n), done))
            done += len(batch)
        return OutOfRange.joined(found, self.descriptor.names)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""
        arrays = {"offsets_z": self.offsets_}
        arrays |= {item.name: getattr(self.scaling_, item.name) for item in fields(self.scaling_)}
        for e, (member, history_eq) in enumerate(zip(self.networks_, self.histories_, strict=True)):
            arrays[f"history_{e}"] = history_eq
            for z, network in enumerate(member):
                for l, layer in enumerate(network.layers):
                    arrays[f"weights_{e}_{z}_{l}"], arrays[f"bias_{e}_{z}_{l}"] = layer.weights_hk, layer.bias_k
        plain = {
            "hyperparameters": self.hyperparameters(),
            "descriptor": plain_of(self.descriptor),
            "activations": [
                [[layer.activation for layer in network.layers] for network in member] for member in self.networks_
            ],
        }
        return plain, arrays

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        descriptor = local_descriptor_from(plain["descriptor"], cls)
        networks = [
            [
                Network(
                    tuple(
                        Layer(arrays[f"weights_{e}_{z}_{l}"], arrays[f"bias_{e}_{z}_{l}"], activation)
                        for l, activation in enumerate(layers)
                    )
                )
                for z, layers in enumerate(member)
            ]
            for e, member in enumerate(plain["activations"])
        ]
        scaling = FeatureScaling(**{item.name: arrays[item.name] for item in fields(FeatureScaling)})
        potential = cls(descriptor, **plain["hyperparameters"])
        histories = [arrays[f"history_{e}"] for e in range(len(networks))]
        potential._keep(networks, scaling, arrays["offsets_z"], histories, {})
        return potential
