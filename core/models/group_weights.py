"""How much each group of a data set counts in a weighted fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from potscope.core.dataset import Dataset
from potscope.core.validation import check_not_negative, shown


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


def weights_of(train: Dataset, default: Weights, by_group: Mapping[str, Weights] | None) -> list[Weights]:
    """The weights of each structure: those of its group, or the default.

    Raises
    ------
    TypeError
        If something else than `Weights` is given for a group.
    ValueError
        If the data set has no such group.
    """
    given = by_group or {}
    for group, weights in given.items():
        if not isinstance(weights, Weights):
            raise TypeError(f"`weights`[{group!r}]: expected Weights, got {shown(weights)}")
        if group not in train.group_sizes:
            raise ValueError(f"`weights`: expected groups among {', '.join(train.group_sizes)}, got {group!r}")
    return [given.get(group, default) for group in train.groups]
