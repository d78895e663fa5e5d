"""What a potential can stand on: it learns what that leaves over of energies, forces and stresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from potscope.core.hyperparameters import Declared
from potscope.core.models import COMPOSED, REGISTRY, Delta, Potential


@dataclass(frozen=True)
class Nothing(Declared):
    """The model learns the whole energy by itself."""

    title: ClassVar[str] = "Nothing"


BASES: dict[str, type] = {
    "Nothing": Nothing,
    "PairPotential": REGISTRY["PairPotential"],
    "Repulsion": COMPOSED["Repulsion"],
}
"""What is offered, by name."""


def composed(base: Any, model: Potential) -> Potential:
    """A model on its base: a `Delta`, or the model itself where the base is `Nothing`."""
    return model if isinstance(base, Nothing) else Delta(base, model)


def family(model: Any) -> str:
    """What a potential is called by its kind, and by what it stands on."""
    if isinstance(model, Delta):
        return f"{family(model.correction)} on {family(model.base)}"
    return type(model).__name__
