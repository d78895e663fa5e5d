"""The numbers: data sets, neighbour pairs, descriptors, kernels, potentials, dynamics. No user interface."""

from __future__ import annotations

from .dataset import Dataset
from .features import Features, Gradient
from .models import load
from .pairs import Pairs
from .prediction import Prediction

__all__ = ["Dataset", "Features", "Gradient", "Pairs", "Prediction", "load"]
