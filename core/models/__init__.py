"""Machine-learning potentials.

A new family is a file here and a place in `REGISTRY`: its controls in the workbench and its tests follow.
"""

from __future__ import annotations

from potscope.core.models.base import NotFitted, Potential
from potscope.core.models.calibrated import Calibrated
from potscope.core.models.committee import Committee
from potscope.core.models.composition import CompositionModel
from potscope.core.models.cross_validation import cross_validated
from potscope.core.models.delta import Delta
from potscope.core.models.files import PotentialFileError, load, save
from potscope.core.models.from_calculator import CalculatorFailed, FromCalculator
from potscope.core.models.gap import GAP
from potscope.core.models.gap_likelihood import optimised
from potscope.core.models.gap_sigmas import Sigmas, configuration_sigmas
from potscope.core.models.gap_terms import Term
from potscope.core.models.group_weights import Weights
from potscope.core.models.kernel_ridge import KernelRidge
from potscope.core.models.neural_network import NeuralNetwork
from potscope.core.models.pair_potential import PairPotential
from potscope.core.models.repulsion import Repulsion
from potscope.core.models.snap import SNAP
from potscope.core.models.svr import SVR

REGISTRY: dict[str, type[Potential]] = {
    cls.__name__: cls for cls in (GAP, SNAP, NeuralNetwork, KernelRidge, SVR, PairPotential, CompositionModel)
}
"""Families that are made with hyperparameters and, most of them, a descriptor."""

COMPOSED: dict[str, type[Potential]] = {
    cls.__name__: cls for cls in (FromCalculator, Repulsion, Delta, Committee, Calibrated)
}
"""No families of their own: what is made of a calculator or of other potentials, or there for others to stand on."""

__all__ = [
    "COMPOSED",
    "GAP",
    "REGISTRY",
    "SNAP",
    "SVR",
    "CalculatorFailed",
    "Calibrated",
    "Committee",
    "CompositionModel",
    "Delta",
    "FromCalculator",
    "KernelRidge",
    "NeuralNetwork",
    "NotFitted",
    "PairPotential",
    "Potential",
    "PotentialFileError",
    "Repulsion",
    "Sigmas",
    "Term",
    "Weights",
    "configuration_sigmas",
    "cross_validated",
    "load",
    "optimised",
    "save",
]
