"""Machine-learning potentials.

A new family is a file here and a place in `REGISTRY`: its controls in the workbench and its tests follow.
"""

from __future__ import annotations

from .base import NotFitted, Potential
from .files import PotentialFileError, load, save
from .gap import GAP

REGISTRY: dict[str, type[Potential]] = {cls.__name__: cls for cls in (GAP,)}

__all__ = ["GAP", "REGISTRY", "NotFitted", "Potential", "PotentialFileError", "load", "save"]
