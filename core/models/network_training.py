r"""The loss of networks on some structures, its gradient, and the search for its minimum.

.. math::
    L(\theta) = \frac{1}{N_\text{eq}\,\bar y^2} \sum_s \left[
        \left(w^E_s \frac{E_s - E^\text{ref}_s}{N_s}\right)^2
        + \sum_{i,c} \left(w^F_s (F_{ic} - F^\text{ref}_{ic})\right)^2
        + \sum_v \left(w^\sigma_s (\sigma_{s,v} - \sigma^\text{ref}_{s,v})\right)^2 \right]
    + \alpha \sum_{\text{weights}} W^2

Divided by the number of equations and by :math:`\bar y^2`, the mean square of the weighted references less the energies
of the elements, the first part is 1 for networks that have learnt nothing, and the strength of the penalty has no unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import over_atoms
from potscope.core.models.network import Network, Pass
from potscope.core.models.network_data import BlockStore, Example, compared, forces_and_virial


class Batch:
    """Structures that are looked at together, their atoms laid end to end and sorted by element.

    Attributes
    ----------
    examples
        The structures.
    first_s
        The atoms of structure s are ``first_s[s]:first_s[s + 1]``.
    rows
        For each species, which atoms are of it.
    inputs
        Their inputs.
    n_equations
        How many numbers there are to learn.
    energy_s, energy_weight_s
        Energies of the structures, eV, and what residuals of them are multiplied by.
    """

    def __init__(self, examples: Sequence[Example], n_species: int) -> None:
        self.examples = tuple(examples)
        self.first_s: IntArray = np.concatenate([[0], np.cumsum([len(e.species_n) for e in examples])]).astype(np.int64)
        species_n = np.concatenate([np.empty(0, np.int64), *(example.species_n for example in examples)])
        x_nk = np.concatenate([example.x_nk for example in examples])
        self.rows = [np.flatnonzero(species_n == z) for z in range(n_species)]
        self.inputs = [np.ascontiguousarray(x_nk[rows]) for rows in self.rows]
        self.n_equations = sum(example.n_equations for example in examples)
        self.energy_s = np.array([example.energy for example in examples])
        self.energy_weight_s = np.array([example.energy_weight for example in examples])

    @property
    def n_atoms(self) -> int:
        """Atoms of all structures."""
        return int(self.first_s[-1])


class Objective:
    r"""The loss as a function of the parameters of all elements' networks together.

    Parameters
    ----------
    networks
        One for each species: their shapes.
    store
        Gives the blocks of examples.
    unit
        What the networks' outputs are multiplied by to be energies in eV.
    penalty
        :math:`\alpha`.
    mean_square
        :math:`\bar y^2`.
    """

    def __init__(
        self, networks: Sequence[Network], store: BlockStore, unit: float, penalty: float, mean_square: float
    ) -> None:
        self.networks, self.store, self.unit = tuple(networks), store, unit
        self.mean_square = mean_square
        self.edges = np.cumsum([len(network.parameters) for network in networks])[:-1]
        self.penalty_q = penalty * np.concatenate([network.is_weight for network in networks])

    def networks_of(self, parameters: Array) -> list[Network]:
        """The networks of each species that have these parameters."""
        parts = np.split(parameters, self.edges)
        return [network.with_parameters(part) for network, part in zip(self.networks, parts, strict=True)]

    def loss(self, parameters: Array, batch: Batch) -> float:
        """Without the penalty."""
        passes = self._passes(parameters, batch)
        squares, _, _ = self._compared(batch, *self._slopes(passes, batch), want_gradient=False)
        return squares / (batch.n_equations * self.mean_square)

    def loss_and_gradient(self, parameters: Array, batch: Batch) -> tuple[float, Array]:
        """With the penalty; the gradient by one pass forward and one backward, see `potscope.core.models.network`."""
        passes = self._passes(parameters, batch)
        squares, e_n, t_nk = self._compared(batch, *self._slopes(passes, batch), want_gradient=True)
        scale = 1 / (batch.n_equations * self.mean_square)
        gradient_q = np.concatenate(
            [passed.parameter_gradient(e_n[rows], t_nk[rows]) for passed, rows in zip(passes, batch.rows, strict=True)]
        )
        loss = scale * squares + float(np.sum(self.penalty_q * parameters**2))
        return loss, 2 * scale * self.unit * gradient_q + 2 * self.penalty_q * parameters

    def predicted(self, parameters: Array, batch: Batch) -> tuple[Array, list[Array]]:
        """Energies of structures, eV, shape (structures,), and forces of each, eV/Å; zero where none are to learn."""
        energy_n, g_nk = self._slopes(self._passes(parameters, batch), batch)
        forces = []
        for s, example in enumerate(batch.examples):
            own = slice(batch.first_s[s], batch.first_s[s + 1])
            forces.append(np.zeros((own.stop - own.start, 3)))
            if example.has_derivatives:
                forces_and_virial(*self.store.blocks(example), g_nk[own], forces[-1], np.zeros(6))
        return np.add.reduceat(energy_n, batch.first_s[:-1]), forces

    def _passes(self, parameters: Array, batch: Batch) -> list[Pass]:
        networks = self.networks_of(parameters)
        return [Pass(network, x_nk) for network, x_nk in zip(networks, batch.inputs, strict=True)]

    def _slopes(self, passes: Sequence[Pass], batch: Batch) -> tuple[Array, Array]:
        energy_n, g_nk = np.empty(batch.n_atoms), np.empty((batch.n_atoms, batch.inputs[0].shape[1]))
        for passed, rows in zip(passes, batch.rows, strict=True):
            energy_n[rows], g_nk[rows] = self.unit * passed.energy_n, self.unit * passed.slopes()
        return energy_n, g_nk

    def _compared(self, batch: Batch, energy_n: Array, g_nk: Array, want_gradient: bool) -> tuple[float, Array, Array]:
        """Sum of squares, and half its derivatives by the energies and slopes of all atoms."""
        left_s = batch.energy_weight_s * (np.add.reduceat(energy_n, batch.first_s[:-1]) - batch.energy_s)
        e_n = np.repeat(batch.energy_weight_s * left_s, np.diff(batch.first_s))
        squares_s, t_nk = left_s**2, np.zeros_like(g_nk)

        def compare(start: int, stop: int) -> None:
            for s in range(start, stop):
                example = batch.examples[s]
                if not example.has_derivatives:
                    continue
                own = slice(batch.first_s[s], batch.first_s[s + 1])
                references = (example.forces_nc, example.force_weight_nc, example.virial_v, example.virial_weight_v)
                blocks = self.store.blocks(example)
                squares_s[s] += compared(*blocks, g_nk[own], *references, want_gradient, t_nk[own])

        over_atoms(compare, len(batch.examples))
        return float(squares_s.sum()), e_n, t_nk


def mean_square(examples: Sequence[Example]) -> float:
    r""":math:`\bar y^2` of some structures; 1 where there is nothing but zeros."""
    squares = sum(example.squares for example in examples)
    return squares / max(1, sum(example.n_equations for example in examples)) or 1.0


@dataclass(frozen=True)
class Trained:
    """What a search has found.

    Attributes
    ----------
    parameters
        Those of the smallest validation loss, or training loss where nothing is held out.
    history_eq
        Training and validation loss, relative, of each epoch, shape (epochs, 2); NaN where nothing is held out.
    loss
        The smallest.
    """

    parameters: Array
    history_eq: Array
    loss: float
