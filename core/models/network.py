r"""Fully connected networks from features to an energy, with all derivatives that a fit to forces needs.

A layer takes :math:`\mathbf a^{l-1}` to :math:`\mathbf z^l = \mathbf a^{l-1}\mathbf W^l + \mathbf b^l` and
:math:`\mathbf a^l = \varphi_l(\mathbf z^l)`, from :math:`\mathbf a^0 = \mathbf x` to the energy
:math:`\varepsilon = a^L`. Backward, from :math:`\boldsymbol\delta^L = \varphi_L'`,

.. math::
    \boldsymbol\delta^{l} = (\boldsymbol\delta^{l+1} {\mathbf W^{l+1}}^{\mathsf T}) \circ \varphi_l'(\mathbf z^l),
    \qquad \mathbf g = \frac{\partial\varepsilon}{\partial\mathbf x} = \boldsymbol\delta^1 {\mathbf W^1}^{\mathsf T} .

Forces are linear in :math:`\mathbf g`. A loss of energies and forces has the gradient

.. math::
    \frac{\partial L}{\partial\theta} = \sum_n e_n \frac{\partial\varepsilon_n}{\partial\theta}
    + \sum_n \frac{\partial}{\partial\theta} (\mathbf t_n\cdot\mathbf g_n), \qquad
    e_n = \frac{\partial L}{\partial\varepsilon_n}, \quad \mathbf t_n = \frac{\partial L}{\partial\mathbf g_n},

where :math:`\mathbf t\cdot\mathbf g = \dot\varepsilon` is the derivative of the energy along :math:`\mathbf t`: one
pass forward with :math:`\dot{\mathbf a}^0 = \mathbf t`,

.. math:: \dot{\mathbf z}^l = \dot{\mathbf a}^{l-1}\mathbf W^l, \qquad
    \dot{\mathbf a}^l = \varphi_l'(\mathbf z^l)\circ\dot{\mathbf z}^l ,

and one backward, with the adjoints :math:`\bar{\mathbf a}^L = e` and :math:`\bar{\dot{\mathbf a}}^L = 1`;
:math:`\boldsymbol\delta^l` of above are those of :math:`\dot{\mathbf z}^l`:

.. math::
    \bar{\mathbf z}^l &= \bar{\mathbf a}^l\circ\varphi_l' +
        \bar{\dot{\mathbf a}}^l\circ\varphi_l''\circ\dot{\mathbf z}^l, \qquad
    \bar{\mathbf a}^{l-1} = \bar{\mathbf z}^l {\mathbf W^l}^{\mathsf T}, \quad
    \bar{\dot{\mathbf a}}^{l-1} = \boldsymbol\delta^l {\mathbf W^l}^{\mathsf T}, \\
    \frac{\partial L}{\partial\mathbf W^l} &= {\mathbf a^{l-1}}^{\mathsf T}\bar{\mathbf z}^l +
        {\dot{\mathbf a}^{l-1}}^{\mathsf T}\boldsymbol\delta^l, \qquad
    \frac{\partial L}{\partial\mathbf b^l} = \sum_n \bar{\mathbf z}^l_n .

In arrays, `n` are atoms, `f` the features and `h`, `k` the nodes of a layer and of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from potscope.core._types import Array
from potscope.core.validation import check_array

Activation: TypeAlias = Callable[[Array], tuple[Array, Array, Array]]
"""Value and first two derivatives at each of some numbers."""


def _tanh(z: Array) -> tuple[Array, Array, Array]:
    a = np.tanh(z)
    slope = 1 - a * a
    return a, slope, -2 * a * slope


def _logistic(z: Array) -> tuple[Array, Array, Array]:
    a = np.asarray(expit(z))
    slope = a * (1 - a)
    return a, slope, slope * (1 - 2 * a)


def _softplus(z: Array) -> tuple[Array, Array, Array]:
    slope, curvature, _ = _logistic(z)
    return np.asarray(np.logaddexp(0.0, z)), slope, curvature


def _gaussian(z: Array) -> tuple[Array, Array, Array]:
    a = np.exp(-0.5 * z * z)
    return a, -z * a, (z * z - 1) * a


def _linear(z: Array) -> tuple[Array, Array, Array]:
    return z, np.ones_like(z), np.zeros_like(z)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": _tanh,
    "softplus": _softplus,
    "logistic": _logistic,
    "gaussian": _gaussian,
    "linear": _linear,
}
r"""tanh z; ln(1 + eᶻ); 1/(1 + e⁻ᶻ); exp(−z²/2); z."""


@dataclass(frozen=True, eq=False)
class Layer:
    r"""One layer of a network: :math:`\varphi(\mathbf a\mathbf W + \mathbf b)`.

    Attributes
    ----------
    weights_hk
        :math:`\mathbf W`, from each of the nodes before (rows) to each node (columns), shape (nodes before, nodes).
    bias_k
        :math:`\mathbf b`, shape (nodes,).
    activation
        One of `ACTIVATIONS`.
    """

    weights_hk: Array
    bias_k: Array
    activation: str

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"`activation`: expected one of {', '.join(ACTIVATIONS)}, got {self.activation!r}")
        if self.weights_hk.ndim != 2 or self.bias_k.shape != self.weights_hk.shape[1:]:
            raise ValueError(
                f"`bias_k`: expected a number for each column of `weights_hk`, whose shape is {self.weights_hk.shape}, "
                f"got shape {self.bias_k.shape}"
            )


@dataclass(frozen=True, eq=False)
class Network:
    """A network from scaled features of an atom to its energy, eV.

    Attributes
    ----------
    layers
        From the first hidden one to the output, which has one node.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("`layers`: expected at least one, got none")
        inputs = [layer.weights_hk.shape[0] for layer in self.layers]
        outputs = [layer.weights_hk.shape[1] for layer in self.layers]
        if [*inputs[1:], 1] != outputs:
            raise ValueError(f"`layers`: expected each to take what the one before gives, got {inputs} -> {outputs}")

    @classmethod
    def from_weights(
        cls, weights: Sequence[ArrayLike], biases: Sequence[ArrayLike], activations: str | Sequence[str]
    ) -> Network:
        """A network of weights that are known.

        Parameters
        ----------
        weights
            Of each layer, from each of the nodes before (rows) to each node (columns), shape (nodes before, nodes).
        biases
            Of each layer, shape (nodes,).
        activations
            Of each layer one of `ACTIVATIONS`; or one for all hidden layers, to which a linear output is added.

        Raises
        ------
        TypeError
            If something is no number.
        ValueError
            If there is not one of each for each layer, or a layer does not take what the one before gives.

        Examples
        --------
        >>> Network.from_weights([[[0.3, -0.1]], [[1.0], [-0.4]]], [[0.1, 0.0], [0.02]], "tanh").energies(np.eye(1))
        array([0.43981616])
        """
        names = [*[activations] * (len(weights) - 1), "linear"] if isinstance(activations, str) else list(activations)
        if not len(weights) == len(biases) == len(names):
            raise ValueError(
                f"`biases`: expected as many as `weights` and `activations`, {len(weights)} and {len(names)}, "
                f"got {len(biases)}"
            )
        layers = []
        for l, (weights_hk, bias_k, name) in enumerate(zip(weights, biases, names, strict=True)):
            checked_hk = check_array(f"weights[{l}]", weights_hk, (None, None))
            layers.append(Layer(checked_hk, check_array(f"biases[{l}]", bias_k, checked_hk.shape[1:]), name))
        return cls(tuple(layers))

    @classmethod
    def drawn(cls, n_features: int, hidden: Sequence[int], activation: str, rng: np.random.Generator) -> Network:
        r"""Random weights of variance :math:`1/n` for n nodes before, and biases up to a half, so that nodes differ."""
        sizes = [n_features, *hidden, 1]
        layers = []
        for index, (before, nodes) in enumerate(pairwise(sizes)):
            last = index == len(sizes) - 2
            weights_hk = rng.normal(0.0, 1 / np.sqrt(before), (before, nodes))
            bias_k = np.zeros(nodes) if last else rng.uniform(-0.5, 0.5, nodes)
            layers.append(Layer(weights_hk, bias_k, "linear" if last else activation))
        return cls(tuple(layers))

    @property
    def n_features(self) -> int:
        """How many numbers it takes."""
        return int(self.layers[0].weights_hk.shape[0])

    @property
    def parameters(self) -> Array:
        """Weights, row by row, and bias of each layer in turn, shape (parameters,)."""
        return np.concatenate([part for layer in self.layers for part in (layer.weights_hk.ravel(), layer.bias_k)])

    @property
    def is_weight(self) -> Array:
        """1 where a parameter is a weight, 0 where it is a bias, shape (parameters,)."""
        return np.concatenate(
            [np.full(part.size, part.ndim - 1.0) for layer in self.layers for part in (layer.weights_hk, layer.bias_k)]
        )

    def with_parameters(self, parameters: Array) -> Network:
        """The same layers with other numbers; views of what is given."""
        layers, done = [], 0
        for layer in self.layers:
            before, nodes = layer.weights_hk.shape
            middle, end = done + before * nodes, done + before * nodes + nodes
            weights_hk = parameters[done:middle].reshape(before, nodes)
            layers.append(Layer(weights_hk, parameters[middle:end], layer.activation))
            done = end
        return Network(tuple(layers))

    def transformed(self, inputs_fk: Array, shift_f: Array, factor: float) -> Network:
        """The network of other inputs, ``(x_nf + shift_f) @ inputs_fk``, times a factor; its output is linear."""
        first = self.layers[0]
        weights_hk = inputs_fk @ first.weights_hk
        layers = [Layer(weights_hk, first.bias_k + shift_f @ weights_hk, first.activation), *self.layers[1:]]
        last = layers[-1]
        layers[-1] = Layer(factor * last.weights_hk, factor * last.bias_k, last.activation)
        return Network(tuple(layers))

    def energies(self, x_nf: Array) -> Array:
        """Energies, eV, shape (atoms,)."""
        return Pass(self, x_nf).energy_n

    def energies_and_slopes(self, x_nf: Array) -> tuple[Array, Array]:
        r"""Energies, eV, shape (atoms,), and :math:`\mathbf g`, their derivatives by the inputs, (atoms, features)."""
        passed = Pass(self, x_nf)
        return passed.energy_n, passed.slopes()


class Pass:
    """One pass forward through a network, and what follows from it; see the equations of the module.

    Attributes
    ----------
    energy_n
        Energies, eV, shape (atoms,).
    """

    def __init__(self, network: Network, x_nf: Array) -> None:
        self.network = network
        self._before, self._slope, self._curvature = [], [], []
        a_nh = x_nf
        for layer in network.layers:
            self._before.append(a_nh)
            a_nh, slope_nk, curvature_nk = ACTIVATIONS[layer.activation](a_nh @ layer.weights_hk + layer.bias_k)
            self._slope.append(slope_nk)
            self._curvature.append(curvature_nk)
        self.energy_n: Array = a_nh[:, 0]
        self._deltas: list[Array] = []

    def slopes(self) -> Array:
        r""":math:`\mathbf g = \partial\varepsilon/\partial\mathbf x`, shape (atoms, features)."""
        layers = self.network.layers
        delta_nk = self._slope[-1]
        self._deltas = [delta_nk]
        for l in range(len(layers) - 2, -1, -1):
            delta_nk = (delta_nk @ layers[l + 1].weights_hk.T) * self._slope[l]
            self._deltas.insert(0, delta_nk)
        return np.asarray(delta_nk @ layers[0].weights_hk.T)

    def parameter_gradient(self, e_n: Array, t_nf: Array) -> Array:
        r""":math:`\partial L/\partial\theta`, in the order of `Network.parameters`; after `slopes`.

        Parameters
        ----------
        e_n
            :math:`\partial L/\partial\varepsilon_n`, shape (atoms,).
        t_nf
            :math:`\partial L/\partial\mathbf g_n`, shape (atoms, features).
        """
        layers = self.network.layers
        rates, dot_nh = [], t_nf
        tangents = []
        for l, layer in enumerate(layers):
            tangents.append(dot_nh)
            rates.append(dot_nh @ layer.weights_hk)
            dot_nh = self._slope[l] * rates[-1]
        found: list[Array] = []
        bar_nk, bar_dot_nk = e_n[:, None], np.ones((len(e_n), 1))
        for l in range(len(layers) - 1, -1, -1):
            bar_z_nk = bar_nk * self._slope[l] + bar_dot_nk * self._curvature[l] * rates[l]
            weights_hk = self._before[l].T @ bar_z_nk + tangents[l].T @ self._deltas[l]
            found[:0] = [weights_hk.ravel(), bar_z_nk.sum(axis=0)]
            bar_nk, bar_dot_nk = bar_z_nk @ layers[l].weights_hk.T, self._deltas[l] @ layers[l].weights_hk.T
        return np.concatenate(found)
