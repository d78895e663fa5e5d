"""Committees of networks that are in several folders, each with its own scaling and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from potscope.core._types import Array
from potscope.core.exchange.lines import ExchangeError
from potscope.core.models.feature_scaling import FeatureScaling
from potscope.core.models.network import Layer, Network
from potscope.core.models.neural_network import NeuralNetwork


def folders_of(source: Path) -> list[Path]:
    """The folders ``nnp-data-1``, ``nnp-data-2``, … of a committee, by their numbers; none if it is one network."""
    found = [path for path in source.glob("nnp-data-*") if path.name.removeprefix("nnp-data-").isdigit()]
    return [] if (source / "input.nn").is_file() else sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def committee(potentials: Sequence[NeuralNetwork], folders: Sequence[Path]) -> NeuralNetwork:
    r"""Networks on the same functions as one potential, which has their mean and their standard deviation.

    Scaling and offsets are those of the first. What a network sees by its own scaling, :math:`(G - s')\,c'`, is

    .. math:: \left[ x + (s - s')\, c \right] c'/c , \qquad x = (G - s)\, c ,

    which is put into its first layer; the difference of the offsets goes into the last.

    Raises
    ------
    ExchangeError
        If symmetry functions differ, or the first has no scale for a function where another has.
    """
    first = potentials[0]
    for potential, folder in zip(potentials, folders, strict=True):
        if potential.descriptor != first.descriptor:
            raise ExchangeError(
                f"`folder`: expected a committee on the same symmetry functions, got others in {folders[0].name} and "
                f"{folder.name}"
            )
        if ((first.scaling_.factor_zf == 0) & (potential.scaling_.factor_zf != 0)).any():
            raise ExchangeError(f"`folder`: {folders[0].name} has no scale for a function where {folder.name} has one")
    members = [
        [
            _moved(network, potential.scaling_, first.scaling_, z, float(potential.offsets_[z] - first.offsets_[z]))
            for z, network in enumerate(potential.networks_[0])
        ]
        for potential in potentials
    ]
    return NeuralNetwork.from_networks(
        first.descriptor, members, _whole([own.scaling_ for own in potentials]), first.offsets_
    )


def _moved(network: Network, own: FeatureScaling, common: FeatureScaling, z: int, offset: float) -> Network:
    c, s = common.factor_zf[z], common.shift_zf[z]
    ratio_f = np.divide(own.factor_zf[z], c, out=np.zeros_like(c), where=c != 0)
    moved = network.transformed(np.diag(ratio_f), (s - own.shift_zf[z]) * c, 1.0)
    last = moved.layers[-1]
    return Network((*moved.layers[:-1], Layer(last.weights_hk, last.bias_k + offset, last.activation)))


def _whole(scalings: Sequence[FeatureScaling]) -> FeatureScaling:
    """The scaling of the first, with the range that is within that of every network."""

    def of_all(name: str) -> Array:
        return np.array([getattr(scaling, name) for scaling in scalings])

    first = scalings[0]
    low_zf, high_zf = of_all("minimum_zf").max(axis=0), of_all("maximum_zf").min(axis=0)
    return FeatureScaling(low_zf, high_zf, first.mean_zf, first.sigma_zf, first.shift_zf, first.factor_zf)
