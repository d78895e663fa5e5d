"""The repulsion of nuclei as a potential, for others to be fitted on top of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from ase import Atoms

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.features import Gradient
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.base import LocalPotential
from potscope.core.models.local_energies import summed
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, silent
from potscope.core.zbl import ZBL


@dataclass(eq=False)
class Repulsion(LocalPotential):
    """The screened repulsion of nuclei alone, as `ZBL` has it: nothing is learnt, and all elements are known.

    As the base of `Delta` it gives a potential a core where the data have no atoms so near each other.

    Parameters
    ----------
    inner, outer
        As declared; see ``declared(Repulsion)``.

    Raises
    ------
    ValueError
        If the inner distance is not smaller than the outer.
    """

    title: ClassVar[str] = "Repulsion of nuclei (ZBL)"
    descriptor_scope: ClassVar = "none"
    learns_forces: ClassVar[bool] = False

    inner: float = hyperparameter(
        "Where the repulsion begins to be switched off.", default=1.0, unit="Å", bounds=(0.0, 20.0)
    )
    outer: float = hyperparameter("Where nothing is left of it.", default=2.0, unit="Å", bounds=(0.1, 20.0))

    groups_: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        self._zbl = ZBL(self.inner, self.outer)
        self.groups_ = {}

    @property
    def fitted(self) -> bool:
        """Always: there is nothing to learn."""
        return True

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        return self.outer

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Learn nothing; see `Potential.fit`."""
        self.checked_groups(train, groups)
        progress(1.0, "nothing to fit")
        return self

    def evaluate_pairs(
        self,
        structures: Sequence[Atoms],
        pairs: Pairs,
        energy_std: bool = False,  # noqa: ARG002 - has none
        atom_std: bool = False,  # noqa: ARG002 - has none
    ) -> Prediction:
        """Predict from a neighbour list of the structures that reaches at least to `reach`; see `evaluate`."""
        local_n, dE_dD_pc = self._zbl.energies(pairs)
        return summed(structures, pairs, local_n, Gradient(pairs.forces(dE_dD_pc), pairs.virials(dE_dD_pc)))

    def local_energies(self, pairs: Pairs) -> Array:
        """Energies of the centres of a neighbour list that reaches at least to `reach`, eV, without derivatives."""
        return self._zbl.energies(pairs)[0]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and no arrays."""
        return {"hyperparameters": self.hyperparameters()}, {}

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:  # noqa: ARG003 - there are none
        """The potential that `state` came from."""
        return cls(**plain["hyperparameters"])
