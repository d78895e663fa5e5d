"""Networks trained side by side, each on a part of the data and from weights of its own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.models.network import Network
from potscope.core.models.network_data import BlockStore, Example
from potscope.core.models.network_optimisers import OPTIMISERS, Search
from potscope.core.models.network_training import Batch, Objective, Trained, mean_square
from potscope.core.progress import Progress, part
from potscope.core.splits import split_indices


@dataclass(frozen=True)
class Plan:
    """What the networks are like and how they are trained; see the hyperparameters of `NeuralNetwork`."""

    hidden: tuple[int, ...]
    activation: str
    optimiser: str
    search: Search
    validation: float
    penalty: float
    members: int
    restarts: int
    seed: int


@dataclass(frozen=True)
class Member:
    """Networks of all species, the unit of their outputs in eV, and the losses on the way to them."""

    networks: tuple[Network, ...]
    unit: float
    history_eq: Array


class NetworkCommittee:
    """Networks that differ in their first weights and in the structures they hold out.

    Parameters
    ----------
    examples, digests, groups
        The structures, names for them that are made of what they are, and their groups.
    store
        Gives the derivatives of examples.
    plan
        What to make.
    """

    def __init__(
        self, examples: Sequence[Example], digests: Sequence[str], groups: Sequence[str], store: BlockStore, plan: Plan
    ) -> None:
        useful = [index for index, example in enumerate(examples) if example.n_equations]
        self.examples = [examples[index] for index in useful]
        self.digests, self.groups = [digests[index] for index in useful], [groups[index] for index in useful]
        self.store, self.plan = store, plan
        self.n_species = len(store.inputs.maps)

    def trained(self, progress: Progress) -> list[Member]:
        """Train all, one after the other."""
        found, runs = [], self.plan.members * self.plan.restarts
        for index in range(self.plan.members):
            training, validation = self._halves(index)
            tried = []
            for restart in range(self.plan.restarts):
                run = index * self.plan.restarts + restart
                named = _prefixed(part(progress, run / runs, (run + 1) / runs), f"network {index + 1}: ")
                tried.append(self._search(training, validation, (self.plan.seed, index, restart), named))
            found.append(min(tried, key=lambda one: one[1].loss)[0])
        return found

    def _halves(self, member: int) -> tuple[Batch, Batch | None]:
        training, validation = held_out(self.digests, self.groups, self.plan.validation, self.plan.seed + member)
        rest = Batch([self.examples[index] for index in validation], self.n_species) if len(validation) else None
        return Batch([self.examples[index] for index in training], self.n_species), rest

    def _search(
        self, training: Batch, validation: Batch | None, seed: tuple[int, ...], progress: Progress
    ) -> tuple[Member, Trained]:
        rng = np.random.default_rng(seed)
        size = self.store.inputs.size
        drawn = [Network.drawn(size, self.plan.hidden, self.plan.activation, rng) for _ in range(self.n_species)]
        networks = [centred(network, x_nk) for network, x_nk in zip(drawn, training.inputs, strict=True)]
        square = mean_square(training.examples)
        first = np.concatenate([network.parameters for network in networks])
        unit = unit_of(Objective(networks, self.store, 1.0, 0.0, square), first, training)
        objective = Objective(networks, self.store, unit, self.plan.penalty, square)
        search = OPTIMISERS[self.plan.optimiser]
        trained = search(objective, first, training, validation, self.plan.search, rng, progress)
        return Member(tuple(objective.networks_of(trained.parameters)), unit, trained.history_eq), trained


def held_out(digests: Sequence[str], groups: Sequence[str], fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Structures to learn from and to hold out: a part of each group where the groups are large enough for it.

    Nothing is held out where the fraction is less than half a structure.
    """
    count = math.floor(fraction * len(digests) + 0.5)
    if count == 0 or len(digests) < 2:
        return np.arange(len(digests)), np.empty(0, dtype=np.int64)
    room = sum(size - 1 for size in Counter(groups).values())
    return split_indices(digests, groups, count, "group" if count <= room else "random", seed)


def centred(network: Network, x_nk: Array) -> Network:
    """The network less the mean of its outputs."""
    if len(x_nk) == 0:
        return network
    parameters = network.parameters
    parameters[-1] -= network.energies(x_nk).mean()
    return network.with_parameters(parameters)


def unit_of(objective: Objective, parameters: Array, batch: Batch) -> float:
    """What makes the forces of networks that have learnt nothing as large as the references, or else the energies."""
    energy_s, forces = objective.predicted(parameters, batch)
    own, reference = [np.empty(0)], [np.empty(0)]
    for example, forces_nc in zip(batch.examples, forces, strict=True):
        known = example.force_weight_nc > 0
        own.append(forces_nc[known])
        reference.append(example.forces_nc[known])
    ratio = _ratio(np.concatenate(reference), np.concatenate(own))
    if ratio is None:
        known_s = batch.energy_weight_s > 0
        ratio = _ratio(batch.energy_s[known_s], energy_s[known_s])
    return ratio or 1.0


def _ratio(reference: Array, own: Array) -> float | None:
    """The ratio of the root mean squares; None where either is zero."""
    numerator, denominator = float(np.sum(reference**2)), float(np.sum(own**2))
    return math.sqrt(numerator / denominator) if numerator > 0 and denominator > 0 else None


def _prefixed(progress: Progress, prefix: str) -> Progress:
    def told(fraction: float, message: str) -> None:
        progress(fraction, prefix + message)

    return told
