"""Descriptors of atomic structures.

A new descriptor is a file here and a place in `REGISTRY`: its controls in the workbench, its map and its tests follow.
"""

from __future__ import annotations

from potscope.core.descriptors.acsf import ACSF, ElementACSF, WeightedACSF
from potscope.core.descriptors.base import Descriptor, LocalDescriptor
from potscope.core.descriptors.coulomb import CoulombMatrix
from potscope.core.descriptors.soap import SOAP

REGISTRY: dict[str, type[Descriptor]] = {
    cls.__name__: cls for cls in (SOAP, ACSF, WeightedACSF, ElementACSF, CoulombMatrix)
}

__all__ = ["ACSF", "REGISTRY", "SOAP", "CoulombMatrix", "Descriptor", "ElementACSF", "LocalDescriptor", "WeightedACSF"]
