"""How much each group of a data set counts in a weighted fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from potscope.core.dataset import Dataset
from potscope.core.validation import check_not_negative

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Weights:
    """What residuals of energies, forces and stresses are multiplied by before they are squared; 0 leaves them out.

    Those of FitSNAP's inputs are for stresses in bar: divide the third by `ase.units.bar`.

    Attributes
    ----------
    energy
        Of an energy per atom, 1/(eV/atom).
    force
        Of a component of a force, 1/(eV/Å).
    stress
        Of a component of the stress, 1/(eV/Å³).
    """

    energy: float
    force: float
    stress: float

    def __post_init__(self) -> None:
        """Check that no weight is negative."""
        for name, value in vars(self).items():
            object.__setattr__(self, name, check_not_negative(name, value))


def settings_of(train: Dataset, default: Settings, groups: Mapping[str, Settings]) -> list[Settings]:
    """The settings of each structure: those of its group, or the default."""
    return [groups.get(group, default) for group in train.groups]
