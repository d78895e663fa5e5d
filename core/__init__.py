"""The numbers: data sets, neighbour pairs, descriptors, kernels, potentials, dynamics. No user interface."""

from __future__ import annotations

from potscope.core.dataset import Dataset
from potscope.core.features import Features, Gradient
from potscope.core.models import load
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction

__all__ = ["Dataset", "Features", "Gradient", "Pairs", "Prediction", "load"]
