"""Descriptors of atomic structures.

A new descriptor is a file here and a place in `REGISTRY`: its controls in the workbench, its map and its tests follow.
"""

from __future__ import annotations

from .base import Descriptor, LocalDescriptor
from .coulomb import CoulombMatrix
from .soap import SOAP

REGISTRY: dict[str, type[Descriptor]] = {cls.__name__: cls for cls in (SOAP, CoulombMatrix)}

__all__ = ["REGISTRY", "SOAP", "CoulombMatrix", "Descriptor", "LocalDescriptor"]
